"""Servers as they are: OpenAI, Ollama, vLLM, llama.cpp, and what each will not take."""

from __future__ import annotations

from typing import Any

import pytest

from graphmem.adapters.models.openai.chat import OpenAIChat
from graphmem.errors import ModelError, UsageError
from graphmem.ports.llm import Prompt
from graphmem.testing.llm_server import PROFILES, LocalModelServer, Says, Status
from tests.extract.llm.helpers import NOTHING, echo, episode, extract, fact, no_wait, turns

PROMPT = Prompt(
    "Give an object as JSON.",
    "the data",
    "thing",
    {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    },
)
ANSWER = {"entities": [], "facts": [fact("Ada likes tea.")]}
# How each profile ends up being asked, and after how many refusals.
WAYS = {
    "openai": ("json_schema", False, {"temperature", "seed", "max_tokens"}, 0),
    "openai-reasoning": ("json_schema", False, {"max_completion_tokens"}, 3),
    "openai-older": ("json_object", False, {"temperature", "seed", "max_tokens"}, 2),
    "ollama": ("json_schema", False, {"temperature", "seed", "max_tokens"}, 0),
    "vllm": ("json_schema", False, {"temperature", "seed", "max_tokens"}, 0),
    "vllm-older": ("json_object", True, {"temperature", "seed", "max_tokens"}, 1),
    "llama.cpp": ("json_schema", False, {"temperature", "seed", "max_tokens"}, 0),
    "llama.cpp-older": ("json_object", True, {"temperature", "seed", "max_tokens"}, 1),
    "strict": ("text", False, set(), 6),
}


def test_every_profile_is_tried() -> None:
    assert set(WAYS) == set(PROFILES)


@pytest.mark.parametrize("profile", WAYS)
async def test_the_client_finds_its_way_and_remembers_it(profile: str) -> None:
    form, beside, parameters, refusals = WAYS[profile]
    with LocalModelServer([{"a": 1}, {"a": 2}], profile=profile) as server:
        llm = OpenAIChat(
            "m", base_url=server.base_url, sleep=no_wait, max_tokens=500, seed=7, max_attempts=1
        )
        got = [(await llm.complete(PROMPT)).text for _ in range(2)]
        await llm.close()
        assert got == ['{"a": 1}', '{"a": 2}']
        assert len(server.chats) == refusals + 2
        for request in server.chats[-2:]:
            assert request.format == form
            assert ("schema" in request.json.get("response_format", {})) is beside
            sent = set(request.json) - {"model", "messages", "response_format"}
            assert sent == parameters


@pytest.mark.parametrize("profile", WAYS)
async def test_an_episode_is_one_call_on_each(profile: str) -> None:
    with LocalModelServer([ANSWER, ANSWER], profile=profile) as server:
        got = await extract(server, episode("I like tea"))
        assert [f.text for f in got.facts] == ["Ada likes tea."]
        assert got.calls == 1, "refusals are not billed"


@pytest.mark.parametrize("profile", [name for name, p in PROFILES.items() if p.overflow])
async def test_what_is_longer_than_the_context_is_asked_about_in_parts(profile: str) -> None:
    shown = episode(*["I like tea and long walks by the sea. " * 80 for _ in range(6)])
    with LocalModelServer(answer=echo, profile=profile, context_tokens=6000) as server:
        got = await extract(server, shown)
        asked = [turns(request) for request in server.chats]
    assert [f.turns for f in got.facts] == [(n,) for n in range(6)]
    assert asked[0] == [0, 1, 2, 3, 4, 5]
    assert got.calls < len(asked) <= 9


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_missing_model_is_reported_at_once(profile: str) -> None:
    with LocalModelServer(profile=profile, models=("another",)) as server:
        with pytest.raises(ModelError, match="no such model"):
            await extract(server, episode("I like tea"))
        assert len(server.chats) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "the request exceeds the available context size, try increasing it"),
        (500, "context size exceeded"),
        (400, "This model's maximum context length is 4096 tokens"),
        (422, "`inputs` must have less than 4096 tokens. Given: 5000"),
        (400, "prompt is too long: 210000 tokens > 200000 maximum"),
        (413, "Payload Too Large"),
    ],
)
async def test_ways_to_say_that_it_is_too_long(status: int, message: str) -> None:
    with LocalModelServer([Status(status, message)] * 4) as server:
        llm = OpenAIChat("m", base_url=server.base_url, sleep=no_wait)
        with pytest.raises(ModelError) as caught:
            await llm.complete(PROMPT)
        await llm.close()
        assert len(server.chats) == 1
    assert caught.value.too_long
    assert not caught.value.retryable


async def test_a_limit_that_is_too_large_is_left_out() -> None:
    refusal = Status(400, "max_tokens is too large: 9999. This model supports at most 4096")
    other = Status(400, "max_completion_tokens is too large: 9999", param="max_completion_tokens")
    with LocalModelServer([refusal, other, {"a": 1}]) as server:
        llm = OpenAIChat("m", base_url=server.base_url, sleep=no_wait, max_tokens=9999)
        await llm.complete(PROMPT)
        await llm.close()
        names = [
            sorted(set(r.json) & {"max_tokens", "max_completion_tokens"}) for r in server.chats
        ]
    assert names == [["max_tokens"], ["max_completion_tokens"], []]


def test_a_limit_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="max_tokens"):
        OpenAIChat("m", base_url="http://127.0.0.1:9", max_tokens=0)


async def test_a_server_that_fails_is_still_asked_again() -> None:
    """500 means no grammar only when it says so."""
    with LocalModelServer([Status(500, "out of memory"), NOTHING]) as server:
        await extract(server, episode("I like tea"))
        assert [request.format for request in server.chats] == ["json_schema"] * 2


@pytest.mark.parametrize(
    "more",
    [
        {"tool_calls": [{"function": {"name": "x", "arguments": '{"a": 1}'}}]},
        {"tool_calls": [{"function": {"name": "x", "arguments": {"a": 1}}}]},
        {"function_call": {"name": "x", "arguments": '{"a": 1}'}},
        {"reasoning_content": '{"a": 1}'},
        {"reasoning": '{"a": 1}', "tool_calls": "none"},
    ],
)
async def test_an_answer_beside_empty_content(more: dict[str, Any]) -> None:
    with LocalModelServer([Says(None, more)]) as server:
        llm = OpenAIChat("m", base_url=server.base_url)
        assert (await llm.complete(PROMPT)).text == '{"a": 1}'
        await llm.close()
