"""Commands about what becomes of facts with time: archive, restore-fact, promote, sweep."""

from __future__ import annotations

import click

from graphmem.doors.cli.base import command, options
from graphmem.doors.cli.hints import memory_to_ask
from graphmem.doors.cli.output import note, show, show_json, table_text
from graphmem.model import Fact


@command("archive")
@click.argument("fact_id")
def archive_command(fact_id: str) -> None:
    """Put a fact away: nothing finds it unasked."""
    with memory_to_ask() as memory:
        _show("archived", memory.archive(fact_id))


@command("restore-fact")
@click.argument("fact_id")
def restore_fact_command(fact_id: str) -> None:
    """Bring an archived fact back."""
    with memory_to_ask() as memory:
        _show("restored", memory.restore(fact_id))


@command("promote")
@click.argument("fact_id")
def promote_command(fact_id: str) -> None:
    """Keep a fact for good."""
    with memory_to_ask() as memory:
        _show("promoted", memory.promote(fact_id))


@command("sweep")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def sweep_command(dry_run: bool) -> None:
    """Promote, archive and expire what is due.

    Of your user when one is given, else of everybody in the project.
    """
    with options().memory(owned=False) as memory:
        found = memory.sweep(dry_run=dry_run)
    if show_json(found):
        return
    show(table_text(str(found)))
    if dry_run:
        note("nothing was changed: this is what would be done")


def _show(what: str, fact: Fact) -> None:
    if not show_json(fact):
        show(table_text(f"{what} {fact.id}: {fact.text}"))
