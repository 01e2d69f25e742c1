"""The statements of ``cypher/``: every query that the graph adapters run is named there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

_HEAD = re.compile(r"^// name: *(\w+) *$", re.MULTILINE)
_COMMENT = re.compile(r"(?:^//.*\n)*", re.MULTILINE)
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
class Statement:
    """One named statement: what it is for, what it takes, and its text without the comment."""

    name: str
    description: str
    text: str
    parameters: tuple[Parameter, ...] = ()


@cache
def statements(file: str) -> Mapping[str, Statement]:
    """The statements of one file, for example ``read.cypher``, by name, in the file's order.

    Read from ``graphmem/cypher`` in an installed package, from ``cypher`` in a source checkout.
    """
    inside, beside = (_HERE.parents[up] / "cypher" / file for up in (2, 3))
    source = (inside if inside.is_file() else beside).read_text(encoding="utf-8")
    return named_statements(source, file)


def named_statements(source: str, file: str) -> Mapping[str, Statement]:
    """The statements of a text. Each begins with ``// name: x``; the comment lines right after
    describe it, and one for each parameter may follow: ``// $since: time = 7 days ago. Of when.``

    ValueError when a name is used twice; ``file`` is for that message.
    """
    _, *parts = _HEAD.split(source)
    found: dict[str, Statement] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        comment = _COMMENT.match(body.lstrip("\n"))
        lines = comment.group() if comment else ""
        if name in found:
            raise ValueError(f"{file}: the name {name} is used twice")
        said = [line.removeprefix("//").strip() for line in lines.splitlines()]
        taken = [_PARAMETER.fullmatch(line) for line in said]
        description = " ".join(line for line, match in zip(said, taken, strict=True) if not match)
        parameters = tuple(Parameter(**match.groupdict()) for match in taken if match)
        text = body.lstrip("\n")[len(lines) :].strip()
        found[name] = Statement(name, description, text, parameters)
    return MappingProxyType(found)
