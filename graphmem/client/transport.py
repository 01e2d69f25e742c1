"""Requests to a server: one pool of connections, tried again where that is safe."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from graphmem import __version__
from graphmem.client.problems import error_of, reading_answer
from graphmem.errors import GraphmemError, LimitExceeded, Unavailable, UsageError, shown
from graphmem.proxies import as_the_environment_says, on_this_machine
from graphmem.text import redacted

EVENTS: Final = "text/event-stream"
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LONGEST_WAIT_S = 30.0
_CONNECT_S = 10.0
Progress = Callable[..., None]


def checked_url(url: object) -> str:
    """The address of a server, or UsageError."""
    if not isinstance(url, str):
        raise UsageError(f"the URL of a server is text, got {type(url).__name__}")
    try:
        parts = urlsplit(url)
        port = parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as error:
        why = str(error).partition(" as ")[0]  # behind it, a part of a password may stand
        raise UsageError(f"{redacted(url)!r} is no URL: {why}") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise UsageError(
            f"{redacted(url)!r} is no address of a server: write https://host or http://host:port"
        )
    if parts.username or parts.password:
        raise UsageError("a key does not stand in the URL: give it as api_key, or GRAPHMEM_API_KEY")
    if parts.query or parts.fragment:
        raise UsageError(f"{redacted(url)!r} has more than a place: leave out what follows ? or #")
    return url.rstrip("/")


class Transport:
    """What speaks to one server. ``attempts`` is how often a request is tried that may be made
    again; ``timeout_s`` how long the server may be silent; ``scheme`` how a key is called."""

    def __init__(
        self,
        url: str,
        api_key: str | None,
        *,
        timeout_s: float,
        attempts: int,
        scheme: str = "Bearer",
    ) -> None:
        self.url = checked_url(url)
        if not isinstance(attempts, int) or attempts < 1:
            raise UsageError(f"attempts are a whole number from 1, got {shown(attempts)}")
        if not isinstance(timeout_s, int | float) or not timeout_s > 0:
            raise UsageError(f"timeout_s is a number above 0, got {shown(timeout_s)}")
        self._attempts = attempts
        self._loop: asyncio.AbstractEventLoop | None = None
        headers = {"user-agent": f"graphmem/{__version__}", "accept": "application/json"}
        if api_key:
            if not isinstance(api_key, str) or not (api_key.isascii() and api_key.isprintable()):
                raise UsageError("an API key is made of printable ASCII characters")
            headers["authorization"] = f"{scheme} {api_key}"
        with as_the_environment_says(self.url):
            self._http = httpx.AsyncClient(
                base_url=self.url,
                headers=headers,
                timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_S)),
                limits=httpx.Limits(max_connections=100, max_keepalive_connections=20),
                follow_redirects=False,  # a key goes to the server that it was given for
                # To read the certificates of all authorities takes longer than any request.
                verify=self.url.startswith("https:"),
                # A proxy would be given the key and the texts of a server that it cannot reach.
                trust_env=not on_this_machine(urlsplit(self.url).hostname or ""),
            )

    async def close(self) -> None:
        """End its connections, which have ended with their event loop where that has."""
        if self._loop is None or not self._loop.is_closed():
            await self._http.aclose()

    async def call(self, path: str, content: bytes, *, repeatable: bool) -> Any:
        """A request, and the JSON that answers it. What is not ``repeatable`` by itself goes under
        a key, so that it is done once however often it is sent."""
        headers = {"content-type": "application/json"}
        if not repeatable:
            headers["idempotency-key"] = uuid.uuid4().hex

        async def once() -> Any:
            answer = await self._usable().post(path, content=content, headers=headers)
            _raise_for(answer)
            return _json(answer)

        return await self._repeated(once, repeatable=True)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None,
        headers: Mapping[bytes, bytes],
        repeatable: bool,
    ) -> Any:
        """A request in a form that is not graphmem's own, and the JSON that answers it."""
        sent = (
            dict(headers) if content is None else {**headers, b"content-type": b"application/json"}
        )

        async def once() -> Any:
            answer = await self._usable().request(method, path, content=content, headers=sent)
            if not answer.is_success:
                _raise_for(answer)
            return _json(answer) if answer.content else {}

        return await self._repeated(once, repeatable=repeatable)

    async def ping(self) -> None:
        """Ask whether the server answers, and takes the key."""
        await self.ask("GET", "/v1/ping", content=None, headers={}, repeatable=True)

    async def follow(
        self, path: str, content: bytes, progress: Progress | None, *, repeatable: bool
    ) -> Any:
        """A request whose answer is told step by step: ``progress`` is called with each."""
        headers = {"content-type": "application/json", "accept": EVENTS}

        async def once() -> Any:
            request = self._usable().build_request("POST", path, content=content, headers=headers)
            async with self._streamed(request) as answer:
                return await _followed(answer, progress)

        return await self._repeated(once, repeatable=repeatable)

    @asynccontextmanager
    async def download(self, path: str, content: bytes) -> AsyncIterator[httpx.Response]:
        """A request whose answer is a file."""
        headers = {"content-type": "application/json", "accept": "*/*"}
        request = self._usable().build_request(
            "POST", path, content=content, headers=headers, timeout=httpx.Timeout(None)
        )
        try:
            async with self._streamed(request) as answer:
                yield answer
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error

    async def upload(self, path: str, query: Mapping[str, str], parts: AsyncIterator[bytes]) -> Any:
        """A request whose body is a file."""
        try:
            answer = await self._usable().post(
                path,
                params=query,
                content=parts,
                headers={"content-type": "application/x-ndjson"},
                timeout=httpx.Timeout(None),
            )
        except httpx.HTTPError as error:
            raise self._unreachable(error) from error
        _raise_for(answer)
        return _json(answer)

    @asynccontextmanager
    async def _streamed(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        answer = await self._usable().send(request, stream=True)
        try:
            if answer.status_code != 200:
                await answer.aread()
                _raise_for(answer)
            yield answer
        finally:
            await answer.aclose()

    async def _repeated(self, once: Callable[[], Any], *, repeatable: bool) -> Any:
        """What ``once`` gives. It is tried again when the request was never sent, or was refused
        before anything was done; after an answer that was lost only what is ``repeatable``."""
        for attempt in range(1, self._attempts + 1):
            wait_s = random.uniform(0.5, 1.0) * 0.2 * 2**attempt  # noqa: S311 - no secret
            try:
                return await once()
            except _NEVER_SENT as error:
                failed: GraphmemError = self._unreachable(error)
            except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, ExceptionGroup) as error:
                failed = self._unreachable(error, lost=True)
                if not repeatable:
                    raise failed from error
            except LimitExceeded as error:
                failed, wait_s = error, error.retry_after_s
            except Unavailable as error:
                failed, wait_s = error, max(wait_s, error.retry_after_s or 0.0)
                if not repeatable:
                    raise
            if attempt == self._attempts or wait_s > _LONGEST_WAIT_S:
                raise failed
            await asyncio.sleep(wait_s)
        raise AssertionError("there is at least one attempt")

    def _usable(self) -> httpx.AsyncClient:
        """The connections. UsageError where they were ended, or are another event loop's."""
        if self._http.is_closed:
            raise UsageError("this memory is closed; open it again")
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise UsageError(
                "this memory was used in another event loop: open one in each, or use Memory, "
                "which any thread and any loop may call"
            )
        return self._http

    def _unreachable(self, error: Exception, *, lost: bool = False) -> Unavailable:
        why = str(error) or type(error).__name__
        failed = Unavailable(f"the server {self.url} cannot be reached: {why}")
        failed.lost = lost
        return failed


