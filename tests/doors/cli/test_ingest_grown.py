"""Conversations that are ingested again after they have grown: each turn is stored once."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from graphmem import Memory
from graphmem.doors.cli import ingest
from graphmem.doors.cli.resumed_conversations import LOOKUP_WINDOW, windows
from graphmem.errors import UsageError
from graphmem.settings import LEDGER_FILE
from tests.doors.cli.conftest import Ran, Run


def remarks(*numbers: int, session: str = "s1", **more: object) -> list[dict[str, object]]:
    """Messages by number, each with its own minute."""
    return [
        {
            "content": f"Remark {session} {number}.",
            "session": session,
            "id": f"{session}-{number}",
            "occurred_at": f"2024-01-01T{number // 60:02}:{number % 60:02}",
            **more,
        }
        for number in numbers
    ]


def write(path: Path, lines: Iterable[object]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path.name


def stored(folder: Path = Path("graphmem-store")) -> list[tuple[str, str]]:
    """Every turn with its user, in the order in which they were added."""
    with closing(sqlite3.connect(folder / LEDGER_FILE)) as raw:
        return raw.execute(
            "SELECT u.name, t.text FROM turns AS t JOIN episodes AS e ON e.id = t.episode_id "
            "LEFT JOIN users AS u ON u.pseudonym = e.user_id "
            "ORDER BY e.n, t.ordinal"
        ).fetchall()


def episodes(folder: Path = Path("graphmem-store")) -> list[str]:
    with closing(sqlite3.connect(folder / LEDGER_FILE)) as raw:
        return [id for (id,) in raw.execute("SELECT id FROM episodes ORDER BY n")]


def texts(*numbers: int, session: str = "s1", user: str = "ada") -> list[tuple[str, str]]:
    return [(user, f"Remark {session} {number}.") for number in numbers]


@pytest.fixture
def ingest_files(graphmem: Run, tmp_path: Path) -> Run:
    """Ingest files as ada, fast."""

    def call(*files: str) -> Ran:
        ran = graphmem("--user", "ada", "ingest", "--no-infer", *files, "--json")
        assert ran.code == 0, ran.err
        return ran

    return call


def test_a_conversation_that_has_grown_is_added_from_there_on(
    graphmem: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHMEM_USER", "bo")
    lines = [
        {"content": content, "session": "s1", "id": f"m{n}", "occurred_at": f"2024-01-0{n}T10:00"}
        for n, content in enumerate(["My locker code is 4471.", "I like tea.", "Bye now."], start=1)
    ]
    graphmem("ingest", write(tmp_path / "g.jsonl", lines[:2]))
    ran = graphmem("ingest", write(tmp_path / "g.jsonl", lines))
    assert "1 episode from 1 file: 1 new, 0 already known" in ran.out
    assert [text for _, text in stored()] == [line["content"] for line in lines]
    found = graphmem("search", "locker code", "--json").json["hits"]
    assert [hit["text"] for hit in found if hit["kind"] == "turn"].count(lines[0]["content"]) == 1
    with Memory("graphmem-store", user_id="bo") as memory:
        first, rest = (memory.episode(id) for id in episodes())
    assert (first.metadata, first.tags) == (rest.metadata, rest.tags)
    assert [str(e.occurred_at)[:10] for e in (first, rest)] == ["2024-01-01", "2024-01-03"]
    assert rest.turns[0].source_id == "m3"


def test_it_may_grow_twice_and_be_read_again(ingest_files: Run, tmp_path: Path) -> None:
    for count, new in ((2, 1), (2, 0), (5, 1), (5, 0), (6, 1), (6, 0)):
        summary = ingest_files(write(tmp_path / "g.jsonl", remarks(*range(count)))).json
        assert (summary["episodes"], summary["new"], summary["already_known"]) == (1, new, 1 - new)
        assert stored() == texts(*range(count))
    assert len(episodes()) == 3
    assert ingest_files(write(tmp_path / "old.jsonl", remarks(*range(5)))).json["new"] == 0, (
        "an older export"
    )


def test_more_messages_than_an_episode_holds(ingest_files: Run, tmp_path: Path) -> None:
    for count, new in ((150, 1), (250, 2), (430, 2), (431, 1)):
        summary = ingest_files(write(tmp_path / "g.jsonl", remarks(*range(count)))).json
        assert summary["new"] == new
        assert stored() == texts(*range(count))
    session = {"id": "s", "messages": remarks(*range(1000, 1390))}
    ingest_files(write(tmp_path / "s.jsonl", [session]))
    session["messages"] = remarks(*range(1000, 1405))
    ingest_files(write(tmp_path / "s.jsonl", [session]))
    assert stored()[431:] == texts(*range(1000, 1405))


def test_of_two_sessions_one_grows(ingest_files: Run, tmp_path: Path) -> None:
    two = remarks(1, 2, 3, session="s2")
    ingest_files(write(tmp_path / "g.jsonl", [*remarks(1, 2), *two]))
    summary = ingest_files(write(tmp_path / "g.jsonl", [*remarks(1, 2, 3), *two])).json
    assert (summary["episodes"], summary["new"], summary["already_known"]) == (2, 1, 1)
    assert stored() == [*texts(1, 2), *texts(1, 2, 3, session="s2"), *texts(3)]


def test_what_was_edited_is_added_from_the_last_beginning(
    ingest_files: Run, tmp_path: Path
) -> None:
    ingest_files(write(tmp_path / "g.jsonl", remarks(1, 2)))
    ingest_files(write(tmp_path / "g.jsonl", remarks(1, 2, 3, 4)))
    ingest_files(write(tmp_path / "g.jsonl", remarks(1, 2, 33, 4, 5)))
    assert stored() == texts(1, 2, 3, 4, 33, 4, 5)
    ingest_files(write(tmp_path / "g.jsonl", remarks(0, 1, 2)))
    assert stored()[7:] == texts(0, 1, 2), "nothing is known of what begins otherwise"


def test_what_was_deleted_or_undone_can_be_added_again(
    graphmem: Run, ingest_files: Run, tmp_path: Path
) -> None:
    ingest_files(write(tmp_path / "g.jsonl", remarks(1, 2)))
    ingest_files(write(tmp_path / "g.jsonl", remarks(1, 2, 3)))
    first, second = episodes()
    assert graphmem("--user", "ada", "delete", second).code == 0
    ingest_files(write(tmp_path / "g.jsonl", remarks(1, 2, 3, 4)))
    assert stored() == texts(1, 2, 3, 4)
    assert graphmem("--user", "ada", "delete", first).code == 0
    ingest_files(write(tmp_path / "g.jsonl", remarks(1, 2, 3, 4, 5)))
    assert stored() == texts(3, 4, 5), "what was deleted before them stays so"
    for id in episodes():
        assert graphmem("--user", "ada", "delete", id).code == 0
    ingest_files(write(tmp_path / "g.jsonl", remarks(1, 2)))
    assert graphmem("--user", "ada", "undo", episodes()[0]).code == 0
    ingest_files(write(tmp_path / "g.jsonl", remarks(1, 2, 3)))
    found = graphmem("--user", "ada", "search", "Remark s1", "--json").json["hits"]
    assert sorted(hit["text"] for hit in found) == [text for _, text in texts(1, 2, 3)]


def test_each_user_has_conversations_of_their_own(graphmem: Run, tmp_path: Path) -> None:
    def add(*lines: dict[str, object], user: str = "ada") -> int:
        name = write(tmp_path / "g.jsonl", lines)
        ran = graphmem("--user", user, "ingest", "--no-infer", name, "--json")
        return int(ran.json["new"])

    assert add(*remarks(1, 2)) == 1
    assert add(*remarks(1, 2, 3), user="bo") == 1
    assert stored()[2:] == texts(1, 2, 3, user="bo")
    # Those who are named in the file, and by runs; ada's own scope says nothing of theirs.
    eve = [remarks(n, user_id="eve") for n in range(4)]
    assert add(*(line for lines in eve[:2] for line in lines), user="cy") == 1
    assert add(*(line for lines in eve for line in lines), user="cy") == 1
    assert stored()[5:] == texts(0, 1, 2, 3, user="eve")
    assert add(*remarks(1, 2, 3, run_id="r")) == 1
    assert stored()[9:] == texts(1, 2, 3)


def test_exports_of_several_weeks_at_once(ingest_files: Run, tmp_path: Path) -> None:
    folder = tmp_path / "weeks"
    folder.mkdir()
    for week in range(1, 6):
        write(folder / f"{week}.jsonl", remarks(*range(week * 3)))
    summary = ingest_files("weeks").json
    assert (summary["episodes"], summary["new"]) == (5, 5)
    assert stored() == texts(*range(15))
    assert ingest_files("weeks").json["new"] == 0


def test_an_empty_store_is_not_asked(
    ingest_files: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    known = Memory.known_keys

    def counted(self: Memory, keys: list[str], **scope: str | None) -> frozenset[str]:
        asked.append(list(keys))
        return known(self, keys, **scope)

    monkeypatch.setattr(Memory, "known_keys", counted)
    name = write(tmp_path / "g.jsonl", [*remarks(1, 2, 3), *remarks(1, 2, session="s2")])
    ingest_files(name)
    assert asked == []
    ingest_files(name)
    assert [len(keys) for keys in asked] == [2], "nothing is asked of what is known as a whole"
    asked.clear()
    ingest_files(
        write(tmp_path / "g.jsonl", [*remarks(1, 2, 3, 4, 5), *remarks(1, 2, session="s2")])
    )
    assert [len(keys) for keys in asked] == [2, 4], "one question for all beginnings"


@pytest.mark.parametrize(
    ("name", "first", "more"),
    [
        (
            "w.txt",
            "[13/09/2024, 10:16:01] Carla: Remark one.\n[13/09/2024, 10:17:01] Bo: Remark two.\n",
            "[13/09/2024, 10:18:01] Carla: Remark three.\n[14/09/2024, 9:00:01] Bo: Remark four.\n",
        ),
        (
            "t.txt",
            "Carla: Remark one.\nBo: Remark two.\n",
            "Carla: Remark three.\nBo: Remark four.\n",
        ),
    ],
)
def test_chats_of_other_programs_grow(
    ingest_files: Run, tmp_path: Path, name: str, first: str, more: str
) -> None:
    for text in (first, first + more):
        (tmp_path / name).write_text(text)
        ingest_files(name)
    remarks = [text for _, text in stored()]
    assert remarks == [f"Remark {number}." for number in ("one", "two", "three", "four")]


def test_what_is_refused_is_named_in_every_window(
    graphmem: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphmem.doors.cli.resumed_conversations.LOOKUP_WINDOW", 3)
    graphmem("--user", "ada", "add", "Tea.")
    lines = [line for n in range(7) for line in remarks(1, 2, session=f"s{n}")]
    lines += remarks(1, 2, session="bad", importance=7) + remarks(1, session="last")
    ran = graphmem("--user", "ada", "ingest", write(tmp_path / "g.jsonl", lines))
    assert ran.code == 2
    assert "error: g.jsonl, bad: importance must be a number from 0 to 1" in ran.err
    lines[-3:] = remarks(1, 2, session="odd", user_id=7)
    ran = graphmem("--user", "ada", "ingest", write(tmp_path / "g.jsonl", lines))
    assert "error: g.jsonl, odd: user_id must be text" in ran.err


def test_what_was_read_before_an_error_comes_first() -> None:
    def items() -> Iterable[dict[str, object]]:
        yield {"content": "a"}
        yield {"content": [{"content": "b" * (9 << 20)}]}
        yield {"content": "c"}
        raise UsageError("line 4")

    found = []
    with pytest.raises(UsageError, match="line 4"):
        found += [[len(window)] for window in windows(items())]
    given = windows({"content": "x"} for _ in range(LOOKUP_WINDOW + 1))
    assert [len(window) for window in given] == [LOOKUP_WINDOW, 1]
    assert ingest._RECENT >= LOOKUP_WINDOW
