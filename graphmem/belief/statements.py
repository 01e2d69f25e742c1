"""Turns the candidates of an episode into statements about resolved entities."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from graphmem.clock import Clock
from graphmem.model import (
    Date,
    Entity,
    Episode,
    Source,
    Statement,
    StatementKind,
    Turn,
    valid_from,
    valid_until,
)
from graphmem.ports.llm import CandidateFact
from graphmem.relation_types.types import RelationTypes, normal
from graphmem.resolve.matching import Resolution

_NO_LONGER = re.compile(
    r"\bno longer\b|\bnot any ?more\b|n['’]t\b.*\bany ?more\b|\banymore\b", re.IGNORECASE
)
_PLAIN = ("stated", "negated")


def statements_of(
    candidates: Sequence[CandidateFact],
    resolution: Resolution,
    episode: Episode,
    types: RelationTypes,
    clock: Clock,
) -> list[Statement]:
    """One statement for each candidate, followed by the ends that it implies (``married_to`` ends
    ``engaged_to``). Relation types are normalised; subject and object are swapped where the normal
    type is the inverse of the given one.

    A candidate with an unresolved subject or object, or the same entity as both, becomes a plain
    sentence.
    """
    found: list[Statement] = []
    turns = {turn.ordinal: turn for turn in episode.turns}
    for ordinal, candidate in enumerate(candidates):
        one = _Candidate(candidate, ordinal, resolution, episode, types)
        found += one.statements(turns, clock)
    return found


class _Candidate:
    """One candidate with its resolved entities and its position in the episode."""

    def __init__(
        self,
        candidate: CandidateFact,
        ordinal: int,
        resolution: Resolution,
        episode: Episode,
        types: RelationTypes,
    ) -> None:
        self._given = candidate
        self._ordinal = ordinal
        self._episode = episode
        self._types = types
        form = normal(candidate.type) if candidate.type else None
        ends = (candidate.subject, candidate.object)
        if form is not None and form.swapped and candidate.object is not None:
            ends = (candidate.object, candidate.subject)
        self._past = form is not None and form.past
        self._subject, self._object = (resolution.entity(name) for name in ends)
        others = (resolution.entity(name) for name in candidate.entities)
        self._about = _ids((self._subject, self._object, *others))
        self._type = form.type if form is not None and self._related() else None

    def _related(self) -> bool:
        """Whether it is a relation, an attribute, or a retraction of all objects of a type."""
        given = self._given
        if given.subject is None and given.object is None and given.value is not None:
            return True  # its owner is found later (unsaid_owners)
        if self._subject is None or self._subject is self._object:
            return False
        if self._object is not None:
            return True
        return given.object is None and (given.value is not None or given.retracts)

    def statements(self, turns: Mapping[int, Turn], clock: Clock) -> Iterator[Statement]:
        """The statements of this candidate. ``turns``: those of the episode, by ordinal."""
        given, episode = self._given, self._episode
        stating = [turns[number] for number in given.turns if number in turns]
        stated_at = (stating[0].occurred_at if stating else None) or episode.occurred_at
        scope = episode.scope
        turn_ids: list[str | None] = [turn.id for turn in stating]
        related = self._type is not None
        made = Statement(
            id=clock.new_id(),
            episode_id=episode.id,
            text=given.text.strip(),
            stated_at=stated_at,
            turn=stating[0].ordinal if stating else 0,
            ordinal=self._ordinal,
            subject_id=self._subject.id if self._subject and related else None,
            type=self._type,
            object_id=self._object.id if self._object and related else None,
            value=given.value if related and self._object is None else None,
            entity_ids=self._about,
            **valid_from(given.valid_date),
            **valid_until(self._end(stated_at)),
            kind=self._kind(),
            modality=given.modality,
            importance=importance_of(given.importance, episode),
            sources=tuple(
                Source(episode.id, turn_id, scope.agent_id, scope.run_id)
                for turn_id in (turn_ids or [None])
            ),
            scope=scope,
            expires_at=episode.expires_at,
            memory_type=episode.memory_type,
            metadata=episode.metadata,
            tags=episode.tags,
        )
        yield made
        if made.kind == "end" and made.object_id is not None:
            yield from self._going_with(made, clock)
        if made.kind != "assert" or made.modality != "stated" or self._type is None:
            return
        for type in self._types.ends(self._type):
            over = replace(
                made,
                id=clock.new_id(),
                type=type,
                kind="end",
                **valid_from(None),
                **valid_until(made.valid_date),
            )
            yield over
            if type == "works_at" and over.object_id is not None:
                yield self._of_posts(over, clock)

    def _going_with(self, made: Statement, clock: Clock) -> Iterator[Statement]:
        """The ends of the other types that end with this one."""
        for type in self._types.go_with(made.type or ""):
            yield replace(made, id=clock.new_id(), type=type)
        if made.type == "works_at":
            yield self._of_posts(made, clock)

    @staticmethod
    def _of_posts(left: Statement, clock: Clock) -> Statement:
        """Leaving a company ends the posts (``works_as``) held there."""
        return replace(left, id=clock.new_id(), type="works_as", object_id=None)

    def _kind(self) -> StatementKind:
        given = self._given
        if not given.retracts:
            return "assert"
        ended = given.invalid_at is not None or _NO_LONGER.search(given.text) is not None
        # Hearsay or a supposition that something is wrong withdraws nothing.
        return "end" if ended or given.modality not in _PLAIN else "withdraw"

    def _end(self, stated_at: datetime) -> Date | None:
        """The stated end. A type in the past tense (``worked_at``) without one implies an end: at
        the end of its (vague) start date, but not later than when it was stated."""
        given = self._given
        stated_date = Date(stated_at, "instant")
        if given.invalid_at is not None or given.retracts or not self._past:
            return given.invalid_date
        if given.valid_date is None:
            return stated_date
        over = Date(given.valid_date.end, given.valid_date.precision)
        return min(over, stated_date, key=lambda date: date.at)


def _ids(entities: Iterable[Entity | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entity.id for entity in entities if entity is not None))


def importance_of(candidate: float | None, episode: Episode) -> float:
    """A candidate's own importance when it has a usable one, else the episode's."""
    if candidate is None or not math.isfinite(candidate):
        return episode.importance
    return min(1.0, max(0.0, candidate))
