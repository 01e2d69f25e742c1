"""OpenAIChat against a real server over HTTP: formats, retries, failures, secrets."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from graphmem.adapters.models.openai import errors as openai_errors
from graphmem.adapters.models.openai.chat import OpenAIChat
from graphmem.errors import BadModelOutput, ModelError, UsageError
from graphmem.ports.llm import Completion, Prompt
from graphmem.testing.llm_server import (
    Body,
    Drop,
    Empty,
    Hang,
    LocalModelServer,
    Refusal,
    Request,
    ScriptedAnswer,
    Status,
    Truncated,
    Usage,
)

KEY = "sk-secret-0123456789"
PROMPT = Prompt(
    system="Give an object.",
    user="the data",
    schema_name="thing",
    schema={
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    },
)


class Waits:
    """Stands in for sleeping: remembers how long it was asked to."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@asynccontextmanager
async def chat_with(
    server: LocalModelServer, sleep: Callable[[float], Awaitable[None]] | None = None, **more: Any
) -> AsyncIterator[OpenAIChat]:
    settings: dict[str, Any] = {"base_url": server.base_url, "api_key": KEY, **more}
    llm = OpenAIChat("test-model", sleep=sleep or Waits(), **settings)
    try:
        yield llm
    finally:
        await llm.close()


async def failure(*answers: ScriptedAnswer, **more: Any) -> ModelError:
    """The error that these answers end in."""
    with LocalModelServer(answers) as server:
        async with chat_with(server, **more) as llm:
            with pytest.raises(ModelError) as caught:
                await llm.complete(PROMPT)
    return caught.value


# -- what is asked and what comes ---------------------------------------------------------------


async def test_the_answer_with_its_tokens_and_model() -> None:
    with LocalModelServer([Usage({"a": 1}, 120, 8)]) as server:
        async with chat_with(server) as llm:
            assert llm.name == "openai:test-model"
            got = await llm.complete(PROMPT)
        assert got == Completion('{"a": 1}', "test-model", 120, 8, calls=1)
        (request,) = server.chats
        assert request.key == KEY
        assert request.format == "json_schema"
        assert request.json["response_format"]["json_schema"]["strict"] is True
        assert request.json["response_format"]["json_schema"]["schema"] == PROMPT.schema
        assert request.json["temperature"] == 0
        assert (request.text("system"), request.text()) == (PROMPT.system, PROMPT.user)


async def test_tokens_are_estimated_where_the_server_does_not_count() -> None:
    with LocalModelServer(["12345678"], usage=False) as server:
        async with chat_with(server) as llm:
            got = await llm.complete(PROMPT)
    assert got.tokens_in == -(-len(PROMPT.system + PROMPT.user) // 4)
    assert got.tokens_out == 2


@pytest.mark.parametrize(
    "usage", ["null", "{}", '{"prompt_tokens": null}', '"many"', '{"completion_tokens": true}']
)
async def test_odd_usage_is_estimated_too(usage: str) -> None:
    body = f'{{"choices": [{{"message": {{"content": "1234"}}}}], "usage": {usage}}}'
    with LocalModelServer([Body(body)]) as server:
        async with chat_with(server) as llm:
            got = await llm.complete(PROMPT)
    assert (got.text, got.model, got.tokens_out) == ("1234", "test-model", 1)
    assert got.tokens_in > 0


async def test_content_in_parts_is_joined() -> None:
    parts = '[{"type": "text", "text": "12"}, {"type": "thinking"}, {"type": "text", "text": "3"}]'
    with LocalModelServer(
        [Body(f'{{"choices": [{{"message": {{"content": {parts}}}}}]}}')]
    ) as server:
        async with chat_with(server) as llm:
            assert (await llm.complete(PROMPT)).text == "123"


async def test_many_at_once_share_one_client() -> None:
    with LocalModelServer(answer=lambda request: {"a": 1}) as server:
        async with chat_with(server) as llm:
            await asyncio.gather(*(llm.complete(PROMPT) for _ in range(20)))
        assert len(server.chats) == 20


# -- falling back ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("supports", "formats"),
    [
        (("json_object", "text"), ["json_schema", "json_object", "json_object"]),
        ((), ["json_schema", "json_object", "text", "text"]),
    ],
)
@pytest.mark.parametrize("status", [400, 422])
async def test_the_format_falls_back_and_is_remembered(
    supports: Any, formats: list[str], status: int
) -> None:
    with LocalModelServer([{"a": 1}, {"a": 2}], supports=supports, refusal_status=status) as server:
        async with chat_with(server) as llm:
            assert (await llm.complete(PROMPT)).text == '{"a": 1}'
            assert (await llm.complete(PROMPT)).text == '{"a": 2}'
        assert [request.format for request in server.chats] == formats
        last = server.chats[-1].text("system")
        assert last.startswith(PROMPT.system)
        assert '"additionalProperties": false' in last


