"""Long episodes: where they are cut, what is paid once, what is learnt about a model's context."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.adapters.models.openai.chat import OpenAIChat
from graphmem.errors import BadModelOutput, ModelError, UsageError
from graphmem.extract.llm.chunks import EPISODE_START, next_chunk
from graphmem.extract.llm.extractor import ModelExtractor
from graphmem.model import Turn
from graphmem.ports.llm import Extraction
from graphmem.testing.llm_server import LocalModelServer, Request, ScriptedAnswer, Status, Usage
from tests.extract.llm.helpers import (
    NOTHING,
    echo,
    episode,
    extract,
    extractor,
    fact,
    lines,
    no_wait,
    turns,
)

NINE = [f"Town {n} " + "word " * 60 for n in range(9)]
ONE_EACH = 350  # a budget that fits one of them


# -- where it is cut -------------------------------------------------------------------------------


@given(st.lists(st.text(alphabet="ab. \n。", max_size=300), max_size=6), st.integers(20, 200))
def test_parts_hold_every_word_once_and_in_order(texts: list[str], size: int) -> None:
    shown = [Turn(f"t{n}", "ep", n, text) for n, text in enumerate(texts)]
    at, read = EPISODE_START, dict.fromkeys(range(len(texts)), "")
    while (part := next_chunk(shown, at, size)) is not None:
        assert 0 < part.size <= size
        assert part.end > at
        for piece in part.pieces:
            if not piece.context:
                read[piece.turn.ordinal] += piece.text
        at = part.end
    squeezed = ["".join(text.split()) for text in texts]
    assert ["".join(read[n].split()) for n in range(len(texts))] == squeezed


@given(st.lists(st.integers(10, 400), min_size=1, max_size=5), st.data())
def test_a_place_means_the_same_for_parts_of_any_size(
    sizes: list[int], data: st.DataObject
) -> None:
    shown = [Turn(f"t{n}", "ep", n, data.draw(st.text("xy. ", max_size=200))) for n in range(3)]
    at, read = EPISODE_START, ""
    for number in range(400):
        part = next_chunk(shown, at, sizes[number % len(sizes)])
        if part is None:
            break
        read += "".join(piece.text for piece in part.pieces if not piece.context)
        at = part.end
    assert "".join(read.split()) == "".join("".join(t.text for t in shown).split())


def test_a_long_turn_is_cut_between_sentences() -> None:
    text = "Ada lives in Oslo. " * 30
    first = next_chunk([Turn("t", "ep", 0, text)], EPISODE_START, 200)
    assert first is not None
    assert first.pieces[0].text.endswith("Oslo.")
    second = next_chunk([Turn("t", "ep", 0, text)], first.end, 200)
    assert second is not None
    shown = [piece for piece in second.pieces if not piece.context]
    assert shown[0].text.startswith("Ada lives")


async def test_a_chunk_is_shown_what_came_before_it() -> None:
    with LocalModelServer(answer=echo) as server:
        await extract(server, episode("He is my brother.", *NINE[:2]), budget=ONE_EACH)
        context = [
            [line["turn"] for line in lines(request) if "context" in line]
            for request in server.chats
        ]
    assert context == [[], [1]]


async def test_what_only_the_context_says_counts_once() -> None:
    """A model that does not heed the mark gives the facts of the context again, in other words."""

    def answer(request: Request) -> ScriptedAnswer:
        shown = [line["turn"] for line in lines(request) if "turn" in line]
        given_text = [fact(f"Turn {n} as read among {len(shown)}.", n) for n in shown]
        return {"entities": [], "facts": given_text}

    with LocalModelServer(answer=answer) as server:
        async with extractor(server, budget=ONE_EACH) as made:
            shown = episode("Short.", NINE[0], "Short too.", NINE[1])
            got = await made.extract(shown, ())
            again = made.read(str(got.raw), shown)
        assert len(server.chats) > 1
    assert sorted(f.turns for f in got.facts) == [(0,), (1,), (2,), (3,)]
    assert again.facts == got.facts


async def test_an_entity_has_one_name_in_all_parts() -> None:
    full = {"name": "Ada Park", "kind": "person", "aliases": ["Ada"]}
    short = {"name": "Ada", "kind": "person", "aliases": []}
    answers = [
        {"entities": [full], "facts": [fact("Ada Park sings.", 0, entities=["Ada Park"])]},
        {"entities": [short], "facts": [fact("Ada dances.", 1, entities=["Ada"])]},
    ]
    with LocalModelServer(answers) as server:
        got = await extract(server, episode(*NINE[:2]), budget=ONE_EACH)
    assert [(e.name, e.aliases) for e in got.entities] == [("Ada Park", ("Ada",))]
    assert [f.entities for f in got.facts] == [("Ada Park",)] * 2


# -- what is paid once -----------------------------------------------------------------------------


class Kept:
    """What the ledger keeps of an episode, and adds up."""

    def __init__(self) -> None:
        self.raws: list[str] = []
        self.calls = 0
        self.tokens = 0

    async def __call__(self, found: Extraction) -> None:
        self.raws.append(str(found.raw))
        self.calls += found.calls
        self.tokens += found.tokens_in + found.tokens_out


def failing_at(number: int) -> Callable[[Request], ScriptedAnswer]:
    """Answers every question but that about one turn."""

    def answer(request: Request) -> ScriptedAnswer:
        return "no idea" if turns(request) == [number] else Usage(_dict(echo(request)), 100, 10)

    return answer


def _dict(answer: ScriptedAnswer) -> dict[str, Any]:
    assert isinstance(answer, dict)
    return answer


async def test_a_failure_in_part_seven_does_not_pay_the_first_six_again() -> None:
    shown, kept = episode(*NINE), Kept()
    with LocalModelServer(answer=failing_at(6)) as server:
        async with extractor(server, budget=ONE_EACH) as made:
            with pytest.raises(BadModelOutput) as caught:
                await made.extract(shown, (), keep=kept)
            assert [turns(r) for r in server.chats] == [[0], [1], [2], [3], [4], [5], [6], [6]]
            assert (kept.calls, kept.tokens) == (6, 660)
            assert caught.value.calls == 2, "what was paid and not kept"
            begun = made.read(kept.raws[-1], shown)
            assert not begun.complete
            assert [f.turns for f in begun.facts] == [(n,) for n in range(6)]
    with LocalModelServer(answer=echo) as server:
        # Another process, with another budget, goes on where the first one stopped.
        async with extractor(server) as made:
            got = await made.extract(shown, (), begun=kept.raws[-1], keep=kept)
            assert [turns(r) for r in server.chats] == [[6, 7, 8]]
            assert lines(server.chats[0])[1]["known"][0] == ["Town 0", "place"]
            assert (got.calls, kept.calls) == (1, 7)
            whole = made.read(kept.raws[-1], shown)
    assert whole.complete
    assert whole.facts == got.facts
    assert [f.turns for f in got.facts] == [(n,) for n in range(9)]


async def test_the_kept_answers_survive_in_a_ledger() -> None:
    ledger = SqliteLedger(None)
    await ledger.open()
    shown = replace(episode(*NINE))
    (shown,) = await ledger.journal([shown], 0)

    async def keep(found: Extraction) -> None:
        await ledger.keep_extraction(shown.id, found)

    with LocalModelServer(answer=failing_at(6)) as server:
        async with extractor(server, budget=ONE_EACH) as made:
            with pytest.raises(BadModelOutput):
                await made.extract(shown, (), keep=keep)
    kept = await ledger.extraction(shown.id)
    assert kept is not None
    with LocalModelServer(answer=echo) as server:
        async with extractor(server, budget=ONE_EACH) as made:
            got = await made.extract(shown, (), begun=kept.raw, keep=keep)
            assert len(server.chats) == 3
            kept = await ledger.extraction(shown.id)
            assert kept is not None
            assert made.read(str(kept.raw), shown).facts == got.facts
            assert kept.calls == 9
    await ledger.close()


async def test_one_question_is_kept_as_it_is() -> None:
    kept = Kept()
    with LocalModelServer(answer=echo) as server:
        async with extractor(server) as made:
            got = await made.extract(episode("I like tea"), (), keep=kept)
    assert kept.raws == [got.raw]
    assert kept.calls == got.calls == 1


@pytest.mark.parametrize(
    "raw", ['{"graphmem_parts": 5}', '{"graphmem_parts": [{"answer', "x", '{"graphmem_parts"']
)
async def test_a_kept_answer_that_is_torn_is_bad_output(raw: str) -> None:
    with LocalModelServer() as server:
        async with extractor(server) as made:
            with pytest.raises(BadModelOutput):
                made.read(raw, episode("I like tea"))


# -- what a model takes ----------------------------------------------------------------------------


def only_takes(characters: int) -> Callable[[Request], ScriptedAnswer]:
    def answer(request: Request) -> ScriptedAnswer:
        size = sum(len(line.get("text", "")) for line in lines(request))
        if size > characters:
            return Status(400, "too long", error_code="context_length_exceeded")
        return echo(request)

    return answer


async def test_a_context_is_learnt_once() -> None:
    with LocalModelServer(answer=only_takes(1000)) as server:
        async with extractor(server) as made:
            first = await made.extract(episode(*NINE), ())
            tried = len(server.chats)
            second = await made.extract(episode(*NINE), ())
            refused = [r for r in server.chats[tried:] if len(turns(r)) > 3]
    assert len(first.facts) == len(second.facts) == 9
    assert refused == []


async def test_a_given_context_is_kept_to_from_the_start() -> None:
    shown = episode(*["I like tea and long walks. " * 100 for _ in range(4)])
    with LocalModelServer(answer=echo, profile="vllm", context_tokens=4096) as server:
        llm = OpenAIChat("m", base_url=server.base_url, sleep=no_wait)
        made = ModelExtractor(llm, context_tokens=4096)
        got = await made.extract(shown, ())
        await made.close()
        assert got.calls == len(server.chats)
    assert [f.turns for f in got.facts] == [(0,), (1,), (2,), (3,)]


def test_a_context_that_does_not_even_fit_the_prompt_is_refused() -> None:
    llm = OpenAIChat("m", base_url="http://127.0.0.1:9")
    with pytest.raises(UsageError, match="too small for the prompt"):
        ModelExtractor(llm, context_tokens=600)


async def test_a_server_that_silently_drops_the_prompt_is_found_out() -> None:
    """Ollama drops the instructions first; the model then answers something else."""

    def answer(request: Request) -> ScriptedAnswer:
        small = len(request.text()) < 1500
        return echo(request) if small else "Once upon a time, there was a town."

    shown = episode(*NINE)
    with LocalModelServer(answer=answer, profile="ollama", context_tokens=500) as server:
        got = await extract(server, shown)
    assert [f.turns for f in got.facts] == [(n,) for n in range(9)]


async def test_and_reported_when_nothing_helps() -> None:
    with (
        LocalModelServer(["What?"] * 9, profile="ollama", context_tokens=100) as server,
        pytest.raises(ModelError, match="larger context"),
    ):
        await extract(server, episode("I like tea"))


async def test_a_long_procedure_goes_on_under_its_title() -> None:
    def answer(request: Request) -> ScriptedAnswer:
        steps = [f"Do step {n}." for n in turns(request)]
        procedure = {"title": "Bake bread", "steps": steps, "turns": turns(request)}
        return {"entities": [], "procedures": [procedure]}

    shown = episode(*NINE, memory_type="procedural")
    with LocalModelServer(answer=answer) as server:
        async with extractor(server, budget=ONE_EACH * 3) as made:
            got = await made.extract(shown, ())
            assert made.read(json.dumps(json.loads(str(got.raw))), shown).facts == got.facts
    (whole,) = got.facts
    steps = [f"{n + 1}. Do step {n}." for n in range(9)]
    assert whole.text.split("\n") == ["Bake bread:", *steps]
    assert whole.turns == tuple(range(9))


async def test_a_small_context_gets_a_short_prompt() -> None:
    """The instructions are less than half of what they are otherwise."""
    asked: dict[int, int] = {}
    for tokens in (4096, 32_000):
        with LocalModelServer([NOTHING]) as server:
            llm = OpenAIChat("m", base_url=server.base_url, sleep=no_wait)
            made = ModelExtractor(llm, context_tokens=tokens)
            await made.extract(episode("I like tea."), ())
            await made.close()
            asked[tokens] = len(server.chats[0].text("system"))
    assert asked[4096] < 3000 < asked[32_000]
    assert asked[4096] * 2 < asked[32_000]
