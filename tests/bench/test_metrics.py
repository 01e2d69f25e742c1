"""Metrics against hand-made and independently computed values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmem.bench.metrics import (
    distinct,
    mean,
    newer_above_older,
    paired,
    percentile,
    scores,
)


def test_by_hand() -> None:
    found = scores(["a", "x", "b", "y"], {"a", "b", "c"}, ks=(1, 2, 3, 5))
    assert found["hit@1"] == 1
    assert found["recall@1"] == pytest.approx(1 / 3)
    assert found["recall@3"] == pytest.approx(2 / 3)
    assert found["recall@5"] == pytest.approx(2 / 3)
    assert found["all@5"] == 0
    ideal = 1 + 1 / math.log2(3) + 1 / math.log2(4)
    assert found["ndcg@3"] == pytest.approx((1 + 1 / math.log2(4)) / ideal)
    assert scores([], {"a"}, ks=(1,)) == {"hit@1": 0, "recall@1": 0, "all@1": 0, "ndcg@1": 0}
    assert distinct(["a", "b", "a"]) == ["a", "b"]
    assert mean([]) == {}


def test_the_newer_stands_above_the_older() -> None:
    assert newer_above_older(["x", "new", "old"], {"new"}, {"old"}) == 1
    assert newer_above_older(["old", "new"], {"new", "newest"}, {"old"}) == 0
    assert newer_above_older(["new", "x"], {"new"}, {"old"}) == 1
    assert newer_above_older(["x"], {"new"}, {"old"}) == 0, "neither was found"


_IDS = st.lists(st.sampled_from("abcdefgh"), unique=True)


@given(_IDS, _IDS.filter(bool))
def test_bounds_and_order(ranked: list[str], gold: list[str]) -> None:
    found = scores(ranked, gold)
    for k, more in ((1, 2), (2, 3), (3, 5), (5, 10)):
        assert found[f"recall@{k}"] <= found[f"recall@{more}"] <= 1
        assert found[f"all@{k}"] <= found[f"all@{more}"]
        assert found[f"all@{k}"] == float(found[f"recall@{k}"] == 1)
        assert 0 <= found[f"ndcg@{k}"] <= 1 + 1e-9
    best = [*gold, *(id for id in ranked if id not in gold)]
    assert scores(best, gold)["ndcg@10"] == pytest.approx(1)


def test_an_interval_is_what_theory_says() -> None:
    rng = np.random.default_rng(3)
    ours = {str(n): float(x) for n, x in enumerate(rng.normal(0.2, 1, 400))}
    theirs = dict.fromkeys(ours, 0.0)
    interval = paired(ours, theirs)
    assert interval is not None
    error = float(np.std(list(ours.values()))) / math.sqrt(400)
    assert interval.n == 400
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.05)
    assert interval == paired(ours, theirs)
    assert interval.sure == (interval.low > 0)


def test_an_interval_is_over_what_both_have() -> None:
    interval = paired({"a": 1.0, "b": 1.0, "c": 0.0}, {"b": 0.0, "c": 0.0, "d": 1.0})
    assert interval is not None
    assert (interval.n, interval.mean) == (2, 0.5)
    assert paired({"a": 1.0}, {"b": 1.0}) is None
    same = paired({"a": 1.0}, {"a": 1.0})
    assert same is not None
    assert not same.sure


def test_percentile() -> None:
    assert percentile([1.0, 2.0, 3.0], 0.5) == 2
    assert percentile([], 0.5) == 0
