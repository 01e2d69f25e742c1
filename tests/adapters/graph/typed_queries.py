"""Queries for the fuzz of the console that are well formed, mostly, and ill typed, often: every
function and operator over every kind of value, NULL, empty and nested ones, nodes and paths among
them, through WITH, UNWIND, CASE and aggregates."""

from __future__ import annotations

import random
import re

PARAMETERS: dict[str, object] = {
    "null": None,
    "number": -7,
    "huge": 2**63 - 1,
    "real": 1e308,
    "text": "Ada 1",
    "empty": [],
    "list": ["an1", None],
    "nested": [[], [[1]], {}],
    "map": {"k": None, "j": [{}]},
    "maps": [{}, {"k": "x"}],
}
_AGGREGATES = ("avg", "collect", "count", "max", "min", "sum")
_LITERALS = {
    "text": ("''", "'Ada 1'", "'é'", "'{_ID: 2:0}'", "'2:4'", "$text", "$text"),
    "number": ("1", "-1", "0", "9223372036854775807", "1.5", "$number", "$huge", "$real"),
    "list": ("[]", "[null]", "[1]", "['x', 'an1']", "$empty", "$list", "$nested", "$maps"),
    "map": ("{}", "{k: null}", "{k: 'x'}", "$map"),
    "any": ("null", "null", "true", "[[]]", "[{}]", "$null"),
}
_FORMS = {
    "text": (
        *("upper(<text>)", "lower(<text>)", "left(<text>, <number>)", "right(<text>, <number>)"),
        *("trim(<text>)", "ltrim(<text>)", "rtrim(<text>)", "reverse(<text>)", "<node>.name"),
        *("substring(<text>, <number>, <number>)", "toLower(<text>)", "toUpper(<text>)"),
        *("<text> + <text>", "label(<node>)", "coalesce(<text>, <any>)", "<text>[<number>]"),
        "CASE WHEN <test> THEN <text> ELSE <text> END",
    ),
    "number": (
        *("size(<list>)", "size(<text>)", "abs(<number>)", "ceil(<number>)", "floor(<number>)"),
        *("sqrt(<number>)", "round(<number>, <number>)", "sign(<number>)", "length(<path>)"),
        *("<number> + <number>", "<number> - <number>", "<number> * <number>", "- <number>"),
        *("<number> / <number>", "<number> % <number>", "<number> ^ <number>"),
        "CASE WHEN <test> THEN 1 ELSE 0 END",
        "COUNT { MATCH (a)--(c) WHERE <test> }",
    ),
    "list": (
        *("[<any>]", "[<any>, <any>]", "[<text>, <text>]", "<node>.aliases", "tail(<list>)"),
        *("nodes(<path>)", "rels(<path>)", "keys(<node>)", "<list> + <list>", "<list>[0..1]"),
        *("reverse(<list>)", "coalesce(<list>, <list>)", "[<node>]", "[<list>]", "[<map>]"),
    ),
    "map": ("{k: <any>}", "{k: <node>}", "{k: <map>, j: <list>}", "coalesce(<map>, <map>)"),
    "node": ("<list>[0]", "head(<list>)", "nodes(<path>)[1]", "startNode(<node>)", "<map>.k"),
    "path": ("<path>",),
    "test": (
        *("<any> = <any>", "<text> = <text>", "<text> < <text>", "<any> <> <any>", "true"),
        *("<any> IN <list>", "<text> IN <list>", "<node> IN <list>", "<text> CONTAINS <text>"),
        *("<text> STARTS WITH <text>", "<text> =~ <text>", "<list> = <list>", "<map> = <map>"),
        *("any(x IN <list> WHERE x = <any>)", "single(x IN <list> WHERE x > <any>)"),
        *("all(x IN <list> WHERE <test>)", "none(x IN <list> WHERE x.name = <text>)"),
        *("(<test>) AND <test>", "(<test>) OR <test>", "NOT <test>", "<number> > <number>"),
        "EXISTS { MATCH (a)--(c) WHERE c.id = <text> }",
    ),
}
_PATTERNS = (
    "MATCH (a:Entity)",
    "MATCH (a:Entity)-[r]->(b)",
    "MATCH p = (a:Entity)--(b)",
    "MATCH p = (a)-[r:RELATES]->(b:Entity)",
    "MATCH p = (a:Fact)-[q*1..2]-(b)",
    "MATCH (a:Entity), (b:Fact)",
    "OPTIONAL MATCH (a:Entity {id: 'nobody'})-[r]->(b)",
)


