"""A toolset for pydantic-ai over a memory."""

from __future__ import annotations

from typing import Any

from pydantic_ai import FunctionToolset

from graphmem.frameworks.tools import memory_tools
from graphmem.sync import Memory


def graphmem_toolset(memory: Memory, **scope: Any) -> FunctionToolset[Any]:
    """The functions of :func:`~graphmem.frameworks.tools.memory_tools` as a toolset of an agent:
    ``Agent(…, toolsets=[graphmem_toolset(memory, user_id="ada")])``."""
    return FunctionToolset(memory_tools(memory, **scope), id="graphmem")
