"""A filter made ready for one read: the time of the call put in, names looked up in its scope."""

from __future__ import annotations

from datetime import datetime

from graphmem.clock import stamp
from graphmem.errors import UsageError, shown
from graphmem.filters import FIELDS, Test, Where, tests
from graphmem.filters.tree import at_time, changed
from graphmem.filters.values import in_dates, time_words
from graphmem.model import Scope
from graphmem.ports.ledger import LedgerView
from graphmem.retrieve.question.names import entities_named, entities_partly_named
from graphmem.retrieve.question.time_words import span_of
from graphmem.retrieve.relationships.unknown_names import no_entity

_NAMED = frozenset(field.name for field in FIELDS["facts"].values() if field.holds == "name")


async def resolved(where: Where, ledger: LedgerView, scope: Scope, now: datetime) -> Where:
    """The filter with entities by id: every entity that a name can mean. When nothing is called so,
    one word means everybody with that given name or surname.

    An id or a name that this scope does not hold is :class:`~graphmem.errors.NotFound`.
    """
    wanted = {
        str(value): None for test in tests(where) if test.field in _NAMED for value in test.values
    }
    ids = {value: await _ids(ledger, scope, value) for value in wanted}

    def put(test: Test) -> Where:
        if test.field not in _NAMED or test.op != "in":
            return test
        found = dict.fromkeys(id for value in test.values for id in ids[str(value)])
        return Test(test.field, "in", tuple(found))

    return changed(at_time(_with_dates(where, now), stamp(now)), put)


def _with_dates(where: Where, now: datetime) -> Where:
    """The filter with dates where it has times in words."""

    def put(test: Test) -> Where:
        words = time_words(test)
        if not words:
            return test
        (text,) = words
        span = span_of(text, now)
        if span is None:
            raise UsageError(
                f"where: {test.field}: {shown(text)} is no time that is understood; write for "
                "example last week, since March, between May and July 2024, or 2024-05"
            )
        return in_dates(test, *span)

    return changed(where, put)


async def _ids(ledger: LedgerView, scope: Scope, name_or_id: str) -> list[str]:
    found = await entities_named(ledger, scope, name_or_id) or await entities_partly_named(
        ledger, scope, name_or_id
    )
    if not found:
        raise await no_entity(ledger, scope.tenant, name_or_id, where="where: ")
    return [entity.id for entity in found]
