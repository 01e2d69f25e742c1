"""The work of ``graphmem ingest``: files to items to episodes, with a progress bar."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphmem.doors.cli.ingest_checks import check_file_name, check_given, check_item, one_line
from graphmem.doors.cli.output import counted, note, progress_bar
from graphmem.doors.cli.resumed_conversations import LOOKUP_WINDOW, only_new, windows
from graphmem.errors import GraphmemError, UsageError
from graphmem.importers import DOCUMENT_FORMATS, FileReader, Item, Unreadable, document_id, walk
from graphmem.limits import TEXT_BYTES

if TYPE_CHECKING:
    from graphmem import Memory
    from graphmem.doors.cli.base import Options
    from graphmem.model import Document

_COUNTED_UP_TO = 64 << 20
"""Bytes that are read through once beforehand: it finds bad input before anything is stored."""
_MOST_COUNTED = 100
"""Users whose episodes are counted when an ingest stops."""
_RECENT = LOOKUP_WINDOW
"""Items whose origin is remembered, to name the one that is refused."""
_ITEM = re.compile(r"(item|row) (\d+): ")


class FileIngest:
    """Files to ingest. Bad paths and formats are refused when it is made.

    Of several files, those that are no text or of no known format are left out with a warning. So
    are those that cannot be read or stored, or have a bad line; these count as failed. A file by
    itself must be right.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        format: str | None,
        at: datetime | str | None,
        *,
        again: bool = False,
        max_bytes: int = TEXT_BYTES,
    ) -> None:
        self.again = again
        """Whether files are read that were read a moment ago: hints have been given then."""
        self.max_bytes = max_bytes
        """Of a text, where that is known before the memory is asked."""
        self.left_out: dict[Path, None] = {}
        self.failed: dict[Path, None] = {}
        """Of those left out, the ones that cannot be read or stored, or have a bad line."""
        self.other_kinds: dict[str, int] = {}
        """How many files of the folders have another ending, by ending."""
        self._several = len(paths) > 1 or any(map(os.path.isdir, paths))
        self.readers = list(self._readers(paths, format, at))
        self.bytes_total = sum(reader.bytes_total for reader in self.readers)
        self.items = self.undone = 0
        self.users: dict[str, None] = {}
        self._total: int | None = None
        self._given: dict[Path, int] = {}
        self._undated: dict[Path, None] = {}
        self._added = 0
        self._shared = False
        self._scoped = self._own_scopes = False
        self._finished_bytes = 0
        self._recent: deque[str] = deque(maxlen=_RECENT)
        self._reading: FileReader | None = None

    def check(self, shared: Options) -> None:
        """Refuse, before a store is opened, what cannot be read and what belongs to nobody.

        An item that names its own user or agent needs no scope; every other one does. Much input
        is not read through beforehand: there each file's first item answers for the rest.
        """
        total = 0
        whole = self.bytes_total <= _COUNTED_UP_TO
        self._scoped = bool(shared.user or shared.agent)
        if self._scoped:
            shared.scope()
        for reader in self.readers:
            found = 0
            for item in self._items(reader):
                found += 1
                if item.get("user_id") or item.get("agent_id"):
                    self._own_scopes = True
                else:
                    shared.scope()
                if not whole:
                    break
            total += found if reader.path not in self.left_out else 0
        self._total = total if whole else None
        if self.readers and all(reader.path in self.left_out for reader in self.readers):
            raise self._nothing()

    def run(self, memory: Memory, **given: Any) -> dict[str, Any]:
        """Ingest all; returns the summary. What stops it leaves what was done, and says so."""
        check_given(given)
        total = self._total
        began = time.monotonic()
        bar = progress_bar()
        with bar:
            task = bar.add_task("remembering", total=total)

            def progress(done: int) -> None:
                bar.update(task, completed=self._added + done, total=total or self._estimate())

            try:
                new = self._add_items(memory, progress, given)
                rows = {name: value for name, value in given.items() if name != "infer"}
                triples = self._read(r for r in self.readers if r.format == "triples")
                new += memory.relate_many(triples, progress=progress, **rows)
            except BaseException as error:
                bar.stop_task(task)
                bar.stop()
                self._stopped(memory)
                if isinstance(error, UsageError) and (named := self._named(str(error))):
                    raise UsageError(named) from error
                raise
            bar.update(task, completed=self.items, total=self.items)
        seconds = time.monotonic() - began
        self._warn(new)
        return {
            "files": sum(count > 0 for count in self._given.values()),
            "left_out": [str(path) for path in self.left_out if path not in self.failed],
            "failed": [str(path) for path in self.failed],
            "other_kinds": self.other_kinds,
            "empty": [str(path) for path, count in self._given.items() if not count],
            "undated": [str(path) for path in self._undated],
            "episodes": self.items,
            "new": new,
            "already_known": self.items - new,
            "undone": self.undone,
            "gone": 0,
            "users": list(self.users),
            "seconds": round(seconds, 3),
        }

    def _add_items(
        self, memory: Memory, progress: Callable[[int], None], given: dict[str, Any]
    ) -> int:
        """Remember what is no row; returns how many items were new."""
        new = 0
        others = (reader for reader in self.readers if reader.format != "triples")
        for documents, readers in itertools.groupby(
            others, lambda it: it.format in DOCUMENT_FORMATS
        ):
            if documents:
                new += sum(self._add_document(memory, one, progress, given) for one in readers)
                continue
            items = self._read(readers)
            if len(self.readers) == 1 and self._store_is_empty(memory):
                new = memory.add_many(items, progress=progress, **given)
                self._added = self.items
                return new
            for window in windows(items):
                new += memory.add_many(only_new(memory, window), progress=progress, **given)
                self._added += len(window)
        return new

    def _add_document(
        self,
        memory: Memory,
        reader: FileReader,
        progress: Callable[[int], None],
        given: dict[str, Any],
    ) -> int:
        """Remember a file as it is now, in place of what it was; returns how much of it is new."""
        parts = [
            {name: value for name, value in item.items() if name != "idempotency_key"}
            for item in self._read([reader])
        ]
        id = document_id(reader.path)
        if reader.path in self.left_out:
            return 0
        if not parts:
            self.undone += remove_documents(memory, memory.documents(document=id), {id})
            return 0
        try:
            done = memory.add_document(id, parts, progress=progress, **given)
        except UsageError as error:  # nothing of it was stored
            if not self._spared(error, started=True):
                raise
            self._leave_out(reader.path, error, started=True)
            self._given.pop(reader.path, None)
            self.items -= len(parts)
            return 0
        self._added += len(parts)
        self.undone += done.undone
        return done.new

    def _store_is_empty(self, memory: Memory) -> bool:
        """Whether the scopes that this goes into are empty, as far as that is cheap to say."""
        if self._scoped and self._own_scopes:
            return False
        try:
            return memory.stats().episodes == 0
        except UsageError:  # a project or run alone, in which each item names its user
            return False

    def _warn(self, new: int) -> None:
        if self._undated and new and not self.again:
            one = len(self._undated) == 1
            note(
                f"{counted(len(self._undated), 'file')} {'has' if one else 'have'} no date: "
                f"{'it is' if one else 'they are'} taken as said today\n"
                f"(--at DATE or --at mtime dates {'it' if one else 'them'})"
            )

    def _stopped(self, memory: Memory) -> None:
        """Say how many episodes are remembered: as the store counts them, not the progress bar."""
        again = "the same command again goes on from there"
        remembered = self._remembered(memory)
        if remembered is None:
            note(f"stopped; what was remembered is safe: {again}")
        elif remembered:
            count = f"{counted(remembered, 'episode')} {'is' if remembered == 1 else 'are'}"
            note(f"stopped; {count} remembered and safe, and {again}")

    def _remembered(self, memory: Memory) -> int | None:
        """How many episodes are there now; None where that takes long or cannot be told."""
        if len(self.users) > _MOST_COUNTED:
            return None
        try:
            of_users = sum(memory.stats(user_id=user).episodes for user in self.users)
            return of_users + (memory.stats().episodes if self._shared else 0)
        except GraphmemError:
            return None

    def _named(self, message: str) -> str | None:
        """A message about ``item N`` with where that item came from instead."""
        match = _ITEM.match(message)
        if match is None:
            return None
        counted_from = 0 if match[1] == "item" else 1
        back = self.items - self._added - (int(match[2]) - counted_from)
        if not 0 < back <= len(self._recent):
            return None
        return f"{self._recent[-back]}: {message[match.end() :]}"

    def _estimate(self) -> int | None:
        read = self._finished_bytes + (self._reading.bytes_read if self._reading else 0)
        if not read or not self.bytes_total:
            return None
        return max(self.items, round(self.items * self.bytes_total / read))

    def _read(self, readers: Iterable[FileReader]) -> Iterator[Item]:
        for reader in readers:
            if reader.path in self.left_out:
                continue
            self._reading = reader
            given = 0
            for item in self._items(reader):
                self._recent.append(_where(reader, item))
                self.items += 1
                given += 1
                self._remark(reader, item)
                yield item
            if given or reader.path not in self.left_out:
                self._given[reader.path] = given
            for remark in reader.remarks:
                note(remark)
            self._finished_bytes += reader.bytes_total
            self._reading = None

    def _remark(self, reader: FileReader, item: Item) -> None:
        user = item.get("user_id")
        if isinstance(user, str):
            self.users[user] = None
        else:
            self._shared = True
        if "occurred_at" not in item and reader.format != "triples":
            self._undated[reader.path] = None

    def _items(self, reader: FileReader) -> Iterator[Item]:
        """The items of a file; of one among several that is no text, or bad, a warning instead."""
        started = False
        try:
            for item in reader:
                self._check(reader, item)
                started = True
                yield item
        except UsageError as error:
            if self._spared(error, started=started):
                self._leave_out(reader.path, error, started=started)
                return
            if str(error).startswith(reader.path.name) and reader.path.name != str(reader.path):
                # The name alone does not say which file it is in a tree of folders.
                raise UsageError(f"{reader.path.parent / str(error)}") from error
            raise

    def _check(self, reader: FileReader, item: Item) -> None:
        try:
            check_item(item, reader.format, self.max_bytes)
        except UsageError as error:
            raise UsageError(f"{_where(reader, item)}: {error}") from error

    def _spared(self, error: UsageError, *, started: bool = False) -> bool:
        """Whether the other files go on without the one that an error is about."""
        if isinstance(error, Unreadable) and not started:
            return self._several
        return self._several and len(self.readers) + len(self.left_out) > 1

    def _leave_out(self, path: Path, error: UsageError, *, started: bool = False) -> None:
        if path in self.left_out:
            return
        self.left_out[path] = None
        why = str(error)
        names = (str(path), one_line(str(path)), path.name)
        why = why.removeprefix(next(filter(why.startswith, names), ""))
        why = why if why != str(error) else f": {why}"
        if isinstance(error, Unreadable) and not started:
            note(one_line(f"left out: {path}{why}"))
            return
        self.failed[path] = None
        note(one_line(f"not read: {path}{why}"))

    def _readers(
        self, paths: Sequence[Path], format: str | None, at: datetime | str | None
    ) -> Iterator[FileReader]:
        found = False
        for path in paths:
            try:
                for file, named in walk([path], self._refused, self._passed_over):
                    if reader := self._reader(file, named, format, at):
                        found = True
                        yield reader
            except Unreadable as error:  # a folder with nothing in it
                if len(paths) == 1:
                    raise
                self._leave_out(path, error)
        if not found:
            raise self._nothing()

    def _passed_over(self, path: Path) -> None:
        ending = path.suffix.lower() or path.name
        self.other_kinds[ending] = self.other_kinds.get(ending, 0) + 1

    def _refused(self, error: OSError) -> None:
        """Of a folder in one of those named: it is left out like a file that may not be read."""
        folder = Path(error.filename)
        self._leave_out(folder, UsageError(f"{folder}: {error.strerror}"), started=True)

    def _reader(
        self, path: Path, named: bool, format: str | None, at: datetime | str | None
    ) -> FileReader | None:
        try:
            check_file_name(path)
            return FileReader(path, format, at)
        except UsageError as error:
            # In a folder there may be anything; what was named by itself must be right.
            if named and not self._several:
                raise
            self._leave_out(path, error)
            return None

    def _nothing(self) -> UsageError:
        why = "that can be read" if self.failed else "with a format that is known"
        return UsageError(f"nothing to ingest: no file {why}")


def remove_documents(memory: Memory, stored: Iterable[Document], gone: Set[str]) -> int:
    """Undo what was read from those of the stored documents that are gone; returns how many
    episodes that were."""
    ids = [document.id for document in stored if document.id in gone]
    return sum(memory.remove_document(id).episodes for id in ids)


def _where(reader: FileReader, item: Item) -> str:
    notes = item["metadata"]
    place = [str(reader.path)]
    place += [str(notes[key]) for key in ("conversation", "session") if notes.get(key)]
    if "part" in notes:
        place.append(f"part {notes['part']}")
    return ", ".join(place)
