"""A process killed while it writes leaves a graph whose checkpoint and content agree."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from graphmem.adapters.graph.kuzu.store import KuzuGraph
from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.ports.graph import GraphChanges
from graphmem.testing.graph_samples import ADA_SCOPE, entity, episode, fact


def batch(i: int) -> GraphChanges:
    """The i-th batch: it adds, replaces and removes."""
    return GraphChanges(
        episodes=(episode(f"e{i}", previous_id=f"e{i - 1}", text="x" * 3000),),
        entities=(entity(f"n{i}"), entity("hub", name=f"hub {i}")),
        facts=(
            fact(f"f{i}", "hub", f"n{i}", sources=[f"e{i}"], supersedes=f"f{i - 1}"),
            fact("same", f"n{i}", "hub", sources=[f"e{i}"], text=f"version {i}"),
        ),
        mentions=((f"e{i}", "hub"), (f"e{i}", f"n{i}")),
        removed_facts=(f"f{i - 5}",),
        removed_entities=(f"n{i - 7}",),
    )


async def write_forever(path: Path, copy_from: int) -> None:
    graph = KuzuGraph(path, copy_from=copy_from)
    checkpoint = await graph.open("store")
    at = checkpoint.applied_seq
    while True:
        at += 1
        await graph.apply(batch(at), at)
        await graph.expand(ADA_SCOPE.tenant, ["hub"], limit=1)
        print(at, flush=True)  # noqa: T201 - the parent waits for it


async def _check(path: Path, copy_from: int, acknowledged: int) -> int:
    graph, oracle = KuzuGraph(path, copy_from=copy_from), NetworkXGraph()
    await oracle.open("store")
    checkpoint = await graph.open("store")
    assert checkpoint.applied_seq in (acknowledged, acknowledged + 1)
    for i in range(1, checkpoint.applied_seq + 1):
        await oracle.apply(batch(i), i)
    assert await graph.dump() == await oracle.dump()
    assert set((await graph.expand(ADA_SCOPE.tenant, ["hub"], limit=99))["hub"]) == set(
        (await oracle.expand(ADA_SCOPE.tenant, ["hub"], limit=99))["hub"]
    )
    await graph.close()
    return checkpoint.applied_seq


@pytest.mark.parametrize("copy_from", [1000, 1])
async def test_checkpoint_and_content_agree_after_a_kill(tmp_path: Path, copy_from: int) -> None:
    path = tmp_path / "it's a [graph]?*" / "graph"  # COPY takes a pattern
    path.parent.mkdir()
    acknowledged = 0
    for lines in (1, 4, 9, 2, 6):
        child = subprocess.Popen(  # noqa: ASYNC220 - nothing else runs in this loop
            [sys.executable, "-m", "tests.adapters.graph.test_kill", str(path), str(copy_from)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[3],
            text=True,
        )
        assert child.stdout is not None
        with child.stdout:
            for _ in range(lines):
                acknowledged = int(child.stdout.readline())
            child.kill()  # in the middle of whatever it does next
            rest = child.stdout.read().split()
            child.wait()
        acknowledged = await _check(path, copy_from, int(rest[-1]) if rest else acknowledged)


_KILLED_IN_A_COPY = """
import asyncio, os, pathlib, sys
from graphmem.adapters.graph.kuzu.session import Session
from tests.adapters.graph.test_kill import write_forever
run = Session.run
Session.run = lambda self, text, *a: (
    os.kill(os.getpid(), 9) if text.startswith("COPY") else run(self, text, *a)
)
asyncio.run(write_forever(pathlib.Path(sys.argv[1]), 1))
"""


def test_rows_on_their_way_are_removed_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "graph"
    ended = subprocess.run(
        [sys.executable, "-c", _KILLED_IN_A_COPY, str(path)],
        cwd=Path(__file__).parents[3],
        check=False,
    )
    assert ended.returncode == -9
    (left,) = tmp_path.glob("graph.rows-*.json")
    assert b"xxx" in left.read_bytes()
    asyncio.run(_opened_and_closed(path))
    assert not left.exists()


async def _opened_and_closed(path: Path) -> None:
    graph = KuzuGraph(path)
    await graph.open("store")
    await graph.close()


if __name__ == "__main__":
    asyncio.run(write_forever(Path(sys.argv[1]), int(sys.argv[2])))
