"""Commands that run a server: serve, mcp (for models), explore (for a browser)."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
import webbrowser
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.arguments import given_only
from graphmem.doors.cli.base import Options, cli, holds_store, options
from graphmem.doors.cli.output import note, show_json
from graphmem.errors import Unavailable, UsageError

if TYPE_CHECKING:
    from graphmem.settings import Settings


_WAIT_S = 30


def _missing(package: str | None, extra: str, need: str) -> UsageError:
    return UsageError(f"{package} is missing: pip install 'graphmem[{extra}]' brings what {need}")


def _place(found: Options, settings: Settings) -> str | Path | None:
    """Where the memory is, or None where the settings name databases for all of it."""
    elsewhere = all((settings.ledger, settings.graph, settings.vectors))
    return None if elsewhere else found.place


@cli.command("serve")
@click.option("--host", metavar="ADDRESS", help="To listen on (GRAPHMEM_SERVER_HOST; 127.0.0.1).")
@click.option("--port", type=int, help="Its port, 0 for a free one (GRAPHMEM_SERVER_PORT; 7788).")
@click.option("--workers", type=int, help="Processes, on databases only (GRAPHMEM_SERVER_WORKERS).")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="What the log tells (GRAPHMEM_SERVER_LOG_LEVEL).",
)
@click.option("--cors", metavar="ORIGINS", help="Pages that may ask (GRAPHMEM_SERVER_CORS).")
@click.option("--docs/--no-docs", default=None, help="Show /docs and /openapi.json.")
def serve_command(**given: Any) -> None:
    """Answer over HTTP, until told to end.

    Every method of the API has an address under /v1.

    Whoever asks needs a key. One that is good for as long as the server runs is in server.json in
    the folder of the store, for its owner to read.
    """
    try:
        from graphmem.doors.http.serve import serve
    except ImportError as error:
        raise _missing(error.name, "server", "a server needs") from error
    from graphmem.settings import Settings

    named = {f"server_{name}": value for name, value in given_only(given).items()}
    settings = Settings.load(**named)
    serve(_place(options(), settings), settings, partial(click.echo, err=True))


@cli.command("mcp")
@click.option(
    "--http", is_flag=True, help="Answer over HTTP, at /mcp, instead of stdin and stdout."
)
@click.option(
    "--host", metavar="ADDRESS", default="127.0.0.1", show_default=True, help="For --http."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=7789,
    show_default=True,
    help="For --http; 0: a free one.",
)
@click.option(
    "--install",
    metavar="CLIENT",
    help="Put it into the configuration of a program: claude-desktop, claude-code, cursor, vscode, "
    "windsurf, gemini, lmstudio.",
)
@click.option("--name", default="graphmem", show_default=True, help="What it is called there.")
@click.option("--yes", is_flag=True, help="Write it without asking.")
def mcp_command(
    *, http: bool, host: str, port: int, install: str | None, name: str, yes: bool
) -> None:
    """Give a model this memory (Model Context Protocol).

    \b
    graphmem --user ada mcp           over stdin and stdout, for a program that starts it
    graphmem --user ada mcp --http    over HTTP, for any on this machine
    graphmem --user ada mcp --install claude-desktop

    Whose memory it is, is fixed by the options. Several programs may use one folder at a time. With
    another --host than this machine's own, each request needs a key (graphmem keys add).
    """
    if install is not None:
        _install(install, name, yes=yes)
        return
    try:
        from graphmem.doors.mcp.running import serve_http, serve_stdio
        from graphmem.doors.mcp.shared import SharedMemory
    except ImportError as error:
        raise _missing(error.name, "mcp", "MCP needs") from error
    from graphmem.settings import Settings

    found = options()
    scope = found.scope()
    given: dict[str, Any] = given_only({"user_name": found.user_name})
    names = ("user_id", "agent_id", "run_id", "project_id")
    ids = given_only({name: getattr(scope, name) for name in names})
    if http:
        given |= {"server_host": host, "server_port": port, "server_log_level": "warning"}
        given |= {"server_drain_s": 2.0}
    settings = Settings.load(**given)
    report = partial(click.echo, err=True)
    place = found.server or _place(found, settings)
    memory = SharedMemory(place, settings, ids, report)
    asyncio.run(serve_http(memory, settings, report) if http else serve_stdio(memory, report))


def _install(program: str, name: str, *, yes: bool) -> None:
    """Show what would be written, ask, and write it."""
    from graphmem.doors.mcp.install import planned_installation

    if importlib.util.find_spec("mcp") is None:  # the program would start it, and only say: failed
        raise _missing("mcp", "mcp", "MCP needs")
    found = options()
    found.scope()
    planned = planned_installation(program, _own_command(found), server=name)
    servers = {planned.client.servers: {name: dict(planned.entry)}}
    shown = json.dumps(servers, indent=2, ensure_ascii=False)
    if planned.done:
        note(f"{planned.path} has it already:\n{shown}")
    else:
        note(f"{planned.client.title} reads {planned.path}; this goes into it:\n{shown}")
        if not yes and not click.confirm("Write it?", err=True):
            raise click.Abort
        kept = planned.write(datetime.now(UTC))
        note(f"written; the file as it was is {kept}" if kept else "written")
        note(f"Start {planned.client.title} again: it has the memory of {found.owner}")
    show_json({"file": str(planned.path), "entry": dict(planned.entry)})


def _own_command(found: Options) -> list[str]:
    """What starts this server from anywhere: by the place of this installation, in this scope."""
    program = Path(sys.argv[0]).absolute()
    own = [str(program)] if program.name.startswith("graphmem") and program.is_file() else []
    own = own or [sys.executable, "-m", "graphmem.doors.cli"]
    place = found.server or (found.store if "://" in found.store else str(found.folder.absolute()))
    own += ["--store", place]
    for flag in ("user", "user-name", "agent", "run", "project"):
        if value := getattr(found, flag.replace("-", "_")):
            own += [f"--{flag}", value]
    return [*own, "mcp"]


@cli.command("explore")
@click.option("--port", type=int, default=0, help="Of this machine, to listen on; else a free one.")
@click.option("--open/--no-open", "open_it", default=True, help="Open the page in a browser.")
def explore_command(port: int, open_it: bool) -> None:
    """Look at a memory in a browser, until told to end.

    The page is served to this machine alone. Its address has a code that lets one browser in,
    once, within five minutes. A folder that is served already is shown by that server; of one
    elsewhere (GRAPHMEM_URL) the page asks for a key.
    """
    found = options()
    if found.server is not None:
        _show(found.server.rstrip("/") + "/", open_it)
        return
    from graphmem.wiring.places import server_at

    if "://" not in found.store:
        there = server_at(found.folder)
        if there is not None and there.key is not None:
            _show(_with_scope(_link(there.url, there.key), found), open_it)
            return
        if not holds_store(found.folder):
            raise UsageError(
                f"there is no store in {found.folder}: give its folder with --store (or "
                "GRAPHMEM_STORE), or put something in: graphmem add, graphmem demo"
            )
    _serve(found, port, open_it)


def _serve(found: Options, port: int, open_it: bool) -> None:
    try:
        from graphmem.doors.http.serve import serve
    except ImportError as error:
        raise _missing(error.name, "server", "the page needs") from error
    from graphmem.settings import Settings

    settings = Settings.load(
        server_host="127.0.0.1",
        server_port=port,
        server_workers=1,
        server_log_level="warning",
        server_explorer=True,
    )

    def welcome(address: str) -> None:
        # A browser may take its time: what serves it does not wait.
        showing = threading.Thread(
            target=_show, args=(_with_scope(address, found), open_it), daemon=True
        )
        showing.start()

    serve(_place(found, settings), settings, lambda _: None, welcome)


def _show(address: str, open_it: bool) -> None:
    click.echo(f"the explorer is at {address}", err=True)
    if open_it and not webbrowser.open(address):
        click.echo("no browser could be opened: open that address in one", err=True)


def _with_scope(address: str, found: Options) -> str:
    """The address, which says whose memory was asked for."""
    named = {"user": found.user, "project": found.project}
    more = urllib.parse.urlencode({name: value for name, value in named.items() if value})
    return f"{address}&{more}" if more else address


def _link(url: str, key: str) -> str:
    """The address with a code of a server that answers already."""
    from graphmem.doors.http.serve import sign_in_address

    asked = urllib.request.Request(  # noqa: S310 - the address is from the note of our own folder
        f"{url}/explorer/code", b"", {"authorization": f"Bearer {key}"}
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(asked, timeout=_WAIT_S) as answer:
            return sign_in_address(url, json.load(answer)["code"])
    except urllib.error.HTTPError as error:
        raise Unavailable(
            f"the server at {url} shows no explorer (it answered {error.code}): start it with "
            "GRAPHMEM_SERVER_EXPLORER=1"
        ) from error
    except OSError as error:
        raise Unavailable(f"the server at {url} does not answer: {error}") from error
