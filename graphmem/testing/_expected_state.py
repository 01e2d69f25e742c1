"""What the memory machine holds beside a store, to compare it with."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphmem.model import Fact, Receipt


@dataclass(slots=True)
class ExpectedState:
    """What the store should hold, by tenant."""

    places: dict[tuple[str, str | None, str, str], str] = field(default_factory=dict)
    """(user, run, text, day) to the episode that first said it there."""
    facts: dict[str, Fact] = field(default_factory=dict)
    """As decided; times of recording are the store's business."""
    retired: set[str] = field(default_factory=set)
    undone: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Episodes that count no more, and are erased with the rest: user and run by id."""

    def take(self, receipt: Receipt) -> None:
        for decision in receipt.decisions:
            if decision.action == "DELETE":
                del self.facts[decision.fact_id]
            elif decision.after is not None:
                self.facts[decision.fact_id] = decision.after
                self.retired.discard(decision.fact_id)

    def retire(self, id: str) -> None:
        del self.facts[id]
        self.retired.add(id)

    def erase(self, episodes: set[str]) -> None:
        """An episode goes, and every fact whose last source it was."""
        self.places = {place: id for place, id in self.places.items() if id not in episodes}
        self.facts = {
            id: fact
            for id, fact in self.facts.items()
            if any(source.episode_id not in episodes for source in fact.sources)
        }

    def of(self, user: str) -> dict[str, Fact]:
        return {id: fact for id, fact in self.facts.items() if fact.scope.user_id == user}

    def episodes(self, user: str, run: str | None = None) -> set[str]:
        return {
            id
            for (whose, where, *_), id in self.places.items()
            if whose == user and (run is None or where == run)
        }


def essence(fact: Fact) -> tuple[object, ...]:
    """What a decision settles, and erasure of another episode does not change."""
    return fact.text, fact.subject_id, fact.type, fact.object_id, fact.entity_ids, fact.importance
