"""The local model server itself: what it answers, refuses, records, and how it stops."""

from __future__ import annotations

import gc
import http.client
import json
import socket
import threading
import warnings
from typing import Any
from urllib.parse import urlsplit

import pytest

from graphmem.testing.llm_server import (
    Body,
    Delay,
    Drop,
    Empty,
    Hang,
    LocalModelServer,
    Refusal,
    Request,
    Status,
    Truncated,
    Usage,
)


def post(
    server: LocalModelServer, path: str, body: Any, key: str = "k"
) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of one request."""
    parts = urlsplit(server.base_url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=10)
    try:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", parts.path + path, data, {"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        return response.status, dict(response.headers), json.loads(response.read())
    finally:
        connection.close()


def chat(server: LocalModelServer, **more: Any) -> tuple[int, dict[str, str], Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": "json please"}], **more}
    return post(server, "/chat/completions", body)


def test_answers_come_in_the_order_of_the_script() -> None:
    with LocalModelServer([{"a": 1}, "plain", ["b"]]) as server:
        contents = [chat(server)[2]["choices"][0]["message"]["content"] for _ in range(3)]
        assert contents == ['{"a": 1}', "plain", '["b"]']
        assert server.unused == 0


def test_a_function_answers_when_the_queue_is_empty() -> None:
    with LocalModelServer(["first"], answer=lambda r: f"{r.model}:{r.text()}") as server:
        assert chat(server)[2]["choices"][0]["message"]["content"] == "first"
        assert chat(server)[2]["choices"][0]["message"]["content"] == "m:json please"


def test_without_a_script_a_request_is_refused_with_the_reason() -> None:
    with LocalModelServer() as server:
        status, _, body = chat(server)
        assert (status, body["error"]["code"]) == (400, "not_scripted")
        server.script("now")
        assert chat(server)[0] == 200


def test_an_answer_has_openais_shape_and_counts_tokens() -> None:
    with LocalModelServer(["12345678", Usage("x", 70, 7)]) as server:
        body = chat(server)[2]
        assert body["object"] == "chat.completion"
        assert body["choices"][0]["finish_reason"] == "stop"
        assert body["choices"][0]["message"]["role"] == "assistant"
        assert body["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        assert chat(server)[2]["usage"]["total_tokens"] == 77


def test_token_counts_can_be_left_out() -> None:
    with LocalModelServer(["x"], usage=False) as server:
        assert "usage" not in chat(server)[2]


@pytest.mark.parametrize(
    ("answer", "content", "reason", "refusal"),
    [
        (Truncated('{"a": '), '{"a": ', "length", None),
        (Empty(), None, "stop", None),
        (Refusal("no"), None, "stop", "no"),
        (Refusal(filtered=True), None, "content_filter", None),
    ],
)
def test_faults_inside_an_answer(
    answer: Truncated | Empty | Refusal, content: str | None, reason: str, refusal: str | None
) -> None:
    with LocalModelServer([answer]) as server:
        choice = chat(server)[2]["choices"][0]
        assert choice["message"]["content"] == content
        assert choice["message"]["refusal"] == refusal
        assert choice["finish_reason"] == reason


def test_no_choices_at_all() -> None:
    with LocalModelServer([Empty(no_choices=True)]) as server:
        assert chat(server)[2]["choices"] == []


def test_statuses_carry_openais_error_and_retry_after() -> None:
    with LocalModelServer([Status(429, "slow down", retry_after=7), Status(599)]) as server:
        status, headers, body = chat(server)
        assert (status, headers["Retry-After"]) == (429, "7")
        assert body["error"]["message"] == "slow down"
        status, _, body = chat(server)
        assert (status, body["error"]["type"]) == (599, "server_error")


def test_a_delay_comes_before_its_answer_or_the_next() -> None:
    with LocalModelServer([Delay(0, "own"), Delay(0), "next"]) as server:
        contents = [chat(server)[2]["choices"][0]["message"]["content"] for _ in range(2)]
        assert contents == ["own", "next"]


@pytest.mark.parametrize("midway", [False, True])
def test_dropped_connections(midway: bool) -> None:
    with LocalModelServer([Drop(midway)]) as server:
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            chat(server)
        assert len(server.chats) == 1


def test_a_hanging_answer_ends_when_the_client_leaves() -> None:
    with LocalModelServer([Hang()]) as server:
        parts = urlsplit(server.base_url)
        with socket.create_connection((str(parts.hostname), parts.port or 0)) as client:
            data = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}]})
            head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(data)}\r\n\r\n"
            client.sendall((head + data).encode())
            assert server.wait_until(lambda s: len(s.chats) == 1)
        assert server.wait_until(lambda s: s.abandoned == 1)


def test_close_cuts_a_hanging_answer() -> None:
    failures: list[Exception] = []
    with LocalModelServer([Hang()]) as server:

        def ask() -> None:
            try:
                chat(server)
            except (OSError, http.client.HTTPException) as error:
                failures.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        assert server.wait_until(lambda s: len(s.chats) == 1)
    thread.join(10)
    assert len(failures) == 1


def test_formats_that_it_does_not_support_are_refused_and_use_up_nothing() -> None:
    with LocalModelServer(["ok"], supports=("json_object",)) as server:
        schema = {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}
        status, _, body = chat(server, response_format=schema)
        assert (status, body["error"]["param"]) == (400, "response_format")
        assert chat(server, response_format={"type": "json_object"})[0] == 200


def test_json_mode_wants_the_word_json_in_the_messages() -> None:
    with LocalModelServer(["ok"]) as server:
        messages = [{"role": "user", "content": "hello"}]
        body = {"model": "m", "messages": messages, "response_format": {"type": "json_object"}}
        assert post(server, "/chat/completions", body)[0] == 400


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {
            "type": "object",
            "properties": {"a": {"type": "string"}},
            "required": [],
            "additionalProperties": False,
        },
        {
            "type": "object",
            "properties": {"a": {"type": "string", "default": "x"}},
            "required": ["a"],
            "additionalProperties": False,
        },
        "not a schema",
    ],
)
def test_strict_mode_refuses_schemas_that_are_not(schema: Any) -> None:
    wanted = {
        "type": "json_schema",
        "json_schema": {"name": "x", "strict": True, "schema": schema},
    }
    with LocalModelServer(["ok"]) as server:
        status, _, body = chat(server, response_format=wanted)
        assert (status, body["error"]["code"]) == (400, "invalid_json_schema")


def test_what_else_a_provider_refuses() -> None:
    with LocalModelServer(
        ["ok"], api_key="right", models=("m",), refuses=("temperature",)
    ) as server:
        messages = [{"role": "user", "content": "x"}]
        good = {"model": "m", "messages": messages}
        path = "/chat/completions"
        assert post(server, path, good, key="wrong")[0] == 401
        assert post(server, path, {**good, "model": "other"}, key="right")[0] == 404
        assert post(server, path, {**good, "temperature": 0}, key="right")[0] == 400
        assert post(server, path, {**good, "messages": []}, key="right")[0] == 400
        assert post(server, path, {**good, "messages": ["x"]}, key="right")[0] == 400
        assert post(server, path, {**good, "stream": True}, key="right")[0] == 400
        assert post(server, path, {"messages": messages}, key="right")[0] == 400
        assert post(server, path, b"{not json", key="right")[0] == 400
        assert post(server, "/completions", good, key="right")[0] == 404
        assert post(server, path, good, key="right")[0] == 200


def test_requests_are_recorded_with_headers_and_key() -> None:
    with LocalModelServer(["x"]) as server:
        chat(server)
        (request,) = server.requests
        assert (request.method, request.path) == ("POST", "/v1/chat/completions")
        assert (request.key, request.model, request.format) == ("k", "m", "text")
        assert request.headers["authorization"] == "Bearer k"
        assert request.text() == "json please"


def test_embeddings_are_unit_vectors_alike_for_like_texts() -> None:
    with LocalModelServer(dimension=32) as server:
        texts = ["Ada likes green tea", "Ada likes black tea", "Quarterly rail tonnage"]
        body = post(server, "/embeddings", {"model": "e", "input": texts})[2]
        first, second, other = (item["embedding"] for item in body["data"])
        assert len(first) == 32
        assert sum(x * x for x in first) == pytest.approx(1)
        near = sum(a * b for a, b in zip(first, second, strict=True))
        far = sum(a * b for a, b in zip(first, other, strict=True))
        assert near > far
        again = post(server, "/embeddings", {"model": "e", "input": texts[0], "dimensions": 8})[2]
        assert len(again["data"][0]["embedding"]) == 8


def test_embeddings_in_base64_and_odd_texts() -> None:
    with LocalModelServer(dimension=4) as server:
        asked = {"model": "e", "input": ["!!!", "日本"], "encoding_format": "base64"}
        body = post(server, "/embeddings", asked)[2]
        assert all(isinstance(item["embedding"], str) for item in body["data"])


@pytest.mark.parametrize("given", [[], "", ["a", ""], [1, 2], None, ["a", "b", "c"]])
def test_embeddings_that_a_provider_refuses(given: Any) -> None:
    with LocalModelServer(max_batch=2) as server:
        assert post(server, "/embeddings", {"model": "e", "input": given})[0] == 400


def test_faults_and_bodies_for_embeddings() -> None:
    with LocalModelServer(embedding_answers=[Status(503)]) as server:
        server.script_embeddings({"data": []})
        asked = {"model": "e", "input": "x"}
        assert post(server, "/embeddings", asked)[0] == 503
        assert post(server, "/embeddings", asked)[2] == {"data": []}
        assert len(post(server, "/embeddings", asked)[2]["data"][0]["embedding"]) == 256
        assert len(server.embeddings) == 3


def test_models_are_listed() -> None:
    with LocalModelServer(models=("a", "b")) as server:
        parts = urlsplit(server.base_url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port)
        connection.request("GET", "/v1/models")
        listed = json.loads(connection.getresponse().read())
        connection.close()
        assert [model["id"] for model in listed["data"]] == ["a", "b"]


def test_a_failing_script_fails_the_test_that_wrote_it() -> None:
    def answer(request: Request) -> str:
        raise AssertionError(f"unexpected {request.path}")

    server = LocalModelServer(answer=answer).start()
    assert chat(server)[0] == 400
    with pytest.raises(AssertionError, match="unexpected"):
        server.close()
    server.close()


def test_a_script_that_makes_no_sense_is_raised_too() -> None:
    server = LocalModelServer(embedding_answers=["words"]).start()
    assert post(server, "/embeddings", {"model": "e", "input": "x"})[0] == 400
    with pytest.raises(TypeError, match="embeddings"):
        server.close()


def test_a_body_is_sent_as_it_stands() -> None:
    with LocalModelServer([Body('{"odd": 1}', status=203)]) as server:
        assert chat(server)[0::2] == (203, {"odd": 1})


def test_starting_twice_is_an_error_and_a_second_close_is_not() -> None:
    server = LocalModelServer().start()
    with pytest.raises(RuntimeError):
        server.start()
    server.close()
    server.close()


def test_noise_on_the_wire_does_not_stop_it() -> None:
    with LocalModelServer(["ok"]) as server:
        parts = urlsplit(server.base_url)
        for noise in (b"", b"nonsense\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"):
            with socket.create_connection((str(parts.hostname), parts.port or 0)) as client:
                client.sendall(noise)
                client.shutdown(socket.SHUT_WR)
                assert client.recv(100) == b""
        assert chat(server)[0] == 200


def test_a_connection_that_has_just_come_is_cut_too() -> None:
    """Nobody had begun to serve it; left open, a later test would be told of it."""
    for _ in range(30):
        with LocalModelServer() as server:
            address = urlsplit(server.base_url)
            for _ in range(5):
                socket.create_connection((address.hostname, address.port)).close()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        gc.collect()
    assert [str(one.message) for one in seen] == []
