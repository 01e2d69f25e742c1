"""A program that uses a memory on a disk that fills at one moment: right after room was looked for,
or taken. Its arguments: the store's folder, the file that fills the disk, and which moment."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from graphmem import Memory
from graphmem.adapters import disk_space
from graphmem.errors import GraphmemError


class FillingDisk:
    """Everything that is left is taken at the n-th moment; given back by :meth:`empty`."""

    def __init__(self, filler: Path, at: int) -> None:
        self.moments = 0
        self._filler = filler
        self._at = at

    def after(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            found = call(*arguments)
            self.moments += 1
            if self.moments == self._at:
                self._fill()
            return found

        return called

    def empty(self) -> None:
        self._filler.unlink(missing_ok=True)

    def _fill(self) -> None:
        with self._filler.open("wb", 0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue


def main(folder: str, filler: str, at: str) -> None:
    disk = FillingDisk(Path(filler), int(at))
    shutil.disk_usage = disk.after(shutil.disk_usage)
    whole = disk_space._allocator
    allocate = whole()
    if allocate is not None:
        taking = disk.after(allocate)
        disk_space._allocator = lambda: taking  # type: ignore[assignment]
    refused: list[str] = []

    def attempt(call: Callable[[], Any]) -> Any:
        """Once, and once more when there is room again."""
        try:
            return call()
        except GraphmemError as error:
            refused.append(f"{type(error).__name__}: {error}")
            disk.empty()
            return call()

    memory = attempt(lambda: Memory(folder, user_id="ada"))
    for number in range(3):
        text = f"Person{number} lives in Oslo. " + f"word{number} " * 500
        receipt = attempt(partial(memory.add, text, occurred_at="2024-01-01"))
        sys.stdout.write(f"{receipt.episode_id}\n")
        attempt(lambda: memory.search("Oslo"))
    attempt(memory.close)
    sys.stderr.write(f"moments {disk.moments}\n" + "\n".join(refused))


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    main(*sys.argv[1:])
