"""Kills, interrupts, second processes, forks, threads and running loops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphmem import AsyncMemory, Memory, Settings
from graphmem.errors import Damaged, Unavailable, UsageError
from graphmem.model import Stats
from graphmem.testing.replay import replay_differences
from tests.engine.helpers import child, child_environment, run_child

_ADD = """
import sys
from graphmem import Memory

folder, start = sys.argv[1], int(sys.argv[2])
with Memory(folder, user_id="ada") as memory:
    print("open", flush=True)
    for number in range(start, start + 10_000):
        if number % 7 == 3:
            told = [f"Line {number} {n}." for n in range(5)]
            memory.add_many(told, infer=number % 2 == 0)
            print("many", number, flush=True)
        elif number % 7 == 5 and number > start + 2:
            memory.search("Oslo")
        else:
            text = f"Person {number} lives in Oslo. Bob Stone moved to City{number}."
            receipt = memory.add(text, infer=number % 3 != 0)
            print("one", receipt.episode_id, flush=True)
"""

_MANY = """
import sys
from graphmem import Memory

with Memory(sys.argv[1], user_id="ada") as memory:
    print("open", flush=True)
    items = (f"Person{n} lives in Oslo. Bob Stone knows Person{n}." for n in range(150))
    new = memory.add_many(items, progress=lambda done: print("done", done, flush=True))
    print("new", new, flush=True)
"""


@contextlib.contextmanager
def started(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A child that is gone at the end, however that comes."""
    with subprocess.Popen(
        child(code, *arguments),
        env=child_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        assert process.stderr is not None
        raise AssertionError(process.stderr.read())
    return line


def kill_after(process: subprocess.Popen[str], lines: int, pause_s: float) -> list[str]:
    """What a child said until it was killed, some lines and a moment on."""
    stated = [next_line(process) for _ in range(lines)]
    # A kill between two lines is a kill in the middle of a call.
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=pause_s)
    process.kill()
    rest, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    return [*stated, *rest.split("\n")[:-1]]


@pytest.mark.parametrize("seed", range(3))
def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    """Four kills a store, at random moments of adds, of opening, of catching up."""
    rng = random.Random(seed)
    folder = tmp_path / "store"
    ones: set[str] = set()
    many: set[int] = set()
    for kill in range(4):
        with started(_ADD, str(folder), str(1000 * kill)) as process:
            for line in kill_after(process, rng.randrange(1, 20), rng.random() * 0.06):
                what, _, value = line.partition(" ")
                if what == "one":
                    ones.add(value)
                elif what == "many":
                    many.add(int(value))
        check_store(folder, ones, many, resume=kill % 2 == 1)
    assert len(ones) > 10


def check_store(folder: Path, ones: set[str], many: set[int], *, resume: bool) -> None:
    with Memory(folder, user_id="ada") as memory:
        verified = memory.verify()
        assert verified.ok, verified.differences
        episodes = {id: memory.episode(id) for id in ones}
        assert all(episode.turns for episode in episodes.values())
        assert {episode.status for episode in episodes.values()} <= {"done"}
        texts = {row[0] for row in memory.cypher(
            "MATCH (e:Episode) RETURN e.content", max_rows=10_000
        ).rows}  # fmt: skip
        for number in many:
            assert {f"Line {number} {n}." for n in range(5)} <= texts
        for episode in memory.get_all(limit=10_000, current=False).items:
            assert episode.sources, "no fact without its episode"
        if resume:
            assert {receipt.status for receipt in memory.resume()} <= {"done"}
            assert memory.stats().pending == 0
            assert memory.resume() == []
            assert memory.verify().ok
            engine = memory._async
            assert isinstance(engine, AsyncMemory)
            assert memory._loop_thread.call(replay_differences(engine)) == []
        homes = [r.subject for r in memory.relations(type="lives_in", limit=10_000)]
        assert homes.count("Bob Stone") <= 1, "decisions are whole: never two open homes"


def undisturbed(folder: Path) -> Stats:
    done = run_child(_MANY, str(folder))
    assert done.returncode == 0, done.stderr
    with Memory(folder, user_id="ada") as memory:
        assert memory.verify().ok
        return memory.stats()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_add_many_goes_on_where_it_stopped(tmp_path: Path, how: signal.Signals) -> None:
    expected = undisturbed(tmp_path / "whole")
    folder = tmp_path / "cut"
    for lines in (1, 2):
        with started(_MANY, str(folder)) as process:
            for _ in range(lines):
                next_line(process)
            process.send_signal(how)
            _, errors = process.communicate(timeout=60)
            assert process.returncode != 0
            if how == signal.SIGINT:
                assert "KeyboardInterrupt" in errors
                assert "Traceback" in errors
        with Memory(folder, user_id="ada") as memory:
            assert memory.verify().ok
            assert memory.stats().episodes < 150
    again = undisturbed(folder)
    assert (again.episodes, again.pending, again.facts, again.relations, again.entities) == (
        expected.episodes,
        expected.pending,
        expected.facts,
        expected.relations,
        expected.entities,
    )


