"""Commands that list who and what a store holds: projects, users, agents, runs, update-run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from graphmem.doors.cli.base import IN_PROJECTS, command, filtered, options, pairs
from graphmem.doors.cli.output import (
    FIXED,
    RIGHT,
    note,
    print_table,
    show,
    show_json,
    table_text,
    when,
)
from graphmem.model import ConversationState, Listing, ScopeCount

_LIMIT = click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many."
)
_OFFSET = click.option("--offset", type=click.IntRange(min=0), default=0, help="Pass over so many.")


@command("projects")
@_LIMIT
@_OFFSET
def projects_command(limit: int, offset: int) -> None:
    """List the projects of a store."""
    with options().memory(owned=False) as memory:
        _show_counts("project", memory.projects(limit=limit, offset=offset))


@command("users")
@_LIMIT
@_OFFSET
def users_command(limit: int, offset: int) -> None:
    """List the users of a project."""
    with options().memory(owned=False) as memory:
        _show_counts("user", memory.users(limit=limit, offset=offset))


@command("agents")
@_LIMIT
@_OFFSET
def agents_command(limit: int, offset: int) -> None:
    """List the agents of a project."""
    with options().memory(owned=False) as memory:
        _show_counts("agent", memory.agents(limit=limit, offset=offset))


@command("runs")
@_LIMIT
@_OFFSET
def runs_command(limit: int, offset: int) -> None:
    """List conversations.

    Those of the user who is given, else all of a project.
    """
    with options().memory(owned=False) as memory:
        found = memory.runs(limit=limit, offset=offset)
    if not show_json(found):
        _show_runs(found.items)
        _more(found)


@command("communities")
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many."
)
@_OFFSET
@click.option(
    "--min-size", type=click.IntRange(min=1), default=3, show_default=True, help="No smaller ones."
)
@IN_PROJECTS
def communities_command(limit: int, offset: int, min_size: int, projects: tuple[str, ...]) -> None:
    """List groups of entities that belong together."""
    with options().memory() as memory:
        found = memory.communities(
            limit=limit, offset=offset, min_size=min_size, **filtered(None, projects)
        )
    if show_json(found):
        return
    print_table(
        ["central", ("entities", RIGHT), ("relations", RIGHT)],
        [(one.name, f"{len(one.entities):,}", f"{one.relations:,}") for one in found],
    )
    _more(found)


@command("update-run")
@click.argument("run")
@click.option("--title", help="What to call it.")
@click.option("--close/--reopen", "closed", default=None, help="End it, or go on with it.")
@click.option("--meta", multiple=True, metavar="KEY=VALUE", help="Metadata; several times.")
@click.option("--merge", is_flag=True, help="Lay --meta over the metadata that there is.")
def update_run_command(
    run: str, *, title: str | None, closed: bool | None, meta: Sequence[str], merge: bool
) -> None:
    """Rename a conversation, close it, describe it."""
    given: dict[str, Any] = {"title": title, "closed": closed, "merge_metadata": merge}
    if meta:
        given["metadata"] = pairs(meta, "--meta")
    with options().memory() as memory:
        found = memory.update_run(run, **given)
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


def _show_counts(what: str, found: Listing[ScopeCount]) -> None:
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
    show(table_text(f"{len(found):,} of {found.total:,}", "dim"))
    if found.next_offset is not None:
        note(f"more: --offset {found.next_offset}")
