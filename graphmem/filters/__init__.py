"""The filter language of every read: :mod:`graphmem.filters.reading` parses its text form and
:mod:`graphmem.filters.data` its data form, both into the checked tree of
:mod:`graphmem.filters.tree`. How a store runs a filter is its adapter's work, not done here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from graphmem.errors import UsageError
from graphmem.filters.data import as_data, as_text, parse_data
from graphmem.filters.fields import FIELDS, Field, ReadKind
from graphmem.filters.reading import parse_text
from graphmem.filters.tree import And, Not, Or, Record, Test, Where, matches, tests
from graphmem.limits import FILTER_CHARACTERS, FILTER_TESTS, FILTER_VALUES

Filter: TypeAlias = str | Mapping[str, Any]


def parse_filter(where: Filter, read: ReadKind = "search") -> Where | None:
    """A filter in either form as a tree; None for an empty one.

    :class:`~graphmem.errors.UsageError` says what is wrong and where, names what is spelt alike,
    and refuses fields that the read does not have.
    """
    if isinstance(where, str):
        if len(where) > FILTER_CHARACTERS:
            raise UsageError(
                f"where has {len(where):,} characters, the limit is {FILTER_CHARACTERS:,}"
            )
        tree = parse_text(where, read) if where.strip() else None
    elif isinstance(where, Mapping):
        tree = parse_data(where, read) if where else None
    else:
        raise UsageError(f"where must be text or a mapping, got {type(where).__name__}")
    if tree is not None:
        found = list(tests(tree))
        if len(found) > FILTER_TESTS:
            raise UsageError(f"where has {len(found)} tests, the limit is {FILTER_TESTS}")
        if (count := sum(len(test.values) for test in found)) > FILTER_VALUES:
            raise UsageError(f"where has {count} values, the limit is {FILTER_VALUES:,}")
    return tree


__all__ = [
    "FIELDS", "And", "Field", "Filter", "Not", "Or", "ReadKind", "Record", "Test", "Where",
    "as_data", "as_text", "matches", "parse_filter", "tests",
]  # fmt: skip
