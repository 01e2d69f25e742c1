"""Every call of every port that an operation makes, gone wrong in every way; and what became of it.

A case is: a copy of the store, the operation with one call of one port gone wrong, the store closed
and opened again without the fault. What can be seen of it then must be what a run without a fault
leaves; or, where the caller was told of the failure, it must become so when the same call is made
again."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args
from unittest import mock

from graphmem import AsyncMemory, open_memory
from graphmem.errors import GraphmemError, ModelError, Unavailable
from graphmem.ports.embedder import Embedder
from graphmem.ports.llm import LLM, AsksModel
from graphmem.testing.faults import EVERY, FAULT_KINDS, Fault, FaultKind, faulty
from graphmem.wiring.adapters import make as make_adapter
from graphmem.wiring.places import hold as hold_folder
from tests.faults.workload import (
    Operation,
    copy_store,
    make_base,
    named,
    settings_of,
    state_of,
)

PortName: TypeAlias = Literal["ledger", "graph", "vectors", "llm", "embedder"]
PORTS: tuple[PortName, ...] = get_args(PortName)
Outcome: TypeAlias = Literal["as without", "after all", "again", "finished again"]
OUTCOMES: Mapping[Outcome, str] = {
    "as without": "the caller noticed nothing, and all is as without the fault",
    "after all": "the caller was told that it failed; it was done all the same, and making the "
    "call again changes nothing",
    "again": "the caller was told that it failed; nothing was done; made again, all is as without",
    "finished again": "the caller was told that it failed, part of it was done; made again, all is "
    "as without",
}
_WRITES = frozenset(
    {
        "apply",
        "cache",
        "charge",
        "clear",
        "close",
        "commit",
        "complete",
        "embed",
        "erase",
        "journal",
    }
    | {
        "clean",
        "erasures_done",
        "forget",
        "keep_extraction",
        "open",
        "postpone",
        "remember_setting",
    }
)
_PATIENCE_S = 0.05  # of a caller whose call is never answered
_HUNG_S = 60.0


@dataclass(frozen=True, slots=True)
class Case:
    """Which call of which port goes wrong in which way."""

    operation: str
    port: PortName
    kind: FaultKind
    at: int


class Broken(AssertionError):
    """A promise that was not kept; ``lost``: what was acknowledged is not there."""

    def __init__(self, message: str, *, lost: bool = False) -> None:
        super().__init__(message)
        self.lost = lost


@dataclass(slots=True)
class Expected:
    """What can be seen of a store before an operation and after it; the calls that it makes of each
    port."""

    before: Any
    after: Any
    calls: dict[PortName, list[str]]
    took_s: float
    """From opening the store to having closed it."""


def error_of(port: PortName) -> GraphmemError:
    if port in {"llm", "embedder"}:
        return ModelError(f"the {port} does not answer (a fault)")
    return Unavailable(f"the {port} does not answer (a fault)")


class Faults:
    """Runs cases on copies of one store in a folder of its own."""

    def __init__(self, folder: Path, server_url: str) -> None:
        self.base = folder / "base"
        self.server_url = server_url
        self._folder = folder
        self._number = 0
        self._expected: dict[str, Expected] = {}
        self._before: dict[bool, Any] = {}
        self._embedder: Embedder | None = None

    async def prepare(self) -> None:
        await make_base(self.base)

    def copied(self) -> Path:
        self._number += 1
        folder = self._folder / f"copy{self._number}"
        copy_store(self.base, folder)
        return folder

    async def expected(self, operation: Operation) -> Expected:
        """By a run without a fault, once; and of what a store shows before it."""
        if operation.name not in self._expected:
            faults = {port: Fault("before", 0, error_of(port)) for port in PORTS}
            folder = self.copied()
            begun = time.perf_counter()
            if await self._attempt(operation, folder, faults) is not None:
                raise Broken(f"{operation.name} fails without a fault")
            took_s = time.perf_counter() - begun
            after = await self._state(operation, folder)
            shutil.rmtree(folder)
            if operation.model not in self._before:
                folder = self.copied()
                self._before[operation.model] = await self._state(operation, folder)
                shutil.rmtree(folder)
            before = self._before[operation.model]
            calls = {port: fault.calls for port, fault in faults.items()}
            self._expected[operation.name] = Expected(before, after, calls, took_s)
        return self._expected[operation.name]

    async def cases(self, operation: Operation) -> list[Case]:
        expected = await self.expected(operation)
        return [
            Case(operation.name, port, kind, at)
            for port in PORTS
            for kind in FAULT_KINDS
            for at in _places(kind, expected.calls[port])
        ]

    async def run(self, case: Case) -> Outcome:
        """:class:`Broken` when a promise is not kept."""
        operation, folder = named(case.operation), self.copied()
        await self.expected(operation)
        try:
            async with asyncio.timeout(_HUNG_S):
                if case.kind == "kill":
                    failed: str | None = await self._killed(case, folder)
                else:
                    fault = Fault(case.kind, case.at, error_of(case.port))
                    failed = await self._attempt(operation, folder, {case.port: fault})
                return await self.outcome(operation, folder, failed)
        except TimeoutError:
            raise Broken(f"{case}: it hangs") from None
        except Exception as error:
            lost = isinstance(error, Broken) and error.lost
            raise Broken(f"{case}: {type(error).__name__}: {error}", lost=lost) from error
        finally:
            shutil.rmtree(folder)

    async def outcome(self, operation: Operation, folder: Path, failed: str | None) -> Outcome:
        """What a store shows after an operation that ``failed`` (None: it did not, as far as the
        caller knows), and what making the call again leads to."""
        expected = await self.expected(operation)
        async with self._opened(operation, folder, {}) as memory:
            found = await state_of(memory)
            if failed is None:
                _same(found, expected.after, "though the caller noticed nothing", lost=True)
                return "as without"
            try:
                await operation.run(memory)
            except GraphmemError:
                _same(found, expected.after, f"after {failed}; refused when made again")
            _same(await state_of(memory), expected.after, f"after {failed}, made again")
        if found == expected.after:
            return "after all"
        return "again" if found == expected.before else "finished again"

    async def _state(self, operation: Operation, folder: Path) -> Any:
        async with self._opened(operation, folder, {}) as memory:
            return await state_of(memory)

    async def _attempt(
        self, operation: Operation, folder: Path, faults: Mapping[PortName, Fault]
    ) -> str | None:
        """Why the operation failed, as its caller was told; None when it did not. What fails
        after it, when the projections follow or in closing, is nobody's loss."""
        done = False
        if operation.name == "open and close":
            for fault in faults.values():
                fault.arm()
        try:
            async with self._opened(operation, folder, faults) as memory:
                for fault in faults.values():
                    fault.arm()
                async with patience(faults):
                    await operation.run(memory)
                    done = True
                    await memory._follow()  # graph and vectors, as for the next read
        except (GraphmemError, TimeoutError) as error:
            return None if done else f"{type(error).__name__}: {error}"
        return None

    @contextlib.asynccontextmanager
    async def _opened(
        self, operation: Operation, folder: Path, faults: Mapping[PortName, Fault]
    ) -> AsyncIterator[AsyncMemory]:
        """Opened and closed; what a fault kept from being closed is closed all the same, as the end
        of the process would."""
        real: list[Any] = []
        settings = settings_of(operation, self.server_url)
        release: list[Any] = []

        def hold(path: Path) -> Any:
            release.append(hold_folder(path))
            return release[-1]

        try:
            with self._wrapping(faults, real), mock.patch("graphmem.wiring.hold", hold):
                async with patience(faults):
                    memory = await open_memory(folder, settings=settings)
            try:
                yield memory
            finally:
                async with patience(faults):
                    await memory.close()
        finally:
            for fault in faults.values():
                fault.disarm()
            for port in real:
                await port.close()
            for let_go in release:
                let_go()

    @contextlib.contextmanager
    def _wrapping(self, faults: Mapping[PortName, Fault], real: list[Any]) -> Iterator[None]:
        def make(kind: str, url: str, settings: Any) -> Any:
            if kind == "embedder":
                # Its weights are loaded once for all cases.
                self._embedder = made = self._embedder or make_adapter(kind, url, settings)
            else:
                made = make_adapter(kind, url, settings)
            if kind in {"ledger", "graph", "vectors"} and url != "memory://":
                real.append(made)
            if kind == "llm":
                if "llm" in faults and isinstance(made, AsksModel):
                    made.through(lambda model: _faulty_llm(model, faults["llm"]))
                return made
            return faulty(made, faults[kind]) if kind in faults else made  # type: ignore[index]

        with (
            mock.patch("graphmem.wiring.make", make),
            mock.patch("graphmem.wiring.models.make", make),  # of the model
        ):
            yield

    async def _killed(self, case: Case, folder: Path) -> str | None:
        """In a process of its own. None when it was done before the end of it."""
        child = Child(folder, self.server_url, case)
        await asyncio.to_thread(child.process.join, _HUNG_S)
        return child.end()


