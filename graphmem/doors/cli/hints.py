"""What to say when there is no answer: that nothing is stored yet, or which name was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from graphmem.doors.cli.base import next_command, options
from graphmem.doors.cli.output import note
from graphmem.errors import GraphmemError, NotFound

if TYPE_CHECKING:
    from graphmem import Memory

_NO_SUCH = re.compile(r"no (fact|episode or change) '([^']+)' in this scope$")


@contextmanager
def memory_to_ask() -> Iterator[Memory]:
    """The memory that the options name, to ask it something.

    A name that is not found is answered with those that are like it, in this scope only.
    """
    with options().memory() as memory:
        try:
            yield memory
        except NotFound as error:
            raise NotFound(_explained(memory, str(error))) from error


def _explained(memory: Memory, message: str) -> str:
    from graphmem.retrieve.question.names_and_relations import LISTS

    if nothing_stored(memory):
        return f"{message.partition(';')[0]}: {_nothing()}"
    if LISTS not in message:
        return message + _of_a_fact(memory, message)
    return message.replace(LISTS, "`graphmem entities` lists those it has")


def _of_a_fact(memory: Memory, message: str) -> str:
    """A hint for an id that is of a fact no longer believed, or of no change; else nothing."""
    match = _NO_SUCH.match(message)
    if match is None:
        return ""
    try:
        changes = memory.history(match[2])
    except GraphmemError:
        return ""
    if match[1] == "fact" and any(change.action == "DELETE" for change in changes):
        return f"; it is believed no more: {next_command('history', match[2])} says why"
    if match[1] == "episode or change":
        return f"; it is a fact: {next_command('history', match[2])} has the ids of its changes"
    return ""


def nothing_stored(memory: Memory) -> bool:
    """Whether the scope of the options holds no episode."""
    return memory.stats().episodes == 0


def say_if_empty(memory: Memory, answer: object) -> None:
    """After an empty answer: say so when nothing is stored in this scope. Names no other scope."""
    if not answer and nothing_stored(memory):
        note(_nothing())


def say_if_no_type(memory: Memory, type: str) -> None:
    """After an empty answer about a relation type: which ones are said here that are like it."""
    from graphmem.retrieve.question.names_and_relations import did_you_mean

    known_types = [known.type for known in memory.relation_types() if known.statements]
    if known_types and type not in known_types:
        note(f"nothing here has the type {type!r}{did_you_mean(type, known_types)}")


def _nothing() -> str:
    return f"nothing is stored for {options().owner} yet (is the name right?)"
