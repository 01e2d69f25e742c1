"""Commands that read and follow files, and list or remove what was read from them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphmem import importers
from graphmem.doors.cli.arguments import given_only
from graphmem.doors.cli.base import cli, exit_unless, next_command, options
from graphmem.doors.cli.ingest import FileIngest, remove_documents
from graphmem.doors.cli.ingest_checks import one_line
from graphmem.doors.cli.output import RIGHT, counted, note, print_table, show, show_json
from graphmem.doors.cli.reading import memory_to_ask
from graphmem.doors.cli.write import before_ingest, understood_since
from graphmem.errors import UsageError
from graphmem.importers import document_id, walk

if TYPE_CHECKING:
    from graphmem import Memory
    from graphmem.doors.cli.base import Options


_NAMED = 5
"""Users, or files, that are named before the rest is only hinted at."""


def _at(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> datetime | str | None:
    if value is None or value == "mtime":
        return value
    from graphmem.clock import parse_when

    return parse_when(value, name="--at")


def _paths(
    context: click.Context, parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[Path, ...]:
    """Paths as they were given; an empty one would be the folder that one stands in."""
    if not all(values):
        raise UsageError("a path is empty; write . for this folder")
    return tuple(map(Path, values))


@cli.command("ingest")
@click.argument("paths", nargs=-1, required=True, callback=_paths)
@click.option(
    "--format",
    "format",
    type=click.Choice(importers.IMPORT_FORMATS),
    help="What the files are; found out from name and content unless given.",
)
@click.option(
    "--at",
    metavar="TIME",
    callback=_at,
    help="When texts without a time of their own happened; 'mtime': when the file last changed.",
)
@click.option("--no-infer", is_flag=True, help="Keep each episode itself as one fact.")
@click.option("--tag", "tags", multiple=True, help="A tag for all; may be given several times.")
@click.option("--sync", is_flag=True, help="Undo what was read from files that are gone.")
@click.option("--watch", "follow", is_flag=True, help="Go on with --sync whenever files change.")
def ingest_command(
    paths: tuple[Path, ...],
    *,
    format: str | None,
    at: datetime | str | None,
    sync: bool,
    follow: bool,
    no_infer: bool,
    **given: Any,
) -> None:
    """Remember files: notes, chats, exports.

    Plain text, Markdown, journals, transcripts, WhatsApp and Slack exports, JSON Lines, a ChatGPT
    export (also zipped), LoCoMo, and relations as rows (--format triples: .csv, .tsv or .jsonl with
    subject, type and object); folders are searched.

    Of several files, those that are no text are left out, with a warning. One with a bad line is
    named with that line, the others are read, and the exit code is 1.

    What was ingested before is passed over, so an interrupted run goes on when repeated. A note
    that was edited takes the place of what it was; with --sync, notes that are in the folders no
    more count no more. History keeps both. Chats and transcripts only grow.
    """
    folders = [path for path in paths if os.path.isdir(path)]
    if (sync or follow) and not folders:
        raise UsageError("--sync and --watch are of folders: give the one that the files are in")
    shared = options()
    most = _max_bytes(shared)
    work = FileIngest(paths, format, at, max_bytes=most)
    given = {"infer": not no_infer, **given_only(given)}
    work.check(shared)
    changes = changes_of(folders) if follow else ()
    with shared.memory(create=True, owned=False) as memory:
        before = before_ingest(memory)
        summary = work.run(memory, **given)
        if sync or follow:
            summary["gone"] = remove_missing(memory, folders)
            summary["undone"] += summary["gone"]
        pending, _, why = memory.health().parts.get("pending", "0").partition(": ")
        summary["pending"] = int(pending.partition(",")[0])
        if not show_json(summary):
            show(_report(summary, shared.user))
            if not no_infer and (line := understood_since(memory, before)):
                note(line)
        if summary["pending"]:
            note(_waiting(summary["pending"], why))
        if follow:
            note(f"watching {', '.join(map(str, folders))}; Ctrl-C ends")
        for files in changes:
            again = partial(FileIngest, files, None, at, again=True, max_bytes=most)
            _read_again(memory, folders, again if files else None, **given)
    exit_unless(not summary["failed"])


def _report(summary: dict[str, Any], user: str | None) -> str:
    """The summary as people read it."""
    lines = [
        f"{counted(summary['episodes'], 'episode')} from {counted(summary['files'], 'file')}: "
        f"{summary['new']:,} new, {summary['already_known']:,} already known, "
        f"in {summary['seconds']:.1f} s"
    ]
    if undone := summary["undone"] - summary["gone"]:
        older = counted(undone, "episode")
        lines.append(f"{older} of older versions undone: what they said counts no more")
    if summary["gone"]:
        gone = counted(summary["gone"], "episode")
        lines.append(f"{gone} of files that are gone undone: what they said counts no more")
    if summary["empty"]:
        lines.append(f"nothing in {_listed(summary['empty'])}")
    if summary["left_out"]:
        left_out = counted(len(summary["left_out"]), "file")
        lines.append(f"{left_out} left out: {_listed(summary['left_out'])}")
    if summary["failed"]:
        failed = counted(len(summary["failed"]), "file")
        lines.append(f"{failed} could not be read: {_listed(summary['failed'])}")
    if others := summary["other_kinds"]:
        kinds = _listed([f"{ending} ({number:,})" for ending, number in others.items()])
        lines.append(f"{counted(sum(others.values()), 'file')} of other kinds passed over: {kinds}")
    users = summary["users"]
    if users:
        lines.append(f"each for its own user: {_listed(users)}")
        if user is not None and user not in users:
            lines.append(f"(these files name their users; --user {user} was not used)")
    asked = users[0] if users else user
    if asked and summary["episodes"]:
        ask = next_command("search", '"…"', user=asked)
        lines.append(f"ask them: {ask}")
    return "\n".join(lines)


def _waiting(pending: int, why: str) -> str:
    """What is stored and was not read yet, by the model's fault or another's."""
    because = f": {why}" if why else ""
    return (
        f"not read yet: {counted(pending, 'episode')}{because}\n"
        "the text is safe and can be searched; go on later with: graphmem resume"
    )


def _listed(names: Sequence[str]) -> str:
    """The first names, and a mark when there are more."""
    return ", ".join(map(one_line, names[:_NAMED])) + (", …" if len(names) > _NAMED else "")


def _max_bytes(shared: Options) -> int:
    """The most bytes of a text that the store takes, as far as that is known here: a server has
    settings of its own."""
    from graphmem.limits import TEXT_BYTES
    from graphmem.settings import Settings

    return TEXT_BYTES if shared.server else Settings.load().max_text_bytes


def _read_again(
    memory: Memory, folders: Sequence[Path], again: Callable[[], FileIngest] | None, **given: Any
) -> None:
    """Read the files that changed, if any, and undo what is gone from the folders; a bad file is
    only named."""
    try:
        if again is not None:
            work = again()
            show(_report(work.run(memory, **given), None))
        if undone := remove_missing(memory, folders):
            show(f"{counted(undone, 'episode')} of files that are gone undone")
    except UsageError as error:
        note(one_line(str(error)))
    sys.stdout.flush()  # whoever reads it through a pipe follows, too


@cli.command("documents")
@click.option("--under", metavar="PATH", help="Only those whose ids begin so.")
def documents_command(under: str | None) -> None:
    """List the files that are remembered.

    As ingest read them last.
    """
    with memory_to_ask() as memory:
        found = memory.documents(under=under)
    if show_json(found):
        return
    if not found:
        note(f"no documents; {next_command('ingest', 'FILES')} reads some")
        return
    print_table(
        ["document", ("episodes", RIGHT)], [(one.id, len(one.episode_ids)) for one in found]
    )


@cli.command("remove-document")
@click.argument("document")
def remove_document_command(document: str) -> None:
    """Undo what was read from a file that is gone.

    DOCUMENT is its path, or its id, as documents lists it. What it said counts no more; history
    keeps it.
    """
    with memory_to_ask() as memory:
        known = memory.documents(document=document)
        removal = memory.remove_document(document if known else document_id(Path(document)))
    if not show_json(removal):
        text = f"undone; {counted(removal.facts, 'fact')} believed no longer"
        show(text)


_QUIET_MS = 300
"""How long nothing must change before what has changed is read: editors write in several steps."""
_TURN_MS = 200


def remove_missing(memory: Memory, folders: Iterable[Path]) -> int:
    """Undo what was read from files of these folders that are not there any more; returns how many
    episodes that were."""
    undone = 0
    for folder in folders:
        there = {document_id(file) for file, _ in walk([folder])}
        stored = memory.documents(under=document_id(folder) + os.sep)
        # A file may have been named by itself whose like is not looked for in folders.
        gone = {one.id for one in stored if one.id not in there and _is_gone(Path(one.id))}
        undone += remove_documents(memory, stored, gone)
    return undone


def _is_gone(path: Path) -> bool:
    """Whether a file is certainly not there: of what may not be looked at, nobody knows."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def changes_of(folders: Sequence[Path]) -> Iterator[list[Path]]:
    """From now on, until Ctrl-C, the files to read again whenever something in these folders was
    written, moved or deleted. :class:`~graphmem.errors.UsageError` without the package that
    watches."""
    try:
        from watchfiles import watch
    except ImportError as error:
        raise UsageError("--watch needs pip install 'graphmem[files]'") from error
    seen = watch(
        *folders,
        debounce=4 * _QUIET_MS,
        step=_QUIET_MS,
        rust_timeout=_TURN_MS,
        yield_on_timeout=True,
    )
    next(seen)  # it begins to watch when it is first asked
    return _changed_files(folders, seen)


def _changed_files(
    folders: Sequence[Path], seen: Iterable[Set[tuple[Any, str]]]
) -> Iterator[list[Path]]:
    for changes in seen:
        if changes:
            touched = {document_id(Path(path)) for _, path in changes}
            yield [file for file in _files(folders) if document_id(file) in touched]


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    for folder in folders:
        with suppress(UsageError):  # gone, or empty
            yield from (file for file, _ in walk([folder]))
