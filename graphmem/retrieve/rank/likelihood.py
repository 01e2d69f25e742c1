"""The probability that what was found answers the question: 0 to 1, comparable between searches.

Totals compare only the candidates of one search, as signals are scaled by the best value of that
search. So the probability that anything answers comes from evidence with an absolute meaning
(``EVIDENCE``), by a logistic formula for each kind of text, blended as the weights are; its
coefficients are fitted by ``python -m benchmarks.fit_scores``. A hit's score is that probability
times the probability that this hit is the answer, if there is one (``CLOSENESS``): from how far its
total is behind the best, and how far the best is ahead of the next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from graphmem.retrieve.question.names_and_relations import capitalised_words
from graphmem.retrieve.rank.ranking import RankedCandidates
from graphmem.retrieve.signals.inputs import SAME_WORD, TEXT_KINDS, SignalInputs
from graphmem.text import words

SUGGESTED_MIN_SCORE: Final = 0.12
"""The ``min_score`` that the documentation suggests: see docs/scores.md."""
LOOKED_AT: Final = 10
"""The number of best hits that evidence is taken from."""
EVIDENCE: Mapping[str, str] = {
    "covered": "how much of what is asked, by rarity, the best hit and the turns beside it mean",
    "shared": "how rare the words are that a hit has in common with the question",
    "near": "how near a vector is to that of the question (its cosine)",
    "agreement": "how far the signals agree on the best hit (its total)",
    "relation": "how well a hit is the relation that the question asks for, of whom it asks",
    "date": "whether a hit is from a day that the question names",
    "strangers": "what share of the names in the question stand nowhere here",
}
CLOSENESS: Mapping[str, str] = {
    "behind": "how far a hit's total is behind the best one's",
    "lead": "how far the best total is ahead of the next nine",
}
_ALWAYS = "always"
_SHIPPED = Path(__file__).with_name("likelihood.json")
_ANY = "any"
"""Stands for embedders without a fitted formula: the scale of their cosines is not known, so the
coefficient of ``near`` is 0."""

_Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Likelihood:
    """The probability that anything one search found answers, and what the scores of its hits are
    computed from."""

    answerable: float
    best: float = 0.0
    steepness: float = 0.0
    level: float = 0.0

    def of_hits(self, totals: Sequence[float]) -> list[float]:
        """The scores of hits with these totals; a lower total never scores higher."""
        behind = self.best - np.array(totals, dtype=np.float64).clip(max=self.best)
        shares = _logistic(self.level - self.steepness * behind)
        return [self.answerable * share for share in shares.tolist()]


@dataclass(frozen=True, slots=True)
class LikelihoodFormula:
    """The coefficients by kind of text (row) and evidence (column); the last column is the
    intercept."""

    answerable: _Numbers
    closeness: _Numbers

    def of(self, ranked: RankedCandidates, places: Sequence[int]) -> Likelihood:
        """The likelihood for the candidates that may be shown (``places``, best first)."""
        if not places:
            return Likelihood(0.0)
        return self.from_evidence(
            np.array([ranked.kinds[kind] for kind in TEXT_KINDS]),
            measure_evidence(ranked, places),
            measure_lead(ranked, places),
            float(ranked.ranking.totals[places[0]]),
        )

    def from_evidence(
        self, kinds: _Numbers, evidence: _Numbers, lead: float, best: float
    ) -> Likelihood:
        """The likelihood from the shares of the kinds of text, the evidence, the lead and the best
        total."""
        sure = (kinds @ self.answerable) @ np.append(evidence, 1.0)
        behind, by_lead, always = (kinds @ self.closeness).tolist()
        level = by_lead * lead + always
        return Likelihood(float(_logistic(sure)), best, max(0.0, -behind), level)


def measure_evidence(ranked: RankedCandidates, places: Sequence[int]) -> _Numbers:
    """The values of :data:`EVIDENCE`, in its order, for the best of these candidates."""
    inputs, ranking, first = ranked.inputs, ranked.ranking, list(places[:LOOKED_AT])
    rare = inputs.rarity[:, 0]
    covered = rare @ inputs.window_likeness[:, first] / max(float(rare.sum()), 1e-9)
    shared = rare @ (inputs.likeness[:, first] > SAME_WORD)
    return np.array(
        [
            covered.max(initial=0),
            shared.max(initial=0),
            max(inputs.scores.dense.values(), default=0.0),
            ranking.totals[first[0]],
            ranking.signal("relation")[first].max(initial=0),
            ranking.signal("date")[first].max(initial=0),
            _strangers(inputs),
        ],
        dtype=np.float64,
    )


def measure_lead(ranked: RankedCandidates, places: Sequence[int]) -> float:
    """How far the best total is ahead of the mean of the next nine."""
    totals = ranked.ranking.totals[list(places[:LOOKED_AT])]
    return float(totals[0] - totals[1:].mean()) if len(totals) > 1 else 0.0


def _strangers(inputs: SignalInputs) -> float:
    """The share of the question's capitalised words (its first word excepted) that occur in no
    candidate and in no name of a speaker or seed."""
    parts = inputs.question.words
    named = [word for word in capitalised_words(inputs.question.text) if word != parts[0]]
    if not named:
        return 0.0
    best = inputs.likeness.max(axis=1, initial=0)
    known = {word for word, near in zip(inputs.words, best, strict=True) if near > SAME_WORD}
    known |= {word for speaker in inputs.speakers for word in words(speaker)}
    known |= {word for seed in inputs.seeds for word in words(" ".join((seed.name, *seed.aliases)))}
    return sum(word not in known for word in named) / len(named)


def formula_from(data: Mapping[str, Any]) -> LikelihoodFormula:
    """The formula from parsed JSON: by kind of text, the coefficients of ``answerable`` and
    ``closeness`` by name."""
    tables = (("answerable", EVIDENCE), ("closeness", CLOSENESS))
    rows = (
        np.array([[float(data[kind][of][n]) for n in (*names, _ALWAYS)] for kind in TEXT_KINDS])
        for of, names in tables
    )
    return LikelihoodFormula(*rows)


def formula_as_data(formula: LikelihoodFormula) -> dict[str, Any]:
    """The reverse of :func:`formula_from`."""
    tables = {"answerable": EVIDENCE, "closeness": CLOSENESS}
    return {
        kind: {
            of: dict(
                zip(
                    (*names, _ALWAYS),
                    getattr(formula, of)[at].round(4).tolist(),
                    strict=True,
                )
            )
            for of, names in tables.items()
        }
        for at, kind in enumerate(TEXT_KINDS)
    }


@lru_cache
def shipped_formula(embedder: str) -> LikelihoodFormula:
    """The formula shipped with graphmem for vectors of this embedder, else the one for any."""
    found = json.loads(_SHIPPED.read_text("utf-8"))
    return formula_from(found.get(embedder, found[_ANY]))


def _logistic(value: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))
