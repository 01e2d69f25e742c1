"""The guard: what it lets through, where it puts the scope, what it refuses and why."""

from __future__ import annotations

import re

import kuzu
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphmem.adapters.graph.cypher_guard.guard import guard
from graphmem.errors import UsageError

S = "scope: $__scope"


def guarded(query: str, tenant: str | None = "w", **parameters: object) -> str:
    names = dict.fromkeys(re.findall(r"\$([a-z]\w*)", query), 1)
    return guard(query, {**names, **parameters}, tenant=tenant, max_rows=9, timeout_s=1).text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("RETURN 1", "RETURN 1 LIMIT 10"),
        ("RETURN 1;", "RETURN 1 LIMIT 10"),
        ("MATCH () RETURN 1", f"MATCH ( {{{S}}}) RETURN 1 LIMIT 10"),
        ("MATCH (a) RETURN a LIMIT 3", f"MATCH (a {{{S}}}) RETURN a LIMIT 3"),
        ("MATCH (a) RETURN a SKIP 3", f"MATCH (a {{{S}}}) RETURN a SKIP 3"),
        ("match (a:Entity) return a", f"match (a:Entity {{{S}}}) return a LIMIT 10"),
        (
            "MATCH (a:Fact {type: $t, text: '}'}) RETURN a LIMIT 1",
            f"MATCH (a:Fact {{{S}, type: $t, text: '}}'}}) RETURN a LIMIT 1",
        ),
        (
            "MATCH (a)-[r:RELATES*1..3]->(b)<--(c), (d) RETURN * LIMIT 1",
            f"MATCH (a {{{S}}})-[r:RELATES*1..3]->(b {{{S}}})<--(c {{{S}}}), (d {{{S}}}) "
            "RETURN * LIMIT 1",
        ),
        (
            "MATCH p = (a), q = (b)--(c) RETURN p LIMIT 1",
            f"MATCH p = (a {{{S}}}), q = (b {{{S}}})--(c {{{S}}}) RETURN p LIMIT 1",
        ),
        (
            "MATCH (a) WHERE (a)-->() AND NOT (a)<-[:ABOUT]-(b) RETURN a LIMIT 1",
            f"MATCH (a {{{S}}}) WHERE (a {{{S}}})-->( {{{S}}}) AND NOT (a {{{S}}})<-[:ABOUT]-"
            f"(b {{{S}}}) RETURN a LIMIT 1",
        ),
        (
            "MATCH (a) WHERE EXISTS { MATCH (a)-->(b), (c) WHERE b.id = 'x' } RETURN a LIMIT 1",
            f"MATCH (a {{{S}}}) WHERE EXISTS {{ MATCH (a {{{S}}})-->(b {{{S}}}), (c {{{S}}}) "
            "WHERE b.id = 'x' } RETURN a LIMIT 1",
        ),
        (
            "MATCH (a) WHERE EXISTS { (a)-->(b) } RETURN [(a)--(c) | c.id] LIMIT 1",
            f"MATCH (a {{{S}}}) WHERE EXISTS {{ (a {{{S}}})-->(b {{{S}}}) }} "
            f"RETURN [(a {{{S}}})--(c {{{S}}}) | c.id] LIMIT 1",
        ),
        (
            "MATCH (a) RETURN '(b)--(c)', \"(d)\" AS `(e)-->(f)` /* (g)-->(h) */ LIMIT 1 // (i)",
            f"MATCH (a {{{S}}}) RETURN '(b)--(c)', '(d)' AS `(e)-->(f)` LIMIT 1 ",
        ),
        (
            "MATCH (a) RETURN (a.importance - (1)) * 2 LIMIT 1",
            f"MATCH (a {{{S}}}) RETURN (a.importance - (1)) * 2 LIMIT 1",
        ),
        (
            "MATCH (a) WITH a AS `b` MATCH (`b`) RETURN `b` LIMIT 1",
            f"MATCH (a {{{S}}}) WITH a AS `b` MATCH (`b` {{{S}}}) RETURN `b` LIMIT 1",
        ),
        (
            "MATCH (a) RETURN a.id UNION MATCH (b) RETURN b.id",
            f"MATCH (a {{{S}}}) RETURN a.id UNION MATCH (b {{{S}}}) RETURN b.id",
        ),
        (
            "MATCH (a) RETURN 'it\\'s \\u0041\\n' LIMIT 1",
            f"MATCH (a {{{S}}}) RETURN 'it\\'s A\n' LIMIT 1",
        ),
        (
            "MATCH (a) WHERE a.text =~ ('x.*') RETURN label(a) LIMIT 1",
            f"MATCH (a {{{S}}}) WHERE a.text =~ ('x.*') RETURN label(a) LIMIT 1",
        ),
    ],
)
def test_the_scope_goes_into_every_node(query: str, expected: str) -> None:
    assert guarded(query) == expected


