"""Damaged files of a store: found, named, put right by one command from a whole ledger; and with a
ledger that is gone nothing is wiped. Every file and every way with GRAPHMEM_FUZZ=10."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from graphmem import AsyncMemory, Memory, Settings, open_memory, salvage
from graphmem.errors import Damaged, LedgerLost, Unavailable, UsageError

FUZZ = float(os.environ.get("GRAPHMEM_FUZZ", "1"))
_MAKE = """
import os, sys
from graphmem import Memory
memory = Memory(sys.argv[1], user_id="ada")
memory.add("Bob Stone works at Acme. Bob Stone lives in Paris.")
memory.add("Bob Stone is married to Carol Reed.")
memory.add("Carol Reed lives in Lisbon.")
memory.add("Dora Lane works at Acme.")
memory.add("Bob Stone moved to Oslo.")
memory.add("Dora Lane knows Carol Reed.")
memory.add("Tea is in the kitchen.", infer=False)
assert memory.verify().ok
if sys.argv[2] == "killed":
    os._exit(0)
memory.close()
"""
_USE = """
import json, sys
from graphmem import Memory
with Memory(sys.argv[1], user_id="ada") as memory:
    before = memory.verify()
    found = memory.verify(repair=True)
    hits = [hit.text for hit in memory.search("Where does Bob Stone live?", limit=3).hits]
    print(json.dumps([before.ok, before.differences, found.ok, memory.stats().episodes, hits]))
"""


def run(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={k: v for k, v in os.environ.items() if k not in {"GRAPHMEM_FUZZ", "GRAPHMEM_SEED"}},
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return made_stores(tmp_path_factory)


def made_stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same store, closed and killed."""
    made = {how: tmp_path_factory.mktemp("damage") / how for how in ("closed", "killed")}
    for how, folder in made.items():
        done = run(_MAKE, folder, how)
        assert done.returncode == 0, done.stderr
    return made


def copied(store: Path, to: Path) -> Path:
    subprocess.run(["cp", "-a", "--sparse=always", str(store), str(to)], check=True)
    return to


