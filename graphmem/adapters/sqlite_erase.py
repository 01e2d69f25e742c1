"""Erasure in the SQLite ledger: what a person has the right to, from history too."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Any

from graphmem.adapters import sqlite_rows as rows
from graphmem.adapters.sqlite_db import Cursor
from graphmem.adapters.sqlite_write import append_event, write_fact
from graphmem.model import Decision, Fact, Removal
from graphmem.ports.ledger import Erasure
from graphmem.text import digest

_ACTOR = "user"


def erase(cur: Cursor, erasure: Erasure, at: datetime) -> Removal:
    """Remove episodes (or single facts) with everything that only they support."""
    wall = erasure.scope.wall
    episodes: set[str] = set()
    wanted = {"wall": wall, "ids": _list(erasure.fact_ids or ())}
    facts = {row["id"] for row in cur.run("erase_facts_of_wall", wanted)}
    kept: list[Fact] = []
    if erasure.fact_ids is None:
        episodes = _episodes(cur, erasure)
        facts, kept = _unsupported(cur, episodes)
        kept = _reopen(cur, episodes, kept)
    # Ids alone, which projections need to follow; the text is gone.
    turns: dict[str, list[str]] = {id: [] for id in episodes}
    for row in cur.run("turns_of_episodes", {"ids": _list(episodes)}):
        turns[row["episode_id"]].append(row["id"])
    lists = {"episodes": _list(episodes), "facts": _list(facts)}
    touched = {row["id"] for row in cur.run("entities_touched", lists)}
    texts = {row["text"] for row in cur.run("texts_of", {**lists, "entities": _list(touched)})}
    for name in ("erase_fact_entities", "erase_sources", "erase_facts"):
        cur.run(name, {"ids": lists["facts"]})
    for name in ("erase_mentions", "erase_extractions", "erase_turns", "erase_episodes"):
        cur.run(name, {"ids": lists["episodes"]})
    for before, after, reason in _survivors(kept, episodes):
        decision = Decision("UPDATE", reason, before=before, after=after)
        write_fact(cur, decision, at=at, episode_id=None, actor=_ACTOR)
    entities = {row["id"] for row in cur.run("erase_orphans", {"ids": _list(touched)})}
    for name in ("erase_aliases", "erase_entities"):
        cur.run(name, {"ids": _list(entities)})
    cur.run("erase_embeddings", {"digests": _list({digest(text) for text in texts})})
    cur.run("forget_events", {"ids": _list(episodes | facts | entities)})
    for kind, ids in (("fact", facts), ("entity", entities), ("episode", episodes)):
        for id in sorted(ids):
            append_event(
                cur,
                at=at,
                kind=kind,
                id=id,
                action="ERASE",
                wall=wall,
                episode_id=None,
                actor=_ACTOR,
                after={"turn_ids": turns[id]} if kind == "episode" else None,
            )
    return Removal(episodes=len(episodes), facts=len(facts), entities=len(entities))


def _list(ids: Collection[str]) -> str:
    return json.dumps(sorted(ids))


def _episodes(cur: Cursor, erasure: Erasure) -> set[str]:
    scope = erasure.scope
    values: dict[str, Any] = {
        "wall": scope.wall,
        "agent_id": scope.narrow_agent_id,
        "run_id": scope.run_id,
        "ids": None if erasure.episode_ids is None else json.dumps(erasure.episode_ids),
    }
    return {row["id"] for row in cur.run("erase_targets", values)}


def _unsupported(cur: Cursor, episodes: set[str]) -> tuple[set[str], list[Fact]]:
    """Facts to erase with these episodes, and those that other sources still support."""
    gone: set[str] = set()
    kept: list[Fact] = []
    for row in cur.run("erase_facts_from", {"episodes": _list(episodes)}):
        fact = rows.to_fact(row["body"]) if row["body"] else None
        if fact and any(source.episode_id not in episodes for source in fact.sources):
            kept.append(fact)
        else:
            gone.add(row["id"])
    return gone, kept


def _reopen(cur: Cursor, episodes: set[str], kept: list[Fact]) -> list[Fact]:
    """Kept facts as they are to be: what these episodes alone had closed is open again."""
    facts = {fact.id: fact for fact in kept}
    for row in cur.run("closings", {"episodes": _list(episodes)}):
        fact = facts.get(row["id"])
        closing = rows.to_fact(row["after"]) if row["after"] else None
        if fact is None or closing is None or closing.invalid_at != fact.invalid_at:
            continue
        before = cur.run("state_before", {"id": fact.id, "seq": row["seq"]})
        if before:
            was = rows.to_fact(before[0]["after"])
            facts[fact.id] = replace(fact, invalid_at=was.invalid_at)
    return list(facts.values())


def _survivors(kept: list[Fact], episodes: set[str]) -> list[tuple[Fact, Fact, str]]:
    changed = []
    for fact in kept:
        sources = tuple(s for s in fact.sources if s.episode_id not in episodes)
        changed.append((fact, replace(fact, sources=sources), "a source was erased"))
    return changed
