"""Optimizing a copy of a shard in a process of its own.

The engine's ``optimize`` holds the interpreter's lock and the shard for as long as it takes: 2 s
at 100,000 points, and 20 s or more where an HNSW graph is due. In this process that would stop
searches, writes and the event loop alike.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self, TypeAlias

from graphmem.adapters.child_process import child_environment, last_line
from graphmem.errors import Rejected
from graphmem.ports.vectors import Collection, Point

_MOST_DELAYED = 20_000
"""The most points written meanwhile that are kept, to be applied to the copy too."""
_BLOCK = bytes(1024 * 1024)
_PROGRAM = """
import os, sys
if hasattr(os, "nice"):
    os.nice(10)
import qdrant_edge
shard = qdrant_edge.EdgeShard.load(sys.argv[1])
shard.optimize()
shard.flush()
shard.close()
"""

PointWrite: TypeAlias = tuple[tuple[str, ...], tuple[Point, ...]]
"""Removed ids, then points, of one write."""


@dataclass(slots=True)
class Optimizing:
    """One shard's copy, the process that works on it, and the writes since it was copied."""

    owner: object
    """Identifies the call that started it: only that call may stop it when it ends."""
    collection: Collection
    folder: Path
    process: subprocess.Popen[bytes]
    errors_file: IO[bytes]
    delayed: list[PointWrite] = field(default_factory=list)
    abandoned: bool = False
    _count: int = 0

    @classmethod
    def start(cls, owner: object, collection: Collection, source: Path, folder: Path) -> Self:
        """Copy a flushed shard that nobody writes to, and start the process."""
        # A file, as a pipe would have to be read meanwhile; closed with the job.
        errors_file = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            copy_sparse(source, folder)
            process = subprocess.Popen(  # noqa: S603 - this interpreter, a constant program
                [sys.executable, "-P", "-c", _PROGRAM, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors_file,
                env=child_environment(),
                start_new_session=True,  # Ctrl-C is the parent's to handle
            )
        except OSError as error:
            errors_file.close()
            shutil.rmtree(folder, ignore_errors=True)
            raise Rejected(f"the vectors in {source} cannot be optimized: {error}") from error
        return cls(owner, collection, folder, process, errors_file)

    def note(self, batch: PointWrite) -> bool:
        """Remember a write for the copy; False when there are so many that the copy is not worth
        keeping."""
        self._count += len(batch[0]) + len(batch[1])
        self.delayed.append(batch)
        return self._count <= _MOST_DELAYED

    def failure(self) -> str | None:
        """Wait for the process; why it failed, or None when it succeeded."""
        if not self.process.wait():
            return None
        self.errors_file.seek(0)
        died_of = last_line(self.errors_file.read())
        return died_of or f"it was killed ({self.process.returncode})"

    def abandon(self) -> None:
        """Stop the process, if it runs, and remove the copy."""
        self.abandoned = True
        self.delayed.clear()
        self.process.kill()
        self.process.wait()
        self.errors_file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a folder, leaving holes where files hold only zeros: the engine allocates 32 MiB at a
    time, so most of a small shard is holes."""
    for folder, _, files in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True, exist_ok=True)
        for name in files:
            with (Path(folder) / name).open("rb") as old, (place / name).open("wb") as new:
                while block := old.read(len(_BLOCK)):
                    if block == _BLOCK[: len(block)]:
                        new.seek(len(block), os.SEEK_CUR)
                    else:
                        new.write(block)
                new.truncate()
