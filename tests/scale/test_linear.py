"""What a text takes grows with the text, beside the event loop; nobody waits for another's.

``GRAPHMEM_FUZZ`` (2 and more) takes every kind of text, and texts so many times as long.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graphmem import AsyncMemory, Settings, open_memory
from graphmem.adapters.vectors import bm25
from graphmem.belief.fold import fold_statements
from graphmem.clock import ManualClock
from graphmem.extract.llm.grounding import grounded
from graphmem.extract.rules.extractor import extract
from graphmem.ingest.make_episode import build_episode
from graphmem.model import Date, Episode, Scope, Statement, valid_from, valid_until
from graphmem.off_loop import (
    collector_waits,
    long_work,
    off_loop,
    on_loop,
    run_off_loop,
    stop_if_given_up,
)
from graphmem.ports.llm import CandidateFact, Extraction
from graphmem.relation_types.types import TypeBehaviour
from tests.faults.sizes import FUZZ
from tests.scale.texts import TEXTS, name

_SMALL = 4096
_LARGE = min(8 * _SMALL * int(max(1, FUZZ)), (1 << 20) - _SMALL)  # the limit is a mebibyte
_MOST = 12
_FLOOR_S = 0.15  # of processor: what a call takes, whatever is told
_WORST = ("married, one surname", "works at", "lives in, one subject")


async def _took(store: Path, content: object, *, infer: bool = True) -> float:
    """Processor seconds of adding it and of the read that follows."""
    async with await open_memory(store, user_id="ada", settings=Settings.load({})) as memory:
        await memory.add("I live in Oslo.")
        await memory.search("Where do I live?")
        begun = time.process_time()
        await memory.add(content, infer=infer)  # type: ignore[arg-type]
        await memory.search("Where do I live?")
        return time.process_time() - begun


@pytest.mark.parametrize("kind", TEXTS if FUZZ > 1 else _WORST)
async def test_eight_times_the_text_takes_no_more_than_twelve_times_the_time(
    kind: str, tmp_path: Path
) -> None:
    small = await _took(tmp_path / "small", TEXTS[kind](_LARGE // 8))
    large = await _took(tmp_path / "large", TEXTS[kind](_LARGE))
    assert large <= _MOST * (small + _FLOOR_S)


async def test_a_model_s_answer_of_many_facts_is_decided_in_time(tmp_path: Path) -> None:
    """As related by hand: the same as what a model answers, without the model."""
    texts = [f"{name(i)} Smith is married to {name(i + 400)} Smith." for i in range(400)]
    messages = [{"role": "user", "name": "Ada", "content": text} for text in texts]
    few = await _took(tmp_path / "few", messages[:50])
    assert await _took(tmp_path / "many", messages) <= _MOST * (few + _FLOOR_S)


@pytest.mark.parametrize("kind", ["one letter", "base64", "combining", "Hangul", "capitals"])
def test_bm25_of_what_has_no_words_is_linear(kind: str) -> None:
    bm25.document("begun")
    begun = time.process_time()
    bm25.document(TEXTS[kind](1 << 19))
    # The square of its length took a minute for a word of a mebibyte.
    assert time.process_time() - begun < 3


@pytest.mark.parametrize("kind", TEXTS)
def test_a_long_text_goes_in_pieces_and_comes_to_the_same(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = TEXTS[kind](1 << 14)
    whole = bm25.document(text)
    monkeypatch.setattr(bm25, "_PIECE", 1000)
    indices, weights = bm25.document(text)
    assert indices == whole[0]
    assert weights == pytest.approx(whole[1], rel=1e-5)


def test_a_long_word_is_found_by_itself_and_no_other() -> None:
    word, other = "y" * 5000, "y" * 5001
    (found,), _ = bm25.document(word)
    assert bm25.query(word)[0] == [found]
    assert bm25.query(other)[0] != [found]
    assert set(bm25.document(f"the {word}-berlin")[0]) == {found, *bm25.document("berlin")[0]}


def _hold_an_answer_against(episode: Episode) -> None:
    """As a model's: a fact with a number, a date and names."""
    fact = CandidateFact("Ada moved to Oslo in 2019", "Ada", "lives_in", "Oslo", ("m1",), value="2")
    grounded(Extraction((), (fact,), "a model", "1"), episode, ())


