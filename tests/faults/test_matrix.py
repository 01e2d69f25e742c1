"""A part of the fault matrix, the page of all of it, and the check itself checked."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from graphmem import open_memory
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.errors import Unavailable
from graphmem.ports.ledger import Commit
from graphmem.testing.faults import EVERY, FAULT_KINDS, Fault, FaultKind, faulty
from tests.faults.matrix import OUTCOMES, PORTS, Broken, Case, Faults
from tests.faults.sizes import FUZZ, SEED
from tests.faults.workload import OPERATIONS, model_server

_PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
_CASES = 12
_OF_A_FEW = ("add, in conflict", "add, by a model", "delete an episode")
"""Of which ``make test`` runs a few cases: to know what to expect of each takes a second."""


@pytest.fixture
async def faults(tmp_path: Path) -> AsyncIterator[Faults]:
    with model_server() as server:
        prepared = Faults(tmp_path, server.base_url)
        await prepared.prepare()
        yield prepared


@pytest.mark.timeout(0)
async def test_a_part_of_the_matrix(faults: Faults) -> None:
    """``python -m tests.faults`` runs all of it."""
    rng = random.Random(SEED)
    chosen = [one for one in OPERATIONS if FUZZ > 1 or one.name in _OF_A_FEW]
    cases = [case for operation in chosen for case in await faults.cases(operation)]
    for case in rng.sample(cases, min(len(cases), round(_CASES * FUZZ))):
        assert await faults.run(case) in OUTCOMES


async def test_every_port_is_among_what_can_fail(faults: Faults) -> None:
    (add,) = [one for one in OPERATIONS if one.name == "add, by a model"]
    calls = (await faults.expected(add)).calls
    assert all(calls[port] for port in PORTS), calls


async def test_what_is_lost_is_noticed(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """An adapter that says it has written, and has not."""
    (add,) = [one for one in OPERATIONS if one.name == "add, in conflict"]
    await faults.expected(add)

    async def lost(_: SqliteLedger, commits: list[Commit], **__: object) -> int:
        return 0

    monkeypatch.setattr(SqliteLedger, "commit", lost)
    monkeypatch.setattr(SqliteLedger, "postpone", lost)
    with pytest.raises(Broken, match="though the caller noticed nothing") as told:
        await faults.run(Case(add.name, "graph", "slow", EVERY))
    assert told.value.lost


def test_the_page_is_of_this_workload() -> None:
    """Run ``python -m tests.faults``, then the same with ``--page docs/faults.md``."""
    text = _PAGE.read_text()
    assert f"| operation | port | {' | '.join(FAULT_KINDS)} |" in text
    rows = re.findall(r"^\| ([^|]+) \| (\w+) \| (.+) \|$", text, re.MULTILINE)[1:]
    assert list(dict.fromkeys(row[0] for row in rows)) == [one.name for one in OPERATIONS]
    assert {row[1] for row in rows} == set(PORTS)
    assert not any("✗" in row[2] for row in rows)


class _Port:
    def __init__(self) -> None:
        self.done = 0

    @property
    def size(self) -> int:
        return 7

    async def do(self, what: str) -> str:
        self.done += 1
        return what


@pytest.mark.parametrize(
    ("kind", "answers", "done"),
    [
        ("before", ["a", None, "c"], 2),
        ("after", ["a", None, "c"], 3),
        ("slow", ["a", "b", "c"], 3),
        ("never", ["a", None, "c"], 2),
        ("twice", ["a", "b", "c"], 4),
        ("cut", ["a", None, None], 2),
    ],
)
async def test_a_port_goes_wrong_as_it_should(
    kind: FaultKind, answers: list[str | None], done: int
) -> None:
    fault, port = Fault(kind, 2, Unavailable("a fault"), delay_s=0), _Port()
    wrapped = faulty(port, fault)
    assert await wrapped.do("not armed yet") == "not armed yet"
    fault.arm()
    found: list[str | None] = []
    for letter in "abc":
        try:
            async with asyncio.timeout(0.05):
                found.append(await wrapped.do(letter))
        except (Unavailable, TimeoutError):
            found.append(None)
    assert (found, port.done - 1, wrapped.size) == (answers, done, 7)
    assert fault.calls == ["do"] * 3


async def test_a_memory_that_nobody_waits_to_close_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever part of it does not answer."""
    memory = await open_memory(tmp_path / "store", user_id="ada")
    await memory.add("Bob Stone lives in Oslo.")

    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(memory._parts.embedder, "close", never)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await memory.close()
    async with await open_memory(tmp_path / "store", user_id="ada") as again:
        assert (await again.stats()).facts == 1


async def test_a_ledger_that_nobody_waits_to_close_is_let_go(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    await ledger.open()
    closing = asyncio.create_task(ledger.close())
    await asyncio.sleep(0)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    for _ in range(100):
        again = SqliteLedger(tmp_path / "ledger.sqlite")
        try:
            await again.open()
            break
        except Unavailable:
            await asyncio.sleep(0.02)
    assert await again.head() == 0
    await again.close()
