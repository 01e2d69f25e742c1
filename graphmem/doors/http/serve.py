"""Running the server: one process for a store in a folder, several on databases."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphmem.access import Administration
from graphmem.doors.http.app import make_app
from graphmem.doors.http.head_timeout import HeadTimeoutProtocol
from graphmem.engine import AsyncMemory
from graphmem.errors import GraphmemError, Unavailable, UsageError
from graphmem.settings import PREFIX, Settings
from graphmem.wiring import open_memory
from graphmem.wiring.access import administration_of
from graphmem.wiring.places import SERVER_NOTE, embedded_parts, urls_of

_OWN_KEY = "the server itself"
_HUNG_S = 60
"""A worker that does not answer its parent for so long is ended, and another begun."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def serve(
    folder: str | Path | None,
    settings: Settings,
    report: Callable[[str], None],
    welcome: Callable[[str], None] | None = None,
) -> None:
    """Answer until the process is told to end (SIGTERM, Ctrl-C); what is under way is finished.

    ``report`` is told where it answers; ``welcome``, once it does, the address of its explorer with
    a code that lets one browser in. UsageError for several workers on a store that one process
    holds.
    """
    urls, place = urls_of(folder, settings)
    held = embedded_parts(urls)
    if settings.server_workers > 1 and held:
        raise UsageError(
            f"{settings.server_workers} workers cannot share {', '.join(held)}: one process at a "
            "time holds an embedded store. Use one worker, or PostgreSQL, Neo4j and Qdrant as "
            "servers (docs/deploy.md)"
        )
    listening = listen_at(settings)  # first: a host that is none is not to be written about
    if settings.server_host not in LOOPBACK:
        logging.getLogger("graphmem.server").warning(
            "%s can be reached from other machines: let a proxy speak TLS", settings.server_host
        )
    _log_as(settings)
    url = url_at(settings, listening.getsockname()[1])
    if settings.server_workers > 1:
        _serve_many(folder, settings, listening, lambda: report(f"graphmem answers at {url}"))
        return
    listening.listen()  # whoever reads the note before it answers waits
    opening = _Opening(folder, settings, url, report, place)
    try:
        app = make_app(opening, settings)

        def ready() -> None:
            if welcome is not None and opening.key is not None:
                welcome(sign_in_address(url, app.state.served.codes.add(opening.key)))

        _serve_one(opening.without_traceback(app), settings, listening, ready)
    except SystemExit:  # uvicorn's, of a server that could not begin
        if opening.failed is None:
            raise
    finally:
        opening.forget_note()
    if opening.failed is not None:
        raise opening.failed


class ServedHere:
    """A store that a program opens for itself, and serves on loopback as long as it has it: others
    on this machine go through it, with the key in its note."""

    def __init__(
        self, folder: str | Path, settings: Settings, report: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._settings = settings.model_copy(
            update={"server_host": "127.0.0.1", "server_port": 0, "server_log_level": "warning"}
        )
        self._report = report
        self.url = ""
        """Where it answers, once it is open."""
        self._opening: _Opening | None = None
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> AsyncMemory:
        """Open it. :class:`~graphmem.errors.Unavailable` where another process has it."""
        _, place = urls_of(self._folder, self._settings)
        listening = listen_at(self._settings)
        try:
            listening.listen()
            self.url = url_at(self._settings, listening.getsockname()[1])
            opening = _Opening(self._folder, self._settings, self.url, self._report, place)
            memory = await opening()
        except BaseException:
            listening.close()
            raise
        self._opening = opening

        async def opened() -> AsyncMemory:
            return memory

        self._server = PartServer(make_app(opened, self._settings), self._settings)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))
        while not self._server.started and not self._serving.done():  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.005)
        return memory

    async def stop(self, *, drain_s: float) -> None:
        """Finish what is under way, for up to ``drain_s``, and close the memory."""
        if self._opening is not None:
            self._opening.forget_note()  # whoever comes now waits for the folder
        if self._server is not None and self._serving is not None:
            self._server.config.timeout_graceful_shutdown = max(1, int(drain_s))
            self._server.should_exit = True
            await self._serving


