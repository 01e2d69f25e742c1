"""A memory block for LlamaIndex agents over a memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import BaseMemoryBlock
from llama_index.core.tools import FunctionTool

from graphmem.frameworks.tools import memory_tools
from graphmem.sync import Memory


class GraphmemBlock(BaseMemoryBlock[str]):
    """What is known, as a block of LlamaIndex's ``Memory``: what leaves the short-term memory is
    added, and what answers the newest message is put before the model, within ``budget_tokens``.

    ``scope`` says whose memory it is (without it, as the memory was opened)."""

    memory: Memory
    name: str = "graphmem"
    budget_tokens: int = 1000
    scope: Mapping[str, Any] = {}

    async def _aget(self, messages: list[ChatMessage] | None = None, **block_kwargs: Any) -> str:
        asked = [text for message in messages or () if (text := _text(message))]
        if not asked:
            return ""
        return str(
            await asyncio.to_thread(
                self.memory.context, asked[-1], budget_tokens=self.budget_tokens, **self.scope
            )
        )

    async def _aput(self, messages: list[ChatMessage]) -> None:
        turns = [
            {"role": message.role.value, "content": text}
            for message in messages
            if (text := _text(message))
        ]
        if turns:
            await asyncio.to_thread(self.memory.add, turns, **self.scope)


def llama_index_tools(memory: Memory, **scope: Any) -> list[FunctionTool]:
    """The functions of :func:`~graphmem.frameworks.tools.memory_tools` as LlamaIndex's tools."""
    return [FunctionTool.from_defaults(tool) for tool in memory_tools(memory, **scope)]


def _text(message: ChatMessage) -> str:
    return (message.content or "").strip()
