"""Merging entities by hand, and the way back."""

from __future__ import annotations

import pytest

from graphmem.belief.fold import fold_statements
from graphmem.clock import parse_when
from graphmem.errors import UsageError
from graphmem.model import Entity, Merge
from graphmem.relation_types.types import TypeBehaviour
from graphmem.resolve.merges import merge_map, merged_entity, with_merges
from tests.belief.statement_maker import Teller, shown


def merge(kept: str, gone: str, day: int = 1) -> Merge:
    return Merge(f"m-{kept}-{gone}", kept, gone, parse_when(f"2024-01-{day:02}"))


def test_a_chain_leads_to_its_end() -> None:
    merges = [merge("a", "b"), merge("c", "a", 2), merge("b", "d", 3)]
    assert merge_map(merges) == {"b": "c", "a": "c", "d": "c"}
    assert merge_map(merges[::-1]) == merge_map(merges)


def test_what_is_one_already_cannot_be_merged() -> None:
    with pytest.raises(UsageError, match="one entity already"):
        merge_map([merge("a", "b"), merge("b", "a", 2)])


def test_dropping_the_record_is_the_way_back() -> None:
    assert merge_map([merge("a", "b"), merge("a", "c", 2)]) == {"b": "a", "c": "a"}
    assert merge_map([merge("a", "c", 2)]) == {"c": "a"}
    assert merge_map([]) == {}


def test_statements_of_both_make_one_history() -> None:
    t = Teller("lives_in")
    stated = [t("Oslo", "2024-01-01"), t("Rome", "2024-02-01", subject="bob")]
    one = with_merges(stated, merge_map([merge("ada", "bob")]))
    assert shown(fold_statements(one, TypeBehaviour(single_valued=True))) == [
        "Oslo 2024-01-01..2024-02-01", "Rome 2024-02-01..",
    ]  # fmt: skip
    assert [
        b.invalid_at for b in fold_statements(stated, TypeBehaviour(single_valued=True)).beliefs
    ] == [
        None,
        None,
    ]
    assert with_merges(stated, {}) == stated


def test_a_relation_to_itself_is_a_sentence() -> None:
    t = Teller("knows")
    stated = [t("bob", "2024-01-01", entity_ids=("ada", "bob")), t("bob", "2024-02-01", kind="end")]
    (left,) = with_merges(stated, {"bob": "ada"})
    assert (left.subject_id, left.type, left.object_id) == (None, None, None)
    assert left.entity_ids == ("ada",)


def test_the_entity_that_both_are() -> None:
    kept = Entity("a", "w", "Bob Stone", "thing", ("Bobby",))
    gone = Entity("b", "w", "Robert Stone", "person", ("bob stone", "Rob"), "A mason.")
    both = merged_entity(kept, [gone])
    assert both == Entity(
        "a", "w", "Bob Stone", "person", ("Bobby", "Robert Stone", "Rob"), "A mason."
    )
    assert merged_entity(kept, []) == kept
