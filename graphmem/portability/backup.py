"""A backup: a ledger at one moment, in a folder of its own, with a manifest that proves it whole.

The manifest is written last: a folder without one is a backup that was cut off. Graph and vectors
are not in it, they are made again where it is restored.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from graphmem import __version__
from graphmem.clock import stamp, unstamp
from graphmem.errors import Rejected, UsageError
from graphmem.files import make_folder, open_file, read_file, sync_folder
from graphmem.model import Backup
from graphmem.portability.copy import (
    MOVED_FROM,
    STORE_ID,
    CopyProgress,
    arrive,
    check_complete,
    copy_ledger,
)
from graphmem.ports.ledger import Ledger, LedgerRows
from graphmem.settings import LEDGER_FILE

MANIFEST_FILE = "manifest.json"
_FORMAT = 1
_PASSING = (".lock", ".sums", ".sums.new")  # of use to a ledger that is written, not to a backup
_OWN = frozenset({"", "-wal", "-shm", "-journal", *_PASSING})  # what follows the ledger's name
_BLOCK = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. ``tables`` has for each the number of rows and a digest of
    them that does not depend on their order, nor on the kind of ledger they were in."""

    store_id: str
    seq: int
    made_at: datetime
    version: str
    tables: Mapping[str, tuple[int, str]]
    bytes: int
    sha256: str

    def to_text(self) -> str:
        tables = {
            name: {"rows": rows, "digest": digest} for name, (rows, digest) in self.tables.items()
        }
        plain = {
            "format": _FORMAT,
            "graphmem": self.version,
            "made_at": stamp(self.made_at),
            "store_id": self.store_id,
            "seq": self.seq,
            "file": {"name": LEDGER_FILE, "bytes": self.bytes, "sha256": self.sha256},
            "tables": tables,
        }
        return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_text(cls, text: str) -> Manifest:
        """:class:`ValueError`, :class:`TypeError` or :class:`KeyError` when it is none."""
        found: Any = json.loads(text)
        if type(found["format"]) is not int or found["format"] != _FORMAT:
            raise ValueError(f"format {found['format']!r}, known is {_FORMAT}")
        tables = {
            str(name): (int(one["rows"]), str(one["digest"]))
            for name, one in found["tables"].items()
        }
        file = found["file"]
        if file["name"] != LEDGER_FILE:
            raise ValueError(f"a ledger called {file['name']!r}")
        return cls(
            store_id=str(found["store_id"]),
            seq=int(found["seq"]),
            made_at=unstamp(found["made_at"]),
            version=str(found["graphmem"]),
            tables=tables,
            bytes=int(file["bytes"]),
            sha256=str(file["sha256"]),
        )


async def make_backup(
    moment: LedgerRows,
    folder: Path,
    new_ledger: Callable[[Path], Ledger],
    at: datetime,
    progress: CopyProgress | None = None,
) -> Backup:
    """Copy a snapshot into ``folder``, compare both, write the manifest.

    Cut off, the same call goes on where it stopped as far as the store is as it was then, and else
    begins again. A folder with anything else in it is :class:`~graphmem.errors.UsageError`, a
    finished backup of another moment too: nothing in it is touched.
    """
    await check_complete(moment)
    store_id, seq = await moment.setting(STORE_ID), await moment.head()
    if store_id is None:
        raise UsageError("there is no store to back up: nothing was ever opened there")
    if known := await asyncio.to_thread(_begin, folder):
        if (known.store_id, known.seq) != (store_id, seq):
            raise UsageError(
                f"{folder} holds a backup of {stamp(known.made_at)} already (store "
                f"{known.store_id}, event {known.seq:,}): give a folder of its own"
            )
        await check_backup(folder)
        return _result(folder, known, resumed=True)
    file = folder / LEDGER_FILE
    resumed = file.exists()
    try:
        tables = await _fill(moment, new_ledger(file), progress)
    except Rejected:
        if not resumed:
            raise
        # What was there is of a moment that this one does not follow from: not even a part of it.
        await asyncio.to_thread(_remove, file)
        resumed = False
        tables = await _fill(moment, new_ledger(file), progress)
    manifest = await asyncio.to_thread(_finish, file, store_id, seq, at, tables)
    return _result(folder, manifest, resumed=resumed)


