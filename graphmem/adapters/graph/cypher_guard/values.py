"""What a value could hold, as far as the guard has to know it: nodes and edges, and how much.

- A node made into text shows the engine's own id of it, which counts the rows of every scope. So a
  value that holds one may be returned, compared with its like, taken apart and counted, and not
  be used where a text could be made of it.
- A text that is put together with itself in thirty ``WITH`` is a thousand million of it. So each
  value has a weight: of how many others it is put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, NoReturn

from graphmem.errors import UsageError

Holding = Literal["nothing", "plain", "node", "edge", "path", "nodes", "edges", "hops", "mixed"]
"""``nothing``: NULL. ``nodes``: a list of them. ``hops``: the edges of
``-[r*1..2]-``, which are no list to Kuzu. ``mixed``: a map, or a list of anything else, that
has a node or an edge somewhere inside."""

_MOST_OF_ONE = 100
_MOST_OF_ALL = 1_000
_MANY = 10
"""The weight of a list whose length is not in the query."""
_INSIDE: Mapping[Holding, Holding] = MappingProxyType(
    {"nodes": "node", "edges": "edge", "hops": "edge"}
)
_LISTS: Mapping[Holding, Holding] = MappingProxyType({"node": "nodes", "edge": "edges"})


@dataclass(frozen=True, slots=True)
class HeldValue:
    """One value."""

    holding: Holding = "plain"
    weight: float = 1

    @property
    def is_plain(self) -> bool:
        return self.holding in ("nothing", "plain")


NO_VALUE = HeldValue("nothing")
PLAIN = HeldValue()
LITERAL = HeldValue(weight=0.05)  # all of a query's together are not much


def variable(kind: str) -> HeldValue:
    """What a variable of a pattern holds."""
    holdings: Mapping[str, Holding] = {"node": "node", "edge": "edge", "edges": "hops"}
    return HeldValue(holdings.get(kind, "path"), _MANY if kind in ("edges", "path") else 1)


def grown(values: Iterable[HeldValue], holding: Holding) -> HeldValue:
    """A value put together from others. UsageError when it has become too much."""
    weight = sum(value.weight for value in values)
    if weight > _MOST_OF_ONE:
        raise UsageError(
            f"Cypher: a value is put together from more than {_MOST_OF_ONE} others, which could "
            "take all memory: put fewer together, or return them one by one"
        )
    return HeldValue(holding, weight)


def check_row(values: Iterable[HeldValue]) -> None:
    """UsageError when the values of one row are too much together."""
    if sum(value.weight for value in values) > _MOST_OF_ALL:
        raise UsageError(
            f"Cypher: a row is put together from more than {_MOST_OF_ALL} values: return less"
        )


def only_plain(value: HeldValue, where: str) -> None:
    """UsageError for a value that holds a node or an edge."""
    if not value.is_plain:
        raise UsageError(
            f"Cypher: {where} takes no node, edge or path, nor what holds one: name a property of "
            "it, as in a.id"
        )


def same_holding(values: Iterable[HeldValue], where: str) -> Holding:
    """What values hold that take each other's place; UsageError for a node beside something else,
    of which an engine makes texts to have one type: two maps with other keys, or other kinds of
    nodes in them, are something else to it."""
    known = [value.holding for value in values if value.holding != "nothing"]
    if len(set(known)) > 1 or known.count("mixed") > 1:
        _refuse_mixture(where)
    return known[0] if known else "nothing"


def _refuse_mixture(where: str) -> NoReturn:
    raise UsageError(
        f"Cypher: {where} has nodes, edges or paths beside something else: name a property of "
        "each, as in a.id"
    )


def list_of(values: list[HeldValue]) -> HeldValue:
    """``[…, …]``."""
    holding = same_holding(values, "a list")
    return grown(values, holding if holding in ("nothing", "plain") else _in_list(holding))


def _in_list(holding: Holding) -> Holding:
    return _LISTS.get(holding, holding if holding in ("nothing", "plain") else "mixed")


def mapped_to(values: list[HeldValue]) -> HeldValue:
    """``{key: …}``."""
    plain = all(value.is_plain for value in values)
    return grown(values, "plain" if plain else "mixed")


def item_of(value: HeldValue) -> HeldValue:
    """One item of a list, or what stands at a key of a map."""
    return replace(value, holding=_INSIDE.get(value.holding, value.holding))


def property_of(value: HeldValue) -> HeldValue:
    """``a.name``."""
    if value.holding in ("node", "edge"):
        return PLAIN
    return value


def reckoned(sign: str, left: HeldValue, right: HeldValue) -> HeldValue:
    """``left + right`` and the like."""
    if sign != "+" or (left.is_plain and right.is_plain):
        for value in (left, right):
            only_plain(value, f"{sign!r}")
    elif "node" in (left.holding, right.holding) or "edge" in (left.holding, right.holding):
        only_plain(HeldValue("mixed"), "'+'")
    holding = same_holding((left, right), f"{sign!r}")
    if sign != "+":
        return HeldValue(holding, max(left.weight, right.weight))
    return grown((left, right), holding)


def of_each(source: HeldValue, item: HeldValue) -> HeldValue:
    """``[x IN source | item]``: as long as the source, of such items."""
    weight = max(source.weight, _MANY) * item.weight
    return grown([HeldValue("plain", weight)], _in_list(item.holding))


_GIVES: Mapping[str, HeldValue] = MappingProxyType(
    {
        "count": PLAIN,
        "length": PLAIN,
        "size": PLAIN,
        **dict.fromkeys(("nodes",), HeldValue("nodes", _MANY)),
        **dict.fromkeys(("rels", "relationships"), HeldValue("edges", _MANY)),
        **dict.fromkeys(("startnode", "endnode"), HeldValue("node")),
        **dict.fromkeys(("labels", "label", "type", "keys"), PLAIN),
    }
)
"""What these functions give, whatever they are given."""
_FOR_LISTS = ("head", "last", "tail", "size", "length")
_FOR_ONE = ("labels", "label", "type", "keys")


def called(name: str, given: list[HeldValue]) -> HeldValue:
    """What a function gives, by its name in lower case. UsageError when it could make a text of a
    node."""
    first = given[0] if given else PLAIN
    one = first.holding in ("node", "edge")
    if (name in _FOR_LISTS and one) or (name in _FOR_ONE and not one):
        only_plain(first, f"{name}( )")
    if name in _GIVES:
        return _GIVES[name]
    if name == "collect":
        return HeldValue(_in_list(first.holding), max(_MANY, first.weight))
    weight = max((value.weight for value in given), default=1)
    if name == "coalesce":
        return HeldValue(same_holding(given, "coalesce( )"), weight)
    if name in _FOR_LISTS:
        return first if name == "tail" else item_of(first)
    for value in given:
        only_plain(value, f"{name}( )")
    return HeldValue("plain", weight)
