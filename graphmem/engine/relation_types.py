"""How relation types behave: what is declared, what the data shows, and deciding again by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Unpack

from graphmem.belief.learn_types import learned, observed
from graphmem.engine.checks import checked_callback
from graphmem.engine.core import Core
from graphmem.model import RelationType, Scope, TypeRule
from graphmem.ports.arguments import ScopeArgs
from graphmem.ports.ledger import Commit, StatementQuery
from graphmem.ports.ledger_relation_types import ALL_TENANTS, TypedSubject, TypeUse
from graphmem.relation_types import declare
from graphmem.relation_types.types import RelationTypes

_PAGE = 100  # places that are decided again in one go
_PERSON, _ENGINE = "user", "graphmem"


class Declaring(Core):
    """Rules of relation types. They hold for the whole store."""

    async def relation_types(self, **scope: Unpack[ScopeArgs]) -> list[RelationType]:
        self._check_open()
        where = await self._scope(scope) if self._any_scope(scope) else None
        return await self._described(where)

    def _any_scope(self, scope: Mapping[str, Any]) -> bool:
        return any(value is not None for value in (*self._defaults.values(), *scope.values()))

    async def _described(self, where: Scope | None) -> list[RelationType]:
        ledger = self._parts.ledger
        rules = {rule.type: rule for rule in (await ledger.type_rules())[1]}
        uses = {use.type: use for use in await ledger.type_uses(where)}
        with_rule = {
            type for type, rule in rules.items() if rule.declared is not None or rule.same_as
        }
        types = RelationTypes.ruled(rules.values())
        unsettled = {type for rule in rules.values() for type in rule.unsettled}
        found = [
            _described(types, rules.get(type), uses.get(type, TypeUse(type, 0, 0)), unsettled)
            for type in {*uses, *with_rule}
        ]
        return sorted(found, key=lambda one: (-one.statements, one.type))

    async def _describe(self, names: Sequence[str]) -> list[RelationType]:
        """Of these types, with counts of the scope that was given on opening."""
        where = await self._scope({}) if self._any_scope({}) else None
        found = {one.type: one for one in await self._described(where)}
        rules = {rule.type: rule for rule in (await self._parts.ledger.type_rules())[1]}
        types = RelationTypes.ruled(rules.values())
        return [
            found.get(name) or _described(types, rules.get(name), TypeUse(name, 0, 0), ())
            for name in names
        ]

    async def declare_type(
        self,
        type: str,
        *,
        single_valued: bool | None = None,
        same_as: str | None = None,
        inverse_of: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> RelationType:
        self._check_open()
        checked_callback(progress, "progress")

        where = (await self._scope({})).tenant if self._any_scope({}) else None

        def declared(rules: Sequence[TypeRule]) -> list[TypeRule]:
            rule = declare.declared(
                rules,
                type,
                single_valued=single_valued,
                same_as=same_as,
                inverse_of=inverse_of,
            )
            return [replace(rule, declared_in=where)]

        actor = self._actor(_PERSON)
        (rule,) = await self._rule(declared, actor)
        await self._settle([rule], actor, progress)
        return (await self._describe([rule.type]))[0]

    async def learn_types(
        self, *, progress: Callable[[int, int], None] | None = None
    ) -> list[RelationType]:
        self._check_open()
        checked_callback(progress, "progress")
        ledger = self._parts.ledger
        types = RelationTypes.ruled((await ledger.type_rules())[1])
        shown = learned(await observed(ledger, types, progress=progress))
        changed = await self._rule(lambda rules: declare.relearned(rules, shown), _ENGINE)
        # What was cut short before, too.
        open_ = [rule for rule in (await ledger.type_rules())[1] if rule.unsettled]
        await self._settle(open_, _ENGINE, progress)
        return await self._describe([rule.type for rule in changed])

    async def _rule(
        self, made: Callable[[Sequence[TypeRule]], list[TypeRule]], actor: str
    ) -> list[TypeRule]:
        """Make rules of those that there are, and store what is new among them."""
        ledger = self._parts.ledger

        async def attempt() -> list[TypeRule]:
            state = await self._ingest.tenant_state(ALL_TENANTS)
            rules = {rule.type: rule for rule in (await ledger.type_rules())[1]}
            wanted = made(list(rules.values()))
            # A rule that says nothing is as good as none.
            new = tuple(one for one in wanted if one != rules.get(one.type, TypeRule(one.type)))
            if new:
                commit = Commit(
                    None, types=new, tenant=ALL_TENANTS, actor=actor, at=self._parts.clock.now()
                )
                await ledger.commit([commit], since={ALL_TENANTS: state.seq})
            return wanted

        return await self._ingest.decided(ALL_TENANTS, attempt)

    # Deciding again

    async def _settle(
        self, rules: Sequence[TypeRule], actor: str, progress: Callable[[int, int], None] | None
    ) -> None:
        """Decide what these rules touch by them, a page at a time; when that is cut short, what is
        left stays noted."""
        ledger = self._parts.ledger
        for rule in rules:
            after: TypedSubject | None = None
            types = rule.unsettled
            done, total = 0, await ledger.count_typed_subjects(types) if types else 0
            while page := (await ledger.typed_subjects(types, after, _PAGE) if total else []):
                for tenant in dict.fromkeys(place.tenant for place in page):
                    here = [place for place in page if place.tenant == tenant]
                    await self._ingest.decided(
                        tenant, partial(self._decide_again, tenant, here, rule, actor)
                    )
                after = page[-1]
                done += len(page)
                await self._keep_lag_bounded()
                if progress is not None:
                    progress(done, max(done, total))
            if rule.unsettled:
                await self._rule(partial(_settled, rule), actor)

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


def _settled(done: TypeRule, rules: Sequence[TypeRule]) -> list[TypeRule]:
    """The rule with nothing left to do, unless it is another by now."""
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
        symmetric=types.symmetric(types.meant(use.type).type),
        same_as=stands.same_as if stands else None,
        inverse=bool(stands and stands.inverse),
        statements=use.statements,
        subjects=use.subjects,
        settled=use.type not in unsettled,
    )
