"""Commands about what becomes of facts with time: archive, restore-fact, promote, sweep; and what
sums them up: summary, consolidate."""

from __future__ import annotations

import click

from graphmem.doors.cli.base import cli, options
from graphmem.doors.cli.output import note, show, show_json
from graphmem.doors.cli.reading import memory_to_ask
from graphmem.model import Fact


@cli.command("archive")
@click.argument("fact_id")
def archive_command(fact_id: str) -> None:
    """Put a fact away: nothing finds it unasked."""
    with memory_to_ask() as memory:
        _show("archived", memory.archive(fact_id))


@cli.command("restore-fact")
@click.argument("fact_id")
def restore_fact_command(fact_id: str) -> None:
    """Bring an archived fact back."""
    with memory_to_ask() as memory:
        _show("restored", memory.restore(fact_id))


@cli.command("promote")
@click.argument("fact_id")
def promote_command(fact_id: str) -> None:
    """Keep a fact for good."""
    with memory_to_ask() as memory:
        fact = memory.promote(fact_id)
    _show("promoted", fact)
    if fact.archived_at is not None:
        note(f"it is archived all the same: graphmem restore-fact {fact.id} brings it back")


@cli.command("sweep")
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
def sweep_command(dry_run: bool) -> None:
    """Promote, archive and expire what is due.

    Of your user when one is given, else of everybody in the project.
    """
    with options().memory(owned=False) as memory:
        found = memory.sweep(dry_run=dry_run)
    if show_json(found):
        return
    show(str(found))
    if dry_run:
        note("nothing was changed: this is what would be done")


@cli.command("summary")
@click.argument("entity", required=False)
@click.option("--sentences", type=click.IntRange(1), default=8, show_default=True)
@click.option("--facts-only", is_flag=True, help="Without asking a model.")
def summary_command(entity: str | None, *, sentences: int, facts_only: bool) -> None:
    """Sum up an entity, or (with --run) a conversation.

    Each sentence stands with the ids of the facts that say it.
    """
    with options().memory() as memory:
        found = memory.summary(entity, max_sentences=sentences, ask_model=not facts_only)
    if show_json(found):
        return
    show(str(found) or "nothing is known")
    for number, one in enumerate(found.sentences, 1):
        note(f"[{number}] {' '.join(one.fact_ids)}")
    if found.reason:
        note(found.reason)


@cli.command("consolidate")
@click.argument("entity")
@click.option("--min-facts", type=click.IntRange(1), default=5, show_default=True)
def consolidate_command(entity: str, *, min_facts: int) -> None:
    """Fold what is known of an entity into one more fact.

    It hides none of them; graphmem undo with its episode takes it back.
    """
    with options().memory() as memory:
        receipt = memory.consolidate(entity, min_facts=min_facts)
    if not show_json(receipt):
        show(f"{receipt.status}: episode {receipt.episode_id}")


def _show(what: str, fact: Fact) -> None:
    if not show_json(fact):
        show(f"{what} {fact.id}: {fact.text}")
