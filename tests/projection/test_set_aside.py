"""Events that no store can take are set aside: opening, other tenants, repair go on without them.

The values are planted into the ledger behind the engine's back, as an older version may have left
them there.
"""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, migrate, open_memory
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.errors import ModelError, Unavailable

_Execute = Callable[..., Any]


def _in_json(execute: _Execute, mark: str, word: str, **fields: str) -> None:
    """Fields of every episode, fact and event about Berlin, as JSON that is not checked."""
    for table, column, kind in (("facts", "body", ""), ("events", "after", "AND kind = 'fact'")):
        like = f"SELECT {column} FROM {table} WHERE {column} LIKE '%{word}%' {kind}"
        for (body,) in execute(like).fetchall():
            data = {**json.loads(body), **{name: f"#{name}" for name in fields}}
            text = json.dumps(data)
            for name, value in fields.items():
                text = text.replace(f'"#{name}"', value)
            execute(f"UPDATE {table} SET {column} = {mark} WHERE {column} = {mark}", (text, body))


def _number(execute: _Execute, mark: str, word: str) -> None:
    value = '{"n": 1%s}' % ("0" * 309)
    execute(f"UPDATE episodes SET metadata = {mark} WHERE content LIKE '%{word}%'", (value,))
    _in_json(execute, mark, word, metadata=value)


def _no_json(execute: _Execute, mark: str, word: str) -> None:
    execute(f"UPDATE episodes SET metadata = {mark} WHERE content LIKE '%{word}%'", ('{"n": ',))
    execute(
        f"UPDATE events SET after = {mark} WHERE after LIKE '%{word}%' AND kind = 'fact'",
        ('{"id": "',),
    )


def _importance(execute: _Execute, mark: str, word: str) -> None:
    _in_json(execute, mark, word, importance='"very"')


def _surrogate(execute: _Execute, mark: str, word: str) -> None:
    _in_json(execute, mark, word, text='"half \\ud800"')


def _tags(execute: _Execute, mark: str, word: str) -> None:
    _in_json(execute, mark, word, tags="[1, 2]")


def _missing(execute: _Execute, mark: str, word: str) -> None:
    execute(
        f"UPDATE events SET after = {mark} WHERE after LIKE '%{word}%' AND kind = 'fact'", ("{}",)
    )


def _list(execute: _Execute, mark: str, word: str) -> None:
    execute(
        f"UPDATE events SET after = {mark} WHERE after LIKE '%{word}%' AND kind = 'fact'", ("[1]",)
    )


def _bad_agent(execute: _Execute, mark: str, word: str) -> None:
    execute(f"UPDATE episodes SET agent_id = {mark} WHERE content LIKE '%{word}%'", ("a\nb",))


def _too_long(execute: _Execute, mark: str, word: str) -> None:
    text = f"{word} " * 6_000_000
    execute(f"UPDATE episodes SET content = {mark} WHERE content LIKE '%{word}%'", (text,))


PLANTS = [
    _number, _no_json, _importance, _surrogate, _tags, _missing, _list, _bad_agent, _too_long
]  # fmt: skip


def remembered(memory: Memory, user: str = "ada", word: str = "Berlin") -> str:
    """What will be poisonous, and what will not; nothing is read, so nothing is projected yet."""
    id = memory.add(f"Ada moved to {word}.", user_id=user).episode_id
    memory.add("Ada knows Eve Stone.", user_id=user)
    memory.add("Bob lives in Rome.", user_id="bob")
    return id


def plant(folder: Path, how: Callable[[_Execute, str, str], None], word: str = "Berlin") -> None:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db, db:
        how(db.execute, "?", word)


