"""Laws of declarations, through a whole memory: what is believed depends on what was said and on
what is declared now, never on when either came."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from graphmem import AsyncMemory, open_memory
from graphmem.clock import ManualClock
from graphmem.model import Relation
from graphmem.testing.replay import replay_differences, unfolded
from tests.engine.helpers import LAW, mixed

FIRST = datetime(2020, 1, 1, tzinfo=UTC)
TYPES = ("drives", "steers", "driven_by", "lives_in", "knows")


class Stated(NamedTuple):
    """One relation: since which day (if told), until which, said when, or taken back."""

    subject: str
    type: str
    object: str
    since: int | None
    until: int | None
    day: int
    kind: str


class Declared(NamedTuple):
    type: str
    how: dict[str, Any]


def _stated(order: tuple[Any, ...]) -> Stated:
    """``driven_by`` is said of a car, of one driver."""
    person, type, thing, *rest = order
    ends = (thing, person) if type == "driven_by" else (person, thing)
    return Stated(ends[0], type, ends[1], *rest)


STATEMENTS = st.lists(
    st.tuples(
        st.sampled_from(("Ada", "Bob Stone")),
        st.sampled_from(TYPES),
        st.sampled_from(("Fiat", "Saab", "Opel")),
        st.none() | st.integers(0, 20),
        st.none() | st.integers(10, 30),
        st.integers(31, 60),
        st.sampled_from(("relate", "relate", "relate", "relate", "ended", "never")),
    ).map(_stated),
    min_size=1,
    max_size=8,
    unique_by=lambda stated: stated.day,
)
RULES: st.SearchStrategy[list[Declared]] = st.lists(
    st.one_of(
        st.builds(
            Declared,
            st.sampled_from(("drives", "lives_in", "knows")),
            st.booleans().map(lambda one: {"single_valued": one}),
        ),
        st.just(Declared("steers", {"same_as": "drives"})),
        st.just(Declared("steers", {"same_as": "lives_in"})),
        st.just(Declared("driven_by", {"inverse_of": "drives"})),
        st.just(Declared("driven_by", {"inverse_of": "steers"})),
        st.just(Declared("knows", {"same_as": "steers"})),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda rule: rule.type,
)


async def _open() -> AsyncMemory:
    return await open_memory("memory://", user_id="eve", clock=ManualClock("2025-01-01"))


def _day(day: int | None) -> datetime | None:
    return None if day is None else FIRST + timedelta(days=day)


async def _add_all(memory: AsyncMemory, noted: Sequence[Stated]) -> list[str]:
    """Ids of the episodes, in order."""
    ids = []
    for one in noted:
        ends, at = (one.subject, one.type, one.object), _day(one.day)
        if one.kind == "relate":
            since = _day(one.since)
            until = _day(one.until) if one.until and one.until > (one.since or 0) else None
            receipt = await memory.relate(*ends, valid_at=since, invalid_at=until, occurred_at=at)
        else:
            until = _day(one.until or 30) if one.kind == "ended" else None
            receipt = await memory.unrelate(*ends, invalid_at=until, occurred_at=at)
        ids.append(receipt.episode_id)
    return ids


async def _declare(memory: AsyncMemory, rules: Sequence[Declared]) -> None:
    for rule in rules:
        await memory.declare_type(rule.type, **rule.how)


async def _believed(memory: AsyncMemory) -> list[tuple[object, ...]]:
    relations = await memory.relations(current=False, limit=1000)
    return sorted(
        ((r.subject, r.type, r.object, r.valid_at, r.stated_at, r.invalid_at) for r in relations),
        key=repr,
    )


async def _dumped(memory: AsyncMemory) -> tuple[Any, ...]:
    """The graph, but for when it was recorded and as which version."""
    await memory._follow()
    dump = await memory._parts.graph.dump()

    def bare(properties: tuple[tuple[str, object], ...]) -> tuple[tuple[str, object], ...]:
        return tuple(p for p in properties if p[0] not in {"recorded_at", "version"})

    nodes = sorted(((a, b, bare(p)) for a, b, p in dump.nodes), key=repr)
    edges = sorted(((a, b, c, bare(p)) for a, b, c, p in dump.edges), key=repr)
    return nodes, edges


async def _sound(memory: AsyncMemory) -> None:
    """Replay, history and verification find nothing."""
    assert await replay_differences(memory) == []
    page = await memory.get_all(current=False, limit=1000)
    assert await unfolded(memory, page.items) == []
    assert (await memory.verify()).ok


def _apart(relations: Sequence[Relation]) -> None:
    """Intervals of one subject never overlap."""
    far = datetime.max.replace(tzinfo=UTC)
    for one, other in itertools.combinations(relations, 2):
        if one.subject_id == other.subject_id:
            begins = [
                datetime.min.replace(tzinfo=UTC)
                if r.valid_at is None and r.invalid_at and r.invalid_at <= (r.stated_at or far)
                else r.valid_at or r.stated_at or far
                for r in (one, other)
            ]
            ends = [r.invalid_at or far for r in (one, other)]
            assert max(begins) >= min(ends), (one, other)


def _law(coroutine: Any) -> None:
    with asyncio.Runner() as runner:
        runner.run(coroutine)


@LAW
@given(noted=STATEMENTS, rules=RULES, at=st.integers(0, 8))
def test_it_does_not_matter_when_it_was_declared(
    noted: list[Stated], rules: list[Declared], at: int
) -> None:
    async def law() -> None:
        async with await _open() as before, await _open() as after:
            await _declare(before, rules)
            await _add_all(before, noted)
            await _add_all(after, noted[:at])
            await _declare(after, rules)
            await _add_all(after, noted[at:])
            assert await _believed(before) == await _believed(after)
            await _sound(before)
            await _sound(after)

    _law(law())


@LAW
@given(noted=STATEMENTS, rules=RULES)
def test_to_declare_and_take_back_changes_nothing(
    noted: list[Stated], rules: list[Declared]
) -> None:
    async def law() -> None:
        async with await _open() as memory:
            await _add_all(memory, noted)
            before = await _dumped(memory)
            await _declare(memory, rules)
            for rule in rules:
                await memory.declare_type(rule.type)
            assert await _dumped(memory) == before
            await _sound(memory)

    _law(law())


@LAW
@given(noted=STATEMENTS, rules=RULES, order=st.randoms(use_true_random=False))
def test_any_order_of_arrival_and_of_declaration(
    noted: list[Stated], rules: list[Declared], order: Any
) -> None:
    async def law() -> None:
        others = list(rules)
        order.shuffle(others)
        async with await _open() as one, await _open() as other:
            await _add_all(one, noted)
            await _declare(one, rules)
            await _add_all(other, mixed(noted, order, lambda stated: stated.day))
            await _declare(other, others)
            assert await _believed(one) == await _believed(other)

    _law(law())


@LAW
@given(noted=STATEMENTS, at=st.integers(0, 8), same=st.booleans())
def test_intervals_of_what_was_declared_single_never_overlap(
    noted: list[Stated], at: int, same: bool
) -> None:
    async def law() -> None:
        async with await _open() as memory:
            await _add_all(memory, noted[:at])
            await memory.declare_type("drives", single_valued=True)
            if same:
                await memory.declare_type("steers", same_as="drives")
                await memory.declare_type("driven_by", inverse_of="steers")
            await _add_all(memory, noted[at:])
            _apart(await memory.relations(type="drives", current=False, limit=1000))
            if same:
                # Nothing is kept under another name; whoever asks by it finds the same.
                by_any = await memory.relations(type="driven_by", current=False, limit=1000)
                assert by_any == await memory.relations(type="drives", current=False, limit=1000)
                assert {relation.type for relation in by_any} <= {"drives"}

    _law(law())


@LAW
@given(noted=STATEMENTS, rules=RULES, which=st.integers(0, 7))
def test_to_undo_is_to_believe_what_the_others_say(
    noted: list[Stated], rules: list[Declared], which: int
) -> None:
    async def law() -> None:
        gone = noted[which % len(noted)]
        async with await _open() as memory, await _open() as without:
            ids = await _add_all(memory, noted)
            await _declare(memory, rules)
            await memory.undo(ids[noted.index(gone)])
            await _declare(without, rules)
            await _add_all(without, [one for one in noted if one is not gone])
            assert await _believed(memory) == await _believed(without)
            await _sound(memory)

    _law(law())
