"""Organisations, projects, members, keys and limits; and who a key stands for on a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Literal, Self, get_args

from graphmem.clock import stamp_or_none, unstamp, unstamp_or_none
from graphmem.errors import UsageError, shown
from graphmem.limits import WHOLE_NUMBER
from graphmem.ports.access import Grant

Role = Literal["reader", "writer", "owner", "administrator"]
"""Each may do what the ones before it may. An administrator belongs to no organisation and works on
the whole store; the others see nothing but their own organisation."""
ROLES: tuple[Role, ...] = get_args(Role)
MEMBER_ROLES: tuple[Role, ...] = ROLES[:3]
EVERYWHERE = ""
"""The organisation of an administrator's key."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked; None is no limit. ``burst`` calls may come at once; without it those
    of one second, at least one. ``memories`` counts the episodes that are stored."""

    calls_per_minute: int | None = None
    burst: int | None = None
    calls_per_day: int | None = None
    tokens_per_day: int | None = None
    memories: int | None = None

    def __post_init__(self) -> None:
        for name in _LIMITS:
            value = getattr(self, name)
            least = 1 if name in {"calls_per_minute", "burst"} else 0
            whole = type(value) is int and least <= value <= WHOLE_NUMBER
            if value is not None and not whole:
                raise UsageError(f"{name} is a whole number from {least}, got {shown(value)}")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        if unknown := sorted(set(data) - set(_LIMITS)):
            known = ", ".join(_LIMITS)
            raise UsageError(f"unknown limits: {', '.join(unknown)}; known are {known}")
        return cls(**data)

    def to_json(self) -> dict[str, int]:
        return {n: value for n in _LIMITS if (value := getattr(self, n)) is not None}

    def within(self, others: Limits) -> Limits:
        """Each of them as it is here or in ``others``, where that is less."""
        mine, theirs = self.to_json(), others.to_json()
        return Limits(
            **mine | {name: min(mine.get(name, most), most) for name, most in theirs.items()}
        )


_LIMITS = tuple(one.name for one in fields(Limits))


@dataclass(frozen=True, slots=True)
class Organisation:
    """``closed_at``: none of its keys is good any more; its name stays taken."""

    name: str
    created_at: datetime
    closed_at: datetime | None = None
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(cls, grant: Grant) -> Self:
        body = grant.body
        return cls(
            grant.id,
            unstamp(body["created_at"]),
            unstamp_or_none(body.get("closed_at")),
            Limits.from_json(body.get("limits", {})),
        )

    def grant(self) -> Grant:
        times = {"created_at": self.created_at, "closed_at": self.closed_at}
        body = {**_stamped(times), "limits": self.limits.to_json()}
        return Grant("organisation", self.name, self.name, None, body)


@dataclass(frozen=True, slots=True)
class OrganisationProject:
    """A project by the name that its organisation has for it. ``project_id`` is where its memories
    are stored, which no two projects share."""

    organisation: str
    name: str
    project_id: str
    created_at: datetime

    @classmethod
    def of(cls, grant: Grant) -> Self:
        at = unstamp(grant.body["created_at"])
        return cls(grant.organisation, grant.id, grant.about or "", at)

    def grant(self) -> Grant:
        body = _stamped({"created_at": self.created_at})
        return Grant("project", self.organisation, self.name, self.project_id, body)


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who belongs to an organisation. A key of theirs can do what their role can now."""

    id: str
    organisation: str
    name: str
    role: Role
    created_at: datetime

    @classmethod
    def of(cls, grant: Grant) -> Self:
        at = unstamp(grant.body["created_at"])
        return cls(grant.id, grant.organisation, grant.about or "", grant.body["role"], at)

    def grant(self) -> Grant:
        body = {**_stamped({"created_at": self.created_at}), "role": self.role}
        return Grant("member", self.organisation, self.id, self.name, body)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key as it is stored: never the secret, only its digest, which is not shown. ``role`` is its
    own, or for a key of a member the most that it can do.

    ``calls`` and ``last_used_at`` are filled in where keys are listed.
    """

    id: str
    organisation: str
    name: str
    role: Role
    created_at: datetime
    digest: str = field(repr=False)
    read_only: bool = False
    member_id: str | None = None
    project: str | None = None
    user_id: str | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    limits: Limits = field(default_factory=Limits)
    calls: int = 0
    last_used_at: datetime | None = None

    @classmethod
    def of(cls, grant: Grant) -> Self:
        body = dict(grant.body)
        for name in ("created_at", "expires_at", "revoked_at"):
            body[name] = unstamp_or_none(body.get(name))
        body["limits"] = Limits.from_json(body.get("limits", {}))
        return cls(grant.id, grant.organisation, user_id=grant.about, **body)

    def grant(self) -> Grant:
        times = {name: getattr(self, name) for name in ("created_at", "expires_at", "revoked_at")}
        plain = ("name", "role", "digest", "read_only", "member_id", "project")
        body = {name: getattr(self, name) for name in plain}
        body |= {**_stamped(times), "limits": self.limits.to_json()}
        return Grant("key", self.organisation, self.id, self.user_id, body)

    def good(self, now: datetime) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    def shown(self) -> dict[str, Any]:
        """What may be told of it: all but the digest."""
        names = [one.name for one in fields(self) if one.name not in {"digest", "limits"}]
        return {**{name: getattr(self, name) for name in names}, "limits": self.limits.to_json()}


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made. ``secret`` is the key itself, which nobody can read again."""

    secret: str = field(repr=False)
    key: AccessKey = field()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as its key says. ``project`` and ``user_id`` are what the key is limited to; None
    is every project, and every user, of the organisation."""

    key_id: str
    key_name: str
    organisation: str
    role: Role
    read_only: bool = False
    project: str | None = None
    user_id: str | None = None
    member: str | None = None
    limits: Limits = field(default_factory=Limits)
    organisation_limits: Limits = field(default_factory=Limits)
    expires_at: datetime | None = None

    @property
    def administrator(self) -> bool:
        """Whether it may work on the whole store, and belongs to no organisation."""
        return self.role == "administrator"

    @property
    def actor(self) -> str:
        """In whose name it writes, as history shows it."""
        return f"key:{self.key_id}"


@dataclass(frozen=True, slots=True)
class Allowance:
    """A call that was let in, and what is left: ``remaining`` of ``limit`` calls, full again in
    ``reset_s`` seconds. None where there is no limit. ``memories`` is how many it may add where
    that is limited: they count until the call is recorded."""

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None
    memories: int = 0


def _stamped(times: Mapping[str, datetime | None]) -> dict[str, str | None]:
    return {name: stamp_or_none(moment) for name, moment in times.items()}
