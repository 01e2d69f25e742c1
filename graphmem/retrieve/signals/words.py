"""What speaks for each candidate, as numbers: one row per text, one column per signal.

A turn is judged by its own words, by the turns beside it, and by its session; a fact by its own
words and by what surrounds the turn that states it. Words count as near as they are in meaning
(the best of a text's words for each of the question's), and as much as they are rare here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from graphmem.retrieve.question.parse import Asked, speakers_named
from graphmem.retrieve.signals.reading import Read, Vocabulary

Numbers = NDArray[np.float32]

_NEAR = 0.3
"""Words less alike than this have nothing to do with each other."""
_SAME = 0.95
_BESIDE = 0.8
"""What a word counts that stands in the turn before or after."""
_BEST_OF_SESSION = 4
_THAT_EVENT = 0.5
"""Of the words for an event, so much must be in a text and beside it to tell when it was."""
_TEXTS = 1_000
"""How many texts there are, for how rare a word is: the ratio of rare to frequent matters."""

SIGNALS = (
    "bm25", "session", "dense", "dense_window", "dense_session",
    "meaning", "meaning_window", "meaning_beyond", "meaning_session", "meaning_best",
    "meaning_answer", "pairs", "names", "times", "numbers", "length", "day", "month", "year",
    "event", "speaker", "answers", "asks",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Found:
    """What the stores said, by id: of a fact (its own words), of a turn with those beside it, or
    (``session``) of an episode. ``dense`` is of the text alone."""

    bm25: Mapping[str, float] = field(default_factory=dict)
    dense: Mapping[str, float] = field(default_factory=dict)
    session: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """A candidate, or (``shown`` is False) what only stands beside one."""

    id: str
    read: Read
    beside: Read | None = None
    """For a fact: the turn that states it."""
    shown: bool = True


def measure(
    asked: Asked,
    rows: Sequence[Row],
    found: Found,
    vocabulary: Vocabulary,
    near: Numbers | None = None,
) -> dict[str, Numbers]:
    """Each signal over all rows, most from 0 to 1. Turns must come before facts, in order.
    ``near`` is what :func:`nearness` gives, when that is known already."""
    places = _Places(rows)
    own = [row.read for row in rows]
    context = [row.beside or row.read for row in rows]
    near = nearness(asked, rows, vocabulary) if near is None else near
    times = [read.turn.occurred_at if read.turn else None for read in context]
    return {
        **_flags(asked, own, context, times, speakers_named(asked.content, _speakers(rows))),
        **_stored(rows, found, places),
        **_meaning(near, places, own),
        "event": _event(asked, _wanted(asked, rows), near, places, times),
        "pairs": _pairs(asked, own, vocabulary),
    }


def nearness(asked: Asked, rows: Sequence[Row], vocabulary: Vocabulary) -> Numbers:
    """For each word that is asked for (names of speakers are not) and each row, how near the row's
    nearest word is."""
    return _nearest(_wanted(asked, rows), [row.read for row in rows], vocabulary)


def _wanted(asked: Asked, rows: Sequence[Row]) -> list[str]:
    names = {word for speaker in _speakers(rows) for word in speaker.lower().split()}
    return [word for word in asked.content if word not in names]


def rarity(near: Numbers) -> Numbers:
    """How rare each word is among the rows, as a column."""
    holders = (near > _SAME).sum(axis=1)
    rare: Numbers = np.log1p((_TEXTS - holders + 0.5).clip(0.5) / (holders + 0.5))[:, None]
    return rare


def _speakers(rows: Sequence[Row]) -> set[str]:
    context = [row.beside or row.read for row in rows]
    return {read.turn.speaker for read in context if read.turn and read.turn.speaker}


class _Places:
    """Where each row stands: the rows before and after it, its turn's row, its session."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.size = len(rows)
        turns = [row.read.turn for row in rows]
        number: dict[str, int] = {}
        alone = -1
        sessions: list[int] = []
        ordinals: list[int] = []
        self.episodes: list[str] = []
        for row, own in zip(rows, turns, strict=True):
            turn = own or (row.beside.turn if row.beside else None)
            if turn is None:
                sessions.append(alone)
                alone -= 1
            else:
                sessions.append(number.setdefault(turn.episode_id, len(number)))
            self.episodes.append(turn.episode_id if turn else "")
            # Facts come last, and are nobody's neighbours.
            ordinals.append(own.ordinal if own else -10)
        # From 0 on, those of their own after all others.
        session = np.array(sessions, dtype=np.intp)
        self.session = np.where(session < 0, len(number) - 1 - session, session)
        self.steps = {step: self._further(np.array(ordinals), step) for step in (-2, -1, 1, 2)}
        at = {turn.id: n for n, turn in enumerate(turns) if turn is not None}
        self.context = np.arange(self.size)
        for n, row in enumerate(rows):
            if row.beside is not None and row.beside.turn is not None:
                self.context[n] = at.get(row.beside.turn.id, n)

    def _further(self, ordinals: NDArray[np.intp], step: int) -> NDArray[np.intp]:
        """For each row the row so many turns further, -1 where there is none."""
        here = np.arange(self.size)
        there = np.clip(here + step, 0, max(self.size - 1, 0))
        same = (self.session[there] == self.session) & (ordinals[there] == ordinals + step)
        found: NDArray[np.intp] = np.where(same & (ordinals >= 0), there, -1)
        return found

    def beside(self, values: Numbers, step: int) -> Numbers:
        """The values of the rows so many turns further; 0 where there are none."""
        padded = np.concatenate([values, np.zeros_like(values[..., :1])], axis=-1)
        return padded[..., self.steps[step]]

    def best_of_session(self, values: Numbers, count: int) -> Numbers:
        """For each row the sum of the best values in its session, each context once."""
        mine = np.flatnonzero(self.context == np.arange(self.size))
        order = mine[np.lexsort((-values[mine], self.session[mine]))]
        session = self.session[order]
        starts = np.flatnonzero(np.r_[True, session[1:] != session[:-1]]) if len(order) else order
        place = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        kept = place < count
        totals = np.zeros(self.size, dtype=np.float32)
        np.add.at(totals, session[kept], values[order[kept]])
        return totals[self.session]


