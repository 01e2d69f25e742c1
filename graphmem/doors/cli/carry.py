"""``graphmem export`` and ``graphmem import``."""

from __future__ import annotations

from pathlib import Path

import click

from graphmem.doors.cli.base import command, options
from graphmem.doors.cli.migrate import stage_bars
from graphmem.doors.cli.output import counted, note, show_json

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
@click.argument("file", type=_FILE)
@_all
def import_command(file: Path, *, everybody: bool) -> None:
    """Add what export wrote to FILE.

    \b
    graphmem --user ada import ada.jsonl
    graphmem --store new import --all everything.jsonl

    FILE must hold the memories of this user alone (--all: anybody's), who has none here yet. It is
    checked first, and written whole or not at all. To import it again changes nothing.
    """
    with (
        options().memory(create=True, owned=not everybody) as memory,
        stage_bars("import") as progress,
    ):
        found = memory.import_(file, all_scopes=everybody, progress=progress)
    if show_json(found):
        return
    if found.already:
        note(f"nothing to do: all of {file} is here already")
    else:
        note(f"imported: {counted(found.rows, 'row')} of {counted(found.tenants, 'user')}")
