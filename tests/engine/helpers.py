"""What the engine's tests share: a story to tell, and ways to look at a store."""

from __future__ import annotations

import asyncio
import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from hypothesis import HealthCheck, settings

from graphmem import AsyncMemory, Memory, Settings, open_memory
from graphmem.model import Stats

_T = TypeVar("_T")
ROOT = Path(__file__).parents[2]
LAW = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
"""For laws that open a memory for every example."""

STORY = (
    ("Ada Lovelace works at Acme.", "2024-01-10"),
    ("Ada Lovelace lives in Paris.", "2024-01-11"),
    ("Bob Stone works at Acme.", "2024-02-01"),
    ("Bob Stone is married to Carol Reed.", "2024-02-02"),
    ("Carol Reed lives in Lisbon.", "2024-02-03"),
    ("Ada Lovelace moved to Berlin.", "2025-03-01"),
    ("Bob Stone no longer works at Acme.", "2025-04-01"),
    ("Dora Lane lives in Oslo.", "2025-05-01"),
)
NOTHING = Stats(0, 0, 0, 0, 0, 0, 0, 0, 0)


def add_story(memory: Memory, **scope: Any) -> list[str]:
    """Tell it; returns the episodes' ids."""
    return [memory.add(text, occurred_at=day, **scope).episode_id for text, day in STORY]


def facts_of(memory: Memory, *, current: bool = False, **scope: Any) -> list[str]:
    """The texts of all facts, oldest first."""
    return [fact.text for fact in memory.get_all(limit=1000, current=current, **scope).items]


class OnLoop:
    """Calls of an :class:`AsyncMemory`, run one by one in a loop of this thread."""

    def __init__(self, runner: asyncio.Runner, memory: AsyncMemory) -> None:
        self._runner = runner
        self._memory = memory

    @classmethod
    def open(cls, folder: str | Path, **options: Any) -> OnLoop:
        runner = asyncio.Runner()
        return cls(runner, runner.run(open_memory(folder, **options)))

    @property
    def as_memory(self) -> Memory:
        """It has every method of it, by construction; a checker cannot see that."""
        return cast(Memory, self)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._memory, name)
        if not inspect.iscoroutinefunction(method):
            return method
        return lambda *args, **kwargs: self._runner.run(method(*args, **kwargs))

    def close(self) -> None:
        self._runner.run(self._memory.close())
        self._runner.close()


class InProject:
    """A memory of the user ada in a project of its own, inside a store that others use too."""

    def __init__(self, memory: Memory, name: str) -> None:
        self._memory = memory
        self._project = f"{hash(name) & 0xFFFF_FFFF:x}"

    @property
    def as_memory(self) -> Memory:
        """It has every method of it, by construction; a checker cannot see that."""
        return cast(Memory, self)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._memory, name)
        if name in {"health", "verify", "rebuild", "close"}:
            return method

        def call(*args: Any, **options: Any) -> Any:
            project = self._project + (options.pop("project_id", None) or "")
            return method(*args, **{"user_id": "ada", **options, "project_id": project})

        return call


def child(code: str, *arguments: str) -> list[str]:
    """The command of a Python program as a process of its own."""
    return [sys.executable, "-u", "-X", "faulthandler", "-c", code, *arguments]


def child_environment(**more: str) -> dict[str, str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("GRAPHMEM_", "OPENAI_"))}
    return {**clean, "PYTHONPATH": str(ROOT), **more}


def run_child(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        child(code, *arguments),
        env=child_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def in_memory(**settings: Any) -> Settings:
    return Settings.load({}, **settings)


def mixed(noted: Sequence[_T], order: Any, moment: Callable[[_T], object]) -> list[_T]:
    """In another order of arrival. What was said at the very same moment stays in its own: it goes
    by that."""
    found = list(noted)
    order.shuffle(found)
    by_moment: dict[object, list[_T]] = {}
    for one in noted:
        by_moment.setdefault(moment(one), []).append(one)
    return [by_moment[moment(one)].pop(0) for one in found]