_INTERRUPTED = """
import sys, threading, _thread
from graphmem import Memory

with Memory(sys.argv[1], user_id="ada") as memory:
    cut = 0
    for number in range(30):
        timer = threading.Timer(0.0004 * (number % 10), _thread.interrupt_main)
        try:
            timer.start()
            memory.add(f"Person{number} lives in Oslo.")
            timer.join()
            for _ in range(100):
                pass
        except KeyboardInterrupt:
            cut += 1
        timer.join()
        assert memory.verify().ok, memory.verify().differences
    memory.resume()
    assert memory.verify().ok
    print(cut, memory.stats().pending)
"""


def test_ctrl_c_in_the_middle_of_add_leaves_a_memory_that_works(tmp_path: Path) -> None:
    """The same memory goes on, consistent, after each interrupt."""
    done = run_child(_INTERRUPTED, str(tmp_path / "store"))
    assert done.returncode == 0, done.stderr
    cut, pending = done.stdout.split()
    assert int(cut) > 5
    assert pending == "0"


_TIMED_OUT = """
import signal, sys
from graphmem import Memory

class TooSlow(Exception):
    pass

def tell(*_):
    raise TooSlow

signal.signal(signal.SIGALRM, tell)
with Memory(sys.argv[1], user_id="ada") as memory:
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        memory.add_many((f"Line {n}." for n in range(10**6)), infer=False)
    except TooSlow:
        before = memory.stats().episodes
        memory.add("Ada lives in Oslo.")
        print("stopped", memory.stats().episodes - before)
"""


def test_what_any_signal_raises_ends_the_call_that_it_comes_into(tmp_path: Path) -> None:
    """A timeout by SIGALRM: nothing of the call goes on behind whoever thinks that it ended."""
    done = run_child(_TIMED_OUT, str(tmp_path / "store"))
    assert done.returncode == 0, done.stderr
    assert done.stdout == "stopped 1\n"


_OPEN = """
import sys
from graphmem import Memory
try:
    Memory(sys.argv[1], user_id="ada")
except Exception as error:
    print(type(error).__name__, error.retryable, error)
"""


