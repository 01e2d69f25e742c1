"""Commands for what was read from files: documents, remove-document."""

from __future__ import annotations

import click

from graphmem.doors.cli.base import command, next_command
from graphmem.doors.cli.hints import memory_to_ask
from graphmem.doors.cli.output import RIGHT, counted, note, print_table, show, show_json, table_text


@command("documents")
@click.option("--under", metavar="PATH", help="Only those whose ids begin so.")
def documents_command(under: str | None) -> None:
    """List the files that are remembered, as ingest read them last."""
    with memory_to_ask() as memory:
        found = memory.documents(under=under)
    if show_json(found):
        return
    if not found:
        note(f"no documents; {next_command('ingest', 'FILES')} reads some")
        return
    print_table(
        ["document", ("episodes", RIGHT)], [(one.id, len(one.episode_ids)) for one in found]
    )


@command("remove-document")
@click.argument("document")
def remove_document_command(document: str) -> None:
    """Undo what was read from a file that is gone.

    DOCUMENT is its id, as documents lists it. What it said counts no more; history keeps it.
    """
    with memory_to_ask() as memory:
        removal = memory.remove_document(document)
    if not show_json(removal):
        text = f"undone; {counted(removal.facts, 'fact')} believed no longer"
        show(table_text(text))
