"""From one state of belief to the next: what changes, in which order, and which facts stay."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from graphmem.belief.beliefs import Belief
from graphmem.belief.compare import FactBelief, FactChange, compare_with_facts
from graphmem.belief.fold import fold_statements
from graphmem.belief.intervals import LONG_AGO
from graphmem.clock import ManualClock
from graphmem.model import Statement
from graphmem.relation_types.types import TypeBehaviour
from tests.belief.statement_maker import EPOCH, Teller, statements

FAR = EPOCH.replace(year=9000)
SINGLE_VALUED = TypeBehaviour(single_valued=True)
_shapes = st.sampled_from([TypeBehaviour(), SINGLE_VALUED, TypeBehaviour(event=True)])
_many = settings(max_examples=150, deadline=None)


class Store:
    """Facts of one cell, changed step by step."""

    def __init__(self) -> None:
        self.facts: dict[str, FactBelief] = {}
        self.retired: dict[str, FactBelief] = {}
        self.clock = ManualClock()

    def become(
        self, stated: Iterable[Statement], behaviour: TypeBehaviour
    ) -> tuple[FactChange, ...]:
        steps = compare_with_facts(
            self.facts.values(),
            fold_statements(stated, behaviour),
            self.clock.new_id,
            retired=self.retired.values(),
        )
        for step in steps:
            self.apply(step)
        return steps

    def apply(self, step: FactChange) -> None:
        assert self.facts.get(step.fact_id) == step.before
        if step.after is None:
            self.retired[step.fact_id] = self.facts.pop(step.fact_id)
            return
        self.retired.pop(step.fact_id, None)
        before = step.after.supersedes_id
        assert before is None or before in self.facts
        self.facts[step.fact_id] = step.after


def apart(beliefs: Sequence[Belief]) -> bool:
    """No two at a time; of two that are over and began nobody knows when, either may be first."""
    return all(
        (a.since is None and b.since is None)
        or (a.invalid_at or FAR) <= (b.since or LONG_AGO)
        or (b.invalid_at or FAR) <= (a.since or LONG_AGO)
        for a, b in combinations([b for b in beliefs if b.modality == "stated"], 2)
    )


def does(steps: Iterable[FactChange]) -> list[str]:
    return [f"{step.action} {step.fact_id}" for step in steps]


@_many
@given(statements(), statements(), _shapes)
def test_the_steps_lead_there(
    first: list[Statement], second: list[Statement], behaviour: TypeBehaviour
) -> None:
    store = Store()
    store.become(first, behaviour)
    store.become(second, behaviour)
    wanted = fold_statements(second, behaviour).beliefs
    key = lambda b: (b.since or LONG_AGO, b.modality, b.statement_ids, b.text)  # noqa: E731
    shown = [h.belief for h in store.facts.values()]
    bare = fold_statements(second, behaviour).beliefs
    assert len(shown) == len(wanted)
    for mine, theirs in zip(sorted(shown, key=key), sorted(bare, key=key), strict=True):
        assert (mine.since, mine.invalid_at, mine.text) == (
            theirs.since,
            theirs.invalid_at,
            theirs.text,
        )
    assert store.become(second, behaviour) == (), "once there, nothing is left to do"


@_many
@given(statements(), st.integers(0, 5), _shapes)
def test_stated_and_undone_it_is_as_it_was(
    stated: list[Statement], episode: int, behaviour: TypeBehaviour
) -> None:
    """Adding an episode's statements and taking them away again leaves the same facts, with the
    same ids."""
    without = [s for s in stated if s.episode_id != f"e{episode}"]
    store = Store()
    store.become(without, behaviour)
    before = dict(store.facts)
    store.become(stated, behaviour)
    store.become(without, behaviour)
    assert store.facts == before


@_many
@given(statements())
def test_rivals_are_apart_at_the_end_of_each_change(stated: list[Statement]) -> None:
    store = Store()
    for n in range(1, len(stated) + 1):
        store.become(stated[:n], SINGLE_VALUED)
        assert apart([h.belief for h in store.facts.values()])


def test_a_move_is_an_update_and_an_add() -> None:
    t, store = Teller(), Store()
    oslo, rome = t("Oslo", "2024-01-01"), t("Rome", "2024-06-01")
    assert does(store.become([oslo], SINGLE_VALUED)) == ["ADD s1"]
    steps = store.become([oslo, rome], SINGLE_VALUED)
    assert does(steps) == ["UPDATE s1", "ADD s2"]
    assert steps[0].reason == "something else held from then on"
    assert steps[1].after is not None
    assert steps[1].after.supersedes_id == "s1"


def test_one_stated_late_comes_before() -> None:
    t, store = Teller(), Store()
    rome, oslo = t("Rome", "2024-06-01"), t("Oslo", "2024-07-01", since="2019-01-01")
    store.become([rome], SINGLE_VALUED)
    steps = store.become([rome, oslo], SINGLE_VALUED)
    assert does(steps) == ["ADD s2", "UPDATE s1"]
    assert steps[1].reason == "follows another"


def test_stating_it_again_changes_nothing_but_its_sources() -> None:
    t, store = Teller(), Store()
    one, two = t("Oslo", "2024-01-01"), t("Oslo", "2024-02-01")
    store.become([one], SINGLE_VALUED)
    (step,) = store.become([one, two], SINGLE_VALUED)
    assert (step.action, step.fact_id, step.reason) == ("NONE", "s1", "said again")
    (step,) = store.become([one], SINGLE_VALUED)
    assert (step.action, step.reason) == ("NONE", "one source less")


def test_dated_by_a_later_statement() -> None:
    t, store = Teller(), Store()
    one, two = t("Oslo", "2024-01-01"), t("Oslo", "2024-02-01", since="2019-01-01")
    store.become([one], SINGLE_VALUED)
    (step,) = store.become([one, two], SINGLE_VALUED)
    assert (step.action, step.reason) == ("UPDATE", "said again; now dated")


def test_a_withdrawal_and_its_undoing() -> None:
    t, store = Teller(), Store()
    one, two = t("Oslo", "2024-01-01"), t("Oslo", "2024-02-01", kind="withdraw")
    store.become([one], SINGLE_VALUED)
    (step,) = store.become([one, two], SINGLE_VALUED)
    assert (step.action, step.reason) == ("DELETE", "withdrawn by a later statement")
    assert does(store.become([one], SINGLE_VALUED)) == ["ADD s1"]


def test_undoing_what_had_closed_it() -> None:
    t, store = Teller(), Store()
    oslo, rome = t("Oslo", "2024-01-01"), t("Rome", "2024-06-01")
    store.become([oslo, rome], SINGLE_VALUED)
    steps = store.become([oslo], SINGLE_VALUED)
    assert does(steps) == ["DELETE s2", "UPDATE s1"]
    assert [s.reason for s in steps] == [
        "nothing that was said supports it any more",
        "holds again",
    ]


def test_what_an_end_had_split_is_one_again_under_its_own_id() -> None:
    t, store, many = Teller(), Store(), TypeBehaviour()
    said = "2020-01-01"
    dated, other = t("y", said, since="2020-01-02"), t("x", said)
    without = [dated, other, t("x", said), t("y", said)]
    end = t(None, "2020-01-26", since="2020-01-01", kind="end")
    store.become(without, many)
    before = dict(store.facts)
    assert set(before) == {"s1", "s2"}
    store.become([*without, end], many)
    assert len([fact for fact in store.facts.values() if fact.belief.object_id == "y"]) == 2
    store.become(without, many)
    assert store.facts == before


def test_hearsay_that_is_confirmed_stays_the_same_fact() -> None:
    t, store = Teller(), Store()
    rumour = t("Rome", "2024-01-01", modality="hearsay")
    plain = t("Rome", "2024-02-01", since="2023-01-01")
    store.become([rumour], SINGLE_VALUED)
    (step,) = store.become([rumour, plain], SINGLE_VALUED)
    assert (step.action, step.fact_id) == ("UPDATE", "s1")
    assert step.reason.startswith("said again; hearsay before, now stated")


def test_what_one_statement_says_of_two_times_keeps_its_ids_when_others_come_and_go() -> None:
    """It holds, is interrupted and goes on: two facts of one statement."""
    tell, store = Teller(), Store()
    earlier = [tell("x", "2020-01-01") for _ in range(5)]
    mine = [
        tell("y", "2020-01-06", until="2020-01-02"),
        tell("x", "2020-01-06", since="2020-01-01T00:00:00Z"),
    ]
    store.become(mine, SINGLE_VALUED)
    before = dict(store.facts)
    assert len(before) == 3
    store.become([*earlier, *mine], SINGLE_VALUED)
    store.become(mine, SINGLE_VALUED)
    assert store.facts == before
