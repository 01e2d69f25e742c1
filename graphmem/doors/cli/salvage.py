"""``graphmem salvage``: a new store of what a damaged ledger still holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from graphmem.doors.cli.base import command
from graphmem.doors.cli.maintenance import show_verification
from graphmem.doors.cli.output import RIGHT, counted, note, print_table, show, show_json, table_text
from graphmem.model import Salvaged

_LOST = 1
_SHOWN = 8


@command("salvage")
@click.argument("damaged", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def salvage_command(context: click.Context, damaged: Path, folder: Path) -> None:
    """Make a store of what a damaged ledger still holds.

    It is made in FOLDER.

    \b
    graphmem salvage my-memory my-memory-salvaged

    DAMAGED is the folder of the store, or the file of its ledger; it is only read, and nobody may
    have it open. FOLDER must be new or empty. A backup, if there is one, has more: restore that.
    The exit code is 1 when anything is lost or in doubt: --json names all of it.
    """
    from graphmem import salvage

    found = salvage(damaged, folder)
    if not show_json({**_as_values(found), "complete": found.complete}):
        _show_salvaged(found)
    if not found.complete:
        context.exit(_LOST)


def _as_values(found: Salvaged) -> dict[str, object]:
    return {name: getattr(found, name) for name in found.__dataclass_fields__}


def _show_salvaged(found: Salvaged) -> None:
    names = [name for name, rows in found.rows.items() if rows or found.made.get(name)]
    rows = [
        (
            name,
            f"{found.rows[name]:,}",
            f"{found.made.get(name, 0):,}" if name in found.made else "",
        )
        for name in names
    ]
    print_table([("salvaged", {}), ("rows read", RIGHT), ("made again", RIGHT)], rows)
    for line in _losses(found):
        show(table_text(f"  {line}", "red"))
    show_verification(found.verification)
    note(
        f"{counted(sum(found.tenants.values()), 'episode')} of "
        f"{counted(len(found.tenants), 'tenant')} in {found.folder}; {found.source} is as it was"
    )


def _losses(found: Salvaged) -> list[str]:
    """What is lost, in doubt, or from elsewhere, a line each."""
    lines = []
    if found.damaged_pages:
        pages = sum(last - first + 1 for first, last in found.damaged_pages)
        lines.append(
            f"{pages:,} of {found.pages:,} pages are damaged: {_runs(found.damaged_pages)}"
        )
    if found.lost_events:
        lost = sum(last - first + 1 for first, last in found.lost_events)
        lines.append(f"lost: {counted(lost, 'event')} (seq {_runs(found.lost_events)})")
    if found.unreadable_rows:
        lines.append(f"lost: {counted(found.unreadable_rows, 'row')} that could not be read")
    for what, ids in (
        ("episodes lost", found.lost_episodes),
        ("episodes put together from their turns", found.from_turns),
        ("episodes taken from the graph", found.from_graph),
        ("users whose names are lost, called by their pseudonyms", found.nameless),
    ):
        if ids:
            lines.append(f"{len(ids):,} {what}: {_some(ids)}")
    lines += [
        f"{len(ids):,} {table} of damaged pages, which may hold other letters: {_some(ids)}"
        for table, ids in found.doubtful.items()
    ]
    if found.another_log:
        lines.append("the log beside the ledger is of another store, and was left out")
    if not found.complete:
        lines.append(f"the graph beside the ledger: {found.graph}")
    return lines


def _runs(runs: Sequence[tuple[int, int]]) -> str:
    return _some([f"{a:,}" if a == b else f"{a:,}-{b:,}" for a, b in runs])


def _some(texts: Sequence[str]) -> str:
    return ", ".join(texts[:_SHOWN]) + (", …" if len(texts) > _SHOWN else "")
