"""Many items in requests of bounded size."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from graphmem.client.calls import Call
from graphmem.client.codec import CallBody, plain_json, read_result, to_bytes
from graphmem.errors import UsageError
from graphmem.ingest.given_relations import is_empty, rows_of
from graphmem.ingest.make_episode import items_of

ITEMS_AT_ONCE: Final = 256
_BYTES_AT_ONCE: Final = 1024 * 1024
_NUMBER = re.compile(r"^(item|row) (\d+): ")
_ARGUMENT: Mapping[str, str] = {"add_many": "contents", "relate_many": "rows"}


async def send_all(
    send: Callable[[Call, CallBody], Awaitable[Any]],
    body_of: Callable[[Call, tuple[Any, ...], Mapping[str, Any]], CallBody],
    call: Call,
    args: tuple[Any, ...],
    given: Mapping[str, Any],
) -> int:
    """Send the items of a call, part after part; returns the sum of what was new. ``progress`` is
    called after each part; an error names the item by its number among all."""
    name = _ARGUMENT[call.name]
    bound = call.signature.bind(None, *args, **given).arguments
    items, progress = bound[name], given.get("progress")
    rest = body_of(call, (), {**{n: v for n, v in given.items() if n != name}, name: []})
    new = done = 0
    for part in _parts(rows_of(items) if name == "rows" else items_of(items), name):
        try:
            new += read_result(call, await send(call, {**rest, name: part}))
        except UsageError as error:
            raise UsageError(_renumbered(str(error), done)) from None
        done += len(part)
        if progress is not None:
            progress(done)
    return new


def _parts(items: Iterable[Any], name: str) -> Iterator[list[Any]]:
    part: list[Any] = []
    size = number = 0
    first = 1 if name == "rows" else 0
    for number, item in enumerate(items, start=first):
        try:
            ready = plain_json(_given_values(item) if name == "rows" else item, name)
            length = len(to_bytes(ready))
        except UsageError as error:
            if part:
                yield part
            word = "row" if name == "rows" else "item"
            raise UsageError(f"{word} {number}: {error}") from error
        if part and (len(part) == ITEMS_AT_ONCE or size + length > _BYTES_AT_ONCE):
            yield part
            part, size = [], 0
        part.append(ready)
        size += length
    if part:
        yield part


def _given_values(row: Any) -> Any:
    """A row as JSON has it: an empty cell is one not given."""
    if isinstance(row, Mapping):
        return {key: None if is_empty(value) else value for key, value in row.items()}
    if isinstance(row, list | tuple):
        return [None if is_empty(value) else value for value in row]
    return row


def _renumbered(message: str, before: int) -> str:
    return _NUMBER.sub(lambda found: f"{found[1]} {int(found[2]) + before}: ", message)
