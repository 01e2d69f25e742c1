"""A model that states all that a careful reader takes from a text: its answers, made of what is
expected, for the local model server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphmem.testing.llm_server import Request, ScriptedAnswer
from tests.plain_words.texts import Expected, Passage, Text

VALUES = frozenset(
    {"phone_number", "phone", "email", "deadline", "budget", "rent", "address", "born_on"}
)
_KINDS = {
    "lives_in": ("person", "place"), "based_in": ("organization", "place"),
    "works_at": ("person", "organization"), "born_in": ("person", "place"),
    "married_to": ("person", "person"), "sibling_of": ("person", "person"),
    "parent_of": ("person", "person"), "has_pet": ("person", "animal"),
    "friend_of": ("person", "person"), "partner_of": ("person", "person"),
    "works_as": ("person", "topic"),
}  # fmt: skip


def answer(text: Text, passage: Passage) -> dict[str, Any]:
    """What the model says of one passage."""
    facts: list[dict[str, Any]] = []
    kinds: dict[str, str] = {}
    for wanted in passage.expected:
        if wanted.mark in "+=-":
            facts += _facts(wanted, passage, text)
    for fact in facts:
        ends = _KINDS.get(fact["type"], ("thing", "thing"))
        for name, kind in zip((fact["subject"], fact["object"]), ends, strict=True):
            if name and kinds.get(name, "thing") == "thing":
                kinds[name] = kind
    entities = [{"name": name, "kind": kind, "aliases": []} for name, kind in kinds.items()]
    return {"entities": entities, "facts": facts}


def _facts(wanted: Expected, passage: Passage, text: Text) -> Iterator[dict[str, Any]]:
    type = wanted.types[0]
    subject = wanted.subject.strip("*")
    object_ = wanted.object.strip("*") or (None if wanted.mark == "-" else text.user_name)
    day = f"{passage.at:%Y-%m-%d}"
    fact: dict[str, Any] = {
        "subject": subject, "type": type, "object": object_, "value": None,
        "entities": [name for name in (subject, object_) if name],
        "valid_at": None, "invalid_at": None, "importance": 0.5, "turns": [],
        "retracts": False, "modality": "stated",
    }  # fmt: skip
    if type in VALUES or (object_ and not any(map(str.isalpha, object_))):
        fact |= {"object": None, "value": object_, "entities": [subject]}
    verb = type.replace("_", " ")
    kind, _, when = wanted.note.partition(" ")
    if wanted.mark == "-":
        fact |= {"invalid_at": day, "retracts": True}
        verb = f"no longer {verb}"
        for other in wanted.types if object_ is None else (type,):
            yield {**fact, "type": other, "text": f"{subject} {verb} {object_ or 'anybody'}."}
        return
    if kind == "past":
        fact["invalid_at"] = day
    elif kind == "planned":
        fact["valid_at"] = when
    elif kind == "until":
        fact |= {"invalid_at": when, "retracts": True}
    elif wanted.mark == "=":
        fact["valid_at"] = day
    yield {**fact, "text": f"{subject} {verb} {object_ or ''}".strip() + "."}


class StatesAll:
    """For a server's ``answer``: what the passage that is being added says."""

    def __init__(self) -> None:
        self._now: dict[str, Any] = {"entities": [], "facts": []}

    def begin(self, text: Text, passage: Passage) -> None:
        self._now = answer(text, passage)

    def __call__(self, request: Request) -> ScriptedAnswer:
        return self._now
