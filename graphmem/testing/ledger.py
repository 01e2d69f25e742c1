"""What every ledger must do: subclass :class:`LedgerContract` and give the ``ledger`` fixture.

The suite writes through the port alone and reads back through it; nothing is mocked.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from graphmem.errors import Unavailable
from graphmem.model import Decision, Entity, Fact, Source
from graphmem.ports.ledger import Commit, EntityQuery, Erasure, FactQuery, Ledger
from graphmem.ports.llm import Extraction
from graphmem.testing.ledger_believe import BelieveContract
from graphmem.testing.ledger_copy import CopyContract
from graphmem.testing.ledger_draft import ADA, BOB, DAY_S, Draft, store
from graphmem.testing.ledger_writers import WritersContract
from graphmem.text import text_key

__all__ = ["ADA", "BOB", "Draft", "LedgerContract", "store"]


class LedgerContract(WritersContract, CopyContract, BelieveContract):
    """Subclass it and give three ledgers, open: ``ledger`` (empty), ``second`` (the same store as
    another process would open it, or the same object where one process is all) and ``another``
    (another empty store of the same kind)."""

    async def test_a_journalled_episode_is_there_with_its_turns(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        episode = draft.episode(
            "First part.\n\nSecond part.", tags=["a"], metadata={"x": [1, None]}
        )
        (kept,) = await ledger.journal([episode], DAY_S)
        assert kept == episode
        assert await ledger.episodes(ADA) == [episode]
        assert await ledger.episodes(ADA, status="pending") == [episode]
        assert await ledger.episodes(ADA, status="done") == []
        assert await ledger.head() == 1

    async def test_episodes_of_one_scope_are_chained(self, ledger: Ledger, draft: Draft) -> None:
        run = replace(ADA, run_id="r")
        made = [
            draft.episode("one"),
            draft.episode("two", run),
            draft.episode("three"),
            draft.episode("x", BOB),
        ]
        one, two, three, other = await ledger.journal(made, 0)
        assert [e.previous_id for e in (one, two, three, other)] == [None, None, one.id, None]

    async def test_repeats_change_nothing(self, ledger: Ledger, draft: Draft) -> None:
        first = draft.episode("hello", idempotency_key="k")
        timed = draft.episode("timed", occurred_at="2024-05-01")
        loose = draft.episode("loose")
        await ledger.journal([first, timed, loose], DAY_S)
        head = await ledger.head()
        again = await ledger.journal(
            [
                draft.episode("other text, same key", idempotency_key="k"),
                draft.episode("timed", occurred_at="2024-05-01"),
                draft.episode("loose"),
            ],
            DAY_S,
        )
        assert [e.id for e in again] == [first.id, timed.id, loose.id]
        assert await ledger.head() == head

    async def test_what_is_no_repeat_is_kept(self, ledger: Ledger, draft: Draft) -> None:
        await ledger.journal(
            [draft.episode("hello", occurred_at="2024-05-01"), draft.episode("loose")], DAY_S
        )
        draft.clock.advance(days=2)
        others = [
            draft.episode("hello", occurred_at="2024-05-02"),
            draft.episode("loose"),
            draft.episode("hello", BOB, occurred_at="2024-05-01"),
            draft.episode("hello", replace(ADA, run_id="r"), occurred_at="2024-05-01"),
        ]
        assert [e.id for e in await ledger.journal(others, DAY_S)] == [e.id for e in others]

    async def test_repeats_within_one_batch_are_seen(self, ledger: Ledger, draft: Draft) -> None:
        made = [draft.episode("same", occurred_at="2024-05-01") for _ in range(3)]
        assert {e.id for e in await ledger.journal(made, 0)} == {made[0].id}
        assert len(await ledger.episodes(ADA)) == 1

    async def test_a_commit_is_read_back_whole(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        ada, acme = draft.entity("Ada"), draft.entity("Acme Inc", ADA, "ACME")
        fact = draft.fact(episode, ada, acme, importance=0.9, metadata={"k": "v"}, tags=("t",))
        kept = await store(ledger, episode, fact, entities=(ada, acme))
        (found,) = await ledger.facts(FactQuery(ADA.wall))
        assert replace(found, recorded_at=fact.recorded_at) == fact
        assert found.recorded_at > fact.recorded_at
        assert (await ledger.episodes(ADA))[0].status == "done"
        (history,) = await ledger.history(ADA.wall, fact.id)
        assert (history.action, history.before, history.after) == ("ADD", None, found)
        assert history.episode_id == kept.id
        for key in ("acme", "acme inc", "acmeinc"):
            query = EntityQuery(ADA.wall, keys=(key,))
            assert await ledger.entities(query) == ([acme] if key != "acmeinc" else [])

    async def test_who_is_named_where(self, ledger: Ledger, draft: Draft) -> None:
        ada, acme = draft.entity("Ada"), draft.entity("Acme")
        bobs = draft.entity("Bob", BOB)
        run = replace(ADA, run_id="r")
        episodes = [
            draft.episode("Ada works at Acme."),
            draft.episode("Ada waved.", run),
            draft.episode("Acme grew.", expires_at="2030-01-01"),
            draft.episode("Bob waved.", BOB),
        ]
        about = [(ada, acme), (ada,), (acme,), (bobs,)]
        made = [draft.fact(e, *who, text=e.content) for e, who in zip(episodes, about, strict=True)]
        new = [(ada, acme), (), (), (bobs,)]
        for episode, fact, entities in zip(episodes, made, new, strict=True):
            await store(ledger, episode, fact, entities=entities)
        works, waved, grew, bob = (episode.turns[0].id for episode in episodes)

        found = await ledger.mentions(ADA, turn_ids=[works, waved, bob, draft.clock.new_id()])
        assert found.entities == {works: tuple(sorted((ada.id, acme.id))), waved: (ada.id,)}
        assert (found.turns, found.facts) == ({}, {})

        wanted = [ada.id, acme.id, bobs.id]
        found = await ledger.mentions(ADA, entity_ids=wanted)
        assert found.turns == {ada.id: (waved, works), acme.id: (grew, works)}
        assert found.facts == {
            ada.id: (made[1].id, made[0].id),
            acme.id: (made[2].id, made[0].id),
        }
        newest = await ledger.mentions(ADA, entity_ids=wanted, most=1)
        assert newest.turns == {ada.id: (waved,), acme.id: (grew,)}
        inside = await ledger.mentions(run, entity_ids=wanted)
        assert inside.turns == {ada.id: (waved,), acme.id: ()}
        later = await ledger.mentions(
            ADA, entity_ids=[acme.id], current=datetime(2031, 1, 1, tzinfo=UTC)
        )
        assert later.turns == {acme.id: (works,)}

    async def test_every_way_in_to_facts(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        ada, acme, bob = draft.entity("Ada"), draft.entity("Acme"), draft.entity("Bob")
        works = draft.fact(episode, ada, acme)
        plain = draft.fact(episode, bob, text="Bob waved.")
        loose = draft.fact(episode, text="It rained.")
        await store(ledger, episode, works, plain, loose, entities=(ada, acme, bob))
        expected = {
            FactQuery(ADA.wall): [works, plain, loose],
            FactQuery(ADA.wall, newest_first=True): [loose, plain, works],
            FactQuery(ADA.wall, limit=1): [works],
            FactQuery(ADA.wall, after=works.id): [plain, loose],
            FactQuery(ADA.wall, after=plain.id, newest_first=True): [works],
            FactQuery(ADA.wall, ids=(loose.id, works.id)): [works, loose],
            FactQuery(ADA.wall, text_key=text_key("The BOB waved")): [plain],
            FactQuery(ADA.wall, relation=(ada.id, None, None)): [works],
            FactQuery(ADA.wall, relation=(ada.id, "works_at", acme.id)): [works],
            FactQuery(ADA.wall, relation=(None, None, acme.id)): [works],
            FactQuery(ADA.wall, relation=(None, "works_at", None)): [works],
            FactQuery(ADA.wall, relation=(None, None, None)): [works],
            FactQuery(ADA.wall, relation=(ada.id, "lives_in", None)): [],
            FactQuery(ADA.wall, entity_ids=(ada.id, bob.id, acme.id)): [works, plain],
            FactQuery(ADA.wall, entity_ids=(ada.id, bob.id), newest_first=True, limit=1): [plain],
            FactQuery(ADA.wall, source_episode=episode.id): [works, plain, loose],
            FactQuery(ADA.wall, relations_only=True): [works],
            FactQuery(BOB.wall, ids=(works.id,)): [],
            FactQuery(BOB.wall, entity_ids=(ada.id,)): [],
            FactQuery(BOB.wall, relation=(ada.id, None, None)): [],
        }
        for query, facts in expected.items():
            assert [f.id for f in await ledger.facts(query)] == [f.id for f in facts], query

    async def test_current_leaves_out_what_has_ended(self, ledger: Ledger, draft: Draft) -> None:
        now = draft.clock.now()
        episode = draft.episode()
        past, future = now - timedelta(days=1), now + timedelta(days=1)
        kept = [
            draft.fact(episode, text="open"),
            draft.fact(episode, text="ends later", invalid_at=future, expires_at=future),
        ]
        ended = [
            draft.fact(episode, text="ended", invalid_at=past),
            draft.fact(episode, text="ends now", invalid_at=now),
            draft.fact(episode, text="expired", expires_at=past, invalid_at=future),
            draft.fact(episode, text="archived", archived_at=past),
        ]
        await store(ledger, episode, *kept, *ended)
        found = await ledger.facts(FactQuery(ADA.wall, current=now))
        assert [f.text for f in found] == ["open", "ends later"]
        assert len(await ledger.facts(FactQuery(ADA.wall))) == 6

    async def test_agent_and_run_narrow(self, ledger: Ledger, draft: Draft) -> None:
        one = draft.episode("one", replace(ADA, agent_id="bot", run_id="r1"))
        two = draft.episode("two", replace(ADA, run_id="r2"))
        first = draft.fact(one, text="first")
        both = draft.fact(one, text="both")
        both = replace(both, sources=(*both.sources, Source(two.id, two.turns[0].id, None, "r2")))
        await ledger.journal([two], 0)
        await store(ledger, one, first, both)
        for query, texts in (
            (FactQuery(ADA.wall), ["first", "both"]),
            (FactQuery(ADA.wall, agent_id="bot"), ["first", "both"]),
            (FactQuery(ADA.wall, run_id="r2"), ["both"]),
            (FactQuery(ADA.wall, agent_id="bot", run_id="r2"), []),
            (FactQuery(ADA.wall, agent_id="nobody"), []),
        ):
            assert [f.text for f in await ledger.facts(query)] == texts, query
        assert (await ledger.stats(replace(ADA, run_id="r2"))).facts == 1
        assert (await ledger.stats(replace(ADA, run_id="r2"))).episodes == 1
        assert (await ledger.stats(ADA)).episodes == 2

    async def test_an_update_keeps_the_version_before(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        await store(ledger, episode, draft.fact(episode))
        (first,) = await ledger.facts(FactQuery(ADA.wall))
        changed = replace(first, text="Ada works at Initech")
        update = Decision("UPDATE", "corrected", before=first, after=changed)
        await ledger.commit([Commit(None, (update,), actor="user")])
        (second,) = await ledger.facts(FactQuery(ADA.wall))
        assert (second.text, second.version, second.id) == (changed.text, 2, first.id)
        assert [c.action for c in await ledger.history(ADA.wall, first.id)] == ["ADD", "UPDATE"]
        assert (await ledger.history(ADA.wall, first.id))[1].before == first
        assert await ledger.history(BOB.wall, first.id) == []
        with pytest.raises(Unavailable, match="decide again"):
            await ledger.commit([Commit(None, (update,))])
        assert await ledger.facts(FactQuery(ADA.wall)) == [second]

    async def test_a_failed_commit_writes_nothing(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        await ledger.journal([episode], 0)
        head = await ledger.head()
        good = Decision("ADD", "new", after=draft.fact(episode, text="good"))
        stale = Decision("DELETE", "gone", before=draft.fact(episode, text="never stored"))
        with pytest.raises(Unavailable):
            await ledger.commit([Commit(episode, (good, stale), (draft.entity("X"),))])
        assert await ledger.facts(FactQuery(ADA.wall)) == []
        assert await ledger.entities(EntityQuery(ADA.wall)) == []
        assert await ledger.head() == head
        assert (await ledger.episodes(ADA))[0].status == "pending"

    async def test_a_deleted_fact_is_gone_but_its_history_stays(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        episode = draft.episode()
        ada, acme = draft.entity("Ada"), draft.entity("Acme")
        await store(ledger, episode, draft.fact(episode, ada, acme), entities=(ada, acme))
        (fact,) = await ledger.facts(FactQuery(ADA.wall))
        await ledger.commit([Commit(None, (Decision("DELETE", "wrong", before=fact),))])
        for query in (FactQuery(ADA.wall), FactQuery(ADA.wall, entity_ids=(ada.id,))):
            assert await ledger.facts(query) == []
        changes = await ledger.history(ADA.wall, fact.id)
        assert [(c.action, c.after is None) for c in changes] == [("ADD", False), ("DELETE", True)]
        assert changes[1].before == fact
        assert await ledger.present("fact") == set()

    async def test_events_tell_everything_in_order(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        ada, acme = draft.entity("Ada"), draft.entity("Acme")
        fact = draft.fact(episode, ada, acme)
        await store(ledger, episode, fact, entities=(ada, acme))
        events = await ledger.events(0, 100)
        assert [e.seq for e in events] == [1, 2, 3, 4, 5]
        assert [e.kind for e in events] == ["episode", "entity", "entity", "mention", "fact"]
        assert await ledger.events(0, 2) == events[:2]
        assert await ledger.events(4, 100) == events[4:]
        assert await ledger.head() == 5
        (stored,) = await ledger.facts(FactQuery(ADA.wall))
        assert Fact.from_json(events[4].after or {}) == stored
        assert Entity.from_json(events[1].after or {}) == ada

    async def test_erasing_an_episode_takes_what_only_it_supports(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        one, two = draft.episode("one secret"), draft.episode("two")
        ada, acme = draft.entity("Ada"), draft.entity("Acme")
        alone = draft.fact(one, ada, acme, text="alone secret")
        shared = draft.fact(one, ada, text="shared")
        shared = replace(shared, sources=(*shared.sources, Source(two.id, two.turns[0].id)))
        await ledger.journal([two], 0)
        await store(ledger, one, alone, shared, entities=(ada, acme))
        removal = await ledger.erase(Erasure(ADA, episode_ids=(one.id,)))
        assert (removal.episodes, removal.facts, removal.entities) == (1, 1, 1)
        (left,) = await ledger.facts(FactQuery(ADA.wall))
        assert [s.episode_id for s in left.sources] == [two.id]
        assert [e.name for e in await ledger.entities(EntityQuery(ADA.wall))] == ["Ada"]
        assert [e.id for e in await ledger.episodes(ADA)] == [two.id]
        assert "secret" not in repr(await ledger.events(0, 1000))
        assert "secret" not in repr(await ledger.history(ADA.wall, alone.id))

    async def test_erasing_reopens_what_the_episode_had_closed(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        one, two = draft.episode("one"), draft.episode("two")
        await store(ledger, one, draft.fact(one, text="lives in Paris"))
        (paris,) = await ledger.facts(FactQuery(ADA.wall))
        closed = replace(paris, invalid_at=draft.clock.now())
        (two,) = await ledger.journal([two], 0)
        await ledger.commit(
            [
                Commit(
                    two,
                    (
                        Decision("UPDATE", "moved", before=paris, after=closed),
                        Decision("ADD", "new", after=draft.fact(two, text="lives in Rome")),
                    ),
                )
            ]
        )
        await ledger.erase(Erasure(ADA, episode_ids=(two.id,)))
        (left,) = await ledger.facts(FactQuery(ADA.wall))
        assert (left.text, left.invalid_at) == ("lives in Paris", None)

    async def test_erasing_a_scope_leaves_the_others(self, ledger: Ledger, draft: Draft) -> None:
        mine, theirs = draft.episode("mine"), draft.episode("theirs", BOB)
        bob = draft.entity("Bob", BOB)
        await store(ledger, mine, draft.fact(mine))
        await store(ledger, theirs, draft.fact(theirs, bob), entities=(bob,))
        before = await ledger.facts(FactQuery(BOB.wall))
        removal = await ledger.erase(Erasure(ADA))
        assert (removal.episodes, removal.facts) == (1, 1)
        assert await ledger.facts(FactQuery(BOB.wall)) == before
        assert await ledger.entities(EntityQuery(BOB.wall)) == [bob]
        none = await ledger.erase(Erasure(ADA, fact_ids=(before[0].id,)))
        assert none.facts == 0
        assert await ledger.facts(FactQuery(BOB.wall)) == before

    async def test_extractions_are_kept_and_counted(self, ledger: Ledger, draft: Draft) -> None:
        (episode,) = await ledger.journal([draft.episode()], 0)
        assert await ledger.extraction(episode.id) is None
        raw = Extraction(
            (), (), "openai:m", "v1", raw='{"facts": []}', calls=1, tokens_in=10, tokens_out=2
        )
        await ledger.keep_extraction(episode.id, raw)
        assert await ledger.extraction(episode.id) == raw
        await ledger.commit([Commit(episode, extraction=raw)])
        stats = await ledger.stats(ADA)
        assert (stats.model_calls, stats.tokens_in, stats.tokens_out) == (1, 10, 2)

    async def test_a_postponed_episode_says_why(self, ledger: Ledger, draft: Draft) -> None:
        (episode,) = await ledger.journal([draft.episode()], 0)
        await ledger.postpone(episode.id, "the model is down")
        (pending,) = await ledger.episodes(ADA, status="pending")
        assert pending.reason == "the model is down"
        await ledger.postpone(episode.id, "never", failed=True)
        assert await ledger.episodes(ADA, status="pending") == []
        assert len(await ledger.episodes(ADA, status="failed")) == 1

    async def test_embeddings_are_kept_by_model(self, ledger: Ledger) -> None:
        vectors = {"d1": np.array([1, 0], np.float32), "d2": np.array([0, 1], np.float32)}
        await ledger.cache("m", vectors)
        await ledger.cache("m", vectors)
        found = await ledger.cached("m", ["d1", "d2", "d3"])
        assert set(found) == {"d1", "d2"}
        assert np.array_equal(found["d2"], vectors["d2"])
        assert await ledger.cached("other", ["d1"]) == {}

    async def test_turns_come_with_their_neighbours(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode("a\n\nb\n\nc\n\nd")
        await ledger.journal([episode], 0)
        wanted = [episode.turns[2].id]
        assert [t.text for t in await ledger.turns(ADA.wall, wanted)] == ["c"]
        assert [t.text for t in await ledger.turns(ADA.wall, wanted, around=1)] == ["b", "c", "d"]
        assert await ledger.turns(BOB.wall, wanted, around=1) == []

    async def test_entities_are_paged_and_filtered(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        made = tuple(draft.entity(name) for name in ("Zoë", "Ada", "Ada", "Bob's Diner"))
        await store(ledger, episode, entities=made)
        page = await ledger.entities(EntityQuery(ADA.wall, limit=2))
        rest = await ledger.entities(EntityQuery(ADA.wall, after=f"{page[1].name}\0{page[1].id}"))
        assert [e.name for e in page + rest] == ["Ada", "Ada", "Bob's Diner", "Zoë"]
        found = await ledger.entities(EntityQuery(ADA.wall, contains="zoe"))
        assert [e.name for e in found] == ["Zoë"]
        assert await ledger.entities(EntityQuery(BOB.wall, ids=(made[0].id,))) == []
