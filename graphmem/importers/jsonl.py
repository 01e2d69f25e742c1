"""JSON Lines: messages, whole sessions, or texts; also the same things as one JSON list.

A line is one of

- a session: ``{"messages": [...], "occurred_at": …, "id": …}``;
- a message: ``{"content": …, "role": …, "name": …, "occurred_at": …, "id": …}``, or the same under
  other common names: ``text``, ``message``, ``body``; ``user``, ``from``, ``sender``, ``author``,
  ``speaker``, ``username``; ``date``, ``time``, ``timestamp``, ``ts``, ``created_at``. Without
  anybody who said it, it is the store's owner's. Messages that
  follow one another become one episode as long as their ``session`` (or ``conversation``,
  ``thread``; also with ``_id``) stays the same. Without such a key, one episode is one UTC day,
  and messages without a time stay together until one with a time comes.

Options of ``add`` on a line (``user_id``, ``agent_id``, ``run_id``, ``tags``, ``metadata``,
``importance``, ``expires_at``, ``memory_type``) are passed on. Roles ``system``, ``developer``,
``tool`` and ``function`` are left out: they instruct a model, nobody said them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any

from graphmem.errors import UsageError
from graphmem.importers.items import (
    MOST_MESSAGES,
    OWNER_NAMES,
    Item,
    Position,
    message_items,
    message_time,
)
from graphmem.importers.streams import JsonStream, numbered_lines, why_no_json

_CONTENT = ("content", "text", "message", "body")
_NAME = (
    "forwarded_from",  # whose words they are, and not of who passed them on
    *("name", "speaker", "author", "sender_name", "from", "sender", "user"),
    *("username", "user_name", "nickname", "nick"),
    *("from_id", "sender_id", "author_id"),  # of whoever has no name any more
)
_NAMES_OF = ("name", "real_name", "display_name", "displayName", "nickname", "username", "login")
"""Keys of an author that is an object: names first, then what can stand for one."""
_TIME = (
    *("occurred_at", "timestamp", "created_at", "create_time", "time", "date"),
    *("datetime", "ts", "timestamp_ms", "sent_at"),
)
_ID = ("id", "uuid", "message_id", "dia_id")
_GROUP = tuple(
    key + end for end in ("_id", "") for key in ("session", "conversation", "thread", "chat")
)
_MESSAGES = ("messages", "chat_messages", "turns")
_OPTIONS = (
    "user_id",
    "agent_id",
    "run_id",
    "tags",
    "metadata",
    "importance",
    "expires_at",
    "memory_type",
)
_ROLES = {"human": "user", "ai": "assistant", "bot": "assistant", "model": "assistant"}
_NOT_CONTENT = frozenset({"system", "developer", "tool", "function"})
_KNOWN_ROLES = _NOT_CONTENT | {"user", "assistant", *_ROLES}
_KNOWN = frozenset({*_CONTENT, *_NAME, "role", *_TIME, *_ID, *_GROUP, *_OPTIONS})


def read_jsonl(chunks: Iterator[str], name: str, at: datetime | None) -> Iterator[Item]:
    """Sessions as they come, and runs of messages grouped into episodes."""
    group: list[Item] = []
    group_key: tuple[object, ...] | None = None
    options: dict[str, Any] = {}
    for where, record in records(chunks, name):
        if sessions := _sessions(record):
            yield from _grouped(group, group_key, options, name, at)
            group = []
            for session in sessions:
                yield from _session(session, _first(session, _MESSAGES), name, where, at)
            continue
        message = _message(record, where)
        if message is None:
            continue
        new_options = _options(record, where)
        key = _group_key(record, message, group_key, new_options)
        if group and (key != group_key or len(group) >= MOST_MESSAGES):
            yield from _grouped(group, group_key, options, name, at)
            group = []
        group_key, options = key, new_options
        group.append(message)
    yield from _grouped(group, group_key, options, name, at)


def _sessions(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The session that a record is, or those of all chats, as Telegram exports an account."""
    chats = record.get("chats")
    listed = chats.get("list") if isinstance(chats, Mapping) else None
    sessions = listed if isinstance(listed, list) else [record]
    return [
        one for one in sessions if isinstance(one, Mapping) and _first(one, _MESSAGES) is not None
    ]


def _group_key(
    record: Mapping[str, Any],
    message: Item,
    group_key: tuple[object, ...] | None,
    options: Mapping[str, Any],
) -> tuple[object, ...]:
    session = _first(record, _GROUP)
    marks = json.dumps(options, sort_keys=True, default=str)
    if session is not None:
        return (str(session), None, marks)
    when = message.get("occurred_at")
    if when is not None:
        return (None, when.date(), marks)
    # A message without a time belongs to the day of the one before it.
    day = group_key[1] if group_key is not None and group_key[0] is None else None
    return (None, day, marks)


def _grouped(
    group: list[Item],
    key: tuple[object, ...] | None,
    options: Mapping[str, Any],
    name: str,
    at: datetime | None,
) -> Iterator[Item]:
    if group and key is not None:
        session = key[0] if key[0] is not None else key[1]
        position = Position("jsonl", session=None if session is None else str(session))
        began = next((m["occurred_at"] for m in group if "occurred_at" in m), at)
        yield from message_items(group, began, position, name, **options)


