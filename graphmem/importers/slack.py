"""A Slack export: a channel's messages of a day, as one JSON list (``general/2024-09-10.json``).

Who speaks is named by the message's own profile, else by the ``users.json`` of the export (beside
the file, or one folder up), else by the id; never by the store's owner. Mentions are shown as
names. What a bot says is an assistant's. That somebody joined, or that a topic was set, is no
message. A UTC day is an episode.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from graphmem.errors import UsageError
from graphmem.importers.items import MOST_MESSAGES, Item, Position, message_items, message_time
from graphmem.importers.jsonl import records
from graphmem.importers.streams import JsonStream, decoded

USERS_FILE = "users.json"
SLACK_LISTS = frozenset(
    f"{name}.json"
    for name in ("users", "channels", "groups", "dms", "mpims", "integration_logs", "canvases")
)
"""Files of an export that are no channels."""
_SPOKEN = frozenset({"", "bot_message", "me_message", "thread_broadcast", "file_share"})
_NAMES = ("real_name", "display_name", "name", "username")
_LINK = re.compile(r"<([@#!]?)([^<>|\s]*)(?:\|([^<>]*))?>")


def is_slack(record: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a message of Slack: it has a ``ts`` and says that it is one."""
    return record.get("type") == "message" and "ts" in record


def read_slack(
    chunks: Iterator[str], name: str, at: datetime | None, names: Mapping[str, str]
) -> Iterator[Item]:
    """A day after the other. ``names`` are those of the export's users, by their ids."""
    known = dict(names)
    group: list[Item] = []
    for where, record in records(chunks, name):
        if record.get("type") != "message":
            raise UsageError(f"{where}: not a message of Slack (its type is not 'message')")
        if (own := _named(record.get("user_profile"))) and record.get("user"):
            known.setdefault(str(record["user"]), own)
        message = _message(record, where, known, at)
        if message is None:
            continue
        if group and (len(group) >= MOST_MESSAGES or _day(message) != _day(group[-1])):
            yield from _episode(group, known, name)
            group = []
        group.append(message)
    yield from _episode(group, known, name)


def user_names(path: Path) -> dict[str, str]:
    """The names in the ``users.json`` that belongs to a file, by id; none without such a file.

    :class:`~graphmem.errors.UsageError` when it cannot be read.
    """
    for folder in (path.parent, path.parent.parent):
        listed = folder / USERS_FILE
        if listed.is_file() and listed != path:
            try:
                with listed.open("rb") as stream:
                    users = list(JsonStream(decoded(stream, listed.name), listed.name))
            except OSError as error:
                raise UsageError(f"{listed.name}: {error.strerror or error}") from error
            return {
                str(user["id"]): found
                for user in users
                if isinstance(user, Mapping)
                and "id" in user
                and (found := _named(user.get("profile")) or _named(user))
            }
    return {}


def _message(
    record: Mapping[str, Any], where: str, known: Mapping[str, str], at: datetime | None
) -> Item | None:
    kind = record.get("subtype") or ""
    text = record.get("text") or ""
    if not isinstance(text, str):
        raise UsageError(f"{where}: 'text' must be text, got {type(text).__name__}")
    if kind not in _SPOKEN or not text.strip():
        return None
    message: Item = {"content": text, "role": "user"}
    if kind == "bot_message" or (record.get("bot_id") and not record.get("user_profile")):
        message["role"] = "assistant"
    else:
        id = str(record.get("user") or "")
        message["name"] = known.get(id) or _named(record) or id or "somebody"
    if when := message_time(record.get("ts"), f"{where}: ts") or at:
        message["occurred_at"] = when
    return message


def _episode(group: list[Item], known: Mapping[str, str], name: str) -> Iterator[Item]:
    if not group:
        return
    messages = [{**message, "content": _shown(message["content"], known)} for message in group]
    day = _day(group[0])
    position = Position("slack", session=None if day is None else str(day))
    yield from message_items(messages, group[0].get("occurred_at"), position, name)


def _day(message: Item) -> object:
    when = message.get("occurred_at")
    return when.date() if when else None


def _shown(text: str, known: Mapping[str, str]) -> str:
    """Text as Slack shows it: names for ids, labels for links, ``&`` for ``&amp;``."""

    def link(match: re.Match[str]) -> str:
        sign, target, label = match.groups()
        if sign == "@":
            return known.get(target) or label or target
        if sign == "#":
            return f"#{label or target}"
        if sign == "!":
            return label or f"@{target}"
        return label or target

    return html.unescape(_LINK.sub(link, text))


def _named(profile: object) -> str | None:
    if not isinstance(profile, Mapping):
        return None
    found = (profile.get(key) for key in _NAMES)
    return next((name.strip() for name in found if isinstance(name, str) and name.strip()), None)
