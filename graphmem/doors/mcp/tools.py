"""The tools that a model has: which method of the API each one is, with which of its arguments.

What a method does, and what its arguments are, is read from the API itself; said here is only when
a model should use it, and what an argument means where its name does not."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import msgspec

from graphmem.client.calls import CALLS, Call, plain_doc
from graphmem.client.codec import read_request, to_bytes
from graphmem.doors.mcp import results
from graphmem.errors import UsageError

MOST_RESULTS: Final = 100
_LISTED = ("limit", "offset")
_MOMENT = ("valid_at", "known_at")
_FIXED = frozenset({"user_id", "agent_id", "run_id", "project_id", "actor"})
_TIME = "2024, 2024-05, 2024-05-01 or ISO 8601 with a time of day"

ARGUMENTS: Final[Mapping[str, Mapping[str, Any]]] = {
    "content": {
        "description": "What to remember, in whole sentences that name who and what they are "
        "about; or the messages of a conversation, each with role and content",
        "anyOf": [
            {"type": "string"},
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["content"],
                    "properties": {
                        "content": {"type": "string"},
                        "role": {"type": "string"},
                        "name": {"type": "string", "description": "who speaks"},
                        "occurred_at": {"type": "string", "description": _TIME},
                    },
                },
            },
        ],
    },
    "contents": {
        "description": "What to remember, each of it by itself, in order",
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "maxItems": 1000,
    },
    "query": {"description": "The question, in plain words"},
    "limit": {"minimum": 1, "maximum": MOST_RESULTS, "description": "At most so many"},
    "offset": {"minimum": 0, "description": "How many to pass over: where the part before ended"},
    "budget_tokens": {"minimum": 50, "maximum": 4000, "description": "How long the text may be"},
    "current": {"description": "false brings what is no longer so, too"},
    "where": {
        "description": "Only what passes a filter: tag = work and occurred_at >= 2024-05",
        "type": "string",
    },
    "min_score": {"minimum": 0, "maximum": 1, "description": "Nothing that is less likely"},
    "valid_at": {"description": f"What was so at that time ({_TIME})"},
    "known_at": {"description": f"What was known at that time ({_TIME}); slower"},
    "since": {"description": _TIME},
    "until": {"description": _TIME},
    "occurred_at": {"description": f"When it happened, if that was not now ({_TIME})"},
    "expires_at": {"description": f"From when on it is not to be recalled ({_TIME})"},
    "tags": {"description": "Words to find it by later, with where: tag = work"},
    "importance": {"minimum": 0, "maximum": 1, "description": "0 to 1; 0.5 unless given"},
    "entity": {"description": "A name, an alias or an id"},
    "other": {"description": "The entity at the other end: a name, an alias or an id"},
    "source": {"description": "Where the way begins: a name, an alias or an id"},
    "target": {"description": "Where the way ends: a name, an alias or an id"},
    "name": {"description": "A part of the name"},
    "kind": {"description": "person, place, organization or thing"},
    "type": {"description": "What relates them, a verb phrase: works_at, lives_in"},
    "hops": {"minimum": 1, "maximum": 4, "description": "How many steps away"},
    "max_hops": {"minimum": 1, "maximum": 6, "description": "How many steps at most"},
    "fact_id": {"description": "The id of the fact, as results show it"},
    "id": {"description": "The id of the fact or the episode, as results show it"},
    "cited": {"description": "The id of a fact or a turn, as results show it"},
    "text": {"description": "The sentence as it should be"},
    "invalid_at": {"description": f"When it ceased to be so ({_TIME})"},
    "missing": {"description": "What was expected: a sentence, or an id"},
    "erase": {"description": "true removes it for good, from history too"},
}
"""What each argument means to a model; its type is the API's, unless it is narrowed here."""

_OWN: Final[Mapping[tuple[str, str], str]] = {
    ("correct", "valid_at"): f"Since when it is so ({_TIME})",
    ("undo", "id"): "The id of an episode, or the seq of an edit, as `explain` shows it",
}


