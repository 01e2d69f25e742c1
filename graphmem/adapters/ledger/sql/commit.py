"""Commits decisions, each with its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from graphmem.adapters.ledger.sql import rows, statements
from graphmem.adapters.ledger.sql.entities import remove_unreferenced
from graphmem.adapters.ledger.sql.ledger_reads import changed_seq
from graphmem.adapters.ledger.sql.ledger_rules import put_retention, put_rules
from graphmem.adapters.ledger.sql.steps import (
    EventLog,
    Fetch,
    ResultRows,
    Steps,
    WriteContext,
    execute,
    fetch,
    fetch_all,
)
from graphmem.adapters.ledger.sql.users import register_users
from graphmem.clock import stamp
from graphmem.errors import Conflict
from graphmem.model import Decision, Episode, Fact
from graphmem.ports.ledger import RESUBMITTED, Commit, Row
from graphmem.ports.llm import Extraction


@dataclass(frozen=True, slots=True)
class _BelievedVersion:
    """The version of a fact that is believed."""

    version: int
    body: str


def commit(
    log: EventLog, commits: Sequence[Commit], since: Mapping[str, int], at: Sequence[datetime]
) -> Steps[None]:
    """Check that nothing which the decisions are based on has changed (:class:`Conflict` if it
    has), then write them. ``at`` gives each commit's time."""
    present = yield from _check(commits, since)
    yield from register_users(one.owner for one in commits if one.owner is not None)
    plain: list[tuple[Commit, WriteContext]] = []
    for one, moment in zip(commits, at, strict=True):
        by = context_of(one, moment)
        if _is_plain(one):
            plain.append((one, by))
            continue
        yield from write_plain(log, plain, present)
        plain.clear()
        yield from _write(log, one, by, present)
    yield from write_plain(log, plain, present)
    done = [one.episode.id for one in commits if one.episode]
    if done:
        yield from execute("set_done", {"ids": done})


def context_of(one: Commit, at: datetime) -> WriteContext:
    """The time, episode and actor of a commit's events: the actor of its episode, if it has one."""
    if one.episode is None:
        return WriteContext(at, None, one.actor)
    return WriteContext(at, one.episode.id, one.episode.actor or one.actor)


def _is_plain(commit: Commit) -> bool:
    """Whether it only adds facts without entities, as most commits of a bulk load do."""
    return (
        commit.episode is not None
        and commit.episode.reason != RESUBMITTED
        and not (commit.new_entities or commit.renamed or commit.mentions or commit.edits)
        and not (commit.types or commit.retention or commit.dropped_retention)
        and commit.merge is None
        and commit.undone is None
        and all(
            d.action == "ADD"
            and d.before is None
            and d.after is not None
            and not d.after.entity_ids
            for d in commit.decisions
        )
    )


def write_plain(
    log: EventLog,
    commits: Sequence[tuple[Commit, WriteContext]],
    present: dict[str, _BelievedVersion],
    keys: Mapping[str, str] = MappingProxyType({}),
) -> Steps[None]:
    """Write plain commits as :func:`_write` would, with one statement for each table. ``keys`` are
    the sentence keys of statements, by id, as far as they are known."""
    new, statements = _NewFacts(), []
    for one, by in commits:
        if one.episode is None:
            continue
        texts = {s.text: keys[s.id] for s in one.statements if s.id in keys and s.key is None}
        for decision in one.decisions:
            if decision.after is not None:
                new.add(log, decision, by, present, key=texts.get(decision.after.text))
        tenant = one.episode.scope.tenant
        statements += [rows.statement_row(s, tenant, key=keys.get(s.id)) for s in one.statements]
    yield from new.write()
    yield from execute("add_statement", *statements)
    for one, _ in commits:
        if one.episode and one.extraction and one.extraction.raw is None:
            yield from keep_extraction(one.episode.id, one.extraction)


class _NewFacts:
    """Facts that replace no earlier version, written with one statement for each table."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}

    def add(
        self,
        log: EventLog,
        decision: Decision,
        by: WriteContext,
        present: dict[str, _BelievedVersion],
        *,
        key: str | None = None,
    ) -> None:
        """Add the decision's fact, recorded now; ``key`` is the key of its text, if known."""
        fact = decision.after
        if fact is None:
            return
        if fact.recorded_at != by.at or fact.retired_at is not None:
            fact = replace(fact, recorded_at=by.at, retired_at=None)
        row = rows.fact_row(fact, key=key)
        present[fact.id] = _BelievedVersion(fact.version, row["body"])
        for statement, found in (("add_fact", [row]), *_index_rows(fact).items()):
            self._rows.setdefault(statement, []).extend(found)
        _log_fact(log, fact, decision, by, row["body"])

    def write(self) -> Steps[None]:
        for statement, found in self._rows.items():
            yield from execute(statement, *found)
        self._rows.clear()


