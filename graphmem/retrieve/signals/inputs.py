"""What signals are measured from, the tables that several of them need, and what kinds of text the
candidates are, which decides how much each signal counts.

Where people talk with each other, what stands beside a turn and its whole session tell what it is
about. Who asks an assistant says all of it in one message, and gets a long reply that repeats the
question. A passage stands for itself, and what is named in it leads to others. Most memories are of
one kind; where they are not, each kind counts by its share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from graphmem.model import Entity, Fact, Turn
from graphmem.model.stored import MACHINE_ROLES
from graphmem.retrieve.candidates.gather import Candidate, StoreScores
from graphmem.retrieve.candidates.graph import Neighbourhood, ReachedFact
from graphmem.retrieve.candidates.text_analysis import AnalysedText, Vocabulary
from graphmem.retrieve.question.names_and_relations import RelationMatcher
from graphmem.retrieve.question.parse import ParsedQuestion
from graphmem.text import words

TEXT_KINDS = ("conversation", "chat", "passage")
"""People who talk with each other; one person's messages, with an assistant's replies or without;
prose."""

_LONG = 25  # words, stop words not counted, from which on a text is prose
_MOSTLY = 0.5
_OTHERS = 0.25
"""Of the turns that people speak, so many by others than whoever speaks most are a conversation."""


def kind_shares(texts: Sequence[AnalysedText], passages: NDArray[np.bool_]) -> Mapping[str, float]:
    """What share of the turns among these texts is of each kind; ``passages`` says which are. What
    people say is conversation as far as several of them speak."""
    turns = [text.turn for text in texts if text.turn is not None]
    prose = int(passages.sum())
    spoken = Counter(
        text.turn.speaker
        for text, passage in zip(texts, passages, strict=True)
        if text.turn is not None and not passage and text.turn.role not in MACHINE_ROLES
    )
    people = sum(spoken.values())
    others = people - max(spoken.values(), default=0)
    count = max(len(turns), 1)
    talk = people / count * min(1.0, others / (_OTHERS * people)) if people else 0.0
    return {"conversation": talk, "passage": prose / count, "chat": 1 - talk - prose / count}


def passages_among(texts: Sequence[AnalysedText]) -> NDArray[np.bool_]:
    """Which of these are passages: turns by one voice alone in their episode, with a title, or long
    where that voice mostly does not speak of "I" and "you".

    In conversations and short notes what is named hardly ever links what is said: there the graph
    costs more than it brings (measured on LoCoMo). Facts are no passages: what they are from is.
    """
    likely = np.array(
        [bool(t.turn and (len(t.words) > _LONG or t.title)) for t in texts], dtype=np.bool_
    )
    if not likely.any():
        return likely
    voices: dict[str, set[tuple[str | None, str]]] = {}
    personal: dict[str, list[bool]] = {}
    titled: set[str] = set()
    for text in texts:
        if text.turn is not None:
            voices.setdefault(text.turn.episode_id, set()).add((text.turn.speaker, text.turn.role))
            personal.setdefault(text.turn.episode_id, []).append(text.personal)
            if text.title:
                titled.add(text.turn.episode_id)
    prose = {
        episode
        for episode, of_turns in personal.items()
        if len(voices[episode]) == 1
        and (episode in titled or sum(of_turns) < _MOSTLY * len(of_turns))
    }
    alone = [text.turn is not None and text.turn.episode_id in prose for text in texts]
    passages: NDArray[np.bool_] = likely & alone
    return passages


Column: TypeAlias = NDArray[np.float32]
"""One value for each candidate."""
Columns: TypeAlias = Mapping[str, Column]
"""By signal."""

BESIDE = 0.8
"""What a word counts that stands in the turn before or after."""
_FACT = -10
"""The place of a fact in its episode: facts come last, and are nobody's neighbours."""
_SIMILAR = 0.3
"""Words less alike than this have nothing to do with each other."""
SAME_WORD = 0.95
"""Words more alike than this are the same one."""
_LITTLE = 0.1
"""Of the usual length: what is shorter is all alike."""
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
    def beside_people(self) -> list[int]:
        """Which of ``words`` are not the name of a person: what is asked of whom it names."""
        people = [seed for seed in self.seeds if seed.kind == "person"]
        names = {word for seed in people for word in words(seed.name)}
        beside = [n for n, word in enumerate(self.words) if word not in names]
        return beside or list(range(len(self.words)))

    @cached_property
    def likeness(self) -> NDArray[np.float32]:
        """For each of ``words`` (rows) and each candidate, how near in meaning the candidate's
        nearest word is."""
        return _likeness(self.words, self.texts, self.vocabulary)

    @cached_property
    def window_likeness(self) -> NDArray[np.float32]:
        """The same with the turns beside each candidate, and with the turn that states it."""
        near, positions = self.likeness, self.positions
        around = np.maximum(positions.beside(near, -1), positions.beside(near, 1))
        window = np.maximum(near, BESIDE * around)
        return np.maximum(window, window[:, positions.context])

    @cached_property
    def rarity(self) -> NDArray[np.float32]:
        """How rare each of ``words`` is among the candidates (its inverse document frequency), as a
        column."""
        having = (self.likeness > SAME_WORD).sum(axis=1)
        rare: NDArray[np.float32] = np.log1p((_TEXTS - having + 0.5).clip(0.5) / (having + 0.5))
        return rare[:, None]

    @cached_property
    def meaning(self) -> Column:
        """How much of what is asked each candidate means by its own words, against the best."""
        return scaled((self.rarity * self.likeness).sum(axis=0))

    @cached_property
    def passages(self) -> NDArray[np.bool_]:
        """Which candidates are passages."""
        return passages_among(self.texts)

    @cached_property
    def lengths(self) -> NDArray[np.float32]:
        """How long each text is, in words, against the mean of the turns."""
        words = np.array([len(text.words) for text in self.texts], dtype=np.float32)
        turns = np.array([text.turn is not None for text in self.texts], dtype=np.bool_)
        usual = words[turns].mean() if turns.any() else words.mean() if len(words) else 1.0
        against: NDArray[np.float32] = words / np.float32(usual)
        return against

    @cached_property
    def longer(self) -> NDArray[np.float32]:
        """How much longer than usual each text is: -1 (an eighth or less) to 1 (eight times)."""
        longer: NDArray[np.float32] = (np.log2(self.lengths + _LITTLE) / 3).clip(-1, 1)
        return longer

    @cached_property
    def positions(self) -> Positions:
        return Positions(self.candidates)


