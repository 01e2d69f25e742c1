"""Commands for relations that are given, for the past, and for what is taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphmem.testing.llm_server import LocalModelServer
from tests.doors.cli.conftest import Run

ROWS = """\
subject,type,object,since,until
Dora Lane,works_at,Acme,2020-01-01,2022-06-01
Dora Lane,works_at,Globex,2022-06-01,
"""


def _relations(ada: Run, *arguments: str) -> set[tuple[str, str, str]]:
    found: list[dict[str, Any]] = ada("relations", "--json", *arguments).json
    return {(r["subject"], r["type"], r["object"]) for r in found}


def test_relate_and_unrelate(ada: Run) -> None:
    ran = ada("relate", "Dora Lane", "works at", "Acme", "--valid-at", "2020-01-01", "--tag", "hr")
    assert ran.code == 0
    assert "ADD" in ran.out
    assert "Dora Lane works at Acme." in ran.out
    assert ("Dora Lane", "works_at", "Acme") in _relations(ada)
    assert "already remembered" in ada(
        "relate", "Dora Lane", "works at", "Acme", "--valid-at", "2020-01-01"
    ).out  # fmt: skip
    ended = ada("unrelate", "Dora Lane", "works_at", "Acme", "--invalid-at", "2023-01-01", "--json")
    assert ended.json["status"] == "done"
    assert _relations(ada, "Dora Lane") == set()
    assert _relations(ada, "Dora Lane", "--as-of", "2021-01-01") == {
        ("Dora Lane", "works_at", "Acme")
    }
    assert ada("unrelate", "Dora Lane", "works_at").code == 0
    assert _relations(ada, "Dora Lane", "--all") == set()


def test_a_plan_is_marked(ada: Run) -> None:
    ran = ada(
        "relate", "Dora Lane", "lives_in", "Oslo", "--modality", "planned",
        "--valid-at", "2090-01-01", "--at", "2024-01-01", "--object-kind", "place",
        "--meta", "a=1", "--importance", "0.9", "--key", "k", "--fact", "Dora plans to live there.",
    )  # fmt: skip
    assert ran.code == 0
    assert "(planned)" in ada("search", "Where does Dora plan to live?").out
    assert "(planned)" in ada("facts").out
    assert "planned" in ada("timeline", "Dora Lane").out
    fact_id = ada("facts", "--json").json["items"][-1]["id"]
    assert "planned for" in ada("get", fact_id).out
    assert _relations(ada, "Dora Lane", "--all") == set()


def test_bad_calls(ada: Run) -> None:
    assert ada("relate", "Dora", "works_at").code == 2
    assert ada("relate", "Dora", "!", "Acme").code == 2
    assert ada("relate", "Dora", "works_at", "Acme", "--valid-at", "soon").code == 2
    assert ada("relate", "Dora", "works_at", "Acme", "--modality", "maybe").code == 2
    at = ada("relations", "--as-of", "2021").err
    assert at.startswith("--as-of: at 2021-01-01 00:00 (UTC)")
    refused = ada("relations", "--all", "--as-of", "2020-01-01", "--json")
    assert "not both" in refused.error["message"]
    assert "--known-at" in ada("relations", "--known-at", "soon", "--json").error["message"]
    assert ada("cypher", "MATCH (e:Entity) RETURN e.name", "--as-of", "2020-01-01").code == 2


def test_ingest_of_rows(ada: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    first = ada("ingest", "rows.csv", "--json").json
    assert (first["episodes"], first["new"]) == (2, 2)
    assert first["undated"] == []
    again = ada("ingest", "--format", "triples", "rows.csv", "--json").json
    assert (again["new"], again["already_known"]) == (0, 2)
    assert _relations(ada, "Dora Lane") == {("Dora Lane", "works_at", "Globex")}


def test_rows_and_texts_in_one_call(ada: Run, tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    (folder / "rows.tsv").write_text(ROWS.replace(",", "\t"))
    (folder / "note.txt").write_text("Eli Fox lives in Rome.")
    summary = ada("ingest", "all", "--at", "2024-01-01", "--tag", "x", "--json").json
    assert (summary["files"], summary["episodes"], summary["new"]) == (2, 3, 3)
    assert ("Eli Fox", "lives_in", "Rome") in _relations(ada)
    assert ("Dora Lane", "works_at", "Globex") in _relations(ada)


def test_a_bad_row_stops_before_anything_is_stored(ada: Run, tmp_path: Path) -> None:
    before = ada("stats", "--json").json["episodes"]
    (tmp_path / "rows.csv").write_text(ROWS + "Eli,,Acme,,\n")
    ran = ada("ingest", "rows.csv", "--json")
    assert ran.code == 2
    assert "rows.csv, line 4: no type" in ran.error["message"]
    assert ada("stats", "--json").json["episodes"] == before


@pytest.mark.parametrize(
    "command",
    [
        ("search", "Where does Bo live?"),
        ("context", "Where does Bo live?"),
        ("facts",),
        ("relations",),
        ("neighbours", "Bo"),
        ("paths", "Bo", "Paris"),
        ("timeline",),
    ],
)
def test_every_reading_command_looks_back(ada: Run, command: tuple[str, ...]) -> None:
    then = ada(*command, "--as-of", "2024-06-01")
    assert then.code == 0, then.err
    assert "Paris" in then.out
    assert "Rome" not in then.out
    known = ada(*command, "--known-at", "2020-01-01")
    assert "Paris" not in known.out


def test_the_rest_looks_back_too(ada: Run, tmp_path: Path) -> None:
    (home,) = ada("relations", "--type", "lives_in", "--as-of", "2024-06-01", "--json").json
    for command in (
        ("get", home["fact_id"]),
        ("history", home["fact_id"]),
        ("entity", "Bo"),
        ("entities",),
        ("graph", "--out", "g.svg"),
    ):
        assert ada(*command, "--as-of", "2024-06-01").code == 0
    assert (tmp_path / "g.svg").exists()
    for command in (("get", home["fact_id"]), ("history", home["fact_id"]), ("entity", "Bo")):
        assert ada(*command, "--known-at", "2020-01-01").code == 4
    assert ada("entities", "--known-at", "2020-01-01", "--json").json == []
    query = "MATCH (e:Entity) RETURN count(e) AS n"
    counted = ada("cypher", query, "--known-at", "2020-01-01", "--json").json
    assert counted["rows"] == [[0]]


def test_diff(ada: Run) -> None:
    shown = ada("diff", "2024-06-01", "2025-07-01")
    assert shown.code == 0
    assert "ended" in shown.out
    assert "began" in shown.out
    found = ada("diff", "2024-06-01", "2025-07-01", "Bo", "--json").json
    assert [one["what"] for one in found] == ["ended", "began"]
    learned = ada("diff", "2024-06-01", "2024-06-01", "--known-at-a", "2020-01-01", "--json").json
    assert {one["what"] for one in learned} == {"learned"}
    assert "no difference" in ada("diff", "2024-06-01", "2024-06-02").err
    assert ada("diff", "2024-06-01", "soon").code == 2


def test_stats_show_what_models_cost(
    graphmem: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "prices.json"
    entry = {"input": 1.0, "output": 1_000_000.0, "checked": True}
    table.write_text(json.dumps({"models": {"openai:test-model": entry}}))
    answer: dict[str, Any] = {"entities": [], "facts": []}
    with LocalModelServer(answer=lambda _: answer) as server:
        monkeypatch.setenv("GRAPHMEM_LLM", "openai:test-model")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("GRAPHMEM_PRICES", str(table))
        assert graphmem("add", "--user", "ada", "Tea is good.").code == 0
        monkeypatch.setenv("GRAPHMEM_MAX_CALLS_PER_STORE", "1")
        ran = graphmem("add", "--user", "ada", "Bo works at Acme.")
        assert ran.code == 0
        assert "read by the rules instead" in ran.err
    shown = graphmem("stats", "--user", "ada")
    assert "openai:test-model" in shown.out
    (spent,) = graphmem("stats", "--json").json["spend"]
    assert spent["calls"] == 1
    assert spent["cost"] >= 1


def test_undo_merge_and_unmerge(ada: Run) -> None:
    receipt = ada("relate", "Bo", "lives_in", "Oslo", "--valid-at", "2026-01-01", "--json").json
    assert ("Bo", "lives_in", "Oslo") in _relations(ada)
    assert ada("undo", receipt["episode_id"]).code == 0
    assert ("Bo", "lives_in", "Rome") in _relations(ada)
    assert ada("undo", "nowhere").code == 4
    ada("relate", "Beau", "likes", "tea")
    beau = ada("entity", "Beau", "--json").json
    assert ada("merge", "Bo", "Beau").code == 0
    assert ("Bo", "likes", "tea") in _relations(ada)
    assert ada("unmerge", beau["id"], "--json").json["name"] == "Beau"
    assert ("Beau", "likes", "tea") in _relations(ada)


def test_what_could_not_be_done_is_reported(ada: Run) -> None:
    assert "no such relation is believed" in ada("unrelate", "Bo", "likes", "Acme").err
    unknown = ada("unrelate", "Bo", "works_at", "Acmee")
    assert (unknown.code, "did you mean Acme?" in unknown.err) == (4, True)
    assert "did you mean works_at?" in ada("relations", "--type", "wroks_at").err
    assert "Bo and bo are one entity" in ada("paths", "Bo", "bo").err
    ran = ada("diff", "2025-01", "2024-01")
    assert (ran.code, ran.err) == (
        2,
        "error: 2025-01 is after 2024-01: the earlier moment comes first\n",
    )


def test_what_was_merged_can_be_parted_by_what_is_shown(ada: Run) -> None:
    ran = ada("merge", "Bo", "Cleo")
    command = ran.err.splitlines()[-1].partition("graphmem ")[2].split()
    assert ada(*command).code == 0
    assert ada("entity", "Cleo").out.split()[-2:] != []
    assert {row["name"] for row in ada("entities", "--json").json} >= {"Bo", "Cleo"}


def test_a_fact_that_was_deleted_leads_to_its_history(ada: Run) -> None:
    (id, *_) = (item["id"] for item in ada("facts", "--json").json["items"])
    assert f"it is a fact: graphmem --user ada history {id}" in ada("undo", id).err
    assert ada("delete", id).code == 0
    ran = ada("get", id)
    assert (ran.code, f"believed no more: graphmem --user ada history {id}" in ran.err) == (4, True)
    change = ada("history", id, "--json").json[-1]["seq"]
    assert ada("undo", str(change)).out == "undone; what was so before is so again\n"
    assert ada("get", id).code == 0
    assert ada("get", "nope").err == "error: no fact 'nope' in this scope\n"
