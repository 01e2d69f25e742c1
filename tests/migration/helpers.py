"""A store with a bit of everything, and ways to see that two are the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphmem import AsyncMemory, Memory, migrate
from graphmem.migration.store import Moved, ledger_of
from graphmem.model import to_json
from graphmem.ports.api.arguments import ScopeArgs
from graphmem.ports.ledger import Ledger
from graphmem.ports.llm import Extraction
from tests.engine.helpers import add_story

QUESTIONS = ("Where does Ada live?", "Who is Bob Stone married to?", "Acme", "Oslo in May")
NASTY = 'Zoë said: "DROP TABLE `x`; \\u0041 \' -- /* 日本 🦊 $$ %s :name" {}'


def fill(memory: Memory) -> None:
    """A bit of everything: two tenants, changes, an end, an erasure, things still to be done."""
    add_story(memory, user_id="ada")
    (paris,) = [f for f in memory.get_all(user_id="ada", current=False).items if "Paris" in f.text]
    memory.update(paris.id, tags=["home"], importance=0.25, user_id="ada")
    (dora,) = [f for f in memory.get_all(user_id="ada", current=False).items if "Oslo" in f.text]
    memory.delete(dora.id, user_id="ada")
    gone = memory.add("Erik Moe lives in Bergen.", user_id="ada", occurred_at="2025-06-01")
    memory.delete(gone.episode_id, erase=True, user_id="ada")
    memory.add(
        [{"name": "Bo", "content": NASTY}, {"name": "Cy", "content": "I work at Zenith."}],
        user_id="bo",
        agent_id="helper",
        run_id="r1",
        project_id="p",
        metadata={"from": NASTY, "n": 1.5, "deep": {"list": [1, None, True]}},
        occurred_at="2024-07-01",
        expires_at="2090-01-01",
        idempotency_key="once",
    )
    memory.add("A note as it is.", user_id="bo", infer=False, tags=["x"], occurred_at="2024-01-01")
    memory._loop_thread.call(leave_pending(memory._async))


async def leave_pending(memory: object) -> None:
    """An episode that no model has read, and one whose answer was kept but not acted on."""
    assert isinstance(memory, AsyncMemory)
    ledger = ledger_of(memory)
    for text in ("Greta works at Acme.", "Hugo lives in Porto."):
        options = {"user_id": "ada", "occurred_at": "2025-07-01"}
        told = await memory._episode(text, options)
        (episode,) = await ledger.journal([told], 0.0)
        await ledger.postpone(episode.id, "the model is down")
    kept = Extraction((), (), "openai:m", "v1", raw='{"facts": []}', calls=1, tokens_in=7)
    await ledger.keep_extraction(episode.id, kept)


def answers(memory: Memory) -> Any:
    """What a user gets to see of it."""
    scopes: tuple[ScopeArgs, ...] = (
        {"user_id": "ada"},
        {"user_id": "bo", "project_id": "p"},
        {"user_id": "bo"},
    )
    found: list[Any] = [memory.stats()]
    for scope in scopes:
        found += [memory.search(question, limit=10, **scope).hits for question in QUESTIONS]
        facts = memory.get_all(current=False, limit=1000, **scope).items
        found += [facts, memory.entities(**scope), memory.relations(current=False, **scope)]
        found += [memory.timeline(**scope), memory.stats(**scope)]
        found += [memory.history(fact.id, **scope) for fact in facts]
    return _without_scores(to_json(found))


def _without_scores(value: Any) -> Any:
    """Two stores of one kind agree on the order, and on scores to some digits: they add up in the
    order in which vectors lie in their files."""
    if isinstance(value, dict):
        kept = value.keys() - {"score", "share", "total", "answerable", "similarity"}
        return {name: _without_scores(value[name]) for name in kept}
    return [_without_scores(part) for part in value] if isinstance(value, list) else value


async def rows_of(ledger: Ledger) -> dict[str, list[str]]:
    """Every row but the facts about the store itself."""
    found: dict[str, list[str]] = {}
    for table in ledger.tables:
        if table != "settings":
            rows, after = await ledger.rows(table, None, 10_000)
            assert after is None
            found[table] = sorted(json.dumps(dict(row), default=bytes.hex) for row in rows)
    return found


def contents(memory: Memory) -> Any:
    """All that ledger, graph and vectors hold."""

    async def read() -> Any:
        engine = memory._async
        assert isinstance(engine, AsyncMemory)
        await engine._follow()
        parts = engine._parts
        vectors = [await parts.vectors.ids(name) for name in ("facts", "turns", "sessions")]
        return await rows_of(parts.ledger), await parts.graph.dump(), vectors

    return memory._loop_thread.call(read())


def everything(*place: Any, **options: Any) -> Any:
    with Memory(*place, **options) as memory:
        verified = memory.verify()
        assert verified.ok, verified.differences
        return answers(memory), contents(memory)


def check(moved: Moved, *, resumed: bool = False) -> None:
    assert moved.ok
    assert moved.resumed is resumed
    assert moved.stats.pending == 2
    assert moved.stats.episodes >= 12


def cut_off(source: Path, target: Path, rows: int) -> None:
    def progress(_: str, done: int, __: int) -> None:
        if done > rows:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        migrate(source, target, progress=progress)
