"""Removes what must not be stored from a call's arguments, before anything else is done."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from graphmem.errors import UsageError
from graphmem.ports.api.arguments import AddArgs, RelateArgs, UpdateArgs
from graphmem.ports.redactor import Redactor

_T = TypeVar("_T")

_SHORT = 10_000  # characters; more are searched off the event loop
_KEPT = frozenset(
    {
        "id", "role", "type", "occurred_at", "valid_at", "invalid_at", "expires_at", "modality",
        "memory_type", "actor", "extraction", "user_id", "agent_id", "run_id", "project_id",
    }
)  # fmt: skip
"""Names of values that are not redacted: they say how to store, not what. In metadata the names are
the caller's, and say nothing."""
_OWN = "metadata"
_NAMES = _KEPT.union(
    *(args.__annotations__ for args in (AddArgs, RelateArgs, UpdateArgs)),
    ("content", "name", "text"),
)
"""Names of options and of what a message has, which are no text of anybody's."""


class Redaction:
    """All redactors of a memory; without any, nothing changes."""

    def __init__(self, redactors: Sequence[Redactor] = ()) -> None:
        for one in redactors:
            if not callable(one):
                raise UsageError(f"a redactor is a function, got {type(one).__name__}")
        self._redactors = tuple(redactors)

    async def apply(self, value: _T) -> tuple[_T, Counter[str]]:
        """The value with ``[redacted KIND]`` in place of what was found, and the number of finds by
        kind.

        Texts inside lists and mappings, and keys, are searched too, but for the names of options. A
        redactor that fails is a :class:`~graphmem.errors.UsageError` that does not show the text;
        nothing is stored then.
        """
        counts: Counter[str] = Counter()
        if not self._redactors:
            return value, counts
        try:
            if _size(value) < _SHORT:
                return self._any(value, counts), counts
            return await asyncio.to_thread(self._any, value, counts), counts
        except RecursionError as error:
            raise UsageError("what was given is too deep; nothing was stored") from error

    def _any(self, value: Any, counts: Counter[str], kept: Set[str] = _KEPT) -> Any:
        if isinstance(value, str):
            return self._text(value, counts)
        if isinstance(value, Mapping):
            return {
                key if kept and key in _NAMES else self._any(key, counts): item
                if key in kept
                else self._any(item, counts, frozenset() if key == _OWN else kept)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            done = [self._any(item, counts, kept) for item in value]
            return done if isinstance(value, list) else tuple(done)
        if is_dataclass(value) and not isinstance(value, type):
            texts = {f.name: getattr(value, f.name) for f in fields(value) if f.name not in _KEPT}
            given = {name: text for name, text in texts.items() if isinstance(text, str)}
            return replace(value, **{name: self._text(t, counts) for name, t in given.items()})
        return value

    def _text(self, text: str, counts: Counter[str]) -> str:
        found: list[tuple[int, int, str]] = []
        for redactor in self._redactors:
            try:
                found += [(int(start), int(end), str(kind)) for kind, start, end in redactor(text)]
            except Exception as error:  # noqa: BLE001 - whoever wrote it may raise anything
                raise UsageError(
                    f"a redactor failed ({type(error).__name__}): nothing was stored"
                ) from None
        if not all(0 <= start <= end <= len(text) for start, end, _ in found):
            raise UsageError("a redactor failed (it found what is not there): nothing was stored")
        parts, at = [], 0
        for start, end, kind in sorted(found, key=lambda one: (one[0], -one[1])):
            if end <= max(start, at):
                continue
            if start >= at:
                parts += [text[at:start], f"[redacted {kind}]"]
                counts[kind] += 1
            at = end
        return "".join((*parts, text[at:])) if parts else text


def _size(value: Any) -> int:
    """The approximate number of characters."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_size(key) + _size(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return 0
