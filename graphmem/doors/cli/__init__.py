"""The command ``graphmem``: everything the API can do, for people and for scripts.

Every command takes ``--json``: then one JSON value is all that goes to standard output, and notes,
progress and errors (as JSON too) go to standard error. Exit codes are in
:data:`graphmem.doors.cli.base.EXIT_CODES`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from graphmem.doors.cli import (  # noqa: F401 - each adds its commands to the group
    access,
    backup,
    bench,
    chat,
    cypher,
    demo,
    documents,
    erasing,
    facts,
    graph,
    lifecycle,
    listings,
    maintenance,
    relate,
    search,
    serving,
    transfer,
    write,
)
from graphmem.doors.cli.base import BROKEN_PIPE, INTERRUPTED, cli, exit_code, report

__all__ = ["cli", "run_and_exit"]

_IN_ORDER_OF_THE_HELP = (
    *("demo", "add", "ingest", "documents", "remove-document", "update", "delete", "delete-all"),
    *("forget", "erasures", "retention", "set-retention", "apply-retention", "resume"),
    *("relate", "unrelate", "undo", "merge", "unmerge"),
    *("search", "context", "explain", "why-not", "chat", "facts", "get", "episode", "history"),
    *("relations", "entities", "entity", "neighbours", "paths", "timeline", "graph", "diff"),
    *("cypher", "types", "declare-type", "learn-types"),
    *("archive", "restore-fact", "promote", "sweep", "summary", "consolidate"),
    *("projects", "users", "agents", "runs", "communities", "update-run"),
    *("stats", "health", "check-config", "test-connection", "verify", "rebuild", "prompts"),
    *("backup", "restore", "salvage", "export", "import", "migrate", "serve", "mcp", "explore"),
    *("orgs", "members", "keys", "webhooks", "usage", "audit", "bench", "completion"),
)
cli.commands = dict(sorted(cli.commands.items(), key=lambda it: _IN_ORDER_OF_THE_HELP.index(it[0])))


def run_and_exit(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run_cli(arguments))


def run_cli(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code: errors become one line on standard error."""
    if sys.stdout is None or sys.stderr is None:  # closed by whoever started it
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as it runs
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # Stored text may hold what this terminal's encoding cannot; show it, do not fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        if "_GRAPHMEM_COMPLETE" in os.environ:
            cli.main(prog_name="graphmem")  # a shell asks what could come next
        # Not cli.main: it would turn a broken pipe into a plain failure.
        with cli.make_context("graphmem", list(arguments)) as context:
            cli.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as asked:
        return asked.exit_code
    except BrokenPipeError:
        # Whoever reads us (head, less) has seen enough. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return BROKEN_PIPE
    except (KeyboardInterrupt, click.Abort):
        report("interrupted", kind="Interrupted", arguments=arguments)
        return INTERRUPTED
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and "--json" not in arguments:
            error.show()
        else:
            report(error.format_message(), kind="UsageError", arguments=arguments)
        return error.exit_code
    except Exception as error:  # the outermost door: nothing is above it
        if os.environ.get("GRAPHMEM_DEBUG") == "1":
            raise
        report(error, arguments=arguments)
        return exit_code(error)
    return 0
