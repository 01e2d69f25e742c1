"""Every command, on a store that the rules filled: what it prints, and its JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphmem.doors.cli import cli
from graphmem.doors.cli.search import _reasons
from graphmem.model import Hit, SignalScore
from graphmem.ports.api import MemoryAPI
from tests.doors.cli.conftest import Run


def facts(ada: Run) -> dict[str, str]:
    """Every fact: text to id."""
    items = ada("facts", "--all", "--json").json["items"]
    return {item["text"]: item["id"] for item in items}


def first_fact(ada: Run, word: str) -> str:
    return next(id for text, id in facts(ada).items() if word in text)


def test_every_method_of_the_api_has_a_command() -> None:
    other = {
        "add_many": "ingest",
        "add_document": "ingest",
        "relate_many": "ingest",
        "temporal_search": "search",  # each is an option of it, --where
        "search_by_tags": "search",
        "search_by_people": "search",
        "get_user_stats": "stats",
        "get_all": "facts",
        "relation_types": "types",
        "to_networkx": "graph",
        "import_": "import",
        "flush": "resume",  # a command leaves no work in the background
        "known_keys": None,  # ingest asks for them
        "as_of": None,  # options of whatever reads
        "close": None,
    }
    methods = [name for name in dir(MemoryAPI) if not name.startswith("_")]
    names = [other.get(name, name.replace("_", "-")) for name in methods]
    assert {name for name in names if name} <= set(cli.commands)


def test_add_says_what_it_found(graphmem: Run) -> None:
    ran = graphmem("add", "--user", "ada", "Anna works at Acme.")
    assert ran.code == 0
    assert "remembered as episode" in ran.out
    assert "ADD" in ran.out
    assert "Anna works at Acme" in ran.out
    nothing = graphmem("add", "--user", "ada", "Hm, well.")
    assert "no facts were found in it" in nothing.err


def test_add_joins_words_takes_options_and_gives_json(graphmem: Run) -> None:
    ran = graphmem(
        *("add", "Bo", "likes", "tea", "--user", "ada", "--json", "--no-infer", "--at"),
        *("2024-03-01", "--tag", "drink", "--meta", "n=3", "--meta", "s=a=b"),
    )
    (decision,) = ran.json["decisions"]
    assert ran.json["status"] == "done"
    assert decision["after"]["text"] == "Bo likes tea"
    assert decision["after"]["tags"] == ["drink"]
    assert decision["after"]["metadata"] == {"n": 3, "s": "a=b"}


def test_the_same_again_changes_nothing(ada: Run) -> None:
    ran = ada("add", "Bo moved to Rome.", "--at", "2025-06-01")
    assert ran.code == 0
    assert "already remembered" in ran.out


def test_shared_options_stand_before_or_after_and_the_nearer_wins(ada: Run, graphmem: Run) -> None:
    assert graphmem("stats", "--user", "ada", "--json").json["episodes"] == 2
    assert graphmem("--json", "--user", "ada", "stats").json["episodes"] == 2
    assert graphmem("--user", "x", "stats", "--user", "ada", "--json").json["episodes"] == 2


def test_the_environment_counts_less_than_the_line(
    ada: Run, graphmem: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHMEM_USER", "nobody")
    assert graphmem("stats", "--json").json["episodes"] == 0
    assert graphmem("--user", "ada", "stats", "--json").json["episodes"] == 2
    assert graphmem("stats", "--user", "ada", "--json").json["episodes"] == 2


def test_search(ada: Run) -> None:
    ran = ada("search", "Where does Bo work?", "--explain", "--ids")
    assert ran.code == 0
    assert "Bo works at Acme" in ran.out
    assert "about: Bo" in ran.out
    why = " ".join(ran.out.split())
    assert "+ This fact is the relation that the question asks for, of whom it asks." in why
    assert "rank 1" not in why
    numbers = ada("search", "Where does Bo work?", "--explain", "--all").out
    assert "relation +" in numbers
    assert "rank 1" in numbers
    found = ada("search", "Where does Bo work?", "--limit", "2", "--json").json
    assert [hit["rank"] for hit in found["hits"]] == [1, 2]
    assert found["hits"][0]["signals"]
    only = ada("search", "Where does Bo work?", "--kinds", "fact", "--json").json
    assert {hit["kind"] for hit in only["hits"]} == {"fact"}


def test_why_a_hit_ranks_there_is_told_in_three_lines() -> None:
    signals = tuple(
        SignalScore(name, 1, 1.0, share)
        for name, share in (("words", 0.1), ("dense", 0.2), ("outdated", -0.3), ("reranker", 0.15))
    )
    hit = Hit("turn", "1", "I live in Paris.", 0.15, 1, signals)
    against, dense, reranker = _reasons(hit)
    assert against == "- This turn says what has ended."
    assert dense == "+ Its vector is near that of the question."
    assert reranker.startswith("+ The reranker")
    assert _reasons(replace(hit, path="Ada → Paris")) == [against, dense, "path: Ada → Paris"]
    assert _reasons(replace(hit, signals=())) == []


def test_relations_current_and_all(ada: Run) -> None:
    now = ada("relations", "Bo", "--type", "lives_in", "--json").json
    ever = ada("relations", "Bo", "--type", "lives_in", "--all", "--json").json
    assert [r["object"] for r in now] == ["Rome"]
    assert sorted(r["object"] for r in ever) == ["Paris", "Rome"]
    assert "lives_in" in ada("relations", "Bo", "--ids").out
    assert [r["type"] for r in ada("relations", "--other", "Acme", "--json").json] == ["works_at"]


def test_entities_and_entity(ada: Run) -> None:
    assert "Acme" in ada("entities").out
    assert [e["name"] for e in ada("entities", "acm", "--json").json] == ["Acme"]
    assert {e["kind"] for e in ada("entities", "--kind", "person", "--json").json} == {"person"}
    assert ada("entity", "bo", "--json").json["name"] == "Bo"
    assert "Bo" in ada("entity", "Bo").out


def test_neighbours_and_paths(ada: Run) -> None:
    around = ada("neighbours", "Cleo", "--hops", "2", "--json").json
    assert {"Cleo", "Bo", "Acme"} <= {e["name"] for e in around["entities"]}
    assert "Acme" in ada("neighbours", "Bo").out
    (way,) = ada("paths", "Cleo", "Acme", "--limit", "1", "--json").json
    assert way["text"].startswith("Cleo")
    assert len(way["steps"]) == 2
    assert way["text"] in ada("paths", "Cleo", "Acme").out


def test_timeline(ada: Run) -> None:
    ran = ada("timeline", "Bo", "--ids")
    assert "ended" in ran.out
    later = ada("timeline", "Bo", "--since", "2025-01-01", "--json").json
    assert {moment["what"] for moment in later} == {"began", "ended"}
    assert ada("timeline", "--until", "1999-01-01").err.strip() == "nothing in this time"


def test_cypher_as_table_csv_and_json(ada: Run, tmp_path: Path) -> None:
    query = "MATCH (e:Entity) WHERE e.name = $name RETURN e.name AS name, e.kind AS kind"
    table = ada("cypher", query, "--param", "name=Bo")
    assert "person" in table.out
    assert "1 row" in table.err
    rows = list(csv.reader(io.StringIO(ada("cypher", query, "--param", "name=Bo", "--csv").out)))
    assert rows == [["name", "kind"], ["Bo", "person"]]
    (tmp_path / "q.cypher").write_text(query)
    found = ada("cypher", "--file", "q.cypher", "--param", "name=Bo", "--json").json
    assert found == {"columns": ["name", "kind"], "rows": [["Bo", "person"]], "truncated": False}
    null = ada("cypher", "MATCH (e:Entity) RETURN e.name AS name, NULL AS nothing")
    assert null.out.split("\n")[0].split() == ["name", "nothing"]
    cut = ada("cypher", "MATCH (e:Entity) RETURN e.name", "--max-rows", "1")
    assert "cut off after 1 rows" in cut.err


def test_get_update_history_and_delete(ada: Run) -> None:
    id = first_fact(ada, "Acme")
    assert "Acme" in ada("get", id).out
    ran = ada("update", id, "Bo works at Zenith.", "--valid-at", "2024-02-01", "--tag", "job")
    assert ran.out.startswith(f"version 2 of {id}: Bo works at Zenith.")
    assert ada("get", id, "--json").json["tags"] == ["job"]
    history = ada("history", id)
    assert "→" in history.out
    assert "2 changes" in history.err
    assert len(ada("history", id, "--json").json) == 2
    deleted = ada("delete", id)
    assert deleted.out.startswith("removed 0 episodes, 1 fact")
    assert "1 passage that states it is found no more (--keep-turn leaves it)" in deleted.err
    assert "found no more" not in ada("delete", first_fact(ada, "Rome"), "--keep-turn").err
    gone = ada("get", id)
    assert gone.code == 4
    assert gone.err.startswith("error: ")


def test_facts_by_the_page(ada: Run) -> None:
    first = ada("facts", "--limit", "1")
    after = first.err.split()[-1]
    one = ada("facts", "--limit", "1", "--json").json
    two = ada("facts", "--limit", "1", "--after", after, "--json").json
    assert one["next"] == after
    assert one["items"][0]["id"] != two["items"][0]["id"]


def test_episode(ada: Run) -> None:
    id = ada("search", "Rome", "--kinds", "turn", "--json").json["hits"][0]["episode_id"]
    assert "Bo moved to Rome." in ada("episode", id).out
    assert ada("episode", id, "--json").json["turns"][0]["text"] == "Bo moved to Rome."


def test_context_resume_stats_health_verify_rebuild(ada: Run) -> None:
    assert "Acme" in ada("context", "Where does Bo work?").out
    assert "Acme" in ada("context", "Where does Bo work?", "--json").json["context"]
    assert "0 episodes done, 0 still pending" in ada("resume").out
    assert ada("resume", "--json").json == []
    assert "episodes" in ada("stats").out
    assert "ledger" in ada("health").out
    assert ada("health", "--json").json["ok"] is True
    assert "no difference" in ada("verify").out
    assert ada("verify", "--part-of", "7", "--json").json["part"] is None
    assert "no difference in part 1 of 7" in ada("verify", "--part-of", "7").out
    before = ada("verify", "--json").json
    assert before["ok"] is True
    rebuilt = ada("rebuild", "--json")
    assert rebuilt.json == before
    assert "no difference" in ada("rebuild").out


def test_delete_all_wants_a_yes(ada: Run) -> None:
    refused = ada("delete-all")
    assert refused.code == 2
    assert "erase all of user ada for good; say --yes" in refused.err
    assert ada("stats", "--json").json["episodes"] == 2
    assert ada("delete-all", "--yes").out.startswith("removed 2 episodes")
    assert ada("stats", "--json").json["episodes"] == 0


def test_delete_all_of_what_is_old(ada: Run) -> None:
    assert "would remove 0 episodes" in ada("delete-all", "--older-than", "1d", "--dry-run").out
    assert "would remove 2 episodes" in ada("delete-all", "--older-than", "0m", "--dry-run").out
    assert (
        "that is older than 1d for good; say --yes" in ada("delete-all", "--older-than", "1d").err
    )
    for wrong in ("soon", "1z", "-1d", "1", "9999999d"):
        assert "--older-than is a number" in ada("delete-all", f"--older-than={wrong}").err
    assert ada("stats", "--json").json["episodes"] == 2
    assert "removed 0 episodes" in ada("delete-all", "--older-than", "1d", "--yes").out
    assert "removed 2 episodes" in ada("delete-all", "--older-than", "0m", "--yes").out


def test_forget_counts_asks_and_leaves_a_receipt(ada: Run) -> None:
    assert "2 episodes" in ada("forget", "--dry-run").out
    refused = ada("forget")
    assert refused.code == 2
    assert "erase all 2 episodes of user 'ada' for good; say --yes" in refused.err
    assert ada("stats", "--json").json["episodes"] == 2
    receipt = ada("forget", "--yes", "--json").json
    assert (receipt["pending"], receipt["rows"]["episodes"]) == ({}, 2)
    assert receipt["id"] in ada("erasures", receipt["id"]).out
    assert "nothing is stored of a user 'ada'" in ada("forget", "--yes").err


@pytest.mark.parametrize("name", ["g.html", "sub/g.svg", "g.png"])
def test_graph_is_drawn_into_a_file(ada: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    ran = ada("graph", "Bo", "--out", name)
    assert ran.code == 0
    assert ran.out.startswith(f"{name}: ")
    assert (tmp_path / name).stat().st_size > 1000
    assert [p.name for p in (tmp_path / name).parent.glob(".*")] == []
    whole = ada("graph", "--out", name, "--limit", "2", "--json").json
    assert whole["file"] == name
    assert whole["entities"] == 2
    assert whole["left_out"] > 0


def test_graph_of_nothing_and_of_an_unknown_kind(graphmem: Run, ada: Run, tmp_path: Path) -> None:
    empty = graphmem("--user", "nobody", "graph")
    assert empty.code == 2
    assert empty.err == (
        "nothing is stored for user 'nobody' yet (is the name right?)\n"
        "error: nothing to draw: there are no entities in this scope yet\n"
    )
    other = ada("graph", "--out", "g.gif")
    assert other.code == 2
    assert "must end in one of .html, .svg, .png" in other.err
    assert list(tmp_path.glob("g*.gif")) == []


def test_ingest_and_again(graphmem: Run, tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"user_id": "conv-1", "id": "s1", "messages": [{"name": "Bo", "content": "I like tea."}]},
        {"user_id": "conv-1", "id": "s2", "messages": [{"name": "Bo", "content": "I like jam."}]},
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "sub").mkdir()
    ran = graphmem("ingest", "c.jsonl", "--at", "2024-01-01")
    assert ran.code == 0
    assert "2 episodes from 1 file: 2 new, 0 already known" in ran.out
    assert 'graphmem --user conv-1 search "…"' in ran.out
    assert "2/2" in ran.err
    again = graphmem("ingest", "c.jsonl", "--at", "2024-01-01", "--json").json
    assert (again["new"], again["already_known"], again["users"]) == (0, 2, ["conv-1"])


def test_ingesting_a_folder_leaves_out_what_it_cannot_read(graphmem: Run, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "2024-01-01 a.md").write_text("Bo works at Acme.")
    (folder / "odd.json").write_text('{"email": "x"}')
    ran = graphmem("ingest", "--user", "ada", "notes")
    assert ran.code == 0
    assert "left out: " in ran.err
    assert "1 episode from 1 file: 1 new" in ran.out


def test_what_the_engine_refuses_is_named_by_its_file(graphmem: Run, tmp_path: Path) -> None:
    lines = ['{"content": "fine", "session": "a"}', '{"content": "x", "session": "b", "tags": 3}']
    (tmp_path / "c.jsonl").write_text("\n".join(lines))
    ran = graphmem("ingest", "c.jsonl", "--user", "ada")
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith("error: c.jsonl, b: ")
    nobody = graphmem("ingest", "c.jsonl")
    assert nobody.code == 2
    assert "export GRAPHMEM_USER=ID" in nobody.err


def test_bad_input_is_found_before_anything_is_stored(graphmem: Run, tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_text('{"content": "fine", "user_id": "ada"}\n{"content": \n')
    ran = graphmem("ingest", "c.jsonl")
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith("error: c.jsonl, line 2: not JSON: ")
    assert [path.name for path in tmp_path.iterdir()] == ["c.jsonl"]
