"""Imports whose lines are each as an export writes them, and contradict one another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.errors import UsageError
from tests.migration.test_export import lines_in, more, put


def test_a_file_that_contradicts_itself(tmp_path: Path) -> None:
    """Each line by itself is as an export writes it; what came of it would not verify."""
    with Memory("memory://", settings=Settings.load({})) as memory:
        more(memory)
        memory.export(tmp_path / "cy.jsonl", user_id="cy")
    good = lines_in(tmp_path / "cy.jsonl")
    at: dict[str, list[int]] = {}
    for n, line in enumerate(good):
        at.setdefault(line["line"], []).append(n)
    now = [n for n in at["facts"] if good[n]["retired_at"] is None]
    events = {
        kind: [n for n in at["events"] if good[n]["kind"] == kind] for kind in ("fact", "mention")
    }

    first = {table: numbers[0] for table, numbers in at.items()}
    entity, fact = good[first["entities"]], good[now[0]]
    mentioned = [good[n]["episode_id"] for n in at["mentions"]]
    (elsewhere, *_) = [one for one in mentioned if one != mentioned[0]]
    (said_so, *_) = [n for n in events["mention"] if good[n]["id"] == mentioned[0]]
    later = "2026-11-25T09:06:24.016529Z"
    changes: list[tuple[str, int, dict[str, Any] | None]] = [
        ("last event", first["entities"], {"body": entity["body"] | {"recorded_at": later}}),
        ("last event", now[0], {"body": fact["body"] | {"metadata": {"a": 1}}}),
        ("last event", events["fact"][-1], None),
        ("not among the facts", now[0], None),
        ("last event", first["mentions"], None),
        ("last event", said_so, None),
        ("of another episode", first["mentions"], {"episode_id": elsewhere}),
        ("not among the facts", first["sources"], {"fact_id": "x"}),
        ("not among the statements", first["supports"], {"statement_id": "x"}),
        ("not among the entities", first["mentions"], {"entity_id": "x"}),
        ("not among the turns", first["mentions"], {"turn_id": "x"}),
        ("not among the episodes", first["turns"], {"episode_id": "x"}),
        ("turns of the episode", first["turns"], {"ordinal": 2}),
        ("is of one user in one project", 1, {"user_id": good[1]["user_id"]}),
    ]  # fmt: skip
    with Memory("memory://") as memory:
        for why, n, values in changes:
            lines = json.loads(json.dumps(good))
            if why.startswith("turns"):
                twin = dict(lines[n])
                lines.insert(n + 1, twin | {"id": "another", **(values or {})})
            elif why.startswith("is of one"):
                twin = lines[n] | {"number": 9, "project_id": "elsewhere", "user_name": "di"}
                lines.insert(n + 1, twin)
            elif values is None:
                del lines[n]
            else:
                lines[n] |= values
            lines[-1]["rows"] = sum(1 for one in lines[1:-1] if one["line"] != "tenant")
            with pytest.raises(UsageError, match=f"{why}.*nothing was imported"):
                memory.import_(put(tmp_path / "x.jsonl", lines), all_scopes=True)
        assert memory.import_(tmp_path / "cy.jsonl", user_id="cy").rows
