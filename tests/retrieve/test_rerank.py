"""The best hits read again: by a chat model on a local server, by a small real cross-encoder."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphmem import Memory, Settings
from graphmem.adapters.models.fastembed.reranker import DEFAULT_RERANKER, FastEmbedReranker
from graphmem.errors import ModelError, UsageError
from graphmem.model import SearchResult
from graphmem.retrieve.rank.ranking import rank, reordered
from graphmem.testing.llm_server import LocalModelServer, Request, ScriptedAnswer, Status
from tests.adapters.models.tiny_model import TOKENS, cross_encoder, write

_FILE = "onnx/model.onnx"
_TEXTS = ("Ada baked bread.", "Ada baked a cake.", "Ada baked two pies.", "Ada sold the oven.")


def memory_of(folder: Path, server: LocalModelServer | None = None, **more: Any) -> Memory:
    given: dict[str, Any] = {"llm": "none", "llm_attempts": 1, **more}
    if server is not None:
        given |= {"reranker": "openai:judge", "openai_base_url": server.base_url}
    memory = Memory(folder, user_id="ada", settings=Settings.load({}, **given))
    memory.add_many(_TEXTS, infer=False)
    return memory


def shown(request: Request) -> list[str]:
    return re.findall(r"^\d+\. (.*)$", request.text(), re.MULTILINE)


def oven_first(request: Request) -> ScriptedAnswer:
    return {"scores": [9 if "oven" in one else 2 for one in shown(request)]}


@pytest.fixture
def server_of() -> Iterator[Callable[[Any], LocalModelServer]]:
    started: list[LocalModelServer] = []

    def start(answer: Any) -> LocalModelServer:
        started.append(LocalModelServer(answer=answer).start())
        return started[-1]

    yield start
    for server in started:
        server.close()


def order(result: SearchResult) -> list[str]:
    return list(dict.fromkeys(hit.text for hit in result))


def test_a_context_is_read_again_once(
    server_of: Callable[[Any], LocalModelServer], tmp_path: Path
) -> None:
    server = server_of(oven_first)
    with memory_of(tmp_path / "read", server) as memory:
        context = memory.context("What did Ada bake?")
        assert _TEXTS[3] in str(context)
        assert [spend.calls for spend in memory.stats().spend] == [1]


def test_a_chat_model_orders_the_best(
    server_of: Callable[[Any], LocalModelServer], tmp_path: Path
) -> None:
    with memory_of(tmp_path / "plain") as memory:
        before = memory.search("What did Ada bake?")
    server = server_of(oven_first)
    with memory_of(tmp_path / "read", server) as memory:
        found = memory.search("What did Ada bake?")
        (spend,) = memory.stats().spend
        assert (spend.model, spend.calls) == ("openai:judge", 1)
    assert order(before)[0] != _TEXTS[3]
    assert order(found)[0] == _TEXTS[3]
    # The rest scores alike and keeps its order.
    assert order(found)[1:] == [one for one in order(before) if one != _TEXTS[3]]
    assert found.reason is None
    assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    for hit in found:
        assert sum(signal.share for signal in hit.signals) == pytest.approx(hit.total, abs=1e-5)
        (signal,) = (s for s in hit.signals if s.name == "reranker")
        assert signal.score == pytest.approx(0.9 if hit.text == _TEXTS[3] else 0.2)
    (request,) = server.chats
    assert "What did Ada bake?" in request.text()
    assert len(shown(request)) == len(before)


def test_only_the_best_are_read(
    server_of: Callable[[Any], LocalModelServer], tmp_path: Path
) -> None:
    server = server_of(lambda request: {"scores": [n for n, _ in enumerate(shown(request))]})
    with memory_of(tmp_path, server, reranked_hits=2) as memory:
        all_of_them = memory.search("What did Ada bake?", kinds=("fact",))
        assert len(all_of_them) == 4
        one = memory.search("What did Ada bake?", limit=1, kinds=("fact",))
    assert [len(shown(request)) for request in server.chats] == [2, 2]
    assert [hit.id for hit in one] == [all_of_them[0].id]
    assert all_of_them[0].signals[-1].rank == 1
    read = [any(signal.name == "reranker" for signal in hit.signals) for hit in all_of_them]
    assert read == [True, True, False, False]


@pytest.mark.parametrize(
    "answer",
    [
        {"scores": [1]},
        {"scores": ["many"] * 4},
        {"judged": []},
        "I would rather not.",
        "{" * 100,
        Status(500),
        Status(401),
    ],
)
def test_without_its_answer_the_order_stays(
    server_of: Callable[[Any], LocalModelServer], tmp_path: Path, answer: Any
) -> None:
    with memory_of(tmp_path / "plain") as memory:
        before = memory.search("What did Ada bake?", kinds=("fact",))
    with memory_of(tmp_path / "read", server_of(lambda _: answer)) as memory:
        found = memory.search("What did Ada bake?", kinds=("fact",))
    assert order(found) == order(before)
    assert found.reason is not None
    assert "order" in found.reason


def test_what_stands_around_the_answer_is_passed_over(
    server_of: Callable[[Any], LocalModelServer], tmp_path: Path
) -> None:
    def fenced(request: Request) -> str:
        scores = ", ".join("10" if "oven" in one else "0" for one in shown(request))
        return f'Sure!\n```json\n{{"scores": [{scores}]}}\n```'

    with memory_of(tmp_path, server_of(fenced)) as memory:
        assert memory.search("What did Ada bake?")[0].text == _TEXTS[3]


def test_at_a_ceiling_it_is_not_asked(
    server_of: Callable[[Any], LocalModelServer], tmp_path: Path
) -> None:
    server = server_of(oven_first)
    with memory_of(tmp_path, server, max_calls_per_store=1) as memory:
        assert memory.search("What did Ada bake?").reason is None
        found = memory.search("What did Ada bake?")
        assert found.hits
        assert "ceiling on calls per store" in str(found.reason)
    assert len(server.chats) == 1


def test_the_past_is_read_again_too(
    server_of: Callable[[Any], LocalModelServer], tmp_path: Path
) -> None:
    with memory_of(tmp_path, server_of(oven_first)) as memory:
        then = memory.as_of(known_at=memory.get_all().items[-1].recorded_at)
        assert then.search("What did Ada bake?")[0].text == _TEXTS[3]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("fastembed:", "name the model too"),
        ("openai:", "name the model too"),
        ("best:one", r"unknown reranker.*fastembed, none, ollama, openai"),
    ],
)
def test_a_wrong_name_is_an_error_at_once(tmp_path: Path, name: str, says: str) -> None:
    settings = Settings.load({}, reranker=name, llm="none", openai_api_key="k")
    with pytest.raises(UsageError, match=says):
        Memory(tmp_path / "store", settings=settings)
    assert not (tmp_path / "store").exists()


def test_totals_stay_inside_the_span_that_they_had() -> None:
    ranking = rank(["a", "b", "c"], {"bm25": np.array([1.0, 0.5, 0.25], np.float32)}, {"bm25": 2.0})
    moved, places = reordered(ranking, [0, 1], [0.0, 1.0])
    assert places == [1, 0]
    assert moved.totals.tolist() == [1.0, 2.0, 0.5]
    assert moved.order == [1, 0, 2]
    assert moved.signal("reranker").tolist() == [0.0, 1.0, 0.0]


class TestCrossEncoder:
    """A model of one table: a text scores what its words do. Run by fastembed's own engine."""

    @pytest.fixture
    def reranker(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FastEmbedReranker:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        rows = np.zeros((TOKENS, 1), dtype=np.float32)
        rows[write(tmp_path, b"")["sleeps"]] = 2.0
        write(tmp_path, cross_encoder(rows), file=_FILE)
        return FastEmbedReranker(DEFAULT_RERANKER, model_path=str(tmp_path))

    async def test_it_scores(self, reranker: FastEmbedReranker) -> None:
        texts = ["the dog sleeps", "the dog", "sleeps sleeps", "", "\ud800"]
        scores = await reranker.scores("where does the dog sleep", texts, tenant="w")
        assert scores[2] > scores[0] > scores[1] == scores[3]
        assert all(0 <= score <= 1 for score in scores)
        assert await reranker.scores("x", [], tenant="w") == []
        await reranker.close()
        again = await reranker.scores("where does the dog sleep", texts, tenant="w")
        assert again == scores

    async def test_a_damaged_model(self, reranker: FastEmbedReranker, tmp_path: Path) -> None:
        (tmp_path / _FILE).write_bytes(b"not a model")
        with pytest.raises(ModelError, match=r"could not be loaded.*GRAPHMEM_RERANKER=none"):
            await reranker.scores("a", ["b"], tenant="w")

    async def test_an_unknown_model(self) -> None:
        with pytest.raises(UsageError, match=rf"no reranker 'x/y'; it has.*{DEFAULT_RERANKER}"):
            await FastEmbedReranker("x/y").scores("a", ["b"], tenant="w")
        with pytest.raises(UsageError, match="has no name"):
            FastEmbedReranker(" ")


def test_deep_health_asks_it_too(
    tmp_path: Path, server_of: Callable[[Any], LocalModelServer]
) -> None:
    answers: list[Any] = [Status(500), {"scores": [5]}]
    with memory_of(tmp_path, server_of(lambda _: answers.pop(0))) as memory:
        assert memory.health().parts["reranker"] == "openai:judge", "not asked"
        ill = memory.health(deep=True)
        assert not ill.ok
        assert ill.parts["reranker"].startswith("openai:judge: failing since ")
        assert memory.health(deep=True).ok
        assert not answers
    with memory_of(tmp_path / "without") as memory:
        assert "reranker" not in memory.health(deep=True).parts
