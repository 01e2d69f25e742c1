"""Commands that state and retract relations, undo changes, and merge entities."""

from __future__ import annotations

from typing import Any, get_args

import click

from graphmem.doors.cli.base import command, next_command, options, pairs, time_option
from graphmem.doors.cli.graph import show_entities
from graphmem.doors.cli.hints import memory_to_ask
from graphmem.doors.cli.output import counted, note, show, show_json, table_text
from graphmem.doors.cli.write import show_receipt
from graphmem.model import Modality


@command("relate")
@click.argument("subject")
@click.argument("type_", metavar="TYPE")
@click.argument("object_", metavar="OBJECT")
@click.option("--fact", metavar="TEXT", help="The sentence to keep; else one is made.")
@time_option("--valid-at", "Since when it holds.", also="--since")
@time_option("--invalid-at", "Until when it held.", also="--until")
@time_option("--at", "When it was said (ISO 8601; UTC without a zone).")
@click.option("--modality", type=click.Choice(get_args(Modality)), help="How it is meant.")
@click.option("--subject-kind", metavar="KIND", help="What SUBJECT is, for example person.")
@click.option("--object-kind", metavar="KIND", help="What OBJECT is, for example place.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be given several times.")
@click.option("--meta", multiple=True, metavar="KEY=VALUE", help="Metadata; several times.")
@click.option("--importance", type=float, help="From 0 to 1.")
@click.option("--key", metavar="TEXT", help="The same key again changes nothing.")
def relate_command(
    subject: str,
    type_: str,
    object_: str,
    *,
    at: str | None,
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
    if not show_json(receipt):
        show_receipt(receipt)


@command("unrelate")
@click.argument("subject")
@click.argument("type_", metavar="TYPE")
@click.argument("object_", metavar="OBJECT", required=False)
@time_option("--invalid-at", "It held until then; without it, it never was so.", also="--until")
@time_option("--at", "When this was said (ISO 8601; UTC without a zone).")
def unrelate_command(
    subject: str,
    type_: str,
    object_: str | None,
    *,
    invalid_at: str | None,
    at: str | None,
) -> None:
    """Take a relation back: ended, or never so.

    Without OBJECT, every one of that type.
    """
    with memory_to_ask() as memory:
        receipt = memory.unrelate(subject, type_, object_, invalid_at=invalid_at, occurred_at=at)
    if show_json(receipt):
        return
    if receipt.status == "done" and not receipt.decisions:
        show(table_text(f"remembered as episode {receipt.episode_id}"))
        note("it retracts nothing: no such relation is believed (graphmem relations)")
        return
    show_receipt(receipt)


@command("undo")
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


@command("merge")
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


@command("unmerge")
@click.argument("entity_id")
def unmerge_command(entity_id: str) -> None:
    """Separate two entities that were merged.

    ENTITY_ID is that of the one that became part of the other.
    """
    with memory_to_ask() as memory:
        found = memory.unmerge(entity_id)
    if not show_json(found):
        show_entities([found], ids=True)