@pytest.mark.parametrize("read", [lambda e: extract(e, ()), _hold_an_answer_against])
@pytest.mark.parametrize("kind", TEXTS)
def test_every_kind_of_text_is_read_in_time(kind: str, read: Callable[[Episode], object]) -> None:
    """By the rules, and beside what a model answers. Whole turns, whatever their length."""
    size = 2048 if FUZZ <= 1 else 1 << 15
    took = []
    for factor in (1, 4):
        content = [{"role": "user", "content": TEXTS[kind](size * factor)}]
        scope = Scope("default", "ada", None, None)
        episode = build_episode(content, {}, scope, ManualClock(), max_bytes=1 << 21)
        with collector_waits():  # a walk over what other tests have left takes a second
            begun = time.process_time()
            read(episode)
            took.append(time.process_time() - begun)
    assert took[1] <= 6 * (took[0] + 0.1)


@pytest.fixture
async def memory(tmp_path: Path) -> AsyncIterator[AsyncMemory]:
    async with await open_memory(tmp_path / "store", settings=Settings.load({})) as opened:
        yield opened


async def test_others_are_served_while_much_is_decided(memory: AsyncMemory) -> None:
    await memory.add("I live in Rome.", user_id="bob")
    await memory.search("Where do I live?", user_id="bob")
    text = TEXTS["works at"](1 << 16)
    adding = asyncio.create_task(memory.add(text, user_id="ada"))
    served, longest = 0, 0.0
    while not adding.done():
        begun = time.perf_counter()
        found = await memory.search("Where do I live?", user_id="bob")
        longest = max(longest, time.perf_counter() - begun)
        assert "Rome" in found.hits[0].text
        served += 1
        await asyncio.sleep(0.01)
    receipt = await adding
    assert receipt.status == "done"
    assert served > 5, f"{served} searches, the longest {longest:.2f} s"


