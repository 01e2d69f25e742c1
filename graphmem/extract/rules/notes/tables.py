"""Tables in notes: of two columns key and value, of more whom or what each row is about."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from graphmem.extract.rules.names import NameRegistry
from graphmem.extract.rules.notes.firms import of_table
from graphmem.extract.rules.notes.keys import BY_KEY
from graphmem.extract.rules.notes.person_facts import PLAIN_NAME
from graphmem.extract.rules.notes.topics import may_be_work
from graphmem.extract.rules.word_lists import is_occupation, is_post
from graphmem.ports.llm import CandidateFact

NOT_GIVEN = frozenset({"", "tbd", "tbc", "n/a", "none", "unknown", "vacant", "nobody", "?"})
_RULE = re.compile(r"[\s|:-]+$")
_WORK_COLUMNS = frozenset(
    {"item", "task", "action", "deliverable", "milestone", "workstream", "work", "activity", "what"}
)
_PERSON_COLUMNS = frozenset({"name", "person", "who", "member", "contact", "employee"})
_DUTY_COLUMNS = frozenset({"for", "role", "post", "position", "job", "title", "service", "trade"})


@dataclass
class TableReader:
    """Reads the rows of one table after another. ``keyed`` gives what a key says of a topic."""

    names: NameRegistry
    speaker: str | None
    keyed: Callable[[str | None, str, str], list[CandidateFact] | None]
    header: list[str] = field(default_factory=list)

    def row(
        self, columns: str, topic: str | None, lists: Collection[str]
    ) -> Iterator[CandidateFact]:
        """A row of a table: two columns are key and value of the topic; of more, the first says
        whom or what the row is about, and the header what the others are."""
        if _RULE.fullmatch(columns):
            return
        values = [column.strip(" *_`") for column in columns.split("|")]
        if not self.header:
            self.header = [value.lower() for value in values]
            known = BY_KEY.get(self.header[0]) if len(values) == 2 else None
            if known is None:
                return
        if len(values) == 2:
            yield from self.keyed(topic, values[0], values[1]) or ()
            if values[0].lower() not in BY_KEY and self.header[1] in BY_KEY:
                yield from self._row_of(values, lists)
        elif len(values) == len(self.header):
            yield from self._row_of(values, lists)

    def _row_of(self, values: Sequence[str], lists: Collection[str]) -> Iterator[CandidateFact]:
        for listing in lists:
            if found := of_table(self.names, listing, self.header, values, self.speaker):
                yield from found
        at = self._named_column(values)
        named, column = values[at], self.header[at]
        work = column in _WORK_COLUMNS and may_be_work(named)
        if not work and (not PLAIN_NAME.fullmatch(named) or named.lower() in NOT_GIVEN):
            return
        contact = dict(zip(self.header[at + 1 :], values[at + 1 :], strict=False)).get("contact")
        firm = at > 0 and contact is not None and bool(PLAIN_NAME.fullmatch(contact))
        person = column in _PERSON_COLUMNS and not firm
        if person and not self.names.may_be_person(named):
            return
        kind = "thing" if work else "person" if person else "organization" if firm else None
        about = self.names.register(named, kind)
        for number, (key, value) in enumerate(zip(self.header, values, strict=False)):
            duty = number < at and key in _DUTY_COLUMNS  # a post, or a chore
            if number != at and (
                not duty or is_post(value.lower()) or is_occupation(value.lower())
            ):
                yield from self.keyed(about, key, value) or ()

    def _named_column(self, values: Sequence[str]) -> int:
        """Which column says whom or what a row is about: the first, or behind what it is for."""
        columns = zip(self.header, values, strict=False)
        found = (
            n
            for n, (key, value) in enumerate(columns)
            if key in _PERSON_COLUMNS and value.lower() not in NOT_GIVEN | {"-"}
        )
        return next(found, 0) if self.header[0] in _DUTY_COLUMNS else 0
