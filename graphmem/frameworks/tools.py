"""Plain functions by which a model uses a memory: every framework makes its tools of such, those
too that have no module here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from graphmem.errors import GraphmemError
from graphmem.model import Hit
from graphmem.sync import Memory

Tool = Callable[..., str]
_MOST = 50
_NOTHING = "Nothing is known of that."


def memory_tools(memory: Memory, **scope: Any) -> list[Tool]:
    """``remember``, ``recall``, ``relations``, ``connections`` and ``forget`` over a memory.

    Whose memory it is stands in ``scope`` (or is what the memory was opened with) and is nothing
    that a model can choose. What goes wrong is in the answer, for the model to do better.
    """

    def remember(text: str) -> str:
        """Store something that was said or learned, for good. Write whole sentences that name who
        and what they are about, with dates where they are known.

        Args:
            text: What to remember.
        """
        return str(memory.add(text, **scope))

    def recall(question: str) -> str:
        """Look up what is known. Ask for one thing at a time, in a whole question.

        Args:
            question: What to look up.
        """
        return str(memory.context(question, **scope)) or _NOTHING

    def relations(name: str) -> str:
        """List how a person, place, organization or thing is related to others now, each with the
        id of its fact.

        Args:
            name: The name of it.
        """
        found = memory.relations(name, limit=_MOST, **scope)
        return "\n".join(f"{one} [{one.fact_id}]" for one in found) or _NOTHING

    def connections(first: str, second: str) -> str:
        """Find how two people, places, organizations or things are connected.

        Args:
            first: The name of the one.
            second: The name of the other.
        """
        return "\n".join(map(str, memory.paths(first, second, **scope))) or _NOTHING

    def forget(fact_id: str) -> str:
        """Forget one thing that is known, for example since it is wrong.

        Args:
            fact_id: Its id, as ``relations`` shows it.
        """
        return str(memory.delete(fact_id, **scope))

    return [_answering_errors(tool) for tool in (remember, recall, relations, connections, forget)]


def hit_metadata(hit: Hit) -> dict[str, Any]:
    """What is known of a hit besides its text, times as text."""
    names = ("id", "kind", "score", "episode_id", "occurred_at")
    about = {name: getattr(hit, name) for name in names}
    about["occurred_at"] = hit.occurred_at and hit.occurred_at.isoformat()
    return {name: value for name, value in about.items() if value is not None}


def _answering_errors(tool: Tool) -> Tool:
    @functools.wraps(tool)
    def guarded(*args: Any, **kwargs: Any) -> str:
        try:
            return tool(*args, **kwargs)
        except GraphmemError as error:
            return f"That did not work: {error}"

    return guarded
