"""Erasure in a ledger: what a person has the right to, from history too."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from graphmem.adapters import ledger_rows as rows
from graphmem.adapters.ledger_read import narrowed
from graphmem.adapters.ledger_steps import Ask, Log, Rows, Steps, ask, ask_all, tell
from graphmem.adapters.ledger_write import change_facts
from graphmem.model import Decision, Fact, Removal
from graphmem.ports.ledger import Erasure
from graphmem.text import digest

_ACTOR = "user"


def erase(log: Log, erasure: Erasure, at: datetime) -> Steps[Removal]:
    """Remove episodes (or single facts) with everything that only they support."""
    wall = erasure.scope.wall
    episodes: set[str] = set()
    kept: list[Fact] = []
    if erasure.fact_ids is None:
        episodes = yield from _episodes(erasure)
        facts, kept = yield from _unsupported(episodes)
        kept = yield from _reopen(episodes, kept)
    else:
        wanted = list(erasure.fact_ids)
        facts = _ids((yield from ask("erase_facts_of_wall", wall=wall, ids=wanted)))
    if not episodes and not facts:
        return Removal()
    lists = {"episodes": sorted(episodes), "facts": sorted(facts)}
    turns, about = yield from ask_all(
        [Ask("turns_of_episodes", {"ids": lists["episodes"]}), Ask("entities_touched", lists)]
    )
    touched = sorted(_ids(about))
    bodies = yield from ask("bodies_of", facts=lists["facts"], entities=touched)
    yield from _remove(lists)
    changes = [
        Decision("UPDATE", "a source was erased", before=fact, after=_without(fact, episodes))
        for fact in kept
    ]
    yield from change_facts(log, changes, at, _ACTOR)
    entities = _ids((yield from ask("erase_orphans", ids=touched)))
    for name in ("erase_aliases", "erase_entities"):
        yield from tell(name, {"ids": sorted(entities)})
    yield from tell("erase_embeddings", {"digests": _digests(turns, bodies)})
    yield from tell("forget_events", {"ids": sorted(episodes | facts | entities)})
    # Ids alone, which projections need to follow; the text is gone.
    own: dict[str, list[str]] = {id: [] for id in episodes}
    for row in turns:
        own[row["episode_id"]].append(row["id"])
    for kind, ids in (("fact", facts), ("entity", entities), ("episode", episodes)):
        for id in sorted(ids):
            log.append(
                at=at,
                kind=kind,
                id=id,
                action="ERASE",
                wall=wall,
                episode_id=None,
                actor=_ACTOR,
                after=rows.as_json({"turn_ids": own[id]}) if kind == "episode" else None,
            )
    return Removal(episodes=len(episodes), facts=len(facts), entities=len(entities))


def _ids(found: Rows) -> set[str]:
    return {row["id"] for row in found}


def _without(fact: Fact, episodes: Collection[str]) -> Fact:
    return replace(fact, sources=tuple(s for s in fact.sources if s.episode_id not in episodes))


def _digests(turns: Rows, bodies: Rows) -> list[str]:
    """Of the texts that may have been embedded for what is erased."""
    texts = {text for row in turns for text in rows.turn_texts(row)}
    texts |= {text for row in bodies for text in rows.body_texts(row["body"])}
    return sorted(map(digest, texts))


def _remove(lists: Mapping[str, list[str]]) -> Steps[None]:
    for name in ("erase_fact_entities", "erase_sources", "erase_facts"):
        yield from tell(name, {"ids": lists["facts"]})
    for name in ("erase_mentions", "erase_extractions", "erase_turns", "erase_episodes"):
        yield from tell(name, {"ids": lists["episodes"]})


def _episodes(erasure: Erasure) -> Steps[set[str]]:
    """Episodes of a scope: by id, or all that its agent and run narrow it to."""
    values = narrowed(erasure.scope)
    if erasure.episode_ids is None:
        return _ids((yield from ask("erase_targets", **values)))
    ids = list(erasure.episode_ids)
    return _ids((yield from ask("erase_targets_by_id", **values, ids=ids)))


def _unsupported(episodes: set[str]) -> Steps[tuple[set[str], list[Fact]]]:
    """Facts to erase with these episodes, and those that other sources still support."""
    gone: set[str] = set()
    kept: list[Fact] = []
    for row in (yield from ask("erase_facts_from", episodes=sorted(episodes))):
        fact = rows.to_fact(row["body"]) if row["body"] else None
        if fact and any(source.episode_id not in episodes for source in fact.sources):
            kept.append(fact)
        else:
            gone.add(row["id"])
    return gone, kept


def _reopen(episodes: set[str], kept: list[Fact]) -> Steps[list[Fact]]:
    """Kept facts as they are to be: what these episodes alone had closed is open again."""
    facts = {fact.id: fact for fact in kept}
    for row in (yield from ask("closings", episodes=sorted(episodes))):
        fact = facts.get(row["id"])
        closing = rows.to_fact(row["after"]) if row["after"] else None
        if fact is None or closing is None or closing.invalid_at != fact.invalid_at:
            continue
        before = yield from ask("state_before", id=fact.id, seq=row["seq"])
        if before:
            was = rows.to_fact(before[0]["after"])
            facts[fact.id] = replace(fact, invalid_at=was.invalid_at)
    return list(facts.values())
