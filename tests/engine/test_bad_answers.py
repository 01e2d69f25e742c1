"""Models that misbehave, over real HTTP: each ends in a receipt, the others go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.errors import ModelError
from graphmem.testing.llm_server import (
    Body,
    Drop,
    Empty,
    Endless,
    Hang,
    LocalModelServer,
    Refusal,
    Says,
    Status,
    Truncated,
    Usage,
)
from tests.engine.model_script import ANSWER, NOTHING, settings


def fact(**fields: Any) -> dict[str, Any]:
    return {"text": "Bob moved to Lisbon.", "entities": ["Bob"], **fields}


def facts(**fields: Any) -> dict[str, Any]:
    return {"entities": [], "facts": [fact(**fields)]}


def raw(name: str, value: str) -> str:
    """An answer with one field of its fact as text that JSON of Python would not write."""
    return json.dumps(facts(**{name: "@"})).replace('"@"', value)


def completion(**message: Any) -> str:
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})


DIGITS, MORE = "9" * 400, "9" * 5000
DEEP = "[" * 100_000 + "]" * 100_000
MISBEHAVING: dict[str, Any] = {
    **{f"400 digits: {name}": raw(name, DIGITS) for name in ("importance", "turns", "value")},
    **{f"400 digits: {name}": raw(name, DIGITS) for name in ("valid_at", "text", "subject")},
    "400 digits, negative": raw("importance", "-" + DIGITS),
    "400 digits as text": facts(importance=DIGITS, turns=[DIGITS], valid_at=DIGITS),
    "5,000 digits": raw("importance", MORE),
    "5,000 digits as text": facts(importance=MORE, turns=[MORE, f"turn {MORE}"], valid_at=MORE),
    "turns of 400 digits": raw("turns", f"[{DIGITS}, -{DIGITS}]"),
    "infinite": raw("importance", "Infinity"),
    "no number": raw("importance", "NaN"),
    "1e999": raw("turns", "[1e999, -1e999]"),
    "deep": DEEP,
    "deep inside": raw("entities", DEEP),
    "NULs": facts(text="Bob \0 moved", subject="B\0b", type="a\0b", object="\0"),
    "control characters": facts(subject="B\x1b[2Job", type="lives_in", object="L\x07isbon"),
    "half surrogates": json.dumps(facts(text="Bob \ud800", subject="\udfff")),
    "wrong types": {"entities": {"a": 1}, "facts": [1, None, [], {}, True, {"text": {}}]},
    "facts of numbers": {"entities": [1, 2], "facts": [[1, 2, 3]]},
    "a list": [1, 2, 3],
    "a number": "42",
    "null": "null",
    "20,000 facts": {"entities": [], "facts": [{"text": "x"}] * 20_000},
    "20,000 entities": {"entities": [{"name": "a"}] * 20_000, "facts": []},
    "twice the same key": '{"facts": [], "facts": 7, "entities": [], "entities": {"a": "b"}}',
    "a name of a megabyte": facts(subject="b" * 1_000_000, type="x" * 1_000_000),
    "prose": "I am sorry, there are no facts.",
    "half an answer": '{"entities": [], "facts": [{"text": "Bob mo',
    "cut off": Truncated('{"entities": [], "facts": ['),
    "refused": Refusal(),
    "filtered": Refusal(filtered=True),
    "empty": Empty(),
    "no choices": Empty(no_choices=True),
    "no tokens": Usage(NOTHING, -(10**30), 10**400),
    "tokens of text": Body(json.dumps({**json.loads(completion(content="{}")), "usage": "x"})),
    "choices of numbers": Body('{"choices": 7}'),
    "a choice of text": Body('{"choices": ["hello"]}'),
    "a message of a list": Body('{"choices": [{"message": [1]}]}'),
    "content of numbers": Body(completion(content=[1, {"text": 2}])),
    "tools of numbers": Says(more={"tool_calls": [1, {"function": 2}]}),
    "no JSON": Body("<html><body>Sign in</body></html>", content_type="text/html"),
    "an error with 200": Body('{"error": {"message": "no"}}'),
    "wrong content type": Body(completion(content="no"), content_type="image/png"),
    "no UTF-8": Body(b'{"choices": "\xff\xfe\x80'),
    "nothing": Body(""),
    "NUL bytes": Body(b"\0" * 1000),
    "40 MB": Body(completion(content="x" * 40_000_000)),
    "without end": Endless(),
    "a drip without end": Endless(b" ", 0.05),
    "no answer": Hang(),
    "cut line": Drop(),
    "cut line midway": Drop(midway=True),
    "elsewhere": Status(307, headers={"Location": "http://127.0.0.1:9/v1/chat/completions"}),
    "elsewhere for good": Status(301, headers={"Location": "http://127.0.0.1:9/"}),
    "teapot": Status(418),
    "retry in a year": Status(429, retry_after=31_536_000),
    "retry at no time": Status(503, retry_after="soon"),
}


@pytest.fixture(scope="module")
def model() -> Any:
    with LocalModelServer(answer=lambda request: current["answer"](request)) as server:
        yield server


current: dict[str, Any] = {"answer": lambda _: NOTHING}


@pytest.mark.parametrize("case", MISBEHAVING)
def test_a_receipt_whatever_is_answered(model: LocalModelServer, case: str) -> None:
    answers = MISBEHAVING[case]
    chosen = settings(model, llm_timeout_s=1.5, ask_ambiguities=False)
    with Memory("memory://", user_id="ada", settings=chosen) as memory:
        current["answer"] = lambda _: answers
        receipt = memory.add("Bob moved to Lisbon in May 2024.")
        assert receipt.status in {"done", "pending"}
        assert memory.search("Lisbon", kinds=["turn"]).hits
        health = memory.health()
        assert health.ok == (receipt.status == "done")
        if receipt.status == "pending":
            assert receipt.reason
            assert receipt.reason in health.parts["pending"]
            current["answer"] = lambda _: ANSWER
            (again,) = memory.resume()
            assert again.status == "done", again.reason
            assert memory.relations("Bob")
            assert memory.health().ok
        assert memory.verify().ok


def test_one_bad_answer_does_not_stop_the_others(model: LocalModelServer) -> None:
    """Also where reading it raises what nobody thought of."""
    with Memory("memory://", user_id="ada", settings=settings(model)) as memory:
        current["answer"] = lambda _: Status(500)
        for name in ("Bob", "Carol", "Dave"):
            assert memory.add(f"{name} moved to Lisbon.").status == "pending"
        assert "500" in memory.health().parts["pending"]

        def answer(request: Any) -> Any:
            name = next(n for n in ("Bob", "Carol", "Dave") if f"{n} moved" in request.text())
            if name == "Bob":
                return raw("importance", DIGITS)
            fields = {"subject": name, "type": "lives_in", "object": "Lisbon"}
            return facts(text=f"{name} moved to Lisbon.", **fields)

        current["answer"] = answer
        assert len(memory.resume()) == 3
        assert {r.subject for r in memory.relations()} >= {"Carol", "Dave"}


def test_what_nobody_thought_of_leaves_one_episode_pending(
    model: LocalModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from graphmem.extract.llm.extractor import ModelExtractor
    from graphmem.ingest.pipeline import Ingest

    extract, decide = ModelExtractor.extract, Ingest._decide

    async def failing(self: Any, episode: Any, *more: Any, **options: Any) -> Any:
        if "Bob" in episode.content:
            raise ZeroDivisionError
        return await extract(self, episode, *more, **options)

    async def undecided(self: Any, episode: Any, *more: Any, **options: Any) -> Any:
        if "Carol" in episode.content:
            raise RecursionError
        return await decide(self, episode, *more, **options)

    current["answer"] = lambda _: NOTHING
    with Memory("memory://", user_id="ada", settings=settings(model)) as memory:
        with monkeypatch.context() as broken:
            broken.setattr(ModelExtractor, "extract", failing)
            broken.setattr(Ingest, "_decide", undecided)
            memory.add_many([f"{name} moved." for name in ("Bob", "Carol", "Dave")])
            assert memory.stats().pending == 2
            found = memory.resume()
            assert [receipt.status for receipt in found] == ["pending", "pending"]
            assert "ZeroDivisionError" in str(found[0].reason)
            assert "RecursionError" in str(found[1].reason)
        assert [receipt.status for receipt in memory.resume()] == ["done", "done"]


def test_an_answer_without_end_is_left(model: LocalModelServer) -> None:
    """Once read to the end (578 MB), and tried again."""
    before = len(model.chats)
    current["answer"] = lambda _: Endless()
    chosen = settings(model, llm_attempts=4, llm_timeout_s=60)
    with Memory("memory://", user_id="ada", settings=chosen) as memory:
        receipt = memory.add("Bob moved to Lisbon.")
    assert receipt.status == "pending"
    assert "more than 33,554,432 bytes" in str(receipt.reason)
    assert len(model.chats) == before + 1


def test_vectors_without_end(model: LocalModelServer) -> None:
    with LocalModelServer(embedding_answers=[Endless()] * 3) as server:
        chosen = Settings.load(
            {}, embedder="openai:small", openai_base_url=server.base_url, llm_attempts=1
        )
        with pytest.raises(ModelError, match="more than 33,554,432 bytes"):
            Memory("memory://", user_id="ada", settings=chosen)


SECRET = "sk-of-openai"


def test_a_key_goes_where_it_belongs(tmp_path: Path) -> None:
    """OpenAI's key once went to Ollama with every request."""
    usual = {"OPENAI_API_KEY": SECRET}
    own = {**usual, "GRAPHMEM_OPENAI_API_KEY": "sk-own"}
    cases: list[tuple[str, dict[str, str], str, bool]] = [
        # The model, the environment, the key that is sent, whether the URL is OPENAI_BASE_URL.
        ("ollama:small", usual, "none", False),
        ("ollama:small", own, "none", False),
        ("ollama:small", usual, "none", True),
        ("openai:small", usual, "none", False),
        ("openai:small", own, "sk-own", False),
        ("openai:small", usual, SECRET, True),
        ("openai:small", own, "sk-own", True),
    ]
    for llm, environment, key, of_openai in cases:
        with LocalModelServer(answer=lambda _: NOTHING) as server:
            name = "OPENAI_BASE_URL" if of_openai else "GRAPHMEM_OPENAI_BASE_URL"
            environ = {**environment, name: server.base_url, "GRAPHMEM_LLM": llm}
            provider = llm.partition(":")[0]
            environ["GRAPHMEM_EMBEDDER"] = f"{provider}:embed"
            environ["GRAPHMEM_RERANKER"] = f"{provider}:judge"
            with Memory("memory://", user_id="ada", settings=Settings.load(environ)) as memory:
                memory.add("Bob moved to Lisbon.")
                memory.search("Lisbon")
            assert {request.key for request in server.requests} == {key}


def test_a_redirect_takes_nothing_along() -> None:
    with LocalModelServer(answer=lambda _: NOTHING) as other:
        moved = Status(307, headers={"Location": f"{other.base_url}/chat/completions"})
        with LocalModelServer(answer=lambda _: moved) as server:
            chosen = settings(server, openai_api_key=SECRET)
            with Memory("memory://", user_id="ada", settings=chosen) as memory:
                receipt = memory.add("Bob moved to Lisbon.")
                assert "sends elsewhere (307), which is not followed" in str(receipt.reason)
                assert SECRET not in str(receipt.reason)
        assert other.requests == []


def test_health_says_that_the_model_is_not_reached(tmp_path: Path) -> None:
    chosen = Settings.load(
        {}, llm="openai:small", openai_base_url="http://127.0.0.1:9/v1", llm_attempts=1
    )
    with Memory(tmp_path / "s", user_id="ada", settings=chosen) as memory:
        assert memory.health().ok
        memory.add("Bob moved to Lisbon.")
        health = memory.health()
        assert not health.ok
        assert health.parts["pending"].startswith("1: openai:small: cannot reach")
