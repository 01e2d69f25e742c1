"""The filters of reads: checked, with names looked up and types meant, over one view."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from datetime import datetime

from graphmem.engine.present import Present
from graphmem.filters import Filter, ReadKind, Test, Where, parse_filter, tests
from graphmem.filters.tree import both, changed, none_of
from graphmem.lifecycle.policies import unsearched
from graphmem.model import Scope
from graphmem.ports.ledger import LedgerView
from graphmem.relation_types.declare import in_force
from graphmem.relation_types.types import RelationTypes, normal
from graphmem.retrieve.question.filters import resolved
from graphmem.retrieve.view import View


class Filtering(ABC):
    """What a read's ``where`` means in its view."""

    _present: Present

    @property
    @abstractmethod
    def _seen_ledger(self) -> LedgerView:
        """What names are looked up in."""

    @abstractmethod
    def _moment(self, view: View) -> datetime:
        """When a read takes place, for what is relative to that."""

    async def _filtered(
        self, view: View, where: Filter | None, scope: Scope, read: ReadKind = "facts"
    ) -> View:
        """The view with a filter, checked, its names looked up in the scope."""
        tree = None if where is None else parse_filter(where, read)
        if read == "search":
            tree = self._searched(tree)
        if tree is None:
            return view
        meant = await self._with_types_meant(tree, scope)
        ready = await resolved(meant, self._seen_ledger, scope, self._moment(view))
        return replace(view, where=ready)

    def _searched(self, tree: Where | None) -> Where | None:
        """The filter of a search, without the types of memory that are only found by name."""
        hidden = unsearched(self._present.parts.settings.policies)
        if not hidden or (tree is not None and any(t.field == "memory_type" for t in tests(tree))):
            return tree
        return both(tree, none_of(Test("memory_type", "in", hidden)))

    async def _with_types_meant(self, where: Where, scope: Scope) -> Where:
        """The filter with every type that is stored for one that it names."""
        if not any(test.field == "type" and test.values for test in tests(where)):
            return where
        rules = await self._type_rules(scope)

        def put(test: Test) -> Where:
            if test.field != "type" or test.op != "in":
                return test
            stored = (type for value in test.values for type in _stored_for(str(value), rules))
            return replace(test, values=tuple(dict.fromkeys(stored)))

        return changed(where, put)

    async def _types_meant(self, type: str | None, scope: Scope) -> list[str] | None:
        """The types that are stored for this one, however it is written: itself, and what was
        declared to stand for the same."""
        return None if type is None else _stored_for(type, await self._type_rules(scope))

    async def _type_rules(self, scope: Scope) -> RelationTypes:
        found = await self._present.parts.ledger.type_rules(scope.tenant)
        return RelationTypes.ruled(in_force(found.everybodys, found.own))


def _stored_for(type: str, rules: RelationTypes) -> list[str]:
    return [form.type for form in rules.forms(rules.meant(normal(type).type).type)]
