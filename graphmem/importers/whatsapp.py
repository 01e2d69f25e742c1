"""A WhatsApp chat as the app exports it to a text file, from an iPhone or from Android.

``[12/09/2024, 10:16:01] Carla: …`` or ``12/09/2024, 10:17 - Matteo: …``; a message goes on until
the next such line. One whose date or time cannot be is an error: it is no part of what somebody
said before it. What the app itself says (who joined, what is encrypted, what was left out of
the export) is no message. A day of the chat is an episode.

Whether the day or the month comes first is the same in a whole file: a number over 12 decides, else
the order in which the dates go back less often, else it is the day, and a remark says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

from graphmem.errors import UsageError
from graphmem.importers.items import OWNER_NAMES, Item, Position, message_items

_MARKS = "\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
"""Invisible: which way the writing runs."""
_SPACES = "\u00a0\u202f"
_MORNING = r"[Aa]\.?[ ]?[Mm]\.?|ص|ق\.?ظ\.?|上午|午前|오전|π\.?μ\.?"
_HALF = rf"{_MORNING}|[Pp]\.?[ ]?[Mm]\.?|م|ب\.?ظ\.?|下午|午後|오후|μ\.?μ\.?"
_LONGEST_HEAD = 60
_WHEN = (
    r"(\d{1,4})([./-])(\d{1,2})\2[ ]?(\d{1,4})\.?,?[ ]"
    rf"(?:({_HALF})[ ]?)?(\d{{1,2}})[:.](\d\d)(?:[:.](\d\d))?(?:[ ]?({_HALF}))?"
)
_HEADS = (
    re.compile(rf"\[{_WHEN}\][ ]?", re.ASCII),  # iPhone
    re.compile(rf"{_WHEN}[ ][-–][ ]", re.ASCII),  # Android
)
_SENDER = re.compile(r'([^:"“”\n]{1,80}):(?:[ ]|$)')
_NOTICE = re.compile(
    r"<[^<>]{1,80}>"  # <Media omitted>, <attached: …>, in any language
    r"|(?:image|video|audio|GIF|sticker|document|contact card|voice message|media) omitted"
    r"|(?:Bild|Video|Audio|GIF|Sticker|Dokument|Kontaktkarte) weggelassen"
    r"|(?:imagen|audio|GIF|sticker|documento) omitid[oa]|Video omitido"
    r"|(?:immagine|audio|video|GIF|sticker|documento) omess[oa]"
    r"|(?:image|vidéo|audio|GIF|sticker|document) absent[e]?"
    r"|.{1,120} \((?:file attached|Datei angehängt|archivo adjunto|file allegato|fichier joint)\)"
    r"|(?:This message was deleted|You deleted this message|null)\.?"
    r"|Missed (?:voice|video|group voice|group video) call.{0,60}"
    r"|Waiting for this message.{0,60}"
    r"|Messages (?:and calls are|to this (?:chat|group) are(?: now)?|are) "
    r"(?:now )?(?:secured with )?end-to-end encrypt.*",
    re.IGNORECASE,
)
_EDITED = re.compile(r"[ ]?<This message was edited>$")


@dataclass(frozen=True, slots=True)
class _Head:
    """When a line says it was written, its date not yet understood."""

    numbers: tuple[int, int, int]
    hour: int
    minute: int
    second: int
    end: int

    def at(self, *, day_first: bool) -> datetime | None:
        """The time; None where there is none such with this order of day and month. A leap second
        is the second after."""
        one, two, year = self.numbers
        if one > 31:
            year, month, day = self.numbers
        else:
            day, month = (one, two) if day_first else (two, one)
        year += 2000 if year < 100 else 0
        leap = self.second == 60
        try:
            at = datetime(year, month, day, self.hour, self.minute, self.second - leap, tzinfo=UTC)
            return at + timedelta(seconds=leap)
        except (ValueError, OverflowError):
            return None

    def is_time(self) -> bool:
        """Whether it is one with either order of day and month."""
        return any(self.at(day_first=day_first) for day_first in (True, False))


def is_whatsapp(text: str) -> bool:
    """Whether a text (or its beginning) is a chat: it opens as one, and somebody speaks."""
    lines = (line for line in text.splitlines() if line.strip())
    opening = next(lines, "")
    if _head(_plain(opening)) is None:
        return False
    for line in (opening, *lines):
        plain = _plain(line)
        if (head := _head(plain)) and _SENDER.match(plain, head.end):
            return True
    return False


def read_whatsapp(text: str, name: str, remark: Callable[[str], None]) -> Iterator[Item]:
    """An item for each day. ``remark`` is called with a note when the order of day and month is
    ambiguous."""
    lines = [_plain(line) for line in text.split("\n")]
    heads = [_head(line) for line in lines]
    day_first = _day_first([head for head in heads if head], name, remark)
    messages = _messages(zip(lines, heads, strict=True), day_first, name)
    for day, messages_of_day in groupby(
        messages, key=lambda message: message["occurred_at"].date()
    ):
        kept = list(messages_of_day)
        began = kept[0]["occurred_at"]
        yield from message_items(kept, began, Position("whatsapp", session=str(day)), name)


def _messages(
    lines: Iterable[tuple[str, _Head | None]], day_first: bool, name: str
) -> Iterator[Item]:
    message: Item | None = None
    for number, (line, head) in enumerate(lines, start=1):
        if head is not None and not head.is_time():
            raise UsageError(
                f"{name}, line {number}: {line[: head.end].strip(' -–')} is no date and time; "
                "correct it, or take the line out"
            )
        when = head.at(day_first=day_first) if head else None
        if head is None or when is None:
            if message is not None:
                message["lines"].append(line)
            continue
        yield from _finished(message)
        message = None
        if sender := _SENDER.match(line, head.end):
            who = sender[1].strip().removeprefix("~").strip()
            message = {"lines": [line[sender.end() :]], "name": who, "occurred_at": when}
    yield from _finished(message)


def _finished(message: Item | None) -> Iterator[Item]:
    """A message without what the app put in the place of pictures and of what was deleted."""
    if message is None or not message["name"]:
        return
    lines = (_EDITED.sub("", line.rstrip()) for line in message.pop("lines"))
    content = "\n".join(line for line in lines if not _NOTICE.fullmatch(line.strip())).strip()
    if message["name"].casefold() in OWNER_NAMES:
        del message["name"]
    if content:
        yield {"content": content, "role": "user", **message}


def _plain(line: str) -> str:
    """A line without marks at its ends and before what is said, and with plain spaces."""
    return re.sub(f"[{_MARKS}]", "", re.sub(f"[{_SPACES}]", " ", line)).removesuffix("\r")


def _head(line: str) -> _Head | None:
    line = _in_ascii_digits(line)
    match = next((found for head in _HEADS if (found := head.match(line))), None)
    if match is None:
        return None
    one, _, two, three, before, hour, minute, second, after = match.groups()
    hours = int(hour)
    if half := before or after:
        hours = hours % 12 + (0 if re.fullmatch(_MORNING, half) else 12)
    numbers = (int(one), int(two), int(three))
    return _Head(numbers, hours, int(minute), int(second or 0), match.end())


def _in_ascii_digits(line: str) -> str:
    """The same line, character by character, with digits and commas as English has them."""
    head = line[:_LONGEST_HEAD]
    if head.isascii():
        return line
    plain = (str(unicodedata.decimal(c)) if c.isdecimal() else c for c in head)
    return "".join(plain).replace("،", ",") + line[_LONGEST_HEAD:]


def _day_first(heads: list[_Head], name: str, remark: Callable[[str], None]) -> bool:
    """The order of day and month that the whole file keeps to."""
    heads = [head for head in heads if head.numbers[0] <= 31]
    over = [sum(head.numbers[place] > 12 for head in heads) for place in (0, 1)]
    if over[0] != over[1]:
        return over[0] > over[1]
    back = []
    for day_first in (True, False):
        found = [when for head in heads if (when := head.at(day_first=day_first))]
        back.append(sum(later < earlier for earlier, later in pairwise(found)))
    if back[0] != back[1]:
        return back[0] < back[1]
    ambiguous = next((head for head in heads if head.numbers[0] != head.numbers[1]), None)
    if ambiguous and (when := ambiguous.at(day_first=True)):
        one, two, year = ambiguous.numbers
        remark(
            f"{name}: nothing shows whether the day or the month comes first; {one}/{two}/{year} "
            f"is taken as {when.day} {when:%B}"
        )
    return True
