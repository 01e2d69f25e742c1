"""Bytes to text, lines and JSON values, a piece at a time, with errors that say where."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, Protocol

from graphmem.errors import UsageError

_CHUNK = 1 << 20
_SPACE = re.compile(r"[ \t\r\n]*")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NEAR_END = 64
"""An error this close to the end of what has been read may be a value cut by the chunk."""


class Unreadable(UsageError):
    """A file that is nothing to ingest: no text, or of no format that is known."""


class Readable(Protocol):
    """Anything with ``read``."""

    def read(self, size: int = -1, /) -> bytes: ...


def decoded(stream: Readable, name: str, size: int = _CHUNK) -> Iterator[str]:
    """The text of a stream in chunks: UTF-8, or UTF-16 when it starts with its byte-order mark.

    :class:`Unreadable` naming the file and the byte when it is neither.
    """
    data = stream.read(size)
    encoding, at = "utf-8", 0
    for bom, of in _BOMS:
        if data.startswith(bom):
            encoding, at = of, len(bom)
            data = data[at:]
            break
    decoder = codecs.getincrementaldecoder(encoding)()
    while True:
        waiting = len(decoder.getstate()[0])
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            byte = at - waiting + error.start
            raise Unreadable(
                f"{name}: not {encoding.upper()} text at byte {byte} ({error.reason}); "
                "save it as UTF-8 and try again"
            ) from error
        if text:
            yield text
        if not data:
            return
        at += len(data)
        data = stream.read(size)


def numbered_lines(chunks: Iterator[str]) -> Iterator[tuple[int, str]]:
    """Numbered lines (from 1), without their ends; only ``\\n`` and ``\\r\\n`` end one."""
    number, partial = 1, ""
    for chunk in chunks:
        *whole, partial = (partial + chunk).split("\n")
        for line in whole:
            yield number, line.removesuffix("\r")
            number += 1
    if partial:
        yield number, partial.removesuffix("\r")


def why_no_json(error: ValueError | RecursionError) -> str:
    """What reading JSON stumbled over."""
    if isinstance(error, json.JSONDecodeError):
        return error.msg
    deep = isinstance(error, RecursionError)
    return "nested too deeply" if deep else "a number with too many digits"


class JsonStream:
    """The values of a JSON text, one at a time: an array's elements, or values one after another.

    Only the value being read is in memory. ``line`` is the line on which the last one began.
    """

    def __init__(self, chunks: Iterator[str], name: str) -> None:
        self._chunks = chunks
        self._name = name
        self._text = ""
        self._at = 0
        self._ended = False
        self._decode = json.JSONDecoder().raw_decode
        self._counted_to = 0
        self._newlines = 0
        self.line = 1

    def __iter__(self) -> Iterator[Any]:
        if self._peek() == "[":
            self._at += 1
            yield from self._elements()
            if self._peek():
                raise self._error("something follows the end of the list")
        while self._peek():
            yield self._value()

    def _elements(self) -> Iterator[Any]:
        separator = ""
        while following := self._peek():
            if following == "]" and separator != ",":
                self._at += 1
                return
            yield self._value()
            separator = self._peek()
            if separator == ",":
                self._at += 1
            elif separator and separator != "]":
                raise self._error("',' or ']' expected")
        raise self._error("the list never ends")

    def _peek(self) -> str:
        """The next character that is not space, without taking it; empty at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(_CHUNK):
                return ""

    def _value(self) -> Any:
        self.line = self._line_at(self._at)
        wanted = _CHUNK
        while True:
            try:
                value, end = self._decode(self._text, self._at)
            except json.JSONDecodeError as error:
                unfinished = error.pos >= len(self._text) - _NEAR_END or error.msg.startswith(
                    "Unterminated string"
                )
                # Reading twice as much each time keeps the repeated attempts linear in all.
                if unfinished and not self._ended:
                    self._more(wanted)
                    wanted *= 2
                    continue
                raise self._error(error.msg, error.pos) from error
            except (ValueError, RecursionError) as error:
                raise self._error(why_no_json(error)) from error
            # A number near the end of what has been read (``0.``) may go on in the next chunk.
            bare = not isinstance(value, dict | list | str)
            if bare and end > len(self._text) - _NEAR_END and not self._ended:
                self._more(_CHUNK)
                continue
            self._at = end
            return value

    def _more(self, characters: int) -> bool:
        """Read on, dropping what has been used."""
        if self._ended:
            return False
        self._line_at(self._at)
        parts = [self._text[self._at :]]
        self._at = self._counted_to = 0
        got = 0
        while got < characters:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._ended = True
                break
            parts.append(chunk)
            got += len(chunk)
        self._text = "".join(parts)
        return got > 0

    def _line_at(self, position: int) -> int:
        """The line of a position in the buffer, counted on from the last one that was asked for."""
        self._newlines += self._text.count("\n", self._counted_to, position)
        self._counted_to = max(position, self._counted_to)
        return self._newlines + 1

    def _error(self, why: str, position: int | None = None) -> UsageError:
        line = self._line_at(self._at if position is None else position)
        return UsageError(f"{self._name}, line {line}: not JSON: {why}")
