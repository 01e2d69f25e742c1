"""Checks raw input and builds an episode from it, split into turns. Nothing is stored here."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, cast

from graphmem import limits
from graphmem.clock import Clock, parse_when, parse_when_or_none
from graphmem.errors import UsageError, among, shown
from graphmem.extract.llm import prompts
from graphmem.lifecycle.memory_types import DEFAULT_POLICIES, MEMORY_TYPES, Policies
from graphmem.limits import checked_metadata
from graphmem.model import Episode, MemoryType, Metadata, Scope, Turn
from graphmem.model.stored import MACHINE_ROLES
from graphmem.ports.api.arguments import AddArgs, Content, Message
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.text import blank, digest, name_key, plain, unix_lines
from graphmem.text.outline import paragraphs

_OF_A_MESSAGE = frozenset({"role", "name", "content", "occurred_at", "id"})
_ROLES = MACHINE_ROLES | {"user"}
_MISSPELT = 0.85
"""The least similarity of a key to a known one to count as its misspelling (that of ``created_at``
is below 0.7)."""
OPTIONS = frozenset(AddArgs.__annotations__) | frozenset(
    {"user_id", "agent_id", "run_id", "project_id"}
)


@dataclass(frozen=True, slots=True)
class _Message:
    """One message, checked."""

    text: str
    role: str
    name: str | None
    occurred_at: datetime | None
    source_id: str | None


def build_episode(
    content: Content,
    options: Mapping[str, Any],
    scope: Scope,
    clock: Clock,
    *,
    max_bytes: int,
    policies: Policies = DEFAULT_POLICIES,
) -> Episode:
    """An episode from what :meth:`~graphmem.ports.api.MemoryAPI.add` was given.

    Raises a :class:`UsageError` that names the argument and the remedy.
    """
    check_options(options)
    given = parse_when_or_none(options.get("occurred_at"), name="occurred_at")
    if isinstance(content, str):
        content = check_text(content, "content", max_bytes, remedy=limits.SPLIT_OR_MORE)
        kind, raw = "text", content
        messages = [_Message(text, "user", None, None, None) for text in paragraphs(content)]
    else:
        kind, (raw, messages) = "messages", _messages(content, max_bytes)
    dates = [message.occurred_at for message in messages if message.occurred_at]
    recorded_at = clock.now()
    occurred_at = given or (dates[0] if dates else recorded_at)
    memory_type = check_memory_type(options.get("memory_type", "semantic"))
    expires_at = parse_when_or_none(options.get("expires_at"), name="expires_at")
    episode_id = clock.new_id()
    turns = [
        Turn(
            clock.new_id(),
            episode_id,
            ordinal,
            message.text,
            message.name or _speaker(message.role, scope),
            message.role,
            message.occurred_at or occurred_at,
            message.source_id,
        )
        for ordinal, message in enumerate(messages)
    ]
    return Episode(
        id=episode_id,
        scope=scope,
        content=raw,
        kind=cast(Any, kind),
        content_hash=digest(kind, raw),
        occurred_at=occurred_at,
        recorded_at=recorded_at,
        turns=tuple(turns),
        idempotency_key=_key(options.get("idempotency_key")),
        expires_at=expires_at or policies[memory_type].expiry(recorded_at),
        memory_type=memory_type,
        importance=check_importance(options.get("importance", 0.5)),
        metadata=checked_metadata(options.get("metadata")),
        tags=check_tags(options.get("tags", ())),
        infer=bool(options.get("infer", True)),
        extraction=_extraction(options.get("extraction")),
        time_given=given is not None or bool(dates),
        actor=check_actor(options.get("actor")),
    )


def items_of(contents: object) -> Iterator[Any]:
    """The items that ``add_many`` was given, one by one."""
    if isinstance(contents, str | bytes | Mapping) or not isinstance(contents, Iterable):
        raise UsageError(
            "add_many takes a list, or any iterable, of what add takes; "
            f"got {type(contents).__name__}: for one of them, use add"
        )
    return iter(contents)


def split_item(item: object) -> tuple[Content, dict[str, Any]]:
    """An item of ``add_many``: its content, and the options that it has itself.

    A mapping with text as ``content`` is a message if it has a ``role``, ``name`` or ``id``, else a
    text with options. A message's options are taken out of it, but ``occurred_at`` stays too.
    """
    if not isinstance(item, Mapping):
        return cast(Content, item), {}
    if "content" not in item:
        raise UsageError(f"an item needs content; this one has: {_keys_of(item)}")
    _check_spelling(item, OPTIONS, "an item")
    options = {str(key): value for key, value in item.items() if key in OPTIONS}
    if isinstance(item["content"], str) and not {"role", "name", "id"} & set(item):
        return item["content"], options
    if isinstance(item["content"], str):
        message = {key: value for key, value in item.items() if key not in OPTIONS}
        if "occurred_at" in item:
            message["occurred_at"] = item["occurred_at"]
        return message, options
    return cast(Content, item["content"]), options


def check_text(text: object, name: str, max_bytes: int, *, remedy: str) -> str:
    """Text that every store can hold; anything else is a :class:`UsageError`. ``remedy`` is the
    advice for a text that is too long, as only some limits are settings."""
    if not isinstance(text, str):
        raise UsageError(f"{name} must be text, got {type(text).__name__}")
    if blank(text):
        raise UsageError(f"{name} is empty: it needs at least one word")
    if "\0" in text:
        raise UsageError(f"{name} has a NUL character at {text.index(chr(0))}; remove it")
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{name} has a lone surrogate at {error.start}; decode the input as UTF-8"
        ) from error
    if size > max_bytes:
        raise UsageError(f"{name} has {size:,} bytes, the limit is {max_bytes:,}: {remedy}")
    return plain(text)


def check_tags(tags: object) -> tuple[str, ...]:
    if isinstance(tags, str) or not isinstance(tags, Sequence):
        raise UsageError(f"tags must be a list of text, got {type(tags).__name__}")
    if not tags:
        return ()
    limits.check_count(tags, limits.TAG_COUNT, "tags")
    return tuple(dict.fromkeys(checked_name(tag, "a tag") for tag in tags))


def name_part(name: object) -> str | None:
    """Part of a name, normalised as names are for comparison; None stays None."""
    return None if name is None else name_key(checked_name(name, "name"))


def checked_name(value: object, name: str) -> str:
    """A short text of one line: a name, a role, a tag, a key."""
    text = check_text(value, name, limits.NAME_BYTES, remedy="shorten it")
    return limits.check_name(text, name)


def check_importance(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise UsageError(f"importance must be a number from 0 to 1, got {shown(value)}")
    return float(value)


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse unknown options, and an ``infer`` that is not True or False. The others are checked
    where they are used."""
    if not options.keys() <= OPTIONS:
        unknown = sorted(set(options) - OPTIONS)
        raise UsageError(f"unknown option {among(unknown, sorted(OPTIONS))}")
    if not isinstance(options.get("infer", True), bool):
        raise UsageError(f"infer must be True or False, got {shown(options['infer'])}")


