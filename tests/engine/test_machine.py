"""Random use of a whole memory, against a model and against its own ledger replayed."""

from __future__ import annotations

import itertools
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from graphmem import AsyncMemory, open_memory
from graphmem.testing.memory_machine import Opener, memory_machine
from graphmem.testing.replay import replay_differences


def runs(count: int, steps: int) -> settings:
    return settings(
        max_examples=count,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def test_embedded_stores(tmp_path: Path) -> None:
    numbers = itertools.count()

    def new_opener() -> Opener:
        folder = tmp_path / f"store{next(numbers)}"
        return lambda: open_memory(folder)

    run_state_machine_as_test(memory_machine(new_opener), settings=runs(4, 20))


def test_stores_in_memory() -> None:
    """Many more steps, without reopening: what is closed here is gone."""

    def new_opener() -> Opener:
        return lambda: open_memory("memory://")

    machine = memory_machine(new_opener)
    machine.reopen = lambda self: None  # type: ignore[method-assign]
    run_state_machine_as_test(machine, settings=runs(15, 30))


async def test_a_replay_notices_what_was_changed_in_the_graph_alone(tmp_path: Path) -> None:
    """The check itself is checked: a property changed in the graph alone is found."""
    async with await open_memory(tmp_path / "store", user_id="ada") as memory:
        await memory.add("Bob Stone works at Acme.")
        assert await replay_differences(memory) == []
        await _spoil(memory)
        assert not (await memory.verify()).ok, "by what it holds it is found, too"
        differences = await replay_differences(memory)
        assert any("graph nodes: only in the live one" in one for one in differences)
        assert (await memory.rebuild()).ok
        assert await replay_differences(memory) == []


async def _spoil(memory: AsyncMemory) -> None:
    from dataclasses import replace

    from graphmem.ports.graph import GraphChanges
    from graphmem.ports.ledger import FactQuery

    graph, ledger = memory._parts.graph, memory._parts.ledger
    (fact,) = await ledger.facts(FactQuery((await memory._scope({})).tenant))
    changes = GraphChanges(facts=(replace(fact, text="something else"),))
    await graph.apply(changes, await ledger.head())
