"""Files of named statements, as Cypher and SQL keep them: a head ``name: x`` in a comment, then
comment lines that describe it, then its text."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NamedStatement:
    """``variant`` is what stands in brackets behind the name (``-- name: x [sqlite]``), else None;
    ``comments`` are the lines right after the head, without their signs."""

    name: str
    variant: str | None
    comments: tuple[str, ...]
    text: str


def parse_statements(source: str, file: str, comment: str) -> list[NamedStatement]:
    """The statements of a text in its order; ``comment`` begins a comment line (``--``, ``//``).

    ValueError when a name is used twice for one variant; ``file`` is for that message.
    """
    head = re.compile(rf"^{comment} name: *(\w+)(?: \[(\w+)\])? *$", re.MULTILINE)
    _, *parts = head.split(source)
    found: dict[tuple[str, str | None], NamedStatement] = {}
    for name, variant, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        if (name, variant) in found:
            raise ValueError(f"{file}: the name {name} is used twice")
        lines = body.strip().splitlines()
        end = next((n for n, line in enumerate(lines) if not line.startswith(comment)), len(lines))
        comments = tuple(line.removeprefix(comment).strip() for line in lines[:end])
        text = "\n".join(lines[end:]).strip()
        found[name, variant] = NamedStatement(name, variant, comments, text)
    return list(found.values())