class Child:
    """An operation in a process of its own, which a fault or its parent kills."""

    def __init__(self, folder: Path, server_url: str, case: Case) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["tests.faults.matrix"])
        self.pipe, theirs = context.Pipe(duplex=False)
        self.process = context.Process(
            target=_run_in_child, args=(case, folder, server_url, theirs)
        )
        self.process.start()
        theirs.close()

    def end(self) -> str | None:
        """Why it failed, as far as its caller could know; None when it was acknowledged."""
        self.process.join(_HUNG_S)
        if self.process.exitcode not in {0, -signal.SIGKILL}:
            self.process.kill()
            raise Broken(f"the process ended with {self.process.exitcode}")
        last = "the process was killed"
        with contextlib.suppress(EOFError):
            while self.pipe.poll():
                last = self.pipe.recv()
        self.pipe.close()
        return None if last == "done" else last


def _run_in_child(case: Case, folder: Path, server_url: str, pipe: Any) -> None:
    """Says ``open``, and ``done`` as soon as the operation is acknowledged."""

    async def acknowledged(memory: AsyncMemory) -> None:
        pipe.send("open")
        await operation.run(memory)
        pipe.send("done")

    operation = named(case.operation)
    told = Operation(operation.name, acknowledged, model=operation.model)
    runner = Faults(folder.parent, server_url)
    fault = Fault("kill", case.at, error_of(case.port), delay_s=0.001)
    failed = asyncio.run(runner._attempt(told, folder, {case.port: fault}))
    if failed is not None:
        pipe.send(failed)


