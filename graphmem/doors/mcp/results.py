"""The results of the tools: structures for programs, sentences for models. Made from what the
methods of the API return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from graphmem.doors.mcp.brief import (
    TEXT_CHARACTERS,
    Brief,
    BriefChange,
    BriefEntity,
    BriefFact,
    BriefHit,
    BriefMoment,
    BriefPath,
    BriefQuote,
    BriefRelation,
    brief_change,
    brief_entity,
    brief_fact,
    brief_hit,
    brief_moment,
    brief_path,
    brief_quote,
    brief_relation,
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


class Answer(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What a tool answers: ``summary`` says it in plain words, and what to do next."""

    summary: str

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


class RememberedMany(Answer, kw_only=True):
    """What became of many things that were to be remembered."""

    new: int
    known: int


class FoundHits(Listed, kw_only=True):
    """What a search found; ``answerable`` is how likely any of it answers."""

    answerable: float
    hits: list[BriefHit]


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

    @property
    def text(self) -> str:
        ids = ", ".join(f"[{it.number}] is {it.kind} {it.id}" for it in self.citations)
        return f"{self.context}\n\n{self.summary}{f' {ids}.' if ids else ''}".strip()


class FoundEntities(Listed, kw_only=True):
    """Entities."""

    entities: list[BriefEntity]


class FoundRelations(Listed, kw_only=True):
    """Relations."""

    relations: list[BriefRelation]


class FoundSurroundings(Listed, kw_only=True):
    """What surrounds an entity."""

    entities: list[BriefEntity]
    relations: list[BriefRelation]


class FoundPaths(Listed, kw_only=True):
    """How two entities connect."""

    paths: list[BriefPath]


class FoundTimeline(Listed, kw_only=True):
    """What happened, oldest first."""

    moments: list[BriefMoment]


class Corrected(Changed, kw_only=True):
    """A fact as it is now."""

    facts: list[BriefFact]


class Forgotten(Changed, kw_only=True):
    """How much was forgotten."""

    episodes: int
    facts: int
    entities: int


class Explained(Answer, kw_only=True):
    """Where something comes from, and what has happened to it."""

    kind: str
    id: str
    about: list[BriefEntity] = []
    quotes: list[BriefQuote] = []
    history: list[BriefChange] = []


class WhyNotFound(Answer, kw_only=True):
    """Why a search does not give something."""

    cause: str
    id: str | None = None
    rank: int | None = None