def test_without_a_tenant_nothing_is_put_in_but_it_still_only_reads() -> None:
    assert guarded("MATCH (a:Store) RETURN a LIMIT 1", None) == "MATCH (a:Store) RETURN a LIMIT 1"
    for query in ("MATCH (a) SET a.x = 1", "CALL show_tables() RETURN *", "MATCH (a) DELETE a"):
        with pytest.raises(UsageError):
            guarded(query, None)


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (a) WHERE " + "NOT (" * 20 + "a.id = 'x'" + ")" * 20 + " RETURN a",
        "MATCH (a) WHERE "
        + " OR ".join(f"(a.id = '{i}' AND a.x = 1)" for i in range(90))
        + " RETURN a",
        "RETURN " + "[" * 20 + "1" + "]" * 20,
        "RETURN " + "CASE WHEN true THEN " * 20 + "1" + " END" * 20,
        "MATCH (a) WHERE " + "EXISTS { MATCH (a)--(b) WHERE " * 8 + "true" + "}" * 8 + " RETURN a",
    ],
)
def test_nesting_is_parsed_in_reasonable_work(query: str) -> None:
    assert guarded(query).endswith("LIMIT 10")


def test_what_would_take_too_much_work_is_refused() -> None:
    with pytest.raises(UsageError, match="too long or too deeply nested"):
        guarded("RETURN " + " + ".join("((1))" for _ in range(2400)))


