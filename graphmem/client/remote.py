"""``AsyncRemoteMemory``: the methods of the API, each one a request to a server."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from graphmem.client import batches, files
from graphmem.client.calls import CALLS, FILES, Call
from graphmem.client.codec import CallBody, arguments, read_result, to_bytes
from graphmem.client.transport import Transport
from graphmem.clock import parse_when_or_none, stamp
from graphmem.errors import UsageError
from graphmem.ports.api import MemoryAPI
from graphmem.ports.api.arguments import When
from graphmem.ports.api.reads import ReadAPI, ViewAPI

_P = ParamSpec("_P")
_R = TypeVar("_R")
_BATCHED = frozenset({"add_many", "relate_many"})
ID_NAMES = ("user_id", "agent_id", "run_id", "project_id")


def remote(
    method: Callable[Concatenate[Any, _P], Coroutine[Any, Any, _R]],
) -> Callable[Concatenate[Any, _P], Coroutine[Any, Any, _R]]:
    """The twin of a method of the API that asks a server: same name, arguments and docstring."""
    call = CALLS[method.__name__]

    @functools.wraps(method)
    async def twin(self: _Remote, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        found: _R = await self._ask(call, args, kwargs)
        return found

    twin.__doc__ = inspect.getdoc(method)
    return twin


class _Remote:
    """What asks: a connection, the ids that go with every call, the moment that is asked about."""

    def __init__(self, transport: Transport, defaults: Mapping[str, str], at: CallBody) -> None:
        self._transport = transport
        self._defaults = defaults
        self._at = at

    async def _ask(self, call: Call, args: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
        progress = given.get("progress")
        if progress is not None and not callable(progress):
            raise UsageError(f"progress must be a function, got {type(progress).__name__}")
        if call.name in _BATCHED:
            return await batches.send_all(self._send, self._body, call, args, given)
        body = self._body(call, args, given)
        if call.name in FILES:
            bound = call.signature.bind(None, *args, **given).arguments
            return await files.carried(self._transport, call, body, bound[FILES[call.name]])
        return read_result(
            call, await self._send(call, body, progress), args or tuple(given.values())
        )

    def _body(self, call: Call, args: tuple[Any, ...], given: Mapping[str, Any]) -> CallBody:
        body = arguments(call, args, given)
        if body.get("all_scopes"):
            return body
        names = [name for name in self._defaults if name in call.hints]
        usual = {name: self._defaults[name] for name in names if body.get(name) is None}
        if body.get("project_ids") is not None:
            usual.pop("project_id", None)
        return {**body, **usual, **(self._at if call.read else {})}

    async def _send(
        self, call: Call, body: CallBody, progress: Callable[..., None] | None = None
    ) -> Any:
        path, content = f"/v1/{call.path}", to_bytes(body)
        if call.long:
            return await self._transport.follow(path, content, progress, repeatable=call.repeatable)
        return await self._transport.call(path, content, repeatable=call.repeatable)


class _RemoteReads(_Remote):
    """The reads, of a memory and of its views."""

    search = remote(ReadAPI.search)
    temporal_search = remote(ReadAPI.temporal_search)
    search_by_tags = remote(ReadAPI.search_by_tags)
    search_by_people = remote(ReadAPI.search_by_people)
    context = remote(ReadAPI.context)
    explain = remote(ReadAPI.explain)
    get = remote(ReadAPI.get)
    get_all = remote(ReadAPI.get_all)
    episode = remote(ReadAPI.episode)
    history = remote(ReadAPI.history)
    entities = remote(ReadAPI.entities)
    entity = remote(ReadAPI.entity)
    relations = remote(ReadAPI.relations)
    neighbours = remote(ReadAPI.neighbours)
    paths = remote(ReadAPI.paths)
    timeline = remote(ReadAPI.timeline)
    to_networkx = remote(ReadAPI.to_networkx)


class AsyncRemoteView(_RemoteReads, ViewAPI):
    """A memory of a server at a moment, to be read: see :meth:`AsyncRemoteMemory.as_of`."""

    def __init__(
        self,
        transport: Transport,
        defaults: Mapping[str, str],
        valid_at: datetime | None,
        known_at: datetime | None,
    ) -> None:
        if valid_at is None and known_at is None:
            raise UsageError("give valid_at, known_at or both: a view is of a moment")
        moments = {"valid_at": valid_at, "known_at": known_at}
        at = {name: stamp(moment) for name, moment in moments.items() if moment is not None}
        super().__init__(transport, defaults, at)
        self._moments = valid_at, known_at

    def __repr__(self) -> str:
        at = ", ".join(f"{name}={moment}" for name, moment in self._at.items())
        return f"<{type(self).__name__} of {self._transport.url}, {at}>"

    @property
    def valid_at(self) -> datetime | None:
        """The moment of the world's time; None for what held when it was known."""
        return self._moments[0]

    @property
    def known_at(self) -> datetime | None:
        """The moment whose knowledge counts; None for now."""
        return self._moments[1]

    cypher = remote(ViewAPI.cypher)


