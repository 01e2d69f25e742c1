"""The server itself: tools, resources and prompts over one memory, in the scope of its start."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final, TypeAlias

import mcp_types as types
import msgspec
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError

from graphmem import __version__
from graphmem.doors.http.middleware import given_key
from graphmem.doors.mcp import prompts, resources
from graphmem.doors.mcp.results import Answer, Changed
from graphmem.doors.mcp.shared import SharedMemory
from graphmem.doors.mcp.tools import TOOLS, MemoryTool
from graphmem.errors import GraphmemError, NotFound, Unauthenticated, Unavailable, UsageError

_log = logging.getLogger("graphmem.mcp")
_BEAT_S: Final = 2.0
_PART: Final = 16
_LONGEST_NAME: Final = 100  # bytes
_EDITS: Final = frozenset({"update", "delete"})
INSTRUCTIONS: Final = (
    "A long-term memory of facts, entities and relations, each with its dates and sources. Search "
    "it before answering what may depend on earlier conversations; remember what is worth knowing "
    "later, in whole sentences with names and dates. Results carry ids: explain says where "
    "something comes from, correct and forget change it, undo takes that back. Whose memory it is "
    "was fixed when it was started."
)

McpRequest: TypeAlias = ServerRequestContext[Any, Any]


def make_server(memory: SharedMemory, *, keys: bool = False) -> Server[Any]:
    """An MCP server over a memory; the memory stays its opener's to close. With ``keys`` each
    request is made by whom its own key stands for."""
    answering = _Answering(memory, keys=keys)
    return Server(
        "graphmem",
        version=__version__,
        title="graphmem",
        instructions=INSTRUCTIONS,
        on_list_tools=answering.list_tools,
        on_call_tool=answering.call_tool,
        on_list_resources=answering.list_resources,
        on_list_resource_templates=answering.list_templates,
        on_read_resource=answering.read_resource,
        on_list_prompts=answering.list_prompts,
        on_get_prompt=answering.get_prompt,
        on_completion=answering.complete,
    )


class _Answering:
    """What answers each request."""

    def __init__(self, memory: SharedMemory, *, keys: bool) -> None:
        self._memory = memory
        self._keys = keys

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

    async def list_resources(
        self, context: McpRequest, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        cursor = params.cursor if params is not None else None
        with _refusing():
            return await resources.listed_resources(self._asking(context), cursor)

    async def list_templates(
        self, _: McpRequest, __: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=resources.templates())

    async def read_resource(
        self, context: McpRequest, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        with _refusing():
            return await resources.read_resource(self._asking(context), str(params.uri))

    async def list_prompts(
        self, _: McpRequest, __: types.PaginatedRequestParams | None
    ) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=prompts.listed_prompts())

    async def get_prompt(
        self, context: McpRequest, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        with _refusing():
            return await prompts.made_prompt(self._asking(context), params.name, params.arguments)

    async def complete(
        self, context: McpRequest, params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        with _refusing():
            return await resources.completions(self._asking(context), params)

    def _asking(self, context: McpRequest) -> resources.Ask:
        """What asks the memory in the name of whoever made a request."""
        key = self._key(context)

        async def ask(method: str, **arguments: Any) -> Any:
            return await self._memory.call(method, arguments, actor=_actor(context), key=key)

        return ask

    def _key(self, context: McpRequest) -> str | None:
        """Whose key a request has. Where keys are asked for, none goes through without."""
        if not self._keys:
            return None
        key = given_key(context.request) if context.request is not None else None
        if key is None:
            raise Unauthenticated("each request needs a key of its own")
        return key

    async def _answer(
        self, tool: MemoryTool, arguments: Mapping[str, Any] | None, context: McpRequest
    ) -> Answer:
        given = tool.checked(arguments)
        progress = _Progress(context, tool, len(given.get("contents", ())))
        key, actor = self._key(context), _actor(context)
        async with progress.kept_in_touch():
            if tool.method == "add_many":
                return await self._remember_many(tool, given, context, progress)
            found = await self._memory.call(tool.method, given, actor=actor, key=key)
            answer = tool.answer.of(found, given)
            if isinstance(answer, Changed) and tool.method in _EDITS and not given.get("erase"):
                await self._say_how_to_undo(answer, given, self._asking(context))
        return answer

    async def _remember_many(
        self,
        tool: MemoryTool,
        given: Mapping[str, Any],
        context: McpRequest,
        progress: _Progress,
    ) -> Answer:
        """In parts, each of which is stored whatever becomes of the next: whoever waits hears how
        far it is, and may end it there."""
        contents: list[Any] = given["contents"]
        ask = self._asking(context)
        new = 0
        for first in range(0, len(contents), _PART):
            part = contents[first : first + _PART]
            new += await ask("add_many", **{**given, "contents": part})
            await progress.reached(first + len(part))
        return tool.answer.of(new, given)

    async def _say_how_to_undo(
        self, answer: Changed, given: Mapping[str, Any], ask: resources.Ask
    ) -> None:
        """What was changed by hand is undone by its number, which history has."""
        with contextlib.suppress(NotFound):  # it was an episode
            changes = await ask("history", fact_id=given.get("fact_id", given.get("id")))
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
    if client is None:
        return "mcp"
    # A program calls itself whatever it likes: what is no name is no reason to store nothing.
    seen = "".join(c if c.isprintable() else " " for c in client.client_info.name)
    name = " ".join(seen.split()).encode("utf-8", "ignore")[:_LONGEST_NAME]
    return f"mcp:{name.decode('utf-8', 'ignore')}" if name else "mcp"


def _failed(error: GraphmemError) -> types.CallToolResult:
    """An error as a model reads it: what is wrong, and what to do."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, Unavailable):
        text += " (try again in a moment)"
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """An error of a request that is no tool's, with what to do in its message."""
    try:
        yield
    except GraphmemError as error:
        code = types.INTERNAL_ERROR
        if isinstance(error, UsageError | NotFound):
            code = types.INVALID_PARAMS
        raise MCPError(code, f"{type(error).__name__}: {error}") from error


class _Progress:
    """How far a call is, for whoever asked for that: at each step, and while it takes long."""

    def __init__(self, context: McpRequest, tool: MemoryTool, total: int) -> None:
        self._session = context.session
        self._tool = tool
        self._total = float(total) or None
        self._done = 0.0

    async def reached(self, done: int) -> None:
        """So many are done."""
        self._done = max(self._done, float(done))
        message = f"{self._tool.title}: {done} done"
        await self._session.report_progress(self._done, self._total, message)

    @contextlib.asynccontextmanager
    async def kept_in_touch(self) -> AsyncIterator[None]:
        """Say now and then that it is at work."""
        beating = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(_BEAT_S)
            # It has to rise: by so little that what is counted stays what it is.
            self._done += _BEAT_S if self._total is None else 0.001
            message = f"{self._tool.title}: at work"
            await self._session.report_progress(self._done, self._total, message)
