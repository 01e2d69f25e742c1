"""Queries for the fuzz of the console: mostly well-formed, mutated mostly to do harm, on data of
two scopes. Written for both dialects; what one of them does not know it refuses."""

from __future__ import annotations

import random
import re

from graphmem.model import Scope
from graphmem.ports.graph import GraphChanges
from graphmem.testing.graph_samples import entity, episode, fact

CANARY = "CANARY"


def world(scope: Scope, prefix: str, word: str) -> GraphChanges:
    """Four episodes, entities and facts, with all their edges; ``word`` is in every text."""
    size = 4
    return GraphChanges(
        episodes=tuple(
            episode(
                f"{prefix}e{i}",
                scope,
                text=f"{word} said {i}",
                previous_id=f"{prefix}e{i - 1}" if i else None,
            )
            for i in range(size)
        ),
        entities=tuple(entity(f"{prefix}n{i}", scope, name=f"{word} {i}") for i in range(size)),
        facts=tuple(
            fact(
                f"{prefix}f{i}",
                f"{prefix}n{i}",
                f"{prefix}n{(i * 3 + 1) % size}",
                scope=scope,
                sources=[f"{prefix}e{i}"],
                supersedes=f"{prefix}f{i - 1}" if i % 2 else None,
                text=f"{word} fact {i}",
            )
            for i in range(size)
        ),
        mentions=tuple((f"{prefix}e{i}", f"{prefix}n{i}") for i in range(size)),
    )


WRITES = (
    "CREATE (:Entity {id: 'x'})",
    "MERGE (x:Entity {id: 'bn1'})",
    "SET a.name = 'x'",
    "SET a += {name: 'x'}",
    "SET a:Store",
    "REMOVE a.name",
    "REMOVE a:Entity",
    "DELETE a",
    "DETACH DELETE a",
    "NODETACH DELETE a",
    "INSERT (:Entity {id: 'x'})",
    "FOREACH (x IN [1] | CREATE (:Entity {id: 'x'}))",
    "CREATE INDEX x FOR (n:Entity) ON (n.name)",
    "CREATE CONSTRAINT x FOR (n:Entity) REQUIRE n.name IS UNIQUE",
    "DROP INDEX graphmem_entity_scope",
    "DROP TABLE Fact",
    "DROP DATABASE neo4j",
    "ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'b'",
    "GRANT ROLE admin TO neo4j",
    "COPY Fact TO '/tmp/x.csv'",
    "CALL { CREATE (:Entity {id: 'x'}) }",
    "CALL { MATCH (x) DETACH DELETE x } IN TRANSACTIONS",
    "CALL db.createLabel('x')",
    "CALL dbms.setConfigValue('a', 'b')",
    "CALL dbms.killQueries(['1'])",
    "CALL apoc.cypher.doIt('CREATE (n)', {}) YIELD value",
    "TERMINATE TRANSACTIONS 'x'",
    "CHECKPOINT",
)

READS = (
    "CALL show_tables() RETURN *",
    "CALL db.labels() YIELD label RETURN label",
    "CALL dbms.components() YIELD name RETURN name",
    "CALL { MATCH (x) RETURN x.name AS y } RETURN y",
    "CALL (a) { MATCH (x) RETURN x.name AS y } RETURN y",
    "LOAD FROM '/etc/passwd' RETURN *",
    "LOAD CSV FROM 'file:///etc/passwd' AS y RETURN y",
    "SHOW DATABASES",
    "SHOW INDEXES YIELD name RETURN name",
    "USE system MATCH (x) RETURN x",
    "USE graph.byName('neo4j') MATCH (x) RETURN x",
    "MATCH (x) USING SCAN x:Entity RETURN x",
    "EXPLAIN MATCH (x) RETURN x",
    "PROFILE MATCH (x) RETURN x",
    "CYPHER 25 MATCH (x) RETURN x",
    "CYPHER runtime=slotted MATCH (x) RETURN x",
)

