"""One word for a thing: ``docs/glossary.md`` held against the names in the code."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import graphmem.model

ROOT = Path(__file__).parents[1]
GLOSSARY = ROOT / "docs" / "glossary.md"
SOURCES = sorted((ROOT / "graphmem").rglob("*.py"))
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")

# Words of no field, beside those that the glossary names with the word that took their place.
RETIRED = frozenset({"lay", "lift", "see", "anew", "tell", "tells", "unspoken"})
# Retired in one meaning only: `run_id` and pytest's `mark` are what everybody calls them.
ONE_MEANING = frozenset({"run", "runs", "mark", "marks", "asked", "wanted", "room", "selves"})
THEIRS = frozenset({"cell_len"})  # names of libraries
# A module's name says what is in it; these did not.
MODULES = frozenset(
    {"closing", "pasts", "unsure", "affairs", "bonds", "losses", "selves", "together", "room"}
)


def _rows() -> Iterator[list[str]]:
    for line in GLOSSARY.read_text().splitlines():
        if line.startswith("| ") and not line.startswith(("| word", "|---")):
            yield [part.strip() for part in line.strip("|").split("|")]


def _retired() -> frozenset[str]:
    named = {word for row in _rows() for word in row[3].split(", ") if word}
    return (RETIRED | named | {f"{word}s" for word in named}) - ONE_MEANING


def _identifiers(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                yield name
            case ast.AsyncFunctionDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.rsplit(".", 1)[-1]
            case ast.keyword(arg=str(name)):
                yield name


def _words(identifier: str) -> set[str]:
    return {word.lower() for word in _WORD.findall(identifier.replace("_", " "))}


def _public(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        names: list[str] = []
        match node:
            case ast.ClassDef(name=name) | ast.FunctionDef(name=name):
                names = [name]
            case ast.AsyncFunctionDef(name=name):
                names = [name]
            case ast.Assign(targets=targets):
                names = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names = [name]
        yield from (name for name in names if not name.startswith("_"))


def test_no_identifier_holds_a_retired_word() -> None:
    retired = _retired()
    assert {"wall", "cell", "lens", "claim", "standing", "told", "doubt"} <= retired
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        for name in _identifiers(ast.parse(path.read_text()))
        if _words(name) & retired and name not in THEIRS
    }
    assert not found, sorted(found)


def test_no_module_is_named_by_a_retired_word() -> None:
    retired = _retired() | MODULES
    found = [path for path in SOURCES if _words(path.stem) & retired]
    assert not found


def test_no_public_name_stands_in_two_modules() -> None:
    places = defaultdict(set)
    for path in SOURCES:
        for name in _public(ast.parse(path.read_text())):
            places[name].add(str(path.relative_to(ROOT)))
    twice = {name: sorted(where) for name, where in places.items() if len(where) > 1}
    assert not twice


def test_the_glossary_names_what_is_there() -> None:
    code = " ".join(path.read_text() for path in SOURCES)
    names = [name for row in _rows() for name in re.findall(r"`(\w+)`", row[2])]
    assert len(names) > 50
    missing = [name for name in names if not re.search(rf"\b{name}\b", code)]
    assert not missing


def test_every_public_value_is_in_the_glossary() -> None:
    names = {name for row in _rows() for name in re.findall(r"`(\w+)`", row[2])}
    assert not set(graphmem.model.__all__) - names
