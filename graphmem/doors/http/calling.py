"""One call for whoever a key stands for: may they, where, is there room; then the call; then what
is noted of it. The rules are those of :mod:`graphmem.access`."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final, TypeVar

from graphmem.access import Allowance, Principal
from graphmem.client.calls import Call
from graphmem.client.codec import to_bytes
from graphmem.client.transport import EVENTS
from graphmem.doors.http.state import ServerState
from graphmem.engine.checks import checked_limit, checked_offset, checked_projects
from graphmem.errors import (
    BackendError,
    Conflict,
    Unavailable,
    UsageError,
)
from graphmem.limits import RESULTS
from graphmem.model import (
    DEFAULT_PROJECT,
    DocumentReceipt,
    Listing,
    Receipt,
    ScopeCount,
    tenant_prefix,
)
from graphmem.off_loop import off_loop
from graphmem.portability.imports import episodes_in
from graphmem.wiring.access import administration_of

_log = logging.getLogger("graphmem.server")
_SCOPE: Final[tuple[str, ...]] = ("user_id", "agent_id", "run_id", "project_id")
_T = TypeVar("_T")
_ITEMS: Final = ("contents", "rows")
_TARGETS = ("fact_id", "episode_id", "entity_id", "id", "document", "run", "erasure_id")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, from where, in which request; what the projects of their calls are called, by
    where these are stored."""

    principal: Principal
    address: str
    request_id: str
    places: dict[str, str] = field(default_factory=dict)


async def admitted(
    served: ServerState, caller: Caller, call: Call, values: dict[str, Any]
) -> tuple[dict[str, Any], Allowance]:
    """The arguments of a call as this caller may make it, once there is room for it.

    Raises what :class:`~graphmem.access.Access` does; nothing was done then.
    """
    access, principal = served.access, caller.principal
    access.authorize(principal, call.name, [name for name, value in values.items() if value])
    if "user_id" in call.hints:
        values = await _scoped(served, caller, values)
        for item in _own_options(values):
            await _narrow(served, caller, item)
    if "actor" in call.hints:
        for given in (values, *_own_options(values)):
            if given is values or given.get("actor") is not None:
                given["actor"] = _signed(given.get("actor"), principal)
    brought = await _brought(principal, call, values)
    return values, await access.admit(principal, call.name, memories=brought)


async def _scoped(served: ServerState, caller: Caller, values: dict[str, Any]) -> dict[str, Any]:
    asked = {name: values[name] for name in _SCOPE if name in values}
    rest = {name: value for name, value in values.items() if name not in _SCOPE}
    if (several := rest.get("project_ids")) is not None:
        if asked.get("project_id") is not None:
            raise UsageError("give project_id or project_ids, not both")
        names = checked_projects(several)
        rest["project_ids"] = await served.access.projects_of(caller.principal, asked, names)
        user = await served.access.scope_of(caller.principal, {**asked, "project_id": names[0]})
        return {**rest, **user, "project_id": None}
    scope = await served.access.scope_of(caller.principal, asked)
    return {**rest, **scope}


async def _narrow(served: ServerState, caller: Caller, item: dict[str, Any]) -> None:
    """An item of many may name a scope of its own: it is asked for like that of the call, which
    holds for what an item leaves out, or has as null."""
    for name in [name for name in _SCOPE if name in item and item[name] is None]:
        del item[name]
    own = {n: item[n] for n in _SCOPE if isinstance(item.get(n), str)}
    if not own.keys() & {"project_id", "user_id"}:
        return
    scope = await served.access.scope_of(caller.principal, own)
    if "project_id" not in own:  # that of the call holds, which was looked up already
        scope.pop("project_id", None)
    item.update(scope)


def scope_asked(values: Mapping[str, Any]) -> dict[str, str | None]:
    """Whose memories a call is about; empty where its items say that themselves."""
    if any(name in item for item in _own_options(values) for name in _SCOPE):
        return {}
    return {name: values.get(name) for name in _SCOPE}