def test_parameters() -> None:
    let = guard(
        "RETURN $a, $b", {"a": "x", "b": [1, {"c": None}]}, tenant="w", max_rows=9, timeout_s=1
    )
    assert let.parameters == {"a": "x", "b": [1, {"c": None}]}
    let = guard("MATCH (n) RETURN n", {}, tenant="w", max_rows=9, timeout_s=1)
    assert let.parameters == {"__scope": "w"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [(1 << 63, "64 bits"), ("\ud800", "surrogate"), (object(), "object"), ({1: 2}, "keys")],
)
def test_parameters_that_no_engine_takes(value: object, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        guarded("RETURN $a", a=value)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "empty"),
        ("// nothing", "empty"),
        (";", "empty"),
        ("MATCH (a) RETURN a; MATCH (b) RETURN b", "one statement"),
        ("CREATE (a)", "begins with"),
        ("EXPLAIN MATCH (a) RETURN a", "begins with"),
        ("PROFILE MATCH (a) RETURN a", "begins with"),
        ("CALL show_tables() RETURN *", "begins with"),
        ("COPY Fact TO 'x.csv'", "begins with"),
        ("LOAD FROM 'x.csv' RETURN *", "begins with"),
        ("INSTALL httpfs", "begins with"),
        ("ATTACH 'x' AS y", "begins with"),
        ("MATCH (a) SET a.name = 'x' RETURN a", "SET is refused"),
        ("MATCH (a) REMOVE a.name", "REMOVE is refused"),
        ("MATCH (a) DETACH DELETE a", "DETACH is refused"),
        ("MATCH (a) CREATE (b)", "CREATE is refused"),
        ("MATCH (a) mErGe (b) RETURN b", "MERGE is refused"),
        ("MATCH (a) CALL db.labels() YIELD label RETURN label", "CALL is refused"),
        ("MATCH (a) LOAD FROM 'x' RETURN *", "LOAD is refused"),
        ("UNWIND [1] AS x FOREACH (y IN [1] | SET x.a = 1)", "FOREACH is refused"),
        ("MATCH (a) RETURN id(a)", "function id is not"),
        ("MATCH (a) RETURN offset(id(a))", "function offset is not"),
        ("MATCH (a) RETURN `id`(a)", "function id is not"),
        ("RETURN apoc.load.json('x')", "function json is not"),
        ("RETURN current_setting('threads')", "not on the list"),
        ("RETURN range(1, 1000000000)", "range is not"),
        ("MATCH (a) RETURN cast(a.name AS INT64)", "cast is not"),
        ("MATCH (a:Store) RETURN a", "no label or type 'Store'"),
        ("MATCH (a:`Store`) RETURN a", "no label or type 'Store'"),
        ("MATCH (a:entity) RETURN a", "no label or type 'entity'"),
        ("MATCH (a)-[:KNOWS]->(b) RETURN a", "no label or type 'KNOWS'"),
        ("MATCH (a {scope: 'x'}) RETURN a", "put in for you"),
        ("MATCH (a {name: 'x', `SCOPE`: 'x'}) RETURN a", "put in for you"),
        ("MATCH (a $map) RETURN a", "Cypher"),
        ("MATCH (a WHERE a.id = 'x') RETURN a", "not accept"),
        ("MATCH (a)-[r WHERE r.type = 'x']->(b) RETURN a", "not accept"),
        ("MATCH ((a)-->(b)) RETURN a", "Cypher"),
        ("MATCH (a)-(b) RETURN a", "not certain"),
        ("MATCH (a)<-(b) RETURN a", "not certain"),
        ("MATCH (a) RETURN 1 --(a.importance)", "not certain"),
        ("MATCH (a:Entity&Fact) RETURN a", "'&' is not understood"),
        ("MATCH (a:!Entity) RETURN a", "'!' is not understood"),
        ("MATCH (a) RETURN a.*", "name the properties"),
        ("MATCH (a) RETURN a._id", "no property is called _id"),
        ("MATCH (a) RETURN a.`_id`", "no property is called _id"),
        ("MATCH (a) RETURN COUNT { } AS n", "Cypher"),
        ("MATCH (a) RETURN COUNT { MATCH (b:Store) } AS n", "no label or type 'Store'"),
        ("MATCH (__a) RETURN __a", "reserved"),
        ("MATCH (a) RETURN 1 AS `__n1`", "reserved"),
        ("RETURN $__scope", "reserved"),
        ("RETURN 'open", "does not end"),
        ("RETURN 1 /* open", "does not end"),
        ("RETURN '\\q'", "escape"),
        ("RETURN '\\u12'", "Unicode escape"),
        ("MATCH (a) RETURN \\u0061", "not understood"),
        ("MATCH (`a``b`) RETURN 1", "backtick"),
        ("MATCH (`a\nb`) RETURN 1", "backticks"),
        ("MATCH\u00a0(a) RETURN a", "not understood"),
        ("MATCH (a) RETURN а", "not understood"),  # a Cyrillic letter
        ("MATCH (a RETURN a", "not"),
        ("MATCH (a]) RETURN a", "Cypher"),
        ("RETURN " + "(" * 40 + "1" + ")" * 40, "deep"),
        ("RETURN '" + "x" * 30_000 + "'", "characters"),
        ("MATCH (a)-[:RELATES* SHORTEST 1..3]->(b) RETURN a", "Cypher"),
        ("MATCH p = shortestPath((a)-[*]-(b)) RETURN p", "Cypher"),
    ],
)
def test_what_is_refused_and_why(query: str, reason: str) -> None:
    with pytest.raises(UsageError, match=re.escape(reason) if "'" in reason else reason):
        guarded(query)


