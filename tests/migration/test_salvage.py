"""A new store of what a damaged ledger still holds: all that lies outside of the damaged pages, by
content; the damaged files untouched. More of it, other places each time, with GRAPHMEM_FUZZ=10."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, salvage
from graphmem.adapters.ledger.sql.tables import TABLES
from graphmem.adapters.ledger.sqlite.salvaged_rows import FOLLOWING, _fits_together
from graphmem.errors import Damaged, LedgerLost, Rejected, UsageError
from graphmem.model import Salvaged
from tests.faults.sizes import FUZZ, SEED

PAGE = 8192
_MAKE = """
import os, sys
from graphmem import Memory
first = "Anna Bert Carl Dora Emil Finn Gina Hugo Ines Jan Karl Lena Mara Nils Olga".split()
last = "Stone Reed Lane Moe Hall Roy Holm Frost".split()
memory = Memory(sys.argv[1], user_id="ada")
for n in range(30):
    name, other = f"{first[n % 15]} {last[n // 15]}", f"{first[(7 * n + 3) % 15]} {last[n % 8]}"
    long = "\\n\\n" + "A long tale of many words. " * 700 if n % 15 == 7 else ""
    memory.add(f"{name} lives in Oslo. {name} works at Acme. {name} knows {other}.{long}",
               user_id=("ada", "eve", "bo")[n % 3], run_id="r1" if n % 5 == 0 else None)
memory.add([{"role": "user", "content": "I am Bob Stone and I like tea."},
            {"role": "assistant", "content": "Noted."}])
memory.relate("Ines Roy", "works_at", "Initech")
facts = memory.get_all(limit=9).items
memory.delete(facts[0].id)
memory.update(facts[1].id, "Something else by hand.", tags=["x"])
memory.delete(facts[2].id, erase=True)
memory.merge("Bob Stone", "Ines Roy")
memory.forget(user_id="bo", wait=True)
memory.verify()
if sys.argv[2] == "killed":
    for n in range(12):
        memory.add(f"Zoe Zed{n} lives in Oslo.")
    memory.search("Oslo")
    os._exit(0)
