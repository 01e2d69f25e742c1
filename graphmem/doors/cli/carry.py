"""``graphmem export`` and ``graphmem import``."""

from __future__ import annotations

from pathlib import Path

import click

from graphmem.doors.cli.base import command, options
from graphmem.doors.cli.migrate import stage_bars
from graphmem.doors.cli.output import counted, note, show_json
from graphmem.errors import UsageError

_FILE = click.Path(path_type=Path, dir_okay=False)
_all = click.option("--all", "everybody", is_flag=True, help="Everybody's, not one user's.")


@command("export")
@click.argument("file", type=_FILE)
@_all
def export_command(file: Path, *, everybody: bool) -> None:
    """Write all of one user, or of everybody, to FILE as JSONL.

    \b
    graphmem --user ada export ada.jsonl
    graphmem export --all everything.jsonl

    Import reads it back, with each id, time and version. FILE must be new. The schema is in
    docs/backup.md. Its text is as readable as the store's.
    """
    with options().memory(owned=not everybody) as memory, stage_bars("export") as progress:
        made = memory.export(file, all_scopes=everybody, progress=progress)
    if not show_json(made):
        note(f"exported: {counted(made.rows, 'row')} of {counted(made.tenants, 'user')}: {file}")


@command("import")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@_all
@click.option(
    "--from",
    "source",
    type=click.Choice(["graphmem", "mem0"]),
    default="graphmem",
    show_default=True,
    help="What wrote FILES.",
)
@click.option("--infer", is_flag=True, help="Of mem0: draw entities and relations from each, too.")
@click.option("--dry-run", is_flag=True, help="Of mem0: only read, and say what is there.")
def import_command(
    files: tuple[Path, ...], *, everybody: bool, source: str, infer: bool, dry_run: bool
) -> None:
    """Add what export, or mem0, wrote to FILES.

    \b
    graphmem --user ada import ada.jsonl
    graphmem --store new import --all everything.jsonl
    graphmem import --from mem0 get_all.json

    The file of an export must hold the memories of this user alone (--all: anybody's), who has none
    here yet. It is checked first, and written whole or not at all. To import it again changes
    nothing.

    Of mem0: the JSON of get_all, the folder of a local Qdrant, its history.db, or several of them
    together. Each memory goes to its own user; --user is for those that name none. To import again
    adds only what is new. Rows that are bad are named, and the exit code is 1.
    """
    if source == "mem0":
        if everybody:
            raise UsageError("--all is for exports: a memory of mem0's goes to its own user")
        from graphmem.doors.cli.import_mem0 import import_from_mem0

        import_from_mem0(files, infer=infer, dry_run=dry_run)
        return
    if infer or dry_run:
        raise UsageError("--infer and --dry-run are for --from mem0: an export is checked anyway")
    if len(files) > 1:
        raise UsageError("one export at a time")
    with (
        options().memory(create=True, owned=not everybody) as memory,
        stage_bars("import") as progress,
    ):
        found = memory.import_(files[0], all_scopes=everybody, progress=progress)
    if show_json(found):
        return
    if found.already:
        note(f"nothing to do: all of {files[0]} is here already")
    else:
        note(f"imported: {counted(found.rows, 'row')} of {counted(found.tenants, 'user')}")
