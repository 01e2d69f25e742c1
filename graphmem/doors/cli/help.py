"""What to say when there is no answer: that nothing is stored yet, or which name was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from graphmem.doors.cli.base import options
from graphmem.doors.cli.output import note
from graphmem.errors import GraphmemError, NotFound

if TYPE_CHECKING:
    from graphmem import Memory

_CLOSE = 70
"""From 0 to 100: how alike a name must be to be suggested."""
_SUGGESTED = 3
_MOST_NAMES = 10_000
_NO_SUCH = re.compile(r"no (fact|episode or change) '([^']+)' in this scope$")
_API_HINT = "entities() lists those it has"


@contextmanager
def asking() -> Iterator[Memory]:
    """The memory that the options name, to ask it something.

    A name that is not found is answered with those that are like it, in this scope only.
    """
    with options().memory() as memory:
        try:
            yield memory
        except NotFound as error:
            raise NotFound(_explained(memory, str(error))) from error


def _explained(memory: Memory, message: str) -> str:
    if nothing_stored(memory):
        return f"{message.partition(';')[0]}: {_nothing()}"
    if _API_HINT not in message:
        return message + _of_a_fact(memory, message)
    shell = message.replace(_API_HINT, "`graphmem entities` lists those it has")
    asked = message.partition("no entity ")[2].rpartition(" in this scope")[0]
    likely = _like(memory, asked[1:-1])
    return f"{shell}; did you mean {' or '.join(likely)}?" if likely else shell


def _of_a_fact(memory: Memory, message: str) -> str:
    """What to do with the id of a fact that is believed no more, or that is no change."""
    match = _NO_SUCH.match(message)
    if match is None:
        return ""
    try:
        changes = memory.history(match[2])
    except GraphmemError:
        return ""
    if match[1] == "fact" and any(change.action == "DELETE" for change in changes):
        return f"; it is believed no more: graphmem history {match[2]} tells why"
    if match[1] == "episode or change":
        return f"; it is a fact: graphmem history {match[2]} has the ids of its changes"
    return ""


def _like(memory: Memory, asked: str) -> list[str]:
    """The names (and aliases) in this scope that are most like the one asked for."""
    from rapidfuzz import fuzz, process, utils

    found = memory.entities(limit=_MOST_NAMES)
    names = dict.fromkeys(name for entity in found for name in (entity.name, *entity.aliases))
    best = process.extract(
        asked,
        list(names),
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=_SUGGESTED,
        score_cutoff=_CLOSE,
    )
    return [name for name, _, _ in best]


def nothing_stored(memory: Memory) -> bool:
    """Whether the scope of the options holds no episode."""
    return memory.stats().episodes == 0


def say_if_empty(memory: Memory, answer: object) -> None:
    """After an empty answer: say so when nothing is stored in this scope. Names no other scope."""
    if not answer and nothing_stored(memory):
        note(_nothing())


def say_if_no_type(memory: Memory, type: str) -> None:
    """After an empty answer about a relation type: which ones are said here that are like it."""
    from rapidfuzz import process, utils

    said = [known.type for known in memory.relation_types() if known.statements]
    if said and type not in said:
        best = process.extract(
            type, said, processor=utils.default_process, limit=_SUGGESTED, score_cutoff=_CLOSE
        )
        like = f"; did you mean {' or '.join(name for name, _, _ in best)}?" if best else ""
        note(f"nothing here has the type {type!r}{like}")


def _nothing() -> str:
    return f"nothing is stored for {options().owner} yet (is the name right?)"
