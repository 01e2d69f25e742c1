"""Commands that copy a whole store: backup, restore, migrate, and salvage of a damaged one."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphmem.clock import stamp
from graphmem.doors.cli.base import cli, exit_unless, options
from graphmem.doors.cli.maintenance import show_verification
from graphmem.doors.cli.output import (
    RIGHT,
    amounts,
    counted,
    note,
    print_counts,
    print_table,
    progress_bar,
    show,
    show_json,
)
from graphmem.errors import UsageError
from graphmem.model import Salvaged, to_json

if TYPE_CHECKING:
    from graphmem.migration.store import Moved
    from graphmem.settings import Settings

_SHOWN = 8  # of what was lost
_KINDS = ("ledger", "graph", "vectors")
_STAGES = {
    "copy": "copying the ledger",
    "compare": "comparing both ledgers",
    "graph": "making the graph",
    "vectors": "making the vectors",
    "verify": "verifying",
    "export": "writing the file",
    "check": "checking the file",
    "import": "writing the ledger",
}


_TARGET = click.option(
    "--to",
    "target",
    metavar="PLACE",
    multiple=True,
    help="Where to: a folder, or the URL of ledger, graph or vectors (repeat it for each).",
)


@dataclass(frozen=True, slots=True)
class CliPlace:
    """The source or the target: a folder, settings with URLs, or both."""

    folder: Path | None
    settings: Settings


@cli.command("migrate")
@click.option(
    "--from", "source", metavar="PLACE", help="The store to copy: its folder or its ledger's URL."
)
@_TARGET
def migrate_command(source: str | None, target: Sequence[str]) -> None:
    """Copy the whole store to other backends.

    \b
    graphmem --store my-memory migrate --to another-folder
    graphmem migrate --from my-memory --to postgresql://ann@db/graphmem \\
        --to neo4j://neo4j@graph --to http://vectors:6333

    The end that is not named is the store that every other command uses (--store and GRAPHMEM_*).
    Passwords are best left to GRAPHMEM_LEDGER_PASSWORD, GRAPHMEM_GRAPH_PASSWORD and
    GRAPHMEM_VECTORS_API_KEY, which count for both ends.

    The source is only read, and held meanwhile. Stop it whenever you like: the same command goes
    on where it stopped. The exit code is 1 when the copy, compared at the end, differs.
    """
    if source is None and not target:
        raise UsageError(
            "migrate needs --to FOLDER, or --to URL for each of ledger, graph and vectors"
        )
    here = _source(source) if source else _usual_place()
    there = _target(target)
    from graphmem import migrate as move

    with stage_bars() as progress:
        moved = move(
            here.folder,
            there.folder,
            source_settings=here.settings,
            target_settings=there.settings,
            progress=progress,
        )
    _show_moved(moved, "moved")


def _usual_place() -> CliPlace:
    """The store that the other commands use."""
    from graphmem import Settings

    settings = Settings.load()
    elsewhere = all(getattr(settings, kind) for kind in _KINDS)
    return CliPlace(None if elsewhere else options().folder, settings)


def _elsewhere(**urls: str) -> Settings:
    """The environment's settings, but not its places."""
    from graphmem import Settings

    return Settings.load().model_copy(update={**dict.fromkeys(_KINDS), **urls})


def _source(place: str) -> CliPlace:
    if "://" not in place:
        return CliPlace(Path(place), _elsewhere())
    from graphmem.text import redacted
    from graphmem.wiring import store_part_of

    if (kind := store_part_of(place)) != "ledger":
        raise UsageError(
            f"--from: a store is known by its ledger; {redacted(place)} names its {kind}"
        )
    return CliPlace(None, _elsewhere(ledger=place))


def _target(places: Sequence[str]) -> CliPlace:
    """A folder, URLs, or a folder with URLs for what shall not be in it; the usual place unless any
    is given."""
    if not places:
        return _usual_place()
    from graphmem.wiring import store_part_of

    folders = [place for place in places if "://" not in place]
    if len(folders) > 1:
        raise UsageError(f"--to: one folder at most, got {', '.join(folders)}")
    urls: dict[str, str] = {}
    for url in places:
        if "://" in url:
            kind = store_part_of(url)
            if kind in urls:
                raise UsageError(f"--to: two places for the {kind}")
            urls[kind] = url
    missing = [kind for kind in _KINDS if kind not in urls]
    if missing and not folders:
        raise UsageError(
            f"--to: no place for the {' and the '.join(missing)}: name it too, or a folder"
        )
    return CliPlace(Path(folders[0]) if folders else None, _elsewhere(**urls))


