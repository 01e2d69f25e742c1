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


_all = click.option("--all", "everybody", is_flag=True, help="Everybody's, not one user's.")


@command("types")
def types_command() -> None:
    """List relation types and how they behave.

    As they hold in your scope when one is given, else for everybody.
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
@_all
def declare_type_command(
    type_: str,
    *,
    single_valued: bool | None,
    same_as: str | None,
    inverse_of: str | None,
    everybody: bool,
) -> None:
    """Say how a relation type behaves.

    For one user, or for everybody. Without an option, its declaration is removed.

    \b
    graphmem --user ada declare-type drives --one
    graphmem declare-type --all driven_by --inverse-of drives
    """
    opened = options().memory(owned=not everybody)
    with opened as memory, _bar("deciding again") as progress:
        found = memory.declare_type(
            type_,
            single_valued=single_valued,
            same_as=same_as,
            inverse_of=inverse_of,
            all_scopes=everybody,
            progress=progress,
        )
    if not show_json(found):
        _show([found])


@command("learn-types")
@_all
def learn_types_command(*, everybody: bool) -> None:
    """Learn from the data which types have one object.

    Of one user, or of everybody. What is believed is decided again by it.
    """
    with options().memory(owned=not everybody) as memory, _bar("learning") as progress:
        found = memory.learn_types(all_scopes=everybody, progress=progress)
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
