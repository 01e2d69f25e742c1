"""OpenAI's wire format, as :mod:`graphmem.testing.llm_server` speaks it: pure functions.

Shapes follow OpenAI's API reference (chat completions, embeddings, models, errors) and the rules
of its guide on structured outputs. How other servers differ, and how they word a refusal, is after
themselves (OpenAI's error reference, vLLM's ``serving_engine.py``, llama.cpp's ``tools/server``,
Ollama's ``openai/openai.go``).
"""

from __future__ import annotations

import array
import asyncio
import base64
import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

from graphmem.text import words

_CREATED = 1_767_225_600
_STRICT_KEYWORDS = frozenset(
    {
        "type", "properties", "required", "additionalProperties", "items", "enum", "const",
        "anyOf", "$ref", "$defs", "definitions", "description", "title", "pattern", "format",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems",
        "maxItems",
    }
)  # fmt: skip

Format = Literal["json_schema", "json_object", "text"]
ALL_FORMATS: tuple[Format, ...] = ("json_schema", "json_object", "text")


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of server, and what one of it accepts. Texts are format strings."""

    supports: tuple[Format, ...] = ALL_FORMATS
    refuses: tuple[str, ...] = ()
    refusal_status: int = 400
    flat_errors: bool = False
    schema_beside: bool = True
    """Whether ``json_object`` may have a ``schema`` beside it; False refuses that."""
    no_format: str = "Invalid parameter: 'response_format' of type '{}' is not supported."
    no_parameter: str = "Unsupported parameter: '{}' is not supported with this model."
    no_model: str = "The model `{}` does not exist or you do not have access to it."
    overflow: str | None = (
        "This model's maximum context length is {limit} tokens. However, your messages resulted "
        "in {asked} tokens. Please reduce the length of the messages."
    )
    """None: what does not fit is dropped without a word."""
    overflow_code: str | None = "context_length_exceeded"
    api_key: str | None = None
    models: tuple[str, ...] | None = None
    max_batch: int = 2048
    context_tokens: int | None = None


PROFILES: Mapping[str, Profile] = {
    "openai": Profile(),
    "openai-reasoning": Profile(refuses=("temperature", "max_tokens", "seed")),
    "openai-older": Profile(supports=("json_object", "text"), schema_beside=False),
    "ollama": Profile(
        no_model='model "{}" not found, try pulling it first',
        overflow=None,
    ),
    "vllm": Profile(
        flat_errors=True,
        no_model="The model `{}` does not exist.",
        overflow="This model's maximum context length is {limit} tokens. However, you requested "
        "{asked} tokens in the messages, Please reduce the length of the messages.",
        overflow_code=None,
    ),
    "vllm-older": Profile(
        supports=("json_object", "text"),
        flat_errors=True,
        no_format="[{{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': "
        "\"Input should be 'text' or 'json_object'\", 'input': '{}'}}]",
        overflow="This model's maximum context length is {limit} tokens. However, you requested "
        "{asked} tokens. Please reduce the length of the messages or completion.",
        overflow_code=None,
    ),
    "llama.cpp": Profile(
        overflow="request ({asked} tokens) exceeds the available context size ({limit} tokens), "
        "try increasing it",
        overflow_code="exceed_context_size_error",
    ),
    "llama.cpp-older": Profile(
        supports=("json_object", "text"),
        refusal_status=500,
        no_format='response_format type must be one of "text" or "json_object", but got: {}',
        overflow="the request exceeds the available context size. try increasing the context size",
        overflow_code=None,
    ),
    "strict": Profile(
        supports=("text",),
        refuses=("temperature", "seed", "max_tokens", "max_completion_tokens", "response_format"),
        refusal_status=422,
        no_parameter="body.{}: Extra inputs are not permitted",
    ),
}
"""By name. ``strict`` is a gateway that knows nothing but model and messages."""


@dataclass(frozen=True, slots=True)
class Head:
    """The head of an HTTP request."""

    method: str
    path: str
    headers: Mapping[str, str]
    length: int
    """Bytes of the body that follows."""


@dataclass(frozen=True, slots=True)
class Refused:
    status: int
    message: str
    param: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class WireMessage:
    """An assistant's message and why it ended."""

    content: str | None
    finish_reason: str = "stop"
    refusal: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the message: ``tool_calls``, ``reasoning_content``."""


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next request's head; None when the client has closed the connection.

    What is not HTTP with a body of known length is a :class:`ConnectionError`.
    """
    try:
        raw = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    first, *lines = raw.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    try:
        method, target, _ = first.split(" ", 2)
        length = int(headers.get("content-length", "0"))
    except ValueError as error:
        raise ConnectionAbortedError(f"not HTTP: {first!r}") from error
    return Head(method, target.partition("?")[0].rstrip("/"), headers, length)


