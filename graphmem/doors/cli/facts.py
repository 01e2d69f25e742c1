"""Commands that list facts, or show one fact or episode: facts, get, episode, history."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.base import cli, next_command, options
from graphmem.doors.cli.output import FIXED, counted, note, print_table, show, show_json, when
from graphmem.doors.cli.reading import (
    ALL_OPTION,
    dated,
    limit_option,
    memory_to_ask,
    narrowing,
    reader,
    say_if_empty,
)
from graphmem.doors.cli.search import marked, replacing, show_changes
from graphmem.errors import NotFound
from graphmem.model.printing import printed_date

if TYPE_CHECKING:
    from graphmem import Memory


@cli.command("facts")
@limit_option(100)
@click.option("--after", metavar="ID", help="Go on after this fact (as the last page says).")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Pass over so many.")
@click.option("--count", is_flag=True, help="Say how many there are in all.")
@ALL_OPTION
@narrowing
def facts_command(*, after: str | None, offset: int, **given: Any) -> None:
    """List every fact, oldest first."""
    with memory_to_ask() as memory:
        seen, arguments = reader(memory)
        page = seen.get_all(after=after, offset=offset, **given, **arguments)
        say_if_empty(memory, page.items or after or offset)
    if show_json(page):
        return
    print_table(
        [("since", FIXED), ("until", FIXED), "fact"],
        [
            (
                printed_date(fact.valid_at, fact.valid_precision),
                printed_date(fact.invalid_at, fact.invalid_precision),
                marked(fact),
            )
            for fact in page.items
        ],
        ids=[fact.id for fact in page.items],
    )
    if page.total is not None:
        note(counted(page.total, "fact"))
    if page.next:
        note(f"more: {next_command('facts', '--after', page.next)}")


@cli.command("get")
@click.argument("fact_id")
@dated
def get_command(fact_id: str) -> None:
    """Show one fact in full."""
    with memory_to_ask() as memory:
        fact = reader(memory)[0].get(fact_id)
    if show_json(fact):
        return
    rows: list[tuple[str, object]] = [
        ("fact", fact.text),
        ("id", f"{fact.id} (version {fact.version})"),
        ("holds", fact.interval or "no dates known"),
        ("recorded", when(fact.recorded_at)),
    ]
    optional: list[tuple[str, object]] = [
        ("stated", when(fact.stated_at)),
        ("expires", when(fact.expires_at)),
        ("archived", when(fact.archived_at)),
        ("meant", fact.modality if fact.modality != "stated" else None),
        ("planned for", when(fact.planned_for, fact.planned_precision)),
        ("relation", fact.type),
        ("supersedes", fact.supersedes_id),
        ("tags", ", ".join(fact.tags)),
        ("metadata", ", ".join(f"{key}={value}" for key, value in fact.metadata.items())),
    ]
    rows += [(name, value) for name, value in optional if value]
    rows += [("source", f"episode {source.episode_id}") for source in fact.sources]
    print_table([("", {"style": "bold", "no_wrap": True}), ""], rows)


@cli.command("episode")
@click.argument("episode_id")
@dated
def episode_command(episode_id: str) -> None:
    """Show one episode, turn by turn."""
    with memory_to_ask() as memory:
        found = reader(memory)[0].episode(episode_id)
    if show_json(found):
        return
    show(f"{when(found.occurred_at)}  {found.id}  {found.status}", "bold")
    print_table(
        ["who", "text", ("source", FIXED)],
        [(turn.speaker or turn.role, turn.text, turn.source_id) for turn in found.turns],
    )


@cli.command("history")
@click.argument("fact_id")
@dated
def history_command(fact_id: str) -> None:
    """Show what happened to a fact, and why."""
    with memory_to_ask() as memory:
        changes = reader(memory)[0].history(fact_id)
        texts = {} if options().json else _texts_of(memory, replacing(changes))
    if show_json(changes):
        return
    show_changes(changes, texts)
    note(counted(len(changes), "change"))


def _texts_of(memory: Memory, ids: Iterable[str]) -> dict[str, str]:
    """The texts of those of these facts that are believed."""
    texts = {}
    for id in ids:
        with suppress(NotFound):
            texts[id] = memory.get(id).text
    return texts
