"""What commands print: JSON for scripts, tables for people, notes beside both.

Stored text is shown, never obeyed: it is no markup to the tables, and control characters in it
(which could move the cursor or rewrite a terminal's title) are made visible.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from graphmem.clock import Precision
from graphmem.doors.cli.base import options
from graphmem.model import to_json
from graphmem.model.printing import printed_date
from graphmem.text import printable, printable_json

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress, ProgressColumn
    from rich.table import Table
    from rich.text import Text

    from graphmem.model import Removal, Stats

_PLAIN_WIDTH = 120
WIDE_ENOUGH = 120
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


def show(part: RenderableType, style: str = "") -> None:
    """Print to standard output; text as it is, in a style."""
    console().print(table_text(part, style) if isinstance(part, str) else part)


def print_counts(what: str, counts: Mapping[str, int], header: str = "how many") -> None:
    """A table of names and numbers."""
    rows = [(name, f"{count:,}") for name, count in counts.items()]
    print_table([(what, {}), (header, RIGHT)], rows)


@dataclass
class _Column:
    name: str
    settings: dict[str, Any]
    values: list[Text]

    @property
    def _texts(self) -> list[str]:
        return [self.name, *(value.plain for value in self.values)]

    @cached_property
    def wanted(self) -> int:
        """Its width when nothing in it wraps."""
        return _longest(line for text in self._texts for line in text.splitlines())

    @cached_property
    def least(self) -> int:
        """The width of its longest word, if that is not very long; all of it when it is fixed."""
        if self.settings.get("no_wrap"):
            return self.wanted
        return min(_UNBROKEN, _longest(word for text in self._texts for word in text.split()))


def print_table(
    columns: Sequence[str | tuple[str, dict[str, Any]]],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    ids: Sequence[str] = (),
    spare: str | None = None,
    keep_empty: bool = False,
) -> None:
    """Print rows under their columns; long text wraps, nothing is cut off. A column in which
    nothing stands is left out unless ``keep_empty``, and ``spare``, which says nothing new, where
    rows would wrap.

    No column is narrower than its longest word, if that is not very long. With ``ids``, one a row,
    these are a last column where there is room for it, else each a line of its own below its row.
    """
    from rich.text import Text

    lines = [[one if isinstance(one, Text) else table_text(one) for one in row] for row in rows]
    named = [(column, {}) if isinstance(column, str) else column for column in columns]
    made = [_Column(*one, [line[at] for line in lines]) for at, one in enumerate(named)]
    if lines and not keep_empty:
        made = [one for one in made if any(value.plain for value in one.values)]
    width = console().width
    if not _fit(made, width):
        made = [one for one in made if one.name != spare]
    below = bool(ids) and width < WIDE_ENOUGH
    if ids and not below:
        made.append(_Column("id", FIXED, [table_text(id) for id in ids]))
    widths = _widths(made, width)
    if widths is None and below:
        widths = [(one.wanted, True) for one in made]
    grid = _grid(made, widths, title=title)
    for at in range(0 if below else len(lines)):
        grid.add_row(*(one.values[at] for one in made))
    show(grid)
    for at, id in enumerate(ids if below else ()):
        grid = _grid(made, widths, header=False)
        grid.add_row(*(one.values[at] for one in made))
        show(grid)
        # One line each, however narrow the terminal: an id that is cut in two cannot be copied.
        click.echo(f"    {printable(id)}")


def _grid(
    columns: Sequence[_Column],
    widths: Sequence[tuple[int, bool]] | None,
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
    for at, column in enumerate(columns):
        settings = {"overflow": "fold", **column.settings}
        if widths is not None:
            # A fixed column that has to be narrower than its cells would be cut off: it wraps then.
            settings["width"], settings["no_wrap"] = widths[at]
        grid.add_column(column.name, **settings)
    return grid


def _fit(columns: Sequence[_Column], width: int) -> bool:
    """Whether there is room for all without wrapping."""
    return sum(one.wanted for one in columns) + _GAP * (len(columns) - 1) <= width


def _widths(columns: Sequence[_Column], width: int) -> list[tuple[int, bool]] | None:
    """How wide each column is and whether it stays on one line; None if all have room.

    Every column has room for its longest word (or for all, when it is fixed); what is left is
    shared evenly by those that want more.
    """
    if _fit(columns, width):
        return None
    least = [one.least for one in columns]
    room = width - _GAP * (len(columns) - 1)
    spare = room - sum(least)
    if spare < 0:
        return [(max(1, one - -(spare * one // sum(least))), False) for one in least]
    widths = list(least)
    hungry = sorted(range(len(columns)), key=lambda at: columns[at].wanted - least[at])
    for waiting, at in enumerate(hungry):
        more = min(columns[at].wanted - least[at], spare // (len(hungry) - waiting))
        widths[at] += more
        spare -= more
    fixed = [bool(one.settings.get("no_wrap")) for one in columns]
    return list(zip(widths, fixed, strict=True))


def _longest(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max((cell_len(text.expandtabs()) for text in texts), default=1) or 1


INSTEAD = "; superseded by "
"""What stands in a reason before the id of the fact that came instead."""
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


def amounts(of: Removal | Stats) -> str:
    """How many episodes, facts and entities."""
    episodes, facts = counted(of.episodes, "episode"), counted(of.facts, "fact")
    return f"{episodes}, {facts}, {counted(of.entities, 'entity', 'entities')}"


@contextmanager
def progress_of(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for one piece of work, which says how much is done, and of how much."""
    from rich.progress import Progress

    with Progress(console=console(error=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Bar and count, then these columns, else rate, time passed and time left; printed once, at the
    end, when nobody watches."""
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

    usual = (Rate(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *(columns or usual),
        console=console(error=True),
    )
