"""What is told to OpenTelemetry, where ``GRAPHMEM_TELEMETRY`` asks for it: a span and a time for
each call of the engine, of its stages and of its stores, and what models cost. Where it does not,
nothing of this stands around anything.

Nothing told is of a caller's: names of methods, of classes of errors and of models, and numbers.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from graphmem.engine import AsyncMemory, Parts
from graphmem.engine.view import AsyncMemoryView
from graphmem.errors import GraphmemError, UsageError
from graphmem.ports.api import MemoryAPI
from graphmem.ports.api.reads import ReadAPI
from graphmem.ports.ledger import Charge
from graphmem.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Tracer

_T = TypeVar("_T")
_PARTS = ("graph", "vectors", "embedder", "extractor", "reranker")
_NOT_CALLS = frozenset({"close", "start", "__aenter__", "__aexit__"})
_LOOK_EVERY_S = 15.0
_MOST_COUNTED = 1_000


class Telemetry:
    """What spans and times are told to: the providers that the process has set up."""

    def __init__(self) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            raise UsageError(
                "GRAPHMEM_TELEMETRY needs OpenTelemetry: pip install 'graphmem[otel]'"
            ) from None
        self.tracer: Tracer = trace.get_tracer("graphmem")
        meter: Meter = metrics.get_meter("graphmem")
        self._took = meter.create_histogram(
            "graphmem.duration", "s", "How long calls, stages and stores took."
        )
        self._calls = meter.create_up_down_counter(
            "graphmem.model.calls", "{call}", "Calls of models; what was not made is taken back."
        )
        self._tokens = meter.create_up_down_counter(
            "graphmem.model.tokens", "{token}", "Tokens of models, in and out."
        )
        self._lag = meter.create_gauge(
            "graphmem.lag", "{event}", "Events that graph or vectors are behind the ledger."
        )
        self._waiting = meter.create_gauge(
            "graphmem.waiting", "{episode}", "Episodes that wait: in the queue, or pending."
        )

    @contextlib.contextmanager
    def span(self, name: str) -> Iterator[None]:
        """Around one call. Of an error its class is told, and not what it says."""
        began = time.perf_counter()
        attributes = {"graphmem.of": name}
        with self.tracer.start_as_current_span(
            f"graphmem.{name}", record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                attributes["error.type"] = type(error).__name__
                span.set_attribute("error.type", type(error).__name__)
                raise
            finally:
                self._took.record(time.perf_counter() - began, attributes)

    def traced(
        self, name: str, method: Callable[..., Awaitable[_T]]
    ) -> Callable[..., Awaitable[_T]]:
        """The same method, within a span."""

        @functools.wraps(method)
        async def call(*args: Any, **kwargs: Any) -> _T:
            with self.span(name):
                return await method(*args, **kwargs)

        return call

    def charged(self, charge: Charge) -> None:
        """What a model was asked, or what was taken back of that."""
        of = {"graphmem.model": charge.model}
        self._calls.add(charge.calls, of)
        for way, tokens in (("input", charge.tokens_in), ("output", charge.tokens_out)):
            self._tokens.add(tokens, {**of, "graphmem.direction": way})

    async def look(self, memory: AsyncMemory) -> None:
        """Tell how far behind a memory is, and what waits in it."""
        ledger = memory._parts.ledger
        head = await ledger.head()
        for projection in (memory._graph, memory._vectors):
            behind = max(0, head - projection.applied_seq)
            self._lag.set(behind, {"graphmem.projection": projection.name})
        self._waiting.set(len(memory._queue), {"graphmem.in": "queue"})
        pending = await ledger.pending_episodes(0, memory._parts.clock.now(), _MOST_COUNTED)
        self._waiting.set(len(pending), {"graphmem.in": "pending"})

    async def keep_looking(self, memory: AsyncMemory) -> None:
        """The same again and again, until cancelled."""
        while True:
            with contextlib.suppress(GraphmemError):  # health says what fails
                await self.look(memory)
            await asyncio.sleep(_LOOK_EVERY_S)


class _Watched:
    """A part whose asynchronous methods are traced."""

    def __init__(self, part: Any, kind: str, telemetry: Telemetry) -> None:
        self.__dict__.update(_part=part, _kind=kind, _telemetry=telemetry)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if name.startswith("_") or not inspect.iscoroutinefunction(found):
            return found
        if name == "charge":
            found = self._charging(found)
        self.__dict__[name] = self._telemetry.traced(f"{self._kind}.{name}", found)
        return self.__dict__[name]

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._part, name, value)

    def _charging(self, charge: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def charging(given: Charge, *args: Any, **kwargs: Any) -> Any:
            refused = await charge(given, *args, **kwargs)
            if refused is None:
                self._telemetry.charged(given)
            return refused

        return charging


def telemetry_of(settings: Settings) -> Telemetry | None:
    """None where nobody wants to be told."""
    return Telemetry() if settings.telemetry else None


def watched(part: _T, kind: str, telemetry: Telemetry | None) -> _T:
    """The same part; with ``telemetry`` each of its calls is told."""
    return part if telemetry is None else cast(_T, _Watched(part, kind, telemetry))


def watched_parts(parts: Parts, telemetry: Telemetry | None) -> Parts:
    """The same for all parts but the ledger, which others have already."""
    if telemetry is None:
        return parts
    given = {name: getattr(parts, name) for name in _PARTS}
    return replace(
        parts, **{n: watched(it, n, telemetry) for n, it in given.items() if it is not None}
    )


def watch(memory: AsyncMemory, telemetry: Telemetry | None) -> AsyncMemory:
    """The same memory; with ``telemetry`` each of its calls and stages is told, and how it is."""
    if telemetry is None:
        return memory
    current = memory._current
    for part, method, stage in (
        (memory._ingest, "add", "ingest"),
        (memory._ingest, "_decide", "decide"),
        (current.graph, "catch_up", "project.graph"),
        (current.vectors, "catch_up", "project.vectors"),
        (current.retrieve, "search", "retrieve"),
        (current.retrieve, "rank", "rank"),
    ):
        setattr(part, method, telemetry.traced(stage, getattr(part, method)))
    _watch_calls(memory, MemoryAPI, telemetry)
    as_of = memory.as_of

    def view_of(*args: Any, **kwargs: Any) -> AsyncMemoryView:
        view = as_of(*args, **kwargs)
        _watch_calls(view, ReadAPI, telemetry)
        return view

    setattr(memory, "as_of", view_of)  # noqa: B010 - a method, to whoever checks types
    looking = asyncio.create_task(telemetry.keep_looking(memory))
    close = memory.close

    async def closing() -> None:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        await close()

    setattr(memory, "close", closing)  # noqa: B010
    return memory


def _watch_calls(memory: object, api: type, telemetry: Telemetry) -> None:
    for name, _ in inspect.getmembers(api, inspect.isfunction):
        method = getattr(memory, name)
        if name not in _NOT_CALLS and inspect.iscoroutinefunction(method):
            setattr(memory, name, telemetry.traced(name, method))
