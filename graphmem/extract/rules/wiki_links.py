"""Links between notes, as Obsidian and wikis write them: ``[[Lars Holm|Lars]]`` is Lars Holm, whom
this text calls Lars."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from graphmem.model import Episode

_LINK = re.compile(
    r"(?P<embeds>!?)\[\[(?P<to>[^\[\]|#\n]{1,120})(?:#[^\[\]|\n]{0,120})?"
    r"(?:\|(?P<called>[^\[\]|\n]{1,120}))?\]\]"
)
_LONGEST_NAME = 5


def without_links(episode: Episode) -> Episode:
    """The episode with what links lead to in their place, and nothing in that of pictures."""
    if "[[" not in episode.content:
        return episode
    turns = (replace(turn, text=_LINK.sub(_in_place, turn.text)) for turn in episode.turns)
    return replace(episode, turns=tuple(turns))


def linked_names(text: str) -> Iterator[tuple[str, str | None]]:
    """The names that links lead to, each with what the text calls it, if that is a name too."""
    for link in _LINK.finditer(text) if "[[" in text else ():
        name = _target(link["to"])
        if not link["embeds"] and _is_name(name):
            alias = (link["called"] or "").strip()
            yield name, alias if alias != name and _is_name(alias) else None


def _in_place(link: re.Match[str]) -> str:
    return "" if link["embeds"] else _target(link["to"])


def _target(path: str) -> str:
    """A note in a folder is called by its own name."""
    return path.rpartition("/")[2].strip().removesuffix(".md")


def _is_name(text: str) -> bool:
    return text[:1].isupper() and len(text.split()) <= _LONGEST_NAME
