"""The plain methods that every run measures beside the search."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmem import Settings
from graphmem.bench.baselines import BASELINES, plain_methods, units_of
from graphmem.bench.dataset import UNIT, Corpus
from graphmem.bench.runs import BenchRun, Line
from graphmem.bench.summary import by_variant, summed_up
from graphmem.bench.tables import beside_plain_methods, changes
from graphmem.engine import AsyncMemory
from graphmem.wiring import open_memory

TURNS = (
    "The green lamp broke on Monday.",
    "A lamp, a lamp, and once more a lamp.",
    "We adopted a kitten from the shelter, and it sleeps all day under the sofa in the hall.",
)


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[AsyncMemory]:
    memory = await open_memory(tmp_path / "store", settings=Settings.load({}))
    yield memory
    await memory.close()


def corpus() -> Corpus:
    messages = [{"id": f"t{n}", "content": text} for n, text in enumerate(TURNS)]
    passage = {"content": "Bergen lies in Norway.", "metadata": {UNIT: "p"}}
    return Corpus("ada", ({"content": messages}, passage), ())


def test_units_are_turns_and_passages() -> None:
    assert units_of(corpus()) == [
        *((f"t{n}", text) for n, text in enumerate(TURNS)),
        ("p", "Bergen lies in Norway."),
    ]


async def test_each_method_ranks_by_its_own_measure(memory: AsyncMemory) -> None:
    methods = await plain_methods(corpus(), memory._current.embedder)
    found = await methods.ranked("Which lamps are green?")
    assert list(found) == list(BASELINES)
    assert all(sorted(units) == ["p", "t0", "t1", "t2"] for units in found.values())
    assert found["bm25"][:2] == ["t0", "t1"], "two rare words before one that is repeated"
    pets = await methods.ranked("Which cat lives with us?")
    assert pets["dense"][0] == "t2", "by meaning, without a word in common"
    assert (await methods.ranked("of the"))["bm25"] == ["t0", "t1", "t2", "p"]


def test_what_is_found_less_than_by_a_plain_method_is_said() -> None:
    def measured(share: float) -> dict[str, object]:
        row = {"questions": 9, "recall@5": share, "recall@10": share, "hit@1": share}
        return {"units": {"overall": row}, "sessions": {}}

    sure = {"mean": -0.2, "low": -0.3, "high": -0.1, "n": 9, "sure": True}
    unsure = {**sure, "high": 0.1, "sure": False}
    result = {
        "variants": {"all": measured(0.4)},
        "baselines": {"bm25": measured(0.6), "dense": measured(0.5)},
        "against_baselines": {
            "bm25": {"overall": {"recall@5": sure, "recall@10": {**sure, "mean": 0.2}}},
            "dense": {"overall": {"recall@5": unsure}},
        },
    }
    row = beside_plain_methods(result).splitlines()[-1]
    assert "loss: bm25, recall@5 **−0.200 [−0.300, −0.100]**" in row
    assert row.count("loss") == 1
    assert "0.400 / 0.400 / 0.400 | 0.600" in row


def test_of_what_changed_the_newer_should_stand_first(tmp_path: Path) -> None:
    run = BenchRun(tmp_path / "run")
    run.begin({})
    for variant, ranked in (("all", "new old"), ("bm25", "old new"), ("dense", "x")):
        for id, rivals in (("changed", ("old",)), ("same", ())):
            gold = ("new", "old") if rivals else ("x",)
            line = Line(variant, id, "pets", tuple(ranked.split()), (), gold, (), 1.0, 0, 1, rivals)
            run.append(line)
    assert by_variant(run.lines())["all"][0].rivals == ("old",)
    result = summed_up(run)
    assert result["variants"]["all"]["changes"]["pets"] == {
        "questions": 1,
        "newer above older": 1.0,
    }
    interval = result["against_baselines"]["bm25"]["overall"]["newer above older"]
    assert (interval["n"], interval["mean"]) == (1, 1.0)
    head, _, overall, pets = changes(result).splitlines()
    assert head == "| newer above older | questions | search | bm25 | dense |"
    assert overall == "| overall | 1 | 1.000 | 0.000 | 0.000 |"
    assert pets.startswith("| pets | 1 | 1.000")
