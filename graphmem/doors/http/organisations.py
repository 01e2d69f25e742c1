"""What owners look after through the server: their members, keys and projects; what was used, and
who did what. Administrators name the organisation (``?organisation=``)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from graphmem.access import Administration, Limits, Organisation, Principal
from graphmem.access.administration import MOST_ENTRIES
from graphmem.client.codec import json_body
from graphmem.clock import parse_when_or_none
from graphmem.doors.http.answering import identified, rate_headers
from graphmem.doors.http.calling import Caller
from graphmem.doors.http.state import ServerState
from graphmem.errors import UsageError, shown
from graphmem.limits import WHOLE_NUMBER
from graphmem.model import to_json
from graphmem.ports.access import AuditQuery, KeyUse
from graphmem.wiring.access import administration_of

_CSV: Final = "text/csv"
_IN_PATH = re.compile(r"{(\w+)}")
_KEY_FIELDS: Final = {
    **dict.fromkeys(("name", "role", "member", "project", "user_id", "expires_at"), "string"),
    "read_only": "boolean",
    "limits": "object",
}
Work = Callable[[Administration, str | None, "Asked"], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: who asks, and the values of its path, its query and its body, by name."""

    served: ServerState
    principal: Principal
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]

    def only(self, *names: str) -> dict[str, Any]:
        """The body, which may have these and nothing else."""
        if unknown := sorted(self.body.keys() - {*names}):
            raise UsageError(f"unknown: {', '.join(unknown)}; known are {', '.join(names)}")
        return {name: value for name, value in self.body.items() if value is not None}

    def time(self, name: str) -> datetime | None:
        return parse_when_or_none(self.query.get(name) or self.body.get(name), name=name)

    def number(self, name: str, most: int) -> int | None:
        """A number from 1 to ``most``, or None where none is given."""
        text = self.query.get(name)
        if text is None:
            return None
        plain = text.isascii() and text.isdigit() and len(text) < 20
        if not plain or not 1 <= int(text) <= most:
            raise UsageError(f"{name} is a whole number from 1 to {most:,}, got {shown(text)}")
        return int(text)


@dataclass(frozen=True, slots=True)
class _Route:
    """A method of the table of roles: its address, and the query and body that it takes."""

    method: str
    verb: str
    path: str
    work: Work
    query: tuple[str, ...] = ()
    body: Mapping[str, str] = field(default_factory=dict)
    """By name the JSON type."""
    needed: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """For the OpenAPI document, which cannot know it otherwise."""
        text = {"type": "string"}
        names = [(name, "path") for name in _IN_PATH.findall(self.path)]
        names += [(name, "query") for name in ("organisation", *self.query)]
        more: dict[str, Any] = {
            "parameters": [
                {"name": name, "in": place, "required": place == "path", "schema": text}
                for name, place in names
            ]
        }
        if self.body:
            shape = {
                "type": "object",
                "properties": {name: {"type": [kind, "null"]} for name, kind in self.body.items()},
                "required": list(self.needed),
            }
            content = {"application/json": {"schema": shape}}
            more["requestBody"] = {"required": bool(self.needed), "content": content}
        return more


_ROUTES: list[_Route] = []
_NAME = {"name": "string"}
_ROLE = {"role": "string"}
_LIMITS = {"limits": "object"}
_AUDIT_QUERY = ("since", "until", "key", "method", "changes", "before", "limit")


def _route(verb: str, path: str, **more: Any) -> Callable[[Work], Work]:
    """Add the function as a route, for the method of the API that has the function's name."""

    def add(work: Work) -> Work:
        _ROUTES.append(_Route(work.__name__.lstrip("_"), verb, path, work, **more))
        return work

    return add


def add_access_routes(app: FastAPI, served: ServerState) -> None:
    """Add the routes."""
    for route in _ROUTES:
        _add_route(app, served, route)


def _add_route(app: FastAPI, served: ServerState, route: _Route) -> None:
    async def endpoint(request: Request) -> Response:
        caller = await identified(served, request)
        return await answer_access(served, caller, route.method, route.work, request)

    answers: dict[str, Any] = {"application/json": {"schema": {}}}
    if route.method == "usage":
        answers[_CSV] = {"schema": {"type": "string"}}
    app.add_api_route(
        f"/v1/access/{route.path}",
        endpoint,
        methods=[route.verb],
        name=f"access {route.method}",
        operation_id=f"access_{route.method}",
        summary=(route.work.__doc__ or "").partition("\n")[0],
        tags=["access"],
        response_class=Response,
        response_model=None,
        responses={200: {"description": "What was asked for.", "content": answers}},
        openapi_extra=route.described(),
    )


