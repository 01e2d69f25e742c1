"""The file formats that can be ingested, and how to read any of them as items for ``add_many``.

========== =================================================================== ==================
format     what                                                                an episode is
========== =================================================================== ==================
text       a plain text file (``.txt``)                                        a file
markdown   a Markdown file (``.md``), with or without front matter             a file
journal    text or Markdown with lines or headings that begin with a date      a dated part
transcript text or Markdown in which named speakers talk (``Anna: …``)         a file, or a day
whatsapp   a WhatsApp chat, exported to text                                   a day
jsonl      messages or sessions, one a line, or as one JSON list (or its zip)  a session, or a day
slack      a Slack export: the messages of a channel, with ``users.json``      a day
chatgpt    a ChatGPT export: ``conversations.json`` or the zip file around it  a sitting
pdf        a PDF file with text in it                                          a file
docx       a Word document                                                     a file
html       a page of HTML                                                      a file
locomo     LoCoMo conversations, each its own user                             a session
triples    relations as rows of CSV, TSV or JSON Lines, with named columns     a row
========== =================================================================== ==================

Text is UTF-8, or UTF-16 with a byte-order mark. Reading is lazy: text files are read whole, the
others a record at a time, whatever their size. A time without a zone is taken as UTC. Nothing here
opens a memory: readers only yield items.
"""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import IO, Any

from graphmem.errors import UsageError
from graphmem.importers.chatgpt import read_chatgpt
from graphmem.importers.converted import CONVERTED_FORMATS, to_markdown
from graphmem.importers.diary import is_journal, read_journal
from graphmem.importers.items import Conversation, Item
from graphmem.importers.jsonl import is_message, read_jsonl
from graphmem.importers.locomo import read_locomo
from graphmem.importers.slack import SLACK_LISTS, USERS_FILE, is_slack, read_slack, user_names
from graphmem.importers.streams import JsonStream, Unreadable, decoded, numbered_lines
from graphmem.importers.text import read_document, read_markdown, read_plain_text
from graphmem.importers.transcript import is_transcript, read_transcript
from graphmem.importers.triples import is_header, is_triple, read_triples
from graphmem.importers.whatsapp import is_whatsapp, read_whatsapp
from graphmem.limits import IMPORTED_TEXT_BYTES
from graphmem.text import printable

__all__ = [
    "DOCUMENT_FORMATS",
    "IMPORT_FORMATS",
    "Conversation",
    "FileReader",
    "Item",
    "Unreadable",
    "detect",
    "document_id",
    "walk",
]

_Stream = Callable[[Iterator[str], str, datetime | None], Iterator[Item]]
_Whole = Callable[[str, str, datetime | None], Iterator[Item]]
_Opener = Callable[[], Any]

_STREAMS: dict[str, _Stream] = {
    "jsonl": read_jsonl,
    "chatgpt": read_chatgpt,
    "locomo": read_locomo,
    "triples": read_triples,
}
_WHOLE: dict[str, _Whole] = {
    "text": read_plain_text,
    "markdown": read_markdown,
    "journal": read_journal,
    "transcript": read_transcript,
}
DOCUMENT_FORMATS = frozenset({"text", "markdown", "journal", *CONVERTED_FORMATS})
"""Of these a file is a document: read again, it takes the place of what it was."""
IMPORT_FORMATS = (*_WHOLE, "whatsapp", *_STREAMS, "slack", *CONVERTED_FORMATS)

_SUFFIXES = {
    ".txt": "text",
    ".text": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".pdf": "pdf",
    ".docx": "docx",
    ".html": "html",
    ".htm": "html",
    ".csv": "triples",
    ".tsv": "triples",
}
_TEXTS = frozenset({"text", "markdown"})
_LINES = frozenset({".jsonl", ".ndjson"})
_ROWS = frozenset({".csv", ".tsv"})
_WALKED = frozenset({*_SUFFIXES, ".json"})
_EXPORTED = re.compile(r"conversations(?:-\d+)?\.json")


