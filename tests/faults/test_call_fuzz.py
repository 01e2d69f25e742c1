"""Calls of the API, of the command line and of the importers with input that no one should give:
only errors raised on purpose, and what is refused changes nothing."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import math
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
import uvicorn

from graphmem import AsyncMemory, open_memory
from graphmem.doors.cli import cli, run_cli
from graphmem.errors import GraphmemError
from graphmem.importers import IMPORT_FORMATS, FileReader
from graphmem.ports.api import MemoryAPI
from graphmem.testing.replay import replay_differences
from tests.engine.helpers import STORY
from tests.faults.sizes import FUZZ, SEED

_API, _CLI, _FILES = round(300 * FUZZ), round(40 * FUZZ), round(100 * FUZZ)
_METHODS = sorted(
    name
    for name, method in inspect.getmembers(MemoryAPI, inspect.iscoroutinefunction)
    if not name.startswith("_") and name != "close"
)
_OPTIONS = (
    "metadata", "tags", "memory_type", "occurred_at", "expires_at", "importance", "infer",
    "extraction", "idempotency_key", "user_id", "agent_id", "run_id", "project_id",
)  # fmt: skip
_SCOPE = _OPTIONS[-4:]
_TEXTS = (
    "", " ", "\0", "a\0b", "\ud800", "Ada", "Paris", "x" * 5000, "\u202e\x1b[31m", "日本🦊",
    "'; --", "2024",
    "2024-13", "9999-12-31", "0001-01-01", "-0001", "2024-02-30T25:00", "1e999", "NaN",
    "tag = ", "((((", "tag = a and", "MATCH (n) RETURN n", "MATCH (n) DELETE n", "{}", "[]", "\\",
    "a" * 300, "é" * 2000, "\u200b", "%s%n", "{0}", "../..", "http://[", "\r\n", "%00",
)  # fmt: skip


def _deep(rng: random.Random, levels: int) -> Any:
    nested: Any = {}
    for _ in range(levels):
        nested = rng.choice(({"in": nested}, [nested]))
    return nested


def bad(rng: random.Random, depth: int = 0) -> Any:
    """Anything but what was meant, as a rule."""
    made: tuple[Callable[[], Any], ...] = (
        lambda: rng.choice(_TEXTS),
        lambda: rng.choice((0, -1, 1, 7, 10**309, -(10**5000), 2**63, 2**64, True, False, None)),
        lambda: rng.choice((math.nan, math.inf, -math.inf, 1e308, -0.0, 1.5, 2 + 3j)),
        lambda: rng.choice((b"", b"\xff", bytearray(b"x"), object(), type, len, Decimal("NaN"))),
        lambda: rng.choice((datetime.min, datetime.max, date.max, timedelta(1), UTC)),
        lambda: datetime(9999, 12, 31, 23, tzinfo=timezone(-timedelta(hours=23))),
        lambda: datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23))),
        lambda: _deep(rng, rng.choice((3, 50, 2000))),
        lambda: [bad(rng, depth + 1) for _ in range(rng.randrange(4))] if depth < 3 else [],
        lambda: {_key(rng, depth): bad(rng, depth + 1) for _ in range(3)} if depth < 3 else {},
        lambda: tuple(bad(rng, depth + 1) for _ in range(2)) if depth < 3 else (),
        lambda: {"content": bad(rng, depth + 1), "role": rng.choice(_TEXTS)} if depth < 3 else {},
        lambda: iter([bad(rng, depth + 1)]) if depth < 3 else iter(()),
        lambda: {rng.choice(_TEXTS), 1},
    )
    return rng.choice(made)()


def _key(rng: random.Random, depth: int) -> Any:
    return rng.choice((rng.choice(_TEXTS), "tag", "content", "subject", "type", "and", 1, None))


def arguments(rng: random.Random, name: str) -> tuple[list[Any], dict[str, Any]]:
    """By the signature: what is required, and some of the rest."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    for parameter in list(inspect.signature(getattr(MemoryAPI, name)).parameters.values())[1:]:
        value = rng.choice(_TEXTS) if rng.random() < 0.4 else bad(rng)
        if parameter.kind is parameter.VAR_KEYWORD:
            offered = _OPTIONS if "Add" in str(parameter.annotation) else _SCOPE
            named |= {key: bad(rng) for key in offered if rng.random() < 0.1}
        elif parameter.kind is parameter.KEYWORD_ONLY:
            if rng.random() < 0.3:
                named[parameter.name] = value
        elif parameter.default is parameter.empty or rng.random() < 0.5:
            positional.append(value)
        else:
            break
    named.pop("all_scopes", None)
    return positional, named