@pytest.mark.parametrize(
    "refusal",
    [
        Status(404, "no such route"),
        Status(501, "not implemented"),
        Status(400, "This model does not support structured outputs."),
        Status(422, "Extra inputs are not permitted", param="response_format"),
        Status(400, "grammar could not be compiled"),
    ],
)
async def test_ways_to_refuse_a_format(refusal: Status) -> None:
    with LocalModelServer([refusal, {"a": 1}]) as server:
        async with chat_with(server) as llm:
            await llm.complete(PROMPT)
        assert [request.format for request in server.chats] == ["json_schema", "json_object"]


async def test_a_missing_model_is_no_reason_to_fall_back() -> None:
    with LocalModelServer(models=("another",)) as server:
        async with chat_with(server) as llm:
            with pytest.raises(ModelError, match=r"test-model.*404.*no such model"):
                await llm.complete(PROMPT)
        assert len(server.chats) == 1


async def test_only_a_format_that_worked_is_remembered() -> None:
    with LocalModelServer([Status(404, "starting up")] * 3 + [{"a": 1}]) as server:
        async with chat_with(server) as llm:
            with pytest.raises(ModelError):
                await llm.complete(PROMPT)
            await llm.complete(PROMPT)
        formats = [request.format for request in server.chats]
        assert formats == ["json_schema", "json_object", "text", "json_schema"]


async def test_a_refused_temperature_is_left_out_and_that_is_remembered() -> None:
    with LocalModelServer([{"a": 1}, {"a": 2}], refuses=("temperature",)) as server:
        async with chat_with(server) as llm:
            await llm.complete(PROMPT)
            await llm.complete(PROMPT)
        assert ["temperature" in request.json for request in server.chats] == [True, False, False]
        assert {request.format for request in server.chats} == {"json_schema"}


async def test_temperature_and_format_can_both_be_refused() -> None:
    with LocalModelServer([{"a": 1}], refuses=("temperature",), supports=()) as server:
        async with chat_with(server) as llm:
            await llm.complete(PROMPT)
        assert len(server.chats) == 4


# -- trying again ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Status(408),
        Status(409),
        Status(425),
        Status(429),
        Status(500),
        Status(502),
        Status(503),
        Status(504),
        Status(529),
        Drop(),
        Drop(midway=True),
    ],
)
async def test_what_may_pass_is_tried_again(fault: ScriptedAnswer) -> None:
    waits = Waits()
    with LocalModelServer([fault, {"a": 1}]) as server:
        async with chat_with(server, waits) as llm:
            got = await llm.complete(PROMPT)
        assert len(server.chats) == 2
    assert got.calls == 1
    assert len(waits.seconds) == 1


async def test_a_timeout_is_tried_again() -> None:
    with LocalModelServer([Hang()], answer=lambda request: {"a": 1}) as server:
        async with chat_with(server, timeout_s=0.5) as llm:
            assert (await llm.complete(PROMPT)).text == '{"a": 1}'
        assert len(server.chats) >= 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 413, 422, 501])
async def test_what_will_not_pass_is_not_tried_again(status: int) -> None:
    waits = Waits()
    error = await failure(*[Status(status, "model not found")] * 4, sleep=waits)
    assert not error.retryable
    assert waits.seconds == []


@pytest.mark.parametrize(
    "message",
    ["-" * 4000 + " CUDA out of memory", "server error " * 20_000 + "zq", "model " * 100_000],
    ids=["dashes", "nothing said", "one word"],
)
@pytest.mark.parametrize("status", [400, 404, 500])
async def test_whatever_a_server_says_is_read_in_time(status: int, message: str) -> None:
    begun = time.process_time()
    error = await failure(*[Status(status, message)] * 8, max_attempts=1)
    assert time.process_time() - begun < 2
    assert str(status) in str(error)


async def test_it_gives_up_after_max_attempts_with_a_retryable_error() -> None:
    waits = Waits()
    with LocalModelServer([Status(500)] * 9) as server:
        async with chat_with(server, waits, max_attempts=3) as llm:
            with pytest.raises(ModelError, match=r"test-model.*500") as caught:
                await llm.complete(PROMPT)
        assert len(server.chats) == 3
    assert caught.value.retryable
    assert len(waits.seconds) == 2


async def test_waits_grow_and_are_jittered() -> None:
    waits = Waits()
    await failure(*[Status(500)] * 8, sleep=waits, max_attempts=8)
    caps = [0.5 * 2**n for n in range(7)]
    assert all(0 <= wait <= min(20, cap) for wait, cap in zip(waits.seconds, caps, strict=True))
    assert len(set(waits.seconds)) == 7


