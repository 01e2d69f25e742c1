"""The limits on what comes in: how much, how deep, how large, for every door.

What passes can be held by every store. The rest is refused before the journal, since what is
journalled stays. ``docs/formats.md`` shows this table to readers, and a test compares the two.
Times are checked in :mod:`graphmem.clock`.
"""

from __future__ import annotations

import errno
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from graphmem.errors import UsageError, shown

TEXT_BYTES: Final = 16 * 1024 * 1024
"""What ``GRAPHMEM_MAX_TEXT_BYTES`` can be raised to: the graph in a file takes no longer text."""
SPLIT_OR_MORE: Final = "split it into several adds, or raise GRAPHMEM_MAX_TEXT_BYTES"
SHORTER_OR_MORE: Final = "shorten it, or raise GRAPHMEM_MAX_TEXT_BYTES"
"""What to do about a text over the limit that this setting is; other limits stay as they are."""
MESSAGE_COUNT: Final = 20_000
MESSAGES_RATIO: Final = 4
"""Messages with everything in them (pictures, names, ids) may be so many times the longest text."""
NAME_BYTES: Final = 512
"""Of a speaker, a role, a message's id, a tag and an idempotency key."""
TAG_COUNT: Final = 100
SCOPE_ID_CHARACTERS: Final = 256
LOOKUP_BYTES: Final = 4096
"""Of an id or a name that is looked up."""
RELATED_NAME_CHARACTERS: Final = 200
RELATION_TYPE_CHARACTERS: Final = 100
RELATED_FACT_BYTES: Final = 8192
METADATA_BYTES: Final = 64 * 1024
METADATA_DEPTH: Final = 100
METADATA_VALUES: Final = 2000
METADATA_KEY_CHARACTERS: Final = 256
WHOLE_NUMBER: Final = 2**63 - 1
"""The largest, and below zero the smallest but one."""
FILTER_CHARACTERS: Final = 20_000
FILTER_DEPTH: Final = 50
FILTER_TESTS: Final = 200
FILTER_VALUES: Final = 2000
FILTER_VALUE_CHARACTERS: Final = 4096
PARAMETER_DEPTH: Final = 100
PARAMETER_VALUES: Final = 100_000
RESULTS: Final = 10_000
PROJECTS: Final = 20
"""Projects that one read may name: it is as much work as that many reads."""
IMPORTED_TEXT_BYTES: Final = 64 * 1024 * 1024
"""Of a file that is read whole."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def check_path(path: Path) -> Path:
    """A path of a length that the system allows, whether it exists or not."""
    try:
        path.lstat()
    except OSError as error:  # what else is wrong with it, whoever opens it learns
        if error.errno == errno.ENAMETOOLONG:
            raise UsageError(
                f"{shown(str(path))} cannot be used: it is longer than a path can be here"
            ) from None
    return path


def check_name(text: str, name: str) -> str:
    """A text of one line (a name, a role, a tag), without control characters."""
    if found := _CONTROL.search(text):
        raise UsageError(
            f"{name} has a control character ({found[0]!r} at {found.start()}); remove it"
        )
    return text


def check_whole_number(value: int, name: str) -> int:
    """A whole number that fits every store."""
    if abs(value) > WHOLE_NUMBER:
        raise UsageError(
            f"{name}: a whole number may have 64 bits (up to {WHOLE_NUMBER:,}); keep a longer one "
            "as text"
        )
    return value


def checked_metadata(metadata: object) -> dict[str, Any]:
    """Metadata as plain JSON data, or a :class:`~graphmem.errors.UsageError`."""
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise UsageError(f"metadata must be a mapping, got {type(metadata).__name__}")
    if not metadata:
        return {}
    _check_keys(metadata)
    try:
        text = json.dumps(dict(metadata), allow_nan=False, ensure_ascii=False)
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise UsageError("metadata has a lone surrogate; decode the input as UTF-8") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(f"metadata is not JSON: {error}") from error
    if size > METADATA_BYTES:
        raise UsageError(
            f"metadata has {size:,} bytes, the limit is {METADATA_BYTES:,}: it is copied to every "
            "fact; keep what is long as content, or elsewhere under an id"
        )
    plain: dict[str, Any] = json.loads(text)
    _check_values(plain, "metadata", depth=METADATA_DEPTH, values=METADATA_VALUES)
    return plain


def check_parameters(parameters: Mapping[str, Any], most_bytes: int) -> None:
    """Refuse query parameters that are too deep, too many or too long. Their types are checked by
    the query."""
    _check_values(parameters, "parameters", depth=PARAMETER_DEPTH, values=PARAMETER_VALUES)
    size = sum(len(text) for text in _texts(parameters))
    if size > most_bytes:
        raise UsageError(
            f"parameters have {size:,} characters of text, the limit is {most_bytes:,}"
        )


def _check_values(value: object, name: str, *, depth: int, values: int) -> None:
    """Refuse nested data that is too deep or too large, or holds a number that no store takes. It
    goes level by level, so that depth itself costs nothing."""
    level: list[object] = [value]
    count = 0
    for _ in range(depth):
        level = [inner for item in level for inner in _inner(item)]
        count += len(level)
        if count > values:
            raise UsageError(f"{name} has more than {values:,} values: keep less of it")
        for item in level:
            _check_value(item, name)
        if not level:
            return
    if any(isinstance(item, Mapping | list | tuple) for item in level):
        raise UsageError(
            f"{name} is nested more than {depth} deep: flatten it, or keep the whole as one JSON "
            "text"
        )


def _check_value(value: object, name: str) -> None:
    if isinstance(value, Mapping):
        _check_keys(value, name)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"{name} has the number {value!r}, which cannot be stored")
    elif isinstance(value, int):
        check_whole_number(value, name)
    elif isinstance(value, str):
        if "\0" in value:
            raise UsageError(f"{name} has a text with a NUL character; remove it")
        if not value.isascii() and _SURROGATE.search(value):
            raise UsageError(f"{name} has a lone surrogate; decode the input as UTF-8")


def _check_keys(data: Mapping[Any, Any], name: str = "metadata") -> None:
    for key in data:
        if not isinstance(key, str):
            raise UsageError(f"{name} keys must be text, got {shown(key)}")
        if len(key) > METADATA_KEY_CHARACTERS:
            raise UsageError(
                f"{name} has a key of {len(key):,} characters, the limit is "
                f"{METADATA_KEY_CHARACTERS}"
            )
        if not key.isascii() and _SURROGATE.search(key):
            raise UsageError(f"{name} has a lone surrogate; decode the input as UTF-8")
        check_name(key, f"a key of {name}")


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def _texts(value: object) -> Iterable[str]:
    """Every text in nested data, keys included."""
    waiting: list[object] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, Mapping):
            yield from (key for key in item if isinstance(key, str))
        waiting.extend(_inner(item))


def check_count(
    items: Sequence[object], most: int, name: str, *, remedy: str = "leave some out"
) -> None:
    """Refuse a list of more items than this."""
    if len(items) > most:
        raise UsageError(f"{name}: {len(items):,} of them, the limit is {most:,}: {remedy}")
