"""The policy of each memory type: when it expires, whether a sweep archives or promotes it, and
whether a search includes it by default. The setting ``memory_types`` changes this table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, TypeAlias, cast, get_args

from graphmem.errors import UsageError, shown
from graphmem.model import MemoryType

MEMORY_TYPES: tuple[MemoryType, ...] = get_args(MemoryType)
_LONGEST_DAYS = 36_600


@dataclass(frozen=True, slots=True)
class TypePolicy:
    """The policy of one type of memory.

    ``expires_after_days``: the default time-to-live, counted from the add; None for never.
    ``archives``, ``promotes``: whether a sweep may do so. ``searched``: whether search and
    context find it without a filter that names ``memory_type``.
    """

    expires_after_days: float | None = None
    archives: bool = False
    promotes: bool = False
    searched: bool = True

    def expiry(self, added_at: datetime) -> datetime | None:
        """The default expiry of something added at that time; None for never."""
        if self.expires_after_days is None:
            return None
        return added_at + timedelta(days=self.expires_after_days)


Policies: TypeAlias = Mapping[MemoryType, TypePolicy]

DEFAULT_POLICIES: Policies = MappingProxyType(
    {
        **dict.fromkeys(MEMORY_TYPES, TypePolicy()),
        "short_term": TypePolicy(expires_after_days=7, archives=True, promotes=True),
    }
)


def policies_of(changes: Mapping[str, Any]) -> Policies:
    """The default table with these changes: by type, the fields that differ.

    Raises :class:`~graphmem.errors.UsageError` for an unknown type or field, or a bad value.
    """
    if not changes:
        return DEFAULT_POLICIES
    made = dict(DEFAULT_POLICIES)
    for name, given in changes.items():
        if name not in made:
            known = ", ".join(MEMORY_TYPES)
            raise UsageError(f"memory type {shown(name)} is unknown; known are: {known}")
        made[name] = _changed(made[name], name, given)
    return MappingProxyType(made)


def unsearched(policies: Policies) -> tuple[MemoryType, ...]:
    """The types that a search leaves out unless its filter names them."""
    return tuple(kind for kind, policy in policies.items() if not policy.searched)


def _changed(policy: TypePolicy, name: str, given: object) -> TypePolicy:
    if not isinstance(given, Mapping):
        raise UsageError(f"the policy of {name} must be a mapping, got {shown(given)}")
    known = {field.name for field in fields(TypePolicy)}
    if unknown := sorted(set(map(str, given)) - known):
        raise UsageError(
            f"the policy of {name} has {', '.join(unknown)}; known are: {', '.join(sorted(known))}"
        )
    for field, value in given.items():
        if field == "expires_after_days":
            _check_days(value, name)
        elif not isinstance(value, bool):
            raise UsageError(f"{field} of {name} is true or false, got {shown(value)}")
    return replace(policy, **dict(given))


def _check_days(value: object, name: str) -> None:
    if value is None:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not 0 < cast(float, value) <= _LONGEST_DAYS:
        raise UsageError(
            f"expires_after_days of {name} is a number above 0 and up to {_LONGEST_DAYS:,}, or "
            f"null for never; got {shown(value)}"
        )
