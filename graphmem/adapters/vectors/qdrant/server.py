"""The calls to one Qdrant server: retried, bounded in size, and failing with graphmem errors."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import httpx
from qdrant_client import AsyncQdrantClient, models

from graphmem.adapters.vectors.qdrant import errors as failures
from graphmem.adapters.vectors.qdrant import requests
from graphmem.adapters.vectors.qdrant.checkpoint import CHECKPOINT_ID, QdrantCheckpoint
from graphmem.adapters.vectors.qdrant.url import QdrantOptions
from graphmem.errors import Rejected, UsageError
from graphmem.ports.vectors import COLLECTIONS, Collection, Point
from graphmem.proxies import as_the_environment_says

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

_OLDEST = (1, 12)
_METADATA_SINCE = (1, 16)
_PAGE = 2000
_CONNECTIONS = 32

# Through the shard's permanent leader: processes that talk to different nodes of a cluster still
# write in one order.
_ORDERED = models.WriteOrdering.STRONG


class QdrantServer:
    """One server and one prefix. ``client`` is used instead of a new one, and left open."""

    def __init__(
        self,
        options: QdrantOptions,
        api_key: str | None,
        sleep: Callable[[float], Awaitable[None]],
        client: AsyncQdrantClient | None = None,
    ) -> None:
        self.place = options.address
        self.options = options
        self.version = (0, 0)
        self._key = api_key
        self._sleep = sleep
        self._own = client is None
        self._client = client if client is not None else _client(options, api_key)

    async def greet(self) -> None:
        """Learn the server's version. :class:`~graphmem.errors.Rejected` when it is too old."""
        reported = (await self._ask(self._client.info)).version
        found = re.match(r"v?(\d+)\.(\d+)", reported or "")
        # A server that reports no version is treated like the oldest.
        self.version = (int(found[1]), int(found[2])) if found else _OLDEST
        if self.version < _OLDEST:
            raise Rejected(
                f"Qdrant at {self.place} is version {reported}: at least "
                f"{_OLDEST[0]}.{_OLDEST[1]} is needed"
            )

    async def close(self) -> None:
        if not self._own:
            return
        try:
            await self._client.close()
        except Exception as error:  # noqa: BLE001
            # The connection is given up either way; what it held is already on the server.
            _log.warning("closing the connection to %s: %s", self.place, error)

    # -- the checkpoint
    # ------------------------------------------------------------------------------

    async def checkpoint(self) -> QdrantCheckpoint | None:
        """The checkpoint, read in one request; None when there is none."""
        found = await self._ask_unless(
            failures.is_missing,
            lambda: self._client.retrieve(
                self._name("checkpoint"), [CHECKPOINT_ID], with_payload=True
            ),
        )
        return QdrantCheckpoint.parse(found[0].payload, self.place) if found else None

    async def write_checkpoint(self, checkpoint: QdrantCheckpoint) -> None:
        """Write the checkpoint whole, whatever was there."""
        point = models.PointStruct(
            id=CHECKPOINT_ID, vector={"none": [0.0]}, payload=checkpoint.payload()
        )
        await self._ask(
            lambda: self._client.upsert(
                self._name("checkpoint"), [point], wait=True, ordering=_ORDERED
            )
        )

    async def move_checkpoint(self, checkpoint: QdrantCheckpoint, **changed: Any) -> None:
        """Change the checkpoint in one step, but only while it is of the epoch of
        ``checkpoint``."""
        ours = models.Filter(
            must=[
                models.HasIdCondition(has_id=[CHECKPOINT_ID]),
                requests.is_value("epoch", checkpoint.epoch),
            ]
        )
        await self._ask(
            lambda: self._client.set_payload(
                self._name("checkpoint"), changed, points=ours, wait=True, ordering=_ORDERED
            )
        )

    async def make_checkpoint_collection(self) -> None:
        """Make the collection for the checkpoint if it is missing. :class:`UsageError` if there is
        one of that name with points, which graphmem did not make."""
        name = self._name("checkpoint")
        if await self._exists(name):
            counted = await self._ask(lambda: self._client.count(name, exact=True))
            if counted.count:
                raise self.foreign([name])
        else:
            plain = models.VectorParams(size=1, distance=models.Distance.DOT)
            await self._create(
                name,
                vectors_config={"none": plain},
                shard_number=1,
                **requests.copies(self.options),
            )
        await self._index(name, "epoch", models.PayloadSchemaType.KEYWORD)

    # -- collections ---------------------------------------------------------------------------

    async def existing(self) -> list[str]:
        """The names of the collections of points that exist."""
        names = [self._name(kind) for kind in COLLECTIONS]
        there = await asyncio.gather(*(self._exists(name) for name in names))
        return [name for name, exists in zip(names, there, strict=True) if exists]

    async def make_collections(self, checkpoint: QdrantCheckpoint, *, afresh: bool) -> None:
        """Make the collections that are missing; with ``afresh``, remove existing ones first."""
        described = (
            {"metadata": checkpoint.description()} if self.version >= _METADATA_SINCE else {}
        )
        config = requests.collection(
            checkpoint.size, self.options, corpus_idf=checkpoint.corpus_idf
        )
        indexes = requests.index_requests(self.version, corpus_idf=checkpoint.corpus_idf)
        for kind in COLLECTIONS:
            name = self._name(kind)
            if afresh:
                await self._delete(name)
            if afresh or not await self._exists(name):
                await self._create(name, **config, **described)
            for field, schema in indexes.items():
                await self._index(name, field, schema)

    def foreign(self, names: Sequence[str]) -> UsageError:
        return UsageError(
            f"Qdrant at {self.place} has {', '.join(names)}, which graphmem did not make and will "
            "not touch: choose another name with ?prefix=NAME"
        )

    # -- points --------------------------------------------------------------------------------

    async def write(
        self, kind: Collection, removed: Sequence[str], batch: Sequence[Point], with_terms: bool
    ) -> None:
        for changes in requests.operations(removed, batch, with_terms=with_terms):
            await self._ask(
                partial(
                    self._client.batch_update_points,
                    self._name(kind),
                    changes,
                    wait=True,
                    ordering=_ORDERED,
                )
            )

    async def query(
        self, kind: Collection, batch: Sequence[models.QueryRequest]
    ) -> list[models.QueryResponse]:
        return await self._ask(lambda: self._client.query_batch_points(self._name(kind), batch))

    async def count(self, kind: Collection, seen: models.Filter) -> int:
        found = await self._ask(
            lambda: self._client.count(self._name(kind), count_filter=seen, exact=True)
        )
        return found.count

    async def ids(self, kind: Collection, tenant: str | None) -> set[str]:
        seen = None if tenant is None else requests.inside(tenant)
        found: set[str] = set()
        offset: Any = None
        while True:
            page, offset = await self._ask(
                partial(
                    self._client.scroll,
                    self._name(kind),
                    scroll_filter=seen,
                    limit=_PAGE,
                    offset=offset,
                    with_payload=False,
                    with_vectors=False,
                )
            )
            found.update(str(record.id) for record in page)
            if offset is None:
                return found

    async def differing(
        self, kind: Collection, points: Sequence[Point], *, with_terms: bool
    ) -> set[str]:
        """The ids of points that are missing on the server, or different there."""
        found: set[str] = set()
        for start in range(0, len(points), _PAGE):
            some = points[start : start + _PAGE]
            records = await self._ask(
                partial(
                    self._client.retrieve,
                    self._name(kind),
                    [point.id for point in some],
                    with_payload=True,
                    with_vectors=True,
                )
            )
            found |= requests.differing(some, records, with_terms=with_terms)
        return found

    # -- one call ------------------------------------------------------------------------------

    def _name(self, kind: str) -> str:
        return f"{self.options.prefix}_{kind}"

    async def _exists(self, name: str) -> bool:
        return await self._ask(lambda: self._client.collection_exists(name))

    async def _create(self, name: str, **config: Any) -> None:
        """Create a collection. It may exist already: made by another process, or by a request whose
        answer was lost."""
        await self._ask_unless(
            failures.already_exists, lambda: self._client.create_collection(name, **config)
        )

    async def _delete(self, name: str) -> None:
        await self._ask_unless(failures.is_missing, lambda: self._client.delete_collection(name))

    async def _index(self, name: str, field: str, schema: Any) -> None:
        await self._ask(
            lambda: self._client.create_payload_index(
                name, field, field_schema=schema, wait=True, ordering=_ORDERED
            )
        )

    async def _ask_unless(
        self, expected: Callable[[BaseException], bool], ask: Callable[[], Awaitable[_T]]
    ) -> _T | None:
        """The answer, with retries; None when it fails as ``expected``."""

        async def once() -> _T | None:
            try:
                return await ask()
            except Exception as error:
                if expected(error):
                    return None
                raise

        return await self._ask(once)

    async def _ask(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """The answer, with retries."""

        async def once() -> _T:  # a coroutine function, which is what is retried
            return await ask()

        return await failures.asking(
            once,
            place=self.place,
            key=self._key,
            timeout_s=self.options.timeout,
            sleep=self._sleep,
        )


def _client(options: QdrantOptions, api_key: str | None) -> AsyncQdrantClient:
    if api_key and not options.secure and not options.local:
        _log.warning(
            "the API key goes to %s unencrypted: use https where others may listen",
            options.address,
        )
    # A server on this machine is not reached through a proxy.
    extra: dict[str, Any] = {}
    if options.local:
        extra = {"trust_env": False, "grpc_options": {"grpc.enable_http_proxy": 0}}
    most = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
    with as_the_environment_says(options.address):
        return AsyncQdrantClient(
            url=options.address,
            grpc_port=options.grpc_port,
            prefer_grpc=options.grpc,
            timeout=options.timeout,
            # As a header: given the key, the client warns of http even for a local server.
            headers={"api-key": api_key} if api_key else None,
            # ``greet`` checks the version itself.
            check_compatibility=False,
            limits=most,
            **extra,
        )