async def answer_access(
    served: ServerState, caller: Caller, method: str, work: Work, request: Request
) -> Response:
    access, principal, outcome, found = served.access, caller.principal, "done", None
    try:
        access.authorize(principal, method)
        allowance = await access.admit(principal, method)
        body = await _body(request)
        asked = Asked(served, principal, request.path_params, request.query_params, body)
        ours = principal.organisation or request.query_params.get("organisation")
        found = await work(administration_of(served.memory), ours, asked)
    except BaseException as error:
        outcome = type(error).__name__
        raise
    finally:
        made = found.get("id") if isinstance(found, dict) else getattr(found, "id", None)
        target = request.path_params.get("key") or made
        await access.record(
            principal, method, address=caller.address, outcome=outcome, target=target
        )
    headers = rate_headers(allowance)
    if isinstance(found, str):
        return Response(found, headers=headers, media_type=_CSV)
    return JSONResponse(to_json(found), headers=headers)


async def _body(request: Request) -> Mapping[str, Any]:
    raw = await request.body()
    if not raw:
        return {}
    if b"\\u0000" in raw:
        raise UsageError("a NUL has no place in a name: leave \\u0000 out")
    found = json_body(raw)
    if not isinstance(found, dict):
        raise UsageError("the body is a JSON object")
    return found


def _named(ours: str | None) -> str:
    if ours is None:
        raise UsageError("an administrator names the organisation: ?organisation=NAME")
    return ours


