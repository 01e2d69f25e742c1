"""Commands that change what is remembered: add, ingest, update, delete, delete-all, resume."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, get_args

import click

from graphmem.clock import parse_duration
from graphmem.doors.cli.base import command, options, pairs, piped, time_option
from graphmem.doors.cli.hints import memory_to_ask
from graphmem.doors.cli.output import counted, emit, note, show, show_json, table_text
from graphmem.doors.cli.understood import understood
from graphmem.errors import UsageError
from graphmem.model import ErasureReceipt, MemoryType, Receipt, Removal

_STYLES = {"ADD": "green", "UPDATE": "yellow", "DELETE": "red", "NONE": "dim"}

_CLEARED = (
    *("expires_at", "importance", "invalid_at", "memory_type", "metadata", "tags", "valid_at"),
)
"""What ``update --clear`` empties; named here, for the API's types take long to load."""


@command("add")
@click.argument("text", nargs=-1)
@time_option("--at", "When it happened (ISO 8601; UTC without a zone).")
@click.option("--no-infer", is_flag=True, help="Keep the text itself as one fact.")
@click.option("--tag", "tags", multiple=True, help="A tag; may be given several times.")
@click.option("--meta", multiple=True, metavar="KEY=VALUE", help="Metadata; several times.")
@time_option("--expires-at", "From when on it answers nothing any more.")
@click.option("--importance", type=float, help="From 0 to 1.")
@click.option("--key", metavar="TEXT", help="The same key again changes nothing.")
@click.option(
    "--memory-type",
    type=click.Choice(get_args(MemoryType)),
    help="procedural: steps, kept as an ordered whole.",
)
def add_command(
    text: tuple[str, ...],
    *,
    at: str | None,
    no_infer: bool,
    tags: tuple[str, ...],
    meta: tuple[str, ...],
    expires_at: str | None,
    importance: float | None,
    key: str | None,
    memory_type: str | None,
) -> None:
    """Remember a text, or what is piped in."""
    content = piped() if text in ((), ("-",)) else " ".join(text)
    if content is None:
        raise UsageError('nothing to add: graphmem add "…", or pipe a text in')
    given: dict[str, Any] = {
        "occurred_at": at,
        "expires_at": expires_at,
        "importance": importance,
        "idempotency_key": key,
        "memory_type": memory_type,
        "metadata": pairs(meta, "--meta") or None,
        "tags": tags or None,
    }
    with options().memory(create=True) as memory:
        receipt = memory.add(
            content, infer=not no_infer, **{k: v for k, v in given.items() if v is not None}
        )
        if show_json(receipt):
            return
        show_receipt(receipt)
        if receipt.status == "done" and not no_infer:
            note(understood(memory, receipt))


def show_receipt(receipt: Receipt) -> None:
    """Print a receipt: the episode, and each decision."""
    if receipt.status == "duplicate":
        show(table_text(f"already remembered as episode {receipt.episode_id}; nothing changed"))
        return
    show(table_text(f"remembered as episode {receipt.episode_id}"))
    if receipt.redacted:
        left_out = ", ".join(counted(n, kind) for kind, n in sorted(receipt.redacted.items()))
        note(f"not stored, but taken out before: {left_out}")
    for decision in receipt.decisions:
        fact = decision.after or decision.before
        line = table_text(f"  {decision.action:<6} ", _STYLES.get(decision.action, ""))
        line.append_text(table_text(fact.text if fact else ""))
        line.append_text(table_text(f"  ({decision.reason})", "dim"))
        line.append_text(table_text(f"  {decision.fact_id}", "dim"))
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


@command("update")
@click.argument("fact_id")
@click.argument("text", required=False)
@click.option("--meta", multiple=True, metavar="KEY=VALUE", help="New metadata; several times.")
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
    fact_id: str,
    text: str | None,
    meta: tuple[str, ...],
    tags: tuple[str, ...],
    *,
    merge: bool,
    clear: tuple[str, ...],
    **rest: Any,
) -> None:
    """Change a fact; its history keeps the old."""
    given = {
        **dict.fromkeys(clear),
        **({"merge_metadata": True} if merge else {}),
        **{name: value for name, value in rest.items() if value is not None},
        **({"metadata": pairs(meta, "--meta")} if meta else {}),
        **({"tags": tags} if tags else {}),
    }
    if text is None and not given:
        raise UsageError("nothing to change: give a new text or an option")
    with memory_to_ask() as memory:
        fact = memory.update(fact_id, text, **given)
    if not show_json(fact):
        show(table_text(f"version {fact.version} of {fact.id}: {fact.text}"))


