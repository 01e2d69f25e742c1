"""Chat models behind any OpenAI-compatible endpoint: OpenAI, Ollama, vLLM, llama.cpp and others.

How an answer in JSON is had depends on the server. The strictest way is tried first and, when the
server refuses it, the next one; what worked is remembered for the life of the instance:

1. ``json_schema`` (strict): the server holds the model to the schema
2. ``json_object``: the server promises JSON, the prompt carries the schema
3. plain text: the prompt carries the schema
"""

from __future__ import annotations

import asyncio
import importlib
import ipaddress
import json
import logging
import math
import os
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from graphmem.adapters import openai_errors as failures
from graphmem.errors import BadModelOutput, ModelError, UsageError
from graphmem.ports.llm import Completion, Prompt

if TYPE_CHECKING:
    from openai import AsyncOpenAI
    from tenacity import RetryCallState

_log = logging.getLogger(__name__)

_OPENAI_URL = "https://api.openai.com/v1"
_NO_KEY = "none"
"""Sent where no key is needed: the SDK wants one, servers such as Ollama ignore it."""
_FORMATS = ("json_schema", "json_object", "text")
_FORMAT_WORDS = (
    "response_format", "response format", "json_schema", "json schema", "json_object",
    "json mode", "structured output", "guided", "grammar",
)  # fmt: skip
_MODEL_MISSING = re.compile(r"model_not_found|model\b.*\b(?:not found|does not exist|not exist)")
_CONNECT_S = 10.0
_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 20.0
_LONGEST_RETRY_AFTER_S = 60.0
_CHARACTERS_PER_TOKEN = 4


