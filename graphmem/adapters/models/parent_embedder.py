"""An embedder that costs something, in a process that fills a store: its parent embeds, within its
ceilings, and keeps the vectors. So no key of anybody's is needed here."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Literal

import numpy as np

from graphmem.adapters.child_process import JsonMessage, ParentProcess
from graphmem.ports.vectors import Vector


class ParentEmbedder:
    """See :class:`~graphmem.ports.embedder.Embedder`."""

    kept = True

    def __init__(self, parent: ParentProcess, name: str, size: int) -> None:
        self._parent = parent
        self._size = size
        self.name = name

    async def size(self) -> int:
        return self._size

    async def embed(self, texts: Sequence[str], kind: Literal["document", "query"]) -> list[Vector]:
        self._parent.send({"embed": list(texts)})
        found = (await asyncio.to_thread(self._parent.receive))["vectors"]
        return [np.frombuffer(base64.b64decode(one), dtype=np.float32) for one in found]

    async def close(self) -> None:
        """Nothing is open."""


def embedded(vectors: Sequence[Vector]) -> JsonMessage:
    """What the parent answers."""
    made = (base64.b64encode(vector.astype(np.float32).tobytes()) for vector in vectors)
    return {"vectors": [one.decode() for one in made]}
