"""Where a hit comes from, in words short enough for a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from graphmem.errors import NotFound
from graphmem.model import Hit

if TYPE_CHECKING:
    from graphmem import Memory

_LONGEST_ID = 16
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}.*", re.IGNORECASE)
_TEXT_FORMATS = ("text", "markdown")


def own_label(hit: Hit) -> str:
    """The source's own id of the turn, when it is short enough to be read; else nothing."""
    id = hit.source_id or ""
    return "" if len(id) > _LONGEST_ID or _UUID.fullmatch(id) else id


def labels(memory: Memory, hits: Iterable[Hit]) -> dict[str, str]:
    """For each hit, by its id: the source's own id, or the file or title of its episode."""
    found: dict[str, str] = {}
    episodes: dict[str, str] = {}
    for hit in hits:
        label = own_label(hit)
        if not label and hit.episode_id:
            if hit.episode_id not in episodes:
                episodes[hit.episode_id] = _of_episode(memory, hit.episode_id, hit.project_id)
            label = episodes[hit.episode_id]
        found[hit.id] = label
    return found


def _of_episode(memory: Memory, id: str, project: str | None) -> str:
    try:
        return _named(memory.episode(id, project_id=project).metadata)
    except NotFound:  # a fact may outlive the view of its episode that a run or an agent has
        return ""


def _named(metadata: Mapping[str, object]) -> str:
    """A note is known by its file, a conversation by its title."""
    keys = ("source", "title") if metadata.get("format") in _TEXT_FORMATS else ("title", "source")
    return next((value for key in keys if isinstance(value := metadata.get(key), str)), "")