async def check_backup(folder: Path) -> Manifest:
    """What a finished backup says of itself, once its file was read and found whole; else
    :class:`~graphmem.errors.Rejected`, or :class:`~graphmem.errors.UsageError` where there is
    none."""
    manifest = await asyncio.to_thread(_read_manifest, folder)
    if manifest is None:
        unfinished = (folder / LEDGER_FILE).exists()
        why = "it was cut off: run the same backup again" if unfinished else f"no {MANIFEST_FILE}"
        raise UsageError(f"there is no backup in {folder}: {why}")
    size, digest = await asyncio.to_thread(_digest, folder / LEDGER_FILE)
    if (size, digest) != (manifest.bytes, manifest.sha256):
        raise Rejected(
            f"the backup in {folder} is damaged, or was changed since it was made: its "
            f"{LEDGER_FILE} is not the one that {MANIFEST_FILE} describes; take another backup"
        )
    return manifest


async def _fill(
    moment: LedgerRows, target: Ledger, progress: CopyProgress | None
) -> dict[str, tuple[int, str]]:
    """Copy and compare; the content of each table."""
    try:
        await target.open()
        if await target.setting(MOVED_FROM) is not None:
            raise Rejected("this was complete, and nobody wrote down of which moment")
        arrival = await arrive(moment, target)
        return (await copy_ledger(moment, target, arrival, progress)).tables
    finally:
        await target.close()


def _begin(folder: Path) -> Manifest | None:
    """Make the folder, or look at what is in it."""
    try:
        make_folder(folder)
        found = {entry.name for entry in folder.iterdir()}
    except OSError as error:
        raise UsageError(f"{folder} cannot be used as a folder for a backup: {error}") from error
    known = _read_manifest(folder)
    own = {MANIFEST_FILE, f"{MANIFEST_FILE}.new", *(f"{LEDGER_FILE}{end}" for end in _OWN)}
    if found - own:
        raise UsageError(f"{folder} holds something else: give a new or an empty folder")
    return known


def _read_manifest(folder: Path) -> Manifest | None:
    path = folder / MANIFEST_FILE
    try:
        return Manifest.from_text(read_file(path).decode())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Rejected(f"{path} is no manifest of a backup that can be read: {error}") from error


def _finish(
    file: Path,
    store_id: str,
    seq: int,
    at: datetime,
    tables: Mapping[str, tuple[int, str]],
) -> Manifest:
    """Write the manifest once all that it speaks of is on the disk."""
    try:
        for end in _PASSING:
            Path(f"{file}{end}").unlink(missing_ok=True)
        size, digest = _digest(file)
        manifest = Manifest(store_id, seq, at, __version__, tables, size, digest)
        path = file.with_name(MANIFEST_FILE)
        new = path.with_name(f"{MANIFEST_FILE}.new")
        with new.open("w", encoding="utf-8") as stream:
            stream.write(manifest.to_text())
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise Rejected(f"the backup in {file.parent} could not be finished: {error}") from error
    return manifest


def _digest(file: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    found, done = hashlib.sha256(), 0
    try:
        with open_file(file) as stream:
            while block := stream.read(_BLOCK):
                found.update(block)
                done += len(block)
    except OSError as error:
        raise Rejected(f"the backup's {file} cannot be read: {error}") from error
    return done, found.hexdigest()


def _remove(file: Path) -> None:
    for end in _OWN:
        Path(f"{file}{end}").unlink(missing_ok=True)


def _result(folder: Path, manifest: Manifest, *, resumed: bool) -> Backup:
    return Backup(
        folder=str(folder),
        store_id=manifest.store_id,
        seq=manifest.seq,
        made_at=manifest.made_at,
        rows={name: rows for name, (rows, _) in manifest.tables.items()},
        bytes=manifest.bytes,
        resumed=resumed,
    )
