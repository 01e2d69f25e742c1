"""``graphmem import --from mem0``: what mem0 answered and what it stored, good and bad."""

from __future__ import annotations

import json
import pickle
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory
from graphmem.errors import UsageError
from graphmem.importers import detect
from graphmem.importers.mem0 import Mem0Reader
from tests.doors.cli.conftest import Run, environment, graphmem  # noqa: F401

_ONE = {
    "id": "m1",
    "memory": "Likes hiking in the Alps",
    "hash": "x",
    "metadata": {"mood": "good"},
    "created_at": "2024-07-26T08:44:41.039788-07:00",
    "user_id": "ada",
    "run_id": "r1",
    "categories": ["hobbies"],
    "expiration_date": "2999-01-01",
}
_TWO = {"id": "m2", "memory": "Speaks Portuguese", "agent_id": "bot", "metadata": None}


def _read(*paths: Path, **scope: str) -> tuple[list[dict[str, Any]], Mem0Reader]:
    reader = Mem0Reader(paths, scope, max_bytes=1 << 20)
    return list(reader), reader


def _json(folder: Path, data: object, name: str = "memories.json") -> Path:
    path = folder / name
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return path


@pytest.mark.parametrize(
    "export",
    [
        [_ONE, _TWO],
        {"results": [_ONE, _TWO], "relations": []},
        {"count": 2, "next": None, "previous": None, "results": [_ONE, _TWO]},
        {"memories": [_ONE, _TWO]},
        [{"results": [_ONE]}, {"results": [_TWO]}],
        [[_ONE], [_TWO]],
        f"{json.dumps({'results': [_ONE]})}\n{json.dumps({'results': [_TWO]})}",
        f"{json.dumps(_ONE)}\n{json.dumps(_TWO)}\n",
    ],
)
def test_every_shape_of_get_all(tmp_path: Path, export: object) -> None:
    items, reader = _read(_json(tmp_path, export))
    assert [item["content"] for item in items] == [_ONE["memory"], _TWO["memory"]]
    assert (reader.memories, reader.bad_count, dict(reader.users)) == (2, 0, {"ada": 1, "bot": 1})
    assert items[0]["tags"] == ["hobbies"]
    assert items[0]["metadata"] == {
        "source": "memories.json", "format": "mem0", "mem0_id": "m1", "mood": "good"
    }  # fmt: skip
    assert (items[0]["user_id"], items[0]["run_id"]) == ("ada", "r1")
    assert items[0]["occurred_at"].isoformat() == "2024-07-26T15:44:41.039788+00:00"
    assert items[0]["expires_at"].isoformat() == "2999-01-02T00:00:00+00:00"


def test_a_memorys_metadata_is_not_taken_for_where_it_comes_from(tmp_path: Path) -> None:
    metadata = {"source": "slack", "mem0_id": "forged", "given_source": "kept", "role": None}
    items, _ = _read(_json(tmp_path, [{**_ONE, "metadata": metadata, "role": "user"}]))
    assert items[0]["metadata"] == {
        "source": "memories.json", "format": "mem0", "mem0_id": "m1", "role": "user",
        "given_source": "kept", "given_given_source": "slack", "given_mem0_id": "forged",
        "given_role": None,
    }  # fmt: skip


def test_what_is_not_in_the_file_is_said(tmp_path: Path) -> None:
    page = {"count": 300, "next": "https://mem0/?page=2", "results": [_ONE], "relations": [{}, {}]}
    _, reader = _read(_json(tmp_path, page))
    assert reader.remarks == [
        "memories.json: its last page has a next one, which is not in the file",
        "memories.json: 2 relations of mem0's graph left out",
    ]
    _, whole = _read(_json(tmp_path, [page, {**page, "next": None, "relations": []}]))
    assert whole.remarks == ["memories.json: 2 relations of mem0's graph left out"]


@pytest.mark.parametrize("data", [[_ONE], {"results": [_ONE]}])
def test_who_ingests_it_is_told_what_to_do(tmp_path: Path, data: object) -> None:
    with pytest.raises(UsageError, match="graphmem import --from mem0"):
        detect(_json(tmp_path, data))


