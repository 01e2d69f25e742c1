"""New shards. Where room is scarce they are made in a process of their own: should another program
take what is left meanwhile, that process dies of it (see
:mod:`graphmem.adapters.vectors.qdrant_edge.disk_space`), and this one says why."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from graphmem.adapters.child_process import can_start, child_environment
from graphmem.adapters.disk_space import scarce
from graphmem.adapters.vectors.qdrant_edge.shard import Shard, damaged_vectors
from graphmem.errors import Unavailable

_PROGRAM = """
import sys
from pathlib import Path
from graphmem.adapters.vectors.qdrant_edge.shard import Shard
for folder in sys.argv[2:]:
    Shard.create(Path(folder), int(sys.argv[1])).close()
"""


def create_shards(folders: Sequence[Path], size: int) -> list[Shard]:
    """Empty shards for vectors of this size, opened. :class:`~graphmem.errors.Unavailable` when the
    disk became full meanwhile."""
    if not (scarce(folders[0].parent) and can_start()):
        return [Shard.create(folder, size) for folder in folders]
    done = subprocess.run(  # noqa: S603 - this interpreter, a constant program
        [sys.executable, "-P", "-c", _PROGRAM, str(size), *map(os.fspath, folders)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=child_environment(),
        check=False,
    )
    if done.returncode < 0 or b"os error 28" in done.stderr:
        raise Unavailable(
            f"the vectors in {folders[0].parent} could not be made: the disk became full; free "
            "some room, or move the store to a larger disk"
        )
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise damaged_vectors(
            folders[0].parent, lines[-1] if lines else f"ended with {done.returncode}"
        )
    return [Shard.load(folder) for folder in folders]
