"""Erasure in a ledger, as a person has the right to: from history too.

Entities and embeddings that nothing refers to any more are erased in ``entities.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeAlias

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.commit import check_since, commit
from graphmem.adapters.ledger.sql.entities import (
    erase_entities,
    forget_embeddings,
    forget_names,
    log_erased,
    unreferenced,
)
from graphmem.adapters.ledger.sql.erasure_receipts import hashes_of, put_erasure, rows_by_table
from graphmem.adapters.ledger.sql.ledger_access import forget_replies
from graphmem.adapters.ledger.sql.ledger_reads import scope_values
from graphmem.adapters.ledger.sql.steps import (
    EventLog,
    Fetch,
    ResultRows,
    Steps,
    WriteContext,
    execute,
    fetch,
    fetch_all,
    ids_of,
)
from graphmem.adapters.ledger.sql.summaries import erase_summaries
from graphmem.model import Decision, ErasureReceipt, Fact, Removal, Statement
from graphmem.ports.ledger import Commit, Erasure
from graphmem.text import digest, text_key, value_key


def apply_erasure(log: EventLog, erasure: Erasure, receipt: ErasureReceipt) -> Steps[Removal]:
    """Erase episodes (or single facts) with everything that only they support; ``receipt`` is
    stored with the numbers and hashes of what was erased."""
    found = yield from erase_rows(log, erasure, receipt.at)
    if found is None:
        return Removal()
    going, gone = found
    numbers = {kind: len(gone[kind]) for kind in ("episode", "fact", "entity")}
    went = rows_by_table(going, episodes=numbers["episode"], entities=numbers["entity"])
    # A fact has the id of the first statement that it rests on: where that is still stated, it may
    # be believed again, under that id.
    left = ids_of((yield from fetch("statements_left", ids=sorted(gone["fact"]))))
    hashes = hashes_of({**gone, "fact": set(gone["fact"]) - left})
    yield from put_erasure(replace(receipt, rows=went, hashes=hashes), erasure.scope.tenant)
    return Removal(numbers["episode"], numbers["fact"], numbers["entity"], receipt.id)


def erase_rows(
    log: EventLog, erasure: Erasure, at: datetime
) -> Steps[tuple[ResultRows, Mapping[str, Collection[str]]] | None]:
    """Erase, and return the number of rows erased by table and the ids erased by kind; None where
    there was nothing to erase."""
    tenant = erasure.scope.tenant
    if erasure.since is not None:
        yield from check_since({tenant: erasure.since})
    yield from forget_replies(erasure.scope)
    target = yield from _target(erasure)
    episodes, facts = target.episodes, target.facts
    if not episodes and not facts:
        return None
    lists = {"episodes": sorted(episodes), "facts": sorted(facts)}
    its_turns = {"ids": lists["episodes"], "tenant": tenant}
    turns, about = yield from fetch_all(
        [Fetch("turns_of_episodes", its_turns), Fetch("entities_touched", lists)]
    )
    named = ids_of(about) | {entity for _, entity in erasure.unmentioned}
    touched = sorted(ids_of((yield from fetch("merged_group", ids=sorted(named)))))
    bodies = yield from fetch("bodies_of", facts=lists["facts"])
    statements = sorted(target.statements)
    going = yield from fetch("count_erased", **lists, statements=statements)
    yield from _scrub_edits(target)
    yield from _scrub_keys_and_values(target, tenant)
    runs = [row["run_id"] for row in (yield from fetch("runs_of", ids=lists["episodes"]))]
    yield from _remove(lists, target)
    yield from execute("erase_conversations", {"tenant": tenant, "runs": runs})
    changes = _changes(erasure, target)
    yield from commit(log, [Commit(None, tuple(changes), actor=erasure.actor)], {}, [at])
    scrubbed = yield from _scrub_versions(target)
    changed = {decision.fact_id for decision in changes if decision.fact_id is not None}
    rewritten = {episode.id for episode in erasure.rewritten}
    sources = episodes | facts | changed | scrubbed | rewritten
    yield from erase_summaries(tenant, sources)
    by = WriteContext(at, None, erasure.actor)
    old_texts = yield from _rewrite_episodes(log, erasure, by)
    entities = set((yield from unreferenced(touched)))
    yield from erase_entities(log, entities, by)
    yield from forget_names(log, lists["episodes"], by, reason="a source was erased", erase=True)
    texts = {text for row in turns for text in rows.turn_texts(row)} | old_texts
    yield from forget_embeddings(texts, bodies)
    yield from execute("erase_event_contents", {"ids": sorted(episodes | facts)})
    own: dict[str, list[str]] = {id: [] for id in episodes}
    for row in turns:
        own[row["episode_id"]].append(row["id"])
    log_erased(log, "fact", dict.fromkeys(facts), tenant, by)
    log_erased(log, "entity", dict.fromkeys(entities), tenant, by)
    turn_ids = {id: rows.as_json({"turn_ids": ids}) for id, ids in own.items()}
    log_erased(log, "episode", turn_ids, tenant, by)
    return going, {"episode": episodes, "fact": facts, "entity": entities}


@dataclass(frozen=True, slots=True)
class _Target:
    """What an erasure removes: episodes, statements, and facts that nothing else supports. ``kept``
    are facts that other sources support, as they are to be where no decision changes them."""

    episodes: set[str]
    statements: set[str]
    facts: set[str]
    kept: list[Fact]


def _target(erasure: Erasure) -> Steps[_Target]:
    tenant = erasure.scope.tenant
    episodes: set[str] = set()
    kept: list[Fact] = []
    if erasure.fact_ids is None:
        episodes = yield from _episodes(erasure)
        facts, kept = yield from _unsupported(episodes)
        kept = yield from _reopen(episodes, kept)
        wanted = {"ids": sorted(episodes), "tenant": tenant, "undone_too": True}
        statements = ids_of((yield from fetch("statements_of_episodes", **wanted)))
    else:
        wanted_facts = list(erasure.fact_ids)
        facts = ids_of((yield from fetch("erase_facts_of_tenant", tenant=tenant, ids=wanted_facts)))
        versions = yield from fetch("versions_of", ids=sorted(facts))
        statements = {id for row in versions for id in rows.to_fact(row["body"]).statement_ids}
        statements |= facts  # a fact from before there were statements counts as one itself
        facts |= yield from _resting_only_on(statements)
    return _Target(episodes, statements, facts, [fact for fact in kept if fact.id not in facts])


def _resting_only_on(statements: set[str]) -> Steps[set[str]]:
    """The ids of facts that rest, or rested, only on these statements."""
    made = yield from fetch("facts_made_of", ids=sorted(statements))
    return {
        fact.id
        for fact in (rows.to_fact(row["body"]) for row in made)
        if fact.statement_ids and statements.issuperset(fact.statement_ids)
    }


def _changes(erasure: Erasure, target: _Target) -> list[Decision]:
    """The changes of facts that stay: as decided and, where nothing was decided, without the erased
    sources."""
    decided = [d for d in erasure.decisions if d.fact_id not in target.facts]
    decided_ids = {decision.fact_id for decision in decided}
    return decided + [
        Decision(
            "UPDATE", "a source was erased", before=fact, after=_without(fact, target.episodes)
        )
        for fact in target.kept
        if fact.id not in decided_ids
    ]


def _scrub_edits(target: _Target) -> Steps[None]:
    """Erase the edits that rest only on erased statements; others keep the statements that stay."""
    gone = []
    for row in (yield from fetch("edits_of_statements", ids=sorted(target.statements))):
        edit = rows.to_edit(row["body"])
        left = frozenset(edit.statement_ids) - target.statements
        if not left:
            gone.append(row["id"])
        elif left != frozenset(edit.statement_ids):
            body = rows.edit_row(replace(edit, statement_ids=left), "")["body"]
            yield from execute("replace_edit", {"id": row["id"], "body": body})
    yield from execute("erase_silences_by", {"ids": gone})
    yield from execute("erase_edits", {"ids": gone})


def _scrub_keys_and_values(target: _Target, tenant: str) -> Steps[None]:
    """Replace what would reveal an erased statement: one that repeats, or ends, a sentence or an
    attribute in other words has that sentence's key, or the attribute's value. It becomes a digest,
    which those that share it still do, unless a statement with the sentence itself stays, or one
    whose text names the value."""
    columns = ("id", "object_id", "text_key", "body")
    for name, field, shared, says_it in _REVEALING:
        alike: dict[tuple[str, ...], list[Statement]] = {}
        for row in (yield from fetch(name, ids=sorted(target.statements))):
            one = rows.to_statement(row)
            alike.setdefault(shared(one), []).append(one)
        for (*_, key), staying in alike.items():
            if not any(says_it(one, key) for one in staying):
                hidden: dict[str, Any] = {field: f"#{digest(key)[:32]}"}
                put = [rows.statement_row(replace(one, **hidden), tenant) for one in staying]
                new = ({column: row[column] for column in columns} for row in put)
                yield from execute("replace_statement", *new)


def _names_value(one: Statement, key: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(key)}(?!\w)", text_key(one.text)) is not None


_Shared: TypeAlias = Callable[[Statement], tuple[str, ...]]
_REVEALING: tuple[tuple[str, str, _Shared, Callable[[Statement, str], bool]], ...] = (
    ("statements_like", "key", lambda one: (one.sentence_key,), lambda one, key: one.key != key),
    (
        "statements_of_value",
        "value",
        lambda one: (one.subject_id or "", one.type or "", value_key(one.value or "")),
        _names_value,
    ),
)
"""Statements that share something, the field in which they do, what they share (the field last),
and whether one says it itself."""


def _scrub_versions(target: _Target) -> Steps[set[str]]:
    """Erase the versions, of facts that stay, that rest on erased statements. Returns the ids of
    these facts."""
    touched = ids_of((yield from fetch("facts_resting_on", ids=sorted(target.statements))))
    touched -= target.facts
    now: dict[str, str] = {}
    for row in (yield from fetch("versions_of", ids=sorted(touched))):
        if row["retired_at"] is None:
            now[row["id"]] = row["body"]
        elif not target.statements.isdisjoint(rows.to_fact(row["body"]).statement_ids):
            yield from execute("erase_version", {"id": row["id"], "version": row["version"]})
    for row in (yield from fetch("events_of", ids=sorted(touched))):
        if not target.statements.isdisjoint(rows.to_fact(row["after"]).statement_ids):
            # The event gets the present body, not none: projections replay the events in order.
            after = now.get(row["id"])
            yield from execute("replace_event", {"seq": row["seq"], "after": after})
    yield from execute(
        "erase_supports", {"ids": sorted(target.statements), "facts": sorted(target.facts)}
    )
    return touched


def _without(fact: Fact, episodes: Collection[str]) -> Fact:
    return replace(fact, sources=tuple(s for s in fact.sources if s.episode_id not in episodes))


def _remove(lists: Mapping[str, list[str]], target: _Target) -> Steps[None]:
    for name in (
        "erase_fact_entities",
        "erase_sources",
        "erase_past_entities",
        "erase_silences_over",
        "erase_uses",
        "erase_edits_of",
        "erase_facts",
    ):
        yield from execute(name, {"ids": lists["facts"]})
    yield from execute("erase_past_sources", lists)
    yield from execute("erase_statements", {"ids": sorted(target.statements)})
    for name in (
        "erase_mentions",
        "erase_extractions",
        "erase_silences_in",
        "erase_turns",
        "erase_episodes",
    ):
        yield from execute(name, {"ids": lists["episodes"]})


def _episodes(erasure: Erasure) -> Steps[set[str]]:
    """The ids of a scope's episodes: those asked for, or all within its agent and run."""
    values = scope_values(erasure.scope)
    if erasure.episode_ids is None:
        return ids_of((yield from fetch("erase_targets", **values)))
    ids = list(erasure.episode_ids)
    return ids_of((yield from fetch("erase_targets_by_id", **values, ids=ids)))


