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
_HERE = Path(__file__).resolve()


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement: what it is for, and its text without the comment."""

    name: str
    description: str
    text: str


@cache
def statements(file: str) -> Mapping[str, Statement]:
    """The statements of one file, for example ``read.cypher``, by name, in the file's order.

    A statement begins with ``// name: x`` and the comment lines right after it describe it. Read
    from ``graphmem/cypher`` in an installed package, from ``cypher`` in a source checkout.
    """
    inside, beside = (_HERE.parents[up] / "cypher" / file for up in (1, 2))
    source = (inside if inside.is_file() else beside).read_text(encoding="utf-8")
    _, *parts = _HEAD.split(source)
    found: dict[str, Statement] = {}
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        comment = _COMMENT.match(body.lstrip("\n"))
        lines = comment.group() if comment else ""
        if name in found:
            raise ValueError(f"{file}: the name {name} is used twice")
        description = " ".join(line.removeprefix("//").strip() for line in lines.splitlines())
        found[name] = Statement(name, description, body.lstrip("\n")[len(lines) :].strip())
    return MappingProxyType(found)
