"""A memory for AutoGen's agents, and tools."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from autogen_core import CancellationToken
from autogen_core.memory import Memory as AutogenMemory
from autogen_core.memory import (
    MemoryContent,
    MemoryMimeType,
    MemoryQueryResult,
    UpdateContextResult,
)
from autogen_core.model_context import ChatCompletionContext
from autogen_core.models import LLMMessage, UserMessage
from autogen_core.tools import FunctionTool

from graphmem.errors import UsageError
from graphmem.frameworks.tools import hit_metadata, memory_tools
from graphmem.model import Hit
from graphmem.sync import Memory

_T = TypeVar("_T")
_SOURCE = "graphmem"


class GraphmemMemory(AutogenMemory):
    """What is known, for ``AssistantAgent(memory=[…])``: what answers the newest message of the
    user is put before the model, within ``budget_tokens``. It comes as a message of ``graphmem``,
    not of the system: what people said is no instruction, and not every model takes a second of
    those. An agent adds nothing by itself: ``add`` does, or :func:`autogen_tools`.

    ``scope`` says whose memory it is (without it, as the memory was opened); ``clear`` deletes all
    of that. The memory stays its opener's to close.
    """

    def __init__(
        self, memory: Memory, *, limit: int = 10, budget_tokens: int = 1000, **scope: Any
    ) -> None:
        self._memory = memory
        self._limit = limit
        self._budget_tokens = budget_tokens
        self._scope = scope

    async def update_context(self, model_context: ChatCompletionContext) -> UpdateContextResult:
        question = _last_question(await model_context.get_messages())
        known = ""
        if question:
            found = await asyncio.to_thread(
                self._memory.context, question, budget_tokens=self._budget_tokens, **self._scope
            )
            known = str(found)
        if not known:
            return UpdateContextResult(memories=MemoryQueryResult(results=[]))
        reminder = UserMessage(content=f"What is known that may help:\n{known}", source=_SOURCE)
        await model_context.add_message(reminder)
        shown = MemoryContent(content=known, mime_type=MemoryMimeType.TEXT)
        return UpdateContextResult(memories=MemoryQueryResult(results=[shown]))

    async def query(
        self,
        query: str | MemoryContent,
        cancellation_token: CancellationToken | None = None,
        **kwargs: Any,
    ) -> MemoryQueryResult:
        """What a search finds, best first; ``kwargs`` are any other arguments of ``search``."""
        text = query if isinstance(query, str) else _text_of(query)
        given = {"limit": self._limit, **kwargs, **self._scope}
        found = await _cancellable(lambda: self._memory.search(text, **given), cancellation_token)
        return MemoryQueryResult(results=[_content(hit) for hit in found])

    async def add(
        self, content: MemoryContent, cancellation_token: CancellationToken | None = None
    ) -> None:
        """Remember a text, or a dictionary as JSON; its metadata goes with it.
        :class:`~graphmem.errors.UsageError` for pictures and bytes."""
        text = _text_of(content)
        given = {"metadata": content.metadata or None, **self._scope}
        await _cancellable(lambda: self._memory.add(text, **given), cancellation_token)

    async def clear(self) -> None:
        await asyncio.to_thread(self._memory.delete_all, **self._scope)

    async def close(self) -> None:
        """Nothing: whoever opened the memory closes it."""


def autogen_tools(memory: Memory, **scope: Any) -> list[FunctionTool]:
    """The functions of :func:`~graphmem.frameworks.tools.memory_tools` as tools of an agent."""
    return [
        FunctionTool(tool, description=tool.__doc__ or "", name=tool.__name__)
        for tool in memory_tools(memory, **scope)
    ]


async def _cancellable(work: Callable[[], _T], token: CancellationToken | None) -> _T:
    """Work beside the event loop; whoever has the token need not wait for it."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    if token is not None:
        token.link_future(working)
    return await working


def _last_question(messages: Sequence[LLMMessage]) -> str:
    for message in reversed(messages):
        if isinstance(message, UserMessage) and message.source != _SOURCE:
            parts = [message.content] if isinstance(message.content, str) else message.content
            return "\n".join(part for part in parts if isinstance(part, str)).strip()
    return ""


def _text_of(content: MemoryContent) -> str:
    value = content.content
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    raise UsageError(
        f"a memory keeps texts and dictionaries, got {type(value).__name__}: describe it in words"
    )


def _content(hit: Hit) -> MemoryContent:
    text = MemoryMimeType.TEXT
    return MemoryContent(content=hit.text, mime_type=text, metadata=hit_metadata(hit))
