"""What stands in the place of a store's files and is not what was written there: links, pipes,
files of another store, JSON of another shape. Every one of them with GRAPHMEM_FUZZ=10."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, salvage
from graphmem.errors import LedgerLost
from tests.engine.test_damage import _MAKE, _USE, FUZZ, copied, made_stores, run

pytestmark = pytest.mark.slow  # two or three stores each


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return made_stores(tmp_path_factory)


OF_OURS = (
    "graph.kuzu",
    "graph.kuzu.wal",
    "graph.kuzu.seal",
    "graph.kuzu.seal.new",
    "ledger.sqlite.sums",
    "ledger.sqlite.sums.new",
    "owner",
    "vectors",
    "vectors/checkpoint.json",
    "vectors/checkpoint.json.new",
    "vectors/seal.json",
    "vectors/facts-1",
)


@pytest.mark.parametrize("put", ["link", "link to nothing", "link to itself", "pipe"])
def test_what_a_link_leads_to_is_not_touched_and_a_pipe_not_waited_for(
    stores: dict[str, Path], tmp_path: Path, put: str
) -> None:
    """Repair is of the place itself: what a link leads to may be anybody's."""
    others = copied(stores["closed"], tmp_path / "others")
    (others / "mine").write_text("own")
    before = {path: path.read_bytes() for path in others.rglob("*") if path.is_file()}
    cases = list(itertools.product(("closed", "killed"), OF_OURS))
    for state, name in random.Random(put).sample(cases, 3) if FUZZ <= 1 else cases:
        folder = copied(stores[state], tmp_path / f"{state} {name.replace('/', ' ')}")
        place = folder / name
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)
        if put == "pipe":
            os.mkfifo(place)
        elif put == "link":
            place.symlink_to(others / name if (others / name).exists() else others / "mine")
        else:
            place.symlink_to("nowhere" if put == "link to nothing" else place.name)
        done = run(_USE, folder)
        assert done.returncode == 0, (state, name, done.stderr[-500:])
        _, differences, mended, episodes, hits = json.loads(done.stdout.splitlines()[-1])
        assert mended, (state, name, differences)
        assert episodes == 7, (state, name)
        assert any("Bob Stone" in hit for hit in hits), (state, name)
        if name in ("graph.kuzu", "vectors", "vectors/facts-1"):
            assert place.name in str(differences), "named"
        shutil.rmtree(folder)
    after = {path: path.read_bytes() for path in others.rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.parametrize("put", ["folder", "link to itself", "pipe"])
def test_a_ledger_that_is_no_file_is_salvaged_from_the_graph(
    stores: dict[str, Path], tmp_path: Path, put: str
) -> None:
    folder = copied(stores["closed"], tmp_path / "store")
    ledger = folder / "ledger.sqlite"
    ledger.unlink()
    if put == "folder":
        ledger.mkdir()
    elif put == "pipe":
        os.mkfifo(ledger)
    else:
        ledger.symlink_to(ledger.name)
    with pytest.raises(LedgerLost, match="graphmem salvage"):
        Memory(folder, user_id="ada")
    found = salvage(folder, tmp_path / "salvaged")
    assert len(found.from_graph) == 7


def test_the_ledger_of_another_store_does_not_empty_graph_and_vectors(
    stores: dict[str, Path], tmp_path: Path
) -> None:
    """They may be all that is left of what it was put over."""
    folder, others = (copied(stores["closed"], tmp_path / name) for name in ("store", "others"))
    shutil.rmtree(others)
    assert run(_MAKE, others, "closed").returncode == 0

    def put(ledger_of: Path) -> None:
        for name in ("ledger.sqlite", "ledger.sqlite.sums"):
            shutil.copy(ledger_of / name, folder / name)

    put(others)
    with pytest.raises(LedgerLost, match="of another store"):
        Memory(folder, user_id="ada")
    put(stores["closed"])
    with Memory(folder, user_id="ada") as memory:
        assert memory.verify().ok
        assert not memory.verify(repair=True).repaired, "all was still there"
    put(others)
    with Memory(folder, user_id="ada", settings=Settings.load(accept_ledger=True)) as memory:
        assert memory.verify().ok
    with Memory(folder, user_id="ada") as memory:
        assert memory.stats().episodes == 7


_SHAPES = ["[" * 200_000, '{"size": ' + "9" * 5000 + "}", "null", "7", "NaN", '""', "[]", "{}"]


@pytest.mark.parametrize("name", ["vectors/checkpoint.json", "vectors/seal.json"])
@pytest.mark.parametrize("text", _SHAPES[: 3 if FUZZ <= 1 else None])
def test_json_of_another_shape_is_damage(
    stores: dict[str, Path], tmp_path: Path, name: str, text: str
) -> None:
    folder = copied(stores["killed"], tmp_path / "store")
    (folder / name).write_text(text)
    with Memory(folder, user_id="ada") as memory:
        assert memory.verify(repair=True).ok
        assert memory.search("Where does Bob Stone live?").hits


@pytest.mark.parametrize("key", ["store_id", "embedder", "size", "folders", "applied_seq", "boot"])
def test_a_checkpoint_whose_values_are_of_other_kinds_is_damage(
    stores: dict[str, Path], tmp_path: Path, key: str
) -> None:
    values: list[Any] = [[], None, 1e308, True, {"facts": 1}]
    values += ["7", -5, 10**30] if key in ("size", "applied_seq") else [7]
    values = random.Random(key).sample(values, 1) if FUZZ <= 1 else values
    for number, value in enumerate(values):
        folder = copied(stores["killed"], tmp_path / str(number))
        path = folder / "vectors" / "checkpoint.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "sum": None, key: value}))
        with Memory(folder, user_id="ada") as memory:
            assert memory.verify(repair=True).ok, value
            assert memory.search("Where does Bob Stone live?").hits


@pytest.mark.parametrize("value", ["an embedder", "a store", 1])
def test_a_checkpoint_that_reads_well_and_is_not_as_it_was_written_is_damage(
    stores: dict[str, Path], tmp_path: Path, value: str | int
) -> None:
    """One changed letter was another embedder: the store could not be opened."""
    key = {"an embedder": "embedder", "a store": "store_id"}.get(str(value), "applied_seq")
    folder = copied(stores["killed"], tmp_path / "store")
    path = folder / "vectors" / "checkpoint.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with Memory(folder, user_id="ada") as memory:
        assert "other bytes than were written" in str(memory.verify().differences)
        assert memory.verify(repair=True).ok
        assert memory.search("Where does Bob Stone live?").hits