class FileReader:
    """The items of one file. Iterating twice reads it twice; ``bytes_read`` says how far it got.

    ``at`` is when what has no time of its own happened: a time, or ``"mtime"`` for when the file
    was last modified. ``remarks`` is what the last reading was not sure of, for people to read.
    """

    def __init__(
        self, path: Path, format: str | None = None, at: datetime | str | None = None
    ) -> None:
        if format is not None and format not in IMPORT_FORMATS:
            raise UsageError(f"unknown format {format!r}; known: {', '.join(IMPORT_FORMATS)}")
        self.path = path
        with _refused_as_usage(path):
            self.format = format or detect(path)
            converted = self.format in CONVERTED_FORMATS
            self.bytes_total = path.stat().st_size if converted else _size(path)
        self.bytes_read = 0
        self.remarks: list[str] = []
        self._at = at

    def __iter__(self) -> Iterator[Item]:
        with _refused_as_usage(self.path):
            yield from self._read()

    def _read(self) -> Iterator[Item]:
        self.bytes_read = 0
        self.remarks = []
        at = self._when()
        if self.format == "whatsapp":
            yield from read_whatsapp(self._text(), self.path.name, self.remarks.append)
            return
        if self.format in CONVERTED_FORMATS:
            text = to_markdown(self.path, self.format)
            self.bytes_read = self.bytes_total
            yield from read_document(text, self.path.name, at, self.format)
            return
        if self.format in _WHOLE:
            yield from _WHOLE[self.format](self._text(), self.path.name, at)
            return
        for name, open_part in _parts(self.path):
            with open_part() as stream:
                chunks = decoded(_Counted(stream, self), name)
                if self.format == "slack":
                    yield from read_slack(chunks, name, at, self._users())
                else:
                    yield from _STREAMS[self.format](chunks, name, at)

    def _users(self) -> dict[str, str]:
        """The names of a Slack export's users by id; none when the list cannot be read."""
        try:
            return user_names(self.path)
        except UsageError as error:
            self.remarks.append(f"{self.path.name}: speakers stay without names: {error}")
            return {}

    def _when(self) -> datetime | None:
        if self._at != "mtime":
            if isinstance(self._at, str):
                raise UsageError(f"at: {self._at!r} is neither a time nor 'mtime'")
            return self._at
        return datetime.fromtimestamp(int(self.path.stat().st_mtime), UTC)

    def _text(self) -> str:
        if self.bytes_total > IMPORTED_TEXT_BYTES:
            raise UsageError(
                f"{self.path.name}: {self.bytes_total:,} bytes; a text file may have up to "
                f"{IMPORTED_TEXT_BYTES:,}: split it"
            )
        with _opened(self.path) as stream:
            return "".join(decoded(_Counted(stream, self), self.path.name))


def detect(path: Path) -> str:
    """The format of a file, by its name and its content.

    :class:`Unreadable` listing the formats when it is none of them.
    """
    suffix = path.suffix.lower()
    if not os.path.isfile(path):
        raise UsageError(f"{path}: no such file")
    if _SUFFIXES.get(suffix) in _TEXTS:
        return _text_format(path, _SUFFIXES[suffix])
    if _SUFFIXES.get(suffix) in CONVERTED_FORMATS:
        return _SUFFIXES[suffix]
    if suffix in _ROWS and is_header(_first_line(path)):
        return "triples"
    zipped = zipfile.is_zipfile(path)
    (name, open_part), *_ = _parts(path)  # refuses a zip file that is no export
    record = _first_record(open_part, name, lines_of_json=suffix in _LINES)
    found = _format_of(record)
    if found is None and isinstance(record, Mapping) and {"results", "memory"} & record.keys():
        raise Unreadable(
            f"{path}: if it is mem0's: graphmem import --from mem0 {path}; else say its format "
            f"with --format: {', '.join(IMPORT_FORMATS)}"
        )
    if found is None and zipped:
        found = "chatgpt"
    if found is None and suffix in _LINES:
        found = "jsonl"  # its name says so; reading names the line that is none
    if found is None:
        raise Unreadable(
            f"{path}: cannot tell its format; say which with --format: {', '.join(IMPORT_FORMATS)}"
        )
    return found


def _text_format(path: Path, by_name: str) -> str:
    """The format of a text by its content. What cannot be read is reported by its reader."""
    if path.stat().st_size > IMPORTED_TEXT_BYTES:
        return by_name
    try:
        with _opened(path) as stream:
            text = "".join(decoded(stream, path.name))
    except Unreadable:
        return by_name
    if is_whatsapp(text):
        return "whatsapp"
    if is_transcript(text, path.name):
        return "transcript"
    return "journal" if is_journal(text, path.name) else by_name


def _first_record(open_part: _Opener, name: str, *, lines_of_json: bool) -> object:
    """The first JSON value; None for what is no JSON. A bad line is reported by its reader."""
    with open_part() as stream:
        chunks = decoded(stream, name)
        first = next(chunks, "")
        if not first.lstrip().startswith(("[", "{")):
            return None
        try:
            return next(iter(JsonStream(chain([first], chunks), name)), None)
        except UsageError as error:
            if lines_of_json and not isinstance(error, Unreadable):
                return None
            raise


def _first_line(path: Path) -> str:
    with _opened(path) as stream:
        return next(
            (line for _, line in numbered_lines(decoded(stream, path.name)) if line.strip()), ""
        )


def _format_of(record: object) -> str | None:
    if not isinstance(record, Mapping):
        return None
    if "mapping" in record:
        return "chatgpt"
    if isinstance(record.get("conversation"), Mapping):
        return "locomo"
    if is_slack(record):
        return "slack"
    if is_triple(record) and record.get("type") != "message":
        return "triples"
    return "jsonl" if is_message(record) else None


