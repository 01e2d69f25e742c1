"""``graphmem cypher``: named queries, parameters, formats, pipes, and the administrator."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graphmem.adapters.graph.cypher_files import statements
from graphmem.doors.cli.cypher import print_result
from graphmem.doors.cli.tour import values
from graphmem.errors import UsageError
from graphmem.model import Table
from tests.doors.cli.conftest import Run, child

NAMES = "MATCH (e:Entity) RETURN e.name AS name ORDER BY name"


def test_the_tour_is_listed(graphmem: Run) -> None:
    listed = graphmem("cypher", "--queries")
    assert listed.code == 0
    for name in statements("inspect.cypher"):
        assert name in listed.out
    as_json = graphmem("cypher", "--queries", "--json").json
    assert {"name", "answers", "parameters"} == set(as_json[0])
    assert any(row["parameters"] == "since=7 days ago" for row in as_json)


def test_a_named_query_takes_times_as_people_write_them(ada: Run) -> None:
    then = ada("cypher", "--name", "state_at", "--param", "at=2024-06-01", "--format", "csv")
    assert "Bo,lives_in,Paris" in then.out
    now = ada("cypher", "--name", "state_at", "--csv")
    assert "Bo,lives_in,Rome" in now.out
    assert "Paris" not in now.out
    for given in ("at=1 day ago", "at=now"):
        assert "Rome" in ada("cypher", "--name", "state_at", "--param", given).out
    assert "'soon' is not a date" in ada("cypher", "--name", "state_at", "--param", "at=soon").err


def test_a_named_query_says_what_it_needs(ada: Run) -> None:
    ran = ada("cypher", "--name", "in_common", "--param", "one=Bo")
    assert (ran.code, ran.out) == (2, "")
    assert "in_common needs other=… (the name of the second)" in ran.err
    assert "one=…" not in ran.err
    wrong = ada("cypher", "--name", "who_is", "--param", "name=Bo", "--param", "x=1")
    assert "does not use the parameter $x" in wrong.err
    near = ada("cypher", "--name", "who_are")
    assert (near.code, "did you mean " in near.err) == (2, True)
    assert "there are: overview, " in ada("cypher", "--name", "zzz").err


def test_a_name_that_looks_like_a_number_stays_text(ada: Run) -> None:
    assert ada("cypher", "--name", "who_is", "--param", "name=007").code == 0


def test_a_file_with_named_queries(ada: Run, tmp_path: Path) -> None:
    mine = tmp_path / "mine.cypher"
    mine.write_text(f"// name: all\n// All of them.\n{NAMES}\n\n// name: one\n// One.\nRETURN 1\n")
    assert "Bo" in ada("cypher", "--file", str(mine), "--name", "all").out
    assert "there are: all, one" in ada("cypher", "--file", str(mine), "--name", "zzz").err
    mine.write_text("// name: all\n// A.\nRETURN 1\n// name: all\n// B.\nRETURN 2\n")
    assert "used twice" in ada("cypher", "--file", str(mine), "--name", "all").err
    assert "--file missing" in ada("cypher", "--file", "missing").err


def test_parameters_as_json(ada: Run) -> None:
    query = "MATCH (e:Entity) WHERE e.name IN $names AND e.name <> $without RETURN e.name AS n"
    given = json.dumps({"names": ["Bo", "Cleo"], "without": "x"})
    both = ada("cypher", query, "--params", given, "--param", "without=Bo", "--csv")
    assert both.out == "n\nCleo\n"
    for wrong, why in (("{", "not JSON"), ("[1]", "JSON object"), ('{"x": 1}', "no value")):
        assert why in ada("cypher", query, "--params", wrong).err
    assert "is not key=value" in ada("cypher", query, "--param", "names").err


def test_formats(ada: Run) -> None:
    query = (
        "UNWIND ['a,b', 'say \"hi\"', 'two\nlines'] AS text RETURN text, NULL AS nothing, [1] AS l"
    )
    rows = list(csv.reader(io.StringIO(ada("cypher", query, "--format", "csv").out)))
    assert rows == [
        ["text", "nothing", "l"],
        ["a,b", "", "[1]"],
        ['say "hi"', "", "[1]"],
        ["two\nlines", "", "[1]"],
    ]
    objects = ada("cypher", query, "--format", "json").json
    assert objects[2] == {"text": "two\nlines", "nothing": None, "l": [1]}
    assert "columns" in ada("cypher", query, "--json").json
    empty = ada("cypher", "MATCH (e:Entity {name: 'none'}) RETURN e", "--format", "json")
    assert (empty.json, empty.code) == ([], 0)
    for pair in (
        ("--csv", "--json"),
        ("--format", "json", "--json"),
        ("--csv", "--format", "json"),
    ):
        assert "not both" in ada("cypher", query, *pair).err
    assert "Invalid value for '--format'" in ada("cypher", query, "--format", "xml").err


def test_what_is_cut_is_reported_on_standard_error(ada: Run) -> None:
    ran = ada("cypher", NAMES, "--max-rows", "2", "--csv")
    assert len(ran.out.splitlines()) == 3
    assert "cut off after 2 rows" in ran.err
    assert ada("cypher", NAMES, "--timeout", "0").code == 2


def test_errors_have_exit_codes_and_go_to_standard_error(ada: Run) -> None:
    for query in ("MATCH (e) SET e.name = 'x'", "MATCH (e", "CALL db.labels()", "RETURN 1 / 0"):
        ran = ada("cypher", query)
        assert (ran.code, ran.out) == (2, "")
        assert ran.err.startswith("error: ")
        assert ada("cypher", query, "--json").error["type"] == "UsageError"
    misspelt = ada("cypher", "MATCH (n:Entity) RETURN n.nam")
    assert "Entity has id, name, kind, aliases, summary, recorded_at; Fact has id" in misspelt.err
    assert ada("cypher", NAMES, "--name", "who_is").err.startswith("error: a query or --name")


def test_an_administrator_reads_every_scope(graphmem: Run, ada: Run) -> None:
    assert graphmem("--user", "eve", "add", "Zoe lives in Rome.").code == 0
    query = "MATCH (e:Entity {name: 'Zoe'}) RETURN e.scope AS scope"
    assert ada("cypher", query, "--csv").out == "scope\n"
    all_of_them = graphmem("cypher", query, "--all-scopes", "--csv")
    # Users whom this process has not met go by their pseudonyms.
    assert re.fullmatch(r"scope\ndefault/user:[0-9a-f]{32}\n", all_of_them.out)
    assert "as administrator" in all_of_them.err
    assert ada("cypher", query, "--all-scopes", "--csv").out == all_of_them.out
    assert graphmem("cypher", "MATCH (e) DELETE e", "--all-scopes").code == 2


def test_a_reader_that_has_seen_enough(ada: Run) -> None:
    many = "UNWIND [1,2,3,4,5,6,7,8,9] AS a UNWIND [1,2,3,4,5,6,7,8,9] AS b RETURN a, b"
    asked = [sys.executable, "-m", "graphmem.doors.cli", "--user", "ada", "cypher", "--csv"]
    with subprocess.Popen(
        asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdin is not None
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        running.stdin.write(many.encode())
        running.stdin.close()
        assert b"Traceback" not in running.stderr.read()
    assert running.returncode in (0, 141)
    piped = child("--user", "ada", "cypher", "--format", "csv", input=NAMES)
    assert piped.stdout.splitlines()[:2] == ["name", "Acme"]


def test_defaults_count_from_the_moment_given() -> None:
    query = statements("inspect.cypher")["changed_since"]
    now = datetime(2026, 3, 8, tzinfo=UTC)
    assert values(query, {}, now=now) == {"since": "2026-03-01T00:00:00.000000Z"}
    with pytest.raises(UsageError, match="before the calendar begins"):
        values(query, {"since": "9999999 days ago"}, now=now)


def test_a_table_without_rows_has_no_cells(ada: Run) -> None:
    ran = ada("cypher", "MATCH (e:Entity {name: 'none'}) RETURN e.name")
    assert (ran.out, "0 rows" in ran.err) == ("", True)
    assert Table(("a",), ()).rows == ()


def test_a_terminal_is_shown_what_would_steer_it(
    ada: Run, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said = "Bo \x1b]0;mine\x07 sings."
    assert ada("add", said, "--no-infer").code == 0
    query = "MATCH (f:Fact) WHERE f.text CONTAINS 'sings' RETURN f.text"
    assert said in ada("cypher", query, "--csv").out
    result = Table(("text",), ((said,),))
    for terminal, seen in ((False, said), (True, r"Bo \x1b]0;mine\x07 sings.")):
        monkeypatch.setattr(sys.stdout, "isatty", lambda it=terminal: it)
        print_result(result, "csv")
        assert capfd.readouterr().out == f"text\n{seen}\n"
