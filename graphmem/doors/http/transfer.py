"""Exports, imports and backups: files that go over the wire and do not stay on the server."""

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
from typing import BinaryIO

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from graphmem.client.calls import FILES, Call
from graphmem.client.codec import read_request, to_bytes, write_result
from graphmem.client.files import RESULT_HEADER
from graphmem.doors.http.answering import JSON_TYPE, identified
from graphmem.doors.http.calling import perform
from graphmem.doors.http.state import ServerState
from graphmem.errors import GraphmemError, UsageError
from graphmem.model import Exported

_PIECE = 256 * 1024


async def download(served: ServerState, call: Call, request: Request) -> Response:
    """Write the file beside, and send it; a backup's folder is sent packed."""
    caller = await identified(served, request)
    values = read_request(call, await request.body())
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="graphmem-")
    place = Path(folder) / call.path
    try:
        with _naming_no_folder(folder):
            found = await perform(served, caller, call, {**values, FILES[call.name]: place})
        file = place if isinstance(found, Exported) else await asyncio.to_thread(_packed, place)
        result = replace(found, **{FILES[call.name]: ""})
        length = await asyncio.to_thread(os.path.getsize, file)
        source = await asyncio.to_thread(file.open, "rb")
    finally:
        # Before anything is sent: whoever goes away meanwhile leaves nothing behind. What is open
        # can be read to its end.
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    headers = {
        RESULT_HEADER: json.dumps(write_result(result)),
        "content-length": str(length),
    }
    kind = "application/x-ndjson" if call.name == "export" else "application/x-tar"
    return StreamingResponse(_pieces(source), headers=headers, media_type=kind)


@contextmanager
def _naming_no_folder(folder: str) -> Iterator[None]:
    """An error names the file that was sent, not where it is kept meanwhile."""
    try:
        yield
    except GraphmemError as error:
        kept = f"{folder}{os.sep}"
        error.args = tuple(str(part).replace(kept, "") for part in error.args)
        raise


def _packed(folder: Path) -> Path:
    file = folder.with_suffix(".tar")
    with tarfile.open(file, "w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder), recursive=False)
    return file


async def _pieces(source: BinaryIO) -> AsyncIterator[bytes]:
    with source:
        while piece := await asyncio.to_thread(source.read, _PIECE):
            yield piece


async def import_(served: ServerState, call: Call, request: Request) -> Response:
    """Take the body as the file; the arguments stand in the query, as JSON."""
    caller = await identified(served, request)
    given = request.query_params.get("arguments", "{}")
    unknown = request.query_params.keys() - {"arguments"}
    if unknown:
        raise UsageError(f"import has no {min(unknown)}: its arguments are JSON, in `arguments`")
    values = read_request(call, given.encode())
    # Found out before the file is taken, and again when it is there.
    served.access.authorize(caller.principal, call.name, [n for n, v in values.items() if v])
    folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="graphmem-")
    place = Path(folder) / "import.jsonl"
    try:
        await _received(request, place)
        with _naming_no_folder(folder):
            found = await perform(served, caller, call, {**values, FILES[call.name]: place})
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return Response(to_bytes(write_result(replace(found, file=""))), media_type=JSON_TYPE)


async def _received(request: Request, place: Path) -> None:
    try:
        with await asyncio.to_thread(place.open, "wb") as file:
            async for piece in request.stream():
                await asyncio.to_thread(file.write, piece)
    except ClientDisconnect:
        raise UsageError("the file did not arrive whole") from None
