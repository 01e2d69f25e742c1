"""Items for ``Memory.add_many``, which every reader yields, and how long ones are split.

An item is a mapping with ``content`` (text, or a list of messages) and options of ``Memory.add``.
Its ``idempotency_key`` comes from the format, the position and the content, never from the file's
name: the same conversation read from a copy, or read again after an interruption, is passed over,
and one that has grown since is not mistaken for what was there before. What it had then is one of
its beginnings, whose keys :meth:`Conversation.beginnings` gives.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

from graphmem.clock import Date, parse_date, stamp
from graphmem.errors import UsageError, shown
from graphmem.text import digest
from graphmem.text.outline import paragraphs

Item: TypeAlias = dict[str, Any]

LONGEST_EPISODE = 200_000
"""Characters of one episode: under the engine's limit of 1 MiB even at four bytes a character."""
MOST_MESSAGES = 200
"""Messages of one episode: what one look at a conversation should still take in."""

OWNER_NAMES = frozenset({"me", "myself", "you"})
"""What an app calls whoever exported the chat."""
_MILLISECONDS_FROM = 100_000_000_000
"""A number of seconds this large would be the year 5138: such times count milliseconds."""


@dataclass(frozen=True, slots=True)
class Position:
    """The place of an item in its source, without the file's name."""

    format: str
    conversation: str | None = None
    session: str | None = None
    title: str | None = None


class Conversation(dict[str, Any]):
    """An item whose content is messages: more of them may come, behind those that it has."""

    __slots__ = ("_at", "_begun", "_position")

    def __init__(self, item: Item, position: Position, at: datetime | None) -> None:
        super().__init__(item)
        self._position = position
        self._at = at
        self._begun: list[str] | None = None

    def beginnings(self) -> list[str]:
        """The key of each of its beginnings: of the first message, the first two and so on, without
        the whole. It is the key that the item had when it ended there."""
        if self._begun is None:
            self._begun = self._keys()
        return self._begun

    def _keys(self) -> list[str]:
        keys: list[str] = []
        body, at = "", self._at
        for message in self["content"][:-1]:
            body += (", " if body else "") + _written(message)
            at = at or message.get("occurred_at")
            keys.append(_key(f"[{body}]", at, self._position))
        return keys

    def after(self, count: int) -> Item:
        """The messages after the first ``count``, under the key of the whole."""
        rest = self["content"][count:]
        began = _began(rest, None)
        return {**self, "content": rest, **({"occurred_at": began} if began else {})}


def text_items(
    text: str, at: datetime | None, position: Position, source: str, **options: Any
) -> Iterator[Item]:
    """One item for a text, or several when it is longer than an episode may be."""
    if not text.strip():
        return
    parts = _text_parts(text)
    for number, part in enumerate(parts, start=1):
        numbered = _numbered(options, number) if len(parts) > 1 else options
        yield _item(part, at, position, source, numbered)


def message_items(
    messages: Iterable[Item], at: datetime | None, position: Position, source: str, **options: Any
) -> Iterator[Item]:
    """One item for the messages of a session, or several when it is too long for one."""
    part: list[Item] = []
    size = number = 0
    for message in _short_messages(messages):
        length = len(message["content"])
        if part and (len(part) == MOST_MESSAGES or size + length > LONGEST_EPISODE):
            number += 1
            yield _conversation(part, at, position, source, _numbered(options, number))
            part, size = [], 0
        part.append(message)
        size += length
    if part:
        numbered = _numbered(options, number + 1) if number else options
        yield _conversation(part, at, position, source, numbered)


def _numbered(options: Mapping[str, Any], part: int) -> dict[str, Any]:
    return {**options, "metadata": {"part": part, **options.get("metadata", {})}}


def _began(messages: Sequence[Item], at: datetime | None) -> datetime | None:
    """When a session without a time of its own began: at its first dated message."""
    return at or next((m["occurred_at"] for m in messages if "occurred_at" in m), None)


def _conversation(
    messages: list[Item],
    at: datetime | None,
    position: Position,
    source: str,
    options: Mapping[str, Any],
) -> Conversation:
    item = _item(messages, _began(messages, at), position, source, options)
    return Conversation(item, position, at)


def _item(
    content: str | list[Item],
    at: datetime | None,
    position: Position,
    source: str,
    options: Mapping[str, Any],
) -> Item:
    body = content if isinstance(content, str) else _written(content)
    metadata = {
        "source": source,
        "format": position.format,
        "conversation": position.conversation,
        "session": position.session,
        "title": position.title,
        **options.get("metadata", {}),
    }
    given = {name: value for name, value in options.items() if name != "metadata"}
    item: Item = {
        "content": content,
        "metadata": {name: value for name, value in metadata.items() if value is not None},
        "idempotency_key": _key(body, at, position),
        **given,
    }
    if at is not None:
        item["occurred_at"] = at
    return item


def _written(content: object) -> str:
    return json.dumps(content, default=str, sort_keys=True)


def _key(body: str, at: datetime | None, position: Position) -> str:
    where = (position.format, position.conversation or "", position.session or "")
    return f"{position.format}:{digest(*where, body, stamp(at) if at else '')[:40]}"


def _text_parts(text: str) -> list[str]:
    if len(text) <= LONGEST_EPISODE:
        return [text]
    parts: list[str] = []
    paragraphs_kept: list[str] = []
    size = 0
    for paragraph in paragraphs(text):
        if paragraphs_kept and size + len(paragraph) > LONGEST_EPISODE:
            parts.append("\n\n".join(paragraphs_kept))
            paragraphs_kept, size = [], 0
        paragraphs_kept.append(paragraph)
        size += len(paragraph) + 2
    return [*parts, "\n\n".join(paragraphs_kept)]


def _short_messages(messages: Iterable[Item]) -> Iterator[Item]:
    for message in messages:
        if not message["content"].strip():
            continue
        for number, part in enumerate(_text_parts(message["content"])):
            again = {"id": f"{message['id']}#{number + 1}"} if number and "id" in message else {}
            yield {**message, "content": part, **again}


def message_time(value: object, where: str) -> datetime | None:
    """As :func:`date_in`, where nothing depends on how exact it is."""
    found = date_in(value, where)
    return None if found is None else found.at


def date_in(value: object, where: str) -> Date | None:
    """A time as files write it: ISO 8601 text, or seconds (or milliseconds) since 1970.

    None and empty text are no time. Anything else is a :class:`UsageError` that names ``where``.
    """
    if value is None or value == "":
        return None
    if isinstance(value, str) and not _is_number(value):
        return parse_date(value, name=where)
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        try:
            seconds = float(value)
        except OverflowError:
            seconds = math.inf
        if abs(seconds) >= _MILLISECONDS_FROM:
            seconds /= 1000
        try:
            return Date(datetime.fromtimestamp(seconds, UTC), "instant")
        except (OverflowError, OSError, ValueError) as error:
            raise UsageError(
                f"{where}: {shown(value)} is not a time (seconds since 1970)"
            ) from error
    raise UsageError(f"{where}: {shown(value)} is not a time; write ISO 8601 or seconds since 1970")


def _is_number(text: str) -> bool:
    """Whether text is seconds since 1970 (``1683550000.5``), and not a bare year or date."""
    whole = text.strip().partition(".")[0]
    return whole.isdigit() and len(whole) > 8  # eight digits are 20230508
