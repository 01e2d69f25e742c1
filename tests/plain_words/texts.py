"""The texts as values: episodes, and what each of their lines is expected to bring."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

_HERE = Path(__file__).parent
_SAID = re.compile(r"(?P<by>[^:]{1,30}): (?P<text>.+)")
HALVES = (
    "given",
    "held_out",
    "fresh",
    "later",
    "unread",
    "last",
    "other",
    "hasty",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
)


@dataclass(frozen=True)
class Expected:
    """One line behind a ``%``; ``mark`` is its first character."""

    mark: str
    subject: str
    types: tuple[str, ...]
    object: str
    note: str = ""
    line: str = ""


@dataclass
class Passage:
    """One episode of a text."""

    at: datetime
    path: str = ""
    lines: list[str] = field(default_factory=list)
    expected: list[Expected] = field(default_factory=list)

    def messages(self) -> list[dict[str, str]]:
        """A chat's lines as messages."""
        made = []
        for line in self.lines:
            said = _SAID.fullmatch(line)
            if said is None:
                raise ValueError(f"nobody says {line!r}")
            by, text = said["by"], said["text"]
            role = by if by in {"user", "assistant"} else "user"
            made.append({"role": role, "content": text} | ({} if by == role else {"name": by}))
        return made


@dataclass
class Text:
    """A chat, a folder of notes or a diary."""

    name: str
    kind: str
    user: str
    user_name: str | None
    apart: list[tuple[str, str]]
    passages: list[Passage]


def load_texts(half: str) -> list[Text]:
    """The texts of one half, by name."""
    return [_text(path) for path in sorted((_HERE / half).glob("*.txt"))]


def _text(path: Path) -> Text:
    head: dict[str, str] = {}
    apart: list[tuple[str, str]] = []
    passages: list[Passage] = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("== "):
            at, _, note = line[3:].partition(" ")
            clock = re.match(r"(\d\d):(\d\d)$", note)
            hours, minutes = (int(clock[1]), int(clock[2])) if clock else (12, 0)
            moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
            moment += timedelta(hours=hours, minutes=minutes)
            passages.append(Passage(moment, "" if clock else note))
        elif line.startswith("%"):
            passages[-1].expected.append(_expected(line))
        elif passages:
            passages[-1].lines.append(line)
        elif line.startswith("apart: "):
            one, other = line[7:].split(" / ")
            apart.append((one, other))
        elif line:
            key, _, value = line.partition(": ")
            head[key] = value
    for passage in passages:
        if head["kind"] == "chat":
            passage.lines = [line for line in passage.lines if line.strip()]
    return Text(path.stem, head["kind"], head["user"], head.get("name"), apart, passages)


def _expected(line: str) -> Expected:
    mark, rest = line[1], line[2:]
    subject, types, object_, *note = (part.strip() for part in rest.split(" | "))
    return Expected(mark, subject, tuple(types.split("/")), object_, " ".join(note), line)
