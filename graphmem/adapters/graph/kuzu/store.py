"""The embedded graph store: Kuzu, or ladybug (its maintained fork) by the same code.

This file is shaped by what the engines do well and badly, measured with one thread and 100,000
facts:

- Writes and ``expand`` look up primary keys only. One node or edge costs 0.2 to 0.3 ms, however
  much is stored; ``MERGE`` of an edge, and conditions on lists or other properties, scan.
- Many edges at once are written by ``COPY`` (Kuzu only), twenty times faster. But rolling a COPY
  back loses the whole table of edges (Kuzu 0.11.3), so COPY comes last in its transaction, with its
  ends checked; if it still fails, the graph is emptied and unavailable until it is opened again.
- The checkpoint is a node of the graph, written in the same transaction as the batch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from graphmem.adapters.file_successor import FileSuccessor
from graphmem.adapters.graph.cypher_files import statement_text
from graphmem.adapters.graph.cypher_guard.guard import guard
from graphmem.adapters.graph.digests import digests_of_changes
from graphmem.adapters.graph.kuzu.backlog import Backlog
from graphmem.adapters.graph.kuzu.checkpoint import checkpoint_of, create_tables, set_checkpoint
from graphmem.adapters.graph.kuzu.console import Console
from graphmem.adapters.graph.kuzu.database_files import NEXT_NAME, remove_all
from graphmem.adapters.graph.kuzu.drop_edges import EdgeDrops
from graphmem.adapters.graph.kuzu.expand import links_of
from graphmem.adapters.graph.kuzu.new_lists import NewLists
from graphmem.adapters.graph.kuzu.pool import Pool
from graphmem.adapters.graph.kuzu.read_digests import in_columns, read_digests
from graphmem.adapters.graph.kuzu.session import (
    EngineName,
    Session,
    in_transaction,
    label_of,
    properties_of,
)
from graphmem.adapters.graph.kuzu.write_changes import Loader, log_bytes
from graphmem.adapters.graph.rows import (
    Edge,
    Node,
    check_writable,
    dump_of,
    most_of_a_kind,
)
from graphmem.errors import Unavailable, UsageError
from graphmem.model import Table
from graphmem.off_loop import long_work
from graphmem.ports.graph import Checkpoint, Digests, GraphChanges, GraphDump, Link
from graphmem.ports.part import Part

_DEFAULT_POOL = 512 << 20
_POOL_FOR_COPY = 128 << 20  # below, even a small COPY runs out of memory
_LOG_LIMIT = 16 << 20
_COPY_FROM = 1000  # single statements take 0.3 ms each, a COPY 100 ms
_T = TypeVar("_T")
_text = partial(statement_text, "read.cypher")


class KuzuGraph:
    """A graph in one file; where ``path`` is None, in a temporary one that is removed when it is
    closed. See the port for the contract.

    ``buffer_pool_bytes`` is the most memory that pages may take. ``copy_from`` is the number of
    nodes or edges of one kind from which COPY is used, where it is sound.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        engine: EngineName = "kuzu",
        buffer_pool_bytes: int = _DEFAULT_POOL,
        copy_from: int = _COPY_FROM,
    ) -> None:
        self._pool = Pool(path, engine, buffer_pool_bytes)
        self._console = Console(self._pool)
        copies = self._pool.engine.copies and buffer_pool_bytes >= _POOL_FOR_COPY
        self._copy_from = copy_from if copies else None
        self._buffer_pool_bytes = buffer_pool_bytes
        self._drops = EdgeDrops()
        self._store_id = ""
        self._lost: str | None = None
        self._applying = asyncio.Lock()
        self._backlog = Backlog()
        self._new_lists = NewLists()
        self._written: GraphChanges | None = None

    @property
    def successor(self) -> FileSuccessor | None:
        pool = self._pool
        if pool.passes:
            return None
        prefix = f"{pool.path}{NEXT_NAME}"
        return FileSuccessor(
            pool.engine.name, prefix, pool.successors, self._give_place_to, remove_all
        )

    async def open(self, store_id: str) -> Checkpoint:
        """Open or create; see the port."""
        await self._pool.open()
        try:
            if self._backlog:
                async with self._applying:
                    await self._write_backlog()
            checkpoint = await self._read_checkpoint()
            if checkpoint is None or checkpoint.store_id != store_id:
                await self._empty(store_id)
                checkpoint = Checkpoint(store_id, 0)
        except BaseException:
            await self._pool.close()
            raise
        self._store_id, self._lost = store_id, None
        return checkpoint

    async def owner(self) -> str | None:
        """The id of the store that these files belong to, or None; they are closed again. To be
        called before :meth:`open`, which empties another store's graph."""
        await self._pool.open()
        try:
            found = await self._read_checkpoint()
        finally:
            await self._pool.close()
        return found.store_id if found is not None else None

    async def _read_checkpoint(self) -> Checkpoint | None:
        return await self._pool.write(partial(checkpoint_of, self._pool.path), alone=True)

    async def apply(self, changes: GraphChanges, applied_seq: int) -> None:
        """Apply a batch and move the checkpoint in one transaction; see the port.

        Consecutive large batches are gathered, and written together before a read that needs them,
        or when there are many: with each COPY the engine rewrites what it touches. A process killed
        before that finds the older checkpoint, and applies them again.
        (More text than a 32nd of the buffer pool takes several transactions, the checkpoint in the
        last.)

        Cancellation waits: when this ends, what was begun is committed or rolled back.
        """
        self._check()
        check_writable(changes, self._buffer_pool_bytes // 16)
        async with self._applying:
            removed = changes.removed_facts or changes.removed_entities or changes.removed_episodes
            if removed or changes.renewed_mentions:
                await self._write_backlog()
            rows = self._backlog.rows_with(changes)
            few = self._copy_from is None or (not self._backlog and rows < self._copy_from)
            if few:
                await self._write(changes, applied_seq)
                return
            self._backlog.put(changes, applied_seq)
            if self._backlog.is_much(self._buffer_pool_bytes // 8):
                await self._write_backlog()

    async def _read(self, job: Callable[[Session], _T], tenant: str | None = None) -> _T:
        """Run a job on a reading connection, after all that was applied before. One that reads only
        facts and entities of a ``tenant`` does not wait for batches of other tenants."""
        self._check()
        if tenant is None or self._backlog.concerns(tenant):
            await self._settle()
        return await self._pool.read(job)

    async def _settle(self) -> None:
        if self._backlog:
            async with self._applying:
                await self._write_backlog()

    async def _write_backlog(self) -> None:
        if not self._backlog:
            return
        self._pool.need_disk_space()
        changes, seq = self._backlog.whole()
        written = False
        try:
            with long_work():
                await self._write(changes, seq)
            written = True
        except asyncio.CancelledError:
            written = self._written is changes
            raise
        finally:
            # Only now: until then, reads that need the backlog wait for it.
            self._backlog, self._written = Backlog(), None
            if not written and self._lost is None:
                self._lost = (
                    "the graph could not write what it was given; open it again, and it goes on "
                    "from where it got to"
                )

    async def _write(self, changes: GraphChanges, applied_seq: int) -> None:
        self._pool.need_disk_space(lambda: log_bytes(changes))
        bulky = self._copy_from is not None and most_of_a_kind(changes) >= self._copy_from
        # In the writer's thread: for a large batch it takes seconds, while the event loop and reads
        # go on.
        made = await self._pool.write(lambda _: self._loader(changes)) if bulky else None
        begun: list[Loader] = []

        def job(writer: Session) -> int:
            if bulky and self._new_lists.at_risk:
                self._new_lists.checkpoint(writer)
            loader = made or self._loader(changes)
            begun.append(loader)
            in_transaction(writer, lambda w: self._put(loader, w, applied_seq))
            loader.copied = False
            if loader.bulky:
                # Until a checkpoint, what was copied is held in the buffer pool, and the size of
                # the log does not show how much that is.
                writer.checkpoint()
                self._new_lists.forget()
                if loader.changed_lists:
                    in_transaction(writer, lambda w: self._put_lists(loader, w, applied_seq))
                    writer.checkpoint()
            else:
                self._new_lists.note(loader.created, loader.changed_lists)
            self._written = changes
            return self._pool.log_bytes()

        try:
            logged = await self._pool.write(job, alone=bulky)
        finally:
            if any(loader.copied for loader in begun):
                await self._give_up()
        if logged > _LOG_LIMIT and self._pool.quiet:  # no read has to wait for it
            await self._pool.write(self._new_lists.checkpoint, alone=True)

    def _put(self, loader: Loader, writer: Session, applied_seq: int) -> None:
        loader.remove(writer)
        loader.put_nodes(writer)
        loader.put_edges(writer)
        if not (loader.bulky and loader.changed_lists):  # then they follow a checkpoint
            self._put_lists(loader, writer, applied_seq)

    def _put_lists(self, loader: Loader, writer: Session, applied_seq: int) -> None:
        loader.set_lists(writer)
        set_checkpoint(writer, self._store_id, applied_seq)

    async def load(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        """Fill an empty graph with these rows; the checkpoint stays."""
        self._check()
        loader = self._loader(GraphChanges())

        def job(writer: Session) -> None:
            in_transaction(writer, lambda w: loader.load(w, nodes, edges))
            self._new_lists.checkpoint(writer)

        await self._pool.write(job, alone=True)

    async def expand(
        self, tenant: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]:
        """One hop per entity, over edges alone; an entity without facts gives an empty tuple."""
        if limit < 0:
            raise UsageError(f"limit must not be negative, got {limit}")
        wanted = tuple(dict.fromkeys(entity_ids))
        # On two connections at a time, as a search waits for this.
        parts = [part for part in (wanted[::2], wanted[1::2]) if part]
        found = await asyncio.gather(
            *(self._read(partial(links_of, tenant, part, limit), tenant) for part in parts)
        )
        links = {id: links for one in found for id, links in one.items()}
        return {id: links[id] for id in wanted if id in links}

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, object],
        *,
        tenant: str | None,
        max_rows: int,
        timeout_s: float,
    ) -> Table:
        """Run a guarded query in a process of its own; see the port, ``cypher_guard`` and
        ``console``."""
        self._check()
        guarded = await asyncio.to_thread(
            guard, query, parameters, tenant=tenant, max_rows=max_rows, timeout_s=timeout_s
        )
        await self._settle()
        return await self._console.ask(
            guarded.text,
            guarded.parameters,
            tenant=tenant or "",
            max_rows=max_rows,
            timeout_s=timeout_s,
        )

    async def dump(self, tenant: str | None = None) -> GraphDump:
        """Everything, or everything inside one tenant, in canonical order."""
        suffix, scope = ("", {}) if tenant is None else ("_inside", {"scope": tenant})

        def job(reader: Session) -> GraphDump:
            reader.run("BEGIN TRANSACTION READ ONLY")
            nodes = reader.run(_text(f"dump_nodes{suffix}"), scope)
            edges = reader.run(_text(f"dump_edges{suffix}"), scope)
            reader.run("COMMIT")
            return dump_of(
                ((label_of(n), n["id"], properties_of(n, "id")) for (n,) in nodes),
                ((label_of(r), a, b, properties_of(r)) for a, b, r in edges),
            )

        return await self._read(job)

    async def digests(self, part: Part | None = None) -> Digests:
        return await self._read(partial(read_digests, part=part))

    def digests_of(self, changes: GraphChanges) -> Digests:
        return digests_of_changes(changes, in_columns)

    async def clear(self) -> None:
        """Remove everything; the checkpoint becomes 0. Works on files that cannot be opened,
        too."""
        async with self._applying:
            self._backlog = Backlog()
            if not self._pool.is_open:
                await asyncio.to_thread(self._pool.set_aside)
                return
            await self._empty(self._store_id)
            await self._console.close()  # its processes hold copies of the old graph
            self._lost = None

    async def _give_place_to(self, path: Path) -> None:
        """Replace the graph by another file, which was filled and closed."""
        async with self._applying:
            if not self._pool.is_open:
                await asyncio.to_thread(self._pool.replace_files, path)
                return
            await self._alone(lambda _: self._pool.switch_to(path))
            self._backlog = Backlog()
            await self._console.close()
            self._lost = None

    async def close(self) -> None:
        """Write the backlog and release the file. Safe to call twice."""
        async with self._applying:
            try:
                if self._pool.is_open:
                    await self._write_backlog()
                    await self._check_new_lists()
            finally:
                self._new_lists.forget()
                await self._console.close()
                await self._pool.close()

    async def _check_new_lists(self) -> None:
        """The checkpoint of closing comes first where it may put a list in the wrong place."""
        if self._new_lists.at_risk:
            with suppress(Unavailable):  # without room the log stays, and is played when opened
                self._pool.need_disk_space()
                await self._pool.write(self._new_lists.checkpoint, alone=True)

    def _loader(self, changes: GraphChanges) -> Loader:
        most_text, path = self._buffer_pool_bytes // 32, self._pool.path
        return Loader(changes, self._drops, path, copy_from=self._copy_from, most_text=most_text)

    def _check(self) -> None:
        if not self._pool.is_open:
            raise UsageError("the graph is not open: call open() first")
        if self._lost is not None:
            raise Unavailable(self._lost)

    async def _empty(self, store_id: str) -> None:
        def job(_: Session) -> None:
            writer = self._pool.wipe()
            in_transaction(writer, lambda w: create_tables(w, store_id))

        await self._alone(job)

    async def _alone(self, job: Callable[[Session], None]) -> None:
        """Run a job that starts another database, while nobody reads."""
        try:
            await self._pool.write(job, alone=True)
        except BaseException:
            if not self._pool.is_open:  # so that it can be opened again
                await self._pool.close()
            raise
        # The old ones know edges and nodes of the previous database.
        self._drops, self._new_lists = EdgeDrops(), NewLists()

    async def _give_up(self) -> None:
        self._lost = (
            "the graph was emptied because a bulk write failed half-way; open it again and it is "
            "rebuilt from the ledger"
        )
        await self._empty(self._store_id)