def check_lives(memory: Memory, users: Sequence[str], *, named: bool = True) -> None:
    """Everything goes on for everybody but the poisonous thing, which is named."""
    assert "Rome" in memory.search("Where does Bob live?", user_id="bob").hits[0].text
    for user in users:
        assert any("Eve" in hit.text for hit in memory.search("Eve Stone", user_id=user))
        assert memory.relations("Ada", type="knows", user_id=user)
    memory.add("Carol lives in Oslo.", user_id="bob")
    assert any("Oslo" in hit.text for hit in memory.search("Carol", user_id="bob"))
    found, health = memory.verify(), memory.health()
    assert found.set_aside == health.set_aside
    assert bool(found.set_aside) == named
    assert health.ok != named
    assert not (named and found.ok)
    assert {health.parts["graph"], health.parts["vectors"]} == {"ok"}
    facts = {fact.id for fact in memory.get_all(user_id="bob").items}
    assert facts.isdisjoint(one.id for one in found.set_aside)


@pytest.mark.parametrize("how", [plant for plant in PLANTS if plant is not _too_long])
def test_each_value_in_stores_in_memory(how: Any, tmp_path: Path) -> None:
    settings = Settings.load({}, graph="memory://", vectors="memory://")
    with Memory(tmp_path / "s", settings=settings) as memory:
        remembered(memory)
    plant(tmp_path / "s", how)
    taken = {_number, _tags, _missing}  # dictionaries of Python hold it
    with Memory(tmp_path / "s", settings=settings) as memory:
        check_lives(memory, ["ada"], named=how not in taken)


def test_all_values_at_once_in_a_folder(tmp_path: Path) -> None:
    """Kuzu and Qdrant Edge: opening, searches of all, verify, rebuild, erasure; and mended again,
    all of it is found."""
    settings, folder = Settings.load({}), tmp_path / "store"
    words = {f"u{n}": f"Berlin{'abcdefghijk'[n]}" for n in range(len(PLANTS))}
    with Memory(folder, settings=settings) as memory:
        for user, word in words.items():
            remembered(memory, user, word)
    kept = (folder / "ledger.sqlite").read_bytes()
    for how, word in zip(PLANTS, words.values(), strict=True):
        plant(folder, how, word)
    with Memory(folder, settings=settings) as memory:
        check_lives(memory, list(words))
        aside = {(one.projection, one.id) for one in memory.verify().set_aside}
        assert len(aside) >= len(PLANTS)
        assert not memory.rebuild().ok
        assert {(one.projection, one.id) for one in memory.verify().set_aside} == aside
    with Memory(folder, settings=settings) as memory:  # told again after opening
        assert {(one.projection, one.id) for one in memory.health().set_aside} == aside
        memory.delete_all(user_id="bob")
        assert not memory.search("Rome", user_id="bob").hits
    (folder / "ledger.sqlite").write_bytes(kept)
    with Memory(folder, settings=settings) as memory:
        assert memory.rebuild().ok
        assert memory.health().ok
        for user, word in words.items():
            assert any(word in hit.text for hit in memory.search(word, user_id=user))


def test_erasing_takes_it_from_the_list_and_views_leave_it_out(tmp_path: Path) -> None:
    settings = Settings.load({})
    with Memory(tmp_path / "s", settings=settings) as memory:
        id = remembered(memory)
    plant(tmp_path / "s", _number)
    with Memory(tmp_path / "s", settings=settings) as memory:
        then = memory.as_of(known_at="9999")
        assert any("Eve" in hit.text for hit in then.search("Eve Stone", user_id="ada"))
        assert memory.verify().set_aside
        memory.delete(id, user_id="ada")
        found = memory.verify()
        assert found.set_aside == ()
        assert found.ok, found.differences
        assert memory.health().ok


def test_a_store_with_something_set_aside_is_migrated(tmp_path: Path) -> None:
    settings = Settings.load({})
    with Memory(tmp_path / "s", settings=settings) as memory:
        remembered(memory)
    plant(tmp_path / "s", _number)
    with Memory(tmp_path / "s", settings=settings) as memory:
        aside = {(one.projection, one.id) for one in memory.verify().set_aside}
    moved = migrate(tmp_path / "s", tmp_path / "t", source_settings=settings,
                    target_settings=settings)  # fmt: skip
    assert {(one.projection, one.id) for one in moved.verification.set_aside} == aside
    with Memory(tmp_path / "t", settings=settings) as memory:
        assert memory.search("Rome", user_id="bob").hits


