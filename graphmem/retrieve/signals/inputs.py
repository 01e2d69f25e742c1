"""What signals are measured from, and the tables that several of them need."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from graphmem.model import Entity, Fact, Turn
from graphmem.retrieve.candidates.candidate import Candidate
from graphmem.retrieve.candidates.graph import ReachedFact
from graphmem.retrieve.candidates.neighbourhood import Neighbourhood
from graphmem.retrieve.candidates.text_analysis import AnalysedText, Vocabulary
from graphmem.retrieve.candidates.vectors import StoreScores
from graphmem.retrieve.question.parse import ParsedQuestion
from graphmem.retrieve.question.relation_types import RelationMatcher
from graphmem.retrieve.signals.positions import Positions

Column: TypeAlias = NDArray[np.float32]
"""One value for each candidate."""
Columns: TypeAlias = Mapping[str, Column]
"""By signal."""

BESIDE = 0.8
"""What a word counts that stands in the turn before or after."""
_SIMILAR = 0.3
"""Words less alike than this have nothing to do with each other."""
_SAME = 0.95
_TEXTS = 1_000
"""How many texts there are, for how rare a word is: the ratio of rare to frequent matters."""


@dataclass(frozen=True)
class SignalInputs:
    """Everything that signals are measured from. ``candidates`` are turns in order, then facts."""

    question: ParsedQuestion
    candidates: Sequence[Candidate]
    vocabulary: Vocabulary
    scores: StoreScores = field(default_factory=StoreScores)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """Those of the candidates, by id."""
    stating: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By fact the turns that state it."""
    seeds: Sequence[Entity] = ()
    """Entities that the question names."""
    relations: RelationMatcher | None = None
    reached: Sequence[ReachedFact] = ()
    """What the graph leads to from the seeds."""
    ended: Sequence[tuple[Fact, float]] = ()
    """Facts that would be among the best but have ended, with how good they would be (0 to 1)."""
    replacing: Sequence[tuple[Fact, float]] = ()
    """Facts that hold in their place."""
    neighbourhood: Neighbourhood = field(default_factory=Neighbourhood)

    @cached_property
    def ids(self) -> list[str]:
        return [candidate.id for candidate in self.candidates]

    @cached_property
    def turns(self) -> dict[str, Turn]:
        """Those of the candidates, by id."""
        return {text.turn.id: text.turn for text in self.texts if text.turn}

    @cached_property
    def texts(self) -> list[AnalysedText]:
        return [candidate.text for candidate in self.candidates]

    @cached_property
    def contexts(self) -> list[AnalysedText]:
        """For each candidate the turn that it is or that states it, else its own text."""
        return [candidate.context for candidate in self.candidates]

    @cached_property
    def times(self) -> list[datetime | None]:
        return [text.turn.occurred_at if text.turn else None for text in self.contexts]

    @cached_property
    def speakers(self) -> set[str]:
        return {text.turn.speaker for text in self.contexts if text.turn and text.turn.speaker}

    @cached_property
    def words(self) -> list[str]:
        """What is asked for; names of speakers are not."""
        names = {word for speaker in self.speakers for word in speaker.lower().split()}
        return [word for word in self.question.content if word not in names]

    @cached_property
    def likeness(self) -> NDArray[np.float32]:
        """For each of ``words`` (rows) and each candidate, how near in meaning the candidate's
        nearest word is."""
        return _likeness(self.words, self.texts, self.vocabulary)

    @cached_property
    def rarity(self) -> NDArray[np.float32]:
        """How rare each of ``words`` is among the candidates (its inverse document frequency), as a
        column."""
        having = (self.likeness > _SAME).sum(axis=1)
        rare: NDArray[np.float32] = np.log1p((_TEXTS - having + 0.5).clip(0.5) / (having + 0.5))
        return rare[:, None]

    @cached_property
    def positions(self) -> Positions:
        return Positions(self.candidates)


Measure: TypeAlias = Callable[[SignalInputs, Columns], Columns]
"""Measures some signals; the second argument has those that were measured before."""


def scaled(values: Column) -> Column:
    """From 0 to 1: divided by the highest, where that is positive."""
    highest = float(values.max(initial=0))
    divided: Column = values / highest if highest > 0 else values
    return divided


def _likeness(
    words: Sequence[str], texts: Sequence[AnalysedText], vocabulary: Vocabulary
) -> NDArray[np.float32]:
    if not words or not texts:
        return np.zeros((len(words), len(texts)), dtype=np.float32)
    every = np.concatenate([text.words for text in texts])
    starts = np.cumsum([0, *(len(text.words) for text in texts[:-1])])
    distinct, where = np.unique(every, return_inverse=True)
    asked, there = vocabulary.vectors(vocabulary.rows(words)[1:]), vocabulary.vectors(distinct)
    # Not "@": for so little, waking the threads of a BLAS takes longer than the work itself.
    likeness = np.einsum("ik,jk->ij", asked, there)
    likeness[likeness < _SIMILAR] = 0.0
    nearest: NDArray[np.float32] = np.maximum.reduceat(likeness[:, where], starts, axis=1)
    return nearest
