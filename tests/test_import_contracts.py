"""The import contracts name every package of a vendor, so that each has rooms of its own."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
MODULES = {
    "qdrant-edge-py": "qdrant_edge",
    "vl-convert-python": "vl_convert",
    "python-stdnum": "stdnum",
}
TESTING = {"hypothesis", "pytest", "pytest_asyncio"}  # of graphmem.testing, which ships tests
OPTIONAL = (
    *("bench", "client", "fastembed", "ladybug", "mcp", "neo4j", "pandas", "postgres", "pyarrow"),
    *("qdrant", "redaction", "server", "viz"),
)


def _contracted() -> set[str]:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    named = {name for one in contracts for name in one.get("forbidden_modules", ())}
    return {name for name in named if not name.startswith("graphmem")}


def _declared() -> set[str]:
    project = PROJECT["project"]
    texts = [*project["dependencies"]]
    texts += [text for extra in OPTIONAL for text in project["optional-dependencies"][extra]]
    names = {re.split(r"[\[<>=]", text)[0] for text in texts} - {"graphmem"}
    return {MODULES.get(name, name.replace("-", "_")) for name in names}


def _imported() -> set[str]:
    found = set()
    for path in (ROOT / "graphmem").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - {"graphmem", *sys.stdlib_module_names}


def test_every_dependency_has_a_contract() -> None:
    assert _declared() - _contracted() == set()


def test_every_package_that_is_imported_has_a_contract() -> None:
    assert _imported() - _contracted() - TESTING == set()
