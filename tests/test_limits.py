"""The limits of what comes in: one table, each limit held at its edge, by every door."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from graphmem import Memory, Settings, limits
from graphmem.errors import UsageError

PAGE = Path(__file__).parent.parent / "docs" / "formats.md"
HUGE: dict[str, Any] = {
    "beyond a float": 10**309,
    "beyond 64 bits": 2**63,
    "below 64 bits": -(2**63) - 1,
    "in a list": [[1, {"a": 10**400}]],
    "no digits to show": 10**5000,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def kept(folder: Path) -> Iterator[Memory]:
    """A store on disk in the real engines; that it is whole at the end, the last line holds."""
    with Memory(folder, user_id="ada", settings=Settings.load({})) as memory:
        memory.add("Ada lives in Rome.", user_id="bob")
        yield memory
        assert memory.search("Rome", user_id="bob").hits
        found = memory.verify()
        assert found.ok, found.differences


@pytest.mark.parametrize("case", HUGE)
def test_a_number_that_no_store_holds_is_refused_before_the_journal(
    kept: Memory, case: str, tmp_path: Path
) -> None:
    """Once taken, it stopped every search, verify, opening and rebuild of everybody."""
    metadata = {"n": HUGE[case]}
    before = kept.stats()
    calls: list[Callable[[], object]] = [
        lambda: kept.add("I moved to Berlin.", metadata=metadata),
        lambda: kept.add("I moved to Berlin.", metadata=metadata, infer=False),
        lambda: kept.add_many(["Tea.", {"content": "Rain.", "metadata": metadata}]),
        lambda: kept.relate("Ada", "likes", "tea", metadata=metadata),
        lambda: kept.relate_many([("Ada", "likes", "tea")], metadata=metadata),
        lambda: kept.update("x", metadata=metadata),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="metadata"):
            call()
    assert kept.stats() == before


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_that_no_store_holds_in_a_file(digits: int, tmp_path: Path) -> None:
    file = tmp_path / "chat.jsonl"
    line = '{"content": "I moved to Berlin.", "metadata": {"n": %s}}' % ("9" * digits)
    file.write_text(f'{{"content": "Tea."}}\n{line}\n')
    main = "from graphmem.doors.cli_entry import main; main()"
    command = [sys.executable, "-c", main, "--store", str(tmp_path / "s"), "--user", "ada"]
    run = subprocess.run(
        [*command, "ingest", str(file)], capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 2, run.stderr
    assert "Traceback" not in run.stderr
    assert re.search("64 bits|too many digits", run.stderr)
    with Memory(tmp_path / "s", user_id="ada", settings=Settings.load({})) as memory:
        assert memory.verify().ok


def test_what_stands_beside_the_text_counts(kept: Memory) -> None:
    """Fifteen pictures of 10 MB once went into the graph with the messages that held them."""
    picture = {"type": "image_url", "image_url": {"url": "data:" + "A" * 10_000_000}}
    parts = [{"type": "text", "text": "Look."}, picture]
    before = kept.stats()
    with pytest.raises(UsageError, match="bytes with all that is in them, the limit is 4,194,304"):
        kept.add([{"content": parts}] * 15)
    with pytest.raises(UsageError, match="bytes with all that is in them"):
        kept.add({"content": parts, "tool_calls": "x"})
    with pytest.raises(UsageError, match="messages: 20,001 of them"):
        kept.add([{"content": "Tea."}] * 20_001)
    assert kept.stats() == before
    small = [{"type": "text", "text": "I live in Oslo."}, {"type": "x", "x": "A" * 1_000_000}]
    assert kept.add([{"content": small}]).status == "done"


EDGES: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    # What is just taken, what is just not, and why.
    ({"metadata": {"n": 2**63 - 1}}, {"metadata": {"n": 2**63}}, "64 bits"),
    ({"metadata": {"n": 1e308}}, {"metadata": {"n": float("inf")}}, "not JSON"),
    ({"metadata": {"k" * 256: 1}}, {"metadata": {"k" * 257: 1}}, "257 characters"),
    ({"metadata": {"a": {"k" * 256: 1}}}, {"metadata": {"a": {"k" * 257: 1}}}, "257 char"),
    (
        {"metadata": {"x": "y" * (limits.METADATA_BYTES - 9)}},
        {"metadata": {"x": "y" * (limits.METADATA_BYTES - 8)}},
        "65,537 bytes, the limit is 65,536",
    ),
    (
        {"metadata": {"x": list(range(1999))}},
        {"metadata": {"x": list(range(2000))}},
        "more than 2,000 values",
    ),
    (
        {"metadata": json.loads('{"a":' * 100 + "1" + "}" * 100)},
        {"metadata": json.loads('{"a":' * 101 + "1" + "}" * 101)},
        "nested more than 100 deep",
    ),
    ({"metadata": {"a": "x\x1b\n"}}, {"metadata": {"a": "\0"}}, "NUL"),
    ({"metadata": {"é b": 1}}, {"metadata": {"a\nb": 1}}, "control character"),
    ({"tags": ["t" * 512]}, {"tags": ["t" * 513]}, "513 bytes"),
    ({"tags": [str(n) for n in range(100)]}, {"tags": list("x" * 101)}, "101 of them"),
    ({"tags": ["a b"]}, {"tags": ["a\x1b[2J"]}, "control character"),
    ({"idempotency_key": "k" * 512}, {"idempotency_key": "é" * 257}, "514 bytes"),
    ({"idempotency_key": "a:b"}, {"idempotency_key": "a\x07"}, "control character"),
    ({"run_id": "r" * 256}, {"run_id": "r" * 257}, "got 257"),
    ({"importance": 1}, {"importance": 10**5000}, "from 0 to 1"),
    ({"memory_type": "episodic"}, {"memory_type": ["episodic"]}, "unknown"),
]


@pytest.mark.parametrize("edge", range(len(EDGES)))
def test_edges(kept: Memory, edge: int) -> None:
    within, beyond, why = EDGES[edge]
    with pytest.raises(UsageError, match=why):
        kept.add(f"It rains in Oslo, {edge}.", **beyond)
    assert kept.add(f"It rains in Oslo, {edge}.", **within).status == "done"


MESSAGE_EDGES = [
    ({"name": "n" * 512}, {"name": "n" * 513}, "513 bytes"),
    ({"name": "Zoë"}, {"name": "Z\x1b[31moë"}, "name has a control character"),
    ({"role": "customer"}, {"role": "x\ny"}, "role has a control character"),
    ({"id": "7"}, {"id": "7\r"}, "id has a control character"),
]


def test_related_names_are_of_one_line(kept: Memory) -> None:
    for ends in (("A\x1b[31mda", "knows", "Bob"), ("Ada", "knows", "B\x07ob")):
        with pytest.raises(UsageError, match="control character"):
            kept.relate(*ends)


@pytest.mark.parametrize("edge", range(len(MESSAGE_EDGES)))
def test_edges_of_messages(kept: Memory, edge: int) -> None:
    within, beyond, why = MESSAGE_EDGES[edge]
    with pytest.raises(UsageError, match=why):
        kept.add([{"content": f"Tea at {edge}.", **beyond}])
    assert kept.add([{"content": f"Tea at {edge}.", **within}]).status == "done"


def test_numbers_without_digits_are_typed_errors(kept: Memory) -> None:
    """Python writes out no int of 5,000 digits: naming it in an error failed by itself."""
    n: Any = 10**5000
    calls: list[Callable[[], object]] = [
        lambda: kept.search("x", limit=n),
        lambda: kept.context("x", budget_tokens=-n),
        lambda: kept.neighbours("Ada", hops=n),
        lambda: kept.search("x", kinds=[n]),
        lambda: kept.get(n),
        lambda: kept.undo(n),
        lambda: kept.undo(-n),
        lambda: kept.cypher("MATCH (e:Entity) RETURN e.name", timeout_s=n),
        lambda: kept.cypher("MATCH (e:Entity) RETURN e.name", max_rows=n),
        lambda: kept.cypher("MATCH (e:Entity) RETURN e.name LIMIT $n", {"n": n}),
        lambda: kept.get_all(where={"tag": n}),
        lambda: kept.get_all(where={n: 1}),
        lambda: kept.get_all(where={"occurred_at": n}),
        lambda: kept.get_all(where={"metadata.a": {"exists": n}}),
        lambda: kept.relate("Ada", "likes", n),
        lambda: kept.relate_many([("Ada", "likes", n)]),
        lambda: kept.relate_many([{"subject": "Ada", "type": n, "object": "b"}]),
        lambda: kept.relate("Ada", "likes", "tea", modality=n),
        lambda: kept.declare_type(n, single_valued=True),
        lambda: kept.declare_type("likes", single_valued=n),
        lambda: kept.add("x", user_id=n),
        lambda: kept.add("x", occurred_at=n),
        lambda: kept.add("x", memory_type=n),
        lambda: kept.add([{"content": "x", "occurred_at": n}]),
        lambda: kept.add([{"content": [{"type": "text", "text": "x", "n": n}]}]),
        lambda: kept.add({n: "x"}),
        lambda: kept.add_many([{n: "x"}]),
    ]
    for number, call in enumerate(calls):
        try:
            call()
        except UsageError:
            continue
        pytest.fail(f"call {number} was taken")


def test_filters_of_many_values_are_refused_at_once(kept: Memory) -> None:
    with pytest.raises(UsageError, match="more than 2,000 values"):
        kept.get_all(where={"tag": [str(n) for n in range(100_000)]})
    with pytest.raises(UsageError, match="until: expected a datetime"):
        kept.temporal_search(until=range(10**12))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no field") as long:
        kept.get_all(where={"x" * 100_000: 1})
    assert len(str(long.value)) < 1000
    with pytest.raises(UsageError, match="limit"):
        kept.get_all(where={"and": [{"tag": str(n)} for n in range(1000)]})
    many = {"tag": [str(n) for n in range(2000)]}
    assert kept.get_all(where=many).items == ()


def test_parameters_have_limits(kept: Memory) -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    query = "MATCH (e:Entity) WHERE e.name = $a RETURN e.name"
    for value, why in (
        (deep, "nested more than 100 deep"),
        ("x" * 2_000_000, "2,000,001 characters of text"),
        ([0] * 100_001, "more than 100,000 values"),
        (10**400, "64 bits"),
        (float("nan"), "cannot be stored"),
        ("\ud800", "surrogate"),
        ("a\0", "NUL"),
    ):
        with pytest.raises(UsageError, match=why):
            kept.cypher(query, {"a": value})


def test_settings_have_limits() -> None:
    for name, value in (
        ("max_text_bytes", limits.TEXT_BYTES + 1),
        ("max_calls_per_day", 2**63),
        ("max_tokens_per_store", 10**400),
        ("max_money_per_call", "inf"),
        ("max_money_per_call", "nan"),
        ("max_lag", 10**30),
        ("llm_timeout_s", "inf"),
        ("duplicate_window_s", "nan"),
    ):
        with pytest.raises(UsageError, match=name):
            Settings.load({}, **{name: value})
    assert Settings.load({}, max_text_bytes=limits.TEXT_BYTES).max_text_bytes == limits.TEXT_BYTES


def test_the_page_has_the_table() -> None:
    """Every limit of the module is in the page's table with its number, and no other."""
    rows = re.findall(r"^\| [^|]+ \| ([\d,]+) [^|]*\| `(\w+)` \|$", PAGE.read_text(), re.MULTILINE)
    said = {name: int(number.replace(",", "")) for number, name in rows}
    known = {n: v for n, v in vars(limits).items() if n.isupper() and isinstance(v, int)}
    assert said == known


def test_progress_that_cannot_be_called_is_refused_before_anything_is_stored(kept: Memory) -> None:
    before = kept.stats()
    calls: list[Callable[[], object]] = [
        lambda: kept.add_many(["I live in Rome."], progress=lambda: None),  # type: ignore[misc,arg-type]
        lambda: kept.relate_many([("A", "knows", "B")], progress=lambda a, b: None),  # type: ignore[misc,arg-type]
        lambda: kept.add_document("a.md", "I live in Rome.", progress=lambda *, n: None),  # type: ignore[misc,arg-type]
        lambda: kept.rebuild(progress=lambda n: None),  # type: ignore[misc,arg-type]
    ]
    for call in calls:
        with pytest.raises(UsageError, match="progress is called with"):
            call()
    assert kept.stats() == before
    assert kept.add_many(["I live in Rome."], progress=print) == 1
