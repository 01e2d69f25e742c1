"""The form of a model's answer: its JSON schema, and each field as leniently as it can be read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, get_args

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field, WithJsonSchema

from graphmem.clock import Date, Precision, month_number, parse_date
from graphmem.errors import UsageError
from graphmem.model import Modality
from graphmem.text import words, words_of_name

SCHEMA_NAME = "extraction"
PROCEDURE_SCHEMA_NAME = "procedures"
_LONGEST_TEXT = 1000
_LONGEST_NAME = 200
_LONGEST_VALUE = 200
_MOST_STEPS = 200
_LONGEST_KIND = 40
_MOST_TYPE_WORDS = 8
_ORDINAL = re.compile(r"\D*(\d{1,9})\D*")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_STEP_NUMBER = re.compile(r"^(?:step\s*)?\d{1,3}\s*[.):-]\s+", re.IGNORECASE)
_STEP_KEYS = ("text", "step", "action", "description", "instruction")
_NOTHING = frozenset({"", "null", "none", "n/a", "na", "nil", "unknown", "undefined", "-"})
_LEVELS = {"low": 0.2, "medium": 0.5, "moderate": 0.5, "high": 0.8, "critical": 1.0}
_PRONOUNS = frozenset(
    {
        "we", "us", "our", "you", "your", "he", "him", "his", "she", "her", "they", "them",
        "their", "it", "its", "this", "that",
    }
)  # fmt: skip
_MODALITIES: dict[str, Modality] = {
    "plan": "planned", "future": "planned", "intend": "planned", "intention": "planned",
    "wish": "planned", "reported": "hearsay", "rumour": "hearsay", "rumor": "hearsay",
    "hypothesis": "hypothetical", "conditional": "hypothetical", "possible": "hypothetical",
    "uncertain": "hypothetical", "maybe": "hypothetical", "negative": "negated",
    "negation": "negated", "denied": "negated", "false": "negated",
}  # fmt: skip
_MODALITIES |= {name: name for name in get_args(Modality)}
_JOINERS = "\u200c\u200d"
"""Zero-width joiners: not printable, but parts of words and of emoji."""
_MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_FORMS = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"{_YEAR}(?:[-/.](?P<month_number>\d{{1,2}}))?(?:[-/.](?P<day>\d{{1,2}}))?",
        rf"{_YEAR}[- ]?Q(?P<quarter>[1-4])",
        rf"Q(?P<quarter>[1-4])[- ,]*{_YEAR}",
        rf"{_MONTH},?\s+{_YEAR}",
        rf"{_DAY}(?:\s+of)?\s+{_MONTH},?\s+{_YEAR}",
        rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}",
        rf"{_DAY}\.\s*(?P<month_number>\d{{1,2}})\.\s*{_YEAR}",
    )
)
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_ISO_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})[T ][\d:.]*Z?$")
_ABOUT = re.compile(
    r"^(?:circa|ca\.?|c\.|about|around|approx(?:imately|\.)?|since|in|on|~)\s*", re.I
)
_NOTE = re.compile(r"(?<!\s)\s*\(.*\)$")
_WEEKDAY = re.compile(r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+", re.IGNORECASE)


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
    parts = words_of_name(text) if text else []
    parts = [part.replace("'", "") for part in parts]
    return "_".join(parts) if 0 < len(parts) <= _MOST_TYPE_WORDS else None


def _moment(value: Any) -> Date | None:
    """A date or a part of one, ISO 8601 or not; else None."""
    text = _text(value)
    return None if text is None else _read_date(text)


def _read_date(text: str) -> Date | None:
    """The day, month, year or instant that ``text`` names, of a quarter the first month; None for
    what is impossible (30 February), relative ("last spring") or could be two days (05/06/2024)."""
    text = _WEEKDAY.sub("", _ABOUT.sub("", _NOTE.sub("", text.strip())))
    for form in _FORMS:
        if found := form.fullmatch(text):
            return _first_day(*_date_parts(found.groupdict()))
    if found := _SLASHED.fullmatch(text):
        first, second, year = (int(part) for part in found.groups())
        # Which of them is the month depends on the country, unless one of them cannot be one.
        if first != second and first <= 12 and second <= 12:
            return None
        return _first_day(year, min(first, second), max(first, second))
    try:
        return parse_date(text)
    except UsageError:
        day = _ISO_DAY.match(text)
        return _first_day(*(int(part) for part in day[1].split("-"))) if day else None


def _date_parts(parts: dict[str, str | None]) -> tuple[int, int | None, int | None]:
    number = parts.get("month_number")
    month = None if number is None else int(number)
    if name := parts.get("month"):
        month = month_number(name)
    elif quarter := parts.get("quarter"):
        month = int(quarter) * 3 - 2
    day = parts.get("day")
    return int(parts["year"] or 0), month, None if day is None else int(day)


def _first_day(year: int, month: int | None = None, day: int | None = None) -> Date | None:
    precision: Precision = "day" if day is not None else "year" if month is None else "month"
    try:
        at = datetime(year, 1 if month is None else month, 1 if day is None else day, tzinfo=UTC)
    except ValueError:
        return None
    return Date(at, precision)


def _importance(value: Any) -> float | None:
    if isinstance(value, str):
        level = _LEVELS.get(value.strip().casefold())
        number = _NUMBER.search(value)
        if level is not None or number is None:
            return level
        value = float(number.group()) / (100 if "%" in value else 1)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and math.isnan(value):  # an int may be more than any float
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


def _modality(value: Any) -> Modality:
    """The modality meant; what cannot be understood counts as stated."""
    parts = words(value.replace("_", " ")) if isinstance(value, str) else []
    found = (m for part in parts for key, m in _MODALITIES.items() if part.startswith(key))
    return next(found, "stated")


def _value(value: Any) -> str | None:
    text = _text(value)
    return text if text and len(text) <= _LONGEST_VALUE else None


def _steps(value: Any) -> list[str]:
    """Steps in order: a list of texts or of objects with one, or a numbered object."""
    if isinstance(value, str):
        value = value.splitlines()
    if isinstance(value, Mapping):
        value = list(value.values())
    if not isinstance(value, list):
        return []
    texts = (
        next((item[key] for key in _STEP_KEYS if key in item), None)
        if isinstance(item, Mapping)
        else item
        for item in value[:_MOST_STEPS]
    )
    found = [_sentence(text) for text in texts]
    return [_STEP_NUMBER.sub("", text) for text in found if text]


def snake_keys(item: Mapping[Any, Any]) -> dict[str, Any]:
    """An item whose keys are in lower snake case, whatever case the model wrote them in."""
    exact = {key: value for key, value in item.items() if isinstance(key, str)}
    folded = {"_".join(words_of_name(k)): v for k, v in exact.items()}
    return {**folded, **exact}


# -- the answer's form ---------------------------------------------------------------------------


_DATE = WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "null"}]})
_MODALITY = WithJsonSchema({"type": "string", "enum": list(get_args(Modality))})


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
    value: Annotated[str | None, BeforeValidator(_value)] = None
    entities: Annotated[list[str], BeforeValidator(_names)] = []
    valid_at: Annotated[Date | None, BeforeValidator(_moment), _DATE] = None
    invalid_at: Annotated[Date | None, BeforeValidator(_moment), _DATE] = None
    importance: Annotated[float | None, BeforeValidator(_importance)] = None
    turns: Annotated[list[int], BeforeValidator(_ordinals)] = Field(
        default=[], validation_alias=AliasChoices("turns", "turn", "turn_ids")
    )
    retracts: Annotated[bool, BeforeValidator(_flag)] = False
    modality: Annotated[Modality, BeforeValidator(_modality), _MODALITY] = Field(
        default="stated", validation_alias=AliasChoices("modality", "mood", "certainty", "status")
    )


class ProcedureAnswer(BaseModel):
    """A procedure as the model writes it."""

    title: Annotated[str | None, BeforeValidator(_sentence)] = Field(
        default=None, validation_alias=AliasChoices("title", "name", "goal", "procedure", "text")
    )
    steps: Annotated[list[str], BeforeValidator(_steps)] = Field(
        validation_alias=AliasChoices("steps", "actions", "instructions"), min_length=1
    )
    entities: Annotated[list[str], BeforeValidator(_names)] = []
    importance: Annotated[float | None, BeforeValidator(_importance)] = None
    turns: Annotated[list[int], BeforeValidator(_ordinals)] = Field(
        default=[], validation_alias=AliasChoices("turns", "turn", "turn_ids")
    )


class ExtractionAnswer(BaseModel):
    """The whole answer."""

    entities: list[EntityAnswer]
    facts: list[FactAnswer]


class ProceduresAnswer(BaseModel):
    """The whole answer about an agent's steps."""

    entities: list[EntityAnswer]
    procedures: list[ProcedureAnswer]


def schema(form: type[BaseModel] = ExtractionAnswer) -> dict[str, Any]:
    """The answer's JSON schema, as strict structured output wants it: everything required,
    nothing else allowed, no references, no keyword outside the common subset."""
    whole = form.model_json_schema(by_alias=False)
    strict: dict[str, Any] = _strict(whole, whole.get("$defs", {}))
    return strict


_NOT_STRICT = frozenset({"$defs", "title", "default", "description", "minItems"})


def _strict(node: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(node, list):
        return [_strict(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _strict(definitions[node["$ref"].rpartition("/")[2]], definitions)
    kept = {k: v for k, v in node.items() if k not in _NOT_STRICT}
    if kept.get("type") == "object":
        fields = {name: _strict(inner, definitions) for name, inner in kept["properties"].items()}
        return {
            "type": "object",
            "properties": fields,
            "required": list(fields),
            "additionalProperties": False,
        }
    return {key: _strict(value, definitions) for key, value in kept.items()}
