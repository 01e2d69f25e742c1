"""The files that mem0 keeps, as records: what ``get_all`` answered as JSON, a local Qdrant folder,
and ``history.db``. They are only read, and nothing that they hold is run."""

from __future__ import annotations

import io
import itertools
import os
import pickle
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from graphmem.errors import UsageError
from graphmem.importers.streams import JsonStream, Unreadable, decoded
from graphmem.limits import METADATA_BYTES, check_parameters

Mem0Row: TypeAlias = tuple[str, object]
"""Where a record stands, and the record; an error in its place says why it cannot be read."""
MEM0_ENTITY: Final = object()
"""Stands for a record that is no memory, but a name that mem0 found in some."""
_SQLITE = b"SQLite format 3\0"
_COLLECTION = "storage.sqlite"
_HISTORY = "history.db"
_PAGES = ("results", "memories")
TEXT_KEYS: Final = ("memory", "data", "text")
_OF_A_PAYLOAD = frozenset(
    {"data", "hash", "created_at", "updated_at", "user_id", "agent_id", "run_id", "app_id"}
    | {"actor_id", "role", "attributed_to", "text_lemmatized", "expiration_date", "categories"}
)
_BROKEN = (
    *(pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, ImportError),
    *(ValueError, TypeError, OverflowError, MemoryError, RecursionError),
)


@dataclass(frozen=True, slots=True)
class Mem0Change:
    """A row of the history of one memory: what it said from then on, or that it was deleted."""

    text: object
    deleted: bool
    at: object
    actor: object
    role: object


@dataclass(frozen=True, slots=True)
class Mem0Files:
    """What was found under the paths that were named."""

    exports: tuple[Path, ...]
    collections: tuple[Path, ...]
    histories: tuple[Path, ...]


def find_mem0_files(paths: tuple[Path, ...]) -> Mem0Files:
    """Which file is what; :class:`~graphmem.errors.UsageError` for one that is none of mem0's."""
    exports, collections, histories = [], [], []
    for path in paths:
        if not os.path.exists(path):
            raise UsageError(f"{path}: no such file or folder")
        stores = [path]
        if path.is_dir():
            stores = sorted(path.glob(f"**/{_COLLECTION}")) + sorted(path.glob(f"**/{_HISTORY}"))
            if not stores:
                raise Unreadable(
                    f"{path}: neither a Qdrant folder of mem0's ({_COLLECTION}) nor its {_HISTORY}"
                )
        for store in stores:
            if not _is_sqlite(store):
                if path.is_dir():
                    raise Unreadable(f"{store}: no SQLite file, or a damaged one")
                exports.append(store)
            elif _has_table(store, "history"):
                histories.append(store)
            elif _has_table(store, "points"):
                collections.append(store)
            else:
                raise Unreadable(f"{store}: a SQLite file with neither mem0's history nor points")
    return Mem0Files(tuple(exports), tuple(collections), tuple(histories))


def read_export(path: Path, remark: Callable[[str], None]) -> Iterator[Mem0Row]:
    """The memories of ``get_all``: a list, a page of results, pages one after another or in a list,
    or a memory a line. ``remark`` is told what is not in it, or not taken."""
    number = relations = 0
    goes_on = False
    with path.open("rb") as stream:
        for value in _pages(JsonStream(decoded(stream, path.name), path.name)):
            records: list[object] = [value]
            if isinstance(value, Mapping) and (results := _results(value)) is not None:
                records, goes_on = results, bool(value.get("next"))
                found = value.get("relations")
                relations += len(found) if isinstance(found, list) else 0
            for number, record in enumerate(records, number + 1):  # noqa: B020 - counts on
                yield f"{path.name}, memory {number}", record
    if goes_on:
        remark(f"{path.name}: its last page has a next one, which is not in the file")
    if relations:
        remark(f"{path.name}: {relations:,} relations of mem0's graph left out")


def read_collection(path: Path) -> Iterator[Mem0Row]:
    """The points of a collection in a folder of Qdrant's client, as memories."""
    name = path.parent.name
    with _read_only(path) as connection:
        for id, point in connection.execute("SELECT rowid, point FROM points ORDER BY rowid"):
            yield f"{name}, point {id}", _of_point(point)