def check_memory_type(value: object) -> MemoryType:
    """A type of memory, or a :class:`UsageError`."""
    if not isinstance(value, str) or value not in MEMORY_TYPES:
        known = ", ".join(MEMORY_TYPES)
        raise UsageError(f"memory_type {shown(value)} is unknown; known are: {known}")
    return cast(MemoryType, plain(value))


def _extraction(options: object) -> Metadata | None:
    """The call's own extraction options as JSON. They are checked here, before the episode is
    stored."""
    if options is None:
        return None
    if not isinstance(options, ExtractionOptions):
        raise UsageError(f"extraction must be ExtractionOptions(…), got {type(options).__name__}")
    check_extraction(options)
    return options.to_json()


def check_extraction(options: ExtractionOptions) -> None:
    """Refuse options whose prompt files cannot be read."""
    prompts.load_prompts(None if options.prompts is None else str(options.prompts))


def check_key(key: object) -> str:
    """An idempotency key, or a :class:`UsageError`."""
    return checked_name(key, "idempotency_key")


def check_actor(actor: object) -> str | None:
    """The checked name of who stores something; None stays None."""
    return None if actor is None else checked_name(actor, "actor")


def _key(key: object) -> str | None:
    return None if key is None else check_key(key)


def _speaker(role: str, scope: Scope) -> str | None:
    if role == "assistant":
        return scope.agent_id or "assistant"
    name = scope.called or scope.agent_id
    # A user whose name is that of a role would be mistaken for the machine.
    return None if role in MACHINE_ROLES or name_key(name or "") in MACHINE_ROLES else name


