"""Laws of the fold, over statements drawn at random."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from graphmem.belief.beliefs import Belief
from graphmem.belief.fold import fold_statements
from graphmem.belief.intervals import LONG_AGO
from graphmem.model import Edit, Statement
from graphmem.relation_types.types import TypeBehaviour
from tests.belief.statement_maker import EPOCH, statements

FAR = EPOCH.replace(year=9000)
_many = settings(max_examples=150, deadline=None)
_shapes = st.sampled_from(
    [
        TypeBehaviour(),
        TypeBehaviour(single_valued=True),
        TypeBehaviour(event=True),
        TypeBehaviour(single_valued=True, symmetric=True),
    ]
)


def overlap(one: Belief, other: Belief) -> bool:
    """Of two that are over and began nobody knows when, either may have been first."""
    if one.since is None and other.since is None:
        return False
    return (one.since or LONG_AGO) < (other.invalid_at or FAR) and (other.since or LONG_AGO) < (
        one.invalid_at or FAR
    )


@_many
@given(statements(), _shapes, st.permutations(range(9)))
def test_any_order_of_arrival_gives_the_same(
    stated: list[Statement], behaviour: TypeBehaviour, order: list[int]
) -> None:
    mixed = [stated[n] for n in order if n < len(stated)]
    assert fold_statements(mixed, behaviour) == fold_statements(stated, behaviour)


@_many
@given(statements(), _shapes)
def test_what_is_stated_twice_is_stated_once(
    stated: list[Statement], behaviour: TypeBehaviour
) -> None:
    assert fold_statements([*stated, *stated], behaviour) == fold_statements(stated, behaviour)


@_many
@given(statements())
def test_a_functional_relation_has_one_value_at_a_time(stated: list[Statement]) -> None:
    plain = [
        b
        for b in fold_statements(stated, TypeBehaviour(single_valued=True)).beliefs
        if b.modality == "stated"
    ]
    for one, other in combinations(plain, 2):
        assert not overlap(one, other)


@_many
@given(statements(), _shapes)
def test_intervals_are_neither_empty_nor_inverted(
    stated: list[Statement], behaviour: TypeBehaviour
) -> None:
    for belief in fold_statements(stated, behaviour).beliefs:
        assert belief.invalid_at is None or (belief.since or LONG_AGO) < belief.invalid_at
        assert belief.valid_at in {None, belief.since}
        if belief.valid_at is None and belief.since is not None:
            assert belief.since == belief.stated_at


@_many
@given(statements(), _shapes)
def test_every_statement_is_accounted_for(
    stated: list[Statement], behaviour: TypeBehaviour
) -> None:
    folded = fold_statements(stated, behaviour)
    assert set(folded.accounts) == {s.id for s in stated}
    believed = {id for b in folded.beliefs for id in b.statement_ids}
    for statement in stated:
        account = folded.accounts[statement.id]
        assert account.reason
        assert (account.outcome == "believed") <= (statement.id in believed)
        assert (statement.id in believed) <= (account.outcome in {"believed", "ends"})


@_many
@given(statements(), _shapes)
def test_what_supersedes_comes_after(stated: list[Statement], behaviour: TypeBehaviour) -> None:
    beliefs = fold_statements(stated, behaviour).beliefs
    for belief in beliefs:
        if belief.supersedes is not None:
            before = beliefs[belief.supersedes]
            assert before is not belief
            assert before.invalid_at is not None
            assert (belief.since or LONG_AGO) <= before.invalid_at


@_many
@given(statements())
def test_many_valued_objects_do_not_touch(stated: list[Statement]) -> None:
    """What is believed of one object does not depend on what is said of another."""
    whole = fold_statements(stated)
    for name in "xyz":
        own = fold_statements([s for s in stated if s.object_id in {name, None}])
        one, other = (
            [replace(b, supersedes=None) for b in f.beliefs if b.object_id == name]
            for f in (whole, own)
        )
        assert one == other


@_many
@given(statements(), _shapes, st.data())
def test_a_restatement_changes_no_interval(
    stated: list[Statement], behaviour: TypeBehaviour, data: st.DataObject
) -> None:
    beliefs = [
        b for b in fold_statements(stated, behaviour).beliefs if b.modality == "stated" and b.since
    ]
    if not beliefs or behaviour.event:
        return
    chosen = data.draw(st.sampled_from(beliefs))
    assert chosen.since is not None
    own = [s for s in stated if s.id in chosen.statement_ids]
    if chosen.since not in {when for s in own for when in (s.valid_at, s.stated_at)}:
        return  # only its end is known: saying when it held dates it
    end = chosen.invalid_at or chosen.since.replace(year=2030)
    middle = chosen.since + (end - chosen.since) / 2
    later = [s for s in stated if s.kind != "assert" or s.modality == "negated"]
    if any(s.stated_at >= middle for s in later):
        return  # said before it was ended, denied or taken back: that is news
    ends = [end for s in stated for end in (s.invalid_at, s.valid_at, s.stated_at)
            if s in later or end == s.invalid_at]  # fmt: skip
    if any(end is not None and chosen.since <= end <= middle for end in ends):
        return  # one end was said, perhaps of the day on which it began, and another is believed:
        # it is news that it held in between
    again = Statement(
        id="again",
        episode_id="another",
        text="x",
        stated_at=middle,
        subject_id=chosen.subject_id,
        type="lives_in",
        object_id=chosen.object_id,
    )
    after = [
        b
        for b in fold_statements([*stated, again], behaviour).beliefs
        if b.modality == "stated" and b.since
    ]
    # Of those that began and ended together the first said comes first: their order may change.
    before, now = (
        sorted((str(b.object_id), str(b.since), str(b.invalid_at)) for b in found)
        for found in (beliefs, after)
    )
    assert now == before


@_many
@given(statements(plain=True), st.data())
def test_a_later_move_closes_what_was_open(stated: list[Statement], data: st.DataObject) -> None:
    news = replace(
        stated[0], id="news", episode_id="n", object_id="w", stated_at=FAR, valid_at=FAR,
        invalid_at=None,
    )  # fmt: skip
    beliefs = fold_statements([*stated, news], TypeBehaviour(single_valued=True)).beliefs
    open_ = [b for b in beliefs if b.invalid_at is None]
    assert [b.object_id for b in open_] == ["w"]


@_many
@given(statements(), _shapes, st.data())
def test_what_was_set_by_hand_stays(
    stated: list[Statement], behaviour: TypeBehaviour, data: st.DataObject
) -> None:
    beliefs = [
        b for b in fold_statements(stated, behaviour).beliefs if b.modality == "stated" and b.since
    ]
    if not beliefs:
        return
    chosen = data.draw(st.sampled_from(beliefs))
    assert chosen.since is not None
    edit = Edit(
        "edit",
        frozenset(chosen.statement_ids),
        FAR,
        text="by hand",
        valid_at=chosen.since,
        importance=0.9,
    )
    again = fold_statements(stated, behaviour, edits=[edit]).beliefs
    kept = [b for b in again if b.text == "by hand" and b.since == chosen.since]
    assert [b.importance for b in kept] == [0.9]
    plain = [b for b in again if b.modality == "stated"]
    for one, other in combinations(plain, 2):
        if behaviour.single_valued:
            assert not overlap(one, other)
