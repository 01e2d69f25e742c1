"""The statements of ``cypher/``: every query that the graph adapters run is named there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from graphmem.adapters.named_statements import NamedStatement, parse_statements

_PARAMETER = re.compile(
    r"\$(?P<name>\w+): (?P<kind>text|time)(?: = (?P<default>[^.]+))?\. (?P<meaning>.+)"
)
_HERE = Path(__file__).resolve()


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a statement must be given: ``kind`` is ``text`` or ``time``, ``default`` is what holds
    when it is not (``7 days ago``), None when there is nothing to suppose."""

    name: str
    kind: str
    default: str | None
    meaning: str


@dataclass(frozen=True, slots=True)
class CypherStatement:
    """One named statement: what it is for, what it takes, and its text without the comment."""

    name: str
    description: str
    text: str
    parameters: tuple[Parameter, ...] = ()


@cache
def statements(file: str) -> Mapping[str, CypherStatement]:
    """The statements of one file, for example ``read.cypher``, by name, in the file's order.

    Read from ``graphmem/cypher`` in an installed package, from ``cypher`` in a source checkout.
    """
    inside, beside = (_HERE.parents[up] / "cypher" / file for up in (2, 3))
    source = (inside if inside.is_file() else beside).read_text(encoding="utf-8")
    return named_statements(source, file)


def statement_text(file: str, name: str) -> str:
    """The text of one statement of a file."""
    return statements(file)[name].text


def named_statements(source: str, file: str) -> Mapping[str, CypherStatement]:
    """The statements of a text. Each begins with ``// name: x``; the comment lines right after
    describe it, and one for each parameter may follow: ``// $since: time = 7 days ago. Of when.``

    ValueError when a name is used twice; ``file`` is for that message.
    """
    found = (_described(one) for one in parse_statements(source, file, "//"))
    return MappingProxyType({statement.name: statement for statement in found})


def _described(one: NamedStatement) -> CypherStatement:
    matches = [(line, _PARAMETER.fullmatch(line)) for line in one.comments]
    description = " ".join(line for line, match in matches if not match)
    parameters = tuple(Parameter(**match.groupdict()) for _, match in matches if match)
    return CypherStatement(one.name, description, one.text, parameters)
