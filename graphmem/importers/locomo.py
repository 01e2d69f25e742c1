"""LoCoMo: long conversations of two people, in dated sessions.

Each session is one episode; each conversation is its own user, named by its ``sample_id``. A turn
keeps its ``dia_id``, and what a shared picture shows is added to what was said with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from graphmem.clock import SHORT_MONTHS, month_number
from graphmem.errors import UsageError
from graphmem.importers.items import Item, Position, message_items
from graphmem.importers.streams import JsonStream

_SESSION = re.compile(r"session_(\d+)")
_WHEN = re.compile(r"(\d{1,2}):(\d\d)\s*([ap])m on (\d{1,2}) ([A-Za-z]+),? (\d{4})", re.IGNORECASE)


def read_locomo(chunks: Iterator[str], name: str, at: datetime | None) -> Iterator[Item]:
    """Sessions in order, conversation by conversation."""
    stream = JsonStream(chunks, name)
    for sample in stream:
        where = f"{name}, line {stream.line}"
        if not isinstance(sample, Mapping) or not isinstance(sample.get("conversation"), Mapping):
            raise UsageError(f"{where}: not a LoCoMo conversation (no 'conversation' object)")
        user = sample.get("sample_id")
        if not isinstance(user, str):
            raise UsageError(f"{where}: a LoCoMo conversation without a 'sample_id'")
        yield from _sessions(sample["conversation"], user, name, at)


def _sessions(
    conversation: Mapping[str, Any], user: str, name: str, at: datetime | None
) -> Iterator[Item]:
    numbers = sorted(int(match[1]) for key in conversation if (match := _SESSION.fullmatch(key)))
    for number in numbers:
        session = f"session_{number}"
        where = f"{name}, {user}, {session}"
        turns = conversation[session]
        if not isinstance(turns, list):
            raise UsageError(f"{where}: expected a list of turns")
        written = conversation.get(f"{session}_date_time")
        when = _parsed(written, where) if written else at
        messages = (_message(turn, where) for turn in turns)
        position = Position("locomo", conversation=user, session=session)
        yield from message_items(messages, when, position, name, user_id=user)


def _message(turn: object, where: str) -> Item:
    if not isinstance(turn, Mapping) or not isinstance(turn.get("text"), str):
        raise UsageError(f"{where}: a turn without 'text'")
    text = turn["text"]
    if caption := turn.get("blip_caption"):
        text = f"{text} [image: {caption}]".lstrip()
    message: Item = {"content": text, "role": "user"}
    if speaker := turn.get("speaker"):
        message["name"] = speaker
    if source_id := turn.get("dia_id"):
        message["id"] = source_id
    return message


def _parsed(written: object, where: str) -> datetime:
    """``1:56 pm on 8 May, 2023``, read without regard to the machine's language."""
    match = _WHEN.fullmatch(str(written).strip())
    month = match[5][:3].lower() if match else ""
    if match is None or month not in SHORT_MONTHS:
        raise UsageError(f"{where}: {written!r} is not a time like '1:56 pm on 8 May, 2023'")
    hour = int(match[1]) % 12 + (12 if match[3].lower() == "p" else 0)
    try:
        return datetime(
            int(match[6]), month_number(month), int(match[4]), hour, int(match[2]), tzinfo=UTC
        )
    except ValueError as error:
        raise UsageError(f"{where}: {written!r}: {error}") from error
