"""``graphmem mcp``: the memory for models, over the Model Context Protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.base import Options, command, options
from graphmem.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

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
def mcp_command(*, http: bool, host: str, port: int) -> None:
    """Give a model this memory, over the Model Context Protocol.

    \b
    graphmem --user ada mcp           over stdin and stdout, for a program that starts it
    graphmem --user ada mcp --http    over HTTP, for any on this machine

    Whose memory it is, is fixed by the options. Several programs may use one folder at a time. With
    another --host than this machine's own, each request needs a key (graphmem keys add).
    """
    try:
        from graphmem.doors.mcp.running import serve_http, serve_stdio
    except ImportError as error:
        raise UsageError(
            f"{error.name} is missing: pip install 'graphmem[mcp]' brings what MCP needs"
        ) from error
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


def _place(found: Options, settings: Settings) -> str | Path | None:
    """Where the memory is: a server, a folder, or (None) databases that the settings name."""
    if found.server is not None:
        return found.server
    elsewhere = all((settings.ledger, settings.graph, settings.vectors))
    return None if elsewhere else found.place