memory.close()
"""
nightly = pytest.mark.skipif(FUZZ <= 1, reason="make nightly")
Rows = dict[str, set[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    hows = ("closed", "killed") if FUZZ > 1 else ("closed",)
    made = {how: tmp_path_factory.mktemp("salvage") / how for how in hows}
    for how, folder in made.items():
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _MAKE, str(folder), how],
            env={name: value for name, value in os.environ.items() if "GRAPHMEM" not in name},
            check=True,
            timeout=300,
        )
    return made


def copied(store: Path, to: Path, *, graph: bool = True) -> Path:
    to.mkdir()
    for path in store.iterdir():
        if path.name.startswith("ledger") or (graph and path.name.startswith("graph")):
            subprocess.run(["cp", "-a", "--sparse=always", str(path), str(to)], check=True)
    return to


def rows_of(ledger: Path) -> Rows:
    """Read by SQLite, from a copy: it would put a log away."""
    copy = ledger.parent / "read"
    shutil.rmtree(copy, ignore_errors=True)
    copied(ledger.parent, copy, graph=False)
    tables = ("events", "episodes", "turns", "facts", "entities", "statements", "users", "mentions")
    with sqlite3.connect(copy / ledger.name) as connection:
        found = {name: set(connection.execute(f"SELECT * FROM {name}")) for name in tables}
    connection.close()
    shutil.rmtree(copy)
    return found


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# -- ways to damage a ledger: which of its pages may be others after it ----------------------------


def _put(ledger: Path, at: int, data: bytes) -> set[int]:
    with ledger.open("r+b") as file:
        file.seek(at)
        file.write(data)
    return set(range(at // PAGE + 1, (at + len(data) - 1) // PAGE + 2))


def _every(ledger: Path) -> int:
    return ledger.stat().st_size // PAGE


def garbled_pages(ledger: Path, rng: random.Random) -> set[int]:
    pages = rng.sample(range(_every(ledger)), rng.choice([1, 2, 5]))
    return {n for page in pages for n in _put(ledger, page * PAGE, rng.randbytes(PAGE))}


def emptied_pages(ledger: Path, rng: random.Random) -> set[int]:
    pages = rng.sample(range(_every(ledger)), rng.choice([1, 2, 5]))
    return {n for page in pages for n in _put(ledger, page * PAGE, bytes(PAGE))}


def garbled_places(ledger: Path, rng: random.Random) -> set[int]:
    places = (rng.randrange(_every(ledger) * PAGE) for _ in range(40))
    return {n for at in places for n in _put(ledger, at, rng.randbytes(1))}


def emptied_head(ledger: Path, rng: random.Random) -> set[int]:
    return _put(ledger, 0, bytes(rng.choice([16, 100, PAGE])))


def cut_off(ledger: Path, rng: random.Random) -> set[int]:
    before, size = _every(ledger), rng.randrange(PAGE, ledger.stat().st_size)
    os.truncate(ledger, size)
    return set(range(size // PAGE + 1, before + 1))


def emptied(ledger: Path, _: random.Random) -> set[int]:
    every = _every(ledger)
    ledger.write_bytes(b"")
    return set(range(1, every + 1))


def deleted(ledger: Path, _: random.Random) -> set[int]:
    every = _every(ledger)
    ledger.unlink()
    return set(range(1, every + 1))


DAMAGES: dict[str, Callable[[Path, random.Random], set[int]]] = {
    one.__name__: one
    for one in (
        garbled_pages, emptied_pages, garbled_places, emptied_head, cut_off, emptied, deleted,
    )
}  # fmt: skip


def _outside(ledger: Path, rows: Rows, damaged: set[int]) -> Rows:
    """Events and episodes that lie in no damaged page, nor go on in one: found by their bytes."""
    raw = ledger.read_bytes()
    found: Rows = {"events": set(), "episodes": set()}
    for event in rows["events"]:
        _, at, kind, id, action, tenant, *_, after = event
        text = "".join((at, kind, id, action, tenant)).encode()
        if _lies_outside(raw, [text, (after or "").encode()], damaged):
            found["events"].add(event)
    for episode in rows["episodes"]:
        content = episode[9].encode()
        key = f"{episode[1]}{episode[2]}{episode[3]}".encode()
        if len(content) < PAGE // 4 and _lies_outside(raw, [key, content], damaged):
            found["episodes"].add(episode)
    return found


def _lies_outside(raw: bytes, texts: list[bytes], damaged: set[int]) -> bool:
    """In a row of one page the parts follow each other closely."""
    at = raw.find(texts[0])
    while at >= 0:
        page = at // PAGE
        if page + 1 not in damaged and texts[1] in raw[at : (page + 1) * PAGE]:
            return True
        at = raw.find(texts[0], at + 1)
    return False


def _check(found: Salvaged, whole: Rows, expected: Rows) -> Rows:
    assert found.verification.ok, (found.verification.differences, found.verification.set_aside)
    with Memory(found.folder, user_id="ada") as memory:
        memory.search("Who lives in Oslo?")
        assert memory.verify().ok
    got = rows_of(Path(found.folder) / "ledger.sqlite")
    assert expected["events"] <= got["events"]
    assert expected["episodes"] <= got["episodes"]
    seqs = {event[0] for event in got["events"] & whole["events"]}
    lost = {n for first, last in found.lost_events for n in range(first, last + 1)}
    # Of events after the last that is left nobody knows, unless the graph had come that far.
    known = max((*seqs, *lost), default=0)
    reported = {event[0] for event in whole["events"] if event[0] <= known} - seqs
    assert reported <= lost | {event[0] for event in got["events"] if event[7] != "salvage"}, (
        "an event that is not there is reported, or it is there with other letters"
    )
    assert not any("bo's" in episode[9] for episode in got["episodes"])
    gone = {e[1] for e in whole["episodes"]} - {e[1] for e in got["episodes"]}
    # What tells that one was erased may have been in what is lost.
    erased = {event[3] for event in whole["events"] if event[4] == "ERASE"}
    assert set(found.lost_episodes) <= gone | erased
    return got


_FEW = ("garbled_pages",)
"""Of which ``make test`` tries one."""


@pytest.mark.parametrize(
    ("table", "where", "column"),
    [
        ("events", "kind = 'fact'", "id"),
        ("events", "kind = 'episode'", "id"),
        ("episodes", "1", "id"),
        ("facts", "1", "id"),
        ("turns", "1", "id"),
        ("turns", "1", "episode_id"),
    ],
)
def test_a_row_whose_id_is_garbled_is_not_taken(
    stores: dict[str, Path], table: str, where: str, column: str
) -> None:
    """No point of the vectors could have such an id: the store would never be whole again."""
    with contextlib.closing(sqlite3.connect(stores["closed"] / "ledger.sqlite")) as ledger:
        ledger.row_factory = sqlite3.Row
        asked = f"SELECT * FROM {table} WHERE {where}"
        rows = [dict(row) for row in ledger.execute(asked)]
    assert rows
    for row in rows:
        assert _fits_together(table, row)
        for garbled in (row[column].replace("-", "|", 1), row[column].upper() + "A"):
            assert not _fits_together(table, {**row, column: garbled})


@pytest.mark.parametrize("kind", ["fact", "entity"])
def test_an_event_that_leaves_something_to_another_tenant_is_not_taken(
    stores: dict[str, Path], kind: str
) -> None:
    with contextlib.closing(sqlite3.connect(stores["closed"] / "ledger.sqlite")) as ledger:
        ledger.row_factory = sqlite3.Row
        asked = "SELECT * FROM events WHERE kind = ? AND after IS NOT NULL"
        rows = [dict(row) for row in ledger.execute(asked, (kind,))]
    assert rows
    for row in rows:
        assert _fits_together("events", row)
        pseudonym = row["tenant"].rpartition(":")[2]
        for part in (pseudonym, row["id"]):
            garbled = row["after"].replace(part, f"`{part[1:]}", 1)
            assert not _fits_together("events", {**row, "after": garbled})


@pytest.mark.timeout(0)
@pytest.mark.parametrize("how", DAMAGES if FUZZ > 1 else _FEW)
def test_what_lies_outside_of_the_damage_is_saved(
    stores: dict[str, Path], tmp_path: Path, how: str
) -> None:
    for number in range(max(1, round(FUZZ))):
        rng = random.Random(f"{SEED} {how} {number}")
        graph = how in {"emptied", "deleted"} or rng.random() < 0.5
        folder = copied(stores["closed"], tmp_path / f"damaged{number}", graph=graph)
        ledger = folder / "ledger.sqlite"
        if rng.random() < 0.4:
            (folder / "ledger.sqlite.sums").unlink()
        whole = rows_of(ledger)
        damaged = DAMAGES[how](ledger, rng)
        before = bytes_of(folder)
        found = salvage(folder, tmp_path / f"salvaged{number}")
        assert bytes_of(folder) == before, "nothing of the damaged store is touched"
        original = stores["closed"] / "ledger.sqlite"
        got = _check(found, whole, _outside(original, whole, damaged))
        if graph:
            contents = {(episode[1], episode[9]) for episode in whole["episodes"]}
            there = {(episode[1], episode[9]) for episode in got["episodes"]}
            assert {id for id, _ in contents} == {id for id, _ in there}
        shutil.rmtree(folder)
        shutil.rmtree(tmp_path / f"salvaged{number}")


@nightly
@pytest.mark.parametrize("how", ["garbled", "halved", "deleted", "head"])
def test_a_damaged_log_is_read_as_far_as_it_goes(
    stores: dict[str, Path], tmp_path: Path, how: str
) -> None:
    folder = copied(stores["killed"], tmp_path / "damaged", graph=False)
    whole = rows_of(folder / "ledger.sqlite")
    log = folder / "ledger.sqlite-wal"
    size = log.stat().st_size
    assert size > 100 * PAGE
    if how == "garbled":
        _put(log, size // 2, b"\xff\xfe\xfd")
    elif how == "halved":
        os.truncate(log, size // 2)
    elif how == "head":
        _put(log, 0, bytes(32))
    else:
        log.unlink()
    before = bytes_of(folder)
    found = salvage(folder, tmp_path / "salvaged")
    assert bytes_of(folder) == before
    assert found.verification.ok, found.verification.differences
    got = rows_of(tmp_path / "salvaged" / "ledger.sqlite")
    if how == "head":
        assert got["events"] == whole["events"]
    if how == "garbled":
        lost = whole["events"] - got["events"]
        assert len(lost) < len(whole["events"]) / 10, "one frame is lost, not all after it"
    if how in {"halved", "deleted"}:
        kept = sorted(e for e in got["events"] if e[7] != "salvage")
        assert kept == sorted(whole["events"])[: len(kept)]
        assert found.complete, "nobody can know of what came after"


def test_a_log_of_another_store_is_left_out(stores: dict[str, Path], tmp_path: Path) -> None:
    """Its pages were taken for newer ones of the ledger: users' names were lost."""
    with Memory(tmp_path / "other", user_id="mo") as memory:
        memory.add("Pia Moss lives in Turin.")
    with Memory(tmp_path / "other", user_id="mo") as memory:
        memory.add("Pia Moss works at Hooli.")
        folder = copied(stores["closed"], tmp_path / "damaged", graph=False)
        shutil.copy(tmp_path / "other" / "ledger.sqlite-wal", folder / "ledger.sqlite-wal")
    whole = rows_of(copied(stores["closed"], tmp_path / "whole", graph=False) / "ledger.sqlite")
    before = bytes_of(folder)
    found = salvage(folder, tmp_path / "salvaged")
    assert bytes_of(folder) == before
    assert (found.another_log, found.complete, found.nameless) == (True, False, ())
    assert found.verification.ok
    assert rows_of(tmp_path / "salvaged" / "ledger.sqlite") == whole