def _raise_for(answer: httpx.Response) -> None:
    if answer.status_code == 200:
        return
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        body = None
    error = error_of(answer.status_code, body, _text(answer))
    wait_s = _asked_to_wait(answer.headers.get("retry-after", ""))
    if wait_s is not None and isinstance(error, LimitExceeded | Unavailable):
        error.retry_after_s = wait_s
    raise error


def _asked_to_wait(given: str) -> float | None:
    """What ``Retry-After`` says, which is seconds or a date; None where it says neither."""
    if given.isascii() and given.isdigit():
        return float(given[:9])
    try:
        return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except (ValueError, RecursionError) as error:
        raise Unavailable(f"the server did not answer with JSON: {_text(answer)[:200]}") from error


def _text(answer: httpx.Response) -> str:
    """An answer to be quoted. The charset that it names may be none of text (base64, zip)."""
    return answer.content.decode("utf-8", "replace")


async def _followed(answer: httpx.Response, progress: Progress | None) -> Any:
    """The result at the end of a stream of events."""
    event = ""
    async for line in _lines(answer):
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        if name != "data" or event not in {"result", "problem", "progress"}:
            continue
        with reading_answer():
            data = json.loads(value)
            steps = tuple(data) if event == "progress" else ()
            status = int(data["status"]) if event == "problem" else 200
        if event == "result":
            return data
        if event == "problem":
            raise error_of(status, data, value)
        if progress is not None:
            progress(*steps)
    cut = Unavailable("the server ended the connection before the work was done")
    cut.lost = True
    raise cut


async def _lines(answer: httpx.Response) -> AsyncIterator[bytes]:
    """What ends with a line feed: other signs that end a line elsewhere may stand in a text."""
    rest = b""
    async for piece in answer.aiter_bytes():
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line
