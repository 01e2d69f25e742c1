"""The facts of one episode as they are found: what a later turn ends or replaces of what an earlier
one stated, and which turns say the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from graphmem.model import Date, valid_from, valid_until
from graphmem.ports.llm import CandidateFact
from graphmem.text import text_key

_MOVES = frozenset({"lives_in"})
"""Of which there is one at a time, and whose beginning is a change."""
_Key: TypeAlias = tuple[str, bool]
_Open: TypeAlias = dict[_Key, None]


@dataclass
class EpisodeFacts:
    """Facts by their words, and which of them hold without an end."""

    facts: dict[_Key, CandidateFact] = field(default_factory=dict)
    open_facts: dict[tuple[str | None, str | None], _Open] = field(default_factory=dict)
    """Keys of what holds without an end, by subject and type."""

    def add(self, fact: CandidateFact, turn: int, stated_at: datetime) -> None:
        """A fact that a turn states: it may end what was stated before."""
        if fact.retracts and fact.invalid_date is not None:
            self._end_earlier(fact, fact.invalid_date)
        if fact.type in _MOVES and fact.valid_date is not None and not fact.retracts:
            self._end_former(fact, fact.valid_date, stated_at)
        key = (text_key(fact.text), fact.retracts)
        stored = self.facts.get(key)
        if stored is None:
            self.facts[key] = replace(fact, turns=(turn,))
            if not fact.retracts and fact.subject and fact.invalid_at is None:
                self.open_facts.setdefault((fact.subject, fact.type), {})[key] = None
        elif turn not in stored.turns:
            self.facts[key] = replace(stored, turns=(*stored.turns, turn))

    def _end_earlier(self, end: CandidateFact, at: Date) -> None:
        """End what an earlier turn stated as true, and a later one states to be over."""
        own = self.open_facts.get((end.subject, end.type), {})
        for key in list(own):
            stored = self.facts[key]
            if stored.valid_at is None and stored.object == end.object:
                self._end(key, stored, own, at)

    def _end_former(self, change: CandidateFact, at: Date, stated_at: datetime) -> None:
        """End what this episode itself stated as true before it stated a change: "I live in Rome. I
        moved to Oslo today". What holds today no change of before has ended."""
        today = at.at.date() >= stated_at.date()
        own = self.open_facts.get((change.subject, change.type), {})
        for key in list(own):
            stored = self.facts[key]
            before = today if stored.valid_at is None else stored.valid_at <= at.at
            if before and stored.object != change.object:
                since = None if stored.valid_at == at.at else stored.valid_date
                self._end(key, replace(stored, **valid_from(since)), own, at)

    def _end(self, key: _Key, fact: CandidateFact, own: _Open, at: Date) -> None:
        """End a fact, which is open no more."""
        self.facts[key] = replace(fact, **valid_until(at))
        del own[key]