def _messages(content: object, max_bytes: int) -> tuple[str, list[_Message]]:
    """The messages as JSON, and as checked values, without those that have no text (a picture)."""
    if isinstance(content, Mapping):
        content = [content]
    if isinstance(content, bytes) or not isinstance(content, Sequence):
        raise UsageError(
            "content must be text, a message or a list of messages, got " + type(content).__name__
        )
    several = "split them into several adds"
    limits.check_count(content, limits.MESSAGE_COUNT, "messages", remedy=several)
    messages: list[_Message] = []
    total = 0
    for number, message in enumerate(content):
        checked = _message(message, f"message {number}", max_bytes)
        if checked is not None:
            messages.append(checked)
            total += len(checked.text.encode())
    if not messages:
        raise UsageError("content is empty: it needs at least one word")
    if total > max_bytes:
        raise UsageError(
            f"the messages have {total:,} bytes, the limit is {max_bytes:,}: split them into "
            "several adds, or raise GRAPHMEM_MAX_TEXT_BYTES"
        )
    kept = [
        {key: m.get(key) for key in ("role", "name", "content", "occurred_at", "id") if key in m}
        for m in content
    ]
    try:
        raw = json.dumps(kept, ensure_ascii=False, default=str)
        size = len(raw) if raw.isascii() else len(raw.encode())
    except UnicodeEncodeError as error:
        raise UsageError(
            "the messages have a lone surrogate beside their text; decode the input as UTF-8"
        ) from error
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"the messages are not JSON beside their text: {error}") from error
    if size > limits.MESSAGES_RATIO * max_bytes:
        raise UsageError(
            f"the messages have {size:,} bytes with all that is in them, the limit is "
            f"{limits.MESSAGES_RATIO * max_bytes:,}: leave out what is no text (pictures, files), "
            "put links in their place, or split them into several adds"
        )
    return raw, messages


def _message(message: Message | object, where: str, max_bytes: int) -> _Message | None:
    if not isinstance(message, Mapping):
        raise UsageError(f"{where} must be a mapping with content, got {type(message).__name__}")
    if "content" not in message:
        raise UsageError(f"{where} has no content; it has: {_keys_of(message)}")
    _check_spelling(message, _OF_A_MESSAGE, where)
    text = _joined(message["content"], where)
    if blank(text):
        return None
    named = {
        key: checked_name(message[key], f"{where}: {key}")
        for key in ("role", "name", "id")
        if message.get(key) is not None
    }
    if (meant := _meant(named.get("role", ""), _ROLES)) not in (None, named.get("role")):
        raise UsageError(
            f"{where}: role {named['role']!r} is unknown (did you mean {meant}?); known are: "
            f"{', '.join(sorted(_ROLES))}, and those of your own"
        )
    when = message.get("occurred_at")
    return _Message(
        text=unix_lines(check_text(text, where, max_bytes, remedy=limits.SPLIT_OR_MORE)),
        role=named.get("role", "user"),
        name=named.get("name"),
        occurred_at=None if when is None else parse_when(when, name=f"{where}: occurred_at"),
        source_id=named.get("id"),
    )


def _keys_of(data: Mapping[Any, Any]) -> str:
    return ", ".join(key if isinstance(key, str) else shown(key) for key in data) or "nothing"


def _check_spelling(given: Mapping[Any, Any], known: frozenset[str], where: str) -> None:
    """Refuse a key that is nearly a known one. Unknown keys are allowed (``tool_calls``), but a
    date under ``occured_at`` would be ignored silently."""
    for key in given:
        if isinstance(key, str) and key not in known and key not in _OF_A_MESSAGE:
            near = _meant(key, known)
            if near is not None:
                raise UsageError(f"{where} has {key!r} (did you mean {near}?)")


@lru_cache(maxsize=256)
def _meant(key: str, known: frozenset[str]) -> str | None:
    return next(iter(difflib.get_close_matches(key, sorted(known), n=1, cutoff=_MISSPELT)), None)


def _joined(content: object, where: str) -> str:
    """Text, or the text parts of OpenAI's list of parts."""
    if content is None:
        return ""
    if isinstance(content, Sequence) and not isinstance(content, str | bytes):
        strange = next((part for part in content if not isinstance(part, Mapping | str)), None)
        if strange is not None:
            raise UsageError(
                f"{where}: a part of its content must be text, or a mapping with text, "
                f"got {type(strange).__name__}"
            )
        parts = [part if isinstance(part, str) else part.get("text", "") for part in content]
        content = "\n".join(part for part in parts if isinstance(part, str))
    if not isinstance(content, str):
        raise UsageError(f"{where}: content must be text, got {type(content).__name__}")
    return content
