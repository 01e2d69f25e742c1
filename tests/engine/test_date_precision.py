"""Dates that are known to the year, the month, the day or the instant: what each decides, and
that it comes back as it was given."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.errors import UsageError
from graphmem.model import Fact, Precision, Relation, to_json, to_sparse
from graphmem.testing.llm_server import LocalModelServer
from tests.engine.model_script import fact, settings

FINE = "2024-02-14"


@pytest.fixture
def memory() -> Any:
    with Memory("memory://", user_id="ada", clock=ManualClock("2026-01-01T00:00:00Z")) as opened:
        yield opened


def relation(memory: Memory) -> Relation:
    (found,) = memory.relations(current=False)
    return found


def relations(memory: Memory) -> set[str | None]:
    return {one.object for one in memory.relations()}


@pytest.mark.parametrize(
    ("given", "precision", "shown"),
    [
        ("2024", "year", "2024"),
        ("2024-01", "month", "January 2024"),
        ("2024-01-01", "day", "2024-01-01"),
        ("2024-01-02", "day", "2024-01-02"),
        (date(2024, 1, 1), "day", "2024-01-01"),
        ("2024-01-01T00:00:00Z", "instant", "2024-01-01"),
        (datetime(2024, 1, 1, tzinfo=UTC), "instant", "2024-01-01"),
    ],
)
def test_only_a_date_around_it_gives_way_to_a_finer_one(
    memory: Memory, given: Any, precision: Precision, shown: str
) -> None:
    memory.relate("Bob", "lives_in", "Oslo", valid_at=given, fact="Bob lives in Oslo.")
    before = relation(memory)
    assert before.valid_precision == precision
    assert str(before) == f"Bob -lives_in→ Oslo (since {shown})"

    memory.relate("Bob", "lives_in", "Oslo", valid_at=FINE, fact="Bob lives in Oslo, they say.")
    after = relation(memory)
    if precision == "year":
        assert (str(after.valid_at)[:10], after.valid_precision) == (FINE, "day")
    else:
        assert (after.valid_at, after.valid_precision) == (before.valid_at, precision)


def test_a_month_gives_way_to_a_day_of_it_and_to_no_other(memory: Memory) -> None:
    memory.relate("Bob", "lives_in", "Oslo", valid_at="2024-02", fact="Bob lives in Oslo.")
    memory.relate("Bob", "lives_in", "Oslo", valid_at="2024-03-05", fact="He is in Oslo.")
    assert str(relation(memory)) == "Bob -lives_in→ Oslo (since February 2024)"
    memory.relate("Bob", "lives_in", "Oslo", valid_at=FINE, fact="Oslo has him.")
    assert str(relation(memory)) == f"Bob -lives_in→ Oslo (since {FINE})"


def test_the_same_moment_known_more_exactly(memory: Memory) -> None:
    memory.relate("Bob", "lives_in", "Oslo", valid_at="2024", fact="Bob lives in Oslo.")
    receipt = memory.relate(
        "Bob", "lives_in", "Oslo", valid_at="2024-01-01", fact="Since New Year."
    )
    assert relation(memory).valid_precision == "day"
    assert [d.action for d in receipt.decisions] == ["UPDATE"]
    assert "dated to the day" in receipt.decisions[0].reason


@pytest.mark.parametrize(
    ("answer", "fine_wins", "shown"),
    [
        ("2024", True, "2024"),
        ("2024-01", False, "January 2024"),
        ("January 2024", False, "January 2024"),
        ("2024-Q1", False, "January 2024"),
        ("2024-01-01", False, "2024-01-01"),
        ("2024-01-01T00:00:00Z", False, "2024-01-01"),
    ],
)
def test_a_models_date_is_as_exact_as_it_is_written(
    answer: str, fine_wins: bool, shown: str
) -> None:
    def facts(valid_at: str) -> dict[str, Any]:
        home = fact(
            f"Bob lives in Oslo ({valid_at}).",
            subject="Bob",
            type="lives_in",
            object="Oslo",
            entities=["Bob", "Oslo"],
            valid_at=valid_at,
        )
        return {"entities": [], "facts": [home]}

    with (
        LocalModelServer() as server,
        Memory("memory://", user_id="ada", settings=settings(server)) as opened,
    ):
        server.script(facts(answer))
        opened.add(f"Bob lives in Oslo, since {answer}, it seems.", occurred_at="2025-06-01")
        assert str(relation(opened)) == f"Bob -lives_in→ Oslo (since {shown})"
        server.script(facts(FINE))
        opened.add("Bob came to Oslo on Valentine's Day.", occurred_at="2025-06-02")
        assert str(relation(opened)).endswith(f"(since {FINE if fine_wins else shown})")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("I have lived in Oslo since 2019.", "2019"),
        ("I moved to Oslo in May 2024.", "May 2024"),
        ("I moved to Oslo last month.", "August 2025"),
        ("I moved to Oslo on 3 May 2024.", "2024-05-03"),
        ("I moved to Oslo last year.", "2024"),
        ("I have lived in Oslo for two months.", "July 2025"),
        ("I moved to Oslo in summer 2023.", "June 2023"),
    ],
)
def test_words_are_as_exact_as_they_are(memory: Memory, words: str, shown: str) -> None:
    memory.add([{"name": "Ada", "content": words}], occurred_at="2025-09-20T10:00:00Z")
    assert str(relation(memory)) == f"Ada -lives_in→ Oslo (since {shown})"


def test_a_day_in_words_gives_way_to_no_other_day_of_its_year(memory: Memory) -> None:
    for words in ("I moved to Oslo on 1 January 2024.", "I moved to Oslo on 14 February 2024."):
        memory.add([{"name": "Ada", "content": words}], occurred_at="2025-09-20T10:00:00Z")
    assert str(relation(memory).valid_at)[:10] == "2024-01-01"


def test_an_end_in_a_month(memory: Memory) -> None:
    memory.relate("Bob", "works_at", "Acme", valid_at="2020", invalid_at="2024-05")
    assert str(relation(memory)) == "Bob -works_at→ Acme (since 2020 until May 2024)"
    assert list(map(str, memory.timeline("Bob"))) == [
        "2020 · Bob works at Acme.",
        "May 2024 · Bob no longer works at Acme.",
    ]
    assert "(until May 2024)" in memory.context("Where does Bob work?")


@pytest.mark.parametrize(
    ("both", "until"),
    [("2020", "2021-01-01"), ("2020-05", "2020-06-01"), ("2020-05-03", "2020-05-04")],
)
def test_what_began_and_ended_in_one_time_ended_with_it(
    memory: Memory, both: str, until: str
) -> None:
    """However it is said: in one statement, by two, or by an edit."""
    memory.relate("Ann", "works_at", "Acme", valid_at=both, invalid_at=both)
    memory.relate("Bob", "works_at", "Acme", valid_at=both)
    memory.unrelate("Bob", "works_at", "Acme", invalid_at=both)
    receipt = memory.relate("Cy", "works_at", "Acme", valid_at=both)
    memory.update(receipt.fact_ids[0], invalid_at=both)
    assert memory.relations() == []
    assert [
        (str(one.valid_at)[: len(both)], str(one.invalid_at)[:10])
        for one in memory.relations(current=False)
    ] == [(both, until)] * 3


@pytest.mark.parametrize(
    ("said", "then", "now", "shown"),
    [
        (("2025-11-23T10:00", "I live in Paris."), ("2025-11-23T18:00", "I moved to Berlin today."),
         "Berlin", "2025-11-23"),
        (("2025-11-23T10:00", "I live in Paris."), ("2025-11-24", "I moved to Berlin yesterday."),
         "Berlin", "2025-11-23"),
        (("2025-11-02", "I live in Paris."), ("2025-11-24", "I moved to Berlin this month."),
         "Berlin", "November 2025"),
        (("2025-05-02", "I live in Paris."), ("2025-11-24", "I moved to Berlin in 2025."),
         "Berlin", "2025"),
        (("2025-11-17", "I work at Acme."), ("2025-11-24", "I started at Globex last week."),
         "Globex", "2025-11-18"),
    ],
)  # fmt: skip
def test_what_was_still_said_to_hold_within_a_vague_start_came_before_it(
    memory: Memory, said: tuple[str, str], then: tuple[str, str], now: str, shown: str
) -> None:
    for at, text in sorted([said, then], reverse=now == "Globex"):
        memory.add(text, occurred_at=at)
    (held,) = memory.relations()
    assert held.object == now
    assert f"since {shown}" in str(held)
    (before,) = (one for one in memory.relations(current=False) if one.object != now)
    assert before.invalid_at == held.valid_at
    assert before.invalid_precision == held.valid_precision


def test_a_vague_start_before_what_was_said_stays_before_it(memory: Memory) -> None:
    memory.add("I live in Paris.", occurred_at="2025-11-02")
    memory.add("I moved to Berlin in 2021.", occurred_at="2025-11-24")
    assert relations(memory) == {"Paris"}


def test_a_return_after_a_vague_start(memory: Memory) -> None:
    memory.add("I live in Paris.", occurred_at="2025-05-02")
    memory.add("I moved to Berlin in 2025.", occurred_at="2025-11-24")
    memory.add("I moved to Paris in August 2025.", occurred_at="2025-11-25")
    assert relations(memory) == {"Paris"}


def test_an_end_in_the_month_of_the_beginning(memory: Memory) -> None:
    memory.relate("Ann", "works_at", "Acme", valid_at="2020-05-20", invalid_at="2020-05")
    receipt = memory.relate("Cy", "works_at", "Acme", valid_at="2020-05-20")
    memory.update(receipt.fact_ids[0], invalid_at="2020-05")
    for job in memory.relations(current=False):
        assert (str(job.valid_at)[:10], str(job.invalid_at)[:10]) == ("2020-05-20", "2020-06-01")
        assert job.invalid_precision == "day", "the first day on which it was over"
    assert len(memory.relations(current=False)) == 2
    with pytest.raises(UsageError, match="before valid_at"):
        memory.update(receipt.fact_ids[0], invalid_at="2020-04")
    with pytest.raises(UsageError, match="before valid_at"):
        memory.relate("Bob", "works_at", "Acme", valid_at="2020-05-20", invalid_at="2020-04")


def test_a_plan_for_a_month_has_passed_with_it(memory: Memory) -> None:
    memory.relate("Bob", "visited", "Rome", valid_at="2024-05", modality="planned",
                  occurred_at="2024-01-01")  # fmt: skip
    (plan,) = memory.get_all(current=False).items
    assert (plan.planned_precision, str(plan.invalid_at)[:10]) == ("month", "2024-06-01")


def test_by_hand_and_back(memory: Memory) -> None:
    memory.relate("Bob", "works_at", "Acme", valid_at="2020-03-01")
    (one,) = memory.get_all().items
    changed = memory.update(one.id, valid_at="2020-03", invalid_at="2024")
    assert (changed.valid_precision, changed.invalid_precision) == ("month", "year")
    assert changed.interval == "since March 2020 until 2024"
    memory.undo(memory.history(one.id)[-1].seq)
    assert memory.get(one.id).interval == "since 2020-03-01"


def test_it_was_known_as_it_was(memory: Memory) -> None:
    memory.relate("Bob", "lives_in", "Oslo", valid_at="2024", fact="Bob lives in Oslo.")
    known_at = memory.get_all().items[0].recorded_at
    memory.relate("Bob", "lives_in", "Oslo", valid_at=FINE, fact="Bob is in Oslo.")
    (then,) = memory.as_of(known_at=known_at).relations()
    assert str(then) == "Bob -lives_in→ Oslo (since 2024)"
    assert str(relation(memory)) == f"Bob -lives_in→ Oslo (since {FINE})"


def test_an_undone_episode_takes_its_precision_along(memory: Memory) -> None:
    memory.relate("Bob", "lives_in", "Oslo", valid_at="2024", fact="Bob lives in Oslo.")
    finer = memory.relate("Bob", "lives_in", "Oslo", valid_at=FINE, fact="Bob is in Oslo.")
    memory.undo(finer.episode_id)
    assert str(relation(memory)) == "Bob -lives_in→ Oslo (since 2024)"


def test_json_and_back(memory: Memory) -> None:
    memory.relate("Bob", "works_at", "Acme", valid_at="2020", invalid_at="2024-05")
    (one,) = memory.get_all(current=False).items
    assert (to_json(one)["valid_precision"], to_json(one)["invalid_precision"]) == (
        "year",
        "month",
    )
    assert to_json(relation(memory))["valid_precision"] == "year"
    assert Fact.from_json(to_json(one)) == one
    assert Fact.from_json(to_sparse(one)) == one


def test_the_graph_has_it_and_is_rebuilt_with_it(tmp_path: Path) -> None:
    query = (
        "MATCH (a:Entity)-[r:RELATES {type: 'works_at'}]->(b:Entity) "
        "RETURN r.valid_precision, r.invalid_precision, r.invalid_at"
    )
    with Memory(str(tmp_path / "store"), user_id="ada") as opened:
        opened.relate("Bob", "works_at", "Acme", valid_at="2020", invalid_at="2024-05")
        rows = (("year", "month", "2024-05-01T00:00:00.000000Z"),)
        assert opened.cypher(query).rows == rows
        opened.relate("Bob", "knows", "Ann", valid_at="2021-03")
        (edge,) = (data for *_, data in opened.to_networkx().edges(data=True))
        assert (edge["valid_precision"], edge["invalid_precision"]) == ("month", None)
        opened.rebuild()
        assert (opened.cypher(query).rows, opened.verify().ok) == (rows, True)
    with Memory(str(tmp_path / "store"), user_id="ada") as again:
        found = {str(one) for one in again.relations(current=False)}
        assert "Bob -works_at→ Acme (since 2020 until May 2024)" in found
