"""The results of the tools: structures for programs, sentences for models. Each kind is made, by
its ``of``, from what a method of the API returned and the arguments that it was asked with."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from graphmem.doors.mcp.brief import (
    Brief,
    BriefChange,
    BriefEntity,
    BriefFact,
    BriefHit,
    BriefMoment,
    BriefPath,
    BriefQuote,
    BriefRelation,
    clipped,
    fitting,
)
from graphmem.model import (
    Context,
    Entity,
    Explanation,
    Fact,
    Moment,
    Path,
    Receipt,
    Relation,
    Removal,
    SearchResult,
    Subgraph,
    WhyNot,
)

Arguments = Mapping[str, Any]
_ABOUT = 20
_T = TypeVar("_T")
_B = TypeVar("_B", bound=Brief)


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def _cut(left_out: int) -> str:
    return f" {left_out} more do not fit here: ask for fewer, or more narrowly." if left_out else ""


def _unshown(left_out: int) -> str:
    return f" ({left_out:,} more are not shown here.)" if left_out else ""


class Answer(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a tool answers: ``summary`` says it in plain words, and what to do next."""

    summary: str

    @classmethod
    @abstractmethod
    def of(cls, found: Any, given: Arguments) -> Answer:
        """The answer, from what the method of the API returned."""

    @property
    def text(self) -> str:
        """All of it in plain words."""
        lines = [self.summary]
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, list):
                lines += [one.line for one in value if isinstance(one, Brief)]
        return "\n".join(lines)


class Listed(Answer, kw_only=True):
    """A list, or a part of one: ``next_offset`` is where it goes on."""

    next_offset: int | None = None
    left_out: int = 0


class Changed(Answer, kw_only=True):
    """What was changed by hand; ``undo`` takes ``undo_id``."""

    undo_id: str | None = None


class Remembered(Answer, kw_only=True):
    """What became of something that was to be remembered. ``status`` is ``done``, ``duplicate``
    (known already) or ``pending`` (stored; what it says is still to be read)."""

    status: str
    episode_id: str
    facts: list[BriefFact] = []
    changed: list[BriefFact] = []

    @classmethod
    def of(cls, receipt: Receipt, _: Arguments) -> Remembered:
        id, decisions = receipt.episode_id, receipt.decisions
        last = {d.after.id: d.after for d in decisions if d.after is not None}
        added = {d.after.id for d in decisions if d.after is not None and d.action == "ADD"}
        changed = {d.fact_id for d in decisions if d.action in {"UPDATE", "DELETE"}} - added
        facts, few = fitting([last[id] for id in last if id in added], BriefFact.of)
        over, fewer = fitting([last[id] for id in last if id in changed], BriefFact.of)
        words = {
            "done": f"Remembered as episode {id}: {_number(len(added), 'new fact')}"
            + (f", {_number(len(changed), 'earlier fact')} changed." if changed else "."),
            "duplicate": f"Known already (episode {id}); nothing changed.",
            "pending": f"Stored as episode {id} and searchable; what it says is still to be read"
            f"{f': {receipt.reason}' if receipt.reason else ''}.",
            "failed": f"Stored as episode {id}, but it could not be read: {receipt.reason}.",
        }
        summary = f"{words[receipt.status]}{_unshown(few + fewer)}"
        return Remembered(
            summary=summary, status=receipt.status, episode_id=id, facts=facts, changed=over
        )


class RememberedMany(Answer, kw_only=True):
    """What became of many things that were to be remembered."""

    new: int
    known: int

    @classmethod
    def of(cls, new: int, given: Arguments) -> RememberedMany:
        known = len(given["contents"]) - new
        summary = f"Remembered {_number(new, 'thing')}; {known:,} were known already."
        return RememberedMany(summary=summary, new=new, known=known)


class FoundHits(Listed, kw_only=True):
    """What a search found; ``answerable`` is how likely any of it answers."""

    answerable: float
    hits: list[BriefHit]

    @classmethod
    def of(cls, result: SearchResult, _: Arguments) -> FoundHits:
        hits, left_out = fitting(result.hits, BriefHit.of_hit)
        likely = f"how likely any of it answers: {result.answerable:.2f} of 1"
        summary = f"Found {_number(len(result), 'memory', 'memories')}; {likely}."
        if not result.hits:
            summary = "Nothing is remembered about that."
        return FoundHits(
            summary=f"{summary}{_cut(left_out)}",
            answerable=round(result.answerable, 3),
            hits=hits,
            left_out=left_out,
        )


class ContextCitation(msgspec.Struct):
    """What ``[number]`` in a context stands for."""

    number: int
    kind: str
    id: str


class FoundContext(Answer, kw_only=True):
    """A text for a prompt, and what its numbers stand for."""

    context: str
    tokens: int
    citations: list[ContextCitation]

    @classmethod
    def of(cls, context: Context, _: Arguments) -> FoundContext:
        nothing = "Nothing is remembered about that, or nothing that fits into so few tokens."
        cited = [ContextCitation(one.number, one.hit.kind, one.hit.id) for one in context.citations]
        summary = f"{_number(context.tokens, 'token')}." if cited else nothing
        return FoundContext(
            summary=summary, context=str(context), tokens=context.tokens, citations=cited
        )

    @property
    def text(self) -> str:
        ids = ", ".join(f"[{it.number}] is {it.kind} {it.id}" for it in self.citations)
        return f"{self.context}\n\n{self.summary}{f' {ids}.' if ids else ''}".strip()