class OpenAIChat:
    """An :class:`~graphmem.ports.llm.LLM` over the chat completions API.

    ``base_url`` defaults to OpenAI's, or to ``OPENAI_BASE_URL``; ``api_key`` to ``OPENAI_API_KEY``
    when no ``base_url`` is given (a key is never sent to an endpoint it was not meant for).
    ``timeout_s`` is for one attempt, of which there are at most ``max_attempts`` while the failure
    is one that may pass; between them it waits with exponential jitter, or as long as the server
    asks, through ``sleep``. Use an instance from one event loop.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        timeout_s: float = 60,
        max_attempts: int = 4,
        provider: str = "openai",
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if not model.strip():
            raise UsageError("the model has no name; write for example openai:gpt-5-mini")
        if timeout_s <= 0 or max_attempts < 1:
            raise UsageError("timeout_s must be above 0 and max_attempts at least 1")
        self._model = model.strip()
        self._provider = provider
        self._url, self._key = _endpoint(base_url, api_key)
        self._timeout_s = float(timeout_s)
        self._max_attempts = max_attempts
        self._sleep = sleep
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()
        self._format = 0
        self._temperature = True

    def __repr__(self) -> str:
        return f"OpenAIChat({self.name!r}, base_url={failures.where(self._url)!r})"

    @property
    def name(self) -> str:
        """Provider and model, for example ``openai:gpt-5-mini``."""
        return f"{self._provider}:{self._model}"

    async def complete(self, prompt: Prompt) -> Completion:
        """Ask once; see :class:`~graphmem.ports.llm.LLM`.

        :class:`~graphmem.errors.BadModelOutput` when the model refused, was cut off (with what
        there was as ``partial``) or said nothing; :class:`~graphmem.errors.ModelError` when it
        could not be asked.
        """
        client = await self._opened()
        chosen, temperature = self._format, self._temperature
        while True:
            try:
                answer = await self._ask(client, prompt, _FORMATS[chosen], temperature)
            except ModelError as error:
                refused = error.__cause__
                if temperature and _names_temperature(refused):
                    temperature = False
                elif _refuses_format(refused, _FORMATS[chosen]):
                    chosen += 1
                    _log.info("%s: no structured output by %s", self.name, _FORMATS[chosen - 1])
                else:
                    raise
            else:
                # Only what worked is remembered: a server that is down for all formats, or does
                # not have the model, says nothing of what it can do.
                self._format = max(self._format, chosen)
                self._temperature = self._temperature and temperature
                return self._completion(prompt, answer)

    async def close(self) -> None:
        """Close the connections. May be called twice."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _opened(self) -> AsyncOpenAI:
        async with self._opening:
            if self._client is None:
                # The import takes half a second: not in the event loop.
                openai = await asyncio.to_thread(importlib.import_module, "openai")
                # A proxy set for the internet must not be asked for this machine's own servers.
                direct = openai.DefaultAsyncHttpxClient(trust_env=False) if self._local else None
                self._client = openai.AsyncOpenAI(
                    base_url=self._url,
                    api_key=self._key,
                    max_retries=0,
                    timeout=openai.Timeout(
                        self._timeout_s, connect=min(_CONNECT_S, self._timeout_s)
                    ),
                    http_client=direct,
                )
            assert self._client is not None  # noqa: S101 - for the type checker
            return self._client

    @property
    def _local(self) -> bool:
        host = urlsplit(self._url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")

    async def _ask(
        self, client: AsyncOpenAI, prompt: Prompt, form: str, temperature: bool
    ) -> dict[str, Any]:
        """One answer, as plain data, after retries; a :class:`ModelError` with the vendor's error
        as its cause when there is none."""
        import openai
        from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

        request = _request(self._model, prompt, form)
        if temperature:
            request["temperature"] = 0

        async def once() -> dict[str, Any]:
            async with asyncio.timeout(self._timeout_s):
                # Read raw: servers that are only nearly compatible are read leniently.
                response = await client.chat.completions.with_raw_response.create(**request)
            data = _json_or_none(response.text)
            if not isinstance(data, dict):
                raise self._not_openai(response.text)
            return data

        retrying = AsyncRetrying(
            retry=retry_if_exception(_worth_waiting),
            stop=stop_after_attempt(self._max_attempts),
            wait=_wait,
            before_sleep=self._tell,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return await retrying(once)
        except (openai.OpenAIError, TimeoutError) as error:
            raise failures.explain(
                error, name=self.name, url=self._url, key=self._key, timeout_s=self._timeout_s
            ) from error

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        what = type(error).__name__
        wait_s = state.upcoming_sleep
        _log.info(
            "%s: %s, attempt %d, again in %.1f s", self.name, what, state.attempt_number, wait_s
        )

    def _not_openai(self, body: str) -> ModelError:
        quote = failures.redact(" ".join(body.split()), self._key)
        return ModelError(
            f"{self.name}: {failures.where(self._url)} did not answer in OpenAI's format "
            f"({quote}); check that the base URL is right (it usually ends in /v1)",
            retryable=False,
        )

    def _completion(self, prompt: Prompt, answer: dict[str, Any]) -> Completion:
        choices = answer.get("choices") or []
        if not choices and answer.get("error"):
            # Some gateways send their error with status 200.
            raise self._not_openai(str(answer["error"]))
        choice = _dict(choices[0]) if isinstance(choices, list) and choices else {}
        message = _dict(choice.get("message"))
        text = _text_of(message.get("content"))
        tokens_in, tokens_out = _tokens(answer.get("usage"), prompt, text)

        def bad(why: str, *, retryable: bool, too_long: bool = False) -> BadModelOutput:
            return BadModelOutput(
                f"{self.name}: {why}",
                retryable=retryable,
                too_long=too_long,
                partial=text,
                calls=1,
                tokens_in=tokens_in,
                tokens_out=tokens_out,
            )

        if message.get("refusal"):
            quote = failures.redact(str(message["refusal"]), self._key)
            raise bad(f"the model refused: {quote}", retryable=False)
        ended = choice.get("finish_reason")
        if ended == "content_filter":
            raise bad("the provider's content filter stopped the answer", retryable=False)
        if ended == "length":
            raise bad(
                f"the answer was cut off at the model's token limit after {tokens_out} tokens; "
                "allow it longer answers, or ask for less at a time",
                retryable=False,
                too_long=True,
            )
        if not text.strip():
            raise bad("the answer was empty", retryable=True)
        return Completion(text, str(answer.get("model") or self._model), tokens_in, tokens_out)


def _endpoint(base_url: str | None, api_key: str | None) -> tuple[str, str]:
    """URL and key to use. Only OpenAI itself is known to need a key; others get a stand-in."""
    if base_url is None:
        base_url = os.environ.get("OPENAI_BASE_URL") or _OPENAI_URL
        api_key = api_key or os.environ.get("OPENAI_API_KEY")
    url = failures.check_base_url(base_url)
    key = (api_key or "").strip()
    if not key and url.startswith(_OPENAI_URL):
        raise UsageError(
            "OpenAI needs a key: set OPENAI_API_KEY, or name another endpoint with "
            "OPENAI_BASE_URL, or use no model (GRAPHMEM_LLM=none)"
        )
    if not key.isascii() or not key.isprintable():
        raise UsageError("the API key holds characters that no key has; was it copied whole?")
    return url, key or _NO_KEY


def _request(model: str, prompt: Prompt, form: str) -> dict[str, Any]:
    system = prompt.system
    if form != "json_schema":
        schema = json.dumps(prompt.schema, ensure_ascii=False)
        system += (
            f"\n\nAnswer with one JSON object that fits this JSON schema, only that:\n{schema}"
        )
    request: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": system},
            {"role": "user", "content": prompt.user},
        ],
    }
    if form == "json_schema":
        wanted = {"name": prompt.schema_name, "strict": True, "schema": prompt.schema}
        request["response_format"] = {"type": form, "json_schema": wanted}
    elif form == "json_object":
        request["response_format"] = {"type": form}
    return request


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _worth_waiting(error: BaseException) -> bool:
    """Retryable, unless the server asks for more patience than a call should have."""
    if not failures.is_retryable(error):
        return False
    asked = failures.retry_after_s(failures.headers_of(error))
    return asked is None or asked <= _LONGEST_RETRY_AFTER_S


