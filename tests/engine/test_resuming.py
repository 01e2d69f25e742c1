"""What was cut short goes on by itself; health asks the parts, and says what waits for too long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from graphmem import AsyncMemory, Memory, Settings, open_memory
from graphmem.clock import ManualClock
from graphmem.errors import ModelError, UsageError
from graphmem.extract.rules.extractor import RulesExtractor
from graphmem.model import Entity, Episode
from graphmem.ports.llm import Extraction

NAMES = ("Ada", "Bob", "Carol", "Dora", "Eve", "Frank", "Grace", "Hugo")
TEXTS = [f"{name} Stone works at Acme." for name in NAMES]


class Failing(RulesExtractor):
    """The rules, while the model behind them is up."""

    up = False
    error: Exception = ModelError("the model is down")

    async def extract(
        self, episode: Episode, known: Sequence[Entity], **options: Any
    ) -> Extraction:
        if not self.up:
            raise self.error
        return await super().extract(episode, known, **options)


def pending(memory: Memory) -> int:
    return memory.stats().pending


def test_what_an_earlier_process_left_goes_on_at_the_next_opening(tmp_path: Path) -> None:
    with Memory(tmp_path / "store", user_id="ada") as memory:
        memory.add_many(TEXTS, wait=False)
    settings = Settings.load({}, resume_every_s=0.05)
    with Memory(tmp_path / "store", settings=settings) as memory:
        end = time.monotonic() + 60
        while pending(memory) and time.monotonic() < end:
            time.sleep(0.05)
        assert pending(memory) == 0
        assert len(memory.relations(user_id="ada", limit=100)) == len(TEXTS)
        assert memory.verify().ok


async def test_it_tries_again_from_time_to_time_until_a_model_answers() -> None:
    model = Failing()
    settings = Settings.load({}, resume_every_s=0.05)
    memory = await open_memory("memory://", user_id="ada", settings=settings, extractor=model)
    async with memory:
        assert (await memory.add("Bob Stone works at Acme.")).status == "pending"
        await asyncio.sleep(0.2)
        assert (await memory.stats()).pending == 1
        model.up = True
        await _until_done(memory)
        assert len(await memory.relations("Bob Stone")) == 1


async def test_it_goes_on_after_an_error_that_is_none_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A network that is away is an OSError, also of an extractor that somebody else wrote."""
    model = Failing()
    model.error = ConnectionError("the network is away")
    settings = Settings.load({}, resume_every_s=0.05)
    memory = await open_memory("memory://", user_id="ada", settings=settings, extractor=model)
    async with memory:
        with pytest.raises(ConnectionError):
            await memory.add("Bob Stone works at Acme.")
        await asyncio.sleep(0.2)
        assert "the network is away" in caplog.text
        model.up = True
        await _until_done(memory)
        assert len(await memory.relations("Bob Stone")) == 1


class Hanging(RulesExtractor):
    """The rules, behind a model that does not answer the first call."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.asked = asyncio.Event()

    async def extract(
        self, episode: Episode, known: Sequence[Entity], **options: Any
    ) -> Extraction:
        if not self.asked.is_set():
            self.asked.set()
            await asyncio.Event().wait()
        return await super().extract(episode, known, **options)


async def test_a_cancelled_add_goes_on_by_itself() -> None:
    model = Hanging()
    settings = Settings.load({}, resume_every_s=0.05)
    memory = await open_memory("memory://", user_id="ada", settings=settings, extractor=model)
    async with memory:
        adding = asyncio.create_task(memory.add("Bob Stone works at Acme."))
        await model.asked.wait()
        adding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await adding
        await _until_done(memory)
        assert len(await memory.relations("Bob Stone")) == 1
        assert (await memory.stats()).episodes == 1
        assert (await memory.verify()).ok


async def _until_done(memory: AsyncMemory) -> None:
    for _ in range(600):
        if not (await memory.stats()).pending:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it never went on")


async def test_at_zero_it_waits_to_be_asked() -> None:
    model = Failing()
    settings = Settings.load({}, resume_every_s=0)
    memory = await open_memory("memory://", user_id="ada", settings=settings, extractor=model)
    async with memory:
        await memory.add("Bob Stone works at Acme.")
        model.up = True
        assert memory._resuming is None
        assert (await memory.stats()).pending == 1
        await memory.resume()
        assert (await memory.stats()).pending == 0


async def test_deep_health_asks_each_part_and_says_since_when() -> None:
    model, clock = Failing(), ManualClock("2024-01-01")
    async with await open_memory(
        "memory://", user_id="ada", extractor=model, clock=clock
    ) as memory:
        assert (await memory.health()).ok
        first = await memory.health(deep=True)
        assert not first.ok
        assert "failing since 2024-01-01" in first.parts["extraction"]
        assert "the model is down" in first.parts["extraction"]
        clock.advance(days=3)
        model.error = ConnectionError("the network is away")  # of one that somebody else wrote
        found = (await memory.health(deep=True)).parts["extraction"]
        assert "failing since 2024-01-01" in found
        assert "the network is away" in found
        model.up = True
        assert (await memory.health(deep=True)).ok
        assert (await memory.health()).parts["extraction"] == model.name
        with pytest.raises(UsageError, match="deep"):
            await memory.health(deep=1)  # type: ignore[arg-type]


async def test_what_has_been_pending_for_too_long_is_not_well() -> None:
    clock, settings = ManualClock("2024-01-01"), Settings.load({}, pending_alarm_s=600)
    async with await open_memory(
        "memory://", user_id="ada", clock=clock, settings=settings
    ) as memory:
        await memory.add_many(TEXTS)
        episode = (await memory.add("Bob Stone works at Acme.", wait=False)).episode_id
        await memory.flush()
        assert (await memory.health()).ok
        # As a killed process leaves it: pending, and never tried.
        await memory._parts.ledger._db.write(  # type: ignore[attr-defined]
            lambda _: _set_pending(episode)
        )
        assert (await memory.health()).ok
        clock.advance(seconds=700)
        late = await memory.health()
        assert not late.ok
        assert "since 2024-01-01" in late.parts["pending"]


def _set_pending(id: str) -> Any:
    from graphmem.adapters.ledger.sql.steps import execute

    yield from execute("set_pending", {"id": id, "reason": None})