@pytest.mark.skipif(FUZZ <= 1, reason="a minute each: in make fuzz")
@pytest.mark.parametrize("kind", [*_WORST, "likes", "I like", "my sister", "base64"])
async def test_a_mebibyte_takes_a_minute_at_most_and_keeps_nobody_waiting(
    kind: str, memory: AsyncMemory
) -> None:
    await memory.add("I live in Rome.", user_id="bob")
    await memory.search("Where do I live?", user_id="bob")
    begun = time.process_time()
    adding = asyncio.create_task(memory.add(TEXTS[kind]((1 << 20) - 4096), user_id="ada"))
    waits = []
    while not adding.done():
        asked = time.perf_counter()
        await memory.search("Where do I live?", user_id="bob")
        waits.append(time.perf_counter() - asked)
        await asyncio.sleep(0.5)  # what the searches take is counted too
    assert (await adding).status == "done"
    assert time.process_time() - begun < 60
    # Of a machine that does other things too, all but the longest few.
    assert sorted(waits)[len(waits) * 19 // 20] < 0.2


async def test_nobody_waits_for_what_another_told(memory: AsyncMemory) -> None:
    await memory.add("I live in Rome.", user_id="bob")
    await memory.search("Where do I live?", user_id="bob")
    before = memory._vectors.applied_seq
    await memory.add("I work at Acme.", user_id="ada")
    await memory.search("Where do I live?", user_id="bob")
    assert memory._vectors.applied_seq == before, "the other's is still to come"
    found = await memory.search("Where do I work?", user_id="ada")
    assert "Acme" in found.hits[0].text
    assert memory._vectors.applied_seq > before


async def test_what_is_cancelled_stops(memory: AsyncMemory) -> None:
    adding = asyncio.create_task(memory.add(TEXTS["works at"](1 << 16), user_id="ada"))
    await asyncio.sleep(0.3)
    adding.cancel()
    begun = time.process_time()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert time.process_time() - begun < 1.5, "the whole takes longer"
    (pending,) = await memory.resume(user_id="ada")
    assert pending.status == "done"


async def test_a_thread_stops_where_nobody_waits_any_more() -> None:
    turns = 0

    def work() -> None:
        nonlocal turns
        while True:
            turns += 1
            time.sleep(0.001)
            stop_if_given_up()

    waiting = asyncio.create_task(off_loop(work))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    stopped_at = turns
    await asyncio.sleep(0.05)
    assert turns == stopped_at > 0


async def test_a_thread_stops_where_what_it_asks_the_loop_is_never_answered() -> None:
    """As a ledger does whose server is gone."""

    async def never() -> None:
        await asyncio.Event().wait()

    async def work() -> None:
        asked.set()
        await on_loop(never)

    asked = threading.Event()
    waiting = asyncio.create_task(run_off_loop(work))
    await asyncio.to_thread(asked.wait)
    waiting.cancel()
    done, _ = await asyncio.wait([waiting], timeout=5)
    assert done, "it goes on waiting"
    assert waiting.cancelled()


async def test_the_collector_of_cycles_waits_for_long_work_and_no_longer() -> None:
    def work() -> bool:
        return gc.isenabled()

    assert gc.isenabled()
    assert await asyncio.gather(*(off_loop(work) for _ in range(8))) == [False] * 8
    assert gc.isenabled()
    gc.disable()
    try:
        await off_loop(work)
        assert not gc.isenabled(), "switched off by the program itself: it stays so"
    finally:
        gc.enable()


async def test_the_collector_waits_a_minute_at_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where something is under way all the time, it would never come to its work."""
    with collector_waits():
        monkeypatch.setattr("graphmem.off_loop._COLLECT_AFTER_S", -1)
        first = contextlib.ExitStack()
        first.enter_context(collector_waits())
    assert gc.isenabled(), "one that began too late does not go on putting it off"
    first.close()
    assert gc.isenabled()


def test_what_was_made_in_long_work_is_not_walked_over_when_it_ends() -> None:
    """The collector took 0.2 s on the loop for what was freed at once."""
    with collector_waits():
        made: list[list[int]] = [[] for _ in range(10_000)]
    others: list[list[int]] = [[] for _ in range(2_000)]  # sets it off
    oldest = {id(one) for one in gc.get_objects(generation=2)}
    assert all(id(one) in oldest for one in made)
    assert not all(id(one) in oldest for one in others)


def test_what_the_program_has_frozen_stays_frozen() -> None:
    gc.freeze()
    try:
        frozen = gc.get_freeze_count()
        with collector_waits():
            pass
        assert gc.get_freeze_count() >= frozen // 2 > 0
    finally:
        gc.unfreeze()


async def test_turns_are_short_while_something_long_is_computed_and_no_longer() -> None:
    usual = sys.getswitchinterval()
    during = await asyncio.gather(*(off_loop(sys.getswitchinterval) for _ in range(8)))
    assert max(during) <= usual / 5
    with long_work(), long_work():
        assert sys.getswitchinterval() <= usual / 5
    assert sys.getswitchinterval() == usual


@pytest.mark.parametrize("turns", [1, 10_000], ids=["one turn", "a turn each"])
def test_many_things_of_the_same_years_are_folded_in_time(turns: int) -> None:
    """Each is beside those of its year, and of every other turn that says from when to when."""

    def took(count: int) -> float:
        statements = []
        for n in range(count):
            since = datetime(1900 + n % 120, 1, 1, tzinfo=UTC)
            end = since.replace(year=since.year + 1)
            statements.append(
                Statement(
                    f"s{n}", "e", f"Ada moved to {n}", since, n % turns, n,
                    subject_id="ada", type="lives_in", object_id=f"o{n}",
                    entity_ids=("ada", f"o{n}"),
                    **valid_from(Date(since, "year")), **valid_until(Date(end, "year")),
                )
            )  # fmt: skip
        behaviour = TypeBehaviour(single_valued=True, may_overlap=True)
        with collector_waits():
            begun = time.process_time()
            folded = fold_statements(statements, behaviour)
            spent = time.process_time() - begun
        assert len(folded.beliefs) == count
        return spent

    assert took(8000) <= _MOST * (took(1000) + 0.05)
