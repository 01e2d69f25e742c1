"""Whom a call is about and who makes it. Users by name outside, by pseudonym inside: what calls
give is turned into what is stored, and what they return back. Who writes is what a call gives as
``actor``, else what was given on opening."""

from __future__ import annotations

import contextvars
import functools
import inspect
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from graphmem.ingest.make_episode import checked_name
from graphmem.model import (
    Change,
    Citation,
    Community,
    Context,
    Decision,
    Difference,
    Entity,
    Episode,
    Explanation,
    Fact,
    Hit,
    Listing,
    Moment,
    Page,
    Path,
    Receipt,
    RetentionRule,
    Scope,
    SearchResult,
    Step,
    Subgraph,
    Table,
)
from graphmem.off_loop import off_loop
from graphmem.ports import arguments
from graphmem.ports.ledger import UserBook

_P = ParamSpec("_P")
_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

_MOST_KNOWN = 100_000
_MANY = 100
"""Decisions of a receipt, from which users are named in it beside the event loop."""
_PARTS: Mapping[type, tuple[str, ...]] = {
    RetentionRule: ("user_id",),
    Fact: ("scope",),
    Episode: ("scope",),
    Entity: ("tenant",),
    Community: ("entities",),
    Listing: ("items",),
    Hit: ("fact",),
    SearchResult: ("hits", "seeds"),
    Citation: ("hit",),
    Explanation: ("hit", "fact", "about", "history"),
    Change: ("before", "after"),
    Decision: ("before", "after"),
    Receipt: ("decisions",),
    Step: ("source", "target"),
    Path: ("steps",),
    Subgraph: ("entities",),
    Moment: ("fact",),
    Difference: ("fact",),
    Page: ("items",),
    Table: ("rows",),
}
"""Where in what calls return a user may be."""


class Pseudonyms:
    """The pseudonyms that this process has met."""

    def __init__(self, users: UserBook) -> None:
        self._users = users
        self._by_name: dict[tuple[str, str], str] = {}
        self._stored: set[tuple[str, str]] = set()
        self._names: dict[str, str] = {}
        """By pseudonym and tenant, what they stand for."""

    async def scope(self, named: Scope, *, new: bool) -> Scope:
        """The scope as it is stored. Somebody who is not known yet gets a pseudonym that is kept
        only when (``new``) something is going to be stored under it."""
        if named.user_id is None:
            return named
        key = named.project_id, named.user_id
        known = self._by_name.get(key)
        if known is None or (key not in self._stored and not new):
            found = await self._users.users(named.user_id, named.project_id)
            if found:
                known = found[0].pseudonym
                self._stored.add(key)
            elif known is None:
                # Another call may have given one while this one asked.
                known = self._by_name.get(key) or uuid.uuid4().hex
            if found or new:
                self._remember(key, known, named)
        return named.under(known)

    def met(self, scope: Scope) -> Scope:
        """A scope as it is stored, whose user is called by name in what comes of it."""
        name = scope.user_name
        if scope.user_id is not None and name is not None and name != scope.user_id:
            named = Scope(scope.project_id, name, scope.agent_id, scope.run_id)
            self._remember((scope.project_id, name), scope.user_id, named)
        return scope

    async def renamed(self, scope: Scope) -> Scope:
        """A scope under the pseudonym that its user has by now."""
        self.forget()
        name = scope.user_name
        named = Scope(scope.project_id, name, scope.agent_id, scope.run_id)
        return await self.scope(named, new=True)

    def _remember(self, key: tuple[str, str], pseudonym: str, named: Scope) -> None:
        if len(self._by_name) > _MOST_KNOWN:
            self.forget()
            self._names.clear()
        self._by_name[key] = pseudonym
        self._names[pseudonym] = named.user_id or ""
        self._names[named.under(pseudonym).tenant] = named.tenant

    def forget(self) -> None:
        """Ask anew who they are: they may have been forgotten, and met again, meanwhile."""
        self._by_name.clear()
        self._stored.clear()

    def forget_user(self, name: str) -> None:
        """Keep nothing of a user who has been forgotten."""
        self.forget()
        of = {p for p, known in self._names.items() if known == name}
        gone = {t for t in self._names if t.rpartition(":")[2] in of}
        for one in of | gone:
            del self._names[one]

    def revealed(self, value: _T) -> _T:
        """A result with users by their names."""
        return cast(_T, self._revealed(value)) if self._names else value

    def _revealed(self, value: Any) -> Any:
        kind = type(value)
        if kind is str:
            return self._names.get(value, value)
        if kind in (list, tuple):
            return kind([self._revealed(item) for item in value])
        if kind is dict:
            return {key: self._revealed(item) for key, item in value.items()}
        if kind is Scope:
            name = self._names.get(value.user_id)
            return value if name is None else replace(value, user_id=name)
        if kind is Context:
            return Context.of(str(value), self._revealed(value.citations), value.tokens)
        changes = {}
        for part in _PARTS.get(kind, ()):
            old = getattr(value, part)
            new = old if old is None else self._revealed(old)
            if new is not old:
                changes[part] = new
        return replace(value, **changes) if changes else value


class Reveals(Protocol):
    """What knows the pseudonyms of its results."""

    _pseudonyms: Pseudonyms


_inside: contextvars.ContextVar[bool] = contextvars.ContextVar("graphmem_inside", default=False)


def revealing(method: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
    """A method of the API that returns users by name; called by another such, by pseudonym."""

    @functools.wraps(method)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        if _inside.get():
            return await method(*args, **kwargs)
        token = _inside.set(True)
        try:
            found = await method(*args, **kwargs)
        finally:
            _inside.reset(token)
        revealed = partial(cast(Reveals, args[0])._pseudonyms.revealed, found)
        if isinstance(found, Receipt) and len(found.decisions) > _MANY:
            return await off_loop(revealed)
        return revealed()

    return call


def signed_as(promised: Callable[..., Any]) -> Callable[[_F], _F]:
    """For a method that passes its options on: it shows the signature that the API promises."""

    def sign(method: _F) -> _F:
        method.__signature__ = inspect.signature(promised)  # type: ignore[attr-defined]
        return method

    return sign


_actor: contextvars.ContextVar[str | None] = contextvars.ContextVar("graphmem_actor", default=None)


def current_actor(usual: str | None) -> str | None:
    """The actor of the call that is running, else the usual one."""
    return _actor.get() or usual


def takes_actor(promised: Callable[..., Any]) -> bool:
    """Whether a method of the API changes something in somebody's name."""
    options = getattr(promised, "__annotations__", {})
    kinds = (options.get(name, "") for name in ("scope", "options"))
    names = (str(one).removeprefix("Unpack[").removesuffix("]") for one in kinds)
    return any("actor" in getattr(arguments, name, dict).__annotations__ for name in names if name)


def acting(method: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
    """A method whose changes are made in the name that its call gives."""

    @functools.wraps(method)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> Awaitable[_T]:
        given = kwargs.pop("actor", None)
        if given is None:
            return method(*args, **kwargs)
        return _in_the_name_of(checked_name(given, "actor"), method(*args, **kwargs))

    return call


async def _in_the_name_of(actor: str, made: Awaitable[_T]) -> _T:
    token = _actor.set(actor)
    try:
        return await made
    finally:
        _actor.reset(token)
