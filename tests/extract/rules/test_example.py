"""The demo conversation in examples/: the rules find in it what the demo shows."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import pytest

from graphmem.clock import parse_when
from graphmem.extract.rules.extractor import extract
from graphmem.model import Entity, Episode, Scope, Turn
from graphmem.ports.llm import CandidateFact
from tests.extract.rules.helpers import short

EXAMPLE = Path(__file__).parents[3] / "examples" / "conversation.jsonl"


@pytest.fixture(scope="module")
def found() -> list[CandidateFact]:
    facts: list[CandidateFact] = []
    known: dict[str, Entity] = {}
    for line in EXAMPLE.read_text(encoding="utf-8").splitlines():
        session = json.loads(line)
        at = parse_when(session["occurred_at"])
        turns = tuple(
            Turn(m["id"], session["id"], i, m["content"], m["name"], source_id=m["id"])
            for i, m in enumerate(session["messages"])
        )
        content = "\n".join(turn.text for turn in turns)
        given = Episode(
            session["id"], Scope(user_id="demo"), content, "messages", "", at, at, turns
        )
        extraction = extract(given, list(known.values()))
        facts += extraction.facts
        for entity in extraction.entities:
            made = Entity(entity.name, "w", entity.name, entity.kind, entity.aliases)
            known.setdefault(entity.name, made)
    return facts


def test_its_shape() -> None:
    sessions = [json.loads(line) for line in EXAMPLE.read_text(encoding="utf-8").splitlines()]
    assert 8 <= len(sessions) <= 10
    assert 60 <= sum(len(session["messages"]) for session in sessions) <= 90
    times = [parse_when(session["occurred_at"]) for session in sessions]
    assert times == sorted(times)
    ids = [message["id"] for session in sessions for message in session["messages"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "wanted",
    [
        "Maya lives_in Bristol",
        "Maya lives_in Bath",
        "Maya works_at Papercrane Studio",
        "-Maya works_at Papercrane Studio",
        "Maya works_at Foxglove Books",
        "-Maya works_at Foxglove Books",
        "Maya founded Kingfisher Ceramics",
        "Maya likes coffee",
        "-Maya likes coffee",
        "Leila friend_of Maya",
        "Leila works_at Brightwater Labs",
        "Tom works_at Brightwater Labs",
        "-Tom works_at Brightwater Labs",
        "Leila dating Tom",
        "Leila engaged_to Tom",
        "Leila married_to Tom",
        "Nora sibling_of Tom",
        "Ines parent_of Leila",
        "Ines lives_in Porto",
        "-Felix plays drums",
    ],
)
def test_what_changes_in_it_is_found(found: list[CandidateFact], wanted: str) -> None:
    assert wanted in {short(fact) for fact in found}


def test_two_people_who_never_speak_are_connected(found: list[CandidateFact]) -> None:
    graph = nx.Graph((f.subject, f.object) for f in found if f.type and not f.retracts)
    assert nx.shortest_path(graph, "Robin", "Felix")
    assert len(nx.shortest_path(graph, "Maya", "Duarte")) > 3
