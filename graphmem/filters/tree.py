"""A filter as a tree of tests, and what it means: :func:`matches` is the reference for all stores.

Every field of a thing has any number of values; a test holds when one of them passes. So there
are two truth values, not three: what has no value passes no test, and ``not`` turns that around.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool
Op = Literal["in", "lt", "lte", "gt", "gte", "exists", "contains"]
Record: TypeAlias = Mapping[str, tuple[Scalar, ...]]
"""The values of a thing by the key of their field (see :attr:`Test.key`). Times are in stored form
(see :mod:`graphmem.clock`)."""

NOW = "now"
"""Stands for the time of the call, until :func:`at_time` says when that is."""
_PATH = "\0"


@dataclass(frozen=True, slots=True)
class Test:
    """``in``: one of the values; ``exists``: there is any; ``contains``: the text has it as a part;
    the others compare with the one value."""

    field: str
    op: Op
    values: tuple[Scalar, ...] = ()
    path: tuple[str, ...] = ()
    """The way into metadata, key by key; empty for every other field."""

    __test__ = False  # nothing that pytest should collect

    @property
    def key(self) -> str:
        return key_of(self.field, self.path)


@dataclass(frozen=True, slots=True)
class And:
    """All of them; of none at all: true."""

    parts: tuple[Where, ...] = ()


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them; of none at all: false."""

    parts: tuple[Where, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    part: Where


Where: TypeAlias = And | Or | Not | Test
TRUE, FALSE = And(), Or()


def key_of(field: str, path: tuple[str, ...] = ()) -> str:
    """A field's name in a record; that of metadata says the path too."""
    return _PATH.join((field, *path))


def both(*parts: Where | None) -> Where | None:
    """All of what is given; None when nothing is."""
    given = [part for part in parts if part is not None]
    return all_of(given) if given else None


def all_of(parts: list[Where]) -> Where:
    """``and``, without what makes no difference."""
    return _joined(And, parts, decisive=FALSE)


def any_of(parts: list[Where]) -> Where:
    """``or``, without what makes no difference."""
    return _joined(Or, parts, decisive=TRUE)


def _joined(kind: type[And | Or], parts: list[Where], *, decisive: Where) -> Where:
    """``parts`` under one ``kind``: nested ones flattened, each once; ``decisive`` settles all."""
    flat: list[Where] = []
    for part in parts:
        flat += part.parts if isinstance(part, kind) else (part,)
    flat = list(dict.fromkeys(flat))
    if decisive in flat:
        return decisive
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def none_of(part: Where) -> Where:
    """``not``."""
    if isinstance(part, Not):
        return part.part
    if part in (TRUE, FALSE):
        return FALSE if part == TRUE else TRUE
    return Not(part)


def tests(where: Where) -> Iterator[Test]:
    """Every test in it, in order."""
    if isinstance(where, Test):
        yield where
    elif isinstance(where, Not):
        yield from tests(where.part)
    else:
        for part in where.parts:
            yield from tests(part)


def changed(where: Where, change: Callable[[Test], Where]) -> Where:
    """The tree with something else in the place of each test, tidied up."""
    if isinstance(where, Test):
        return change(where)
    if isinstance(where, Not):
        return none_of(changed(where.part, change))
    parts = [changed(part, change) for part in where.parts]
    return all_of(parts) if isinstance(where, And) else any_of(parts)


def known(where: Where, **values: tuple[Scalar, ...]) -> Where:
    """The tree where the values of these fields are known: their tests become true or false."""

    def settle(test: Test) -> Where:
        if test.field not in values:
            return test
        return TRUE if matches(test, values) else FALSE

    return changed(where, settle)


def at_time(where: Where, now: str) -> Where:
    """The tree with the time of the call (stored form) in the place of ``now``."""

    def put(test: Test) -> Where:
        if NOW not in test.values:
            return test
        return replace(test, values=tuple(now if v == NOW else v for v in test.values))

    return changed(where, put)


def matches(where: Where, record: Record) -> bool:
    """Whether a thing passes."""
    if isinstance(where, Test):
        return any(_passes(where, value) for value in record.get(where.key, ()))
    if isinstance(where, Not):
        return not matches(where.part, record)
    if isinstance(where, And):
        return all(matches(part, record) for part in where.parts)
    return any(matches(part, record) for part in where.parts)


def _passes(test: Test, value: Scalar) -> bool:
    if test.op == "exists":
        return True
    if test.op == "in":
        return any(same(value, wanted) for wanted in test.values)
    (wanted,) = test.values
    if test.op == "contains":
        return isinstance(value, str) and isinstance(wanted, str) and wanted in value
    order = compare_values(value, wanted)
    if order is None:
        return False
    return {"lt": order < 0, "lte": order <= 0, "gt": order > 0, "gte": order >= 0}[test.op]


def same(a: Scalar, b: Scalar) -> bool:
    """Equality in which ``1``, ``"1"`` and ``true`` differ, and ``1`` and ``1.0`` do not."""
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def compare_values(a: Scalar, b: Scalar) -> int | None:
    """Below, at or above zero; None for what has no order."""
    if isinstance(a, str) and isinstance(b, str):
        return (a > b) - (a < b)
    if isinstance(a, str | bool) or isinstance(b, str | bool):
        return None
    return (a > b) - (a < b)