def _session(
    record: Mapping[str, Any], found: object, name: str, where: str, at: datetime | None
) -> Iterator[Item]:
    if not isinstance(found, list):
        raise UsageError(f"{where}: 'messages' must be a list")
    messages = []
    for number, entry in enumerate(found, start=1):
        if not isinstance(entry, Mapping):
            raise UsageError(f"{where}, message {number}: expected an object")
        message = _message(entry, f"{where}, message {number}")
        if message is not None:
            messages.append(message)
    first = next((m["occurred_at"] for m in messages if "occurred_at" in m), at)
    began = message_time(_first(record, _TIME), f"{where}: its time") or first
    session = _first(record, (*_GROUP, *_ID))
    title = _first(record, ("title", "name"))
    position = Position(
        "jsonl",
        session=None if session is None else str(session),
        title=title if isinstance(title, str) and title else None,
    )
    yield from message_items(messages, began, position, name, **_options(record, where))


def is_message(record: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a session or a message: text alone, or with who, when or where."""
    if any(key in record for key in _MESSAGES) or _sessions(record):
        return True
    if not any(key in record for key in _CONTENT):
        return False
    return (
        any(key in record for key in (*_NAME, "role", *_TIME, *_GROUP)) or record.keys() <= _KNOWN
    )


def _message(record: Mapping[str, Any], where: str) -> Item | None:
    """The message a mapping holds; None when it says nothing or nobody said it."""
    if not any(key in record for key in _CONTENT):
        raise UsageError(
            f"{where}: neither 'content' (a message or a text) nor 'messages' (a session) in it; "
            f"it has {', '.join(sorted(map(str, record))) or 'nothing'}"
        )
    content = _first(record, _CONTENT)
    role, speaker = _who(record, content)
    text = _text_of(content, where)
    if role in _NOT_CONTENT or not text.strip():
        return None
    message: Item = {"content": text, "role": role}
    if speaker:
        message["name"] = speaker
    source_id = _first(record, _ID)
    if source_id is not None:
        message["id"] = str(source_id)
    when = message_time(_first(record, _TIME), f"{where}: its time")
    if when is not None:
        message["occurred_at"] = when
    return message


def _who(record: Mapping[str, Any], content: object) -> tuple[str, str | None]:
    """The role and the name of who speaks. A role that is none (``customer``) is a name."""
    given = record.get("role")
    for within in (content, *(record.get(key) for key in _NAME)):
        if not given and isinstance(within, Mapping):
            given = within.get("role") or ("bot" if within.get("isBot") is True else None)
    if not isinstance(given, str | int):
        given = None
    names = [name for key in _NAME if (name := _named(record.get(key)))]
    if not given:  # "sender": "human"
        given = next((name for name in names if name.lower() in _KNOWN_ROLES), None)
        names = [name for name in names if name != given]
    name = next((name for name in names if name.casefold() not in OWNER_NAMES), None)
    role = str(given or "user").lower()
    if role not in _KNOWN_ROLES:
        return "user", name or str(given)
    return _ROLES.get(role, role), name


def _named(author: object) -> str | None:
    """The name of an author: text, a number, or an object that has one."""
    if isinstance(author, Mapping):
        found = (_named(author.get(key)) for key in (*_NAMES_OF, "user", "email", "id"))
        return next((name for name in found if name), None)
    if isinstance(author, int) and not isinstance(author, bool):
        return str(author)
    return author if isinstance(author, str) and author.strip() else None


def _text_of(content: object, where: str) -> str:
    """Text, or the text parts of a list of parts as chat APIs have them."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        return _text_of(content.get("text", content.get("content")), where)
    if isinstance(content, list):
        texts = [part if isinstance(part, str) else _part(part) for part in content]
        # Text with links and mentions between is one text; parts of a message stand for themselves.
        within = len({isinstance(part, str) for part in content}) > 1
        return ("" if within else "\n\n").join(text for text in texts if text)
    raise UsageError(f"{where}: 'content' must be text, got {type(content).__name__}")


def _part(part: object) -> str:
    if not isinstance(part, Mapping):
        return ""
    if isinstance(part.get("text"), str):
        return str(part["text"])
    return "[image]" if "image" in str(part.get("type")) else ""


def _options(record: Mapping[str, Any], where: str) -> dict[str, Any]:
    options = {key: record[key] for key in _OPTIONS if record.get(key) is not None}
    if not isinstance(options.get("metadata", {}), Mapping):
        raise UsageError(f"{where}: 'metadata' must be an object")
    return options


def _first(record: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((record[key] for key in keys if record.get(key) not in (None, "")), None)


def records(chunks: Iterator[str], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each record with its place for errors: a line each, or the values of one JSON list."""
    for where, value in _values(chunks, name):
        if not isinstance(value, Mapping):
            raise UsageError(f"{where}: expected an object, got {type(value).__name__}")
        yield where, value


def _values(chunks: Iterator[str], name: str) -> Iterator[tuple[str, Any]]:
    first = next(chunks, "")
    while not first.strip() and (more := next(chunks, None)) is not None:
        first += more
    chunks = chain([first], chunks)
    if _is_one_text(first):
        stream = JsonStream(chunks, name)
        for value in stream:
            yield f"{name}, line {stream.line}", value
        return
    for number, line in numbered_lines(chunks):
        if not line.strip():
            continue
        where = f"{name}, line {number}"
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{where}: not JSON: {why_no_json(error)}") from error
        yield where, value


def _is_one_text(start: str) -> bool:
    """Whether a text is a JSON list, or its first line only begins an object."""
    start = start.lstrip()
    line, ended, _ = start.partition("\n")
    if start.startswith("[") or not (start.startswith("{") and ended):
        return start.startswith("[")
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos >= len(line.rstrip())
    except (ValueError, RecursionError):
        pass
    return False
