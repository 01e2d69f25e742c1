"""Notes as people keep them: headings that say what stands below is about, "key: value", tables,
lists of people, and tasks with a name and a date.

A line that is one of these gives its facts here, or a plain sentence that the other rules read;
every other line is read by them as it stands. Quotations and code are nobody's statements.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from graphmem.extract.rules.attributes import attribute_line
from graphmem.extract.rules.changed_values import handed_over
from graphmem.extract.rules.names import FIRST_NAMES, NameRegistry
from graphmem.extract.rules.notes.firms import (
    behind,
    in_list,
    is_doubtful,
    is_firm,
    is_none,
    listed_as,
    listed_firm,
    of_trade,
)
from graphmem.extract.rules.notes.groups import holders, of_topic, our_pet, pet_of, post_holder
from graphmem.extract.rules.notes.keys import BY_KEY, OF_PROJECTS, KeyRow, is_of_work, values_of
from graphmem.extract.rules.notes.people import PeopleReader
from graphmem.extract.rules.notes.person_facts import PLAIN_NAME
from graphmem.extract.rules.notes.tables import NOT_GIVEN, TableReader
from graphmem.extract.rules.notes.topics import (
    MADE_UP,
    is_errands,
    is_fiction,
    known_work,
    may_be_work,
    opening_person,
    persons_titled,
    topic_of,
)
from graphmem.extract.rules.word_lists import KIN_PLURAL
from graphmem.ports.llm import CandidateFact
from graphmem.text.outline import lines_above

_WEIGHT = 0.7
_LONGEST_LINE = 500
_OF_ITEMS = 10
"""From here on topics are those of items, which have others below them."""

_HEADING = re.compile(r"(?P<level>#{1,6})\s+(?P<title>.+?)\s*#*$")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_TASK = re.compile(r"\s*[-*+]\s+\[(?P<done>[ xX])\]\s+(?P<text>.+)$")
_BULLET = re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+")
_KEY_LINE = re.compile(
    r"\s*(?:[-*+•]\s+)?[*_]{0,2}(?P<key>[A-Za-z][A-Za-z /-]{0,30}?)[*_]{0,2}"
    r"(?:\s\([a-z ]{2,20}\))?\s*(?::|=)\s*[*_]{0,2}\s*(?P<value>\S.*?)\s*$"
)
_KEY_IS = re.compile(
    r"\s*(?:[-*+•]\s+)?(?:(?:[Tt]he|[Oo]ur|[Ii]ts) )?(?P<key>[A-Za-z][A-Za-z -]{1,40}?) (?:is"
    r"|are)(?: now| from today| from now on)? "
    r"(?P<value>(?:[^\W_a-z]|[£€$])[^.!?]{0,60})\.?\s*$"
)
"""In "contractor is Brandt & Sons", the same as behind a colon."""
_ROW = re.compile(r"\s*\|(?P<columns>.*)\|\s*$")
_ARROW = re.compile(r"\s*(?:→|->|=>)\s*")
"""From what to what a value has changed."""
_OF_NAMES = frozenset({"role", "things"})
"""What is told by a key of somebody of whom no more is known than two names."""
_ROLE_WHERE = re.compile(r",|\s(?:at|@)\s")
"""In "Job: designer, Acme", more than a role."""
_ENTRY_DATE = re.compile(
    r"^(?P<bullet>\s*(?:[-*+•]\s+)?)\d{1,2}[./]\d{1,2}(?:[./]\d{2,4})?\s*(?::|[-–—])\s+(?=[^\W\d_])"
)
"""In "23/01 - Rang Ada", when it was written, which is no part of what is said."""
_OF_WORK = frozenset({"has_owner", "managed_by", "deadline", "budget", "client_of", "supplier_of"})
_FOR_WHAT = re.compile(r"(?<=\w)\s+for\s+(?:the\s+)?[a-z]+(?:\s+[a-z]+)?$")
_WHICH = re.compile(
    r"(?:(?:our|the|first|new|newest|latest|biggest|main|paying|current)\s+)+"
    r"(?=(?:client|customer|supplier|vendor|contact|address|phone|e-?mail)s?$)",
    re.IGNORECASE,
)
_KEY_OF = re.compile(
    r"(?P<key>[A-Za-z ]+?)\s+(?:of|for)\s+(?:the\s+|our\s+)?(?P<what>\S.*?)"
    r"(?:\s+(?:project|app|team))?"
)
"""In "Owner of the billing export: Stefan", what the key is of."""
_OF_ONESELF = frozenset({"me", "myself", "about me"})
"""Headings of what is told of the writer."""
_OF_PEOPLE = frozenset({"people", "family", "friends", "colleagues", "neighbours", "neighbors"})
"""Headings below which others name people."""
_LISTED_KIN = frozenset({"friend", "colleague", "neighbour", "neighbor", "cousin", "flatmate"})
_NAMED_AS = {"due": "due date", "due on": "due date", "finish by": "finish date"}
_THEIR_KEY = re.compile(r"(?:[Tt]heir|[Hh]is|[Hh]er) (?P<key>[a-z ]+)")
_OF_ANYBODY = frozenset({"boss", "wife", "husband", "spouse", "girlfriend", "boyfriend", "partner"})
"""Who stands behind one of these is the writer's, where a note is about nobody."""
_LABELLED = re.compile(
    r"\s*(?:[-*+•]\s+)?[A-Z][a-z-]+(?: [a-z]+)?: "
    r"(?P<rest>[^\W\d_a-z][\w'-]+(?: [^\W\d_a-z][\w'-]+){1,2}(?:, (?=[a-z\d])| \(| [-–—] ).+)$"
)
"""In "First floor: Ada Park, dentist", what is told of whom."""
_OF_WRITER = frozenset({"customer_of", "supplier_of", "client_of"})
"""What a note that is about nothing in particular says of who writes it: "Bank: Monzo"."""
_FIRMS = frozenset({"supplier_of", "client_of"})
_SAMPLE = re.compile(
    r"\b(?:example|sample|template|e\.g\.|for instance|placeholder)\b[^:]{0,40}:\s*$", re.I
)


