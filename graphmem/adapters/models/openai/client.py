"""A model behind any endpoint that speaks OpenAI's protocol, asked through the ``openai`` SDK: the
client, and when and how long to wait."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from graphmem.adapters.models.openai import errors as failures
from graphmem.errors import ModelError, UsageError
from graphmem.proxies import as_the_environment_says, on_this_machine
from graphmem.settings import OPENAI_URL

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from tenacity import RetryCallState

_log = logging.getLogger(__name__)

_NO_KEY = "none"
"""Sent where no key is needed: the SDK wants one, servers such as Ollama ignore it."""
_CONNECT_S = 10.0
_READ_BYTES = 64 * 1024
_UNTRUE = frozenset({b"content-encoding", b"content-length", b"transfer-encoding", b"content-type"})
"""Headers that say nothing true of a body that was unpacked. JSON is UTF-8, whatever charset its
type names (RFC 8259 section 8.1)."""
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 20.0
_LONGEST_RETRY_AFTER_S = 60.0


def endpoint(base_url: str | None, api_key: str | None, *, otherwise: str) -> tuple[str, str]:
    """URL and key to use. ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY`` stand in only where no URL is
    given: a key is never sent to an endpoint it was not meant for. ``otherwise`` says what to do
    without a key."""
    if base_url is None:
        base_url = os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
        api_key = api_key or os.environ.get("OPENAI_API_KEY")
    url = failures.check_base_url(base_url)
    key = (api_key or "").strip()
    if not key and url.startswith(OPENAI_URL):
        raise UsageError(
            "OpenAI needs a key: set OPENAI_API_KEY, or name another endpoint with "
            f"OPENAI_BASE_URL, or {otherwise}"
        )
    if not key.isascii() or not key.isprintable():
        raise UsageError("the API key holds characters that no key has; was it copied whole?")
    return url, key or _NO_KEY


async def open_client(url: str, key: str, timeout_s: float) -> AsyncOpenAI:
    """A client that does not retry by itself, follows no redirect, reads no answer without end and
    asks no proxy for this machine's own servers."""
    # The import takes half a second: not in the event loop.
    openai: Any = await asyncio.to_thread(importlib.import_module, "openai")
    local = {"trust_env": False} if on_this_machine(urlsplit(url).hostname or "") else {}
    with as_the_environment_says(failures.public_url(url), ModelError):
        # What is asked, and the key, go to this endpoint, and nowhere that it may point to.
        http = _bounded(openai.DefaultAsyncHttpxClient)(follow_redirects=False, **local)
    client: AsyncOpenAI = openai.AsyncOpenAI(
        base_url=url,
        api_key=key,
        max_retries=0,
        timeout=openai.Timeout(timeout_s, connect=min(_CONNECT_S, timeout_s)),
        http_client=http,
    )
    return client


def _bounded(http_client: Any) -> Any:
    """The HTTP client, reading no more of a body than an answer can have; counted unpacked."""

    class Bounded(http_client):  # type: ignore[misc]
        async def send(self, request: Any, *, stream: bool = False, **options: Any) -> Any:
            response = await super().send(request, stream=True, **options)
            if stream:
                return response
            parts: list[bytes] = []
            size = 0
            try:
                async for part in response.aiter_bytes(_READ_BYTES):
                    size += len(part)
                    if size > failures.LONGEST_BODY:
                        raise failures.AnswerTooLong(size)
                    parts.append(part)
            finally:
                await response.aclose()
            headers = [pair for pair in response.headers.raw if pair[0].lower() not in _UNTRUE]
            return type(response)(
                response.status_code, headers=headers, content=b"".join(parts), request=request
            )

    return Bounded


class OpenAIModel:
    """One model behind an endpoint: its name, its connections, and how it is asked. The base of
    chat and embeddings. Use an instance from one event loop."""

    def __init__(
        self,
        model: str,
        base_url: str | None,
        api_key: str | None,
        *,
        timeout_s: float,
        max_attempts: int,
        provider: str,
        sleep: Callable[[float], Awaitable[None]],
        example: str,
        otherwise: str,
    ) -> None:
        """``example`` is a name for who gives none, ``otherwise`` what to do without a key."""
        if not model.strip():
            raise UsageError(f"the model has no name; write {example}")
        if timeout_s <= 0 or max_attempts < 1:
            raise UsageError("timeout_s must be above 0 and max_attempts at least 1")
        self._model = model.strip()
        self._provider = provider
        self._url, self._key = endpoint(base_url, api_key, otherwise=otherwise)
        self._timeout_s = float(timeout_s)
        self._max_attempts = max_attempts
        self._sleep = sleep
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()

    def __repr__(self) -> str:
        address = failures.public_url(self._url)
        return f"{type(self).__name__}({self.name!r}, base_url={address!r})"

    @property
    def name(self) -> str:
        """Provider and model, for example ``openai:gpt-5-mini``."""
        return f"{self._provider}:{self._model}"

    async def close(self) -> None:
        """Close the connections. May be called twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _answer(
        self, call: Callable[[AsyncOpenAI], Awaitable[Any]], attempts: int | None = None
    ) -> str:
        """The body of the answer to one raw call, which is repeated while its failure may pass.

        Without an answer a :class:`~graphmem.errors.ModelError`, with the vendor's error as its
        cause. The body is read raw: servers that are only nearly compatible are read leniently.
        """
        async with self._opening:
            client = self._client = self._client or await open_client(
                self._url, self._key, self._timeout_s
            )
        import openai
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        async def once() -> str:
            async with asyncio.timeout(self._timeout_s):
                body: str = (await call(client)).text
            return body.removeprefix("\ufeff")

        retrying = AsyncRetrying(
            retry=retry_if_exception(worth_waiting),
            stop=stop_after_attempt(attempts or self._max_attempts),
            wait=_wait,
            sleep=self._pause,
            reraise=True,
        )
        try:
            return await retrying(once)
        except (openai.OpenAIError, TimeoutError, failures.AnswerTooLong) as error:
            raise failures.model_error(
                error, name=self.name, url=self._url, key=self._key, timeout_s=self._timeout_s
            ) from error
        except Exception as error:
            # What the SDK reads from the environment, or cannot write down, fails in many ways.
            why = failures.redact(f"{type(error).__name__}: {error}", self._key)
            raise self._bad(
                f"cannot be asked ({why}); check the model's name, and what OPENAI_… and …_PROXY "
                "variables are set"
            ) from error

    async def _pause(self, seconds: float) -> None:
        _log.info("%s: no answer yet, asked again in %.1f s", self.name, seconds)
        await self._sleep(seconds)

    def _bad(self, what: str) -> ModelError:
        """The error for an endpoint that did ``what``."""
        return ModelError(f"{self.name}: {failures.public_url(self._url)} {what}", retryable=False)

    def _quoted(self, body: str) -> str:
        return failures.redact(" ".join(body.split()), self._key)


def worth_waiting(error: BaseException) -> bool:
    """Retryable, unless the server asks for more patience than a call should have."""
    if not failures.is_retryable(error):
        return False
    asked = failures.retry_after_s(failures.headers_of(error))
    return asked is None or asked <= _LONGEST_RETRY_AFTER_S


def _wait(state: RetryCallState) -> float:
    """Full jitter (M. Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015), but
    never less than the server asked for."""
    from tenacity import wait_random_exponential

    jitter = wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S)(state)
    error = state.outcome.exception() if state.outcome else None
    asked = failures.retry_after_s(failures.headers_of(error)) if error else None
    return jitter if asked is None else asked + min(jitter, 1.0)
