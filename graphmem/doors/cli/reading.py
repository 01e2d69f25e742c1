"""What commands that read share: options that narrow a read or date it, the memory that they ask,
and what to say when there is no answer: that nothing is stored yet, or which name was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sized
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from graphmem.doors.cli.base import next_command, options
from graphmem.doors.cli.output import note
from graphmem.errors import GraphmemError, NotFound, UsageError

if TYPE_CHECKING:
    from graphmem import Memory

Decorator: TypeAlias = Callable[[Callable[..., Any]], Callable[..., Any]]
_KEY = "graphmem.read"
_NO_SUCH = re.compile(r"no (fact|episode or change) '([^']+)' in this scope$")
_MOMENTS = {"as_of": "valid_at", "known_at": "known_at"}
"""The options that date a read, and the arguments of ``as_of`` that they are."""


def _kept(flag: str, **settings: Any) -> Decorator:
    """An option that the command's function is not given: :func:`reader` reads it."""

    def keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is not None and parameter.name in _MOMENTS:
            from graphmem.clock import parse_date

            value, precision = parse_date(value, name=flag)
            if precision != "instant":
                note(f"{flag}: at {value:%Y-%m-%d %H:%M} (UTC)")
        context.meta.setdefault(_KEY, {})[parameter.name] = value

    return click.option(flag, expose_value=False, callback=keep, **settings)


IN_PROJECTS = _kept(
    "--in-project",
    metavar="ID",
    multiple=True,
    help="Read this project; given again, all of them together.",
)
WHERE = _kept(
    "--where",
    metavar="FILTER",
    help="Only what passes, for example 'tag = work and occurred_at >= 2024-05'.",
)
ALL_OPTION = _kept("--all", is_flag=True, help="Also what has ended, expired or been archived.")
IDS_OPTION = click.option("--ids", is_flag=True, help="Show the ids of facts too.")
MIN_SCORE_OPTION = click.option(
    "--min-score",
    type=float,
    default=0.0,
    show_default=True,
    help="Show nothing when an answer is less likely than this (0 to 1; see docs/scores.md).",
)


def dated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --as-of and --known-at."""
    function = _kept("--known-at", metavar="TIME", help="As it was known then.")(function)
    return _kept("--as-of", metavar="TIME", help="What held then.")(function)


def narrowing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options --where, --in-project, --as-of and --known-at."""
    return WHERE(IN_PROJECTS(dated(function)))


def limit_option(default: int, text: str = "At most so many.") -> Decorator:
    """The option --limit."""
    at_least_one = click.IntRange(min=1)
    return click.option("--limit", type=at_least_one, default=default, show_default=True, help=text)


def _given() -> dict[str, Any]:
    found: dict[str, Any] = click.get_current_context().meta.get(_KEY, {})
    return found


def moments() -> dict[str, datetime]:
    """The moments that the running command was given, by the names of ``as_of``'s arguments."""
    given = _given()
    return {name: given[flag] for flag, name in _MOMENTS.items() if given.get(flag) is not None}


def reader(memory: Memory) -> tuple[Any, dict[str, Any]]:
    """The memory, or its view of the given moments; and the arguments ``where``, ``project_ids``
    and ``current`` of a read, as far as the running command has their options."""
    given, at = _given(), moments()
    arguments: dict[str, Any] = {}
    if given.get("where") is not None:
        arguments["where"] = given["where"]
    if given.get("in_project"):
        arguments["project_ids"] = list(given["in_project"])
    if at:
        if given.get("all"):
            raise UsageError("--all, or --as-of and --known-at: not both")
        return memory.as_of(**at), arguments
    if "all" in given:
        arguments["current"] = not given["all"]
    return memory, arguments


@contextmanager
def memory_to_ask() -> Iterator[Memory]:
    """The memory that the options name, to ask it something.

    A name that is not found is answered with those that are like it, in this scope only.
    """
    with options().memory() as memory:
        try:
            yield memory
        except NotFound as error:
            raise NotFound(_explained(memory, str(error))) from error


def _explained(memory: Memory, message: str) -> str:
    from graphmem.retrieve.question.names_and_relations import LISTS

    if _nothing_stored(memory):
        return f"{message.partition(';')[0]}: {_nothing()}"
    if LISTS not in message:
        return message + _of_a_fact(memory, message)
    return message.replace(LISTS, "`graphmem entities` lists those it has")


def _of_a_fact(memory: Memory, message: str) -> str:
    """A hint for an id that is of a fact no longer believed, or of no change; else nothing."""
    match = _NO_SUCH.match(message)
    if match is None:
        return ""
    try:
        changes = memory.history(match[2])
    except GraphmemError:
        return ""
    if match[1] == "fact" and any(change.action == "DELETE" for change in changes):
        return f"; it is believed no more: {next_command('history', match[2])} says why"
    if match[1] == "episode or change":
        return f"; it is a fact: {next_command('history', match[2])} has the ids of its changes"
    return ""


def _nothing_stored(memory: Memory) -> bool:
    """Whether the scope of the options holds no episode."""
    return memory.stats().episodes == 0


def _nothing() -> str:
    return f"nothing is stored for {options().owner} yet (is the name right?)"


def say_if_empty(memory: Memory, answer: object) -> None:
    """After an empty answer: say so when nothing is stored in this scope. Names no other scope,
    and says nothing of the projects of --in-project."""
    if not answer and not _given().get("in_project") and _nothing_stored(memory):
        note(_nothing())


def say_if_no_type(memory: Memory, type: str) -> None:
    """After an empty answer about a relation type: which ones are said here that are like it."""
    from graphmem.retrieve.question.names_and_relations import did_you_mean

    known_types = [known.type for known in memory.relation_types() if known.statements]
    if known_types and type not in known_types:
        note(f"nothing here has the type {type!r}{did_you_mean(type, known_types)}")


def say_if_more(found: Sized, limit: int) -> None:
    """After as many results as were asked for."""
    if len(found) == limit:
        note(f"the first {limit:,}; --limit shows more")
