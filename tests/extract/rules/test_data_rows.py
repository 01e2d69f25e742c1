"""The rows of the rules' data fit the reader, and a row that does not is refused by its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graphmem.extract.rules import attributes, data, relation_rows, rewording, word_lists
from graphmem.extract.rules.data import read_rows
from graphmem.extract.rules.object_slots import Slots
from graphmem.extract.rules.relation_rows import PAIR_RULES, RELATION_RULES, RelationRule

FOLDER = Path(data.__file__).parent


def test_every_pattern_can_be_compiled_tried_and_filled() -> None:
    for rule in (*RELATION_RULES, *PAIR_RULES):
        assert rule.regex.pattern, rule
        assert hasattr(Slots, f"_{rule.slot}"), rule
        assert "{s}" in rule.says, rule
    assert [rule for rule in RELATION_RULES if not rule.cues.split()] == []
    for row in attributes._ROWS:
        assert re.compile(row.called)
        assert re.compile(attributes._FORMS.get(row.value, row.value))


def test_every_data_file_is_read() -> None:
    relations = {path.stem for path in (FOLDER / "relations").glob("*.toml")}
    assert relations == {*relation_rows._FILES, "pairs"}
    assert {path.stem for path in (FOLDER / "words").glob("*.toml")} == {*word_lists._FILES}


def test_every_word_list_is_used_and_none_has_a_name_twice() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in FOLDER.parent.rglob("*.py"))
    lists = [name for file in word_lists._FILES for name in data.read_rule_data(f"words/{file}")]
    assert len(lists) == len(set(lists))
    assert [name for name in lists if f'"{name}"' not in sources] == []


def test_word_lists_are_in_lower_case() -> None:
    for name, words in word_lists._DATA.items():
        assert isinstance(words, dict) or words == words.lower(), name


ROW = {"type": "knows", "pattern": "~knows", "slot": "person", "says": "{s} knows {o}"}


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"colour": "red"}, "row 1 of [[relation]] (knows): unknown key 'colour'"),
        ({"slot": "planet"}, "slot is 'planet'; it must be place, org, person"),
        ({"weight": "high"}, "weight is 'high'; it must be a float"),
        ({"weight": 1}, "weight is 1; it must be a float"),
    ],
)
def test_a_row_that_does_not_fit_is_named(
    monkeypatch: pytest.MonkeyPatch, row: dict[str, object], problem: str
) -> None:
    monkeypatch.setattr(data, "read_rule_data", lambda _: {"relation": [ROW | row]})
    with pytest.raises(ValueError, match=re.escape(problem)):
        list(data.read_rows("relations/people", "relation", RelationRule))


def test_a_row_without_what_it_needs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "read_rule_data", lambda _: {"relation": [{"type": "knows"}]})
    with pytest.raises(ValueError, match=r"people.toml, row 1 of \[\[relation\]\].*'says'"):
        list(data.read_rows("relations/people", "relation", RelationRule))


def test_a_pattern_that_is_no_regular_expression_is_named() -> None:
    with pytest.raises(ValueError, match=r"pattern of knows: '~knows\('"):
        _ = RelationRule("knows", "{s} knows {o}", pattern="~knows(").regex


def test_a_row_with_verbs_is_one_for_each() -> None:
    rules = {rule.says: rule for rule in RELATION_RULES if rule.type == "did"}
    assert rules["{s} painted {o}"].pattern == "(?:<have>)?~painted"
    assert rules["{s} set up {o}"].cues == "set up"


def test_a_file_that_is_no_toml_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.toml").write_text("a = = 1", encoding="utf-8")
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    with pytest.raises(ValueError, match=r"broken\.toml is not TOML"):
        data.read_rule_data("broken")


def test_every_rewording_can_be_looked_for() -> None:
    """They are compiled when they are first met: here all of them."""
    assert all(row.regex.pattern for row in read_rows("rewordings", "rewording", rewording._Row))
