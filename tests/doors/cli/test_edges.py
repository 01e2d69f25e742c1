"""What surrounds the commands: errors, exit codes, pipes, start-up, interruption."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from graphmem import Memory
from graphmem.doors.cli.base import EXIT_CODES, exit_code
from graphmem.errors import (
    BackendError,
    BudgetExceeded,
    GraphmemError,
    NotFound,
    Unavailable,
    UsageError,
)
from tests.doors.cli.conftest import Run, child

_HOLDS_A_WHILE = """
import sys, time
from graphmem import Memory
with Memory(sys.argv[1], user_id="ada") as memory:
    print("open", flush=True)
    time.sleep(1)
"""


def test_exit_codes_follow_from_the_class() -> None:
    assert exit_code(UsageError("x")) == 2
    assert exit_code(NotFound("x")) == 4
    assert exit_code(Unavailable("x")) == 75
    assert exit_code(BackendError("x")) == exit_code(BudgetExceeded("x")) == 1
    assert exit_code(ZeroDivisionError()) == 1
    assert GraphmemError in EXIT_CODES


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--user", "ada", "search", "x"), 2, "give its folder with --store"),
        (("search", "x"), 2, "export GRAPHMEM_USER=ID"),
        (("--store", "elsewhere", "stats"), 2, "there is no store in elsewhere"),
        (("add", "x"), 2, "export GRAPHMEM_USER=ID"),
        (("--user", "ada", "add", "  "), 2, "error: nothing to add"),
        (("--user", "ada", "add", "x", "--at", "soon"), 2, "'soon' is not a date"),
        (("--user", "ada", "add", "x", "--meta", "novalue"), 2, "'novalue' is not key=value"),
        (("--user", "ada", "ingest", "missing.txt"), 2, "no such file or folder"),
        (("--user", "ada", "cypher", "x", "--file", "y"), 2, "a query or --file, not both"),
        (("ingest", "--format", "csv", "x"), 2, "Invalid value for '--format'"),
        (("nonsense",), 2, "No such command"),
    ],
)
def test_wrong_calls(graphmem: Run, arguments: tuple[str, ...], code: int, message: str) -> None:
    ran = graphmem(*arguments)
    assert ran.code == code
    assert message in ran.err
    assert "Traceback" not in ran.err
    assert ran.out == ""


def test_a_wrong_call_makes_no_folder(graphmem: Run, tmp_path: Path) -> None:
    graphmem("search", "x")
    graphmem("add", "x")
    graphmem("--user", "ada", "ingest", "missing.txt")
    assert list(tmp_path.iterdir()) == []


def test_with_json_errors_are_json_too(graphmem: Run, ada: Run) -> None:
    ran = ada("get", "no-such-id", "--json")
    assert (ran.code, ran.out) == (4, "")
    assert ran.error["type"] == "NotFound"
    assert ran.error["retryable"] is False
    wrong = graphmem("stats", "--json", "--nonsense")
    assert wrong.code == 2
    assert wrong.error["type"] == "UsageError"


def test_unknown_names_are_not_found(ada: Run) -> None:
    for arguments in (("relations", "Zed"), ("neighbours", "Zed"), ("paths", "Bo", "Zed")):
        ran = ada(*arguments)
        assert ran.code == 4
        assert "Zed" in ran.err


def test_a_cypher_write_is_refused(ada: Run) -> None:
    ran = ada("cypher", "MATCH (e:Entity) DETACH DELETE e")
    assert ran.code == 2
    assert "\n" not in ran.err.strip()
    assert ada("entities", "--json").json


def test_stored_text_is_shown_and_never_obeyed(graphmem: Run) -> None:
    text = "[bold]Bo[/bold] says \x1b]0;pwned\x07 [image: x] :smile: \u202etxt"
    graphmem("--user", "ada", "add", "--no-infer", text)
    out = graphmem("--user", "ada", "search", "Bo says").out
    assert "[bold]Bo[/bold]" in out
    assert "[image: x] :smile:" in out
    assert "\\x1b]0;pwned\\x07" in out
    assert not set(out) & {"\x1b", "\x07", "\u202e"}


def test_long_text_wraps_and_is_not_cut(graphmem: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "70")
    words = [f"word{n}" for n in range(120)]
    graphmem("--user", "ada", "add", "--no-infer", " ".join(words))
    out = graphmem("--user", "ada", "facts").out
    assert all(word in out for word in words)
    assert max(map(len, out.splitlines())) <= 70


def test_an_unexpected_error_is_one_line_unless_debugging(
    graphmem: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("q").mkdir()
    monkeypatch.setattr("graphmem.doors.cli.cypher.pairs", lambda *_: 1 / 0)
    Path("s").mkdir()
    graphmem("--store", "s", "--user", "ada", "add", "x y z")
    arguments = ("--store", "s", "--user", "ada", "cypher", "MATCH (n:Entity) RETURN n.id")
    ran = graphmem(*arguments)
    assert ran.code == 1
    assert ran.err == (
        "error: unexpected ZeroDivisionError: division by zero (GRAPHMEM_DEBUG=1 shows where)\n"
    )
    monkeypatch.setenv("GRAPHMEM_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        graphmem(*arguments)


def test_text_is_read_from_a_pipe(tmp_path: Path) -> None:
    ran = child("--user", "ada", "add", "--json", input="Bo works at Acme.")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["status"] == "done"
    asked = child("--user", "ada", "cypher", "--csv", input="MATCH (e:Entity) RETURN count(e) > 0")
    assert asked.stdout.splitlines()[1] in ("True", "true")
    nothing = child("--user", "ada", "add", input="")
    assert nothing.returncode == 2
    assert "nothing to add" in nothing.stderr


def test_help_starts_without_any_engine() -> None:
    heavy = "kuzu numpy openai networkx wordllama qdrant_edge pydantic rich dateparser vl_convert"
    code = (
        "import sys\nfrom graphmem.doors.cli import run_cli as run\n"
        "assert run(['--help']) == run(['search', '--help']) == run(['--version']) == 0\n"
        f"print('loaded:', *[name for name in {heavy.split()!r} if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1].strip() == "loaded:"
    assert "graphmem 0." in ran.stdout


def test_every_command_and_option_has_a_help_text(graphmem: Run) -> None:
    from graphmem.doors.cli import cli

    for name, command in cli.commands.items():
        assert command.help, name
        ran = graphmem(name, "--help")
        assert ran.code == 0
        assert "--json" in ran.out
        assert "..." not in cli.commands[name].get_short_help_str(limit=60), name


def test_a_reader_that_has_seen_enough_is_no_error(ada: Run) -> None:
    for _ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-m", "graphmem.doors.cli", "--user", "ada", "facts", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        err = process.stderr.read()
        process.stderr.close()
        assert process.wait() == 141
        assert err == ""


def _episodes(ledger: Path) -> int:
    """How many episodes a ledger in use holds; 0 while it is still being made."""
    try:
        with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM episodes").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_an_interrupted_ingest_goes_on_when_repeated(graphmem: Run, tmp_path: Path) -> None:
    lines = [
        {
            "id": f"s{n}",
            "occurred_at": "2024-01-01",
            "messages": [{"content": f"Bo likes tea {n}."}],
        }
        for n in range(3000)
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)))
    process = subprocess.Popen(
        [sys.executable, "-m", "graphmem.doors.cli", "--user", "ada", "ingest", "c.jsonl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    ledger = tmp_path / "graphmem-store" / "ledger.sqlite"
    while process.poll() is None and _episodes(ledger) < 300:
        pass
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, (out, err)
    assert "Traceback" not in err
    stored = graphmem("--user", "ada", "stats", "--json").json["episodes"]
    assert (
        f"stopped; {stored:,} episodes are remembered and safe, "
        "and the same command again goes on from there"
    ) in err
    again = graphmem("--user", "ada", "ingest", "c.jsonl", "--json")
    assert again.code == 0
    assert 0 < again.json["already_known"] < 3000
    assert again.json["new"] + again.json["already_known"] == 3000
    assert graphmem("--user", "ada", "stats", "--json").json["episodes"] == 3000
    assert graphmem("verify", "--json").json["ok"] is True


def test_a_store_in_use_says_so_and_to_try_again(ada: Run, tmp_path: Path) -> None:
    with Memory(tmp_path / "graphmem-store", user_id="ada"):
        ran = child("--user", "ada", "add", "Ada likes tea.", "--json")
        read = child("--user", "ada", "stats", "--json")
    assert (read.returncode, "episodes" in json.loads(read.stdout)) == (0, True)
    (note,) = read.stderr.splitlines()
    assert "graphmem-store" in note
    assert note.endswith("read from its ledger alone")
    assert (ran.returncode, ran.stdout) == (75, "")
    error = json.loads(ran.stderr)["error"]
    assert (error["type"], error["retryable"]) == ("Unavailable", True)
    assert "graphmem-store" in error["message"]
    assert ada("stats").code == 0


def test_a_folder_without_a_store_stays_as_it_is(graphmem: Run, tmp_path: Path) -> None:
    """A question creates nothing, also where something else lies."""
    (tmp_path / "notes.txt").write_text("Bo likes tea.")
    for call in (("search", "tea"), ("stats",), ("bench", "--on", ".")):
        ran = graphmem("--user", "ada", "--store", ".", *call)
        assert (ran.code, ran.out) == (2, "")
        assert "there is no store in ." in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_stores_are_not_ingested(ada: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Bo likes tea.")
    ran = ada("ingest", ".", "--json")
    assert (ran.code, ran.json["files"], ran.json["left_out"]) == (0, 1, [])
    ran = ada("ingest", "")
    assert (ran.code, ran.err) == (2, "error: a path is empty; write . for this folder\n")


def test_a_bad_line_is_named_with_its_folder(ada: Run, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "c.jsonl").write_text('{"content": "Tea."}\n{"content": 7}\n')
    ran = ada("ingest", "old")
    assert ran.code == 2
    assert ran.err == "error: old/c.jsonl, line 2: 'content' must be text, got int\n"


def test_lines_end_alike_whatever_they_ended_in(graphmem: Run, tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_bytes(b"Bo likes tea.\r\n\r\nBo lives in Rome.\r\nIt rains.\r\n")
    assert graphmem("--user", "ada", "ingest", "c.txt").code == 0
    hits = graphmem("--user", "ada", "search", "Bo", "--kinds", "turn", "--json").json["hits"]
    assert sorted(hit["text"] for hit in hits) == ["Bo likes tea.", "Bo lives in Rome.\nIt rains."]


def test_interrupted_while_it_loads() -> None:
    """Ctrl-C before there is anything to stop: one word and the code, no traceback."""
    stop = "import sys; sys.meta_path.insert(0, type('F', (), {'find_spec': staticmethod(stop)}))"
    code = (
        "def stop(name, *rest):\n"
        "    if name == 'click': raise KeyboardInterrupt\n"
        f"{stop}\n"
        "from graphmem.doors.cli_entry import main\n"
        "main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "interrupted\n")


def test_without_a_standard_output(ada: Run) -> None:
    """What nobody can read is written nowhere: ``graphmem facts >&-``."""
    command = f"exec {sys.executable} -m graphmem.doors.cli --user ada facts >&-"
    ran = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_arguments_of_bench_are_checked_before_it_asks(ada: Run) -> None:
    ran = ada("bench", "--on", "graphmem-store", "--tune", "nowhere/w.json")
    assert (ran.code, ran.err) == (2, "error: --tune nowhere/w.json: there is no folder nowhere\n")
    assert "0 is not in the range" in ada("bench", "--on", "graphmem-store", "--probes", "0").err


def test_a_command_that_writes_waits_for_one_that_has_the_store_open(
    graphmem: Run, tmp_path: Path
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDS_A_WHILE, str(tmp_path / "s")],
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout
        assert holder.stdout.readline() == "open\n"
        added = graphmem("--store", str(tmp_path / "s"), "--user", "ada", "add", "Bea has a cat.")
    assert added.code == 0, added.err
