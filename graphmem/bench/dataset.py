"""The common form of data sets: corpora to remember, and questions with what should be found.

A *unit* is what a question's gold names and a search is to find: a turn of a conversation, or a
passage. A *session* is the group of units that a data set counts as one (a dated sitting). Ids are
the data set's own, unique inside one corpus.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from graphmem.errors import UsageError
from graphmem.ports.llm import Extraction

Unit = Literal["turn", "passage"]
UNIT = "unit"
"""Key of an episode's metadata: the unit that the whole episode is."""


@dataclass(frozen=True, slots=True)
class GoldQuestion:
    """A question. Without ``gold`` and ``gold_sessions`` it has nothing that could be found, and
    counts for answers only."""

    id: str
    text: str
    category: str
    gold: frozenset[str] = frozenset()
    gold_sessions: frozenset[str] = frozenset()
    answer: str | None = None
    unanswerable: bool = False
    """The right answer is that nothing is known."""
    rubric: tuple[str, ...] = ()
    """The points of a full answer."""
    at: str | None = None
    """When it is asked, as the data set writes it."""
    rivals: frozenset[str] = frozenset()
    """Units, of the gold or not, that hold the answer as it was at another time: where something
    changed, the rest of the gold should stand above them."""
    beside: frozenset[str] = frozenset()
    """Units that the data set puts beside the gold to mislead."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What one owner remembers, as items for ``add_many``, and what is asked about it."""

    id: str
    items: tuple[Mapping[str, Any], ...]
    questions: tuple[GoldQuestion, ...]
    session_of: Mapping[str, str] = field(default_factory=dict)
    """Session by unit; empty where a data set has none."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """A data set, read. ``notes`` say what was malformed in it and what was done about that."""

    name: str
    unit: Unit
    corpora: tuple[Corpus, ...]
    notes: tuple[str, ...] = ()
    digest: str = ""
    """SHA-256 of the files that it was read from."""
    given: Mapping[str, Extraction] = field(default_factory=dict)
    """A model's extraction of each unit, where it comes with the data set."""


def read_json(path: Path) -> Any:
    """A JSON file, or the rows of a JSON Lines file; :class:`UsageError` naming the file and place
    when it is neither."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        hint = "; export it as JSON Lines" if path.suffix == ".parquet" else ""
        raise UsageError(f"{path}: not UTF-8 text{hint}") from error
    try:
        if path.suffix in {".jsonl", ".ndjson"}:
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path}: not JSON: {error}") from error


def rows(value: Any, path: Path, what: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a list, each with its place for errors."""
    if not isinstance(value, list):
        raise UsageError(f"{path}: expected a list of {what}, got {type(value).__name__}")
    for number, row in enumerate(value):
        where = f"{path.name}, {what} {number + 1}"
        if not isinstance(row, Mapping):
            raise UsageError(f"{where}: expected an object, got {type(row).__name__}")
        yield where, row


def needed(row: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    """A value that must be there and of that type."""
    value = row.get(key)
    if not isinstance(value, kind):
        found = "nothing" if value is None else type(value).__name__
        raise UsageError(f"{where}: {key!r} must be {kind.__name__}, found {found}")
    return value


def digest_of(paths: Iterable[Path]) -> str:
    """SHA-256 over the content of files, in order."""
    sha = hashlib.sha256()
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                sha.update(block)
    return sha.hexdigest()
