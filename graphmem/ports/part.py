"""What is looked at in one go, where everything would be too much."""

from __future__ import annotations

import zlib
from collections.abc import Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One part ``of`` equal ones, from 0, into which ids fall by what they are, however many there
    are; and ``beside`` it what is looked at whichever part it falls into."""

    number: int
    of: int
    beside: Set[str] = frozenset()

    def takes(self, id: str) -> bool:
        """Whether what has this id is looked at."""
        return zlib.crc32(id.encode()) % self.of == self.number or id in self.beside