PATTERNS = (
    "((x)-->(y)){1,3}",
    "(x)-->{1,3}(y)",
    "(x)-->+(y)",
    "(x)-[:RELATES]->*(y)",
    "p = shortestPath((x)-[*..2]-(y))",
    "p = allShortestPaths((x)-[*..3]-(y))",
    "SHORTEST 1 (x)--+(y)",
    "ANY SHORTEST (x)-[*..2]-(y)",
    "ALL SHORTEST (x)-[*..2]-(y)",
    "(x)-[:RELATES* SHORTEST 1..3]->(y)",
    "(x)-[r:RELATES*1..2 (e, n | WHERE e.type = 'knows')]->(y)",
    "(x:%)",
    "(x:!Entity)",
    "(x:Entity|Fact)",
    "(x:Entity&Fact)",
    "(x IS Entity)",
    "(x:$('Entity'))",
    "(x WHERE x.name = 'CANARY 1')",
    "(x $map)",
    "(x)-[r:%]-(y)",
    "(x)-[r:!ABOUT]-(y)",
    "(x)-[r {scope: 'p/user:bob'}]-(y)",
    "(x)-[r*1..2 {scope: 'p/user:bob'}]-(y)",
    "(x)-[r WHERE r.fact = 'CANARY fact 1']-(y)",
    "(x)-[*0..0]-(y)",
    "(x), (y)--(z)",
    "REPEATABLE ELEMENTS (x)-->{2}(y)",
    "TRAIL (x)-->(y)",
)

EXPRESSIONS = (
    "id(a)",
    "elementId(a)",
    "properties(a)",
    "keys(a)",
    "labels(a)",
    "type(r)",
    "a._id",
    "a.*",
    "a {.*}",
    "a {.name, x: 1}",
    "a['name']",
    "a[$name]",
    "exists(a.name)",
    "isEmpty(a.name)",
    "randomUUID()",
    "datetime()",
    "toInteger(a.name)",
    "toString(a.name)",
    "range(1, 3)",
    "reduce(s = '', x IN a.aliases | s + x)",
    "[x IN a.aliases | x]",
    "[x IN nodes(p) | x.name]",
    "[x IN [a] WHERE x.name = 'x' | x.id]",
    "apoc.load.json('file:///etc/passwd')",
    "apoc.cypher.runFirstColumnSingle('MATCH (n) RETURN n', {})",
    "db.nameFromElementId('x')",
    "graph.names()",
    "COUNT { MATCH (x) }",
    "COUNT { (a)--() }",
    "COUNT { MATCH (x:Entity {id: 'bn1'}) WHERE x.name STARTS WITH 'C' }",
    "COUNT { MATCH (x) RETURN x }",
    "COUNT { MATCH (x) WITH x MATCH (y) }",
    "COLLECT { MATCH (x) RETURN x.name }",
    "EXISTS { (x)--(y) }",
    "EXISTS { MATCH (x) RETURN x UNION MATCH (y) RETURN y }",
    "[(x)--(y) | y.name]",
    "[p = (x)--(y) WHERE x.name > 'A' | p]",
    "[(a)--(y:Entity) WHERE size(y.name) > 2 | y.name]",
    "size([(a)-->(x) | 1])",
    "current_setting('threads')",
    "startNode(r).name",
    "endNode(r)",
    "CASE a.name WHEN 'CANARY 1' THEN 1 ELSE 2 END",
    "9223372036854775807 + size(a.name)",
)

SIGNS = (
    "}) MATCH (x) RETURN x //",
    "'",
    '"',
    "`",
    "\\",
    "\\u0027",
    "\\u0060",
    "/*",
    "*/",
    "//",
    "\n",
    ";",
    "; MATCH (x) RETURN x",
    " UNION MATCH (x) RETURN x",
    " UNION ALL MATCH (x:Fact) RETURN x.text AS r",
    "{scope: 'p/user:bob'}",
    "{`scope`: 'p/user:bob'}",
    "scope: 'p/user:bob', ",
    " OR true",
    " OR (x)--(y)",
    ") OR EXISTS { MATCH (x {id: 'bn1'}) } AND (true",
    ") ELSE true END OR (true",
    " LIMIT 3",
    " WITH * WHERE true",
    " MATCH (x)",
    ", (x)",
    ", (x:Entity {id: 'bn1'})",
    "-->(x)",
    "<--()",
    "--",
    "-[*0..2]-",
    "-[*1..3]->",
    "(",
    ")",
    "((x))",
    "[",
    "]",
    "{",
    "}",
    "|",
    "%",
    "&",
    "!",
    ":Store",
    ":Entity:Fact",
    "$__scope",
    "__n1",
    "__x",
    " AS `x",
    "\u00a0",
    "\u2028",
    "\ufeff",
    "ſcope",
    "\0",
)

