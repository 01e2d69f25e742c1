"""OpenAI's wire format, as :mod:`graphmem.testing.llm_server` speaks it: pure functions.

Shapes follow OpenAI's API reference (chat completions, embeddings, models, errors) and the rules
of its guide on structured outputs.
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
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from graphmem.testing._llm_profiles import Profile
from graphmem.testing._llm_script import Request, Says, Status
from graphmem.text import words

_CREATED = 1_767_225_600
_LONGEST_BODY = 64 * 1024 * 1024
_STRICT_KEYWORDS = frozenset(
    {
        "type", "properties", "required", "additionalProperties", "items", "enum", "const",
        "anyOf", "$ref", "$defs", "definitions", "description", "title", "pattern", "format",
        "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minItems",
        "maxItems",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """What the server accepts."""

    profile: Profile
    api_key: str | None = None
    models: tuple[str, ...] | None = None
    max_batch: int = 2048
    context_tokens: int | None = None


async def next_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request; None when the client has closed the connection.

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
    body = await reader.readexactly(min(length, _LONGEST_BODY))
    try:
        data = json.loads(body)
    except ValueError:
        data = None
    return Request(method, target.partition("?")[0].rstrip("/"), headers, data)


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


def error_response(error: Status, *, flat: bool) -> bytes:
    """An error as OpenAI sends it, or (``flat``) as vLLM did, without an object around it."""
    kind = "server_error" if error.code >= 500 else "invalid_request_error"
    fields = {"message": error.message, "type": kind, "param": error.param}
    body: dict[str, Any] = {"error": {**fields, "code": error.error_code}}
    if flat:
        body = {"object": "error", **fields, "code": error.code}
    headers = dict(error.headers)
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return response(error.code, json.dumps(body), headers)


def refusals(rules: Rules, request: Request) -> Iterator[Status]:
    """Why a provider would not take this request: the first counts."""
    method, path, body = request.method, request.path, request.json
    if rules.api_key is not None and request.key != rules.api_key:
        yield _refused(401, "Incorrect API key provided.", code="invalid_api_key")
    if (method, path) == ("GET", "/v1/models"):
        return
    if method != "POST" or path not in {"/v1/chat/completions", "/v1/embeddings"}:
        yield _refused(404, f"Invalid URL ({method} {path})", code="unknown_url")
    if not isinstance(body, dict):
        yield _refused(400, "We could not parse the JSON body of your request.")
        return
    if not isinstance(body.get("model"), str):
        yield _refused(400, "you must provide a model parameter", "model")
    if rules.models is not None and body["model"] not in rules.models:
        yield _refused(404, rules.profile.no_model.format(body["model"]), code="model_not_found")
    for name in rules.profile.refuses:
        if name in body:
            message = rules.profile.no_parameter.format(name)
            yield _refused(rules.profile.refusal_status, message, name, "unsupported_parameter")
    special = _embedding_refusals if path == "/v1/embeddings" else _chat_refusals
    yield from special(rules, body)


def _refused(
    status: int, message: str, param: str | None = None, code: str | None = None
) -> Status:
    return Status(status, message, param=param, error_code=code)


def _embedding_refusals(rules: Rules, body: Mapping[str, Any]) -> Iterator[Status]:
    texts = _inputs(body)
    if not texts or not all(isinstance(text, str) and text for text in texts):
        yield _refused(400, "'$.input' is invalid: give one or more non-empty texts", "input")
    if len(texts) > rules.max_batch:
        yield _refused(400, f"'$.input' is too long: at most {rules.max_batch} texts", "input")
    if body.get("encoding_format", "float") not in {"float", "base64"}:
        yield _refused(400, "'$.encoding_format' is invalid", "encoding_format")


def _chat_refusals(rules: Rules, body: Mapping[str, Any]) -> Iterator[Status]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not all(isinstance(m, dict) for m in messages or [0]):
        yield _refused(400, "'messages' must be a list of at least one message", "messages")
    if body.get("stream"):
        yield _refused(400, "this test server does not stream", "stream")
    if isinstance(messages, list) and rules.context_tokens and rules.profile.overflow:
        asked = _asked_tokens(messages) + int(body.get("max_tokens") or 0)
        if asked > rules.context_tokens:
            message = rules.profile.overflow.format(limit=rules.context_tokens, asked=asked)
            yield _refused(400, message, "messages", rules.profile.overflow_code)
    wanted = body.get("response_format")
    if wanted is None:
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in rules.profile.supports:
        message = rules.profile.no_format.format(kind)
        yield _refused(
            rules.profile.refusal_status, message, "response_format", "unsupported_value"
        )
    if "schema" in wanted and not rules.profile.schema_beside:
        message = "Unknown parameter: 'response_format.schema'."
        yield _refused(400, message, "response_format.schema", "unknown_parameter")
    if kind == "json_object" and "json" not in json.dumps(messages).lower():
        message = "'messages' must contain the word 'json' to use 'response_format' 'json_object'."
        yield _refused(400, message, "messages")
    if kind == "json_schema":
        yield from _schema_refusals(wanted.get("json_schema"))


def _schema_refusals(wanted: Any) -> Iterator[Status]:
    if not isinstance(wanted, dict) or not isinstance(wanted.get("name"), str):
        yield _refused(400, "Missing 'response_format.json_schema.name'", "response_format")
    elif wanted.get("strict"):
        for problem in strict_problems(wanted.get("schema")):
            message = f"Invalid schema for response_format '{wanted['name']}': {problem}"
            yield _refused(400, message, "response_format", "invalid_json_schema")


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
    message: Says | None,
    counts: tuple[int, int] | None,
    *,
    usage: bool,
    context_tokens: int | None = None,
) -> dict[str, Any]:
    """A ``chat.completion`` object; without a message, one without choices."""
    choices = []
    if message is not None:
        reply = {"role": "assistant", "content": message.content, "refusal": None, **message.more}
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
