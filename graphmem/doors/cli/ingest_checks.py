"""Whether the files to ingest can be stored: found out before any of them is, so that one that
cannot be is left out by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graphmem.errors import UsageError
from graphmem.importers import Item, document_id
from graphmem.text import printable

_LINE_ENDS = re.compile("[\t\n\r]")
_ESCAPES = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def one_line(text: str) -> str:
    """A name, or what is said of it, in one line of what can be printed."""
    return _LINE_ENDS.sub(lambda match: _ESCAPES[match.group()], printable(text))


def check_file_name(path: Path) -> None:
    """Refuse a file whose name, or that of a folder it is in, no store takes: its episodes could
    not say where they come from."""
    if _LINE_ENDS.search(document_id(path)):
        name = one_line(str(path))
        raise UsageError(f"{name}: a line end or a tab in its name, or its folder's: rename it")
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{path}: its name is not UTF-8: rename it") from None


def check_item(item: Item, format: str, max_bytes: int) -> None:
    """Refuse an item that could not be remembered, as remembering it would."""
    from graphmem.clock import SystemClock
    from graphmem.ingest import make_episode
    from graphmem.limits import checked_metadata

    scope = _scope_of(item)
    if format == "triples":  # what else there is in a row, its reader has checked
        checked_metadata(item.get("metadata"))
        return
    content, options = make_episode.split_item(item)
    make_episode.build_episode(content, options, scope, SystemClock(), max_bytes=max_bytes)


def check_given(given: Mapping[str, Any]) -> None:
    """Refuse options that no episode may have, since they are not the fault of any file."""
    from graphmem.limits import TEXT_BYTES

    check_item({"content": "x", **given}, "text", TEXT_BYTES)


def _scope_of(item: Mapping[str, Any]) -> Any:
    """The scope that an item names; anybody's where it names none."""
    from graphmem.model import DEFAULT_PROJECT, Scope

    ids = {name: item.get(name) for name in ("project_id", "user_id", "agent_id", "run_id")}
    named = {name: value for name, value in ids.items() if value is not None}
    return Scope(**{"project_id": DEFAULT_PROJECT, "agent_id": "-", **named})
