"""Who is credited with what the files of other programs say, and what becomes of bad files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.doors.cli.conftest import Run

CHATS = {
    "whatsapp.txt": (
        "[13/09/2024, 10:16:01] Carla: I work at Ferrari.\n"
        "[13/09/2024, 10:17:01] Matteo: I live in Modena.\n"
    ),
    "android.txt": (
        "13/09/2024, 10:15 - Carla added Matteo\n"
        "13/09/2024, 10:16 - Carla: I work at Ferrari.\n"
        "13/09/2024, 10:17 - Matteo: I live in Modena.\n"
    ),
    "talk.md": "# Talk\n\n**Carla:** I work at Ferrari.\n\n**Matteo:** I live in Modena.\n",
    "talk.txt": "Carla: I work at Ferrari.\nMatteo: I live in Modena.\n",
    "lines.jsonl": (
        '{"user": "Carla", "text": "I work at Ferrari."}\n'
        '{"from": "Matteo", "body": "I live in Modena."}\n'
    ),
    "slack.json": json.dumps(
        [
            {"type": "message", "user": user, "text": text, "ts": f"172590000{n}.0001",
             "user_profile": {"real_name": user}}
            for n, (user, text) in enumerate(
                [("Carla", "I work at Ferrari."), ("Matteo", "I live in Modena.")]
            )
        ]
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CHATS))
def test_whoever_speaks_is_credited(graphmem: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(CHATS[name])
    graphmem("--user", "ada", "add", "I work at Acme. I live in Oslo.", "--at", "2024-01-01")
    ran = graphmem("--user", "ada", "ingest", name)
    assert ran.code == 0, ran.err
    found = graphmem("--user", "ada", "relations", "--all", "--json").json
    stored = {
        (one["subject"].lower(), one["type"], one["object"]): one["invalid_at"] for one in found
    }
    assert stored == {
        ("ada", "works_at", "Acme"): None,
        ("ada", "lives_in", "Oslo"): None,
        ("carla", "works_at", "Ferrari"): None,
        ("matteo", "lives_in", "Modena"): None,
    }


def test_a_journal_is_dated_by_its_days(graphmem: Run, tmp_path: Path) -> None:
    (tmp_path / "j.md").write_text(
        "2021-10-01: I moved to Oslo.\n2022-03-01: I moved to Rome.\n\n## 4 June 2023\n\n"
        "I moved to Kiel.\n"
    )
    ran = graphmem("--user", "ada", "ingest", "j.md")
    assert (ran.code, "no date" in ran.err) == (0, False)
    found = graphmem("--user", "ada", "relations", "--all", "--type", "lives_in", "--json").json
    began = {one["object"]: str(one["valid_at"])[:10] for one in found}
    assert began == {"Oslo": "2021-10-01", "Rome": "2022-03-01", "Kiel": "2023-06-04"}


def test_dates_that_stay_open_are_reported(graphmem: Run, tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_text("02/03/24, 10:16 - Carla: I work at Ferrari.\n")
    ran = graphmem("--user", "ada", "ingest", "w.txt")
    assert ran.err.count("2/3/24 is taken as 2 March") == 1


@pytest.mark.parametrize(
    "bad", ['{"content": ', '{"content": "Bo works at Acme."}\n{"content": 7}']
)
@pytest.mark.parametrize("named", [True, False])
def test_a_bad_file_stops_no_other(graphmem: Run, tmp_path: Path, bad: str, named: bool) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "a.txt").write_text("Zoe lives in Rome.")
    (folder / "c.jsonl").write_text(bad)
    (folder / "z.txt").write_text("Kim lives in Oslo.")
    given = [f"old/{path.name}" for path in sorted(folder.iterdir())] if named else ["old"]
    ran = graphmem("--user", "ada", "ingest", *given, "--at", "2024-01-01")
    assert ran.code == 1
    line = bad.count("\n") + 1
    assert ran.err.count(f"not read: old/c.jsonl, line {line}: ") == 1
    assert "2 episodes from 2 files: 2 new" in ran.out
    assert "1 file could not be read: old/c.jsonl" in ran.out
    summary = graphmem("--user", "ada", "ingest", *given, "--at", "2024-01-01", "--json")
    assert (summary.code, summary.json["failed"]) == (1, ["old/c.jsonl"])
    assert (summary.json["left_out"], summary.json["new"]) == ([], 0)
    found = graphmem("--user", "ada", "relations", "--json").json
    assert {one["subject"] for one in found} == {"Zoe", "Kim"}


def test_bad_files_alone_are_a_wrong_call(graphmem: Run, tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text('{"content": ')
    ran = graphmem("--user", "ada", "ingest", "a.jsonl", "b.jsonl")
    assert ran.code == 2
    assert ran.err.splitlines()[-1] == "error: nothing to ingest: no file that can be read"
    assert not (tmp_path / "graphmem-store").exists()
    alone = graphmem("--user", "ada", "ingest", "a.jsonl")
    assert alone.code == 2
    assert alone.err.startswith("error: a.jsonl, line 1: not JSON: ")
