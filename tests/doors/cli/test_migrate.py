"""``graphmem migrate``: ends by folder, by URL and by setting; stopped, killed, and run again."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.doors.cli.conftest import Ran, Run

STORE = "graphmem-store"  # where the fixture `ada` keeps what she knows


def hits(ran: Ran) -> object:
    """The hits of a search, to compare stores by."""
    assert ran.code == 0, ran.err
    return [(hit["id"], hit["text"], round(hit["score"], 4)) for hit in ran.json["hits"]]


ASK = ("search", "Where does Bo live?", "--json")


def test_from_one_folder_to_another(ada: Run) -> None:
    before = hits(ada(*ASK))
    ran = ada("migrate", "--to", "new")
    assert ran.code == 0, ran.err
    assert "no difference" in ran.out
    assert "moved: 2 episodes" in ran.err
    assert "the source is as it was" in ran.err
    assert hits(ada("--store", "new", *ASK)) == before
    assert hits(ada(*ASK)) == before
    again = ada("migrate", "--from", STORE, "--to", "new")
    assert again.code == 0
    assert "everything had been copied before" in again.err


def test_json_is_all_there_is_on_standard_output(ada: Run) -> None:
    ran = ada("migrate", "--to", "new", "--json")
    assert ran.json["verification"]["ok"] is True
    assert ran.json["stats"]["episodes"] == ran.json["rows"]["episodes"] == 2
    assert ran.json["head"] == ran.json["rows"]["events"]
    assert ran.json["resumed"] is False
    assert "copying the ledger" in ran.err
    assert ada("migrate", "--to", "new", "--json").json["resumed"] is True


def test_the_end_that_is_not_named_is_the_store_in_use(
    ada: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert ada("--store", "other", "migrate", "--from", STORE).code == 0
    assert hits(ada("--store", "other", *ASK)) == hits(ada(*ASK))
    for kind, url in (
        ("LEDGER", f"sqlite:///{tmp_path}/s/ledger.sqlite"),
        ("GRAPH", f"kuzu:///{tmp_path}/s/graph.kuzu"),
        ("VECTORS", f"qdrant-edge:///{tmp_path}/s/vectors"),
    ):
        monkeypatch.setenv(f"GRAPHMEM_{kind}", url)
    assert ada("migrate", "--from", STORE).code == 0
    assert (tmp_path / "s" / "ledger.sqlite").is_file()
    found = hits(ada(*ASK))
    assert ada("migrate", "--to", "back").code == 0
    for kind in ("LEDGER", "GRAPH", "VECTORS"):
        monkeypatch.delenv(f"GRAPHMEM_{kind}")
    assert hits(ada("--store", "back", *ASK)) == found == hits(ada(*ASK))


def test_each_part_by_its_url(ada: Run, tmp_path: Path) -> None:
    urls = (
        f"kuzu:///{tmp_path}/u/graph.kuzu",
        f"sqlite:///{tmp_path}/u/ledger.sqlite",
        f"qdrant-edge:///{tmp_path}/u/vectors",
    )
    ran = ada("migrate", *(part for url in urls for part in ("--to", url)))
    assert ran.code == 0, ran.err
    assert hits(ada("--store", "u", *ASK)) == hits(ada(*ASK))
    back = ada("migrate", "--from", urls[1], "--to", "back")
    assert back.code == 0, back.err
    assert hits(ada("--store", "back", *ASK)) == hits(ada(*ASK))


def test_a_folder_with_a_part_elsewhere(ada: Run, tmp_path: Path) -> None:
    ran = ada("migrate", "--to", "new", "--to", f"kuzu:///{tmp_path}/apart.kuzu")
    assert ran.code == 0, ran.err
    assert (tmp_path / "new" / "ledger.sqlite").is_file()
    assert (tmp_path / "apart.kuzu").exists()
    assert not (tmp_path / "new" / "graph.kuzu").exists()


def test_to_postgres_and_back(ada: Run, postgres_url: str) -> None:
    url = f"{postgres_url}?schema=cli_{uuid.uuid4().hex[:12]}"
    before = hits(ada(*ASK))
    there = ada("migrate", "--to", "pg", "--to", url)
    assert there.code == 0, there.err
    back = ada("migrate", "--from", url, "--to", "back")
    assert back.code == 0, back.err
    assert hits(ada("--store", "back", *ASK)) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "migrate needs --to FOLDER"),
        (("--to", "a", "--to", "b"), "one folder at most, got a, b"),
        (("--to", "postgresql://u:hush@h/d"), "no place for the graph and the vectors"),
        (("--to", "neo4j://u:hush@h", "--to", "bolt://h"), "two places for the graph"),
        (("--to", "redis://u:hush@h"), "could not be told to be a place of ledger, graph or"),
        (("--to", "memory://"), "could not be told to be a place of ledger or graph or vectors"),
        (("--from", "neo4j://u:hush@h", "--to", "x"), "a store is known by its ledger"),
        (("--from", "none", "--to", "x"), "there is no store in"),
        (("--from", "sqlite:///none.sqlite", "--to", "x"), "there is no store in"),
        (("--from", STORE, "--to", STORE), "source and target are the same store"),
        (("--from", STORE), "source and target are the same store"),
    ],
)
def test_what_cannot_be_meant(
    ada: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    ran = ada("migrate", *arguments)
    assert ran.code == 2
    assert message in ran.err
    assert "hush" not in ran.err + ran.out
    assert len(ran.err.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_target_in_which_something_is(ada: Run, tmp_path: Path) -> None:
    assert ada("--store", "other", "add", "Zoe lives in Oslo.").code == 0
    ran = ada("migrate", "--to", "other")
    assert ran.code == 2
    assert "the target holds another store" in ran.err
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear")
    assert "holds something else" in ada("migrate", "--to", "letters").err


def test_a_server_that_is_not_there(ada: Run) -> None:
    ran = ada("migrate", "--to", "x", "--to", "postgresql://u:hush@127.0.0.1:1/d", "--json")
    assert ran.code == 75
    assert ran.error["retryable"] is True
    assert "hush" not in ran.err


def test_one_command_at_a_time_in_the_source(ada: Run) -> None:
    from graphmem import Memory

    with Memory(STORE):
        ran = ada("migrate", "--to", "new")
    assert ran.code == 75
    assert "is open in" in ran.err
    assert ada("migrate", "--to", "new").code == 0


_SLOW = """
import sys
from graphmem.portability import copy
from graphmem.doors.cli import run_and_exit as main

