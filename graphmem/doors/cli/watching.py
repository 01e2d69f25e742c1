"""Folders that are followed: what is gone from them, and what changes while one looks on."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphmem.errors import UsageError
from graphmem.importers import document_id, walk

if TYPE_CHECKING:
    from graphmem import Memory
    from graphmem.model import Document

_QUIET_MS = 300
"""How long nothing must change before what has changed is read: editors write in several steps."""
_TURN_MS = 200


def remove_missing(memory: Memory, folders: Iterable[Path]) -> int:
    """Undo what was read from files of these folders that are not there any more; returns how many
    episodes that were."""
    undone = 0
    for folder in folders:
        there = {document_id(file) for file, _ in walk([folder])}
        stored = memory.documents(under=document_id(folder) + os.sep)
        # A file may have been named by itself whose like is not looked for in folders.
        gone = {one.id for one in stored if one.id not in there and not Path(one.id).exists()}
        undone += remove_documents(memory, stored, gone)
    return undone


def remove_documents(memory: Memory, stored: Iterable[Document], gone: Set[str]) -> int:
    ids = [document.id for document in stored if document.id in gone]
    return sum(memory.remove_document(id).episodes for id in ids)


def changes_of(folders: Sequence[Path]) -> Iterator[list[Path]]:
    """From now on, until Ctrl-C, the files to read again whenever something in these folders was
    written, moved or deleted. :class:`~graphmem.errors.UsageError` without the package that
    watches."""
    try:
        from watchfiles import watch
    except ImportError as error:
        raise UsageError("--watch needs pip install 'graphmem[files]'") from error
    seen = watch(
        *folders,
        debounce=4 * _QUIET_MS,
        step=_QUIET_MS,
        rust_timeout=_TURN_MS,
        yield_on_timeout=True,
    )
    next(seen)  # it begins to watch when it is first asked
    return _read_again(folders, seen)


def _read_again(
    folders: Sequence[Path], seen: Iterable[Set[tuple[Any, str]]]
) -> Iterator[list[Path]]:
    for changes in seen:
        if changes:
            touched = {document_id(Path(path)) for _, path in changes}
            yield [file for file in _files(folders) if document_id(file) in touched]


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        with suppress(UsageError):  # gone, or empty
            yield from (file for file, _ in walk([folder]))
