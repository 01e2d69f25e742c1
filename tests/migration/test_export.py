"""Exports and imports: exact there and back, and whatever a file may hold refused by its line."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.errors import NotFound, UsageError
from tests.engine.helpers import child_environment
from tests.migration.helpers import answers, contents, fill

CHANGES = 60 * int(os.environ.get("GRAPHMEM_FUZZ", "1"))


def more(memory: Memory) -> None:
    """What the other stores of these tests lack: types, merges, edits, things taken back."""
    fill(memory)
    memory.declare_type("works_at", single_valued=True, all_scopes=True)
    memory.declare_type("toils_at", same_as="works_at", all_scopes=True)
    memory.relate("Pia Lund", "lives_in", "Turku", valid_at="2019-03", user_id="cy")
    memory.relate("P. Lund", "toils_at", "Kone", valid_at="2020", user_id="cy")
    taken_back = memory.add("Pia Lund moved to Vaasa.", user_id="cy", occurred_at="2024-02-02")
    memory.undo(taken_back.episode_id, user_id="cy")
    memory.merge("Pia Lund", "P. Lund", user_id="cy")
    memory.add("I like tea.", agent_id="bot/1", project_id="100%/x", occurred_at="2024-01-01")


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """Exports of everything and of one user, and what the store held."""
    folder = tmp_path_factory.mktemp("full")
    with Memory("memory://", settings=Settings.load({})) as memory:
        more(memory)
        memory.export(folder / "all.jsonl", all_scopes=True)
        memory.export(folder / "cy.jsonl", user_id="cy")
        memory.export(folder / "bo.jsonl", user_id="bo", project_id="p")
        return folder, answers(memory), contents(memory)


def lines_in(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def put(file: Path, lines: list[dict[str, Any]], *, proved: bool = False) -> Path:
    """Lines as a file; without a digest, as one who makes a file by hand would leave it."""
    if lines and lines[-1].get("line") == "end" and not proved:
        lines = [*lines[:-1], {"line": "end", "rows": lines[-1]["rows"]}]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


class TestThereAndBack:
    def test_everything(self, full: tuple[Path, Any, Any], tmp_path: Path) -> None:
        folder, told, stored = full
        steps: list[tuple[str, int, int]] = []
        with Memory(tmp_path / "m") as memory:
            found = memory.import_(
                folder / "all.jsonl", all_scopes=True, progress=lambda *step: steps.append(step)
            )
            assert (found.tenants, found.already) == (5, False)
            assert {stage for stage, _, _ in steps} == {"check", "import"}
            assert steps[-1][1] == steps[-1][2] == found.rows
            assert answers(memory)[1:] == told[1:]
            ledger, *projections = contents(memory)
            for table, rows in stored[0].items():
                if table not in {"embeddings", "erasures", "spend"}:
                    assert ledger[table] == rows, table
            assert projections == list(stored[1:])
            assert memory.verify().ok
            assert memory.import_(folder / "all.jsonl", all_scopes=True).already
            memory.export(tmp_path / "again.jsonl", all_scopes=True)
            assert [t.at_a_time for t in memory.relation_types() if t.type == "works_at"] == ["one"]
            assert len(memory.resume(user_id="ada")) == 2
        again = (tmp_path / "again.jsonl").read_text().splitlines()
        assert again[1:] == (folder / "all.jsonl").read_text().splitlines()[1:]

    def test_one_user_into_a_store_of_others(
        self, full: tuple[Path, Any, Any], tmp_path: Path
    ) -> None:
        folder, _, _ = full
        with Memory(tmp_path / "m") as memory:
            memory.declare_type("works_at", single_valued=True, all_scopes=True)
            memory.add("Bob Stone works at Zenith.", user_id="bob")
            before = memory.search("Bob", user_id="bob").hits
            assert memory.import_(folder / "bo.jsonl", user_id="bo", project_id="p").rows
            assert memory.verify().ok
            assert memory.search("Bob", user_id="bob").hits == before
            (episode,) = [
                hit for hit in memory.search("Zenith", user_id="bo", project_id="p").hits
                if "I work" in hit.text
            ][:1]  # fmt: skip
            assert episode.text
            assert memory.import_(folder / "bo.jsonl", user_id="bo", project_id="p").already
            memory.add("Bo moved to Rome.", user_id="bo", project_id="p")
            with pytest.raises(UsageError, match="user bo of the project p has memories here"):
                memory.import_(folder / "bo.jsonl", user_id="bo", project_id="p")
            memory.delete_all(user_id="bob")

    def test_nothing_of_others_is_in_it(self, full: tuple[Path, Any, Any]) -> None:
        text = (full[0] / "cy.jsonl").read_text()
        for other in ('"ada"', "Ada L", "bot/1", "Zenith", "Acme", "Oslo"):
            assert other not in text
        assert "toils_at" in text, "a type that is used brings its rule"
        assert "toils_at" not in (full[0] / "bo.jsonl").read_text()

    def test_on_postgres(
        self, full: tuple[Path, Any, Any], tmp_path: Path, postgres: Callable[[], str]
    ) -> None:
        folder, _, stored = full
        there = Settings.load(
            ledger=postgres(),
            graph=f"kuzu:///{tmp_path}/g.kuzu",
            vectors=f"qdrant-edge:///{tmp_path}/v",
        )
        with Memory(settings=there) as memory:
            memory.import_(folder / "all.jsonl", all_scopes=True)
            ledger = contents(memory)[0]
            assert memory.verify().ok
            assert memory.import_(folder / "all.jsonl", all_scopes=True).already
            memory.export(tmp_path / "again.jsonl", all_scopes=True)
            taken = lines_in(folder / "bo.jsonl")
            taken[1] |= {"user_id": "mallory", "user_name": "Mallory"}
            for line in taken:
                body = line.get("body") or line.get("after") or {}
                if scope := body.get("scope"):
                    scope["user_id"] = "mallory"
            with pytest.raises(UsageError, match="in this store already"):
                memory.import_(put(tmp_path / "x.jsonl", taken), all_scopes=True)
            assert contents(memory)[0] == ledger
        for table in ("facts", "events", "statements", "merges", "edits"):
            assert ledger[table] == stored[0][table]
        again = (tmp_path / "again.jsonl").read_text().splitlines()
        assert again[1:] == (folder / "all.jsonl").read_text().splitlines()[1:]


class TestRefused:
    def test_who_it_is_for(self, full: tuple[Path, Any, Any], tmp_path: Path) -> None:
        folder = full[0]
        with Memory("memory://", user_id="ada") as memory:
            calls: list[tuple[Callable[[], Any], str]] = [
                (lambda: memory.import_(folder / "bo.jsonl"), "memories of user bo"),
                (lambda: memory.import_(folder / "cy.jsonl", agent_id="x"), "no agent_id beside"),
                (lambda: memory.import_(folder / "cy.jsonl", all_scopes=True, user_id="cy"), "sco"),
                (lambda: memory.import_(folder / "none.jsonl"), "cannot be read"),
                (lambda: memory.import_(folder), "cannot be read"),
                (lambda: memory.export(folder / "cy.jsonl"), "is there already"),
                (lambda: memory.export(folder / "no" / "x.jsonl"), "cannot be written"),
                (lambda: memory.export("http://x/y"), "is a URL"),
                (lambda: memory.export(tmp_path / "x", run_id="r"), "no run_id"),
            ]
            for call, why in calls:
                with pytest.raises(UsageError, match=why):
                    call()
            with pytest.raises(NotFound, match="nothing is stored of a user 'ada'"):
                memory.export(tmp_path / "x", progress=lambda *done: pytest.fail(f"{done}"))
            assert memory.stats().episodes == 0
        assert not list(tmp_path.iterdir())

    def test_a_file_that_is_there_before_anything_is_read(self, tmp_path: Path) -> None:
        (tmp_path / "x").write_text("mine")
        told: list[Any] = []
        with Memory("memory://", user_id="ada") as memory:
            memory.add("I like tea.")
            with pytest.raises(UsageError, match="is there already"):
                memory.export(tmp_path / "x", progress=lambda *done: told.append(done))
        assert not told
        assert (tmp_path / "x").read_text() == "mine"

    def test_users_of_other_pseudonyms(self, full: tuple[Path, Any, Any]) -> None:
        """Whoever is here already is found by name; once forgotten, they may come again."""
        file = full[0] / "cy.jsonl"
        with Memory("memory://") as memory:
            memory.add("I like tea.", user_id="cy")
            memory.declare_type("works_at", single_valued=True, all_scopes=True)
            memory.declare_type("toils_at", same_as="works_at", all_scopes=True)
            before = contents(memory)
            with pytest.raises(UsageError, match="user cy of the project default has memories"):
                memory.import_(file, user_id="cy")
            assert contents(memory) == before
            memory.forget(user_id="cy")
            assert memory.import_(file, user_id="cy").rows
            assert memory.get_all(user_id="cy").items
            assert memory.verify().ok
            memory.forget(user_id="cy")
            memory.declare_type("works_at", single_valued=True, all_scopes=True)
            memory.declare_type("toils_at", same_as="works_at", all_scopes=True)
            with pytest.raises(UsageError, match="or was forgotten here"):
                memory.import_(file, user_id="cy")

    def test_a_user_without_a_name(self, full: tuple[Path, Any, Any], tmp_path: Path) -> None:
        """Has been forgotten, or could never be asked for."""
        lines = lines_in(full[0] / "cy.jsonl")
        del lines[1]["user_name"]
        with Memory("memory://") as memory:
            with pytest.raises(UsageError, match="line 3: its tenant has no user_name"):
                memory.import_(put(tmp_path / "cy.jsonl", lines), all_scopes=True)
            memory.add("I like tea.", user_id="ada")
            memory.relate("Cy Reed", "frobnicates", "Acme", user_id="cy")
            memory.declare_type("frobnicates", single_valued=True, all_scopes=True)
            memory.forget(user_id="cy")
            assert "frobnicates" not in [one.type for one in memory.relation_types()]
            memory.export(tmp_path / "all.jsonl", all_scopes=True)
        with Memory("memory://") as memory:
            memory.import_(tmp_path / "all.jsonl", all_scopes=True)
            assert memory.stats(user_id="ada").episodes == 1
            assert memory.stats().episodes == 1
            assert memory.import_(tmp_path / "all.jsonl", all_scopes=True).already
            assert "frobnicates" not in [one.type for one in memory.relation_types()]
            assert memory.verify().ok

    def test_rules_that_are_others(self, full: tuple[Path, Any, Any]) -> None:
        with Memory("memory://") as memory:
            memory.add("Eve works at Acme.", user_id="eve")
            with pytest.raises(UsageError, match=r"relation type .* otherwise here"):
                memory.import_(full[0] / "cy.jsonl", user_id="cy")
            memory.declare_type("works_at", single_valued=True, all_scopes=True)
            memory.declare_type("toils_at", same_as="works_at", all_scopes=True)
            assert memory.import_(full[0] / "cy.jsonl", user_id="cy").rows
            assert memory.verify().ok

    def test_every_bad_line_is_named(self, full: tuple[Path, Any, Any], tmp_path: Path) -> None:
        good = lines_in(full[0] / "cy.jsonl")
        at = {line["line"]: n for n, line in reversed(list(enumerate(good)))}

        def changed(table: str, **values: Any) -> tuple[list[dict[str, Any]], int]:
            lines = json.loads(json.dumps(good))
            lines[at[table]].update(values)
            return lines, at[table] + 1

        body = dict(good[at["facts"]]["body"])
        entity = dict(good[at["entities"]]["body"])
        cases = [
            changed("graphmem export", version=2),
            changed("graphmem export", line="something"),
            changed("tenant", user_id=""),
            changed("tenant", user_id="a\nb"),
            changed("tenant", user_name="a\nb"),
            changed("tenant", user_name=good[1]["user_id"]),
            changed("tenant", number="1"),
            changed("tenant", agent_id="x"),
            changed("episodes", surprise=1),
            changed("episodes", id=7),
            changed("episodes", tenant=2),
            changed("episodes", tenant=True),
            changed("episodes", occurred_at="yesterday"),
            changed("episodes", occurred_at="2024-01-01"),
            changed("episodes", status="maybe"),
            changed("episodes", importance="high"),
            changed("episodes", metadata=[]),
            changed("episodes", metadata={"n": 10**309}),
            changed("episodes", metadata={"n": 1 << 64}),
            changed("episodes", metadata={"n": float("inf")}),
            changed("episodes", metadata={"n": float("nan")}),
            changed("episodes", metadata={"k": "x" * 70_000}),
            changed("episodes", metadata={"k": json.loads("[" * 150 + "]" * 150)}),
            changed("facts", body={**body, "metadata": {"k": list(range(3_000))}}),
            changed("episodes", content="\ud800"),
            changed("episodes", content="a\0b"),
            changed("episodes", line="users"),
            changed("facts", body={}),
            changed("facts", body={**body, "text": "another sentence"}),
            changed("facts", body={**body, "version": 9}),
            changed("facts", body={**body, "scope": {"project_id": "default", "user_id": "ada"}}),
            changed("facts", body={**body, "sources": [{"episode_id": 1}]}),
            changed("facts", body={**body, "surprise": 1}),
            changed("facts", type="loves"),
            changed("facts", version=1.0),
            changed("entities", body={**entity, "tenant": 2}),
            changed("entities", body={**entity, "tenant": "default/user:ada"}),
            changed("entities", key="somebody else"),
            changed("merges", kept_id="x"),
            changed("events", action="DROP TABLE facts"),
            changed("events", kind="type"),
        ]
        with Memory("memory://") as memory:
            for n, (lines, number) in enumerate(cases):
                file = put(tmp_path / f"{n}.jsonl", lines)
                with pytest.raises(UsageError, match=rf"line {number}: .*nothing was imported"):
                    memory.import_(file, all_scopes=True)
            raw = (full[0] / "cy.jsonl").read_bytes().splitlines(keepends=True)
            for name, data in {
                "cut off": b"".join(raw[:-1]),
                "half": b"".join(raw)[: len(b"".join(raw)) // 2],
                "nothing": b"",
                "another end": b"".join([*raw[:-1], b'{"line": "end", "rows": 1}\n']),
                "after the end": b"".join([*raw, raw[-2]]),
                "a word changed": b"".join(raw).replace(b"Turku", b"Tartu"),
                "no UTF-8": b"".join([*raw[:2], b"\xff\n", *raw[2:]]),
                "deep": b"".join([*raw[:2], b"[" * 200_000 + b"\n", *raw[2:]]),
                "twice": b"".join([raw[0], b'{"line": "tenant", "line": "x"}\n', *raw[1:]]),
                "a photo": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
            }.items():
                (tmp_path / name).write_bytes(data)
                with pytest.raises(UsageError, match=r"nothing was imported"):
                    memory.import_(tmp_path / name, all_scopes=True)
            os.mkfifo(tmp_path / "a pipe")
            with pytest.raises(UsageError, match="a pipe is no file"):
                memory.import_(tmp_path / "a pipe", all_scopes=True)
            assert memory.stats().episodes == memory.stats().facts == 0
            assert memory.import_(full[0] / "cy.jsonl", user_id="cy").rows

    def test_what_reaches_into_another_tenant(
        self, full: tuple[Path, Any, Any], tmp_path: Path
    ) -> None:
        """A made-up file that names ids of somebody else, in the file or in the store."""
        good = lines_in(full[0] / "cy.jsonl")
        with Memory("memory://") as memory:
            memory.declare_type("works_at", single_valued=True, all_scopes=True)
            memory.declare_type("toils_at", same_as="works_at", all_scopes=True)
            receipt = memory.add("Zoe Grant works at Secretcorp.", user_id="zoe")
            (fact,) = memory.get_all(user_id="zoe").items
            theirs = {
                "episode_id": receipt.episode_id,
                "fact_id": fact.id,
                "entity_id": fact.subject_id,
                "subject_id": fact.subject_id,
            }
            before = contents(memory)
            tried = 0
            for n, line in enumerate(good):
                names = [(name, id) for name, id in theirs.items() if line.get(name)]
                if line["line"] == "events":
                    names += [("id", id) for id in theirs.values()]
                for name, id in names:
                    tried += 1
                    lines = [*good[:n], {**line, name: id}, *good[n + 1 :]]
                    file = put(tmp_path / "x.jsonl", lines)
                    with pytest.raises(UsageError, match="nothing was imported"):
                        memory.import_(file, user_id="cy")
            assert tried > 60
            assert contents(memory) == before

    @pytest.mark.parametrize("seed", range(4))
    def test_changed_at_random(
        self, full: tuple[Path, Any, Any], tmp_path: Path, seed: int
    ) -> None:
        """Refused in words, with nothing written; or taken, and then all stores agree."""
        some = random.Random(seed)
        good = lines_in(full[0] / "all.jsonl")
        junk: list[Any] = [
            None, True, -1, 1.5, 1 << 62, "", "x", "\u202e", [], {}, [1], {"a": None}, "9" * 400,
            "2024-01-01T00:00:00.000000Z", "default/user:ada",
        ]  # fmt: skip
        why: list[str] = []
        for n in range(CHANGES // 4):
            lines = json.loads(json.dumps(good))
            for _ in range(some.randint(1, 3)):
                at = some.randrange(len(lines) - 1)
                match some.randrange(4):
                    case 0:
                        del lines[at]
                        lines[-1]["rows"] -= 1
                    case 1:
                        lines.insert(at, dict(lines[some.randrange(len(lines) - 1)]))
                        lines[-1]["rows"] += 1
                    case 2:
                        name = some.choice(sorted(lines[at]))
                        lines[at][name] = some.choice(junk)
                    case _:
                        inner = lines[at].get("body") or lines[at].get("after") or lines[at]
                        inner[some.choice(sorted(inner))] = some.choice(junk)
            with Memory("memory://") as memory:
                try:
                    memory.import_(put(tmp_path / f"{n}.jsonl", lines), all_scopes=True)
                except UsageError as error:
                    why.append(str(error))
                    assert memory.stats().episodes == 0
                    continue
                assert memory.verify().differences == ()
                for name in ("ada", "bo", "cy"):
                    memory.search("Who works at Acme?", user_id=name)
                    memory.get_all(user_id=name)
                memory.resume(user_id="ada")
                memory.rebuild()
        assert why
        assert all("nothing was imported" in one for one in why)


class TestCutOff:
    @pytest.mark.parametrize("at", [1, 2, 4])
    def test_all_or_nothing(self, full: tuple[Path, Any, Any], tmp_path: Path, at: int) -> None:
        """SIGKILL in the middle of the transaction, and after it."""
        program = (
            "import os, signal\nfrom graphmem import Memory\n"
            "from graphmem.portability import imports\nimports._AT_A_TIME = 20\n"
            f"left = {at}\n"
            "def step(stage, *_):\n    global left\n    left -= stage == 'import'\n"
            "    if not left: os.kill(os.getpid(), signal.SIGKILL)\n"
            f"with Memory({str(tmp_path / 'm')!r}) as m:\n"
            f"    m.import_({str(full[0] / 'all.jsonl')!r}, all_scopes=True, progress=step)\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program], env=child_environment(), check=False
        )
        assert ended.returncode == -signal.SIGKILL
        with Memory(tmp_path / "m") as memory:
            assert memory.stats().episodes == 0
            assert memory.import_(full[0] / "all.jsonl", all_scopes=True).rows
            assert memory.verify().ok
            assert contents(memory)[0]["events"] == full[2][0]["events"]
