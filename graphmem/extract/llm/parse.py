"""Candidates from what a model answered to the extraction prompt.

Models break forms in many ways, so reading is lenient where the meaning is plain (a fenced,
truncated or doubly encoded answer, ``Works At`` for ``works_at``) and goes item by item where it
is not: a bad item is dropped and counted, the rest is kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from graphmem.errors import BadModelOutput
from graphmem.extract.llm.repair import item_lists
from graphmem.extract.llm.schema import EntityAnswer, FactAnswer, snake_keys
from graphmem.model import Date, Modality, valid_from, valid_until
from graphmem.ports.llm import CandidateEntity, CandidateFact
from graphmem.text import name_key, text_key, words

_MOST_ALIASES = 20
_MOST_ITEMS = 1000
_SPEAKER = frozenset({"i", "me", "my", "mine", "myself", "user", "speaker", "narrator"})


@dataclass(frozen=True, slots=True)
class Speakers:
    """Who speaks: by turn ordinal, the one whose memory it is, and which turns an assistant or a
    tool says that is somebody else."""

    by_turn: Mapping[int, str]
    owner: str
    machine: frozenset[int] = frozenset()

    def of(self, turns: Iterable[int]) -> str:
        """The one speaker of these turns; the owner when there is no turn, or several speak."""
        speakers = {self.by_turn[turn] for turn in turns}
        return speakers.pop() if len(speakers) == 1 else self.owner


@dataclass(frozen=True, slots=True)
class ParsedAnswer:
    """Candidates read from one answer, and how many items could not be used."""

    entities: tuple[CandidateEntity, ...]
    facts: tuple[CandidateFact, ...]
    dropped: int = 0
    cut: bool = False
    """Whether the answer ended in the middle of an item."""


def parse_answer(raw: str, speakers: Speakers) -> ParsedAnswer:
    """Candidates from a model's raw answer.

    :class:`~graphmem.errors.BadModelOutput` when there is nothing in it that can be used; an
    answer that says that there is nothing to remember is not bad.
    """
    found, cut = item_lists(raw)
    entities = [parse_entity(item, speakers) for item in found["entities"]]
    listed = frozenset(name_key(entity.name) for entity in entities if entity)
    facts = [_fact(item, speakers, listed) for item in found["facts"]]
    kept = merge_entities(item for item in entities if item)[:_MOST_ITEMS]
    stated = merge_facts(_renamed((item for item in facts if item), kept))[:_MOST_ITEMS]
    dropped = entities.count(None) + facts.count(None)
    if dropped and not kept and not stated:
        raise BadModelOutput(
            f"none of the {dropped} items in the answer has the fields asked for", partial=raw
        )
    return ParsedAnswer(kept, stated, dropped, cut)


def parse_entity(item: Any, speakers: Speakers) -> CandidateEntity | None:
    """An entity from an object or a bare name; None for what is neither."""
    try:
        read = EntityAnswer.model_validate(
            {"name": item} if isinstance(item, str) else _keyed(item)
        )
    except ValidationError:
        return None
    name = _resolved(read.name, speakers.owner)
    aliases = [alias for alias in read.aliases if name_key(alias) not in _SPEAKER]
    return CandidateEntity(name, read.kind, tuple(aliases[:_MOST_ALIASES]))


def _keyed(item: Any) -> Any:
    return snake_keys(item) if isinstance(item, Mapping) else item


def _fact(item: Any, speakers: Speakers, listed: frozenset[str]) -> CandidateFact | None:
    read = _validated(item)
    if read is None:
        return None
    turns = existing_turns(read.turns, speakers)
    speaker = speakers.of(turns)
    named = [_resolved(name, speaker) for name in read.entities]
    subject, object_ = (name and _resolved(name, speaker) for name in (read.subject, read.object))
    value = read.value
    if object_ and name_key(object_) not in listed and not any(c.isalpha() for c in object_):
        named = [name for name in named if name != object_]
        object_, value = None, value or object_  # an amount or a date is nothing by itself
    named = [name for name in (subject, object_, *named) if name]
    type = _bare(read.type, subject, object_ or value)
    related = subject and object_ and type and name_key(subject) != name_key(object_)
    described = subject and value and type and not object_
    # "Out of work": every object is retracted.
    emptied = subject and type and read.retracts and not read.object and not value
    begins, ends = _span(read.valid_at, read.invalid_at)
    return CandidateFact(
        text=read.text,
        subject=subject if related or described or emptied else None,
        type=type if related or described or emptied else None,
        object=object_ if related else None,
        entities=_distinct(named),
        **valid_from(begins),
        **valid_until(ends),
        importance=read.importance,
        turns=turns,
        retracts=read.retracts,
        modality=_modality(read.modality, named, turns, speakers),
        value=value if described else None,
    )


def existing_turns(given: Iterable[int], speakers: Speakers) -> tuple[int, ...]:
    """Those of the turns that there are; the only one there is when none of them is."""
    turns = tuple(sorted({turn for turn in given if turn in speakers.by_turn}))
    return tuple(speakers.by_turn) if not turns and len(speakers.by_turn) == 1 else turns


def _modality(
    given: Modality, named: Sequence[str], turns: Sequence[int], speakers: Speakers
) -> Modality:
    """What an assistant says as so of others than itself is hearsay: the user did not say it."""
    if given != "stated" or not turns or not speakers.machine.issuperset(turns):
        return given
    own = {name_key(speakers.by_turn[turn]) for turn in turns}
    return "stated" if own & {name_key(name) for name in named} else "hearsay"


def _bare(type: str | None, subject: str | None, object_: str | None) -> str | None:
    """A type without the names that some models write into it: ``works_at`` of
    ``ada_works_at_acme``."""
    if type is None:
        return None
    parts = type.split("_")
    first, last = words(subject or ""), words(object_ or "")
    if first and parts[: len(first)] == first:
        parts = parts[len(first) :]
    if last and parts[-len(last) :] == last:
        parts = parts[: -len(last)]
    return "_".join(parts) or None


def _validated(item: Any) -> FactAnswer | None:
    """A fact from an object, a bare sentence, or a triple without one."""
    if isinstance(item, str):
        item = {"text": item}
    elif isinstance(item, list) and len(item) == 3:
        item = dict(zip(("subject", "type", "object"), item, strict=True))
    if not isinstance(item, Mapping):
        return None
    item = snake_keys(item)
    try:
        return FactAnswer.model_validate(item)
    except ValidationError:
        pass
    try:
        read = FactAnswer.model_validate({**item, "text": "?"})
    except ValidationError:
        return None
    if not (read.subject and read.type and read.object):
        return None
    if read.modality != "stated":
        return None  # a plain sentence would say that it is so
    sentence = f"{read.subject} {read.type.replace('_', ' ')} {read.object}."
    return read.model_copy(update={"text": sentence})


def _resolved(name: str, speaker: str) -> str:
    return speaker if name_key(name) in _SPEAKER else name


def _span(begins: Date | None, ends: Date | None) -> tuple[Date | None, Date | None]:
    """A span that is not empty. Models date an event from its day to its day: it does not end. An
    end before the beginning is the end: the beginning was when it was said."""
    if begins is None or ends is None or begins.at < ends.at:
        return begins, ends
    return (begins, None) if begins.at == ends.at else (None, ends)


def merge_entities(entities: Iterable[CandidateEntity]) -> tuple[CandidateEntity, ...]:
    """One candidate a name: its first spelling, the first kind that says something, all aliases."""
    merged: dict[str, CandidateEntity] = {}
    for entity in entities:
        key = name_key(entity.name)
        first = merged.get(key, entity)
        kind = first.kind if first.kind != "thing" else entity.kind
        aliases = {name_key(a): a for a in reversed((*first.aliases, *entity.aliases))}
        aliases.pop(key, None)
        merged[key] = CandidateEntity(first.name, kind, tuple(reversed(aliases.values())))
    return tuple(merged.values())


def merge_facts(facts: Iterable[CandidateFact]) -> tuple[CandidateFact, ...]:
    """One candidate a sentence; what one spelling of it lacks comes from the other."""
    merged: dict[tuple[str, bool, str], CandidateFact] = {}
    for fact in facts:
        key = (text_key(fact.text), fact.retracts, fact.modality)
        first = merged.get(key)
        merged[key] = fact if first is None else _merged_fact(first, fact)
    return tuple(merged.values())


def _merged_fact(first: CandidateFact, again: CandidateFact) -> CandidateFact:
    related = first if first.type else again
    weights = [w for w in (first.importance, again.importance) if w is not None]
    begins, ends = _span(
        first.valid_date or again.valid_date, first.invalid_date or again.invalid_date
    )
    return dataclasses.replace(
        first,
        subject=related.subject,
        type=related.type,
        object=related.object,
        value=related.value,
        entities=_distinct((*first.entities, *again.entities)),
        **valid_from(begins),
        **valid_until(ends),
        importance=max(weights, default=None),
        turns=tuple(sorted({*first.turns, *again.turns})),
    )


def _renamed(
    facts: Iterable[CandidateFact], entities: Sequence[CandidateEntity]
) -> Iterator[CandidateFact]:
    """Facts that call an entity by its listed name where they used another spelling or alias."""
    names = {**_by_alias(entities), **{name_key(entity.name): entity.name for entity in entities}}
    for fact in facts:
        subject, object_ = (
            name and names.get(name_key(name), name) for name in (fact.subject, fact.object)
        )
        same = subject is not None and subject == object_
        yield dataclasses.replace(
            fact,
            subject=None if same else subject,
            type=None if same else fact.type,
            object=None if same else object_,
            value=None if same else fact.value,
            entities=_distinct(names.get(name_key(name), name) for name in fact.entities),
        )


def _by_alias(entities: Sequence[CandidateEntity]) -> dict[str, str]:
    """Whose name each alias stands for, where it stands for one only."""
    names: dict[str, str] = {}
    shared: set[str] = set()
    for entity in entities:
        for alias in entity.aliases:
            key = name_key(alias)
            if names.setdefault(key, entity.name) != entity.name:
                shared.add(key)
    return {key: name for key, name in names.items() if key not in shared}


def merge_parsed(answers: Sequence[ParsedAnswer]) -> ParsedAnswer:
    """Several answers about chunks of one episode as one.

    An entity that one chunk lists by what is an alias of a single other one of the same kind is
    that one.
    """
    if len(answers) == 1:
        return answers[0]
    listed = merge_entities(e for answer in answers for e in answer.entities)
    kinds = {entity.name: entity.kind for entity in listed}
    aliases = _by_alias(listed)
    unified = (
        dataclasses.replace(entity, name=full, aliases=(*entity.aliases, entity.name))
        if (full := aliases.get(name_key(entity.name)))
        and kinds[full] == entity.kind
        and name_key(full) not in aliases
        else entity
        for entity in listed
    )
    entities = merge_entities(unified)
    facts = _renamed((fact for answer in answers for fact in answer.facts), entities)
    return ParsedAnswer(
        entities, merge_facts(facts), dropped=sum(answer.dropped for answer in answers)
    )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Names without repeats, in order; the first spelling stays."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name_key(name), name)
    return tuple(first.values())
