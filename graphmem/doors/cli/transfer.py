"""``graphmem export`` and ``graphmem import``."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.arguments import EVERYBODY_OPTION
from graphmem.doors.cli.backup import stage_bars
from graphmem.doors.cli.base import cli, exit_unless, next_command, options
from graphmem.doors.cli.output import counted, note, progress_bar, show_json
from graphmem.errors import NotFound, UsageError
from graphmem.model import Fact, to_json

if TYPE_CHECKING:
    from graphmem import Memory

_FILE = click.Path(path_type=Path, dir_okay=False)


_COLUMNS = (
    *("id", "text", "type", "subject", "object", "valid_at", "valid_precision", "invalid_at"),
    *("invalid_precision", "stated_at", "recorded_at", "expires_at", "archived_at", "modality"),
    *("memory_type", "importance", "tags", "metadata", "episode_ids", "subject_id", "object_id"),
)
_PAGE = 1000


@cli.command("export")
@click.argument("file", type=_FILE)
@EVERYBODY_OPTION
@click.option(
    "--format",
    type=click.Choice(["jsonl", "graphml", "csv"]),
    help="As the name of FILE ends, else jsonl.",
)
def export_command(file: Path, *, everybody: bool, format: str | None) -> None:
    """Write all of one user, or of everybody, to FILE.

    \b
    graphmem --user ada export ada.jsonl      all there is, for import
    graphmem --user ada export ada.graphml    entities and relations, for Gephi and others
    graphmem --user ada export ada.csv        the facts, for a spreadsheet

    Import reads JSONL back, with each id, time and version; its schema is in docs/backup.md. FILE
    must be new. Its text is as readable as the store's.
    """
    format = format or {".graphml": "graphml", ".csv": "csv"}.get(file.suffix.lower(), "jsonl")
    if format != "jsonl":
        _export_readable(file, format, everybody=everybody)
        return
    with options().memory(owned=not everybody) as memory, stage_bars("export") as progress:
        made = memory.export(file, all_scopes=everybody, progress=progress)
    if not show_json(made):
        note(f"exported: {counted(made.rows, 'row')} of {counted(made.tenants, 'user')}: {file}")


def _export_readable(file: Path, format: str, *, everybody: bool) -> None:
    """What one user has in a form that other programs read, what has ended too."""
    if everybody:
        raise UsageError(f"--all goes with jsonl: {format} is of one user (--user)")
    if os.path.exists(file):
        raise UsageError(f"{file} is there already: name a new file")
    with options().memory() as memory:
        graph = memory.to_networkx(current=False)
        if format == "graphml":
            from graphmem.doors.drawing.graphml import graphml_of

            data, rows = graphml_of(graph), len(graph) + graph.number_of_edges()
        else:
            data, rows = _csv_of(memory, dict(graph.nodes(data="name")))
        if not (rows or memory.stats().episodes):
            raise NotFound(f"nothing is stored of {options().owner}")
    part = file.with_name(f"{file.name}.part")
    try:
        part.write_bytes(data)
        part.rename(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(f"{file} cannot be written: {error.strerror}") from error
    if not show_json({"file": str(file), "format": format, "rows": rows}):
        words = f"{rows:,} nodes and edges" if format == "graphml" else counted(rows, "fact")
        note(f"exported: {words}: {file}")


def _csv_of(memory: Memory, names: Mapping[str, str]) -> tuple[bytes, int]:
    """Every fact as a row, with names for reading; lists and metadata as JSON."""
    stream = io.StringIO(newline="")
    table = csv.DictWriter(stream, _COLUMNS)
    table.writeheader()
    rows, after = 0, None
    while True:
        page = memory.get_all(limit=_PAGE, after=after, current=False)
        table.writerows(_csv_row(fact, names) for fact in page.items)
        rows, after = rows + len(page.items), page.next
        if after is None:
            return stream.getvalue().encode("utf-8", "backslashreplace"), rows


def _csv_row(fact: Fact, names: Mapping[str, str]) -> dict[str, Any]:
    found = to_json(fact)
    row = {name: found.get(name) for name in _COLUMNS}
    row["subject"], row["object"] = (names.get(found[f"{end}_id"]) for end in ("subject", "object"))
    sources = dict.fromkeys(source.episode_id for source in fact.sources)
    row |= {"tags": list(fact.tags), "episode_ids": list(sources)}
    for name in ("tags", "metadata", "episode_ids"):
        row[name] = json.dumps(to_json(row[name]), ensure_ascii=False) if row[name] else None
    return row


@cli.command("import")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True)
@EVERYBODY_OPTION
@click.option(
    "--from",
    "source",
    type=click.Choice(["graphmem", "mem0"]),
    default="graphmem",
    show_default=True,
    help="What wrote FILES.",
)
@click.option("--infer", is_flag=True, help="Of mem0: draw entities and relations from each, too.")
@click.option("--dry-run", is_flag=True, help="Of mem0: only read, and say what is there.")
def import_command(
    files: tuple[Path, ...], *, everybody: bool, source: str, infer: bool, dry_run: bool
) -> None:
    """Add what export, or mem0, wrote to FILES.

    \b
    graphmem --user ada import ada.jsonl
    graphmem --store new import --all everything.jsonl
    graphmem import --from mem0 get_all.json

    The file of an export must hold the memories of this user alone (--all: anybody's), who has none
    here yet. It is checked first, and written whole or not at all. To import it again changes
    nothing.

    Of mem0: the JSON of get_all, the folder of a local Qdrant, its history.db, or several of them
    together. Each memory goes to its own user; --user is for those that name none. To import again
    adds only what is new. Rows that are bad are named, and the exit code is 1.
    """
    if source == "mem0":
        if everybody:
            raise UsageError("--all is for exports: a memory of mem0's goes to its own user")
        _import_from_mem0(files, infer=infer, dry_run=dry_run)
        return
    if infer or dry_run:
        raise UsageError("--infer and --dry-run are for --from mem0: an export is checked anyway")
    if len(files) > 1:
        raise UsageError("one export at a time")
    with (
        options().memory(create=True, owned=not everybody) as memory,
        stage_bars("import") as progress,
    ):
        found = memory.import_(files[0], all_scopes=everybody, progress=progress)
    if show_json(found):
        return
    if found.already:
        note(f"nothing to do: all of {files[0]} is here already")
    else:
        note(f"imported: {counted(found.rows, 'row')} of {counted(found.tenants, 'user')}")


_NAMED = 20
_FAILED = 1


def _import_from_mem0(paths: Sequence[Path], *, infer: bool, dry_run: bool) -> None:
    """Add what mem0 keeps in these files; what is bad in them is named, and the exit code is 1."""
    from graphmem.importers.mem0 import Mem0Reader
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
    exit_unless(not reader.bad_count)


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