BAD: list[tuple[object, str]] = [
    ({**_ONE, "memory": None}, "text is None"),
    ({**_ONE, "memory": 7}, "text is 7"),
    ({**_ONE, "memory": ""}, "empty"),
    ({**_ONE, "memory": " \u200b "}, "empty"),
    ({**_ONE, "memory": "a\0b"}, "NUL"),
    ({**_ONE, "memory": "\ud800"}, "surrogate"),
    ({**_ONE, "memory": "x" * (1 << 20) + "x"}, "limit"),
    ({**_ONE, "user_id": None}, "--user"),
    ({**_ONE, "user_id": ""}, "--user"),
    ({**_ONE, "user_id": 7}, "user_id"),
    ({**_ONE, "user_id": ["ada"]}, "user_id"),
    ({**_ONE, "user_id": "a\nb"}, "user_id"),
    ({**_ONE, "run_id": {"a": 1}}, "run_id"),
    ({**_ONE, "app_id": 0}, "project_id"),
    ({**_ONE, "app_id": ""}, "project_id"),
    ({**_ONE, "metadata": [1]}, "metadata"),
    ({**_ONE, "metadata": {"a": "x" * 100_000}}, "metadata"),
    ({**_ONE, "categories": "hobbies"}, "tags"),
    ({**_ONE, "categories": [{"a": 1}]}, "tag"),
    ({**_ONE, "categories": {"a": 1}}, "tags"),
    ({**_ONE, "created_at": "soon"}, "created_at"),
    ({**_ONE, "created_at": True}, "created_at"),
    ({**_ONE, "created_at": 1e300}, "created_at"),
    ({**_ONE, "expiration_date": 7}, "expiration_date"),
    ({**_ONE, "expiration_date": "never"}, "expiration_date"),
    ({"detail": "Given token not valid"}, "text is None"),
    ({"results": "none"}, "text is None"),
    (None, "no memory: None"),
    (7, "no memory: 7"),
    ("text", "no memory: 'text'"),
    ([[]], "no memory: []"),
]


