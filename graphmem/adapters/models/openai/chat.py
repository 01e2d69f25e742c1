"""Chat models behind any OpenAI-compatible endpoint: OpenAI, Ollama, vLLM, llama.cpp and others.

How an answer in JSON is had depends on the server. The strictest way is tried first and, when the
server refuses it, the next one; what worked is remembered for the life of the instance:

1. ``json_schema`` (strict): the server holds the model to the schema
2. ``json_object`` with a schema beside it: llama.cpp makes a grammar of it, others pass it over
3. ``json_object``: the server promises JSON, the prompt carries the schema
4. plain text: the prompt carries the schema

A refusal that names the form counts, whatever its status; so does one that gives no reason, as long
as the server has not yet answered in that form. In the same way a parameter that is refused
(``temperature``, ``seed``, the limit of the answer's tokens under either of its names) is left out
from then on.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from graphmem.adapters.models.openai import errors as failures
from graphmem.adapters.models.openai.client import OpenAIModel
from graphmem.errors import BadModelOutput, ModelError, UsageError
from graphmem.ports.llm import Completion, Prompt
from graphmem.settings import OPENAI_URL

_log = logging.getLogger(__name__)

_FORMS = ("json_schema", "json_object with schema", "json_object", "text")
_MOST_TOKENS = 2**53
_LIMITS = ("max_tokens", "max_completion_tokens")
_CHARACTERS_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class _Way:
    """How to ask this server: in which form, and with which parameters."""

    parameters: tuple[tuple[str, Any], ...]
    form: int = 0
    renamed: bool = False
    """Whether the answer's limit goes by its other name."""

    def without(self, name: str) -> _Way:
        """Without a parameter that was refused. The answer's limit goes by its other name once."""
        kept = tuple(pair for pair in self.parameters if pair[0] != name)
        if name in _LIMITS and not self.renamed:
            other = _LIMITS[1 - _LIMITS.index(name)]
            kept = (*kept, (other, dict(self.parameters)[name]))
        return replace(self, parameters=kept, renamed=self.renamed or name in _LIMITS)


