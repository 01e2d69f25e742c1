"""What a ledger must keep of relation types: rules for all tenants, and where types were said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphmem.errors import Conflict
from graphmem.model import Entity, Scope, Statement, TypeRule
from graphmem.ports.ledger import Commit, Erasure, Ledger, Undone
from graphmem.ports.ledger.relation_types import ALL_TENANTS, TypedSubject, TypeRules, TypeUse
from graphmem.testing.ledger_draft import ADA, BOB, DAY_S, Draft, commit_one

_DRIVES = TypeRule("drives", declared=True, unsettled=("drives", "steers"))
_STEERS = TypeRule("steers", learned=False, same_as="drives", inverse=True)


class TypesContract:
    """Part of :class:`~graphmem.testing.ledger.LedgerContract`."""

    async def test_the_last_rule_of_a_type_holds(self, ledger: Ledger, draft: Draft) -> None:
        assert await ledger.type_rules() == TypeRules(0, [], [])
        seq = await _rule(ledger, draft, _STEERS, _DRIVES)
        assert await ledger.type_rules() == TypeRules(seq, [_DRIVES, _STEERS], [])
        done = replace(_DRIVES, unsettled=())
        assert await _rule(ledger, draft, done) > seq
        assert (await ledger.type_rules()).everybodys == [done, _STEERS]
        last = (await ledger.events(0, 100))[-1]
        assert (last.kind, last.id, last.tenant) == ("type", "drives", ALL_TENANTS)

    async def test_a_tenant_has_rules_of_its_own(
        self, ledger: Ledger, second: Ledger, draft: Draft
    ) -> None:
        await _rule(ledger, draft, _DRIVES)
        own = replace(_DRIVES, declared=False)
        seq = await _rule(second, draft, own, tenant=ADA.tenant)
        assert await ledger.type_rules(ADA.tenant) == TypeRules(seq, [_DRIVES], [own])
        assert await ledger.type_rules(BOB.tenant) == TypeRules(seq - 1, [_DRIVES], [])
        assert await ledger.type_rules() == TypeRules(seq - 1, [_DRIVES], [])
        assert await ledger.ruling_tenants() == [ADA.tenant]
        ada, bob = [await ledger.tenant_state(one.tenant) for one in (ADA, BOB)]
        assert (ada.seq, ada.types_seq, ada.own_types_seq) == (seq, seq - 1, seq)
        assert (bob.seq, bob.types_seq, bob.own_types_seq) == (seq - 1, seq - 1, 0)
        for scope in (ADA, BOB):
            await _say(ledger, draft, scope, "drives")
        for tenant in (ADA.tenant, BOB.tenant):
            assert await ledger.count_typed_subjects(["drives"], tenant) == 1
            (found,) = await ledger.typed_subjects(["drives"], None, 10, tenant)
            assert found.tenant == tenant
            assert await ledger.typed_subjects(["drives"], found, 10, tenant) == []

    async def test_a_rule_is_a_change_in_every_tenant(
        self, ledger: Ledger, second: Ledger, draft: Draft
    ) -> None:
        ada = draft.entity("Ada")
        before = await ledger.tenant_state(ADA.tenant)
        assert (before.seq, before.types_seq) == (0, 0)
        seq = await _rule(second, draft, _DRIVES)
        for tenant in (ADA.tenant, BOB.tenant, ALL_TENANTS):
            state = await ledger.tenant_state(tenant)
            assert (state.seq, state.types_seq) == (seq, seq)
        commit = Commit(None, new_entities=(ada,), tenant=ADA.tenant, at=draft.clock.now())
        with pytest.raises(Conflict):
            await ledger.commit([commit], since={ADA.tenant: before.seq})
        with pytest.raises(Conflict):
            await ledger.erase(Erasure(ADA, since=before.seq))
        head = await ledger.commit([commit], since={ADA.tenant: seq})
        state = await ledger.tenant_state(ADA.tenant)
        assert (state.seq, state.types_seq) == (head, seq)
        assert (await ledger.tenant_state(BOB.tenant)).seq == seq

    async def test_a_rule_made_of_older_ones_is_a_conflict(
        self, ledger: Ledger, second: Ledger, draft: Draft
    ) -> None:
        since = {ALL_TENANTS: (await ledger.tenant_state(ALL_TENANTS)).seq}
        await _rule(second, draft, _DRIVES)
        late = Commit(None, types=(_STEERS,), tenant=ALL_TENANTS, at=draft.clock.now())
        with pytest.raises(Conflict):
            await ledger.commit([late], since=since)
        assert (await ledger.type_rules()).everybodys == [_DRIVES]

    async def test_erasing_all_of_a_scope_leaves_the_rules(
        self, ledger: Ledger, draft: Draft
    ) -> None:
        await _rule(ledger, draft, _DRIVES)
        await _say(ledger, draft, ADA, "drives")
        await ledger.erase(Erasure(ADA))
        assert (await ledger.type_rules()).everybodys == [_DRIVES]
        assert await ledger.type_uses() == []
        assert await ledger.typed_subjects(["drives"], None, 10) == []

    async def test_how_often_a_type_is_used(self, ledger: Ledger, draft: Draft) -> None:
        run = replace(ADA, agent_id="bot", run_id="r")
        ada = draft.entity("Ada")
        await _say(ledger, draft, ADA, "drives", ada)
        await _say(ledger, draft, run, "drives", ada)
        await _say(ledger, draft, run, None)
        gone = await _say(ledger, draft, ADA, "sails")
        await _say(ledger, draft, BOB, "drives")
        await _say(ledger, draft, BOB, "steers")
        for scope, uses in (
            (None, [TypeUse("drives", 3, 2), TypeUse("sails", 1, 1), TypeUse("steers", 1, 1)]),
            (ADA, [TypeUse("drives", 2, 1), TypeUse("sails", 1, 1)]),
            (run, [TypeUse("drives", 1, 1)]),
            (replace(ADA, agent_id="bot"), [TypeUse("drives", 1, 1)]),
            (replace(ADA, run_id="other"), []),
            (replace(BOB, user_id="nobody"), []),
        ):
            assert await ledger.type_uses(scope) == uses, scope
        await commit_one(ledger, None, tenant=ADA.tenant, undone=Undone(episode_id=gone))
        assert [use.type for use in await ledger.type_uses(ADA)] == ["drives"]

    async def test_subjects_of_types_page_by_page(self, ledger: Ledger, draft: Draft) -> None:
        found: set[TypedSubject] = set()
        for scope in (ADA, BOB):
            for type in ("drives", "drives", "steers", "sails"):
                who = draft.entity("Ada", scope)
                await _say(ledger, draft, scope, type, who)
                await _say(ledger, draft, scope, type, who)
                if type != "sails":
                    found.add(TypedSubject(scope.tenant, who.id, type))
        await _say(ledger, draft, ADA, None)
        types = ["drives", "steers"]
        assert await ledger.typed_subjects(types, None, 100) == sorted(found)
        assert await ledger.count_typed_subjects(types) == len(found) == 6
        paged: list[TypedSubject] = []
        while page := await ledger.typed_subjects(types, paged[-1] if paged else None, 4):
            assert len(page) <= 4
            paged += page
        assert paged == sorted(found)
        assert await ledger.typed_subjects([], None, 10) == []
        assert await ledger.count_typed_subjects(["unknown"]) == 0


async def _rule(ledger: Ledger, draft: Draft, *rules: TypeRule, tenant: str = ALL_TENANTS) -> int:
    at = draft.clock.now()
    return await commit_one(ledger, None, types=rules, tenant=tenant, actor="user", at=at)


async def _say(
    ledger: Ledger, draft: Draft, scope: Scope, type: str | None, who: Entity | None = None
) -> str:
    """An episode that says one thing, of an entity of its own unless one is given."""
    draft.clock.advance(seconds=1)
    episode = draft.episode(f"{type} {draft.clock.new_id()}", scope)
    (episode,) = await ledger.journal([episode], DAY_S)
    who = who or draft.entity("Somebody", scope)
    statement = Statement(
        draft.clock.new_id(),
        episode.id,
        episode.content,
        episode.occurred_at,
        subject_id=who.id if type else None,
        type=type,
        object_id=draft.clock.new_id() if type else None,
        scope=scope,
    )
    await commit_one(ledger, episode, statements=(statement,), at=draft.clock.now())
    return episode.id
