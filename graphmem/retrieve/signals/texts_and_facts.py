"""Signals from the words, time and speaker of texts, and from what is known of facts: the graph,
their entities, whether they are of the relation asked for, and whether they still hold.

For each word of the question, the nearest word of a text counts: its cosine, times the rarity of
the question's word. A turn is judged by its own words, by neighbouring turns and by its session; a
fact by its own words and by the surroundings of the turn that states it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from graphmem.model import Fact
from graphmem.model.printing import printed_date
from graphmem.retrieve.signals.inputs import BESIDE, Column, Columns, SignalInputs, scaled
from graphmem.retrieve.signals.time_asked import time_fit
from graphmem.text import words

_BEST_OF_SESSION = 4
_NAME_FITS, _NUMBER_FITS = 0.5, 0.5
"""Relative to a time for a question that asks when: more texts have names and numbers than
answer."""
_MONTH_FITS, _YEAR_FITS = 0.6, 0.1
"""Relative to the day itself."""
_BY_LENGTH = 0.5
"""How much a text's length lowers ``focus``, like BM25's ``b``."""
_THAT_EVENT = 0.5
"""The share of an event's words that a text and its neighbours must cover to date the event."""


def measure_stores(inputs: SignalInputs, _: Columns) -> Columns:
    """``words``, ``window``, ``session``, ``dense``, ``dense_session``."""
    ids, scores, positions = inputs.ids, inputs.scores, inputs.positions
    own = _column(scores.window, ids)
    window, session = own[positions.context], _column(scores.session, positions.episodes)
    # A fact that is not from an indexed conversation is its own window and session.
    fact = np.array([text.turn is None for text in inputs.texts], dtype=bool)
    window = np.where(fact & (window == 0), own, window)
    session = np.where(fact & (session == 0), own, session)
    lowest = min(scores.dense.values(), default=0.0)
    near = np.maximum(_column(scores.dense, ids, lowest) - np.float32(lowest), 0)
    return {
        "words": scaled(_column(scores.words, ids)),
        "window": scaled(window),
        "session": scaled(session),
        "dense": scaled(near),
        "dense_session": scaled(positions.best_of_session(near, 1)),
    }


def _column(scores: Mapping[str, float], ids: Sequence[str], otherwise: float = 0.0) -> Column:
    return np.array([scores.get(id, otherwise) for id in ids], dtype=np.float32)


def measure_meaning(inputs: SignalInputs, _: Columns) -> Columns:
    """``focus``, ``pairs`` and the signals whose names begin with ``meaning``."""
    near, rare, positions = inputs.likeness, inputs.rarity, inputs.positions
    # An answer need not repeat what was asked: the words of a question just before it count too.
    asking = np.array([text.questions for text in inputs.texts], dtype=np.float32)
    answer = np.maximum(near, positions.beside(near * asking, -1))
    answer = np.maximum(answer, answer[:, positions.context])
    whole = (rare * inputs.window_likeness).sum(axis=0)
    beyond = np.maximum(positions.beside(whole, -2), positions.beside(whole, 2))
    return {
        "focus": scaled(inputs.meaning / (1 - _BY_LENGTH + _BY_LENGTH * inputs.lengths)),
        "meaning_beyond": scaled(beyond[positions.context]),
        "meaning_best": scaled(positions.best_of_session(whole, _BEST_OF_SESSION)),
        "meaning_answer": scaled((rare * answer).sum(axis=0)),
        "pairs": _pairs(inputs),
    }


