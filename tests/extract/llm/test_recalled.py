"""What an episode repeats from a memory is not extracted again; the ledger keeps it."""

from __future__ import annotations

from typing import Any

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.extract.llm.hidden_text import hide_recalled
from graphmem.extract.rules.extractor import RulesExtractor
from graphmem.ingest.make_episode import build_episode
from graphmem.model import Episode, Scope
from graphmem.testing.llm_server import LocalModelServer
from tests.extract.llm.helpers import NOTHING, extract, lines


def visible(content: Any) -> Episode:
    return build_episode(
        content, {"occurred_at": "2024-05-01"}, Scope(user_id="ada"), ManualClock(), max_bytes=10**7
    )


def shown(content: Any) -> list[str]:
    return [turn.text for turn in hide_recalled(visible(content)).turns]


@pytest.mark.parametrize(
    "tag", ["memories", "memory", "user_memories", "retrieved-memory", "Memory"]
)
def test_blocks_are_hidden(tag: str) -> None:
    given_text = f'<{tag} count="2">\nAda lives in Oslo.\n</{tag}>\nWhere do I live?'
    assert shown([{"role": "user", "content": given_text}]) == ["Where do I live?"]


def test_a_block_over_several_paragraphs_is_hidden() -> None:
    text = "Hello.\n\n<memories>\nAda lives in Oslo.\n\nAda likes tea.\n</memories>\n\nI moved."
    assert shown(text) == ["Hello.", "", "", "I moved."]


def test_lines_of_a_context_are_hidden() -> None:
    with Memory("memory://", user_id="ada") as memory:
        memory.add("Ada Berg lives in Oslo.", occurred_at="2024-01-10")
        memory.add("Ada Berg likes tea.\nShe drinks it daily.", occurred_at="2024-01-11")
        context = memory.context("Where does Ada Berg live?")
    assert "Oslo" in context
    asked = f"What you know:\n{context}\n\nI moved to Rome."
    assert "Oslo" not in "".join(shown(asked))
    assert "tea" not in "".join(shown([{"role": "user", "content": asked}]))
    assert shown(asked)[-1] == "I moved to Rome."


def test_in_paragraphs_that_were_cut_the_rest_stays() -> None:
    filler = 'He said "I am at home." And then it rained. ' * 60
    text = f"{filler}\n[1] 2024-05-17 Ada: my secret is safe\n{filler}"
    parts = shown(text)
    assert len(parts) == len(visible(text).turns) > 2
    assert "secret" not in "".join(parts)
    assert "".join(parts).count("rained") == 120


@pytest.mark.parametrize(
    "text",
    [
        "My memory is bad.",
        "The <memory> tag is never closed here.",
        "See [1] and [2] for more.",
        "[1] Berg et al. 2019, A history of tea.",
        "I met her on 2024-05-17 [3].",
        "I read <i>Memories of Oslo</i>.",
    ],
)
def test_other_text_is_left_alone(text: str) -> None:
    episode = visible(text)
    assert hide_recalled(episode) is episode


async def test_neither_the_model_nor_the_rules_read_it() -> None:
    text = "<memories>\nBob Stone works at Acme.\n</memories>\n\nBob Stone lives in Oslo."
    episode = hide_recalled(visible(text))
    with LocalModelServer([NOTHING]) as server:
        await extract(server, episode)
        assert [line["text"] for line in lines(server.chats[0])[2:]] == ["Bob Stone lives in Oslo."]
    got = await RulesExtractor().extract(episode, ())
    assert [fact.type for fact in got.facts] == ["lives_in"]
    assert visible(text).content == text


def test_absurd_input_takes_no_time() -> None:
    for text in ("<memory> " * 50_000, "</memory>" * 50_000, "[1] 2024-05-17 x\n" * 20_000):
        assert len(hide_recalled(visible(text)).turns) == len(visible(text).turns)