def _part(
    values: Sequence[_T], brief: Callable[[_T], _B], given: Arguments, one: str, many: str
) -> tuple[list[_B], dict[str, Any]]:
    """A part of a list: what fits, and where it goes on."""
    kept, left_out = fitting(values, brief)
    limit, offset = int(given.get("limit") or 0), int(given.get("offset") or 0)
    more = left_out or (limit and len(values) >= limit)
    following = offset + len(kept) if more else None
    summary = f"{_number(len(kept), one, many)}." if values else f"No {many}."
    if following:
        summary += f" There may be more: the same with offset={following}."
    return kept, {"summary": summary, "next_offset": following, "left_out": left_out}


class FoundEntities(Listed, kw_only=True):
    """Entities."""

    entities: list[BriefEntity]

    @classmethod
    def of(cls, entities: Sequence[Entity], given: Arguments) -> FoundEntities:
        kept, listed = _part(entities, BriefEntity.of, given, "entity", "entities")
        return FoundEntities(entities=kept, **listed)


class FoundRelations(Listed, kw_only=True):
    """Relations."""

    relations: list[BriefRelation]

    @classmethod
    def of(cls, relations: Sequence[Relation], given: Arguments) -> FoundRelations:
        kept, listed = _part(relations, BriefRelation.of, given, "relation", "relations")
        return FoundRelations(relations=kept, **listed)


class FoundTimeline(Listed, kw_only=True):
    """What happened, oldest first."""

    moments: list[BriefMoment]

    @classmethod
    def of(cls, moments: Sequence[Moment], given: Arguments) -> FoundTimeline:
        kept, listed = _part(moments, BriefMoment.of, given, "moment", "moments")
        return FoundTimeline(moments=kept, **listed)


class FoundSurroundings(Listed, kw_only=True):
    """What surrounds an entity."""

    entities: list[BriefEntity]
    relations: list[BriefRelation]

    @classmethod
    def of(cls, graph: Subgraph, _: Arguments) -> FoundSurroundings:
        entities, few = fitting(graph.entities, BriefEntity.of)
        relations, fewer = fitting(graph.relations, BriefRelation.of)
        left_out = few + fewer
        summary = f"{_number(len(graph.entities), 'entity', 'entities')} and "
        summary += f"{_number(len(graph.relations), 'relation')} among them.{_cut(left_out)}"
        return FoundSurroundings(
            summary=summary, entities=entities, relations=relations, left_out=left_out
        )


class FoundPaths(Listed, kw_only=True):
    """How two entities connect."""

    paths: list[BriefPath]

    @classmethod
    def of(cls, paths: Iterable[Path], given: Arguments) -> FoundPaths:
        kept, left_out = fitting(paths, BriefPath.of)
        ends = f"{clipped(str(given['source']), 100)} and {clipped(str(given['target']), 100)}"
        summary = f"{_number(len(kept), 'way')} between {ends}, the shortest first."
        if not kept:
            summary = f"Nothing that is remembered connects {ends}."
        return FoundPaths(summary=f"{summary}{_cut(left_out)}", paths=kept, left_out=left_out)


class Corrected(Changed, kw_only=True):
    """A fact as it is now."""

    facts: list[BriefFact]

    @classmethod
    def of(cls, fact: Fact, _: Arguments) -> Corrected:
        summary = "Corrected; the version before stays in its history."
        return Corrected(summary=summary, facts=[BriefFact.of(fact)])


class Forgotten(Changed, kw_only=True):
    """How much was forgotten."""

    episodes: int
    facts: int
    entities: int

    @classmethod
    def of(cls, removal: Removal, _: Arguments) -> Forgotten:
        return Forgotten(summary=_no_longer(removal), **_counts(removal))


class Reverted(Forgotten, kw_only=True):
    """How much was undone; an edit that was takes no fact away."""

    @classmethod
    def of(cls, removal: Removal, _: Arguments) -> Reverted:
        summary = "Undone: what was so before is so again."
        if removal.facts or removal.episodes:
            summary = f"Undone. {_no_longer(removal)}"
        return Reverted(summary=summary, **_counts(removal))


def _no_longer(removal: Removal) -> str:
    facts, episodes = _number(removal.facts, "fact"), _number(removal.episodes, "episode")
    return f"No longer believed: {facts} and {episodes}."


def _counts(removal: Removal) -> dict[str, Any]:
    return {name: getattr(removal, name) for name in ("episodes", "facts", "entities")}


class Explained(Answer, kw_only=True):
    """Where something comes from, and what has happened to it."""

    kind: str
    id: str
    about: list[BriefEntity] = []
    quotes: list[BriefQuote] = []
    history: list[BriefChange] = []

    @classmethod
    def of(cls, found: Explanation, _: Arguments) -> Explained:
        quotes, few = fitting(found.quotes, BriefQuote.of)
        history, fewer = fitting(found.history, BriefChange.of)
        left_out = few + fewer + len(found.about[_ABOUT:])
        return Explained(
            summary=f"{clipped(str(found.fact or found.text))}{_unshown(left_out)}",
            kind=found.kind,
            id=found.id,
            about=[BriefEntity.of(entity) for entity in found.about[:_ABOUT]],
            quotes=quotes,
            history=history,
        )


class WhyNotFound(Answer, kw_only=True):
    """Why a search does not give something."""

    cause: str
    id: str | None = None
    rank: int | None = None

    @classmethod
    def of(cls, found: WhyNot, _: Arguments) -> WhyNotFound:
        summary = clipped(found.explanation)
        return WhyNotFound(summary=summary, cause=found.cause, id=found.id, rank=found.rank)
