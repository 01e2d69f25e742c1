"""The registry of signals: the name, measuring function, groups and explanation of each.

To add one: measure it in the module of its kind (or a new one), give it an entry here, and a weight
in ``rank/weights.json``. The ranking, the explanations, leaving signals out
(``GRAPHMEM_SEARCH_WITHOUT``, ``bench run --ablate``) and the fit of the weights then include it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from graphmem.retrieve.signals.inputs import Column, Measure, SignalInputs
from graphmem.retrieve.signals.passages import measure_passages
from graphmem.retrieve.signals.texts_and_facts import (
    measure_dates,
    measure_facts,
    measure_form,
    measure_meaning,
    measure_stores,
)


@dataclass(frozen=True, slots=True)
class Signal:
    """One number about a candidate, mostly from 0 to 1."""

    name: str
    measure: Measure | None
    """The function that measures it, together with others of its kind. None where it is measured
    from the ranking by all others (``rank/replaced.py``)."""
    groups: tuple[str, ...]
    """The groups of signals that it is left out with."""
    explanation: str
    """One sentence: what makes it high."""
    needs: tuple[str, ...] = ()
    """Signals that must be measured before it."""
    fitted: bool = True
    """Whether ``benchmarks/fit.py`` fits its weight. Some weights are set by hand: no conversation
    data set asks often enough about changes, and in those of two people a name says little."""


_ALL = (
    Signal("fits", measure_form, (), "It has a time, name or number, as the question asks for."),
    Signal("length", measure_form, (), "It is longer than the texts around."),
    Signal("asks", measure_form, (), "It is a question itself, which speaks against it."),
    Signal("answers", measure_form, (), "The turn before it asks something."),
    Signal("speaker", measure_form, (), "The one speaker whom the question names says it."),
    Signal("assistant", measure_form, (), "The assistant says it."),
    Signal("date", measure_dates, ("dates",), "It is from a day that the question names."),
    Signal(
        "event",
        measure_dates,
        ("dates",),
        "It is from before or after the event that the question names, as that asks.",
    ),
    Signal("words", measure_stores, ("bm25",), "It shares rare words with the question (BM25)."),
    Signal(
        "window",
        measure_stores,
        ("bm25", "context"),
        "With the turns beside it, it shares rare words with the question (BM25).",
    ),
    Signal(
        "session",
        measure_stores,
        ("bm25", "context"),
        "Its whole session shares rare words with the question (BM25).",
    ),
    Signal("dense", measure_stores, ("dense",), "Its vector is near that of the question."),
    Signal(
        "dense_session",
        measure_stores,
        ("dense", "context"),
        "The vector of some turn of its session is near that of the question.",
    ),
    Signal(
        "focus",
        measure_meaning,
        ("meaning",),
        "Much of it means the same as the question's words, and little else is in it.",
    ),
    Signal(
        "meaning_beyond",
        measure_meaning,
        ("meaning", "context"),
        "The words two turns before or after it mean much the same as the question's.",
    ),
    Signal(
        "meaning_best",
        measure_meaning,
        ("meaning", "context"),
        "The best turns of its session mean much the same as the question.",
    ),
    Signal(
        "meaning_answer",
        measure_meaning,
        ("meaning", "context"),
        "Its words and those of the question that it answers mean much the same as what is asked.",
    ),
    Signal(
        "pairs", measure_meaning, (), "It has words side by side that are so in the question too."
    ),
    Signal(
        "graph",
        measure_facts,
        ("graph",),
        "The graph leads to this fact from what the question names.",
        fitted=False,
    ),
    Signal(
        "about",
        measure_facts,
        (),
        "This fact is about whom the question names, and means what it asks.",
        fitted=False,
    ),
    Signal(
        "present",
        measure_facts,
        (),
        "This fact holds now in place of one that the question would have found.",
        fitted=False,
    ),
    Signal(
        "relation",
        measure_facts,
        ("graph",),
        "This fact is the relation that the question asks for, of whom it asks.",
        fitted=False,
    ),
    Signal(
        "outdated",
        measure_facts,
        (),
        "This turn says what has ended.",
        fitted=False,
    ),
    Signal(
        "importance",
        measure_facts,
        (),
        "This fact matters more than most (less, where it is below zero), and means what is asked.",
        fitted=False,
    ),
    Signal(
        "replaces",
        None,
        (),
        "It is newer, and may replace what it stands next to (older, where one asks about before).",
        fitted=False,
    ),
    Signal(
        "named",
        measure_passages,
        ("graph",),
        "The question names what this passage is about.",
        fitted=False,
    ),
    Signal(
        "linked",
        measure_passages,
        ("graph",),
        "With another passage that names the same it covers much of the question.",
        needs=("window", "dense"),
        fitted=False,
    ),
    Signal(
        "spread",
        measure_passages,
        ("graph",),
        "The graph leads to this passage from facts and names that the question is about.",
        needs=("window", "dense"),
        fitted=False,
    ),
)

SIGNALS: Mapping[str, Signal] = {signal.name: signal for signal in _ALL}

SIGNAL_GROUPS: Mapping[str, frozenset[str]] = {
    group: frozenset(name for name, signal in SIGNALS.items() if group in signal.groups)
    for group in ("bm25", "dense", "meaning", "context", "dates", "graph")
}
"""Signals that are left out together. ``bm25``, ``dense`` and ``graph`` are also arms: left out,
they find no candidates either."""

ABLATIONS = (
    *SIGNAL_GROUPS,
    *(n for n, s in SIGNALS.items() if s.measure in {measure_facts, measure_passages, None}),
)
"""Groups and signals that ``bench run --ablate`` leaves out one by one, to measure what each
contributes."""


_RERANKER = "The reranker, which read it with the question, puts it here."


def explained_signal(name: str) -> str:
    """The sentence that explains a signal; for an unknown name, that of the reranker."""
    return SIGNALS[name].explanation if name in SIGNALS else _RERANKER


def measure_signals(inputs: SignalInputs) -> dict[str, Column]:
    """Every signal by name, with one value for each candidate."""
    columns: dict[str, Column] = {}
    for measure in _MEASURES:
        columns |= measure(inputs, columns)
    none = np.zeros(len(inputs.candidates), dtype=np.float32)
    return {name: columns.get(name, none) for name in SIGNALS}


_MEASURES = tuple(dict.fromkeys(signal.measure for signal in _ALL if signal.measure is not None))
"""The measuring functions in the order of the list above, where a signal comes after those that it
needs."""