def _flags(
    asked: Asked,
    own: Sequence[Read],
    context: Sequence[Read],
    times: Sequence[datetime | None],
    named: set[str],
) -> dict[str, Numbers]:
    def each(values: Iterable[float], wanted: bool = True) -> Numbers:
        return np.fromiter(values, np.float32, len(own)) if wanted else nothing

    nothing = np.zeros(len(own), dtype=np.float32)
    said = (r.turn is not None and r.turn.speaker in named for r in context)
    return {
        "names": each((read.names for read in own), asked.who_or_where),
        "times": each((read.times for read in own), asked.when),
        "numbers": each((read.numbers for read in own), asked.how_many),
        "length": each(read.length for read in own),
        "asks": each(read.asks for read in own),
        "day": each((asked.day_of(at) for at in times), bool(asked.days)),
        "month": each((asked.month_of(at) for at in times), bool(asked.months)),
        "year": each((asked.year_of(at) for at in times), bool(asked.years)),
        "speaker": each(said, len(named) == 1),
    }


def _stored(rows: Sequence[Row], found: Found, places: _Places) -> dict[str, Numbers]:
    ids = [row.id for row in rows]
    own, context = _of(found.bm25, ids), places.context
    window, session = own[context], _of(found.session, places.episodes)
    # A fact that is not from an indexed conversation is its own window and session.
    fact = np.array([row.read.turn is None for row in rows], dtype=bool)
    window = np.where(fact & (window == 0), own, window)
    session = np.where(fact & (session == 0), own, session)
    lowest = min(found.dense.values(), default=0.0)
    near = np.maximum(_of(found.dense, ids, lowest) - np.float32(lowest), 0)
    near_window = (near[context] + places.beside(near, -1) + places.beside(near, 1)) / 3
    asking = np.array([float(row.read.questions) for row in rows], dtype=np.float32)
    return {
        "bm25": _scaled(window),
        "session": _scaled(session),
        "dense": _scaled(near),
        "dense_window": _scaled(near_window),
        "dense_session": _scaled(places.best_of_session(near, 1)),
        "answers": places.beside(asking, -1)[context],
    }


