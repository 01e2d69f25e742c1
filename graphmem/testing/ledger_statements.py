"""What a ledger must do with what was said: statements, edits, merges, undoing, other times."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from graphmem.errors import Conflict
from graphmem.model import (
    Date,
    Decision,
    Edit,
    Entity,
    Episode,
    Fact,
    Precision,
    Statement,
    valid_from,
    valid_until,
)
from graphmem.ports.ledger import (
    RESUBMITTED,
    Commit,
    EntityQuery,
    Erasure,
    FactQuery,
    Ledger,
    StatementQuery,
    Undone,
)
from graphmem.testing.ledger_draft import ADA, BOB, DAY_S, Draft, commit_one, new_facts
from graphmem.text import text_key


def statement_of(draft: Draft, episode: Episode, *about: Entity, **more: object) -> Statement:
    """A statement of an episode: a relation when it is about two, else a sentence."""
    statement = Statement(
        id=draft.clock.new_id(),
        episode_id=episode.id,
        text=episode.content,
        stated_at=episode.occurred_at,
        entity_ids=tuple(entity.id for entity in about),
        scope=episode.scope,
    )
    if len(about) == 2:
        statement = replace(
            statement, subject_id=about[0].id, type="works_at", object_id=about[1].id
        )
    return replace(statement, **more)  # type: ignore[arg-type]


async def store_statement(
    ledger: Ledger,
    draft: Draft,
    text: str,
    *about: Entity,
    new: tuple[Entity, ...] = (),
    **more: object,
) -> tuple[Episode, Statement, Fact]:
    """Journal and commit an episode that says one thing, and the fact that it comes to."""
    (episode,) = await ledger.journal([draft.episode(text)], DAY_S)
    statement = statement_of(draft, episode, *about, **more)
    fact = draft.fact(episode, *about, text=text, id=statement.id, statement_ids=(statement.id,))
    if statement.modality != "stated":
        fact = replace(fact, modality=statement.modality)
    of = {
        "mentions": tuple((episode.turns[0].id, entity.id) for entity in about),
        "statements": (statement,),
    }
    at = draft.clock.now()
    await commit_one(ledger, episode, *new_facts(fact), new_entities=new, **of, at=at)
    (stored,) = await ledger.facts(FactQuery(ADA.tenant, ids=(fact.id,)))
    return episode, statement, stored


class BelieveContract:
    """Part of :class:`~graphmem.testing.ledger.LedgerContract`."""

    async def test_every_way_in_to_statements(self, ledger: Ledger, draft: Draft) -> None:
        ada, acme, bob = draft.entity("Ada"), draft.entity("Acme"), draft.entity("Bob")
        one, works, fact = await store_statement(
            ledger, draft, "Ada works.", ada, acme, new=(ada, acme, bob)
        )
        two, left, _ = await store_statement(
            ledger, draft, "Ada left.", ada, acme, object_id=None, kind="end"
        )
        _, tall, _ = await store_statement(
            ledger, draft, "Bob is tall.", bob, subject_id=bob.id, type="height", value="Two m"
        )
        _, rain, loose = await store_statement(ledger, draft, "It rained.")
        tenant = ADA.tenant
        expected = {
            StatementQuery(tenant, patterns=(("works_at", ada.id, None),)): [works, left],
            StatementQuery(tenant, patterns=(("works_at", ada.id, acme.id),)): [works, left],
            StatementQuery(tenant, patterns=(("works_at", ada.id, bob.id),)): [left],
            StatementQuery(tenant, patterns=(("works_at", None, acme.id),)): [works],
            StatementQuery(tenant, patterns=(("lives_in", ada.id, None),)): [],
            StatementQuery(tenant, patterns=(("height", bob.id, "=two m"),)): [tall],
            StatementQuery(tenant, sentences=(text_key("it rained"),)): [rain],
            StatementQuery(tenant, episode_ids=(one.id, two.id)): [works, left],
            StatementQuery(tenant, scope=ADA): [works, left, tall, rain],
            StatementQuery(tenant, scope=replace(ADA, run_id="r")): [],
            StatementQuery(tenant, statement_ids=(rain.id,)): [rain],
            StatementQuery(tenant, fact_ids=(fact.id, loose.id)): [works, rain],
            StatementQuery(tenant, entity_ids=(acme.id,)): [works, left],
            StatementQuery(tenant): [],
            StatementQuery(BOB.tenant, episode_ids=(one.id,)): [],
            StatementQuery(BOB.tenant, patterns=(("works_at", ada.id, None),)): [],
            StatementQuery(BOB.tenant, sentences=(text_key("it rained"),)): [],
        }
        for query, statements in expected.items():
            loaded = await ledger.statements(query)
            assert list(loaded.statements) == statements, query
        loaded = await ledger.statements(StatementQuery(tenant, statement_ids=(works.id,)))
        assert (loaded.facts, loaded.edits, loaded.merged) == ((fact,), (), {})

    @pytest.mark.parametrize("precision", get_args(Precision))
    async def test_a_date_is_as_exact_as_it_was_given(
        self, ledger: Ledger, draft: Draft, precision: Precision
    ) -> None:
        year = datetime(2024, 1, 1, tzinfo=UTC)
        dates = {**valid_from(Date(year, precision)), **valid_until(Date(year, "month"))}
        _, statement, fact = await store_statement(ledger, draft, "It rained.", **dates)
        dated = replace(fact, version=2, **dates)
        update = Decision("UPDATE", "dated", before=fact, after=dated)
        edit = Edit(draft.clock.new_id(), (statement.id,), year, fact_id=fact.id, **dates)
        by = {"tenant": ADA.tenant, "at": edit.at, "actor": "user"}
        await commit_one(ledger, None, update, edits=(edit,), **by)
        found = await ledger.statements(StatementQuery(ADA.tenant, statement_ids=(statement.id,)))
        (now,) = await ledger.facts(FactQuery(ADA.tenant))
        for stored in (*found.statements, *found.edits, *found.facts, now):
            assert stored.valid_date == Date(year, precision)
            assert stored.invalid_date == Date(year, "month")

    async def test_what_rests_on_a_statement_is_loaded_in_its_last_version(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        _, rain, fact = await store_statement(ledger, draft, "It rained.")
        worded = replace(fact, text="It poured.", version=2)
        update = Decision("UPDATE", "worded anew", before=fact, after=worded)
        edit = Edit(draft.clock.new_id(), (rain.id,), draft.clock.now(), text="It poured.",
                    metadata={"a": 1}, tags=("x",), fact_id=fact.id)  # fmt: skip
        by = {"tenant": ADA.tenant, "at": edit.at, "actor": "user"}
        await commit_one(ledger, None, update, edits=(edit,), **by)
        # A sentence is found by the words of the fact that it supports, too.
        loaded = await ledger.statements(StatementQuery(ADA.tenant, sentences=("it poured",)))
        (now,) = await ledger.facts(FactQuery(ADA.tenant))
        assert (loaded.statements, loaded.facts) == ((rain,), (now,))
        (found,) = loaded.edits
        assert replace(found, statement_ids=tuple(found.statement_ids)) == edit
        seq = (await ledger.history(ADA.tenant, fact.id))[-1].seq
        change = await ledger.manual_change(ADA.tenant, seq)
        assert change is not None
        assert (change[0].before, change[0].after) == (fact, now)
        assert change[1].edit == found
        assert await ledger.manual_change(BOB.tenant, seq) is None
        await ledger.commit(
            [
                Commit(None, (Decision("DELETE", "gone", before=now),), tenant=ADA.tenant),
                Commit(None, tenant=ADA.tenant, undone=Undone(edit_id=edit.id)),
            ]
        )
        loaded = await ledger.statements(StatementQuery(ADA.tenant, statement_ids=(rain.id,)))
        assert loaded.edits == ()
        assert [(f.id, f.version, f.retired_at is None) for f in loaded.facts] == [
            (fact.id, 2, False)
        ]
        again = replace(fact, version=3)
        await commit_one(ledger, None, Decision("ADD", "back", after=again))
        assert [f.version for f in await ledger.facts(FactQuery(ADA.tenant))] == [3]
        actions = [c.action for c in await ledger.history(ADA.tenant, fact.id)]
        assert actions == ["ADD", "UPDATE", "DELETE", "ADD"]

    async def test_an_undone_episode_is_kept_and_counts_no_more(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        ada, acme = draft.entity("Ada"), draft.entity("Acme")
        await store_statement(ledger, draft, "Ada waved.", ada, new=(ada,))
        renamed = replace(ada, aliases=("Countess",))
        (episode,) = await ledger.journal(
            [draft.episode("She works.", occurred_at="2024-01-01")], 0
        )
        (following,) = await ledger.journal([draft.episode("Later.")], 0)
        statement = statement_of(draft, episode, ada, acme)
        fact = draft.fact(episode, ada, acme, id=statement.id, statement_ids=(statement.id,))
        turn = episode.turns[0].id
        of = {"new_entities": (acme,), "renamed": (renamed,), "statements": (statement,)}
        mentions = ((turn, ada.id), (turn, acme.id))
        at = draft.clock.now()
        await commit_one(ledger, episode, *new_facts(fact), **of, mentions=mentions, at=at)
        (stored,) = await ledger.facts(FactQuery(ADA.tenant, ids=(fact.id,)))
        known = draft.clock.now()
        head = await ledger.head()
        gone = Decision("DELETE", "undone", before=stored)
        undone = Undone(episode_id=episode.id)
        by = {"tenant": ADA.tenant, "at": draft.clock.now(), "actor": "user"}
        await commit_one(ledger, None, gone, undone=undone, **by)
        events = [(e.kind, e.action, e.id) for e in await ledger.events(head, 100)]
        assert events == [
            ("fact", "DELETE", fact.id),
            ("entity", "DELETE", acme.id),
            ("entity", "UPDATE", ada.id),
            ("episode", "DELETE", episode.id),
        ]
        assert await ledger.entities(EntityQuery(ADA.tenant)) == [ada]
        assert await ledger.entities(EntityQuery(ADA.tenant, keys=("countess",))) == []
        then = await ledger.entities(EntityQuery(ADA.tenant, known_at=known))
        assert [entity.name for entity in then] == ["Acme", "Ada"]
        assert {e.id: e.status for e in await ledger.episodes(ADA)}[episode.id] == "undone"
        assert await ledger.present("episode") >= {following.id}
        assert episode.id not in await ledger.present("episode")
        assert turn not in await ledger.present("turn")
        assert await ledger.existing({"episode": [episode.id]}) == set()
        assert (await ledger.stats(ADA)).episodes == 2
        query = StatementQuery(ADA.tenant, episode_ids=(episode.id,))
        assert (await ledger.statements(query)).statements == ()
        loaded = await ledger.statements(replace(query, undone_too=True))
        assert loaded.statements == (statement,)
        assert [f.id for f in loaded.facts] == [fact.id]
        head = await ledger.head()
        (again,) = await ledger.journal([draft.episode("She works.", occurred_at="2024-01-01")], 0)
        assert (again.id, again.status, again.reason) == (episode.id, "pending", RESUBMITTED)
        events = [(e.kind, e.action, e.id) for e in await ledger.events(head, 100)]
        assert events == [("episode", "ADD", episode.id), ("episode", "ADD", following.id)]
        await ledger.erase(Erasure(ADA, episode_ids=(episode.id,)))
        assert (await ledger.statements(replace(query, undone_too=True))).statements == ()
        assert acme.id not in await ledger.existing({"entity": [acme.id]})
        assert "works" not in repr([await ledger.rows(t, None, 100) for t in ledger.tables])

    async def test_facts_of_another_time(self, ledger: Ledger, draft: Draft) -> None:
        ada, acme = draft.entity("Ada"), draft.entity("Acme")
        before = draft.clock.now()
        _, _, works = await store_statement(ledger, draft, "Ada works.", ada, acme, new=(ada, acme))
        first = draft.clock.now()
        end = draft.clock.now() + timedelta(hours=1)
        worded = replace(works, text="Ada toils.", invalid_at=end, version=2)
        update = Decision("UPDATE", "worded anew", before=works, after=worded)
        await commit_one(ledger, None, update, at=draft.clock.now())
        (now,) = await ledger.facts(FactQuery(ADA.tenant))
        second = draft.clock.now()
        gone = Decision("DELETE", "wrong", before=now)
        await commit_one(ledger, None, gone, at=draft.clock.now())
        last = draft.clock.now()
        ways = [
            FactQuery(ADA.tenant),
            FactQuery(ADA.tenant, ids=(works.id,)),
            FactQuery(ADA.tenant, relation=(ada.id, None, None)),
            FactQuery(ADA.tenant, relation=(ada.id, "works_at", None)),
            FactQuery(ADA.tenant, relation=(ada.id, None, acme.id)),
            FactQuery(ADA.tenant, relation=(ada.id, "works_at", acme.id)),
            FactQuery(ADA.tenant, relation=(None, "works_at", acme.id)),
            FactQuery(ADA.tenant, relation=(None, None, acme.id)),
            FactQuery(ADA.tenant, relation=(None, "works_at", None)),
            FactQuery(ADA.tenant, relation=(None, None, None)),
            FactQuery(ADA.tenant, entity_ids=(acme.id, ada.id), newest_first=True),
            FactQuery(ADA.tenant, source_episode=works.sources[0].episode_id),
        ]
        for way in ways:
            for moment, text in (
                (before, None),
                (first, works.text),
                (second, "Ada toils."),
                (last, None),
            ):
                found = await ledger.facts(replace(way, known_at=moment))
                assert [fact.text for fact in found] == ([text] if text else []), (way, moment)
        for text, moment in ((works.text, first), ("Ada toils.", second)):
            query = FactQuery(ADA.tenant, text_key=text_key(text))
            assert len(await ledger.facts(replace(query, known_at=moment))) == 1
            assert await ledger.facts(replace(query, known_at=before)) == []
        as_known = replace(ways[0], known_at=second)
        assert works.stated_at is None
        assert len(await ledger.facts(replace(as_known, at=now.recorded_at))) == 1
        assert await ledger.facts(replace(as_known, at=now.invalid_at)) == []
        early = works.recorded_at - timedelta(days=1)
        assert await ledger.facts(replace(as_known, at=early)) == []
        assert await ledger.entities(EntityQuery(ADA.tenant, known_at=early)) == []
        assert len(await ledger.entities(EntityQuery(ADA.tenant, known_at=last))) == 2

    async def test_a_repetition_is_not_known_before_it_came(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        one, _, fact = await store_statement(ledger, draft, "It rained.")
        moment = draft.clock.now()
        two, _, other = await store_statement(ledger, draft, "It rained, again.")
        more = replace(fact, sources=(*fact.sources, *other.sources))
        await commit_one(ledger, None, Decision("NONE", "again", before=fact, after=more))
        query = FactQuery(ADA.tenant, ids=(fact.id,))
        (now,), (then,) = (
            await ledger.facts(query),
            await ledger.facts(replace(query, known_at=moment)),
        )
        assert [s.episode_id for s in now.sources] == [one.id, two.id]
        assert [s.episode_id for s in then.sources] == [one.id]

    async def test_facts_at_a_moment(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode(occurred_at="2024-06-01")
        (episode,) = await ledger.journal([episode], 0)
        day = episode.occurred_at
        ago = [day - timedelta(days=n) for n in range(4)]
        facts = {
            "dated": draft.fact(episode, text="dated", stated_at=day, valid_at=ago[2]),
            "said": draft.fact(episode, text="said", stated_at=day),
            "over": draft.fact(episode, text="over", stated_at=day, invalid_at=ago[1]),
            "plan": draft.fact(episode, text="plan", stated_at=ago[3], modality="planned"),
        }
        await commit_one(ledger, episode, *new_facts(*facts.values()))
        for moment, texts in (
            (ago[3], ["over", "plan"]),
            (ago[2], ["dated", "over", "plan"]),
            (ago[1], ["dated", "plan"]),
            (day, ["dated", "plan", "said"]),
        ):
            found = await ledger.facts(FactQuery(ADA.tenant, at=moment))
            assert sorted(fact.text for fact in found) == texts, moment
            plain = await ledger.facts(FactQuery(ADA.tenant, at=moment, stated_only=True))
            assert sorted(f.text for f in plain) == [text for text in texts if text != "plan"]

    async def test_an_erasure_leaves_nothing_of_a_statement(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        ada = draft.entity("Ada")
        one, plain, fact = await store_statement(ledger, draft, "Ada waved.", ada, new=(ada,))
        two, secret, other = await store_statement(ledger, draft, "Ada secretly waved.", ada)
        renamed = replace(ada, aliases=("Secretive",))
        worded = replace(
            fact,
            text=secret.text,
            sources=(*fact.sources, *other.sources),
            statement_ids=(plain.id, secret.id),
            version=2,
        )
        edit = Edit(draft.clock.new_id(), (secret.id,), draft.clock.now(), text="secret",
                    fact_id=other.id)  # fmt: skip
        (three,) = await ledger.journal([draft.episode("secret name")], 0)
        of = {"renamed": (renamed,), "edits": (edit,)}
        gone = Decision("DELETE", "one", before=other)
        update = Decision("UPDATE", "worded anew", before=fact, after=worded)
        mentions = ((three.turns[0].id, ada.id),)
        await commit_one(ledger, three, gone, update, **of, mentions=mentions)
        (now,) = await ledger.facts(FactQuery(ADA.tenant))
        back = replace(now, text=plain.text, sources=fact.sources, statement_ids=(plain.id,))
        decision = Decision("UPDATE", "a source was erased", before=now, after=back)
        since = (await ledger.tenant_state(ADA.tenant)).seq
        erasure = Erasure(ADA, episode_ids=(two.id, three.id), decisions=(decision,), since=since)
        with pytest.raises(Conflict):
            await ledger.erase(replace(erasure, since=since - 1))
        removal = await ledger.erase(erasure)
        assert (removal.episodes, removal.facts) == (2, 1)
        (left,) = await ledger.facts(FactQuery(ADA.tenant))
        assert (left.text, left.sources, left.statement_ids) == (
            plain.text, fact.sources, (plain.id,),
        )  # fmt: skip
        assert await ledger.entities(EntityQuery(ADA.tenant)) == [ada]
        for table in ledger.tables:
            rows, _ = await ledger.rows(table, None, 1000)
            assert "secret" not in repr(rows).lower(), table
            assert secret.id not in repr(rows) or table == "events", table
        assert (await ledger.history(ADA.tenant, left.id))[-1].after == left
        assert one.id in {s.episode_id for s in left.sources}
