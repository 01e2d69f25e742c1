"""What somebody new gets wrong, and what the command line says to it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.doors.cli.conftest import Run

SCOPED = (
    ("add", "x"),
    ("search", "x"),
    ("context", "x"),
    ("facts",),
    ("get", "x"),
    ("episode", "x"),
    ("history", "x"),
    ("relations",),
    ("entities",),
    ("entity", "x"),
    ("neighbours", "x"),
    ("paths", "x", "y"),
    ("timeline",),
    ("cypher", "MATCH (e:Entity) RETURN e"),
    ("graph",),
    ("update", "x", "y"),
    ("delete", "x"),
    ("delete-all", "--yes"),
    ("resume",),
    ("ingest", "note.txt"),
    ("ingest", "chat.jsonl"),
)


@pytest.mark.parametrize("arguments", SCOPED, ids=lambda arguments: " ".join(arguments))
def test_a_missing_user_is_the_only_thing_reported(
    graphmem: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "note.txt").write_text("Bo works at Acme.")
    (tmp_path / "chat.jsonl").write_text('{"content": "a", "user_id": "x"}\n{"content": "b"}')
    before = sorted(tmp_path.iterdir())
    ran = graphmem(*arguments)
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert "export GRAPHMEM_USER=ID" in ran.err
    assert sorted(tmp_path.iterdir()) == before


def test_files_that_name_their_users_need_none(graphmem: Run, tmp_path: Path) -> None:
    (tmp_path / "chat.jsonl").write_text('{"content": "I like tea.", "user_id": "bo"}')
    assert graphmem("ingest", "chat.jsonl", "--json").json["users"] == ["bo"]
    wrong = graphmem("--user", "", "ingest", "chat.jsonl")
    assert wrong.code == 0  # an empty option counts as none


@pytest.mark.parametrize(
    "arguments",
    [
        ("search", "Where does Bo work?"),
        ("context", "Where does Bo work?"),
        ("facts",),
        ("relations",),
        ("entities",),
        ("timeline",),
        ("cypher", "MATCH (e:Entity) RETURN e.name"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_user_of_whom_nothing_is_stored(
    graphmem: Run, ada: Run, arguments: tuple[str, ...]
) -> None:
    ran = graphmem("--user", "adda", *arguments, "--json")
    assert ran.code == 0
    assert ran.err == "nothing is stored for user 'adda' yet (is the name right?)\n"
    assert ran.json is not None
    assert "nothing is stored" not in ada(*arguments).err


def test_an_unknown_name_of_such_a_user(graphmem: Run, ada: Run) -> None:
    ran = graphmem("--user", "adda", "relations", "Bo", "--json")
    assert ran.code == 4
    assert "nothing is stored for user 'adda' yet" in ran.error["message"]
    assert "did you mean" not in ran.error["message"]


def test_a_misspelt_name_is_answered_with_those_like_it(graphmem: Run) -> None:
    graphmem("--user", "ada", "add", "Sophie works at Acme.")
    graphmem("--user", "other", "add", "Sofie works at Zenith.")
    for command in (("relations", "Sofie"), ("paths", "Acme", "Sofie"), ("graph", "Sofie")):
        ran = graphmem("--user", "ada", *command)
        assert ran.code == 4
        assert "no entity 'Sofie'" in ran.err
        assert "`graphmem entities` lists those it has; did you mean Sophie?" in ran.err
        assert "entities()" not in ran.err
    far = graphmem("--user", "ada", "relations", "Xqwv")
    assert "did you mean" not in far.err


@pytest.mark.parametrize(
    ("flag", "arguments"),
    [
        ("--at", ("add", "x", "--at", "yesterday")),
        ("--at", ("ingest", "x.txt", "--at", "yesterday")),
        ("--expires-at", ("add", "x", "--expires-at", "yesterday")),
        ("--since", ("timeline", "--since", "someday")),
        ("--until", ("timeline", "--until", "someday")),
        ("--valid-at", ("update", "x", "--valid-at", "yesterday")),
        ("--invalid-at", ("update", "x", "--invalid-at", "yesterday")),
    ],
)
def test_a_wrong_time_is_named_by_its_option(
    graphmem: Run, tmp_path: Path, flag: str, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "x.txt").write_text("x")
    ran = graphmem("--user", "ada", *arguments)
    assert ran.code == 2
    assert ran.err.startswith(f"error: {flag}: {arguments[-1]!r} is not a date")


@pytest.mark.parametrize("arguments", [("search",), ("search", ""), ("context", " ")])
def test_an_empty_question(ada: Run, arguments: tuple[str, ...]) -> None:
    ran = ada(*arguments)
    assert ran.code == 2
    assert ran.err == f'error: nothing to ask: graphmem {arguments[0]} "…"\n'


def test_words_of_a_question_need_no_quotes(ada: Run) -> None:
    found = ada("search", "Where", "does", "Bo", "work", "--limit", "1", "--json").json
    assert found["query"] == "Where does Bo work"
    assert found["hits"][0]["text"]
    assert ada("context", "Where", "does", "Bo", "work", "--json").json["context"]


@pytest.mark.parametrize("text", ["- buy milk", "-h is how help is asked for", "--- a line"])
def test_a_text_may_begin_with_a_dash(graphmem: Run, text: str) -> None:
    ran = graphmem("--user", "ada", "add", text, "--no-infer", "--tag", "- t", "--json")
    (decision,) = ran.json["decisions"]
    assert decision["after"]["text"] == text
    assert decision["after"]["tags"] == ["- t"]
    assert graphmem("--user", "ada", "search", text, "--json").json["query"] == text
    after = graphmem("--user", "ada", "search", "--json", "--", "-x y").json
    assert after["query"] == "-x y"


def test_a_dashed_word_says_how_to_write_it(graphmem: Run) -> None:
    ran = graphmem("--user", "ada", "add", "-5", "degrees")
    assert ran.code == 2
    assert "a text that begins with a dash goes after --" in ran.err


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.md").write_text("---\ntitle: My week\n---\nBo works at Acme.")
    (folder / "2024-01-01 b.txt").write_text("Cleo lives in Paris.")
    (folder / "empty.md").write_text("")
    (folder / "latin.txt").write_bytes(b"caf\xe9")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0\x00\x10JFIF")
    (folder / "pictures").mkdir()
    return folder


def test_of_several_files_those_that_are_no_text_are_left_out(graphmem: Run, notes: Path) -> None:
    files = [f"notes/{path.name}" for path in sorted(notes.iterdir())]
    ran = graphmem("--user", "ada", "ingest", *files)
    assert ran.code == 0, ran.err
    assert "2 episodes from 2 files: 2 new, 0 already known" in ran.out
    assert "nothing in notes/empty.md\n" in ran.out
    assert "3 files left out: notes/photo.jpg, notes/pictures, notes/latin.txt" in ran.out
    for name in ("photo.jpg", "pictures", "latin.txt"):
        assert ran.err.count(f"left out: notes/{name}: ") == 1
    again = graphmem("--user", "ada", "ingest", *files, "--json").json
    assert (again["files"], again["new"], again["empty"]) == (2, 0, ["notes/empty.md"])
    assert again["left_out"] == ["notes/photo.jpg", "notes/pictures", "notes/latin.txt"]


@pytest.mark.parametrize("name", ["photo.jpg", "latin.txt"])
def test_a_file_by_itself_must_be_text(graphmem: Run, notes: Path, name: str) -> None:
    ran = graphmem("--user", "ada", "ingest", f"notes/{name}")
    assert ran.code == 2
    assert "not UTF-8 text at byte" in ran.err
    assert not (notes.parent / "graphmem-store").exists()


def test_files_of_which_none_is_text(graphmem: Run, notes: Path) -> None:
    ran = graphmem("--user", "ada", "ingest", "notes/photo.jpg", "notes/latin.txt")
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith("error: nothing to ingest")
    assert not (notes.parent / "graphmem-store").exists()


def test_notes_without_a_date_are_reported_once(graphmem: Run, notes: Path) -> None:
    (notes / "c.md").write_text("Zoe likes tea.")
    ran = graphmem("--user", "ada", "ingest", "notes")
    assert ran.err.count("no date") == 1
    assert (
        "2 files have no date: they are taken as said today\n(--at DATE or --at mtime dates them)"
    ) in ran.err
    assert "no date" not in graphmem("--user", "ada", "ingest", "notes").err
    dated = graphmem("--user", "bo", "ingest", "notes", "--at", "mtime")
    assert "no date" not in dated.err


def test_the_source_is_a_name_and_never_an_id_for_machines(graphmem: Run, tmp_path: Path) -> None:
    uuid = "6f1c2b1e-3f8e-4d8a-9d57-0a8f6c1f2e11"
    lines = [
        {"id": "s1", "title": "Tea time", "messages": [{"content": "I like tea.", "id": uuid}]},
        {"id": "s2", "messages": [{"content": "I like green tea.", "id": "D1:3"}]},
        {"id": "s3", "messages": [{"content": "I like black tea.", "id": uuid}]},
    ]
    (tmp_path / "chat.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "week.md").write_text("---\ntitle: My week\n---\nI like white tea.")
    graphmem("--user", "ada", "ingest", "chat.jsonl", "week.md", "--at", "2024-01-01")
    graphmem("--user", "ada", "add", "I like red tea.")
    ask = ("--user", "ada", "search", "tea", "--kinds", "turn")
    hits = graphmem(*ask, "--json").json["hits"]
    assert {hit["text"]: hit["source"] for hit in hits} == {
        "I like tea.": "Tea time",
        "I like green tea.": "D1:3",
        "I like black tea.": "chat.jsonl",
        "I like white tea.": "week.md",
        "I like red tea.": None,
    }
    assert {hit["source_id"] for hit in hits} >= {uuid, "D1:3"}
    shown = graphmem(*ask).out
    assert "Tea time" in shown
    assert "chat.jsonl" in shown
    assert uuid[:8] not in shown


def test_at_80_columns_no_short_word_and_no_id_is_broken(
    graphmem: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    line = {"content": "Sophie works at Acme and " + "likes tea " * 30, "name": "Bartholomew"}
    (tmp_path / "conversation.jsonl").write_text(json.dumps(line))
    graphmem("--user", "ada", "ingest", "conversation.jsonl", "--at", "2024-01-01")
    asked = ("--user", "ada", "search", "Where does Sophie work?")
    out = graphmem(*asked, "--ids").out
    for word in ("Bartholomew", "2024-01-01", "fact", "turn", "score", "likes"):
        assert word in out
    lines = out.splitlines()
    for hit in graphmem(*asked, "--json").json["hits"]:
        assert f"    {hit['id']}" in lines
    assert max(map(len, lines)) <= 80
    for command in ("relations", "timeline", "entities"):
        found = graphmem("--user", "ada", command, "--json").json
        ids = graphmem("--user", "ada", command, "--ids").out
        for one in found:
            id = one.get("fact_id") or one.get("id") or one["fact"]["id"]
            assert id in ids
    fact = graphmem("--user", "ada", "facts", "--json").json["items"][0]
    assert f"    {fact['id']}" in graphmem("--user", "ada", "facts").out.splitlines()


def test_what_add_ingest_and_history_say_fits_80_columns(
    graphmem: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("GRAPHMEM_USER", "ada")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a rather long name.md").write_text("Piranesi atm. Barao, Bruno, Dal!")
    (tmp_path / "other.md").write_text("hm")
    graphmem("add", "I live in Paris.", "--at", "2024-01-15")
    said = [
        graphmem("add", "I moved to Berlin last month!", "--at", "2025-03-02"),
        graphmem("ingest", "notes"),
        graphmem("ingest", "other.md"),
        graphmem("search", "What about Piranesi?", "--explain"),
    ]
    assert max(len(line) for ran in said for line in (ran.out + ran.err).splitlines()) <= 80
    home, found, other, asked = said
    for fact in graphmem("facts", "--all", "--json").json["items"]:
        assert home.out.count(fact["id"]) == 1  # whole, and nowhere else
    assert "nothing was understood of " in found.err
    assert "nothing was understood" not in other.err  # that was told of the other file
    assert "a rather long name.md" in asked.out


def test_an_edit_of_a_history_has_a_number_under_a_heading(ada: Run) -> None:
    id = ada("facts", "--json").json["items"][0]["id"]
    number = ada("history", id, "--json").json[0]["seq"]
    header, _, row, *_ = ada("history", id).out.splitlines()
    assert (header.split()[0], row.split()[0]) == ("edit", str(number))


def test_a_history_says_what_came_instead(ada: Run) -> None:
    items = ada("facts", "--all", "--json").json["items"]
    (paris,) = [item["id"] for item in items if "Paris" in item["text"]]
    (line,) = [one for one in ada("history", paris).out.splitlines() if "superseded by" in one]
    assert line.endswith(": Bo moved to Rome")


def test_explain_takes_an_id_and_says_where_one_is(ada: Run) -> None:
    ran = ada("explain", "Bo")
    assert ran.code == 4
    assert "`graphmem search … --ids` shows ids" in ran.err


@pytest.mark.parametrize("columns", ["40", "60", "80"])
def test_a_table_on_a_narrow_terminal_is_not_cut_off(
    graphmem: Run, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    graphmem("demo", "--json")
    monkeypatch.setenv("COLUMNS", columns)
    demo = ("--store", "demo-memory", "--user", "demo")
    for command in (("relations", "Maya"), ("timeline", "Tom"), ("search", "Tom"), ("entities",)):
        out = graphmem(*demo, *command).out
        found = graphmem(*demo, *command, "--json").json
        assert max(map(len, out.splitlines())) <= int(columns)
        if command[0] == "relations" and columns == "80":
            names = {relation[end] for relation in found for end in ("subject", "object")}
            assert all(name in out for name in names)
            assert len(out.splitlines()) == len(found) + 2  # a row a line
    squeezed = "".join(graphmem(*demo, "relations", "--type", "founded").out.split())
    assert "Kingfisher"[:3] in squeezed


def test_a_picture_in_a_folder_that_is_missing(ada: Run, tmp_path: Path) -> None:
    ran = ada("graph", "--out", "nodir/x.html")
    assert ran.code == 2
    assert ran.err == "error: --out nodir/x.html: there is no folder nodir\n"
    assert not (tmp_path / "nodir").exists()


def test_what_stopped_agrees_with_what_is_stored(graphmem: Run, tmp_path: Path) -> None:
    lines = [{"content": f"Bo likes tea {n}.", "session": f"s{n}"} for n in range(300)]
    lines.append({"content": "x", "session": "bad", "tags": 3})  # type: ignore[dict-item]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)))
    ran = graphmem("--user", "ada", "ingest", "c.jsonl", "--at", "2024-01-01")
    assert ran.code == 2
    stats = graphmem("--user", "ada", "stats", "--json")
    stored = stats.json["episodes"] if stats.code == 0 else 0  # no store is made for nothing
    assert not stored, "a file is looked through before any of it is stored"
    stopped = [line for line in ran.err.splitlines() if line.startswith("stopped; ")]
    assert stopped == (
        [
            f"stopped; {stored} episodes are remembered and safe, "
            "and the same command again goes on from there"
        ]
        if stored
        else []
    )


def test_the_demo_says_how_to_get_the_command_on_the_path(
    graphmem: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripts = tmp_path / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "activate").write_text("")
    program = scripts / "graphmem"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.setenv("PATH", os.defpath)
    lines = graphmem("demo").out.splitlines()
    at = lines.index("  . .venv/bin/activate")
    assert lines[at + 1] == "  export GRAPHMEM_STORE=demo-memory GRAPHMEM_USER=demo"
    monkeypatch.setenv("PATH", f"{scripts}{os.pathsep}{os.defpath}")
    assert "activate" not in graphmem("demo").out
    monkeypatch.setenv("PATH", os.defpath)
    monkeypatch.setattr(sys, "base_prefix", sys.prefix)
    assert "activate" not in graphmem("demo").out


def test_search_says_what_is_outdated(graphmem: Run) -> None:
    graphmem("--user", "ada", "add", "I live in Paris.", "--at", "2024-01-15")
    graphmem("--user", "ada", "add", "I moved to Berlin last month.", "--at", "2025-03-02")
    found = graphmem("--user", "ada", "search", "Where do I live?", "--explain")
    assert "outdated: lives_in until February 2025" in found.out
    assert "- This turn says what has ended" in " ".join(found.out.split())
