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

from graphmem.doors.cli import (
    access,
    as_of,
    backup,
    bench,
    chat,
    completion,
    cypher,
    demo,
    documents,
    explore,
    graph,
    lifecycle,
    listings,
    maintenance,
    mcp,
    migrate,
    relate,
    retention,
    salvage,
    search,
    serve,
    transfer,
    types,
    webhooks,
    why_not,
    write,
)
from graphmem.doors.cli.base import BROKEN_PIPE, INTERRUPTED, cli, exit_code, report

__all__ = ["cli", "run_and_exit"]

# In the order of the help.
_COMMANDS = (
    demo.demo_command,
    write.add_command,
    documents.ingest_command,
    documents.documents_command,
    documents.remove_document_command,
    write.update_command,
    write.delete_command,
    write.delete_all_command,
    write.forget_command,
    write.erasures_command,
    retention.retention_command,
    retention.set_retention_command,
    retention.apply_retention_command,
    write.resume_command,
    relate.relate_command,
    relate.unrelate_command,
    relate.undo_command,
    relate.merge_command,
    relate.unmerge_command,
    search.search_command,
    search.context_command,
    search.explain_command,
    why_not.why_not_command,
    chat.chat_command,
    search.facts_command,
    search.get_command,
    search.episode_command,
    search.history_command,
    graph.relations_command,
    graph.entities_command,
    graph.entity_command,
    graph.neighbours_command,
    graph.paths_command,
    graph.timeline_command,
    graph.graph_command,
    as_of.diff_command,
    cypher.cypher_command,
    types.types_command,
    types.declare_type_command,
    types.learn_types_command,
    lifecycle.archive_command,
    lifecycle.restore_fact_command,
    lifecycle.promote_command,
    lifecycle.sweep_command,
    lifecycle.summary_command,
    lifecycle.consolidate_command,
    listings.projects_command,
    listings.users_command,
    listings.agents_command,
    listings.runs_command,
    listings.communities_command,
    listings.update_run_command,
    maintenance.stats_command,
    maintenance.health_command,
    maintenance.check_config_command,
    maintenance.test_connection_command,
    maintenance.verify_command,
    maintenance.rebuild_command,
    maintenance.prompts_command,
    backup.backup_command,
    backup.restore_command,
    salvage.salvage_command,
    transfer.export_command,
    transfer.import_command,
    migrate.migrate_command,
    serve.serve_command,
    mcp.mcp_command,
    explore.explore_command,
    access.orgs_command,
    access.members_command,
    access.keys_command,
    webhooks.webhooks_command,
    access.usage_command,
    access.audit_command,
    bench.bench_command,
    completion.completion_command,
)
for _command in _COMMANDS:
    cli.add_command(_command)


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
