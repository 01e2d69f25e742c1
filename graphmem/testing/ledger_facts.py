"""What a ledger must do with facts: commit them whole, find them again, keep what was before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from graphmem.errors import Unavailable
from graphmem.model import Decision, Source
from graphmem.ports.ledger import Commit, EntityQuery, FactQuery, Ledger, MentionQuery
from graphmem.testing.ledger_draft import ADA, BOB, Draft, store
from graphmem.text import text_key


class FactsContract:
    """Part of :class:`~graphmem.testing.ledger.LedgerContract`."""

    async def test_a_commit_is_read_back_whole(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        ada, acme = draft.entity("Ada"), draft.entity("Acme Inc", ADA, "ACME")
        fact = draft.fact(episode, ada, acme, importance=0.9, metadata={"k": "v"}, tags=("t",))
        kept = await store(ledger, episode, fact, entities=(ada, acme))
        (found,) = await ledger.facts(FactQuery(ADA.tenant))
        assert replace(found, recorded_at=fact.recorded_at) == fact
        assert found.recorded_at > fact.recorded_at
        assert (await ledger.episodes(ADA))[0].status == "done"
        (history,) = await ledger.history(ADA.tenant, fact.id)
        assert (history.action, history.before, history.after) == ("ADD", None, found)
        assert history.episode_id == kept.id
        for key in ("acme", "acme inc", "acmeinc"):
            query = EntityQuery(ADA.tenant, keys=(key,))
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

        found = await ledger.mentions(
            MentionQuery(ADA, turn_ids=(works, waved, bob, draft.clock.new_id()))
        )
        assert found.entities == {works: tuple(sorted((ada.id, acme.id))), waved: (ada.id,)}
        assert (found.turns, found.facts) == ({}, {})

        wanted = [ada.id, acme.id, bobs.id]
        found = await ledger.mentions(MentionQuery(ADA, entity_ids=tuple(wanted)))
        assert found.turns == {ada.id: (waved, works), acme.id: (grew, works)}
        assert found.facts == {
            ada.id: (made[1].id, made[0].id),
            acme.id: (made[2].id, made[0].id),
        }
        newest = await ledger.mentions(MentionQuery(ADA, entity_ids=tuple(wanted), most=1))
        assert newest.turns == {ada.id: (waved,), acme.id: (grew,)}
        inside = await ledger.mentions(MentionQuery(run, entity_ids=tuple(wanted)))
        assert inside.turns == {ada.id: (waved,), acme.id: ()}
        later = await ledger.mentions(
            MentionQuery(ADA, entity_ids=(acme.id,), current=datetime(2031, 1, 1, tzinfo=UTC))
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
            FactQuery(ADA.tenant): [works, plain, loose],
            FactQuery(ADA.tenant, newest_first=True): [loose, plain, works],
            FactQuery(ADA.tenant, limit=1): [works],
            FactQuery(ADA.tenant, after=works.id): [plain, loose],
            FactQuery(ADA.tenant, after=plain.id, newest_first=True): [works],
            FactQuery(ADA.tenant, ids=(loose.id, works.id)): [works, loose],
            FactQuery(ADA.tenant, text_key=text_key("BOB waved!")): [plain],
            FactQuery(ADA.tenant, relation=(ada.id, None, None)): [works],
            FactQuery(ADA.tenant, relation=(ada.id, "works_at", acme.id)): [works],
            FactQuery(ADA.tenant, relation=(None, None, acme.id)): [works],
            FactQuery(ADA.tenant, relation=(None, "works_at", None)): [works],
            FactQuery(ADA.tenant, relation=(None, None, None)): [works],
            FactQuery(ADA.tenant, relation=(ada.id, "lives_in", None)): [],
            FactQuery(ADA.tenant, entity_ids=(ada.id, bob.id, acme.id)): [works, plain],
            FactQuery(ADA.tenant, entity_ids=(ada.id, bob.id), newest_first=True, limit=1): [plain],
            FactQuery(ADA.tenant, source_episode=episode.id): [works, plain, loose],
            FactQuery(ADA.tenant, relations_only=True): [works],
            FactQuery(BOB.tenant, ids=(works.id,)): [],
            FactQuery(BOB.tenant, entity_ids=(ada.id,)): [],
            FactQuery(BOB.tenant, relation=(ada.id, None, None)): [],
        }
        for query, facts in expected.items():
            assert [f.id for f in await ledger.facts(query)] == [f.id for f in facts], query

    async def test_relations_by_when_they_began(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        ada, acme = draft.entity("Ada"), draft.entity("Acme")
        years = (2020, None, 2000, 2010)
        made = [
            draft.fact(
                episode,
                ada,
                acme,
                text=f"told {year}",
                valid_at=datetime(year, 1, 1, tzinfo=UTC) if year else None,
                invalid_at=None if year else datetime(2005, 1, 1, tzinfo=UTC),
            )
            for year in years
        ]
        await store(ledger, episode, *made, entities=(ada, acme))
        earliest = [made[2].id, made[1].id, made[3].id, made[0].id]
        for subject, type, object in product((ada.id, None), ("works_at", None), (acme.id, None)):
            for known_at in (None, datetime(2099, 1, 1, tzinfo=UTC)):
                for limit in range(1, 5):
                    query = FactQuery(
                        ADA.tenant,
                        relation=(subject, type, object),
                        earliest_first=True,
                        known_at=known_at,
                        limit=limit,
                    )
                    found = await ledger.facts(query)
                    assert [fact.id for fact in found] == earliest[:limit], query

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
        found = await ledger.facts(FactQuery(ADA.tenant, current=now))
        assert [f.text for f in found] == ["open", "ends later"]
        assert len(await ledger.facts(FactQuery(ADA.tenant))) == 6

    async def test_agent_and_run_narrow(self, ledger: Ledger, draft: Draft) -> None:
        one = draft.episode("one", replace(ADA, agent_id="bot", run_id="r1"))
        two = draft.episode("two", replace(ADA, run_id="r2"))
        first = draft.fact(one, text="first")
        both = draft.fact(one, text="both")
        both = replace(both, sources=(*both.sources, Source(two.id, two.turns[0].id, None, "r2")))
        await ledger.journal([two], 0)
        await store(ledger, one, first, both)
        for query, texts in (
            (FactQuery(ADA.tenant), ["first", "both"]),
            (FactQuery(ADA.tenant, agent_id="bot"), ["first", "both"]),
            (FactQuery(ADA.tenant, run_id="r2"), ["both"]),
            (FactQuery(ADA.tenant, agent_id="bot", run_id="r2"), []),
            (FactQuery(ADA.tenant, agent_id="nobody"), []),
        ):
            assert [f.text for f in await ledger.facts(query)] == texts, query
        assert (await ledger.stats(replace(ADA, run_id="r2"))).facts == 1
        assert (await ledger.stats(replace(ADA, run_id="r2"))).episodes == 1
        assert (await ledger.stats(ADA)).episodes == 2

    async def test_an_update_keeps_the_version_before(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        await store(ledger, episode, draft.fact(episode))
        (first,) = await ledger.facts(FactQuery(ADA.tenant))
        changed = replace(first, text="Ada works at Initech")
        update = Decision("UPDATE", "corrected", before=first, after=changed)
        await ledger.commit([Commit(None, (update,), actor="user")])
        (second,) = await ledger.facts(FactQuery(ADA.tenant))
        assert (second.text, second.version, second.id) == (changed.text, 2, first.id)
        assert [c.action for c in await ledger.history(ADA.tenant, first.id)] == ["ADD", "UPDATE"]
        assert (await ledger.history(ADA.tenant, first.id))[1].before == first
        assert await ledger.history(BOB.tenant, first.id) == []
        with pytest.raises(Unavailable, match="decide again"):
            await ledger.commit([Commit(None, (update,))])
        assert await ledger.facts(FactQuery(ADA.tenant)) == [second]

    async def test_a_failed_commit_writes_nothing(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        await ledger.journal([episode], 0)
        head = await ledger.head()
        good = Decision("ADD", "new", after=draft.fact(episode, text="good"))
        stale = Decision("DELETE", "gone", before=draft.fact(episode, text="never stored"))
        with pytest.raises(Unavailable):
            await ledger.commit([Commit(episode, (good, stale), (draft.entity("X"),))])
        assert await ledger.facts(FactQuery(ADA.tenant)) == []
        assert await ledger.entities(EntityQuery(ADA.tenant)) == []
        assert await ledger.head() == head
        assert (await ledger.episodes(ADA))[0].status == "pending"

    async def test_a_deleted_fact_is_gone_but_its_history_stays(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        episode = draft.episode()
        ada, acme = draft.entity("Ada"), draft.entity("Acme")
        await store(ledger, episode, draft.fact(episode, ada, acme), entities=(ada, acme))
        (fact,) = await ledger.facts(FactQuery(ADA.tenant))
        await ledger.commit([Commit(None, (Decision("DELETE", "wrong", before=fact),))])
        for query in (FactQuery(ADA.tenant), FactQuery(ADA.tenant, entity_ids=(ada.id,))):
            assert await ledger.facts(query) == []
        changes = await ledger.history(ADA.tenant, fact.id)
        assert [(c.action, c.after is None) for c in changes] == [("ADD", False), ("DELETE", True)]
        assert changes[1].before == fact
        assert await ledger.present("fact") == set()