@pytest.mark.timeout(0)
async def test_calls_of_the_api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rng = random.Random(SEED)
    monkeypatch.chdir(tmp_path)  # a text may be the place of a backup
    async with await open_memory("memory://", user_id="ada") as memory:
        for text, day in STORY:
            await memory.add(text, occurred_at=day)
        for number in range(_API):
            name = rng.choice(_METHODS)
            positional, named = arguments(rng, name)
            before = await _state(memory)
            try:
                await getattr(memory, name)(*positional, **named)
            except GraphmemError as error:
                assert str(error).strip(), name
                if name not in {"add_many", "relate_many"}:  # those before a bad one may be stored
                    assert await _state(memory) == before, (name, number, SEED)
            except Exception as error:
                shown = f"{name}{_shown(positional)} {_shown(named)}, call {number}"
                raise AssertionError(f"seed {SEED}: {shown}") from error
            if number % 500 == 499:
                assert (await memory.verify()).ok
        assert (await memory.verify()).ok
        assert await replay_differences(memory) == []


_AWFUL = (_deep(random.Random(1), 2000), 10**5000, -(10**5000), "\ud800" * 2, 2 + 3j)
"""What cannot be written out, or is no value of anything."""


async def test_each_argument_of_each_call_may_be_awful(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    async with await open_memory("memory://", user_id="ada") as memory:
        await memory.add("I live in Oslo.")
        for name in _METHODS:
            parameters = list(inspect.signature(getattr(MemoryAPI, name)).parameters.values())[1:]
            needed = [p.name for p in parameters if p.default is p.empty and p.kind < p.VAR_KEYWORD]
            given = [p.name for p in parameters if p.kind < p.VAR_KEYWORD]
            for bad_one in {*given, *_OPTIONS} - {"all_scopes"}:
                for value in _AWFUL:
                    named = dict.fromkeys(needed, "Ada") | {bad_one: value}
                    try:
                        await getattr(memory, name)(**named)
                    except (GraphmemError, TypeError) as error:
                        assert len(str(error)) < 2000, name
                        unknown = "unexpected keyword argument"
                        assert isinstance(error, GraphmemError) or unknown in str(error), name
        for value in _AWFUL:
            for row in ((value, "knows", "Bob"), ("Ada", "knows", "Bob", value), {"tags": value}):
                with pytest.raises(GraphmemError):
                    await memory.relate_many([row])
            items: list[Any] = [value, {"content": value}, {"content": "x", "tags": [value]}]
            for item in items:
                with contextlib.suppress(GraphmemError):
                    await memory.add_many([item])
        assert (await memory.verify()).ok


def _shown(given: object) -> str:
    try:
        return repr(given)[:2000]
    except (ValueError, RecursionError):  # a number of 5,000 digits; 2,000 lists in each other
        return f"what cannot be shown: {type(given).__name__}"


async def _state(memory: AsyncMemory) -> int:
    return await memory._parts.ledger.head()


@pytest.mark.timeout(0)
def test_calls_of_the_command_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Stores in memory: what is refused is refused before, and what is not works on nothing."""
    rng = random.Random(SEED)
    _only_here_and_not_for_ever(monkeypatch, tmp_path)
    monkeypatch.setenv("GRAPHMEM_DEBUG", "1")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Tea.")))
    for part in ("LEDGER", "GRAPH", "VECTORS"):
        monkeypatch.setenv(f"GRAPHMEM_{part}", "memory://")
    # As a program gets them: without NUL, and bytes that are no UTF-8 as surrogates of their own.
    texts = [text.replace("\ud800", "\udcff") for text in _TEXTS if "\0" not in text]
    # What asks at a terminal, runs for minutes or makes files of its own.
    commands = sorted(cli.commands.keys() - {"demo", "bench", "cypher", "migrate"})
    for _ in range(_CLI):
        name = rng.choice(commands)
        given = [name]
        for parameter in cli.commands[name].params:
            option = isinstance(parameter, click.Option)
            if (option and rng.random() < 0.2) or (not option and rng.random() < 0.8):
                flag = isinstance(parameter, click.Option) and parameter.is_flag
                if option:
                    given.append(rng.choice(parameter.opts))
                if not flag:
                    given.append(rng.choice(texts))
        given += ["--user", "ada"] if rng.random() < 0.7 else []
        try:
            run_cli(given)
        except GraphmemError as error:
            assert str(error).strip(), given
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {given}") from error
    capfd.readouterr()


def _only_here_and_not_for_ever(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """What goes on until it is told to end has begun, and ends; ``../..`` is a folder of the
    test's."""

    async def at_once(_: uvicorn.Server) -> None:
        return

    monkeypatch.setattr(uvicorn.Server, "main_loop", at_once)
    monkeypatch.setattr("graphmem.doors.cli.documents.changes_of", lambda _: iter(()))
    inside = folder / "a" / "b" / "c"
    inside.mkdir(parents=True)
    monkeypatch.chdir(inside)


@pytest.mark.timeout(0)
def test_files_of_the_importers(tmp_path: Path) -> None:
    rng = random.Random(SEED)
    path = tmp_path / "file"
    for _ in range(_FILES):
        path.write_bytes(_spoilt(rng))
        format = rng.choice((*IMPORT_FORMATS, None))
        try:
            for number, _item in enumerate(FileReader(path, format)):
                if number > 200:
                    break
        except GraphmemError as error:
            assert str(error).strip(), format
        except Exception as error:
            raise AssertionError(f"seed {SEED}: {format} {path.read_bytes()!r:.2000}") from error


def _spoilt(rng: random.Random) -> bytes:
    lines = [
        json.dumps({"content": rng.choice(_TEXTS), "occurred_at": rng.choice(_TEXTS)}),
        json.dumps([{"mapping": {"a": {"message": rng.choice(_TEXTS)}}, "title": None}]),
        json.dumps({"messages": [{"type": "message", "text": rng.choice(_TEXTS), "ts": "1e999"}]}),
        "[12/31/99, 25:61:00] Ada: Tea.\n31.12.2024, 10:00 - Bob: x",
        "00:00:01.000 --> 99:99:99\n<v Ada>Tea.",
        "subject,type,object\nAda,likes," + rng.choice(_TEXTS),
        "# 2024-13-45\n\nTea.",
        "[" * rng.choice((3, 3000)),
        json.dumps({"n": "x"}).replace('"x"', "1" + "0" * 400),
        rng.choice(_TEXTS),
    ]
    text = "\n".join(rng.choices(lines, k=rng.randrange(1, 4)))
    data = bytearray(text.encode("utf-8", "surrogatepass"))
    for _ in range(rng.randrange(4)):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data[: rng.randrange(len(data) + 1)] if rng.random() < 0.3 else data)


@pytest.mark.parametrize(
    "given",
    [
        ["ingest"],
        ["ingest", "--format", "triples"],
        ["import"],
        ["import", "--from", "mem0"],
        ["export", "--format", "graphml"],
        ["cypher", "--file"],
        ["restore"],
        ["restore", ".", "--to"],
        ["migrate", "--to"],
        ["salvage", "."],
        ["backup"],
        ["bench", "run", "plain"],
    ],
    ids=" ".join,
)
def test_a_name_that_no_file_can_have_is_an_error_of_ours(
    given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was the system's: ``OSError: [Errno 36] File name too long``."""
    monkeypatch.setenv("GRAPHMEM_DEBUG", "1")
    with pytest.raises(GraphmemError):
        run_cli(["--store", str(tmp_path), "--user", "ada", *given, "x" * 5000])
