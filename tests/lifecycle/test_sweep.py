"""Promoted, archived, expired, restored: by hand and by a sweep, on a clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.errors import NotFound, UsageError
from graphmem.lifecycle.memory_types import DEFAULT_POLICIES
from graphmem.lifecycle.sweep import SweepThresholds, sweep_decision
from graphmem.model import Fact, MemoryType, Scope, Swept
from graphmem.settings import Settings

START = "2024-01-01"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def memory(clock: ManualClock) -> Iterator[Memory]:
    with Memory("memory://", user_id="ada", clock=clock) as opened:
        yield opened


@pytest.fixture
def embedded(clock: ManualClock, tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "store", user_id="ada", clock=clock) as opened:
        yield opened


def read(memory: Memory, id: str, times: int) -> None:
    for _ in range(times):
        memory.get(id)


def told(memory: Memory, text: str, importance: float, **more: object) -> str:
    (id,) = memory.add(
        text,
        infer=False,
        importance=importance,
        memory_type="short_term",
        **more,  # type: ignore[arg-type]
    ).fact_ids
    return id


class TestByHand:
    def test_archived_it_leaves_and_comes_back_exactly(self, embedded: Memory) -> None:
        embedded.relate("Ada", "lives_in", "Paris", valid_at="2020")
        embedded.relate("Ada", "lives_in", "Oslo", valid_at="2021")
        (old,) = embedded.relations("Ada", other="Paris", current=False)
        before = embedded.cypher("MATCH (f:Fact)-[s:SUPERSEDES]->(g:Fact) RETURN f.id, g.id")
        edges = embedded.cypher("MATCH (a)-[r]->(b) RETURN count(*)").rows
        assert len(before.rows) == 1
        assert embedded.archive(old.fact_id).archived_at is not None
        assert embedded.cypher("MATCH (f:Fact) RETURN f.text").rows == (("Ada lives in Oslo.",),)
        assert old.fact_id not in [h.id for h in embedded.search("Paris", kinds=["fact"])]
        assert embedded.verify().ok
        embedded.restore(old.fact_id)
        after = embedded.cypher("MATCH (f:Fact)-[s:SUPERSEDES]->(g:Fact) RETURN f.id, g.id")
        assert after.rows == before.rows
        assert embedded.cypher("MATCH (a)-[r]->(b) RETURN count(*)").rows == edges
        (again,) = embedded.relations("Ada", other="Paris", current=False)
        assert replace(again, recorded_at=old.recorded_at) == old
        assert embedded.verify().ok
        assert embedded.rebuild().ok

    def test_it_is_read_where_that_is_asked_for(self, memory: Memory) -> None:
        (id,) = memory.add("The code of the safe is blue.", infer=False).fact_ids
        memory.archive(id)
        assert memory.search("code of the safe").hits == ()
        assert memory.context("code of the safe") == ""
        assert memory.get_all().items == ()
        assert memory.get_all(count=True).total == 0
        for more in ({"include_archived": True}, {"current": False}):
            assert [h.id for h in memory.search("code of the safe", **more)] == [id]  # type: ignore[arg-type]
            assert [f.id for f in memory.get_all(**more).items] == [id]  # type: ignore[arg-type]
        assert "safe" in memory.context("code of the safe", include_archived=True)
        assert memory.get(id).archived_at is not None

    def test_what_ended_or_expired_is_not_brought_with_the_archived(self, memory: Memory) -> None:
        (id,) = memory.add("Tea.", infer=False, expires_at="2024-01-02").fact_ids
        memory.archive(id)
        assert len(memory.search("tea", include_archived=True)) == 1
        memory.update(id, invalid_at="2023-01-01")
        assert len(memory.search("tea", include_archived=True)) == 0
        assert len(memory.get_all(include_archived=True).items) == 0

    def test_as_of_reaches_back_to_it(self, memory: Memory, clock: ManualClock) -> None:
        (id,) = memory.add("The safe is blue.", infer=False).fact_ids
        clock.advance(days=10)
        memory.archive(id)
        clock.advance(days=10)
        for view in (memory.as_of("2024-01-05"), memory.as_of(known_at="2024-01-05")):
            assert [hit.id for hit in view.search("safe")] == [id]
            assert [fact.id for fact in view.get_all().items] == [id]
        assert memory.as_of("2024-01-15").search("safe").hits == ()

    def test_each_is_undone(self, memory: Memory) -> None:
        id = told(memory, "The safe is blue.", 0.5)
        first = memory.get(id)
        for change in (memory.archive, memory.promote):
            change(id)
            memory.undo(memory.history(id)[-1].seq)
            now = memory.get(id)
            assert (now.archived_at, now.memory_type, now.importance, now.expires_at) == (
                None, "short_term", 0.5, first.expires_at,
            )  # fmt: skip
        memory.archive(id)
        memory.restore(id)
        memory.undo(memory.history(id)[-1].seq)
        assert memory.get(id).archived_at is not None
        assert memory.verify().ok

    def test_promoted_it_stays(self, memory: Memory, clock: ManualClock) -> None:
        id = told(memory, "The safe is blue.", 0.95)
        after = memory.promote(id)
        assert (after.memory_type, after.importance, after.expires_at) == ("long_term", 1.0, None)
        clock.advance(days=400)
        assert [hit.id for hit in memory.search("safe")] == [id]

    def test_what_cannot_be_is_refused(self, memory: Memory) -> None:
        id = told(memory, "Tea.", 0.5)
        with pytest.raises(UsageError, match="not archived"):
            memory.restore(id)
        memory.archive(id)
        with pytest.raises(UsageError, match="archived already"):
            memory.archive(id)
        for call in (memory.archive, memory.restore, memory.promote):
            with pytest.raises(NotFound):
                call(id, user_id="eve")
        memory.promote(id, actor="bob")
        assert memory.history(id)[-1].actor == "bob"
        with pytest.raises(UsageError, match="long_term already"):
            memory.promote(id)


class TestReads:
    def test_they_are_counted_beside_the_events(self, memory: Memory, clock: ManualClock) -> None:
        id = told(memory, "The safe is blue.", 0.5)
        head = memory.history(id)[-1].seq
        memory.search("safe")
        memory.context("safe")
        clock.advance(hours=1)
        memory.get(id)
        memory.sweep(dry_run=True)  # writes what was counted
        fact = memory.get(id)
        assert fact.access_count == 3
        assert fact.last_accessed_at
        assert fact.last_accessed_at > datetime.fromisoformat("2024-01-01T00:59:00Z")
        assert memory.history(id)[-1].seq == head
        assert memory.as_of(known_at="2024-02-01").get(id).access_count is None
        assert memory.verify().ok

    def test_they_are_kept_by_reopening_backup_and_export(self, tmp_path: Path) -> None:
        from graphmem import restore

        with Memory(tmp_path / "a", user_id="ada") as memory:
            (id,) = memory.add("Tea.", infer=False).fact_ids
            read(memory, id, 3)
        with Memory(tmp_path / "a", user_id="ada") as memory:
            assert memory.get(id).access_count == 3
            memory.backup(tmp_path / "backup")
            memory.export(tmp_path / "lines.jsonl")
        restore(tmp_path / "backup", tmp_path / "b")
        with Memory(tmp_path / "b", user_id="ada") as memory:
            assert memory.get(id).access_count == 3
        with Memory(tmp_path / "c", user_id="ada") as memory:
            memory.import_(tmp_path / "lines.jsonl")
            assert memory.get(id).access_count == 3
            memory.delete_all()
            assert memory.stats().facts == 0

    def test_they_can_be_left_uncounted(self, clock: ManualClock) -> None:
        settings = Settings.load({}, count_reads=False)
        with Memory("memory://", user_id="ada", clock=clock, settings=settings) as memory:
            (id,) = memory.add("Tea.", infer=False).fact_ids
            read(memory, id, 3)
            memory.sweep()
            assert memory.get(id).access_count == 0


class TestSweep:
    def test_what_is_read_and_matters_is_promoted(self, memory: Memory) -> None:
        kept = told(memory, "The safe is blue.", 0.7)
        seldom, little = told(memory, "Tea.", 0.7), told(memory, "Rain.", 0.69)
        read(memory, kept, 5)
        read(memory, seldom, 4)
        read(memory, little, 9)
        assert memory.sweep(dry_run=True) == Swept((kept,), done=False)
        assert memory.get(kept).memory_type == "short_term"
        assert memory.sweep() == Swept((kept,))
        fact = memory.get(kept)
        assert (fact.memory_type, fact.importance, fact.expires_at) == ("long_term", 0.8, None)
        assert memory.sweep() == Swept()
        assert memory.verify().ok

    def test_what_is_old_and_hardly_read_is_archived(
        self, memory: Memory, clock: ManualClock
    ) -> None:
        far = {"expires_at": "2030-01-01"}
        old = told(memory, "The safe is blue.", 0.29, **far)
        matters, used = told(memory, "Tea.", 0.3, **far), told(memory, "Rain.", 0.1, **far)
        (plain,) = memory.add("Snow.", infer=False, importance=0.1).fact_ids
        read(memory, used, 2)
        clock.advance(days=29)
        assert memory.sweep() == Swept()
        clock.advance(days=2)
        assert memory.sweep() == Swept(archived=(old,))
        assert {f.id for f in memory.get_all().items} == {matters, used, plain}
        assert memory.history(old)[-1].reason == "archived: it is old and hardly read"

    def test_what_has_expired_leaves_the_stores(self, memory: Memory, clock: ManualClock) -> None:
        id = told(memory, "The safe is blue.", 0.5)
        clock.advance(days=8)
        assert memory.sweep() == Swept(expired=(id,))
        assert memory.cypher("MATCH (f:Fact) RETURN f.id").rows == ()
        assert [hit.id for hit in memory.as_of("2024-01-03").search("safe")] == [id]
        assert memory.sweep() == Swept()

    def test_what_was_taken_back_is_not_done_again(
        self, memory: Memory, clock: ManualClock
    ) -> None:
        far = {"expires_at": "2030-01-01"}
        restored, undone = told(memory, "Tea.", 0.1, **far), told(memory, "Rain.", 0.1, **far)
        promoted = told(memory, "Snow.", 0.7, **far)
        expired = told(memory, "Fog.", 0.1)
        read(memory, promoted, 5)
        clock.advance(days=31)
        swept = memory.sweep()
        assert (set(swept.archived), swept.promoted) == ({restored, undone}, (promoted,))
        memory.restore(restored)
        for id in (undone, promoted, expired):
            memory.undo(memory.history(id)[-1].seq)
        again = Swept(expired=(expired,))
        assert memory.sweep(dry_run=True) == replace(again, done=False)
        assert memory.sweep() == again
        clock.advance(days=1)
        memory.update(undone, importance=0.2)
        memory.update(promoted, importance=0.8)
        assert memory.sweep() == Swept((promoted,), (undone,))
        assert memory.verify().ok

    def test_what_changes_while_it_sweeps_is_left_to_the_next(
        self, memory: Memory, clock: ManualClock
    ) -> None:
        ids = [told(memory, f"Thing {number}.", 0.5) for number in range(120)]
        clock.advance(days=8)
        with ThreadPoolExecutor(1) as pool:
            sweeping = pool.submit(memory.sweep)
            while memory.get(ids[0]).archived_at is None:
                assert not sweeping.done()
            memory.delete(ids[-1])
            memory.update(ids[-2], expires_at="2030-01-01")
            swept = sweeping.result()
        assert swept.expired == tuple(ids[:-2])
        assert memory.get(ids[-2]).archived_at is None
        assert memory.sweep() == Swept()
        assert memory.verify().ok

    def test_what_lasts_is_promoted_once(self, clock: ManualClock) -> None:
        """Whatever the policy of its type."""
        settings = Settings.load({}, memory_types={"long_term": {"promotes": True}})
        with Memory("memory://", user_id="ada", clock=clock, settings=settings) as memory:
            id = told(memory, "Tea.", 0.7)
            read(memory, id, 5)
            assert memory.sweep() == Swept((id,))
            assert memory.sweep() == Swept()
            assert memory.get(id).importance == 0.8

    def test_without_an_owner_it_is_of_everybody_in_the_project(self, clock: ManualClock) -> None:
        with Memory("memory://", clock=clock) as memory:
            ids = {
                user: memory.add("Tea.", infer=False, memory_type="short_term", user_id=user)
                for user in ("ada", "eve")
            }
            memory.add("Tea.", infer=False, memory_type="short_term", user_id="a", project_id="b")
            clock.advance(days=8)
            of_eve = memory.sweep(user_id="eve")
            assert of_eve.expired == ids["eve"].fact_ids
            assert memory.sweep().expired == ids["ada"].fact_ids

    def test_thresholds_are_settings(self, clock: ManualClock) -> None:
        settings = Settings.load(
            {}, promote_reads=1, promote_importance=0.5, reads_raise_importance=True
        )
        with Memory("memory://", user_id="ada", clock=clock, settings=settings) as memory:
            id = told(memory, "Tea.", 0.49)
            read(memory, id, 1)
            assert memory.sweep().promoted == (id,)


def test_a_decision_is_a_function_of_fact_use_and_thresholds() -> None:
    now = datetime.fromisoformat("2024-03-01T00:00:00Z")
    limits = SweepThresholds(5, 0.7, 30, 0.3, 2, reads_raise_importance=False)
    fact = Fact("f", Scope(user_id="ada"), "Tea.", now - timedelta(days=31), importance=0.1)
    assert sweep_decision(fact, 0, now, DEFAULT_POLICIES, limits) is None


_DUE_TO = {"promoted": "promote", "archived": "archive", "expired": "expire"}


def _everything(memory: Memory) -> dict[str, Fact]:
    """Every fact, as it is believed; of which version it is and since when does not count."""
    pages = memory.get_all(limit=2000, current=False).items
    return {f.id: replace(f, version=1, recorded_at=f.stated_at or f.recorded_at) for f in pages}


def _due(facts: dict[str, Fact], reads: dict[str, int], now: datetime) -> dict[str, set[str]]:
    """What is to become of facts by the policy, in the words of docs/lifecycle.md."""
    due: dict[str, set[str]] = {name: set() for name in _DUE_TO}
    for id, fact in facts.items():
        short, count = fact.memory_type == "short_term", reads.get(id, 0)
        if fact.archived_at is not None:
            continue
        if fact.expires_at is not None and fact.expires_at <= now:
            due["expired"].add(id)
        elif short and count >= 5 and fact.importance >= 0.7:
            due["promoted"].add(id)
        elif (
            short
            and fact.stated_at is not None
            and now - fact.stated_at >= timedelta(days=30)
            and fact.importance < 0.3
            and count < 2
        ):
            due["archived"].add(id)
    return due


def _told_in(memory: Memory, month: int, random: Random) -> None:
    kinds: tuple[MemoryType, ...] = ("short_term", "short_term", "short_term", "semantic")
    items = [
        {
            "content": f"Thing {month}.{at} was seen.",
            "memory_type": random.choice(kinds),
            "importance": random.choice((0.1, 0.29, 0.3, 0.5, 0.69, 0.7, 0.95)),
            **({"expires_at": "2099-01-01"} if random.random() < 0.4 else {}),
        }
        for at in range(84)
    ]
    memory.add_many(items, infer=False)


@pytest.mark.slow
def test_a_year_of_one_user(tmp_path: Path) -> None:
    """A thousand episodes, read at random, swept twice a month: what becomes of each is what the
    policy says; a rebuilt store is the same; and every single step is undone, the last one first,
    to what there was before each sweep."""
    clock, random = ManualClock(START), Random(17)
    steps: list[tuple[dict[str, Fact], Swept]] = []
    became: Counter[str] = Counter()
    reads: Counter[str] = Counter()
    with Memory(tmp_path / "store", user_id="ada", clock=clock) as memory:
        for month in range(12):
            _told_in(memory, month, random)
            for days in (5, 26):
                for id, fact in _everything(memory).items():
                    if fact.archived_at is None and random.random() < 0.2:
                        times = random.choice((1, 2, 4, 5))
                        read(memory, id, times)
                        reads[id] += times
                clock.advance(days=days)
                before = _everything(memory)
                due = _due(before, reads, clock.now())
                planned = memory.sweep(dry_run=True)
                swept = memory.sweep()
                assert swept == replace(planned, done=True)
                for name, ids in due.items():
                    assert set(getattr(swept, name)) == ids, (month, name)
                    became[name] += len(ids)
                steps.append((before, swept))
                after = _everything(memory)
                gone = due["archived"] | due["expired"]
                assert {id for id in gone if after[id].archived_at is None} == set()
                assert {after[id].memory_type for id in due["promoted"]} <= {"long_term"}
                assert {id for id in after if after[id] != before[id]} == gone | due["promoted"]
        assert memory.stats().episodes == 1008
        assert min(became.values()) > 60, became
        assert memory.verify().ok
        assert memory.rebuild().ok
        _undo_every_step(memory, steps)
        assert memory.verify().ok
        assert memory.rebuild().ok


def _undo_every_step(memory: Memory, steps: list[tuple[dict[str, Fact], Swept]]) -> None:
    told_later: set[str] = set()
    for before, swept in reversed(steps):
        for id in (*swept.expired[::-1], *swept.archived[::-1], *swept.promoted[::-1]):
            memory.undo(memory.history(id)[-1].seq)
        now = _everything(memory)
        assert {id: fact for id, fact in now.items() if id in before} == before
        assert told_later <= set(now)
        told_later |= set(now) - set(before)
    found = memory.get_all(limit=2000, current=False).items
    assert {fact.archived_at for fact in found} == {None}
    assert "long_term" not in {fact.memory_type for fact in found}
