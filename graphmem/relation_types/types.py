"""Relation types: one stored name for each, its direction, how many objects it has at a time, and
how the statements of one type affect each other.

People, models and rules name one relation in many ways (``resides_in``, ``is living in``,
``employs``). :func:`normal` gives the one type that is stored. :class:`RelationTypes` knows how a
type behaves: by what was declared, else by what was learned from the data, else by the built-in
tables.

A statement keeps the type that it was stated with. Declared synonyms are applied when statements
are read, like merges of entities: so it does not matter when one was declared, and it is taken back
by reading without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Self

from graphmem.model import AtATime, Statement, TypeRule
from graphmem.relation_types.tables import (
    ENDING_TYPES,
    EVENT_TYPES,
    FAVOURITE_PREFIX,
    FORMS_OF_WAS,
    GOING_WITH,
    INVERSE_NAMES,
    LEADING_WORDS,
    NORMAL_FORMS,
    OTHER_NAMES,
    PAST_FORMS,
    SINGLE_VALUED_FORM,
    SINGLE_VALUED_TYPES,
    SYMMETRIC_TYPES,
    USUALLY_SINGLE_VALUED,
    WORDS_OF_PAST,
)
from graphmem.text import words_of_name

Target = tuple[str, str]
"""What a statement is about: subject and object (sorted, for a symmetric relation), or ``""`` and
the key of a plain sentence."""


@dataclass(frozen=True, slots=True)
class TypeBehaviour:
    """How a relation type behaves. ``single_valued``: one object at a time; ``symmetric``: it holds
    both ways; ``event``: each date is an occasion of its own; ``may_overlap``: single-valued, but
    two hold at once when one turn says both, or when both are stated with beginning and end."""

    single_valued: bool = False
    symmetric: bool = False
    event: bool = False
    may_overlap: bool = False

    def target(self, statement: Statement) -> Target:
        """The target of the statement."""
        if statement.type is None:
            return ("", statement.sentence_key)
        ends = (statement.subject_id or "", statement.object_key or "")
        return (min(ends), max(ends)) if self.symmetric else ends

    def endpoints(self, target: Target) -> tuple[str, ...]:
        """The entities through which the target can conflict with others: its subject, or both ends
        of a symmetric relation."""
        return tuple(dict.fromkeys(target)) if self.symmetric else target[:1]

    def rivals(self, one: Target, other: Target) -> bool:
        """Whether two targets conflict: they cannot hold at the same time."""
        if not self.single_valued or one == other:
            return False
        return bool(set(one) & set(other)) if self.symmetric else one[0] == other[0]

    def speaks_of(self, statement: Statement, target: Target) -> bool:
        """Whether an end or a withdrawal is about this target. One without an object is about every
        target of its subject."""
        if statement.type is None or statement.object_key is not None:
            return self.target(statement) == target
        return statement.subject_id in (target if self.symmetric else target[:1])


BEHAVED = frozenset(type for type, _ in NORMAL_FORMS.values())
"""The types in the built-in tables."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A type in its normal form. ``swapped``: subject and object have to be swapped. ``past``: the
    word itself says that the relation has ended (it gets an end if none is stated)."""

    type: str
    swapped: bool = False
    past: bool = False


def snake(type: str) -> str:
    """``Works At``, ``worksAt`` and ``WORKS-AT`` as ``works_at``; ``""`` when there is no word."""
    parts = words_of_name(type)
    return "_".join(part.replace("'", "") for part in parts)


def normal(type: str) -> Normal:
    """The normal form of a relation type. One that is in no table stays as it is, in snake case."""
    name = snake(type).replace("favorite", "favourite")
    past = False
    for _ in range(4):  # "has_just_been_..." at the longest
        if name in NORMAL_FORMS:
            found, swapped = NORMAL_FORMS[name]
            return Normal(found, swapped, past and found not in EVENT_TYPES)
        if name in PAST_FORMS:
            return replace(normal(PAST_FORMS[name]), past=True)
        lead = next(
            (p for p in (*WORDS_OF_PAST, *LEADING_WORDS) if name.startswith(p) and name != p), None
        )
        if lead is None or len(name) <= len(lead):
            break
        past = (
            past
            or lead in WORDS_OF_PAST
            or (lead in FORMS_OF_WAS and _stative(name.removeprefix(lead)))
        )
        name = name.removeprefix(lead)
    if name in NORMAL_FORMS:
        found, swapped = NORMAL_FORMS[name]
        return Normal(found, swapped, past and found not in EVENT_TYPES)
    return Normal(name, past=past) if name.startswith(FAVOURITE_PREFIX) else Normal(snake(type))


def named_so(type: str) -> list[tuple[str, bool]]:
    """The names in the tables that :func:`normal` reads as this type, and whether each swaps
    subject and object; the type itself first."""
    same = [(name, False) for name in OTHER_NAMES.get(type, "").split()]
    swapped = [(name, True) for name in INVERSE_NAMES.get(type, "").split()]
    return [(type, False), *same, *swapped]


def _stative(name: str) -> bool:
    """Whether "was …" says that the relation has ended: "was living in" does, "was born in" does
    not."""
    found = NORMAL_FORMS.get(name, (name, False))[0]
    return found not in EVENT_TYPES and found not in {"born_in", "born_on", "founded", "authored"}


def _usually_one(type: str) -> bool:
    return type in USUALLY_SINGLE_VALUED or SINGLE_VALUED_FORM.fullmatch(type) is not None


Because = Literal["declared", "learned", "built_in", "default"]


@dataclass(frozen=True, slots=True)
class Form:
    """A stored type that stands for another; ``swapped``: subject and object are swapped."""

    type: str
    swapped: bool = False


@dataclass(frozen=True, slots=True)
class RelationTypes:
    """How each type behaves. ``declared`` (by the user; True: one object at a time) overrides
    ``learned``, and that the built-in tables."""

    declared: Mapping[str, bool] = field(default_factory=dict)
    learned: Mapping[str, bool] = field(default_factory=dict)
    synonyms: Mapping[str, Form] = field(default_factory=dict)
    """By type, the type that it stands for, which may itself stand for another; never in a
    circle."""
    _forms: Mapping[str, tuple[Form, ...]] = field(init=False, repr=False, compare=False)
    _behaviours: dict[str, TypeBehaviour] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )
    """A cache: the behaviour is needed for each of many statements of a type."""

    def __post_init__(self) -> None:
        forms: dict[str, list[Form]] = {}
        for type in sorted(self.synonyms):
            meant = self.canonical_form(type)
            forms.setdefault(meant.type, [Form(meant.type)]).append(Form(type, meant.swapped))
        object.__setattr__(self, "_forms", {type: tuple(all) for type, all in forms.items()})

    @classmethod
    def ruled(cls, rules: Iterable[TypeRule]) -> Self:
        """Made of what was declared and learned: the last rule of each type."""
        rules = list(rules)
        return cls(
            {r.type: r.declared for r in rules if r.declared is not None},
            {r.type: r.learned for r in rules if r.learned is not None},
            {r.type: Form(r.same_as, r.inverse) for r in rules if r.same_as is not None},
        )

    # Synonyms

    def canonical_form(self, type: str) -> Form:
        """The type that a stored one finally stands for: itself, unless declared otherwise."""
        swapped = False
        while (form := self.synonyms.get(type)) is not None:
            type, swapped = form.type, swapped != form.swapped
        return Form(type, swapped)

    def forms(self, type: str) -> tuple[Form, ...]:
        """The stored types that stand for this type, itself first."""
        return self._forms.get(type) or (Form(type),)

    def read(self, statements: Iterable[Statement]) -> list[Statement]:
        """The statements with synonyms applied. Without an object, a statement keeps its subject
        even if the synonym swaps the two."""
        if not self.synonyms:
            return list(statements)
        return [self._read(s) if s.type in self.synonyms else s for s in statements]

    def _read(self, s: Statement) -> Statement:
        form = self.canonical_form(s.type or "")
        if not form.swapped or s.object_id is None:
            return replace(s, type=form.type)
        return replace(s, type=form.type, subject_id=s.object_id, object_id=s.subject_id)

    # How a type behaves

    def count(self, type: str) -> AtATime:
        """How many objects at a time; ``usually_one`` where that was learned, which allows
        exceptions."""
        return self.explained(type)[0]

    def explained(self, type: str) -> tuple[AtATime, Because]:
        """How many objects at a time, and where that comes from."""
        type = self.canonical_form(type).type
        if type in self.declared:
            return ("one" if self.declared[type] else "many"), "declared"
        if type in self.learned:
            return ("usually_one" if self.learned[type] else "many"), "learned"
        if type in SINGLE_VALUED_TYPES:
            return "one", "built_in"
        if _usually_one(type):
            return "usually_one", "built_in"
        known = type in SYMMETRIC_TYPES or type in EVENT_TYPES or type in NORMAL_FORMS
        return "many", "built_in" if known else "default"

    @staticmethod
    def learnable(type: str, *, one: bool) -> bool:
        """Whether this may be learned of a type: ``one`` object at a time, or several. A type that
        has one by its meaning keeps that; an event may recur, and a symmetric type with one object
        would link everybody to everybody."""
        if one:
            return (
                not _usually_one(type)
                and type not in SINGLE_VALUED_TYPES | EVENT_TYPES | SYMMETRIC_TYPES
            )
        return type not in SINGLE_VALUED_TYPES

    def known(self, type: str) -> bool:
        """Whether the behaviour of a type was declared, learned or built in. An unknown type counts
        as many-valued."""
        ruled = type in self.declared or type in self.learned
        return ruled or type in BEHAVED or _usually_one(type)

    def behaviour(self, type: str | None) -> TypeBehaviour:
        """How the statements of a type (None: plain sentences) are folded."""
        if type is None:
            return TypeBehaviour()
        if (known := self._behaviours.get(type)) is not None:
            return known
        meant = self.canonical_form(type).type
        count = self.count(meant)
        self._behaviours[type] = TypeBehaviour(
            single_valued=count != "many",
            symmetric=meant in SYMMETRIC_TYPES,
            event=count == "many" and meant in EVENT_TYPES,
            may_overlap=count == "usually_one",
        )
        return self._behaviours[type]

    @staticmethod
    def symmetric(type: str) -> bool:
        return type in SYMMETRIC_TYPES

    @staticmethod
    def go_with(type: str) -> Sequence[str]:
        """Types that end between the same two entities when this one ends: each has to be stated as
        an end of its own."""
        return GOING_WITH.get(type, ())

    @staticmethod
    def ends(type: str) -> Sequence[str]:
        """Types that end between the same two entities when this one holds (``divorced_from`` ends
        ``married_to``): each has to be stated as an end of its own."""
        return ENDING_TYPES.get(type, ())
