"""Broken answers through a whole memory: nothing crashes, is lost, or is there twice.

Each file in ``broken`` holds cases: what the model ``answers``, and the ``outcome``:

- ``repaired``: the first answer is good enough; one call
- ``retried``: the model is told what was wrong, and then answers well; two calls
- ``pending``: the episode waits with a reason, and ``resume`` finishes it

``facts``, ``relations`` and ``dates`` are what should be known then, where it is not all that
``good.json`` says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory
from graphmem.testing.llm_server import (
    Body,
    Empty,
    LocalModelServer,
    Refusal,
    Says,
    ScriptedAnswer,
    Truncated,
)
from tests.engine.model_script import settings

FOLDER = Path(__file__).parent / "broken"
GOOD = json.loads((FOLDER / "good.json").read_text(encoding="utf-8"))
KINDS = ("wrapping", "syntax", "cut", "fields", "others", "wire")
CASES: dict[str, dict[str, Any]] = {
    f"{kind}: {case['name']}": case
    for kind in KINDS
    for case in json.loads((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))
}
MESSAGES: list[dict[str, Any]] = [
    {"role": "user", "name": "Ada", "content": "I moved to Lisbon in May."},
    {"role": "user", "name": "Ben", "content": "Nice. I work at Acme now."},
]
FACTS = [fact["text"] for fact in GOOD["facts"]]
RELATIONS = ["Ada lives_in Lisbon", "Ben works_at Acme"]
DATES = {"Ada lives_in Lisbon": "2024-05-01", "Ben works_at Acme": None}


def text_of(given: Any) -> str:
    """A text as it stands, or one with a piece that is repeated."""
    if isinstance(given, str):
        return given
    return str(given["before"] + given["repeat"] * given["times"] + given["after"])


MAKERS: dict[str, Callable[[dict[str, Any]], ScriptedAnswer]] = {
    "repeat": text_of,
    "text": lambda given: str(given["text"]),
    "truncated": lambda given: Truncated(text_of(given["truncated"])),
    "says": lambda given: Says(given.get("content"), given["says"]),
    "empty": lambda given: Empty(no_choices=given["empty"]),
    "refusal": lambda given: Refusal(given["refusal"]),
    "filtered": lambda _: Refusal(filtered=True),
    "hex": lambda given: Body(given["hex_at"].encode().replace(b"@", bytes.fromhex(given["hex"]))),
    "body": lambda given: Body(str(given["body"])),
}


def answers_of(case: dict[str, Any]) -> list[ScriptedAnswer]:
    return [
        next(make(given) for key, make in MAKERS.items() if key in given)
        for given in case["answers"]
    ]


def check_known(memory: Memory, case: dict[str, Any]) -> None:
    """What the case should come to, once, and everything in agreement."""
    facts = [fact.text.rstrip(" ?\ufffd") for fact in memory.get_all().items]
    assert facts == case.get("facts", FACTS)
    found = {
        f"{r.subject} {r.type} {r.object}": r.valid_at and f"{r.valid_at:%Y-%m-%d}"
        for r in memory.relations()
    }
    assert sorted(found) == sorted(case.get("relations", RELATIONS))
    assert found == {name: (DATES | case.get("dates", {}))[name] for name in found}
    assert memory.verify().ok


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_broken_answer(case: dict[str, Any]) -> None:
    answers = answers_of(case)
    retried = case["outcome"] == "retried"
    with (
        LocalModelServer([*answers, GOOD] if retried else answers) as server,
        Memory("memory://", user_id="ada-account", settings=settings(server)) as memory,
    ):
        receipt = memory.add(MESSAGES, occurred_at="2024-06-01")
        assert server.unused == 0
        assert len(server.chats) == len(answers) + retried
        if case["outcome"] == "pending":
            assert receipt.status == "pending"
            assert case["reason"] in str(receipt.reason)
            assert memory.get_all().items == ()
            assert memory.search("Lisbon")[0].episode_id == receipt.episode_id
            server.script(GOOD)
            assert [r.status for r in memory.resume()] == ["done"]
            case = {}
        elif retried:
            shown = server.chats[1].text().removeprefix(server.chats[0].text())
            assert case.get("problem", "could not be used") in shown
        assert memory.stats().pending == 0
        check_known(memory, case)
        asked = len(server.chats)
        assert memory.resume() == []
        assert memory.add(MESSAGES, occurred_at="2024-06-01").status == "duplicate"
        assert len(server.chats) == asked
        assert memory.stats().episodes == 1
        check_known(memory, case)


def test_all_of_them_one_after_another() -> None:
    """One memory, every broken answer for an episode of its own: none is lost, none is twice."""
    scripts = [answers_of(case) for case in CASES.values()]
    with (
        LocalModelServer() as server,
        Memory("memory://", user_id="ada-account", settings=settings(server)) as memory,
    ):
        for number, answers in enumerate(scripts):
            server.script(*answers)
            memory.add([*MESSAGES, {"content": f"Number {number}."}], occurred_at="2024-06-01")
        server.script(*[GOOD] * len(scripts))
        assert {receipt.status for receipt in memory.resume()} <= {"done"}
        stats = memory.stats()
        assert (stats.episodes, stats.pending) == (len(CASES), 0)
        facts = memory.get_all(limit=1000).items
        assert len(facts) == stats.facts
        assert len({(f.text, f.subject_id, f.type, f.object_id) for f in facts}) == stats.facts
        assert memory.verify().ok


def test_there_are_enough_of_each_kind() -> None:
    assert len(CASES) >= 40
    for kind in KINDS:
        assert sum(name.startswith(kind) for name in CASES) >= 8
