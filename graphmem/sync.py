"""The synchronous face: :class:`Memory`, one mirrored line per method."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from graphmem.clock import Clock
from graphmem.portal import Mirror, Portal, mirror
from graphmem.ports.api import MemoryAPI
from graphmem.settings import Settings
from graphmem.wiring import open_memory


class Memory(Mirror):
    """A memory in one folder.

    >>> with Memory("my-memory", user_id="ada") as memory:
    ...     receipt = memory.add("I moved to Lisbon last month.")

    ``folder`` is created when it is new; ``memory://`` keeps nothing. The ids are defaults for
    every call. ``settings`` default to the environment's (``GRAPHMEM_*``). The methods are those
    of :class:`~graphmem.ports.api.MemoryAPI`, without ``await``.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        project_id: str | None = None,
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        portal = Portal()
        try:
            opened = portal.call(
                open_memory(
                    folder,
                    user_id=user_id,
                    agent_id=agent_id,
                    run_id=run_id,
                    project_id=project_id,
                    settings=settings,
                    clock=clock,
                )
            )
        except BaseException:
            portal.close()
            raise
        super().__init__(portal, opened)

    add = mirror(MemoryAPI.add)
    add_many = mirror(MemoryAPI.add_many)
    update = mirror(MemoryAPI.update)
    delete = mirror(MemoryAPI.delete)
    delete_all = mirror(MemoryAPI.delete_all)
    resume = mirror(MemoryAPI.resume)
    search = mirror(MemoryAPI.search)
    context = mirror(MemoryAPI.context)
    get = mirror(MemoryAPI.get)
    get_all = mirror(MemoryAPI.get_all)
    episode = mirror(MemoryAPI.episode)
    history = mirror(MemoryAPI.history)
    entities = mirror(MemoryAPI.entities)
    entity = mirror(MemoryAPI.entity)
    relations = mirror(MemoryAPI.relations)
    neighbours = mirror(MemoryAPI.neighbours)
    paths = mirror(MemoryAPI.paths)
    timeline = mirror(MemoryAPI.timeline)
    cypher = mirror(MemoryAPI.cypher)
    to_networkx = mirror(MemoryAPI.to_networkx)
    stats = mirror(MemoryAPI.stats)
    health = mirror(MemoryAPI.health)
    verify = mirror(MemoryAPI.verify)
    rebuild = mirror(MemoryAPI.rebuild)

    _close = mirror(MemoryAPI.close)

    def close(self) -> None:
        """Let the folder go; what graph and vectors still lack, the next opening gives them. Safe
        to call twice."""
        if not self._portal.closed:
            try:
                self._close()
            finally:
                self._portal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
