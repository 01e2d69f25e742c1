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
def mcp_command() -> None:
    """Give a model this memory, over the Model Context Protocol.

    \b
    graphmem --user ada mcp                over stdin and stdout, for a program that starts it

    Whose memory it is, is fixed by the options. Several programs may use one folder at a time.
    """
    try:
        from graphmem.doors.mcp.running import serve_stdio
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
    settings = Settings.load(**given)
    serve_stdio(_place(found, settings), settings, ids, lambda line: click.echo(line, err=True))


def _place(found: Options, settings: Settings) -> str | Path | None:
    """Where the memory is: a server, a folder, or (None) databases that the settings name."""
    if found.server is not None:
        return found.server
    elsewhere = all((settings.ledger, settings.graph, settings.vectors))
    return None if elsewhere else found.place
