"""A damaged SQLite file read page by page, without SQLite: what each page by itself still says.

No page is needed to find another one: tables and what leads to their rows may be gone. Nothing is
written and nothing locked. Layout: https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import errno
import json
import mmap
import struct
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from graphmem.adapters.file_checksums import open_file, read_file
from graphmem.errors import Unavailable

_SIZES = (8192, 4096, 1024, 2048, 16_384, 32_768, 65_536, 512)  # ours first
_MAGIC = b"SQLite format 3\0"
_HEAD = 100  # bytes before the first page's own
_LEAF_TABLE, _LEAF_INDEX, _INNER_INDEX, _INNER_TABLE = 0x0D, 0x0A, 0x02, 0x05
_KINDS = frozenset({_LEAF_TABLE, _LEAF_INDEX, _INNER_INDEX, _INNER_TABLE})
_WAL_HEAD, _FRAME_HEAD = 32, 24
_BIG_ENDIAN_LOG = 0x377F0683  # how it begins
_MOST = 1 << 31  # bytes of a row
_LARGER = 64  # times what there is, a file may have been: more is garbled
_INTS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_UNSIGNED = 1 << 64


class UnreadableRow(Exception):
    """Bytes that are no row."""


@dataclass(frozen=True, slots=True)
class FileRecord:
    """One row of a table or of an index. ``sound`` says that nothing is known against the pages
    that it comes from; ``old`` that they are older ones of pages that are damaged."""

    in_table: bool
    number: int | None
    """Of a table with numbered rows."""
    values: tuple[Any, ...]
    sound: bool
    old: bool = False


@dataclass(slots=True)
class DamagedFile:
    """A ledger's file with its write-ahead log, as far as they can be read."""

    size: int
    """Of a page, in bytes."""
    pages: int
    state: str | None
    """Of the ledger that the checksums of its pages are of; None: there are none."""
    damaged: set[int] = field(default_factory=set)
    unreadable: int = 0
    """Rows that were there and could not be read, as far as they could be counted."""
    _images: dict[int, list[bytes]] = field(default_factory=dict)
    """From the log, the newest last; whole and, in ``damaged``, not."""
    _main: mmap.mmap | bytes = b""
    _sums: Sequence[int] = ()
    _free: set[int] = field(default_factory=set)

    @classmethod
    def open(cls, path: Path) -> DamagedFile:
        """The file ``path`` with its log and its checksums, each of which may be missing."""
        main = _mapped(path)
        log = _mapped(Path(f"{path}-wal"))
        size = _page_size(main, log)
        state, sums = read_sums(Path(f"{path}.sums"))
        count = -(-len(main) // size)
        found = cls(size, max(count, len(sums)), state, _main=main, _sums=sums)
        found._take_log(log)
        if found.header() is not None:
            noted = int.from_bytes(found._page(1)[28:32], "big")
            found.pages = max(found.pages, noted if noted < _LARGER * (count + 1) else 0)
            found._find_free()
        return found

    def distrust_sums(self) -> None:
        """They are of another state of this ledger: they say nothing."""
        self._sums, self.state = (), None

    def leave_log_of_another(self, name: str) -> bool:
        """Whether the log is of another ledger, which both of them name in the setting ``name``:
        its pages are not those of this file then, and left out."""
        file = DamagedFile(self.size, self.pages, None, _main=self._main)
        pages = range(1, self.pages + 1)
        own = file._setting(name, pages)
        if own is None or self._setting(name, sorted(self._images)) in {None, own}:
            return False
        self._images.clear()
        self.damaged.clear()
        self.pages = max(len(self._main) // self.size, len(self._sums))
        self._free.clear()
        self._find_free()
        return True

    def _setting(self, name: str, pages: Iterable[int]) -> object:
        """What the first of these pages that has a row of two values, of this name, says."""
        for number in pages:
            for row in self._rows(number, self._page(number), sound=False, old=True):
                if not row.in_table and len(row.values) == 2 and row.values[0] == name:
                    return row.values[1]
        return None

    def mentions(self, text: bytes) -> bool:
        """Whether these bytes are anywhere in it."""
        return self._main.find(text) >= 0 or any(
            text in image for images in self._images.values() for image in images
        )

    def header(self) -> tuple[int, int] | None:
        """Whose file it is and of which version, where its head can be read."""
        head = self._page(1)[:_HEAD]
        if not head.startswith(_MAGIC):
            return None
        (version,), (owner,) = struct.unpack(">I", head[60:64]), struct.unpack(">I", head[68:72])
        return owner, version

    def records(self) -> Iterator[FileRecord]:
        """Every row that can be read: those of sound pages first."""
        later: list[int] = []
        for number in range(1, self.pages + 1):
            page = self._page(number)
            if self._is_sound(number, page):
                yield from self._rows(number, page, sound=True)
            else:
                later.append(number)
        self.damaged.update(later)
        for number in later:
            yield from self._rows(number, self._page(number), sound=False)
        for number in later:
            for older in reversed(self._older(number)):
                yield from self._rows(number, older, sound=False, old=True)

    # Pages

    def _page(self, number: int) -> bytes:
        if number in self._images:
            return self._images[number][-1]
        return self._of_file(number)

    def _of_file(self, number: int) -> bytes:
        page = self._main[(number - 1) * self.size : number * self.size]
        return page.ljust(self.size, b"\0")

    def _older(self, number: int) -> list[bytes]:
        images = self._images.get(number)
        return [self._of_file(number), *images[:-1]] if images else []

    def _is_sound(self, number: int, page: bytes) -> bool:
        """Nothing is against it: neither its checksum nor how it is made."""
        if number in self.damaged:
            return False
        if number not in self._images:
            if number * self.size > len(self._main):
                return False
            if number <= len(self._sums) and (known := self._sums[number - 1]):
                return (zlib.crc32(page) or 1) == known
        kind = page[_HEAD if number == 1 else 0]
        if kind in _KINDS or number == 1 or kind:
            return kind in _KINDS
        return number in self._free or any(page)  # else where a long row goes on

    def _find_free(self) -> None:
        """Pages of nothing: what was deleted was overwritten."""
        number = int.from_bytes(self._page(1)[32:36], "big")
        while 1 < number <= self.pages and number not in self._free:
            page = self._page(number)
            self._free.add(number)
            count = min(int.from_bytes(page[4:8], "big"), self.size // 4 - 2)
            places = range(8, 8 + 4 * count, 4)
            self._free.update(int.from_bytes(page[at : at + 4], "big") for at in places)
            number = int.from_bytes(page[:4], "big")

    def _take_log(self, log: mmap.mmap | bytes) -> None:
        """The pages of the write-ahead log up to the last transaction that it has whole: each
        frame is checked against what the one before it says, so that one that is damaged does not
        spoil those after it."""
        if len(log) < _WAL_HEAD + _FRAME_HEAD + self.size:
            return
        step = _FRAME_HEAD + self.size
        frames = [log[at : at + step] for at in range(_WAL_HEAD, len(log) - step + 1, step)]
        own = own_salts(log[:_WAL_HEAD], [frame[8:16] for frame in frames])
        # Older frames lie behind the others; one among them has other salts where it is damaged.
        last = max(n for n, frame in enumerate(frames, 1) if frame[8:16] == own)
        frames, big = frames[:last], is_big_endian(log[:_WAL_HEAD])
        ends = [n for n, frame in enumerate(frames, 1) if any(frame[4:8])]
        before = log[24:32]
        for frame in frames[: ends[-1] if ends else 0]:
            (number,) = struct.unpack(">I", frame[:4])
            whole = log_sum(before, frame[:8] + frame[_FRAME_HEAD:], big=big) == frame[16:24]
            before = frame[16:24]
            if not whole and not 0 < number <= self.pages + len(frames):
                continue
            self._images.setdefault(number, []).append(frame[_FRAME_HEAD:])
            (self.damaged.discard if whole else self.damaged.add)(number)
            self.pages = max(self.pages, number)

    # Rows

    def _rows(
        self, number: int, page: bytes, *, sound: bool, old: bool = False
    ) -> Iterator[FileRecord]:
        start = _HEAD if number == 1 else 0
        kind = page[start]
        if kind not in _KINDS or kind == _INNER_TABLE:
            return
        inner = kind == _INNER_INDEX
        count = int.from_bytes(page[start + 3 : start + 5], "big")
        first = start + (12 if inner else 8)
        if first + 2 * count > self.size:
            count = (self.size - first) // 2 if not sound else 0
        for place in range(first, first + 2 * count, 2):
            at = int.from_bytes(page[place : place + 2], "big")
            try:
                values, row, whole = self._row_at(
                    page, at + 4 * inner, in_table=kind == _LEAF_TABLE
                )
            except (UnreadableRow, IndexError, UnicodeDecodeError, struct.error):
                self.unreadable += not old and kind == _LEAF_TABLE
                self.damaged.add(number)
                continue
            yield FileRecord(kind == _LEAF_TABLE, row, values, sound and whole, old)

    def _row_at(
        self, page: bytes, at: int, *, in_table: bool
    ) -> tuple[tuple[Any, ...], int | None, bool]:
        """The values of a cell, its number, and whether the pages that it goes on in are sound."""
        if at < 8:
            raise UnreadableRow
        length, at = _varint(page, at)
        number = None
        if in_table:
            number, at = _varint(page, at)
            number = number - _UNSIGNED if number >= _UNSIGNED >> 1 else number
        if not 0 < length < _MOST:
            raise UnreadableRow
        most = self.size - 35 if in_table else (self.size - 12) * 64 // 255 - 23
        if length <= most:
            payload = page[at : at + length]
            if len(payload) < length:
                raise UnreadableRow
            return _values(payload), number, True
        least = (self.size - 12) * 32 // 255 - 23
        here = least + (length - least) % (self.size - 4)
        here = least if here > most else here
        payload = page[at : at + here]
        following = int.from_bytes(page[at + here : at + here + 4], "big")
        rest, whole = self._overflow(following, length - here)
        return _values(payload + rest), number, whole

    def _overflow(self, number: int, length: int) -> tuple[bytes, bool]:
        parts: list[bytes] = []
        whole = True
        while length > 0:
            if not 1 < number <= self.pages or len(parts) > self.pages:
                raise UnreadableRow
            page = self._page(number)
            whole = whole and self._is_sound(number, page)
            part = page[4 : 4 + min(length, self.size - 4)]
            parts.append(part)
            length -= len(part)
            number = int.from_bytes(page[:4], "big")
        return b"".join(parts), whole


def _mapped(path: Path) -> mmap.mmap | bytes:
    """A file that may be larger than memory."""
    try:
        with open_file(path) as file:
            if not file.seek(0, 2):
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EIO):
            raise Unavailable(f"{path} cannot be read: {error}") from error
        return b""  # missing, or no file


def _page_size(main: mmap.mmap | bytes, log: mmap.mmap | bytes) -> int:
    """As the file says, else as its log does, else the one by which the most pages are pages."""
    for found in (main[16:18] if main[:16] == _MAGIC else b"", log[8:12]):
        size = int.from_bytes(found, "big")
        size = 65_536 if size == 1 else size
        if size in _SIZES:
            return size

    def likely(size: int) -> float:
        starts = range(size, min(len(main), 4096 * size), size)
        good = sum(main[at] in _KINDS and main[at + 7] < 61 for at in starts)
        return good * good / max(len(starts), 1)  # half as many as large are as likely each

    return max(_SIZES, key=likely)


def read_sums(path: Path) -> tuple[str | None, array[int]]:
    """The state of the ledger that its checksums are of, and those of its pages, as
    :class:`~graphmem.adapters.ledger.sqlite.page_sums.PageSums` keeps them. None, and none, where
    they cannot be read."""
    sums = array("I")
    try:
        head, _, rest = read_file(path).partition(b"\n")
        found = json.loads(head)
        if found["sum"] == zlib.crc32(rest):
            sums.frombytes(rest)
            return str(found["state"]), sums
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return None, array("I")


def own_salts(head: bytes, found: Sequence[bytes]) -> bytes:
    """Of these salts of frames the log's own: as its head says, else the most frequent."""
    return head[16:24] if head[16:24] in found or not found else Counter(found).most_common(1)[0][0]


def is_big_endian(head: bytes) -> bool:
    """In which order of bytes the sums of a write-ahead log are made, by its head."""
    return int.from_bytes(head[:4], "big") == _BIG_ENDIAN_LOG


def log_sum(before: bytes, data: bytes, *, big: bool) -> bytes:
    """The sum of a write-ahead log after these bytes."""
    one, two = struct.unpack(">II", before)
    words = struct.unpack(f"{'>' if big else '<'}{len(data) // 4}I", data)
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) & 0xFFFFFFFF
        two = (two + odd + one) & 0xFFFFFFFF
    return struct.pack(">II", one, two)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for step in range(8):
        byte = data[at + step]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + step + 1
    return value << 8 | data[at + 8], at + 9


def _values(payload: bytes) -> tuple[Any, ...]:
    """A row's values; :class:`UnreadableRow` where its lengths do not add up."""
    head, at = _varint(payload, 0)
    if not at <= head <= len(payload):
        raise UnreadableRow
    found: list[Any] = []
    place = head
    while at < head:
        kind, at = _varint(payload, at)
        value, place = _value(payload, kind, place)
        found.append(value)
    if at != head or place != len(payload):
        raise UnreadableRow
    return tuple(found)


def _value(payload: bytes, kind: int, at: int) -> tuple[Any, int]:
    if kind == 0:
        return None, at
    if kind in {8, 9}:
        return kind - 8, at
    if kind in _INTS:
        end = at + _INTS[kind]
        return int.from_bytes(payload[at:end], "big", signed=True), end
    if kind == 7:
        return struct.unpack(">d", payload[at : at + 8])[0], at + 8
    if kind < 12:
        raise UnreadableRow
    end = at + (kind - 12) // 2
    if end > len(payload):
        raise UnreadableRow
    part = payload[at:end]
    return (part.decode("utf-8") if kind % 2 else part), end


def ranges(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Rising numbers as first and last of each run."""
    if not numbers:
        return []
    breaks = [0, *(n for n, (a, b) in enumerate(pairwise(numbers), 1) if b != a + 1), len(numbers)]
    return [(numbers[a], numbers[b - 1]) for a, b in pairwise(breaks)]
