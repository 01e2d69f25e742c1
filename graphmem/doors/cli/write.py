"""Commands that change what is remembered: add, update, delete, resume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import click

from graphmem.doors.cli.arguments import (
    KEY_OPTION,
    TAGS_OPTION,
    given_only,
    meta_option,
    piped,
    time_option,
)
from graphmem.doors.cli.base import cli, options
from graphmem.doors.cli.output import (
    INSTEAD,
    amounts,
    console,
    counted,
    note,
    show,
    show_json,
    table_text,
)
from graphmem.doors.cli.reading import memory_to_ask
from graphmem.errors import UsageError
from graphmem.model import MemoryType, Receipt
from graphmem.text import name_key

if TYPE_CHECKING:
    from graphmem import Memory
    from graphmem.model import Receipt, Stats

_STYLES = {"ADD": "green", "UPDATE": "yellow", "DELETE": "red", "NONE": "dim"}

_CLEARED = (
    *("expires_at", "importance", "invalid_at", "memory_type", "metadata", "tags", "valid_at"),
)
"""What ``update --clear`` empties; named here, for the API's types take long to load."""


@cli.command("add")
@click.argument("text", nargs=-1)
@time_option("--at", "When it happened (ISO 8601; UTC without a zone).", also="occurred_at")
@click.option("--no-infer", is_flag=True, help="Keep the text itself as one fact.")
@TAGS_OPTION
@meta_option()
@time_option("--expires-at", "From when on it answers nothing any more.")
@click.option("--importance", type=float, help="From 0 to 1.")
@KEY_OPTION
@click.option(
    "--memory-type",
    type=click.Choice(get_args(MemoryType)),
    help="procedural: steps, kept as an ordered whole.",
)
def add_command(text: tuple[str, ...], *, no_infer: bool, **given: Any) -> None:
    """Remember a text, or what is piped in."""
    content = piped() if text in ((), ("-",)) else " ".join(text)
    if content is None or not content.strip():
        raise UsageError('nothing to add: graphmem add "…", or pipe a text in')
    with options().memory(create=True) as memory:
        receipt = memory.add(content, infer=not no_infer, **given_only(given))
        if show_json(receipt):
            return
        show_receipt(receipt)
        if receipt.status == "done" and not no_infer:
            note(understood(memory, receipt))


def show_receipt(receipt: Receipt) -> None:
    """Print a receipt: the episode, and each decision."""
    if receipt.status == "duplicate":
        show(f"already remembered as episode {receipt.episode_id}; nothing changed")
        return
    show(f"remembered as episode {receipt.episode_id}")
    if receipt.redacted:
        left_out = ", ".join(counted(n, kind) for kind, n in sorted(receipt.redacted.items()))
        note(f"not stored, but taken out before: {left_out}")
    width = console().width
    for decision in receipt.decisions:
        fact = decision.after or decision.before
        line = table_text(f"  {decision.action:<6} ", _STYLES.get(decision.action, ""))
        line.append_text(table_text(fact.text if fact else ""))
        # What came instead is told in a line of its own.
        for part in (f"({decision.reason.partition(INSTEAD)[0]})", decision.fact_id):
            if line.cell_len + 2 + len(part) > width:  # an id that is cut in two cannot be copied
                show(line)
                line = table_text(" " * 7)
            line.append_text(table_text(f"  {part}", "dim"))
        show(line)
    if receipt.ungrounded:
        left_out = counted(receipt.ungrounded, "fact")
        note(f"not believed, for the text does not say it: {left_out} that the model gave")
    if receipt.status == "done" and receipt.reason:
        note(receipt.reason)
    if receipt.status == "done" and not receipt.decisions:
        note("no facts were found in it; the text itself can be searched")
    if receipt.status in ("pending", "failed"):
        note(
            f"{receipt.status}: {receipt.reason or 'not extracted yet'}; its text is safe and can "
            "be searched. Go on later with: graphmem resume"
        )


@cli.command("update")
@click.argument("fact_id")
@click.argument("text", required=False)
@meta_option("New metadata; several times.")
@click.option("--merge", is_flag=True, help="Lay --meta over the metadata that there is.")
@click.option("--tag", "tags", multiple=True, help="New tags; several times.")
@click.option("--importance", type=float, help="From 0 to 1.")
@click.option("--memory-type", type=click.Choice(get_args(MemoryType)), help="Another type.")
@time_option("--valid-at", "Since when it holds.")
@time_option("--invalid-at", "When it stopped holding.")
@time_option("--expires-at", "From when on it answers nothing any more.")
@click.option(
    "--clear",
    multiple=True,
    type=click.Choice(_CLEARED),
    help="Empty this; several times.",
)
def update_command(
    fact_id: str, text: str | None, *, merge: bool, clear: tuple[str, ...], **rest: Any
) -> None:
    """Change a fact; its history keeps the old."""
    given = {**dict.fromkeys(clear), **given_only(rest)}
    if merge:
        given["merge_metadata"] = True
    if text is None and not given:
        raise UsageError("nothing to change: give a new text or an option")
    with memory_to_ask() as memory:
        fact = memory.update(fact_id, text, **given)
    if not show_json(fact):
        show(f"version {fact.version} of {fact.id}: {fact.text}")


