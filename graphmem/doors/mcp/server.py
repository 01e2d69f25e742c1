"""The server itself: tools, resources and prompts over one memory, in the scope of its start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, TypeAlias

import mcp_types as types
import msgspec
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError

from graphmem import __version__
from graphmem.client.codec import as_engine_takes
from graphmem.doors.mcp.results import Answer, Changed
from graphmem.doors.mcp.shared import SharedMemory
from graphmem.doors.mcp.tools import TOOLS, MemoryTool
from graphmem.errors import GraphmemError, NotFound, Unavailable

_log = logging.getLogger("graphmem.mcp")
_BEAT_S: Final = 2.0
_EDITS: Final = frozenset({"update", "delete"})
INSTRUCTIONS: Final = (
    "A long-term memory of facts, entities and relations, each with its dates and sources. Search "
    "it before answering what may depend on earlier conversations; remember what is worth knowing "
    "later, in whole sentences with names and dates. Results carry ids: explain says where "
    "something comes from, correct and forget change it, undo takes that back. Whose memory it is "
    "was fixed when it was started."
)

McpRequest: TypeAlias = ServerRequestContext[Any, Any]


def make_server(memory: SharedMemory) -> Server[Any]:
    """An MCP server over a memory; the memory stays its opener's to close."""
    answering = _Answering(memory)
    return Server(
        "graphmem",
        version=__version__,
        title="graphmem",
        instructions=INSTRUCTIONS,
        on_list_tools=answering.list_tools,
        on_call_tool=answering.call_tool,
    )


class _Answering:
    """What answers each request."""

    def __init__(self, memory: SharedMemory) -> None:
        self._memory = memory

    async def list_tools(
        self, _: McpRequest, __: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_listed(tool) for tool in TOOLS.values()])

    async def call_tool(
        self, context: McpRequest, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None:
            known = ", ".join(TOOLS)
            raise MCPError(
                types.INVALID_PARAMS, f"there is no tool {params.name!r}; there are: {known}"
            )
        try:
            answer = await self._answer(tool, params.arguments, context)
        except GraphmemError as error:
            return _failed(error)
        except Exception:  # noqa: BLE001 - the outermost: what it was, the log says
            _log.exception("%s failed", tool.name)
            return _failed(GraphmemError("something went wrong here; the server's log says what"))
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=answer.text)],
            structured_content=msgspec.to_builtins(answer),
        )

    async def _answer(
        self, tool: MemoryTool, arguments: Mapping[str, Any] | None, context: McpRequest
    ) -> Answer:
        given = tool.checked(arguments)
        asked = as_engine_takes(dict(given), tool.call)
        async with _kept_in_touch(context, tool):
            found = await self._memory.call(tool.method, asked, actor=_actor(context))
            answer = tool.answer(found, given)
            if isinstance(answer, Changed) and tool.method in _EDITS and not given.get("erase"):
                await self._say_how_to_undo(answer, given)
        return answer

    async def _say_how_to_undo(self, answer: Changed, given: Mapping[str, Any]) -> None:
        """What was changed by hand is undone by its number, which history has."""
        fact_id = given.get("fact_id", given.get("id"))
        with contextlib.suppress(NotFound):  # it was an episode
            changes = await self._memory.call("history", {"fact_id": fact_id})
            answer.undo_id = str(changes[-1].seq)
            answer.summary += f" To take that back: undo with id {answer.undo_id}."


def _listed(tool: MemoryTool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=tool.read_only,
            destructive_hint=tool.destructive,
            idempotent_hint=tool.idempotent,
            open_world_hint=False,
        ),
    )


def _actor(context: McpRequest) -> str:
    """In whose name it is written: the program that the model speaks through."""
    client = context.session.client_params
    return f"mcp:{client.client_info.name}" if client is not None else "mcp"


def _failed(error: GraphmemError) -> types.CallToolResult:
    """An error as a model reads it: what is wrong, and what to do."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, Unavailable):
        text += " (try again in a moment)"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


@contextlib.asynccontextmanager
async def _kept_in_touch(context: McpRequest, tool: MemoryTool) -> AsyncIterator[None]:
    """While a call takes long, whoever asked for its progress hears that it is at work."""

    async def beat() -> None:
        seconds = 0.0
        while True:
            await asyncio.sleep(_BEAT_S)
            seconds += _BEAT_S
            await context.session.report_progress(seconds, None, f"{tool.title}: at work")

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await beating