def _unsupported(episodes: set[str]) -> Steps[tuple[set[str], list[Fact]]]:
    """The ids of facts to erase with these episodes, and the facts that other sources support. A
    retired fact is neither while another episode states it: it may be believed again, and one that
    was deleted by hand must stay deleted."""
    gone: set[str] = set()
    kept: list[Fact] = []
    retired: set[str] = set()
    for row in (yield from fetch("erase_facts_from", episodes=sorted(episodes))):
        fact = rows.to_fact(row["body"]) if row["body"] else None
        if fact is None:
            retired.add(row["id"])
        elif any(source.episode_id not in episodes for source in fact.sources):
            kept.append(fact)
        else:
            gone.add(row["id"])
    wanted = {"ids": sorted(retired), "episodes": sorted(episodes)}
    stated = ids_of((yield from fetch("stated_elsewhere", **wanted)))
    return gone | (retired - stated), kept


def _reopen(episodes: set[str], kept: list[Fact]) -> Steps[list[Fact]]:
    """The kept facts as they are to be: an end that only these episodes had set is undone."""
    facts = {fact.id: fact for fact in kept}
    for row in (yield from fetch("updates_by_episodes", episodes=sorted(episodes))):
        fact = facts.get(row["id"])
        update = rows.to_fact(row["after"]) if row["after"] else None
        if fact is None or update is None or update.invalid_at != fact.invalid_at:
            continue
        before = yield from fetch("state_before", id=fact.id, seq=row["seq"])
        if before:
            was = rows.to_fact(before[0]["after"])
            facts[fact.id] = replace(fact, invalid_at=was.invalid_at)
    return list(facts.values())