def _meaning(near: Numbers, places: _Places, own: Sequence[Read]) -> dict[str, Numbers]:
    rare = rarity(near)
    # Who answers leaves out what was asked: the words of the question count as the answer's own.
    asking = np.array([read.questions for read in own], dtype=np.float32)
    answer = np.maximum(near, places.beside(near * asking, -1))
    answer = np.maximum(answer, answer[:, places.context])
    around = np.maximum(places.beside(near, -1), places.beside(near, 1))
    window = np.maximum(near, _BESIDE * around)
    window = np.maximum(window, window[:, places.context])
    mine = (rare * near).sum(axis=0)
    whole = (rare * window).sum(axis=0)
    best = np.zeros_like(window.T)
    np.maximum.at(best, places.session, window.T)
    beyond = np.maximum(places.beside(whole, -2), places.beside(whole, 2))[places.context]
    return {
        "meaning": _scaled(mine),
        "meaning_window": _scaled(whole),
        "meaning_beyond": _scaled(beyond),
        "meaning_session": _scaled((rare * best[places.session].T).sum(axis=0)),
        "meaning_best": _scaled(places.best_of_session(whole, _BEST_OF_SESSION)),
        "meaning_answer": _scaled((rare * answer).sum(axis=0)),
    }


def _event(
    asked: Asked,
    wanted: Sequence[str],
    near: Numbers,
    places: _Places,
    times: Sequence[datetime | None],
) -> Numbers:
    """1 for what is from the side of an event that the question says: before or after the moment of
    the text that tells most of it."""
    side = np.zeros(places.size, dtype=np.float32)
    about = [n for n, word in enumerate(wanted) if word in asked.event]
    if not asked.side or not about or not places.size:
        return side
    rare = rarity(near)[about]
    told = near[about]
    told = np.maximum(told, _BESIDE * np.maximum(places.beside(told, -1), places.beside(told, 1)))
    covered = (rare * told).sum(axis=0)
    best = int(np.argmax(covered))
    then = times[best]
    if then is None or covered[best] < _THAT_EVENT * float(rare.sum()):
        return side
    for n, at in enumerate(times):
        side[n] = at is not None and (at <= then if asked.side < 0 else at >= then)
    return side


def _nearest(wanted: Sequence[str], own: Sequence[Read], vocabulary: Vocabulary) -> Numbers:
    """For each wanted word and each text, how near the text's nearest word is."""
    if not wanted or not own:
        return np.zeros((len(wanted), len(own)), dtype=np.float32)
    words = np.concatenate([read.words for read in own])
    starts = np.cumsum([0, *(len(read.words) for read in own[:-1])])
    distinct, where = np.unique(words, return_inverse=True)
    asked, there = vocabulary.vectors(vocabulary.rows(wanted)[1:]), vocabulary.vectors(distinct)
    # Not "@": for so little, waking the threads of a BLAS takes longer than the work itself.
    likeness = np.einsum("ik,jk->ij", asked, there)
    likeness[likeness < _NEAR] = 0.0
    nearest: Numbers = np.maximum.reduceat(likeness[:, where], starts, axis=1)
    return nearest


def _pairs(asked: Asked, own: Sequence[Read], vocabulary: Vocabulary) -> Numbers:
    """How many pairs of words that stand side by side in the question do so in each text."""
    counts = np.zeros(len(own), dtype=np.float32)
    if len(asked.sequence) < 2 or not own:
        return counts
    rows = vocabulary.rows(asked.sequence)[1:].astype(np.int64)
    words = np.concatenate([read.words for read in own]).astype(np.int64)
    texts = np.repeat(np.arange(len(own)), [len(read.words) for read in own])
    there = np.isin((words[:-1] << 32) + words[1:], (rows[:-1] << 32) + rows[1:])
    np.add.at(counts, texts[:-1][there], 1.0)
    return _scaled(counts)


def _of(scores: Mapping[str, float], ids: Sequence[str], otherwise: float = 0.0) -> Numbers:
    return np.array([scores.get(id, otherwise) for id in ids], dtype=np.float32)


def _scaled(values: Numbers) -> Numbers:
    highest = float(values.max(initial=0))
    scaled: Numbers = values / highest if highest > 0 else values
    return scaled