@contextmanager
def stage_bars(what: str = "") -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each stage; when it is cut off, a word on how to go on, or (``what``) that nothing
    was done."""
    from rich.progress import TimeElapsedColumn

    bar = progress_bar(TimeElapsedColumn())
    tasks: dict[str, Any] = {}

    def progress(stage: str, done: int, total: int) -> None:
        bar.start()  # not before there is something to show
        if stage not in tasks:
            tasks[stage] = bar.add_task(_STAGES[stage], total=total)
        bar.update(tasks[stage], completed=done, total=total)

    try:
        yield progress
    except BaseException:
        if tasks:
            bar.stop()
            again = "the source is untouched, and the same command again goes on from here"
            note(f"stopped; {f'nothing was {what}ed' if what else again}")
        raise
    if tasks:
        bar.stop()


def _show_moved(moved: Moved, done: str) -> None:
    """Show what was copied, as people or as programs want it; exit with 1 if the copy differs."""
    summary = {
        "store_id": moved.store_id,
        "head": moved.head,
        "rows": dict(moved.rows),
        "resumed": moved.resumed,
        "stats": moved.stats,
        "verification": moved.verification,
    }
    if not show_json(summary):
        if rows := {name: count for name, count in moved.rows.items() if count}:
            print_counts("copied", rows, "rows")
        else:
            note("everything had been copied before")
        show_verification(moved.verification)
        note(f"{done}: {amounts(moved.stats)}; the source is as it was")
    exit_unless(moved.ok)


@cli.command("backup")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def backup_command(folder: Path) -> None:
    """Copy the whole store to FOLDER, and check the copy.

    \b
    graphmem --store my-memory backup backups/monday

    The copy is of the store as it is now. FOLDER must be new, empty, or a backup that was cut off:
    the same command finishes it. Another process may have the store open, and write it meanwhile.
    Graph and vectors are not in a backup; restore makes them again. Its text is as readable as the
    store's: keep it as safe.
    """
    from graphmem.migration.restore import backup_store
    from graphmem.portability.backup import MANIFEST_FILE

    here = _usual_place()
    complete = os.path.exists(folder / MANIFEST_FILE)
    with stage_bars() as progress:
        made = asyncio.run(
            backup_store(here.folder, folder, source_settings=here.settings, progress=progress)
        )
    if not show_json(made):
        done, how = "backed up", "compared row by row"
        if complete:
            done, how = "it was complete already, and is whole", f"of {stamp(made.made_at)}"
        note(
            f"{done}: {counted(made.rows['episodes'], 'episode')}, event {made.seq:,}, "
            f"{made.bytes:,} bytes in {made.folder}; {how}"
        )


@cli.command("restore")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@_TARGET
def restore_command(folder: Path, target: Sequence[str]) -> None:
    """Make a store of the backup in FOLDER, and verify it.

    \b
    graphmem restore backups/monday --to my-memory

    Without --to, the store that every other command uses. It must be new or empty, or the
    unfinished restore of this backup, which goes on where it stopped. A backup that is damaged is
    refused. The exit code is 1 when the store, compared at the end, differs.
    """
    from graphmem import restore

    there = _target(target)
    with stage_bars() as progress:
        moved = restore(folder, there.folder, target_settings=there.settings, progress=progress)
    _show_moved(moved, "restored")


@cli.command("salvage")
@click.argument("damaged", type=click.Path(path_type=Path))
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def salvage_command(damaged: Path, folder: Path) -> None:
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
    if not show_json({**to_json(found), "complete": found.complete}):
        _show_salvaged(found)
    exit_unless(found.complete)


def _show_salvaged(found: Salvaged) -> None:
    rows = [
        (name, f"{read:,}", f"{found.made[name]:,}" if name in found.made else "")
        for name, read in found.rows.items()
        if read or found.made.get(name)
    ]
    print_table([("salvaged", {}), ("rows read", RIGHT), ("made again", RIGHT)], rows)
    for line in _losses(found):
        show(f"  {line}", "red")
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
