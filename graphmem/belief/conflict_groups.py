"""Conflict groups: the statements that can exclude, repeat or end each other.

A group has a key: ``("", sentence key)``; ``(type, subject)`` of a single-valued relation, and when
it is symmetric the same for its other end; ``(type, subject, object)`` of a many-valued one.
Statements without a key in common never touch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from graphmem.model import Statement
from graphmem.ports.ledger import StatementPattern
from graphmem.relation_types.behaviour import TypeBehaviour, object_key, sentence_key
from graphmem.relation_types.types import RelationTypes
from graphmem.text import text_key

GroupKey: TypeAlias = tuple[str, ...]


def group_keys(statement: Statement, behaviour: TypeBehaviour) -> tuple[GroupKey, ...]:
    """The keys of a statement. An end or withdrawal of a many-valued relation that names no object
    stands in ``(type, subject, "")``, which belongs to every group of that type and subject."""
    if statement.type is None or statement.subject_id is None:
        return (("", sentence_key(statement)),)
    subject, object_ = behaviour.target(statement)
    if not behaviour.single_valued:
        if object_key(statement) is None:
            return ((statement.type, statement.subject_id, ""),)
        return ((statement.type, subject, object_),)
    if behaviour.symmetric:
        return tuple((statement.type, end) for end in (subject, object_) if end)
    return ((statement.type, statement.subject_id),)


def text_group(text: str) -> GroupKey:
    """The key of a plain sentence."""
    return ("", text_key(text))


def places_of(key: GroupKey, types: RelationTypes) -> Iterator[StatementPattern]:
    """Where the ledger has the statements of a relation's group, under every type that stands for
    its own."""
    type, *ends = key
    if not type:
        return
    symmetric = types.symmetric(type)
    for form in types.forms(type):
        # Turned, one about no object is still about its subject.
        both = symmetric or form.turned
        if len(ends) == 1 or not ends[1]:
            yield form.type, ends[0], None
            if both:
                yield form.type, None, ends[0]
            continue
        yield form.type, ends[0], ends[1]
        if both:
            yield form.type, ends[1], ends[0]