def test_among_thousands_only_those_are_set_aside(tmp_path: Path) -> None:
    """In a bulk load, whose batches the graph gathers and writes later."""
    settings = Settings.load({}, max_lag=100_000)  # all of it waits for the second opening
    with Memory(tmp_path / "s", settings=settings) as memory:
        for user in ("ada", "bob"):
            texts = [f"Note {n} of {user}: {'Berlin' if n == 700 else 'tea'}." for n in range(800)]
            memory.add_many(texts, user_id=user, infer=False)
    plant(tmp_path / "s", _importance)
    with Memory(tmp_path / "s", settings=settings) as memory:
        found = memory.verify()
        assert {one.kind for one in found.set_aside} == {"fact"}
        assert len(found.set_aside) == 4  # of each user, in the graph and in the vectors
        assert len(memory.get_all(user_id="ada", limit=1000).items) == 800
        assert memory.search("Note 699", user_id="bob").hits


@pytest.mark.parametrize("error", [Unavailable("it is down"), OSError("no route"), MemoryError()])
async def test_a_store_that_is_down_sets_nothing_aside(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await open_memory(tmp_path / "s", user_id="ada") as memory:
        await memory.add("Bob lives in Rome.")
        with monkeypatch.context() as broken:

            async def down(*_: object) -> None:
                raise error

            broken.setattr(KuzuGraph, "apply", down)
            with pytest.raises(type(error)):
                await memory.search("Rome")
        assert (await memory.search("Rome")).hits
        assert (await memory.verify()).ok


async def test_a_store_that_refuses_everything_sets_nothing_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors that look like a value's, from a store or an embedder that takes nothing at all."""
    async with await open_memory(tmp_path / "s", user_id="ada") as memory:
        await memory.add_many([f"Bob{n} lives in Rome." for n in range(50)])
        calls = 0
        with monkeypatch.context() as broken:

            async def refuse(*_: object) -> None:
                nonlocal calls
                calls += 1
                raise ModelError("the key is wrong", retryable=False)

            broken.setattr(type(memory._parts.embedder), "embed", refuse)
            with pytest.raises(ModelError, match="the key is wrong"):
                await memory.search("Rome")
        assert calls <= 3
        assert (await memory.search("Rome")).hits
        found = await memory.verify()
        assert found.ok, found.set_aside


@pytest.fixture
def server_urls(postgres_url: str, neo4j_uri: str) -> Iterator[dict[str, str]]:
    psycopg = pytest.importorskip("psycopg")
    schema = f"t_{uuid.uuid4().hex[:12]}"
    yield {"ledger": f"{postgres_url}?schema={schema}", "graph": f"{neo4j_uri}?replace=1"}
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


@pytest.mark.parametrize("how", [_number, _no_json, _importance, _surrogate, _bad_agent])
def test_on_servers(how: Any, server_urls: dict[str, str], tmp_path: Path) -> None:
    psycopg = pytest.importorskip("psycopg")
    settings = Settings.load({}, **server_urls)
    with Memory(tmp_path / "store", settings=settings) as memory:
        remembered(memory)
    url, _, schema = server_urls["ledger"].partition("?schema=")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET search_path TO {schema}")

        def execute(statement: str, values: tuple[str, ...] | None = None) -> Any:
            # With values a sign of percent that is no place for one is written twice.
            escaped = statement if values is None else statement.replace("%Berlin%", "%%Berlin%%")
            return connection.execute(escaped, values)

        how(execute, "%s", "Berlin")
    with Memory(tmp_path / "store", settings=settings) as memory:
        check_lives(memory, ["ada"])
        assert not memory.rebuild().ok
        assert memory.delete_all(user_id="bob").episodes
