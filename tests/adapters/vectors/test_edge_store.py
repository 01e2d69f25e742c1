"""What only the store on disk can do: kills, locks, damage, checkpoints, optimizing beside the
work."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphmem.adapters.vectors.qdrant_edge import checkpoint, disk_space
from graphmem.adapters.vectors.qdrant_edge import folder as edge_folder
from graphmem.adapters.vectors.qdrant_edge import optimize as edge_optimize
from graphmem.adapters.vectors.qdrant_edge.shard import Shard, engine_errors
from graphmem.adapters.vectors.qdrant_edge.store import EdgeVectors
from graphmem.errors import BackendError, Damaged, Rejected, Unavailable, UsageError
from graphmem.ports.vectors import COLLECTIONS, Only, VectorChanges, VectorQuery
from graphmem.testing.vector_points import (
    SIZE,
    TENANT,
    drop,
    expected_scores,
    point,
    put,
    uid,
    unit,
)
from tests.sparse_copy import copy_store


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EdgeVectors]:
    store = EdgeVectors(tmp_path / "vectors")
    await store.open("store", "model", SIZE)
    yield store
    await store.close()


def checkpoint_of(folder: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((folder / "checkpoint.json").read_text())
    return data


def shard_folder(folder: Path, collection: str = "facts") -> Path:
    return folder / str(checkpoint_of(folder)["folders"][collection])


async def facts_with(store: EdgeVectors, text: str) -> set[str]:
    query = VectorQuery("facts", Only(TENANT), 10_000, text=text)
    return {hit.id for hit in (await store.search([query]))[0]}


# -- one process at a time -----------------------------------------------------------------------


async def test_a_closing_that_was_given_up_is_waited_for_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = EdgeVectors(tmp_path / "vectors")
    await store.open("store", "model", SIZE)
    close = store._folder.close

    def slow() -> None:
        time.sleep(0.3)
        close()

    monkeypatch.setattr(store._folder, "close", slow)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await store.close()
    await store.close()
    again = EdgeVectors(tmp_path / "vectors")
    await again.open("store", "model", SIZE)
    await again.close()


async def test_a_second_opening_is_unavailable_and_harms_nothing(store: EdgeVectors) -> None:
    await store.apply(put(point(1)), 3)
    second = EdgeVectors(store._path)
    for store_id in ("store", "another-store"):
        with pytest.raises(Unavailable, match=r"vectors.* in use .*close the other"):
            await second.open(store_id, "model", SIZE)
    with pytest.raises(Unavailable):
        await second.clear()
    assert await store.ids("facts") == {uid(1)}
    await store.close()
    assert (await second.open("store", "model", SIZE)).applied_seq == 3
    await second.close()


async def test_a_shard_open_in_another_program_is_unavailable(tmp_path: Path) -> None:
    store = EdgeVectors(tmp_path)
    await store.open("store", "model", SIZE)
    await store.apply(put(point(1)), 3)
    await store.close()
    open_shard = Shard.load(shard_folder(tmp_path, "turns"))
    with pytest.raises(Unavailable, match=r"in use"):
        await store.open("store", "model", SIZE)
    open_shard.close()
    assert (await store.open("store", "model", SIZE)).applied_seq == 3
    await store.close()


# -- what may lie in the folder ------------------------------------------------------------------


async def closed_store(folder: Path) -> None:
    store = EdgeVectors(folder)
    await store.open("store", "model", SIZE)
    await store.apply(put(*(point(n, f"tea {n}") for n in range(1, 200))), 3)
    await store.close()


@pytest.mark.parametrize(
    "checkpoint",
    [
        "", "{", "[]", "null", '"x"', "\x00" * 40, "{}", '{"format": 3}',
        '{"format": 3, "store_id": "store", "embedder": "m", "size": 8, "folders": {}}',
        '{"format": 3, "store_id": "s", "embedder": "m", "size": 8, "folders": '
        '{"facts": "../../etc", "turns": "turns-1", "sessions": "sessions-1"}}',
        '{"format": 3, "store_id": "s", "embedder": "m", "size": "8", "folders": '
        '{"facts": "facts-1", "turns": "turns-1", "sessions": "sessions-1"}}',
    ],
)  # fmt: skip
async def test_a_damaged_checkpoint_is_rejected_and_clear_mends_it(
    tmp_path: Path, checkpoint: str
) -> None:
    await closed_store(tmp_path)
    (tmp_path / "checkpoint.json").write_text(checkpoint)
    await rejected_then_cleared(tmp_path)


async def rejected_then_cleared(folder: Path) -> None:
    store = EdgeVectors(folder)
    with pytest.raises(Damaged, match="verify --repair") as caught:
        await store.open("store", "model", SIZE)
    assert str(folder) in str(caught.value)
    await store.clear()
    assert (await store.open("store", "model", SIZE)).applied_seq == 0
    assert await store.ids("facts") == set()
    await store.close()


async def test_a_missing_collection_is_rejected_and_clear_mends_it(tmp_path: Path) -> None:
    await closed_store(tmp_path)
    shutil.rmtree(shard_folder(tmp_path))
    await rejected_then_cleared(tmp_path)


@pytest.mark.parametrize("what", ["edge_config.json", "wal", "segments", "garbage"])
async def test_a_damaged_collection_is_rejected_and_clear_mends_it(
    tmp_path: Path, what: str
) -> None:
    await closed_store(tmp_path)
    folder = shard_folder(tmp_path)
    if what == "garbage":
        for path in folder.rglob("*.json"):
            path.write_bytes(random.Random(1).randbytes(500))
    elif what == "edge_config.json":
        (folder / what).write_text("{")
    else:
        shutil.rmtree(folder / what)
        (folder / what).write_text("a file")
    await rejected_then_cleared(tmp_path)


async def test_a_file_in_place_of_the_folder_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "vectors").write_text("mine")
    with pytest.raises(Rejected, match="vectors"):
        await EdgeVectors(tmp_path / "vectors").open("store", "model", SIZE)
    assert (tmp_path / "vectors").read_text() == "mine"


async def test_files_of_others_are_never_touched(tmp_path: Path) -> None:
    names = ["notes.txt", "facts", "facts-old", "turns-1x", "my-facts-1"]
    for name in names:
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("years of work")
    store = EdgeVectors(tmp_path)
    await store.open("store", "model", SIZE)
    await store.open("another", "model", SIZE)
    await store.clear()
    await store.close()
    await store.clear()
    for name in names:
        assert (tmp_path / name / "thesis.txt").read_text() == "years of work"


async def test_another_format_is_cleared(tmp_path: Path) -> None:
    await closed_store(tmp_path)
    (tmp_path / "seal.json").unlink()
    checkpoint = checkpoint_of(tmp_path) | {"format": 99, "news": True}
    (tmp_path / "checkpoint.json").write_text(json.dumps(checkpoint))
    store = EdgeVectors(tmp_path)
    assert (await store.open("store", "model", SIZE)).applied_seq == 0
    assert await store.ids("facts") == set()
    await store.close()


async def test_leftovers_of_a_kill_are_swept_up(tmp_path: Path) -> None:
    await closed_store(tmp_path)
    (tmp_path / "seal.json").unlink()
    left = tmp_path / "facts-7"
    copy_store(shard_folder(tmp_path), left)
    (tmp_path / "checkpoint.json.new").write_text("{half")
    store = EdgeVectors(tmp_path)
    assert (await store.open("store", "model", SIZE)).applied_seq == 3
    assert not left.exists()
    assert len(await store.ids("facts")) == 199
    await store.close()


# -- how far it got ------------------------------------------------------------------------------


async def test_after_a_power_cut_only_what_was_flushed_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another boot id is what a restarted machine looks like; a killed process keeps its boot."""
    store = EdgeVectors(tmp_path)
    await store.open("store", "model", SIZE)
    await store.apply(put(*(point(n) for n in range(1, 30))), 4)
    assert checkpoint_of(tmp_path)["applied_seq"] == 4
    assert checkpoint_of(tmp_path)["durable_seq"] == 0
    copy = tmp_path.with_name("copy")
    copy_store(tmp_path, copy)
    await store.close()
    assert checkpoint_of(tmp_path)["durable_seq"] == 4
    if checkpoint.boot_id():
        assert (await EdgeVectorsOpened(copy).seq()) == 4
    shutil.rmtree(copy)
    await store.open("store", "model", SIZE)
    await store.apply(put(point(50)), 9)
    copy_store(tmp_path, copy)
    await store.close()
    monkeypatch.setattr(checkpoint, "boot_id", lambda: "after the cut")
    assert (await EdgeVectorsOpened(copy).seq()) == 4
    monkeypatch.setattr(checkpoint, "boot_id", lambda: "")
    assert (await EdgeVectorsOpened(copy).seq()) == 4