@cli.command("delete")
@click.argument("id")
@click.option("--erase", is_flag=True, help="Remove a fact from its history too, for good.")
@click.option("--keep-turn", is_flag=True, help="Go on finding the text that states the fact.")
def delete_command(id: str, *, erase: bool, keep_turn: bool) -> None:
    """Forget a fact, or remove an episode.

    A fact stays in its history unless --erase is given, and search finds the text that states it no
    more; an episode goes for good, with every fact that only it supports.
    """
    with memory_to_ask() as memory:
        removal = memory.delete(id, erase=erase, keep_turn=keep_turn)
    if not show_json(removal):
        show(f"removed {amounts(removal)}")
        if removal.silenced:
            one = removal.silenced == 1
            which = (
                "1 passage that states it is"
                if one
                else (f"{removal.silenced:,} passages that state it are")
            )
            note(f"{which} found no more (--keep-turn leaves {'it' if one else 'them'})")


@cli.command("resume")
def resume_command() -> None:
    """Go on with what is pending.

    Episodes whose facts are still to be found, because a model was down or a run was stopped.
    """
    with options().memory() as memory:
        receipts = memory.resume()
    if show_json(receipts):
        return
    done = sum(receipt.status == "done" for receipt in receipts)
    show(f"{counted(done, 'episode')} done, {len(receipts) - done:,} still pending")
    for receipt in receipts:
        if receipt.status != "done":
            note(f"{receipt.episode_id}: {receipt.reason or receipt.status}")


_NAMED = 5
_MOST_LOOKED_AT = 1000
"""Entities and facts among which names are looked for of which nothing was understood."""
_MODEL = "a model reads more than the rules do: GRAPHMEM_LLM, see docs/models.md"


def understood(memory: Memory, receipt: Receipt) -> str:
    """What one ``add`` brought. Empty where a model left nothing out."""
    episode = memory.episode(receipt.episode_id)
    facts = [fact for d in receipt.decisions if (fact := d.after or d.before) is not None]
    new = sum(decision.action == "ADD" for decision in receipt.decisions)
    about = {id for fact in facts for id in fact.entity_ids}
    names = [memory.entity(id).name for id in receipt.entity_ids if id not in about]
    return _line(counted(len(episode.turns), "turn"), new, names, model=receipt.model_calls > 0)


@dataclass(frozen=True, slots=True)
class Before:
    """What there was before an ingest: the counts, and the names where they are not many."""

    stats: Stats
    entity_ids: frozenset[str]


def before_ingest(memory: Memory) -> Before | None:
    """None where each item names its own scope."""
    stats = _stats(memory)
    if stats is None:
        return None
    few = 0 < stats.entities <= _MOST_LOOKED_AT
    entities = memory.entities(limit=_MOST_LOOKED_AT) if few else []
    return Before(stats, frozenset(entity.id for entity in entities))


def _stats(memory: Memory) -> Stats | None:
    scoped = options().user or options().agent
    return memory.stats() if scoped else None


def understood_since(memory: Memory, before: Before | None) -> str:
    """What came of an ingest, by what there is more of; empty where nothing can be compared."""
    after = _stats(memory)
    if before is None or after is None or after.turns <= before.stats.turns:
        return ""
    names: list[str] = []
    if max(after.entities, after.facts) <= _MOST_LOOKED_AT:
        facts = memory.get_all(limit=_MOST_LOOKED_AT, current=False).items
        about = before.entity_ids.union(id for fact in facts for id in fact.entity_ids)
        entities = memory.entities(limit=_MOST_LOOKED_AT)
        names = [entity.name for entity in entities if entity.id not in about]
    asked = after.model_calls > before.stats.model_calls or after.pending > before.stats.pending
    turns = counted(after.turns - before.stats.turns, "turn")
    return _line(turns, max(0, after.facts - before.stats.facts), names, model=asked)


def _line(turns: str, facts: int, names: Sequence[str], *, model: bool) -> str:
    own = {name_key(name) for name in (options().user, options().user_name) if name}
    others = [name for name in names if name_key(name) not in own]
    lines = [f"{turns}, {counted(facts, 'new fact')}"]
    if others:
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        lines.append(f"nothing was understood of {', '.join(others[:_NAMED])}{more}")
    return "\n".join(lines if model else [*lines, _MODEL])
