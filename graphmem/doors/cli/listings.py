"""Commands that list who and what a store holds: projects, users, agents, runs, update-run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from graphmem.doors.cli.arguments import meta_option
from graphmem.doors.cli.base import cli, options
from graphmem.doors.cli.output import (
    FIXED,
    RIGHT,
    note,
    print_table,
    show,
    show_json,
    when,
)
from graphmem.doors.cli.reading import IN_PROJECTS, Decorator, limit_option, reader
from graphmem.model import ConversationState, Listing, ScopeCount

_OFFSET = click.option("--offset", type=click.IntRange(min=0), default=0, help="Pass over so many.")


def _paged(limit: int) -> Decorator:
    """Give a command the options --limit and --offset."""
    return lambda function: limit_option(limit)(_OFFSET(function))


@cli.command("projects")
@_paged(100)
def projects_command(**part: Any) -> None:
    """List the projects of a store."""
    _show_counts("project", part)


@cli.command("users")
@_paged(100)
def users_command(**part: Any) -> None:
    """List the users of a project."""
    _show_counts("user", part)


@cli.command("agents")
@_paged(100)
def agents_command(**part: Any) -> None:
    """List the agents of a project."""
    _show_counts("agent", part)


@cli.command("runs")
@_paged(100)
def runs_command(**part: Any) -> None:
    """List conversations.

    Those of the user who is given, else all of a project.
    """
    with options().memory(owned=False) as memory:
        found = memory.runs(**part)
    if not show_json(found):
        _show_runs(found.items)
        _more(found)


@cli.command("communities")
@_paged(20)
@click.option(
    "--min-size", type=click.IntRange(min=1), default=3, show_default=True, help="No smaller ones."
)
@IN_PROJECTS
def communities_command(**given: Any) -> None:
    """List groups of entities that belong together."""
    with options().memory() as memory:
        found = memory.communities(**given, **reader(memory)[1])
    if show_json(found):
        return
    print_table(
        ["central", ("entities", RIGHT), ("relations", RIGHT)],
        [(one.name, f"{len(one.entities):,}", f"{one.relations:,}") for one in found],
    )
    _more(found)


@cli.command("update-run")
@click.argument("run")
@click.option("--title", help="What to call it.")
@click.option("--close/--reopen", "closed", default=None, help="End it, or go on with it.")
@meta_option()
@click.option("--merge", is_flag=True, help="Lay --meta over the metadata that there is.")
def update_run_command(
    run: str, *, metadata: dict[str, Any] | None, merge: bool, **given: Any
) -> None:
    """Rename a conversation, close it, describe it."""
    if metadata:
        given["metadata"] = metadata
    with options().memory() as memory:
        found = memory.update_run(run, merge_metadata=merge, **given)
    if not show_json(found):
        _show_runs([found])


def _show_runs(found: Sequence[ConversationState]) -> None:
    print_table(
        [("last", FIXED), "title", "whose", ("turns", RIGHT), ("facts", RIGHT), ("state", FIXED)],
        [
            (
                when(one.last_at),
                one.title,
                one.owner,
                f"{one.turns:,}",
                f"{one.facts:,}",
                "closed" if one.closed_at else "open",
            )
            for one in found
        ],
        ids=[one.id for one in found],
    )


def _show_counts(what: str, part: dict[str, Any]) -> None:
    with options().memory(owned=False) as memory:
        found: Listing[ScopeCount] = getattr(memory, f"{what}s")(**part)
    if show_json(found):
        return
    print_table(
        [what, ("episodes", RIGHT), ("facts", RIGHT), ("first", FIXED), ("last", FIXED)],
        [
            (one.id, f"{one.episodes:,}", f"{one.facts:,}", when(one.first_at), when(one.last_at))
            for one in found
        ],
    )
    _more(found)


def _more(found: Listing[Any]) -> None:
    show(f"{len(found):,} of {found.total:,}", "dim")
    if found.next_offset is not None:
        note(f"more: --offset {found.next_offset}")
