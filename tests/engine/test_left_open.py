"""A memory that nobody holds any more, and that nobody closed."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from graphmem import Memory


def test_a_forgotten_memory_lets_its_folder_go(tmp_path: Path) -> None:
    def noted() -> None:
        memory = Memory(tmp_path / "store", user_id="ada")
        memory.add("I live in Rome.")

    for _ in range(3):
        noted()
    gc.collect()
    with Memory(tmp_path / "store", user_id="ada") as memory:
        assert [r.object for r in memory.relations()] == ["Rome"]
        assert memory.verify().ok


def test_a_view_keeps_its_memory(tmp_path: Path) -> None:
    def view(folder: Path) -> object:
        memory = Memory(folder, user_id="ada")
        memory.add("I live in Rome.", occurred_at="2024-01-01")
        return memory.as_of("2024-02-01")

    kept = view(tmp_path / "store")
    gc.collect()
    assert [r.object for r in kept.relations()] == ["Rome"]  # type: ignore[attr-defined]
    del kept
    Memory(tmp_path / "store", user_id="ada").close()


def test_a_cycle_is_found_in_any_thread(tmp_path: Path) -> None:
    class Holder:
        def __init__(self, folder: Path) -> None:
            self.memory = Memory(folder, user_id="ada")
            self.itself = self

    Holder(tmp_path / "a").memory.add("I live in Rome.")
    with Memory(tmp_path / "b", user_id="ada") as other:
        gc.collect()
        other.add("I live in Oslo.")
    with Memory(tmp_path / "a", user_id="ada") as memory:
        assert memory.stats().facts == 1


def test_at_the_end_of_a_program_it_is_closed(tmp_path: Path) -> None:
    program = """
        from graphmem import Memory
        memory = Memory("other", user_id="ada")
        memory.add("I live in Oslo.")
        def told():
            Memory("store", user_id="ada").add("I live in Rome.")
        told()
    """
    code = textwrap.dedent(program)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    for name in ("store", "other"):
        with Memory(tmp_path / name, user_id="ada") as memory:
            assert memory.stats().facts == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_does_not_wait_for_what_its_parent_lets_go(tmp_path: Path) -> None:
    program = """
        import os, time
        from graphmem import Memory
        memory = Memory("store", user_id="ada")
        del memory
        if os.fork() == 0:
            began = time.monotonic()
            Memory("other", user_id="bob").close()
            os._exit(int(time.monotonic() - began > 20))
        print(os.wait()[1])
    """
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(program)],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "0\n"