@pytest.mark.parametrize(("record", "why"), BAD)
def test_a_bad_row_is_named_and_the_rest_goes_on(tmp_path: Path, record: object, why: str) -> None:
    items, reader = _read(_json(tmp_path, [_TWO, record, _ONE]))
    assert [item["content"] for item in items] == [_TWO["memory"], _ONE["memory"]]
    assert reader.bad_count == 1
    assert reader.bad[0].startswith("memories.json, memory 2: ")
    assert why in reader.bad[0]
    assert len(reader.bad[0]) < 400


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<html><body>502 Bad Gateway</body></html>", "not JSON"),
        ('{"results": [{"memory": "x", ', "line 1"),
        ("[" * 100_000, "not JSON"),
        ("\x80", "memories.json"),
    ],
)
def test_what_is_no_json_is_refused_by_name(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "memories.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=why):
        _read(path)


def _collection(folder: Path, *points: object) -> Path:
    folder.mkdir(parents=True)
    with sqlite3.connect(folder / "storage.sqlite") as connection:
        connection.execute("CREATE TABLE points (id TEXT PRIMARY KEY, point BLOB)")
        for number, point in enumerate(points):
            stored = point if isinstance(point, bytes) else pickle.dumps(point)
            connection.execute("INSERT INTO points VALUES (?, ?)", (str(number), stored))
    connection.close()
    return folder


class _Runs:
    """What a pickle can do to whoever reads it as pickles are read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def _point(payload: object) -> Any:
    from qdrant_client._pydantic_compat import construct
    from qdrant_client.http import models

    return construct(models.PointStruct, id="m1", vector={"": [0.5]}, payload=payload)


def test_nothing_in_a_point_is_run(tmp_path: Path) -> None:
    bomb: Any = ["x"] * 10
    for _ in range(30):
        bomb = [bomb] * 10
    good = _point({"data": "Likes tea", "hash": "h", "user_id": "ada", "mood": "good"})
    folder = _collection(
        tmp_path / "qdrant" / "collection" / "mem0",
        _Runs(tmp_path / "was run"),
        _point({"data": "x", "user_id": "ada", "hash": _Runs(tmp_path / "was run")}),
        _point({"data": "x", "user_id": "ada", "hash": "h", "bomb": bomb}),
        b"no pickle",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        pickle.dumps(good)[:-9],
        _point(None),
        _point({"data": "Alps", "linked_memory_ids": ["m1"]}),
        7,
        good,
    )
    items, reader = _read(folder)
    assert not (tmp_path / "was run").exists()
    assert items[-1]["content"] == "Likes tea"
    assert items[-1]["metadata"]["mood"] == "good"
    assert reader.entities == 1
    assert reader.bad_count == 8 - (len(items) - 1)
    assert len(items) <= 2


def _history(path: Path, rows: list[tuple[Any, ...]], columns: str = "") -> Path:
    columns = columns or (
        "id TEXT PRIMARY KEY, memory_id TEXT, old_memory TEXT, new_memory TEXT, event TEXT, "
        "created_at DATETIME, updated_at DATETIME, is_deleted INTEGER, actor_id TEXT, role TEXT"
    )
    with sqlite3.connect(path) as connection:
        connection.execute(f"CREATE TABLE history ({columns})")
        for row in rows:
            connection.execute(f"INSERT INTO history VALUES ({', '.join('?' * len(row))})", row)
    connection.close()
    return path


def test_a_history_alone_gives_what_was_last_said_and_what_was_before(tmp_path: Path) -> None:
    day = "2024-0{}-05T10:00:00+00:00".format
    path = _history(
        tmp_path / "history.db",
        [
            ("1", "a", None, "Likes tea", "ADD", day(1), None, 0, None, None),
            ("2", "b", None, "Had a secret", "ADD", day(1), None, 0, None, None),
            ("3", "a", "Likes tea", "Likes coffee", "UPDATE", day(1), day(3), 0, "ada", "user"),
            ("4", "b", "Had a secret", None, "DELETE", day(1), day(4), 1, None, None),
            ("5", "c", None, b"\xff\xfe", "ADD", day(1), None, 0, None, None),
            ("6", None, None, None, None, None, None, None, None, None),
        ],
    )
    items, reader = _read(path, user_id="ada")
    assert [item["content"] for item in items] == ["Likes tea", "Likes coffee"]
    assert items[0]["expires_at"] == items[1]["occurred_at"]
    assert (reader.deleted, reader.replaced, reader.bad_count) == (1, 1, 2)
    _, nobodys = _read(path)
    assert nobodys.bad_count == 3


def test_what_is_said_again_after_something_else_holds(tmp_path: Path) -> None:
    day = "2024-0{}-05T10:00:00+00:00".format
    said = ["Likes tea", "Likes coffee", "Likes tea"]
    rows = [
        (str(n), "a", None, text, "ADD" if n == 1 else "UPDATE", day(1), day(n), 0, None, None)
        for n, text in enumerate(said, 1)
    ]
    reader = Mem0Reader(
        [_history(tmp_path / "history.db", rows)], {"user_id": "ada"}, max_bytes=1 << 20
    )
    assert [item["content"] for item in reader] == said
    with Memory("memory://", user_id="ada") as memory:
        assert memory.add_many(reader, infer=False) == 3
        assert memory.add_many(reader, infer=False) == 0
        assert [fact.text for fact in memory.get_all().items] == ["Likes tea"]
        then = memory.as_of("2024-02-20")
        # The same sentence is one fact, which held from the first time that it was said.
        assert {fact.text for fact in then.get_all().items} == set(said)


def test_damaged_stores_are_refused_by_name(tmp_path: Path) -> None:
    rows = [
        (str(n), f"m{n}", None, "Likes tea " * 50, "ADD", "2024", None, 0, None, None)
        for n in range(200)
    ]
    whole = _history(tmp_path / "whole.db", rows).read_bytes()
    for name, data in (
        ("garbage.db", b"SQLite format 3\0" + b"\xab" * 5000),
        ("short.db", whole[:5000]),
        ("torn.db", whole[:4096] + b"\xab" * 20_000 + whole[24_096:]),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UsageError, match=name):
            _read(tmp_path / name, user_id="ada")
    (tmp_path / "empty.db").write_bytes(b"")
    assert _read(tmp_path / "empty.db")[0] == []
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    with pytest.raises(UsageError, match="neither mem0's history nor points"):
        _read(other)
    with pytest.raises(UsageError, match="no memory_id, new_memory"):
        _read(_history(tmp_path / "odd.db", [], "id TEXT, event TEXT"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match="neither a Qdrant folder"):
        _read(tmp_path / "folder")
    with pytest.raises(UsageError, match="no such file"):
        _read(tmp_path / "nowhere")


def test_the_command_imports_once_and_says_what_was_bad(graphmem: Run, tmp_path: Path) -> None:  # noqa: F811
    path = _json(tmp_path, {"results": [_ONE, {"memory": "Nobody's"}, _TWO]})
    dry = graphmem("import", "--from", "mem0", str(path), "--dry-run", "--json")
    assert (dry.code, dry.json["memories"], dry.json["new"], dry.json["bad"]) == (1, 2, 0, 1)
    assert not (tmp_path / "graphmem-data").exists()
    done = graphmem("import", "--from", "mem0", str(path))
    assert done.code == 1
    assert "2 new, 0 already known" in done.err
    assert "memories.json, memory 2: it belongs to no user and no agent" in done.err
    again = graphmem("import", "--from", "mem0", str(path), "--json")
    assert (again.json["new"], again.json["already_known"]) == (0, 2)
    fact = graphmem("--user", "ada", "facts", "--json").json["items"][0]
    assert fact["text"] == _ONE["memory"]
    assert fact["stated_at"] == "2024-07-26T15:44:41.039788Z"
    assert graphmem("--agent", "bot", "facts", "--json").json["items"][0]["text"] == _TWO["memory"]
    with_owner = graphmem("--user", "ann", "import", "--from", "mem0", str(path), "--json")
    assert (with_owner.code, with_owner.json["owners"]["ann"]) == (0, 2)
    assert graphmem("import", "--dry-run", str(path)).code == 2
    assert graphmem("import", "--all", "--from", "mem0", str(path)).code == 2
    assert graphmem("import", str(path), str(path)).code == 2
