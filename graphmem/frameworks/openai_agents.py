"""A session and tools for OpenAI's Agents SDK over a memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from agents import FunctionTool, TResponseInputItem, function_tool
from agents.memory import SessionABC

from graphmem.frameworks.tools import memory_tools
from graphmem.model import Episode
from graphmem.sync import Memory

_KIND = "openai_agents"
_TEXTS = frozenset({"content", "text", "output", "arguments"})
_ROLES = {"function_call_output": "tool", "function_call": "assistant", "reasoning": "assistant"}


class GraphmemSession(SessionABC):
    """The items of one conversation, exactly as they were given, in the conversation (``run_id``)
    ``session_id`` of a memory; what people say in it is known from then on like anything that is
    added, unless ``infer`` is off.

    ``scope`` says whose memory it is. What is popped or cleared is undone: nothing is known by it
    any more, and history keeps it. One process at a time adds to a session.
    """

    def __init__(
        self, session_id: str, memory: Memory, *, infer: bool = True, **scope: Any
    ) -> None:
        self.session_id = session_id
        self._memory = memory
        self._infer = infer
        self._scope = {**scope, "run_id": session_id}

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        return await asyncio.to_thread(self._items, limit)

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        if items:
            await asyncio.to_thread(self._add, items)

    async def pop_item(self) -> TResponseInputItem | None:
        return await asyncio.to_thread(self._pop)

    async def clear_session(self) -> None:
        await asyncio.to_thread(self._clear)

    def _episodes(self) -> list[tuple[str, str]]:
        """The documents that the calls to add are, in order, each with its episode."""
        found = self._memory.documents(under=f"{_KIND}:", **self._scope)
        return [(document.id, document.episode_ids[-1]) for document in found]

    def _items(self, limit: int | None) -> list[TResponseInputItem]:
        found: list[TResponseInputItem] = []
        for _, episode_id in reversed(self._episodes()):
            if limit is not None and len(found) >= limit:
                break
            found = [*_items_of(self._memory.episode(episode_id, **self._scope)), *found]
        return found if limit is None else found[len(found) - min(max(limit, 0), len(found)) :]

    def _add(self, items: list[TResponseInputItem]) -> None:
        stored = self._episodes()
        number = 1 + int(stored[-1][0].partition(":")[2]) if stored else 0
        self._write(f"{_KIND}:{number:012d}", items)

    def _write(self, document: str, items: list[TResponseInputItem]) -> None:
        parts = [_split(dict(item)) for item in items]
        self._memory.add_document(
            document,
            [[message for message, _ in parts]],
            metadata={_KIND: [rest for _, rest in parts], "document": document},
            infer=self._infer,
            **self._scope,
        )

    def _pop(self) -> TResponseInputItem | None:
        stored = self._episodes()
        if not stored:
            return None
        document, episode_id = stored[-1]
        *rest, last = _items_of(self._memory.episode(episode_id, **self._scope))
        if rest:
            self._write(document, rest)
        else:
            self._memory.remove_document(document, **self._scope)
        return last

    def _clear(self) -> None:
        for document, _ in self._episodes():
            self._memory.remove_document(document, **self._scope)


def agent_tools(memory: Memory, **scope: Any) -> list[FunctionTool]:
    """The functions of :func:`~graphmem.frameworks.tools.memory_tools` as tools of an agent."""
    return [function_tool(tool) for tool in memory_tools(memory, **scope)]


def _split(item: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """An item as a message with its longest text, which can be as long as any, and the rest."""
    path, text = max(_texts(item), key=lambda found: len(found[1]), default=((), ""))
    kind = str(item.get("type") or "message")
    role = str(item.get("role") or _ROLES.get(kind, "tool"))
    if (kind != "message" and kind not in _ROLES) or not text.strip():
        return {"role": role, "content": f"({kind})"}, {"item": item, "path": None}
    return {"role": role, "content": text}, {"item": _put(item, path, ""), "path": list(path)}


def _items_of(episode: Episode) -> list[TResponseInputItem]:
    rests = episode.metadata[_KIND]
    return [
        rest["item"] if rest["path"] is None else _put(rest["item"], rest["path"], turn.text)
        for rest, turn in zip(rests, episode.turns, strict=True)
    ]


def _texts(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], str]]:
    """The texts that an item carries, each with the way to it: not its ids, types and names."""
    if isinstance(value, str):
        return [(path, value)] if path and path[-1] in _TEXTS else []
    if isinstance(value, Mapping):
        return [found for key, inner in value.items() for found in _texts(inner, (*path, key))]
    if isinstance(value, list):
        return [found for at, inner in enumerate(value) for found in _texts(inner, (*path, at))]
    return []


def _put(value: Any, path: Any, text: str) -> Any:
    """The same with another text at the end of a way."""
    if not path:
        return text
    first, *rest = path
    inner = _put(value[first], rest, text)
    if isinstance(value, Mapping):
        return {**value, first: inner}
    return [*value[:first], inner, *value[first + 1 :]]