def _write(
    log: EventLog, one: Commit, by: WriteContext, present: dict[str, _BelievedVersion]
) -> Steps[None]:
    episode = one.episode
    tenant = tenant_of(one)
    if one.merge is not None and tenant is not None:
        yield from statements.put_merge(log, one.merge, tenant, by)
    parted: tuple[str, ...] = ()
    if one.undone is not None and one.undone.merge_id is not None and tenant is not None:
        parted = yield from statements.undo_merge(log, one.undone.merge_id, tenant, by)
    yield from _put_entities(log, one, by)
    if episode and one.mentions:
        yield from _put_mentions(log, one, by, episode)
    new = _NewFacts()
    for decision in one.decisions:
        if decision.before is None:
            new.add(log, decision, by, present)
        else:
            yield from new.write()
            yield from _change_fact(log, decision, decision.before, present, by)
    yield from new.write()
    yield from statements.put_statements(one)
    if tenant is not None:
        yield from _put_edits_and_undo(log, one, tenant, by)
        if parted:
            yield from remove_unreferenced(log, parted, tenant, by)
    put_rules(log, one.types, by, tenant)
    put_retention(log, one, by)
    if episode and one.extraction and one.extraction.raw is None:
        yield from keep_extraction(episode.id, one.extraction)


def tenant_of(commit: Commit) -> str | None:
    """The one tenant that a commit writes in; None when it writes nothing."""
    if commit.episode is not None:
        return commit.episode.scope.tenant
    if commit.tenant is not None:
        return commit.tenant
    facts = (fact for d in commit.decisions for fact in (d.before, d.after) if fact)
    entities = (entity.tenant for entity in (*commit.new_entities, *commit.renamed))
    return next(iter((*(fact.scope.tenant for fact in facts), *entities)), None)


def _put_edits_and_undo(
    log: EventLog, commit: Commit, tenant: str, by: WriteContext
) -> Steps[None]:
    """Write edits, and what is undone."""
    yield from statements.put_edits(log, commit, tenant, by)
    if commit.undone is not None and commit.undone.edit_id is not None:
        yield from statements.undo_edit(log, commit.undone.edit_id, tenant, by)
    if commit.undone is not None and commit.undone.episode_id is not None:
        yield from statements.undo_episode(log, commit.undone.episode_id, tenant, by)


def _check(
    commits: Sequence[Commit], since: Mapping[str, int]
) -> Steps[dict[str, _BelievedVersion]]:
    """Raise :class:`Conflict` when an episode or a tenant has changed; return the versions of the
    facts that the decisions change, by id."""
    tenants = list(since)
    episodes = [commit.episode.id for commit in commits if commit.episode]
    before = [d.before for commit in commits for d in commit.decisions if d.before is not None]
    ids = sorted({fact.id for fact in before})
    fetches = [Fetch("last_change", {"tenant": tenant}) for tenant in tenants]
    if episodes:
        fetches.append(Fetch("statuses", {"ids": episodes, "tenant": None}))
    if ids:
        fetches.append(Fetch("facts_now", {"ids": ids}))
    found = yield from fetch_all(fetches)
    _check_tenants(since, found)
    if episodes:
        statuses = {row["id"]: row["status"] for row in found[len(tenants)]}
        for id in episodes:
            if statuses.get(id, "done") == "done":
                what = "is done already" if id in statuses else "has been erased"
                raise Conflict(f"episode {id} {what}; decide again")
            statuses[id] = "done"  # a second commit of it in this call is a conflict, too
    now = found[-1] if ids else []
    known = {(fact.id, fact.scope.tenant) for fact in before}
    return {
        row["id"]: _BelievedVersion(row["version"], row["body"])
        for row in now
        if (row["id"], row["tenant"]) in known
    }


def check_since(since: Mapping[str, int]) -> Steps[None]:
    """Raise :class:`Conflict` when a tenant has changed since."""
    found = yield from fetch_all([Fetch("last_change", {"tenant": tenant}) for tenant in since])
    _check_tenants(since, found)


def _check_tenants(since: Mapping[str, int], found: Sequence[ResultRows]) -> None:
    for tenant, changed in zip(since, found, strict=False):
        if changed_seq(changed) > since[tenant]:
            raise Conflict("something changed in this scope meanwhile; decide again")


def _put_entities(log: EventLog, commit: Commit, by: WriteContext) -> Steps[None]:
    entities = commit.new_entities + commit.renamed
    put = [rows.entity_row(entity) for entity in entities]
    yield from execute("put_entity", *put)
    yield from execute("clear_aliases", *({"id": entity.id} for entity in commit.renamed))
    yield from execute(
        "add_alias", *(row for entity in entities for row in rows.alias_rows(entity))
    )
    new = {entity.id for entity in commit.new_entities}
    for entity, row in zip(entities, put, strict=True):
        action = "ADD" if entity.id in new else "UPDATE"
        reason = commit.reasons.get(entity.id, "")
        log.append(by, "entity", entity.id, action, entity.tenant, reason=reason, after=row["body"])


