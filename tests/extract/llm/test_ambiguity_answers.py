"""A model's answers about what is ambiguous: read leniently, never beyond what was asked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from graphmem.belief.ambiguities.ask import AmbiguityQuestion, read, with_verdicts, without_verdicts
from graphmem.belief.ambiguities.find import PairAmbiguity, Verdicts
from graphmem.belief.sentences import alikeness, same_sentence, without_date
from graphmem.clock import parse_when
from graphmem.model import Entity, Fact, Scope, Statement
from graphmem.resolve.matching import NameAmbiguity

JAN, JUNE = parse_when("2024-01-01"), parse_when("2024-06-01")
ADA = Scope(user_id="ada")
NEW = Statement("s1", "ep", "Bob has 3 cats.", stated_at=JUNE, ordinal=4)
OLD = Fact("f1", ADA, "Bob has 2 cats.", recorded_at=JAN, stated_at=JAN)
JOHNS = tuple(Entity(f"e{n}", ADA.tenant, f"John {n}", "person") for n in (1, 2))
QUESTIONS: tuple[AmbiguityQuestion, ...] = (
    NameAmbiguity("John", "person", JOHNS),
    PairAmbiguity(NEW, OLD),
)
BOTH = Verdicts({"john": "e2"}, {(4, "f1"): "replaces"})


@pytest.mark.parametrize(
    "raw",
    [
        '{"answers": [{"question": 1, "answer": 2}, {"question": 2, "answer": 1}]}',
        '```json\n{"answers": [{"question": 1, "answer": 2}, {"question": 2, "answer": 1}]}\n```',
        'Here: {"answers": [{"Question": "1", "Answer": "2"}, {"Question": 2, "Answer": 1}]}',
        "{'answers': [{'question': 1, 'answer': 2}, {'question': 2, 'answer': 1},]}",
        '[{"id": "question 1", "choice": 2.0}, {"id": "question 2", "choice": "replaces"}]',
        '{"1": 2, "2": 1}',
        '{"answers": {"1": 2, "2": 1}}',
        '{"answers": [2, 1]}',
        "<think>1 is 0, or is it?</think>[2, 1]",
        '{"result": {"answers": [{"question": 1, "answer": 2}, {"question": 2, "answer": 1}]}}',
        '{"answers": [{"question": 1, "answer": 2}, {"question": 2, "answer": 1}, '
        '{"question": 2, "answer": 3}, {"question": 3, "answer": 1}, {"question": 0, "answer": 1},'
        '{"question": 1e999, "answer": 1}, {"question": [], "answer": 1}]}',
    ],
)
def test_read(raw: str) -> None:
    assert read(raw, QUESTIONS) == BOTH


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "no",
        "[]",
        "{}",
        "null",
        "[[[[[[[[[[2, 1]]]]]]]]]]",
        '{"answers": []}',
        '{"answers": [{"question": 1}, {"answer": 1}]}',
        '{"answers": [{"question": 1, "answer": 3}, {"question": 2, "answer": 0}]}',
        '{"answers": [{"question": 1, "answer": -1}, {"question": 2, "answer": 4}]}',
        '{"answers": [{"question": 1, "answer": true}, {"question": 2, "answer": null}]}',
        '{"answers": [{"question": 1, "answer": "e2"}, {"question": 2, "answer": "1 or 2"}]}',
        '{"answers": [{"question": 1, "answer": [2]}, {"question": 2, "answer": {"a": 1}}]}',
        '{"answers": [1, 2, 3]}',
        '{"answers": [1e999, NaN]}',
    ],
)
def test_nothing_usable(raw: str) -> None:
    assert len(read(raw, QUESTIONS)) == 0


@pytest.mark.parametrize(
    ("answer", "names", "pairs"),
    [
        (0, {"john": ""}, {}),
        (1, {"john": "e1"}, {(4, "f1"): "replaces"}),
        (2, {"john": "e2"}, {(4, "f1"): "same"}),
        (3, {}, {(4, "f1"): "beside"}),
        ("none", {"john": ""}, {(4, "f1"): "beside"}),
    ],
)
def test_each_answer(answer: Any, names: dict[str, str], pairs: dict[Any, Any]) -> None:
    raw = json.dumps({"answers": [{"question": n, "answer": answer} for n in (1, 2)]})
    assert read(raw, QUESTIONS) == Verdicts(names, pairs)


def test_the_one_of_an_earlier_time_is_replaced() -> None:
    earlier = PairAmbiguity(replace(NEW, valid_at=parse_when("2020-01-01")), OLD)
    assert read("[1]", [earlier]).pairs == {(4, "f1"): "replaced"}


@pytest.mark.parametrize("raw", ["{}", 'no "JSON" \u2028', '{"graphmem_parts": []}'])
@pytest.mark.parametrize("verdicts", [BOTH, Verdicts()])
def test_what_is_kept_comes_back(raw: str, verdicts: Verdicts) -> None:
    assert without_verdicts(with_verdicts(raw, verdicts)) == (raw, verdicts)


@pytest.mark.parametrize(
    "raw",
    [
        '{"entities": [], "facts": []}',
        '{"graphmem_ambiguities": 1, "answer": "x"}',
        '{"graphmem_ambiguities": {"names": [], "pairs": []}, "answer": "x"}',
        '{"graphmem_ambiguities": {"names": {}, "pairs": [[1]]}, "answer": "x"}',
        '{"graphmem_ambiguities": {"names": {}, "pairs": []}, "answer": 1}',
        '{"graphmem_ambiguities": {"names": {}',
    ],
)
def test_what_was_not_kept_by_us_is_an_answer_like_any_other(raw: str) -> None:
    assert without_verdicts(raw) == (raw, None)


@pytest.mark.parametrize(
    ("one", "other", "kind"),
    [
        ("Bob Stone has 2 cats", "Bob Stone has 3 cats", "but"),
        ("Bob Stone will come to the party", "Bob Stone will not come to the party", "but"),
        ("Bob Stone keeps a boat in the harbour", "Bob Stone keeps a boat in the old harbour", ""),
        ("Bob Stone keeps a boat in the harbour", "Bob Stone likes the taste of tea", None),
        ("Bob Stone met 2 friends", "Bob Stone wrote 14 letters to his aunt", None),
        ("Bob Stone", "Bob Stone", None),
    ],
)
def test_alikeness(one: str, other: str, kind: str | None) -> None:
    like = alikeness(one, other, ["Bob Stone"])
    assert like == alikeness(other, one, ["Bob Stone"])
    if kind is None:
        assert like is None
    else:
        assert like is not None
        assert (like > 100) == (kind == "but")


def test_a_date_that_is_known_separates_no_two() -> None:
    may, june = parse_when("2023-05-07"), parse_when("2023-06-09")
    one = without_date("Bob ran a race on 7 May 2023.", may)
    assert same_sentence(one, without_date("Bob ran a race on 9 June 2023.", june))
    assert without_date("Bob ran a race.", None) == "bob ran a race"
