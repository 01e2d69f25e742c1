"""The part of a ledger that reads episodes, turns, facts, entities and mentions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.database import LedgerPart
from graphmem.adapters.ledger.sql.queries import RELATION_WAYS
from graphmem.adapters.ledger.sql.steps import Fetch, ResultRows, Steps, fetch
from graphmem.clock import stamp, stamp_or_none
from graphmem.filters import And, Test, Where, matches
from graphmem.filters.records import entity_record
from graphmem.model import Entity, Episode, Fact, Scope, Turn, tenant_prefix
from graphmem.ports.ledger import (
    EntityQuery,
    FactQuery,
    MentionQuery,
    Mentions,
    Origins,
    TenantState,
)
from graphmem.text import alias_keys, name_key

_FILTER_WAYS = (
    ("episode", "facts_from_episode", "episode_id"),
    ("subject", "facts_about", "entity_id"),
    ("object", "facts_about", "entity_id"),
    ("about", "facts_about", "entity_id"),
    ("type", "facts_by_type", "type"),
)
_MOST_WAYS = 50
_GONE = frozenset({"DELETE", "ERASE"})

LAST_OF_ALL = "\U0010ffff"
"""Sorts after every tenant; appended to a prefix, after every tenant with that prefix."""


def scope_values(scope: Scope | None) -> dict[str, Any]:
    """A scope as parameters of statements; None is the whole store."""
    return {
        "tenant": scope.tenant if scope else None,
        "agent_id": scope.narrow_agent_id if scope else None,
        "run_id": scope.run_id if scope else None,
    }


def tenants_within(project_id: str | None, scope: Scope | None) -> dict[str, Any]:
    """The same, with the range of tenants of a scope, a project or the whole store, which an index
    finds."""
    prefix = "" if project_id is None else tenant_prefix(project_id)
    first, last = (scope.tenant,) * 2 if scope else (prefix, f"{prefix}{LAST_OF_ALL}")
    return {**scope_values(scope), "first_tenant": first, "last_tenant": last}


def fetch_for_scope(name: str, scope: Scope | None, project_id: str | None = None) -> Fetch:
    """The fetch of a statement for a scope, for a project or, with neither, for all tenants."""
    if scope is None and project_id is None:
        return Fetch(name, scope_values(None))
    return Fetch(f"{name}_of_tenants", tenants_within(project_id, scope))


class ReadingLedger(LedgerPart):
    """Part of a :class:`~graphmem.adapters.ledger.sql.ledger.SqlLedger`."""

    async def episodes(
        self,
        scope: Scope,
        *,
        ids: Sequence[str] | None = None,
        status: str | None = None,
        limit: int = 1000,
    ) -> list[Episode]:
        if ids is not None:
            found = with_turns(*await self._db.fetch(*by_id(ids, scope.tenant))) if ids else []
            return [one for one in found if _is_within(one, scope, status)][:limit]

        def read() -> Steps[list[Episode]]:
            name = "episodes_unfinished" if status in {"pending", "failed"} else "episodes"
            found = yield from fetch(name, **scope_values(scope), status=status, limit=limit)
            wanted = {"ids": [row["id"] for row in found], "tenant": None}
            turns = (yield from fetch("turns_of_episodes", **wanted)) if found else []
            return with_turns(found, turns)

        return await self._db.read(read)

    async def episodes_by_id(self, ids: Sequence[str]) -> list[Episode]:
        return with_turns(*await self._db.fetch(*by_id(ids))) if ids else []

    async def turns(self, tenant: str, ids: Sequence[str], *, around: int = 0) -> list[Turn]:
        found = await self._rows("turns_around", tenant=tenant, ids=list(ids), around=around)
        return [rows.to_turn(row) for row in found]

    async def mentions(self, query: MentionQuery) -> Mentions:
        tenant, asked = query.scope.tenant, list[Fetch]()
        if query.turn_ids:
            wanted = {"tenant": tenant, "ids": list(query.turn_ids)}
            asked.append(Fetch("entities_of_turns", wanted))
        if query.entity_ids:
            newest = {"tenant": tenant, "ids": list(query.entity_ids), "most": query.most}
            narrow = {**scope_values(query.scope), "current": stamp_or_none(query.current)}
            asked.append(Fetch("turns_of_entities", {**narrow, **newest}))
            asked.append(Fetch("facts_of_entities", newest))
        if not asked:
            return Mentions()
        answers = await self._db.fetch(*asked)
        found = {one.name: answer for one, answer in zip(asked, answers, strict=True)}
        turns: dict[str, list[str]] = {}
        for row in found.get("turns_of_entities", ()):
            turns.setdefault(row["entity_id"], []).extend(rows.from_json(row["ids"]))
        return Mentions(
            entities={
                row["turn_id"]: tuple(sorted({*rows.from_json(row["ids"])}))
                for row in found.get("entities_of_turns", ())
            },
            turns={entity: tuple(dict.fromkeys(ids)) for entity, ids in turns.items()},
            facts={
                row["entity_id"]: tuple(rows.from_json(row["ids"]))
                for row in found.get("facts_of_entities", ())
            },
        )

    async def facts(self, query: FactQuery) -> list[Fact]:
        answers = await self._db.fetch(*fact_fetches(query))
        bodies = [row["body"] for answer in answers for row in answer]
        # Each of several entities has a statement of its own, and they may share facts.
        by_id = {fact.id: fact for fact in map(rows.to_fact, bodies)}
        order = rows.by_begin if query.earliest_first else attrgetter("id")
        found = sorted(by_id.values(), key=order, reverse=query.newest_first)
        found = found if query.limit_each else found[: query.limit]
        if query.known_at is None or not found:
            return found
        # Drop sources from later on: a repetition adds a source without a new version.
        ids = sorted({source.episode_id for fact in found for source in fact.sources})
        known_at = stamp(query.known_at)
        then = await self._rows("existing_by_recorded", ids=ids, known_at=known_at)
        there = {row["id"] for row in then}
        return [
            replace(fact, sources=tuple(s for s in fact.sources if s.episode_id in there))
            for fact in found
        ]

    async def count_facts(self, query: FactQuery) -> int:
        """The number of facts of a whole tenant that pass the query."""
        asked = [Fetch("facts_counted", _fact_values(query), where=query.where)]
        if query.known_at is not None:
            asked.append(asked[0]._replace(name="facts_counted_then"))
        return sum(row["number"] for found in await self._db.fetch(*asked) for row in found)

    async def entities(self, query: EntityQuery) -> list[Entity]:
        (found,) = await self._db.fetch(_entity_fetch(query))
        if query.known_at is not None:
            return _entities_as_of(query, found)
        return [rows.to_entity(row["body"]) for row in found]

    async def tenant_state(self, tenant: str, episode_ids: Sequence[str] = ()) -> TenantState:
        asked = [Fetch("last_change", {"tenant": tenant})]
        if episode_ids:
            asked.append(Fetch("statuses", {"tenant": tenant, "ids": list(episode_ids)}))
        changed, *statuses = await self._db.fetch(*asked)
        known = {row["id"]: row["status"] for found in statuses for row in found}
        types = changed[0]["types_seq"], changed[0]["own_types_seq"]
        return TenantState(changed_seq(changed), known, *types)

    async def origins(
        self, turn_ids: Sequence[str], episode_ids: Sequence[str], mentioning: Sequence[str]
    ) -> Origins:
        wanted = {"speakers": turn_ids, "episode_kinds": episode_ids, "turn_mentions": mentioning}
        answers = await self._db.fetch(
            *(Fetch(name, {"ids": list(ids)}) for name, ids in wanted.items() if ids)
        )
        mentions: dict[str, list[tuple[str, str]]] = {}
        values: dict[str, dict[str, str]] = {"speaker": {}, "kind": {}}
        for row in (row for found in answers for row in found):
            if row["what"] == "mention":
                mentions.setdefault(row["id"], []).append((row["value"], row["stands_for"]))
            else:
                values[row["what"]][row["id"]] = row["value"]
        by_turn = {id: tuple(found) for id, found in mentions.items()}
        return Origins(values["speaker"], values["kind"], by_turn)


def by_id(ids: Sequence[str], tenant: str | None = None) -> list[Fetch]:
    """The fetches for :func:`with_turns`. With a ``tenant``, episodes of others are not read."""
    wanted = {"ids": list(ids), "tenant": tenant}
    return [Fetch("episodes_by_id", wanted), Fetch("turns_of_episodes", wanted)]


def with_turns(found: ResultRows, turns: ResultRows) -> list[Episode]:
    by_episode: dict[str, list[Turn]] = {row["id"]: [] for row in found}
    for row in turns:
        if row["episode_id"] in by_episode:
            by_episode[row["episode_id"]].append(rows.to_turn(row))
    return [rows.to_episode(row, by_episode[row["id"]]) for row in found]


def _is_within(episode: Episode, scope: Scope, status: str | None) -> bool:
    """Whether an episode is in a scope's tenant, narrowed by its agent and run, with that
    status."""
    return (
        episode.scope.tenant == scope.tenant
        and scope.narrow_agent_id in {None, episode.scope.agent_id}
        and scope.run_id in {None, episode.scope.run_id}
        and status in {None, episode.status}
    )


def fact_fetches(query: FactQuery) -> list[Fetch]:
    """The statements for the first criterion that the query gives: for what is believed and, with
    ``known_at``, for what was believed then."""
    values = _fact_values(query)
    fetches = [
        Fetch(name, {**values, **more}, query.newest_first, query.where)
        for name, more in _fetches_for(query)
    ]
    if query.known_at is not None:
        fetches += [one._replace(name=f"{one.name}_then") for one in fetches]
    return fetches


def _fact_values(query: FactQuery) -> dict[str, Any]:
    return {
        "tenant": query.tenant,
        "agent_id": query.agent_id,
        "run_id": query.run_id,
        "current": stamp_or_none(query.current),
        "archived": query.archived,
        "at": stamp_or_none(query.at),
        "known_at": stamp_or_none(query.known_at),
        "stated_only": query.stated_only,
        "relations_only": query.relations_only,
        "after": query.after,
        "limit": query.limit,
    }


def _fetches_for(query: FactQuery) -> Iterator[tuple[str, dict[str, Any]]]:
    if query.archived_only:
        yield "facts_archived", {}
    elif query.ids is not None:
        yield "facts_by_id", {"ids": list(query.ids)}
    elif query.text_key is not None:
        yield "facts_by_text", {"text_key": query.text_key}
    elif query.relation is not None:
        relation = dict(zip(("subject_id", "type", "object_id"), query.relation, strict=True))
        given = " ".join(name for name, value in relation.items() if value is not None)
        name, _ = RELATION_WAYS[given]
        yield name + ("_earliest" if query.earliest_first else ""), relation
    elif query.entity_ids is not None:
        for id in dict.fromkeys(query.entity_ids):
            yield "facts_about", {"entity_id": id}
    elif query.source_episode is not None:
        yield "facts_from_episode", {"episode_id": query.source_episode}
    else:
        yield from _way_of_filter(query)


def _way_of_filter(query: FactQuery) -> Iterator[tuple[str, dict[str, Any]]]:
    """The narrowest lookup that finds every fact which can pass the filter; else all facts of the
    tenant, in order."""
    musts = {test.field: test.values for test in _required_tests(query.where)}
    for field, name, parameter in _FILTER_WAYS:
        values = musts.get(field, ())
        if 0 < len(values) <= _MOST_WAYS:
            for value in values:
                yield name, {parameter: value}
            return
    yield "facts_of_tenant", {}


def _required_tests(where: Where | None) -> Iterator[Test]:
    for part in where.parts if isinstance(where, And) else (where,):
        if isinstance(part, Test) and part.op == "in":
            yield part


def _entity_fetch(query: EntityQuery) -> Fetch:
    """The fetch of entities or, as of another time, of the events that :func:`_entities_as_of`
    reads."""
    if query.known_at is not None:
        then = {"tenant": query.tenant, "known_at": stamp(query.known_at)}
        if query.ids is None:
            return Fetch("entities_then", then)
        return Fetch("entities_then_by_id", {**then, "ids": list(query.ids)})
    name, _, after_id = (query.after or "").partition("\0")
    values: dict[str, Any] = {"tenant": query.tenant, "limit": query.limit}
    if query.ids is not None:
        return Fetch("entities_by_id", {**values, "ids": list(query.ids)})
    if query.keys is not None:
        return Fetch("entities_by_key", {**values, "keys": list(query.keys)})
    values |= {"kind": query.kind, "contains": query.contains}
    values |= {"after_name": name, "after_id": after_id}
    return Fetch("entities_of_tenant", values, where=query.where)


def _entities_as_of(query: EntityQuery, found: ResultRows) -> list[Entity]:
    """The entities that match the query as their events say that they were, by the names that they
    had then; ordered by name, then id."""
    last = {row["id"]: row for row in found}
    there = (
        rows.to_entity(row["after"])
        for row in last.values()
        if row["after"] is not None and row["action"] not in _GONE
    )
    wanted = sorted(
        (entity for entity in there if _fits(query, entity)), key=lambda e: (e.name, e.id)
    )
    return wanted[: query.limit]


def _fits(query: EntityQuery, entity: Entity) -> bool:
    if query.ids is not None:
        return True
    names = (entity.name, *entity.aliases)
    if query.keys is not None:
        return any(key in query.keys for name in names for key in alias_keys(name, entity.kind))
    name, _, id = (query.after or "").partition("\0")
    return (
        (entity.name, entity.id) > (name, id)
        and query.kind in {None, entity.kind}
        and (query.contains is None or query.contains in name_key(entity.name))
        and (query.where is None or matches(query.where, entity_record(entity)))
    )


def changed_seq(found: ResultRows) -> int:
    """The number of a tenant's last change, from the rows of ``last_change``; a change of the rules
    for all tenants counts too."""
    return int(max(found[0]["seq"], found[0]["types_seq"]))