copy._ROWS = range(1, 3)  # as many batches as a large store has
whole = copy._Copying.run

async def run(self, again):
    report = self._progress
    def progress(*step):
        report(*step)
        print("step", flush=True)
        sys.stdin.readline()  # goes on when it is told to
    self._progress = progress
    await whole(self, again)

copy._Copying.run = run
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("how", "steps"), [(signal.SIGKILL, 2), (signal.SIGKILL, 16), (signal.SIGINT, 12)]
)
def test_stopped_and_run_again(ada: Run, tmp_path: Path, how: signal.Signals, steps: int) -> None:
    before = hits(ada(*ASK))
    command = [sys.executable, "-c", _SLOW, "migrate", "--from", STORE, "--to", "new", "--json"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            for step in range(steps):
                if step:
                    process.stdin.write("\n")
                    process.stdin.flush()
                assert process.stdout.readline() == "step\n", process.stderr.read()
            process.send_signal(how)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    if how == signal.SIGINT:
        assert "the same command again goes on from here" in errors
        assert json.loads(errors.splitlines()[-1])["error"]["type"] == "Interrupted"
    half = ada("--store", "new", *ASK)
    assert half.code == 2
    assert half.error["message"].startswith("a store is being moved here and is not complete")
    with contextlib.suppress(FileNotFoundError):
        assert (tmp_path / "new" / "owner").read_text()
    ran = ada("migrate", "--from", STORE, "--to", "new", "--json")
    assert ran.code == 0, ran.err
    assert ran.json["resumed"] is True
    assert hits(ada("--store", "new", *ASK)) == before
    assert ada("--store", "new", "verify").code == 0
