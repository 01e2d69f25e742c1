"""What a ledger must take and give back as it is: any text, and whole ledgers."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.clock import stamp
from graphmem.embedding import fact_text, turn_text
from graphmem.errors import UsageError
from graphmem.model import Decision, Edit, FactUse, KeptSummary, Merge, Scope, Statement, Summary
from graphmem.ports.access import AuditEntry, AuditQuery, Grant, KeyUse
from graphmem.ports.ledger import (
    Charge,
    Commit,
    EntityQuery,
    Erasure,
    FactQuery,
    Ledger,
    LedgerRows,
    Row,
    StatementQuery,
)
from graphmem.ports.llm import Extraction
from graphmem.testing.ledger_draft import ADA, BOB, DAY_S, Draft, commit_one, new_facts, store
from graphmem.text import digest, name_key, text_key

ODD = (
    "it's \"quoted\" `so` \\ and \\' and $1 $$ %s %(x)s 100% :name :id ? ?? ::text {x} {{",
    "'; DROP TABLE episodes; --",
    "/* */ -- comment \\u0000 \\0 \\",
    "emoji \U0001f469\u200d\U0001f680 中文 العربية e\u0301 \ufdfa\u202e",
    "\x01\x07\x1b\x7f\u0085\u2028 controls",
    "line\nbreak\r\nand\ttab",
    "[1, null]",
)


class CopyContract:
    """Part of :class:`~graphmem.testing.ledger.LedgerContract`."""

    @pytest.mark.parametrize("text", ODD)
    async def test_any_text_is_kept_as_it_is(self, ledger: Ledger, draft: Draft, text: str) -> None:
        scope = Scope(
            text[:20].replace("\n", " ").replace("\r", " ").translate(_PLAIN), "u", "a'\\"
        )
        # A ledger keeps more than is let in.
        episode = replace(
            draft.episode(text, scope),
            idempotency_key=text,
            metadata={text: [text, "\0"]},
            tags=(text,),
        )
        entity = replace(draft.entity(text, scope, f"{text} too"), kind=text, summary=text)
        other = draft.entity("Other", scope)
        fact = draft.fact(episode, entity, other, text=text, type=text, metadata={"\0": text})
        await store(ledger, episode, fact, entities=(entity, other))
        tenant = scope.tenant
        (kept,) = await ledger.episodes(scope)
        assert kept == replace(episode, status="done")
        again = replace(draft.episode("more", scope), idempotency_key=text)
        assert await ledger.journal([again], 0) == [kept]
        for query in (
            FactQuery(tenant, text_key=text_key(text)),
            FactQuery(tenant, relation=(entity.id, text, None)),
            FactQuery(tenant, agent_id="a'\\", relations_only=True),
        ):
            (found,) = await ledger.facts(query)
            assert replace(found, recorded_at=fact.recorded_at) == fact
        if key := name_key(text):
            assert await ledger.entities(EntityQuery(tenant, keys=(key,))) == [entity]
            assert entity in await ledger.entities(EntityQuery(tenant, contains=key))
        (change,) = await ledger.history(tenant, fact.id)
        assert change.after == found
        await ledger.erase(Erasure(scope))
        assert await ledger.episodes(scope) == []

    async def test_the_longest_of_everything(self, ledger: Ledger, draft: Draft) -> None:
        wide = "\U0001f9e0"
        ids = [f"{wide * 255}{end}" for end in "abcd"]
        scope = Scope(*ids)
        # No two characters alike next to each other: nothing that compresses away.
        text = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(349_000))
        assert 1_000_000 < len(text.encode()) < 1 << 20
        episode = draft.episode(text, scope, idempotency_key=text[:170])
        name = text[:200]
        entity = replace(draft.entity(name, scope, text[200:400]), summary=text)
        other = draft.entity("x", scope)
        fact = draft.fact(episode, entity, other, text=text)
        await store(ledger, episode, fact, entities=(entity, other))
        assert (await ledger.episodes(scope))[0].content == text
        (found,) = await ledger.facts(FactQuery(scope.tenant, text_key=text_key(text)))
        assert found.text == text
        keys = (name_key(name), name_key(text[200:400]))
        for key in keys:
            assert await ledger.entities(EntityQuery(scope.tenant, keys=(key,))) == [entity]
        again = draft.episode("y", scope, idempotency_key=text[:170])
        assert [one.id for one in await ledger.journal([again], DAY_S)] == [episode.id]

    async def test_what_no_store_can_take_is_refused_and_nothing_breaks(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        for bad in ("lone \ud800 surrogate", "nul \0 character"):
            with contextlib.suppress(UsageError):
                await ledger.facts(FactQuery(ADA.tenant, ids=(bad,)))
            with contextlib.suppress(UsageError):
                await ledger.entities(EntityQuery(bad, keys=(bad,)))
            with contextlib.suppress(UsageError):
                await ledger.existing({"fact": [bad]})
            episode = draft.episode(f"good {len(bad)}")
            with contextlib.suppress(UsageError):
                await ledger.journal([replace(episode, content=bad)], 0)
            (kept,) = await ledger.journal([draft.episode("next")], 0)
            await ledger.postpone(kept.id, bad)
            (found,) = await ledger.episodes(ADA, ids=[kept.id])
            assert found.reason == bad.replace("\ud800", "\ufffd").replace("\0", "\ufffd")
            await ledger.erase(Erasure(ADA))
        with pytest.raises(UsageError, match="surrogate"):
            await ledger.journal([replace(draft.episode(), content="\udfff")], 0)

    async def test_names_are_in_the_order_of_their_bytes(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        long = "same beginning " * 12
        names = ["a", "B", "_", "é", "z", "Z", "\U0001f600", "\uffee", "ä", long, f"{long}1", "a b"]
        made = tuple(draft.entity(name) for name in names)
        await ledger.commit([Commit(None, (), made)])
        found = await ledger.entities(EntityQuery(ADA.tenant))
        assert [entity.name for entity in found] == sorted(names)
        paged: list[str] = []
        after = None
        while page := await ledger.entities(EntityQuery(ADA.tenant, limit=1, after=after)):
            paged.append(page[0].name)
            after = f"{page[0].name}\0{page[0].id}"
        assert paged == sorted(names)

    async def test_a_ledger_is_copied_there_and_back(
        self, ledger: Ledger, another: Ledger, draft: Draft
    ) -> None:
        await _fill(ledger, draft)
        between = SqliteLedger(None)
        await between.open()
        await copy_rows(ledger, between)
        await copy_rows(between, another)
        for table in ledger.tables:
            rows = await everything(ledger, table)
            assert rows, table
            assert await everything(between, table) == await everything(another, table) == rows
        assert await _answers(between) == await _answers(another) == await _answers(ledger)
        await between.close()
        # It goes on where the other one was.
        head = await ledger.head()
        for one in (ledger, another):
            (kept,) = await one.journal([draft.episode("and on")], 0)
            assert await one.head() == head + 1
            assert (await one.episodes(ADA))[-1].id == kept.id
            assert kept.previous_id == (await one.episodes(ADA))[-2].id

    async def test_loading_again_changes_nothing(
        self, ledger: Ledger, another: Ledger, draft: Draft
    ) -> None:
        await _fill(ledger, draft)
        rows, after = await ledger.rows("events", None, 3)
        assert after is not None
        assert await another.loaded("events") is None
        for _ in range(2):
            await another.load("events", rows, after)
            assert await everything(another, "events") == rows
            assert await another.loaded("events") == after
            assert await another.head() == rows[-1]["seq"]
        await copy_rows(ledger, another)
        await copy_rows(ledger, another)
        assert await another.loaded("events") == ""
        for table in ledger.tables:
            assert await everything(another, table) == await everything(ledger, table)
        with pytest.raises(UsageError, match="no table"):
            await another.rows("users; DROP TABLE facts", None, 1)
        for bad in ("", "x", "[]", "[1, 2]", "{}"):
            with pytest.raises(UsageError):
                await another.rows("events", bad, 1)

    async def test_a_snapshot_stays_as_it_was(self, ledger: Ledger, draft: Draft) -> None:
        await _fill(ledger, draft)
        head, stats = await ledger.head(), await ledger.stats()
        before = {table: await everything(ledger, table) for table in ledger.tables}
        async with ledger.snapshot() as moment:
            await ledger.journal([draft.episode("later")], 0)
            await ledger.erase(Erasure(BOB))
            await ledger.remember_setting("later", "yes")
            assert (await moment.head(), await moment.stats()) == (head, stats)
            assert await moment.setting("later") is None
            assert moment.tables == ledger.tables
            for table in moment.tables:
                assert await everything(moment, table) == before[table]
        assert await ledger.head() > head
        assert await ledger.setting("later") == "yes"
        async with ledger.snapshot() as moment:
            assert await moment.stats() == await ledger.stats()

    async def test_a_snapshot_takes_no_change(self, ledger: Ledger, draft: Draft) -> None:
        async with ledger.snapshot() as moment:
            with pytest.raises(UsageError, match="only be read"):
                await moment.remember_setting("x", "y")  # type: ignore[attr-defined]
        assert await ledger.setting("x") is None

    async def test_erasing_takes_the_vectors_too(self, ledger: Ledger, draft: Draft) -> None:
        episode = draft.episode("I moved.")
        ada, rome = draft.entity("Ada", ADA, "Countess"), draft.entity("Rome")
        fact = draft.fact(episode, ada, rome, text="Ada moved.", type="lives_in")
        await store(ledger, episode, fact, entities=(ada, rome))
        texts = [*(turn_text(turn) for turn in episode.turns), fact_text(fact)]
        digests = [digest(text) for text in texts]
        await ledger.cache("m", {one: np.ones(2, np.float32) for one in (*digests, "other")})
        await ledger.erase(Erasure(ADA, episode_ids=(episode.id,)))
        assert set(await ledger.cached("m", [*digests, "other"])) == {"other"}


_PLAIN = dict.fromkeys([*range(32), 0x7F], "x")


async def everything(ledger: LedgerRows, table: str) -> list[Row]:
    """All rows of a table, a few at a time."""
    found, after = await ledger.rows(table, None, 3)
    while after is not None:
        more, after = await ledger.rows(table, after, 3)
        found += more
    return found


async def copy_rows(source: Ledger, target: Ledger) -> None:
    """Copy a whole ledger."""
    for table in source.tables:
        after: str | None = None
        while True:
            rows, after = await source.rows(table, after, 4)
            await target.load(table, rows, after)
            if after is None:
                break


async def _fill(ledger: Ledger, draft: Draft) -> None:
    one = draft.episode("one\n\ntwo", replace(ADA, agent_id="bot", run_id="r"), tags=["t"])
    two = draft.episode("three", infer=False, idempotency_key="k", metadata={"x": "'"})
    three = draft.episode("four", BOB)
    ada, acme, bob = draft.entity("Ada"), draft.entity("Acme", ADA, "ACME Inc"), draft.entity("B")
    await ledger.remember_setting("store_id", "s")
    await store(ledger, one, draft.fact(one, ada, acme), entities=(ada, acme))
    await store(ledger, two, draft.fact(two, bob, text=ODD[0]), entities=(bob,))
    await ledger.journal([three], 0)
    (fact,) = await ledger.facts(FactQuery(ADA.tenant, entity_ids=(ada.id,)))
    changed = replace(fact, text="changed", invalid_at=draft.clock.now())
    update = Decision("UPDATE", "changed", before=fact, after=changed)
    await commit_one(ledger, None, update, actor="user")
    wrote = Statement("s", three.id, "four", three.occurred_at, scope=BOB, metadata={"x": "\0'"})
    believed = draft.fact(three, text="four", statement_ids=("s",))
    turns = (three.turns[0].id,)
    edit = Edit("e", ("s",), draft.clock.now(), text="4", fact_id=believed.id, silenced=turns)
    await ledger.commit(
        [
            Commit(three, new_facts(believed), statements=(wrote,)),
            Commit(None, edits=(edit,), tenant=BOB.tenant),
            Commit(
                None,
                merge=Merge("m", ada.id, bob.id, draft.clock.now(), before=ada),
                renamed=(replace(ada, aliases=("B",)),),
            ),
        ]
    )
    (run,) = (await ledger.conversations("default", one.scope, 10, 0)).items
    titled = replace(run, title="Of the run", titled=True, metadata={"x": 1})
    await ledger.put_conversation(one.scope, titled)
    read = (await ledger.facts(FactQuery(one.scope.tenant)))[0]
    worded = Summary("A", (), "m", draft.clock.now(), "Of A")
    await ledger.keep_summary(
        one.scope.tenant, KeptSummary("s1", {read.id: read.version}, "m", worded)
    )
    named = KeptSummary("s2", {one.id: 0}, "m", run_id=one.scope.run_id, title="By a model")
    await ledger.keep_summary(one.scope.tenant, named)
    await ledger.add_uses([FactUse(read.id, 3, draft.clock.now())])
    await _fill_access(ledger, draft)
    (four,) = await ledger.journal([draft.episode("five", BOB)], 0)
    gone = draft.episode("six", Scope("default", "carla").under("p1"))
    await ledger.journal([gone], 0)
    await ledger.erase(Erasure(gone.scope))
    await ledger.charge(Charge("2026-01-01", "m", calls=1, tokens_in=2, micros=3))
    raw = Extraction((), (), "m", "v", raw="{}", calls=1, tokens_in=2, tokens_out=3)
    await ledger.keep_extraction(four.id, raw)
    await ledger.cache("m", {f"d{n}": np.arange(n, n + 4, dtype=np.float32) for n in range(6)})


async def _fill_access(ledger: Ledger, draft: Draft) -> None:
    now = draft.clock.now()
    body = {"created_at": stamp(now), "x": "'\u0000"}
    await ledger.put_grants(
        Grant("organisation", "acme", "acme", None, body),
        Grant("project", "acme", "p", "acme/p", body),
        Grant("member", "acme", "m-1", "Grace", {**body, "role": "owner"}),
        Grant("key", "acme", "k1", None, {**body, "member_id": "m-1"}),
        Grant("key", "", "k2", "ada", body),
    )
    use = KeyUse("2026-01-01", "k1", "search", "acme", 3, 1, 20, 30, now)
    entry = AuditEntry(
        now, "acme", "k1", "::1", "add", True, "done", "default", "carla", None, "id"
    )
    unknown = replace(entry, user_id="nobody", changed=False, target=None)
    await ledger.add_access_records(
        [use], [entry, unknown, replace(entry, user_id=None, agent_id="bot")]
    )


async def _answers(ledger: Ledger) -> list[object]:
    facts = await ledger.facts(FactQuery(ADA.tenant))
    vectors = await ledger.cached("m", ["d1", "d5"])
    return [
        facts,
        [await ledger.history(ADA.tenant, fact.id) for fact in facts],
        await ledger.episodes(ADA),
        await ledger.episodes(BOB, status="pending"),
        await ledger.entities(EntityQuery(ADA.tenant, keys=("acme inc",))),
        await ledger.stats(),
        await ledger.stats(replace(ADA, run_id="r")),
        await ledger.tenant_state(ADA.tenant),
        await ledger.events(0, 1000),
        await ledger.present("mention"),
        await ledger.statements(StatementQuery(BOB.tenant, scope=BOB)),
        await ledger.charges(),
        await ledger.conversations("default", replace(ADA, run_id="r"), 10, 0),
        await ledger.uses([fact.id for fact in facts]),
        await ledger.summaries(ADA.tenant, ["s1", "s2"]),
        await ledger.grants_of_key("k1"),
        await ledger.grants("key"),
        await ledger.key_uses(None, "", "9"),
        await ledger.audit_entries(AuditQuery()),
        await ledger.merges(ADA.tenant, facts[0].entity_ids[0]),
        await ledger.setting("store_id"),
        {digest: vector.tolist() for digest, vector in vectors.items()},
    ]