@pytest.mark.parametrize(
    "expression",
    [
        "upper([a])",
        "toLower({k: [a]})",
        "reverse(nodes(p))",
        "left(CASE WHEN true THEN [a] ELSE NULL END, 9)",
        "size(trim([r]))",
        "substring(collect(a), 1, 9)",
        "CASE WHEN true THEN [a] ELSE 'x' END",
        "CASE a WHEN 'x' THEN 1 END",
        "coalesce({k: a}, 'x')",
        "coalesce(a, r)",
        "coalesce({k: a}, {k: r})",
        "CASE WHEN true THEN {k: a} ELSE {k: a, j: 1} END",
        "[{k: a}, {j: a}]",
        "{k: a} = {j: a}",
        "[a, 'x']",
        "[[a], ['x']]",
        "'x' + a",
        "['x'] + [a]",
        "[a] = 'x'",
        "[a] = $x",
        "{k: a} < {k: a}",
        "a.name IN [a]",
        "a IN ['x']",
        "'x' CONTAINS [a]",
        "a.name STARTS WITH {k: a}",
        "any(x IN [a] WHERE x = 'x')",
        "single(x IN [r] WHERE x > r)",
        "min([a])",
        "a['_ID']",
        "{k: a}[a]",
        "lower([(a)--(c) | c])",
        "lower([x IN [a] | x])",
        "toLower(head([[a]]))",
    ],
)
@pytest.mark.parametrize("form", ["RETURN {}", "WITH a, {} AS y RETURN y", "RETURN 1 ORDER BY {}"])
def test_nothing_makes_a_text_of_a_node(expression: str, form: str) -> None:
    with pytest.raises(UsageError, match="node"):
        guarded(f"MATCH p = (a)-[r]->(b) {form.format(expression)}")


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (a) WITH [a] AS l WITH l AS m RETURN upper(m)",
        "MATCH (a) WITH collect({k: a}) AS l UNWIND l AS x RETURN upper(x)",
        "MATCH (a) WITH {k: {j: a}} AS m RETURN upper([m.k.j])",
        "MATCH (a) WHERE EXISTS { MATCH (b) WHERE upper([a]) = 'x' } RETURN 1",
        "MATCH (a) RETURN COUNT { MATCH (b {id: [a]}) } AS n",
        "MATCH (a) RETURN a ORDER BY a",
        "MATCH (a)-[r*1..2]-(b) RETURN upper(r)",
        "MATCH p = (a)-[r*1..2]-(b) RETURN coalesce(r, rels(p))",
        "MATCH (a) WITH a AS `x y` RETURN upper([`x y`])",
        "RETURN 1 AS x UNION MATCH (x) RETURN upper([x]) AS x",
    ],
)
def test_a_node_is_followed_through_the_query(query: str) -> None:
    with pytest.raises(UsageError, match="node"):
        guarded(query)


