"""Journals episodes, and with them writes the commits that need no decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeAlias

from graphmem.adapters.ledger.sql import rows, statements
from graphmem.adapters.ledger.sql.commit import context_of, tenant_of, write_plain
from graphmem.adapters.ledger.sql.ledger_reads import by_id, with_turns
from graphmem.adapters.ledger.sql.steps import (
    EventLog,
    Fetch,
    Steps,
    WriteContext,
    execute,
    fetch,
    fetch_all,
)
from graphmem.adapters.ledger.sql.users import check_users, pseudonyms_of
from graphmem.clock import stamp
from graphmem.model import Episode
from graphmem.ports.ledger import RESUBMITTED, Commit

TimedCommit: TypeAlias = tuple[Commit, datetime]
"""A commit of plain sentences, and its time."""


def journal(
    log: EventLog, episodes: Sequence[Episode], window_s: float, commits: Sequence[TimedCommit] = ()
) -> Steps[list[Episode]]:
    """Store new episodes; return for each the stored one, which is an earlier one if it repeats
    that."""
    by_id = {
        commit.episode.id: (commit, at) for commit, at in commits if commit.episode is not None
    }
    stored: list[Episode] = []
    known_sentences: dict[str, set[str]] = {}
    for batch in _batches(episodes):
        stored += yield from _journal_batch(log, batch, window_s, (by_id, known_sentences))
    return stored


def _batches(episodes: Sequence[Episode]) -> Iterator[list[Episode]]:
    """Batches of consecutive episodes of which none repeats another, so that one query looks up all
    of a batch."""
    batch: list[Episode] = []
    seen: set[tuple[str, str, str]] = set()
    for episode in episodes:
        scope_key = rows.scope_key(episode.scope)
        identities = {(scope_key, "content", episode.content_hash)}
        if episode.idempotency_key is not None:
            identities.add((scope_key, "key", episode.idempotency_key))
        if identities & seen:
            yield batch
            batch, seen = [], set()
        batch.append(episode)
        seen |= identities
    if batch:
        yield batch


def _journal_batch(
    log: EventLog,
    batch: Sequence[Episode],
    window_s: float,
    given: tuple[Mapping[str, TimedCommit], dict[str, set[str]]],
) -> Steps[list[Episode]]:
    commits, known_sentences = given
    repeated, last = yield from _earlier(batch, window_s)
    ids = sorted({id for id in repeated if id is not None})
    known: dict[str, Episode] = {}
    if ids:
        earlier = with_turns(*(yield from fetch_all(by_id(ids))))
        known = {episode.id: episode for episode in earlier}
    pairs = list(zip(batch, repeated, strict=True))
    candidates = [commits[e.id] for e, id in pairs if id is None and e.id in commits]
    keys: dict[str, str] = {}
    unrepeated = yield from _unrepeated(candidates, keys, known_sentences)
    stored: list[Episode] = []
    for wanted, id in pairs:
        if id is not None:
            kept = known[id]
            if kept.status == "undone":
                by = WriteContext(wanted.recorded_at, kept.id, wanted.actor or "graphmem")
                yield from statements.resubmit(log, {"id": id, "tenant": kept.scope.tenant}, by)
                kept = known[id] = replace(kept, status="pending", reason=RESUBMITTED)
            stored.append(kept)
            continue
        scope_key = rows.scope_key(wanted.scope)
        status = "done" if wanted.id in unrepeated else wanted.status
        episode = replace(wanted, previous_id=last.get(scope_key), status=status)
        last[scope_key] = episode.id
        stored.append(episode)
        by = WriteContext(episode.recorded_at, episode.id, episode.actor or "graphmem")
        log.append(by, "episode", episode.id, "ADD", episode.scope.tenant, value=episode)
    new = [episode for episode, id in zip(stored, repeated, strict=True) if id is None]
    yield from execute("add_episode", *map(rows.episode_row, new))
    yield from execute(
        "add_turn", *(rows.turn_row(turn, e.scope.tenant) for e in new for turn in e.turns)
    )
    plain = [(commit, context_of(commit, at)) for commit, at in unrepeated.values()]
    yield from write_plain(log, plain, {}, keys)
    return stored


def _unrepeated(
    commits: Sequence[TimedCommit], keys: dict[str, str], known_sentences: dict[str, set[str]]
) -> Steps[dict[str, TimedCommit]]:
    """The commits of which every sentence is new in its tenant, by episode id. Adds the key of each
    statement to ``keys``, and each sentence to ``known_sentences`` of its tenant."""
    tenants = [tenant_of(commit) or "" for commit, _ in commits]
    wanted = set()
    for (commit, _), tenant in zip(commits, tenants, strict=True):
        for statement in commit.statements:
            key = keys[statement.id] = statement.sentence_key
            wanted.add((tenant, key))
    for row in (
        (yield from fetch("known_sentences", wanted=_as_json_texts(sorted(wanted))))
        if wanted
        else ()
    ):
        known_sentences.setdefault(row["tenant"], set()).add(row["key"])
    found: dict[str, TimedCommit] = {}
    for one, tenant in zip(commits, tenants, strict=True):
        before = known_sentences.setdefault(tenant, set())
        sentences = [keys[s.id] for s in one[0].statements]
        once = len(set(sentences)) == len(sentences) and before.isdisjoint(sentences)
        if once and one[0].episode is not None:
            found[one[0].episode.id] = one
        before.update(sentences)
    return found


def _earlier(
    batch: Sequence[Episode], window_s: float
) -> Steps[tuple[list[str | None], dict[str, str]]]:
    """For each episode the id of the earlier one that it repeats, or None; and the newest episode
    of each scope. All in one request, however many episodes there are."""
    keyed = [at for at, episode in enumerate(batch) if episode.idempotency_key is not None]
    others = [at for at, episode in enumerate(batch) if episode.idempotency_key is None]
    scope_keys = list(dict.fromkeys(rows.scope_key(episode.scope) for episode in batch))
    pseudonyms = pseudonyms_of(episode.scope for episode in batch)
    fetches = [
        Fetch("last_episode", {"scope_keys": scope_keys}),
        Fetch("users_under", {"ids": sorted(pseudonyms)}),
    ]
    if keyed:
        keys = [(rows.scope_key(batch[at].scope), batch[at].idempotency_key) for at in keyed]
        fetches.append(Fetch("same_key", {"wanted": _as_json_texts(keys)}))
    if others:
        contents = [_content(batch[at], window_s) for at in others]
        fetches.append(Fetch("same_content", {"wanted": _as_json_texts(contents)}))
    newest, known, *found = yield from fetch_all(fetches)
    yield from check_users(pseudonyms, known)
    repeated: list[str | None] = [None] * len(batch)
    for numbers, earlier in zip([each for each in (keyed, others) if each], found, strict=True):
        for row in earlier:
            repeated[numbers[row["at"]]] = row["id"]
    return repeated, {row["scope_key"]: row["id"] for row in newest}


def _content(episode: Episode, window_s: float) -> tuple[object, ...]:
    """An episode's parameters of ``same_content``."""
    window = timedelta(0) if episode.time_given else timedelta(seconds=window_s)
    since, until = stamp(episode.occurred_at - window), stamp(episode.occurred_at + window)
    scope_key = rows.scope_key(episode.scope)
    return scope_key, episode.content_hash, episode.time_given, since, until


def _as_json_texts(wanted: Iterable[tuple[object, ...]]) -> list[str]:
    """Each tuple as JSON text: the form in which statements take a list of tuples."""
    return [rows.as_array(one) for one in wanted]
