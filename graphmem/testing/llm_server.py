"""A local server that speaks OpenAI's wire format with answers that you script.

It is a real HTTP server on a free loopback port, in a thread of its own, made of the standard
library alone: what talks to it is the same code that talks to a provider::

    with LocalModelServer([{"facts": []}, Status(429, retry_after=1), "not JSON"]) as server:
        llm = OpenAIChat("test-model", base_url=server.base_url)
        ...
        assert len(server.chats) == 3

``POST /v1/chat/completions`` takes its answers from the queue, then from ``answer``. ``POST
/v1/embeddings`` computes vectors by hashing words, so that texts which share words are similar;
faults can be queued for it too. ``GET /v1/models`` lists the models. What a provider refuses, it
refuses alike and without using up an answer: a wrong key (401), a model it does not have (404), a
``response_format`` or parameter it does not know, a schema that strict mode does not allow (400).
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from graphmem.testing import _openai_wire as wire
from graphmem.testing._llm_profiles import PROFILES, Format
from graphmem.testing._llm_script import (
    Body,
    Delay,
    Drop,
    Empty,
    Endless,
    Hang,
    Refusal,
    Request,
    Says,
    ScriptedAnswer,
    Status,
    Truncated,
    Usage,
)

__all__ = [
    "PROFILES",
    "Body",
    "Delay",
    "Drop",
    "Empty",
    "Endless",
    "Format",
    "Hang",
    "LocalModelServer",
    "Refusal",
    "Request",
    "Says",
    "ScriptedAnswer",
    "Status",
    "Truncated",
    "Usage",
]


class LocalModelServer:
    """The server. Start and stop it with ``with``, or with :meth:`start` and :meth:`close`.

    ``answers`` are given first, in order; then ``answer(request)`` is called, in the server's
    thread. With neither left, the request is refused (400) with that reason.
    """

    def __init__(
        self,
        answers: Iterable[ScriptedAnswer] = (),
        *,
        answer: Callable[[Request], ScriptedAnswer] | None = None,
        embedding_answers: Iterable[ScriptedAnswer] = (),
        profile: str = "openai",
        context_tokens: int | None = None,
        supports: Sequence[Format] | None = None,
        refuses: Sequence[str] | None = None,
        refusal_status: int | None = None,
        api_key: str | None = None,
        models: Sequence[str] | None = None,
        dimension: int = 256,
        max_batch: int = 2048,
        usage: bool = True,
    ) -> None:
        """``profile`` is the kind of server to play (a key of ``PROFILES``); ``context_tokens``, at
        four characters each, is what it takes at once. What follows overrides the profile:
        ``refuses`` are parameters (``temperature``) answered with ``refusal_status``, as are
        formats outside ``supports``. ``api_key`` and ``models`` (None: any) are what it accepts;
        ``max_batch`` limits the inputs of one embeddings request; without ``usage`` no token
        counts are sent."""
        self._answers: deque[ScriptedAnswer] = deque(answers)
        self._answer = answer
        self._embedding_answers: deque[ScriptedAnswer] = deque(embedding_answers)
        plays = PROFILES[profile]
        self._rules = wire.Rules(
            replace(
                plays,
                supports=tuple(plays.supports if supports is None else supports),
                refuses=tuple(plays.refuses if refuses is None else refuses),
                refusal_status=refusal_status or plays.refusal_status,
            ),
            api_key,
            None if models is None else tuple(models),
            max_batch,
            context_tokens,
        )
        self._dimension = dimension
        self._usage = usage
        self._requests: list[Request] = []
        self._abandoned = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._port = 0
        self._failure: Exception | None = None

    # -- the life of it ------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen. Returns once the port is open."""
        if self._thread is not None:
            raise RuntimeError("the server is running already")
        ready = threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._serve(ready))
            except OSError as error:
                failures.append(error)
            finally:
                ready.set()

        self._thread = threading.Thread(target=run, name="graphmem-model-server", daemon=True)
        self._thread.start()
        ready.wait()
        if failures:
            self._thread.join()
            self._thread = None
            raise failures[0]
        return self

    def close(self) -> None:
        """Stop at once: open connections and hanging answers are cut. May be called twice.

        What the ``answer`` function raised, or a script that makes no sense, is raised here (and
        by ``with``, unless the block itself failed)."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        thread.join()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except Exception:
            if error is None:
                raise

    @property
    def base_url(self) -> str:
        """What to give a client as its base URL: ``http://127.0.0.1:PORT/v1``."""
        return f"http://127.0.0.1:{self._port}/v1"

    # -- the script and the record -------------------------------------------------------------

    def script(self, *answers: ScriptedAnswer) -> None:
        """Queue more answers for chat completions."""
        with self._changed:
            self._answers.extend(answers)

    def script_embeddings(self, *answers: ScriptedAnswer) -> None:
        """Queue faults (or a dict: the whole body) for embeddings, which else are computed."""
        with self._changed:
            self._embedding_answers.extend(answers)

    @property
    def unused(self) -> int:
        """Chat answers still in the queue."""
        with self._changed:
            return len(self._answers)

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in order of arrival, refused ones included."""
        with self._changed:
            return list(self._requests)

    @property
    def chats(self) -> list[Request]:
        """The requests for chat completions."""
        return [r for r in self.requests if r.path == "/v1/chat/completions"]

    @property
    def embeddings(self) -> list[Request]:
        """The requests for embeddings."""
        return [r for r in self.requests if r.path == "/v1/embeddings"]

    @property
    def abandoned(self) -> int:
        """How many hanging answers the client walked away from."""
        with self._changed:
            return self._abandoned

    def wait_until(self, condition: Callable[[Self], bool], timeout_s: float = 10) -> bool:
        """Block until ``condition(server)`` holds, looked at after every request and every
        abandoned answer; False when it did not within ``timeout_s``."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self), timeout_s)

    # -- serving, in the server's thread -------------------------------------------------------

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        connections: set[asyncio.Task[None]] = set()

        def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            def cut(task: asyncio.Task[None]) -> None:
                connections.discard(task)
                # Never waits for the peer: a test's client may be gone or blocked.
                writer.transport.abort()

            task = asyncio.ensure_future(self._converse(reader, writer))
            connections.add(task)
            task.add_done_callback(cut)  # also of a task that is cancelled before it began

        server = await asyncio.start_server(connect, "127.0.0.1", self._port)
        self._port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._stop.wait()
        # A server that is closed while it accepts a connection leaves that open (Python 3.11).
        with suppress(NotImplementedError):  # by Windows' loop, which accepts in another way
            for listening in server.sockets:
                self._loop.remove_reader(listening.fileno())
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in connections:
                task.cancel()
            await asyncio.wait(others)
            await asyncio.sleep(0)  # what was accepted is served, what was cut is closed
        server.close()
        await server.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await wire.next_request(reader)) is not None:
                with self._changed:
                    self._requests.append(request)
                    self._changed.notify_all()
                if not await self._respond(request, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # the client left, as clients under test do

    async def _respond(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Answer one request; False when the connection is to be closed."""
        answer = self._choose_safely(request)
        while isinstance(answer, Delay):
            await asyncio.sleep(answer.seconds)
            answer = answer.then if answer.then is not None else self._choose_safely(request)
        if isinstance(answer, Hang):
            while await reader.read(4096):
                pass
            with self._changed:
                self._abandoned += 1
                self._changed.notify_all()
            return False
        if isinstance(answer, Drop):
            if answer.midway:
                writer.write(wire.response(200, '{"id": "chatcmpl-')[:-4])
                await writer.drain()
            return False
        if isinstance(answer, Endless):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
            while not writer.is_closing():
                await asyncio.sleep(answer.pause_s)
                writer.write(answer.piece)
                await writer.drain()
            return False
        try:
            data = self._render(request, answer)
        except TypeError as error:
            data = self._render(request, self._failed(error))
        writer.write(data)
        await writer.drain()
        return request.headers.get("connection", "").lower() != "close"

    def _choose_safely(self, request: Request) -> ScriptedAnswer:
        try:
            return self._choose(request)
        except Exception as error:  # noqa: BLE001 - kept, and raised to the test by close()
            return self._failed(error)

    def _failed(self, error: Exception) -> Status:
        self._failure = self._failure or error
        return Status(400, f"the script failed: {error!r}", error_code="script_failed")

    def _choose(self, request: Request) -> ScriptedAnswer:
        refused = next(wire.refusals(self._rules, request), None)
        if refused is not None:
            return refused
        if request.path == "/v1/models":
            names = self._rules.models or ("test-model",)
            return Body(json.dumps(wire.model_list(names)))
        with self._changed:
            queue = self._embedding_answers if _embeds(request) else self._answers
            if queue:
                return queue.popleft()
        if _embeds(request):
            return Body(json.dumps(wire.embeddings(request.json, self._dimension)))
        if self._answer is not None:
            return self._answer(request)
        return Status(400, "nothing is scripted for this request", error_code="not_scripted")

    def _render(self, request: Request, answer: ScriptedAnswer) -> bytes:
        if isinstance(answer, Status):
            return wire.error_response(answer, flat=self._rules.profile.flat_errors)
        if isinstance(answer, Body):
            return wire.response(
                answer.status, answer.text, answer.headers, content_type=answer.content_type
            )
        if _embeds(request):
            if not isinstance(answer, dict):
                raise TypeError(f"{type(answer).__name__} cannot answer an embeddings request")
            return wire.response(200, json.dumps(answer))
        counts = None
        if isinstance(answer, Usage):
            counts, answer = (answer.tokens_in, answer.tokens_out), answer.answer
        body = wire.completion(
            request.json,
            _message(answer),
            counts,
            usage=self._usage,
            context_tokens=self._rules.context_tokens,
        )
        return wire.response(200, json.dumps(body))


def _embeds(request: Request) -> bool:
    return request.path == "/v1/embeddings"


def _message(answer: ScriptedAnswer) -> Says | None:
    """The assistant's message for a scripted answer; None for an answer without choices."""
    match answer:
        case str():
            return Says(answer)
        case dict() | list():
            return Says(json.dumps(answer, ensure_ascii=False))
        case Truncated():
            return Says(answer.text, finish_reason="length")
        case Says():
            return answer
        case Empty():
            return None if answer.no_choices else Says()
        case Refusal():
            refused = Says(more={"refusal": answer.text})
            return Says(finish_reason="content_filter") if answer.filtered else refused
        case _:
            raise TypeError(f"{type(answer).__name__} cannot be a model's answer here")
