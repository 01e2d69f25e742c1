"""Whose memory a call is about. Callers name users; the stores know them by pseudonyms. Scopes are
translated on the way in, results on the way out."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, TypeVar, cast

from graphmem.engine.calls import current_actor
from graphmem.engine.checks import checked_projects
from graphmem.engine.event_loop import check_process
from graphmem.errors import NotFound, UsageError
from graphmem.model import (
    DEFAULT_PROJECT,
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
    scope_of,
)
from graphmem.ports.ledger import Ledger
from graphmem.text import plain

_T = TypeVar("_T")

SCOPE_NAMES = ("user_id", "agent_id", "run_id", "project_id")
_SCOPE_NAMES = frozenset(SCOPE_NAMES)
_OWNERS = ("user_id", "agent_id")
_MOST_KNOWN = 100_000
_wide_reads = logging.getLogger("graphmem.wide_reads")
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


@lru_cache(maxsize=1024)
def _as_named(scope: Scope, user_id: str) -> Scope:
    """A receipt of a long text has its scope in every fact."""
    return replace(scope, user_id=user_id)


class Scopes:
    """Makes the scopes of calls, and remembers the pseudonyms of users that it has met."""

    def __init__(
        self,
        ledger: Ledger,
        defaults: Mapping[str, str | None],
        *,
        user_name: str | None,
        actor: str | None,
        read_only: bool,
    ) -> None:
        """``defaults`` are the ids given on opening; ``user_name`` is what facts call that user;
        ``actor`` is recorded for calls that name none."""
        self.defaults = dict(defaults)
        self._ledger = ledger
        self._user_name = user_name
        self._usual_actor = actor
        self._read_only = read_only
        self.closed = False
        self.loop: asyncio.AbstractEventLoop | None = None
        """Where it was opened, and alone may be used: its locks and connections are of there."""
        self._pid = os.getpid()
        self._pseudonyms: dict[tuple[str, str], str] = {}
        """By project and name, of users stored or about to be."""
        self._stored: set[tuple[str, str]] = set()
        self._names: dict[str, str] = {}
        """By pseudonym and tenant, what they stand for."""

    def check_open(self) -> None:
        """Raise :class:`~graphmem.errors.UsageError` when the memory is closed, or belongs to
        another event loop or process."""
        self.check_not_closed()
        check_process(self._pid)
        if self.loop is not None and self.loop is not asyncio.get_running_loop():
            ended = ", which has ended" if self.loop.is_closed() else ""
            raise UsageError(
                f"this memory was opened in another event loop{ended}: open it in this one with "
                "open_memory, or use Memory, which any thread and any loop may call"
            )

    def check_not_closed(self) -> None:
        """The same, without a look at the event loop."""
        if self.closed:
            raise UsageError("this memory is closed; open it again")

    async def scope(self, given: Mapping[str, Any], *, new: bool = False) -> Scope:
        """The scope of a call, from its arguments and those of opening, with the user's pseudonym.
        ``new``: something will be stored in it, so an unknown user gets a pseudonym that is
        kept."""
        named = self.named_scope(given)
        if self._read_only:  # who holds the store may forget users, and meet them again
            self.forget_users()
        return await self._stored_scope(named, new=new)

    async def scopes(self, given: Mapping[str, Any]) -> list[Scope]:
        """The scopes of a read: one for each project that it names. Each project is read by
        itself."""
        rest, projects = self._projects(given)
        if projects is None:
            return [await self.scope(rest)]
        return [await self.scope({**rest, "project_id": one}) for one in projects]

    def _projects(self, given: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[str] | None]:
        """The scope arguments of a read without its projects; and those, without repeats."""
        if given.get("project_ids") is None:
            return {name: given[name] for name in given if name != "project_ids"}, None
        if given.get("project_id") is not None:
            raise UsageError("give project_id or project_ids, not both")
        rest = {name: given[name] for name in given if name not in ("project_id", "project_ids")}
        return rest, checked_projects(given["project_ids"])

    def any_given(self, given: Mapping[str, Any]) -> bool:
        """Whether the call, or the opening, gave any part of a scope."""
        return any(value is not None for value in (*self.defaults.values(), *given.values()))

    def has_owner(self, given: Mapping[str, Any]) -> bool:
        """Whether the call, or the opening, named a user or an agent."""
        sources = (given, self.defaults)
        return any(source.get(name) is not None for source in sources for name in _OWNERS)

    def project(self, given: Mapping[str, Any]) -> str:
        """The project of a call that may name no owner."""
        return self.named_scope({**given, "agent_id": "-", "run_id": None}).project_id

    def of_project(self, given: Mapping[str, Any]) -> bool:
        """Whether a call is about a whole project. A run without an owner is half a scope: a
        mistake, and not a wish for everybody's data."""
        runs = (source.get("run_id") for source in (given, self.defaults))
        return not self.has_owner(given) and all(run is None for run in runs)

    def note_wide(self, what: str) -> None:
        """Log to ``graphmem.wide_reads`` that a call reads more than one owner's memory, for
        whoever audits administrators."""
        if _wide_reads.isEnabledFor(logging.INFO):
            who = current_actor(self._usual_actor) or "whoever opened the store"
            _wide_reads.info("%s, by %s", what, who)

    async def scope_of(self, id: str, given: Mapping[str, Any]) -> Scope:
        """The scope of a call about one id. When no owner is given, it is that of the owner who has
        the id in the project; :class:`~graphmem.errors.NotFound` when nobody has it."""
        given, projects = self._projects(given)
        for one in projects or ():
            # Where it is; if nowhere, the last is asked like any other.
            given = {**given, "project_id": one}
            if await self._ledger.owners(id, self.project(given)):
                break
        if self.has_owner(given):
            return await self.scope(given)
        run = self.named_scope({**given, "agent_id": "-"}).run_id
        project = self.project(given)
        self.note_wide(f"{id} of whoever has it in the project {project}")
        found = await self._ledger.owners(id, project)
        if len(found) != 1:
            raise NotFound(f"nothing with the id {id!r} in the project {project!r}")
        (owner,) = found
        return self._met(owner.in_run(run))

    def named_scope(self, given: Mapping[str, Any], *, alone: bool = False) -> Scope:
        """The scope of a call with the user's name. ``alone`` leaves out what was given on
        opening."""
        self.check_open()
        if not given.keys() <= _SCOPE_NAMES:
            unknown = sorted(set(given) - _SCOPE_NAMES)
            raise UsageError(
                f"unknown argument {', '.join(unknown)}; beside its own arguments this call takes "
                f"those of a scope: {', '.join(SCOPE_NAMES)}"
            )
        values: dict[str, Any] = {"project_id": DEFAULT_PROJECT}
        for source in (dict[str, str | None]() if alone else self.defaults, given):
            for name, value in source.items():
                if value is not None:
                    values[name] = plain(value) if isinstance(value, str) else value
        right = all(type(value) is str for value in values.values())
        scope = scope_of(**values) if right else Scope(**values)
        named = self._user_name and scope.user_id == self.defaults.get("user_id")
        return scope.calling(str(self._user_name)) if named and scope.user_id else scope

    # Users

    async def _stored_scope(self, named: Scope, *, new: bool) -> Scope:
        """The scope with the user's pseudonym. An unknown user gets a fresh one; it is remembered
        only when (``new``) something will be stored under it."""
        if named.user_id is None:
            return named
        key = named.project_id, named.user_id
        known = self._pseudonyms.get(key)
        if known is None or (key not in self._stored and not new):
            found = await self._ledger.users(named.user_id, named.project_id)
            if found:
                known = found[0].pseudonym
                self._stored.add(key)
            elif known is None:
                # Another call may have given one while this one asked.
                known = self._pseudonyms.get(key) or uuid.uuid4().hex
            if found or new:
                self._remember(key, known, named)
        return named.under(known)

    def _met(self, scope: Scope) -> Scope:
        """Remember the name of a stored scope's user, so that results show it."""
        name = scope.user_name
        if scope.user_id is not None and name is not None and name != scope.user_id:
            named = Scope(scope.project_id, name, scope.agent_id, scope.run_id)
            self._remember((scope.project_id, name), scope.user_id, named)
        return scope

    async def renamed(self, scope: Scope) -> Scope:
        """The scope with the pseudonym that its user has now, after another process has changed
        it."""
        self.forget_users()
        name = scope.user_name
        named = Scope(scope.project_id, name, scope.agent_id, scope.run_id)
        return await self._stored_scope(named, new=True)

    def _remember(self, key: tuple[str, str], pseudonym: str, named: Scope) -> None:
        if len(self._pseudonyms) > _MOST_KNOWN:
            self.forget_users()
            self._names.clear()
        self._pseudonyms[key] = pseudonym
        self._names[pseudonym] = named.user_id or ""
        self._names[named.under(pseudonym).tenant] = named.tenant

    def forget_users(self) -> None:
        """Look every user up again: another process may have forgotten or added some."""
        self._pseudonyms.clear()
        self._stored.clear()

    def forget_user(self, name: str) -> None:
        """Drop the name and pseudonyms of a user who has been forgotten."""
        self.forget_users()
        of = {p for p, known in self._names.items() if known == name}
        gone = {t for t in self._names if t.rpartition(":")[2] in of}
        for one in of | gone:
            del self._names[one]

    def revealed(self, value: _T) -> _T:
        """A result with the names of users in place of their pseudonyms."""
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
            return value if name is None else _as_named(value, name)
        if kind is Context:
            return Context.of(str(value), self._revealed(value.citations), value.tokens)
        changes = {}
        for part in _PARTS.get(kind, ()):
            old = getattr(value, part)
            new = old if old is None else self._revealed(old)
            if new is not old:
                changes[part] = new
        return replace(value, **changes) if changes else value
