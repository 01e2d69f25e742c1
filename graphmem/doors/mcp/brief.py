"""What a model is given back: few words, the ids to go on with, and never more than fits.

Each kind of result has a structure (its JSON Schema is the tool's output schema), and says the same
as plain text.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import msgspec

from graphmem.model import (
    Change,
    Entity,
    Fact,
    Hit,
    Moment,
    Path,
    Quote,
    Relation,
)
from graphmem.model.printing import day, dotted, noted, printed_date, with_speaker

TEXT_CHARACTERS: Final = 1_000
"""Of one text; the whole of a turn is in its episode."""
RESULT_CHARACTERS: Final = 16_000
"""Of all the texts of one result."""

_T = TypeVar("_T")


def clipped(text: str, most: int = TEXT_CHARACTERS) -> str:
    """A text cut off where it is too long, and then saying so."""
    return text if len(text) <= most else f"{text[:most].rstrip()}… ({len(text):,} characters)"


def _dates(value: Fact | Relation) -> dict[str, Any]:
    return {
        "since": printed_date(value.valid_at, value.valid_precision) or None,
        "until": printed_date(value.invalid_at, value.invalid_precision) or None,
        "stated_on": day(value.stated_at) or None,
    }


def _of_fact(fact: Fact) -> dict[str, Any]:
    return {
        "fact_id": fact.id,
        "text": clipped(fact.text),
        "type": fact.type,
        "modality": None if fact.modality == "stated" else fact.modality,
        "entity_ids": list(fact.entity_ids),
        **_dates(fact),
    }


def _dated(text: str, value: BriefFact | BriefRelation, *more: str | None) -> str:
    """A text, with since and until when it holds; without a beginning, when it was stated."""
    since, until = value.since and f"since {value.since}", value.until and f"until {value.until}"
    stated = None if value.since else value.stated_on and f"stated {value.stated_on}"
    return noted(text, *more, since, until, stated)


class Brief(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Something as a model reads it; what is not known is left out."""

    @property
    @abstractmethod
    def line(self) -> str:
        """The same in one line."""


class BriefFact(Brief):
    """A fact."""

    fact_id: str
    text: str
    type: str | None = None
    modality: str | None = None
    since: str | None = None
    until: str | None = None
    stated_on: str | None = None
    entity_ids: list[str] = []

    @classmethod
    def of(cls, fact: Fact) -> BriefFact:
        return BriefFact(**_of_fact(fact))

    @property
    def line(self) -> str:
        return f"- {_dated(self.text, self, self.modality)} [fact {self.fact_id}]"


class BriefHit(BriefFact, kw_only=True):
    """A fact or a verbatim turn that was found."""

    kind: str
    id: str
    score: float
    fact_id: str = ""
    episode_id: str | None = None
    speaker: str | None = None
    outdated: str | None = None

    @classmethod
    def of_hit(cls, hit: Hit) -> BriefHit:
        fields = _of_fact(hit.fact) if hit.fact is not None else {"stated_on": day(hit.occurred_at)}
        fields |= {"text": clipped(hit.text), "episode_id": hit.episode_id}
        names = ("kind", "id", "speaker", "outdated")
        fields |= {name: getattr(hit, name) for name in names}
        return BriefHit(score=round(hit.score, 3), **fields)

    @property
    def line(self) -> str:
        if self.kind == "fact":
            return super().line
        spoken = with_speaker(self.text, self.speaker)
        old = self.outdated and f"no longer so: {self.outdated}"
        episode = f"episode {self.episode_id}"
        return f"- “{spoken}” {noted('', self.stated_on, old).strip()} [turn {self.id}, {episode}]"