def _own_options(values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The options that items of a call carry themselves."""
    for name in _ITEMS:
        items = values.get(name)
        if isinstance(items, list):
            yield from (item for item in items if isinstance(item, dict))


def _signed(actor: object, principal: Principal) -> Any:
    """In whose name: what was given, and by whose key."""
    if isinstance(actor, str) and actor.strip():
        return f"{actor} ({principal.actor})"
    return principal.actor if actor is None else actor


async def _brought(principal: Principal, call: Call, values: Mapping[str, Any]) -> int:
    """How many episodes a call would add; of a file, which is read for it, only where that is
    limited."""
    if call.name == "import_":
        limits = principal.limits, principal.organisation_limits
        if all(one.memories is None for one in limits):
            return 0
        return await off_loop(partial(episodes_in, values["file"]))
    items = next((values[name] for name in _ITEMS if name in values), None)
    return len(items) if isinstance(items, list) else 1


def _added(found: Any) -> int:
    """How many it did add."""
    if isinstance(found, Receipt):
        return int(found.status != "duplicate")
    if isinstance(found, DocumentReceipt):
        return found.new
    return found if isinstance(found, int) else 0


async def ended_in_time(served: ServerState, call: Call, work: Awaitable[_T]) -> _T:
    """What comes of a call whose progress nobody is told; :class:`~graphmem.errors.Unavailable`
    when it takes too long."""
    limit_s = served.settings.server_timeout_s
    try:
        async with asyncio.timeout(limit_s):
            return await work
    except TimeoutError:
        raise Unavailable(
            f"{call.path} took longer than {limit_s:g} seconds and was ended; at /v1/{call.path} "
            f"with Accept: {EVENTS} there is no such limit"
        ) from None


async def perform(
    served: ServerState,
    caller: Caller,
    call: Call,
    given: dict[str, Any],
    *,
    progress: Callable[..., None] | None = None,
    allowed: Callable[[Allowance, dict[str, Any]], None] | None = None,
) -> Any:
    """Make a call as the caller may, and note it, whatever becomes of it. ``allowed`` is told what
    is left to the caller, and the arguments that the call is made with."""
    with naming_no_place(caller.request_id, administrator=caller.principal.administrator):
        return await _performed(served, caller, call, given, progress=progress, allowed=allowed)


async def _performed(
    served: ServerState,
    caller: Caller,
    call: Call,
    given: dict[str, Any],
    *,
    progress: Callable[..., None] | None,
    allowed: Callable[[Allowance, dict[str, Any]], None] | None,
) -> Any:
    outcome, found, scope, reserved = "done", None, given, 0
    target = next((str(given[name]) for name in _TARGETS if given.get(name) is not None), None)
    try:
        values, allowance = await admitted(served, caller, call, given)
        scope, reserved = values, allowance.memories
        if not caller.principal.administrator:
            caller.places.update(_places(caller.principal, given, values))
        if allowed is not None:
            allowed(allowance, values)
        asked = served.of_moment(values) if call.read else served.memory
        if progress is not None and call.reports:
            values["progress"] = progress
        if call.name == "projects" and not caller.principal.administrator:
            found = await _own_projects(served, caller.principal, values)
        else:
            found = await getattr(asked, call.name)(**values)
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        await served.access.record(
            caller.principal,
            call.name,
            address=caller.address,
            outcome=outcome,
            scope={name: scope.get(name) for name in _SCOPE},
            target=target or getattr(found, "episode_id", None),
            tokens_in=getattr(found, "tokens_in", 0) if isinstance(found, Receipt) else 0,
            tokens_out=getattr(found, "tokens_out", 0) if isinstance(found, Receipt) else 0,
            memories=_added(found),
            reserved=reserved,
        )
    return found


@contextmanager
def naming_no_place(request_id: str, *, administrator: bool) -> Iterator[None]:
    """What a store says of itself names hosts and files: an administrator is told it, anybody else
    where to look."""
    try:
        yield
    except BackendError as error:
        if not administrator and not isinstance(error, Conflict):
            _log.error("request %s failed: %s", request_id, error)
            where = f"the server's log has {request_id}"
            again = ": try again in a moment" if error.retryable else ""
            error.args = (f"the server's store failed{again} ({where})",)
        raise


def _places(
    principal: Principal, given: Mapping[str, Any], values: Mapping[str, Any]
) -> dict[str, str]:
    if (several := values.get("project_ids")) is not None:
        return dict(zip(several, checked_projects(given["project_ids"]), strict=True))
    stored = values.get("project_id")
    name = given.get("project_id") or principal.project or DEFAULT_PROJECT
    return {stored: name} if isinstance(stored, str) else {}


def in_own_names(body: bytes, caller: Caller) -> bytes:
    """A result with each project, by where it is stored, by the name that its organisation has for
    it. In JSON, a quotation mark within a text is escaped: what is replaced here is never part of
    one. All at once: where one is stored may be another's name."""
    places: dict[bytes, bytes] = {}
    for stored, name in caller.places.items():
        for key, before, after in (
            ("project_id", stored, name),
            ("tenant", tenant_prefix(stored), tenant_prefix(name)),
        ):
            end = "" if key == "tenant" else '"'
            was, now = (f'"{key}": {to_bytes(one).decode()[:-1]}{end}' for one in (before, after))
            places[was.encode()] = now.encode()
    if not places:
        return body
    found = re.compile(b"|".join(map(re.escape, places)))
    return found.sub(lambda match: places[match[0]], body)


async def _own_projects(
    served: ServerState, principal: Principal, values: dict[str, Any]
) -> Listing[ScopeCount]:
    """The projects of an organisation, by the names that it has for them."""
    limit, offset = checked_limit(values.get("limit", 100)), checked_offset(values.get("offset", 0))
    own = await administration_of(served.memory).projects(
        principal.organisation, principal=principal
    )
    names = {project.project_id: project.name for project in own}
    # A user sees where they are themselves, not how much there is of others.
    whose = {n: values[n] for n in ("user_id", "agent_id", "run_id") if values.get(n) is not None}
    everything: list[ScopeCount] = []
    for place in names if whose else [None]:  # somebody is counted in one project at a time
        everything += await served.memory.projects(limit=RESULTS, project_id=place, **whose)
    everything.sort(key=lambda it: (it.last_at, it.id), reverse=True)
    items = [replace(it, id=names[it.id]) for it in everything if it.id in names]
    part = tuple(items[offset : offset + limit])
    return Listing(part, len(items), offset)
