"""The arguments of calls checked: each function returns the value, or raises
:class:`~graphmem.errors.UsageError` with what would be right."""

from __future__ import annotations

import inspect
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from graphmem import limits
from graphmem.errors import UsageError, shown
from graphmem.filters import Where
from graphmem.filters.tree import FALSE
from graphmem.ingest import make_episode
from graphmem.model import HitKind
from graphmem.retrieve.view import of_kind
from graphmem.text import redacted

_LONGEST_QUERY_S = 10_000_000
_MOST_PARTS = 1000


def checked_text(value: object, name: str) -> str:
    """A text that can be looked up: an id or a name."""
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{name} must be text, got {shown(value)}")
    return make_episode.check_text(value, name, limits.LOOKUP_BYTES, remedy="shorten it")


def checked_text_or_none(value: object, name: str) -> str | None:
    """The same; None stays None."""
    return None if value is None else checked_text(value, name)


def checked_keys(values: object) -> list[str]:
    """A list of idempotency keys, without repeats."""
    if isinstance(values, str | bytes) or not isinstance(values, Collection):
        raise UsageError(f"keys must be a list of text, got {type(values).__name__}")
    return list(dict.fromkeys(make_episode.check_key(value) for value in values))


def checked_projects(values: object) -> list[str]:
    """The project names of a read, without repeats."""
    names: list[str] = []
    if isinstance(values, Collection) and not isinstance(values, str | bytes | Mapping):
        texts = [one for one in values if isinstance(one, str)]
        names = list(dict.fromkeys(texts)) if len(texts) == len(values) else []
    if not 1 <= len(names) <= limits.PROJECTS:
        raise UsageError(
            f"project_ids is a list of the names of 1 to {limits.PROJECTS} projects, got "
            f"{shown(values)}"
        )
    return names


def checked_flag(value: object, name: str) -> None:
    """Refuse everything but True and False: 1 and "yes" are mistakes."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} is True or False, got {shown(value)}")


def checked_place(value: object, name: str) -> Path:
    """The absolute path of a file or folder on this machine."""
    if not isinstance(value, str | os.PathLike):
        raise UsageError(f"a {name} is text or a path, got {type(value).__name__}")
    text = os.fspath(value)
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise UsageError(f"{shown(value)} names no {name}")
    if "://" in text:
        raise UsageError(f"{shown(redacted(text))} is a URL: give a {name} of this machine")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise UsageError(f"{shown(text)} names no {name}: it holds a lone surrogate") from None
    return limits.check_path(Path(text).expanduser().absolute())


def checked_progress(value: object, arguments: int) -> None:
    """Refuse what cannot be called with this number of arguments; None is allowed. Without this
    check the first call of ``progress`` would fail after something has been stored."""
    if value is None:
        return
    if not callable(value):
        raise UsageError(f"progress must be a function, got {type(value).__name__}")
    try:
        inspect.signature(value).bind(*range(arguments))
    except ValueError as error:  # one in C, which does not say
        if isinstance(value, type):  # it makes something, of other arguments
            raise UsageError(f"progress must be a function, got the class {value}") from error
    except TypeError as error:
        raise UsageError(
            f"progress is called with {arguments} argument{'s' * (arguments > 1)}: {error}"
        ) from error


def _whole(value: object, what: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise UsageError(f"{what} a whole number from {least} to {most:,}, got {shown(value)}")
    return value


def checked_limit(value: object) -> int:
    """The largest number of results."""
    return _whole(value, "a limit is", 1, limits.RESULTS)


def checked_parts(value: object) -> int | None:
    """The number of parts that ``verify`` divides a store into; None for the whole store at
    once."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_PARTS:
        raise UsageError(
            f"part_of must be a whole number from 1 to {_MOST_PARTS}, got {shown(value)}"
        )
    return value


def checked_offset(value: object) -> int:
    """The number of results to skip."""
    return _whole(value, "an offset is", 0, limits.RESULTS)


def checked_share(value: object, name: Literal["min_score", "threshold"]) -> float:
    """A number from 0 to 1: the least score or similarity of a hit."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    zero = "always hits" if name == "min_score" else "all hits"
    raise UsageError(f"{name} is a number from 0 ({zero}) to 1, got {shown(value)}")


def checked_budget(value: object) -> int:
    """The number of hits to look at for a context of this many tokens."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f"budget_tokens must be a whole number, got {shown(value)}")
    if value < 1:
        raise UsageError(f"budget_tokens must be at least 1, got {shown(value)}")
    return max(10, min(200, value // 10))


def checked_hops(value: object) -> int:
    """The number of steps that a walk through the graph may take."""
    return _whole(value, "hops are", 1, 10)


def checked_kinds(kinds: Sequence[HitKind], where: Where | None) -> tuple[HitKind, ...]:
    """The kinds of hits asked for, without repeats, and without those that the filter rules out."""
    if (
        isinstance(kinds, str)
        or not isinstance(kinds, Sequence)
        or any(not isinstance(kind, str) or kind not in ("fact", "turn") for kind in kinds)
        or not kinds
    ):
        raise UsageError(f"kinds must be a list of fact and turn, got {shown(kinds)}")
    distinct = tuple(dict.fromkeys(kinds))
    if where is None:
        return distinct
    return tuple([kind for kind in distinct if of_kind(where, kind) != FALSE])


def checked_query(
    query: str, parameters: Mapping[str, Any] | None, timeout_s: float, max_bytes: int
) -> tuple[str, Mapping[str, Any]]:
    """The text of a Cypher query, and its parameters."""
    text = make_episode.check_text(query, "query", max_bytes, remedy=limits.SHORTER_OR_MORE)
    if parameters is not None and not isinstance(parameters, Mapping):
        raise UsageError(f"parameters must be a mapping, got {shown(parameters)}")
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float):
        raise UsageError(f"timeout_s must be a number of seconds, got {shown(timeout_s)}")
    if not timeout_s <= _LONGEST_QUERY_S:
        raise UsageError(f"timeout_s must be at most {_LONGEST_QUERY_S:,} seconds")
    limits.check_parameters(parameters or {}, max_bytes)
    return text, parameters or {}
