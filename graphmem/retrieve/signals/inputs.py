"""The inputs of signals, the tables that several of them need, and the kinds of text among the
candidates, which decide the weights.

In a conversation between people, the neighbouring turns and the whole session show what a turn is
about. A message to an assistant contains all of its question, and the long reply repeats it. A
passage stands alone, and the entities that it names lead to other passages. Most memories hold one
kind of text; where they do not, the weights are blended by the share of each kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TypeAlias, TypeVar

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
"""People talking with each other; one person's messages, with or without an assistant's replies;
prose."""

_PROSE = 35  # words without stop words from which passages count fully as prose
_LONG = 25  # words without stop words; a longer text may be prose
_MOSTLY = 0.5
_OTHERS = 0.25
"""People's turns count fully as conversation if at least this share of them is not by whoever
speaks most."""


def kind_shares(texts: Sequence[AnalysedText], passages: NDArray[np.bool_]) -> Mapping[str, float]:
    """The share of the turns among these texts that is of each kind. ``passages`` is the mask of
    passages, which are prose as far as half of them are long: short notes rather are what somebody
    said. People's turns are conversation to the degree that several of them speak, else chat."""
    turns = [text.turn for text in texts if text.turn is not None]
    lengths = [len(text.words) for text, passage in zip(texts, passages, strict=True) if passage]
    prose = len(lengths) * min(1.0, float(np.median(lengths or [0])) / _PROSE)
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
    """The mask of passages: long or titled turns of an episode that has one speaker only and either
    a title or mostly turns without "I" and "you".

    In conversations and short notes, shared names hardly ever link what is said: there the graph
    costs more than it gains (measured on LoCoMo). Facts are not passages; their turns may be.
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


_Float = TypeVar("_Float", np.float32, np.float64)
Column: TypeAlias = NDArray[np.float32]
"""One value for each candidate."""
Columns: TypeAlias = Mapping[str, Column]
"""Columns by signal name."""

BESIDE = 0.8
"""The weight of a word in the turn before or after, against one in the turn itself."""
_FACT = -10
"""The ordinal given to a fact, so that it is no turn's neighbour."""
_SIMILAR = 0.3
"""Words with a lower cosine than this are treated as unrelated."""
SAME_WORD = 0.95
"""Words with a higher cosine than this are treated as the same."""
_LITTLE = 0.1
"""Added to relative lengths before the logarithm, so that very short texts differ little."""
_ONE_THREAD = 1 << 18
"""The multiplications up to which OpenBLAS uses one thread (``interface/gemm.c``: 65,536 x 4)."""
_BLOCK_ROWS = 64
_TEXTS = 1_000
"""The number of texts assumed for the inverse document frequency: only the ratio of rare to
frequent words matters."""


@dataclass(frozen=True)
class SignalInputs:
    """All inputs of the signals. ``candidates`` are turns in order, then facts."""

    question: ParsedQuestion
    candidates: Sequence[Candidate]
    vocabulary: Vocabulary
    scores: StoreScores = field(default_factory=StoreScores)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """The candidates that are facts, by id."""
    seeds: Sequence[Entity] = ()
    """Entities that the question names."""
    relations: RelationMatcher | None = None
    reached: Sequence[ReachedFact] = ()
    """The facts that the graph arm reached from the seeds."""
    ended: Sequence[tuple[Fact, float]] = ()
    """Facts that would be among the best but have ended, with the score (0 to 1) they would get."""
    replacing: Sequence[tuple[Fact, float]] = ()
    """Facts that now hold in their place, with that score."""
    neighbourhood: Neighbourhood = field(default_factory=Neighbourhood)

    @cached_property
    def ids(self) -> list[str]:
        return [candidate.id for candidate in self.candidates]

    @cached_property
    def turns(self) -> dict[str, Turn]:
        """The candidates that are turns, by id."""
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
        """The content words of the question, without the names of speakers."""
        names = {word for speaker in self.speakers for word in speaker.lower().split()}
        return [word for word in self.question.content if word not in names]

    @cached_property
    def beside_people(self) -> list[int]:
        """The indices in ``words`` that are not part of a person's name; all, if all are."""
        people = [seed for seed in self.seeds if seed.kind == "person"]
        names = {word for seed in people for word in words(seed.name)}
        beside = [n for n, word in enumerate(self.words) if word not in names]
        return beside or list(range(len(self.words)))

    @cached_property
    def likeness(self) -> NDArray[np.float32]:
        """For each of ``words`` (row) and each candidate (column), the cosine of the candidate's
        nearest word; 0 if that is below ``_SIMILAR``."""
        return _likeness(self.words, self.texts, self.vocabulary)

    @cached_property
    def window_likeness(self) -> NDArray[np.float32]:
        """The same including the neighbouring turns (times ``BESIDE``) and, for a fact, those of
        the turn that states it."""
        near, positions = self.likeness, self.positions
        around = np.maximum(positions.beside(near, -1), positions.beside(near, 1))
        window = np.maximum(near, BESIDE * around)
        return np.maximum(window, window[:, positions.context])

    @cached_property
    def rarity(self) -> NDArray[np.float32]:
        """The inverse document frequency of each of ``words`` among the candidates, as a column of
        a matrix."""
        having = (self.likeness > SAME_WORD).sum(axis=1)
        rare: NDArray[np.float32] = np.log1p((_TEXTS - having + 0.5).clip(0.5) / (having + 0.5))
        return rare[:, None]

    @cached_property
    def meaning(self) -> Column:
        """How much of the question each candidate covers by its own words, relative to the best."""
        return scaled((self.rarity * self.likeness).sum(axis=0))

    @cached_property
    def passages(self) -> NDArray[np.bool_]:
        """Which candidates are passages."""
        return passages_among(self.texts)

    @cached_property
    def lengths(self) -> NDArray[np.float32]:
        """The length of each text in words, divided by the mean of the turns."""
        words = np.array([len(text.words) for text in self.texts], dtype=np.float32)
        turns = np.array([text.turn is not None for text in self.texts], dtype=np.bool_)
        usual = words[turns].mean() if turns.any() else words.mean() if len(words) else 1.0
        against: NDArray[np.float32] = words / np.float32(usual)
        return against

    @cached_property
    def longer(self) -> NDArray[np.float32]:
        """``lengths`` on a logarithmic scale: -1 (an eighth or less) to 1 (eight times or more)."""
        longer: NDArray[np.float32] = (np.log2(self.lengths + _LITTLE) / 3).clip(-1, 1)
        return longer

    @cached_property
    def positions(self) -> Positions:
        return Positions(self.candidates)


