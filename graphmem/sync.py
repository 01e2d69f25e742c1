"""The synchronous face: :class:`Memory`, one mirrored line per method."""

from __future__ import annotations

import inspect
import weakref
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypedDict

from graphmem.clock import Clock
from graphmem.engine.event_loop import LoopThread, Mirror, mirror
from graphmem.errors import UsageError
from graphmem.ports.api import MemoryAPI
from graphmem.ports.api.arguments import When
from graphmem.ports.api.reads import ReadAPI, ViewAPI
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.redactor import Redactor
from graphmem.settings import Settings
from graphmem.text import redacted
from graphmem.wiring import open_memory
from graphmem.wiring.places import settings_or_usual


class _Ids(TypedDict):
    user_id: str | None
    agent_id: str | None
    run_id: str | None
    project_id: str | None
    actor: str | None


def _server_of(folder: str | Path | None, settings: Settings | None) -> str | None:
    """The address of the server that is meant, if one is."""
    if isinstance(folder, str) and folder.startswith(("http://", "https://")):
        return folder
    if folder is not None:
        return None
    return settings_or_usual(settings).url


async def _connected(
    url: str, api_key: str | None, settings: Settings | None, ids: _Ids, own: Sequence[object]
) -> MemoryAPI:
    """A client of a server."""
    if any(value is not None for value in own):
        raise UsageError(
            "user_name, extraction, clock, redactors and read_only are the server's own: leave "
            "them out with a URL"
        )
    try:
        from graphmem.client import AsyncRemoteMemory
    except ImportError as error:
        raise UsageError(
            f"{error.name} is missing: pip install 'graphmem[client]' brings what a client needs"
        ) from error
    usual = settings_or_usual(settings)
    if api_key is None and usual.api_key is not None:
        api_key = usual.api_key.get_secret_value()
    return AsyncRemoteMemory(
        url,
        api_key=api_key,
        timeout_s=usual.client_timeout_s,
        attempts=usual.client_attempts,
        **ids,
    )


class _Reads(Mirror):
    """The reads, of a memory and of its views."""

    search = mirror(ReadAPI.search)
    temporal_search = mirror(ReadAPI.temporal_search)
    search_by_tags = mirror(ReadAPI.search_by_tags)
    search_by_people = mirror(ReadAPI.search_by_people)
    context = mirror(ReadAPI.context)
    explain = mirror(ReadAPI.explain)
    get = mirror(ReadAPI.get)
    get_all = mirror(ReadAPI.get_all)
    episode = mirror(ReadAPI.episode)
    history = mirror(ReadAPI.history)
    entities = mirror(ReadAPI.entities)
    entity = mirror(ReadAPI.entity)
    relations = mirror(ReadAPI.relations)
    neighbours = mirror(ReadAPI.neighbours)
    paths = mirror(ReadAPI.paths)
    timeline = mirror(ReadAPI.timeline)
    to_networkx = mirror(ReadAPI.to_networkx)


class MemoryView(_Reads):
    """A memory at a moment, to be read: see :meth:`Memory.as_of`. The methods are those of
    :class:`~graphmem.ports.api.reads.ViewAPI`, without ``await``."""

    def __init__(self, thread: LoopThread, target: ViewAPI, memory: Memory) -> None:
        super().__init__(thread, target)
        self._view = target
        self._memory = memory  # which would be closed when nobody referred to it

    def __repr__(self) -> str:
        return repr(self._view)

    @property
    def valid_at(self) -> datetime | None:
        """The moment of the world's time; None for what held when it was known."""
        return self._view.valid_at

    @property
    def known_at(self) -> datetime | None:
        """The moment whose knowledge counts; None for now."""
        return self._view.known_at

    cypher = mirror(ViewAPI.cypher)


