"""A port that goes wrong on purpose: any adapter, wrapped, of which one call fails.

Wrap a real adapter with :func:`faulty`; arm the :class:`Fault` that it is given; use the memory;
look at what it says and at what its stores hold when they are opened again without it::

    fault = Fault("after", 3, Unavailable("the line broke"))
    graph = faulty(KuzuGraph(path), fault)
    fault.arm()

``tests/faults`` does so for every call of every operation of a whole memory.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal, TypeAlias, TypeVar, get_args

_P = TypeVar("_P")
_T = TypeVar("_T")

FaultKind: TypeAlias = Literal["before", "after", "slow", "never", "twice", "cut", "kill"]
"""What goes wrong with a call:

- ``before``: it fails, and nothing was done.
- ``after``: it is done, and fails all the same: the answer was lost.
- ``slow``: it is done, after a while.
- ``never``: it is not done, and no answer comes.
- ``twice``: it is done twice, as if it had been sent again; the second answer counts.
- ``cut``: it is done, the answer is lost, and so is the connection: every later call fails.
- ``kill``: the process is gone while it is being done.
"""

FAULT_KINDS: tuple[FaultKind, ...] = get_args(FaultKind)
EVERY = -1


class Fault:
    """What goes wrong with which call of a port. ``calls`` are the names of all calls since it was
    armed, so that a run without a fault (``at`` 0) tells how many there are."""

    def __init__(
        self, kind: FaultKind, at: int, error: Exception, *, delay_s: float = 0.02
    ) -> None:
        """``at`` is the call that goes wrong, counted from 1 (``EVERY``: each of them).
        ``error`` is what it raises, as an adapter would: one of :mod:`graphmem.errors`."""
        self.kind = kind
        self.at = at
        self.error = error
        self.delay_s = delay_s
        self.calls: list[str] = []
        self.struck: Callable[[], None] | None = None
        """Called when it goes wrong."""
        self._armed = False
        self._lost = False

    def arm(self) -> None:
        """Count from now on."""
        self._armed = True

    def disarm(self) -> None:
        """Let everything through."""
        self._armed = False

    async def run(self, name: str, call: Callable[[], Awaitable[_T]]) -> _T:
        """The call, or what becomes of it."""
        if not self._armed:
            return await call()
        self.calls.append(name)
        if self._lost:
            raise self.error
        if self.at not in {EVERY, len(self.calls)}:
            return await call()
        return await self._go_wrong(call)

    async def _go_wrong(self, call: Callable[[], Awaitable[_T]]) -> _T:
        if self.struck is not None:
            self.struck()
        match self.kind:
            case "before":
                raise self.error
            case "never":
                await asyncio.Event().wait()
            case "slow":
                await asyncio.sleep(self.delay_s)
            case "twice":
                await call()
            case "kill":
                # In a thread of the adapter as a rule: somewhere in the middle of it.
                asyncio.get_running_loop().call_later(self.delay_s, _die)
            case "after" | "cut":
                await call()
                self._lost = self.kind == "cut"
                raise self.error
        return await call()


def faulty(port: _P, fault: Fault) -> _P:
    """The same port, whose awaited methods go through a fault; all else is the port's own."""
    made: dict[str, Any] = {"__getattr__": lambda _, name: getattr(port, name)}
    for name in dir(type(port)):
        if name.startswith("_"):
            continue
        if inspect.iscoroutinefunction(inspect.getattr_static(type(port), name)):
            made[name] = _through(port, name, fault)
        else:
            made[name] = property(partial(_own, port, name))
    wrapped: _P = type(f"Faulty{type(port).__name__}", (), made)()
    return wrapped


def _through(port: object, name: str, fault: Fault) -> Callable[..., Awaitable[Any]]:
    async def method(_: object, *args: Any, **options: Any) -> Any:
        return await fault.run(name, lambda: getattr(port, name)(*args, **options))

    return method


def _own(port: object, name: str, _: object) -> Any:
    return getattr(port, name)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
