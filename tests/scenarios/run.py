"""Add a scenario to a memory, in one of three modes, and compare what it believes.

``rules`` reads the texts without a model; ``model`` asks a local server that answers with the
scenario's statements; ``relate`` gives the statements themselves. The expectations are the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Literal

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.testing.llm_server import LocalModelServer
from tests.engine.model_script import settings
from tests.scenarios.compare import differences
from tests.scenarios.data import Scenario, Statement, Step, whole
from tests.scenarios.script import Script

Mode = Literal["rules", "model", "relate"]
MODES: tuple[Mode, ...] = ("rules", "model", "relate")

_MOST_ORDERS = 6


class Unlike(AssertionError):
    """A scenario after which the memory does not believe what is expected."""


def runs_in(scenario: Scenario, mode: Mode) -> bool:
    """Whether a scenario can be run in this mode."""
    return {"rules": scenario.no_rules, "relate": scenario.no_relate}.get(mode) is None


def check(scenario: Scenario, mode: Mode, *, present_only: bool = False) -> None:
    """Add its steps and compare every expectation; :class:`Unlike` says all that differ.

    A scenario that is free of order is added in several orders, each to a memory of its own.
    ``present_only`` leaves out what asks about another time than the end.
    """
    for steps in _orders(scenario):
        with _opened(steps, scenario.user, mode) as (memory, clock):
            _run_steps(memory, clock, steps, mode)
            problems = [
                problem
                for expect in scenario.expect
                if expect.is_present or not present_only
                for problem in differences(memory, scenario, expect, strict=mode != "rules")
            ]
        if problems:
            order = ", ".join(f"{step.at:%Y-%m-%d}" for step in steps)
            raise Unlike("\n".join((f"{scenario.id} (steps: {order})", *problems)))


def _orders(scenario: Scenario) -> Iterator[tuple[Step, ...]]:
    if not scenario.order_free:
        yield scenario.steps
        return
    last = max(step.at for step in scenario.steps)
    orders = list(itertools.permutations(scenario.steps))
    for order in orders[:: max(1, len(orders) // _MOST_ORDERS)]:
        yield tuple(replace(step, arrives=last) for step in order)


class _Clock(ManualClock):
    """A clock that can be set forward to a moment, never back."""

    def reach(self, moment: datetime) -> None:
        self._moment = max(self._moment, moment)


@contextmanager
def _opened(steps: Sequence[Step], user: str, mode: Mode) -> Iterator[tuple[Any, _Clock]]:
    clock = _Clock(min(step.arrives or step.at for step in steps))
    with ExitStack() as stack:
        options: dict[str, Any] = {}
        if mode == "model":
            server = stack.enter_context(LocalModelServer(answer=Script(steps)))
            options["settings"] = settings(server)
        memory = Memory("memory://", user_id=user, clock=clock, **options)
        yield stack.enter_context(memory), clock


def _run_steps(memory: Any, clock: _Clock, steps: Sequence[Step], mode: Mode) -> None:
    """Every step at its time; an ``undo`` takes back the episodes of the step that it names."""
    episodes: dict[int, list[str]] = {}
    for number, step in enumerate(steps, 1):
        clock.reach(step.arrives or step.at)
        if step.undo is not None:
            for episode_id in reversed(episodes[step.undo]):
                memory.undo(episode_id, user_id=step.user)
        elif mode == "relate":
            episodes[number] = [
                # an episode has an order of its own, which these keep by their times
                _relate(memory, statement, step.user, step.at + timedelta(seconds=place))
                for place, statement in enumerate(step.statements)
            ]
        else:
            receipt = memory.add(step.content, occurred_at=step.at, user_id=step.user)
            if receipt.status != "done":
                raise Unlike(f"step {number} is {receipt.status}: {receipt.reason}")
            episodes[number] = [receipt.episode_id]
    clock.advance(hours=1)


def _relate(memory: Any, statement: Statement, user: str, at: datetime) -> str:
    """One structured statement; returns the id of its episode."""
    common: dict[str, Any] = {"occurred_at": at, "user_id": user}
    if statement.retracts:
        receipt = memory.unrelate(
            statement.subject,
            statement.type,
            statement.object,
            invalid_at=whole(statement.ended),
            **common,
        )
    else:
        receipt = memory.relate(
            statement.subject,
            statement.type,
            statement.object,
            fact=statement.says,
            valid_at=whole(statement.since),
            invalid_at=whole(statement.until),
            modality=statement.modality,
            **common,
        )
    return str(receipt.episode_id)
