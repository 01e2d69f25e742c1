"""A folder of notes that is edited: what is remembered follows it."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory
from graphmem.testing.llm_server import LocalModelServer, Status
from tests.doors.cli.conftest import Run

_FIRST = ("Ada", "Bea", "Cleo", "Dora", "Edda", "Fay", "Gwen", "Hedda", "Ines", "Jana")
_LAST = ("Abel", "Berg", "Cole", "Dahl", "Eide", "Falk", "Gill", "Holm", "Ivers", "Juhl")
_FOOD = ("bread", "cheese", "apples", "soup")
_PLACES = ("Paris", "Rome", "Oslo", "Bergen", "Turin", "Ghent", "Leeds", "Vienna", "Porto", "Kyiv")


def person(number: int) -> str:
    return f"{_FIRST[number % 10]} {_LAST[number // 10 % 10]}{'son' * (number // 100)}"


def note(number: int, place: int) -> str:
    boss = person((number + 7) % 200)
    return (
        f"---\ndate: 2024-{1 + number % 12:02}-11\ntags: [people]\n---\n"
        f"# About {person(number)}\n\n{person(number)} lives in {_PLACES[place % 10]}.\n\n"
        f"{person(number)} works with {boss}.\n\n## Likes\n\n- food\n"
        f"  - {person(number)} likes {_FOOD[place % 4]}\n- nothing else\n"
    )


def known(store: str) -> dict[str, object]:
    """What is believed, without ids and without the times of recording."""
    with Memory(store, user_id="ada") as memory:
        assert memory.verify().ok
        graph = memory.to_networkx()
        return {
            "relations": sorted(
                (str(r.subject), r.type, str(r.object), str(r.valid_at), str(r.invalid_at), r.fact)
                for r in memory.relations(current=False, limit=10_000)
            ),
            "entities": sorted(
                (e.name, e.kind, sorted(e.aliases)) for e in memory.entities(limit=10_000)
            ),
            "turns": memory.stats().turns,
            "nodes": graph.number_of_nodes(),
            "edges": graph.number_of_edges(),
            "documents": [one.id for one in memory.documents()],
        }


def test_a_vault_of_200_notes_edited_and_synced_is_as_if_read_for_the_first_time(
    graphmem: Run, tmp_path: Path
) -> None:
    vault = tmp_path / "vault"
    for number in range(200):
        path = vault / _LAST[number % 10] / f"{number:03}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(note(number, number))
    ada = ("--user", "ada", "--json", "--store")
    first = graphmem(*ada, "old", "ingest", "vault", "--sync")
    assert json.loads(first.out)["new"] == 200
    assert json.loads(graphmem(*ada, "old", "ingest", "vault", "--sync").out)["undone"] == 0

    every = sorted(vault.rglob("*.md"))
    for number, path in enumerate(every):
        if number % 10 == 0:
            path.write_text(note(int(path.stem), int(path.stem) + 3))
        elif number % 20 == 1:
            path.unlink()
        elif number % 20 == 11:
            path.rename(path.with_name(f"{path.stem} renamed.md"))
    again = json.loads(graphmem(*ada, "old", "ingest", "vault", "--sync").out)
    assert (again["new"], again["undone"]) == (30, 40)
    assert json.loads(graphmem(*ada, "fresh", "ingest", "vault").out)["new"] == 190
    assert known("old") == known("fresh")


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "home.md").write_text("I live in Paris.")
    (folder / "work.txt").write_text("I work at Acme.")
    return folder


def test_without_sync_what_is_gone_stays_and_with_it_goes(graphmem: Run, notes: Path) -> None:
    graphmem("--user", "ada", "ingest", "notes")
    (notes / "work.txt").unlink()
    assert graphmem("--user", "ada", "ingest", "notes").code == 0
    assert "Acme" in graphmem("--user", "ada", "relations").out
    ran = graphmem("--user", "ada", "ingest", "notes", "--sync")
    assert "1 episode of files that are gone undone" in ran.out
    assert "older" not in ran.out
    assert "Acme" not in graphmem("--user", "ada", "relations").out
    assert "work.txt" not in graphmem("--user", "ada", "documents").out


def test_a_file_that_has_become_empty_says_nothing_more(graphmem: Run, notes: Path) -> None:
    graphmem("--user", "ada", "ingest", "notes")
    (notes / "work.txt").write_text("\n")
    assert graphmem("--user", "ada", "ingest", "notes").code == 0
    assert "Acme" not in graphmem("--user", "ada", "relations").out


def test_a_file_that_cannot_be_read_keeps_what_it_said(graphmem: Run, notes: Path) -> None:
    graphmem("--user", "ada", "ingest", "notes")
    (notes / "home.md").write_text("---\ndate: the day before\n---\nI live in Rome.")
    ran = graphmem("--user", "ada", "ingest", "notes", "--sync")
    assert ran.code == 1
    assert "home.md" in ran.err
    assert "Paris" in graphmem("--user", "ada", "relations").out


def test_an_empty_or_missing_folder_takes_nothing_away(graphmem: Run, notes: Path) -> None:
    """A disk that is not mounted looks like one."""
    graphmem("--user", "ada", "ingest", "notes")
    for file in notes.iterdir():
        file.unlink()
    assert graphmem("--user", "ada", "ingest", "notes", "--sync").code != 0
    assert "Paris" in graphmem("--user", "ada", "relations").out
    notes.rmdir()
    assert graphmem("--user", "ada", "ingest", "notes", "--sync").code != 0
    assert "Paris" in graphmem("--user", "ada", "relations").out


def test_a_folder_that_may_not_be_read_keeps_what_it_said(
    graphmem: Run, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = notes / "inner"
    inner.mkdir()
    (inner / "pet.md").write_text("I have a dog called Rex.")
    assert graphmem("--user", "ada", "ingest", "notes").code == 0
    scandir, lstat = os.scandir, Path.lstat  # root may read what nobody may

    def look(really: Callable[[Path], Any], path: Path) -> Any:
        if "inner" in (path.parts if really is lstat else Path(path).parts[-1:]):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return really(path)

    with monkeypatch.context() as patched:
        patched.setattr(os, "scandir", lambda path: look(scandir, path))
        patched.setattr(Path, "lstat", lambda path: look(lstat, path))
        ran = graphmem("--user", "ada", "ingest", "notes", "--sync")
        alone = graphmem("--user", "ada", "ingest", "notes/inner")
    assert ran.code == 1
    assert "not read: notes/inner: Permission denied\n" in ran.err
    assert "Rex" in graphmem("--user", "ada", "relations").out
    assert (alone.code, alone.err) == (2, "error: notes/inner: Permission denied\n")


def _odd(folder: Path) -> dict[str, str]:
    """Files that no store takes or nobody can read, by name, each with what is said of it."""
    for name in (b"a\nb.md", b"1caf\xe9.md"):
        Path(folder, os.fsdecode(name)).write_text("I live in Oslo.")
    (folder / "0.md").write_text("a\0b")
    (folder / "tag.md").write_text(f"---\ntags: [{'t' * 600}]\n---\nI live in Oslo.")
    many = ", ".join(map(str, range(101)))
    (folder / "tags.md").write_text(f"---\ntags: [{many}]\n---\nI live in Oslo.")
    said = {"role": "user", "name": "n" * 600, "content": "I live in Oslo."}
    (folder / "chat.jsonl").write_text(json.dumps(said))
    (folder / "disk.md").symlink_to("/proc/self/mem")
    return {
        r"a\nb.md": "a line end or a tab in its name, or its folder's: rename it",
        r"1caf\xdce9.md": "its name is not UTF-8: rename it",
        "0.md": "content has a NUL character at 1; remove it",
        "tag.md": "a tag has 600 bytes, the limit is 512: shorten it",
        "tags.md": "tags: 101 of them, the limit is 100: leave some out",
        "chat.jsonl": "message 0: name has 600 bytes, the limit is 512: shorten it",
        "disk.md": "Input/output error",
    }


@pytest.mark.skipif(
    sys.platform != "linux", reason="names of any bytes, and a file like a bad disk"
)
def test_a_file_that_no_store_takes_stops_no_folder(graphmem: Run, notes: Path) -> None:
    """One such file in a vault of thousands, and nothing of it was ever read."""
    odd = _odd(notes)
    for more in ((), ("--sync",), ("--sync",)):
        ran = graphmem("--user", "ada", "ingest", "notes", *more)
        assert ran.code == 1
        for name, why in odd.items():
            assert f"not read: notes/{name}: {why}\n" in ran.err
        assert f"{len(odd)} files could not be read" in ran.out
    found = graphmem("--user", "ada", "relations").out
    assert ("Paris" in found, "Acme" in found, "Oslo" in found) == (True, True, False)


@pytest.mark.skipif(
    sys.platform != "linux", reason="names of any bytes, and a file like a bad disk"
)
def test_a_file_that_no_store_takes_is_refused_by_itself(graphmem: Run, notes: Path) -> None:
    before = set(notes.iterdir())
    odd = _odd(notes)
    refused = {}
    for file in set(notes.iterdir()) - before:
        ran = graphmem("--user", "ada", "ingest", f"notes/{file.name}")
        assert ran.code == 2
        name, why = ran.err.removeprefix("error: notes/").split(": ", 1)
        refused[name] = why.strip()
    assert refused == odd


def test_what_is_wrong_for_all_files_is_no_fault_of_each(graphmem: Run, notes: Path) -> None:
    ran = graphmem("--user", "ada", "ingest", "notes", "--tag", "t" * 600)
    assert (ran.code, "not read" in ran.err) == (2, False)
    assert "error: a tag has 600 bytes, the limit is 512: shorten it" in ran.err


def test_sync_needs_a_folder(graphmem: Run, notes: Path) -> None:
    ran = graphmem("--user", "ada", "ingest", "notes/home.md", "--sync")
    assert ran.code == 2
    assert "give the one that the files are in" in ran.err


def test_other_folders_and_files_named_by_themselves_are_left_alone(
    graphmem: Run, notes: Path, tmp_path: Path
) -> None:
    (tmp_path / "notes2").mkdir()
    (tmp_path / "notes2" / "pet.md").write_text("I have a dog called Rex.")
    (notes / "plan.org").write_text("I moved to Berlin.")
    graphmem("--user", "ada", "ingest", "notes", "notes2")
    graphmem("--user", "ada", "ingest", "--format", "text", "notes/plan.org")
    (tmp_path / "notes2" / "pet.md").unlink()
    assert graphmem("--user", "ada", "ingest", "notes", "--sync").code == 0
    listed = graphmem("--user", "ada", "documents", "--json")
    names = [Path(one["id"]).name for one in json.loads(listed.out)]
    assert sorted(names) == ["home.md", "pet.md", "plan.org", "work.txt"]


def test_watch_follows_a_folder(notes: Path, tmp_path: Path) -> None:
    """A process of its own, stopped as people stop it."""
    program = [str(Path(sys.executable).with_name("graphmem")), "--store", "s", "--user", "ada"]
    with subprocess.Popen(
        [*program, "ingest", "notes", "--watch"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        assert running.stdout is not None
        printed: list[str] = []

        def until(word: str) -> None:
            assert running.stdout is not None
            for line in running.stdout:
                printed.append(line)
                if word in line:
                    return
            raise AssertionError("".join(printed))

        until("watching")
        (notes / "home.md").write_text("I live in Rome.")
        until("1 new")
        (notes / "work.txt").unlink()
        until("of files that are gone undone")
        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()
        assert running.wait() == 130, rest
    with Memory(tmp_path / "s", user_id="ada") as memory:
        assert [r.object for r in memory.relations(current=False)] == ["Rome"]


def test_documents_are_listed_and_removed(graphmem: Run, notes: Path) -> None:
    graphmem("--user", "ada", "add", "Hello.")
    assert "no documents" in graphmem("--user", "ada", "documents").err
    graphmem("--user", "ada", "ingest", "notes")
    path = str(notes / "home.md")
    assert graphmem("--user", "ada", "remove-document", "notes/home.md").code == 0
    assert "Paris" not in graphmem("--user", "ada", "relations").out
    assert graphmem("--user", "ada", "remove-document", path).code == 4
    assert path not in graphmem("--user", "ada", "documents", "--under", str(notes)).out


def test_what_the_model_did_not_read_is_named(
    graphmem: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("notes").mkdir()
    Path("notes/a.md").write_text("Ada works at Acme.")
    Path("notes/b.md").write_text("Bea lives in Oslo.")
    with LocalModelServer(answer=lambda _: Status(500), api_key="k") as server:
        monkeypatch.setenv("GRAPHMEM_LLM", "openai:small")
        monkeypatch.setenv("GRAPHMEM_LLM_ATTEMPTS", "1")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        told = graphmem("--store", "s", "--user", "ada", "ingest", "notes")
        summary = graphmem("--store", "s", "--user", "ada", "--json", "ingest", "notes").json
    assert "not read yet: 2 episodes: " in told.err
    assert "graphmem resume" in told.err
    assert "a model reads more than the rules do" not in told.err
    assert summary["pending"] == 2


def test_files_of_other_kinds_are_counted(graphmem: Run) -> None:
    Path("inbox").mkdir()
    Path("inbox/a.md").write_text("Ada works at Acme.")
    for name in ("one.eml", "two.eml", "photo.JPG", ".hidden"):
        Path("inbox", name).write_bytes(b"x")
    told = graphmem("--store", "s", "--user", "ada", "ingest", "inbox")
    assert "3 files of other kinds passed over: .eml (2), .jpg (1)" in told.out


def test_a_folder_that_is_a_memory_is_named_as_one(graphmem: Run) -> None:
    graphmem("--store", "s", "--user", "ada", "add", "Bea lives in Oslo.")
    Path("s/a.md").write_text("Ada works at Acme.")
    refused = graphmem("--store", "other", "--user", "ada", "ingest", "s")
    assert refused.code == 2
    assert "this folder is a memory's own" in refused.err


def test_no_receipt_is_said_to_be_none(graphmem: Run) -> None:
    graphmem("--store", "s", "--user", "ada", "add", "Bea lives in Oslo.")
    assert (
        "nothing was erased for good in this scope"
        in graphmem("--store", "s", "--user", "ada", "erasures").err
    )
