"""The work of ``graphmem import --from mem0``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from graphmem.doors.cli.base import next_command, options
from graphmem.doors.cli.output import counted, note, progress_bar, show_json
from graphmem.importers.mem0 import Mem0Reader

_NAMED = 20
_FAILED = 1


def import_from_mem0(paths: Sequence[Path], *, infer: bool, dry_run: bool) -> None:
    """Add what mem0 keeps in these files; what is bad in them is named, and the exit code is 1."""
    from graphmem.settings import Settings

    shared = options()
    ids = {f"{name}_id": getattr(shared, name) for name in ("user", "agent", "run", "project")}
    reader = Mem0Reader(paths, ids, max_bytes=Settings.load().max_text_bytes)
    total = sum(1 for _ in reader)  # finds what is bad before anything is stored
    new = 0
    if total and not dry_run:
        with shared.memory(create=True, owned=False) as memory, progress_bar() as bar:
            task = bar.add_task("importing", total=total)
            new = memory.add_many(
                reader, infer=infer, progress=lambda done: bar.update(task, completed=done)
            )
            bar.update(task, completed=total)
    summary = {
        "memories": reader.memories,
        "earlier_versions": reader.replaced,
        "deleted": reader.deleted,
        "entities": reader.entities,
        "owners": dict(reader.users),
        "new": new,
        "already_known": 0 if dry_run else total - new,
        "dry_run": dry_run,
        "remarks": reader.remarks,
        "bad": reader.bad_count,
        "bad_rows": reader.bad,
    }
    if not show_json(summary):
        _report(summary)
    if reader.bad_count:
        raise click.exceptions.Exit(_FAILED)


def _report(summary: dict[str, Any]) -> None:
    for row in summary["bad_rows"][:_NAMED]:
        note(f"passed over: {row}")
    if summary["bad"] > _NAMED:
        note(f"and {counted(summary['bad'] - _NAMED, 'row')} more; --json names them")
    for remark in summary["remarks"]:
        note(remark)
    what = f"{counted(summary['memories'], 'memory', 'memories')} of "
    what += counted(len(summary["owners"]), "owner")
    if summary["earlier_versions"]:
        what += f", with {counted(summary['earlier_versions'], 'earlier version')}"
    if summary["dry_run"]:
        note(f"nothing was stored; there are {what}")
    else:
        note(f"{what}: {summary['new']:,} new, {summary['already_known']:,} already known")
    if summary["deleted"]:
        note(f"{counted(summary['deleted'], 'memory', 'memories')} deleted in mem0 left out")
    if summary["bad"]:
        note(f"{counted(summary['bad'], 'bad row')}")
    if summary["new"]:
        ask = next_command("search", '"…"', user=next(iter(summary["owners"])))
        note(f"ask them: {ask}")