@dataclass
class NoteReader:
    """Reads the lines of one document in order, and knows what they are about."""

    names: NameRegistry
    speaker: str | None = None
    topics: dict[int, str | None] = field(default_factory=dict)
    fenced: bool = False
    sample: bool = False
    person: str | None = None
    """Whom a line has just named."""
    lists: dict[int, str] = field(default_factory=dict)
    """Headings that list clients or suppliers, by their level."""
    made_up: set[int] = field(default_factory=set)
    """The levels of headings below which all is made up."""
    errands: set[int] = field(default_factory=set)
    """The levels of headings that list what is to do or to buy: "Mum: flowers"."""
    of_people: int = _OF_ITEMS
    """The level of a heading below which others name people."""
    listed_kin: tuple[int, str] | None = None
    """What people are to the writer below a heading like "Friends", and its level."""
    read_topics: set[str] = field(default_factory=set)
    """Those of them that have been read."""
    work: tuple[int, str] | None = None
    """A heading that names nothing by its look, and its level: "Loft conversion" is a piece of work
    once an owner or a budget of it is given."""
    above: set[tuple[str, ...]] = field(default_factory=set)
    """What stood above items that were read: it is read once."""

    def __post_init__(self) -> None:
        self.people = PeopleReader(self.names, self.speaker)
        self.table = TableReader(self.names, self.speaker, self._keyed)

    @property
    def topic(self) -> str | None:
        """Who or what the lines are about now: what the nearest heading names."""
        for level in sorted(self.topics, reverse=True):
            if self.topics[level] is not None or level >= _OF_ITEMS:
                return self.topics[level]
        return None

    def titles(self, document: str | None, heading: str | None, text: str) -> None:
        """What the whole document is called, and what stands above its ``text``."""
        titles = [title for title in (document, heading) if title is not None]
        for title in persons_titled(titles, text):
            if PLAIN_NAME.fullmatch(title) and self.names.may_be_person(title):
                self.names.register(title, "person")
        for level, above in enumerate((document, heading)):
            if above is not None:
                self._head(level, above)

    def turn(self, text: str) -> list[str]:
        """The lines of a turn that are to be read: those above an item only for the first time,
        and then for whom or what the item is about."""
        self.table.header, self.sample = [], False
        self.topics = {at: topic for at, topic in self.topics.items() if at < _OF_ITEMS}
        lines = text.split("\n")
        if (person := opening_person(self.names, text)) is not None:
            self.topics[_OF_ITEMS] = self.names.register(person.strip(), "person")
        count = 0 if self.fenced else lines_above(lines)
        unread: list[str] = []
        for at, line in enumerate(lines[:count]):
            if match := _HEADING.match(line):
                self._head(len(match["level"]), match["title"])
                continue
            if match := _BULLET.match(line):
                self._item(_OF_ITEMS + at, line[match.end() :].strip(" *_"))
            above = tuple(lines[: at + 1])
            if _SAMPLE.search(line) or above not in self.above:
                self.above.add(above)
                unread.append(line)
        return [*unread, *lines[count:]]

    def line(self, line: str, stated_at: datetime) -> tuple[list[CandidateFact], list[str]]:
        """What a line says: facts, and sentences for the other rules to read."""
        facts, texts = self._line(line, stated_at)
        kind, topic = next(iter(self.lists.values()), None), self.topic
        if kind is None or topic is None or topic in self.read_topics:
            return facts, texts
        self.read_topics.add(topic)
        return [*listed_firm(self.names, kind, topic, self.speaker), *facts], texts

    def _line(  # noqa: PLR0911 - one return for each kind of line
        self, line: str, stated_at: datetime
    ) -> tuple[list[CandidateFact], list[str]]:
        if _FENCE.match(line):
            self.fenced = not self.fenced
            return [], []
        if self.fenced or len(line) > _LONGEST_LINE:
            return [], [] if self.fenced else [line]
        if not line.strip():
            self.table.header, self.sample = [], False
            return [], []
        played = self.made_up and not (_HEADING.match(line) or _TASK.match(line))
        if played or self.sample or MADE_UP.match(line):
            return [], []
        if match := _HEADING.match(line):
            self._head(len(match["level"]), match["title"])
            return [], []
        if _SAMPLE.search(line):
            self.sample = True
            return [], []
        if match := _TASK.match(line):
            to_do = match["done"] == " "
            return self.people.task(match["text"], stated_at) if to_do else [], []
        if match := _ROW.match(line):
            return list(self.table.row(match["columns"], self.topic, self.lists.values())), []
        self.table.header = []
        line = _ENTRY_DATE.sub(r"\g<bullet>", line)
        handed = list(handed_over(_BULLET.sub("", line), self.topic, self.speaker, self.names))
        if handed:
            return handed, [line]
        if found_firms := self._in_list(line, stated_at):
            return found_firms, []
        if (found := self._of_topic(line)) is not None:
            return found, [line] if post_holder(line) else []
        if (of_person := self._of_person(line)) is not None:
            return of_person
        return [], [of_topic(self.names, self.topic, _BULLET.sub("", line, count=1))]

    def _of_person(self, line: str) -> tuple[list[CandidateFact], list[str]] | None:
        """What a line says of somebody: who writes, a relative, or whom it names."""
        if pet := our_pet(self.names, self.speaker, line):
            return pet, []
        if self.errands or (own := self.people.of_known(self.topic, line)) is not None:
            return None if self.errands else own
        if (found := self.people.line(line, self.topic)) is None:
            labelled = _LABELLED.match(line)
            found = self.people.line(labelled["rest"], self.topic) if labelled else None
        if found is None:
            return None
        self.person, facts, texts = found
        if self.listed_kin and self.speaker and self.topic in {None, self.speaker}:
            listed = _BULLET.match(line) is not None and facts + texts != []
            named = self.person if listed and self.person != self.speaker else None
            facts += self.people.kin_of(self.speaker, self.listed_kin[1], named)
        return facts, texts

    def _in_list(self, line: str, stated_at: datetime) -> list[CandidateFact]:
        """A line below a heading that lists clients or suppliers, by what each is for."""
        match = _KEY_LINE.match(line) if self.lists and self.topic is None else None
        if match is None or match["key"].lower() in BY_KEY or is_none(match["key"]):
            return []
        kind = next(iter(self.lists.values()))
        return in_list(self.names, kind, match["value"], self.speaker, stated_at)

    def _of_topic(self, line: str) -> list[CandidateFact] | None:
        """What a line says of the topic, by a key or of a post; None when it is no such line."""
        if holder := post_holder(line):
            return list(holders(self.names, self.topic, *holder)) or None
        if match := _KEY_LINE.match(line):
            theirs = _THEIR_KEY.match(match["key"]) if self.person else None
            if theirs and theirs["key"].lower() in BY_KEY:
                return self._keyed(self.person, theirs["key"], match["value"])
            if self.topic is None and match["key"].lower() in _OF_ANYBODY:
                return None
            topic, key = self._of_what(match["key"])
            return self._keyed(topic, key, match["value"])
        match = _KEY_IS.match(line)
        topic, key = self._of_what(match["key"]) if match is not None else (None, "")
        if match is None or topic is None or key.lower() not in BY_KEY:
            return None
        return self._keyed(topic, key, match["value"].partition(", not ")[0]) or None

    def _of_what(self, key: str) -> tuple[str | None, str]:
        """What "owner of the billing export" is of, else the topic; and the key alone."""
        of = _KEY_OF.fullmatch(key)
        if of is None or not is_of_work(of["key"]) or self.names.is_person(of["what"]):
            return self.topic, key
        return self.names.canonical_of(of["what"]), of["key"]

    def _head(self, level: int, title: str) -> None:
        self.topics = {at: topic for at, topic in self.topics.items() if at < level}
        self.topics[level] = topic_of(self.names, title) or known_work(self.names, title)
        if title.lower() in _OF_ONESELF:
            self.topics[level] = self.speaker
        if self.listed_kin and level <= self.listed_kin[0]:
            self.listed_kin = None
        if (kin := KIN_PLURAL.get(title.lower())) in _LISTED_KIN:
            self.listed_kin = (level, str(kin))
        if title.lower() in _OF_PEOPLE:
            self.of_people = level
        elif level <= self.of_people:
            self.of_people = _OF_ITEMS
        elif self.topics[level] and title.lower().split()[0] in FIRST_NAMES and " " in title:
            self.names.register(title, "person")
        self.lists = {at: kind for at, kind in self.lists.items() if at < level}
        self.made_up = {at for at in self.made_up if at < level}
        self.errands = {at for at in self.errands if at < level}
        if is_fiction(title):
            self.made_up.add(level)
        if is_errands(title):
            self.errands.add(level)
        if kind := listed_as(title):
            self.lists[level] = kind
        self.work = (level, title) if self.topics[level] is None and may_be_work(title) else None
        self.table.header = []
        self.person = None

    def _item(self, level: int, text: str) -> None:
        """An item with others below it: they are about what it names, or whom it opens with, and
        not about what the heading names, unless it is no more than a label."""
        label = text.rstrip(" *_:")
        named = label == text or " " in label or self.names.is_sure(label)
        topic = topic_of(self.names, label) if named else None
        opening = PLAIN_NAME.match(text)
        if topic is None and opening and self.names.is_person(opening.group()):
            topic = self.names.canonical_of(opening.group())
        if topic is not None or label == text:
            self.topics[level] = topic

    def _keyed(self, topic: str | None, key: str, value: str) -> list[CandidateFact] | None:
        """The facts of "key: value" about a topic; None when the key is not known."""
        key = _FOR_WHAT.sub("", _WHICH.sub("", key))
        rows = BY_KEY.get(" ".join(key.lower().split()))
        if rows is None:
            return self._unkeyed(topic, key, value)
        if value.strip(" -–—?").lower() in NOT_GIVEN or is_doubtful(value):
            return []
        if topic is None and self.work and not _OF_WORK.isdisjoint(row.type for row in rows):
            level, title = self.work
            topic = self.topics[level] = self.names.register(title, "project")
        if topic is None and self.speaker and all(row.type in _OF_WRITER for row in rows):
            topic = self.speaker
        if topic is None:
            return []
        kind = self.names.kind(topic)
        fitting = [
            row
            for row in rows
            if row.subject == "any" or (kind == "person") == (row.subject == "person")
        ]
        if not fitting and kind == "thing" and len(topic.split()) in {2, 3}:
            fitting = [row for row in rows if row.subject == "person" and row.value in _OF_NAMES]
        return [fact for row in fitting[:1] for fact in self._facts(row, key.lower(), topic, value)]

    def _unkeyed(self, topic: str | None, key: str, value: str) -> list[CandidateFact] | None:
        """What a key says that no row names: a post, a firm, a pet, an attribute."""
        held = list(holders(self.names, topic, key, value))
        owner = None if self.errands else topic or self.speaker
        if not held and is_firm(self.names, key):
            return list(behind(self.names, key, f"{key}, {value}", len(key))) or None
        if not held and (firm := of_trade(self.names, owner, key, value)):
            return firm
        if not held and owner and (pet := pet_of(self.names, owner, key, value)):
            return pet
        own = attribute_line(owner, key, value) if owner and not held else None
        return held or ([own] if own is not None else None)

    def _facts(self, row: KeyRow, key: str, topic: str, value: str) -> Iterator[CandidateFact]:
        value = _ARROW.split(value)[-1]
        if row.subject == "person":
            self.names.register(topic, "person")
        elif row.type in OF_PROJECTS:
            self.names.register(topic, "project")
        if row.value == "text":
            value = value.rstrip(" .")
            if row.type in {"email", "phone_number"} and self._is_persons(value):
                topic = self.person or topic
            key = _NAMED_AS.get(key, key)
            whose = f"{topic}'" if topic.endswith("s") else f"{topic}'s"
            text = row.says.replace("{s}'s", whose).replace("{s}", topic)
            text = text.replace("{o}", value).replace("{key}", key)
            if any(c.isalnum() for c in value) and len(value) <= 80:
                yield CandidateFact(
                    text, topic, row.type, None, (topic,), value=value, importance=_WEIGHT
                )
            return
        if row.value == "role" and _ROLE_WHERE.search(value):
            yield from self.people.role_and_firm(topic, value)
            return
        for name, kind, role, alone in values_of(row, value, self.names):
            if alone is not None:
                self.person = name if alone else None
            if name == topic:
                continue
            one, other = (name, topic) if row.swapped else (topic, name)
            says = row.says.replace("{s}", one).replace("{o}", name if not row.swapped else other)
            registered = self.names.register(name, kind)
            ends = (registered, topic) if row.swapped else (topic, registered)
            yield CandidateFact(says, ends[0], row.type, ends[1], ends, importance=_WEIGHT)
            if row.type in _FIRMS:
                yield from behind(self.names, registered, value)
            if role is not None:
                more, _ = self.people.parts(registered, registered, role)
                yield from more
        if self.names.is_person(topic):
            self.person = None  # a number below somebody's partner is still of whom the note is

    def _is_persons(self, value: str) -> bool:
        """Whether an address below somebody's name is theirs: it begins with it, or is a number."""
        if self.person is None or "@" not in value:
            return self.person is not None
        return self.person.split()[0].lower()[:4] in value.lower()
