"""The prompt of ``graphmem cypher``, in a real terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.cli.conftest import Run

PROMPT = "graphmem> "
_CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]|\r")


class Terminal:
    """``graphmem cypher`` in a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self.pid, self._descriptor = pty.fork()
        if self.pid == 0:
            command = [sys.executable, "-m", "graphmem.doors.cli", "--user", "ada", "cypher"]
            os.environ.update(TERM="dumb", COLUMNS="120")
            os.execv(sys.executable, [*command, *arguments])
        self.code: int | None = None

    def until(self, wanted: str) -> str:
        """What it writes until the text ends so."""
        seen, deadline = "", time.monotonic() + 60
        while not seen.endswith(wanted):
            ready, _, _ = select.select([self._descriptor], [], [], 1)
            assert time.monotonic() < deadline, f"{wanted!r} did not come: {seen!r}"
            if not ready:
                continue
            seen += _CODES.sub("", os.read(self._descriptor, 65_536).decode())
        return seen

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C until a prompt comes: one that is pressed just before the line is waited
        for is not seen by readline (CPython's ``readline_until_enter_or_signal``)."""
        for _ in range(10):
            self.type("\x03")
            if select.select([self._descriptor], [], [], 5)[0]:
                self.until(PROMPT)
                return
        raise AssertionError("Ctrl-C brings no prompt")

    def ask(self, text: str, until: str = PROMPT) -> str:
        """Type a line; what comes after its echo."""
        self.type(text + "\n")
        return self.until(until).partition("\n")[2]

    def end(self) -> str:
        """What is left to read, and the exit code in ``code``."""
        left = b""
        while True:
            try:
                some = os.read(self._descriptor, 65_536)
            except OSError:  # Linux says so when the other side is gone
                break
            if not some:
                break
            left += some
        _, status = os.waitpid(self.pid, 0)
        self.code = os.waitstatus_to_exitcode(status)
        os.close(self._descriptor)
        return left.decode()


@pytest.fixture
def terminal(ada: Run) -> Iterator[Terminal]:
    opened = Terminal()
    opened.until(PROMPT)
    yield opened
    if opened.code is None:
        os.kill(opened.pid, signal.SIGKILL)
        opened.end()


def test_a_session(terminal: Terminal) -> None:
    assert "person" in terminal.ask("MATCH (e:Entity {name: 'Bo'}) RETURN e.kind;")
    assert terminal.ask("MATCH (e:Entity {name: 'Bo'})", "...> ").strip().endswith("...>")
    terminal.ask("RETURN e.kind AS kind", "...> ")
    assert "person" in terminal.ask("")
    assert "error: Cypher: DELETE is refused" in terminal.ask("MATCH (e) DELETE e;")
    assert "who_is" in terminal.ask(":queries")
    assert "A query ends with" in terminal.ask(":help")
    assert "no command :nonsense" in terminal.ask(":nonsense")
    terminal.ask(":quit", "")
    terminal.end()
    assert terminal.code == 0


def test_parameters_and_formats(terminal: Terminal) -> None:
    assert "who_is needs name" in terminal.ask(":run who_is")
    terminal.ask(":param name=Bo")
    assert "Bo moved to Rome" in terminal.ask(":who_is")
    assert '{"name": "Bo"}' in terminal.ask(":params")
    terminal.ask(":format csv")
    assert "x\nBo\n" in terminal.ask("RETURN $name AS x;")
    assert "y\n1\n" in terminal.ask("RETURN 1 AS y;"), "an unused parameter is no hindrance"
    assert '{"name": "Cleo"}' in terminal.ask(':params {"name": "Cleo"}')
    assert "x\nCleo\n" in terminal.ask("RETURN $name AS x;")
    terminal.ask(":param name")
    assert "no value was given" in terminal.ask("RETURN $name AS x;")
    for wrong in (":params {", ":params [1]", ":format xml", ":param =1"):
        assert "error:" in terminal.ask(wrong)
    assert "Traceback" not in terminal.ask(":run who_ist")


def test_ctrl_c_drops_a_query_and_ctrl_d_leaves(terminal: Terminal) -> None:
    terminal.ask("MATCH (e:Entity)", "...> ")
    terminal.interrupt()
    assert "z" in terminal.ask("RETURN 1 AS z;")
    terminal.type("\x04")
    terminal.end()
    assert terminal.code == 0


def test_the_history_is_kept_in_the_folder_for_its_owner_alone(
    terminal: Terminal, environment: Path
) -> None:
    terminal.ask("RETURN 1 AS first;")
    terminal.ask(":quit", "")
    terminal.end()
    kept = environment / "graphmem-store" / "cypher_history"
    assert "RETURN 1 AS first;" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0
    again = Terminal()
    again.until(PROMPT)
    again.type("\x1b[A\x1b[A\n")  # up, past :quit
    assert "first" in again.until(PROMPT)
    again.type("\x04")
    again.end()
    assert again.code == 0