class PartServer(uvicorn.Server):
    """A server that leaves signals to the program that it is a part of."""

    def __init__(self, app: Any, settings: Settings) -> None:
        super().__init__(_config(app, settings, http=HeadTimeoutProtocol))

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class _Opening:
    """Opens the memory. Beside the lock of its folder it is noted where the server answers, with a
    key that is good for as long as it does: for whoever may read the folder and comes to it
    meanwhile."""

    def __init__(
        self,
        folder: str | Path | None,
        settings: Settings,
        url: str,
        report: Callable[[str], None],
        place: Path | None,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._url = url
        self._report = report
        self._place = place
        self._written: Path | None = None
        self.failed: Exception | None = None
        self.key: str | None = None
        """That which is good for as long as the server answers."""

    async def __call__(self) -> AsyncMemory:
        try:
            memory = await open_memory(self._folder, settings=self._settings)
            try:
                await self._announce(administration_of(memory))
            except BaseException:
                await memory.close()
                raise
        except Exception as error:
            self.failed = error
            raise
        return memory

    def without_traceback(self, app: ASGIApp) -> ASGIApp:
        """The same application. Why the memory could not be opened is for whoever opens it to say,
        where somebody foresaw it; uvicorn would write where in the program it was raised."""

        async def around(scope: Scope, receive: Receive, send: Send) -> None:
            async def sent(message: Message) -> None:
                foreseen = isinstance(self.failed, GraphmemError)
                if foreseen and message["type"] == "lifespan.startup.failed":
                    message = {"type": message["type"]}
                await send(message)

            await app(scope, receive, sent if scope["type"] == "lifespan" else send)

        return around

    async def _announce(self, administration: Administration) -> None:
        self._report(f"graphmem answers at {self._url}")
        if self._place is None and self._folder is None:
            return  # other servers may be there, and keys are made by whoever has the ledger
        for key in await administration.keys(None):
            if key.name == _OWN_KEY and key.revoked_at is None:  # of a server that was killed
                await administration.revoke_key(None, key.id)
        self.key = own = (await administration.add_key(None, _OWN_KEY)).secret
        if self._place is not None:
            self._write_note(self._place / SERVER_NOTE, own)
            self._report(f"on this machine its key is in {self._place / SERVER_NOTE}")
        else:
            self._report(f"a key for as long as it runs: {own}")

    def _write_note(self, file: Path, key: str) -> None:
        file.unlink(missing_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as note:
            json.dump({"url": self._url, "key": key, "pid": os.getpid()}, note)
        self._written = file

    def forget_note(self) -> None:
        """The server has ended."""
        if self._written is not None:
            self._written.unlink(missing_ok=True)


def listen_at(settings: Settings) -> socket.socket:
    """A socket on the address of the settings. UsageError where nothing can listen."""
    family = socket.AF_INET6 if ":" in settings.server_host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.server_host, settings.server_port))
    except (OSError, TypeError, UnicodeError) as error:  # the last two of what is no name of a host
        listening.close()
        where = f"{settings.server_host}:{settings.server_port}"
        raise UsageError(
            f"nothing can listen on {where}: {error}; choose another host or port"
        ) from error
    listening.set_inheritable(True)
    return listening


def url_at(settings: Settings, port: int) -> str:
    """Where what listens there answers."""
    host = f"[{settings.server_host}]" if ":" in settings.server_host else settings.server_host
    return f"http://{host}:{port}"


def _config(app: Any, settings: Settings, **more: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        log_level=settings.server_log_level,
        access_log=False,
        server_header=False,
        lifespan="on",
        ws="none",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(settings.server_drain_s),
        limit_concurrency=settings.server_max_connections,
        h11_max_incomplete_event_size=32 * 1024,
        **more,
    )


def sign_in_address(url: str, code: str) -> str:
    """Where the explorer is, for whoever has this code: behind the ``#`` it is sent to nobody."""
    return f"{url}/#code={code}"


class _Server(uvicorn.Server):
    """Says when it answers."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def _serve_one(
    app: ASGIApp, settings: Settings, listening: socket.socket, ready: Callable[[], None]
) -> None:
    server = _Server(_config(app, settings, http=HeadTimeoutProtocol), ready)
    before = signal.signal(signal.SIGTERM, lambda *_: None)  # it is raised again at the end
    try:
        asyncio.run(server.serve(sockets=[listening]))
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _log_as(settings: Settings) -> None:
    which = " [%(process)d]" if settings.server_workers > 1 else ""
    level = logging.getLevelNamesMapping()[settings.server_log_level.upper()]
    # What libraries tell of their requests has addresses of webhooks and, in detail, what was said.
    logging.basicConfig(
        level=max(level, logging.WARNING),
        format=f"%(asctime)s{which} %(levelname)s %(name)s: %(message)s",
        force=True,
    )
    for ours in ("graphmem", "uvicorn"):
        logging.getLogger(ours).setLevel(level)


def _serve_many(
    folder: str | Path | None,
    settings: Settings,
    listening: socket.socket,
    ready: Callable[[], None],
) -> None:
    from uvicorn.config import STARTUP_FAILURE
    from uvicorn.supervisors import Multiprocess

    # What is wrong with the store is told once, and what it lacks is made by one.
    asyncio.run(_tried(folder, settings))
    given = settings.of_the_server()  # on the command line, too
    os.environ.update({f"{PREFIX}{name.upper()}": text for name, text in given.items()})
    config = _config(
        "graphmem.doors.http.serve:worker",
        settings,
        factory=True,
        workers=settings.server_workers,
        http=HeadTimeoutProtocol,
        timeout_worker_healthcheck=_HUNG_S,
    )
    listening.listen()  # whoever comes before the first of them is there waits
    ready()
    workers = Multiprocess(config, sockets=[listening])
    workers.run()
    if any(one.exitcode == STARTUP_FAILURE for one in workers.processes):
        raise Unavailable("a worker could not open the store: the log above says why")


async def _tried(folder: str | Path | None, settings: Settings) -> None:
    async with open_memory(folder, settings=settings):
        pass


def worker() -> FastAPI:
    """The application of one of several workers, from the environment."""
    settings = Settings.load()
    _log_as(settings)

    async def opened() -> AsyncMemory:
        return await open_memory(settings=settings)

    return make_app(opened, settings)
