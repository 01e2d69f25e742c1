"""Commands that state relations as they are, and that take things back or put them together."""

from __future__ import annotations

from datetime import datetime
from typing import Any, get_args

import click

from graphmem.doors.cli.base import at_time, command, options, pairs
from graphmem.doors.cli.graph import show_entities
from graphmem.doors.cli.hints import asking
from graphmem.doors.cli.output import counted, note, plain, show, shown
from graphmem.doors.cli.write import show_receipt
from graphmem.model import Modality


@command("relate")
@click.argument("subject")
@click.argument("type_", metavar="TYPE")
@click.argument("object_", metavar="OBJECT")
@click.option("--fact", metavar="TEXT", help="The sentence to keep; else one is made.")
@at_time("--valid-at", "Since when it holds.", also="--since")
@at_time("--invalid-at", "Until when it held.", also="--until")
@at_time("--at", "When it was said (ISO 8601; UTC without a zone).")
@click.option("--modality", type=click.Choice(get_args(Modality)), help="How it is meant.")
@click.option("--subject-kind", metavar="KIND", help="What SUBJECT is, for example person.")
@click.option("--object-kind", metavar="KIND", help="What OBJECT is, for example place.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be given several times.")
@click.option("--meta", multiple=True, metavar="KEY=VALUE", help="Metadata; several times.")
@click.option("--importance", type=float, help="From 0 to 1.")
@click.option("--key", metavar="TEXT", help="The same key again changes nothing.")
def relate(
    subject: str,
    type_: str,
    object_: str,
    *,
    at: datetime | None,
    key: str | None,
    meta: tuple[str, ...],
    **rest: Any,
) -> None:
    """Remember one relation, without a model.

    \b
    graphmem relate "Ada Lovelace" works_at Acme --valid-at 2024-03-01
    """
    given = {
        **rest,
        "occurred_at": at,
        "idempotency_key": key,
        "metadata": pairs(meta, "--meta") or None,
    }
    with options().memory(create=True) as memory:
        receipt = memory.relate(
            subject, type_, object_, **{name: v for name, v in given.items() if v is not None}
        )
    if not shown(receipt):
        show_receipt(receipt)


@command("unrelate")
@click.argument("subject")
@click.argument("type_", metavar="TYPE")
@click.argument("object_", metavar="OBJECT", required=False)
@at_time("--invalid-at", "It held until then; without it, it never was so.", also="--until")
@at_time("--at", "When this was said (ISO 8601; UTC without a zone).")
def unrelate(
    subject: str,
    type_: str,
    object_: str | None,
    *,
    invalid_at: datetime | None,
    at: datetime | None,
) -> None:
    """Take a relation back: ended, or never so.

    Without OBJECT, every one of that type.
    """
    with asking() as memory:
        receipt = memory.unrelate(subject, type_, object_, invalid_at=invalid_at, occurred_at=at)
    if shown(receipt):
        return
    if receipt.status == "done" and not receipt.decisions:
        show(plain(f"remembered as episode {receipt.episode_id}"))
        note("nothing is taken back by it: no such relation is believed (graphmem relations)")
        return
    show_receipt(receipt)


@command("undo")
@click.argument("id")
def undo(id: str) -> None:
    """Take back an episode, or a change by hand.

    What it had closed is open again. ID is an episode's, or a change's as history shows it.
    """
    with asking() as memory:
        removal = memory.undo(id)
    if not shown(removal):
        text = f"undone; {counted(removal.facts, 'fact')} believed no longer"
        show(plain(text))


@command("merge")
@click.argument("entity")
@click.argument("other")
def merge(entity: str, other: str) -> None:
    """Say that two entities are one.

    OTHER becomes part of ENTITY; unmerge parts them again.
    """
    with asking() as memory:
        part = memory.entity(other)
        found = memory.merge(entity, other)
    if not shown(found):
        show_entities([found], ids=True)
        note(f"to part them again: graphmem unmerge {part.id}")


@command("unmerge")
@click.argument("entity_id")
def unmerge(entity_id: str) -> None:
    """Part two entities that were merged.

    ENTITY_ID is that of the one that became part of the other.
    """
    with asking() as memory:
        found = memory.unmerge(entity_id)
    if not shown(found):
        show_entities([found], ids=True)


COMMANDS = (relate, unrelate, undo, merge, unmerge)
