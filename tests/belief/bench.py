"""The write pipeline on a real ledger, with candidates that a test writes itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.clock import ManualClock, parse_date_or_none
from graphmem.ingest.make_episode import build_episode
from graphmem.ingest.pipeline import Ingest
from graphmem.model import Decision, Entity, Episode, Fact, Receipt, Scope, valid_from, valid_until
from graphmem.ports.ledger import EntityQuery, FactQuery
from graphmem.ports.llm import CandidateEntity, CandidateFact, Extraction

ADA = Scope(user_id="ada")


@dataclass
class Scripted:
    """An extractor that gives what it was told to, in turn."""

    answers: list[Extraction] = field(default_factory=list)

    name = "scripted"
    version = "1"

    async def extract(self, episode: Episode, known: Sequence[Entity], **_: object) -> Extraction:
        return self.answers.pop(0)

    def read(self, raw: str, episode: Episode) -> Extraction:
        raise AssertionError("nothing was kept")

    async def close(self) -> None:
        """Nothing is held."""


class Bench:
    """Tells episodes whose candidates are given, and looks at what became of them."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self.ledger = ledger
        self.clock = ManualClock("2026-01-01")
        self.extractor = Scripted()
        self.ingest = Ingest(ledger, self.extractor, self.clock, duplicate_window_s=0, at_once=1)
        self.added = 0

    async def add(
        self,
        *facts: CandidateFact,
        at: str = "2025-01-01",
        entities: Sequence[CandidateEntity] = (),
        mentions: Sequence[tuple[int, str]] = (),
        scope: Scope = ADA,
        **options: Any,
    ) -> Receipt:
        self.added += 1
        self.extractor.answers.append(
            Extraction(tuple(entities), facts, "scripted", "1", mentions=tuple(mentions))
        )
        episode = build_episode(
            f"Episode {self.added}.",
            {"occurred_at": at, **options},
            scope,
            self.clock,
            max_bytes=10_000,
        )
        (receipt,) = await self.ingest.add([episode])
        assert receipt.status == "done"
        return receipt

    async def facts(self, scope: Scope = ADA) -> list[Fact]:
        return await self.ledger.facts(FactQuery(scope.tenant))

    async def entities(self, scope: Scope = ADA) -> list[Entity]:
        return await self.ledger.entities(EntityQuery(scope.tenant))

    async def spans(self, type: str) -> list[tuple[str, str | None, str | None]]:
        """Each relation of a type: its object's name, and from when to when it held."""
        names = {entity.id: entity.name for entity in await self.entities()}
        found = [fact for fact in await self.facts() if fact.type == type]
        spans = [
            (names[str(fact.object_id)], _day(fact.valid_at), _day(fact.invalid_at))
            for fact in found
        ]
        return sorted(spans, key=str)


def _day(moment: Any) -> str | None:
    return None if moment is None else str(moment.date())


def says(
    subject: str,
    type: str,
    object: str,
    text: str | None = None,
    *,
    since: str | None = None,
    until: str | None = None,
    retracts: bool = False,
) -> CandidateFact:
    """A relation as a candidate."""
    return CandidateFact(
        text or f"{subject} {type.replace('_', ' ')} {object}",
        subject,
        type,
        object,
        **valid_from(parse_date_or_none(since)),
        **valid_until(parse_date_or_none(until)),
        turns=(0,),
        retracts=retracts,
    )


def actions(receipt: Receipt) -> list[str]:
    return [decision.action for decision in receipt.decisions]


def reasons(receipt: Receipt) -> list[str]:
    return [decision.reason for decision in receipt.decisions]


def after(decision: Decision) -> Fact:
    assert decision.after is not None
    return decision.after
