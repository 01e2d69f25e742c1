"""Long work in a thread beside the event loop, so that other calls are served meanwhile. It is
stopped when its call is cancelled (Ctrl-C, a timeout, closing)."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from typing import Any, TypeVar

_T = TypeVar("_T")
_THREADS = 4  # more would only make each other, and the loop, wait
_COLLECT_AFTER_S = 60
_threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="graphmem-work")
_call: ContextVar[_Call | None] = ContextVar("graphmem_off_loop", default=None)


class _Call:
    """Work in a thread: the loop that waits for it, and whether it still does."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.given_up = threading.Event()
        self._asked: Future[Any] | None = None

    def give_up(self) -> None:
        """Nobody waits any more: stop the work, and cancel what it waits for."""
        self.given_up.set()
        if self._asked is not None:
            self._asked.cancel()

    def ask(self, awaited: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Called in the thread: run a coroutine in the loop and return its result; raises when
        given up."""
        asked = asyncio.run_coroutine_threadsafe(_as_on_loop(awaited), self.loop)
        self._asked = asked
        if self.given_up.is_set():  # between the two
            asked.cancel()
        try:
            return asked.result()
        except CancelledError:  # not asyncio's, which is no Exception
            raise asyncio.CancelledError from None


async def to_its_end(
    future: asyncio.Future[_T],
    on_cancelled: Callable[[], None] | None = None,
    *,
    patience_s: float | None = None,
) -> _T:
    """Wait for a future to end, even when the waiting call is cancelled. The cancellation is raised
    after that, so that nothing of the work is still running. With ``patience_s``, what has not
    ended so long after the cancellation is cancelled, too."""
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        if on_cancelled is not None:
            on_cancelled()
        now = asyncio.get_running_loop().time
        until = None if patience_s is None else now() + patience_s
        while not future.done():
            left = None if until is None else until - now()
            if left is not None and left <= 0:
                future.cancel()
                break
            with suppress(asyncio.CancelledError):
                await asyncio.wait([future], timeout=left)
        if future.done() and not future.cancelled():
            future.exception()
        raise


async def off_loop(work: Callable[[], _T]) -> _T:
    """Run ``work`` in a thread and return its result. When cancelled, it waits until the work has
    stopped: at its next :func:`stop_if_given_up`, or when it asks the loop for something. Called in
    such a thread already, it runs the work right there."""
    if _call.get() is not None:
        return work()
    loop = asyncio.get_running_loop()
    call = _Call(loop)
    context = copy_context()
    context.run(_call.set, call)
    future = loop.run_in_executor(_threads, context.run, _at_once, work)
    return await to_its_end(future, on_cancelled=call.give_up)


_TURN_S = 0.0005
_counting = threading.Lock()
_collector = {"waits_for": 0, "since": 0.0}
_turns = {"works": 0, "usual_s": 0.0}


@contextmanager
def collector_waits() -> Iterator[None]:
    """Put off Python's collector of cycles while much is made at once. It stops every thread to
    walk all objects: for 0.3 s where a text of 256 KiB is decided, and again and again. What is in
    no cycle is freed as ever. Works that overlap put it off for a minute together, no longer. In
    the end the collector takes all for old without a walk over it: most of it is freed soon."""
    with _counting:
        waits = gc.isenabled() or (
            _collector["waits_for"] > 0
            and time.monotonic() - _collector["since"] < _COLLECT_AFTER_S
        )
        if waits:
            if not _collector["waits_for"]:
                _collector["since"] = time.monotonic()
            _collector["waits_for"] += 1
            gc.disable()
    try:
        yield
    finally:
        with _counting:
            _collector["waits_for"] -= waits
            if waits and not _collector["waits_for"]:
                _take_all_for_old()
                gc.enable()


def _take_all_for_old() -> None:
    """Else the first thing that is made from now on, by whoever is served next, sets off a walk
    over all that was made meanwhile: 0.2 s on the loop. What the program has frozen stays so."""
    if not gc.get_freeze_count():
        gc.freeze()
        gc.unfreeze()


@contextmanager
def short_turns() -> Iterator[None]:
    """Take the interpreter for turns of a tenth of the usual length while much is computed. Who
    reads the ledger or the graph gives it up for each row, and gets it back only after the turn
    of whoever computes: a search of 5 ms took 100 ms beside a long text."""
    with _counting:
        if not _turns["works"]:
            _turns["usual_s"] = sys.getswitchinterval()
            sys.setswitchinterval(min(_TURN_S, _turns["usual_s"]))
        _turns["works"] += 1
    try:
        yield
    finally:
        with _counting:
            _turns["works"] -= 1
            if not _turns["works"]:
                sys.setswitchinterval(_turns["usual_s"])


@contextmanager
def long_work() -> Iterator[None]:
    """Wrap this around anything that takes long, so that others are served meanwhile."""
    with collector_waits(), short_turns():
        yield


def _at_once(work: Callable[[], _T]) -> _T:
    with long_work():
        return work()


async def run_off_loop(make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """The same for a coroutine function that awaits nothing but :func:`on_loop`."""

    def work() -> _T:
        coroutine = make()
        try:
            coroutine.send(None)
        except StopIteration as end:
            result: _T = end.value
            return result
        coroutine.close()
        raise RuntimeError("what runs off the loop may await nothing of the loop's")

    return await off_loop(work)


async def on_loop(awaited: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Await a coroutine in the loop, from the loop itself or from work in a thread."""
    call = _call.get()
    if call is None:
        return await awaited()
    stop_if_given_up()
    return call.ask(awaited)


async def _as_on_loop(awaited: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    _call.set(None)
    return await awaited()


def stop_if_given_up() -> None:
    """Raise :class:`asyncio.CancelledError` when nobody waits any more for the work that calls
    this. Long work calls it now and then; outside such work it does nothing."""
    call = _call.get()
    if call is not None and call.given_up.is_set():
        raise asyncio.CancelledError