def _pairs(inputs: SignalInputs) -> Column:
    """How many pairs of adjacent words of the question are adjacent in each text, scaled."""
    sequence, texts, vocabulary = inputs.question.sequence, inputs.texts, inputs.vocabulary
    counts = np.zeros(len(texts), dtype=np.float32)
    if len(sequence) < 2 or not texts:
        return counts
    rows = vocabulary.rows(sequence)[1:].astype(np.int64)
    words = np.concatenate([text.words for text in texts]).astype(np.int64)
    of_text = np.repeat(np.arange(len(texts)), [len(text.words) for text in texts])
    there = np.isin((words[:-1] << 32) + words[1:], (rows[:-1] << 32) + rows[1:])
    np.add.at(counts, of_text[:-1][there], 1.0)
    return scaled(counts)


def measure_form(inputs: SignalInputs, _: Columns) -> Columns:
    """``fits``, ``length``, ``asks``, ``answers``, ``speaker`` and ``assistant``."""
    question, texts = inputs.question, inputs.texts
    speakers = speakers_named(question.content, inputs.speakers)
    spoken = [c.turn is not None and c.turn.speaker in speakers for c in inputs.contexts]
    asking = np.array([text.questions for text in texts], dtype=np.float32)
    nothing = np.zeros(len(texts), dtype=np.float32)
    by_assistant = [c.turn is not None and c.turn.role == "assistant" for c in inputs.contexts]
    columns = {
        "fits": _fitting(inputs),
        "length": nothing if question.overview else inputs.longer,
        "asks": [text.asks for text in texts],
        "answers": inputs.positions.beside(asking, -1)[inputs.positions.context],
        "speaker": spoken if len(speakers) == 1 else nothing,
        "assistant": nothing if question.overview else by_assistant,
    }
    return {name: np.asarray(values, dtype=np.float32) for name, values in columns.items()}


def _fitting(inputs: SignalInputs) -> Column:
    """Whether each text has what the question asks for: a time for when, a name for who or where, a
    number for how many."""
    question, texts = inputs.question, inputs.texts
    fits = np.zeros(len(texts), dtype=np.float32)
    for asked, kind, worth in (
        (question.when, "times", 1.0),
        (question.who_or_where, "names", _NAME_FITS),
        (question.how_many, "numbers", _NUMBER_FITS),
    ):
        if asked:
            found = np.array([getattr(text, kind) for text in texts], dtype=np.float32)
            fits = np.maximum(fits, np.float32(worth) * found)
    return fits


def speakers_named(content: Collection[str], speakers: Collection[str]) -> set[str]:
    """The speakers with a word of their name in ``content``."""
    asked = set(content)
    return {speaker for speaker in speakers if asked.intersection(words(speaker))}


def measure_dates(inputs: SignalInputs, _: Columns) -> Columns:
    """``date`` and ``event``."""
    question = inputs.question
    date = np.zeros(len(inputs.candidates), dtype=np.float32)
    if question.months or question.years:
        date[:] = [
            max(
                question.day_of(at),
                _MONTH_FITS * question.month_of(at),
                _YEAR_FITS * question.year_of(at),
            )
            for at in inputs.times
        ]
    return {"date": date, "event": _event(inputs)}


def _event(inputs: SignalInputs) -> Column:
    """1 for texts from before (or after) an event, as the question asks; the event is dated by the
    text that covers most of its words. 0 for all if none covers enough."""
    question, positions, times = inputs.question, inputs.positions, inputs.times
    side = np.zeros(len(inputs.candidates), dtype=np.float32)
    about = [n for n, word in enumerate(inputs.words) if word in question.event]
    if not question.side or not about or not inputs.candidates:
        return side
    near = inputs.likeness[about]
    rare = inputs.rarity[about]
    around = np.maximum(positions.beside(near, -1), positions.beside(near, 1))
    covered = (rare * np.maximum(near, BESIDE * around)).sum(axis=0)
    best = int(np.argmax(covered))
    then = times[best]
    if then is None or covered[best] < _THAT_EVENT * float(rare.sum()):
        return side
    for n, at in enumerate(times):
        side[n] = at is not None and (at <= then if question.side < 0 else at >= then)
    return side


