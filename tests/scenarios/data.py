"""The scenarios as values, read from the TOML files beside this module.

``README.md`` describes the format. A mistake in one is a ``ValueError`` that names the
scenario; nothing is guessed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

from graphmem.clock import parse_when

FOLDER = Path(__file__).parent
Modality = Literal["stated", "planned", "hearsay", "hypothetical", "negated"]
_MODALITIES = frozenset(get_args(Modality))


@dataclass(frozen=True, slots=True)
class Statement:
    """What a good model takes from a text: a relation, and what is said of it.

    ``ended`` is when it ceased to hold, at the latest when it was stated; ``withdrawn`` says that
    it never did. Both retract. Dates are ISO 8601 text, as exact as they were stated. Without an
    object, all objects are meant.
    """

    subject: str
    type: str
    object: str | None
    since: str | None = None
    until: str | None = None
    ended: str | None = None
    withdrawn: bool = False
    modality: Modality = "stated"
    says: str | None = None
    turn: int = 0

    @property
    def retracts(self) -> bool:
        return self.withdrawn or self.ended is not None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.subject,) if self.object is None else (self.subject, self.object)

    @property
    def sentence(self) -> str:
        """The fact as one sentence: the one that is given, or one made from the parts."""
        if self.says is not None:
            return self.says
        words = [self.subject, self.type.replace("_", " "), self.object or "anything"]
        for lead, when in (("since", self.since), ("until", self.until or self.ended)):
            words += [lead, when] if when else []
        note = "" if self.modality == "stated" else f" ({self.modality})"
        return f"{' '.join(words)}{note}."


@dataclass(frozen=True, slots=True)
class Turn:
    """One turn. Without ``by`` it is the user who speaks, or the assistant by its role."""

    text: str
    by: str | None
    role: str


@dataclass(frozen=True, slots=True)
class Step:
    """One episode: when it happened and what was said; or, with ``undo``, an episode undone.

    ``arrives`` is when it is added to the memory, which may be long after it happened. ``means``
    and ``replaces`` are what a model says when it is asked about what is ambiguous: whom a name
    means (``""``: nobody known), and the sentences of which it took, or lost, the place.
    """

    at: datetime
    arrives: datetime | None
    user: str
    turns: tuple[Turn, ...]
    statements: tuple[Statement, ...]
    aliases: Mapping[str, tuple[str, ...]]
    kinds: Mapping[str, str]
    undo: int | None
    means: Mapping[str, str]
    replaces: tuple[str, ...]

    @property
    def content(self) -> str | list[dict[str, str]]:
        """What ``add`` takes: a plain text, or messages where it matters who speaks."""
        if len(self.turns) == 1 and self.turns[0].by is None and self.turns[0].role == "user":
            return self.turns[0].text
        return [
            {"role": turn.role, "content": turn.text} | ({"name": turn.by} if turn.by else {})
            for turn in self.turns
        ]


@dataclass(frozen=True, slots=True)
class Expect:
    """What is believed: the relations that held at ``valid_at``, as known at ``known_at``.

    ``same`` and ``apart`` are pairs of these relations whose subjects (after "object of ": whose
    objects) are one entity, or two.
    ``sources`` counts the episodes that state a relation.
    """

    relations: tuple[str, ...]
    user: str
    valid_at: datetime | None
    known_at: datetime | None
    about: tuple[tuple[str, str], ...] | None
    same: tuple[tuple[str, str], ...]
    apart: tuple[tuple[str, str], ...]
    sources: Mapping[str, int]

    @property
    def is_present(self) -> bool:
        return self.valid_at is None and self.known_at is None


@dataclass(frozen=True, slots=True)
class Scenario:
    """A short story and what a careful reader believes after it."""

    category: str
    name: str
    user: str
    steps: tuple[Step, ...]
    expect: tuple[Expect, ...]
    no_rules: str | None
    """Why the rules cannot be expected to read it; None when they can."""
    no_relate: str | None
    """Why it cannot be put as structured statements."""
    order_free: bool

    @property
    def id(self) -> str:
        return f"{self.category}: {self.name}"


def parse_statement(line: str, happened_at: str | None = None) -> Statement:
    """``Ada lives_in Berlin | since 2024-03 | says Ada moved to Berlin.``; a bare ``ended``
    means at ``happened_at``."""
    head, *marks = (part.strip() for part in line.split("|"))
    words = head.split()
    at = next((i for i, word in enumerate(words) if i and word == word.lower()), None)
    if at is None or at + 1 >= len(words):
        raise ValueError(f"not a statement: {line!r}")
    object_ = " ".join(words[at + 1 :])
    fields: dict[str, Any] = {
        "subject": " ".join(words[:at]),
        "type": words[at],
        "object": None if object_ == "*" else object_,
    }
    for mark in marks:
        word, _, rest = mark.partition(" ")
        if word in _MODALITIES and not rest:
            fields["modality"] = word
        elif word == "withdrawn" and not rest:
            fields["withdrawn"] = True
        elif word == "ended" and not rest and happened_at:
            fields["ended"] = happened_at
        elif word == "turn":
            fields["turn"] = int(rest)
        elif word in {"since", "until", "ended", "says"} and rest:
            fields[word] = rest
        else:
            raise ValueError(f"{mark!r} says nothing in {line!r}")
    return Statement(**fields)


def _when(value: Any) -> datetime | None:
    return None if value is None else parse_when(value)


def _checked(raw: Mapping[str, Any], known: str) -> Mapping[str, Any]:
    unknown = sorted(set(raw) - set(known.split()))
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(unknown)}")
    return raw


def _turn(raw: Mapping[str, Any]) -> Turn:
    _checked(raw, "text by role")
    return Turn(raw["text"], raw.get("by"), raw.get("role", "user"))


def _step(raw: Mapping[str, Any], user: str) -> Step:
    _checked(raw, "at arrives user text by role turns statements aliases kinds undo means replaces")
    turns = raw.get("turns")
    if turns is None and "text" in raw:
        turns = [{key: raw[key] for key in ("text", "by", "role") if key in raw}]
    return Step(
        at=parse_when(raw["at"]),
        arrives=_when(raw.get("arrives")),
        user=raw.get("user", user),
        turns=tuple(_turn(turn) for turn in turns or ()),
        statements=tuple(parse_statement(line, raw["at"]) for line in raw.get("statements", ())),
        aliases={name: tuple(more) for name, more in raw.get("aliases", {}).items()},
        kinds=raw.get("kinds", {}),
        undo=raw.get("undo"),
        means=raw.get("means", {}),
        replaces=tuple(raw.get("replaces", ())),
    )


def _pairs(raw: Any) -> tuple[tuple[str, str], ...]:
    return tuple(cast(tuple[str, str], tuple(pair)) for pair in raw)


def _expect(raw: Mapping[str, Any], user: str) -> Expect:
    _checked(raw, "relations user valid_at known_at about same apart sources")
    return Expect(
        relations=tuple(raw["relations"]),
        user=raw.get("user", user),
        valid_at=_when(raw.get("valid_at")),
        known_at=_when(raw.get("known_at")),
        about=_pairs(raw["about"]) if "about" in raw else None,
        same=_pairs(raw.get("same", ())),
        apart=_pairs(raw.get("apart", ())),
        sources=raw.get("sources", {}),
    )


def read_scenario(raw: Mapping[str, Any], category: str) -> Scenario:
    """One ``[[scenario]]`` of a file."""
    try:
        _checked(raw, "name user steps expect no_rules no_relate order_free")
        return Scenario(
            category=category,
            name=raw["name"],
            user=raw["user"],
            steps=tuple(_step(step, raw["user"]) for step in raw["steps"]),
            expect=tuple(_expect(expect, raw["user"]) for expect in raw["expect"]),
            no_rules=raw.get("no_rules"),
            no_relate=raw.get("no_relate"),
            order_free=raw.get("order_free", False),
        )
    except (ValueError, KeyError) as error:
        raise ValueError(f"{category}, {raw.get('name')!r}: {error!r}") from error


def whole(when: str | None) -> str | None:
    """A year, or a year and a month, as its first day; what is exact stays."""
    if when is None:
        return None
    return {4: f"{when}-01-01", 7: f"{when}-01"}.get(len(when), when)


def load() -> tuple[Scenario, ...]:
    """Every scenario, by category (the file's name), in the order of the files."""
    return tuple(
        read_scenario(raw, path.stem.replace("_", " "))
        for path in sorted(FOLDER.glob("*.toml"))
        for raw in tomllib.loads(path.read_text(encoding="utf-8"))["scenario"]
    )