def damage(path: Path, how: str) -> None:
    size = path.stat().st_size
    if how == "emptied":
        path.write_bytes(b"")
    elif how == "halved":
        os.truncate(path, size // 2)
    elif how == "deleted":
        path.unlink()
    else:
        rng = random.Random(f"{path.name} {size}")
        with path.open("r+b") as file:
            for _ in range(40):
                file.seek(rng.randrange(min(size, 65_536)))
                file.write(rng.randbytes(8))


def holding(store: Path) -> list[str]:
    """Files that hold something, the ledger apart."""
    files = (path for path in store.rglob("*") if path.is_file())
    inside = [p for p in files if p.stat().st_size and getattr(p.stat(), "st_blocks", 1)]
    return sorted(
        str(path.relative_to(store)) for path in inside if not path.name.startswith("ledger")
    )


HOWS = ("emptied", "halved", "garbled", "deleted")


@pytest.mark.timeout(0)
@pytest.mark.parametrize("state", ["closed", "killed"])
def test_a_damaged_graph_or_vectors_are_put_right(
    stores: dict[str, Path], tmp_path: Path, state: str
) -> None:
    """The process never ends, the ledger's episodes are all there, one command mends."""
    files = holding(stores[state])
    main = [name for name in files if name in ("graph.kuzu", "vectors/checkpoint.json")]
    cases = [(name, how) for name in main for how in HOWS]
    others = [(name, how) for name in files if name not in main for how in HOWS]
    random.Random(state).shuffle(others)
    cases = random.Random(state).sample(cases, 3) if FUZZ <= 1 else cases
    cases += others[: int(3 * FUZZ * FUZZ)]
    for number, (name, how) in enumerate(cases):
        folder = copied(stores[state], tmp_path / str(number))
        damage(folder / name, how)
        done = run(_USE, folder)
        assert done.returncode == 0, (name, how, done.returncode, done.stderr[-500:])
        ok, differences, mended, episodes, hits = json.loads(done.stdout.splitlines()[-1])
        assert mended, (name, how, differences)
        assert episodes == 7, (name, how)
        assert any("Bob Stone" in hit for hit in hits), (name, how, hits)
        if state == "closed" and Path(name).name not in ("owner", "lock", "seal.json"):
            assert ok == name.endswith(".seal"), (name, how)
            assert ok or Path(name).name in str(differences), (name, how, differences)
        shutil.rmtree(folder)


@pytest.mark.parametrize("how", ["emptied", "deleted", "halved"])
@pytest.mark.parametrize("state", ["closed", "killed"])
def test_with_a_damaged_ledger_nothing_is_wiped(
    stores: dict[str, Path], tmp_path: Path, state: str, how: str
) -> None:
    folder = copied(stores[state], tmp_path / "store")
    ledger = folder / "ledger.sqlite"
    for log in folder.glob("ledger.sqlite-*"):
        log.unlink()
    damage(ledger, how)
    before = {name: (folder / name).read_bytes() for name in holding(folder)}
    with pytest.raises(Damaged, match="backup"):
        Memory(folder, user_id="ada")
    after = {name: (folder / name).read_bytes() for name in holding(folder)}
    changed = {name for name in before if before[name] != after.get(name)} - {"owner"}
    assert not changed, "nothing is touched"


def test_a_ledger_that_is_gone_can_be_accepted(stores: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(stores["closed"], tmp_path / "store")
    (folder / "ledger.sqlite").unlink()
    with Memory(folder, user_id="ada", settings=Settings.load(accept_ledger=True)) as memory:
        assert memory.stats().episodes == 0
        assert memory.verify().ok
    with Memory(folder, user_id="ada") as memory:
        assert memory.verify().ok


def test_a_ledger_older_than_its_graph_is_told(stores: dict[str, Path], tmp_path: Path) -> None:
    """As after a write-ahead log that was lost, or an older copy that was put back."""
    folder = copied(stores["closed"], tmp_path / "store")
    with Memory(folder, user_id="ada") as memory:
        memory.add("Bob lives in Rome.")
        memory.search("Bob")
    shutil.copy(stores["closed"] / "ledger.sqlite", folder / "ledger.sqlite")
    with Memory(folder, user_id="ada") as memory:
        assert not memory.health().ok
        found = memory.verify(repair=True)
        assert "older copy" in str(found.differences)
        with pytest.raises(Damaged, match="graphmem rebuild"):
            memory.search("Bob")
        assert memory.rebuild().ok
        assert memory.search("Where does Bob Stone live?").hits


def test_what_is_told_to_an_older_ledger_does_not_hide_that_it_is_older(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    """With as many events as the graph knows of, it would be taken for the one it was made from:
    what was told would never be found, and what was lost would be."""
    folder = copied(stores["closed"], tmp_path / "store")
    with Memory(folder, user_id="ada") as memory:
        memory.add("Dora Late lives in Newtown.")
        memory.search("Dora")
    shutil.copy(stores["closed"] / "ledger.sqlite", folder / "ledger.sqlite")
    for name in ("Gus", "Hal", "Ivo", "Jan", "Kai", "Lea"):
        with Memory(folder, user_id="ada") as memory:
            assert memory.add(f"{name} Newish lives in {name}ville.").status == "done"
            with pytest.raises(LedgerLost, match="older copy"):
                memory.search(name)
            assert not memory.health().ok
    with Memory(folder, user_id="ada") as memory:
        assert memory.rebuild().ok
    with Memory(folder, user_id="ada") as memory:
        assert memory.health().ok
        assert memory.verify().ok
        assert "Gusville" in memory.search("Where does Gus Newish live?").hits[0].text
        assert not memory.cypher("MATCH (f:Fact) WHERE f.text CONTAINS 'Late' RETURN f.text").rows


@pytest.mark.parametrize("other", ["older", "another's"])
def test_a_log_that_is_not_of_its_ledger_is_told(
    stores: dict[str, Path], tmp_path: Path, other: str
) -> None:
    """A copy put back over a killed store, whose log was left: SQLite makes one of both, finds
    nothing wrong with it, and what was remembered is gone."""
    folder = copied(stores["killed"], tmp_path / "store")
    ledger, own = folder / "ledger.sqlite", tmp_path / "own"
    from_file = stores["closed"] / "ledger.sqlite"
    if other == "older":
        from_file = tmp_path / "older"
        for text in ("Ines Roy lives in Porto.", "Ines Roy works at Acme."):
            shutil.copy(ledger, from_file)  # in the end as it was after the first
            with Memory(folder, user_id="ada") as memory:
                memory.add(text)
        assert run(_MAKE, folder, "killed").returncode == 0
    shutil.copy(ledger, own)
    shutil.copy(from_file, ledger)
    before = {path: path.read_bytes() for path in folder.glob("ledger.sqlite*")}
    with pytest.raises(Damaged, match="write-ahead log"):
        Memory(folder, user_id="ada")
    changed = {path.name for path in before if path.read_bytes() != before[path]}
    assert changed <= {"ledger.sqlite-shm"}, "nothing is touched"
    shutil.copy(own, ledger)
    with Memory(folder, user_id="ada") as memory:
        assert memory.stats().episodes >= (9 if other == "older" else 7)
        assert memory.verify().ok


@pytest.mark.parametrize(
    ("name", "put"),
    [
        ("graph.kuzu", "folder"),
        ("graph.kuzu.wal", "folder"),
        ("graph.kuzu.seal", "folder"),
        ("ledger.sqlite.sums", "folder"),
        ("vectors", "file"),
        ("vectors", "broken link"),
    ],
)
def test_what_was_put_in_a_place_of_ours_is_set_aside(
    stores: dict[str, Path], tmp_path: Path, name: str, put: str
) -> None:
    folder = copied(stores["closed"], tmp_path / "store")
    place = folder / name
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    if put == "folder":
        place.mkdir()
        (place / "somebody's").write_text("own")
    elif put == "file":
        place.write_text("own")
    else:
        place.symlink_to("nowhere")
    with Memory(folder, user_id="ada") as memory:
        assert memory.verify(repair=True).ok
        assert memory.search("Where does Bob Stone live?").hits
    kept = folder / f"{name}.set-aside"
    assert os.path.lexists(kept), "what may be somebody's is not removed"
    assert not kept.is_dir() or (kept / "somebody's").read_text() == "own"


Plant = Callable[[AsyncMemory], Coroutine[Any, Any, None]]


def in_graph(statement: str) -> Plant:
    async def plant(memory: AsyncMemory) -> None:
        pool = memory._parts.graph._pool  # type: ignore[attr-defined]
        await pool.write(lambda writer: writer.run(statement))

    return plant


def in_vectors(collection: str, change: Callable[[Any, Any, str], Any]) -> Plant:
    async def plant(memory: AsyncMemory) -> None:
        import qdrant_edge as edge

        shard = memory._parts.vectors._folder._shards[collection]._engine  # type: ignore[attr-defined]
        ids = sorted(await memory._parts.vectors.ids(collection))  # type: ignore[arg-type]
        made = change(edge, shard, ids[0])
        for operation in made if isinstance(made, list) else [made]:
            shard.update(operation)

    return plant


def _changed(vector: dict[str, Any], payload: dict[str, Any]) -> Callable[[Any, Any, str], Any]:
    def change(edge: Any, shard: Any, id: str) -> Any:
        (old,) = shard.retrieve([id], True, True)
        vectors = {name: made(edge) for name, made in vector.items()}
        point = edge.Point(id, {**old.vector, **vectors}, {**old.payload, **payload})
        return edge.UpdateOperation.upsert_points([point])

    return change


_ID = "00000000-0000-7000-8000-000000000001"
PLANTED: dict[str, Plant] = {
    "text of a fact": in_graph("MATCH (f:Fact) WITH f LIMIT 1 SET f.text = 'Mallory was here.'"),
    "end of a fact": in_graph(
        "MATCH (f:Fact) WITH f LIMIT 2 SET f.invalid_at = '2020-01-01T00:00:00.000000Z'"
    ),
    "importance of a fact": in_graph("MATCH (f:Fact) WITH f LIMIT 1 SET f.importance = 0.25"),
    "scope of a fact": in_graph("MATCH (f:Fact) WITH f LIMIT 1 SET f.run_id = 'other'"),
    "fact gone": in_graph("MATCH (f:Fact) WITH f LIMIT 1 DETACH DELETE f"),
    "name of an entity": in_graph("MATCH (e:Entity) WITH e LIMIT 1 SET e.name = 'Mallory'"),
    "aliases of an entity": in_graph("MATCH (e:Entity) WITH e LIMIT 1 SET e.aliases = ['M']"),
    "content of an episode": in_graph("MATCH (e:Episode) WITH e LIMIT 1 SET e.content = 'x'"),
    "entity that nobody named": in_graph(
        f"CREATE (:Entity {{id: '{_ID}', scope: 'default/user:ada', name: 'Mallory'}})"
    ),
    "fact that nobody stated": in_graph(
        f"CREATE (:Fact {{id: '{_ID}', scope: 'default/user:ada', text: 'Mallory rules.'}})"
    ),
    "relations gone": in_graph("MATCH (:Entity)-[r:RELATES]->(:Entity) DELETE r"),
    "relation of another type": in_graph(
        "MATCH (:Entity)-[r:RELATES]->(:Entity) SET r.type = 'hates'"
    ),
    "a relation twice": in_graph(
        "MATCH (a:Entity)-[r:RELATES]->(b:Entity) WITH a, b, r LIMIT 1 "
        "CREATE (a)-[:RELATES {scope: r.scope, type: r.type, fact_id: r.fact_id}]->(b)"
    ),
    "relation of no fact": in_graph(
        "MATCH (a:Entity), (b:Entity) WHERE a.id < b.id WITH a, b LIMIT 1 "
        f"CREATE (a)-[:RELATES {{scope: a.scope, type: 'rules', fact_id: '{_ID}'}}]->(b)"
    ),
    "sources gone": in_graph("MATCH (:Episode)-[r:STATES]->(:Fact) DELETE r"),
    "about nobody": in_graph("MATCH (:Fact)-[r:ABOUT]->(:Entity) DELETE r"),
    "mentions gone": in_graph("MATCH (:Episode)-[r:MENTIONS]->(:Entity) DELETE r"),
    "order of episodes": in_graph("MATCH (:Episode)-[r:NEXT]->(:Episode) DELETE r"),
    "point gone": in_vectors("facts", lambda edge, _, id: edge.UpdateOperation.delete_points([id])),
    "all points gone": in_vectors(
        "turns",
        lambda edge, shard, _: edge.UpdateOperation.delete_points(
            [str(r.id) for r in shard.scroll(edge.ScrollRequest(limit=1000))[0]]
        ),
    ),
    "another vector": in_vectors("turns", _changed({"dense": lambda _: [1.0] + [0.0] * 255}, {})),
    "other words": in_vectors(
        "facts", _changed({"bm25": lambda edge: edge.SparseVector([7], [1.0])}, {})
    ),
    "another tenant": in_vectors("facts", _changed({}, {"tenant": "default/user:eve"})),
    "another time": in_vectors("turns", _changed({}, {"occurred_at": "2001-01-01T00:00:00Z"})),
    "point that nobody wrote": in_vectors(
        "sessions",
        lambda edge, *_: edge.UpdateOperation.upsert_points(
            [edge.Point(_ID, {"bm25": edge.SparseVector([7], [1.0])}, {"tenant": "x"})]
        ),
    ),
}


async def test_planted_damage_is_found_and_put_right(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    folder = copied(stores["closed"], tmp_path / "store")
    async with await open_memory(folder, user_id="ada") as memory:
        for name, plant in PLANTED.items():
            whole = await memory._parts.graph.dump()
            await plant(memory)
            found = await memory.verify()
            assert not found.ok, name
            mended = await memory.verify(repair=True)
            assert mended.ok, (name, mended.differences)
            assert mended.repaired, name
            assert await memory._parts.graph.dump() == whole, name


async def test_a_store_can_be_looked_at_in_parts(stores: dict[str, Path], tmp_path: Path) -> None:
    """Together they look at everything once; each finds what it looks at, and only that is dear."""
    folder = copied(stores["closed"], tmp_path / "store")
    async with await open_memory(folder, user_id="ada") as memory:
        whole = await memory.verify()
        first = await memory.verify(part_of=3)
        assert first.part is None
        assert first.checked == whole.checked
        looked_at = [await memory.verify(part_of=3) for _ in range(3)]
        assert [found.part for found in looked_at] == [(1, 3), (2, 3), (3, 3)]
        for place in ("graph Fact nodes", "graph Episode nodes", "graph Entity nodes"):
            parts = [found.checked.get(place, 0) for found in looked_at]
            assert sum(parts) == whole.checked[place]
            assert max(parts) < whole.checked[place], place
        for name, plant in PLANTED.items():
            before = await memory._parts.graph.dump()
            await plant(memory)
            for _ in range(3):
                found = await memory.verify(part_of=3)
                if not found.ok:
                    break
            assert not found.ok, name
            assert (await memory.verify(part_of=3)).part == found.part, "the same one again"
            mended = await memory.verify(part_of=3, repair=True)
            assert (mended.ok, mended.part) == (True, found.part), (name, mended.differences)
            assert (await memory.verify(repair=True)).ok, name  # what stands in other parts
            assert await memory._parts.graph.dump() == before, name


async def test_what_changed_is_looked_at_in_whichever_part(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    folder = copied(stores["closed"], tmp_path / "store")
    async with await open_memory(folder, user_id="ada") as memory:
        assert (await memory.verify(part_of=500)).part is None
        quiet = await memory.verify(part_of=500)
        for name in ("Una Park", "Ivo Lind", "Mia Roth"):
            await memory.relate(name, "lives_in", "Bern")
        written = await memory.cypher("MATCH (f:Fact) WHERE f.text CONTAINS 'Bern' RETURN f.id")
        assert len(written.rows) == 3
        await in_graph("MATCH (f:Fact) WHERE f.text CONTAINS 'Bern' SET f.text = 'x'")(memory)
        found = await memory.verify(part_of=500)
        assert found.part == (2, 500)
        assert "graph Fact: 3 other than in the ledger" in str(found.differences)
        assert (await memory.verify(part_of=500, repair=True)).ok
        assert quiet.checked.get("graph Fact nodes", 0) < 3
        assert (await memory.verify(part_of=500)).checked.get("graph Fact nodes", 0) < 3
        for wrong in (0, -1, 1001, True, 2.5, "7"):
            with pytest.raises(UsageError, match="part_of must be a whole number from 1 to 1000"):
                await memory.verify(part_of=wrong)  # type: ignore[arg-type]


async def test_a_part_of_a_ledger_is_checked_by_its_pages(tmp_path: Path) -> None:
    """A thousand pages at a time: of the parts together every page, once."""
    folder = tmp_path / "store"
    async with await open_memory(folder, user_id="ada") as memory:
        for number in range(40):
            await memory.add(f"{number} " + "tea " * 50_000, infer=False)
        pages = (await memory.verify()).checked["ledger pages"]
    async with await open_memory(folder, user_id="ada") as memory:
        await memory.verify(part_of=2)
        parts = [(await memory.verify(part_of=2)).checked["ledger pages"] for _ in range(2)]
        assert min(parts) > 0
        assert sum(parts) == pages
    path = folder / "ledger.sqlite"
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"coffee")
    async with await open_memory(folder, user_id="ada") as memory:
        found = [await memory.verify(part_of=2) for _ in range(2)]
        assert "hold other bytes than were written" in str([one.differences for one in found])


def _wrong_with(folder: Path) -> str:
    try:
        with Memory(folder, user_id="ada") as memory:
            return str(memory.verify(repair=True).differences)
    except Damaged as error:
        return str(error)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("file", ["ledger.sqlite", "ledger.sqlite-wal"])
def test_garbled_places_of_a_ledger_are_found(
    stores: dict[str, Path], tmp_path: Path, file: str
) -> None:
    """Forty places, or one, wherever it is: text, index or what nobody reads."""
    store = stores["killed" if file.endswith("-wal") else "closed"]
    for number in range(int(2 * FUZZ)):
        folder = copied(store, tmp_path / str(number))
        ledger = folder / file
        rng = random.Random(number)
        size = ledger.stat().st_size
        with ledger.open("r+b") as opened:
            for _ in range(40 if number == 0 else 1):
                opened.seek(rng.randrange(200, size // 2 if file.endswith("-wal") else size))
                byte = opened.read(1)
                opened.seek(-1, os.SEEK_CUR)
                opened.write(bytes([byte[0] ^ 0x41]))
        assert "ledger" in _wrong_with(folder), number
        shutil.rmtree(folder)


@pytest.mark.timeout(0)
@pytest.mark.parametrize("place", ["head", "salts", "head of a frame", "page"])
def test_what_follows_a_damaged_place_of_a_log_is_not_cut_off(
    stores: dict[str, Path], tmp_path: Path, place: str
) -> None:
    """One bit is enough for SQLite to end there, and to cut off what came after when it puts the
    log away: nobody could have saved it any more."""
    for number in range(int(1 * FUZZ)):
        folder = copied(stores["killed"], tmp_path / f"{number}")
        log = folder / "ledger.sqlite-wal"
        rng = random.Random(f"{place} {number}")
        frame = 32 + (24 + 8192) * rng.randrange((log.stat().st_size - 32) // (24 + 8192) * 2 // 3)
        at = {
            "head": rng.randrange(32),
            "salts": frame + 8 + rng.randrange(8),
            "head of a frame": frame + rng.randrange(24),
            "page": frame + 24 + rng.randrange(8192),
        }[place]
        with log.open("r+b") as opened:
            opened.seek(at)
            byte = opened.read(1)[0] ^ 1 << rng.randrange(8)
            opened.seek(at)
            opened.write(bytes([byte]))
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        with pytest.raises(Damaged, match="write-ahead log"):
            Memory(folder, user_id="ada")
        changed = {path.name for path in before if path.read_bytes() != before[path]}
        assert changed <= {"ledger.sqlite-shm", "owner"}, at
        salvage(folder, tmp_path / f"{number} salvaged")
        with Memory(tmp_path / f"{number} salvaged", user_id="ada") as memory:
            assert memory.verify().ok
            assert memory.stats().episodes == 7, at
            assert memory.search("Where does Bob Stone live?").hits


@pytest.mark.parametrize("change", ["DROP TABLE facts", "ALTER TABLE turns RENAME TO gone"])
def test_a_ledger_without_a_table_is_damaged(
    stores: dict[str, Path], tmp_path: Path, change: str
) -> None:
    folder = copied(stores["closed"], tmp_path / "store")
    with contextlib.closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        ledger.execute("PRAGMA foreign_keys = OFF")
        ledger.execute(change)
        ledger.commit()
    with pytest.raises(Damaged, match="lacks what every ledger has: no such table"):
        _add_and_search(folder)


def _add_and_search(folder: Path) -> None:
    with Memory(folder, user_id="ada") as memory:
        memory.add("Bob Stone lives in Rome.")
        memory.search("Bob")


def test_a_graph_that_may_not_be_read_is_not_there_now(
    stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not damaged either: nothing is known against it."""

    def denied(_: Path) -> tuple[int, int]:
        raise PermissionError(errno.EACCES, "Permission denied")

    folder = copied(stores["closed"], tmp_path / "store")
    with monkeypatch.context() as patch:
        patch.setattr("graphmem.adapters.file_checksums._checksum", denied)
        with pytest.raises(Unavailable, match="cannot be read: Permission denied"):
            Memory(folder, user_id="ada")
    with Memory(folder, user_id="ada") as memory:
        assert memory.verify().ok


def test_an_older_ledger_without_its_checksums_is_no_damage(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    folder, older = copied(stores["closed"], tmp_path / "store"), tmp_path / "older.sqlite"
    shutil.copy(folder / "ledger.sqlite", older)
    with Memory(folder, user_id="ada") as memory:
        memory.add("Bob lives in Rome.")
        assert memory.verify().ok
    for _ in range(2):
        with Memory(folder, user_id="ada") as memory:
            assert memory.verify().ok, "checksums follow what was written"
            memory.add("Bob moved to Oslo.")
            memory.delete_all(run_id="nothing")
    shutil.copy(older, folder / "ledger.sqlite")
    with Memory(folder, user_id="ada") as memory:
        assert memory.rebuild().ok
    with Memory(folder, user_id="ada") as memory:
        assert memory.verify().ok


def test_another_program_that_looks_at_the_ledger_does_not_take_its_log(tmp_path: Path) -> None:
    """Who closes a file drops every lock that the process has on it: SQLite in another program
    would then take itself for the last user and remove the log under the one that writes."""
    look = (
        "import sqlite3, sys; ledger = sqlite3.connect(sys.argv[1]); "
        "ledger.execute('SELECT count(*) FROM episodes').fetchall(); ledger.close()"
    )
    with Memory(tmp_path / "s", user_id="ada") as memory:
        memory.add("Bob Stone works at Acme.", infer=False)
        assert memory.verify().ok
        memory.add("Carol Reed lives in Lisbon.", infer=False)
        assert (tmp_path / "s" / "ledger.sqlite-wal").stat().st_size > 0
        subprocess.run(
            [sys.executable, "-c", look, str(tmp_path / "s" / "ledger.sqlite")], check=True
        )
        assert (tmp_path / "s" / "ledger.sqlite-wal").stat().st_size > 0
        memory.add("Tea is in the kitchen.", infer=False)
    with Memory(tmp_path / "s", user_id="ada") as memory:
        assert memory.stats().episodes == 3
        assert memory.verify().ok


@pytest.mark.parametrize("times", [1, 2])
def test_a_rebuild_cut_short_goes_on_with_the_next_read(
    stores: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """As on a full disk: the new files could not be made, and then there is room again."""
    from graphmem.adapters.graph.kuzu import pool
    from graphmem.adapters.vectors.qdrant_edge import folder as edge_folder

    failed: list[object] = []

    def full_disk(*given: object) -> object:
        failed.append(given)
        raise Unavailable("the disk is full")

    with Memory(copied(stores["closed"], tmp_path / "store"), user_id="ada") as memory:
        before = memory.search("Where does Bob Stone live?").hits[0].text
        for owner, name in ((pool.Pool, "_new_database"), (edge_folder, "create_shards")):
            with monkeypatch.context() as patch:
                patch.setattr(owner, name, full_disk)
                for _ in range(times):
                    with pytest.raises(Unavailable, match="the disk is full"):
                        memory.rebuild()
            assert memory.search("Where does Bob Stone live?").hits[0].text == before
            assert memory.health().ok
            assert memory.verify().ok
        assert len(failed) == 2 * times


_SHORT = """
import resource, sys
from pathlib import Path
from graphmem import Memory, restore
from graphmem.errors import GraphmemError
resource.setrlimit(resource.RLIMIT_AS, (12_000_000 << 10,) * 2)
store, backup = sys.argv[1:]
def ask(): return Memory(store, user_id="ada").relations()
def rebuild():
    with Memory(store) as memory: memory.rebuild()
def repair():
    with Memory(store) as memory: memory.verify(repair=True)
for call in (ask, rebuild, repair, lambda: restore(backup, store + " again")):
    try:
        call()
    except GraphmemError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on addresses that holds")
def test_a_graph_for_which_memory_is_short_is_not_damaged(tmp_path: Path) -> None:
    """Whoever made it anew, as told, met the same."""
    store, backup = tmp_path / "store", tmp_path / "backup"
    made = run(_MAKE, store, "closed")
    assert made.returncode == 0, made.stderr
    with Memory(store, user_id="ada") as memory:
        memory.backup(backup)
    before = (store / "graph.kuzu").read_bytes()
    told = run(_SHORT, store, backup).stdout.splitlines()
    assert len(told) == 4, told
    for line in told:
        assert line.startswith("Unavailable the graph "), line
        assert "memory is short" in line
        assert "ulimit -v" in line
    assert (store / "graph.kuzu").read_bytes() == before
    with Memory(store, user_id="ada") as memory:
        assert memory.verify().ok
        assert memory.relations("Bob Stone")