class EdgeVectorsOpened:
    def __init__(self, folder: Path) -> None:
        self.store = EdgeVectors(folder)

    async def seq(self) -> int:
        checkpoint = await self.store.open("store", "model", SIZE)
        await self.store.close()
        return checkpoint.applied_seq


async def test_many_points_are_flushed_on_the_way(
    store: EdgeVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_folder, "_FLUSH_AFTER", 10)
    await store.apply(put(*(point(n) for n in range(1, 10))), 1)
    assert checkpoint_of(store._path)["durable_seq"] == 0
    await store.apply(put(point(10)), 2)
    assert checkpoint_of(store._path)["durable_seq"] == 2


_WRITER = """
import asyncio, sys
from pathlib import Path
from graphmem.adapters.vectors.qdrant_edge.store import EdgeVectors
from graphmem.testing.vector_points import SIZE, point, put, drop, uid

async def main():
    store = EdgeVectors(Path(sys.argv[1]))
    first = (await store.open("store", "model", SIZE)).applied_seq
    for seq in range(first + 1, 10_000):
        await store.apply(put(*(point(seq * 100 + n, f"batch{seq}") for n in range(7))), seq)
        print(seq, flush=True)

asyncio.run(main())
"""


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path) -> None:
    """Killed after a random number of acknowledgements, in the middle of whatever comes next."""
    folder = tmp_path / "vectors"
    rng = random.Random(11)
    acknowledged = 0
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder)], stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            for _ in range(rng.randrange(1, 40)):
                acknowledged = int(child.stdout.readline())
            os.kill(child.pid, signal.SIGKILL)
            acknowledged = int(([str(acknowledged), *child.stdout.read().split()])[-1])
        asyncio.run(check_after_kill(folder, acknowledged))


