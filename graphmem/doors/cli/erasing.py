"""Commands that erase for good, now or after a time: delete-all, forget, erasures, retention."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any, get_args

import click

from graphmem.clock import parse_duration
from graphmem.doors.cli.base import cli, options
from graphmem.doors.cli.output import amounts, counted, note, show, show_json
from graphmem.errors import UsageError
from graphmem.model import MemoryType, Removal


@cli.command("delete-all")
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
        if not (yes or dry_run):
            _refuse_unasked(f"this would erase {what} for good; say --yes to do it")
        if dry_run or not yes:
            removal = memory.delete_all(before=before, dry_run=True)
        if not (dry_run or yes):
            _ask(f"Erase {what} ({_few(removal)}) for good?")
        if not dry_run:
            removal = memory.delete_all(before=before)
    if not show_json(removal):
        _show_removal(removal, dry_run=dry_run)


@cli.command("forget")
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
                whole = f"all {counted(receipt.rows.get('episodes', 0), 'episode')}"
                what = f"{whole} of {shared.owner} for good"
                _refuse_unasked(f"this would erase {what}; say --yes to do it")
                _ask(f"Erase {what}?")
            receipt = memory.forget(wait=True, **scope)
    if not show_json(receipt):
        for name, number in receipt.rows.items():
            show(f"{number:,} {name}")
        if dry_run:
            note("nothing was erased: this is what would go")
            return
        show(f"erased for good; receipt {receipt.id}")
        for part, why in receipt.pending.items():
            note(f"pending: {part}: {why}")
        note("backups and exports made before still hold it")


@cli.command("erasures")
@click.argument("erasure_id", required=False)
def erasures_command(erasure_id: str | None) -> None:
    """List the receipts of what was erased for good.

    Of your scope when one is given, else of the whole store; or the one with an id.
    """
    with options().memory(owned=False) as memory:
        found = memory.erasures(erasure_id)
    if show_json(found):
        return
    for receipt in found:
        show(str(receipt))
    if not found:
        scoped = options().user or options().agent
        note(f"nothing was erased for good{' in this scope' if scoped else ''}")


@cli.command("retention")
def retention_command() -> None:
    """List the rules of how long to keep what.

    Those about your scope when one is given, else all of the store.
    """
    with options().memory(owned=False) as memory:
        rules = memory.retention()
    if show_json(rules):
        return
    for rule in rules:
        show(str(rule))
    if not rules:
        note("no rule is set: everything is kept")


@cli.command("set-retention")
@click.argument("keep")
@click.option("--tag", help="Only what has this tag.")
@click.option("--memory-type", type=click.Choice(get_args(MemoryType)), help="Only such.")
@click.option("--all", "everybody", is_flag=True, help="Everybody's (with --project: in it).")
@click.option("--yes", is_flag=True, help="Do not ask.")
def set_retention_command(keep: str, *, everybody: bool, yes: bool, **only: Any) -> None:
    """Set for how long to keep what a user stores.

    \b
    graphmem --user ada set-retention 90d
    graphmem --user ada set-retention forever --tag contract
    graphmem set-retention "52 weeks" --all
    graphmem --user ada set-retention none

    KEEP is a number of days (h: hours, w: weeks, y: years), forever, or none: no rule any more.
    What is older is erased for good, from then on each day.
    """
    shared = options()
    wanted = None if keep == "none" else keep
    scope: dict[str, Any] = {"project_id": shared.project} if everybody and shared.project else {}
    if not (yes or wanted in {None, "forever"}):
        question = f"Erase what has been stored for {keep}, for good, from now on?"
        _refuse_unasked(f"{question} Say --yes to do it")
        _ask(question)
    with shared.memory(owned=not everybody) as memory:
        rule = memory.set_retention(wanted, all_scopes=everybody, **only, **scope)
    if not show_json(rule):
        show(str(rule) if rule is not None else "no such rule any more")


@cli.command("apply-retention")
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
def apply_retention_command(dry_run: bool) -> None:
    """Erase what has been stored for longer than the rules say.

    Of everybody. A store that is open does this by itself once a day.
    """
    with options().memory(owned=False) as memory:
        found = memory.apply_retention(dry_run=dry_run)
    if not show_json(found):
        _show_removal(found, dry_run=dry_run)


def _refuse_unasked(message: str) -> None:
    """UsageError where nobody is there who could be asked."""
    if not sys.stdin.isatty():
        raise UsageError(message)


def _ask(question: str) -> None:
    """Go on only if the answer is yes."""
    click.confirm(question, abort=True, err=True)


def _few(removal: Removal) -> str:
    return f"{counted(removal.episodes, 'episode')} and {counted(removal.facts, 'fact')}"


def _show_removal(removal: Removal, *, dry_run: bool) -> None:
    if dry_run:
        show(f"would remove {_few(removal)}; nothing was erased")
    else:
        show(f"removed {amounts(removal)}")