class TestLockedFolders:
    def test_another_process_is_stated_which_and_what_to_do(self, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        with Memory(folder, user_id="ada") as memory:
            memory.add("Tea.")
            stated = run_child(_OPEN, str(folder)).stdout
            assert stated.startswith("Unavailable True")
            assert str(folder) in stated
            assert f"pid {os.getpid()}" in stated
            assert "close that memory first, or use another folder" in stated
            assert memory.add("Rain.").status == "done"
        assert run_child(_OPEN, str(folder)).stdout == ""

    def test_the_same_process_too(self, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        with Memory(folder, user_id="ada") as memory:
            with pytest.raises(Unavailable, match=r"store is open in this process itself: close"):
                Memory(folder, user_id="bob")
            with pytest.raises(Unavailable, match="this process itself"):
                Memory(tmp_path / "x" / ".." / "store", user_id="bob")
            assert memory.add("Tea.").status == "done"

    def test_a_ledger_named_by_its_url_is_locked_too(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'mine.sqlite'}"
        settings = Settings.load({}, ledger=url, graph="memory://", vectors="memory://")
        with Memory(user_id="ada", settings=settings) as memory:
            with pytest.raises(Unavailable, match=r"mine\.sqlite is in use: close the other one"):
                Memory(user_id="ada", settings=settings)
            assert memory.add("Tea.").status == "done"
        with Memory(user_id="ada", settings=settings) as memory:
            assert memory.stats().episodes == 1

    def test_a_killed_process_holds_nothing(self, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        with started(_ADD, str(folder), "0") as process:
            kill_after(process, 3, 0.0)
        with Memory(folder, user_id="ada") as memory:
            assert memory.stats().episodes >= 2

    def test_an_opening_that_failed_holds_nothing(self, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        folder.mkdir()
        (folder / "ledger.sqlite").write_text("not a database, whatever its name says" * 100)
        with pytest.raises(Damaged, match="is damaged: file is not a database"):
            Memory(folder, user_id="ada")
        (folder / "ledger.sqlite").unlink()
        with Memory(folder, user_id="ada") as memory:
            assert memory.add("Tea.").status == "done"


def until_closed(memory: Memory, ended: list[BaseException], number: int) -> None:
    try:
        while True:
            memory.add(f"Tea {number}.", infer=number % 2 == 0)
            memory.search("tea")
    except BaseException as error:  # noqa: BLE001
        ended.append(error)


class TestLoopThread:
    async def test_it_works_inside_a_running_loop(self) -> None:
        """As in a notebook."""
        assert asyncio.get_running_loop().is_running()
        with Memory("memory://", user_id="ada") as memory:
            memory.add("Tea.", infer=False)
            assert memory.search("tea")[0].text == "Tea."

    def test_many_threads_may_share_one(self) -> None:
        with Memory("memory://", user_id="ada") as memory:
            errors: list[BaseException] = []

            def work(name: str) -> None:
                try:
                    for number in range(10):
                        memory.add(f"Note {number} of {name}.", infer=False)
                        assert memory.search(f"note {number} of {name}")
                except BaseException as error:  # noqa: BLE001
                    errors.append(error)

            threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(6)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert errors == []
            assert memory.stats().facts == 60
            assert memory.verify().ok

    def test_a_call_from_its_own_loop_is_refused(self) -> None:
        """It would wait for itself: a progress function that asks the memory, for example."""
        with Memory("memory://", user_id="ada") as memory:

            def progress(done: int) -> None:
                memory.stats()

            with pytest.raises(UsageError, match="own event loop; use AsyncMemory"):
                memory.add_many(["Tea."], progress=progress)
            with pytest.raises(UsageError, match="own event loop"):
                memory.add_many(memory.add(text).status for text in ("a", "b"))
            assert memory.add("Tea.").status == "duplicate"

    @pytest.mark.parametrize("name", ["store", "memory://"])
    def test_close_while_others_call(self, tmp_path: Path, name: str) -> None:
        """Each call ends: with its result, or with the reason."""
        for number in range(2 if name == "store" else 10):
            folder = name if "://" in name else tmp_path / f"{name}{number}"
            ended: list[BaseException] = []
            memory = Memory(folder, user_id="ada")
            threads = [
                threading.Thread(target=until_closed, args=(memory, ended, n), daemon=True)
                for n in range(4)
            ]
            for thread in threads:
                thread.start()
            memory.search("tea")
            memory.close()
            for thread in threads:
                thread.join(timeout=20)
            assert not any(thread.is_alive() for thread in threads)
            assert [type(error) for error in ended] == [UsageError] * 4
            assert all("closed" in str(error) or "not open" in str(error) for error in ended)

    def test_a_fork_is_refused(self, tmp_path: Path) -> None:
        done = run_child(_FORK, str(tmp_path / "store"))
        assert done.returncode == 0, done.stderr
        assert "opened before a fork" in done.stdout
        assert "open it again there" in done.stdout
        assert done.stdout.count("fork") == 3
        assert "parent goes on: done" in done.stdout

    def test_a_child_that_ends_after_a_fork_leaves_its_parents_files_alone(
        self, tmp_path: Path
    ) -> None:
        """Its interpreter would destroy what the engines have open: hang, crash, or write it."""
        done = run_child(_FORK_ASYNC, str(tmp_path / "store"))
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("UsageError this memory was opened before a fork") == 2
        assert done.stdout.endswith("ended 0 []\n")
        with Memory(tmp_path / "store", user_id="ada") as memory:
            assert memory.stats().episodes == 1
            assert memory.verify().ok

    def test_a_program_may_end_without_close(self, tmp_path: Path) -> None:
        code = (
            "import sys; from graphmem import Memory;"
            "memory = Memory(sys.argv[1], user_id='ada'); print(memory.add('Tea.').status)"
        )
        done = run_child(code, str(tmp_path / "store"))
        assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
        with Memory(tmp_path / "store", user_id="ada") as memory:
            assert memory.stats().episodes == 1
            assert memory.verify().ok

    def test_an_exception_of_mine_passes_through(self) -> None:
        with Memory("memory://", user_id="ada") as memory:

            def progress(done: int) -> None:
                raise ZeroDivisionError(done)

            with pytest.raises(ZeroDivisionError):
                memory.add_many(["Tea."], progress=progress)
            assert memory.stats().episodes == 1
            assert memory.verify().ok


_FORK_ASYNC = """
import asyncio, os, subprocess, sys
from graphmem import open_memory

def files():  # not by this process, which would lose its locks
    words = ["sh", "-c", "find . -type f -exec md5sum {} +"]
    return set(subprocess.run(words, cwd=sys.argv[1], capture_output=True).stdout.splitlines())

async def begun():
    memory = await open_memory(sys.argv[1], user_id="ada")
    await memory.add("I live in Paris.")
    await memory.search("Paris")
    return memory

loop = asyncio.new_event_loop()
memory = loop.run_until_complete(begun())
before = files()
if not os.fork():
    for call in (memory.stats, memory.close):
        try:
            loop.run_until_complete(call())
        except Exception as error:
            print(type(error).__name__, error, flush=True)
    sys.exit()
print("ended", os.wait()[1], sorted(before ^ files()), flush=True)
os._exit(0)
"""

_FORK = """
import os, sys, warnings
warnings.simplefilter("ignore")
from graphmem import Memory
memory = Memory(sys.argv[1], user_id="ada")
memory.add("Tea.")
pid = os.fork()
if pid == 0:
    for call in (memory.stats, lambda: memory.add("Rain."), memory.close):
        try:
            call()
        except Exception as error:
            print(type(error).__name__, error, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
print("parent goes on:", memory.add("Rain.").status)
memory.close()
"""