_NAMES = {"node": ("a", "b", "r", "x"), "path": ("p",)}
"""Which names are for which kinds; the others are for any."""
_HOLE = re.compile(r"<(\w+)>")


class TypedQueries:
    """The same queries for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names: list[str] = []

    def pick(self, *options: str) -> str:
        return self.random.choice(options)

    def atom(self, kind: str) -> str:
        """A literal, a parameter or a name; ``x`` where one is known."""
        named = [name for name in self.names if name in _NAMES.get(kind, name)]
        if named and (kind in _NAMES or self.random.random() < 0.5):
            return self.random.choice(named)
        return self.pick(*_LITERALS.get(kind, _LITERALS["any"]))

    def value(self, depth: int = 2, kind: str = "") -> str:
        """A value of a kind, or of another one now and then."""
        if not kind or self.random.random() < 0.06:
            kind = self.pick("text", "number", "list", "map", "node", "path", "any")
        if kind == "any":
            kind = self.pick("any", "any", "text", "number", "list", "map", "node")
        if kind not in _FORMS or kind == "path" or (depth <= 0 and kind != "test"):
            return self.atom(kind)
        if kind != "test" and self.random.random() < 0.35:
            return self.atom(kind)
        form = self.random.choice(_FORMS[kind][:5] if depth < -2 else _FORMS[kind])
        return _HOLE.sub(lambda match: self.value(depth - 1, match.group(1)), form)

    def condition(self) -> str:
        return self.value(1, "test")

    def projected(self, aggregate: bool) -> str:
        if aggregate:
            distinct = self.pick("", "", "DISTINCT ")
            return f"{self.pick(*_AGGREGATES)}({distinct}{self.value(2)})"
        return self.value()

    def query(self) -> str:
        """A query of one to three parts."""
        self.names = []
        text = ""
        if self.random.random() < 0.85:
            pattern = self.pick(*_PATTERNS)
            self.names = [
                name for name in "abrpq" if f"({name}" in pattern or f"[{name}" in pattern
            ]
            self.names += ["p"] * ("p =" in pattern)
            text = pattern + " "
            if self.random.random() < 0.3:
                text += f"WHERE {self.condition()} "
        for step in range(self.random.choice((0, 0, 1, 1, 2, 3))):
            text += self._step(f"v{step}")
        distinct = self.pick("", "", "DISTINCT ")
        aggregate = self.random.random() < 0.3
        items = [f"{self.projected(aggregate)} AS o{i}" for i in range(self.random.randint(1, 2))]
        order = self.pick("", "", "", f" ORDER BY {self.value(1)}", " ORDER BY o0")
        return f"{text}RETURN {distinct}{', '.join(items)}{order}"

    def _step(self, name: str) -> str:
        if self.random.random() < 0.3:
            text = f"UNWIND {self.value(2, 'list')} AS {name} "
            self.names.append(name)
            return text
        kept = self.random.sample(self.names, min(len(self.names), self.random.randint(0, 2)))
        kept = list(dict.fromkeys(kept))
        value = self.projected(self.random.random() < 0.35)
        text = f"WITH {', '.join([*kept, f'{value} AS {name}'])} "
        self.names = [*kept, name, name]
        if self.random.random() < 0.2:
            text += f"WHERE {self.condition()} "
        return text
