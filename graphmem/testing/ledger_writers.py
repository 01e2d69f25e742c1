"""What a ledger must do where more than one writes it, or a write is cut short."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from graphmem.errors import Conflict
from graphmem.model import Decision, Source
from graphmem.ports.ledger import Commit, EntityQuery, Erasure, FactQuery, Ledger
from graphmem.ports.llm import Extraction
from graphmem.testing.ledger_draft import ADA, BOB, DAY_S, Draft, store


class WritersContract:
    """Part of :class:`~graphmem.testing.ledger.LedgerContract`."""

    @pytest.fixture
    def draft(self) -> Draft:
        return Draft()

    async def test_a_journalled_episode_does_not_change_its_tenant(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        assert (await ledger.tenant_state(ADA.tenant)).seq == 0
        one, two = draft.episode("one"), draft.episode("two")
        await ledger.journal([one, two, draft.episode("x", BOB)], 0)
        state = await ledger.tenant_state(ADA.tenant, [one.id, two.id, "unknown"])
        assert state.seq == 0
        assert state.statuses == {one.id: "pending", two.id: "pending"}
        head = await ledger.commit([Commit(one, (Decision("ADD", "new", after=draft.fact(one)),))])
        await ledger.postpone(two.id, "not now", failed=True)
        await ledger.journal([draft.episode("three")], 0)
        state = await ledger.tenant_state(ADA.tenant, [one.id, two.id])
        assert state.seq == head
        assert state.statuses == {one.id: "done", two.id: "failed"}
        assert (await ledger.tenant_state(BOB.tenant, [one.id])).statuses == {}
        assert (await ledger.tenant_state(BOB.tenant)).seq == 0
        await ledger.erase(Erasure(ADA, episode_ids=(two.id,)))
        state = await ledger.tenant_state(ADA.tenant, [two.id])
        assert state.seq == await ledger.head()
        assert state.statuses == {}

    async def test_a_commit_on_what_changed_meanwhile_is_a_conflict(
        self, ledger: Ledger, second: Ledger, draft: Draft
    ) -> None:
        one, two, other = draft.episode("one"), draft.episode("two"), draft.episode("x", BOB)
        await ledger.journal([one, two, other], 0)
        since = {ADA.tenant: (await ledger.tenant_state(ADA.tenant)).seq}
        await second.journal([draft.episode("an arrival is no change")], 0)
        await second.commit([Commit(other, (Decision("ADD", "new", after=draft.fact(other)),))])
        mine = Commit(two, (Decision("ADD", "new", after=draft.fact(two, text="mine")),))
        entity = draft.entity("Ada")
        theirs = Commit(one, (), (entity,))
        await second.commit([theirs])
        head = await ledger.head()
        with pytest.raises(Conflict, match="decide again"):
            await ledger.commit([mine], since=since)
        assert await ledger.head() == head
        assert await ledger.facts(FactQuery(ADA.tenant)) == []
        state = await ledger.tenant_state(ADA.tenant, [two.id])
        assert state.statuses == {two.id: "pending"}
        await ledger.commit([mine], since={ADA.tenant: state.seq})
        assert [fact.text for fact in await second.facts(FactQuery(ADA.tenant))] == ["mine"]

    async def test_every_kind_of_change_counts(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        fact = draft.fact(episode)
        await store(ledger, episode, fact)
        (kept,) = await ledger.facts(FactQuery(ADA.tenant))
        more = replace(kept, sources=(*kept.sources, Source(episode.id, "t2")))
        changed = replace(more, text="changed", version=2)
        renamed = draft.entity("Renamed")
        for commit in (
            Commit(None, (Decision("NONE", "said again", before=kept, after=more),)),
            Commit(None, (Decision("UPDATE", "changed", before=more, after=changed),)),
            Commit(None, (), renamed=(renamed,)),
            Commit(None, (Decision("DELETE", "gone", before=changed),)),
        ):
            before = (await ledger.tenant_state(ADA.tenant)).seq
            head = await ledger.commit([commit], since={ADA.tenant: before})
            assert (await ledger.tenant_state(ADA.tenant)).seq == head > before
            with pytest.raises(Conflict):
                await ledger.commit([Commit(None)], since={ADA.tenant: before})

    async def test_an_episode_is_committed_once(
        self, ledger: Ledger, second: Ledger, draft: Draft
    ) -> None:
        one, two, three = (draft.episode(text) for text in ("one", "two", "three"))
        await ledger.journal([one, two, three], 0)
        await ledger.commit([Commit(one)])
        for again in ([Commit(one)], [Commit(two), Commit(one)], [Commit(two), Commit(two)]):
            with pytest.raises(Conflict, match="done already"):
                await second.commit(again)
        await ledger.postpone(one.id, "too late")
        await ledger.erase(Erasure(ADA, episode_ids=(two.id,)))
        with pytest.raises(Conflict, match="erased"):
            await second.commit([Commit(two)])
        await ledger.postpone(three.id, "the model said no", failed=True)
        await second.commit([Commit(three)])
        found = {e.id: (e.status, e.reason) for e in await ledger.episodes(ADA)}
        assert found == {one.id: ("done", None), three.id: ("done", None)}

    async def test_a_fact_of_another_tenant_is_not_changed(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        episode = draft.episode("x", BOB)
        await store(ledger, episode, draft.fact(episode))
        (theirs,) = await ledger.facts(FactQuery(BOB.tenant))
        mine = replace(theirs, scope=ADA)
        with pytest.raises(Conflict):
            await ledger.commit([Commit(None, (Decision("DELETE", "no", before=mine),))])
        assert await ledger.facts(FactQuery(BOB.tenant)) == [theirs]

    async def test_commits_of_one_transaction_read_those_before_them(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        made = [draft.episode(str(number)) for number in range(4)]
        one, two, three, four = await ledger.journal(made, 0)
        ada = draft.entity("Ada")
        new = draft.fact(one, ada)
        supported = replace(new, sources=(*new.sources, Source(two.id, two.turns[0].id)))
        changed = replace(supported, text="Ada left Acme")
        await ledger.commit(
            [
                Commit(one, (Decision("ADD", "new", after=new),), (ada,)),
                Commit(two, (Decision("NONE", "again", before=new, after=supported),)),
                Commit(three, (Decision("UPDATE", "left", before=supported, after=changed),)),
            ]
        )
        (now,) = await ledger.facts(FactQuery(ADA.tenant, entity_ids=(ada.id,)))
        assert (now.text, now.version, len(now.sources)) == ("Ada left Acme", 2, 2)
        assert await ledger.facts(FactQuery(ADA.tenant, source_episode=two.id)) == [now]
        history = await ledger.history(ADA.tenant, new.id)
        assert [change.action for change in history] == ["ADD", "NONE", "UPDATE"]
        again = replace(now, id=draft.clock.new_id())
        gone = [
            Decision("DELETE", "wrong", before=now),
            Decision("ADD", "instead", after=again),
            Decision("DELETE", "wrong too", before=again),
        ]
        await ledger.commit([Commit(four, tuple(gone))])
        assert await ledger.facts(FactQuery(ADA.tenant)) == []

    async def test_the_time_that_is_given_is_recorded(self, ledger: Ledger, draft: Draft) -> None:
        (episode,) = await ledger.journal([draft.episode()], 0)
        at = draft.clock.now()
        decision = Decision("ADD", "new", after=draft.fact(episode))
        await ledger.commit([Commit(episode, (decision,), at=at)])
        (fact,) = await ledger.facts(FactQuery(ADA.tenant))
        assert fact.recorded_at == at
        later = draft.clock.now()
        await ledger.erase(Erasure(ADA, at=later))
        assert [event.at for event in await ledger.events(0, 9)][1:] == [at, later, later]

    async def test_a_setting_is_set_once(self, ledger: Ledger, second: Ledger) -> None:
        assert await ledger.remember_setting("store_id", "first", once=True) == "first"
        assert await second.remember_setting("store_id", "second", once=True) == "first"
        assert await second.setting("store_id") == "first"
        assert await ledger.remember_setting("store_id", "third") == "third"
        assert await second.setting("store_id") == "third"

    async def test_many_at_once_lose_and_double_nothing(
        self, ledger: Ledger, second: Ledger, draft: Draft
    ) -> None:
        async def add_one(which: Ledger, number: int) -> str:
            episode = draft.episode(f"text {number}", idempotency_key=f"key {number // 2}")
            (kept,) = await which.journal([episode], DAY_S)
            fact = draft.fact(kept, draft.entity(f"Name {number}"), text=f"fact {number}")
            try:
                await which.commit([Commit(kept, (Decision("ADD", "new", after=fact),))])
            except Conflict:
                return kept.id
            return kept.id

        log = [add_one(which, n) for n in range(20) for which in (ledger, second)]
        ids = await asyncio.gather(*log)
        assert len(set(ids)) == 10
        stored = await ledger.episodes(ADA)
        assert {episode.id for episode in stored} == set(ids)
        chain = [None, *(episode.id for episode in stored)]
        assert [episode.previous_id for episode in stored] == chain[:-1]
        assert len(await ledger.facts(FactQuery(ADA.tenant))) == 10
        events = await ledger.events(0, 1000)
        assert [event.seq for event in events] == list(range(1, 21))
        assert await ledger.head() == await second.head() == 20

    async def test_a_cancelled_write_is_whole_or_not_at_all(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        for turns in range(40):
            episode = draft.episode(f"text {turns}\n\nsecond part")
            writing = asyncio.create_task(ledger.journal([episode], 0))
            for _ in range(turns):
                await asyncio.sleep(0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            events = await ledger.events(0, 1000)
            there = any(event.id == episode.id for event in events)
            found = await ledger.episodes_by_id([episode.id])
            assert [len(one.turns) for one in found] == ([2] if there else [])
            assert [event.seq for event in events] == list(range(1, len(events) + 1))
            assert await ledger.head() == len(events)
        reading = asyncio.create_task(ledger.stats())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        (last,) = await ledger.journal([draft.episode("after all that")], 0)
        assert (await ledger.episodes(ADA))[-1] == last

    async def test_a_failing_write_leaves_the_next_one_alone(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        for _ in range(12):  # more often than there are connections
            with pytest.raises(Conflict):
                await ledger.commit([Commit(draft.episode("never journalled"))])
        (kept,) = await ledger.journal([draft.episode()], 0)
        assert await ledger.episodes(ADA) == [kept]

    async def test_extractions_add_up(self, ledger: Ledger, draft: Draft) -> None:
        (episode,) = await ledger.journal([draft.episode()], 0)
        spent = Extraction((), (), "m", "1", raw="a\0b\ud800", calls=1, tokens_in=5, tokens_out=1)
        for _ in range(2):
            await ledger.keep_extraction(episode.id, spent)
        kept = await ledger.extraction(episode.id)
        assert kept == replace(spent, raw="a\ufffdb\ufffd", calls=2, tokens_in=10, tokens_out=2)
        await ledger.keep_extraction("erased meanwhile", spent)
        assert await ledger.extraction("erased meanwhile") is None

    async def test_one_at_a_time_has_a_named_lock(self, ledger: Ledger, second: Ledger) -> None:
        if not ledger.shared:
            async with ledger.named_lock("projector") as check:
                await check()
            return
        log: list[str] = []

        async def take_lock(which: Ledger, acquired: asyncio.Event, until: asyncio.Event) -> None:
            async with which.named_lock("projector") as check:
                log.append("held")
                acquired.set()
                await until.wait()
                await check()
                log.append("let go")

        acquired, first, then = asyncio.Event(), asyncio.Event(), asyncio.Event()
        taking = asyncio.create_task(take_lock(ledger, acquired, first))
        await acquired.wait()
        waiting = asyncio.create_task(take_lock(second, asyncio.Event(), then))
        given_up = asyncio.create_task(take_lock(second, asyncio.Event(), then))
        async with second.named_lock("something else") as check:
            await check()
        assert log == ["held"]
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        first.set()
        then.set()
        await asyncio.gather(taking, waiting)
        assert log == ["held", "let go"] * 2
        again = asyncio.Event()
        cut_short = asyncio.create_task(take_lock(ledger, again, asyncio.Event()))
        await again.wait()
        cut_short.cancel()
        await asyncio.gather(cut_short, return_exceptions=True)
        async with second.named_lock("projector") as check:
            await check()

    async def test_renamed_entities_are_found_by_their_new_names_only(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        ada = draft.entity("Ada", ADA, "A. Lovelace")
        await ledger.commit([Commit(None, (), (ada,))])
        renamed = replace(ada, name="Countess", aliases=("Ada",))
        await ledger.commit([Commit(None, renamed=(renamed,))])
        for key, found in (("ada", [renamed]), ("countess", [renamed]), ("a lovelace", [])):
            assert await ledger.entities(EntityQuery(ADA.tenant, keys=(key,))) == found
