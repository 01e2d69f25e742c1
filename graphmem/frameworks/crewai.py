"""Tools for CrewAI's agents over a memory.

CrewAI's own memory is no place for one: its storage is asked with vectors of CrewAI's embedder,
never with words, and that interface has changed within 1.x.
"""

from __future__ import annotations

from typing import Any

from crewai.tools import BaseTool, tool

from graphmem.frameworks.tools import memory_tools
from graphmem.sync import Memory


def crewai_tools(memory: Memory, **scope: Any) -> list[BaseTool]:
    """The functions of :func:`~graphmem.frameworks.tools.memory_tools` as tools of an agent:
    ``Agent(…, tools=crewai_tools(memory, user_id="ada"))``."""
    return [tool(one) for one in memory_tools(memory, **scope)]
