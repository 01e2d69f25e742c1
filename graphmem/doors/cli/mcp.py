"""``graphmem mcp``: the memory for models, over the Model Context Protocol."""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.base import Options, command, options
from graphmem.doors.cli.output import note, show_json
from graphmem.errors import UsageError

if TYPE_CHECKING:
    from graphmem.settings import Settings


@command("mcp")
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
    except ImportError as error:
        raise _missing(error.name) from error
    from graphmem.settings import Settings

    found = options()
    scope = found.scope()
    given: dict[str, Any] = {} if found.user_name is None else {"user_name": found.user_name}
    names = ("user_id", "agent_id", "run_id", "project_id")
    ids = {name: value for name in names if (value := getattr(scope, name)) is not None}
    if http:
        given |= {"server_host": host, "server_port": port, "server_log_level": "warning"}
        given |= {"server_drain_s": 2.0}
    settings = Settings.load(**given)
    serve = serve_http if http else serve_stdio
    serve(_place(found, settings), settings, ids, lambda line: click.echo(line, err=True))


def _missing(package: str | None) -> UsageError:
    return UsageError(f"{package} is missing: pip install 'graphmem[mcp]' brings what MCP needs")


def _install(program: str, name: str, *, yes: bool) -> None:
    """Show what would be written, ask, and write it."""
    from graphmem.doors.mcp.install import planned_installation

    if importlib.util.find_spec("mcp") is None:  # the program would start it, and only say: failed
        raise _missing("mcp")
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


def _place(found: Options, settings: Settings) -> str | Path | None:
    """Where the memory is: a server, a folder, or (None) databases that the settings name."""
    if found.server is not None:
        return found.server
    elsewhere = all((settings.ledger, settings.graph, settings.vectors))
    return None if elsewhere else found.place
