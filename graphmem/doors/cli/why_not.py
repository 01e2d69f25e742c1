"""The command that asks why a search did not give something: why-not."""

from __future__ import annotations

from typing import Any

import click

from graphmem.doors.cli.base import WHERE, command, filtered
from graphmem.doors.cli.hints import memory_to_ask
from graphmem.doors.cli.output import show, show_json, table_text


@command("why-not")
@click.argument("query")
@click.argument("missing")
@click.option(
    "--limit", type=click.IntRange(min=1), default=10, show_default=True, help="At most so many."
)
@click.option("--all", "everything", is_flag=True, help="Also what has ended or expired.")
@WHERE
@click.option("--min-score", type=float, default=0.0, help="As of search.")
@click.option("--threshold", type=float, default=0.0, help="As of search.")
def why_not_command(
    query: str,
    missing: str,
    *,
    limit: int,
    everything: bool,
    where: str | None,
    min_score: float,
    threshold: float,
) -> None:
    """Show why a search does not give something.

    MISSING is the id of a fact or a turn, or a sentence; the options are those of the search.
    """
    given: dict[str, Any] = {"min_score": min_score, "threshold": threshold}
    given |= {"current": not everything, **filtered(where)}
    with memory_to_ask() as memory:
        found = memory.why_not(query, missing, limit=limit, **given)
    if show_json(found):
        return
    show(table_text(found.cause.replace("_", " "), "bold"))
    show(table_text(found.explanation))
    if found.rank is not None:
        show(table_text(f"rank {found.rank}, found by {', '.join(found.arms) or 'no arm'}", "dim"))