def read_history(path: Path) -> Iterator[tuple[str, list[Mem0Change]]]:
    """What happened to each memory, by its id, in order."""
    with _read_only(path) as connection:
        columns = {row[1] for row in connection.execute("PRAGMA table_info(history)")}
        if missing := {"memory_id", "new_memory", "event"} - columns:
            raise Unreadable(f"{path}: its history has no {', '.join(sorted(missing))}")
        wanted = ("memory_id", "new_memory", "event", "created_at", "updated_at")
        chosen = [
            column if column in columns else f"NULL AS {column}"
            for column in (*wanted, "is_deleted", "actor_id", "role")
        ]
        # No value of the file's is in it: the names of columns are those above.
        query = f"SELECT {', '.join(chosen)} FROM history ORDER BY memory_id, rowid"  # noqa: S608
        rows = connection.execute(query)
        for id, changes in itertools.groupby(rows, key=lambda row: row[0]):
            yield str(id), [_change(row) for row in changes]


def _change(row: tuple[Any, ...]) -> Mem0Change:
    _, text, event, created_at, updated_at, is_deleted, actor, role = row
    deleted = bool(is_deleted) or event == "DELETE"
    return Mem0Change(text, deleted, updated_at or created_at, actor, role)


def _pages(values: Iterable[object]) -> Iterator[object]:
    """Values, with what stands in lists among them."""
    for value in values:
        if isinstance(value, list):
            yield from value
        else:
            yield value


def _results(value: Mapping[str, Any]) -> list[object] | None:
    """The memories of a page; None for what is none."""
    if any(name in value for name in TEXT_KEYS):
        return None
    return next((value[name] for name in _PAGES if isinstance(value.get(name), list)), None)


def _of_point(stored: object) -> object:
    if not isinstance(stored, bytes):
        return UsageError("no point of Qdrant's client")
    try:
        point = _Inert(io.BytesIO(stored)).load()
    except _BROKEN as error:
        return UsageError(f"a damaged point ({type(error).__name__})")
    values = getattr(point, "state", None)
    values = values.get("__dict__") if isinstance(values, dict) else None
    payload = values.get("payload") if isinstance(values, dict) else None
    if not isinstance(payload, dict):
        return UsageError("a point without a payload")
    if "linked_memory_ids" in payload and "hash" not in payload:
        return MEM0_ENTITY
    try:
        # What stands in one place of a pickle may be used in a million others.
        check_parameters(payload, METADATA_BYTES * 100)
    except UsageError:
        return UsageError("a payload that is nested too deep, or too large")
    known = {name: payload[name] for name in _OF_A_PAYLOAD & payload.keys()}
    rest = {name: value for name, value in payload.items() if name not in _OF_A_PAYLOAD}
    return {**known, "id": values.get("id") if values else None, "metadata": rest}


class _Shell:
    """Stands for an object of any class in a pickle: only its state is taken."""

    state: object = None

    def __new__(cls, *_: object, **__: object) -> _Shell:
        return object.__new__(cls)

    def __setstate__(self, state: object) -> None:
        self.state = state


class _Inert(pickle.Unpickler):
    """Reads the data of a pickle. Whatever class or function it names is a :class:`_Shell`, so that
    nothing is imported and nothing called: Qdrant's client itself would run what a file says."""

    def find_class(self, module: str, name: str) -> Any:
        return _Shell


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE)) == _SQLITE
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def _has_table(path: Path, name: str) -> bool:
    with _read_only(path) as connection:
        found = connection.execute(
            "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)
        )
        return found.fetchone() is not None


@contextmanager
def _read_only(path: Path) -> Iterator[sqlite3.Connection]:
    """A SQLite file, not changed; what is damaged in it is :class:`Unreadable`."""
    as_text: Callable[[bytes], str] = lambda raw: raw.decode("utf-8", "surrogateescape")  # noqa: E731
    try:
        uri = f"file:{quote(str(path.absolute()))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.text_factory = as_text
            yield connection
    except sqlite3.Error as error:
        raise Unreadable(f"{path}: a damaged SQLite file, or one in use: {error}") from error
