"""The options --as-of and --known-at of what reads, and the comparison of two moments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.base import command, time_option
from graphmem.doors.cli.hints import memory_to_ask, say_if_empty
from graphmem.doors.cli.output import FIXED, note, print_table, show_json, table_text, when
from graphmem.errors import UsageError

if TYPE_CHECKING:
    from graphmem import Memory
    from graphmem.model import Difference

_KEY = "graphmem.past"


def in_the_past(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --as-of and --known-at; :func:`reader` reads them."""
    for flag, text in (
        ("--known-at", "As it was known then."),
        ("--as-of", "What held then."),
    ):
        function = _option(flag, text)(function)
    return function


def _option(flag: str, text: str) -> Callable[..., Any]:
    def keep(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            from graphmem.clock import parse_when

            kept = context.meta.setdefault(_KEY, {})
            kept[parameter.name] = parse_when(value, name=flag)

    return click.option(flag, metavar="TIME", expose_value=False, callback=keep, help=text)


def moments() -> dict[str, datetime]:
    """The moments that the running command was given, by the names of as_of's arguments."""
    kept: dict[str, datetime] = click.get_current_context().meta.get(_KEY, {})
    names = {"as_of": "valid_at", "known_at": "known_at"}
    return {names[name]: moment for name, moment in kept.items()}


INCLUDE_ARCHIVED = click.option(
    "--include-archived", "archived", is_flag=True, help="Also what has been archived."
)


def reader(memory: Memory, *, everything: bool | None = None) -> tuple[Any, dict[str, Any]]:
    """The memory, or its view at the given moments, and the argument ``current`` for its reads."""
    given = moments()
    if not given:
        return memory, {} if everything is None else {"current": not everything}
    if everything:
        raise UsageError("--all, or --as-of and --known-at: not both")
    return memory.as_of(**given), {}


@command("diff")
@click.argument("a", metavar="MOMENT")
@click.argument("b", metavar="MOMENT")
@click.argument("entity", required=False)
@time_option("--known-at-a", "What was known then of the first moment; now unless given.")
@time_option("--known-at-b", "What was known then of the second; now unless given.")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many."
)
def diff_command(
    a: str,
    b: str,
    entity: str | None,
    *,
    known_at_a: str | None,
    known_at_b: str | None,
    limit: int,
) -> None:
    """Show what changed from one moment to another.

    What began, ended, was learned or withdrawn, and why.

    \b
    graphmem diff 2024-01-01 2024-06-01
    """
    from graphmem.clock import parse_when

    if parse_when(a, name="the first moment") > parse_when(b, name="the second moment"):
        raise UsageError(f"{a} is after {b}: the earlier moment comes first")
    with memory_to_ask() as memory:
        before, after = memory.as_of(a, known_at_a), memory.as_of(b, known_at_b)
        found = memory.diff(before, after, entity, limit=limit)
        say_if_empty(memory, found)
    if show_json(found):
        return
    show_differences(found)
    if len(found) == limit:
        note(f"the first {limit:,}; --limit shows more")


_STYLES = {
    "began": "green",
    "happened": "green",
    "ended": "red",
    "learned": "cyan",
    "withdrawn": "yellow",
}


def show_differences(found: list[Difference]) -> None:
    """Differences as a table."""
    if not found:
        note("no difference")
        return
    texts = {one.fact.id: one.sentence for one in found}
    rows = [
        [
            when(one.at, one.precision),
            table_text(one.what, _STYLES[one.what]),
            one.sentence,
            _why(one, texts),
        ]
        for one in found
    ]
    print_table([("when", FIXED), ("what", FIXED), "fact", "why"], rows, spare="why")


_BY = re.compile(r"; superseded by (?P<id>\S+)$")


def _why(one: Difference, texts: Mapping[str, str]) -> str:
    """A reason with what came instead in its words."""
    match = _BY.search(one.reason)
    instead = texts.get(match["id"]) if match else None
    return f"instead: {instead}" if instead else one.why
