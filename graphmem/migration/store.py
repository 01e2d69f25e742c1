"""A store copied to other backends: its ledger row by row; graph and vectors are made by opening
the copy. The source is only read."""

from __future__ import annotations

import contextlib
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from graphmem.engine import AsyncMemory
from graphmem.engine.core import Core
from graphmem.engine.event_loop import LoopThread
from graphmem.errors import Rejected, UsageError
from graphmem.model import Stats, Verification
from graphmem.portability.copy import (
    EMBEDDER,
    EMBEDDER_SIZE,
    Arrival,
    Copied,
    CopyProgress,
    arrive,
    copy_ledger,
)
from graphmem.ports.embedder import Embedder
from graphmem.ports.graph import GraphStore
from graphmem.ports.ledger import Ledger, LedgerRows
from graphmem.ports.ledger.values import kept_numbers
from graphmem.ports.vectors import VectorStore
from graphmem.settings import Settings, default_urls
from graphmem.sync import Memory
from graphmem.text import redacted
from graphmem.wiring import open_memory
from graphmem.wiring.adapters import make, path_of
from graphmem.wiring.places import hold, settings_or_usual, urls_of, usable_path

_T = TypeVar("_T")
_KINDS = ("ledger", "graph", "vectors")
_LEFT_BEHIND = frozenset({"lock", "owner", "ledger.sqlite.lock"})


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move did. ``rows`` counts by table what was copied in this run: after an interrupted
    one that is the rest, and nothing when all was there already."""

    store_id: str
    head: int
    rows: Mapping[str, int]
    resumed: bool
    stats: Stats
    verification: Verification

    @property
    def ok(self) -> bool:
        return self.verification.ok


def ledger_of(memory: Core) -> Ledger:
    """The ledger of an open memory."""
    memory._current.check_not_closed()
    return memory._parts.ledger


def migrate(
    source: str | Path | Memory | None,
    target: str | Path | None,
    *,
    source_settings: Settings | None = None,
    target_settings: Settings | None = None,
    progress: CopyProgress | None = None,
) -> Moved:
    """Copy a store from any backends to any others; the same as :func:`migrate_memory`.

    >>> migrate("my-memory", None, target_settings=Settings.load(
    ...     ledger="postgresql://…", graph="neo4j://…", vectors="http://…"))
    """
    settings = {"source_settings": source_settings, "target_settings": target_settings}
    if isinstance(source, Memory):
        opened = cast(AsyncMemory, source._async)
        return source._loop_thread.call(
            migrate_memory(opened, target, **settings, progress=progress)
        )
    return in_own_loop(migrate_memory(source, target, **settings, progress=progress))


def in_own_loop(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """What a coroutine gives, for synchronous code: in an event loop of its own."""
    thread = LoopThread()
    try:
        return thread.call(coroutine)
    finally:
        thread.close()


async def migrate_memory(
    source: str | Path | AsyncMemory | None,
    target: str | Path | None,
    *,
    source_settings: Settings | None = None,
    target_settings: Settings | None = None,
    progress: CopyProgress | None = None,
) -> Moved:
    """Copy a store from any backends to any others, and verify the copy.

    Each end is named as for :class:`~graphmem.Memory`: a folder, settings with URLs, or both. Of
    the environment's settings all but the URLs count where none are given. The source may also be
    a memory that is open. Of a source only the ledger is opened, and a folder is held meanwhile;
    everything it believes, remembers and has been embedding goes along, pending episodes too.

    Cut off, the same call goes on where it stopped, and ends the same; until then the target is
    not opened as a store. A target with anything else in it is
    :class:`~graphmem.errors.UsageError`, and nothing is written to it.
    """
    there = target_end(target, target_settings)
    async with contextlib.AsyncExitStack() as stack:
        if isinstance(source, AsyncMemory):
            ledger = ledger_of(source)
        else:
            ledger = await _open_source(source_end(source, source_settings), there, stack)
        arrival, copied = await fill_target(ledger, there, progress)
    return await settle_target(there, arrival, copied, progress)


@dataclass(frozen=True, slots=True)
class StoreEnd:
    """One end of a move: the folder to be locked, if there is one, and where things are."""

    folder: Path | None
    urls: dict[str, str]
    settings: Settings


def settings_without_places(given: Settings | None) -> Settings:
    """What no settings are given for is what the environment says, but for the places."""
    usual = settings_or_usual(given)
    return usual if given else usual.model_copy(update=dict.fromkeys(_KINDS))


def source_end(place: str | Path | None, given: Settings | None) -> StoreEnd:
    settings = settings_without_places(given)
    folder = None if place is None else usable_path(place)
    if "://" in str(place):
        raise UsageError(f"{redacted(str(place))}: a source is a folder, or settings with URLs")
    urls = default_urls(folder) if folder else {}
    if settings.ledger:
        urls["ledger"] = settings.ledger
    if "ledger" not in urls:
        raise UsageError("name the source: its folder, or settings with the URL of its ledger")
    url = urls["ledger"]
    if url.startswith("memory:"):
        raise UsageError("a source in memory is one that is open: give the memory itself")
    if url.startswith("sqlite:") and not path_of(url).is_file():
        raise UsageError(f"there is no store in {folder or redacted(url)}")
    return StoreEnd(folder if folder and folder.is_dir() else None, urls, settings)


def target_end(place: str | Path | None, given: Settings | None) -> StoreEnd:
    # Nothing is extracted while it is opened; a model need not be there.
    settings = settings_without_places(given).model_copy(update={"llm": "none"})
    urls, folder = urls_of(place, settings)
    for kind, url in urls.items():
        # Of an encrypted store graph and vectors are made anew each time that it is opened.
        rebuilt_on_opening = kind != "ledger" and settings.encryption_key
        if url.startswith("memory:") and not rebuilt_on_opening:
            raise UsageError(f"a {kind} in memory would be gone at the end: name another target")
    ledger_file = path_of(urls["ledger"]) if urls["ledger"].startswith("sqlite:") else None
    if folder and folder.is_dir() and ledger_file and ledger_file.parent == folder:
        found = {entry.name for entry in folder.iterdir()} - _LEFT_BEHIND
        if found and not ledger_file.is_file():
            raise UsageError(f"{folder} holds something else: give a new or an empty folder")
    return StoreEnd(folder, urls, settings)


async def _open_source(here: StoreEnd, there: StoreEnd, stack: contextlib.AsyncExitStack) -> Ledger:
    """The source's ledger, held against other writers where that can be."""
    if _same(here.urls["ledger"], there.urls["ledger"]):
        raise UsageError("source and target are the same store")
    ledger: Ledger = make("ledger", here.urls["ledger"], here.settings)
    if here.folder:
        stack.callback(hold(here.folder))
    stack.push_async_callback(ledger.close)
    await ledger.open()
    return ledger