class OpenAIChat(OpenAIModel):
    """An :class:`~graphmem.ports.llm.LLM` over the chat completions API.

    ``base_url`` defaults to OpenAI's, or to ``OPENAI_BASE_URL``; ``api_key`` to ``OPENAI_API_KEY``
    when no ``base_url`` is given (a key is never sent to an endpoint it was not meant for).
    ``timeout_s`` is for one attempt, of which there are at most ``max_attempts`` while the failure
    is one that may pass; between them it waits with exponential jitter, or as long as the server
    asks, through ``sleep``. ``max_tokens`` limits an answer, ``seed`` is for servers that repeat
    themselves by it; neither is sent unless given. Use an instance from one event loop.
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
        max_tokens: int | None = None,
        seed: int | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        super().__init__(
            model,
            base_url,
            api_key,
            timeout_s=timeout_s,
            max_attempts=max_attempts,
            provider=provider,
            sleep=sleep,
            example="for example openai:gpt-5-mini",
            otherwise="use no model (GRAPHMEM_LLM=none)",
        )
        if max_tokens is not None and max_tokens < 1:
            raise UsageError("max_tokens must be at least 1")
        limit = _LIMITS[self._url.startswith(OPENAI_URL)]
        given = {"temperature": 0, "seed": seed, limit: max_tokens}
        self._way = _Way(tuple((name, v) for name, v in given.items() if v is not None))
        self._proven: int | None = None
        """The form that was answered in last."""

    async def complete(self, prompt: Prompt) -> Completion:
        """Ask once; see :class:`~graphmem.ports.llm.LLM`.

        :class:`~graphmem.errors.BadModelOutput` when the model refused, was cut off (with what
        there was as ``partial``) or said nothing; :class:`~graphmem.errors.ModelError` when it
        could not be asked.
        """
        way = self._way
        unclear: ModelError | None = None
        while True:
            try:
                answer = await self._ask(prompt, way, 1 if _failed_silently(unclear) else None)
            except ModelError as error:
                other = _other_way(way, error, proven=way.form == self._proven)
                if other is None:
                    # Of two failures, what tells more.
                    says_nothing = failures.may_refuse_format(error.__cause__)
                    clearer = unclear if unclear is not None and says_nothing else error
                    raise clearer from clearer.__cause__
                _log.info("%s: asked in another way: %s", self.name, _difference(way, other))
                if way.form != other.form and not _names_form(error):
                    unclear = unclear or error
                way = other
            else:
                # Only what worked is remembered: a server that is down for all formats, or does
                # not have the model, says nothing of what it can do.
                self._way, self._proven = way, way.form
                return self._completion(prompt, answer)

    async def _ask(self, prompt: Prompt, way: _Way, attempts: int | None) -> dict[str, Any]:
        """One answer, as plain data."""
        request = _request(self._model, prompt, way)
        body = await self._answer(
            lambda client: client.chat.completions.with_raw_response.create(**request), attempts
        )
        data = _json_or_none(body)
        if isinstance(data, dict) and (data.get("choices") or not data.get("error")):
            return data
        # Some gateways send their error with status 200.
        quote = self._quoted(str(data["error"]) if isinstance(data, dict) else body)
        raise self._bad(
            f"did not answer in OpenAI's format ({quote}); check that the base URL is right (it "
            "usually ends in /v1)"
        )

    def _completion(self, prompt: Prompt, answer: dict[str, Any]) -> Completion:
        choices = answer.get("choices") or []
        choice = _dict(choices[0]) if isinstance(choices, list) and choices else {}
        message = _dict(choice.get("message"))
        text = _answer_text(message)
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


def _request(model: str, prompt: Prompt, way: _Way) -> dict[str, Any]:
    form = _FORMS[way.form]
    system = prompt.system
    if prompt.schema is None:
        form = "text"
    elif form != "json_schema":
        schema = json.dumps(prompt.schema, ensure_ascii=False)
        system += (
            f"\n\nAnswer with one JSON object that fits this JSON schema, only that:\n{schema}"
        )
    request: dict[str, Any] = {
        "model": model,
        "messages": [
            {"role": "system", "content": system},
            *prompt.before,
            {"role": "user", "content": prompt.user},
        ],
    }
    if form == "json_schema":
        wanted = {"name": prompt.schema_name, "strict": True, "schema": prompt.schema}
        request["response_format"] = {"type": form, "json_schema": wanted}
    elif form == "json_object with schema":
        request["response_format"] = {"type": "json_object", "schema": prompt.schema}
    elif form == "json_object":
        request["response_format"] = {"type": form}
    return request | dict(way.parameters)


def _other_way(way: _Way, error: ModelError, *, proven: bool) -> _Way | None:
    """Another way to ask, when the server refused something about this one. In a form that is
    ``proven`` it answered before."""
    for name, _ in way.parameters:
        if failures.refuses(error.__cause__, name):
            return way.without(name)
    form = _FORMS[way.form]
    unclear = not proven and failures.may_refuse_format(error.__cause__)
    if form == "text" or not (unclear or _names_form(error)):
        return None
    # Refused for the schema beside it, a json_object may do; refused altogether, none does.
    message = failures.server_message(error.__cause__ or error)
    alone = form != "json_object with schema" or "schema" in message.lower()
    return replace(way, form=way.form + (1 if alone else 2))


def _difference(way: _Way, other: _Way) -> str:
    if way.form != other.form:
        return f"no {_FORMS[way.form]}"
    (gone,) = {name for name, _ in way.parameters} - {name for name, _ in other.parameters}
    return f"no {gone}"


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _names_form(error: ModelError) -> bool:
    """Whether a server said that it cannot do the form that it was asked for."""
    if error.__cause__ is not None:
        return failures.refuses_format(error.__cause__)
    return not isinstance(error, BadModelOutput) and failures.names_format(str(error))


def _failed_silently(error: ModelError | None) -> bool:
    """Whether it failed as often as it was asked, and said nothing of why."""
    return error is not None and failures.http_status(error.__cause__) == 500


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _answer_text(message: dict[str, Any]) -> str:
    """What a message says: its content; without any, what it would call a tool with, or what a
    server took for reasoning. Text that cannot be stored is replaced."""
    text = _text_of(message.get("content"))
    if not text.strip():
        calls = message.get("tool_calls")
        functions = (
            [_dict(_dict(call).get("function")) for call in calls or ()]
            if isinstance(calls, list)
            else []
        )
        functions.append(_dict(message.get("function_call")))
        arguments = (function.get("arguments") for function in functions)
        others = (*arguments, message.get("reasoning_content"), message.get("reasoning"))
        found = (json.dumps(o) if isinstance(o, dict) else _text_of(o) for o in others)
        text = next((part for part in found if "{" in part), text)
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def _text_of(content: Any) -> str:
    """A message's content as text; some servers send it in parts."""
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _tokens(usage: Any, prompt: Prompt, text: str) -> tuple[int, int]:
    """Tokens in and out as the server counted them; where it did not, estimated. What no count can
    be is the nearest that can, for it is summed up and stored."""
    counts = _dict(usage)

    def count(name: str, characters: int) -> int:
        given = counts.get(name)
        if isinstance(given, int) and not isinstance(given, bool):
            return min(max(given, 0), _MOST_TOKENS)
        return math.ceil(characters / _CHARACTERS_PER_TOKEN)

    asked = len(prompt.system) + len(prompt.user)
    asked += sum(len(message["content"]) for message in prompt.before)
    return count("prompt_tokens", asked), count("completion_tokens", len(text))
