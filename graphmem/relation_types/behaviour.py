"""How the statements of one relation type bear on each other, and the keys they are compared by."""

from __future__ import annotations

from dataclasses import dataclass

from graphmem.model import Statement
from graphmem.text import text_key, value_key

Target = tuple[str, str]
"""What a statement is about: its subject and object (both ends, sorted, of a symmetric relation),
or its sentence."""


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
        """What the statement is about."""
        if statement.type is None:
            return ("", sentence_key(statement))
        ends = (statement.subject_id or "", object_key(statement) or "")
        return (min(ends), max(ends)) if self.symmetric else ends

    def rivals(self, one: Target, other: Target) -> bool:
        """Whether these two cannot hold at the same time."""
        if not self.single_valued or one == other:
            return False
        return bool(set(one) & set(other)) if self.symmetric else one[0] == other[0]

    def meant(self, statement: Statement, target: Target) -> bool:
        """Whether an end or a withdrawal speaks of this target."""
        if statement.type is None or object_key(statement) is not None:
            return self.target(statement) == target
        return statement.subject_id in (target if self.symmetric else target[:1])


def sentence_key(statement: Statement) -> str:
    """What two wordings of one sentence share."""
    return statement.key if statement.key is not None else text_key(statement.text)


def object_key(statement: Statement) -> str | None:
    """What it states of its subject: an entity's id, or an attribute's value."""
    if statement.object_id is None and statement.value is not None:
        return "=" + value_key(statement.value)
    return statement.object_id
