"""What is particular to the embedded engines: files, locks, threads, failures."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from graphmem.adapters.graph.kuzu import checkpoint, database_files, pool, session, write_changes
from graphmem.adapters.graph.kuzu.session import EngineName
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.errors import Rejected, Unavailable, UsageError
from graphmem.ports.graph import Checkpoint, GraphChanges, GraphDump
from graphmem.testing.graph_samples import ADA_SCOPE, SMALL, entity, fact

MANY = GraphChanges(
    entities=(entity("hub"),), facts=tuple(fact(f"m{i}", "hub", "hub") for i in range(1500))
)


def _in_another_process(
    code: str, *args: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | environment,
    )


_MARKED_MEMORY = """
import asyncio, sys
from pathlib import Path
from graphmem.adapters.graph.kuzu import session
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.testing.graph_samples import SMALL
fill, (path, engine, blank) = session._fill_memory, sys.argv[1:]
session._fill_memory = lambda value: fill(value if value and blank == "blank" else 0x5A)
session._fill_memory(0)
async def write():
    for applied_seq in (1, 2):
        graph = KuzuGraph(Path(path), engine=engine)
        await graph.open("store")
        await graph.apply(SMALL, applied_seq)
        await graph.close()
asyncio.run(write())
"""
"""Writes a graph in a process whose memory, new or freed, is marked."""
_MARKING = f"glibc.malloc.perturb={0x5A}"
_MARKS = re.compile(rb"\xa5{6,}|\x5a{6,}")


@pytest.mark.skipif(session._mallopt is None, reason="only glibc can fill new memory")
@pytest.mark.parametrize("engine", ["kuzu", "ladybug"])
def test_the_file_holds_nothing_of_the_memory_of_the_process(tmp_path: Path, engine: str) -> None:
    for blank, marked in (("as the engine does", True), ("blank", False)):
        path = tmp_path / blank
        done = _in_another_process(_MARKED_MEMORY, str(path), engine, blank)
        assert done.returncode == 0, done.stderr
        assert bool(_MARKS.search(path.read_bytes())) is marked


_MARKED_LOAD = """
import asyncio, os, sys
from pathlib import Path
from graphmem.adapters.graph.kuzu import session
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.testing.graph_samples import SMALL
from tests.adapters.graph.test_kuzu import MANY
fill = session._fill_memory
session._fill_memory = lambda value: fill(value or 0x5A)
session._fill_memory(0)
async def write():
    graph = KuzuGraph(Path(sys.argv[1]), engine=sys.argv[2])
    await graph.open("store")
    for applied_seq, changes in enumerate((MANY, SMALL), 1):
        await graph.apply(changes, applied_seq)
        await graph.digests()
    os._exit(0)
asyncio.run(write())
"""
"""The same with a graph so large that it is copied in; the process ends without closing it."""


@pytest.mark.skipif(session._mallopt is None, reason="only glibc can fill new memory")
@pytest.mark.parametrize("engine", ["kuzu", "ladybug"])
def test_nor_once_it_was_loaded_nor_when_it_is_looked_at_after_a_kill(
    tmp_path: Path, engine: EngineName
) -> None:
    path = tmp_path / "graph"
    done = _in_another_process(_MARKED_LOAD, str(path), engine)
    assert done.returncode == 0, done.stderr
    assert not _MARKS.search(path.read_bytes())
    looked = _in_another_process(
        database_files._PROGRAM, str(path), engine, str(1 << 28), GLIBC_TUNABLES=_MARKING
    )
    assert looked.returncode == 0, looked.stderr
    assert path.stat().st_size > 1 << 20
    assert not _MARKS.search(path.read_bytes())


_NEVER_CLOSED = """
import asyncio, os, sys
from pathlib import Path
from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.testing.graph_samples import SMALL
async def write():
    graph = KuzuGraph(Path(sys.argv[1]), engine=sys.argv[2])
    await graph.open("store")
    await graph.apply(SMALL, 1)
    await graph.digests()
    return graph
graph = asyncio.run(write())
if sys.argv[3] == "fork" and os.fork():
    os.wait()
    os._exit(0)