def _same(one: str, other: str) -> bool:
    if one.startswith("sqlite:") and other.startswith("sqlite:"):
        return path_of(one).resolve() == path_of(other).resolve()
    return one == other


async def fill_target(
    source: LedgerRows, there: StoreEnd, progress: CopyProgress | None
) -> tuple[Arrival, Copied]:
    """Copy the ledger, once it is known that all parts of the target can be used for it."""
    settings = there.settings
    embedder: Embedder = make("embedder", settings.embedder, settings)
    target: Ledger = make("ledger", there.urls["ledger"], settings)
    graph: GraphStore = make("graph", there.urls["graph"], settings)
    vectors: VectorStore = make("vectors", there.urls["vectors"], settings)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(embedder.close)
        made_with = await source.setting(EMBEDDER) or embedder.name
        if made_with != embedder.name and not settings.reembed:
            raise UsageError(
                f"the store was made with the embedder {made_with}, not {embedder.name}: set "
                "GRAPHMEM_EMBEDDER as it was, or GRAPHMEM_REEMBED=1 to embed all again"
            )
        if there.folder:
            stack.callback(hold(there.folder))
        stack.push_async_callback(target.close)
        await target.open()
        await stack.enter_async_context(target.named_lock("move"))
        arrival = await arrive(source, target)
        known = await source.setting(EMBEDDER_SIZE) if made_with == embedder.name else None
        for store in (graph, vectors):
            stack.push_async_callback(store.close)
        # Before hours of copying: are they there, and free?
        await graph.open(arrival.store_id)
        if not settings.reembed:
            (size,) = kept_numbers(known) or (await embedder.size(),)
            await vectors.open(arrival.store_id, embedder.name, size)
        return arrival, await copy_ledger(source, target, arrival, progress)


async def settle_target(
    there: StoreEnd, arrival: Arrival, copied: Copied, progress: CopyProgress | None
) -> Moved:
    """Open the copy as a store, which makes graph and vectors, and compare all of them."""
    memory = await open_memory(there.folder, settings=there.settings, progress=progress)
    try:
        if progress:
            progress("verify", 0, 1)
        verification = await memory.verify()
        head, stats = await ledger_of(memory).head(), await memory.stats()
        if progress:
            progress("verify", 1, 1)
    finally:
        await memory.close()
    # With a head beyond it somebody works with the new store already. What was spent is not the
    # ledger's to count: it is told by the memory, and opening the copy may have added to it.
    comparable = replace(stats, spend=copied.stats.spend)
    if head < copied.head or (head == copied.head and comparable != copied.stats):
        raise Rejected(
            f"the copy does not hold what the source held: {stats} up to event {head:,} instead of "
            f"{copied.stats} up to event {copied.head:,}"
        )
    return Moved(arrival.store_id, head, copied.rows, arrival.resumed, stats, verification)
