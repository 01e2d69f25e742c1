"""Everything that was ranked for a question."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from graphmem.retrieve.question.search_query import SearchQuery
from graphmem.retrieve.rank.ranking import Ranking
from graphmem.retrieve.signals.inputs import SignalInputs


@dataclass(frozen=True, slots=True)
class RankedCandidates:
    """The candidates (``inputs.candidates``) and their ranking, in the same order."""

    query: SearchQuery
    inputs: SignalInputs
    ranking: Ranking
    reason: str | None = None
    """Why a part of it was not looked for, if so."""

    def best(self, count: int) -> list[int]:
        """The places of the best that may be shown, best first."""
        return list(islice(filter(self._may_show, self.ranking.order), count))

    def _may_show(self, place: int) -> bool:
        """Of the kind that is asked for; and at a moment, not from later, unless it states what
        held then."""
        candidate, facts = self.inputs.candidates[place], self.inputs.facts
        turn = None if candidate.id in facts else candidate.text.turn
        if not candidate.shown or ("fact" if turn is None else "turn") not in self.query.kinds:
            return False
        at = self.query.view.at
        if at is None or turn is None or turn.occurred_at is None or turn.occurred_at <= at:
            return True
        return any(turn.id == source.turn_id for f in facts.values() for source in f.sources)
