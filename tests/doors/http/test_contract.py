"""Law 8 by what is answered: the same calls through every door, with the same results and errors.

``CALLS`` holds at least one call of every method of the API; a method that is missing here, or that
a door does not have, fails."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory
from graphmem.client.calls import CALLS as ROUTES
from graphmem.client.calls import LOCAL
from graphmem.clock import ManualClock
from graphmem.errors import GraphmemError
from graphmem.model import to_json
from graphmem.ports.extraction_options import ExtractionOptions
from tests.doors.http.running import serving
from tests.engine.helpers import OnLoop, add_story
from tests.test_api import METHODS

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_NOW = re.compile(r"2026-11-\d\dT[0-9:.]+Z")
_UNLIKE = re.compile(
    r'"(score|total|share|answerable|similarity|bytes|checked|store_id|actor|hashes|access'
    r'|key_uses|audit)": '
    r"([^,{}\[\]]+|\{[^}]*\}|\[[^]]*\])"
)
_ENDS = ("subject", "type", "object")
Call = tuple[str, Callable[[dict[str, str], Path], tuple[tuple[Any, ...], dict[str, Any]]]]


def _of(*args: Any, **given: Any) -> Callable[[dict[str, str], Path], Any]:
    return lambda known, _: (
        tuple(known.get(arg, arg) if isinstance(arg, str) else arg for arg in args),
        {n: known.get(v, v) if isinstance(v, str) else v for n, v in given.items()},
    )


def _file(name: str, **given: Any) -> Callable[[dict[str, str], Path], Any]:
    return lambda _, folder: ((folder / name,), given)


CALLS: list[Call] = [
    ("add", _of("Ada has a dog called Rex.", occurred_at=date(2025, 6, 1), tags=["pet"])),
    ("add", _of("Ada has a dog called Rex.", occurred_at="2025-06-01", tags=["pet"])),
    ("add", _of([{"role": "user", "content": "I like tea.", "name": "Ada"}], run_id="r1")),
    ("add", _of("Kim is tall.", idempotency_key="k1", metadata={"a": [1, {"b": None}]})),
    ("add", _of("Said by hand.", extraction=ExtractionOptions(instructions="Only names."))),
    ("add", _of("")),
    ("add", _of(7)),
    ("add", _of("Tea.", importance=2)),
    ("add", _of("Tea.", nonsense=2)),
    ("add", _of("Tea.", metadata={"x": float("nan")})),
    ("add", _of("Tea.", user_id=None, agent_id="bot")),
    ("add_many", _of(["One thing.", {"content": "Lou lives in Rome.", "tags": ["x"]}])),
    ("add_many", _of(["Fine.", ""])),
    ("add_many", _of("Not a list.")),
    ("known_keys", _of(["k1", "k2"])),
    (
        "relate",
        _of("Ada Lovelace", "knows", "Bob Stone", valid_at=datetime(2024, 5, 1, tzinfo=UTC)),
    ),
    ("relate", _of("", "knows", "Bob Stone")),
    (
        "relate_many",
        _of([("Bob Stone", "knows", "Kim"), {"subject": "A", "type": "b", "object": "C"}]),
    ),
    ("relate_many", _of([("Bob Stone",)])),
    ("unrelate", _of("Bob Stone", "knows", "Kim", invalid_at="2025-01")),
    ("unrelate", _of("Nobody At All", "knows")),
    ("add_document", _of("notes/a.md", ["Part one.", "Part two."])),
    ("add_document", _of("notes/a.md", ["Part one."])),
    ("documents", _of(under="notes")),
    ("remove_document", _of("notes/a.md")),
    ("remove_document", _of("notes/a.md")),
    ("search", _of("Where does Ada live?", limit=3)),
    ("search", _of("tea", where="tag = pet")),
    ("search", _of("tea", where={"tag": "pet"}, kinds=["fact"], current=False)),
    ("search", _of("tea", limit=0)),
    ("search", _of("tea", limit=True)),
    ("temporal_search", _of("Where does Ada live?", since="2024", until="2024-12")),
    ("temporal_search", _of(until=date(2025, 12, 31), limit=2)),
    ("temporal_search", _of("tea")),
    ("temporal_search", _of(since="nonsense")),
    ("search_by_tags", _of(["pet", "x"])),
    ("search_by_tags", _of(["pet"], "Who has a dog?", limit=1)),
    ("search_by_tags", _of(["pet", "x"], match_all=True)),
    ("search_by_tags", _of("pet")),
    ("search_by_people", _of(["Bob Stone", "Ada Lovelace"], "Who knows whom?", match_all=True)),
    ("search_by_people", _of(["Nobody At All"])),
    ("context", _of("Where does Ada live?", budget_tokens=60)),
    ("explain", _of("FACT")),
    ("explain", _of("nothing")),
    ("why_not", _of("Where does Ada live?", "FACT")),
    ("get", _of("FACT")),
    ("get", _of("missing")),
    ("get_all", _of(limit=4, count=True)),
    ("get_all", _of(limit=4, offset=2)),
    ("episode", _of("EPISODE")),
    ("history", _of("FACT")),
    ("entities", _of("Ada", limit=5)),
    ("entity", _of("Ada Lovelace")),
    ("entity", _of("Nobody")),
    ("relations", _of("Ada Lovelace", current=False)),
    ("neighbours", _of("Ada Lovelace", hops=2)),
    ("paths", _of("Ada Lovelace", "Carol Reed")),
    ("timeline", _of("Ada Lovelace", since=date(2024, 1, 1))),
    ("cypher", _of("MATCH (e:Entity) RETURN e.name AS name ORDER BY name LIMIT 3")),
    ("cypher", _of("MATCH (e:Entity) DELETE e")),
    ("cypher", _of("MATCH (e:Entity) WHERE e.name = $n RETURN e.kind", {"n": "Acme"})),
    ("to_networkx", _of()),
    ("diff", _of("2024-06", "2025-06")),
    ("update", _of("FACT", importance=0.9, tags=["home"])),
    ("update", _of("FACT", metadata={"k": "v"}, merge_metadata=True, actor="eve")),
    ("archive", _of("FACT")),
    ("restore", _of("FACT")),
    ("promote", _of("FACT")),
    ("merge", _of("Bob Stone", "Lou")),
    ("unmerge", _of("missing")),
    ("undo", _of("missing")),
    ("projects", _of()),
    ("users", _of()),
    ("agents", _of()),
    ("runs", _of()),
    ("update_run", _of("r1", title="Tea", closed=True)),
    ("communities", _of()),
    ("summary", _of("Ada Lovelace")),
    ("summary", _of()),
    ("consolidate", _of("Ada Lovelace", min_facts=1)),
    ("consolidate", _of("Ada Lovelace", min_facts=1000)),
    ("stats", _of()),
    ("get_user_stats", _of()),
    ("get_user_stats", _of(user_id="bob")),
    ("health", _of()),
    ("relation_types", _of()),
    ("declare_type", _of("knows", single_valued=False)),
    ("learn_types", _of()),
    ("resume", _of()),
    ("flush", _of()),
    ("sweep", _of(dry_run=True)),
    ("set_retention", _of("90 days", tag="pet")),
    ("set_retention", _of("soon")),
    ("retention", _of()),
    ("apply_retention", _of(dry_run=True)),
    ("verify", _of()),
    ("rebuild", _of()),
    ("backup", _file("backup")),
    ("export", _file("export.jsonl")),
    ("import_", _file("export.jsonl")),
    ("import_", _file("missing.jsonl")),
    ("delete", _of("FACT")),
    ("delete", _of("FACT")),
    ("delete_all", _of(run_id="r1")),
    ("erasures", _of()),
    ("forget", _of()),
]


@contextmanager
def _engine(clock: ManualClock) -> Iterator[Any]:
    memory = OnLoop.open("memory://", user_id="ada", clock=clock)
    yield memory
    memory.close()


@contextmanager
def _mirror(clock: ManualClock) -> Iterator[Any]:
    with Memory("memory://", user_id="ada", clock=clock) as memory:
        yield memory


@contextmanager
def _remote(clock: ManualClock) -> Iterator[Any]:
    with serving(clock=clock) as server, server.memory(user_id="ada") as memory:
        yield memory


@contextmanager
def _async_remote(clock: ManualClock) -> Iterator[Any]:
    with serving(clock=clock) as server, asyncio.Runner() as runner:
        client = server.client(user_id="ada")
        yield OnLoop(runner, client)  # type: ignore[arg-type]
        runner.run(client.close())


def _answered(memory: Any, folder: Path) -> list[tuple[str, Any]]:
    """What each call gives, as JSON, or which error it is."""
    episodes = add_story(memory)
    facts = memory.search("Where does Ada live?", kinds=["fact"], limit=1)
    known = {"EPISODE": episodes[0], "FACT": facts[0].id}
    found: list[tuple[str, Any]] = []
    for name, given in CALLS:
        args, options = given(known, folder)
        try:
            value = getattr(memory, name)(*args, **options)
            found.append((name, _plain(value)))
        except GraphmemError as error:
            found.append((name, f"{type(error).__name__}, retryable {error.retryable}"))
    return found


def _plain(value: Any) -> Any:
    if type(value).__module__.startswith("networkx"):
        return sorted(map(str, value.nodes(data=True))) + sorted(map(str, value.edges(data=True)))
    if isinstance(value, frozenset):
        return sorted(value)
    if hasattr(value, "citations"):
        return [str(value), value.tokens, to_json(value.citations)]
    return to_json(value)


def _alike(answers: list[tuple[str, Any]], folder: Path) -> list[str]:
    """Answers without what differs from one store to the next: ids by when they first came."""
    ids: dict[str, str] = {}
    lines = []
    for name, value in answers:
        text = json.dumps(value, ensure_ascii=False).replace(str(folder), "FOLDER")
        text = _ID.sub(lambda found: ids.setdefault(found[0], f"id-{len(ids)}"), text)
        lines.append(f"{name}: {_UNLIKE.sub('', _NOW.sub('now', text))}")
    return lines


@pytest.fixture(scope="module")
def of_engine(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("engine")
    with _engine(ManualClock("2026-11-01T10:00:00Z")) as memory:
        return _alike(_answered(memory, folder), folder)


def test_every_method_is_called_and_has_a_route() -> None:
    assert {name for name, _ in CALLS} == set(METHODS) - set(LOCAL)
    assert set(ROUTES) == set(METHODS) - set(LOCAL)


@pytest.mark.parametrize("door", [_mirror, _remote, _async_remote])
def test_every_door_answers_as_the_engine_does(
    door: Any, of_engine: list[str], tmp_path: Path
) -> None:
    with door(ManualClock("2026-11-01T10:00:00Z")) as memory:
        found = _alike(_answered(memory, tmp_path), tmp_path)
    for one, other in zip(found, of_engine, strict=True):
        assert one == other
