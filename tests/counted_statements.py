"""The statements that a ledger of SQLite runs, and the steps of its virtual machine for each: what
a call costs, whatever else the machine does."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from graphmem.adapters.ledger.sqlite.runner import StepRunner

TO_SEE_WHOSE = 60
"""Steps of a statement that finds a row or two and sees that they are another's: a microsecond."""
_NOTED_LATER = frozenset({"add_audit_entry", "add_key_use", "prune_audit", "prune_uses"})
"""Statements that note calls within a second of them, those of several calls together."""


class CountedStatements:
    """Counts until the test ends; ``work`` can be emptied."""

    def __init__(self, patch: pytest.MonkeyPatch, own: Callable[[], object] = lambda: True) -> None:
        """``own`` tells what is counted from what goes on beside it, in its context."""
        self._own = own
        self.work: list[tuple[str, int]] = []
        run = asyncio.BaseEventLoop.run_in_executor

        def with_context(loop: Any, where: Any, work: Any, *given: Any) -> Any:
            return run(loop, where, contextvars.copy_context().run, work, *given)

        patch.setattr(asyncio.BaseEventLoop, "run_in_executor", with_context)
        for name in ("fetch", "execute"):
            patch.setattr(StepRunner, name, self._counting(getattr(StepRunner, name)))

    def taken(self) -> list[tuple[str, int]]:
        """Statement and steps of each since the last time, in the order of their names; without
        those that had nothing to do, and those that note calls later."""
        work, self.work = self.work, []
        return sorted(one for one in work if one[1] and one[0] not in _NOTED_LATER)

    def _counting(self, real: Any) -> Any:
        def counted(runner: StepRunner, what: Any, *more: Any) -> Any:
            steps = 0

            def step() -> None:
                nonlocal steps
                steps += 1

            if not self._own():
                return real(runner, what, *more)
            connection: sqlite3.Connection = runner._connection
            connection.set_progress_handler(step, 1)
            try:
                return real(runner, what, *more)
            finally:
                connection.set_progress_handler(None, 0)
                self.work.append((what if isinstance(what, str) else what.name, steps))

        return counted