@nightly
def test_a_whole_ledger_comes_out_as_it_is(stores: dict[str, Path], tmp_path: Path) -> None:
    for how, store in stores.items():
        folder = copied(store, tmp_path / how)
        found = salvage(folder, tmp_path / f"salvaged {how}")
        assert found.complete, found
        assert not found.made
        assert rows_of(tmp_path / f"salvaged {how}" / "ledger.sqlite") == rows_of(
            folder / "ledger.sqlite"
        )


_EXAMPLES: dict[str, tuple[str, ...]] = {
    "extractions": (
        "INSERT INTO extractions SELECT id, 'openai:x', '1', '{}', 1, 20, 3 FROM episodes LIMIT 3",
    ),
    "embeddings": (
        "INSERT INTO embeddings VALUES ('m', '" + 64 * "0" + "', x'01020304')",
        "INSERT INTO embeddings VALUES ('m', '" + 64 * "1" + "', zeroblob(9000))",
    ),
    "spend": ("INSERT INTO spend VALUES ('2026-01-01', 'm', '', 1, 2, 3, 4)",),
    "conversations": (
        "INSERT INTO conversations SELECT tenant, 'r9', 'Title', NULL, '{}' FROM episodes LIMIT 1",
    ),
    "summaries": (
        "INSERT INTO summaries SELECT tenant, 's1', NULL, NULL, 'openai:x', "
        """json_object(id, version), '{"about": "Anna", "sentences": [], "by": "x", "made_at": """
        """"2026-01-01T00:00:00.000000Z"}' FROM facts WHERE retired_at IS NULL LIMIT 1""",
        "INSERT INTO summaries SELECT tenant, 's2', 'r9', 'Tea', 'openai:x', json_object(id, 0), "
        "NULL FROM episodes LIMIT 1",
    ),
    "silences": (
        "INSERT INTO silences SELECT id, 'edit', tenant, '2026-01-01T00:00:00.000000Z', NULL "
        "FROM turns LIMIT 2",
    ),
    "access": (
        """INSERT INTO access VALUES ('organisation', 'acme', 'acme', NULL, '{"limits": {}}')""",
        """INSERT INTO access VALUES ('key', 'k1', 'acme', 'ada', '{"role": "owner"}')""",
        """INSERT INTO access VALUES ('member', 'm-1', 'acme', 'Grace', '{"role": "owner"}')""",
    ),
    "key_uses": (
        "INSERT INTO key_uses VALUES "
        "('2026-01-01', 'k1', 'add', 'acme', 3, 0, 5, 6, '2026-01-01T00:00:00.000000Z')",
    ),
    "audit": (
        "INSERT INTO audit SELECT NULL, '2026-01-01T00:00:00.000000Z', 'acme', 'k1', '::1', 'add', "
        "1, 'done', 'acme/default', pseudonym, NULL FROM users LIMIT 2",
        "INSERT INTO audit VALUES (NULL, '2026-01-01T00:00:00.000000Z', '', '', '::1', 'get', 0, "
        "'NotFound', NULL, NULL, NULL)",
    ),
    "fact_uses": (
        "INSERT INTO fact_uses SELECT id, tenant, 3, '2026-01-01T00:00:00.000000Z' FROM facts "
        "WHERE retired_at IS NULL LIMIT 4",
    ),
}


