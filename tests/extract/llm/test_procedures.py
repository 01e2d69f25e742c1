"""Procedural memory: an agent's steps as one ordered whole, by a model and by the rules alike."""

from __future__ import annotations

import json
from typing import Any

import pytest

from graphmem.clock import ManualClock
from graphmem.errors import BadModelOutput
from graphmem.extract.llm.parse import Speakers
from graphmem.extract.llm.procedures import as_procedures, parse_procedures
from graphmem.extract.rules.extractor import RulesExtractor
from graphmem.ingest.make_episode import build_episode
from graphmem.model import Episode, Scope
from graphmem.ports.llm import Extraction
from graphmem.testing.llm_server import LocalModelServer
from tests.extract.llm.helpers import extract

SPEAKERS = Speakers({0: "bot", 1: "bot"}, "bot")


def shown(content: Any) -> Episode:
    given = {"memory_type": "procedural", "occurred_at": "2024-05-01"}
    scope = Scope(user_id="ada", agent_id="bot")
    return build_episode(content, given, scope, ManualClock(), max_bytes=100_000)


async def by_rules(content: Any) -> Extraction:
    episode = shown(content)
    return as_procedures(episode, await RulesExtractor().extract(episode, ()))


async def test_a_model_gives_one_fact_with_every_step_in_order() -> None:
    answer = {
        "entities": [{"name": "Fjord Labs", "kind": "organization", "aliases": []}],
        "procedures": [
            {
                "title": "Order paper at Fjord Labs",
                "steps": ["Open the form.", "2. Enter 5 boxes.", "Send it."],
                "entities": ["Fjord Labs"],
                "importance": 0.6,
                "turns": [0],
            }
        ],
    }
    with LocalModelServer([answer]) as server:
        got = await extract(server, shown("I opened the form of Fjord Labs, entered 5, sent it."))
        (request,) = server.chats
        assert request.json["response_format"]["json_schema"]["name"] == "procedures"
        assert "procedures" in request.text("system")
    (fact,) = got.facts
    assert (
        fact.text == "Order paper at Fjord Labs:\n1. Open the form.\n2. Enter 5 boxes.\n3. Send it."
    )
    assert (fact.entities, fact.turns, fact.importance) == (("Fjord Labs",), (0,), 0.6)
    assert [e.name for e in got.entities] == ["Fjord Labs"]


@pytest.mark.parametrize(
    "procedures",
    [
        [{"title": "Tea", "steps": ["Boil.", "Pour."]}],
        {"title": "Tea", "steps": ["Boil.", "Pour."]},
        [{"Title": "Tea", "Steps": {"1": "Boil.", "2": "Pour."}}],
        [{"name": "Tea", "steps": "1. Boil.\n2. Pour."}],
        [{"goal": "Tea", "actions": [{"step": "Boil."}, {"step": "Pour."}]}],
        [{"title": "Tea", "steps": ["Boil.", "Pour."]}] * 2,
    ],
)
def test_forms_that_mean_the_same(procedures: Any) -> None:
    for raw in (json.dumps({"procedures": procedures}), f"```\n{json.dumps(procedures)}\n```"):
        (fact,) = parse_procedures(raw, SPEAKERS).facts
        assert fact.text == "Tea:\n1. Boil.\n2. Pour."


@pytest.mark.parametrize("raw", ["", "no", '{"procedures": [{"title": "Tea", "steps": []}]}'])
def test_a_procedure_without_steps_is_bad_output(raw: str) -> None:
    with pytest.raises(BadModelOutput):
        parse_procedures(raw, SPEAKERS)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (
            "To order paper:\n1. Open the form of Fjord Labs.\n2. Enter 5 boxes.\n3. Send it.",
            "To order paper:\n1. Open the form of Fjord Labs.\n2. Enter 5 boxes.\n3. Send it.",
        ),
        ("Step 1: Boil water.\nStep 2: Pour.", "1. Boil water.\n2. Pour."),
        ("Tea\n- Boil water.\n- Pour.", "Tea:\n1. Boil water.\n2. Pour."),
        (
            "How I made tea. First, I boiled water. It took long. Then I poured. Finally I drank.",
            "How I made tea:\n1. I boiled water. It took long.\n2. I poured.\n3. I drank.",
        ),
        ("Open the form. Then fill it in.", "1. Open the form.\n2. Fill it in."),
        ("Boil water. Pour it. Wait.", "1. Boil water.\n2. Pour it.\n3. Wait."),
        ("Boil water and pour it", "Boil water and pour it"),
        (
            [
                {"role": "assistant", "content": "Opened the form."},
                {"role": "tool", "content": "ok"},
            ],
            "1. Opened the form.\n2. ok",
        ),
    ],
)
async def test_the_rules_take_the_steps_of_the_text(content: Any, text: str) -> None:
    got = await by_rules(content)
    assert [fact.text for fact in got.facts] == [text]
    assert got.facts[0].turns == tuple(range(len(shown(content).turns)))


async def test_the_rules_name_what_is_in_it() -> None:
    got = await by_rules("1. Call Ada Berg at Acme Inc.\n2. Ask Ada Berg for the keys.")
    (fact,) = got.facts
    assert "Ada Berg" in fact.entities
    assert {name for _, name in got.mentions} >= set(fact.entities)


async def test_two_numberings_are_two_procedures() -> None:
    got = await by_rules("Tea:\n1. Boil.\n2. Pour.\n\nToast:\n1. Cut.\n2. Toast it.")
    assert [fact.text for fact in got.facts] == [
        "Tea:\n1. Boil.\n2. Pour.",
        "Toast:\n1. Cut.\n2. Toast it.",
    ]


async def test_no_word_is_lost_by_the_rules() -> None:
    text = "Before.\n1. One two.\nmore of it\n\n2) Three: four.\nAfter all.\n* Five\n1. Six"
    got = await by_rules(text)
    given_text = " ".join(fact.text for fact in got.facts)
    for word in ("Before", "One", "two", "more", "Three", "four", "After", "Five", "Six"):
        assert word in given_text