Measure: TypeAlias = Callable[[SignalInputs, Columns], Columns]
"""Measures some signals; the second argument holds those measured before."""


class Positions:
    """The place of each candidate in its session. Candidates are turns in order, then facts."""

    def __init__(self, candidates: Sequence[Candidate]) -> None:
        self._size = len(candidates)
        turns = [candidate.text.turn for candidate in candidates]
        number: dict[str, int] = {}
        alone = -1
        sessions: list[int] = []
        self.episodes: list[str] = []
        """The id of each candidate's episode, or empty."""
        for candidate in candidates:
            turn = candidate.context.turn
            if turn is None:
                sessions.append(alone)
                alone -= 1
            else:
                sessions.append(number.setdefault(turn.episode_id, len(number)))
            self.episodes.append(turn.episode_id if turn else "")
        # Sessions are numbered from 0; a candidate without a turn gets a number after all those.
        session = np.array(sessions, dtype=np.intp)
        self.session: NDArray[np.intp] = np.where(session < 0, len(number) - 1 - session, session)
        ordinals = np.array([turn.ordinal if turn else _FACT for turn in turns], dtype=np.intp)
        self._steps = {step: self._further(ordinals, step) for step in (-2, -1, 1, 2)}
        at = {turn.id: n for n, turn in enumerate(turns) if turn is not None}
        self.context = np.arange(self._size)
        """The place of the turn that each candidate is or is stated by; its own place if that turn
        is not a candidate."""
        for n, candidate in enumerate(candidates):
            if candidate.context.turn is not None:
                self.context[n] = at.get(candidate.context.turn.id, n)

    def beside(self, values: NDArray[np.float32], step: int) -> NDArray[np.float32]:
        """For each candidate the value of the one ``step`` turns further; 0 where there is none."""
        padded = np.concatenate([values, np.zeros_like(values[..., :1])], axis=-1)
        return padded[..., self._steps[step]]

    def best_of_session(self, values: NDArray[np.float32], count: int) -> NDArray[np.float32]:
        """For each candidate the sum of the ``count`` highest values in its session, not counting
        facts whose turn is a candidate too."""
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
        """For each candidate the place of the one ``step`` turns further, -1 where there is
        none."""
        own = np.arange(self._size)
        there = np.clip(own + step, 0, max(self._size - 1, 0))
        same = (self.session[there] == self.session) & (ordinals[there] == ordinals + step)
        found: NDArray[np.intp] = np.where(same & (ordinals >= 0), there, -1)
        return found


def scaled(values: Column) -> Column:
    """The values divided by the highest, if that is positive."""
    highest = float(values.max(initial=0))
    divided: Column = values / highest if highest > 0 else values
    return divided


def products(left: NDArray[_Float], right: NDArray[_Float]) -> NDArray[_Float]:
    """``left @ right.T``, in blocks that OpenBLAS computes in the calling thread: waking its other
    threads takes longer than so little work, and far longer while they have to wait for a core."""
    height = max(1, min(len(left), _BLOCK_ROWS))
    width = max(1, _ONE_THREAD // (height * max(1, left.shape[1])))
    found = np.empty((len(left), len(right)), dtype=left.dtype)
    for top in range(0, len(left), height):
        rows = slice(top, top + height)
        for start in range(0, len(right), width):
            columns = slice(start, start + width)
            np.matmul(left[rows], right[columns].T, out=found[rows, columns])
    return found


def _likeness(
    words: Sequence[str], texts: Sequence[AnalysedText], vocabulary: Vocabulary
) -> NDArray[np.float32]:
    if not words or not texts:
        return np.zeros((len(words), len(texts)), dtype=np.float32)
    every = np.concatenate([text.words for text in texts])
    starts = np.cumsum([0, *[len(text.words) for text in texts[:-1]]])
    distinct, where = np.unique(every, return_inverse=True)
    asked, there = vocabulary.vectors(vocabulary.rows(words)[1:]), vocabulary.vectors(distinct)
    likeness = products(asked, there)
    likeness[likeness < _SIMILAR] = 0.0
    nearest: NDArray[np.float32] = np.maximum.reduceat(likeness[:, where], starts, axis=1)
    return nearest