def _places(kind: FaultKind, calls: Sequence[str]) -> list[int]:
    """What is only read is the same when it is read twice, and after it was read."""
    if kind == "slow":
        return [EVERY] if calls else []
    only_writes = kind in {"after", "twice", "kill"}
    return [at for at, name in enumerate(calls, 1) if name in _WRITES or not only_writes]


@contextlib.asynccontextmanager
async def patience(faults: Mapping[PortName, Fault]) -> AsyncIterator[None]:
    """The caller gives up a moment after a call that is never answered was made."""
    async with asyncio.timeout(None) as limit:
        loop = asyncio.get_running_loop()
        for fault in faults.values():
            if fault.kind == "never":
                fault.struck = lambda: limit.reschedule(loop.time() + _PATIENCE_S)
        yield


def _faulty_llm(model: LLM, fault: Fault) -> LLM:
    return faulty(model, fault)


def _same(found: Any, expected: Any, when: str, *, lost: bool = False) -> None:
    if found != expected:
        raise Broken(f"{when}: {differences(found, expected)}", lost=lost)


def differences(found: Any, expected: Any, at: str = "") -> list[str]:
    """Where two states are not the same."""
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = sorted(found.keys() | expected.keys())
        return [
            one
            for key in keys
            for one in differences(found.get(key), expected.get(key), f"{at}.{key}")
        ]
    if isinstance(found, list) and isinstance(expected, list):
        more = [one for one in found if one not in expected]
        less = [one for one in expected if one not in found]
        if more or less or len(found) == len(expected):
            return [f"{at}: found {more}, not {less}"] if found != expected else []
    return [] if found == expected else [f"{at}: found {found}, not {expected}"]
