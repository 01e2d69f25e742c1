"""``graphmem backup`` and ``graphmem restore``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import click

from graphmem.doors.cli.base import command, options
from graphmem.doors.cli.migrate import (
    current_place,
    show_moved,
    stage_bars,
    target_option,
    target_place,
)
from graphmem.doors.cli.output import counted, note, show_json


@command("backup")
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
    from graphmem.migration.backups import backup_store

    here = current_place(options())
    with stage_bars() as progress:
        made = asyncio.run(
            backup_store(here.folder, folder, source_settings=here.settings, progress=progress)
        )
    if not show_json(made):
        note(
            f"backed up: {counted(made.rows['episodes'], 'episode')}, event {made.seq:,}, "
            f"{made.bytes:,} bytes in {made.folder}; compared row by row"
        )


@command("restore")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@target_option
@click.pass_context
def restore_command(context: click.Context, folder: Path, target: Sequence[str]) -> None:
    """Make a store of the backup in FOLDER, and verify it.

    \b
    graphmem restore backups/monday --to my-memory

    Without --to, the store that every other command uses. It must be new or empty, or the
    unfinished restore of this backup, which goes on where it stopped. A backup that is damaged is
    refused. The exit code is 1 when the store, compared at the end, differs.
    """
    from graphmem import restore

    there = target_place(target) if target else current_place(options())
    with stage_bars() as progress:
        moved = restore(folder, there.folder, target_settings=there.settings, progress=progress)
    show_moved(context, moved, "restored")