FAILING = (
    "1 / (CASE WHEN {0} STARTS WITH 'CANARY' THEN 0 ELSE 1 END) > 0",
    "1 % (CASE WHEN {0} STARTS WITH 'CANARY' THEN 0 ELSE 1 END) >= 0",
    "9223372036854775807 + (CASE WHEN {0} CONTAINS 'CANARY' THEN 1 ELSE 0 END) > 0",
    "left('x', CASE WHEN {0} > 'B' THEN -1 ELSE 1 END) = 'x'",
    "substring('x', CASE WHEN {0} > 'B' THEN -1 ELSE 1 END, 1) <> 'q'",
    "sqrt(CASE WHEN {0} > 'B' THEN 'x' ELSE 4 END) > 0",
    "'x' =~ (CASE WHEN {0} > 'B' THEN '[' ELSE '.' END)",
    "(CASE WHEN {0} > 'B' THEN 'text' ELSE true END)",
    "NOT (CASE WHEN {0} > 'B' THEN 'text' ELSE false END)",
    "(CASE WHEN {0} > 'B' THEN 1 ELSE a END).id <> ''",
    "1 IN (CASE WHEN {0} > 'B' THEN 5 ELSE [1] END)",
    "size(CASE WHEN {0} > 'B' THEN 5 ELSE 'x' END) = 1",
    "any(x IN (CASE WHEN {0} > 'B' THEN 5 ELSE [1] END) WHERE x = 1)",
    "1 / (size({0}) - 8) < 2",
    "1 / (size({0}) - 13) < 2",
)
"""Conditions that fail for what Bob has, or for what is of his length, and not for Ada's."""


_OF_PATHS = (
    "any(x IN nodes(p) WHERE x.name = 'CANARY 1')",
    "all(x IN nodes(p) WHERE 1 / (size(x.name) - 8) < 2)",
    "none(x IN relationships(p) WHERE x.fact STARTS WITH 'CANARY')",
)


_PIECE = re.compile(r"'(?:\\\\.|[^'])*'|`[^`]*`|\s+|\w+|.", re.DOTALL)