@command("delete")
@click.argument("id")
@click.option("--erase", is_flag=True, help="Remove a fact from its history too, for good.")
@click.option("--keep-turn", is_flag=True, help="Go on finding the text that states the fact.")
def delete_command(id: str, *, erase: bool, keep_turn: bool) -> None:
    """Forget a fact, or remove an episode.

    A fact stays in its history unless --erase is given; an episode goes for good, with every fact
    that only it supports.
    """
    with memory_to_ask() as memory:
        removal = memory.delete(id, erase=erase, keep_turn=keep_turn)
    if not show_json(removal):
        show(table_text(removed_text(removal)))


def removed_text(removal: Removal) -> str:
    return (
        f"removed {counted(removal.episodes, 'episode')}, {counted(removal.facts, 'fact')}, "
        f"{counted(removal.entities, 'entity', 'entities')}"
    )


@command("delete-all")
@click.option("--older-than", metavar="AGE", help="Only what was stored so long ago: 90d, 12h.")
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_all_command(older_than: str | None, dry_run: bool, yes: bool) -> None:
    """Erase everything in this scope, for good.

    With --older-than, only what was stored longer ago than that.
    """
    shared = options()
    before = None
    if older_than is not None:
        before = datetime.now(UTC) - parse_duration(older_than, name="--older-than")
    names = ("project", "user", "agent", "run")
    scope = ", ".join(f"{name} {getattr(shared, name)}" for name in names if getattr(shared, name))
    what = f"all of {scope}" + (f" that is older than {older_than}" if older_than else "")
    with shared.memory() as memory:
        if not (yes or dry_run or sys.stdin.isatty()):
            raise UsageError(f"this would erase {what} for good; say --yes to do it")
        if dry_run or not yes:
            removal = memory.delete_all(before=before, dry_run=True)
            amount = f"{counted(removal.episodes, 'episode')} and {counted(removal.facts, 'fact')}"
        if not (dry_run or yes):
            click.confirm(f"Erase {what} ({amount}) for good?", abort=True, err=True)
        if not dry_run:
            removal = memory.delete_all(before=before)
    if not show_json(removal):
        done = f"would remove {amount}; nothing was erased" if dry_run else removed_text(removal)
        show(table_text(done))


@command("forget")
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def forget_command(dry_run: bool, yes: bool) -> None:
    """Erase a user for good: in every project, and their name.

    With --project, in that project only; with --agent instead of --user, what that agent remembers
    of its own. It ends when nothing is left in any file; the receipt is kept.
    """
    shared = options()
    names = {"user_id": shared.user, "agent_id": None if shared.user else shared.agent}
    scope: dict[str, Any] = {name: value for name, value in names.items() if value}
    if shared.project:
        scope["project_id"] = shared.project
    with shared.memory() as memory:
        receipt = memory.forget(dry_run=True, **scope)
        if not dry_run:
            if not yes:
                if not sys.stdin.isatty():
                    raise UsageError(
                        f"this would erase {_whole(receipt)} of {shared.owner} for good; say --yes "
                        "to do it"
                    )
                click.confirm(
                    f"Erase {_whole(receipt)} of {shared.owner} for good?", abort=True, err=True
                )
            receipt = memory.forget(wait=True, **scope)
    if not show_json(receipt):
        for name, number in receipt.rows.items():
            show(table_text(f"{number:,} {name}"))
        _show_state(receipt, dry_run)


def _whole(receipt: ErasureReceipt) -> str:
    return f"all {counted(receipt.rows.get('episodes', 0), 'episode')}"


def _show_state(receipt: ErasureReceipt, dry_run: bool) -> None:
    if dry_run:
        note("nothing was erased: this is what would go")
        return
    show(table_text(f"erased for good; receipt {receipt.id}"))
    for part, why in receipt.pending.items():
        note(f"pending: {part}: {why}")
    note("backups and exports made before still hold it")


@command("erasures")
@click.argument("erasure_id", required=False)
def erasures_command(erasure_id: str | None) -> None:
    """List the receipts of what was erased for good.

    Of your scope when one is given, else of the whole store; or the one with an id.
    """
    with options().memory(owned=False) as memory:
        found = memory.erasures(erasure_id)
    if not show_json(found):
        for receipt in found:
            show(table_text(str(receipt)))


@command("resume")
def resume_command() -> None:
    """Go on with what is pending.

    Episodes whose facts are still to be found, because a model was down or a run was stopped.
    """
    with options().memory() as memory:
        receipts = memory.resume()
    if options().json:
        emit(receipts)
        return
    done = sum(receipt.status == "done" for receipt in receipts)
    show(table_text(f"{counted(done, 'episode')} done, {len(receipts) - done:,} still pending"))
    for receipt in receipts:
        if receipt.status != "done":
            note(f"{receipt.episode_id}: {receipt.reason or receipt.status}")
