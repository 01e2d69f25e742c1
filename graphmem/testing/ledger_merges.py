"""What a ledger must do with entities that are said to be one."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from graphmem.model import Merge
from graphmem.ports.ledger import EntityQuery, Erasure, Ledger, StatementQuery, Undone
from graphmem.testing.ledger_draft import ADA, BOB, Draft, commit_one
from graphmem.testing.ledger_statements import store_statement


class MergedContract:
    """One entity out of two, parted again, and erased."""

    async def test_merged_entities_are_one_until_they_are_parted(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        ada, countess, acme = (draft.entity(name) for name in ("Ada", "Countess", "Acme"))
        one, works, fact = await store_statement(
            ledger, draft, "Ada works.", ada, acme, new=(ada, acme)
        )
        two, other, _ = await store_statement(
            ledger, draft, "She works.", countess, acme, new=(countess,)
        )
        both = replace(ada, aliases=("Countess",))
        merge = Merge(draft.clock.new_id(), ada.id, countess.id, draft.clock.now(), before=ada)
        head = await ledger.head()
        by = {"tenant": ADA.tenant, "at": merge.at, "actor": "user"}
        await commit_one(ledger, None, renamed=(both,), merge=merge, **by)
        events = {(e.kind, e.action, e.id) for e in await ledger.events(head, 100)}
        assert events == {
            ("entity", "DELETE", countess.id),
            ("mention", "REPLACE", two.id),
            ("entity", "UPDATE", ada.id),
        }
        assert await ledger.entities(EntityQuery(ADA.tenant, keys=("countess",))) == [both]
        assert await ledger.present("mention") == {
            f"{episode} {id}" for episode in (one.id, two.id) for id in (ada.id, acme.id)
        }
        query = StatementQuery(ADA.tenant, patterns=(("works_at", ada.id, None),))
        loaded = await ledger.statements(query)
        assert (loaded.statements, loaded.merged) == ((works, other), {countess.id: ada.id})
        found = await ledger.merges(ADA.tenant, countess.id)
        assert found == await ledger.merges(ADA.tenant, ada.id) == [replace(merge, gone=countess)]
        assert await ledger.merges(BOB.tenant, ada.id) == []
        undone = Undone(merge_id=merge.id)
        await commit_one(ledger, None, renamed=(ada,), tenant=ADA.tenant, undone=undone)
        assert await ledger.entities(EntityQuery(ADA.tenant)) == [acme, ada, countess]
        assert (await ledger.statements(query)).statements == (works,)
        assert await ledger.merges(ADA.tenant, ada.id) == []
        assert f"{two.id} {countess.id}" in await ledger.present("mention")
        assert fact.id in await ledger.present("fact")

    @pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
    async def test_what_was_merged_is_erased_in_any_order(
        self, ledger: Ledger, draft: Draft, order: tuple[int, ...]
    ) -> None:
        names = ("Alpha", "Bravo", "Carol")
        alone = [draft.entity(name) for name in names]
        loaded = [
            await store_statement(ledger, draft, f"{e.name} works.", e, new=(e,)) for e in alone
        ]
        now = list(alone)
        for kept, gone in ((1, 2), (0, 1)):  # Carol is Bravo, who is Alpha
            ids, at = (alone[kept].id, alone[gone].id), draft.clock.now()
            merge = Merge(draft.clock.new_id(), *ids, at, before=now[kept])
            aliases = (now[gone].name, *now[gone].aliases)
            now[kept] = replace(now[kept], aliases=aliases)
            renamed = (now[kept],)
            await commit_one(ledger, None, renamed=renamed, merge=merge, tenant=ADA.tenant, at=at)
        left = set(names)
        for which in order:
            await ledger.erase(Erasure(ADA, episode_ids=(loaded[which][0].id,)))
            left.discard(names[which])
            found = await ledger.entities(EntityQuery(ADA.tenant))
            # One that others were merged into stays for them, and what it is called.
            kept = max((names.index(name) for name in left), default=-1)
            stay = {*names[: kept + 1]}
            assert {n for e in found for n in (e.name, *e.aliases)} == stay
            stored = repr([await ledger.rows(t, None, 1000) for t in ledger.tables])
            assert {name for name in names if name in stored} == stay
            for lost in set(names) - stay:
                assert await ledger.entities(EntityQuery(ADA.tenant, keys=(lost.lower(),))) == []
        assert (await ledger.stats(ADA)).entities == 0
