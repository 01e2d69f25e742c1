"""The URL of a Neo4j server: what it may say, and that no password is shown."""

from __future__ import annotations

import pytest

from graphmem.adapters.graph.neo4j.store import Neo4jGraph
from graphmem.adapters.graph.neo4j.url import Neo4jTarget
from graphmem.errors import UsageError


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("neo4j://host", ("neo4j://host:7687", None, None, None)),
        ("bolt://127.0.0.1:7777/", ("bolt://127.0.0.1:7777", None, None, None)),
        ("neo4j+s://ada:pw@host:1/db", ("neo4j+s://host:1", "ada", "pw", "db")),
        ("bolt+ssc://[::1]:7687", ("bolt+ssc://[::1]:7687", None, None, None)),
        ("neo4j://a%40b:p%3A%2F%3F%23%25@host", ("neo4j://host:7687", "a@b", "p:/?#%", None)),
        ("neo4j://ada:a:b@host", ("neo4j://host:7687", "ada", "a:b", None)),
        ("neo4j://:pw@host", ("neo4j://host:7687", "neo4j", "pw", None)),
        ("neo4j://host/my%20db", ("neo4j://host:7687", None, None, "my db")),
    ],
)
def test_addresses(url: str, expected: tuple[str | None, ...]) -> None:
    target = Neo4jTarget.of(url)
    assert (target.address, target.user, target.password, target.database) == expected
    assert (target.replace, target.pool, target.timeout_s) == (False, 16, 15.0)


def test_options() -> None:
    target = Neo4jTarget.of("neo4j://host?replace=1&pool=3&timeout=0.5")
    assert (target.replace, target.pool, target.timeout_s) == (True, 3, 0.5)
    assert Neo4jTarget.of("neo4j://host?replace=false", replace=True).replace is False


def test_what_the_url_does_not_hold_comes_from_the_arguments() -> None:
    given = {"user": "eve", "password": "secret", "database": "other"}
    bare = Neo4jTarget.of("neo4j://host", **given)  # type: ignore[arg-type]
    assert (bare.user, bare.password, bare.database) == ("eve", "secret", "other")
    full = Neo4jTarget.of("neo4j://ada:pw@host/db", **given)  # type: ignore[arg-type]
    assert (full.user, full.password, full.database) == ("ada", "pw", "db")
    assert Neo4jTarget.of("neo4j://host", password="secret").user == "neo4j"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://host", "scheme"),
        ("neo4j://", "host"),
        ("neo4j:///db", "host"),
        ("neo4j://host:port", "address"),
        ("neo4j://host:99999", "address"),
        ("neo4j://a b/", "host"),
        ("neo4j://[::1", "address"),
        ("neo4j://host/a/b", "one database"),
        ("neo4j://ada:hush#@host", "Neo4j URL"),
        ("neo4j://ada:hush/@host", "Neo4j URL"),
        ("neo4j://ada@host", "no password"),
        ("neo4j://host?speed=1", "known are: pool, replace, timeout"),
        ("neo4j://host?replace=maybe", "replace is 0 or 1"),
        ("neo4j://host?pool=0", "from 1 to 1000"),
        ("neo4j://host?pool=²", "from 1 to 1000"),
        ("neo4j://host?timeout=-1", "seconds above 0"),
        ("neo4j://host?timeout=nan", "seconds above 0"),
        ("neo4j://host?timeout=", "seconds above 0"),
    ],
)
def test_what_cannot_be_read_is_refused(url: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        Neo4jTarget.of(url)
    assert "hush" not in str(caught.value)


def test_the_password_is_never_shown() -> None:
    graph = Neo4jGraph("neo4j://ada:hush@host/db")
    public_properties = f"{graph!r} {graph} {graph._target!r} {graph._target}"
    assert "hush" not in public_properties
    assert "neo4j://host:7687/db" in public_properties
