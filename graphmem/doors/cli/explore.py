"""``graphmem explore``: the memory in a browser."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
import webbrowser

import click

from graphmem.doors.cli.base import Options, command, holds_store, options
from graphmem.errors import Unavailable, UsageError

_WAIT_S = 30


@command("explore")
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
        raise UsageError(
            f"{error.name} is missing: pip install 'graphmem[server]' brings what the page needs"
        ) from error
    from graphmem.settings import Settings

    settings = Settings.load(
        server_host="127.0.0.1",
        server_port=port,
        server_workers=1,
        server_log_level="warning",
        server_explorer=True,
    )
    elsewhere = all((settings.ledger, settings.graph, settings.vectors))

    def welcome(address: str) -> None:
        # A browser may take its time: what serves it does not wait.
        showing = threading.Thread(
            target=_show, args=(_with_scope(address, found), open_it), daemon=True
        )
        showing.start()

    serve(None if elsewhere else found.place, settings, _quiet, welcome)


def _quiet(_: str) -> None:
    """Of a server that is for this page alone nobody needs to know more."""


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
