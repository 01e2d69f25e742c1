"""What a model answers to the extraction prompt: its schema, and candidates from what came.

Models break forms in many ways, so reading is lenient where the meaning is plain (a fenced,
truncated or doubly encoded answer, ``Works At`` for ``works_at``) and goes item by item where it
is not: a bad item is dropped and counted, the rest is kept.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    WithJsonSchema,
)

from graphmem.clock import parse_when
from graphmem.errors import BadModelOutput, UsageError
from graphmem.ingest.repair import as_answer
from graphmem.ports.llm import CandidateEntity, CandidateFact
from graphmem.text import name_key, text_key, words

SCHEMA_NAME = "extraction"
_LONGEST_TEXT = 1000
_LONGEST_NAME = 200
_LONGEST_KIND = 40
_MOST_TYPE_WORDS = 8
_MOST_ALIASES = 20
_MOST_ITEMS = 1000
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_PART_OF_DATE = re.compile(r"(\d{4})(?:[-/](\d{1,2}))?(?:[-/](\d{1,2}))?")
_AFTER_DATE = re.compile(r"\s*\(.*\)$")
_ORDINAL = re.compile(r"\D*(\d{1,9})\D*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_NOTHING = frozenset({"", "null", "none", "n/a", "na", "nil", "unknown", "undefined", "-"})
_LEVELS = {"low": 0.2, "medium": 0.5, "moderate": 0.5, "high": 0.8, "critical": 1.0}
_SPEAKER = frozenset({"i", "me", "my", "mine", "myself", "user", "speaker", "narrator"})
_PRONOUNS = frozenset(
    {
        "we", "us", "our", "you", "your", "he", "him", "his", "she", "her", "they", "them",
        "their", "it", "its", "this", "that",
    }
)  # fmt: skip
_JOINERS = "\u200c\u200d"
"""Zero-width joiners: not printable, but parts of words and of emoji."""


# -- one field at a time ---------------------------------------------------------------------------


def _text(value: Any) -> str | None:
    """One line of clean text; None for what says nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = "".join(c if c.isprintable() or c in _JOINERS else " " for c in str(value))
    text = " ".join(text.split())
    return None if text.casefold() in _NOTHING else text


def _sentence(value: Any) -> str | None:
    text = _text(value)
    if text is not None and len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT].rpartition(" ")[0] or text[:_LONGEST_TEXT]
    return text


def _name(value: Any) -> str | None:
    if isinstance(value, Mapping):
        value = value.get("name")
    text = _text(value)
    text = text.strip("\"'“”‘’`*").strip() if text else None
    if not text or len(text) > _LONGEST_NAME or text in _PRONOUNS:  # "It" is also a novel
        return None
    return text if any(c.isalnum() or ord(c) > 0x2000 for c in text) else None


def _names(value: Any) -> list[str]:
    if isinstance(value, str):
        value = value.split(",")
    if isinstance(value, Mapping):
        value = [value] if "name" in value else list(value)
    found = [_name(item) for item in value] if isinstance(value, list) else []
    return [name for name in found if name]


def _kind(value: Any) -> str:
    text = _text(value)
    kind = "_".join(words(text)) if text else ""
    return kind if 0 < len(kind) <= _LONGEST_KIND else "thing"


def _type(value: Any) -> str | None:
    """A relation's type in lower snake case: ``Works At``, ``worksAt`` and ``WORKS-AT`` are one."""
    text = _text(value)
    parts = words(_CAMEL.sub(" ", text).replace("_", " ")) if text else []
    parts = [part.replace("'", "") for part in parts]
    return "_".join(parts) if 0 < len(parts) <= _MOST_TYPE_WORDS else None


def _moment(value: Any) -> datetime | None:
    """ISO 8601, or a year, or a year and a month (their first instant); else None."""
    text = _text(value)
    if text is None:
        return None
    text = _AFTER_DATE.sub("", text)
    whole = _PART_OF_DATE.fullmatch(text)
    if whole:
        year, month, day = (int(part or 1) for part in whole.groups())
        text = f"{year:04}-{month:02}-{day:02}"
    try:
        return parse_when(text)
    except UsageError:
        return None


def _importance(value: Any) -> float | None:
    if isinstance(value, str):
        level = _LEVELS.get(value.strip().casefold())
        number = _NUMBER.search(value)
        if level is not None or number is None:
            return level
        value = float(number.group()) / (100 if "%" in value else 1)
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return None
    return float(min(1, max(0, value)))