class BriefEntity(Brief):
    """A person, place, organization or thing."""

    entity_id: str
    name: str
    kind: str
    aliases: list[str] = []
    summary: str | None = None

    @classmethod
    def of(cls, entity: Entity) -> BriefEntity:
        return BriefEntity(
            entity_id=entity.id,
            name=clipped(entity.name),
            kind=entity.kind,
            aliases=list(entity.aliases[:10]),
            summary=entity.summary and clipped(" ".join(entity.summary.split())),
        )

    @property
    def line(self) -> str:
        also = f"also called {', '.join(self.aliases)}" if self.aliases else None
        text = noted(self.name, self.kind, also)
        return f"- {text}{f': {self.summary}' if self.summary else ''} [entity {self.entity_id}]"


class BriefRelation(Brief):
    """A typed link between two entities."""

    fact_id: str
    subject: str
    subject_id: str
    type: str
    object: str
    object_id: str
    text: str
    since: str | None = None
    until: str | None = None
    stated_on: str | None = None

    @classmethod
    def of(cls, relation: Relation) -> BriefRelation:
        names = ("fact_id", "subject", "subject_id", "type", "object", "object_id")
        fields = {name: getattr(relation, name) for name in names}
        return BriefRelation(text=clipped(relation.fact), **fields, **_dates(relation))

    @property
    def line(self) -> str:
        triple = f"{self.subject} -{self.type}→ {self.object}"
        return f"- {_dated(triple, self)} [fact {self.fact_id}]"


class BriefPath(Brief):
    """How two entities connect."""

    text: str
    fact_ids: list[str]
    entity_ids: list[str]

    @classmethod
    def of(cls, path: Path) -> BriefPath:
        entities = [step.source for step in path.steps[:1]] + [step.target for step in path.steps]
        return BriefPath(
            text=str(path),
            fact_ids=[step.fact_id for step in path.steps],
            entity_ids=[entity.id for entity in entities],
        )

    @property
    def line(self) -> str:
        return f"- {self.text} [facts {', '.join(self.fact_ids)}]"


class BriefMoment(Brief):
    """What happened when."""

    date: str
    what: str
    fact_id: str
    text: str

    @classmethod
    def of(cls, moment: Moment) -> BriefMoment:
        return BriefMoment(
            date=printed_date(moment.at, moment.precision),
            what=moment.what,
            fact_id=moment.fact.id,
            text=clipped(moment.fact.text),
        )

    @property
    def line(self) -> str:
        return f"- {dotted(self.date, self.what, self.text)} [fact {self.fact_id}]"


class BriefChange(Brief):
    """What happened to a fact; an edit is undone by its ``seq``."""

    seq: int
    date: str
    action: str
    text: str
    reason: str
    episode_id: str | None = None

    @classmethod
    def of(cls, change: Change) -> BriefChange:
        fact = change.after or change.before
        return BriefChange(
            seq=change.seq,
            date=day(change.at),
            action=change.action,
            text=clipped(fact.text if fact else ""),
            reason=change.reason,
            episode_id=change.episode_id,
        )

    @property
    def line(self) -> str:
        return f"- {dotted(self.date, self.action, self.text, self.reason)} [seq {self.seq}]"


class BriefQuote(Brief):
    """What a source says, word for word."""

    text: str
    episode_id: str
    turn_id: str | None = None
    speaker: str | None = None
    date: str | None = None

    @classmethod
    def of(cls, quote: Quote) -> BriefQuote:
        return BriefQuote(
            text=clipped(quote.text),
            episode_id=quote.episode_id,
            turn_id=quote.turn_id,
            speaker=quote.speaker,
            date=day(quote.occurred_at) or None,
        )

    @property
    def line(self) -> str:
        spoken = f"“{with_speaker(self.text, self.speaker)}”"
        return f"- {noted(spoken, self.date)} [episode {self.episode_id}]"


_B = TypeVar("_B", bound=Brief)


def fitting(values: Iterable[_T], brief: Callable[[_T], _B]) -> tuple[list[_B], int]:
    """As many of these as one result takes (the first at least), and how many are left out."""
    kept: list[_B] = []
    room = RESULT_CHARACTERS
    left_out = 0
    for value in values:
        one = brief(value)
        room -= len(one.line)
        if left_out or (room < 0 and kept):
            left_out += 1
        else:
            kept.append(one)
    return kept, left_out
