"""A conversation written down as text or Markdown: ``Anna: I moved to Oslo.``, line after line.

Also ``**Anna:** …``, ``[10:16] Anna: …``, ``Anna (10:16): …``. A file is one when at least two
thirds of its lines, or of its paragraphs, begin with a name and a colon, at least two of them, and
a speaker comes back or there are two. A name is one to four words with capitals; ``Note:``,
``TODO:``, ``Monday:`` and the like are none. Or, as exporters of iMessage write it, each message
stands below a line with its time and one with its sender. What has no speaker before the first
one, and headings, are the owner's, as in any note. Days are given as in a journal, and each is an
episode.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from graphmem.importers.diary import dated_parts
from graphmem.importers.items import OWNER_NAMES, Item, Position, message_items, message_time
from graphmem.importers.text import body_of, head_of

_TIME = r"(?:\d{4}-\d\d-\d\d[ T,]+)?\d{1,2}:\d\d(?::\d\d)?(?:\.\d+)?(?:[ ]?[AaPp]\.?[Mm]\.?)?"
_SPOKEN = re.compile(
    rf"[\s\u200e\u200f\u202a-\u202e\u2066-\u2069]*(?:[-*•][ \t]+)?"
    rf"(?:[\[(]?(?P<before>{_TIME})[\])]?[ \t]*[-–]?[ \t]*)?"
    rf"(?P<open>[*_]{{0,2}})(?P<name>[^\W\d_][^:：*_\[\]()<>{{}}\"|/]{{0,60}}?)[*_]{{0,2}}[ \t]*"
    rf"(?:[\[(](?P<after>{_TIME})[\])][*_]{{0,2}}[ \t]*)?"
    r"(?::[*_]{0,2}(?=\s|$)|：[*_]{0,2})[ \t]*(?P<text>.*)",
    re.DOTALL,
)
_BULLETED = re.compile(r"\s*[-*•][ \t]")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d))?(?:\.\d+)?(?:[ ]?([AaPp])\.?[Mm]\.?)?$")
_SENT_AT = re.compile(
    r"[ \t]*(?P<at>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]* \d{1,2}, \d{4})"
    r"[ \u202f]+(?P<clock>\d{1,2}:\d\d:\d\d[ \u202f][AP]M)(?: \(.{1,200}\))?[ \t\r]*"
)
_REACTION = re.compile(
    r"(?:Loved|Liked|Disliked|Laughed at|Emphasi[sz]ed|Questioned|Reacted .{1,20} to) "
    r"(?:“.*”|an? (?:image|movie|attachment|audio message))|"
    r"Tapbacks:|(?:Loved|Liked|Disliked|Laughed|Emphasi[sz]ed|Questioned) by .*|"
    r"This message responded to an earlier message\.|Edited .{1,40} later: .*"
)
_HEADING = re.compile(r"[ ]{0,3}#{1,6}[ \t]")
_SKIPPED = re.compile(r"(?:[-*_=](?:[ ]?[-*_=]){2,}|```.*)?")
"""Nothing, a rule, or a fence."""
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n")
_SHARE = 2 / 3
_SAMPLE = 1 << 20
"""Characters of a long text that speak for the rest."""
_LONGEST_HEAD = 200
"""Characters within which a speaker's colon stands; most lines have none."""
_FEW_WORDS = 3
_MOST_WORDS = 4
_PARTICLES = frozenset(
    {"al", "bin", "da", "de", "del", "della", "den", "der", "di", "dos", "du", "el", "ibn", "la"}
    | {"le", "ten", "van", "von", "y"}
)
_OWNER = OWNER_NAMES | {"user", "human", "i", "you said"}
_MACHINE = frozenset({"assistant", "ai", "bot", "chatbot", "chatgpt", "chatgpt said", "model"})
_INSTRUCTING = frozenset({"system", "developer", "tool"})
_NOBODY = """
    abstract action actions address age agenda aim aims alternatives answer appendix approach
    assignee attendee attendees attention author authors available background benefits birthday bug
    category caution chapter city cc comment comments company conclusion conclusions cons contact
    context cost country created danger date deadline decision decisions definition departments
    dependencies description details diagnosis diet dinner directions discussion done due duration
    edit education email employer evening example examples experience facts feedback figure file
    files fix focus follow-up food from fun goal goals gratitude height hello hint history hobbies
    hobby home hours idea ideas impact important info ingredients input instructions intro
    introduction issue issues item items job key keywords language languages learnings lesson
    lessons level like likes link links location lunch meeting members method methods milestones
    mood morning motivation name names next night noon note notes objective objectives occupation
    open option options output overview owner p.s part participants people phone place plan plans
    points position postscript priority problem problems procedure profession progress project
    pros ps purpose q question questions quote reason reasons recap recipe reference references
    related remark remarks reminder reminders requirements result results review risk risks role
    school score section see sender serves shopping skills sleep solution source sources speaker
    speakers spouse status step steps story strengths subject sum summary table tag tags task tasks
    team thanks theme thesis time times tip tips title tldr tl;dr to today todo todos tomorrow
    tonight topic topics total type types update updates url usage use venue version warning
    weaknesses weather website week weight what when where who why wins work yesterday yield year
    a afternoon breakfast exercise highlights lows highs rating season
    monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat
    january february march july september october november december
"""
_LABELS = frozenset(_NOBODY.split())
"""Words before a colon in lists and notes that name no speaker."""


