"""Writes the tour into cypher/README.md, run on the example conversation:
``python docs/make_tour.py``."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphmem import AsyncMemory, Settings
from graphmem.adapters.graph.cypher_files import CypherStatement, statements
from graphmem.clock import ManualClock, stamp
from graphmem.doors.cli.cypher import value_text
from graphmem.doors.cli.tour import values
from graphmem.importers import FileReader
from graphmem.model import Table
from graphmem.wiring import open_memory

_ROOT = Path(__file__).parents[1]
GUIDE = _ROOT / "cypher" / "README.md"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
_BEGIN, _END = "<!-- the tour begins -->\n", "<!-- the tour ends -->\n"
_ROWS, _WIDEST = 6, 44
_STAMP = re.compile(r"[\d-]{10}T[\d:.]{15}Z")
_GIVEN = {
    "name": "Leila",
    "one": "Maya",
    "other": "Tom",
    "type": "works_at",
    "at": "2024-06-01",
    "since": "2025-11-01",
}
_IDS = {
    "episode_id": "MATCH (e:Episode) RETURN e.id AS id ORDER BY e.occurred_at, e.id LIMIT 1",
    "fact_id": (
        "MATCH (f:Fact) WHERE f.text = 'Leila works at Brightwater Labs' RETURN f.id AS id "
        "ORDER BY id LIMIT 1"
    ),
}


async def remembered(folder: str | Path, **settings: Any) -> AsyncMemory:
    """The example conversation, remembered by rules, with the same ids each time."""
    memory = await open_memory(
        folder,
        user_id="demo",
        settings=Settings.load({}, llm="none", **settings),
        clock=ManualClock(NOW),
    )
    await memory.add_many(list(FileReader(_ROOT / "examples" / "conversation.jsonl", "jsonl")))
    return memory


async def answers(memory: AsyncMemory) -> dict[str, tuple[Mapping[str, Any], Table]]:
    """The parameters given to each query of the tour, and its answer."""
    ids = {name: (await memory.cypher(text)).rows[0][0] for name, text in _IDS.items()}
    found: dict[str, tuple[Mapping[str, Any], Table]] = {}
    for name, query in statements("inspect.cypher").items():
        given = {p.name: {**_GIVEN, **ids}[p.name] for p in query.parameters}
        parameters = values(query, given, now=NOW)
        found[name] = (given, await memory.cypher(query.text, parameters))
    return found


def as_markdown(found: Mapping[str, tuple[Mapping[str, Any], Table]]) -> str:
    """The tour in Markdown."""
    tour = statements("inspect.cypher")
    return "\n".join(_section(tour[name], *answer) for name, answer in found.items())


def _section(query: CypherStatement, given: Mapping[str, Any], table: Table) -> str:
    arguments = "".join(f" --param {key}={value}" for key, value in given.items())
    return (
        f"### {query.name}\n\n{query.description}\n\n```cypher\n{query.text}\n```\n\n"
        f"```text\n$ graphmem cypher --name {query.name}{arguments}\n{_shown(table)}\n```\n"
    )


def _shown(table: Table) -> str:
    rows = [[_cut(value_text(value)) for value in row] for row in table.rows[:_ROWS]]
    columns = list(zip(table.columns, *rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    rule = ["-" * width for width in widths]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in ([*table.columns], rule, *rows)
    ]
    if not rows:
        return "(no rows)"
    more = len(table.rows) - len(rows)
    return "\n".join(lines + ([f"… and {more} more"] if more else []))


def _cut(text: str) -> str:
    if _STAMP.fullmatch(text) and text > stamp(NOW):
        return "(just now)"  # to the microsecond it would say how often the clock was asked
    text = re.sub(r"T00:00:00\.000000Z$", "", text).replace("\n", " ")
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def page(tour: str) -> str:
    """The guide with this tour in it."""
    before, _, rest = GUIDE.read_text("utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}{tour}{_END}{after}"


async def _made() -> str:
    memory = await remembered("memory://")
    try:
        return as_markdown(await answers(memory))
    finally:
        await memory.close()


if __name__ == "__main__":
    GUIDE.write_text(page(asyncio.run(_made())), "utf-8")
