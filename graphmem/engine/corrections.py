"""Changes by hand and their undoing: update, merge, unmerge, undo.

None of them rewrites a statement. Each is stored as a record that counts when beliefs are computed;
to undo it is to compute them without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, Unpack, cast

from graphmem.clock import Date, parse_date_or_none, parse_when_or_none
from graphmem.engine.checks import checked_flag, checked_text
from graphmem.engine.core import Core
from graphmem.errors import NotFound, UsageError
from graphmem.ingest import make_episode
from graphmem.limits import SHORTER_OR_MORE, check_whole_number, checked_metadata
from graphmem.model import (
    Decision,
    Edit,
    Entity,
    Episode,
    Fact,
    Merge,
    Removal,
    Scope,
    Statement,
    valid_from,
    valid_until,
)
from graphmem.ports.api.arguments import ScopeArgs, UpdateArgs, WriteArgs
from graphmem.ports.ledger import Commit, EntityQuery, StatementQuery, TenantState, Undone
from graphmem.resolve.merges import merged_entity, unmerged_entity
from graphmem.retrieve.summaries import consolidated_facts
from graphmem.text import alias_keys, name_keys_in, words

_LONGEST_NAME = 8  # words
_PRONOUNS = frozenset(
    {"i", "me", "my", "we", "us", "our", "he", "him", "his", "she", "her", "they", "them", "their"}
)
_EVENTS = 10_000  # of one commit that are looked through


class Corrections(Core):
    """Changes by hand, and undoing them."""

    # By hand

    async def update(
        self,
        fact_id: str,
        text: str | None = None,
        *,
        merge_metadata: bool = False,
        **options: Unpack[UpdateArgs],
    ) -> Fact:
        checked_flag(merge_metadata, "merge_metadata")
        given, scope = _split(options)
        where = await self._scope_of(checked_text(fact_id, "fact_id"), scope)
        limit = self._parts.settings.max_text_bytes
        (text, given), _ = await self._parts.redaction.apply((text, given))
        changes = {name: _CHECKS[name](value) for name, value in given.items() if value is not None}
        cleared = tuple(name for name in given if name not in changes)
        if text is not None:
            changes["text"] = make_episode.check_text(text, "text", limit, remedy=SHORTER_OR_MORE)
        if not changes and not cleared:
            raise UsageError("update was given nothing to change")
        dates = {**valid_from(changes.get("valid_at")), **valid_until(changes.get("invalid_at"))}
        changes |= {name: value for name, value in dates.items() if value is not None}
        merged = merge_metadata and "metadata" in changes

        async def attempt() -> Fact:
            before = await self._fact(fact_id, scope)
            start, end = (
                None if name in cleared else changes.get(name, getattr(before, name))
                for name in ("valid_at", "invalid_at")
            )
            if start and end and end < start:
                precision = changes.get("invalid_precision", before.invalid_precision)
                ends = Date(end, precision or "instant").over  # begun within the time of its end
                if ends.at <= start:
                    raise UsageError("invalid_at is before valid_at")
                changes.update(valid_until(ends))
            if not (cleared or merged) and replace(before, **changes) == before:
                return before
            unnamed = () if text is None else await self._unnamed(before, changes["text"])
            more = {"unnamed": unnamed, "cleared": cleared, "merged": merged}
            await self._edit(before, "changed by hand", **changes, **more)
            return await self._fact(fact_id, scope)

        return await self._ingest.decide_alone(where.tenant, attempt)

    async def _unnamed(self, fact: Fact, text: str) -> tuple[str, ...]:
        """The entities that the statements of a fact mention and its new text does not: the fact is
        no longer about them."""
        query = StatementQuery(fact.scope.tenant, statement_ids=fact.statement_ids or (fact.id,))
        loaded = await self._parts.ledger.statements(query)
        ends = {(loaded.merged.get(id, id), s.text) for s in loaded.statements for id in _ends(s)}
        keys = {text: _keys_named(text) for text in {text, *(sentence for _, sentence in ends)}}
        somebody = not _PRONOUNS.isdisjoint(words(text))
        subjects = {loaded.merged.get(s.subject_id or "", s.subject_id) for s in loaded.statements}
        ids = tuple(sorted({id for id, _ in ends}))
        found = await self._parts.ledger.entities(EntityQuery(fact.scope.tenant, ids=ids))
        return tuple(
            e.id
            for e in found
            if not _named(keys[text], e)
            and any(_named(keys[sentence], e) for id, sentence in ends if id == e.id)
            and not (somebody and e.id in subjects)
        )

    async def _edit(self, fact: Fact, reason: str, **changes: Any) -> None:
        """Store an edit of a fact, and commit what follows from it for other facts."""
        tenant, clock = fact.scope.tenant, self._parts.clock
        state = await self._ingest.tenant_state(tenant)
        ids = frozenset(fact.support)
        edit = Edit(clock.new_id(), ids, clock.now(), fact_id=fact.id, **changes)
        plan = await self._ingest.belief(tenant).apply_edit(edit)
        _check_cleared(fact, edit, plan.decisions)
        decisions = [
            replace(decision, reason=reason) if decision.fact_id == fact.id else decision
            for decision in plan.decisions
        ]
        # The same moment in both: it tells which events came of the edit.
        await self._commit_by_hand(state, tenant, decisions, edits=(edit,), at=edit.at)
        if edit.silenced:
            self._retrieve.forget()

    async def _commit_by_hand(
        self, state: TenantState, tenant: str, decisions: Sequence[Decision], **more: Any
    ) -> None:
        """Commit what was decided on this state of the tenant."""
        more = {"at": self._parts.clock.now(), "actor": self._actor("user"), **more}
        commit = Commit(None, tuple(decisions), tenant=tenant, **more)
        await self._parts.ledger.commit([commit], since={tenant: state.seq})

    async def _was_here(self, where: Scope, fact_id: str) -> bool:
        """Whether a retired fact was told in this scope, agent and run included."""
        changes = await self._parts.ledger.history(where.tenant, fact_id)
        states = [state for change in changes for state in (change.before, change.after) if state]
        return any(
            where.narrow_agent_id in {None, source.agent_id}
            and where.run_id in {None, source.run_id}
            for state in states[-1:]
            for source in state.sources
        )

    async def _stated_here(self, where: Scope, edit: Edit) -> bool:
        """Whether what an edit is over is stated in this scope, agent and run included: erasing one
        of its sources may have left no state in the history that tells of them."""
        if where.narrow_agent_id is None and where.run_id is None:
            return True
        ledger, ids = self._parts.ledger, tuple(sorted(edit.statement_ids))
        loaded = await ledger.statements(StatementQuery(where.tenant, statement_ids=ids))
        episodes = {one.episode_id for one in loaded.statements}
        return bool(await ledger.episodes(where, ids=sorted(episodes)))

    # Two entities that are one

    async def merge(self, entity: str, other: str, **scope: Unpack[WriteArgs]) -> Entity:
        where = await self._scope(scope)
        names = checked_text(entity, "entity"), checked_text(other, "other")

        async def attempt() -> Entity:
            kept, gone = [await self._relate.entity(where, name, whole=True) for name in names]
            if kept.id == gone.id:
                raise UsageError(f"{names[0]!r} and {names[1]!r} are one entity already")
            clock = self._parts.clock
            state = await self._ingest.tenant_state(where.tenant)
            merge = Merge(clock.new_id(), kept.id, gone.id, clock.now(), before=kept)
            query = StatementQuery(where.tenant, entity_ids=(kept.id, gone.id))
            plan = await self._ingest.belief(where.tenant).change_merges(query, {gone.id: kept.id})
            one = merged_entity(kept, [gone])
            await self._commit_by_hand(
                state,
                where.tenant,
                plan.decisions,
                renamed=(one,),
                reasons={one.id: f"is one with {gone.id}"},
                merge=merge,
                at=merge.at,
            )
            return one

        return await self._ingest.decide_alone(where.tenant, attempt)

    async def unmerge(self, entity_id: str, **scope: Unpack[WriteArgs]) -> Entity:
        where = await self._scope(scope)
        checked_text(entity_id, "entity_id")

        async def attempt() -> Entity:
            merges = await self._parts.ledger.merges(where.tenant, entity_id)
            chosen = [m for m in merges if m.gone_id == entity_id] or merges
            if not chosen:
                raise NotFound(await self._not_merged(where, entity_id))
            return await self._part(where, chosen[-1])

        return await self._ingest.decide_alone(where.tenant, attempt)

    async def _not_merged(self, where: Scope, given: str) -> str:
        """Why nothing can be unmerged, with the ids of what became part of whom a name means."""
        why = f"no merged entity {given!r} in this scope"
        try:
            kept = await self._relate.entity(where, given, whole=True)
        except (NotFound, UsageError):
            return f"{why}: unmerge takes the id of what was merged, as merge printed it"
        merges = await self._parts.ledger.merges(where.tenant, kept.id)
        parts = [f"{m.gone_id} ({m.gone.name})" for m in merges if m.kept_id == kept.id and m.gone]
        if not parts:
            return f"{why}: {kept.name} was not merged with anything"
        return f"{why}: part of {kept.name} by merge are {', '.join(parts)}; give one of these ids"

    async def _part(self, where: Scope, merge: Merge) -> Entity:
        """Undo a merge and return the entity that exists again."""
        ledger, tenant = self._parts.ledger, where.tenant
        state = await self._ingest.tenant_state(tenant)
        found = await ledger.entities(EntityQuery(tenant, ids=(merge.kept_id,)))
        if not found or merge.gone is None:
            if any(
                one.gone_id == merge.kept_id for one in await ledger.merges(tenant, merge.kept_id)
            ):
                raise UsageError(f"{merge.kept_id} is itself one with another: unmerge that first")
            raise NotFound(f"nothing is known any more of {merge.kept_id}, or what is one with it")
        others = [
            other.gone
            for other in await ledger.merges(tenant, merge.kept_id)
            if other.kept_id == merge.kept_id and other.id != merge.id and other.gone
        ]
        alone = unmerged_entity(found[0], merge)
        below = await self._below(tenant, merge.gone_id)
        plan = await self._ingest.belief(tenant).change_merges(
            StatementQuery(tenant, entity_ids=(merge.kept_id,)),
            {merge.gone_id: None, **dict.fromkeys(below, merge.gone_id)},
        )
        await self._commit_by_hand(
            state,
            tenant,
            plan.decisions,
            renamed=(merged_entity(alone, others),),
            reasons={alone.id: f"no longer one with {merge.gone_id}"},
            undone=Undone(merge_id=merge.id),
        )
        return merge.gone

    async def _below(self, tenant: str, id: str) -> list[str]:
        """The ids that were merged into this one, directly or through another."""
        found: list[str] = []
        for merge in await self._parts.ledger.merges(tenant, id):
            if merge.kept_id == id:
                found += [merge.gone_id, *await self._below(tenant, merge.gone_id)]
        return found

    # Taking back

    async def undo(self, id: str | int, **scope: Unpack[WriteArgs]) -> Removal:
        if isinstance(id, int) and not isinstance(id, bool):
            id = str(check_whole_number(id, "id"))
        key = checked_text(id, "id")
        where = await self._scope_of(key, scope)

        async def attempt() -> Removal:
            episodes = await self._parts.ledger.episodes(where, ids=[key])
            if episodes:
                return await self._undo_episode(where, episodes[0])
            if key.isascii() and key.isdigit() and len(key) < 19:
                return await self._undo_change(where, int(key))
            raise NotFound(f"no episode or change {key!r} in this scope")

        return await self._ingest.decide_alone(where.tenant, attempt)

    async def _summing_up(self, tenant: str, of: Set[str] | None = None) -> list[Episode]:
        """The episodes that :meth:`consolidate` made from any of the facts ``of``; all such
        episodes when it is None."""
        ledger = self._parts.ledger
        ids = await ledger.episodes_summing_up(tenant)
        found = await ledger.episodes_by_id(ids) if ids else []
        return [one for one in found if of is None or of & consolidated_facts(one.metadata)]

    async def _undo_episode(self, where: Scope, episode: Episode, why: str = "undone") -> Removal:
        if episode.status == "undone":
            raise UsageError(f"episode {episode.id} is undone already; add it again to take it up")
        ledger, tenant = self._parts.ledger, where.tenant
        state, head = await self._ingest.tenant_state(tenant), await ledger.head()
        query = StatementQuery(tenant, episode_ids=(episode.id,))
        plan = await self._ingest.belief(tenant).remove_statements(query)
        undone = Undone(episode_id=episode.id)
        await self._commit_by_hand(state, tenant, because(why, plan.decisions), undone=undone)
        events = await ledger.events(head, _EVENTS)
        gone = [
            e for e in events if e.tenant == tenant and (e.kind, e.action) == ("entity", "DELETE")
        ]
        return Removal(episodes=1, facts=deleted(plan.decisions), entities=len(gone))

    async def _undo_change(self, where: Scope, seq: int) -> Removal:
        ledger, tenant = self._parts.ledger, where.tenant
        found = await ledger.manual_change(tenant, seq)
        if found is None:
            raise NotFound(f"no change {seq} in this scope")
        change, hand = found
        if change.episode_id is not None:
            raise UsageError(f"change {seq} came of the episode {change.episode_id}: undo that")
        if hand.merge is not None:
            await self._part(where, hand.merge)
            return Removal()
        if hand.edit is None:
            raise UsageError(f"change {seq} cannot be undone: it was an undoing, or is undone")
        edit = hand.edit
        if not (await self._was_here(where, edit.fact_id) or await self._stated_here(where, edit)):
            raise NotFound(f"no change {seq} in this scope")
        state = await self._ingest.tenant_state(tenant)
        plan = await self._ingest.belief(tenant).remove_edit(edit)
        decisions, undone = because("undone", plan.decisions), Undone(edit_id=edit.id)
        await self._commit_by_hand(state, tenant, decisions, undone=undone)
        if edit.silenced:
            self._retrieve.forget()
        return Removal(facts=deleted(plan.decisions))


def _split(options: Mapping[str, Any]) -> tuple[dict[str, Any], ScopeArgs]:
    """Divide the options of ``update`` into what is to change and the scope."""
    given = {name: options[name] for name in options if name in _CHECKS}
    scope = {name: options[name] for name in options if name not in _CHECKS}
    return given, cast(ScopeArgs, scope)


def _check_cleared(fact: Fact, edit: Edit, decisions: Sequence[Decision]) -> None:
    """Refuse to clear the end of a fact that another statement has ended."""
    after = next((d.after for d in decisions if d.fact_id == fact.id), fact)
    if "invalid_at" in edit.cleared and after is not None and after.invalid_at is not None:
        raise UsageError(
            "invalid_at cannot be emptied: something else that was told ended it (history says "
            "what); undo that instead"
        )


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "metadata": checked_metadata,
    "tags": make_episode.check_tags,
    "importance": make_episode.check_importance,
    "memory_type": make_episode.check_memory_type,
    "valid_at": lambda value: parse_date_or_none(value, name="valid_at"),
    "invalid_at": lambda value: parse_date_or_none(value, name="invalid_at"),
    "expires_at": lambda value: parse_when_or_none(value, name="expires_at"),
}
"""What :meth:`Corrections.update` takes beside the text, each with what checks it."""


def because(why: str, decisions: Sequence[Decision]) -> tuple[Decision, ...]:
    return tuple(replace(d, reason=f"{why}: {d.reason}") for d in decisions)


def deleted(decisions: Sequence[Decision]) -> int:
    """The number of facts that these decisions retire."""
    return sum(decision.action == "DELETE" for decision in decisions)


def _keys_named(text: str) -> frozenset[str]:
    """The keys of every name that a text may contain."""
    names = name_keys_in(text, longest=_LONGEST_NAME)
    return frozenset(key for name in names for key in alias_keys(name))


def _named(keys: Set[str], entity: Entity) -> bool:
    """Whether an entity's name, an alias or a part of one is among these keys."""
    names = (entity.name, *entity.aliases)
    return any(not keys.isdisjoint(alias_keys(name)) for name in names)


def _ends(statement: Statement) -> tuple[str, ...]:
    return tuple(id for id in (statement.subject_id, statement.object_id) if id is not None)