def _wait(state: RetryCallState) -> float:
    """Seconds before the next attempt: full jitter, but never less than the server asked for.

    Full jitter as in M. Brooker, "Exponential Backoff and Jitter" (AWS Architecture Blog, 2015).
    """
    from tenacity import wait_random_exponential

    jitter = wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S)(state)
    error = state.outcome.exception() if state.outcome else None
    asked = failures.retry_after_s(failures.headers_of(error)) if error else None
    return jitter if asked is None else asked + min(jitter, 1.0)


def _names_temperature(error: BaseException | None) -> bool:
    return _refusal_text(error, {400, 422}).find("temperature") >= 0


def _refuses_format(error: BaseException | None, form: str) -> bool:
    """Whether a server that was asked for ``form`` said that it cannot do that.

    400 and 422 have to name it. 404 and 501 may mean that as well, unless the model is missing.
    """
    if form == "text" or not isinstance(error, Exception):
        return False
    if failures.status_of(error) in {404, 501}:
        missing = f"{failures.code_of(error)} {failures.said(error)}".lower()
        return not _MODEL_MISSING.search(missing)
    text = _refusal_text(error, {400, 422})
    return any(word in text for word in _FORMAT_WORDS)


def _refusal_text(error: BaseException | None, statuses: set[int]) -> str:
    if not isinstance(error, Exception) or failures.status_of(error) not in statuses:
        return ""
    return f"{failures.code_of(error)} {failures.said(error)}".lower()


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text_of(content: Any) -> str:
    """A message's content as text; some servers send it in parts."""
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _tokens(usage: Any, prompt: Prompt, text: str) -> tuple[int, int]:
    """Tokens in and out as the server counted them; where it did not, estimated."""
    counts = _dict(usage)

    def count(name: str, characters: int) -> int:
        given = counts.get(name)
        return given if isinstance(given, int) else math.ceil(characters / _CHARACTERS_PER_TOKEN)

    asked = len(prompt.system) + len(prompt.user)
    return count("prompt_tokens", asked), count("completion_tokens", len(text))
