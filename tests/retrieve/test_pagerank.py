"""Attention handed on along links."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmem.retrieve.candidates.graph import pagerank

DAMPING = 0.7

_LINKS = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=12)
_SEEDS = st.dictionaries(st.sampled_from("abcdef"), st.floats(0.1, 9), min_size=1)


@given(_LINKS, _SEEDS)
def test_nothing_comes_from_nothing(links: list[tuple[str, str]], seeds: dict[str, float]) -> None:
    scores = pagerank(links, seeds, damping=DAMPING)
    assert scores.keys() == {*seeds, *(end for link in links for end in link)}
    assert all(score >= 0 for score in scores.values())
    assert sum(scores.values()) <= 1 + 1e-9


def test_no_seed_no_attention() -> None:
    assert pagerank([("a", "b")], {}, damping=DAMPING) == {}
    assert pagerank([("a", "b")], {"a": 0.0}, damping=DAMPING) == {}


def test_a_share_of_it_goes_on_and_comes_back() -> None:
    scores = pagerank([("a", "b")], {"a": 3.0}, damping=DAMPING)
    assert math.isclose(scores["a"], 1 / (1 + DAMPING), abs_tol=0.01)
    assert math.isclose(scores["b"], DAMPING / (1 + DAMPING), abs_tol=0.01)


def test_the_nearer_the_more() -> None:
    scores = pagerank([("a", "b"), ("b", "c"), ("c", "d")], {"a": 1.0}, damping=DAMPING)
    assert scores["a"] > scores["b"] > scores["c"] > scores["d"] > 0


@pytest.mark.parametrize("degree", [10, 100])
def test_a_hub_hands_on_little_even_when_most_of_it_is_not_here(degree: int) -> None:
    links = [("seed", "hub"), ("hub", "far"), ("seed", "rare"), ("rare", "near")]
    scores = pagerank(links, {"seed": 1.0}, damping=DAMPING, degrees={"hub": degree})
    assert scores["far"] < scores["near"] * 3 / degree