class Generator:
    """The same queries for the same seed."""

    harm = (*SIGNS, *SIGNS, *EXPRESSIONS, *(f" {t} " for t in (*WRITES, *READS)))

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.bound: set[str] = set()

    def pick(self, *options: str) -> str:
        return self.random.choice(options)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def value(self) -> str:
        """Something of another scope's that a failure could tell."""
        known = {"a.name", "a.text", "a.id + ' 12345'", "b.name", "b.text", "r.fact", "c.content"}
        some = sorted(text for text in known if text[0] in self.bound or self.chance(0.02))
        return self.random.choice(some or ["a.name"])

    def failing(self) -> str:
        return self.random.choice(FAILING).format(self.value())

    def node(self, name: str) -> str:
        label = self.pick("", "", "", ":Entity", ":Entity", ":Fact", ":Episode")
        if self.chance(0.03):
            label = self.pick(":Entity:Fact", ":Entity|Fact", ":Store", ":`Entity`")
        some = self.pick(*sorted(self.bound - {"p", "r"}), "a")
        if name:
            self.bound.add(name)
        properties = self.pick(
            *[""] * 18,
            " {id: 'an1'}",
            " {id: 'bn1'}",
            " {kind: 'person', id: 'bn2'}",
            " {name: $name}",
            " { /* (x) */ id: 'bf1' }",
            f" {{id: {some}.id}}",
            f" {{id: {self.failing()}}}",
        )
        return f"({name}{label}{properties})"

    def edge(self) -> str:
        types = self.pick("", "", "", ":RELATES", ":ABOUT|STATES", ":MENTIONS", ":SUPERSEDES|NEXT")
        length = self.pick("", "", "", "*1..2", "*2")
        name = self.pick("", "r", "r") if "r" not in self.bound else ""
        if name and not length:
            self.bound.add("r")
        inside = name + types + length
        inside = f"[{inside}]" if inside else self.pick("", "[]")
        return self.pick(f"-{inside}->", f"<-{inside}-", f"-{inside}-")

    def path(self, first: str) -> str:
        path = self.node(first)
        for name in ("b", "c")[: self.random.choice([0, 1, 1, 2])]:
            path += self.edge() + self.node(self.pick(name, name, ""))
        return path

    def inner(self) -> str:
        """A pattern inside a condition, which may begin anywhere; its names end with it."""
        return self.inside("{}")

    def inside(self, form: str) -> str:
        """A form with such a pattern in it, and a condition on what it names."""
        before = set(self.bound)
        text = form.format(self.path(self.pick("a", "c", "")), self.failing())
        self.bound = before
        return text

    def condition(self) -> str:
        one = self.pick(
            "a.name CONTAINS 'A'",
            "a.id = 'bn1'",
            "a.id <> 'an1'",
            "a.id IN ['bn1', 'bf1', 'an2']",
            "a.scope <> 'p/user:ada'",
            "a.scope = 'p/user:bob'",
            f"NOT {self.inner()}{self.edge()}{self.node('')}",
            f"(a){self.edge()}{self.node('')}",
            f"EXISTS {{ MATCH {self.inner()} }}",
            f"EXISTS {{ MATCH {self.inner()} WHERE a.id = 'bn1' }}",
            self.inside("EXISTS {{ MATCH {} WHERE {} }}"),
            f"COUNT {{ MATCH {self.inner()} }} > 1",
            self.inside("COUNT {{ MATCH {} WHERE {} }} < 5"),
            "any(x IN a.aliases WHERE x = 'x')",
            *(_OF_PATHS if "p" in self.bound else ()),
            "a.name =~ '.*CANARY.*'",
            *[self.failing()] * 6,
            "'(x)--(y)' <> a.id",
            *(("b.id = 'bn1' OR true",) if "b" in self.bound else ()),
        )
        return one if self.chance(0.85) else f"({one}) {self.pick('AND', 'OR')} {self.failing()}"

    def match(self) -> str:
        text = self.pick("MATCH ", "MATCH ", "OPTIONAL MATCH ")
        if self.chance(0.25) and "p" not in self.bound:
            text += "p = "
            self.bound.add("p")
        text += self.path("a") if self.chance(0.95) else self.pick(*PATTERNS)
        if self.chance(0.1):
            text += ", " + (
                self.node(self.pick("c", "")) if self.chance(0.8) else self.pick(*PATTERNS)
            )
        if self.chance(0.5):
            text += " WHERE " + self.condition()
        return text

    def result(self) -> str:
        return self.pick(
            "RETURN count(*) AS r",
            "RETURN a",
            "RETURN a.name AS r",
            f"RETURN {self.value()} AS r, {self.pick(*sorted(self.bound))} AS s",
            "RETURN *",
            "RETURN collect(a.id) AS r",
            "RETURN DISTINCT labels(a) AS r, count(*) AS n",
            "RETURN min(a.name), max(a.name), sum(size(a.id))",
            f"RETURN CASE WHEN {self.condition()} THEN 1 ELSE 0 END AS r",
            f"RETURN {self.pick(*EXPRESSIONS)} AS r",
            f"RETURN {self.failing()} AS r",
            f"RETURN a.id AS r ORDER BY {self.failing()}, r",
            f"RETURN COUNT {{ MATCH {self.inner()} }} AS r",
            self.inside("RETURN [{}-->(d) WHERE {} | d.id] AS r"),
            "RETURN a.name AS r ORDER BY r DESC LIMIT 3",
            f"WITH * WHERE {self.failing()} RETURN a.id AS r",
            f"WITH a, {self.value()} AS v WHERE {self.condition()} RETURN v AS r",
            f"WITH a ORDER BY a.id WHERE {self.failing()} RETURN count(*) AS r",
            "WITH a AS c MATCH (c)-->(d) RETURN c.id, d",
            f"WITH a AS c MATCH (c)-->(d) WHERE {self.failing()} RETURN c.id, d",
            "WITH a, count(*) AS n WHERE n > 0 RETURN a.id, n",
            "WITH collect(a) AS l UNWIND l AS x RETURN x",
            f"UNWIND a.aliases + [a.id] AS x WITH a, x WHERE {self.failing()} RETURN x",
            f"RETURN a.name AS r UNION MATCH {self.inner()} RETURN 'x' AS r",
        )

    def query(self) -> str:
        self.bound = {"a"}
        text = " ".join(self.match() for _ in range(self.random.choice([1, 1, 1, 2])))
        text = f"{text} {self.result()}"
        if self.chance(0.1):
            text += " " + self.pick(*WRITES, *READS)
        if self.chance(0.06):
            text = f"{self.pick(*WRITES, *READS)} {self.pick('', text)}"
        if self.chance(0.6):
            for _ in range(self.random.randint(1, 3)):
                at = self.random.randrange(len(text) + 1)
                cut = self.random.choice([0, 0, 0, 1, 4])
                text = text[:at] + self.random.choice(self.harm) + text[at + cut :]
        return text

    def spliced(self, query: str, other: str) -> str:
        """The query with some of its words and signs gone, doubled, or taken from another one."""
        pieces, source = _PIECE.findall(query), _PIECE.findall(other)
        for _ in range(self.random.randint(1, 3)):
            at = self.random.randrange(len(pieces) + 1)
            end = at + self.random.choice([0, 1, 1, 2, 4])
            start = self.random.randrange(len(source) + 1)
            new = source[start : start + self.random.choice([0, 1, 2, 4, 8])]
            pieces[at:end] = self.random.choice([new, new, pieces[at:end] * 2])
        return "".join(pieces)