async def check_after_kill(folder: Path, acknowledged: int) -> None:
    store = EdgeVectors(folder)
    checkpoint = await store.open("store", "model", SIZE)
    assert checkpoint.applied_seq >= acknowledged
    ids = await store.ids("facts")
    for seq in range(1, checkpoint.applied_seq + 1):
        assert {uid(seq * 100 + n) for n in range(7)} <= ids
    newest = await facts_with(store, f"batch{checkpoint.applied_seq}")
    assert newest == {uid(checkpoint.applied_seq * 100 + n) for n in range(7)}
    await store.close()


# -- optimizing ----------------------------------------------------------------------------------


@pytest.fixture
def worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_folder, "_WORTH_OPTIMIZING", 1)


@pytest.mark.usefixtures("worth_it")
async def test_writes_and_searches_go_on_while_optimizing(store: EdgeVectors) -> None:
    await store.apply(put(*(point(n, "old") for n in range(1, 600))), 1)
    before = shard_folder(store._path)
    running = asyncio.ensure_future(store.optimize())
    seq = 1
    while not running.done():
        seq += 1
        await store.apply(put(point(10_000 + seq, "new"), point(1, "changed")), seq)
        await store.apply(drop(uid(2), uid(10_000 + seq - 1)), seq)
        assert await facts_with(store, "new") == {uid(10_000 + seq)}
        assert await facts_with(store, "changed") == {uid(1)}
    await running
    assert seq > 1
    assert shard_folder(store._path) != before
    assert not before.exists()
    assert await facts_with(store, "old") == {uid(n) for n in range(3, 600)}
    assert await facts_with(store, "new") == {uid(10_000 + seq)}
    ids = await store.ids("facts")
    await store.close()
    assert (await store.open("store", "model", SIZE)).applied_seq == seq
    assert await store.ids("facts") == ids


@pytest.mark.usefixtures("worth_it")
async def test_an_optimized_store_finds_the_nearest_as_before(tmp_path: Path) -> None:
    """Vectors are read as bytes then (from 10 MB on), but compared whole: near ones, alike ones,
    and far ones."""
    random, size = np.random.default_rng(7), 512
    middles = random.standard_normal((40, size))
    vectors = np.repeat(middles, 150, axis=0) + 0.2 * random.standard_normal((6000, size))
    vectors[-50:] = vectors[-1]
    points = [point(n, dense=vector.astype(np.float32)) for n, vector in enumerate(vectors)]
    store = EdgeVectors(tmp_path)
    await store.open("store", "model", size)
    await store.apply(put(*points), 1)
    near = [middles[0], middles[9], vectors[-1], random.standard_normal(size)]
    asked = [
        VectorQuery("facts", Only(TENANT), limit, dense=vector.astype(np.float32))
        for vector in near
        for limit in (1, 10, 120)
    ]
    assert await store.optimize()
    assert list(shard_folder(tmp_path).rglob("quantized.data")), "read as bytes"
    for query, found in zip(asked, await store.search(asked), strict=True):
        scores = expected_scores(points, query)
        best = sorted(scores, key=lambda id: (-round(scores[id], 5), id))[: query.limit]
        wanted = [scores[id] for id in best]
        assert [hit.score for hit in found] == pytest.approx(wanted, abs=1e-5)
    await store.close()


