"""Vectors on a Qdrant server, a cluster or Qdrant Cloud (``http://`` and ``https://``)."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from graphmem.adapters.vectors import validation
from graphmem.adapters.vectors.qdrant.checkpoint import CHECKPOINT_FORMAT, QdrantCheckpoint
from graphmem.adapters.vectors.qdrant.url import QdrantOptions
from graphmem.errors import Conflict, Unavailable, UsageError
from graphmem.ports.graph import Checkpoint
from graphmem.ports.vectors import (
    COLLECTIONS,
    Collection,
    Point,
    Scored,
    VectorChanges,
    VectorQuery,
)

if TYPE_CHECKING:
    from qdrant_client import AsyncQdrantClient

    from graphmem.adapters.vectors.qdrant.server import QdrantServer

if importlib.util.find_spec("qdrant_client") is None:
    # The import itself takes a second, and is left to the opening of a store.
    raise ModuleNotFoundError("No module named 'qdrant_client'", name="qdrant_client")

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

_LOOK_AGAIN_S = 0.25
_PATIENCE = 20
"""How often to look again at collections that another process seems to be making, before making
them here."""
_ROUNDS = 200


class QdrantVectors:
    """A :class:`~graphmem.ports.vectors.VectorStore` on a server (1.12 or later).

    Several processes may have it open; the engine sees to it that one applies at a time. Searches
    go on while a batch is applied, and may see a part of it. A call that is cancelled while it
    writes leaves the write to finish, checkpoint included. Where another process has cleared the
    store, ``apply`` raises :class:`~graphmem.errors.Conflict`: open again.

    ``client`` is used instead of a new one, and not closed.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        client: AsyncQdrantClient | None = None,
        replace: bool = False,
    ) -> None:
        self._options = QdrantOptions.parse(url)
        self._key = _checked_key(api_key)
        self._client = client
        self._replace = replace or self._options.replace
        self._server: QdrantServer | None = None
        self._checkpoint: QdrantCheckpoint | None = None
        self._asked_for: tuple[str, str, int] | None = None
        self._seen: str | None = None
        """The epoch whose collections were found to exist."""
        self._writing = asyncio.Lock()
        self._unfinished: set[asyncio.Task[Any]] = set()
        self._sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def __repr__(self) -> str:
        return f"QdrantVectors({self._options.address!r}, prefix={self._options.prefix!r})"

    # -- the port ------------------------------------------------------------------------------

    @property
    def successor(self) -> None:
        return None

    async def open(self, store_id: str, embedder: str, size: int) -> Checkpoint:
        """See the port. Points of another store are cleared only with ``?replace=1``; collections
        that graphmem did not make are never touched. Opening again costs one request."""
        validation.check_embedding(embedder, size)
        asked_for, before = (store_id, embedder, size), self._asked_for
        # ``clear`` must know whose points it may clear, even if opening failed.
        self._asked_for = asked_for
        try:
            return await self._finish(self._open_now(asked_for))
        except BaseException as error:
            away = isinstance(error, Unavailable | asyncio.CancelledError)
            if not away or asked_for != before:
                self._checkpoint = None
            raise

    async def apply(self, changes: VectorChanges, applied_seq: int) -> None:
        checkpoint, server = self._opened()
        validation.check_changes(changes, checkpoint.size)
        await self._finish(self._apply_now(server, checkpoint, changes, applied_seq))

    async def search(self, queries: Sequence[VectorQuery]) -> list[list[Scored]]:
        checkpoint, server = self._opened()
        for query in queries:
            validation.check_query(query, checkpoint.size)
        from graphmem.adapters.vectors.qdrant import search as qdrant_search

        return await qdrant_search.search(server, queries, corpus_idf=checkpoint.corpus_idf)

    async def ids(self, collection: Collection, tenant: str | None = None) -> set[str]:
        validation.check_collection(collection)
        if tenant is not None:
            validation.check_scope(tenant)
        _, server = self._opened()
        return await server.ids(collection, tenant)

    async def differing(self, collection: Collection, points: Sequence[Point]) -> set[str]:
        validation.check_collection(collection)
        checkpoint, server = self._opened()
        return await server.differing(collection, points, with_terms=not checkpoint.corpus_idf)

    async def optimize(self) -> bool:
        """Nothing to do: a server builds its indexes by itself, in the background."""
        self._opened()
        return True

    async def clear(self) -> None:
        """See the port. Works even if ``open`` failed, but clears the points of another store only
        with ``?replace=1``."""
        if self._asked_for is None:
            raise UsageError(f"the vector store at {self._options.address} was never opened")
        closed_before = self._server is None
        try:
            await self._finish(self._clear_now(self._asked_for))
        finally:
            if closed_before:
                await self.close()

    async def close(self) -> None:
        """Wait for running writes, and close the connections. May be opened again afterwards."""
        while self._unfinished:
            await asyncio.wait(self._unfinished)
        server, self._server = self._server, None
        self._checkpoint, self._seen = None, None
        if server is not None:
            await server.close()

    # -- opening -------------------------------------------------------------------------------

    async def _open_now(self, asked_for: tuple[str, str, int]) -> Checkpoint:
        async with self._writing:
            checkpoint = await self._in_force(await self._connected(), asked_for)
            self._checkpoint = checkpoint
            return Checkpoint(checkpoint.store_id, checkpoint.applied_seq)

    async def _connected(self) -> QdrantServer:
        if self._server is None:
            module = await asyncio.to_thread(
                importlib.import_module, "graphmem.adapters.vectors.qdrant.server"
            )
            server = module.QdrantServer(self._options, self._key, self._sleep, self._client)
            try:
                await server.greet()
            except BaseException:
                await server.close()
                raise
            self._server = server
        return self._server

    async def _in_force(
        self, server: QdrantServer, asked_for: tuple[str, str, int]
    ) -> QdrantCheckpoint:
        """The checkpoint of collections that are ready for this store, made here if necessary."""
        store_id, embedder, size = asked_for
        waited, seen = 0, ""
        for _ in range(_ROUNDS):
            checkpoint = await server.checkpoint()
            if checkpoint is None:
                await self._begin(server, asked_for)
            elif checkpoint.store_id != store_id:
                if not self._replace:
                    raise self._of_another_store(checkpoint)
                await self._make(server, asked_for, afresh=True)
            elif not self._usable(server, checkpoint):
                await self._make(server, asked_for, afresh=True)
            elif not checkpoint.ready:
                # Another process is making them, or was killed while it did.
                waited, seen = (waited + 1 if seen == checkpoint.epoch else 0), checkpoint.epoch
                if waited < _PATIENCE:
                    await self._sleep(_LOOK_AGAIN_S)
                else:
                    await self._make(server, asked_for, afresh=True)
            elif (checkpoint.embedder, checkpoint.size) != (embedder, size):
                if checkpoint.applied_seq:
                    raise validation.other_embedder(
                        f"{self._options.prefix}_… on {self._options.address}",
                        (checkpoint.embedder, checkpoint.size),
                        (embedder, size),
                    )
                await self._make(server, asked_for, afresh=True)
            elif self._seen != checkpoint.epoch and len(await server.existing()) < len(COLLECTIONS):
                _log.warning("collections of %r were removed; they are made anew", self)
                await self._make(server, asked_for, afresh=True)
            else:
                self._seen = checkpoint.epoch
                return checkpoint
        raise Unavailable(f"{self!r} is being made anew by other processes; try later")

    async def _begin(self, server: QdrantServer, asked_for: tuple[str, str, int]) -> None:
        if foreign := await server.existing():
            # Unless another process made them just now, with its checkpoint, they are not ours.
            if await server.checkpoint() is None:
                raise server.foreign(foreign)
            return
        await server.make_checkpoint_collection()
        await self._make(server, asked_for, afresh=False)

    async def _make(
        self, server: QdrantServer, asked_for: tuple[str, str, int], *, afresh: bool
    ) -> None:
        """Claim the collections, make them, and mark them as ready (unless another process has
        claimed them since: then the next look at the checkpoint shows that)."""
        store_id, embedder, size = asked_for
        corpus_idf = _can_scope_idf(server) and server.options.shards == 1
        checkpoint = QdrantCheckpoint(store_id, embedder, size, corpus_idf)
        await server.write_checkpoint(checkpoint)
        await server.make_collections(checkpoint, afresh=afresh)
        await server.move_checkpoint(checkpoint, ready=True)

    def _usable(self, server: QdrantServer, checkpoint: QdrantCheckpoint) -> bool:
        return checkpoint.format == CHECKPOINT_FORMAT and (
            not checkpoint.corpus_idf or _can_scope_idf(server)
        )

    def _of_another_store(self, checkpoint: QdrantCheckpoint) -> UsageError:
        return UsageError(
            f"the collections {self._options.prefix}_… on {self._options.address} belong to "
            f"another store ({checkpoint.store_id}): give this one a name with ?prefix=NAME, "
            "or add ?replace=1 to the URL once to clear them for this store"
        )

    # -- writing -------------------------------------------------------------------------------

    async def _apply_now(
        self,
        server: QdrantServer,
        checkpoint: QdrantCheckpoint,
        changes: VectorChanges,
        applied_seq: int,
    ) -> None:
        async with self._writing:
            stored = await server.checkpoint()
            if stored is None or stored.epoch != checkpoint.epoch:
                raise Conflict(
                    f"{self!r} was cleared or taken by another process meanwhile: open it again"
                )
            for name in COLLECTIONS:
                removed, batch = changes.removed.get(name, ()), changes.points.get(name, ())
                await server.write(name, removed, batch, with_terms=not checkpoint.corpus_idf)
            await server.move_checkpoint(checkpoint, applied_seq=applied_seq)

    async def _clear_now(self, asked_for: tuple[str, str, int]) -> None:
        async with self._writing:
            was_open, server = self._checkpoint is not None, await self._connected()
            checkpoint = await server.checkpoint()
            if checkpoint is None:
                # Nothing of ours is there: make it, as ``open`` would.
                await self._begin(server, asked_for)
            elif checkpoint.store_id != asked_for[0] and not self._replace:
                raise self._of_another_store(checkpoint)
            else:
                await self._make(server, asked_for, afresh=True)
            if was_open:
                self._checkpoint = await self._in_force(server, asked_for)

    async def _finish(self, job: Coroutine[Any, Any, _T]) -> _T:
        """Run ``job`` to its end, also when the caller is cancelled."""
        task = asyncio.ensure_future(job)
        self._unfinished.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._unfinished.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # The caller gets it too, unless it was cancelled.
            _log.debug("%r: %s", self, error)

    def _opened(self) -> tuple[QdrantCheckpoint, QdrantServer]:
        if self._checkpoint is None or self._server is None:
            raise UsageError(f"the vector store at {self._options.address} is not open")
        return self._checkpoint, self._server


def _can_scope_idf(server: QdrantServer) -> bool:
    from graphmem.adapters.vectors.qdrant.requests import CORPUS_IDF_SINCE

    return server.version >= CORPUS_IDF_SINCE


def _checked_key(api_key: str | None) -> str | None:
    key = (api_key or "").strip()
    if not key.isascii() or not (key or "x").isprintable():
        raise UsageError("the API key holds characters that no key has; was it copied whole?")
    return key or None