def _put_mentions(log: EventLog, commit: Commit, by: WriteContext, episode: Episode) -> Steps[None]:
    named = [
        {"turn_id": turn, "entity_id": entity, "episode_id": episode.id}
        for turn, entity in commit.mentions
    ]
    yield from execute("add_mention", *named)
    # A resubmitted episode may have mentioned others before.
    action = "REPLACE" if episode.reason == RESUBMITTED else "ADD"
    after = rows.mention_body({entity for _, entity in commit.mentions})
    of = by._replace(episode_id=episode.id)
    log.append(of, "mention", episode.id, action, episode.scope.tenant, after=after)


def _change_fact(
    log: EventLog,
    decision: Decision,
    before: Fact,
    present: dict[str, _BelievedVersion],
    by: WriteContext,
) -> Steps[None]:
    """Write a changed or deleted fact. NONE adds a source, and writes nothing when there is no new
    one."""
    after = decision.after
    if decision.action == "NONE" and after == before:
        return
    now = present.get(before.id)
    if now is None or now.version != before.version:
        raise Conflict(f"fact {before.id} changed meanwhile; decide again")
    if after is None:
        yield from _retire(before, present.pop(before.id), by)
        yield from _clear_index(before.id)
        _log_fact(log, before, decision, by, None)
        return
    if decision.action == "NONE":
        body = rows.as_body(after)
        yield from execute("replace_fact", {"id": after.id, "version": after.version, "body": body})
    else:
        yield from _retire(before, now, by)
        after = replace(after, version=before.version + 1, recorded_at=by.at, retired_at=None)
        row = rows.fact_row(after)
        body = row["body"]
        yield from execute("add_fact", row)
    present[after.id] = _BelievedVersion(after.version, body)
    yield from _clear_index(after.id)
    for statement, found in _index_rows(after).items():
        yield from execute(statement, *found)
    if decision.action != "NONE" and before.archived_at is not None and after.archived_at is None:
        yield from _follow_again(log, after, by)
    _log_fact(log, after, decision, by, body)


def _follow_again(log: EventLog, fact: Fact, by: WriteContext) -> Steps[None]:
    """Log again the facts that supersede one which was archived and is back: while it was away,
    projections had no end for their link to it."""
    for row in (yield from fetch("facts_superseding", id=fact.id)):
        why = "what it follows is back"
        log.append(by, "fact", row["id"], "NONE", fact.scope.tenant, reason=why, after=row["body"])


def _log_fact(
    log: EventLog, fact: Fact, decision: Decision, by: WriteContext, body: str | None
) -> None:
    value = fact if body is not None else None
    log.append(
        by, "fact", fact.id, decision.action, fact.scope.tenant,
        reason=decision.reason, after=body, value=value,
    )  # fmt: skip


def _retire(fact: Fact, now: _BelievedVersion, by: WriteContext) -> Steps[None]:
    retired_at = stamp(by.at)
    body = rows.retired(now.body, retired_at)
    yield from execute("retire_fact", {"id": fact.id, "retired_at": retired_at, "body": body})
    yield from execute("note_past_entities", {"id": fact.id})
    yield from execute("note_past_sources", {"id": fact.id})


def _index_rows(fact: Fact) -> dict[str, Sequence[Row]]:
    """The rows for lookups of a fact by entity, statement and source, by the statement that adds
    them."""
    about = [{"entity_id": id, "fact_id": fact.id} for id in dict.fromkeys(fact.entity_ids)]
    return {
        "add_fact_entity": about,
        "add_support": statements.support_rows(fact),
        "add_source": rows.source_rows(fact),
    }


def _clear_index(fact_id: str) -> Steps[None]:
    yield from execute("clear_fact_entities", {"id": fact_id})
    yield from execute("clear_sources", {"id": fact_id})


def keep_extraction(episode_id: str, extraction: Extraction) -> Steps[None]:
    """Store a model's answer, and add its cost to what the episode has cost before."""
    if extraction.calls or extraction.raw is not None:
        values = {
            "episode_id": episode_id,
            "extractor": extraction.extractor,
            "version": extraction.version,
            "raw": None if extraction.raw is None else rows.storable(extraction.raw),
            "calls": extraction.calls,
            "tokens_in": extraction.tokens_in,
            "tokens_out": extraction.tokens_out,
        }
        yield from execute("keep_extraction", values)


def postpone(episode_id: str, reason: str, *, failed: bool) -> Steps[None]:
    status = "failed" if failed else "pending"
    values: dict[str, Any] = {"id": episode_id, "status": status, "reason": rows.storable(reason)}
    # An episode that another process has finished meanwhile stays done.
    yield from execute("postpone", values)