Measure: TypeAlias = Callable[[SignalInputs, Columns], Columns]
"""Measures some signals; the second argument has those that were measured before."""


class Positions:
    """Where each candidate stands; they are turns in order, then facts."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._size = len(candidates)
        turns = [candidate.text.turn for candidate in candidates]
        number: dict[str, int] = {}
        alone = -1
        sessions: list[int] = []
        self.episodes: list[str] = []
        """By candidate the id of its episode, or empty."""
        for candidate in candidates:
            turn = candidate.context.turn
            if turn is None:
                sessions.append(alone)
                alone -= 1
            else:
                sessions.append(number.setdefault(turn.episode_id, len(number)))
            self.episodes.append(turn.episode_id if turn else "")
        # From 0 on, those of their own after all others.
        session = np.array(sessions, dtype=np.intp)
        self.session: NDArray[np.intp] = np.where(session < 0, len(number) - 1 - session, session)
        ordinals = np.array([turn.ordinal if turn else _FACT for turn in turns], dtype=np.intp)
        self._steps = {step: self._further(ordinals, step) for step in (-2, -1, 1, 2)}
        at = {turn.id: n for n, turn in enumerate(turns) if turn is not None}
        self.context = np.arange(self._size)
        """By candidate the place of the turn that it is or that states it."""
        for n, candidate in enumerate(candidates):
            if candidate.context.turn is not None:
                self.context[n] = at.get(candidate.context.turn.id, n)

    def beside(self, values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
        """The values of the candidates so many turns further; 0 where there are none."""
        padded = np.concatenate([values, np.zeros_like(values[..., :1])], axis=-1)
        return padded[..., self._steps[step]]

    def best_of_session(self, values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """For each candidate the sum of the best values in its session, each context once."""
        mine = np.flatnonzero(self.context == np.arange(self._size))
        order = mine[np.lexsort((-values[mine], self.session[mine]))]
        session = self.session[order]
        starts = np.flatnonzero(np.r_[True, session[1:] != session[:-1]]) if len(order) else order
        place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        kept = place < count
        totals = np.zeros(self._size, dtype=np.float32)
        np.add.at(totals, session[kept], values[order[kept]])
        return totals[self.session]

    def _further(self, ordinals: NDArray[np.intp], step: int) -> NDArray[np.intp]:
        """For each candidate the one so many turns further, -1 where there is none."""
        own = np.arange(self._size)
        there = np.clip(own + step, 0, max(self._size - 1, 0))
        same = (self.session[there] == self.session) & (ordinals[there] == ordinals + step)
        found: NDArray[np.intp] = np.where(same & (ordinals >= 0), there, -1)
        return found


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
    starts = np.cumsum([0, *[len(text.words) for text in texts[:-1]]])
    distinct, where = np.unique(every, return_inverse=True)
    asked, there = vocabulary.vectors(vocabulary.rows(words)[1:]), vocabulary.vectors(distinct)
    # Not "@": for so little, waking the threads of a BLAS takes longer than the work itself.
    likeness = np.einsum("ik,jk->ij", asked, there)
    likeness[likeness < _SIMILAR] = 0.0
    nearest: NDArray[np.float32] = np.maximum.reduceat(likeness[:, where], starts, axis=1)
    return nearest
