"""What commands print: JSON for scripts, tables for people, notes beside both.

Stored text is shown, never obeyed: it is no markup to the tables, and control characters in it
(which could move the cursor or rewrite a terminal's title) are made visible.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from graphmem.clock import Precision
from graphmem.doors.cli.base import options
from graphmem.model import to_json
from graphmem.model.printing import printed_date
from graphmem.text import printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress
    from rich.table import Table
    from rich.text import Text

_Column: TypeAlias = tuple[str, dict[str, Any]]
_PLAIN_WIDTH = 120
_WIDE_ENOUGH = 120
"""Columns from which on a table has room for ids."""
_GAP = 3
"""Columns of a terminal between two columns of a table."""
_UNBROKEN = 16
"""Characters of a word up to which its column is made wide enough for it."""


def emit(value: Any) -> None:
    """Print a value as JSON on standard output."""
    found = json.dumps(to_json(value), ensure_ascii=False, indent=2, default=str)
    click.echo(printable_json(found))


def show_json(value: Any) -> bool:
    """Print the value as JSON when that was asked for; False when it is for the caller to show."""
    if options().json:
        emit(value)
        return True
    return False


def note(message: str) -> None:
    """A remark for people: on standard error, so that it is never mistaken for a result."""
    click.echo(printable(message), err=True)


def console(*, error: bool = False) -> Console:
    """Where to print: as wide as the terminal, or a fixed width when piped."""
    from rich.console import Console

    stream = sys.stderr if error else sys.stdout
    terminal = stream.isatty()
    width = None if terminal or os.environ.get("COLUMNS") else _PLAIN_WIDTH
    return Console(
        file=stream, width=width, highlight=False, markup=False, emoji=False, soft_wrap=False
    )


def table_text(value: object, style: str = "") -> Text:
    """A cell: text as it is, never read as markup."""
    from rich.text import Text

    return Text(printable("" if value is None else str(value)), style=style)


def show(*parts: RenderableType) -> None:
    """Print to standard output."""
    out = console()
    for part in parts:
        out.print(part)


def print_table(
    columns: Sequence[str | tuple[str, dict[str, Any]]],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    ids: Sequence[str] = (),
    spare: str | None = None,
) -> None:
    """Print rows under their columns; long text wraps, nothing is cut off. A column in which
    nothing stands is left out, and ``spare``, which says nothing new, where rows would wrap.

    No column is narrower than its longest word, if that is not very long. With ``ids``, one a row,
    these are a last column where there is room for it, else each a line of its own below its row.
    """
    from rich.text import Text

    lines = [
        [value if isinstance(value, Text) else table_text(value) for value in row] for row in rows
    ]
    named: list[_Column] = [
        (column, {}) if isinstance(column, str) else column for column in columns
    ]
    filled = [at for at in range(len(named)) if not lines or any(row[at].plain for row in lines)]
    named, lines = [named[at] for at in filled], [[row[at] for at in filled] for row in lines]
    width = console().width
    if spare is not None and sum(_widest(named, lines)) + _GAP * (len(named) - 1) > width:
        at = [name for name, _ in named].index(spare)
        named, lines = named[:at] + named[at + 1 :], [row[:at] + row[at + 1 :] for row in lines]
    below = bool(ids) and width < _WIDE_ENOUGH
    if ids and not below:
        named.append(("id", FIXED))
        lines = [[*row, table_text(id)] for row, id in zip(lines, ids, strict=True)]
    texts = [[name, *(row[at].plain for row in lines)] for at, (name, _) in enumerate(named)]
    fixed = [bool(settings.get("no_wrap")) for _, settings in named]
    widths = _widths(texts, fixed, width)
    if below and widths[0] is None:
        widths = [(wide, True) for wide in _widest(named, lines)]
    grid = _grid(named, widths, title=title)
    for row in lines if not below else ():
        grid.add_row(*row)
    show(grid)
    for row, id in zip(lines, ids, strict=True) if below else ():
        grid = _grid(named, widths, header=False)
        grid.add_row(*row)
        show(grid)
        # One line each, however narrow the terminal: an id that is cut in two cannot be copied.
        click.echo(f"    {printable(id)}")


def _widest(named: Sequence[_Column], rows: Sequence[Sequence[Text]]) -> list[int]:
    """How wide each column is when nothing wraps."""
    texts = ([name, *(row[at].plain for row in rows)] for at, (name, _) in enumerate(named))
    return [_longest(line for text in column for line in text.splitlines()) for column in texts]


def _grid(
    named: Sequence[_Column],
    widths: Sequence[tuple[int, bool] | None],
    *,
    title: str | None = None,
    header: bool = True,
) -> Table:
    """A table without rows."""
    from rich import box
    from rich.table import Table

    grid = Table(
        box=box.SIMPLE_HEAD if sys.stdout.isatty() else box.SIMPLE,
        title=None if title is None else table_text(title, "bold"),
        title_justify="left",
        header_style="bold",
        pad_edge=False,
        show_edge=False,
        show_header=header,
    )
    for (name, settings), width in zip(named, widths, strict=True):
        # A fixed column that has to be narrower than its cells would be cut off: it wraps then.
        wrap = {} if width is None else {"width": width[0], "no_wrap": width[1]}
        grid.add_column(name, **{"overflow": "fold", **settings, **wrap})
    return grid


def _widths(
    texts: Sequence[Sequence[str]], fixed: Sequence[bool], free_width: int
) -> list[tuple[int, bool]] | list[None]:
    """How wide each column is and whether it stays on one line; nothing to set if all have room.

    Every column has room for its longest word (or for all, when it is fixed); what is left is
    shared evenly by those that want more.
    """
    wanted = [_longest(line for t in column for line in t.splitlines()) for column in texts]
    free_width -= _GAP * (len(texts) - 1)
    if sum(wanted) <= free_width:
        return [None] * len(texts)
    words = [_longest(word for t in column for word in t.split()) for column in texts]
    least = [
        want if one_line else min(word, _UNBROKEN)
        for want, word, one_line in zip(wanted, words, fixed, strict=True)
    ]
    if (short := sum(least) - free_width) > 0:
        return [(max(1, width - -(-short * width // sum(least))), False) for width in least]
    spare = free_width - sum(least)
    widths = list(least)
    hungry = sorted(range(len(texts)), key=lambda at: wanted[at] - least[at])
    for waiting, at in enumerate(hungry):
        more = min(wanted[at] - least[at], spare // (len(hungry) - waiting))
        widths[at] += more
        spare -= more
    return list(zip(widths, fixed, strict=True))


def _longest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max((cell_len(text.expandtabs()) for text in texts), default=1) or 1


FIXED: dict[str, Any] = {"no_wrap": True}
RIGHT: dict[str, Any] = {"justify": "right", "no_wrap": True}
NUMBER: tuple[str, dict[str, Any]] = ("#", RIGHT)


def when(moment: datetime | None, precision: Precision | None = "instant") -> str:
    """A time as people read it: as exact as it is known, an instant as the day, and the minute
    unless it is midnight (UTC)."""
    if moment is None:
        return ""
    if precision != "instant":
        return printed_date(moment, precision)
    if moment.hour == moment.minute == 0:
        return moment.date().isoformat()
    return f"{moment.date()} {moment:%H:%M}"


def counted(number: int, one: str, many: str | None = None) -> str:
    """``1 fact``, ``2 facts``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def progress_bar() -> Progress:
    """Bar, count, rate and time left; printed once, at the end, when nobody watches."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Task as Shown
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Shown) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:,.1f}/s")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console(error=True),
    )
