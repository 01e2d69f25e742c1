"""The files of embedded vectors: checked before the engine opens them, sealed when it has closed
them. Some damaged files would end the process if opened unchecked (an allocation of 101 GB)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from graphmem.adapters.file_checksums import (
    break_seal,
    look_at,
    not_a_file,
    what_changed,
    write_seal,
)
from graphmem.adapters.vectors.qdrant_edge.checkpoint import (
    CHECKPOINT_FILE,
    SEAL_FILE,
    EdgeCheckpoint,
    own_folders,
)
from graphmem.adapters.vectors.qdrant_edge.shard import damaged_vectors
from graphmem.errors import Unavailable

_NOT_DAMAGE = 3
"""The exit code of the program below for a lock or a full disk: opening here raises the same."""

_PROGRAM = f"""
import sys
import qdrant_edge as edge
try:
    for folder in sys.argv[1:]:
        shard, offset = edge.EdgeShard.load(folder), None
        while True:
            page, offset = shard.scroll(edge.ScrollRequest(
                offset=offset, limit=1000, with_payload=True, with_vector=True
            ))
            if offset is None:
                break
        shard.close()
except Exception as error:
    print(error, file=sys.stderr)
    harmless = "WouldBlock" in str(error) or "(os error 28)" in str(error)
    sys.exit({_NOT_DAMAGE} if harmless else 1)
"""


def read_checkpoint(home: Path) -> EdgeCheckpoint | None:
    """The checkpoint of a folder whose files can be opened; None where there is nothing to open.

    :class:`~graphmem.errors.Damaged` for files that the engine cannot read or that changed since
    they were closed, and for links, which may lead to somebody else's files. The seal is removed,
    as the files may change from here on.
    """
    if odd := _odd_places(home):
        raise damaged_vectors(home, odd)
    changed = what_changed(home / SEAL_FILE, _files(home))
    checkpoint = None if changed else EdgeCheckpoint.read(home)
    if changed or (checkpoint is not None and changed is None):
        folders = own_folders(home) if checkpoint is None else checkpoint.paths(home)
        missing = next((folder.name for folder in folders if not folder.is_dir()), None)
        why = (
            f"{missing} is missing"
            if missing
            else look_at(_PROGRAM, *map(str, folders), but=_NOT_DAMAGE)
        )
        if why or (changed and why is None):
            raise damaged_vectors(home, changed or why or "")
        checkpoint = EdgeCheckpoint.read(home)
    break_seal(home / SEAL_FILE)
    return checkpoint


def closed_whole(home: Path) -> EdgeCheckpoint:
    """The checkpoint of a folder that was filled and closed completely.
    :class:`~graphmem.errors.Unavailable` if it was not, as when the disk was full: then its seal,
    which is written last, is missing."""
    checkpoint = EdgeCheckpoint.read(home)
    if checkpoint is None or not (home / SEAL_FILE).exists():
        raise Unavailable(
            f"the vectors in {home} could not be finished, perhaps because the disk is full; those "
            "that they were to replace are as they were"
        )
    return checkpoint


def put_in_force(home: Path, checkpoint: EdgeCheckpoint) -> None:
    """Write a checkpoint durably, and remove the folder's seal, which no longer fits."""
    break_seal(home / SEAL_FILE)
    checkpoint.write(home, durable=True)


def seal_folder(home: Path) -> None:
    write_seal(home / SEAL_FILE, _files(home))


def _odd_places(home: Path) -> str:
    """What is wrong with the first of graphmem's places that is neither a plain file nor a folder;
    empty if all are."""
    folders = own_folders(home)
    odd_folders = [folder for folder in folders if folder.is_symlink() or not folder.is_dir()]
    inside = (
        Path(entry)
        for folder in folders
        if folder not in odd_folders
        for entry in _below(folder)
        if not entry.is_file(follow_symlinks=False) and not entry.is_dir(follow_symlinks=False)
    )
    return next(filter(None, map(not_a_file, (home / CHECKPOINT_FILE, *odd_folders, *inside))), "")


def _files(home: Path) -> list[str]:
    inside = [
        entry.path for folder in own_folders(home) for entry in _below(folder) if entry.is_file()
    ]
    checkpoint = home / CHECKPOINT_FILE
    return [*inside, str(checkpoint)] if checkpoint.is_file() else inside


def _below(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder; links are not followed."""
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path)
