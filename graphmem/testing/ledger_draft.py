"""What the ledger's contract writes: episodes, entities and facts, with one clock."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphmem.clock import ManualClock
from graphmem.ingest.make_episode import build_episode
from graphmem.model import Decision, Entity, Episode, Fact, Scope, Source
from graphmem.ports.api.arguments import Content
from graphmem.ports.ledger import Commit, Ledger

ADA = Scope(user_id="ada")
BOB = Scope(user_id="bob")
DAY_S = 86_400.0


class Draft:
    """Makes episodes, entities and facts with one clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()

    def episode(
        self,
        text: Content = "Ada works at Acme.",
        scope: Scope = ADA,
        *,
        document: str | None = None,
        **options: object,
    ) -> Episode:
        made = build_episode(text, options, scope, self.clock, max_bytes=2_000_000)
        return replace(made, document=document)

    def entity(self, name: str, scope: Scope = ADA, *aliases: str) -> Entity:
        return Entity(
            self.clock.new_id(), scope.tenant, name, "thing", aliases, None, self.clock.now()
        )

    def fact(
        self, episode: Episode, *about: Entity, text: str = "Ada works at Acme", **more: object
    ) -> Fact:
        scope = episode.scope
        fact = Fact(
            id=self.clock.new_id(),
            scope=scope,
            text=text,
            recorded_at=self.clock.now(),
            entity_ids=tuple(entity.id for entity in about),
            sources=(Source(episode.id, episode.turns[0].id, scope.agent_id, scope.run_id),),
        )
        if len(about) == 2:
            fact = replace(fact, subject_id=about[0].id, type="works_at", object_id=about[1].id)
        return replace(fact, **more)  # type: ignore[arg-type]


def new_facts(*facts: Fact) -> tuple[Decision, ...]:
    """The decisions that add these."""
    return tuple(Decision("ADD", "new", after=fact) for fact in facts)


async def commit_one(
    ledger: Ledger, episode: Episode | None, *decisions: Decision, **more: Any
) -> int:
    """One commit by itself; gives the ledger's head."""
    return await ledger.commit([Commit(episode, decisions, **more)])


async def store(
    ledger: Ledger, episode: Episode, *facts: Fact, entities: tuple[Entity, ...] = ()
) -> Episode:
    """Journal an episode and commit facts and entities from it; every fact's entities mentioned."""
    (kept,) = await ledger.journal([episode], DAY_S)
    turn = kept.turns[0].id
    mentions = tuple((turn, id) for id in sorted({id for f in facts for id in f.entity_ids}))
    await commit_one(ledger, kept, *new_facts(*facts), new_entities=entities, mentions=mentions)
    return kept
