"""Options that several commands have, and what they make of their values."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from graphmem.errors import UsageError


def time_option(
    flag: str, text: str, *, also: str | None = None, in_words: bool = False
) -> Callable[..., Any]:
    """An option that takes a time, as it was written (a month is a month, not its first day); what
    is no time is refused by the name of the option. ``also`` is another name for it. ``in_words``:
    it may be "last week"."""

    def parsed(context: click.Context, parameter: click.Parameter, value: str | None) -> Any:
        if value is None:
            return None
        from graphmem.clock import parse_when

        try:
            parse_when(value, name=flag)
        except UsageError:
            if not in_words or not _in_words(value):
                raise
        return value

    return click.option(*filter(None, (flag, also)), metavar="TIME", callback=parsed, help=text)


def _in_words(value: str) -> bool:
    from graphmem.clock import SystemClock
    from graphmem.retrieve.question.filters import span_of

    return span_of(value, SystemClock().now()) is not None


TAGS_OPTION = click.option(
    "--tag", "tags", multiple=True, help="A tag; may be given several times."
)
KEY_OPTION = click.option(
    "--key", "idempotency_key", metavar="TEXT", help="The same key again changes nothing."
)
EVERYBODY_OPTION = click.option(
    "--all", "everybody", is_flag=True, help="Everybody's, not one user's."
)


def given_only(values: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, by name."""
    return {name: value for name, value in values.items() if value is not None and value != ()}


def pairs(values: Sequence[str], flag: str) -> dict[str, Any]:
    """``key=value`` options as a mapping; a value that is JSON counts as what it says."""
    found: dict[str, Any] = {}
    for text in values:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"{flag}: {text!r} is not key=value")
        try:
            found[key] = json.loads(value)
        except (ValueError, RecursionError):
            found[key] = value
    return found


def meta_option(text: str = "Metadata; several times.") -> Callable[..., Any]:
    """The option --meta, as the argument ``metadata``: a mapping, or None."""

    def parsed(context: click.Context, parameter: click.Parameter, value: Sequence[str]) -> Any:
        return pairs(value, "--meta") or None

    return click.option(
        "--meta", "metadata", multiple=True, metavar="KEY=VALUE", callback=parsed, help=text
    )


def piped() -> str | None:
    """What was piped in, as text; None when standard input is a terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        return None
    from graphmem.importers.streams import decoded

    return "".join(decoded(sys.stdin.buffer, "standard input"))
