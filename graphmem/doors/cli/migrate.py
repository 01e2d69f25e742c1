"""``graphmem migrate``: a store copied to another folder, or to servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.base import Options, command, options
from graphmem.doors.cli.maintenance import show_verification
from graphmem.doors.cli.output import RIGHT, console, counted, note, print_table, show_json
from graphmem.errors import UsageError

if TYPE_CHECKING:
    from graphmem.migration.store import Moved
    from graphmem.settings import Settings

_FAILED = 1
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


target_option = click.option(
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


@command("migrate")
@click.option(
    "--from", "source", metavar="PLACE", help="The store to copy: its folder or its ledger's URL."
)
@target_option
@click.pass_context
def migrate_command(context: click.Context, source: str | None, target: Sequence[str]) -> None:
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
    here = _source(source) if source else current_place(options())
    there = target_place(target) if target else current_place(options())
    from graphmem import migrate as move

    with stage_bars() as progress:
        moved = move(
            here.folder,
            there.folder,
            source_settings=here.settings,
            target_settings=there.settings,
            progress=progress,
        )
    show_moved(context, moved, "moved")


def current_place(shared: Options) -> CliPlace:
    """The store that the other commands use."""
    from graphmem import Settings

    settings = Settings.load()
    if all(getattr(settings, kind) for kind in _KINDS):
        return CliPlace(None, settings)
    return CliPlace(shared.folder, settings)


def _elsewhere(**urls: str) -> Settings:
    """The environment's settings, but not its places."""
    from graphmem import Settings

    return Settings.load().model_copy(update={**dict.fromkeys(_KINDS), **urls})


def _source(place: str) -> CliPlace:
    if "://" not in place:
        return CliPlace(Path(place), _elsewhere())
    from graphmem.wiring import store_part_of

    if (kind := store_part_of(place)) != "ledger":
        raise UsageError(
            f"--from: a store is known by its ledger; {_redacted(place)} names its {kind}"
        )
    return CliPlace(None, _elsewhere(ledger=place))


def target_place(places: Sequence[str]) -> CliPlace:
    """A folder, URLs, or a folder with URLs for what shall not be in it."""
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


def _redacted(url: str) -> str:
    from graphmem.text import redacted

    return redacted(url)


@contextmanager
def stage_bars(what: str = "") -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each stage; when it is cut off, a word on how to go on, or (``what``) that nothing
    was done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console(error=True),
    )
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
    bar.stop()


def show_moved(context: click.Context, moved: Moved, done: str) -> None:
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
        _show_copy(moved, done)
    if not moved.ok:
        context.exit(_FAILED)


def _show_copy(moved: Moved, done: str) -> None:
    rows = [(name, f"{count:,}") for name, count in moved.rows.items() if count]
    if rows:
        print_table([("copied", {}), ("rows", RIGHT)], rows)
    else:
        note("everything had been copied before")
    show_verification(moved.verification)
    note(
        f"{done}: {counted(moved.stats.episodes, 'episode')}, "
        f"{counted(moved.stats.facts, 'fact')}, "
        f"{counted(moved.stats.entities, 'entity', 'entities')}; the source is as it was"
    )
