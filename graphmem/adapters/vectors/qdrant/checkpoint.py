"""The checkpoint of the collections on a Qdrant server: their store, and how far they got.

It is a point of its own in ``<prefix>_checkpoint``, which every server reads and replaces
atomically. Metadata of a collection does not exist before 1.16, and is costly to change in a
cluster.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from graphmem.errors import Rejected

CHECKPOINT_FORMAT = 3
"""Increased when points are stored differently: older collections are then made anew."""

CHECKPOINT_ID = str(uuid.uuid5(uuid.NAMESPACE_URL, "graphmem:checkpoint"))


def new_epoch() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, slots=True)
class QdrantCheckpoint:
    """``epoch`` changes whenever the collections are made anew: a process that still writes for an
    earlier one gets an error, and cannot move the checkpoint. ``ready`` is False while they are
    being made.

    ``corpus_idf``: the server counts words inside the tenant (1.19 and later, one shard); otherwise
    points carry their words, and the adapter counts.
    """

    store_id: str
    embedder: str
    size: int
    corpus_idf: bool
    applied_seq: int = 0
    ready: bool = False
    format: int = CHECKPOINT_FORMAT
    epoch: str = field(default_factory=new_epoch)

    @classmethod
    def parse(cls, payload: Mapping[str, Any] | None, place: str) -> Self:
        stored = dict(payload or {})
        if stored.get("format") != CHECKPOINT_FORMAT and isinstance(stored.get("store_id"), str):
            # Of another version of graphmem: only its store is known.
            return cls(stored["store_id"], "", 0, corpus_idf=False, format=0)
        try:
            checkpoint = cls(**stored)
        except TypeError:
            checkpoint = None
        kinds = {
            "store_id": str, "embedder": str, "size": int, "corpus_idf": bool,
            "applied_seq": int, "ready": bool, "epoch": str,
        }  # fmt: skip
        if checkpoint is None or any(
            type(getattr(checkpoint, name)) is not kind for name, kind in kinds.items()
        ):
            raise Rejected(
                f"the checkpoint of the vectors at {place} holds something else; they are only a "
                "projection: choose another ?prefix=NAME, and they are made anew from the ledger"
            )
        return checkpoint

    def payload(self) -> dict[str, Any]:
        return asdict(self)

    def description(self) -> dict[str, Any]:
        """The part of it that is copied into the collections' metadata, for people to read."""
        named = ("store_id", "embedder", "size", "format")
        return {"graphmem": {name: getattr(self, name) for name in named}}