class AsyncRemoteMemory(_RemoteReads, MemoryAPI):
    """A memory that a server has (``graphmem serve``), for asynchronous code.

    ``url`` is where it answers; ``api_key`` goes with every request. The ids are defaults for every
    call, as for :func:`graphmem.open_memory`; ``actor`` is in whose name it writes. A request that
    may be made again is tried ``attempts`` times; ``timeout_s`` is how long the server may be
    silent. Every method is documented in :class:`~graphmem.ports.api.MemoryAPI`; an error is raised
    as the same class as by the engine.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        project_id: str | None = None,
        actor: str | None = None,
        timeout_s: float = 330.0,
        attempts: int = 4,
    ) -> None:
        ids = zip(ID_NAMES, (user_id, agent_id, run_id, project_id), strict=True)
        defaults = {name: value for name, value in (*ids, ("actor", actor)) if value is not None}
        transport = Transport(url, api_key, timeout_s=timeout_s, attempts=attempts)
        super().__init__(transport, defaults, {})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._transport.url}>"

    add = remote(MemoryAPI.add)
    add_many = remote(MemoryAPI.add_many)
    known_keys = remote(MemoryAPI.known_keys)
    add_document = remote(MemoryAPI.add_document)
    documents = remote(MemoryAPI.documents)
    remove_document = remote(MemoryAPI.remove_document)
    relate = remote(MemoryAPI.relate)
    relate_many = remote(MemoryAPI.relate_many)
    unrelate = remote(MemoryAPI.unrelate)
    update = remote(MemoryAPI.update)
    delete = remote(MemoryAPI.delete)
    delete_all = remote(MemoryAPI.delete_all)
    forget = remote(MemoryAPI.forget)
    erasures = remote(MemoryAPI.erasures)
    retention = remote(MemoryAPI.retention)
    set_retention = remote(MemoryAPI.set_retention)
    apply_retention = remote(MemoryAPI.apply_retention)
    undo = remote(MemoryAPI.undo)
    merge = remote(MemoryAPI.merge)
    unmerge = remote(MemoryAPI.unmerge)
    resume = remote(MemoryAPI.resume)
    flush = remote(MemoryAPI.flush)
    diff = remote(MemoryAPI.diff)
    cypher = remote(MemoryAPI.cypher)
    relation_types = remote(MemoryAPI.relation_types)
    declare_type = remote(MemoryAPI.declare_type)
    learn_types = remote(MemoryAPI.learn_types)
    why_not = remote(MemoryAPI.why_not)
    archive = remote(MemoryAPI.archive)
    restore = remote(MemoryAPI.restore)
    promote = remote(MemoryAPI.promote)
    sweep = remote(MemoryAPI.sweep)
    summary = remote(MemoryAPI.summary)
    consolidate = remote(MemoryAPI.consolidate)
    projects = remote(MemoryAPI.projects)
    users = remote(MemoryAPI.users)
    agents = remote(MemoryAPI.agents)
    runs = remote(MemoryAPI.runs)
    communities = remote(MemoryAPI.communities)
    update_run = remote(MemoryAPI.update_run)
    stats = remote(MemoryAPI.stats)
    get_user_stats = remote(MemoryAPI.get_user_stats)
    health = remote(MemoryAPI.health)
    verify = remote(MemoryAPI.verify)
    rebuild = remote(MemoryAPI.rebuild)
    backup = remote(MemoryAPI.backup)
    export = remote(MemoryAPI.export)
    import_ = remote(MemoryAPI.import_)

    def as_of(self, valid_at: When | None = None, known_at: When | None = None) -> AsyncRemoteView:
        at = parse_when_or_none(valid_at, name="valid_at")
        known = parse_when_or_none(known_at, name="known_at")
        return AsyncRemoteView(self._transport, self._defaults, at, known)

    as_of.__doc__ = inspect.getdoc(MemoryAPI.as_of)

    async def ping(self) -> None:
        """Whether the server answers, and the key is good: else the error that says why not."""
        await self._transport.ping()

    async def close(self) -> None:
        """End the connections. The server's memory stays open."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
