"""Filters, contexts and explanations on the command line."""

from __future__ import annotations

import re

from tests.doors.cli.conftest import Run


def test_where_narrows_every_listing(ada: Run) -> None:
    ada("add", "Zed Kay works at Acme.", "--tag", "work", "--at", "2024-05-17")
    ada("add", "Zed Kay lives in Oslo.", "--at", "2025-02-01")
    for command in (("search", "Zed"), ("facts",), ("relations",), ("timeline",)):
        whole = ada(*command).out
        assert "Acme" in whole
        assert "Oslo" in whole
        found = ada(*command, "--where", "tag = work and occurred_at = 2024-05").out
        assert "Acme" in found
        assert "Oslo" not in found
    assert "Oslo" not in ada("neighbours", "Zed Kay", "--where", "tag = work").out
    assert "Acme" in ada("paths", "Zed Kay", "Acme", "--where", "type = works_at").out
    assert "Zed Kay" in ada("entities", "--where", "kind = person").out
    assert "Acme" not in ada("entities", "--where", "kind = person").out


def test_several_projects_are_read_together(ada: Run) -> None:
    for project, city in (("work", "Oslo"), ("home", "Rome"), ("secret", "Zyxville")):
        assert ada("--project", project, "add", f"Zed Kay lives in {city}.").code == 0
    both = ("--in-project", "work", "--in-project", "home")
    for command in (
        ("search", "Where does Zed live?"), ("context", "Where does Zed live?"), ("facts",),
        ("relations", "Zed Kay"), ("timeline",), ("entities",), ("neighbours", "Zed Kay"),
        ("cypher", "MATCH (f:Fact) RETURN f.text"), ("communities", "--min-size", "2", "--json"),
    ):  # fmt: skip
        found = ada(*command, *both)
        assert found.code == 0, found.err
        assert "Oslo" in found.out, command
        assert "Rome" in found.out, command
        assert "Zyxville" not in found.out, command
    assert "Rome" in ada("paths", "Zed Kay", "Rome", *both).out
    assert "one entity" not in ada("paths", "Zed Kay", "Zed Kay", *both).err
    assert ada("paths", "Zed Kay", "Zyxville", *both).code == 4


def test_what_is_archived_is_told_where_that_is_asked_for(ada: Run) -> None:
    ada("add", "Zed Kay lives in Oslo.")
    items = ada("facts", "--json").json["items"]
    (fact,) = (one for one in items if one["text"] == "Zed Kay lives in Oslo")
    assert ada("archive", fact["id"]).code == 0
    asked = ("context", "Where does Zed Kay live?")
    assert fact["id"] not in str(ada(*asked, "--json").json["citations"])
    told = ada(*asked, "--include-archived", "--json").json
    assert fact["id"] in str(told["citations"])
    stays = ada("promote", fact["id"])
    assert (stays.code, "archived all the same: graphmem restore-fact" in stays.err) == (0, True)
    assert ada("restore-fact", fact["id"]).code == 0
    assert fact["id"] in str(ada(*asked, "--json").json["citations"])


def test_a_wrong_filter_is_a_wrong_call(ada: Run) -> None:
    ada("add", "Bo Stone works at Acme.")
    refused = ada("facts", "--where", "tgas = work")
    assert refused.code == 2
    assert "did you mean tags?" in refused.err
    assert ada("facts", "--where", "about = Nobody").code == 4


def test_a_context_says_where_it_comes_from(ada: Run) -> None:
    ada("add", "Bo Stone works at Acme.")
    context = ada("context", "Where does Bo work?", "--budget", "100", "--sources")
    id = re.findall(r"\[1\] fact (\S+)", context.out + context.err)[0]
    answer = ada("context", "Where does Bo work?", "--budget", "100", "--json").json
    assert answer["citations"][0] == {"number": 1, "kind": "fact", "id": id}
    assert 0 < answer["tokens"] <= 100
    shown = ada("explain", id).out
    assert "Bo Stone works at Acme" in shown
    assert "ADD" in shown
    assert ada("explain", id, "--json").json["fact"]["id"] == id