def _number(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def remembered(receipt: Receipt, _: Arguments) -> Remembered:
    """Of a receipt: what it made known, and what it changed."""
    last = {d.after.id: d.after for d in receipt.decisions if d.after is not None}
    added = {d.after.id for d in receipt.decisions if d.after is not None and d.action == "ADD"}
    changed = {d.fact_id for d in receipt.decisions if d.action in {"UPDATE", "DELETE"}} - added
    facts, few = fitting([last[id] for id in last if id in added], brief_fact)
    over, fewer = fitting([last[id] for id in last if id in changed], brief_fact)
    words = {
        "done": f"Remembered as episode {receipt.episode_id}: {_number(len(added), 'new fact')}"
        + (f", {_number(len(changed), 'earlier fact')} changed." if changed else "."),
        "duplicate": f"Known already (episode {receipt.episode_id}); nothing changed.",
        "pending": f"Stored as episode {receipt.episode_id} and searchable; what it says is "
        f"still to be read{f': {receipt.reason}' if receipt.reason else ''}.",
        "failed": f"Stored as episode {receipt.episode_id}, but it could not be read: "
        f"{receipt.reason}.",
    }
    return Remembered(
        summary=f"{words[receipt.status]}{_unshown(few + fewer)}",
        status=receipt.status,
        episode_id=receipt.episode_id,
        facts=facts,
        changed=over,
    )


def remembered_many(new: int, given: Arguments) -> RememberedMany:
    """Of many that were added."""
    known = len(given["contents"]) - new
    summary = f"Remembered {_number(new, 'thing')}; {known:,} were known already."
    return RememberedMany(summary=summary, new=new, known=known)


def found_hits(result: SearchResult, _: Arguments) -> FoundHits:
    """Of a search."""
    hits, left_out = fitting(result.hits, brief_hit)
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


def found_context(context: Context, _: Arguments) -> FoundContext:
    """Of a context."""
    nothing = "Nothing is remembered about that, or nothing that fits into so few tokens."
    return FoundContext(
        summary=f"{_number(context.tokens, 'token')}." if context.citations else nothing,
        context=str(context),
        tokens=context.tokens,
        citations=[
            ContextCitation(number=one.number, kind=one.hit.kind, id=one.hit.id)
            for one in context.citations
        ],
    )


def _cut(left_out: int) -> str:
    return f" {left_out} more do not fit here: ask for fewer, or more narrowly." if left_out else ""


def _unshown(left_out: int) -> str:
    return f" ({left_out:,} more are not shown here.)" if left_out else ""


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


def found_entities(entities: Sequence[Entity], given: Arguments) -> FoundEntities:
    """Of a list of entities."""
    kept, listed = _part(entities, brief_entity, given, "entity", "entities")
    return FoundEntities(entities=kept, **listed)


def found_relations(relations: Sequence[Relation], given: Arguments) -> FoundRelations:
    """Of a list of relations."""
    kept, listed = _part(relations, brief_relation, given, "relation", "relations")
    return FoundRelations(relations=kept, **listed)


def found_timeline(moments: Sequence[Moment], given: Arguments) -> FoundTimeline:
    """Of a timeline."""
    kept, listed = _part(moments, brief_moment, given, "moment", "moments")
    return FoundTimeline(moments=kept, **listed)


def found_surroundings(graph: Subgraph, _: Arguments) -> FoundSurroundings:
    """Of a neighbourhood."""
    entities, few = fitting(graph.entities, brief_entity)
    relations, fewer = fitting(graph.relations, brief_relation)
    counts = f"{_number(len(graph.entities), 'entity', 'entities')} and "
    counts += f"{_number(len(graph.relations), 'relation')} among them."
    left_out = few + fewer
    return FoundSurroundings(
        summary=f"{counts}{_cut(left_out)}",
        entities=entities,
        relations=relations,
        left_out=left_out,
    )


def found_paths(paths: Iterable[Path], given: Arguments) -> FoundPaths:
    """Of paths."""
    kept, left_out = fitting(paths, brief_path)
    ends = f"{clipped(str(given['source']), 100)} and {clipped(str(given['target']), 100)}"
    summary = f"{_number(len(kept), 'way', 'ways')} between {ends}, the shortest first."
    summary += _cut(left_out)
    return FoundPaths(
        summary=summary if kept else f"Nothing that is remembered connects {ends}.",
        paths=kept,
        left_out=left_out,
    )


def corrected(fact: Fact, _: Arguments) -> Corrected:
    """Of a fact that was changed."""
    summary = "Corrected; the version before stays in its history."
    return Corrected(summary=summary, facts=[brief_fact(fact)])


def forgotten(removal: Removal, _: Arguments) -> Forgotten:
    """Of something that was deleted."""
    what = f"{_number(removal.facts, 'fact')} and {_number(removal.episodes, 'episode')}"
    counts = {name: getattr(removal, name) for name in ("episodes", "facts", "entities")}
    return Forgotten(summary=f"No longer believed: {what}.", **counts)


def undone(removal: Removal, given: Arguments) -> Forgotten:
    """Of something that was undone; an edit that was takes no fact away."""
    gone = forgotten(removal, given)
    if removal.facts or removal.episodes:
        return msgspec.structs.replace(gone, summary=f"Undone. {gone.summary}")
    return msgspec.structs.replace(gone, summary="Undone: what was so before is so again.")


def explained_answer(found: Explanation, _: Arguments) -> Explained:
    """Of an explanation."""
    quotes, few = fitting(found.quotes, brief_quote)
    history, fewer = fitting(found.history, brief_change)
    left_out = few + fewer + len(found.about[_ABOUT:])
    text = clipped(str(found.fact or found.text), TEXT_CHARACTERS)
    return Explained(
        summary=f"{text}{_unshown(left_out)}",
        kind=found.kind,
        id=found.id,
        about=[brief_entity(entity) for entity in found.about[:_ABOUT]],
        quotes=quotes,
        history=history,
    )


def why_not_found(found: WhyNot, _: Arguments) -> WhyNotFound:
    """Of a diagnosis."""
    return WhyNotFound(
        summary=clipped(found.explanation), cause=found.cause, id=found.id, rank=found.rank
    )
