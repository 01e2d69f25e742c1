"""The folder of a run: what was asked for, each answer as soon as it is there, the result.

``run.json`` says what is measured; ``questions.jsonl`` has a line a question and variant,
``answers.jsonl`` a line an answer of a model, appended as soon as they are there, so that a run
that was killed goes on; ``result.json`` is written at the end; ``store/`` is the memory that was
measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graphmem.errors import UsageError

FULL_SEARCH = "all"
"""The variant with every arm."""


@dataclass(frozen=True, slots=True)
class Line:
    """One question asked of one variant: what came back, in distinct units, best first."""

    variant: str
    id: str
    category: str
    ranked: tuple[str, ...]
    ranked_sessions: tuple[str, ...]
    gold: tuple[str, ...]
    gold_sessions: tuple[str, ...]
    ms: float
    """Latency of one search for ten hits, the embedding of the question included; in variants
    after the first, of the search for all hits."""
    tokens: int
    """Tokens of the first ten hits, at four characters each."""
    corpus_turns: int = 0
    rivals: tuple[str, ...] = ()
    scores: tuple[float, ...] = ()
    """Of each of ``ranked`` the score of its best hit."""
    answerable: float = 0.0


class BenchRun:
    """One run's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self._plan = folder / "run.json"
        self._lines = folder / "questions.jsonl"
        self._answers = folder / "answers.jsonl"
        self._result = folder / "result.json"

    def begin(self, plan: Mapping[str, Any]) -> dict[str, Any]:
        """Begin, or go on with the same plan; returns what is known so far. A folder that holds
        something else is a :class:`UsageError`."""
        if self._plan.is_file():
            state = read_object(self._plan)
            differs = [key for key in plan if state.get("plan", {}).get(key) != plan[key]]
            if differs:
                raise UsageError(
                    f"{self.folder} holds another run ({', '.join(differs)} differ): "
                    "give another folder with --out, or remove this one"
                )
            self._mend()
            return state
        if self.folder.exists() and any(self.folder.iterdir()):
            raise UsageError(f"{self.folder} holds something that is not a run: give another --out")
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {"plan": dict(plan), "date": datetime.now(UTC).date().isoformat()}
        self.keep(state)
        return state

    def keep(self, state: Mapping[str, Any]) -> None:
        """Write what is known so far."""
        _write(self._plan, state)

    def _mend(self) -> None:
        """Cut off lines that a kill left half written."""
        for file in (self._lines, self._answers):
            data = file.read_bytes() if file.is_file() else b""
            whole = data[: data.rfind(b"\n") + 1]
            if whole != data:
                file.write_bytes(whole)

    def append(self, line: Line) -> None:
        _append(self._lines, asdict(line))

    def append_answer(self, answer: Mapping[str, Any]) -> None:
        """What a model answered to the question ``id``, with its ``scores``."""
        _append(self._answers, answer)

    def answers(self) -> dict[str, dict[str, Any]]:
        """The answers so far, by question."""
        if not self._answers.is_file():
            return {}
        rows = [json.loads(line) for line in self._answers.read_text(encoding="utf-8").splitlines()]
        return {row["id"]: row for row in rows}

    def lines(self) -> Iterator[Line]:
        """What has been asked so far."""
        if not self._lines.is_file():
            return
        with self._lines.open(encoding="utf-8") as stream:
            for number, text in enumerate(stream, start=1):
                try:
                    row: dict[str, Any] = json.loads(text)
                    lists = (name for name, value in row.items() if isinstance(value, list))
                    yield Line(**{**row, **{name: tuple(row[name]) for name in lists}})
                except (ValueError, TypeError, KeyError) as error:
                    raise UsageError(
                        f"{self._lines}, line {number}: not a question of a run ({error})"
                    ) from error

    def finish(self, result: Mapping[str, Any]) -> None:
        _write(self._result, result)

    @property
    def finished(self) -> bool:
        return self._result.is_file()

    def result(self) -> dict[str, Any]:
        """The result; :class:`UsageError` when the run has none yet."""
        if not self._result.is_file():
            raise UsageError(f"{self.folder}: no finished run in this folder (no result.json)")
        return read_object(self._result)


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path}: expected a JSON object")
    return value


def _append(path: Path, value: Mapping[str, Any]) -> None:
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(value, ensure_ascii=False) + "\n")


def _write(path: Path, value: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    beside.replace(path)
