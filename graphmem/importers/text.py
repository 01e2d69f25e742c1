"""Plain text and Markdown: a file is one episode, its paragraphs are the turns.

A file says when it happened in its front matter (``date:``) or by a name that begins with a date
(``2026-11-21 meeting.md``); otherwise the time given for the whole ingest counts, and without one
the moment of ingesting. When the file was last modified is used only if asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from graphmem.errors import UsageError
from graphmem.importers.items import Item, Position, message_time, text_items
from graphmem.text import heading

_DATED_NAME = re.compile(r"(?<!\d)(\d{4})[-_](\d\d)[-_](\d\d)(?!\d)")
_FENCE = re.compile(r"---[ \t]*\r?\n")
_KEY = re.compile(r"([A-Za-z][\w-]*)[ \t]*:(?:[ \t]+(.*))?$")
_DATE_KEYS = ("date", "created", "created_at", "occurred_at")


@dataclass(frozen=True, slots=True)
class DocumentHead:
    """The time, title and options that a note gives itself, and its body."""

    at: datetime | None
    title: str | None
    options: dict[str, Any]
    body: str


def read_plain_text(text: str, name: str, at: datetime | None) -> Iterator[Item]:
    """A plain text file as one episode (or several, when it is very long)."""
    return text_items(text, _date_in(name) or at, Position("text"), name)


def read_markdown(text: str, name: str, at: datetime | None) -> Iterator[Item]:
    """A Markdown file as one episode; ``date``, ``title`` and ``tags`` of its front matter count.

    Front matter is read line by line (``key: value``, and lists), not as full YAML; what is not
    understood is left alone. A date that is not ISO 8601 is a :class:`UsageError`.
    """
    head = _markdown_head(text, name, at)
    position = Position("markdown", title=head.title)
    return text_items(head.body, head.at, position, name, **head.options)


def read_document(text: str, name: str, at: datetime | None, format: str) -> Iterator[Item]:
    """What a file of another format says, as one episode."""
    found = heading(text)
    return text_items(text, _date_in(name) or at, Position(format, title=found), name)


def head_of(text: str, name: str, at: datetime | None) -> DocumentHead:
    """The head of a note, Markdown or plain; ``at`` counts for one that has no date of its own."""
    if is_markdown(name):
        return _markdown_head(text, name, at)
    return DocumentHead(_date_in(name) or at, None, {}, text)


def body_of(text: str, name: str) -> str:
    """A note without its front matter."""
    return _front_matter(text)[1] if is_markdown(name) else text


def is_markdown(name: str) -> bool:
    """Whether a file is Markdown by its name."""
    return name.lower().endswith((".md", ".markdown"))


def _markdown_head(text: str, name: str, at: datetime | None) -> DocumentHead:
    fields, body = _front_matter(text)
    written = next((fields[key] for key in _DATE_KEYS if fields.get(key)), None)
    if isinstance(written, list):
        raise UsageError(f"{name}: the date in its front matter is a list")
    when = message_time(written, f"{name}, date in its front matter") or _date_in(name) or at
    title = fields.get("title")
    tags = fields.get("tags") or []
    options: dict[str, Any] = {}
    if tags:
        listed = tags if isinstance(tags, list) else tags.replace(",", " ").split()
        options["tags"] = [tag.lstrip("#") for tag in listed if tag.lstrip("#")]
    return DocumentHead(when, title if isinstance(title, str) else None, options, body)


def _date_in(name: str) -> datetime | None:
    match = _DATED_NAME.match(name)
    if match is None:
        return None
    try:
        return datetime(*(int(part) for part in match.groups()), tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None  # digits that only look like a date


def _front_matter(text: str) -> tuple[dict[str, str | list[str]], str]:
    start = _FENCE.match(text)
    if start is None:
        return {}, text
    end = re.compile(r"^(?:---|\.\.\.)[ \t]*\r?$", re.MULTILINE).search(text, start.end())
    if end is None:
        return {}, text
    fields: dict[str, str | list[str]] = {}
    last = ""
    for line in text[start.end() : end.start()].splitlines():
        if match := _KEY.match(line):
            last = match[1].lower()
            fields[last] = _value(match[2] or "")
        elif last and line.strip().startswith("- "):
            listed_under = fields[last]
            listed = listed_under if isinstance(listed_under, list) else []
            fields[last] = [*listed, _unquoted(line.strip()[2:])]
    return fields, text[end.end() :].lstrip("\r\n")


def _value(text: str) -> str | list[str]:
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        return [_unquoted(part) for part in text[1:-1].split(",") if part.strip()]
    return _unquoted(text)


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return text[1:-1]
    return text
