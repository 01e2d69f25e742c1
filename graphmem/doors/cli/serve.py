"""``graphmem serve``: the memory behind HTTP."""

from __future__ import annotations

from typing import Any

import click

from graphmem.doors.cli.base import command, options
from graphmem.errors import UsageError


@command("serve")
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
        raise UsageError(
            f"{error.name} is missing: pip install 'graphmem[server]' brings what a server needs"
        ) from error
    from graphmem.settings import Settings

    found = options()
    named = {f"server_{name}": value for name, value in given.items() if value is not None}
    settings = Settings.load(**named)
    folder = found.store if "://" in found.store else found.folder
    elsewhere = all((settings.ledger, settings.graph, settings.vectors))
    serve(None if elsewhere else folder, settings, lambda line: click.echo(line, err=True))
