"""What is believed because of what was said: the fold, case by case."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from graphmem.belief.beliefs import FoldedGroup
from graphmem.belief.fold import fold_statements
from graphmem.belief.snapshot import group_keys
from graphmem.clock import parse_when
from graphmem.model import Edit, Statement
from graphmem.relation_types.types import TypeBehaviour
from tests.belief.statement_maker import Teller, shown

SINGLE_VALUED = TypeBehaviour(single_valued=True)


def one(*stated: Statement, symmetric: bool = False) -> FoldedGroup:
    """The fold of a single_valued relation, checked in two orders."""
    behaviour = TypeBehaviour(single_valued=True, symmetric=symmetric)
    folded = fold_statements(stated, behaviour)
    assert fold_statements(stated[::-1], behaviour) == folded
    return folded


def many(*stated: Statement, event: bool = False) -> FoldedGroup:
    folded = fold_statements(stated, TypeBehaviour(event=event))
    assert fold_statements(stated[::-1], TypeBehaviour(event=event)) == folded
    return folded


class TestMoves:
    def test_a_newer_start_closes_the_older(self) -> None:
        t = Teller()
        folded = one(t("Oslo", "2024-01-05"), t("Rome", "2024-06-01"))
        assert shown(folded) == ["Oslo 2024-01-05..2024-06-01", "Rome 2024-06-01.."]
        assert folded.beliefs[1].supersedes == 0
        assert folded.beliefs[0].reason == "something else held from then on"

    def test_an_older_one_stated_late_is_filed_in_its_place(self) -> None:
        t = Teller()
        folded = one(
            t("Rome", "2024-06-01", since="2023-01-01"), t("Oslo", "2024-07-01", since="2019-01-01")
        )
        assert shown(folded) == ["Oslo 2019-01-01..2023-01-01", "Rome 2023-01-01.."]

    def test_there_and_back(self) -> None:
        t = Teller()
        folded = one(
            t("Paris", "2020-01-01"),
            t("Berlin", "2021-01-01"),
            t("Paris", "2022-01-01"),
            t("Paris", "2023-01-01"),
        )
        assert shown(folded) == [
            "Paris 2020-01-01..2021-01-01",
            "Berlin 2021-01-01..2022-01-01",
            "Paris 2022-01-01..",
        ]
        assert folded.beliefs[2].statement_ids == ("s3", "s4")

    def test_stating_it_again_corroborates(self) -> None:
        t = Teller()
        folded = one(t("Oslo", "2024-01-05"), t("Oslo", "2024-03-01"))
        assert shown(folded) == ["Oslo 2024-01-05.."]
        assert folded.beliefs[0].valid_at is None
        assert folded.beliefs[0].statement_ids == ("s1", "s2")

    def test_a_date_stated_later_dates_it(self) -> None:
        t = Teller()
        folded = one(t("Oslo", "2024-01-05"), t("Oslo", "2024-03-01", since="2020-01-01"))
        assert shown(folded) == ["Oslo 2020-01-01.."]
        assert folded.beliefs[0].valid_at == parse_when("2020-01-01")

    def test_a_finer_date_within_a_vague_one(self) -> None:
        t = Teller()
        for dates in (["2020", "2020-05", "2020-05-17"], ["2020-05-17", "2020"]):
            folded = one(*(t("Oslo", "2024-01-05", since=d) for d in dates))
            assert shown(folded) == ["Oslo 2020-05-17.."]

    def test_of_two_from_one_date_the_last_stated_is_right(self) -> None:
        t = Teller()
        folded = one(
            t("Oslo", "2024-01-05", since="2023-05-01"), t("Rome", "2024-02-05", since="2023-05-01")
        )
        assert shown(folded) == ["Rome 2023-05-01.."]
        assert folded.accounts["s1"].outcome == "corrected"

    def test_a_stay_elsewhere_that_ended(self) -> None:
        t = Teller()
        stay = t("Lisbon", "2024-01-05", since="2018-01-01", until="2019-01-01")
        assert shown(one(t("Oslo", "2024-01-04", since="2015-01-01"), stay)) == [
            "Oslo 2015-01-01..2018-01-01",
            "Lisbon 2018-01-01..2019-01-01",
            "Oslo 2019-01-01..",
        ]
        assert shown(one(t("Oslo", "2016-01-04", since="2015-01-01"), stay)) == [
            "Oslo 2015-01-01..2018-01-01",
            "Lisbon 2018-01-01..2019-01-01",
        ], "nobody said that she went back"

    def test_until_then_from_nobody_knows_when(self) -> None:
        t = Teller()
        folded = one(t("Oslo", "2024-01-05"), t("Rome", "2024-01-05", until="2023-06-01", turn=1))
        assert shown(folded) == ["Rome ..2023-06-01", "Oslo 2024-01-05.."]
        assert folded.beliefs[0].valid_at is None
        after = one(
            t("Oslo", "2024-01-05", since="2010-01-01"), t("Rome", "2024-02-05", until="2023-01-01")
        )
        assert shown(after)[1:] == ["Rome 2016-07-02..2023-01-01", "Oslo 2023-01-01.."]


class TestEnds:
    def test_no_longer(self) -> None:
        t = Teller("works_at")
        folded = one(
            t("Acme", "2020-01-01"), t("Acme", "2024-06-20", kind="end", until="2024-05-01")
        )
        assert shown(folded) == ["Acme 2020-01-01..2024-05-01"]
        assert folded.accounts["s2"].outcome == "ends"

    def test_an_end_without_a_date_is_when_it_was_stated(self) -> None:
        t = Teller("works_at")
        folded = many(t("Acme", "2020-01-01"), t("Acme", "2024-06-20", kind="end"))
        assert shown(folded) == ["Acme 2020-01-01..2024-06-20"]

    def test_a_dated_end_wins_over_the_day_it_was_stated(self) -> None:
        t = Teller("works_at")
        folded = many(
            t("Acme", "2020-01-01"),
            t("Acme", "2024-06-20", kind="end"),
            t("Acme", "2024-07-20", kind="end", until="2024-05-01"),
            t("Acme", "2024-08-20", kind="end", until="2024-05-17"),
        )
        assert shown(folded) == ["Acme 2020-01-01..2024-05-17"]

    def test_an_end_without_an_object_ends_all(self) -> None:
        t = Teller("works_at")
        folded = many(
            t("Acme", "2020-01-01"), t("Bolt", "2021-01-01"), t(None, "2024-06-20", kind="end")
        )
        assert shown(folded) == ["Acme 2020-01-01..2024-06-20", "Bolt 2021-01-01..2024-06-20"]

    def test_an_end_of_another_object_is_none(self) -> None:
        t = Teller()
        folded = one(t("Rome", "2024-01-01"), t("Oslo", "2024-06-20", kind="end"))
        assert shown(folded) == ["Rome 2024-01-01.."]
        assert folded.accounts["s2"].outcome == "pending"

    def test_it_begins_again(self) -> None:
        t = Teller("works_at")
        folded = many(
            t("Acme", "2020-01-01"),
            t("Acme", "2021-01-01", kind="end"),
            t("Acme", "2022-01-01"),
        )
        assert shown(folded) == ["Acme 2020-01-01..2021-01-01", "Acme 2022-01-01.."]

    def test_still_stated_before_the_end_was_stated(self) -> None:
        t = Teller("works_at")
        folded = many(
            t("Acme", "2024-06-10"), t("Acme", "2024-06-20", kind="end", until="2024-06-01")
        )
        assert shown(folded) == ["Acme ..2024-06-01"]

    def test_begun_and_ended_in_one_month(self) -> None:
        t = Teller("works_at")
        folded = many(
            t("Acme", "2024-05-10", since="2024-05"),
            t("Acme", "2024-06-20", kind="end", until="2024-05"),
        )
        assert shown(folded) == ["Acme 2024-05-01..2024-06-01"]

    def test_an_old_beginning_stated_after_the_end(self) -> None:
        t = Teller("works_at")
        folded = many(
            t("Acme", "2013-01-01", kind="end", until="2012-01-01"),
            t("Acme", "2020-01-01", since="2010-01-01"),
        )
        assert shown(folded) == ["Acme 2010-01-01..2012-01-01"]

    def test_a_denial_ends_and_is_believed(self) -> None:
        t = Teller()
        folded = one(t("Paris", "2020-01-01"), t("Paris", "2022-01-01", modality="negated"))
        assert shown(folded) == ["Paris 2020-01-01..2022-01-01"]
        assert shown(folded, "negated") == ["Paris 2022-01-01.."]
        back = one(
            t("Paris", "2020-01-01"),
            t("Paris", "2022-01-01", modality="negated"),
            t("Paris", "2023-01-01"),
        )
        assert shown(back) == ["Paris 2020-01-01..2022-01-01", "Paris 2023-01-01.."]
        assert shown(back, "negated") == ["Paris 2022-01-01..2023-01-01"]


class TestWithdrawals:
    def test_that_was_wrong(self) -> None:
        t = Teller()
        folded = one(t("Oslo", "2024-01-01"), t("Oslo", "2024-02-01", kind="withdraw"))
        assert folded.beliefs == ()
        assert folded.accounts["s1"].outcome == "withdrawn"
        assert folded.accounts["s2"].outcome == "withdraws"

    def test_what_it_had_closed_is_open_again(self) -> None:
        t = Teller()
        folded = one(
            t("Oslo", "2023-01-01"),
            t("Rome", "2024-01-01"),
            t("Rome", "2024-02-01", kind="withdraw"),
        )
        assert shown(folded) == ["Oslo 2023-01-01.."]

    def test_stated_again_it_stands_again(self) -> None:
        t = Teller()
        folded = one(
            t("Oslo", "2023-01-01"),
            t("Oslo", "2024-02-01", kind="withdraw"),
            t("Oslo", "2024-03-01"),
        )
        assert shown(folded) == ["Oslo 2024-03-01.."]

    def test_all_of_it(self) -> None:
        t = Teller("likes")
        folded = many(
            t("Tea", "2023-01-01"), t("Rum", "2023-01-01"), t(None, "2024-02-01", kind="withdraw")
        )
        assert folded.beliefs == ()

    def test_the_right_one_in_the_same_breath(self) -> None:
        t = Teller()
        folded = one(
            t("Oslo", "2023-01-01"),
            t("Rome", "2024-01-01", episode_id="e"),
            t(None, "2024-01-01", kind="withdraw", episode_id="e"),
        )
        assert shown(folded) == ["Rome 2024-01-01.."]


class TestManyValued:
    def test_objects_do_not_close_each_other(self) -> None:
        t = Teller("likes")
        folded = many(t("Tea", "2023-01-01"), t("Rum", "2024-01-01"), t("Tea", "2025-01-01"))
        assert shown(folded) == ["Tea 2023-01-01..", "Rum 2024-01-01.."]

    def test_two_stretches_of_one(self) -> None:
        t = Teller("works_at")
        folded = many(
            t("Acme", "2024-01-01", since="2010-01-01", until="2012-01-01"),
            t("Acme", "2024-01-01", since="2020-01-01"),
        )
        assert shown(folded) == ["Acme 2010-01-01..2012-01-01", "Acme 2020-01-01.."]

    def test_each_visit_is_one(self) -> None:
        t = Teller("visited")
        stated = (
            t("Rome", "2024-01-01", since="2019-01-01"),
            t("Rome", "2024-01-01", since="2022-05"),
            t("Rome", "2024-06-01", since="2022-05-03"),
            t("Rome", "2024-06-02"),
        )
        assert shown(many(*stated, event=True)) == ["Rome 2019-01-01..", "Rome 2022-05-03.."]

    def test_a_sentence(self) -> None:
        t = Teller(None)
        folded = many(
            t("-", "2024-01-01", text="Ada has a boat"),
            t("-", "2024-02-01", text="ada has a  BOAT!"),
            t("-", "2024-03-01", text="Ada has a car"),
        )
        assert shown(folded) == ["Ada has a boat 2024-01-01..", "Ada has a car 2024-03-01.."]


class TestSymmetric:
    def test_either_way_round(self) -> None:
        t = Teller("married_to")
        folded = one(t("bob", "2020-01-01"), t("ada", "2021-01-01", subject="bob"), symmetric=True)
        assert len(folded.beliefs) == 1

    def test_a_new_bond_of_either_closes_the_old(self) -> None:
        t = Teller("married_to")
        folded = one(t("bob", "2020-01-01"), t("carl", "2021-01-01", subject="bob"), symmetric=True)
        assert shown(folded) == ["bob 2020-01-01..2021-01-01", "carl 2021-01-01.."]

    def test_strangers_do_not_touch(self) -> None:
        t = Teller("married_to")
        folded = one(t("bob", "2020-01-01"), t("dan", "2021-01-01", subject="carl"), symmetric=True)
        assert [b.invalid_at for b in folded.beliefs] == [None, None]


class TestPlans:
    def test_it_came_true(self) -> None:
        t = Teller()
        plan = t("Rome", "2024-01-01", since="2024-05", modality="planned")
        folded = one(t("Oslo", "2023-01-01"), plan, t("Rome", "2024-05-10"))
        assert shown(folded) == ["Oslo 2023-01-01..2024-05-10", "Rome 2024-05-10.."]
        assert shown(folded, "planned") == ["Rome 2024-01-01..2024-05-10"]
        assert folded.beliefs[1].planned_for == parse_when("2024-05-01")

    def test_nothing_was_heard_of_it(self) -> None:
        t = Teller()
        plan = t("Rome", "2024-01-01", since="2024-05", modality="planned")
        folded = one(t("Oslo", "2023-01-01"), plan)
        assert shown(folded) == ["Oslo 2023-01-01.."]
        assert shown(folded, "planned") == ["Rome 2024-01-01..2024-06-01"], "all of May is May"

    def test_it_is_superseded_by_what_came_of_it(self) -> None:
        t = Teller("visited")
        folded = many(t("Rome", "2024-01-01", modality="planned"), t("Rome", "2024-05-10"))
        assert folded.beliefs[1].supersedes == 0

    @pytest.mark.parametrize("how", ["end", "negated"])
    def test_it_is_called_off(self, how: str) -> None:
        t = Teller()
        plan = t("Rome", "2024-01-01", since="2024-05", modality="planned")
        off = (
            t("Rome", "2024-02-01", kind="end")
            if how == "end"
            else t("Rome", "2024-02-01", modality="negated")
        )
        assert shown(one(plan, off), "planned") == ["Rome 2024-01-01..2024-02-01"]

    def test_it_is_brought_back(self) -> None:
        t = Teller()
        plan = t("Rome", "2024-01-01", modality="planned")
        assert one(plan, t("Rome", "2024-02-01", kind="withdraw")).beliefs == ()

    def test_it_is_put_off_or_changed(self) -> None:
        t = Teller()
        stated = [
            t("Rome", "2024-01-01", since="2024-05", modality="planned"),
            t("Rome", "2024-02-01", since="2024-07", modality="planned"),
            t("Bern", "2024-03-01", since="2024-07", modality="planned"),
        ]
        assert shown(one(*stated), "planned") == [
            "Rome 2024-01-01..2024-02-01",
            "Rome 2024-02-01..2024-03-01",
            "Bern 2024-03-01..2024-08-01",
        ]


class TestHearsay:
    def test_it_closes_nothing(self) -> None:
        t = Teller()
        folded = one(
            t("Oslo", "2023-01-01"),
            t("Rome", "2024-01-01", modality="hearsay"),
            t("Bern", "2024-01-01", modality="hypothetical"),
        )
        assert shown(folded) == ["Oslo 2023-01-01.."]
        assert shown(folded, "hearsay") == ["Rome 2024-01-01.."]
        assert shown(folded, "hypothetical") == ["Bern 2024-01-01.."]

    def test_it_is_confirmed(self) -> None:
        t = Teller()
        later = one(t("Rome", "2024-01-01", modality="hearsay"), t("Rome", "2024-02-01"))
        assert shown(later) == ["Rome 2024-02-01.."]
        assert shown(later, "hearsay") == ["Rome 2024-01-01..2024-02-01"]
        assert later.beliefs[1].supersedes == 0
        dated = one(
            t("Rome", "2024-01-01", modality="hearsay"), t("Rome", "2024-02-01", since="2023-01-01")
        )
        assert len(dated.beliefs) == 1
        assert len(dated.beliefs[0].statement_ids) == 2, "the hearsay supports it"

    def test_it_is_contradicted(self) -> None:
        t = Teller()
        folded = one(
            t("Rome", "2024-01-01", modality="hearsay"), t("Oslo", "2024-02-01", since="2019-01-01")
        )
        assert shown(folded, "hearsay") == ["Rome 2024-01-01..2024-02-01"]


class TestEdits:
    def test_what_was_set_by_hand(self) -> None:
        t = Teller()
        stated = [
            t("Oslo", "2024-01-05"),
            t("Oslo", "2024-02-05", since="2019-01-01"),
            t("Rome", "2025-01-01"),
        ]
        edit = Edit(
            "edit",
            frozenset({"s1"}),
            parse_when("2024-01-10"),
            text="Ada lives in Oslo",
            valid_at=parse_when("2021-03-01"),
            invalid_at=parse_when("2025-06-01"),
            importance=1.0,
        )
        folded = fold_statements(stated, SINGLE_VALUED, edits=[edit])
        assert shown(folded) == ["Oslo 2021-03-01..2025-06-01", "Rome 2025-06-01.."]
        assert folded.beliefs[0].text == "Ada lives in Oslo"
        assert folded.beliefs[0].importance == 1.0
        assert shown(fold_statements(stated, SINGLE_VALUED)) == [
            "Oslo 2019-01-01..2025-01-01",
            "Rome 2025-01-01..",
        ], "without the edit it is as it was"

    def test_what_was_deleted_by_hand(self) -> None:
        t = Teller()
        stated = [t("Oslo", "2024-01-05"), t("Oslo", "2024-02-05")]
        edit = Edit("edit", frozenset({"s1"}), parse_when("2024-01-10"), drop=True)
        folded = fold_statements(stated, edits=[edit])
        assert shown(folded) == ["Oslo 2024-02-05.."], "said again, it is believed again"
        assert folded.accounts["s1"].reason == "deleted by hand"


def test_group_keys() -> None:
    t = Teller()
    statement = t("Oslo", "2024-01-01")
    assert group_keys(statement, TypeBehaviour(single_valued=True)) == (("lives_in", "ada"),)
    assert group_keys(statement, TypeBehaviour()) == (("lives_in", "ada", "Oslo"),)
    assert group_keys(t(None, "2024-01-01", kind="end"), TypeBehaviour()) == (
        ("lives_in", "ada", ""),
    )
    both = TypeBehaviour(single_valued=True, symmetric=True)
    assert set(group_keys(statement, both)) == {("lives_in", "ada"), ("lives_in", "Oslo")}
    assert group_keys(statement, TypeBehaviour(symmetric=True)) == (("lives_in", "Oslo", "ada"),)
    assert group_keys(Teller(None)("x", "2024-01-01", text="A boat!"), TypeBehaviour()) == (
        ("", "a boat"),
    )


def steps(
    statement: int, behaviour: TypeBehaviour, *, until: str | None = None, dated: bool = False
) -> int:
    """How many calls the fold of so many tellings of the same takes."""
    t = Teller()
    days = [f"20{n // 336:02}-{n // 28 % 12 + 1:02}-{n % 28 + 1:02}" for n in range(statement)]
    ends = [f"3{day[1:]}" if until == "each" else until for day in days]
    stated = [
        t("Oslo", day, since=day if dated else None, until=end)
        for day, end in zip(days, ends, strict=True)
    ]
    count = 0

    def called(_frame: object, event: str, _: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(called)
    try:
        fold_statements(stated, behaviour)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize(
    "behaviour", [TypeBehaviour(), TypeBehaviour(single_valued=True), TypeBehaviour(event=True)]
)
@pytest.mark.parametrize(
    "stated", [{}, {"dated": True}, {"until": "2090-01-01"}, {"until": "each"}]
)
def test_what_is_stated_again_and_again_costs_its_number(
    behaviour: TypeBehaviour, stated: Any
) -> None:
    """Twice as many tellings take about twice the work, not four times."""
    assert steps(800, behaviour, **stated) < 3 * steps(400, behaviour, **stated)