def is_transcript(text: str, name: str) -> bool:
    """Whether a text is a conversation of speakers that it names."""
    if _is_headed(text):
        return True
    bodies = [part.text for part in dated_parts(body_of(text, name)[:_SAMPLE])]
    speakers: Counter[str] = Counter()
    heads: list[re.Match[str]] = []
    lines = blocks = opened = 0
    for body in bodies:
        for block in _PARAGRAPH.split(body):
            own = [line for line in block.split("\n") if not _passed_over(line)]
            found = [match for line in own if (match := _spoken(line))]
            lines += len(own)
            blocks += bool(own)
            opened += bool(own) and _spoken(own[0]) is not None
            speakers.update(match["name"].casefold() for match in found)
            heads += found
    spoken = speakers.total()
    if spoken < 2 or (spoken < lines * _SHARE and opened < blocks * _SHARE):
        return False
    # Where nobody comes back it may be a list: "Colour: red", "Engine: petrol".
    talking = sum(map(_is_talk, heads))
    return len(speakers) < spoken or talking * 2 >= spoken


def _is_talk(line: re.Match[str]) -> bool:
    """Whether it reads as something said: a sentence, at a time, or by whom none else can be."""
    text = line["text"].strip()
    if line["before"] or line["after"] or _who(line["name"]).keys() == {"role"}:
        return True
    # "- Rent: 950 a month" is of a list
    long = len(text.split()) >= _FEW_WORDS and not _BULLETED.match(line.group())
    return not text or text[-1] in ".!?…" or long


def read_transcript(text: str, name: str, at: datetime | None) -> Iterator[Item]:
    """An episode for each day, or for the whole file when it names none."""
    head = head_of(text, name, at)
    headed = _is_headed(text)
    messages = _headed_messages(text) if headed else _messages(head.body, head.at)
    for day, group in groupby(messages, key=_day):
        position = Position("transcript", session=day, title=head.title)
        spoken = list(group)
        began = spoken[0].get("occurred_at", head.at)
        yield from message_items(spoken, began, position, name, **head.options)


def _day(message: Item) -> str | None:
    when = message.get("occurred_at")
    return str(when.date()) if when else None


def _messages(body: str, at: datetime | None) -> Iterator[Item]:
    entry: Item = {}
    for part in dated_parts(body):
        day = part.at or at
        for line in part.text.split("\n"):
            if match := _spoken(line):
                yield from _finished(entry)
                entry = _begun(match, day)
            elif _SKIPPED.fullmatch(line.strip()):
                if entry:
                    entry["lines"].append("")
            elif _goes_on(entry, line, day):
                entry["lines"].append(line)
            else:
                yield from _finished(entry)
                entry = {"who": {"role": "user"}, "lines": [line], "at": day, "when": day}
    yield from _finished(entry)


