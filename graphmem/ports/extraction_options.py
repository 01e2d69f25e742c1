"""What a store, or one call, says about how its episodes are to be extracted."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeAlias

from pydantic import BaseModel

from graphmem.errors import UsageError, shown
from graphmem.text import words_of_name

_LONGEST_INSTRUCTIONS = 8000
_LONGEST_DESCRIPTION = 500
_MOST_TYPES = 100


@dataclass(frozen=True, slots=True)
class TypeGuide:
    """A kind of entity, or a type of relation, and what a model is told about it.

    ``name`` is lower snake case. ``attributes`` are pairs of a name and what it means.
    """

    name: str
    description: str = ""
    attributes: tuple[tuple[str, str], ...] = ()


TypeLike: TypeAlias = str | type[BaseModel] | TypeGuide
"""A type by name; by a Pydantic model, whose name, docstring and fields describe it; or spelt
out."""


@dataclass(frozen=True, slots=True)
class ExtractionOptions:
    """How to extract. Everything left out stays as it is.

    ``instructions`` tell the model what to take down and how to word it; they cannot change the
    form of its answer. ``entity_types`` and ``relation_types`` are preferred to the built-in ones.
    ``prompts`` is a folder with prompt files that take the place of those built in. The rules,
    which ask no model, do not read any of it.

    Raises :class:`~graphmem.errors.UsageError` for what cannot be used.
    """

    instructions: str = ""
    entity_types: Sequence[TypeLike] = ()
    relation_types: Sequence[TypeLike] = ()
    prompts: str | Path | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.instructions, str):
            raise UsageError(f"instructions must be text, got {type(self.instructions).__name__}")
        if len(self.instructions) > _LONGEST_INSTRUCTIONS:
            raise UsageError(
                f"the instructions have {len(self.instructions):,} characters, the limit is "
                f"{_LONGEST_INSTRUCTIONS:,}: every model call carries them"
            )
        kept = {
            "instructions": _clean(self.instructions),
            "entity_types": _guides(self.entity_types, "entity_types"),
            "relation_types": _guides(self.relation_types, "relation_types"),
            "prompts": None if self.prompts is None else str(self.prompts),
        }
        for name, value in kept.items():
            object.__setattr__(self, name, value)

    @property
    def kinds(self) -> tuple[TypeGuide, ...]:
        """``entity_types``, spelt out."""
        return _guides(self.entity_types, "entity_types")

    @property
    def types(self) -> tuple[TypeGuide, ...]:
        """``relation_types``, spelt out."""
        return _guides(self.relation_types, "relation_types")

    def over(self, base: ExtractionOptions) -> ExtractionOptions:
        """These, and for what they leave out those of ``base``: a call's over the store's."""
        return replace(
            self,
            instructions=self.instructions or base.instructions,
            entity_types=self.entity_types or base.entity_types,
            relation_types=self.relation_types or base.relation_types,
            prompts=self.prompts or base.prompts,
        )

    def to_json(self) -> dict[str, Any]:
        """As plain JSON data, to be kept with an episode that may be extracted later."""
        return {
            "instructions": self.instructions,
            "entity_types": [_guide_json(guide) for guide in self.kinds],
            "relation_types": [_guide_json(guide) for guide in self.types],
            "prompts": self.prompts,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What :meth:`to_json` wrote."""
        guides = {
            name: tuple(_guide_from_json(item) for item in data.get(name, ()))
            for name in ("entity_types", "relation_types")
        }
        return cls(instructions=data.get("instructions", ""), prompts=data.get("prompts"), **guides)


def _guide_json(guide: TypeGuide) -> dict[str, Any]:
    return {
        "name": guide.name,
        "description": guide.description,
        "attributes": [list(pair) for pair in guide.attributes],
    }


def _guide_from_json(data: Mapping[str, Any]) -> TypeGuide:
    pairs = tuple((str(name), str(text)) for name, text in data.get("attributes", ()))
    return TypeGuide(data["name"], data.get("description", ""), pairs)


def _guides(given: Sequence[TypeLike], where: str) -> tuple[TypeGuide, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise UsageError(f"{where} must be a list of names or of Pydantic model classes")
    if len(given) > _MOST_TYPES:
        raise UsageError(f"{where} has {len(given)} types, the limit is {_MOST_TYPES}")
    guides = [_guide(item, where) for item in given]
    return tuple({guide.name: guide for guide in guides}.values())


def _guide(item: object, where: str) -> TypeGuide:
    if isinstance(item, TypeGuide):
        return TypeGuide(
            _name(item.name, where),
            _clean(item.description)[:_LONGEST_DESCRIPTION],
            tuple((_name(name, where), _clean(text)) for name, text in item.attributes),
        )
    if isinstance(item, str):
        return TypeGuide(_name(item, where))
    if isinstance(item, type) and issubclass(item, BaseModel):
        # The class's own docstring: a subclass without one would show that of BaseModel.
        doc = inspect.cleandoc(item.__doc__ or "")
        fields = tuple(
            (_name(name, where), _clean(field.description or ""))
            for name, field in item.model_fields.items()
        )
        return TypeGuide(_name(item.__name__, where), _clean(doc)[:_LONGEST_DESCRIPTION], fields)
    raise UsageError(f"{where}: {shown(item)} is neither a name nor a Pydantic model class")


def _name(name: str, where: str) -> str:
    """``FamilyMember`` and ``family member`` as ``family_member``."""
    parts = words_of_name(name)
    if not parts or len(parts) > 8:
        raise UsageError(f"{where}: {shown(name)} cannot be the name of a type")
    return "_".join(part.replace("'", "") for part in parts)


def _clean(text: str) -> str:
    """Text on printable characters and line breaks only."""
    lines = ("".join(c for c in line if c.isprintable()) for line in text.splitlines())
    return "\n".join(line.rstrip() for line in lines).strip()
