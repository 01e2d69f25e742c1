"""Relation types on the command line."""

from __future__ import annotations

from tests.doors.cli.conftest import Run


def test_declared_listed_and_removed(ada: Run) -> None:
    for car, day in (("Fiat", "2020-01-01"), ("Saab", "2021-01-01")):
        assert ada("relate", "Bo", "drives", car, "--valid-at", day).code == 0
    ran = ada("declare-type", "drives", "--one")
    assert ran.code == 0
    assert "declared" in ran.out
    assert [r["object"] for r in ada("relations", "Bo", "--type", "drives", "--json").json] == [
        "Saab"
    ]
    found = ada("types", "--json").json
    assert [one["type"] for one in found][:2] == ["drives", "lives_in"]
    assert found[0]["at_a_time"] == "one"
    shown = ada("types").out
    assert "one, unless stated together" in shown
    assert "built in" in shown
    assert ada("declare-type", "driven_by", "--inverse-of", "drives", "--json").json["inverse"]
    assert "as drives, the other way round" in ada("types").out
    assert ada("declare-type", "steers", "--same-as", "drives").code == 0
    assert ada("declare-type", "drives", "--many", "--json").json["at_a_time"] == "many"
    assert ada("declare-type", "drives", "--json").json["because"] == "default"


def test_learned(ada: Run) -> None:
    assert ada("learn-types").out.strip() == "nothing new"
    assert ada("learn-types", "--json").json == []


def test_without_a_scope_and_wrong_calls(ada: Run, graphmem: Run) -> None:
    assert graphmem("types", "--json").json == ada("types", "--json").json
    assert graphmem("declare-type").code == 2
    assert "--user" in graphmem("declare-type", "drives", "--one", "--json").error["message"]
    wrong = graphmem("declare-type", "--all", "employs", "--one", "--json")
    assert wrong.code == 2
    assert "the other way round" in wrong.error["message"]
    assert graphmem("declare-type", "drives", "--one", "--same-as", "owns").code == 2
