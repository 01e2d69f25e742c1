"""What a program sends over stdio that is no message: whoever asked hears so, and does not wait."""

from __future__ import annotations

import json
from contextvars import Context
from typing import Any, Self

import mcp_types as types
from mcp.shared.message import SessionMessage
from pydantic import ValidationError


class Frames:
    """The messages of a stream; of what is none, an error goes back (JSON-RPC 2.0 section 5.1)."""

    def __init__(self, reading: Any, writing: Any) -> None:
        self._reading = reading
        self._writing = writing

    @property
    def last_context(self) -> Context | None:
        """In which the last message was sent."""
        found: Context | None = self._reading.last_context
        return found

    async def __aenter__(self) -> Self:
        await self._reading.__aenter__()
        return self

    async def __aexit__(self, *ended: Any) -> None:
        await self._reading.__aexit__(*ended)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage:
        while True:
            item: SessionMessage | Exception = await self._reading.__anext__()
            if isinstance(item, SessionMessage):
                return item
            if (refusal := refused_frame(item)) is not None:
                await self._writing.send(SessionMessage(refusal))

    async def receive(self) -> SessionMessage:
        """The next one."""
        return await self.__anext__()

    def close(self) -> None:
        """End it."""
        self._reading.close()

    async def aclose(self) -> None:
        """End it."""
        await self._reading.aclose()


def refused_frame(error: Exception) -> types.JSONRPCError | None:
    """What answers a frame that could not be read; nothing where nobody waits for an answer."""
    frame, code = _frame_of(error)
    if isinstance(frame, str) and not frame.strip():
        return None
    given = frame if isinstance(frame, dict) else {}
    if "method" in given and "id" not in given:
        return None
    wrong = "what was sent is no message of JSON-RPC 2.0"
    if code == types.PARSE_ERROR:
        wrong = "a text in it has half of a surrogate pair" if given else "what was sent is no JSON"
    problem = types.ErrorData(code=code, message=f"{wrong}: send it as UTF-8, on one line")
    return types.JSONRPCError(jsonrpc="2.0", id=_id_of(given), error=problem)


def _frame_of(error: Exception) -> tuple[Any, int]:
    """What was sent, as far as it can be known, and what is wrong with it."""
    found = error.errors(include_url=False) if isinstance(error, ValidationError) else []
    for one in found:
        if one["type"] == "json_invalid":
            return _loosely(one["input"]), types.PARSE_ERROR
        if one["type"] == "missing" and len(one["loc"]) == 2:
            return one["input"], types.INVALID_REQUEST
    return None, types.INVALID_REQUEST


def _loosely(line: Any) -> Any:
    """JSON that only its characters make none: half a pair of surrogates."""
    try:
        return json.loads(line)
    except (ValueError, TypeError, RecursionError):
        return line


def _id_of(frame: dict[str, Any]) -> str | int | None:
    given = frame.get("id")
    if isinstance(given, str):
        return given if given.isprintable() else None
    return given if isinstance(given, int) and not isinstance(given, bool) else None
