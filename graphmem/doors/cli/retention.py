"""Commands about how long what is stored is kept."""

from __future__ import annotations

import sys
from typing import Any, get_args

import click

from graphmem.doors.cli.base import command, options
from graphmem.doors.cli.output import counted, note, show, show_json, table_text
from graphmem.doors.cli.write import removed_text
from graphmem.errors import UsageError
from graphmem.model import MemoryType


@command("retention")
def retention_command() -> None:
    """List the rules of how long to keep what.

    Those about your scope when one is given, else all of the store.
    """
    with options().memory(owned=False) as memory:
        rules = memory.retention()
    if show_json(rules):
        return
    for rule in rules:
        show(table_text(str(rule)))
    if not rules:
        note("no rule is set: everything is kept")


@command("set-retention")
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
        if not sys.stdin.isatty():
            raise UsageError(f"{question} Say --yes to do it")
        click.confirm(question, abort=True, err=True)
    with shared.memory(owned=not everybody) as memory:
        rule = memory.set_retention(wanted, all_scopes=everybody, **only, **scope)
    if not show_json(rule):
        show(table_text(str(rule) if rule is not None else "no such rule any more"))


@command("apply-retention")
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
def apply_retention_command(dry_run: bool) -> None:
    """Erase what has been stored for longer than the rules say.

    Of everybody. A store that is open does this by itself once a day.
    """
    with options().memory(owned=False) as memory:
        found = memory.apply_retention(dry_run=dry_run)
    if show_json(found):
        return
    if dry_run:
        amount = f"{counted(found.episodes, 'episode')} and {counted(found.facts, 'fact')}"
        show(table_text(f"would remove {amount}; nothing was erased"))
    else:
        show(table_text(removed_text(found)))