def json_or_none(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def response(
    status: int,
    body: str | bytes,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> bytes:
    """A whole HTTP/1.1 response."""
    data = body if isinstance(body, bytes) else body.encode()
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = "Status"
    fields = {"Content-Type": content_type, "Content-Length": str(len(data)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{k}: {v}" for k, v in fields.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + data


def error_object(
    status: int, message: str, param: str | None, code: str | None, *, flat: bool = False
) -> dict[str, Any]:
    """An error as OpenAI sends it, or (``flat``) as vLLM did, without an object around it."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    if flat:
        return {
            "object": "error", "message": message, "type": kind, "param": param, "code": status
        }  # fmt: skip
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def refusal(rules: Profile, method: str, path: str, key: str | None, body: Any) -> Refused | None:
    """Why a provider would not take this request; None when it would."""
    return next(_refusals(rules, method, path, key, body), None)


def _refusals(
    rules: Profile, method: str, path: str, key: str | None, body: Any
) -> Iterator[Refused]:
    if rules.api_key is not None and key != rules.api_key:
        yield Refused(401, "Incorrect API key provided.", code="invalid_api_key")
    if (method, path) == ("GET", "/v1/models"):
        return
    if method != "POST" or path not in {"/v1/chat/completions", "/v1/embeddings"}:
        yield Refused(404, f"Invalid URL ({method} {path})", code="unknown_url")
    if not isinstance(body, dict):
        yield Refused(400, "We could not parse the JSON body of your request.")
        return
    if not isinstance(body.get("model"), str):
        yield Refused(400, "you must provide a model parameter", "model")
    if rules.models is not None and body["model"] not in rules.models:
        yield Refused(404, rules.no_model.format(body["model"]), code="model_not_found")
    for name in rules.refuses:
        if name in body:
            message = rules.no_parameter.format(name)
            yield Refused(rules.refusal_status, message, name, "unsupported_parameter")
    special = _embedding_refusals if path == "/v1/embeddings" else _chat_refusals
    yield from special(rules, body)


def _embedding_refusals(rules: Profile, body: Mapping[str, Any]) -> Iterator[Refused]:
    texts = _inputs(body)
    if not texts or not all(isinstance(text, str) and text for text in texts):
        yield Refused(400, "'$.input' is invalid: give one or more non-empty texts", "input")
    if len(texts) > rules.max_batch:
        yield Refused(400, f"'$.input' is too long: at most {rules.max_batch} texts", "input")
    if body.get("encoding_format", "float") not in {"float", "base64"}:
        yield Refused(400, "'$.encoding_format' is invalid", "encoding_format")


def _chat_refusals(rules: Profile, body: Mapping[str, Any]) -> Iterator[Refused]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages or [0]):
        yield Refused(400, "'messages' must be a list of at least one message", "messages")
    if body.get("stream"):
        yield Refused(400, "this test server does not stream", "stream")
    if isinstance(messages, list) and rules.context_tokens and rules.overflow:
        asked = _asked_tokens(messages) + int(body.get("max_tokens") or 0)
        if asked > rules.context_tokens:
            message = rules.overflow.format(limit=rules.context_tokens, asked=asked)
            yield Refused(400, message, "messages", rules.overflow_code)
    wanted = body.get("response_format")
    if wanted is None:
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in rules.supports:
        message = rules.no_format.format(kind)
        yield Refused(rules.refusal_status, message, "response_format", "unsupported_value")
    if "schema" in wanted and not rules.schema_beside:
        message = "Unknown parameter: 'response_format.schema'."
        yield Refused(400, message, "response_format.schema", "unknown_parameter")
    if kind == "json_object" and "json" not in json.dumps(messages).lower():
        message = "'messages' must contain the word 'json' to use 'response_format' 'json_object'."
        yield Refused(400, message, "messages")
    if kind == "json_schema":
        yield from _schema_refusals(wanted.get("json_schema"))


def _schema_refusals(wanted: Any) -> Iterator[Refused]:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("name"), str):
        yield Refused(400, "Missing 'response_format.json_schema.name'", "response_format")
    elif wanted.get("strict"):
        for problem in strict_problems(wanted.get("schema")):
            message = f"Invalid schema for response_format '{wanted['name']}': {problem}"
            yield Refused(400, message, "response_format", "invalid_json_schema")


def strict_problems(schema: Any, where: str = "schema") -> Iterator[str]:
    """What strict structured output does not allow in a JSON schema.

    Every object lists all its properties as required and forbids others; only the documented
    subset of keywords may be used.
    """
    if not isinstance(schema, dict):
        yield f"{where} is not an object"
        return
    for word in sorted(schema.keys() - _STRICT_KEYWORDS):
        yield f"{where} uses '{word}', which is not permitted"
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            yield f"{where} must have 'additionalProperties' set to false"
        if sorted(schema.get("required", ())) != sorted(schema.get("properties", ())):
            yield f"{where} must list every property in 'required'"
    for group in ("properties", "$defs", "definitions"):
        for name, inner in schema.get(group, {}).items():
            yield from strict_problems(inner, f"{where}.{name}")
    if "items" in schema:
        yield from strict_problems(schema["items"], f"{where}.items")
    for number, inner in enumerate(schema.get("anyOf", ())):
        yield from strict_problems(inner, f"{where}.anyOf[{number}]")


def completion(
    request: Mapping[str, Any],
    message: WireMessage | None,
    counts: tuple[int, int] | None,
    *,
    usage: bool,
    context_tokens: int | None = None,
) -> dict[str, Any]:
    """A ``chat.completion`` object; without a message, one without choices."""
    choices = []
    if message is not None:
        reply = {"role": "assistant", "content": message.content, "refusal": message.refusal}
        reply |= message.more
        choices = [{"index": 0, "message": reply, "finish_reason": message.finish_reason}]
    body = {
        "id": "chatcmpl-local",
        "object": "chat.completion",
        "created": _CREATED,
        "model": request["model"],
        "choices": choices,
    }
    if usage:
        text = (message.content or "") if message else ""
        asked = _asked_tokens(request["messages"])
        asked = min(asked, context_tokens or asked)  # a server that drops what does not fit
        tokens_in, tokens_out = counts or (asked, _tokens(len(text)))
        body["usage"] = {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        }
    return body


def model_list(names: Sequence[str]) -> dict[str, Any]:
    kept = [
        {"id": name, "object": "model", "created": _CREATED, "owned_by": "local"} for name in names
    ]
    return {"object": "list", "data": kept}


def embeddings(request: Mapping[str, Any], dimension: int) -> dict[str, Any]:
    """The answer to an embeddings request; ``dimensions`` and base64 are honoured."""
    texts = _inputs(request)
    vectors = [embed(text, int(request.get("dimensions") or dimension)) for text in texts]
    as_base64 = request.get("encoding_format") == "base64"
    used = _tokens(sum(len(text) for text in texts))
    return {
        "object": "list",
        "model": request["model"],
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": _base64(vector) if as_base64 else vector,
            }
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }


def embed(text: str, dimension: int) -> list[float]:
    """A unit vector: each word adds to four hashed places, so shared words mean similarity."""
    vector = [0.0] * dimension
    for word in words(text) or [text]:
        state = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=32).digest()
        for start in (0, 8, 16, 24):
            value = int.from_bytes(state[start : start + 8], "big")
            vector[value % dimension] += 1.0 if value >> 63 else -1.0
    norm = math.sqrt(sum(x * x for x in vector))
    if norm == 0.0:  # every place cancelled out
        vector[0] = norm = 1.0
    return [x / norm for x in vector]


def _inputs(request: Mapping[str, Any]) -> list[Any]:
    given = request.get("input")
    return given if isinstance(given, list) else [given]


def _base64(vector: Sequence[float]) -> str:
    data = array.array("f", vector)
    if sys.byteorder == "big":
        data.byteswap()
    return base64.b64encode(data.tobytes()).decode()


def _asked_tokens(messages: Sequence[Any]) -> int:
    contents = (m.get("content", "") for m in messages if isinstance(m, dict))
    return _tokens(sum(len(str(content)) for content in contents))


def _tokens(characters: int) -> int:
    return max(1, math.ceil(characters / 4))
