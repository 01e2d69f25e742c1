"""A small HTTP server that speaks the part of Qdrant's REST API that the adapter uses, over real
sockets, backed by the client's local mode.

It is stricter than local mode where a server is: collections that exist already or not at all,
filters by fields without an index (as in strict mode), the size of a request, the API key. And it
fails on demand: with a status, by dropping the connection, by never answering, by dying.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from qdrant_client import AsyncQdrantClient, models

MOST_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class Fault:
    """What to do instead of answering, for ``times`` requests whose name contains ``at``.

    ``how``: ``status``, ``drop`` (before the work), ``drop after`` (the work is done, nobody
    hears of it), ``hang``, ``die`` (as killed, before the work), ``die after``.
    """

    at: str
    how: str
    times: int = 1
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    body: str = '{"status": {"error": "not now"}, "time": 0}'
    skip: int = 0


class Refused(Exception):
    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class QdrantHttp:
    """``async with QdrantHttp() as server``: listens on a free port of this machine."""

    def __init__(self, version: str = "1.20.0", api_key: str | None = None) -> None:
        self.version = version
        self.api_key = api_key
        self.faults: list[Fault] = []
        self.asked: list[Asked] = []
        self.was_asked = asyncio.Event()
        self.indexed: dict[str, set[str]] = {}
        self.created: dict[str, dict[str, Any]] = {}
        self.port = 0
        self.connections = 0
        self._client = AsyncQdrantClient(":memory:")
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._never = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        await self._client.close()

    async def start(self) -> None:
        """Listen; after ``kill``, again on the same port with all that was stored."""
        self._never = asyncio.Event()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def kill(self) -> None:
        """Stop listening and cut every connection."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for writer in list(self._open):
            writer.transport.abort()
        self._never.set()
        if server is not None:
            await server.wait_closed()

    def count(self, at: str) -> int:
        return sum(at in asked.name for asked in self.asked)

    # -- HTTP ----------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first = await reader.readexactly(1)
        if first == b"\x16":  # the first byte of TLS
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return False
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        asked = Asked(method, parts.path, query, headers, body)
        self.asked.append(asked)
        self.was_asked.set()
        fault = self._fault(asked)
        how = fault.how if fault is not None else ""
        if how == "hang":
            await self._never.wait()
        if how in {"hang", "drop"}:
            return False
        if how == "die":
            asyncio.get_running_loop().call_soon(self._die)
            return False
        if fault is not None and how == "status":
            status, extra, text = fault.status, fault.headers, fault.body
        else:
            status, extra, text = await self._answer(asked)
        if how == "die after":
            self._die()
        if how in {"drop after", "die after"}:
            return False
        sent = text.encode()
        lines = [f"HTTP/1.1 {status} x", "Content-Type: application/json"]
        lines += [f"Content-Length: {len(sent)}", *(f"{k}: {v}" for k, v in extra.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode() + sent)
        await writer.drain()
        return True

    def _die(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    def _fault(self, asked: Asked) -> Fault | None:
        for fault in self.faults:
            if fault.at in asked.name and fault.times:
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
        return None

    async def _answer(self, asked: Asked) -> tuple[int, dict[str, str], str]:
        try:
            self._check_request(asked)
            result = await self._work(asked)
        except Refused as error:
            answer = {"status": {"error": str(error)}, "time": 0.0}
            return error.status, {}, json.dumps(answer)
        if asked.path == "/":
            return 200, {}, json.dumps(result)
        return 200, {}, json.dumps({"result": result, "status": "ok", "time": 0.0})

    def _check_request(self, asked: Asked) -> None:
        key = asked.headers.get("api-key")
        if self.api_key is not None and key != self.api_key:
            raise Refused(401, f"Invalid API key {key!r}")
        if len(asked.body) > MOST_BYTES:
            raise Refused(413, "Payload Too Large")

    # -- Qdrant --------------------------------------------------------------------------------

    async def _work(self, asked: Asked) -> Any:
        if asked.path == "/":
            return {"title": "qdrant - vector search engine", "version": self.version}
        found = re.fullmatch(r"/collections/([\w-]+)(/.*)?", asked.path)
        if found is None:
            raise Refused(404, f"nothing at {asked.path}")
        name, rest = found[1], found[2] or ""
        exists = await self._client.collection_exists(name)
        if rest == "/exists":
            return {"exists": exists}
        if (asked.method, rest) == ("PUT", ""):
            return await self._create(name, exists, asked)
        if (asked.method, rest) == ("DELETE", ""):
            self.indexed.pop(name, None)
            return await self._client.delete_collection(name)
        if not exists:
            raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
        routes: dict[tuple[str, str], Callable[[str, Asked], Awaitable[Any]]] = {
            ("PUT", "/index"): self._index,
            ("PUT", "/points"): self._upsert,
            ("POST", "/points"): self._retrieve,
            ("POST", "/points/batch"): self._batch,
            ("POST", "/points/payload"): self._payload,
            ("POST", "/points/query/batch"): self._query,
            ("POST", "/points/count"): self._count,
            ("POST", "/points/scroll"): self._scroll,
        }
        route = routes.get((asked.method, rest))
        if route is None:
            raise Refused(404, f"nothing at {asked.name}")
        try:
            return await route(name, asked)
        except ValueError as error:
            raise Refused(400, f"Wrong input: {error}") from error

    async def _create(self, name: str, exists: bool, asked: Asked) -> bool:
        if exists:
            raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
        wanted = models.CreateCollection.model_validate_json(asked.body)
        self.created[name] = json.loads(asked.body)
        self.indexed[name] = set()
        return await self._client.create_collection(
            name,
            vectors_config=wanted.vectors,
            sparse_vectors_config=wanted.sparse_vectors,
            metadata=wanted.metadata,
        )

    async def _index(self, name: str, asked: Asked) -> Any:
        wanted = models.CreateFieldIndex.model_validate_json(asked.body)
        self.indexed[name].add(wanted.field_name)
        with warnings.catch_warnings(action="ignore"):
            done = await self._client.create_payload_index(
                name, wanted.field_name, wanted.field_schema
            )
        return _plain(done)

    async def _upsert(self, name: str, asked: Asked) -> Any:
        _check_write(asked)
        wanted = models.PointsList.model_validate_json(asked.body)
        return _plain(await self._client.upsert(name, wanted.points))

    async def _batch(self, name: str, asked: Asked) -> Any:
        _check_write(asked)
        wanted = models.UpdateOperations.model_validate_json(asked.body)
        return _plain(await self._client.batch_update_points(name, wanted.operations))

    async def _payload(self, name: str, asked: Asked) -> Any:
        _check_write(asked)
        wanted = models.SetPayload.model_validate_json(asked.body)
        self._check_filter(name, wanted.filter)
        selected: Any = wanted.points if wanted.points is not None else wanted.filter
        return _plain(await self._client.set_payload(name, wanted.payload, points=selected))

    async def _retrieve(self, name: str, asked: Asked) -> Any:
        wanted = models.PointRequest.model_validate_json(asked.body)
        found = await self._client.retrieve(
            name,
            wanted.ids,
            with_payload=True if wanted.with_payload is None else wanted.with_payload,
            with_vectors=wanted.with_vector or False,
        )
        return _plain(found)

    async def _query(self, name: str, asked: Asked) -> Any:
        wanted = models.QueryRequestBatch.model_validate_json(asked.body)
        for search in wanted.searches:
            self._check_filter(name, search.filter)
            idf = search.params.idf if search.params is not None else None
            if idf is not None:
                assert self.version >= "1.19", "an older server passes over it"
                assert isinstance(idf, models.IdfCorpusParams)
                self._check_filter(name, idf.corpus)
        return _plain(await self._client.query_batch_points(name, wanted.searches))

    async def _count(self, name: str, asked: Asked) -> Any:
        wanted = models.CountRequest.model_validate_json(asked.body)
        self._check_filter(name, wanted.filter)
        return _plain(await self._client.count(name, wanted.filter, exact=bool(wanted.exact)))

    async def _scroll(self, name: str, asked: Asked) -> Any:
        wanted = models.ScrollRequest.model_validate_json(asked.body)
        self._check_filter(name, wanted.filter)
        records, following = await self._client.scroll(
            name,
            wanted.filter,
            limit=wanted.limit or 10,
            offset=wanted.offset,
            with_payload=bool(wanted.with_payload),
        )
        return {"points": _plain(records), "next_page_offset": following}

    def _check_filter(self, name: str, wanted: models.Filter | None) -> None:
        """As in strict mode: no filter by a field without an index."""
        if wanted is None:
            return
        for conditions in (wanted.must, wanted.must_not, wanted.should):
            for condition in conditions if isinstance(conditions, list) else []:
                if isinstance(condition, models.FieldCondition):
                    key = condition.key
                    if key not in self.indexed[name]:
                        raise Refused(400, f"Bad request: Index required but not found for {key}")


def _check_write(asked: Asked) -> None:
    if asked.query.get("wait") != "true":
        raise Refused(400, "the adapter did not wait for its write")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return json.loads(value.model_dump_json(exclude_none=True))
