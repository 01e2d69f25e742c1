"""The fields that a filter can name: what each holds, and which reads know it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from graphmem.errors import UsageError, shown
from graphmem.model import MemoryType, Modality

ReadKind = Literal["search", "facts", "entities"]
"""What a read is over: facts and turns; facts (and relations, which are facts); entities."""
Holds = Literal["word", "name", "text", "type", "choice", "time", "number", "any", "holding"]


_LONGEST = 80
"""Of a name that is compared with those that there are."""


@dataclass(frozen=True, slots=True)
class Field:
    """``word``: compared as it stands. ``name``: an entity, by id, name or alias. ``text``: by its
    words, whole or in part. ``type``: a relation's, as ``works_at`` or "works at". ``choice``: one
    of ``choices``. ``any``: what JSON holds."""

    name: str
    holds: Holds
    about: str
    aliases: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    reads: tuple[ReadKind, ...] = ("search", "facts")


FIELDS: dict[ReadKind, dict[str, Field]] = {}
_ALL = (
    Field("kind", "choice", "what a hit is", (), ("fact", "turn"), ("search",)),
    Field("about", "name", "an entity that it speaks of", ("person", "people", "entity")),
    Field("subject", "name", "the entity that a relation goes from"),
    Field("object", "name", "the entity that a relation goes to"),
    Field("type", "type", "the type of a relation", ("relation",)),
    Field("tag", "word", "a tag", ("tags",)),
    Field("metadata", "any", "a key of the metadata: metadata.KEY", ("meta",)),
    Field("memory_type", "choice", "the type of memory", (), get_args(MemoryType)),
    Field("modality", "choice", "how a fact is meant", (), get_args(Modality)),
    Field("importance", "number", "from 0 to 1"),
    Field("occurred_at", "time", "when it happened or was said", ("when", "date", "said_at")),
    Field("recorded_at", "time", "when it was recorded"),
    Field("valid_at", "time", "since when a fact holds"),
    Field("invalid_at", "time", "until when a fact held"),
    Field("begins_at", "time", "from when it is known to hold: valid_at, else when it was said"),
    Field("ended_at", "time", "when it ended, expired or was archived, whichever was first"),
    Field("holding", "holding", "whether it held at a time: holding now, holding at 2024-05"),
    Field("speaker", "word", "who said it"),
    Field("episode", "word", "the id of an episode that it comes from", ("episode_id",)),
    Field("source", "choice", "what it comes from", (), ("text", "messages", "statements")),
    Field("agent", "word", "the agent that it was said with", ("agent_id",)),
    Field("run", "word", "the run that it was said in", ("run_id",)),
    Field("name", "text", "its name or part of it", ("alias",), (), ("entities",)),
    Field("kind", "word", "what it is: person, place, …", (), (), ("entities",)),
    Field("recorded_at", "time", "when it was recorded", (), (), ("entities",)),
)
for _field in _ALL:
    for _read in _field.reads:
        for _name in (_field.name, *_field.aliases):
            FIELDS.setdefault(_read, {})[_name] = _field

_SCOPE = frozenset({"user", "user_id", "project", "project_id", "owner", "scope", "tenant"})
_ELSEWHERE = {"format": "metadata.format", "file": "metadata.source", "valid": "holding at TIME"}


def field_named(name: str, read: ReadKind) -> Field:
    """The field of that name or alias; a :class:`UsageError` that says what there is."""
    key = name.lower()
    if found := FIELDS[read].get(key):
        return found
    if key in _SCOPE:
        raise UsageError(
            f"a filter cannot choose whose memory is read, so it has no {name!r}; give user_id and "
            "project_id to the call"
        )
    known = sorted({field.name for field in FIELDS[read].values()})
    others = [r for r in FIELDS if key in FIELDS[r]]
    if others:
        what = {"search": "searches", "facts": "facts and relations", "entities": "entities"}
        raise UsageError(
            f"{name!r} is a field of {what[others[0]]}, not of {what[read]}, which have "
            f"{', '.join(known)}"
        )
    if hint := _ELSEWHERE.get(key):
        raise UsageError(f"there is no field {name!r}; {hint} may be what you mean")
    more = ", and metadata.KEY for keys of the metadata" if "metadata" in known else ""
    raise UsageError(
        f"there is no field {shown(name)}{near(name, FIELDS[read])}; the fields are "
        f"{', '.join(known)}{more}"
    )


def near(name: str, known: Iterable[str]) -> str:
    """``: did you mean …?`` when something is spelt alike, else nothing."""
    found = difflib.get_close_matches(name[:_LONGEST].lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {found[0]}?)" if found else ""