@pytest.mark.parametrize(
    "query",
    [
        "MATCH p = (a)-[r]->(b) RETURN a, r, p, [a, b], {k: a, n: 1}, nodes(p)[0].name, size([a])",
        "MATCH p = (a)-[r]->(b) WHERE a <> b AND a IN nodes(p) AND r = r RETURN upper(a.name)",
        "MATCH (a) WITH a.name AS a RETURN upper(a) ORDER BY a",
        "MATCH (a) RETURN a.name AS a ORDER BY a",
        "MATCH (a) RETURN collect(a) + collect(a), head(collect(a)).name + 'x', coalesce(a, null)",
        "MATCH (a) WITH {k: a} AS m RETURN m.k.name AS x",
        "MATCH (a)-[r*1..2]-(b) WHERE all(x IN r WHERE x.type = 'knows') RETURN size(r), r[0].type",
        "MATCH (a) RETURN labels(a), keys(a), count(a), count(DISTINCT a)",
        "MATCH (a) WHERE EXISTS { MATCH (b) WHERE b.name = upper(a.name) } RETURN DISTINCT a",
        "MATCH (a) WHERE a.id IN [" + ", ".join(f"'{i}'" for i in range(600)) + "] RETURN a",
        "UNWIND ['x'] AS a RETURN upper(a) UNION MATCH (a) RETURN a.id AS a",
    ],
)
def test_what_a_node_is_good_for(query: str) -> None:
    assert guarded(query)


@pytest.mark.parametrize("value", ["'abcdefgh'", "$x", "a.name", "[1, 2]", "[a]", "{k: a}"])
@pytest.mark.parametrize(
    "sum", ["s + s", "[s, s]", "{k: s, j: s}", "CASE WHEN true THEN [s, s] END"]
)
def test_nothing_grows_without_end(value: str, sum: str) -> None:
    doubled = f"WITH {sum} AS s " * 24
    with pytest.raises(UsageError, match=r"put together from more|node"):
        guarded(f"MATCH (a) WITH {value} AS s {doubled} RETURN size(s)")


def test_a_row_and_the_parameters_have_an_end() -> None:
    long = " + ".join(["a.name"] * 90)
    with pytest.raises(UsageError, match="a row is put together"):
        guarded(f"MATCH (a) WITH {long} AS s RETURN " + ", ".join(["s"] * 12))
    with pytest.raises(UsageError, match="the parameters have 2,000,"):
        guarded("RETURN size($x)", x="x" * 2_000_000)


@pytest.mark.parametrize(
    ("rows", "seconds"), [(0, 1.0), (-1, 1.0), (True - 1, 1.0), (1, 0.0), (1, float("nan"))]
)
def test_limits_that_make_no_sense(rows: int, seconds: float) -> None:
    with pytest.raises(UsageError, match="must be"):
        guard("RETURN 1", {}, tenant="w", max_rows=rows, timeout_s=seconds)


@pytest.fixture(scope="module")
def connection() -> kuzu.Connection:
    return kuzu.Connection(
        kuzu.Database(":memory:", buffer_pool_size=64 << 20, max_db_size=1 << 30)
    )


_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@given(text=st.text(_CHARACTERS | st.sampled_from("'\"\\`{}()/*-n"), max_size=20))
@example("\\")
@example("\\'")
@example("'; MATCH (n) DELETE n //")
@settings(max_examples=300, deadline=None)
def test_a_string_means_to_the_database_what_it_meant_to_the_guard(
    connection: kuzu.Connection, text: str
) -> None:
    for quote in "'\"":
        literal = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
        query = f"RETURN {quote}{literal}{quote} AS x"
        let = guard(query, {}, tenant="w", max_rows=9, timeout_s=1)
        result = connection.execute(let.text)
        assert isinstance(result, kuzu.QueryResult)
        assert result.get_all() == [[text]]
        result.close()


@pytest.mark.parametrize(
    "query",
    [
        "MATCH (next:Episode)-[:NEXT|STATES]->(value) RETURN next.id AS before, value AS year",
        "UNWIND ['x'] AS text RETURN text AS nothing, size(text) + 1 AS date, 2 * size(text)",
        "MATCH (node) WHERE any(edge IN node.tags WHERE edge = 'x') RETURN count(node) AS graph",
    ],
)
def test_words_that_only_the_parser_reserves_are_names(query: str) -> None:
    assert guarded(query).endswith("LIMIT 10")


def test_what_is_not_understood_is_explained_in_one_short_line() -> None:
    with pytest.raises(UsageError) as caught:
        guarded("RETURN 1 AS")
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)
