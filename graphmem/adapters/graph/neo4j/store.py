"""The graph on a Neo4j server, 5.26 or newer, which many processes may use at once.

A round trip costs more than a row, so that batches go as lists of rows, and ``expand`` asks for
all entities at once. Every transaction that writes begins by writing the checkpoint, a node of the
graph: whoever else writes waits for it, and who finds that the graph became another's stops.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from neo4j import AsyncManagedTransaction
from neo4j.exceptions import DriverError, Neo4jError

from graphmem.adapters.graph.cypher_files import statement_text, statements
from graphmem.adapters.graph.cypher_guard.dialect import NEO4J
from graphmem.adapters.graph.cypher_guard.guard import guard
from graphmem.adapters.graph.digests import digests_of_changes, digests_of_dump
from graphmem.adapters.graph.neo4j.change_batch import (
    NODES,
    ChangeBatch,
    ParameterRows,
    drop_text,
    put_text,
    remove_text,
    write_text,
)
from graphmem.adapters.graph.neo4j.connection import Connection
from graphmem.adapters.graph.neo4j.errors import ours
from graphmem.adapters.graph.neo4j.url import Neo4jTarget
from graphmem.adapters.graph.neo4j.values import public_properties, to_plain
from graphmem.adapters.graph.rows import dump_of
from graphmem.errors import Rejected, Unavailable, UsageError
from graphmem.model import Table
from graphmem.off_loop import to_its_end
from graphmem.ports.graph import Checkpoint, Digests, GraphChanges, GraphDump, Link
from graphmem.ports.part import Part

NEO4J_FORMAT = 3
"""Version of what the graph holds; 0 while it is being emptied. A graph of another format is
emptied and made anew."""

_read = partial(statement_text, "read.neo4j.cypher")
_OLDEST = (5, 23)  # `CALL () { }`
_AT_ONCE = 10_000
_TOO_LONG = "Neo.ClientError.Transaction.TransactionTimedOut"
_BEFORE_RUNNING = ("SyntaxError", "SemanticError", "ParameterMissing", "EntityNotFound")


class Neo4jGraph:
    """A graph in one database of a server. See the port for the contract, :class:`Target` for the
    URL.

    Cancelling a write waits for its end: then it is
    committed or undone. A batch of more than 10,000 rows takes several transactions, the checkpoint
    in the last; whoever is stopped in between finds the older checkpoint, and applies the batch
    again.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        database: str | None = None,
        replace: bool = False,
    ) -> None:
        self._target = Neo4jTarget.of(
            url, user=user, password=password, database=database, replace=replace
        )
        self._server = Connection(self._target)
        self._store_id = ""
        self._found: Checkpoint | None = None
        self._applying = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Neo4jGraph({str(self._target)!r})"

    @property
    def successor(self) -> None:
        return None

    async def open(self, store_id: str) -> Checkpoint:
        """Connect, and create what is missing; see the port."""
        try:
            checkpoint = await self._read_checkpoint()
            if checkpoint is None or checkpoint.store_id != store_id:
                async with self._applying:
                    checkpoint = await self._take(store_id)
        except BaseException:
            await self._server.close()
            raise
        self._store_id = store_id
        return checkpoint

    async def apply(self, changes: GraphChanges, applied_seq: int) -> None:
        """Apply a batch and move the checkpoint, which only goes forward; see the port."""
        self._check()
        batch = ChangeBatch(changes)
        writing = asyncio.ensure_future(self._apply(batch, applied_seq))
        await to_its_end(writing)

    async def expand(
        self, tenant: str, entity_ids: Sequence[str], *, limit: int
    ) -> Mapping[str, tuple[Link, ...]]:
        """One hop for all entities in one round trip; see the port."""
        self._check()
        if limit < 0:
            raise UsageError(f"limit must not be negative, got {limit}")
        wanted = list(dict.fromkeys(entity_ids))
        if not wanted:
            return {}
        rows = await self._server.ask(
            _read("expand"), {"ids": wanted, "scope": tenant, "limit": limit}
        )
        found = {id: tuple(map(_link, links)) for id, links in rows}
        return {id: found[id] for id in wanted if id in found}

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, object],
        *,
        tenant: str | None,
        max_rows: int,
        timeout_s: float,
    ) -> Table:
        """Run a guarded query in a read-only transaction; see the port and ``cypher_guard``."""
        self._check()
        guarded = await asyncio.to_thread(
            guard,
            query,
            parameters,
            tenant=tenant,
            max_rows=max_rows,
            timeout_s=timeout_s,
            dialect=NEO4J,
        )
        try:
            columns, rows, more = await self._server.table(
                guarded.text, guarded.parameters, max_rows=max_rows, timeout_s=timeout_s
            )
        except TimeoutError as error:
            raise _slow(timeout_s) from error
        except Neo4jError as error:
            if str(error.code).startswith(_TOO_LONG):
                raise _slow(timeout_s) from error
            mapped = ours(error, str(self._target))
            raise (_query_error(error) if isinstance(mapped, Rejected) else mapped) from error
        except DriverError as error:
            raise ours(error, str(self._target)) from error
        return Table(tuple(columns), tuple(tuple(map(to_plain, row)) for row in rows), more)

    async def dump(self, tenant: str | None = None) -> GraphDump:
        """Everything, or everything inside one tenant, in canonical order."""
        self._check()
        suffix, scope = ("", {}) if tenant is None else ("_inside", {"scope": tenant})

        async def work(tx: AsyncManagedTransaction) -> GraphDump:
            nodes = await _run(tx, _read(f"dump_nodes{suffix}"), scope)
            edges = await _run(tx, _read(f"dump_edges{suffix}"), scope)
            return dump_of(
                ((_label(labels), found.pop("id"), found) for labels, found in nodes),
                ((type, a, b, public_properties(found)) for type, a, b, found in edges),
            )

        return await self._server.read(work)

    async def digests(self, part: Part | None = None) -> Digests:
        return digests_of_dump(await self.dump(), part)

    def digests_of(self, changes: GraphChanges) -> Digests:
        return digests_of_changes(changes)

    async def clear(self) -> None:
        """Remove everything of ours; the checkpoint goes back to 0."""
        self._check()
        async with self._applying:
            await self._empty(self._store_id)

    async def close(self) -> None:
        """Let the server go. Safe to call twice."""
        async with self._applying:
            await self._server.close()

    def _check(self) -> None:
        if not self._server.is_open:
            raise UsageError("the graph is not open: call open() first")

    async def _apply(self, batch: ChangeBatch, applied_seq: int) -> None:
        async with self._applying:
            first, *rest = batch.transactions()

            async def begin(tx: AsyncManagedTransaction) -> None:
                known = await self._begin(tx, batch.ids)
                await _prepare(tx, batch, known)
                await _put(tx, first, None if rest else applied_seq)

            await self._server.write(begin)
            for at, portions in enumerate(rest, start=1):
                await self._server.write(
                    partial(self._go_on, portions, applied_seq if at == len(rest) else None)
                )

    async def _go_on(
        self,
        portions: Sequence[ParameterRows],
        applied_seq: int | None,
        tx: AsyncManagedTransaction,
    ) -> None:
        await self._begin(tx, {name: [] for name in NODES.values()})
        await _put(tx, portions, applied_seq)

    async def _begin(
        self, tx: AsyncManagedTransaction, ids: ParameterRows
    ) -> dict[str, dict[str, str]]:
        """Hold the checkpoint; give the scopes of the nodes that are there, by list and id."""
        rows = await _run(tx, write_text("begin"), ids)
        if not rows or rows[0][1] != NEO4J_FORMAT:
            raise Unavailable(
                f"the graph at {self._target} was emptied meanwhile; open it again, and it is "
                "rebuilt from the ledger"
            )
        if rows[0][0] != self._store_id:
            raise Rejected(
                f"the graph at {self._target} was taken over by another store, {rows[0][0]}"
            )
        return {name: dict(found) for name, found in zip(NODES.values(), rows[0][2:], strict=True)}

    async def _read_checkpoint(self) -> Checkpoint | None:
        """The checkpoint; None when there is none, or the graph is of another format."""
        if self._server.is_open:
            rows = await self._server.ask(statement_text("read.cypher", "get_checkpoint"))
        else:
            self._server.connect()
            rows, agent = await self._server.first(statement_text("read.cypher", "get_checkpoint"))
            _check_version(agent, self._target)
        self._found = Checkpoint(rows[0][0], rows[0][1]) if rows else None
        return self._found if rows and rows[0][2] == NEO4J_FORMAT else None

    async def _take(self, store_id: str) -> Checkpoint:
        """Make the database this store's, if it is free or may be cleared."""
        mine = self._found is not None and self._found.store_id == store_id
        if not (mine or self._target.replace):
            self._refuse(self._found, await self._server.ask(_read("any_node")))
        for statement in statements("schema.neo4j.cypher").values():
            await self._server.define(statement.text)
        await self._empty(store_id)
        return Checkpoint(store_id, 0)

    def _refuse(self, found: Checkpoint | None, nodes: Sequence[Sequence[str]]) -> None:
        if found is None and not nodes:
            return
        content = (
            f"nodes labelled {nodes[0][0]} that are not of this version of graphmem"
            if found is None
            else f"the graph of another store, {found.store_id}"
        )
        raise UsageError(
            f"{self._target} holds {content}: name another database, or add ?replace=1 to the URL "
            "to clear it"
        )

    async def _empty(self, store_id: str) -> None:
        """Remove what is ours in many small transactions. Until it is done the checkpoint says so:
        who is stopped in between begins anew at the next opening."""

        async def run(text: str, parameters: dict[str, Any]) -> list[list[Any]]:
            return await self._server.write(lambda tx: _run(tx, text, parameters))

        await run(write_text("claim_checkpoint"), {"store_id": store_id})
        for name in ("empty_edges", "empty_nodes"):
            while (await run(write_text(name), {"limit": _AT_ONCE}))[0][0]:
                continue
        await run(write_text("finish_checkpoint"), {"store_id": store_id, "format": NEO4J_FORMAT})


