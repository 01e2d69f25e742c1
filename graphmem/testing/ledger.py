"""What every ledger must do: subclass :class:`LedgerContract` and give the ``ledger`` fixture.

The suite writes through the port alone and reads back through it; nothing is mocked.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from graphmem.ingest.verbatim import verbatim_commit
from graphmem.model import Decision, Entity, Fact, Source
from graphmem.ports.ledger import (
    Commit,
    DocumentPart,
    EntityQuery,
    Erasure,
    FactQuery,
    Ledger,
    StatementQuery,
    Undone,
)
from graphmem.ports.llm import Extraction
from graphmem.testing.ledger_access import AccessContract
from graphmem.testing.ledger_copy import CopyContract
from graphmem.testing.ledger_draft import ADA, BOB, DAY_S, Draft, commit_one, new_facts, store
from graphmem.testing.ledger_facts import FactsContract
from graphmem.testing.ledger_filters import LedgerFilters
from graphmem.testing.ledger_merges import MergedContract
from graphmem.testing.ledger_relation_types import TypesContract
from graphmem.testing.ledger_statements import BelieveContract
from graphmem.testing.ledger_writers import WritersContract

__all__ = ["ADA", "BOB", "Draft", "LedgerContract", "store"]


class LedgerContract(
    FactsContract,
    WritersContract,
    CopyContract,
    BelieveContract,
    MergedContract,
    LedgerFilters,
    TypesContract,
    AccessContract,
):
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

    async def test_keys_are_known_in_their_scope_alone(self, ledger: Ledger, draft: Draft) -> None:
        run = replace(ADA, run_id="r")
        await ledger.journal(
            [
                draft.episode("one", idempotency_key="k'1"),
                draft.episode("two", idempotency_key="ключ"),
                draft.episode("three"),
                draft.episode("four", run, idempotency_key="of the run"),
                draft.episode("five", BOB, idempotency_key="of bob"),
            ],
            0,
        )
        asked = ["k'1", "ключ", "k", "K'1", "k'1", "of the run", "of bob"]
        assert await ledger.known_keys(ADA, asked) == {"k'1", "ключ"}
        assert await ledger.known_keys(run, asked) == {"of the run"}
        assert await ledger.known_keys(BOB, frozenset(asked)) == {"of bob"}
        assert await ledger.known_keys(replace(ADA, agent_id="bot"), asked) == set()
        assert await ledger.known_keys(replace(ADA, project_id="other"), asked) == set()
        assert await ledger.known_keys(ADA, ["x"] * 3) == set()
        assert await ledger.known_keys(ADA, []) == set()
        many = {f"key {number}": "t" for number in range(2000)} | {"ключ": "t"}
        assert await ledger.known_keys(ADA, many) == {"ключ"}

    async def test_the_parts_of_a_document_are_found_in_their_scope(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        long = "/notes/" + "ö" * 1500
        first, second, other, undone, _, _ = await ledger.journal(
            [
                draft.episode("one", document="/notes/b.md", idempotency_key="1"),
                draft.episode("two", document="/notes/b.md", idempotency_key="2"),
                draft.episode("three", document=long),
                draft.episode("four", document="/notes/b.md"),
                draft.episode("five", BOB, document="/notes/b.md"),
                draft.episode("six"),
            ],
            0,
        )
        await ledger.commit([Commit(undone)])
        await ledger.commit([Commit(None, tenant=ADA.tenant, undone=Undone(episode_id=undone.id))])
        parts = [
            DocumentPart("/notes/b.md", first.id, "1"),
            DocumentPart("/notes/b.md", second.id, "2"),
        ]
        assert await ledger.document_parts(ADA, "/notes/b.md") == parts
        assert await ledger.document_parts(ADA) == [*parts, DocumentPart(long, other.id, None)]
        assert await ledger.document_parts(replace(ADA, run_id="r")) == []
        assert await ledger.document_parts(ADA, "/notes/B.md") == []
        assert (await ledger.episodes(ADA, ids=[first.id]))[0].document == "/notes/b.md"

    async def test_keys_of_what_is_gone_are_not_known(self, ledger: Ledger, draft: Draft) -> None:
        kept, gone, undone = await ledger.journal(
            [draft.episode(text, idempotency_key=text) for text in ("kept", "gone", "undone")], 0
        )
        asked = ["kept", "gone", "undone"]
        await ledger.postpone(kept.id, "no model", failed=True)
        assert await ledger.known_keys(ADA, asked) == set(asked)
        await ledger.erase(Erasure(ADA, episode_ids=(gone.id,)))
        await ledger.commit([Commit(undone)])
        await ledger.commit([Commit(None, tenant=ADA.tenant, undone=Undone(episode_id=undone.id))])
        assert await ledger.known_keys(ADA, asked) == {"kept"}
        again = await ledger.journal([draft.episode("x", idempotency_key="undone")], 0)
        assert [episode.id for episode in again] == [undone.id]
        assert await ledger.known_keys(ADA, asked) == {"kept", "undone"}

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

    async def test_what_was_never_heard_is_done_with_the_journal(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        made = [
            draft.episode("Tea is good", infer=False),
            draft.episode("Rain today", infer=False),
            draft.episode("tea  is GOOD!", infer=False, occurred_at="2024-01-01"),
            draft.episode("Tea is good", BOB, infer=False),
            draft.episode("Bob lives in Oslo."),
        ]
        commits = [verbatim_commit(episode, draft.clock) for episode in made[:4]]
        stored = await ledger.journal(made, 0, commits=commits)
        assert [e.status for e in stored] == ["done", "done", "pending", "done", "pending"]
        assert [e.previous_id for e in stored[:3]] == [None, made[0].id, made[1].id]
        assert [e.status for e in await ledger.episodes_by_id([e.id for e in made])] == [
            e.status for e in stored
        ]
        facts = await ledger.facts(FactQuery(ADA.tenant))
        assert facts == [d.after for commit in commits[:2] for d in commit.decisions]
        found = await ledger.statements(StatementQuery(ADA.tenant, sentences=("tea is good",)))
        assert found.statements == commits[0].statements
        assert found.facts == (facts[0],)
        (history,) = await ledger.history(ADA.tenant, facts[0].id)
        assert (history.action, history.episode_id) == ("ADD", made[0].id)
        kinds = [(e.kind, e.id) for e in await ledger.events(0, 100)]
        assert kinds == [
            *(("episode", e.id) for e in made),
            *(("fact", commits[n].statements[0].id) for n in (0, 1, 3)),
        ]
        assert await ledger.journal([made[0]], 0, commits=commits[:1]) == [stored[0]]
        assert await ledger.head() == len(kinds), "a repeat changes nothing"

    async def test_a_sentence_that_was_heard_waits_for_its_decision(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        episode = draft.episode()
        await store(ledger, episode, draft.fact(episode, text="It rained."))
        again = draft.episode("it rained", infer=False)
        (kept,) = await ledger.journal([again], 0, commits=[verbatim_commit(again, draft.clock)])
        assert kept.status == "pending"
        twice = draft.episode([{"content": "Yes."}, {"content": "yes"}], infer=False)
        (kept,) = await ledger.journal([twice], 0, commits=[verbatim_commit(twice, draft.clock)])
        assert kept.status == "pending"
        assert len(await ledger.facts(FactQuery(ADA.tenant))) == 1

    async def test_fresh_events_are_those_that_are_read(self, ledger: Ledger, draft: Draft) -> None:
        """From memory, or not at all."""
        verbatim = draft.episode("Tea is good", infer=False)
        await ledger.journal([verbatim], 0, commits=[verbatim_commit(verbatim, draft.clock)])
        episode = draft.episode()
        ada = draft.entity("Ada")
        await store(ledger, episode, draft.fact(episode, ada), entities=(ada,))
        for after in range(await ledger.head() + 1):
            events = await ledger.events(after, 4)
            fresh = ledger.recent_events(after, 4)
            if ledger.shared:
                assert fresh == []
                continue
            assert [(e.seq, e.kind, e.id, e.action, e.tenant) for e in fresh] == [
                (e.seq, e.kind, e.id, e.action, e.tenant) for e in events
            ]
            for one, read in zip(fresh, events, strict=True):
                if isinstance(one.value, Fact):
                    assert one.value == Fact.from_json(read.after or {})
                elif one.value is not None:
                    assert [replace(one.value, status="done")] == await ledger.episodes_by_id(
                        [one.id]
                    )
                else:
                    assert one.after == read.after
        await ledger.erase(Erasure(ADA, episode_ids=(verbatim.id,)))
        assert "Tea" not in repr(ledger.recent_events(0, 100))

    async def test_events_have_every_change_in_order(self, ledger: Ledger, draft: Draft) -> None:
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
        (stored,) = await ledger.facts(FactQuery(ADA.tenant))
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
        (left,) = await ledger.facts(FactQuery(ADA.tenant))
        assert [s.episode_id for s in left.sources] == [two.id]
        assert [e.name for e in await ledger.entities(EntityQuery(ADA.tenant))] == ["Ada"]
        assert [e.id for e in await ledger.episodes(ADA)] == [two.id]
        assert "secret" not in repr(await ledger.events(0, 1000))
        assert "secret" not in repr(await ledger.history(ADA.tenant, alone.id))

    async def test_erasing_reopens_what_the_episode_had_closed(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        one, two = draft.episode("one"), draft.episode("two")
        await store(ledger, one, draft.fact(one, text="lives in Paris"))
        (paris,) = await ledger.facts(FactQuery(ADA.tenant))
        closed = replace(paris, invalid_at=draft.clock.now())
        (two,) = await ledger.journal([two], 0)
        moved = Decision("UPDATE", "moved", before=paris, after=closed)
        rome = draft.fact(two, text="lives in Rome")
        await commit_one(ledger, two, moved, *new_facts(rome))
        await ledger.erase(Erasure(ADA, episode_ids=(two.id,)))
        (left,) = await ledger.facts(FactQuery(ADA.tenant))
        assert (left.text, left.invalid_at) == ("lives in Paris", None)

    async def test_erasing_a_scope_leaves_the_others(self, ledger: Ledger, draft: Draft) -> None:
        mine, theirs = draft.episode("mine"), draft.episode("theirs", BOB)
        bob = draft.entity("Bob", BOB)
        await store(ledger, mine, draft.fact(mine))
        await store(ledger, theirs, draft.fact(theirs, bob), entities=(bob,))
        before = await ledger.facts(FactQuery(BOB.tenant))
        head = await ledger.head()
        assert not await ledger.erased(ADA.tenant, 0)
        removal = await ledger.erase(Erasure(ADA))
        assert (removal.episodes, removal.facts) == (1, 1)
        assert await ledger.erased(ADA.tenant, head)
        assert not await ledger.erased(BOB.tenant, 0)
        assert not await ledger.erased(ADA.tenant, await ledger.head())
        assert await ledger.facts(FactQuery(BOB.tenant)) == before
        assert await ledger.entities(EntityQuery(BOB.tenant)) == [bob]
        none = await ledger.erase(Erasure(ADA, fact_ids=(before[0].id,)))
        assert none.facts == 0
        assert await ledger.facts(FactQuery(BOB.tenant)) == before

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
        assert [t.text for t in await ledger.turns(ADA.tenant, wanted)] == ["c"]
        assert [t.text for t in await ledger.turns(ADA.tenant, wanted, around=1)] == ["b", "c", "d"]
        assert await ledger.turns(BOB.tenant, wanted, around=1) == []

    async def test_entities_are_paged_and_filtered(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode()
        made = tuple(draft.entity(name) for name in ("Zoë", "Ada", "Ada", "Bob's Diner"))
        await store(ledger, episode, entities=made)
        page = await ledger.entities(EntityQuery(ADA.tenant, limit=2))
        rest = await ledger.entities(EntityQuery(ADA.tenant, after=f"{page[1].name}\0{page[1].id}"))
        assert [e.name for e in page + rest] == ["Ada", "Ada", "Bob's Diner", "Zoë"]
        found = await ledger.entities(EntityQuery(ADA.tenant, contains="zoe"))
        assert [e.name for e in found] == ["Zoë"]
        assert await ledger.entities(EntityQuery(BOB.tenant, ids=(made[0].id,))) == []
