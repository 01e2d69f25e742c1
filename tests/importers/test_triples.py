"""Relations as rows: CSV, TSV and JSON Lines, with named columns; bad rows are named by line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphmem.errors import UsageError
from graphmem.importers import FileReader, Item, Unreadable, detect, walk

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(text: str, name: str = "rows.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return put


def _rows(path: Path, format: str | None = None, at: Any = None) -> list[Item]:
    return list(FileReader(path, format, at))


def _ends(items: list[Item]) -> list[tuple[str, str, str]]:
    return [(item["subject"], item["type"], item["object"]) for item in items]


ADA = [("Ada", "works_at", "Acme, Inc.")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", 'subject,type,object\nAda,works_at,"Acme, Inc."\n'),
        ("b.csv", '\ufeffObject;Predicate;Subject\r\n"Acme, Inc.";works_at;Ada\r\n'),
        ("c.tsv", "source\trelation\ttarget\nAda\tworks_at\tAcme, Inc.\n\n\n"),
        ("d.csv", 'from,edge,to\nAda,works_at,"Acme, Inc."'),
        ("e.jsonl", '{"head": "Ada", "relation": "works_at", "tail": "Acme, Inc."}\n'),
        ("f.jsonl", '[{"subject": "Ada", "type": "works_at", "object": "Acme, Inc."}]'),
    ],
)
def test_every_shape(write: Write, name: str, text: str) -> None:
    path = write(text, name)
    assert detect(path) == "triples"
    assert _ends(_rows(path)) == ADA


def test_all_columns(write: Write) -> None:
    path = write(
        "subject,type,object,since,until,said_at,modality,sentence,tags,importance,Weight Kg\n"
        'Ada,works_at,Acme,2020-01-01,2021-01-01,1700000000,stated,"Ada works\nat Acme.",x,0.5,70\n'
        "Bob,likes,tea,,,,,,,,\n"
    )
    full, bare = _rows(path)
    assert full["fact"] == "Ada works\nat Acme."
    assert [str(full[name])[:10] for name in ("valid_at", "invalid_at", "occurred_at")] == [
        "2020-01-01", "2021-01-01", "2023-11-14",
    ]  # fmt: skip
    assert full["metadata"] == {"source": "rows.csv", "format": "triples", "weight_kg": "70"}
    assert set(bare) == {"subject", "type", "object", "metadata", "idempotency_key"}


def test_without_a_header_when_the_format_is_named(write: Write) -> None:
    path = write("Ada,works_at,Acme\nBob,works_at,Acme,2020-01-01\n")
    with pytest.raises(Unreadable, match="cannot tell its format"):
        detect(path)
    first, second = _rows(path, "triples")
    assert (first["subject"], "valid_at" in first) == ("Ada", False)
    assert str(second["valid_at"])[:10] == "2020-01-01"
    with pytest.raises(UsageError, match="line 1: new-line character"):
        _rows(write("Ada\r,likes,tea\n"), "triples")


def test_a_key_identifies_a_row(write: Write) -> None:
    text = "subject,type,object\nAda,likes,tea\nAda,likes,rum\n"
    one = [item["idempotency_key"] for item in _rows(write(text))]
    assert len(set(one)) == 2
    assert one == [item["idempotency_key"] for item in _rows(write(text, "copy.csv"))]
    (first,) = _rows(write("subject,type,object,date\na,b,c,2020-01-01"))
    dated = FileReader(write(text), None, first["occurred_at"])
    assert {item["idempotency_key"] for item in dated}.isdisjoint(one)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject,type,object\nAda,likes\n", r"rows\.csv, line 2: no object"),
        ("subject,type,object\nAda,likes,tea,rum\n", r"line 2: 4 cells, and 3 columns"),
        ('subject,type,object\nAda,"likes\nmuch",tea\nBob,,tea\n', r"line 4: no type"),
        ("subject,type,object,since\nAda,likes,tea,soon\n", r"line 2: valid_at: 'soon'"),
        ("subject,type,object,since,until\na,b,c,2020-01-01,2019-01-01\n", r"line 2: .*before"),
        ("subject,type,object,modality\nAda,likes,tea,maybe\n", r"line 2: modality 'maybe'"),
        ("subject,type,object\nAda,!!,tea\n", r"line 2: type '!!'"),
        ("subject,source,type,object\nAda,Ada,likes,tea\n", r"line 1: two columns mean subject"),
        ('subject,type,object\nAda,likes,"tea\n', r"line 2: unexpected end"),
        (
            "subject,type,object\nAda,likes,t\rea\n",
            r"line 2: new-line character seen in unquoted field$",
        ),
    ],
)
def test_a_bad_row_is_named_by_its_line(write: Write, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _rows(write(text))


def test_a_bad_line_of_json(write: Write) -> None:
    good = '{"subject": "Ada", "type": "likes", "object": "tea"}\n'
    with pytest.raises(UsageError, match=r"r\.jsonl, line 2: no object"):
        _rows(write(good + '{"subject": "Ada", "type": "likes"}\n', "r.jsonl"))
    with pytest.raises(UsageError, match=r"line 1: metadata must be an object"):
        _rows(write(good.replace("}", ', "metadata": 1}'), "r.jsonl"))


def test_tables_of_other_things_are_left_alone(write: Write, tmp_path: Path) -> None:
    write("name,age\nAda,36\n", "people.csv")
    write("subject,type,object\nAda,likes,tea\n", "relations.csv")
    found = [path.name for path, _ in walk([tmp_path])]
    assert found == ["people.csv", "relations.csv"]
    with pytest.raises(Unreadable):
        detect(tmp_path / "people.csv")


def test_every_option_of_a_relation_has_a_column() -> None:
    from graphmem.importers import triples
    from graphmem.ingest.given_relations import RELATION_OPTIONS

    # In whose name a file is read is not the file's to say.
    assert RELATION_OPTIONS - {"actor"} == triples._OPTIONS


def test_nothing_in_it(write: Write) -> None:
    assert _rows(write("subject,type,object\n")) == []
    assert _rows(write(""), "triples") == []