def _is_headed(text: str) -> bool:
    """Whether it opens with a message below its time and sender."""
    lines = text.lstrip("\ufeff \t\r\n").split("\n", 2)
    return len(lines) == 3 and bool(_SENT_AT.fullmatch(lines[0])) and bool(lines[1].strip())


def _headed_messages(text: str) -> Iterator[Item]:
    entry: Item = {}
    for line in text.lstrip("\ufeff").split("\n"):
        plain = line.strip()
        if match := _SENT_AT.fullmatch(line):
            yield from _finished(entry)
            day = next(dated_parts(f"{match['at']}:\n.")).at
            entry = {
                "who": None,
                "lines": [],
                "when": _when(match["clock"].replace("\u202f", " "), day),
            }
        elif entry and entry["who"] is None:
            entry["who"] = _who(plain)
        elif entry:
            entry["lines"].append("" if _REACTION.fullmatch(plain) else plain)
    yield from _finished(entry)


def _goes_on(entry: Item, line: str, day: datetime | None) -> bool:
    """Whether a line without a speaker belongs to what was said before it."""
    if not entry or entry["at"] != day or _HEADING.match(line):
        return False
    return entry["who"] == {"role": "user"} or not _labelled(line)


def _begun(match: re.Match[str], day: datetime | None) -> Item:
    when = _when(match["before"] or match["after"], day)
    return {"who": _who(match["name"]), "lines": [match["text"]], "at": day, "when": when}


def _finished(entry: Item) -> Iterator[Item]:
    content = "\n".join(entry["lines"]).strip() if entry else ""
    if not content or not entry["who"] or entry["who"]["role"] == "system":
        return
    message: Item = {"content": content, **entry["who"]}
    if entry["when"] is not None:
        message["occurred_at"] = entry["when"]
    yield message


def _who(name: str) -> dict[str, str]:
    plain = name.casefold().strip()
    if plain in _OWNER:
        return {"role": "user"}
    if plain in _MACHINE:
        return {"role": "assistant"}
    if plain in _INSTRUCTING:
        return {"role": "system"}
    return {"role": "user", "name": name.strip()}


def _when(time: str | None, day: datetime | None) -> datetime | None:
    """The moment of a line; a time of day needs a day, and 75:10 is a place in a recording."""
    if not time:
        return day
    if time[4:5] == "-":
        day = message_time(time[:10], "a line's date")
    clock = _CLOCK.search(time)
    if day is None or clock is None:
        return day
    hour, minute, second = (int(part or 0) for part in clock.groups()[:3])
    if clock[4]:
        hour = hour % 12 + (12 if clock[4] in "Pp" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return day
    midnight = day.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(hours=hour, minutes=minute, seconds=second)


def _spoken(line: str) -> re.Match[str] | None:
    if ":" not in (begun := line[:_LONGEST_HEAD]) and "：" not in begun:
        return None
    match = _SPOKEN.match(line)
    return match if match and _is_name(match["name"]) else None


def _labelled(line: str) -> bool:
    match = _SPOKEN.match(line)
    return match is not None and _is_label(match["name"])


def _passed_over(line: str) -> bool:
    return bool(_HEADING.match(line) or _SKIPPED.fullmatch(line.strip()))


def _is_label(name: str) -> bool:
    return name.casefold().split()[-1] in _LABELS


def _is_name(name: str) -> bool:
    plain = name.casefold().strip()
    if plain in _OWNER | _MACHINE | _INSTRUCTING:
        return True
    words = name.split()
    if not 0 < len(words) <= _MOST_WORDS or _is_label(name):
        return False
    return all(_is_word(word, first=place == 0) for place, word in enumerate(words))


def _is_word(word: str, *, first: bool) -> bool:
    """A word of a name: with a capital, or in a script that has none; ``van``; ``Speaker 2``."""
    if not first and (word.isdecimal() or word in _PARTICLES):
        return True
    if not first and all(map(_is_mark, word)):
        return True
    letter = word[0]
    if not letter.isalpha() or letter.islower():
        return False
    return all(c.isalpha() or c.isdecimal() or c in "'’.-" or _is_mark(c) for c in word)


def _is_mark(character: str) -> bool:
    """An accent or vowel sign, which is part of a letter; or an emoji."""
    return not character.isascii() and not character.isalnum() and not character.isspace()
