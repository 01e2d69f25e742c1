"""What stays in doubt is asked in one more call; whatever comes of it, nothing is lost or paid
twice."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import AsyncMemory, Memory, open_memory
from graphmem.errors import Conflict
from graphmem.ports.ledger import Commit
from graphmem.testing.llm_server import (
    Answer,
    Drop,
    Empty,
    Hang,
    LocalModelServer,
    Request,
    Status,
    Truncated,
    Usage,
)
from graphmem.testing.machine import replay_differences
from tests.engine.helpers import child, child_environment
from tests.engine.model_script import NOTHING, fact, settings


def person(name: str, *aliases: str) -> dict[str, Any]:
    return {"name": name, "kind": "person", "aliases": list(aliases)}


def told(*facts: dict[str, Any], entities: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    return {"entities": list(entities), "facts": list(facts)}


def about(text: str, *names: str, **fields: Any) -> dict[str, Any]:
    return fact(text, entities=list(names), **fields)


def answers(*numbers: Any) -> dict[str, Any]:
    return {"answers": [{"question": n, "answer": a} for n, a in enumerate(numbers, start=1)]}


def asked_for(request: Request) -> str:
    """The form that a request asks for: ``extraction`` or ``doubts``."""
    return str(request.json["response_format"]["json_schema"]["name"])


def shown(request: Request) -> list[dict[str, Any]]:
    """The lines of data of a request."""
    lines = request.text().split("\n")
    end = next(n for n, line in enumerate(lines) if line.startswith("END "))
    return [json.loads(line) for line in lines[1:end]]


JOHNS = told(
    about("John Smith brews beer.", "John Smith"),
    about("John Miller mends bicycles.", "John Miller"),
    entities=(person("John Smith"), person("John Miller")),
)
JOHN = told(about("John opened a bicycle shop.", "John"), entities=(person("John"),))
CATS = told(about("Bob Stone has 2 cats in his house.", "Bob Stone"), entities=(person("Bob Stone"),))
MORE_CATS = told(
    about("Bob Stone has 3 cats in his house.", "Bob Stone"), entities=(person("Bob Stone"),)
)


@pytest.fixture
def server() -> Iterator[LocalModelServer]:
    with LocalModelServer() as running:
        yield running


@pytest.fixture
def memory(server: LocalModelServer) -> Iterator[Memory]:
    with Memory("memory://", user_id="ada", settings=settings(server)) as opened:
        yield opened


def _two_johns(memory: Memory, server: LocalModelServer, *more: Answer) -> Any:
    server.script(JOHNS, JOHN, *more)
    memory.add("John Smith brews beer, John Miller mends bicycles.", occurred_at="2024-01-01")
    return memory.add("John opened a bicycle shop.", occurred_at="2024-02-01")


def _cats(memory: Memory, server: LocalModelServer, *more: Answer) -> Any:
    server.script(CATS, MORE_CATS, *more)
    memory.add("Bob Stone has 2 cats in his house.", occurred_at="2024-01-01")
    return memory.add("Bob Stone has 3 cats in his house.", occurred_at="2024-06-01")


def _believed(memory: Memory) -> list[str]:
    return [one.text for one in memory.get_all(current=True).items]


class TestNames:
    def test_two_johns(self, memory: Memory, server: LocalModelServer) -> None:
        receipt = _two_johns(memory, server, Usage(answers(2), 40, 4))
        assert (receipt.status, receipt.model_calls, receipt.reason) == ("done", 2, None)
        assert [asked_for(chat) for chat in server.chats] == ["extraction", "extraction", "doubts"]
        question = shown(server.chats[2])[-1]
        assert question["name"] == "John"
        chosen = question["choices"][1]["name"]
        names = {entity.id: entity.name for entity in memory.entities()}
        assert sorted(names.values()) == ["John Miller", "John Smith"]
        (shop,) = [one for one in memory.get_all().items if "shop" in one.text]
        assert [names[id] for id in shop.entity_ids] == [chosen]
        (change,) = memory.history(shop.id)
        assert change.reason == f"new; the model chose {shop.entity_ids[0]} among those of that name"
        assert memory.stats().model_calls == 3
        assert sum(one.calls for one in memory.stats().spend) == 3
        assert memory.verify().ok

    def test_none_of_them(self, memory: Memory, server: LocalModelServer) -> None:
        _two_johns(memory, server, answers(0))
        assert sorted(e.name for e in memory.entities()) == ["John", "John Miller", "John Smith"]

    def test_it_is_told_who_they_are(self, memory: Memory, server: LocalModelServer) -> None:
        _two_johns(memory, server, answers(0))
        first, turn, question = shown(server.chats[2])
        assert first["about"]["user"] == "ada"
        assert turn["text"] == "John opened a bicycle shop."
        assert question["turns"] == [turn["turn"]]
        assert question["said"] == ["John opened a bicycle shop."]
        assert {c["name"]: c["facts"] for c in question["choices"]} == {
            "John Smith": ["John Smith brews beer."],
            "John Miller": ["John Miller mends bicycles."],
        }

    def test_others_are_not_shown(self, memory: Memory, server: LocalModelServer) -> None:
        """A wall is a wall, for what is asked too."""
        server.script(JOHNS, JOHN)
        memory.add("John Smith brews beer, John Miller mends bicycles.", user_id="eve")
        assert memory.add("John opened a bicycle shop.").model_calls == 1
        assert len(server.chats) == 2

    def test_undone_with_its_episode(self, memory: Memory, server: LocalModelServer) -> None:
        receipt = _two_johns(memory, server, answers(1))
        memory.undo(receipt.episode_id)
        assert _believed(memory) == ["John Smith brews beer.", "John Miller mends bicycles."]
        assert memory.verify().ok
