"""The background event loop that lets synchronous code use the asynchronous engine.

One daemon thread runs one loop. A call waits for its coroutine; Ctrl-C, or what the handler of
another signal raises, cancels it and waits for the cancellation, so that nothing is left half done.
It works inside a notebook's running loop, refuses after a fork (the thread did not come along) and
from its own thread (it would deadlock).
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import concurrent.futures.thread
import functools
import inspect
import logging
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from graphmem.errors import UsageError

_log = logging.getLogger(__name__)
P = ParamSpec("P")
R = TypeVar("R")

_open_threads: weakref.WeakSet[LoopThread] = weakref.WeakSet()
_leaving: set[concurrent.futures.Future[None]] = set()
_LONGEST_LEAVE_S = 30.0


def check_process(opened_in: int) -> None:
    """:class:`~graphmem.errors.UsageError` in a child after a fork, where calls would never end."""
    if os.getpid() != opened_in:
        raise UsageError(
            "this memory was opened before a fork and cannot be used in the child process; "
            "open it again there (only one process at a time can hold a folder)"
        )


class LoopThread:
    """A loop in a daemon thread. ``close`` ends it; safe to call twice."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._closed = False
        self._lock = threading.Lock()  # a call is begun before it is closed, or refused
        self._last: asyncio.Task[None] | None = None
        self._ended: concurrent.futures.Future[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="graphmem-loop", daemon=True)
        self._thread.start()
        _open_threads.add(self)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        if (ended := self._ended) is not None:
            self._loop.close()
            _leaving.discard(ended)
            ended.set_result(None)

    def call(self, coroutine: Coroutine[Any, Any, R]) -> R:
        """Run a coroutine in the loop, wait for it, and return its result or raise its error."""
        done: concurrent.futures.Future[R] = concurrent.futures.Future()
        tasks: list[asyncio.Task[R]] = []

        def start() -> None:
            tasks.append(self._loop.create_task(coroutine))
            tasks[0].add_done_callback(lambda task: _pass_on(task, done))

        try:
            self._check()
            with self._lock:
                self._check()
                self._loop.call_soon_threadsafe(start)
        except UsageError:
            coroutine.close()
            raise
        try:
            return done.result()
        except BaseException:
            if done.done():  # the call's own
                raise
            # Ctrl-C, or what a handler of another signal raises (a timeout by SIGALRM).
            # Looked up in the loop: here the task may not exist yet.
            self._loop.call_soon_threadsafe(lambda: tasks[0].cancel())  # noqa: PLW0108
            # The task ends its cleanup before the interrupt goes on.
            concurrent.futures.wait([done])
            raise

    def _check(self) -> None:
        check_process(self._pid)
        if threading.current_thread() is self._thread:
            raise UsageError(
                "Memory was called from inside its own event loop; use AsyncMemory there"
            )
        if self._closed:
            raise UsageError("this memory is closed; open it again")

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Cancel what still runs, wait for it, and end the thread."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def let_go(self, close: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``close`` and end the thread, without waiting. Used when the garbage collector finds
        a memory that was never closed. :meth:`wait_for_others` waits for it."""
        if os.getpid() != self._pid or self._closed:
            return
        self._closed = True
        self._ended = concurrent.futures.Future()
        _leaving.add(self._ended)

        async def leave() -> None:
            try:
                await close()
            except Exception:  # noqa: BLE001 - told, whatever it is
                # There is nobody to tell: what graph and vectors lack, the next opening gives them.
                _log.warning("a memory that nobody held could not be closed", exc_info=True)
            finally:
                self._loop.stop()

        def begin() -> None:
            # Held, or the loop might lose it.
            self._last = self._loop.create_task(leave())

        self._loop.call_soon_threadsafe(begin)

    @staticmethod
    def wait_for_others() -> None:
        """Wait for the threads of :meth:`let_go`: until they end, their folders are locked."""
        concurrent.futures.wait(set(_leaving), timeout=_LONGEST_LEAVE_S)


def _pass_on(task: asyncio.Task[R], done: concurrent.futures.Future[R]) -> None:
    if task.cancelled():
        done.set_exception(UsageError("the call was cancelled because the memory was closed"))
    elif error := task.exception():
        done.set_exception(error)
    else:
        done.set_result(task.result())


async def _cancel_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


# Where a program ends, threads are refused before ``atexit`` begins: what leaves must be gone then.
getattr(threading, "_register_atexit", atexit.register)(LoopThread.wait_for_others)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leaving.clear)  # their threads did not come along


@atexit.register
def _close_all() -> None:
    for thread in list(_open_threads):
        thread.close()


class Mirror:
    """The base of the synchronous classes: an asynchronous object and the thread its loop runs
    in."""

    def __init__(self, thread: LoopThread, target: object) -> None:
        self._loop_thread = thread
        self._async = target


def mirror(
    method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Any, P], R]:
    """The synchronous twin of an asynchronous method: same name, arguments and docstring."""

    @functools.wraps(method)
    def twin(self: Mirror, /, *args: P.args, **kwargs: P.kwargs) -> R:
        bound: Callable[P, Coroutine[Any, Any, R]] = getattr(self._async, method.__name__)
        return self._loop_thread.call(bound(*args, **kwargs))

    twin.__doc__ = inspect.getdoc(method)
    return twin