async def _run(
    tx: AsyncManagedTransaction, text: str, parameters: dict[str, Any]
) -> list[list[Any]]:
    result = await tx.run(text, parameters)
    return await result.values()


async def _prepare(
    tx: AsyncManagedTransaction, batch: ChangeBatch, known: Mapping[str, Mapping[str, str]]
) -> None:
    """Remove what is to be removed, and what edges the nodes had that are written anew."""
    if (reason := batch.stolen(known)) is not None:
        raise Rejected(reason)
    if batch.removes:
        await _run(tx, remove_text(), batch.removed)
    if known["facts"] or known["episodes"]:
        owners = {name: list(known[name]) for name in ("facts", "episodes")}
        await _run(tx, drop_text(), owners)


async def _put(
    tx: AsyncManagedTransaction, portions: Sequence[ParameterRows], applied_seq: int | None
) -> None:
    """Write portions; ``applied_seq`` with the last ones of a batch."""
    for rows in portions:
        await _run(tx, put_text(), rows)
    if applied_seq is not None:
        await _run(tx, write_text("move_checkpoint"), {"applied_seq": applied_seq})


def _link(row: Sequence[Any]) -> Link:
    return Link(row[0], tuple(json.loads(row[1])), *row[2:])


def _label(labels: Sequence[str]) -> str:
    """Ours, whatever labels others have put on a node too."""
    return next(label for label in NODES if label in labels)


def _check_version(agent: str, target: Neo4jTarget) -> None:
    version = re.fullmatch(r"Neo4j/(\d+)\.(\d+)[\w.+-]*", agent)
    if version is not None and tuple(map(int, version.groups())) < _OLDEST:
        raise UsageError(f"{target} is {agent}: graphmem needs Neo4j 5.26 or newer")


def _slow(timeout_s: float) -> UsageError:
    return UsageError(
        f"the query did not finish within {timeout_s:g} s: narrow it, or give it more time"
    )


def _query_error(error: Neo4jError) -> UsageError:
    """Why a query failed, without anything that the data held: once it runs, the server's message
    may quote the value that it stumbled on."""
    kind = str(error.code).rpartition(".")[2]
    if kind in _BEFORE_RUNNING:
        return UsageError(f"the graph does not accept this query: {error.message}")
    return UsageError(f"the query failed while it ran ({kind}): check its arithmetic and types")