_MENTIONED = 0.4  # ``about`` of a fact that names a seed as other than its first entity
_AT_LEAST = {"about": 0.0, "graph": 0.25, "importance": 0.0}
"""The least factor of these signals, for a fact that covers nothing of the question: the graph also
finds what shares no word with it."""


def measure_facts(inputs: SignalInputs, _: Columns) -> Columns:
    """``graph``, ``about``, ``present``, ``relation``, ``importance`` (from -1 to 1, 0 where it was
    given none) and ``outdated``. ``graph``, ``about`` and ``importance`` are scaled down by the
    square of ``meaning``: many facts matter or are about whom the question names, and few answer.
    """
    relations = inputs.relations.scores(inputs.facts.values()) if inputs.relations else {}
    question = inputs.question
    fits = time_fit(inputs) if question.of_another_time else {}
    may_be_over = question.past_tense and not question.of_another_time
    by_signal = {
        "graph": _graph(inputs),
        "about": _about(inputs),
        "present": {} if question.asks_of_past else _present(inputs),
        "relation": {id: score * fits.get(id, 1.0) for id, score in relations.items()},
        "importance": {id: 2 * fact.importance - 1 for id, fact in inputs.facts.items()},
        "outdated": {} if may_be_over else _outdated(inputs.ended, fits),
    }
    columns = {
        name: np.array([scores.get(id, 0.0) for id in inputs.ids], dtype=np.float32)
        for name, scores in by_signal.items()
    }
    for name, least in _AT_LEAST.items():
        columns[name] = columns[name] * (least + (1 - least) * inputs.meaning**2)
    return columns


def outdated_turns(ended: Sequence[tuple[Fact, float]]) -> dict[str, str]:
    """By turn id, the ended fact that it states and its end, as text."""
    return {
        source.turn_id: f"{fact.type or fact.text} until "
        f"{printed_date(fact.invalid_at, fact.invalid_precision)}"
        for fact, _ in ended
        for source in fact.sources
        if source.turn_id and fact.invalid_at
    }


def _graph(inputs: SignalInputs) -> dict[str, float]:
    best = max([one.score for one in inputs.reached], default=0.0)
    return {one.fact_id: one.score / best for one in inputs.reached if one.score > 0}


def _about(inputs: SignalInputs) -> dict[str, float]:
    seed_ids = {seed.id for seed in inputs.seeds}
    about: dict[str, float] = {}
    for fact in inputs.facts.values():
        first = fact.subject_id or next(iter(fact.entity_ids), None)
        if first in seed_ids:
            about[fact.id] = 1.0
        elif seed_ids & set(fact.entity_ids):
            about[fact.id] = _MENTIONED
    return about


def _present(inputs: SignalInputs) -> dict[str, float]:
    """By fact id, the score of a ``replacing`` fact: in full if it is of the relation asked for,
    else times the share of the question (people's names excepted) that it covers, since it may
    answer something else."""
    beside, place = inputs.beside_people, {id: at for at, id in enumerate(inputs.ids)}
    rare = inputs.rarity[beside, 0]
    present = {}
    for fact, score in inputs.replacing:
        asked = 1.0
        if inputs.relations is None or not inputs.relations.asks(fact.type):
            near = inputs.likeness[beside, place[fact.id]]
            asked = float((rare * near).sum() / max(float(rare.sum()), 1e-9))
        present[fact.id] = score * asked
    return present


def _outdated(ended: Sequence[tuple[Fact, float]], fits: Mapping[str, float]) -> dict[str, float]:
    """By turn id, the score that the ended fact it states would have; negative, times its fit, if
    the fact fits the time that the question asks about (``fits``, by fact id)."""
    outdated: dict[str, float] = {}
    for fact, score in sorted(ended, key=lambda one: one[1]):
        fit = fits.get(fact.id, 0.0)
        for source in fact.sources:
            if source.turn_id:
                outdated[source.turn_id] = -score * fit if fit else score
    return outdated
