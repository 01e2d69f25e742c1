"""How relation types behave: what is declared, what the data shows, and deciding again by it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import partial
from typing import Unpack

from graphmem.belief.learn_types import learned, observed
from graphmem.engine.checks import checked_flag, checked_progress
from graphmem.engine.core import Core
from graphmem.errors import UsageError, UserRenamed
from graphmem.model import RelationType, Scope, TypeRule, tenant_scope
from graphmem.ports.api.arguments import ScopeArgs, WriteArgs
from graphmem.ports.ledger import Commit, StatementQuery
from graphmem.ports.ledger.relation_types import ALL_TENANTS, TypedSubject, TypeRules, TypeUse
from graphmem.relation_types import declare
from graphmem.relation_types.types import RelationTypes

_PAGE = 100  # places that are decided again in one go
_PERSON, _ENGINE = "user", "graphmem"


class Declaring(Core):
    """The rules of relation types: a tenant's own, and those declared for everybody."""

    async def relation_types(self, **scope: Unpack[ScopeArgs]) -> list[RelationType]:
        self._check_open()
        where = await self._scope(scope) if self._current.any_given(scope) else None
        return await self._described(where)

    async def _described(self, where: Scope | None) -> list[RelationType]:
        rules, types = await self._in_force(where.tenant if where else ALL_TENANTS)
        uses = {use.type: use for use in await self._parts.ledger.type_uses(where)}
        with_rule = {
            type for type, rule in rules.items() if rule.declared is not None or rule.same_as
        }
        unsettled = {type for rule in rules.values() for type in rule.unsettled}
        found = [
            _described(types, rules.get(type), uses.get(type, TypeUse(type, 0, 0)), unsettled)
            for type in {*uses, *with_rule}
        ]
        return sorted(found, key=lambda one: (-one.statements, one.type))

    async def _in_force(self, tenant: str) -> tuple[dict[str, TypeRule], RelationTypes]:
        """The rules that hold in a tenant, or for everybody, by type; and the types they make."""
        found = await self._parts.ledger.type_rules(tenant)
        rules = declare.in_force(found.everybodys, found.own)
        return {rule.type: rule for rule in rules}, RelationTypes.ruled(rules)

    async def _describe(self, names: Sequence[str], tenant: str) -> list[RelationType]:
        """These relation types as the API shows them, with counts of the tenant."""
        where = None if tenant == ALL_TENANTS else tenant_scope(tenant)
        found = {one.type: one for one in await self._described(where)}
        rules, types = await self._in_force(tenant)
        return [
            found.get(name) or _described(types, rules.get(name), TypeUse(name, 0, 0), ())
            for name in names
        ]

    async def _whose_rules(
        self, scope: ScopeArgs, *, all_scopes: object, new: bool = False
    ) -> Scope | None:
        """The scope whose rules a call changes; None for everybody's, which only administrators may
        change."""
        self._check_writable()
        checked_flag(all_scopes, "all_scopes")
        if not all_scopes:
            if not self._current.has_owner(scope):
                raise UsageError(
                    "say whose relation types these are: user_id (or agent_id); all_scopes=True "
                    "(--all) is for everybody's"
                )
            return await self._scope(scope, new=new)
        if self._current.has_owner({}):
            raise UsageError(
                "this memory was opened for one user (or agent), whose relation types alone it "
                "may change: open it without user_id and agent_id for everybody's (all_scopes)"
            )
        return await self._whole_tenant(scope, all_scopes=True)

    async def declare_type(
        self,
        type: str,
        *,
        single_valued: bool | None = None,
        same_as: str | None = None,
        inverse_of: str | None = None,
        all_scopes: bool = False,
        progress: Callable[[int, int], None] | None = None,
        **scope: Unpack[WriteArgs],
    ) -> RelationType:
        checked_progress(progress, 2)
        whose = await self._whose_rules(scope, all_scopes=all_scopes, new=True)

        def declared(rules: Sequence[TypeRule], beneath: Sequence[TypeRule]) -> list[TypeRule]:
            rule = declare.declared(
                rules,
                type,
                everybodys=beneath,
                single_valued=single_valued,
                same_as=same_as,
                inverse_of=inverse_of,
            )
            return [rule]

        actor = self._actor(_PERSON)
        tenant, (rule,) = await self._rule(whose, declared, actor)
        await self._settle(tenant, [rule], actor, progress)
        return (await self._describe([rule.type], tenant))[0]

    async def learn_types(
        self,
        *,
        all_scopes: bool = False,
        progress: Callable[[int, int], None] | None = None,
        **scope: Unpack[WriteArgs],
    ) -> list[RelationType]:
        checked_progress(progress, 2)
        whose = await self._whose_rules(scope, all_scopes=all_scopes)
        within = None if whose is None else tenant_scope(whose.tenant)
        actor, ledger = self._actor(_ENGINE), self._parts.ledger
        _, types = await self._in_force(ALL_TENANTS if within is None else within.tenant)
        shown = learned(await observed(ledger, types, within=within, progress=progress))

        def relearned(rules: Sequence[TypeRule], beneath: Sequence[TypeRule]) -> list[TypeRule]:
            return declare.relearned(rules, shown, beneath)

        tenant, changed = await self._rule(whose, relearned, actor)
        # What was cut short before, too.
        rules, _ = _layers(await ledger.type_rules(tenant), tenant)
        await self._settle(tenant, [rule for rule in rules if rule.unsettled], actor, progress)
        return await self._describe([rule.type for rule in changed], tenant)

    async def _rule(
        self,
        whose: Scope | None,
        made: Callable[[Sequence[TypeRule], Sequence[TypeRule]], list[TypeRule]],
        actor: str,
    ) -> tuple[str, list[TypeRule]]:
        """Compute rules from the present ones (``made`` gets the tenant's and those beneath) and
        store the ones that are new. Returns the tenant's name and the computed rules."""
        ledger = self._parts.ledger

        async def attempt() -> tuple[str, list[TypeRule]]:
            nonlocal whose
            tenant = ALL_TENANTS if whose is None else whose.tenant
            state = await self._ingest.tenant_state(tenant)
            rules, beneath = _layers(await ledger.type_rules(tenant), tenant)
            before = {rule.type: rule for rule in rules}
            wanted = made(rules, beneath)
            # A rule that says nothing is as good as none.
            new = tuple(one for one in wanted if one != before.get(one.type, TypeRule(one.type)))
            if new:
                at = self._parts.clock.now()
                commit = Commit(None, types=new, tenant=tenant, owner=whose, actor=actor, at=at)
                try:
                    await ledger.commit([commit], since={tenant: state.seq})
                except UserRenamed:
                    if whose is not None:
                        whose = await self._current.renamed(whose)
                    raise
            return tenant, wanted

        return await self._ingest.decide_alone(whose.tenant if whose else ALL_TENANTS, attempt)

    # Deciding again

    async def _settle(
        self,
        tenant: str,
        rules: Sequence[TypeRule],
        actor: str,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Decide again whatever these rules affect, one page at a time. What is left when this is
        cut short stays noted in the rules, and the next call goes on."""
        for rule in rules:
            await self._settle_in(tenant or None, rule, rule.unsettled, actor, progress)
            if rule.unsettled and not tenant:
                for one in await self._parts.ledger.ruling_tenants():
                    _, types = await self._in_force(one)
                    through = declare.leading_to(types, rule.unsettled)
                    await self._settle_in(one, rule, through, actor, progress)
            if rule.unsettled:
                whose = tenant_scope(tenant) if tenant else None
                await self._rule(whose, partial(_settled, rule), actor)

    async def _settle_in(
        self,
        tenant: str | None,
        rule: TypeRule,
        types: Collection[str],
        actor: str,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        """Decide again the facts of these types, in one tenant or in all."""
        ledger, after = self._parts.ledger, None
        done, total = 0, await ledger.count_typed_subjects(types, tenant) if types else 0
        while page := (await ledger.typed_subjects(types, after, _PAGE, tenant) if total else []):
            for whose in dict.fromkeys(place.tenant for place in page):
                here = [place for place in page if place.tenant == whose]
                await self._ingest.decide_alone(
                    whose, partial(self._decide_again, whose, here, rule, actor)
                )
            after = page[-1]
            done += len(page)
            await self._keep_lag_bounded()
            if progress is not None:
                progress(done, max(done, total))

    async def _decide_again(
        self, tenant: str, page: Sequence[TypedSubject], rule: TypeRule, actor: str
    ) -> None:
        state = await self._ingest.tenant_state(tenant)
        places = tuple((place.type, place.subject_id, None) for place in page)
        query = StatementQuery(tenant, patterns=places)
        decisions = (await self._ingest.belief(tenant).decide_again(query)).decisions
        why = declare.reason(rule)
        if not decisions:
            return
        commit = Commit(
            None,
            tuple(replace(one, reason=f"{why}: {one.reason}") for one in decisions),
            actor=actor,
            tenant=tenant,
            at=self._parts.clock.now(),
        )
        await self._parts.ledger.commit([commit], since={tenant: state.seq})


def _layers(found: TypeRules, tenant: str) -> tuple[Sequence[TypeRule], Sequence[TypeRule]]:
    """The rules that a tenant may change, and the ones for everybody that they override."""
    return (found.own, found.everybodys) if tenant else (found.everybodys, ())


def _settled(
    done: TypeRule, rules: Sequence[TypeRule], beneath: Sequence[TypeRule]
) -> list[TypeRule]:
    """The rule, marked as settled; nothing when it has been replaced meanwhile."""
    del beneath
    return [replace(done, unsettled=())] if done in rules else []


def _described(
    types: RelationTypes, rule: TypeRule | None, use: TypeUse, unsettled: Sequence[str] | set[str]
) -> RelationType:
    at_a_time, because = types.explained(use.type)
    stands = rule if rule is not None and rule.same_as is not None else None
    return RelationType(
        use.type,
        at_a_time,
        "declared" if stands else because,
        symmetric=types.symmetric(types.canonical_form(use.type).type),
        same_as=stands.same_as if stands else None,
        inverse=bool(stands and stands.inverse),
        statements=use.statements,
        subjects=use.subjects,
        settled=use.type not in unsettled,
    )
