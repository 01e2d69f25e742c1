"""Commands about relation types: how each behaves, declaring that, learning it from the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click

from graphmem.doors.cli.base import command, options
from graphmem.doors.cli.output import RIGHT, console, note, print_table, show, show_json, table_text
from graphmem.model import RelationType

_AT_A_TIME = {"one": "one", "usually_one": "one, unless stated together", "many": "several"}
_WHY = {"built_in": "built in", "default": "nothing known"}


@command("types")
def types_command() -> None:
    """List relation types and how they behave.

    In your scope when one is given, else in the whole store.
    """
    with options().memory(owned=False) as memory:
        found = memory.relation_types()
    if not show_json(found):
        _show(found)


@command("declare-type")
@click.argument("type_", metavar="TYPE")
@click.option("--one/--many", "single_valued", default=None, help="How many objects at a time.")
@click.option("--same-as", metavar="OTHER", help="Another word for OTHER.")
@click.option("--inverse-of", metavar="OTHER", help="OTHER with its ends changed.")
def declare_type_command(
    type_: str, *, single_valued: bool | None, same_as: str | None, inverse_of: str | None
) -> None:
    """Say how a relation type behaves.

    For the whole store. Without an option, its declaration is removed.

    \b
    graphmem declare-type drives --one
    graphmem declare-type driven_by --inverse-of drives
    """
    with options().memory(owned=False) as memory, _bar("deciding again") as progress:
        found = memory.declare_type(
            type_,
            single_valued=single_valued,
            same_as=same_as,
            inverse_of=inverse_of,
            progress=progress,
        )
    if not show_json(found):
        _show([found])


@command("learn-types")
def learn_types_command() -> None:
    """Learn from the data which types have one object.

    What is believed is decided again by it.
    """
    with options().memory(owned=False) as memory, _bar("learning") as progress:
        found = memory.learn_types(progress=progress)
    if show_json(found):
        return
    if found:
        _show(found)
    else:
        show(table_text("nothing new"))


@contextmanager
def _bar(what: str) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import Progress

    with Progress(console=console(error=True)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(found: Sequence[RelationType]) -> None:
    rows = [
        (
            one.type,
            _behaviour(one),
            _WHY.get(one.because, one.because),
            f"{one.statements:,}",
            f"{one.subjects:,}",
        )
        for one in found
    ]
    print_table(
        ["type", "objects at a time", "because", ("said", RIGHT), ("subjects", RIGHT)], rows
    )
    if not all(one.settled for one in found):
        note("not all is decided by that yet: declare it again, or graphmem learn-types")


def _behaviour(one: RelationType) -> str:
    if one.same_as is None:
        return _AT_A_TIME[one.at_a_time]
    return f"as {one.same_as}" + (", the other way round" if one.inverse else "")