def document_id(path: Path) -> str:
    """The id of the document that a file is: its path from the root, links in its folders
    followed. What no store takes is escaped."""
    whole = Path(os.path.realpath(path.parent), path.name) if path.name else path.resolve()
    return printable(os.fspath(whole).encode("utf-8", "backslashreplace").decode())


def walk(
    paths: Iterable[Path],
    refused: Callable[[OSError], object] | None = None,
    passed_over: Callable[[Path], object] | None = None,
) -> Iterator[tuple[Path, bool]]:
    """The files to read, and whether each was named itself (or found in a folder that was).

    Folders are searched for text, Markdown and JSON files, in order of name, hidden ones and stores
    left out and links to folders not followed. :class:`UsageError` for a path that does not exist,
    :class:`Unreadable` for a folder in which nothing is found, or that may not be read itself;
    ``refused`` is told of each folder in it that may not, ``passed_over`` of each file of another
    kind.
    """
    for path in paths:
        # Unlike those of a path, these do not fail for a name that is too long.
        if os.path.isdir(path):
            yield from ((file, False) for file in _files_under(path, refused, passed_over))
        elif os.path.exists(path):
            yield path, True
        else:
            raise UsageError(f"{path}: no such file or folder")


def _files_under(
    path: Path,
    refused: Callable[[OSError], object] | None,
    passed_over: Callable[[Path], object] | None,
) -> Iterator[Path]:
    from graphmem.settings import LEDGER_FILE

    found = False
    denied: list[OSError] = []
    for folder, inner, names in os.walk(path, onerror=denied.append):
        if LEDGER_FILE in names:  # a memory, perhaps the very one that this goes into
            if folder == str(path):
                raise Unreadable(
                    f"{path}: this folder is a memory's own, and no file beside it is read: keep "
                    "notes in another"
                )
            inner[:] = []
            continue
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in _own_files(names):
            if Path(name).suffix.lower() in _WALKED:
                found = True
                yield Path(folder, name)
            elif passed_over is not None:
                passed_over(Path(folder, name))
    for error in denied:
        if error.filename == str(path):
            raise Unreadable(f"{path}: {error.strerror}")
        if refused is not None:
            refused(error)
    if not found:
        kinds = ", ".join(sorted(_WALKED))
        raise Unreadable(f"{path}: no file to ingest in this folder (looked for {kinds})")


def _own_files(names: Collection[str]) -> list[str]:
    """Those of a folder's files that somebody put there to be read: none that is hidden, and no
    list of a Slack export."""
    slack = {USERS_FILE, "channels.json"} <= set(names)
    return sorted(
        name for name in names if not name.startswith(".") and not (slack and name in SLACK_LISTS)
    )


def _parts(path: Path) -> list[tuple[str, _Opener]]:
    """The streams of a file: itself, or the conversations inside a zipped export."""
    if not zipfile.is_zipfile(path):
        return [(path.name, lambda: _opened(path))]
    try:
        with zipfile.ZipFile(path) as archive:
            names = _exported(archive)
    except zipfile.BadZipFile as error:
        raise Unreadable(f"{path}: a damaged zip file ({error})") from error
    if not names:
        raise Unreadable(
            f"{path}: a zip file without conversations.json: not a ChatGPT export, nor Claude's; "
            "of another export, unpack it and give its folder"
        )
    return [(f"{path.name}/{name}", _zipped(path, name)) for name in names]


def _exported(archive: zipfile.ZipFile) -> list[str]:
    return sorted(n for n in archive.namelist() if _EXPORTED.fullmatch(n.rpartition("/")[2]))


def _zipped(path: Path, name: str) -> _Opener:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(name) as stream:
                yield stream
        # Damaged, or encrypted.
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise UsageError(f"{path}: {name}: {error}") from error

    return opened


def _size(path: Path) -> int:
    if not zipfile.is_zipfile(path):
        return path.stat().st_size
    _parts(path)  # refuses a damaged one
    with zipfile.ZipFile(path) as archive:
        return sum(archive.getinfo(name).file_size for name in _exported(archive))


@contextmanager
def _refused_as_usage(path: Path) -> Iterator[None]:
    """What the system says of a file that may not or cannot be read (a bad sector, a share that is
    gone) as a :class:`~graphmem.errors.UsageError` that names the file."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    with _refused_as_usage(path), path.open("rb") as stream:
        yield stream


class _Counted:
    """A stream that counts in ``reader.bytes_read`` how much of it was read."""

    def __init__(self, stream: IO[bytes], reader: FileReader) -> None:
        self._stream = stream
        self._reader = reader

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._reader.bytes_read += len(data)
        return data
