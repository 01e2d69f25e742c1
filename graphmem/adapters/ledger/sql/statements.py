"""Stores and loads statements, edits by hand and merges, and undoes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.entities import forget_names, hide_entities, unreferenced
from graphmem.adapters.ledger.sql.ledger_reads import scope_values
from graphmem.adapters.ledger.sql.steps import (
    EventLog,
    Fetch,
    Steps,
    WriteContext,
    execute,
    fetch,
    fetch_all,
    ids_of,
)
from graphmem.clock import stamp
from graphmem.model import Fact, Merge, Statement
from graphmem.ports.ledger import (
    RESUBMITTED,
    Commit,
    LoadedStatements,
    ManualChange,
    Row,
    StatementQuery,
)

_PARTED = "no longer one with another"

# Writing


def put_statements(commit: Commit) -> Steps[None]:
    """Store the statements of an episode; of a resubmitted one, in place of those it had before."""
    episode = commit.episode
    if episode is not None:
        if episode.reason == RESUBMITTED:
            yield from execute("drop_statements_of", {"id": episode.id})
        put = [rows.statement_row(s, episode.scope.tenant) for s in commit.statements]
        yield from execute("add_statement", *put)


def support_rows(fact: Fact) -> list[Row]:
    """The rows of the statements that a fact rests on; none for a fact from before there were
    statements."""
    return [{"statement_id": id, "fact_id": fact.id} for id in fact.statement_ids]


def put_edits(log: EventLog, commit: Commit, tenant: str, by: WriteContext) -> Steps[None]:
    yield from execute("add_edit", *(rows.edit_row(edit, tenant) for edit in commit.edits))
    for edit in commit.edits:
        row = {"edit_id": edit.id, "tenant": tenant, "at": stamp(by.at)}
        yield from execute("add_silence", *({"turn_id": id, **row} for id in edit.silenced))
        if edit.silenced:
            yield from _project_silence(log, edit.id, tenant, by)


def undo_edit(log: EventLog, id: str, tenant: str, by: WriteContext) -> Steps[None]:
    """Undo an edit; the turns that it silenced are searched again, unless another edit silences
    them too."""
    yield from execute("undo_edit", {"id": id})
    yield from execute("end_silences", {"edit_id": id, "at": stamp(by.at)})
    yield from _project_silence(log, id, tenant, by)


def _project_silence(log: EventLog, edit_id: str, tenant: str, by: WriteContext) -> Steps[None]:
    """Log for projections the episodes whose turns an edit silenced, or no longer silences."""
    named: dict[str, list[str]] = {}
    for row in (yield from fetch("silenced_episodes", edit_id=edit_id)):
        own = named.setdefault(row["id"], [])
        if row["entity_id"] is not None:
            own.append(row["entity_id"])
    for id, entity_ids in named.items():
        of = by._replace(episode_id=id)
        log.append(of, "episode", id, "UPDATE", tenant)
        log.append(of, "mention", id, "REPLACE", tenant, after=rows.mention_body(entity_ids))


def put_merge(log: EventLog, merge: Merge, tenant: str, by: WriteContext) -> Steps[None]:
    """Store a merge: the kept entity stands for the other from here on, and for all that were
    merged into that."""
    row = {
        "id": merge.id,
        "tenant": tenant,
        "kept_id": merge.kept_id,
        "gone_id": merge.gone_id,
        "at": stamp(merge.at),
        "body": rows.as_json(merge.before),
    }
    yield from execute("add_merge", row)
    away = [merge.gone_id, *ids_of((yield from fetch("merged_away", id=merge.gone_id)))]
    moved = {"into": merge.kept_id, "gone_at": stamp(by.at)}
    yield from execute("set_merged_into", *({"id": id, **moved} for id in away))
    why = f"is one with {merge.kept_id}"
    log.append(by, "entity", merge.gone_id, "DELETE", tenant, reason=why)
    yield from _replace_mentions(log, away, tenant, by)


def undo_merge(
    log: EventLog, merge_id: str, tenant: str, by: WriteContext
) -> Steps[tuple[str, ...]]:
    """Undo a merge: the entity that was merged away is back, with all merged into it. Returns the
    ids of the two entities; nothing if there is no such merge."""
    found = yield from fetch("merge_by_id", id=merge_id)
    if not found or found[0]["tenant"] != tenant:
        return ()
    gone_id = found[0]["gone_id"]
    yield from execute("undo_merge", {"id": merge_id})
    away = yield from _below(gone_id, tenant)
    yield from execute("set_merged_into", {"id": gone_id, "into": None, "gone_at": None})
    moved = {"into": gone_id, "gone_at": stamp(by.at)}
    yield from execute("set_merged_into", *({"id": id, **moved} for id in away))
    body = (yield from fetch("entity_body", id=gone_id))[0]["body"]
    log.append(by, "entity", gone_id, "ADD", tenant, reason=_PARTED, after=body)
    yield from _replace_mentions(log, [gone_id, *away], tenant, by)
    return found[0]["kept_id"], gone_id


def _below(id: str, tenant: str) -> Steps[list[str]]:
    """The ids of entities that were merged into this one, directly or through others."""
    found: list[str] = []
    todo = [id]
    while todo:
        merges = yield from fetch("merges_of", tenant=tenant, id=todo[-1])
        into = todo.pop()
        more = [row["gone_id"] for row in merges if row["kept_id"] == into]
        found += more
        todo += more
    return found


def _replace_mentions(
    log: EventLog, ids: Sequence[str], tenant: str, by: WriteContext
) -> Steps[None]:
    """Log again, for projections, what episodes mention that mention one of these entities."""
    named: dict[str, list[str]] = {}
    for row in (yield from fetch("mentions_of", ids=list(ids))):
        named.setdefault(row["episode_id"], []).append(row["entity_id"])
    for episode_id, entity_ids in named.items():
        after = rows.mention_body(entity_ids)
        log.append(by, "mention", episode_id, "REPLACE", tenant, after=after)


def undo_episode(log: EventLog, id: str, tenant: str, by: WriteContext) -> Steps[None]:
    """Undo an episode: its statements no longer count, entities that only it mentioned are hidden,
    and projections remove it."""
    turns, named = yield from fetch_all(
        [
            Fetch("turns_of_episode", {"id": id}),
            Fetch("entities_touched", {"episodes": [id], "facts": []}),
        ]
    )
    for name in ("undo_statements", "set_episode_undone", "clear_mentions"):
        yield from execute(name, {"id": id})
    left = yield from unreferenced(ids_of(named))
    aside = [one for one, into in left.items() if into is None]
    # Logged with the episode's id: a later erasure of the episode finds these entities by it.
    of = by._replace(episode_id=id)
    yield from hide_entities(log, aside, tenant, of)
    yield from forget_names(log, [id], by, reason="undone", erase=False)
    after = rows.as_json({"turn_ids": [row["id"] for row in turns]})
    log.append(of, "episode", id, "DELETE", tenant, reason="undone", after=after)


def resubmit(log: EventLog, row: Row, by: WriteContext) -> Steps[None]:
    """Make an undone episode pending again; projections add it, and the link from the episode after
    it."""
    yield from execute("set_pending", {"id": row["id"], "reason": RESUBMITTED})
    following = yield from fetch("episode_after", id=row["id"])
    for id in (row["id"], *(one["id"] for one in following)):
        log.append(by._replace(episode_id=id), "episode", id, "ADD", row["tenant"])


# Reading


def load_statements(query: StatementQuery) -> Steps[LoadedStatements]:
    """The steps of :meth:`~graphmem.ports.ledger.LedgerReads.statements`."""
    ids = {id for _, subject, object in query.patterns for id in (subject, object) if id}
    ids |= set(query.entity_ids)
    merged: dict[str, str] = {}
    alike: dict[str, list[str]] = {id: [id] for id in ids}
    if ids:
        for row in (yield from fetch("merged_of", ids=sorted(ids))):
            merged[row["id"]] = row["merged_into"]
            if row["merged_into"] in alike:
                alike[row["merged_into"]].append(row["id"])
    answers = yield from fetch_all(list(_fetches(query, alike)))
    found = {row["id"]: rows.to_statement(row) for answer in answers for row in answer}
    if not found:
        return LoadedStatements(merged=merged)
    wanted = {"ids": sorted(found)}
    named = sorted({id for s in found.values() for id in _named(s)} - ids)
    facts, edits, other = yield from fetch_all(
        [
            Fetch("facts_made_of", wanted),
            Fetch("edits_over", wanted),
            Fetch("merged_of", {"ids": named}),
        ]
    )
    merged |= {row["id"]: row["merged_into"] for row in other}
    return LoadedStatements(
        tuple(found[id] for id in sorted(found)),
        tuple(rows.to_fact(row["body"]) for row in facts),
        tuple(rows.to_edit(row["body"]) for row in edits),
        merged,
    )


def _named(statement: Statement) -> Iterable[str]:
    ends = (statement.subject_id, statement.object_id)
    return (id for id in (*ends, *statement.entity_ids) if id is not None)


def _fetches(query: StatementQuery, alike: dict[str, list[str]]) -> Iterable[Fetch]:
    tenant = {"tenant": query.tenant}
    yield from _fetches_by_pattern(query, alike)
    if query.sentences:
        yield Fetch("statements_by_text", {**tenant, "keys": list(query.sentences)})
    if query.episode_ids:
        values = {"ids": list(query.episode_ids), "undone_too": query.undone_too}
        yield Fetch("statements_of_episodes", {**tenant, **values})
    if query.scope is not None:
        yield Fetch("statements_of_scope", scope_values(query.scope))
    entities = sorted({id for one in query.entity_ids for id in alike[one]})
    for name, ids in (
        ("statements_by_id", query.statement_ids),
        ("statements_of_facts", query.fact_ids),
        ("statements_of_entities", entities),
    ):
        if ids:
            yield Fetch(name, {**tenant, "ids": list(ids)})


def _fetches_by_pattern(query: StatementQuery, alike: dict[str, list[str]]) -> Iterable[Fetch]:
    by_subject: list[tuple[str, str]] = []
    triples: list[tuple[str, str, str]] = []
    by_object: list[tuple[str, str]] = []
    for type, subject, object in dict.fromkeys(query.patterns):
        objects = alike.get(object, [object]) if object is not None else []
        if subject is None:
            by_object += [(type, id) for id in objects]
        elif object is None:
            by_subject += [(type, id) for id in alike[subject]]
        else:
            triples += [(type, id, other) for id in alike[subject] for other in objects]
    pairs = dict.fromkeys((type, id) for type, id, _ in triples)
    for name, lists in (
        ("statements_by_subject", {"wanted": by_subject}),
        ("statements_by_triple", {"wanted": triples, "pairs": pairs}),
        ("statements_by_object", {"wanted": by_object}),
    ):
        if lists["wanted"]:
            texts = {key: [rows.as_array(one) for one in found] for key, found in lists.items()}
            yield Fetch(name, {"tenant": query.tenant, **texts})


def manual_change(tenant: str, seq: int) -> Steps[tuple[Row, str | None, ManualChange] | None]:
    """An event, the fact's body before it, and the edit or merge by hand that caused it; None
    without such an event."""
    found = yield from fetch("event_by_seq", tenant=tenant, seq=seq)
    if not found:
        return None
    event = found[0]
    at = {"tenant": tenant, "at": event["at"]}
    before, edits, merges = yield from fetch_all(
        [
            Fetch("event_before", {"tenant": tenant, "id": event["id"], "seq": seq}),
            Fetch("edits_at", at),
            Fetch("merges_at", at),
        ]
    )
    hand = ManualChange(
        rows.to_edit(edits[0]["body"]) if edits else None,
        rows.to_merge(merges[0]) if merges else None,
    )
    return event, before[0]["after"] if before else None, hand