class Memory(_Reads):
    """A memory in one folder.

    >>> with Memory("my-memory", user_id="ada") as memory:
    ...     receipt = memory.add("I moved to Lisbon last month.")

    ``folder`` is created when it is new; ``memory://`` keeps nothing. The ids are defaults for
    every call; ``actor`` is in whose name it writes, as history shows it, ``user_name`` what facts
    call that user. ``settings`` default to the environment's (``GRAPHMEM_*``). ``extraction`` says
    how a model is to read what is told, unless a call says otherwise. ``redactors`` find what is
    not to be stored, ``read_only`` opens a folder that another process holds: see
    :func:`graphmem.open_memory`. The methods are those of
    :class:`~graphmem.ports.api.MemoryAPI`, without ``await``.

    ``https://…`` is a server's (``graphmem serve``), which ``api_key`` opens; without a folder
    ``GRAPHMEM_URL`` is, with ``GRAPHMEM_API_KEY``. What an engine is opened with (all but the ids
    and ``actor``) is then the server's own.
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        user_id: str | None = None,
        user_name: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        project_id: str | None = None,
        actor: str | None = None,
        settings: Settings | None = None,
        extraction: ExtractionOptions | None = None,
        clock: Clock | None = None,
        redactors: Sequence[Redactor] = (),
        read_only: bool = False,
        api_key: str | None = None,
    ) -> None:
        ids: _Ids = {
            "user_id": user_id,
            "agent_id": agent_id,
            "run_id": run_id,
            "project_id": project_id,
            "actor": actor,
        }
        LoopThread.wait_for_others()
        thread = LoopThread()
        try:
            url = _server_of(folder, settings)
            if url is not None:
                own = (user_name, extraction, clock, *redactors, read_only or None)
                opened: Any = thread.call(_connected(url, api_key, settings, ids, own))
            elif api_key is not None:
                raise UsageError(  # noqa: TRY301 - the thread is ended below
                    "an api_key is for a server: give its URL, https://…, instead of a folder"
                )
            else:
                opened = thread.call(
                    open_memory(
                        folder,
                        **ids,
                        user_name=user_name,
                        settings=settings,
                        extraction=extraction,
                        clock=clock,
                        redactors=redactors,
                        read_only=read_only,
                    )
                )
        except BaseException:
            thread.close()
            raise
        super().__init__(thread, opened)
        self._opened = opened
        # Forgotten without being closed, it lets its folder go as a file does.
        weakref.finalize(self, thread.let_go, opened.close).atexit = False

    add = mirror(MemoryAPI.add)
    add_many = mirror(MemoryAPI.add_many)
    known_keys = mirror(MemoryAPI.known_keys)
    add_document = mirror(MemoryAPI.add_document)
    documents = mirror(MemoryAPI.documents)
    remove_document = mirror(MemoryAPI.remove_document)
    relate = mirror(MemoryAPI.relate)
    relate_many = mirror(MemoryAPI.relate_many)
    unrelate = mirror(MemoryAPI.unrelate)
    update = mirror(MemoryAPI.update)
    delete = mirror(MemoryAPI.delete)
    delete_all = mirror(MemoryAPI.delete_all)
    forget = mirror(MemoryAPI.forget)
    erasures = mirror(MemoryAPI.erasures)
    retention = mirror(MemoryAPI.retention)
    set_retention = mirror(MemoryAPI.set_retention)
    apply_retention = mirror(MemoryAPI.apply_retention)
    undo = mirror(MemoryAPI.undo)
    merge = mirror(MemoryAPI.merge)
    unmerge = mirror(MemoryAPI.unmerge)
    resume = mirror(MemoryAPI.resume)
    flush = mirror(MemoryAPI.flush)
    diff = mirror(MemoryAPI.diff)
    cypher = mirror(MemoryAPI.cypher)
    relation_types = mirror(MemoryAPI.relation_types)
    declare_type = mirror(MemoryAPI.declare_type)
    learn_types = mirror(MemoryAPI.learn_types)
    why_not = mirror(MemoryAPI.why_not)
    archive = mirror(MemoryAPI.archive)
    restore = mirror(MemoryAPI.restore)
    promote = mirror(MemoryAPI.promote)
    sweep = mirror(MemoryAPI.sweep)
    summary = mirror(MemoryAPI.summary)
    consolidate = mirror(MemoryAPI.consolidate)
    projects = mirror(MemoryAPI.projects)
    users = mirror(MemoryAPI.users)
    agents = mirror(MemoryAPI.agents)
    runs = mirror(MemoryAPI.runs)
    communities = mirror(MemoryAPI.communities)
    update_run = mirror(MemoryAPI.update_run)
    stats = mirror(MemoryAPI.stats)
    get_user_stats = mirror(MemoryAPI.get_user_stats)
    health = mirror(MemoryAPI.health)
    verify = mirror(MemoryAPI.verify)
    rebuild = mirror(MemoryAPI.rebuild)
    backup = mirror(MemoryAPI.backup)
    export = mirror(MemoryAPI.export)
    import_ = mirror(MemoryAPI.import_)

    def as_of(self, valid_at: When | None = None, known_at: When | None = None) -> MemoryView:
        return MemoryView(self._loop_thread, self._opened.as_of(valid_at, known_at), self)

    as_of.__doc__ = inspect.getdoc(MemoryAPI.as_of)

    _close = mirror(MemoryAPI.close)

    def close(self) -> None:
        """Let the folder go; what graph and vectors still lack, the next opening gives them. Safe
        to call twice."""
        if not self._loop_thread.closed:
            try:
                self._close()
            finally:
                self._loop_thread.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


class RemoteMemory(Memory):
    """A memory that a server has: what ``Memory("https://…")`` is, for who always means a server.

    The arguments are those of :class:`graphmem.client.AsyncRemoteMemory`, the methods those of
    :class:`~graphmem.ports.api.MemoryAPI`, without ``await``. Without an ``api_key`` that of
    ``GRAPHMEM_API_KEY`` is taken. :class:`~graphmem.errors.UsageError` for what is no address.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        user_id: str | None = None,
        agent_id: str | None = None,
        run_id: str | None = None,
        project_id: str | None = None,
        actor: str | None = None,
        timeout_s: float = 330.0,
        attempts: int = 4,
    ) -> None:
        if _server_of(url, None) is None:
            raise UsageError(
                f"{redacted(url)!r} is no server's address: give one that begins https://"
            )
        super().__init__(
            url,
            api_key=api_key,
            user_id=user_id,
            agent_id=agent_id,
            run_id=run_id,
            project_id=project_id,
            actor=actor,
            settings=Settings.load(client_timeout_s=timeout_s, client_attempts=attempts),
        )