def test_every_table_is_read_or_made_again(stores: dict[str, Path], tmp_path: Path) -> None:
    """A table that a later version adds is forgotten nowhere."""
    folder = copied(stores["closed"], tmp_path / "damaged", graph=False)
    ledger = folder / "ledger.sqlite"
    with sqlite3.connect(ledger) as connection:
        for statements in _EXAMPLES.values():
            for statement in statements:
                connection.execute(statement)
    connection.close()
    (folder / "ledger.sqlite.sums").unlink()
    found = salvage(folder, tmp_path / "salvaged")
    tables = sorted(TABLES.keys() - {"settings"})
    with (
        sqlite3.connect(ledger) as was,
        sqlite3.connect(tmp_path / "salvaged" / ledger.name) as now,
    ):
        for table in tables:
            columns = ", ".join(TABLES[table].columns)
            before = set(was.execute(f"SELECT {columns} FROM {table}"))
            assert before, f"an example of {table} is missing here"
            after = set(now.execute(f"SELECT {columns} FROM {table}"))
            if table == "erasures":  # what is pending is done once the files are new
                before, after = {row[0] for row in before}, {row[0] for row in after}
            assert before == after, table
            assert table in FOLLOWING or found.rows[table] == len(before), table
    was.close()
    now.close()


def test_facts_made_again_of_events_are_as_they_were(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    """With every column that they have."""
    folder = copied(stores["closed"], tmp_path / "damaged", graph=False)
    with Memory(folder, user_id="ada") as memory:
        memory.archive(memory.get_all(limit=1).items[0].id)
    ledger = folder / "ledger.sqlite"
    tables = ("facts", "entities", "statements", "mentions", "turns")
    with sqlite3.connect(ledger) as connection:
        whole = {name: set(connection.execute(f"SELECT * FROM {name}")) for name in tables}
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DELETE FROM facts")
        connection.execute("DELETE FROM entities WHERE merged_into IS NULL AND gone_at IS NULL")
        connection.execute("DELETE FROM turns WHERE ordinal = 1")
        connection.commit()
        connection.execute("VACUUM")
    connection.close()
    (folder / "ledger.sqlite.sums").unlink()
    found = salvage(folder, tmp_path / "salvaged")
    assert found.verification.ok, found.verification.differences
    assert not found.complete
    with sqlite3.connect(tmp_path / "salvaged" / ledger.name) as connection:
        for name in ("facts", "entities", "statements"):
            assert set(connection.execute(f"SELECT * FROM {name}")) == whole[name], name
        turns = set(connection.execute("SELECT text FROM turns"))
    connection.close()
    assert turns == {(turn[6],) for turn in whole["turns"]}


@nightly
def test_single_rows_of_rubbish_are_left_out_and_told(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    folder = copied(stores["closed"], tmp_path / "damaged", graph=False)
    ledger = folder / "ledger.sqlite"
    whole = rows_of(ledger)
    event = max(e for e in whole["events"] if e[2] == "fact" and e[9])
    id, key = event[3], "".join(event[1:5]).encode()
    _put(ledger, ledger.read_bytes().index(key) + len(key) + 2, b"\xff\xff\xff\xff")
    found = salvage(folder, tmp_path / "salvaged")
    assert found.verification.ok
    assert found.lost_events == ((event[0], event[0]),)
    assert not found.complete
    got = rows_of(tmp_path / "salvaged" / "ledger.sqlite")
    assert len(whole["events"] - got["events"]) <= 1
    assert id in {fact[0] for fact in got["facts"]}, "its row says it still"


def test_what_was_erased_does_not_come_back_from_the_graph(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    """A graph that lags behind an erasure holds its text."""
    folder = copied(stores["closed"], tmp_path / "damaged")
    graph = {path.name: path.read_bytes() for path in folder.glob("graph.kuzu*")}
    with Memory(folder, user_id="ada") as memory:
        episode = memory.add("Secret Person lives in Nowhere.", user_id="ada").episode_id
        memory.search("x")
    graph = {path.name: path.read_bytes() for path in folder.glob("graph.kuzu*")}
    with Memory(folder, user_id="ada") as memory:
        memory.delete(episode)
    for name, data in graph.items():
        (folder / name).write_bytes(data)
    found = salvage(folder, tmp_path / "salvaged")
    assert episode not in found.from_graph
    assert found.verification.ok
    for path in (tmp_path / "salvaged").rglob("*"):
        assert not path.is_file() or b"Secret Person" not in path.read_bytes(), path


def test_the_facts_of_an_episode_from_the_graph_can_be_found_again(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    folder = copied(stores["closed"], tmp_path / "damaged")
    (folder / "ledger.sqlite").unlink()
    with pytest.raises(LedgerLost, match="graphmem salvage"):
        Memory(folder, user_id="ada")
    found = salvage(folder, tmp_path / "salvaged")
    assert len(found.from_graph) > 20
    assert found.nameless
    with Memory(found.folder, user_id=found.nameless[0]) as memory:
        assert memory.stats().pending
        memory.resume()
        assert not memory.stats().pending
        assert memory.relations(limit=5)
        assert memory.verify().ok


def test_what_is_no_ledger_is_refused(stores: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE a (b)")
    connection.close()
    with pytest.raises(Rejected, match="something else"):
        salvage(other, tmp_path / "new")
    with pytest.raises(UsageError, match="no ledger"):
        salvage(tmp_path / "nowhere", tmp_path / "new")
    folder = copied(stores["closed"], tmp_path / "damaged")
    with pytest.raises(UsageError, match="another folder"):
        salvage(folder, folder)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    with pytest.raises(UsageError, match="holds something"):
        salvage(folder, tmp_path / "full")
    assert (tmp_path / "full" / "file").read_text() == "x"


def test_the_command_says_what_is_lost(stores: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(stores["closed"], tmp_path / "damaged", graph=False)
    command = [sys.executable, "-m", "graphmem.doors.cli"]

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, check=False
        )

    whole = run("salvage", folder, tmp_path / "one")
    assert whole.returncode == 0, whole.stderr + whole.stdout
    os.truncate(folder / "ledger.sqlite", (folder / "ledger.sqlite").stat().st_size * 3 // 4)
    with pytest.raises(Damaged, match="graphmem salvage"):
        Memory(folder, user_id="ada")
    reported = run("salvage", folder, tmp_path / "two")
    assert reported.returncode == 1
    assert "pages are damaged" in reported.stdout
    plain = run("--json", "salvage", folder, tmp_path / "three")
    assert plain.returncode == 1
    found = json.loads(plain.stdout)
    assert found["complete"] is False
    assert found["damaged_pages"]
    assert set(found["rows"]) >= {"events", "episodes", "users"}
