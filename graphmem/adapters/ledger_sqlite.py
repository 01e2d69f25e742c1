"""The ledger in SQLite: one file, WAL, ``synchronous=FULL``. See ``sql/sqlite.sql``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np

from graphmem.adapters import sqlite_rows as rows
from graphmem.adapters.sqlite_db import Cursor, Database
from graphmem.adapters.sqlite_erase import erase
from graphmem.adapters.sqlite_write import append_event, write_fact
from graphmem.clock import Clock, SystemClock, stamp, stamp_or_none
from graphmem.model import Change, Entity, Episode, Fact, Removal, Scope, Stats, Turn, to_json
from graphmem.ports.ledger import Commit, EntityQuery, Erasure, Event, FactQuery
from graphmem.ports.llm import Extraction
from graphmem.ports.vectors import Vector
from graphmem.text import name_key, name_keys

Kind = Literal["episode", "turn", "entity", "fact", "mention"]


class SqliteLedger:
    """:class:`~graphmem.ports.ledger.Ledger` in one SQLite file (``path`` None: in memory)."""

    def __init__(self, path: Path | None, clock: Clock | None = None) -> None:
        self._db = Database(path)
        self._clock = clock or SystemClock()
        self._head = 0

    async def open(self) -> None:
        await self._db.open()
        self._head = await self._db.read(_head)

    async def close(self) -> None:
        await self._db.close()

    async def setting(self, name: str) -> str | None:
        found = await self._db.read(lambda cur: cur.run("setting", {"name": name}))
        return found[0]["value"] if found else None

    async def remember_setting(self, name: str, value: str) -> None:
        await self._db.write(
            lambda cur: cur.run("remember_setting", {"name": name, "value": value})
        )

    # Writes

    async def journal(self, episodes: Sequence[Episode], window_s: float) -> list[Episode]:
        def work(cur: Cursor) -> tuple[list[Episode], int]:
            stored = [_journal_one(cur, episode, window_s) for episode in episodes]
            return stored, _head(cur)

        stored, _ = await self._db.write(work, lambda result: self._reached(result[1]))
        return stored

    async def commit(self, commits: Sequence[Commit]) -> int:
        def work(cur: Cursor) -> int:
            for commit in commits:
                self._commit_one(cur, commit)
            return _head(cur)

        return await self._db.write(work, self._reached)

    def _commit_one(self, cur: Cursor, commit: Commit) -> None:
        at = self._clock.now()
        episode_id = commit.episode.id if commit.episode else None
        for entity in commit.new_entities + commit.renamed:
            row = {"id": entity.id, "wall": entity.wall, "name": entity.name, "kind": entity.kind}
            cur.run(
                "put_entity", {**row, "key": name_key(entity.name), "body": rows.as_json(entity)}
            )
            cur.run("clear_aliases", {"id": entity.id})
            names = (entity.name, *entity.aliases)
            keys = {key for name in names for key in name_keys(name)}
            cur.run_many("add_alias", [{**row, "key": key} for key in sorted(keys)])
            append_event(
                cur,
                at=at,
                kind="entity",
                id=entity.id,
                action="ADD" if entity in commit.new_entities else "UPDATE",
                wall=entity.wall,
                episode_id=episode_id,
                actor=commit.actor,
                after=entity,
            )
        if commit.episode and commit.mentions:
            named = [
                {"turn_id": turn, "entity_id": entity, "episode_id": episode_id}
                for turn, entity in commit.mentions
            ]
            cur.run_many("add_mention", named)
            append_event(
                cur,
                at=at,
                kind="mention",
                id=commit.episode.id,
                action="ADD",
                wall=commit.episode.scope.wall,
                episode_id=episode_id,
                actor=commit.actor,
                after={"entity_ids": sorted({entity for _, entity in commit.mentions})},
            )
        for decision in commit.decisions:
            write_fact(cur, decision, at=at, episode_id=episode_id, actor=commit.actor)
        if commit.episode:
            if commit.extraction and commit.extraction.raw is None:
                _keep_extraction(cur, commit.episode.id, commit.extraction)
            cur.run("set_status", {"id": commit.episode.id, "status": "done", "reason": None})

    async def keep_extraction(self, episode_id: str, extraction: Extraction) -> None:
        await self._db.write(lambda cur: _keep_extraction(cur, episode_id, extraction))

    async def postpone(self, episode_id: str, reason: str, *, failed: bool = False) -> None:
        status = "failed" if failed else "pending"
        values = {"id": episode_id, "status": status, "reason": reason}
        await self._db.write(lambda cur: cur.run("set_status", values))

    async def erase(self, erasure: Erasure) -> Removal:
        at = self._clock.now()
        removal, _ = await self._db.write(
            lambda cur: (erase(cur, erasure, at), _head(cur)),
            lambda result: self._reached(result[1]),
        )
        # What was erased must not survive in the write-ahead log either.
        await self._db.checkpoint()
        return removal

    # Reads

    async def episodes(
        self,
        scope: Scope,
        *,
        ids: Sequence[str] | None = None,
        status: str | None = None,
        limit: int = 1000,
    ) -> list[Episode]:
        values = {
            "wall": scope.wall,
            "agent_id": scope.narrow_agent_id,
            "run_id": scope.run_id,
            "status": status,
            "limit": limit,
        }
        if ids is not None:
            found = await self.episodes_by_id(ids)
            return [episode for episode in found if _within(episode, values)][:limit]
        name = "episodes_unfinished" if status in {"pending", "failed"} else "episodes"
        return await self._db.read(lambda cur: _with_turns(cur, cur.run(name, values)))

    async def episodes_by_id(self, ids: Sequence[str]) -> list[Episode]:
        values = {"ids": json.dumps(list(ids))}
        return await self._db.read(lambda cur: _with_turns(cur, cur.run("episodes_by_id", values)))

    async def turns(self, wall: str, ids: Sequence[str], *, around: int = 0) -> list[Turn]:
        values = {"wall": wall, "ids": json.dumps(list(ids)), "around": around}
        found = await self._db.read(lambda cur: cur.run("turns_around", values))
        return [rows.to_turn(row) for row in found]

    async def facts(self, query: FactQuery) -> list[Fact]:
        def work(cur: Cursor) -> list[str]:
            return [
                row["body"]
                for name, values in _ways_in(query)
                for row in cur.run_ordered(name, values, newest_first=query.newest_first)
            ]

        bodies = await self._db.read(work)
        # Several entities are asked for one by one and may share facts.
        facts = {fact.id: fact for fact in map(rows.to_fact, bodies)}
        ordered = sorted(facts.values(), key=lambda f: f.id, reverse=query.newest_first)
        return ordered[: query.limit]

    async def entities(self, query: EntityQuery) -> list[Entity]:
        name, _, after_id = (query.after or "").partition("\0")
        values: dict[str, Any] = {
            "wall": query.wall,
            "limit": query.limit,
            "kind": query.kind,
            "contains": query.contains,
            "after_name": name,
            "after_id": after_id,
        }
        if query.ids is not None:
            statement, values["ids"] = "entities_by_id", json.dumps(query.ids)
        elif query.keys is not None:
            statement, values["keys"] = "entities_by_key", json.dumps(query.keys)
        else:
            statement = "entities_of_wall"
        found = await self._db.read(lambda cur: cur.run(statement, values))
        return [rows.to_entity(row["body"]) for row in found]

    async def history(self, wall: str, fact_id: str) -> list[Change]:
        values = {"wall": wall, "id": fact_id}
        return rows.to_changes(await self._db.read(lambda cur: cur.run("history", values)))

    async def extraction(self, episode_id: str) -> Extraction | None:
        found = await self._db.read(lambda cur: cur.run("extraction", {"episode_id": episode_id}))
        return Extraction(entities=(), facts=(), **dict(found[0])) if found else None

    async def stats(self, scope: Scope | None = None) -> Stats:
        values = {
            "wall": scope.wall if scope else None,
            "agent_id": scope.narrow_agent_id if scope else None,
            "run_id": scope.run_id if scope else None,
        }
        found = await self._db.read(lambda cur: cur.run("stats", values))
        return Stats(**dict(found[0]))

    # The log

    async def head(self) -> int:
        # One process writes this file, so what it last wrote is the head.
        return self._head

    def _reached(self, seq: int) -> None:
        # Called in the one writer's thread, as soon as the transaction is durable.
        self._head = seq

    async def events(self, after: int, limit: int) -> list[Event]:
        values = {"after": after, "limit": limit}
        found = await self._db.read(lambda cur: cur.run("events", values))
        return [rows.to_event(row) for row in found]

    async def existing(
        self, kind: Literal["episode", "entity", "fact"], ids: Sequence[str]
    ) -> set[str]:
        values = {"ids": json.dumps(list(ids))}
        found = await self._db.read(lambda cur: cur.run(f"existing_{kind}", values))
        return {row["id"] for row in found}

    async def present(self, kind: Kind, wall: str | None = None) -> set[str]:
        found = await self._db.read(lambda cur: cur.run(f"present_{kind}", {"wall": wall}))
        return {row["id"] for row in found}

    # The embedding cache

    async def cached(self, model: str, digests: Sequence[str]) -> dict[str, Vector]:
        values = {"model": model, "digests": json.dumps(list(digests))}
        found = await self._db.read(lambda cur: cur.run("cached", values))
        return {row["digest"]: np.frombuffer(row["vector"], dtype=np.float32) for row in found}

    async def cache(self, model: str, vectors: Mapping[str, Vector]) -> None:
        new = [
            {"model": model, "digest": digest, "vector": vector.astype(np.float32).tobytes()}
            for digest, vector in vectors.items()
        ]
        await self._db.write(lambda cur: cur.run_many("cache", new))


def _head(cur: Cursor) -> int:
    return int(cur.run("head")[0]["head"])


def _journal_one(cur: Cursor, episode: Episode, window_s: float) -> Episode:
    place = rows.place(episode.scope)
    earlier: list[Any] = []
    if episode.idempotency_key is not None:
        earlier = cur.run("same_key", {"place": place, "key": episode.idempotency_key})
    else:
        window = timedelta(0) if episode.time_given else timedelta(seconds=window_s)
        earlier = cur.run(
            "same_content",
            {
                "place": place,
                "content_hash": episode.content_hash,
                "time_given": episode.time_given,
                "since": stamp(episode.occurred_at - window),
                "until": stamp(episode.occurred_at + window),
            },
        )
    if earlier:
        found = cur.run("episodes_by_id", {"ids": json.dumps([earlier[0]["id"]])})
        return _with_turns(cur, found)[0]
    last = cur.run("last_episode", {"place": place})
    episode = replace(episode, previous_id=last[0]["id"] if last else None)
    cur.run("add_episode", rows.episode_row(episode))
    cur.run_many("add_turn", [rows.turn_row(turn, episode.scope.wall) for turn in episode.turns])
    append_event(
        cur,
        at=episode.recorded_at,
        kind="episode",
        id=episode.id,
        action="ADD",
        wall=episode.scope.wall,
        episode_id=episode.id,
        actor="graphmem",
    )
    return episode


def _keep_extraction(cur: Cursor, episode_id: str, extraction: Extraction) -> None:
    values = {
        "episode_id": episode_id,
        "extractor": extraction.extractor,
        "version": extraction.version,
        "raw": extraction.raw,
        "calls": extraction.calls,
        "tokens_in": extraction.tokens_in,
        "tokens_out": extraction.tokens_out,
    }
    if extraction.calls or extraction.raw is not None:
        cur.run("keep_extraction", values)


def _with_turns(cur: Cursor, found: Sequence[Any]) -> list[Episode]:
    turns: dict[str, list[Turn]] = {row["id"]: [] for row in found}
    for row in cur.run("turns_of_episodes", {"ids": json.dumps(list(turns))}):
        turns[row["episode_id"]].append(rows.to_turn(row))
    return [rows.to_episode(row, turns[row["id"]]) for row in found]


def _within(episode: Episode, wanted: Mapping[str, Any]) -> bool:
    return (
        episode.scope.wall == wanted["wall"]
        and wanted["agent_id"] in {None, episode.scope.agent_id}
        and wanted["run_id"] in {None, episode.scope.run_id}
        and wanted["status"] in {None, episode.status}
    )


# By which of subject, type and object are given.
_RELATION_WAYS = {
    (True, True, True): "facts_by_triple",
    (True, True, False): "facts_by_subject_type",
    (True, False, True): "facts_by_subject_object",
    (True, False, False): "facts_by_subject",
    (False, True, True): "facts_by_object_type",
    (False, False, True): "facts_by_object",
    (False, True, False): "facts_by_type",
    (False, False, False): "facts_related",
}


def _ways_in(query: FactQuery) -> list[tuple[str, dict[str, Any]]]:
    """The statement for the first key that the query gives, with its values."""
    values: dict[str, Any] = {
        "wall": query.wall,
        "agent_id": query.agent_id,
        "run_id": query.run_id,
        "current": stamp_or_none(query.current),
        "relations_only": query.relations_only,
        "after": query.after,
        "limit": query.limit,
    }
    if query.ids is not None:
        return [("facts_by_id", {**values, "ids": json.dumps(to_json(query.ids))})]
    if query.text_key is not None:
        return [("facts_by_text", {**values, "text_key": query.text_key})]
    if query.relation is not None:
        subject_id, type, object_id = query.relation
        values |= {"subject_id": subject_id, "type": type, "object_id": object_id}
        given = (subject_id is not None, type is not None, object_id is not None)
        return [(_RELATION_WAYS[given], values)]
    if query.entity_ids is not None:
        return [("facts_about", {**values, "entity_id": id}) for id in query.entity_ids]
    if query.source_episode is not None:
        return [("facts_from_episode", {**values, "episode_id": query.source_episode})]
    return [("facts_of_wall", values)]
