"""Calls that write or read a file where the caller is: it goes over the wire."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Final

from graphmem.client.calls import Call
from graphmem.client.codec import CallBody, read_result, to_bytes
from graphmem.client.problems import reading_answer
from graphmem.client.transport import Transport
from graphmem.errors import Rejected, Unavailable, UsageError
from graphmem.files import make_folder

RESULT_HEADER: Final = "graphmem-result"
"""What a call returned, beside the file that is the body of its answer."""
_PIECE = 256 * 1024


async def carried(transport: Transport, call: Call, body: CallBody, given: Any) -> Any:
    """Make such a call. ``given`` names the file, or the folder, here."""
    place = _checked(call, given)
    if call.name == "import_":
        query = {"arguments": to_bytes(body).decode()}
        found = await transport.upload(f"/v1/{call.path}", query, _pieces(place))
        return replace(read_result(call, found), file=str(place))
    if call.name == "export":
        return replace(await _downloaded(transport, call, body, place), file=str(place))
    await asyncio.to_thread(make_folder, place)
    packed = place / ".backup.tar"
    copied = await _downloaded(transport, call, body, packed)
    await asyncio.to_thread(_unpack, packed, place)
    return replace(copied, folder=str(place))


def _checked(call: Call, given: Any) -> Path:
    """A file to read, or a place to write to where nothing is."""
    if not isinstance(given, str | os.PathLike) or not str(given).strip() or "\0" in str(given):
        raise UsageError(f"{given!r} names no file or folder")
    place = Path(given).expanduser().absolute()
    if call.name == "import_":
        if not place.is_file():
            raise UsageError(f"{place} cannot be read: there is no such file")
    elif call.name == "export" and place.exists():
        raise UsageError(f"{place} is there already: give a new file")
    elif place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise UsageError(f"{place} holds something already: give a new folder")
    return place


async def _pieces(place: Path) -> AsyncIterator[bytes]:
    with place.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


def _unpack(packed: Path, place: Path) -> None:
    try:
        with tarfile.open(packed) as archive:
            _unpack_files(archive, place)
    except tarfile.TarError as error:
        raise Rejected(f"the server's backup cannot be unpacked: {error}") from error
    finally:
        packed.unlink(missing_ok=True)


def _unpack_files(archive: tarfile.TarFile, place: Path) -> None:
    """Files and folders inside ``place``, and nothing else: what an archive says otherwise about
    names, links and rights is not followed. (The library's own filter came with Python 3.11.4.)"""
    root = place.resolve()
    for member in archive:
        path = (root / member.name).resolve()
        source = archive.extractfile(member) if member.isreg() else None
        if not path.is_relative_to(root) or (source is None and not member.isdir()):
            raise Rejected(f"the server's backup holds {member.name!r}, which is no file of one")
        if source is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with source, path.open("wb") as file:
            shutil.copyfileobj(source, file)


@contextmanager
def _when_whole(place: Path) -> Iterator[BinaryIO]:
    """A file to write to that gets its name when all is written, and is gone otherwise."""
    place.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{place.name}-", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


async def _downloaded(transport: Transport, call: Call, body: CallBody, place: Path) -> Any:
    """The body of the answer into a file."""
    async with transport.download(f"/v1/{call.path}", to_bytes(body)) as answer:
        with reading_answer():
            data = json.loads(answer.headers[RESULT_HEADER])
        found = read_result(call, data)
        with _when_whole(place) as file:
            async for piece in answer.aiter_bytes(_PIECE):
                await asyncio.to_thread(file.write, piece)
            # Of a file that a proxy packed, the length is that of what was sent.
            _check_length(answer.headers.get("content-length"), answer.num_bytes_downloaded)
        return found


def _check_length(promised: str | None, came: int) -> None:
    if promised is not None and int(promised) != came:
        raise Unavailable("the server ended the connection before the file was whole")
