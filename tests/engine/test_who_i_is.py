"""Who "I" is: the user, by id or by name; never somebody else who has the id as a first name."""

from __future__ import annotations

from typing import Any

import pytest

from graphmem import Memory, Settings

ID = "auth0|64f0c2"


def _names(memory: Memory) -> dict[str, tuple[str, ...]]:
    return {e.name: e.aliases for e in memory.entities() if e.kind == "person"}


@pytest.mark.parametrize(
    "texts",
    [
        ("Went running with Sam Adeyemi.", "I live in Leeds."),
        ("I live in Leeds.", "Went running with Sam Adeyemi.", "Sam Adeyemi is a nurse."),
    ],
)
def test_a_user_id_is_no_first_name(texts: tuple[str, ...]) -> None:
    with Memory("memory://", user_id="sam") as memory:
        for text in texts:
            memory.add(text)
        (home,) = memory.relations(type="lives_in")
        assert home.subject == "sam"
        assert memory.entity("Sam Adeyemi").id != home.subject_id


@pytest.mark.parametrize("id", ["is", "in", "to", "ís", "-to", "in🙂"])
def test_a_user_id_that_is_a_word_is_not_named_by_it(id: str) -> None:
    with Memory("memory://", user_id=id) as memory:
        memory.add("Bob Stone lives in Oslo. Bob Stone is married to Zoë Lane.")
        assert [one.name for one in memory.entities()] == ["Bob Stone", "Oslo", "Zoë Lane"]
        memory.add("I live in Ghent.")
        assert [row.object for row in memory.relations(id, type="lives_in")] == ["Ghent"]


def test_a_name_that_was_given_when_opening_is_what_facts_say() -> None:
    with Memory("memory://", user_id=ID, user_name="Elena Varga") as memory:
        memory.add("I moved to Berlin.")
        memory.add("Elena Varga likes tea.")
        assert [fact.text for fact in memory.get_all().items] == [
            "Elena Varga moved to Berlin",
            "Elena Varga likes tea",
        ]
        assert _names(memory)["Elena Varga"] == (ID,)
        assert "Berlin" in memory.search("Where do I live?")[0].text
        memory.add("I moved to Rome.", user_id="bob")
        assert [fact.text for fact in memory.get_all(user_id="bob").items] == ["bob moved to Rome"]


def test_the_setting_does_the_same() -> None:
    with Memory("memory://", user_id=ID, settings=Settings.load({}, user_name="Elena")) as memory:
        memory.add("I moved to Berlin.")
        assert memory.get_all().items[0].text == "Elena moved to Berlin"


def test_my_name_is_renames_the_user_and_keeps_the_id() -> None:
    with Memory("memory://", user_id=ID) as memory:
        memory.add("I moved to Berlin.")
        memory.add("My name is Elena Varga.")
        memory.add("I like tea.")
        assert _names(memory) == {"Elena Varga": (ID,)}
        assert memory.get_all().items[-1].text == "Elena Varga likes tea"
        assert {r.subject for r in memory.relations()} == {"Elena Varga"}
        memory.add("My friend's name is Ida. Her name is not Elena.")
        assert "Elena Varga" in _names(memory)


def test_a_name_known_of_somebody_else_does_not_take_the_users_place() -> None:
    with Memory("memory://", user_id=ID) as memory:
        memory.add("Elena Varga is a nurse.")
        memory.add("I moved to Berlin.")
        memory.add("I like tea.", user_id=ID)
        assert memory.relations(type="lives_in")[0].subject == ID


@pytest.mark.parametrize("name", ["tool", "System", "assistant", "function", "developer"])
@pytest.mark.parametrize("owner", ["user_id", "agent_id"])
def test_whoever_is_called_as_a_role_is_heard(owner: str, name: str) -> None:
    """What they wrote was taken for the machine's, and nothing was made of it."""
    scope: dict[str, Any] = {owner: name}
    with Memory("memory://", **scope) as memory:
        memory.add("Bob Stone lives in Oslo.")
        memory.add([
            {"role": "user", "content": "Carol Reed lives in Rome."},
            {"role": "assistant", "content": "Dora Lane lives in Bern."},
        ])  # fmt: skip
        texts = {fact.text for fact in memory.get_all().items}
        assert texts == {"Bob Stone lives in Oslo", "Carol Reed lives in Rome"}