def _ordinals(value: Any) -> list[int]:
    found: list[int] = []
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, str):
            number = _ORDINAL.fullmatch(item)  # "3", "turn 3", but not "D1:3"
            found += [int(number.group(1))] if number else []
        elif isinstance(item, int) and not isinstance(item, bool):
            found.append(item)
        elif isinstance(item, float) and item.is_integer():
            found.append(int(item))
    return found


def _flag(value: Any) -> bool:
    return (
        value.strip().casefold() in {"true", "yes", "1"} if isinstance(value, str) else value == 1
    )


# -- the answer's form ---------------------------------------------------------------------------


_DATE = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})


class EntityAnswer(BaseModel):
    """An entity as the model writes it."""

    name: Annotated[str, BeforeValidator(_name)] = Field(
        validation_alias=AliasChoices("name", "entity", "entity_name")
    )
    kind: Annotated[str, BeforeValidator(_kind)] = Field(
        default="thing", validation_alias=AliasChoices("kind", "type", "entity_type", "label")
    )
    aliases: Annotated[list[str], BeforeValidator(_names)] = []


class FactAnswer(BaseModel):
    """A fact as the model writes it."""

    text: Annotated[str, BeforeValidator(_sentence)] = Field(
        validation_alias=AliasChoices("text", "fact", "statement", "sentence", "memory", "content")
    )
    subject: Annotated[str | None, BeforeValidator(_name)] = Field(
        default=None, validation_alias=AliasChoices("subject", "source", "head")
    )
    type: Annotated[str | None, BeforeValidator(_type)] = Field(
        default=None,
        validation_alias=AliasChoices("type", "relation", "predicate", "relationship"),
    )
    object: Annotated[str | None, BeforeValidator(_name)] = Field(
        default=None, validation_alias=AliasChoices("object", "target", "tail")
    )
    entities: Annotated[list[str], BeforeValidator(_names)] = []
    valid_at: Annotated[datetime | None, BeforeValidator(_moment), _DATE] = None
    invalid_at: Annotated[datetime | None, BeforeValidator(_moment), _DATE] = None
    importance: Annotated[float | None, BeforeValidator(_importance)] = None
    turns: Annotated[list[int], BeforeValidator(_ordinals)] = Field(
        default=[], validation_alias=AliasChoices("turns", "turn", "turn_ids")
    )
    retracts: Annotated[bool, BeforeValidator(_flag)] = False


class Answer(BaseModel):
    """The whole answer."""

    entities: list[EntityAnswer]
    facts: list[FactAnswer]


def schema() -> dict[str, Any]:
    """The answer's JSON schema, as strict structured output wants it: everything required,
    nothing else allowed, no references, no keyword outside the common subset."""
    whole = Answer.model_json_schema(by_alias=False)
    strict: dict[str, Any] = _strict(whole, whole.get("$defs", {}))
    return strict


