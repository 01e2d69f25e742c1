"""What differs between the databases for the guard: one class each, and nowhere an ``if``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from graphmem.adapters.graph.cypher_guard.evaluation_order import EvaluationOrder
from graphmem.adapters.graph.cypher_guard.lexer import CypherToken
from graphmem.adapters.graph.cypher_guard.patterns import SCOPE_PARAMETER, scoped_at
from graphmem.adapters.graph.cypher_guard.syntax import Variable
from graphmem.errors import UsageError

Insertion = tuple[int, str]
"""A place in the text, and what is to be put in there."""


class Dialect:
    """A database that evaluates the scope of a pattern before anything that is asked of it.

    ``instead`` names functions of other dialects, with what to write here. Each is refused with
    that, and whatever else a database does not know it refuses itself.
    """

    name = "Cypher"
    instead: Mapping[str, str] = MappingProxyType({})

    def barriers(
        self, order: EvaluationOrder, tokens: Sequence[CypherToken]
    ) -> Iterator[Insertion]:
        """What makes the database evaluate in that order, where it would not by itself.

        :class:`~graphmem.errors.UsageError` for what no barrier can be put around.
        """
        del order, tokens
        return iter(())


class Kuzu(Dialect):
    """Kuzu and ladybug. They filter where they scan, in the order in which it is written, and the
    properties of a pattern come first; the fuzz tests hold them to it, failures included."""

    name = "Kuzu"
    instead = MappingProxyType({"type": "r.type for the kind of relation, or label(r)"})


class Neo4j(Dialect):
    """Neo4j plans by cost. Seen on 5.26: the WHERE of a ``WITH *`` moves into the same filter as
    the scope of the MATCH before it, and predicates of one filter are sorted by what they cost.
    So nothing that can fail is left where the planner could move it:

    - a WHERE that can fail goes into a CASE, which is evaluated branch by branch, behind the
      scopes of every variable that it could read;
    - the WHERE of a WITH goes behind a LIMIT (of all rows there can be), over which no filter may
      be moved;
    - what a pattern's properties are compared with must be plain.

    The database may be another application's too, whose edges reach our nodes: the steps of a path
    of variable length, whose nodes no pattern names, get the scope each.

    Projections, aggregates and ORDER BY are evaluated on rows of complete patterns only, or of
    such parts of them as have both ends of every edge filtered already.
    """

    name = "Neo4j"
    instead = MappingProxyType(
        {
            "label": "head(labels(n)) for a node, type(r) for an edge",
            "rels": "relationships(p)",
        }
    )
    _all_rows = 2**63 - 1

    def barriers(
        self, order: EvaluationOrder, tokens: Sequence[CypherToken]
    ) -> Iterator[Insertion]:
        """See the class."""
        if order.risky_map:
            raise UsageError(
                "Cypher: the properties in a pattern are compared with literals, parameters and "
                "properties of what the same MATCH names, and the scope is put in for you; all "
                "else goes after WHERE"
            )
        missing: dict[int, str] = {}
        for predicate in order.predicates:
            if not predicate.harmless:
                yield predicate.start, f"CASE WHEN {_inside(predicate.variables)} THEN ("
                yield predicate.end, ") ELSE false END"
                for name in predicate.variables:
                    if name.missing_at is not None:
                        missing[name.missing_at] = name.written
        if missing and order.returns_all:
            raise UsageError("Cypher: with RETURN *, name at least one node of every path")
        yield from missing.items()
        yield from scoped_at(tokens, order.lengths)
        for where in order.horizons:
            yield where, f"LIMIT {self._all_rows} "


def _inside(variables: Iterable[Variable]) -> str:
    return " AND ".join(_CONDITIONS[v.kind].format(v.written) for v in variables)


_EACH = f"all(__x IN {{}} WHERE __x.scope = ${SCOPE_PARAMETER})"
_CONDITIONS = {
    "node": f"{{}}.scope = ${SCOPE_PARAMETER}",
    "edge": f"{{}}.scope = ${SCOPE_PARAMETER}",
    "edges": _EACH,
    "path": _EACH.replace("{}", "nodes({})"),
}

KUZU = Kuzu()
NEO4J = Neo4j()
