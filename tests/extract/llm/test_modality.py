"""How a thing is said: as so, as planned, as heard, as possible, as not so; and by whom."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from graphmem.extract.llm.parse import ParsedAnswer, Speakers, parse_answer
from graphmem.model import Scope
from graphmem.ports.llm import CandidateFact
from graphmem.testing.llm_server import LocalModelServer
from tests.extract.llm.helpers import episode, extract, fact

SPEAKERS = Speakers({0: "Ada", 1: "helper"}, "Ada", frozenset({1}))


def read(*facts: dict[str, Any], entities: tuple[str, ...] = ()) -> ParsedAnswer:
    return parse_answer(json.dumps({"entities": list(entities), "facts": list(facts)}), SPEAKERS)


def one(**fields: Any) -> CandidateFact:
    (found,) = read(fact("Ada lives in Oslo.", **fields)).facts
    return found


@pytest.mark.parametrize(
    ("given", "modality"),
    [
        ("stated", "stated"), ("Planned", "planned"), ("a plan", "planned"), ("HEARSAY", "hearsay"),
        ("reported by Ben", "hearsay"), ("hypothetical", "hypothetical"), ("maybe", "hypothetical"),
        ("negated", "negated"), ("negative", "negated"), ("fact", "stated"), ("", "stated"),
        (None, "stated"), (7, "stated"), ({}, "stated"),
    ],
)  # fmt: skip
def test_modalities_are_read_leniently(given: Any, modality: str) -> None:
    assert one(modality=given).modality == modality


def test_what_is_stated_in_two_ways_is_two() -> None:
    given_text = (fact("Ada lives in Oslo."), fact("Ada lives in Oslo.", modality="hearsay"))
    assert [f.modality for f in read(*given_text).facts] == ["stated", "hearsay"]


def test_no_plain_sentence_is_made_of_what_is_not_so() -> None:
    bare = fact("", subject="Ada", type="lives_in", object="Oslo")
    assert [f.text for f in read(bare).facts] == ["Ada lives in Oslo."]
    denied = {**bare, "modality": "negated"}
    assert read(denied, fact("Ada sings.")).dropped == 1


# -- attributes ------------------------------------------------------------------------------------


def test_an_attribute_has_a_subject_and_a_value() -> None:
    got = one(subject="Ada", type="Age", value=37)
    assert (got.subject, got.type, got.object, got.value) == ("Ada", "age", None, "37")
    assert got.entities == ("Ada",)


@pytest.mark.parametrize("amount", ["37", "$1,200", "2024-05-01", "12:30"])
def test_an_amount_or_a_date_is_no_entity(amount: str) -> None:
    got = one(subject="Ada", type="age", object=amount, entities=["Ada", amount])
    assert (got.object, got.value, got.entities) == (None, amount, ("Ada",))


def test_unless_it_is_listed_as_one() -> None:
    watched = fact("Ada watched 1917.", subject="Ada", type="watched", object="1917")
    (got,) = read(watched, entities=("Ada", "1917")).facts
    assert (got.object, got.value) == ("1917", None)


def test_a_relation_has_no_value_and_a_value_alone_is_nothing() -> None:
    got = one(subject="Ada", type="lives_in", object="Oslo", value="Oslo")
    assert (got.object, got.value) == ("Oslo", None)
    got = one(value="37")
    assert (got.subject, got.type, got.value) == (None, None, None)


def test_names_are_removed_from_a_type() -> None:
    got = one(subject="Ada", type="Ada lives in Oslo", object="Oslo")
    assert got.type == "lives_in"


# -- who says it -----------------------------------------------------------------------------------


def test_what_an_assistant_says_of_the_user_is_hearsay() -> None:
    assert one(turn=1, entities=["Ada", "Oslo"]).modality == "hearsay"
    assert one(turn=0, entities=["Ada", "Oslo"]).modality == "stated"
    assert one(turns=[0, 1], entities=["Ada", "Oslo"]).modality == "stated"
    assert one(turn=1, modality="planned").modality == "planned"


def test_what_it_says_of_itself_is_its_own() -> None:
    (got,) = read(fact("The helper booked a table for Ada.", 1, entities=["helper", "Ada"])).facts
    assert got.modality == "stated"


async def test_roles_and_names_show_who_is_an_assistant() -> None:
    answer = {
        "facts": [fact(f"Oslo is {word}.", n) for n, word in enumerate(("big", "old", "wet"))]
    }
    shown = episode("a", "b", "c")
    user, unnamed, named = shown.turns
    shown = replace(
        shown,
        scope=Scope(user_id="ada", agent_id="helper"),
        turns=(
            user,
            replace(unnamed, role="assistant", speaker="helper"),
            replace(named, role="assistant", speaker="Ben"),
        ),
    )
    with LocalModelServer([answer, answer]) as server:
        got = await extract(server, shown)
        assert [f.modality for f in got.facts] == ["stated", "hearsay", "stated"]
        # An agent's own memory: what it says is what its owner says.
        got = await extract(server, replace(shown, scope=Scope(agent_id="helper")))
        assert [f.modality for f in got.facts] == ["stated", "stated", "stated"]
