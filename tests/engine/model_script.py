"""What the local model server answers in the engine's tests, and what should come of it."""

from __future__ import annotations

from typing import Any

from graphmem import AsyncMemory, Memory, Settings
from graphmem.testing.llm_server import LocalModelServer
from graphmem.testing.replay import replay_differences

TEXT = "Bob moved to Lisbon in May, and he plays chess with Carol."


def fact(text: str, **fields: Any) -> dict[str, Any]:
    return {
        "text": text, "subject": None, "type": None, "object": None, "entities": [],
        "valid_at": None, "invalid_at": None, "importance": 0.5, "turns": [0], "retracts": False,
        **fields,
    }  # fmt: skip


ANSWER: dict[str, Any] = {
    "entities": [
        {"name": "Bob", "kind": "person", "aliases": ["Robert"]},
        {"name": "Carol", "kind": "person", "aliases": []},
        {"name": "Lisbon", "kind": "place", "aliases": []},
    ],
    "facts": [
        fact(
            "Bob moved to Lisbon in May 2024.",
            subject="Bob",
            type="lives_in",
            object="Lisbon",
            entities=["Bob", "Lisbon"],
            valid_at="2024-05-01",
            importance=0.75,
        ),
        fact("Bob plays chess with Carol.", entities=["Bob", "Carol"]),
    ],
}
NOTHING: dict[str, Any] = {"entities": [], "facts": []}


def settings(server: LocalModelServer, **more: Any) -> Settings:
    given: dict[str, Any] = {
        "llm": "openai:test-model",
        "openai_base_url": server.base_url,
        "llm_attempts": 1,
        "llm_timeout_s": 20,
    }
    return Settings.load({}, **{**given, **more})


def as_scripted(memory: Memory) -> None:
    """What the answer says is what is known, once."""
    (home,) = memory.relations()
    assert (home.subject, home.type, home.object) == ("Bob", "lives_in", "Lisbon")
    assert str(home.valid_at) == "2024-05-01 00:00:00+00:00"
    assert [f.text for f in memory.get_all().items] == [
        "Bob moved to Lisbon in May 2024.",
        "Bob plays chess with Carol.",
    ]
    assert [(e.name, e.kind, e.aliases) for e in memory.entities()] == [
        ("Bob", "person", ("Robert",)),
        ("Carol", "person", ()),
        ("Lisbon", "place", ()),
    ]
    assert memory.entity("robert").name == "Bob"
    assert memory.stats().pending == 0
    assert memory.verify().ok


async def check_all(memory: AsyncMemory) -> None:
    assert (await memory.verify()).ok
    assert await replay_differences(memory) == []


DIES = """
import os, sys
from graphmem import Memory, Settings
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger

async def dies(self, commits, **_):
    os._exit(9)

SqliteLedger.commit = dies
chosen = Settings.load({}, llm="openai:test-model", openai_base_url=sys.argv[2])
memory = Memory(sys.argv[1], user_id="ada", settings=chosen)
print("opened", flush=True)
memory.add(sys.argv[3], occurred_at="2024-06-01")
"""
"""A program of its own that is gone at its first commit; what it is told: folder, server, text."""