async def test_retry_after_is_waited_for() -> None:
    waits = Waits()
    with LocalModelServer([Status(429, retry_after=7), {"a": 1}]) as server:
        async with chat_with(server, waits) as llm:
            await llm.complete(PROMPT)
    assert 7 <= waits.seconds[0] <= 8


async def test_a_long_retry_after_is_not_waited_for_but_reported() -> None:
    waits = Waits()
    error = await failure(Status(429, retry_after=3600), sleep=waits)
    assert waits.seconds == []
    assert error.retryable
    assert "3600 s" in str(error)


async def test_a_spent_quota_is_not_asked_again() -> None:
    waits = Waits()
    error = await failure(Status(429, "no credit", error_code="insufficient_quota"), sleep=waits)
    assert waits.seconds == []
    assert error.retryable
    assert "credit" in str(error)


async def test_a_server_can_forbid_trying_again() -> None:
    waits = Waits()
    await failure(Status(500, headers={"x-should-retry": "false"}), sleep=waits)
    assert waits.seconds == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Sat, 21 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "9" * 400}, 1e9),
        ({"retry-after": "Sat, 21 Nov 99999999999 12:00:30 GMT"}, None),
        ({"retry-after": "Sat, 21 Nov 2026 12:00:30 +99999999999999999"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert openai_errors.retry_after_s(headers, now) == seconds


# -- bad answers and failures ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "reason", "retryable", "too_long", "partial"),
    [
        (Truncated('{"a": '), "cut off", False, True, '{"a": '),
        (Refusal("not that"), "refused: not that", False, False, ""),
        (Refusal(filtered=True), "content filter", False, False, ""),
        (Empty(), "empty", True, False, ""),
        (Empty(no_choices=True), "empty", True, False, ""),
        ("  \n", "empty", True, False, "  \n"),
        (Usage(Truncated("x"), 5, 6), "after 6 tokens", False, True, "x"),
    ],
)
async def test_answers_that_are_none(
    answer: ScriptedAnswer, reason: str, retryable: bool, too_long: bool, partial: str
) -> None:
    error = await failure(answer)
    assert isinstance(error, BadModelOutput)
    assert reason in str(error)
    assert "test-model" in str(error)
    assert (error.retryable, error.too_long, error.partial) == (retryable, too_long, partial)
    assert error.calls == 1
    assert error.tokens_in > 0


@pytest.mark.parametrize(
    "body",
    [
        "<html>Sign in</html>",
        '{"id": "cut',
        "[]",
        "null",
        '{"choices": null, "error": {"message": "upstream is down"}}',
    ],
)
async def test_bodies_that_are_not_openais(body: str) -> None:
    error = await failure(Body(body))
    assert "OpenAI's format" in str(error)
    assert "/v1" in str(error)


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "ascii", "nonsense"])
async def test_json_is_utf_8_whatever_its_type_and_headers_say(charset: str) -> None:
    body = json.dumps({"choices": [{"message": {"content": "Zoë"}}]}, ensure_ascii=False)
    for mark in ("", "\ufeff"):
        answer = Body(mark + body, 200, f"application/json; charset={charset}", {"x-who": "Zoë"})
        with LocalModelServer([answer]) as server:
            async with chat_with(server) as llm:
                assert (await llm.complete(PROMPT)).text == "Zoë"


@pytest.mark.parametrize("charset", ["utf-16", "utf-32"])
async def test_an_error_in_whatever_charset_is_an_error(charset: str) -> None:
    refusal = Body('{"error": {"message": "no"}}', 401, f"application/json; charset={charset}")
    assert "answered 401 (no)" in str(await failure(refusal))


@pytest.mark.parametrize(
    "body", ['{"choices": [null]}', '{"choices": {}}', '{"choices": [{"message": "x"}]}', "{}"]
)
async def test_answers_with_odd_insides_are_empty(body: str) -> None:
    assert isinstance(await failure(Body(body)), BadModelOutput)


@pytest.mark.parametrize(
    "status",
    [
        Status(400, "maximum context length is 8192 tokens", error_code="context_length_exceeded"),
        Status(400, "the request exceeds the available context size"),
        Status(413, "Request too large"),
    ],
)
async def test_a_text_longer_than_the_model_takes(status: Status) -> None:
    error = await failure(status)
    assert error.too_long
    assert not error.retryable


async def test_a_server_that_is_not_there() -> None:
    with LocalModelServer() as server:
        gone = server.base_url
    llm = OpenAIChat("m", base_url=gone, sleep=Waits(), max_attempts=2)
    with pytest.raises(ModelError, match=r"cannot reach http://127\.0\.0\.1.*running") as caught:
        await llm.complete(PROMPT)
    await llm.close()
    assert caught.value.retryable


