"""The OpenAI-compatible embedder against a real HTTP server that misbehaves on request."""

from __future__ import annotations

import asyncio
import base64
import json
import traceback
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest

from graphmem.adapters.models.openai.embedder import OpenAIEmbedder
from graphmem.errors import ModelError, UsageError
from graphmem.testing.embedder import check_vectors
from graphmem.testing.llm_server import Body, Drop, Hang, LocalModelServer, Status

KEY = "sk-very-secret-0123456789"
SIZE = 16


@pytest.fixture
def server() -> Iterator[LocalModelServer]:
    with LocalModelServer(dimension=SIZE, api_key=KEY) as server:
        yield server


class Waits(list[float]):
    """Records how long would have been slept, and does not sleep."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
async def embedder(server: LocalModelServer, waits: Waits) -> AsyncIterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder("test-model", server.base_url, KEY, sleep=waits)
    yield embedder
    await embedder.close()


def answer(*vectors: Any, **first: Any) -> dict[str, Any]:
    data = [{"object": "embedding", "index": n, "embedding": v} for n, v in enumerate(vectors)]
    data[0] |= first
    return {"object": "list", "model": "test-model", "data": data}


def axis(n: int, size: int = SIZE) -> list[float]:
    return [3.0 if i == n else 0.0 for i in range(size)]


# -- what goes right -----------------------------------------------------------------------------


async def test_texts_go_out_in_batches_by_count_and_by_size(
    server: LocalModelServer, embedder: OpenAIEmbedder
) -> None:
    texts = [f"text {n}" for n in range(300)]
    check_vectors(await embedder.embed(texts, "document"), 300, SIZE)
    assert sorted(len(request.json["input"]) for request in server.embeddings) == [44, 128, 128]
    big = ["x" * 60_000, "y" * 60_000, "z"]
    await embedder.embed(big, "document")
    assert sorted(len(r.json["input"]) for r in server.embeddings[3:]) == [1, 2]


async def test_order_is_by_index_not_by_place(
    server: LocalModelServer, embedder: OpenAIEmbedder
) -> None:
    shuffled = answer(axis(0), axis(1), axis(2))
    shuffled["data"].reverse()
    server.script_embeddings(shuffled)
    found = await embedder.embed(["a", "b", "c"], "document")
    assert [int(vector.argmax()) for vector in found] == [0, 1, 2]


async def test_vectors_are_normalised_and_base64_is_understood(
    server: LocalModelServer, embedder: OpenAIEmbedder
) -> None:
    packed = base64.b64encode(np.array(axis(4), dtype="<f4").tobytes()).decode()
    server.script_embeddings(answer(axis(3), packed))
    found = await embedder.embed(["a", "b"], "document")
    check_vectors(found, 2, SIZE)
    assert [int(vector.argmax()) for vector in found] == [3, 4]


async def test_an_answer_without_indices_is_in_order(
    server: LocalModelServer, embedder: OpenAIEmbedder
) -> None:
    body = answer(axis(1), axis(0))
    for entry in body["data"]:
        del entry["index"]
    server.script_embeddings(body)
    found = await embedder.embed(["a", "b"], "document")
    assert [int(vector.argmax()) for vector in found] == [1, 0]


async def test_the_size_is_asked_once(server: LocalModelServer, embedder: OpenAIEmbedder) -> None:
    assert [await embedder.size() for _ in range(3)] == [SIZE] * 3
    await embedder.embed(["a"], "query")
    assert len(server.embeddings) == 2


async def test_dimensions_are_sent_and_named(server: LocalModelServer) -> None:
    embedder = OpenAIEmbedder("m", server.base_url, KEY, dimensions=4, provider="ollama")
    assert embedder.name == "ollama:m@4"
    assert await embedder.size() == 4
    assert server.requests == []
    check_vectors(await embedder.embed(["a"], "query"), 1, 4)
    assert server.embeddings[0].json["dimensions"] == 4
    await embedder.close()


async def test_white_space_is_not_sent(server: LocalModelServer, embedder: OpenAIEmbedder) -> None:
    found = await embedder.embed(["", "tea", " \n"], "document")
    check_vectors(found, 3, SIZE)
    assert np.array_equal(found[0], found[2])
    assert [request.json["input"] for request in server.embeddings] == [["tea"]]


async def test_after_close_it_opens_again(embedder: OpenAIEmbedder) -> None:
    before = await embedder.embed(["tea"], "query")
    await embedder.close()
    assert np.array_equal(before, await embedder.embed(["tea"], "query"))


# -- what passes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [Status(429), Status(500), Status(503), Drop(), Drop(midway=True), Status(408)]
)
async def test_what_may_pass_is_tried_again(
    server: LocalModelServer, embedder: OpenAIEmbedder, waits: Waits, fault: Status | Drop
) -> None:
    server.script_embeddings(fault, fault)
    check_vectors(await embedder.embed(["tea"], "query"), 1, SIZE)
    assert len(server.embeddings) == 3
    assert len(waits) == 2


async def test_it_waits_as_long_as_the_server_asks(
    server: LocalModelServer, embedder: OpenAIEmbedder, waits: Waits
) -> None:
    server.script_embeddings(Status(429, retry_after=7))
    await embedder.embed(["tea"], "query")
    assert 7 <= waits[0] <= 8


async def test_it_gives_up_after_its_attempts(
    server: LocalModelServer, embedder: OpenAIEmbedder
) -> None:
    server.script_embeddings(*[Status(503, "warming up")] * 9)
    with pytest.raises(ModelError, match=r"503 \(.*warming up") as caught:
        await embedder.embed(["tea"], "query")
    assert caught.value.retryable
    assert len(server.embeddings) == 4


async def test_a_server_that_hangs_is_a_timeout(server: LocalModelServer, waits: Waits) -> None:
    embedder = OpenAIEmbedder("m", server.base_url, KEY, timeout_s=0.2, max_attempts=2, sleep=waits)
    server.script_embeddings(Hang(), Hang())
    with pytest.raises(ModelError, match=r"no answer .* within 0.2 s") as caught:
        await embedder.embed(["tea"], "query")
    assert caught.value.retryable
    assert len(server.embeddings) == 2
    await embedder.close()


async def test_nobody_there(waits: Waits) -> None:
    with LocalModelServer() as gone:
        url = gone.base_url
    embedder = OpenAIEmbedder("m", url, sleep=waits)
    with pytest.raises(ModelError, match="cannot reach") as caught:
        await embedder.embed(["tea"], "query")
    assert caught.value.retryable
    assert len(waits) == 3
    await embedder.close()


# -- what does not pass --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_what_will_not_pass_is_asked_once(
    server: LocalModelServer, embedder: OpenAIEmbedder, status: int
) -> None:
    server.script_embeddings(Status(status, "no"))
    with pytest.raises(ModelError, match=str(status)) as caught:
        await embedder.embed(["tea"], "query")
    assert not caught.value.retryable
    assert len(server.embeddings) == 1


NAN = json.dumps(answer(axis(0))).replace("3.0", "NaN")
INF = json.dumps(answer(axis(0))).replace("3.0", "1e999")


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (answer(axis(0), axis(1)), "2 vectors .* for 1 text"),
        ({"object": "list", "data": []}, "0 vectors"),
        (answer(axis(0), index=5), "each text once"),
        (answer([0.0] * SIZE), "all zeros"),
        (Body(NAN), "NaN"),
        (Body(INF), "infinite"),
        (answer([1e308] * SIZE), "infinite"),
        (answer([10**400, *axis(0)[1:]]), "format"),
        (answer(axis(0), index=float("inf")), "format"),
        (answer([]), "no length"),
        (answer([[1.0], [2.0]]), "format"),
        (answer(["a"]), "format"),
        (answer("!not base64!"), "format"),
        (answer("YWI="), "format"),
        (answer(None), "format"),
        (answer(axis(0), index="x"), "format"),
        ({"object": "list"}, "format"),
        ({"data": {"embedding": axis(0)}}, "format"),
        ({"data": [7]}, "format"),
        ({"error": {"message": "bad gateway"}}, "bad gateway"),
        (Body("<html>It works!</html>", content_type="text/html"), "base URL"),
        (Body(""), "format"),
        (Body("[" * 100_000), "format"),
    ],
)
async def test_an_answer_that_makes_no_sense_is_a_model_error(
    server: LocalModelServer,
    embedder: OpenAIEmbedder,
    reply: dict[str, Any] | Body,
    says: str,
) -> None:
    server.script_embeddings(reply)
    with pytest.raises(ModelError, match=says) as caught:
        await embedder.embed(["tea"], "query")
    assert not caught.value.retryable
    assert len(str(caught.value)) < 800
    assert len(server.embeddings) == 1


async def test_vectors_of_different_sizes(
    server: LocalModelServer, embedder: OpenAIEmbedder
) -> None:
    server.script_embeddings(answer(axis(0), axis(0, SIZE + 1)))
    with pytest.raises(ModelError, match="different"):
        await embedder.embed(["a", "b"], "document")
    await embedder.embed(["a"], "document")
    server.script_embeddings(answer(axis(0, SIZE + 1)))
    with pytest.raises(ModelError, match=r"17 numbers after vectors of 16.*rebuild"):
        await embedder.embed(["a"], "document")


async def test_a_server_that_ignores_dimensions(server: LocalModelServer) -> None:
    embedder = OpenAIEmbedder("m", server.base_url, KEY, dimensions=4)
    server.script_embeddings(answer(axis(0)))
    with pytest.raises(ModelError, match=r"16 numbers though 4 were asked for"):
        await embedder.embed(["a"], "document")
    await embedder.close()


async def test_one_failing_batch_fails_the_call_and_leaves_no_task(
    server: LocalModelServer, embedder: OpenAIEmbedder
) -> None:
    server.script_embeddings(Status(400, "no"))
    with pytest.raises(ModelError):
        await embedder.embed([f"text {n}" for n in range(1500)], "document")
    assert asyncio.all_tasks() == {asyncio.current_task()}


# -- too long ------------------------------------------------------------------------------------


TOO_LONG = Status(400, "This model's maximum context length is 8192 tokens", param="input")


async def test_a_batch_that_is_too_long_is_halved(
    server: LocalModelServer, embedder: OpenAIEmbedder
) -> None:
    texts = [f"{n} " + "word " * 50 for n in range(4)]
    expected = await embedder.embed(texts, "document")
    server.script_embeddings(TOO_LONG)
    found = await embedder.embed(texts, "document")
    assert np.allclose(found, expected)
    assert [len(request.json["input"]) for request in server.embeddings] == [4, 4, 2, 2]


async def test_a_text_that_is_too_long_is_the_mean_of_its_pieces(
    server: LocalModelServer, embedder: OpenAIEmbedder
) -> None:
    server.script_embeddings(TOO_LONG)
    whole = (await embedder.embed(["tea garden " * 100], "document"))[0]
    check_vectors([whole], 1, SIZE)
    pieces = [request.json["input"][0] for request in server.embeddings[1:]]
    assert "".join(pieces) == "tea garden " * 100
    plain = (await embedder.embed(["tea garden " * 50], "document"))[0]
    assert float(whole @ plain) > 0.99


async def test_what_is_always_too_long_is_an_error(
    server: LocalModelServer, embedder: OpenAIEmbedder
) -> None:
    server.script_embeddings(*[TOO_LONG] * 50)
    with pytest.raises(ModelError, match="longer than this model takes") as caught:
        await embedder.embed(["word " * 1000], "document")
    assert caught.value.too_long
    assert len(server.embeddings) < 10


# -- secrets and settings ------------------------------------------------------------------------


async def test_no_key_in_errors_or_representation(server: LocalModelServer) -> None:
    url = server.base_url.replace("http://", "http://user:hunter2@")
    embedder = OpenAIEmbedder("m", url + "?token=hunter3", "sk-wrong-key-42", max_attempts=1)
    server.script_embeddings(Status(401, "no such key: sk-wrong-key-42"))
    with pytest.raises(ModelError) as caught:
        await embedder.embed(["a"], "query")
    shown = "".join(traceback.format_exception(caught.value)) + repr(embedder) + embedder.name
    server.script_embeddings(Body('{"echo": "sk-wrong-key-42"}'))
    assert "hunter" not in repr(embedder)
    for secret in ("sk-wrong-key-42", "hunter2", "hunter3"):
        assert secret not in shown
    await embedder.close()


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": " "},
        {"timeout_s": 0},
        {"max_attempts": 0},
        {"dimensions": 0},
        {"base_url": "localhost:8080"},
        {"base_url": "ftp://host/v1"},
        {"api_key": "sk-\u2026"},
    ],
)
def test_wrong_settings_are_usage_errors(wrong: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        OpenAIEmbedder(**{"model": "m", "base_url": "http://localhost/v1"} | wrong)


def test_openai_needs_a_key_and_others_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match="OPENAI_API_KEY"):
        OpenAIEmbedder("text-embedding-3-small")
    OpenAIEmbedder("m", "http://localhost:11434/v1")


async def test_a_key_from_the_environment_goes_only_where_it_belongs(
    server: LocalModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    elsewhere = OpenAIEmbedder("m", server.base_url)
    with pytest.raises(ModelError, match="401"):
        await elsewhere.embed(["a"], "query")
    assert server.embeddings[0].key != KEY
    monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
    here = OpenAIEmbedder("m")
    await here.embed(["a"], "query")
    assert server.embeddings[1].key == KEY
    await elsewhere.close()
    await here.close()