def _rewrite_episodes(log: EventLog, erasure: Erasure, by: WriteContext) -> Steps[set[str]]:
    """Rewrite episodes that stay, without the sentences that stated what is erased and the mentions
    that they no longer have. Returns the old texts of their turns, as they may have been
    embedded."""
    ids = [episode.id for episode in erasure.rewritten]
    if not ids:
        return set()
    before = yield from fetch("turns_of_episodes", ids=ids, tenant=erasure.scope.tenant)
    after = {turn.id: turn.text for episode in erasure.rewritten for turn in episode.turns}
    changed = [row for row in before if row["text"] != after.get(row["id"], row["text"])]
    names = ("id", "content", "content_hash", "idempotency_key")
    kept = ({name: getattr(one, name) for name in names} for one in erasure.rewritten)
    yield from execute("rewrite_episode", *kept)
    yield from execute(
        "rewrite_turn", *({"id": row["id"], "text": after[row["id"]]} for row in changed)
    )
    yield from execute("erase_answers", {"ids": ids})
    yield from execute(
        "erase_mention",
        *({"turn_id": turn, "entity_id": entity} for turn, entity in erasure.unmentioned),
    )
    mentioned: dict[str, list[str]] = {id: [] for id in ids}
    for row in (yield from fetch("mentioned_by", ids=ids)):
        mentioned[row["episode_id"]].append(row["entity_id"])
    for episode in erasure.rewritten:
        of = by._replace(episode_id=episode.id)
        tenant = episode.scope.tenant
        named = rows.mention_body(mentioned[episode.id])
        log.append(of, "episode", episode.id, "UPDATE", tenant)
        log.append(of, "mention", episode.id, "REPLACE", tenant, after=named)
    return {text for row in changed for text in rows.turn_texts(row)}