@pytest.mark.usefixtures("worth_it")
async def test_what_has_not_changed_is_not_optimized_again(store: EdgeVectors) -> None:
    await store.apply(put(point(1)), 1)
    await store.optimize()
    after = checkpoint_of(store._path)["folders"]
    assert after["turns"] == "turns-1"
    await store.optimize()
    assert checkpoint_of(store._path)["folders"] == after


@pytest.mark.usefixtures("worth_it")
@pytest.mark.parametrize("how", ["cancel", "close", "clear", "flood"])
async def test_an_optimization_that_is_overtaken_leaves_no_trace(
    store: EdgeVectors, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A child that never ends by itself: whatever happens, happens before it is done.
    monkeypatch.setattr(edge_optimize, "_PROGRAM", "import signal; signal.pause()")
    monkeypatch.setattr(edge_optimize, "_MOST_DELAYED", 10)
    await store.apply(put(*(point(n, "old") for n in range(1, 60))), 1)
    running = asyncio.ensure_future(store.optimize())
    while store._folder._optimizing is None:  # noqa: ASYNC110 - a thread sets it, without an event
        await asyncio.sleep(0)
    child = store._folder._optimizing.process
    if how == "cancel":
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    elif how == "close":
        await store.close()
    elif how == "clear":
        await store.clear()
    else:
        await store.apply(put(*(point(n, "new") for n in range(100, 120))), 2)
    if how != "cancel":
        await running
    assert child.poll() is not None
    if how == "close":
        await store.open("store", "model", SIZE)
    kept = 0 if how == "clear" else 79 if how == "flood" else 59
    assert len(await store.ids("facts")) == kept
    folders = {path.name for path in store._path.iterdir() if path.is_dir()}
    assert folders == set(checkpoint_of(store._path)["folders"].values())


@pytest.mark.usefixtures("worth_it")
async def test_a_failed_optimization_says_so_and_leaves_the_store_working(
    store: EdgeVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_optimize, "_PROGRAM", "raise SystemExit('out of cheese')")
    await store.apply(put(point(1)), 1)
    with pytest.raises(Rejected, match="out of cheese"):
        await store.optimize()
    assert await store.ids("facts") == {uid(1)}
    folders = {path.name for path in store._path.iterdir() if path.is_dir()}
    assert folders == {f"{name}-1" for name in COLLECTIONS}


@pytest.mark.usefixtures("worth_it")
async def test_a_checkpoint_that_cannot_be_written_leaves_the_old_shard_in_force(
    store: EdgeVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.apply(put(*(point(n, "old") for n in range(1, 60))), 1)

    def no_space(path: Path, _: bytes, **__: bool) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as full:
        full.setattr(checkpoint, "replace_file", no_space)
        with pytest.raises(BackendError, match=r"checkpoint\.json"):
            await store.optimize()
    assert len(await facts_with(store, "old")) == 59, "searched as before"
    folders = {path.name for path in store._path.iterdir() if path.is_dir()}
    assert folders == {f"{name}-1" for name in COLLECTIONS}, "the copy is gone"
    await store.apply(put(point(100, "new")), 2)
    await store.optimize()
    assert checkpoint_of(store._path)["changed"]["facts"] == 0
    await store.close()
    assert (await store.open("store", "model", SIZE)).applied_seq == 2
    assert await facts_with(store, "new") == {uid(100)}
    assert len(await facts_with(store, "old")) == 59


@pytest.mark.usefixtures("worth_it")
async def test_without_an_interpreter_to_start_it_optimizes_in_place(
    store: EdgeVectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_folder, "can_start", lambda: False)
    await store.apply(put(*(point(n, "old") for n in range(1, 60))), 1)
    await store.optimize()
    assert len(await facts_with(store, "old")) == 59
    assert checkpoint_of(store._path)["changed"]["facts"] == 0


def test_copying_leaves_holes_and_changes_nothing(tmp_path: Path) -> None:
    source = tmp_path / "a" / "b"
    source.mkdir(parents=True)
    mebibyte = 1024 * 1024
    contents = {
        "empty": b"",
        "zeros": bytes(3 * mebibyte + 5),
        "ends in zeros": b"x" * 10 + bytes(2 * mebibyte),
        "zeros inside": b"x" * mebibyte + bytes(2 * mebibyte) + b"y" * 7,
        "small": b"\x00\x01",
    }
    for name, content in contents.items():
        (source / name).write_bytes(content)
    edge_optimize.copy_sparse(tmp_path / "a", tmp_path / "c")
    for name, content in contents.items():
        assert (tmp_path / "c" / "b" / name).read_bytes() == content
    assert (tmp_path / "c" / "b" / "zeros").stat().st_blocks == 0


def test_a_full_disk_is_no_damage(tmp_path: Path) -> None:
    """In the engine's own words, as seen: rebuilding would not help, room would."""
    message = "Failed to flush: IO Error: failed to write to file `x`: No space left on device"
    with pytest.raises(Unavailable, match="the disk is full"), engine_errors(tmp_path):
        raise Exception(f"Service runtime error: {message} (os error 28)")  # noqa: TRY002


# -- calls at the wrong time ---------------------------------------------------------------------


class Disk:
    """What disks are said to have left, the engine on them being real."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left = 1 << 40
        usage = shutil.disk_usage(".")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=self.left))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


_NEARLY_FULL = r"disk is nearly full: the vectors in .* may need [\d,]+ MiB, and {} MiB are left"


async def test_on_a_full_disk_nothing_new_is_made(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.left = 60 << 20
    store = EdgeVectors(tmp_path)
    with pytest.raises(Unavailable, match=_NEARLY_FULL.format(60)):
        await store.open("s", "e", SIZE)
    assert set(os.listdir(tmp_path)) <= {"lock"}
    disk.left = 1 << 30
    await store.open("s", "e", SIZE)
    await store.apply(put(point(1)), 1)
    disk.left = 1 << 20
    monkeypatch.setattr(disk_space, "_NEW", 1 << 30)  # more than going would free
    with pytest.raises(Unavailable, match=_NEARLY_FULL.format(1)):
        await store.clear()
    assert await store.ids("facts") == {uid(1)}, "what there is stays"
    await store.close()


async def test_on_a_full_disk_it_is_read_and_not_written(store: EdgeVectors, disk: Disk) -> None:
    await store.apply(put(point(1)), 1)
    disk.left = 6 << 20
    for changes in (put(point(2)), drop(uid(1))):
        with pytest.raises(Unavailable, match=_NEARLY_FULL.format(6)):
            await store.apply(changes, 2)
    query = VectorQuery("facts", Only(TENANT), 5, dense=unit(1))
    assert [[hit.id for hit in hits] for hits in await store.search([query])] == [[uid(1)]]
    disk.left = 1 << 30
    await store.apply(put(point(2)), 2)
    assert await store.ids("facts") == {uid(1), uid(2)}


async def test_on_a_full_disk_nothing_is_optimized_or_opened(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_folder, "_WORTH_OPTIMIZING", 1)
    store = EdgeVectors(tmp_path)
    await store.open("s", "e", SIZE)
    await store.apply(put(point(1)), 1)
    disk.left = 50 << 20
    with pytest.raises(Unavailable, match=_NEARLY_FULL.format(50)):
        await store.optimize()
    assert await store.ids("facts") == {uid(1)}
    await store.close()
    disk.left = 0
    with pytest.raises(Unavailable, match=_NEARLY_FULL.format(0)):
        await store.open("s", "e", SIZE)
    disk.left = 1 << 40
    assert (await store.open("s", "e", SIZE)).applied_seq == 1
    assert await store.optimize()
    await store.close()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no file system in memory")
def test_holes_are_filled_by_reading_only_in_memory() -> None:
    assert disk_space.fills_holes(Path("/dev/shm"))
    assert not disk_space.fills_holes(Path("/gone"))


async def test_nothing_works_before_opening(tmp_path: Path) -> None:
    store = EdgeVectors(tmp_path / "vectors")
    query = VectorQuery("facts", Only(TENANT), 5, dense=unit(1))
    for call in (
        store.search([query]),
        store.apply(VectorChanges(), 1),
        store.ids("facts"),
        store.optimize(),
    ):
        with pytest.raises(UsageError, match="not open"):
            await call
    await store.close()
    assert not (tmp_path / "vectors").exists()


@pytest.mark.parametrize(("embedder", "size"), [("", 8), ("m", 0), ("m", -1), ("m", 65_537)])
async def test_an_embedder_has_a_name_and_a_size(tmp_path: Path, embedder: str, size: int) -> None:
    with pytest.raises(UsageError):
        await EdgeVectors(tmp_path).open("store", embedder, size)