"""


@pytest.mark.parametrize("engine", ["kuzu", "ladybug"])
@pytest.mark.parametrize("end", ["exit", "fork"])
async def test_what_is_never_closed_is_not_written_when_it_is_let_go_of(
    tmp_path: Path, engine: EngineName, end: str
) -> None:
    """Not by an interpreter that ends, nor by that of a child while its parent has it open."""
    path = tmp_path / "graph"
    done = _in_another_process(_NEVER_CLOSED, str(path), engine, end, PYTHONWARNINGS="ignore")
    assert done.returncode == 0, done.stderr
    assert path.stat().st_size == 4096, "an empty database: all is in the log"
    if engine == "kuzu":  # the other one is never loaded where it is
        graph = KuzuGraph(path)
        assert await graph.open("store") == Checkpoint("store", 1)
        assert len((await graph.dump()).nodes) > 1
        await graph.close()


async def test_a_second_process_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "graph.kuzu"
    graph = KuzuGraph(path)
    await graph.open("store")
    done = _in_another_process(
        "import asyncio; from pathlib import Path\n"
        "from graphmem.adapters.graph.kuzu.store import KuzuGraph\n"
        f"asyncio.run(KuzuGraph(Path({str(path)!r})).open('store'))"
    )
    assert "graphmem.errors.Unavailable" in done.stderr
    assert f"{path} is in use by another process: close the other one" in done.stderr
    await graph.close()


async def test_a_second_opening_in_this_process_is_refused(tmp_path: Path) -> None:
    one, other = KuzuGraph(tmp_path / "graph"), KuzuGraph(tmp_path / "." / "graph")
    await one.open("store")
    with pytest.raises(Unavailable, match="in use in this process"):
        await other.open("store")
    await one.apply(SMALL, 1)
    await one.close()
    assert await other.open("store") == Checkpoint("store", 1)
    await other.close()


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "graph"
    path.write_text("these are my notes\n" * 500)
    with pytest.raises(Rejected, match="not a valid Kuzu database"):
        await KuzuGraph(path).open("store")
    assert path.read_text().startswith("these are my notes")
    with pytest.raises(Rejected, match="is a folder"):
        await KuzuGraph(tmp_path).open("store")


async def test_a_database_of_someone_else_is_left_alone(tmp_path: Path) -> None:
    import kuzu

    path = tmp_path / "graph"
    with kuzu.Database(str(path), max_db_size=1 << 30) as db, kuzu.Connection(db) as connection:
        connection.execute("CREATE NODE TABLE Recipe(id STRING PRIMARY KEY)")
    with pytest.raises(Rejected, match="not graphmem's: it holds Recipe"):
        await KuzuGraph(path).open("store")


async def test_a_file_of_another_version_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "graph"
    graph = KuzuGraph(path)
    await graph.open("store")
    await graph.apply(SMALL, 4)
    await graph.close()
    content = bytearray(path.read_bytes())
    assert content[:4] == b"KUZU"
    content[4] += 1
    path.write_bytes(content)
    (tmp_path / "graph.seal").unlink()
    assert await graph.open("store") == Checkpoint("store", 0)
    await graph.apply(SMALL, 4)
    await graph.close()


async def test_another_format_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = KuzuGraph(tmp_path / "graph")
    await graph.open("store")
    await graph.apply(SMALL, 4)
    await graph.close()
    monkeypatch.setattr(checkpoint, "KUZU_FORMAT", checkpoint.KUZU_FORMAT + 1)
    assert await graph.open("store") == Checkpoint("store", 0)
    assert await graph.dump() == GraphDump((), ())
    await graph.close()


def test_two_engines_in_one_process_are_refused_before_the_second_is_loaded() -> None:
    done = _in_another_process(
        "import asyncio, sys, kuzu\n"
        "from graphmem.adapters.graph.kuzu.store import KuzuGraph\n"
        "from graphmem.errors import UsageError\n"
        "try:\n"
        "    asyncio.run(KuzuGraph(None, engine='ladybug').open('store'))\n"
        "except UsageError as error:\n"
        "    print(error, 'ladybug' in sys.modules)\n"
    )
    assert "because kuzu is loaded already" in done.stdout
    assert done.stdout.strip().endswith("False")
    assert done.returncode == 0


def test_importing_the_adapters_loads_no_engine() -> None:
    done = _in_another_process(
        "import sys\n"
        "import graphmem.adapters.graph.kuzu.store, graphmem.adapters.graph.networkx\n"
        "print([m for m in ('kuzu', 'ladybug') if m in sys.modules])"
    )
    assert done.stdout.strip() == "[]", done.stderr


async def test_who_will_let_go_of_the_file_is_waited_for(tmp_path: Path) -> None:
    """As the process that looked at it for a program that was killed."""
    path = tmp_path / "graph"
    graph = KuzuGraph(path)
    await graph.open("store")
    await graph.apply(SMALL, 4)
    await graph.close()
    program = (
        "import sys, time, kuzu; database = kuzu.Database(sys.argv[1]); print('held', flush=True);"
        "time.sleep(0.5)"
    )
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    assert await graph.open("store") == Checkpoint("store", 4)
    assert await holder.wait() == 0
    await graph.close()


async def test_large_batches_are_gathered_and_seen_by_the_next_read(tmp_path: Path) -> None:
    path = tmp_path / "graph"
    graph = KuzuGraph(path)
    await graph.open("store")
    await graph.apply(MANY, 10)
    await graph.apply(GraphChanges(facts=(fact("late", "hub"),)), 11)
    assert {
        link.fact_id for link in (await graph.expand(ADA_SCOPE.tenant, ["hub"], limit=2000))["hub"]
    } == {
        *(f"m{i}" for i in range(1500)),
        "late",
    }
    await graph.apply(GraphChanges(removed_facts=("late",)), 12)
    await graph.apply(MANY, 13)
    await graph.close()
    assert await graph.open("store") == Checkpoint("store", 13)
    assert len((await graph.dump()).nodes) == 1501
    await graph.close()


async def test_what_one_is_given_is_written_for_no_other_s_read(tmp_path: Path) -> None:
    """A mebibyte of facts took the engine seconds, and whoever read first waited for them."""
    graph = KuzuGraph(tmp_path / "graph")
    await graph.open("store")
    await graph.apply(MANY, 10)
    written = graph._pool.changes
    assert await graph.expand("default/user:another", ["hub"], limit=9) == {}
    assert graph._pool.changes == written, "nothing was written for it"
    # Whoever reads of it while it is being written waits for it, too.
    both = await asyncio.gather(
        *(graph.expand(ADA_SCOPE.tenant, ["hub"], limit=2000) for _ in range(2))
    )
    assert [len(found["hub"]) for found in both] == [1500, 1500]
    await graph.apply(GraphChanges(removed_facts=("m1",)), 11)
    await graph.apply(GraphChanges(facts=MANY.facts[:3], removed_facts=("m2", "m3")), 12)
    found = await graph.expand(ADA_SCOPE.tenant, ["hub"], limit=2000)
    assert len(found["hub"]) == 1499
    await graph.close()


async def test_a_failed_bulk_write_stops_the_graph_until_it_is_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = KuzuGraph(tmp_path / "graph")
    await graph.open("store")
    await graph.apply(SMALL, 1)
    await graph.apply(MANY, 2)
    with monkeypatch.context() as patch:
        patch.setattr(write_changes, "ROWS_NAME", "/missing/")  # no such folder
        with pytest.raises(Unavailable, match="bulk"):
            await graph.expand(ADA_SCOPE.tenant, ["n1"], limit=5)
    with pytest.raises(Unavailable, match="open it again"):
        await graph.expand(ADA_SCOPE.tenant, ["n1"], limit=5)
    with pytest.raises(Unavailable, match="open it again"):
        await graph.apply(SMALL, 3)
    checkpoint = await graph.open("store")
    assert checkpoint in (Checkpoint("store", 0), Checkpoint("store", 1))
    assert len((await graph.dump()).nodes) == (8 if checkpoint.applied_seq else 0)
    await graph.apply(SMALL, 1)
    await graph.apply(MANY, 2)
    assert len((await graph.dump()).nodes) == 1509
    await graph.close()


async def test_a_slow_query_is_stopped_and_the_graph_goes_on(tmp_path: Path) -> None:
    graph = KuzuGraph(tmp_path / "graph")
    await graph.open("store")
    await graph.apply(MANY, 1)
    slow = (
        "MATCH (a:Fact), (b:Fact), (c:Fact) "
        "WHERE a.text < b.text AND b.text < c.text AND c.text < a.text RETURN count(*)"
    )
    with pytest.raises(UsageError, match=r"did not finish within 0\.2 s"):
        await graph.cypher(slow, {}, tenant=ADA_SCOPE.tenant, max_rows=5, timeout_s=0.2)
    reading = asyncio.ensure_future(
        graph.cypher(slow, {}, tenant=ADA_SCOPE.tenant, max_rows=5, timeout_s=60)
    )
    beside = await graph.expand(ADA_SCOPE.tenant, ["hub"], limit=3)
    assert len(beside["hub"]) == 3
    await graph.apply(GraphChanges(facts=(fact("late", "hub"),)), 2)
    assert not reading.done()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    table = await graph.cypher(
        "MATCH (f:Fact {id: 'late'}) RETURN f.text",
        {},
        tenant=ADA_SCOPE.tenant,
        max_rows=5,
        timeout_s=5,
    )
    assert table.rows == (("text of late",),)
    await graph.close()


def test_a_full_disk_can_be_tried_again(tmp_path: Path) -> None:
    """In the engine's own words, as seen on a full disk."""
    full_disk = RuntimeError("IO exception: Cannot write to file. Error: No space left on device")
    assert isinstance(session.translated(full_disk, "kuzu"), Unavailable)
    opening = pool._opening_failed(full_disk, tmp_path, "kuzu")
    assert isinstance(opening, Unavailable)
    assert "delete it" not in str(opening)


async def test_a_graph_without_a_path_goes_when_it_is_closed() -> None:
    graph = KuzuGraph(None)
    assert await graph.open("store") == Checkpoint("store", 0)
    await graph.apply(SMALL, 1)
    folder = graph._pool.path.parent
    assert folder.exists()
    await graph.close()
    assert not folder.exists()
    assert await graph.open("store") == Checkpoint("store", 0)
    await graph.close()
