"""The checkpoint of an Edge folder: its store, how far it got, and which subfolders are in use."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from graphmem.adapters.file_checksums import clear_place, rename_beside, replace_file, sum_of
from graphmem.adapters.vectors.qdrant_edge.shard import damaged_vectors
from graphmem.files import read_file
from graphmem.ports.vectors import COLLECTIONS, Collection

_LARGEST = 1 << 62
_FORMAT = 3
"""Increased when points are stored differently: an older folder is then cleared and filled anew."""

CHECKPOINT_FILE = "checkpoint.json"
SEAL_FILE = "seal.json"
NEXT_NAME = "next-"
"""The prefix of folders that are being filled to replace this one."""
_OWN_FOLDER = re.compile(rf"(?:{'|'.join(COLLECTIONS)})-\d+")


@dataclass(frozen=True, slots=True)
class EdgeCheckpoint:
    """The checkpoint file. ``folders`` names the subfolder of each collection: replacing the file
    switches to an optimized copy atomically. ``changed`` counts points written since a collection
    was last optimized.

    ``applied_seq`` is valid as long as the machine stays up (``boot``), even if the process is
    killed; after a power cut only ``durable_seq``, which was flushed to disk, is trusted.
    """

    store_id: str
    embedder: str
    size: int
    folders: dict[Collection, str]
    applied_seq: int = 0
    durable_seq: int = 0
    boot: str = ""
    changed: dict[Collection, int] = field(default_factory=dict)

    @property
    def believed_seq(self) -> int:
        return self.applied_seq if self.boot and self.boot == boot_id() else self.durable_seq

    def paths(self, home: Path) -> list[Path]:
        """The folders in use."""
        return [home / folder for folder in self.folders.values()]

    @classmethod
    def read(cls, home: Path) -> Self | None:
        """The checkpoint; None when there is none or it is of another format."""
        path = home / CHECKPOINT_FILE
        try:
            data: Any = json.loads(read_file(path))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise damaged_vectors(home, f"{CHECKPOINT_FILE} cannot be read: {error}") from error
        if isinstance(data, dict) and data.pop("format", _FORMAT) != _FORMAT:
            return None
        if isinstance(data, dict) and data.pop("sum", None) not in (None, sum_of(data)):
            raise damaged_vectors(home, f"{CHECKPOINT_FILE} holds other bytes than were written")
        try:
            checkpoint = cls(**data)
            numbers = (
                checkpoint.size,
                checkpoint.applied_seq,
                checkpoint.durable_seq,
                *checkpoint.changed.values(),
            )
            folders = [checkpoint.folders[name] for name in COLLECTIONS]
            texts = (checkpoint.store_id, checkpoint.embedder, checkpoint.boot, *folders)
            sound = all(isinstance(text, str) for text in texts) and all(
                type(number) is int and 0 <= number < _LARGEST for number in numbers
            )
        except (TypeError, AttributeError, KeyError) as error:
            raise damaged_vectors(
                home, f"{CHECKPOINT_FILE} holds something else: {error!r}"
            ) from error
        if not sound or not all(_OWN_FOLDER.fullmatch(folder) for folder in folders):
            raise damaged_vectors(home, f"{CHECKPOINT_FILE} holds something else")
        return checkpoint

    def write(self, home: Path, *, durable: bool) -> None:
        """Replace the checkpoint file atomically; with ``durable`` it survives a power cut too."""
        data = dataclasses.asdict(self)
        content = json.dumps({"format": _FORMAT, "sum": sum_of(data), **data}).encode()
        replace_file(home / CHECKPOINT_FILE, content, durable=durable)


def erase(home: Path) -> None:
    """Remove the checkpoint and every collection, but nothing else in the folder."""
    for name in (SEAL_FILE, CHECKPOINT_FILE, f"{CHECKPOINT_FILE}.new"):
        clear_place(home / name)
    erase_but(home, set())


def erase_but(home: Path, kept: set[str]) -> None:
    """Remove collection folders that are not ``kept``, as a killed process leaves them."""
    for path in own_folders(home):
        if path.name in kept:
            continue
        if path.is_symlink() or not path.is_dir():
            rename_beside(path)
        else:
            shutil.rmtree(path, ignore_errors=True)


def erase_successors(home: Path, but: Iterable[Path] = ()) -> None:
    """Remove folders that a killed process was filling."""
    for path in home.glob(f"{NEXT_NAME}*"):
        if path not in but:
            shutil.rmtree(path, ignore_errors=True)


def own_folders(home: Path) -> list[Path]:
    """The folders of collections, in use or not."""
    return [path for path in home.iterdir() if _OWN_FOLDER.fullmatch(path.name)]


def next_folder(home: Path, collection: Collection) -> str:
    """The name of a new folder for a collection."""
    used = [
        int(path.name.removeprefix(f"{collection}-"))
        for path in own_folders(home)
        if path.name.startswith(f"{collection}-")
    ]
    return f"{collection}-{max(used, default=0) + 1}"


def boot_id() -> str:
    """An id that changes with every boot; empty where the system has none."""
    with contextlib.suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return ""
