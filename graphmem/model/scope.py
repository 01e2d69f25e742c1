"""Scopes: whose memory a call is about. The only place where a tenant is derived."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from graphmem.errors import UsageError
from graphmem.limits import SCOPE_ID_CHARACTERS

DEFAULT_PROJECT = "default"
_UNFIT = re.compile("[\x00-\x1f\ud800-\udfff]")


def tenant_prefix(project_id: str) -> str:
    """What the names of all tenants of a project begin with."""
    return project_id.replace("%", "%25").replace("/", "%2F") + "/"


class _Tenanted:
    """What is made of a scope's fields once, when it is made. These are no fields themselves, so
    they are neither compared nor stored."""

    __slots__ = ("called", "narrow_agent_id", "tenant", "user_name")
    tenant: str
    """``project/user:ada`` or ``project/agent:bot``; no two scopes share one by accident."""
    user_name: str | None
    """What the user is called: ``user_id``, unless that is a pseudonym and the name known."""
    called: str | None
    """What facts call the user: the name given when opening, else ``user_name``."""
    narrow_agent_id: str | None
    """The agent a read is narrowed to, if it is not already the owner."""


@dataclass(frozen=True, slots=True)
class Scope(_Tenanted):
    """Whose memory this is. ``tenant`` (project and owner) is never crossed; the rest narrows.

    The owner is the user when there is one, else the agent: what an agent remembers with a user
    belongs to that user, what it remembers alone belongs to itself.
    """

    project_id: str = DEFAULT_PROJECT
    user_id: str | None = None
    agent_id: str | None = None
    run_id: str | None = None

    def __post_init__(self) -> None:
        _check_id("project_id", self.project_id)
        for name in ("user_id", "agent_id", "run_id"):
            if (value := getattr(self, name)) is not None:
                _check_id(name, value)
        if self.user_id is None and self.agent_id is None:
            raise UsageError(
                "a scope needs a user_id or an agent_id: give one on the call or when opening"
            )
        kind, owner = ("user", self.user_id) if self.user_id else ("agent", self.agent_id)
        tenant = f"{tenant_prefix(self.project_id)}{kind}:{owner}"
        object.__setattr__(self, "tenant", tenant)
        object.__setattr__(self, "user_name", self.user_id)
        object.__setattr__(self, "called", self.user_id)
        object.__setattr__(self, "narrow_agent_id", self.agent_id if self.user_id else None)

    def __reduce__(self) -> tuple[type[Scope], tuple[str | None, ...]]:
        return Scope, (self.project_id, self.user_id, self.agent_id, self.run_id)

    def calling(self, name: str) -> Scope:
        """The same, whose user is called so in facts."""
        made = Scope(self.project_id, self.user_id, self.agent_id, self.run_id)
        object.__setattr__(made, "called", name or self.user_id)
        return made

    def under(self, pseudonym: str) -> Scope:
        """The same under a pseudonym, which is what is stored; the name is kept beside it."""
        made = Scope(self.project_id, pseudonym, self.agent_id, self.run_id)
        object.__setattr__(made, "user_name", self.user_name or pseudonym)
        object.__setattr__(made, "called", self.called or pseudonym)
        return made

    def in_run(self, run_id: str | None) -> Scope:
        """The same narrowed to a run."""
        if run_id is None:
            return self
        made = Scope(self.project_id, self.user_id, self.agent_id, run_id)
        object.__setattr__(made, "user_name", self.user_name)
        object.__setattr__(made, "called", self.user_name)
        return made

    def takes_in(self, other: Scope) -> bool:
        """Whether what belongs to ``other`` is shown to a read in this scope."""
        return (
            self.tenant == other.tenant
            and self.narrow_agent_id in (None, other.agent_id)
            and self.run_id in (None, other.run_id)
        )


@lru_cache(maxsize=1024)
def scope_of(
    project_id: str = DEFAULT_PROJECT,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
) -> Scope:
    """The same scope again: most of what is read or written together belongs to one."""
    return Scope(project_id, user_id, agent_id, run_id)


def tenant_scope(tenant: str, names: Mapping[str, str] = MappingProxyType({})) -> Scope:
    """The scope that a tenant's name stands for: see :attr:`Scope.tenant`. ``names`` are those of
    users by their pseudonyms."""
    project, _, owner = tenant.partition("/")
    kind, _, name = owner.partition(":")
    project = project.replace("%2F", "/").replace("%25", "%")
    if kind == "user" and name in names:
        return Scope(project, names[name]).under(name)
    return Scope(project, **{f"{kind}_id": name})


_FORGOTTEN = "forgotten"


def forgotten_tenant(id: str) -> str:
    """Where the events of a tenant stand once it has been forgotten, so that stores can follow: in
    no project of its own, under the user's pseudonym (an agent's gets an id for it)."""
    return Scope(_FORGOTTEN, id).tenant


def is_forgotten(tenant: str) -> bool:
    """Whether a tenant may be one that was forgotten, which had another name before."""
    return tenant.startswith(f"{_FORGOTTEN}/")


def _check_id(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text, got {type(value).__name__}")
    if value and not value.strip():
        raise UsageError(f"{name} must not be blank, got {value!r}")
    if not value or len(value) > SCOPE_ID_CHARACTERS:
        raise UsageError(
            f"{name} must have 1 to {SCOPE_ID_CHARACTERS} characters, got {len(value)}"
        )
    if _UNFIT.search(value):
        raise UsageError(f"{name} must not contain control characters or lone surrogates")
