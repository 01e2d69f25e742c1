"""Commands that state and retract relations, merge entities, and say how relation types behave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import click

from graphmem.doors.cli.arguments import (
    EVERYBODY_OPTION,
    KEY_OPTION,
    TAGS_OPTION,
    given_only,
    meta_option,
    time_option,
)
from graphmem.doors.cli.base import cli, next_command, options
from graphmem.doors.cli.graph import show_entities
from graphmem.doors.cli.output import (
    RIGHT,
    counted,
    note,
    print_table,
    progress_of,
    show,
    show_json,
)
from graphmem.doors.cli.reading import memory_to_ask
from graphmem.doors.cli.write import show_receipt
from graphmem.model import Modality, RelationType


@cli.command("relate")
@click.argument("subject")
@click.argument("type_", metavar="TYPE")
@click.argument("object_", metavar="OBJECT")
@click.option("--fact", metavar="TEXT", help="The sentence to keep; else one is made.")
@time_option("--valid-at", "Since when it holds.", also="--since")
@time_option("--invalid-at", "Until when it held.", also="--until")
@time_option("--at", "When it was said (ISO 8601; UTC without a zone).", also="occurred_at")
@click.option("--modality", type=click.Choice(get_args(Modality)), help="How it is meant.")
@click.option("--subject-kind", metavar="KIND", help="What SUBJECT is, for example person.")
@click.option("--object-kind", metavar="KIND", help="What OBJECT is, for example place.")
@TAGS_OPTION
@meta_option()
@click.option("--importance", type=float, help="From 0 to 1.")
@KEY_OPTION
def relate_command(subject: str, type_: str, object_: str, **given: Any) -> None:
    """Remember one relation, without a model.

    \b
    graphmem relate "Ada Lovelace" works_at Acme --valid-at 2024-03-01
    """
    with options().memory(create=True) as memory:
        receipt = memory.relate(subject, type_, object_, **given_only(given))
    if not show_json(receipt):
        show_receipt(receipt)


@cli.command("unrelate")
@click.argument("subject")
@click.argument("type_", metavar="TYPE")
@click.argument("object_", metavar="OBJECT", required=False)
@time_option("--invalid-at", "It held until then; without it, it never was so.", also="--until")
@time_option("--at", "When this was said (ISO 8601; UTC without a zone).", also="occurred_at")
def unrelate_command(subject: str, type_: str, object_: str | None, **given: Any) -> None:
    """Take a relation back: ended, or never so.

    Without OBJECT, every one of that type.
    """
    with memory_to_ask() as memory:
        receipt = memory.unrelate(subject, type_, object_, **given)
    if show_json(receipt):
        return
    if receipt.status == "done" and not receipt.decisions:
        show(f"remembered as episode {receipt.episode_id}")
        note("it retracts nothing: no such relation is believed (graphmem relations)")
        return
    show_receipt(receipt)


@cli.command("undo")
@click.argument("id")
def undo_command(id: str) -> None:
    """Undo an episode, or an edit.

    Facts that it ended hold again. ID is an episode's, or an edit's as history shows it.
    """
    with memory_to_ask() as memory:
        removal = memory.undo(id)
    if not show_json(removal):
        gone = f"{counted(removal.facts, 'fact')} believed no longer"
        show(f"undone; {gone if removal.facts else 'what was so before is so again'}")


@cli.command("merge")
@click.argument("entity")
@click.argument("other")
def merge_command(entity: str, other: str) -> None:
    """Say that two entities are one.

    OTHER becomes part of ENTITY; unmerge separates them again.
    """
    with memory_to_ask() as memory:
        part = memory.entity(other)
        found = memory.merge(entity, other)
    if not show_json(found):
        show_entities([found], ids=True)
        note(f"to separate them again: {next_command('unmerge', part.id)}")


@cli.command("unmerge")
@click.argument("entity_id")
def unmerge_command(entity_id: str) -> None:
    """Separate two entities that were merged.

    ENTITY_ID is that of the one that became part of the other.
    """
    with memory_to_ask() as memory:
        found = memory.unmerge(entity_id)
    if not show_json(found):
        show_entities([found], ids=True)


_AT_A_TIME = {"one": "one", "usually_one": "one, unless stated together", "many": "several"}
_WHY = {"built_in": "built in", "default": "nothing known"}


@cli.command("types")
def types_command() -> None:
    """List relation types and how they behave.

    As they hold in your scope when one is given, else for everybody.
    """
    with options().memory(owned=False) as memory:
        found = memory.relation_types()
    if not show_json(found):
        _show(found)


@cli.command("declare-type")
@click.argument("type_", metavar="TYPE")
@click.option("--one/--many", "single_valued", default=None, help="How many objects at a time.")
@click.option("--same-as", metavar="OTHER", help="Another word for OTHER.")
@click.option("--inverse-of", metavar="OTHER", help="OTHER with its ends changed.")
@EVERYBODY_OPTION
def declare_type_command(type_: str, *, everybody: bool, **given: Any) -> None:
    """Say how a relation type behaves.

    For one user, or for everybody. Without an option, its declaration is removed.

    \b
    graphmem --user ada declare-type drives --one
    graphmem declare-type --all driven_by --inverse-of drives
    """
    opened = options().memory(owned=not everybody)
    with opened as memory, progress_of("deciding again") as progress:
        found = memory.declare_type(type_, all_scopes=everybody, progress=progress, **given)
    if not show_json(found):
        _show([found])


@cli.command("learn-types")
@EVERYBODY_OPTION
def learn_types_command(*, everybody: bool) -> None:
    """Learn from the data which types have one object.

    Of one user, or of everybody. What is believed is decided again by it.
    """
    with options().memory(owned=not everybody) as memory, progress_of("learning") as progress:
        found = memory.learn_types(all_scopes=everybody, progress=progress)
    if show_json(found):
        return
    if found:
        _show(found)
    else:
        show("nothing new")


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
