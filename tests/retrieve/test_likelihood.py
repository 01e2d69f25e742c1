"""How likely what was found answers: one number for a search, one for each hit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from graphmem import Memory
from graphmem.doors.cli import run_cli
from graphmem.retrieve.present.context import NOTHING_KNOWN
from graphmem.retrieve.rank.likelihood import (
    EVIDENCE,
    SUGGESTED_MIN_SCORE,
    Likelihood,
    formula_as_data,
    formula_from,
    shipped_formula,
)
from graphmem.retrieve.signals.inputs import TEXT_KINDS

DOCS = Path(__file__).parents[2] / "docs"
TEXTS = (
    "Anna Schmidt works at Acme.",
    "Anna Schmidt lives in Oslo with her two cats.",
    "My sister Zoe plays the flute in Bergen.",
    "We had pizza at Luigi's yesterday, the crust was burnt.",
    "The green lamp on my desk flickers when the kettle boils.",
)
KNOWN = (
    "Where does Anna Schmidt live?",
    "Where does Anna work?",
    "What does my sister play?",
    "Which lamp flickers when the kettle boils?",
    "What was burnt on the pizza?",
)
UNKNOWN = (
    "What is the capital of France?",
    "How do I mend a dripping tap?",
    "Who taught Marco Bellini to sail?",
    "Does Priya still have her motorbike?",
    "...",
    "日本語",
)


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    with Memory("memory://", user_id="ada") as memory:
        memory.add_many(TEXTS)
        yield memory


def test_what_is_known_is_told_from_what_is_not(memory: Memory) -> None:
    known = [memory.search(question).answerable for question in KNOWN]
    unknown = [memory.search(question).answerable for question in UNKNOWN]
    assert min(known) > SUGGESTED_MIN_SCORE > max(unknown)


@pytest.mark.parametrize("question", [*KNOWN, *UNKNOWN])
def test_scores_fall_with_the_totals(memory: Memory, question: str) -> None:
    found = memory.search(question, limit=50)
    scores, totals = ([getattr(hit, of) for hit in found] for of in ("score", "total"))
    assert scores == sorted(scores, reverse=True)
    assert totals == sorted(totals, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= found.answerable < 1
    assert memory.search(question, limit=1).answerable == found.answerable


def test_a_search_sure_enough_is_as_without_min_score(memory: Memory) -> None:
    for question in KNOWN:
        plain = memory.search(question)
        assert memory.search(question, min_score=plain.answerable) == plain
        more = min(1.0, plain.answerable + 1e-6)
        assert memory.search(question, min_score=more).hits == ()
        assert memory.search(question, min_score=more).answerable == plain.answerable


def test_nothing_is_said_of_what_is_not_known(memory: Memory) -> None:
    for question in UNKNOWN:
        assert memory.search(question, min_score=SUGGESTED_MIN_SCORE).hits == ()
        context = memory.context(question, min_score=SUGGESTED_MIN_SCORE)
        assert context == NOTHING_KNOWN
        assert context.citations == ()
        assert context.tokens > 0
        assert memory.context(question, min_score=SUGGESTED_MIN_SCORE, budget_tokens=1) == ""
    for question in KNOWN:
        assert memory.context(question, min_score=SUGGESTED_MIN_SCORE) == memory.context(question)
    then = memory.as_of("2300-01-01")
    assert then.search(UNKNOWN[0], min_score=SUGGESTED_MIN_SCORE).hits == ()
    assert then.context(UNKNOWN[0], min_score=SUGGESTED_MIN_SCORE) == NOTHING_KNOWN


def test_of_an_empty_memory_nothing_is_likely() -> None:
    with Memory("memory://", user_id="ada") as memory:
        assert memory.search("anything").answerable == 0.0
        assert memory.search("anything", min_score=1).hits == ()


def test_the_relation_that_is_asked_for_is_evidence(memory: Memory) -> None:
    works, other = (
        memory.search(f"Where does Anna Schmidt {verb}?", kinds=["fact"])
        for verb in ("work", "loiter")
    )
    assert works.answerable > other.answerable


def test_a_name_that_nobody_has_speaks_against_it(memory: Memory) -> None:
    assert (
        memory.search("Where does Anna Schmidt live?").answerable
        > memory.search("Where does Anna Kowalski live?").answerable
    )


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = ["--store", str(tmp_path / "m"), "--user", "ada"]
    assert run_cli(["add", *store, TEXTS[1]]) == 0
    capsys.readouterr()
    assert run_cli(["search", *store, "--json", "Where does Anna Schmidt live?"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["hits"][0]["score"] <= found["answerable"] < 1
    least = ["--min-score", str(SUGGESTED_MIN_SCORE)]
    assert run_cli(["search", *store, *least, UNKNOWN[1]]) == 0
    assert "nothing found that is sure enough" in capsys.readouterr().err
    assert run_cli(["context", *store, *least, UNKNOWN[1]]) == 0
    assert capsys.readouterr().out.strip() == NOTHING_KNOWN
    assert run_cli(["search", *store, "--min-score", "nan", UNKNOWN[1]]) == 2
    assert "min_score is a number from 0" in capsys.readouterr().err


def test_a_formula_is_data_and_back() -> None:
    shipped = shipped_formula("wordllama:l2_supercat_256")
    again = formula_from(formula_as_data(shipped))
    assert np.array_equal(again.answerable, shipped.answerable)
    assert np.array_equal(again.closeness, shipped.closeness)
    assert shipped.answerable.shape == (len(TEXT_KINDS), len(EVIDENCE) + 1)


def test_of_another_embedder_the_cosine_is_no_evidence() -> None:
    other, near = shipped_formula("somebody:else"), list(EVIDENCE).index("near")
    assert not other.answerable[:, near].any()
    assert shipped_formula("wordllama:l2_supercat_256").answerable[:, near].any()


def test_a_total_above_the_best_scores_as_the_best() -> None:
    likelihood = Likelihood(0.8, best=1.0, steepness=10.0, level=0.0)
    assert likelihood.of_hits([2.0, 1.0, 0.9]) == pytest.approx([0.4, 0.4, 0.8 * 0.26894], abs=1e-4)


def test_the_page_explains_all_of_it() -> None:
    page = (DOCS / "scores.md").read_text()
    assert all(f"| `{name}` | {about} |" in page for name, about in EVIDENCE.items())
    assert f"**Set {SUGGESTED_MIN_SCORE}**" in page


def test_evidence_of_many_searches_at_once() -> None:
    """One formula serves every search: nothing of one is kept for the next."""

    async def asked() -> list[float]:
        from graphmem import open_memory

        memory = await open_memory("memory://", user_id="ada")
        await memory.add_many(TEXTS)
        questions = [*KNOWN, *UNKNOWN]
        alone = [(await memory.search(question)).answerable for question in questions]
        together = await asyncio.gather(*map(memory.search, questions))
        await memory.close()
        assert [one.answerable for one in together] == alone
        return alone

    assert len(asyncio.run(asked())) == len(KNOWN) + len(UNKNOWN)
