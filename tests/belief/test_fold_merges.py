"""Merging entities by hand, and the way back."""

from __future__ import annotations

from graphmem.belief.fold import fold_statements
from graphmem.model import Entity
from graphmem.relation_types.types import TypeBehaviour
from graphmem.resolve.merges import merged_entity, with_merges
from tests.belief.statement_maker import Teller, shown


def test_statements_of_both_make_one_history() -> None:
    t = Teller("lives_in")
    stated = [t("Oslo", "2024-01-01"), t("Rome", "2024-02-01", subject="bob")]
    one = with_merges(stated, {"bob": "ada"})
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