async def test_a_timeout_says_how_long_it_waited() -> None:
    error = await failure(Hang(), timeout_s=0.1, max_attempts=1)
    assert "within 0.1 s" in str(error)
    assert error.retryable


async def test_a_hanging_call_is_cancelled_at_once() -> None:
    with LocalModelServer([Hang()]) as server:
        async with chat_with(server) as llm:
            task = asyncio.create_task(llm.complete(PROMPT))
            assert await asyncio.to_thread(server.wait_until, lambda s: len(s.chats) == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(server.wait_until, lambda s: s.abandoned == 1)
        assert len(server.chats) == 1


async def test_cancelling_between_attempts_ends_it() -> None:
    asleep = asyncio.Event()

    async def forever(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    with LocalModelServer([Status(500), {"a": 1}]) as server:
        async with chat_with(server, forever) as llm:
            task = asyncio.create_task(llm.complete(PROMPT))
            await asleep.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert len(server.chats) == 1


async def test_close_twice_and_ask_after_close() -> None:
    with LocalModelServer([{"a": 1}]) as server:
        async with chat_with(server) as llm:
            await llm.close()
            await llm.complete(PROMPT)
            await llm.close()
        assert len(server.chats) == 1


# -- secrets, settings -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Status(401, f"Incorrect API key provided: {KEY}"),
        Status(400, f"bad request by {KEY}"),
        Status(500, f"proxy saw Authorization: Bearer {KEY}"),
        Body(f"<html>{KEY}</html>"),
        Refusal(f"your key {KEY} is leaked"),
        Drop(),
    ],
)
async def test_no_key_in_errors_logs_or_reprs(
    fault: ScriptedAnswer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = await failure(*[fault] * 4)
    text = "".join(traceback.format_exception(error))
    assert KEY not in text
    assert KEY not in repr(error)
    assert KEY not in caplog.text
    assert KEY not in repr([vars(record) for record in caplog.records])


def test_no_key_and_no_password_in_the_repr() -> None:
    llm = OpenAIChat("m", base_url="http://ada:pw@127.0.0.1:9/v1?token=t", api_key=KEY)
    assert repr(llm) == "OpenAIChat('openai:m', base_url='http://127.0.0.1:9/v1')"


async def test_an_endpoint_without_a_key_gets_a_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with LocalModelServer([{"a": 1}]) as server:
        async with chat_with(server, api_key=None, provider="ollama") as llm:
            assert llm.name == "ollama:test-model"
            await llm.complete(PROMPT)
        assert server.chats[0].key == "none"


async def test_the_environment_names_endpoint_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalModelServer([{"a": 1}], api_key=KEY) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        async with chat_with(server, base_url=None, api_key=None) as llm:
            await llm.complete(PROMPT)
        assert [chat.key for chat in server.chats] == [KEY]


async def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalModelServer() as proxy, LocalModelServer([{"a": 1}]) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.base_url.removesuffix("/v1"))
        monkeypatch.setenv("ALL_PROXY", proxy.base_url.removesuffix("/v1"))
        async with chat_with(server, api_key="only-here") as llm:
            await llm.complete(PROMPT)
        # Others' requests may come to a port that was theirs a moment ago.
        assert "only-here" not in {request.key for request in proxy.requests}
        assert [chat.key for chat in server.chats] == ["only-here"]


async def test_a_bare_host_gets_v1() -> None:
    with LocalModelServer([{"a": 1}, {"a": 2}]) as server:
        for url in (server.base_url.removesuffix("/v1"), f"{server.base_url}/chat/completions"):
            async with chat_with(server, base_url=url) as llm:
                await llm.complete(PROMPT)
        assert len(server.chats) == 2


def test_openai_itself_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        OpenAIChat("gpt-5-mini")


@pytest.mark.parametrize(
    "bad",
    [
        {"model": " "},
        {"timeout_s": 0},
        {"max_attempts": 0},
        {"base_url": "localhost:11434"},
        {"base_url": "ftp://host/v1"},
        {"base_url": ""},
        {"api_key": "sk-ключ"},
        {"api_key": "sk-\nx"},
    ],
)
def test_bad_settings_are_refused_at_once(bad: dict[str, Any]) -> None:
    given = {"model": "m", "base_url": "http://127.0.0.1:9/v1", **bad}
    with pytest.raises(UsageError):
        OpenAIChat(given.pop("model"), **given)


async def test_requests_are_what_a_provider_would_accept() -> None:
    def check(request: Request) -> ScriptedAnswer:
        assert set(request.json) == {"model", "messages", "response_format", "temperature"}
        return {"a": 1}

    with LocalModelServer(answer=check) as server:
        async with chat_with(server) as llm:
            await llm.complete(PROMPT)