def _text(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        raise UsageError(f"{name} is a text, and needed")
    return value


def _limits(values: Mapping[str, Any]) -> Limits:
    limits = values.get("limits", {})
    if not isinstance(limits, dict):
        raise UsageError("limits are an object")
    return Limits.from_json(limits)


@_route("GET", "organisations")
async def _organisations(over: Administration, _: str | None, __: Asked) -> Any:
    """All organisations of the store, with their limits. For administrators."""
    return [_as_json(one) for one in await over.organisations()]


@_route("POST", "organisations", body=_NAME | _LIMITS, needed=("name",))
async def _add_organisation(over: Administration, _: str | None, asked: Asked) -> Any:
    """Make an organisation, with a project `default`. For administrators."""
    given = asked.only("name", "limits")
    return _as_json(await over.add_organisation(_text(given, "name"), limits=_limits(given)))


@_route("PUT", "organisations/{name}", body=_LIMITS, needed=("limits",))
async def _set_limits(over: Administration, _: str | None, asked: Asked) -> Any:
    """Set its limits, in the place of those before. For administrators."""
    return _as_json(await over.set_limits(asked.path["name"], _limits(asked.only("limits"))))


@_route("DELETE", "organisations/{name}")
async def _close_organisation(over: Administration, _: str | None, asked: Asked) -> Any:
    """Let none of its keys be good any more. For administrators."""
    return _as_json(await over.close_organisation(asked.path["name"]))


def _as_json(one: Organisation) -> dict[str, Any]:
    times = {"created_at": one.created_at, "closed_at": one.closed_at}
    return {"name": one.name, **times, "limits": one.limits.to_json()}


@_route("GET", "whoami")
async def _whoami(_: Administration, ours: str | None, asked: Asked) -> Any:
    """Who the key of this call stands for."""
    one = asked.principal
    return {
        "organisation": ours,
        "role": one.role,
        "key": {"id": one.key_id, "name": one.key_name},
        "member": one.member,
        "project": one.project,
        "user_id": one.user_id,
        "read_only": one.read_only,
        "limits": one.limits.to_json(),
        "organisation_limits": one.organisation_limits.to_json(),
    }


@_route("GET", "keys")
async def _keys(over: Administration, ours: str | None, _: Asked) -> Any:
    """The keys of the organisation, or of administrators: never the keys themselves."""
    return [key.shown() for key in await over.keys(ours)]


@_route("POST", "keys", body=_KEY_FIELDS)
async def add_key(over: Administration, ours: str | None, asked: Asked) -> Any:
    """Make a key; it is in this answer, and nowhere else."""
    given = asked.only(*_KEY_FIELDS)
    given["expires_at"] = asked.time("expires_at")
    if type(given.get("read_only", False)) is not bool:
        raise UsageError("read_only is true or false")
    for name in {"role", "member", "project", "user_id"} & given.keys():
        _text(given, name)
    made = await over.add_key(
        ours,
        _text({"name": "key"} | given, "name"),
        principal=asked.principal,
        limits=_limits(given),
        **{n: v for n, v in given.items() if n not in {"name", "limits"}},
    )
    return {**made.key.shown(), "key": made.secret}


@_route("DELETE", "keys/{key}")
async def _revoke_key(over: Administration, ours: str | None, asked: Asked) -> Any:
    """Let a key be good no more, from the next call on."""
    return (await over.revoke_key(ours, asked.path["key"])).shown()


@_route("GET", "members")
async def _members(over: Administration, ours: str | None, _: Asked) -> Any:
    """The members of the organisation."""
    return await over.members(_named(ours))


@_route("POST", "members", body=_NAME | _ROLE, needed=("name",))
async def _add_member(over: Administration, ours: str | None, asked: Asked) -> Any:
    """Take somebody in."""
    given = asked.only("name", "role")
    role: Any = given.get("role", "writer")
    return await over.add_member(_named(ours), _text(given, "name"), role)


@_route("PUT", "members/{name}", body=_ROLE, needed=("role",))
async def _set_role(over: Administration, ours: str | None, asked: Asked) -> Any:
    """Say what a member may do from now on."""
    role: Any = _text(asked.only("role"), "role")
    return await over.set_role(_named(ours), asked.path["name"], role)


@_route("DELETE", "members/{name}")
async def _remove_member(over: Administration, ours: str | None, asked: Asked) -> Any:
    """Let somebody go; their keys are revoked."""
    return await over.remove_member(_named(ours), asked.path["name"])


@_route("GET", "projects")
async def _projects(over: Administration, ours: str | None, asked: Asked) -> Any:
    """The projects that the key may work in, by name."""
    found = await over.projects(_named(ours), principal=asked.principal)
    return [{"name": one.name, "created_at": one.created_at} for one in found]


@_route("POST", "projects", body=_NAME, needed=("name",))
async def _add_project(over: Administration, ours: str | None, asked: Asked) -> Any:
    """Give the organisation one more project."""
    made = await over.add_project(_named(ours), _text(asked.only("name"), "name"))
    return {"name": made.name, "created_at": made.created_at}


@_route("GET", "webhooks")
async def _webhooks(over: Administration, ours: str | None, _: Asked) -> Any:
    """The webhooks of the organisation, without their secrets."""
    return [hook.shown() for hook in await over.webhooks(_named(ours))]


@_route("POST", "webhooks", body={"url": "string", "news": "array"}, needed=("url",))
async def _add_webhook(over: Administration, ours: str | None, asked: Asked) -> Any:
    """Tell an address of what is added, changed and forgotten; the secret is in this answer."""
    given = asked.only("url", "news")
    news = given.get("news", [])
    if not isinstance(news, list) or not all(isinstance(one, str) for one in news):
        raise UsageError("news is a list of texts")
    hosts = asked.served.settings.webhook_hosts
    made = await over.add_webhook(_named(ours), _text(given, "url"), news, hosts=hosts)
    return {**made.shown(), "secret": made.secret}


@_route("DELETE", "webhooks/{webhook}")
async def _remove_webhook(over: Administration, ours: str | None, asked: Asked) -> Any:
    """Tell it nothing any more."""
    return (await over.remove_webhook(_named(ours), asked.path["webhook"])).shown()


@_route("GET", "usage", query=("since", "until", "key", "format"))
async def _usage(over: Administration, ours: str | None, asked: Asked) -> Any:
    """What keys were used for, by day and method (`format=csv`)."""
    period = {name: asked.time(name) for name in ("since", "until")}
    found = await over.usage(ours, **period, key_id=asked.query.get("key"))
    form = asked.query.get("format", "json")
    if form not in {"json", "csv"}:
        raise UsageError(f"usage is told as json or csv, not as {shown(form)}")
    if form == "json":
        return found
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([one.name for one in fields(KeyUse)])
    writer.writerows([to_json(value) for value in asdict(use).values()] for use in found)
    return text.getvalue()


@_route("GET", "audit", query=_AUDIT_QUERY)
async def _audit(over: Administration, ours: str | None, asked: Asked) -> Any:
    """Who did what, the newest first; `before` is the `n` of the last one of the page before."""
    changes = asked.query.get("changes", "").lower() in {"1", "true", "yes"}
    query = AuditQuery(
        ours,
        asked.time("since"),
        asked.time("until"),
        asked.query.get("key"),
        asked.query.get("method"),
        changes or None,
        asked.number("before", WHOLE_NUMBER),
        asked.number("limit", MOST_ENTRIES) or 100,
    )
    return await over.audit(query)
