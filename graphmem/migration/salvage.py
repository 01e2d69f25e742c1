"""A new store made of what can be had of a damaged ledger, and of the graph beside it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from graphmem.clock import SystemClock, unstamp, unstamp_or_none
from graphmem.engine.checks import checked_place
from graphmem.errors import GraphmemError, UsageError
from graphmem.ingest.make_episode import build_episode
from graphmem.migration.store import in_own_loop, settings_without_places
from graphmem.model import Episode, Salvaged, Scope, Turn
from graphmem.ports.graph import GraphDump
from graphmem.settings import LEDGER_FILE, Settings, default_urls
from graphmem.text import digest
from graphmem.wiring import open_memory
from graphmem.wiring.adapters import path_of
from graphmem.wiring.ledgers import kuzu_copy, salvage_ledger
from graphmem.wiring.places import hold

_DRAFT = "salvaging"
_OWN = frozenset({_DRAFT, "lock", "owner"})
_NO_LIMIT = 1 << 62


def salvage(
    damaged: str | Path, folder: str | Path, *, settings: Settings | None = None
) -> Salvaged:
    """Make a store of what a damaged ledger still holds; the same as :func:`salvage_memory`.

    >>> salvage("my-memory", "my-memory-salvaged")
    """
    return in_own_loop(salvage_memory(damaged, folder, settings=settings))


async def salvage_memory(
    damaged: str | Path, folder: str | Path, *, settings: Settings | None = None
) -> Salvaged:
    """Make a store in ``folder`` of what the ledger of the store ``damaged`` (its folder, or the
    ledger's file) still holds, and verify it.

    Nothing of the damaged store is opened by its engines, locked or changed: the ledger is read
    page by page, the graph from a copy, which gives episodes that the ledger lost. Nobody may
    write it meanwhile. ``folder`` must be new or empty; cut off, the same call begins again. A file
    that is no ledger is :class:`~graphmem.errors.Rejected`, one that is not there a
    :class:`~graphmem.errors.UsageError`.
    """
    ledger, graph = _damaged(checked_place(damaged, "damaged"))
    place = checked_place(folder, "folder").expanduser().absolute()
    chosen = settings_without_places(settings).model_copy(update={"llm": "none"})
    if chosen.encryption_key is not None:
        raise UsageError(
            "an encrypted ledger cannot be salvaged: whole pages of it are another text when one "
            "byte is; put back a backup, or try the recovery of SQLCipher itself"
        )
    release = hold(_new_folder(place, ledger))
    draft = place / _DRAFT
    try:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        beside = await _read_graph(graph, draft, chosen)
        made = await asyncio.to_thread(
            salvage_ledger,
            ledger,
            draft / LEDGER_FILE,
            SystemClock().now(),
            cut=_cut,
            in_graph=beside.episodes,
            applied_seq=beside.applied_seq,
        )
        (draft / LEDGER_FILE).replace(place / LEDGER_FILE)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        release()
    async with await open_memory(place, settings=chosen) as memory:
        verification = await memory.verify()
    return Salvaged(
        **{one.name: getattr(made, one.name) for one in fields(made)},
        source=str(ledger),
        folder=str(place),
        graph=beside.description,
        verification=verification,
    )


def _damaged(place: Path) -> tuple[Path, Path | None]:
    """The ledger's file, and that of the graph beside it."""
    folder = place if place.is_dir() else place.parent
    ledger = place / LEDGER_FILE if place.is_dir() else place
    parts = (ledger, Path(f"{ledger}-wal"))
    graph = path_of(default_urls(folder)["graph"])
    if not any(part.is_file() and part.stat().st_size for part in parts) and not graph.is_file():
        raise UsageError(f"there is no ledger {ledger}, nor a log or a graph of one: name another")
    return ledger, graph if graph.is_file() else None


def _new_folder(place: Path, ledger: Path) -> Path:
    if place.resolve() == ledger.parent.resolve():
        raise UsageError("what is salvaged goes to another folder: the damaged one is left alone")
    if place.exists() and (not place.is_dir() or {p.name for p in place.iterdir()} - _OWN):
        raise UsageError(f"{place} holds something: give a new or an empty folder")
    return place


def _cut(kind: str, content: str) -> Sequence[Turn]:
    """The turns that a text comes to; none where that is not known."""
    try:
        given = json.loads(content) if kind == "messages" else content
        if kind == "statements":
            return ()
        made = build_episode(given, {}, Scope("p", "u"), SystemClock(), max_bytes=_NO_LIMIT)
    except (GraphmemError, ValueError, TypeError, RecursionError):
        return ()
    return made.turns


# -- the graph beside it ---------------------------------------------------------------------------


@dataclass(slots=True)
class _Beside:
    description: str
    episodes: Mapping[str, Episode] = field(default_factory=dict)
    applied_seq: int = 0


async def _read_graph(graph: Path | None, draft: Path, settings: Settings) -> _Beside:
    """The episodes that a graph holds, from a copy of its files."""
    if graph is None:
        return _Beside("there is no graph beside it")
    for path in graph.parent.glob(f"{graph.name}*"):
        if path.is_file():
            await asyncio.to_thread(shutil.copy, path, draft / path.name)
    try:
        checkpoint, dump = await kuzu_copy(draft / graph.name, settings)
    except GraphmemError as error:
        return _Beside(f"it cannot be read: {error}")
    if dump is None:
        return _Beside("it is of no store")
    episodes = {one.id: one for one in _episodes(dump)}
    description = f"{len(episodes):,} episodes, up to event {checkpoint:,}"
    return _Beside(description, episodes, checkpoint)


def _episodes(dump: GraphDump) -> list[Episode]:
    order = {source: target for type, source, target, _ in dump.edges if type == "NEXT"}
    before = {target: source for source, target in order.items()}
    return [
        _episode(id, dict(properties), before.get(id))
        for label, id, properties in dump.nodes
        if label == "Episode"
    ]


def _episode(id: str, node: Mapping[str, Any], previous_id: str | None) -> Episode:
    names = ("project_id", "user_id", "agent_id", "run_id")
    return Episode(
        id=id,
        scope=Scope(**{name: node[name] for name in names if node.get(name) is not None}),
        content=node["content"],
        kind=node["kind"],
        content_hash=digest(node["kind"], node["content"]),
        occurred_at=unstamp(node["occurred_at"]),
        recorded_at=unstamp(node["recorded_at"]),
        previous_id=previous_id,
        expires_at=unstamp_or_none(node.get("expires_at")),
        memory_type=node["memory_type"],
        importance=node["importance"],
        tags=tuple(node.get("tags") or ()),
    )