def _strict(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_strict(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _strict(definitions[node["$ref"].rpartition("/")[2]], definitions)
    kept = {k: v for k, v in node.items() if k not in {"$defs", "title", "default", "description"}}
    if kept.get("type") == "object":
        fields = {name: _strict(inner, definitions) for name, inner in kept["properties"].items()}
        return {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }
    return {key: _strict(value, definitions) for key, value in kept.items()}


# -- candidates ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Voices:
    """Who speaks: by turn ordinal, and the one whose memory it is."""

    by_turn: Mapping[int, str]
    owner: str

    def of(self, turns: Iterable[int]) -> str:
        """The one speaker of these turns; the owner when there is no turn, or several speak."""
        speakers = {self.by_turn[turn] for turn in turns}
        return speakers.pop() if len(speakers) == 1 else self.owner


@dataclass(frozen=True, slots=True)
class Reading:
    """Candidates read from one answer, and how many items could not be used."""

    entities: tuple[CandidateEntity, ...]
    facts: tuple[CandidateFact, ...]
    dropped: int = 0
    cut: bool = False
    """Whether the answer ended in the middle of an item."""


def read_answer(raw: str, voices: Voices) -> Reading:
    """Candidates from a model's raw answer.

    :class:`~graphmem.errors.BadModelOutput` when there is nothing in it that can be used; an
    answer that says that there is nothing to remember is not bad.
    """
    found, cut = as_answer(raw)
    entities = [_entity(item, voices) for item in found["entities"]]
    facts = [_fact(item, voices) for item in found["facts"]]
    kept = merge_entities(item for item in entities if item)[:_MOST_ITEMS]
    stated = merge_facts(_renamed((item for item in facts if item), kept))[:_MOST_ITEMS]
    dropped = entities.count(None) + facts.count(None)
    if dropped and not kept and not stated:
        raise BadModelOutput(
            f"none of the {dropped} items in the answer has the fields asked for", partial=raw
        )
    return Reading(kept, stated, dropped, cut)


def _entity(item: Any, voices: Voices) -> CandidateEntity | None:
    try:
        read = EntityAnswer.model_validate({"name": item} if isinstance(item, str) else item)
    except ValidationError:
        return None
    name = _resolved(read.name, voices.owner)
    aliases = [alias for alias in read.aliases if name_key(alias) not in _SPEAKER]
    return CandidateEntity(name, read.kind, tuple(aliases[:_MOST_ALIASES]))


def _fact(item: Any, voices: Voices) -> CandidateFact | None:
    read = _validated(item)
    if read is None:
        return None
    turns = tuple(sorted({turn for turn in read.turns if turn in voices.by_turn}))
    if not turns and len(voices.by_turn) == 1:
        turns = tuple(voices.by_turn)
    speaker = voices.of(turns)
    named = [_resolved(name, speaker) for name in read.entities]
    subject, object_ = (name and _resolved(name, speaker) for name in (read.subject, read.object))
    named = [name for name in (subject, object_, *named) if name]
    related = subject and object_ and read.type and name_key(subject) != name_key(object_)
    valid_at, invalid_at = _span(read.valid_at, read.invalid_at)
    return CandidateFact(
        text=read.text,
        subject=subject if related else None,
        type=read.type if related else None,
        object=object_ if related else None,
        entities=_distinct(named),
        valid_at=valid_at,
        invalid_at=invalid_at,
        importance=read.importance,
        turns=turns,
        retracts=read.retracts,
    )


def _validated(item: Any) -> FactAnswer | None:
    """A fact from an object, a bare sentence, or a triple without one."""
    if isinstance(item, str):
        item = {"text": item}
    elif isinstance(item, list) and len(item) == 3:
        item = dict(zip(("subject", "type", "object"), item, strict=True))
    if not isinstance(item, Mapping):
        return None
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
    sentence = f"{read.subject} {read.type.replace('_', ' ')} {read.object}."
    return read.model_copy(update={"text": sentence})


def _resolved(name: str, speaker: str) -> str:
    return speaker if name_key(name) in _SPEAKER else name


def _span(
    valid_at: datetime | None, invalid_at: datetime | None
) -> tuple[datetime | None, datetime | None]:
    """A span that is not empty. Models date an event from its day to its day: it does not end. An
    end before the beginning is the end: the beginning was when it was said."""
    if valid_at is None or invalid_at is None or valid_at < invalid_at:
        return valid_at, invalid_at
    return (valid_at, None) if valid_at == invalid_at else (None, invalid_at)


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
    """One candidate a sentence; what one spelling of it lacks is taken from the other."""
    merged: dict[tuple[str, bool], CandidateFact] = {}
    for fact in facts:
        key = (text_key(fact.text), fact.retracts)
        first = merged.get(key)
        merged[key] = fact if first is None else _joined(first, fact)
    return tuple(merged.values())


def _joined(first: CandidateFact, again: CandidateFact) -> CandidateFact:
    related = first if first.type else again
    weights = [w for w in (first.importance, again.importance) if w is not None]
    valid_at, invalid_at = _span(
        first.valid_at or again.valid_at, first.invalid_at or again.invalid_at
    )
    return dataclasses.replace(
        first,
        subject=related.subject,
        type=related.type,
        object=related.object,
        entities=_distinct((*first.entities, *again.entities)),
        valid_at=valid_at,
        invalid_at=invalid_at,
        importance=max(weights, default=None),
        turns=tuple(sorted({*first.turns, *again.turns})),
    )


def _renamed(
    facts: Iterable[CandidateFact], entities: Sequence[CandidateEntity]
) -> Iterator[CandidateFact]:
    """Facts that call an entity by its listed name where they used another spelling or alias."""
    names: dict[str, str] = {}
    shared: set[str] = set()
    for entity in entities:
        for alias in entity.aliases:
            key = name_key(alias)
            if names.setdefault(key, entity.name) != entity.name:
                shared.add(key)
    for key in shared:
        del names[key]
    names |= {name_key(entity.name): entity.name for entity in entities}
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
            entities=_distinct(names.get(name_key(name), name) for name in fact.entities),
        )


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Names without repeats, in order; the first spelling stays."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name_key(name), name)
    return tuple(first.values())
