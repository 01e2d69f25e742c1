"""The work of ``graphmem ingest``: files to items to episodes, with a progress bar."""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphmem.doors.cli.output import console, counted, note
from graphmem.doors.formats import Item, Reader, walk
from graphmem.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

    from graphmem import Memory

_COUNTED_UP_TO = 64 << 20
"""Bytes that are read through once beforehand: it finds bad input before anything is stored."""
_USERS_NAMED = 5
_RECENT = 1000
"""Items whose origin is remembered, to name the one that is refused."""
_ITEM = re.compile(r"item (\d+): ")


class Ingest:
    """Files to ingest. Bad paths and formats are refused when it is made."""

    def __init__(
        self, paths: Sequence[Path], format: str | None, at: datetime | str | None
    ) -> None:
        self.readers = list(_readers(paths, format, at))
        self.bytes_total = sum(reader.bytes_total for reader in self.readers)
        self.items = 0
        self.done = 0
        self.users: dict[str, None] = {}
        self._finished_bytes = 0
        self._recent: deque[str] = deque(maxlen=_RECENT)
        self._reading: Reader | None = None

    def run(self, memory: Memory, **given: Any) -> dict[str, Any]:
        """Ingest all; returns the summary. What stops it leaves what was done, and says so."""
        total = self._count()
        began = time.monotonic()
        bar = _bar()
        with bar:
            task = bar.add_task("remembering", total=total)

            def progress(done: int) -> None:
                self.done = done
                bar.update(task, completed=done, total=total or self._estimate())

            try:
                new = memory.add_many(self._read(), progress=progress, **given)
            except BaseException as error:
                bar.stop_task(task)
                bar.stop()
                if self.items:
                    note(
                        f"stopped after {self.done:,} of {total or 'unknown'} episodes; what was "
                        "remembered is safe, and the same command again goes on from there"
                    )
                if isinstance(error, UsageError) and (named := self._named(str(error))):
                    raise UsageError(named) from error
                raise
            bar.update(task, completed=self.items, total=self.items)
        seconds = time.monotonic() - began
        return {
            "files": len(self.readers),
            "episodes": self.items,
            "new": new,
            "already_known": self.items - new,
            "users": list(self.users),
            "seconds": round(seconds, 3),
        }

    def told(self, summary: dict[str, Any], user: str | None) -> str:
        """The summary as people read it."""
        lines = [
            f"{counted(summary['episodes'], 'episode')} from {counted(summary['files'], 'file')}: "
            f"{summary['new']:,} new, {summary['already_known']:,} already known, "
            f"in {summary['seconds']:.1f} s"
        ]
        users = summary["users"]
        if users:
            named = ", ".join(users[:_USERS_NAMED]) + (", …" if len(users) > _USERS_NAMED else "")
            lines.append(f"each for its own user: {named}")
            if user is not None and user not in users:
                lines.append(f"(these files name their users; --user {user} was not used)")
        asked = users[0] if users else user
        if asked and summary["episodes"]:
            lines.append(f'ask them: graphmem --user {asked} search "…"')
        return "\n".join(lines)

    def _named(self, message: str) -> str | None:
        """A message about ``item N`` with where that item came from instead."""
        match = _ITEM.match(message)
        if match is None:
            return None
        back = self.items - int(match[1])
        if not 0 < back <= len(self._recent):
            return None
        return f"{self._recent[-back]}: {message[match.end() :]}"

    def _count(self) -> int | None:
        """How many items there are, when finding out is cheap."""
        if self.bytes_total > _COUNTED_UP_TO:
            return None
        return sum(1 for reader in self.readers for _ in reader)

    def _estimate(self) -> int | None:
        read = self._finished_bytes + (self._reading.bytes_read if self._reading else 0)
        if not read or not self.bytes_total:
            return None
        return max(self.items, round(self.items * self.bytes_total / read))

    def _read(self) -> Iterator[Item]:
        for reader in self.readers:
            self._reading = reader
            for item in reader:
                self._recent.append(_where(reader, item))
                self.items += 1
                if isinstance(item.get("user_id"), str):
                    self.users[item["user_id"]] = None
                yield item
            self._finished_bytes += reader.bytes_total
            self._reading = None


def _readers(
    paths: Sequence[Path], format: str | None, at: datetime | str | None
) -> Iterator[Reader]:
    found = False
    for path, named in walk(paths):
        try:
            reader = Reader(path, format, at)
        except UsageError as error:
            # In a folder there may be anything; what was named must be right.
            if named:
                raise
            note(f"left out: {error}")
            continue
        found = True
        yield reader
    if not found:
        raise UsageError("nothing to ingest: no file with a format that is known")


def _where(reader: Reader, item: Item) -> str:
    notes = item["metadata"]
    place = [str(reader.path)]
    place += [str(notes[key]) for key in ("conversation", "session") if notes.get(key)]
    if "part" in notes:
        place.append(f"part {notes['part']}")
    return ", ".join(place)


def _bar() -> Progress:
    """Bar, count, rate and time left; printed once, at the end, when nobody watches."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Task as Shown
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Shown) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.1f}/s")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console(error=True),
    )
