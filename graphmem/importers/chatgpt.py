"""A ChatGPT data export: ``conversations.json``, or the zip file that holds it.

A conversation is a tree of edits and retries; the branch that the export calls current is read.
What the system, a tool or the model's own reasoning said is left out, as is what the export marks
as hidden. A conversation that pauses for long becomes one episode per sitting, so that one which
went on since the last export adds only its new sittings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeGuard

from graphmem.errors import UsageError
from graphmem.importers.items import Item, Position, message_items, message_time
from graphmem.importers.streams import JsonStream

_PAUSE = timedelta(hours=6)
_SPOKEN = frozenset({"text", "multimodal_text", "code"})
_CITATION = re.compile("\ue200[^\ue200\ue201]*\ue201|[\ue200-\ue2ff]|【\\d[^【】]*】")


def read_chatgpt(chunks: Iterator[str], name: str, at: datetime | None) -> Iterator[Item]:
    """Sittings in order, conversation by conversation."""
    stream = JsonStream(chunks, name)
    for conversation in stream:
        where = f"{name}, line {stream.line}"
        if not isinstance(conversation, Mapping) or "mapping" not in conversation:
            raise UsageError(f"{where}: not a ChatGPT conversation (no 'mapping')")
        yield from _sittings(conversation, name, where, at)


def _sittings(
    conversation: Mapping[str, Any], name: str, where: str, at: datetime | None
) -> Iterator[Item]:
    title = conversation.get("title")
    title = title if isinstance(title, str) and title.strip() else None
    known = conversation.get("conversation_id") or conversation.get("id")
    began = message_time(conversation.get("create_time"), f"{where}: create_time") or at
    sitting: list[Item] = []
    last = began
    for message in _messages(conversation["mapping"], conversation.get("current_node"), where):
        when = message.get("occurred_at", last)
        if sitting and when and last and when - last >= _PAUSE:
            yield from _episode(sitting, began, known, title, name)
            sitting = []
        if not sitting:
            began = when
        if when:
            message["occurred_at"] = when
        sitting.append(message)
        last = when
    yield from _episode(sitting, began, known, title, name)


def _episode(
    sitting: list[Item], began: datetime | None, known: object, title: str | None, name: str
) -> Iterator[Item]:
    if sitting:
        conversation = str(known) if known else None
        position = Position("chatgpt", conversation=conversation, title=title)
        yield from message_items(sitting, began, position, name)


def _messages(mapping: object, current: object, where: str) -> Iterator[Item]:
    for node in _branch(mapping, current, where):
        message = node.get("message")
        if not isinstance(message, Mapping):
            continue
        author = message.get("author")
        role = author.get("role") if isinstance(author, Mapping) else None
        if role not in ("user", "assistant") or message.get("recipient", "all") != "all":
            continue
        notes = message.get("metadata")
        if isinstance(notes, Mapping) and notes.get("is_visually_hidden_from_conversation"):
            continue
        text = _text(message.get("content"))
        if not text:
            continue
        found: Item = {"content": text, "role": role}
        if isinstance(message.get("id"), str):
            found["id"] = message["id"]
        if when := message_time(message.get("create_time"), f"{where}: create_time of a message"):
            found["occurred_at"] = when
        yield found


def _branch(mapping: object, current: object, where: str) -> list[Mapping[str, Any]]:
    """Nodes from the root to the current one; without a current one, down the latest replies."""
    if not isinstance(mapping, Mapping):
        raise UsageError(f"{where}: 'mapping' is not an object")
    nodes = {id: node for id, node in mapping.items() if isinstance(node, Mapping)}
    at = current if _stands_in(current, nodes) else _latest_leaf(nodes)
    branch: list[Mapping[str, Any]] = []
    seen: set[object] = set()
    while _stands_in(at, nodes) and at not in seen:
        seen.add(at)
        node = nodes[at]
        branch.append(node)
        at = node.get("parent")
    return branch[::-1]


def _stands_in(id: object, nodes: Mapping[str, Any]) -> TypeGuard[str]:
    return isinstance(id, str) and id in nodes


def _latest_leaf(nodes: Mapping[str, Mapping[str, Any]]) -> str | None:
    roots = (id for id, node in nodes.items() if not _stands_in(node.get("parent"), nodes))
    current = next(roots, None)
    seen: set[str] = set()
    while current is not None and current not in seen:
        seen.add(current)
        given = nodes[current].get("children")
        children = [id for id in given if _stands_in(id, nodes)] if isinstance(given, list) else []
        if not children:
            break
        current = children[-1]
    return current


def _text(content: object) -> str:
    """The content of a message: its text parts, transcribed speech, and a mark for each picture."""
    if not isinstance(content, Mapping) or str(content.get("content_type", "text")) not in _SPOKEN:
        return ""
    parts = content.get("parts")
    if not isinstance(parts, list):
        parts = [content.get("text")]
    texts = (_part(part) for part in parts)
    return _CITATION.sub("", "\n\n".join(part for part in texts if part)).strip()


def _part(part: object) -> str:
    if isinstance(part, str):
        return part.strip()
    if not isinstance(part, Mapping):
        return ""
    if isinstance(part.get("text"), str):
        return str(part["text"]).strip()
    return "[image]" if part.get("content_type") == "image_asset_pointer" else ""