@dataclass(frozen=True, kw_only=True)
class MemoryTool:
    """One tool: a method of the API, some of its arguments, and what it answers."""

    name: str
    method: str
    title: str
    use: str
    """When a model should use it; said after the first sentence of the method itself."""
    arguments: tuple[str, ...]
    answer: type[results.Answer]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    read_only: bool = True
    destructive: bool = False
    idempotent: bool = True

    @property
    def call(self) -> Call:
        return CALLS[self.method]

    @property
    def description(self) -> str:
        doc = " ".join(plain_doc(inspect.getdoc(self.call.promised) or "").split())
        return f"{doc.partition('. ')[0].rstrip('.')}. {self.use}"

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema of its arguments."""
        properties = {name: self._argument(name) for name in self.arguments}
        required = [name for name in self.arguments if name in self.call.required]
        return {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }

    def _argument(self, name: str) -> dict[str, Any]:
        own: dict[str, Any] = dict(ARGUMENTS[name])
        if (self.name, name) in _OWN:
            own["description"] = _OWN[self.name, name]
        found: dict[str, Any] = {}
        if not own.keys() & {"type", "anyOf"}:
            found = _without_null(msgspec.json.schema(self.call.hints[name]))
        default = self.defaults.get(name, self._default(name))
        return {**found, **own, **({} if default is None else {"default": default})}

    def _default(self, name: str) -> Any:
        given = self.call.signature.parameters.get(name)
        default = None if given is None else given.default
        return default if isinstance(default, str | int | float | bool) else None

    @cached_property
    def output_schema(self) -> dict[str, Any]:
        """The JSON Schema of what it answers."""
        (_,), named = msgspec.json.schema_components([self.answer], ref_template="#/$defs/{name}")
        return {**named.pop(self.answer.__name__), "$defs": named}

    def checked(self, given: Mapping[str, Any] | None) -> dict[str, Any]:
        """Arguments as the method takes them; UsageError for what it does not have. A value that is
        null is one not given."""
        values = {name: value for name, value in (given or {}).items() if value is not None}
        unknown = sorted(values.keys() - set(self.arguments))
        if unknown:
            raise UsageError(
                f"{self.name} has no argument {unknown[0]!r}; it takes {', '.join(self.arguments)}"
            )
        missing = [name for name in self.input_schema["required"] if name not in values]
        if missing:
            meaning = self.input_schema["properties"][missing[0]]["description"]
            raise UsageError(f"{self.name} needs {missing[0]!r}: {meaning}")
        for name, value in values.items():
            _check_range(name, value)
        _check_items(values.get("contents"))
        # As the server over HTTP reads them: of the right types, or an error that says where.
        return read_request(self.call, to_bytes({**self.defaults, **values}))


def _check_range(name: str, value: Any) -> None:
    least, most = (ARGUMENTS[name].get(end) for end in ("minimum", "maximum"))
    if isinstance(value, int | float) and least is not None and value < least:
        raise UsageError(f"{name} is at least {least}, got {value}")
    if isinstance(value, int | float) and most is not None and value > most:
        raise UsageError(f"{name} is at most {most} here, got {value}; ask in parts")
    if isinstance(value, list) and len(value) > ARGUMENTS[name].get("maxItems", len(value)):
        raise UsageError(f"{name}: {len(value):,} of them, at most 1,000 at a time")


def _check_items(items: Any) -> None:
    """Items may have options of their own, but not whose they are."""
    for item in items if isinstance(items, list) else ():
        named = sorted(item.keys() & _FIXED) if isinstance(item, Mapping) else []
        if named:
            raise UsageError(
                f"an item has no {named[0]!r} here: whose memory this is was fixed when it was "
                "started"
            )


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Of a type that may be null, the type: what is not given is left out."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


_WRITES: Final[tuple[MemoryTool, ...]] = (
    MemoryTool(
        name="remember",
        method="add",
        title="Remember",
        use="Use it whenever something is said that is worth knowing later: who people are, what "
        "they like, decide and plan, what changed.",
        arguments=("content", "occurred_at", "tags", "importance", "expires_at"),
        answer=results.Remembered,
        read_only=False,
    ),
    MemoryTool(
        name="remember_many",
        method="add_many",
        title="Remember many things",
        use="Use it for a list of notes; what was remembered already is passed over.",
        arguments=("contents", "tags", "importance"),
        answer=results.RememberedMany,
        read_only=False,
    ),
    MemoryTool(
        name="correct",
        method="update",
        title="Correct a fact",
        use="Use it when a remembered fact is wrong; when the world has changed, `remember` what "
        "is so now instead.",
        arguments=("fact_id", "text", "valid_at", "invalid_at", "tags", "importance", "expires_at"),
        answer=results.Corrected,
        read_only=False,
        destructive=True,
    ),
    MemoryTool(
        name="forget",
        method="delete",
        title="Forget",
        use="Use it when somebody asks that something be forgotten.",
        arguments=("id", "erase"),
        answer=results.Forgotten,
        read_only=False,
        destructive=True,
    ),
    MemoryTool(
        name="undo",
        method="undo",
        title="Undo",
        use="Use it to take back what was remembered, corrected or forgotten by mistake.",
        arguments=("id",),
        answer=results.Reverted,
        read_only=False,
        destructive=True,
    ),
)

_READS: Final[tuple[MemoryTool, ...]] = (
    MemoryTool(
        name="search",
        method="search",
        title="Search the memory",
        use="Use it before answering anything that may depend on what was said before.",
        arguments=("query", "limit", "current", "where", "min_score", *_MOMENT),
        answer=results.FoundHits,
        defaults={"limit": 10},
    ),
    MemoryTool(
        name="context",
        method="context",
        title="Get a context",
        use="Use it for all that matters to a question, as one text with numbered sources.",
        arguments=("query", "budget_tokens", "where", "min_score", *_MOMENT),
        answer=results.FoundContext,
        defaults={"budget_tokens": 800},
    ),
    MemoryTool(
        name="entities",
        method="entities",
        title="List who and what is known",
        use="Use it to find whom or what a name means.",
        arguments=("name", "kind", *_LISTED, *_MOMENT),
        answer=results.FoundEntities,
        defaults={"limit": 25},
    ),
    MemoryTool(
        name="relations",
        method="relations",
        title="Ask about relations",
        use="Use it for who works where, who knows whom, what belongs to what, and since when.",
        arguments=("entity", "type", "other", "current", *_LISTED, "where", *_MOMENT),
        answer=results.FoundRelations,
        defaults={"limit": 25},
    ),
    MemoryTool(
        name="neighbours",
        method="neighbours",
        title="Look around an entity",
        use="Use it for everything that is connected with somebody or something.",
        arguments=("entity", "hops", "limit", "current", "where", *_MOMENT),
        answer=results.FoundSurroundings,
        defaults={"limit": 25},
    ),
    MemoryTool(
        name="paths",
        method="paths",
        title="Find how two things connect",
        use="Use it for what two people, places or things have to do with each other.",
        arguments=("source", "target", "max_hops", "limit", "current", "where", *_MOMENT),
        answer=results.FoundPaths,
    ),
    MemoryTool(
        name="timeline",
        method="timeline",
        title="Tell what happened when",
        use="Use it for what happened, in order, to somebody or at some time.",
        arguments=("entity", "since", "until", *_LISTED, "where", *_MOMENT),
        answer=results.FoundTimeline,
        defaults={"limit": 25},
    ),
    MemoryTool(
        name="explain",
        method="explain",
        title="Explain where something comes from",
        use="Use it when asked how something is known.",
        arguments=("cited", *_MOMENT),
        answer=results.Explained,
    ),
    MemoryTool(
        name="why_not",
        method="why_not",
        title="Explain why something was not found",
        use="Use it when a search does not give what it should.",
        arguments=("query", "missing", "limit", "current", "where"),
        answer=results.WhyNotFound,
        defaults={"limit": 10},
    ),
)

TOOLS: Final[Mapping[str, MemoryTool]] = {tool.name: tool for tool in (*_WRITES, *_READS)}
"""Every tool by its name, in the order in which they are listed."""
