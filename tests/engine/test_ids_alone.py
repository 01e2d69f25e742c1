"""An id is enough within a project: for callers that hold one and know no owner."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from graphmem import Memory
from graphmem.errors import NotFound, UsageError


@pytest.fixture
def shared() -> Iterator[Memory]:
    with Memory("memory://") as memory:
        yield memory


def test_get_update_history_and_delete(shared: Memory) -> None:
    receipt = shared.add("Tea is at five.", infer=False, user_id="ada")
    (id,) = receipt.fact_ids
    assert shared.get(id) == shared.get(id, user_id="ada")
    assert shared.get(id).scope.user_id == "ada"
    assert shared.update(id, importance=1).importance == 1
    assert [change.action for change in shared.history(id)] == ["ADD", "UPDATE"]
    assert shared.explain(id).text == "Tea is at five."
    assert shared.episode(receipt.episode_id).scope.user_id == "ada"
    assert shared.delete(id).facts == 1
    with pytest.raises(NotFound):
        shared.get(id)
    assert [change.action for change in shared.history(id)] == ["ADD", "UPDATE", "DELETE"]
    shared.undo(receipt.episode_id)
    assert shared.delete(receipt.episode_id).episodes == 1


def test_what_an_agent_has_of_its_own(shared: Memory) -> None:
    (id,) = shared.add("Tea is at five.", infer=False, agent_id="bot").fact_ids
    assert shared.get(id).scope.agent_id == "bot"


def test_another_project_has_nothing_of_it(shared: Memory) -> None:
    receipt = shared.add("Tea.", infer=False, user_id="ada", project_id="one")
    (id,) = receipt.fact_ids
    assert shared.get(id, project_id="one").text == "Tea."
    for wrong in ({}, {"project_id": "two"}):
        for call in (shared.get, shared.history, shared.delete, shared.explain):
            with pytest.raises(NotFound, match="in the project"):
                call(id, **wrong)  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            shared.update(id, importance=0, **wrong)  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            shared.episode(receipt.episode_id, **wrong)


def test_who_gives_an_owner_is_held_to_it(shared: Memory) -> None:
    (id,) = shared.add("Tea.", infer=False, user_id="ada").fact_ids
    for other in ({"user_id": "bob"}, {"agent_id": "ada"}):
        with pytest.raises(NotFound):
            shared.get(id, **other)
    with pytest.raises(NotFound):
        shared.get(id, run_id="r")
    with pytest.raises(UsageError):
        shared.get(id, owner="ada")  # type: ignore[call-arg]
    with Memory("memory://", user_id="bob") as bobs, pytest.raises(NotFound):
        bobs.get(id)


def test_what_has_no_id_still_needs_an_owner(shared: Memory) -> None:
    shared.add("Tea.", infer=False, user_id="ada")
    for call in (shared.get_all, shared.entities, lambda: shared.search("tea")):
        with pytest.raises(UsageError, match="a scope needs a user_id"):
            call()
