"""A model that states all that a careful reader takes from a text: its answers, made of what is
expected and worded as a model words them, for the local model server.

What only somebody could state who knows more than was ever told is not stated: an end of what was
neither named nor told before, or a job without a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
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
    "works_as": ("person", "topic"), "owns": ("person", "thing"),
    "landlord_of": ("person", "person"),
}  # fmt: skip
_PHRASES = {
    "works_as": "works as {}", "has_pet": "has a pet called {}", "married_to": "is married to {}",
    "engaged_to": "is engaged to {}", "dating": "is going out with {}", "comes_from": "is from {}",
    "studies_at": "is a student at {}", "phone_number": "can be called on {}",
    "email": "has the email address {}", "rent": "pays a rent of {}",
    "budget": "has a budget of {}",
    "deadline": "is due by {}", "due_on": "takes place on {}", "based_in": "has its seat in {}",
    "follows_diet": "eats {}", "owned_by": "is owned by {}", "managed_by": "is managed by {}",
    "responsible_for": "is responsible for {}", "allergic_to": "is allergic to {}",
    "headquartered_in": "has its head office in {}", "built_on": "is built on {}",
    "written_in": "is written in {}", "hosted_on": "is hosted on {}", "has_owner": "belongs to {}",
    "assigned_to": "is a task of {}", "has_lead": "is led by {}", "contractor": "is built by {}",
    "located_in": "stands in {}", "address": "has the address {}", "born_on": "was born on {}",
    "insured_with": "is insured with {}", "divorced_from": "is divorced from {}",
    "borrowed_from": "is on loan from {}", "birthday": "has a birthday on {}",
}  # fmt: skip
"""How a type is worded; any other as it is named."""
_OF_THE_USER = frozenset(
    {"client_of", "customer_of", "supplier_of", "landlord_of", "accountant_of", "architect_of"}
    | {"builder_of", "contractor_of", "doctor_of", "dentist_of", "treasurer_of", "apprentice_of"}
)
"""What somebody is to the user where a text does not say to whom."""


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
    before = text.passages[: text.passages.index(passage)]
    user = text.user_name or text.user
    type = wanted.types[0]
    subject = _named(wanted.subject, passage, before) or user
    object_ = _named(wanted.object, passage, before)
    if object_ is None and wanted.note.startswith("until"):
        told = [one for one in _told(wanted, before) if one.object != "*"]
        if not told:
            return
        type, object_ = told[-1].types[0], _named(told[-1].object, passage, before)
    elif object_ is None and wanted.mark != "-":
        type = next((name for name in wanted.types if name in _OF_THE_USER), "")
        object_ = user
        if not type or user == subject:
            return
    elif object_ and not _says(wanted, passage, before):
        return
    fact: dict[str, Any] = {
        "subject": subject, "type": type, "object": object_, "value": None,
        "entities": [name for name in (subject, object_) if name],
        "valid_at": None, "invalid_at": None, "importance": 0.5, "turns": [],
        "retracts": False, "modality": "stated",
    }  # fmt: skip
    if type in VALUES or (object_ and not any(map(str.isalpha, object_))):
        fact |= {"object": None, "value": object_, "entities": [subject]}
    day = f"{passage.at:%Y-%m-%d}"
    kind, _, when = wanted.note.partition(" ")
    if wanted.mark == "-":
        fact |= {"invalid_at": day, "retracts": True}
        for other in wanted.types if object_ is None else (type,):
            yield {**fact, "type": other, "text": f"{subject} {_ended(other, object_)}."}
        return
    said = f"{subject} {_phrase(type, object_)}"
    if kind == "past":
        fact["invalid_at"] = day
        said = f"Formerly, {said}"
    elif kind == "planned":
        fact["valid_at"] = when
        said += f" from {_date(when)}"
    elif kind == "until":
        fact |= {"invalid_at": when, "retracts": True}
        said += f" until {_date(when)}"
    elif wanted.mark == "=":
        fact["valid_at"] = day
        said += f" since {_date(day)}"
    yield {**fact, "text": f"{said}."}


def _named(pattern: str, passage: Passage, before: Sequence[Passage]) -> str | None:
    """A name as it was told here, or first: of ``*86*`` the whole of "£86,000", of ``*Nygaard*``
    "Astrid Nygaard"; None for anybody."""
    bare = pattern.strip("*")
    if bare == pattern or not bare:
        return bare or None
    whole = re.compile(rf"(?:[A-Z][a-z]+ )*[£$€]?[\w,.]*(?i:{re.escape(bare)})[\w,]*")
    for told in (passage, *before):
        if found := whole.search("\n".join(told.lines)):
            return found[0].strip(".,")
    return bare


def _says(wanted: Expected, passage: Passage, before: Sequence[Passage]) -> bool:
    """Whether the passage says so, or a reader who knows what was told before sees it there: an end
    of what held; not once more what was told, or planned, and stays or comes true."""
    bare = wanted.object.strip("*").casefold()
    if bare in " ".join(passage.lines).casefold():
        return True
    told = [o for o in _told(wanted, before) if bare == o.object.strip("*").casefold()]
    if wanted.mark != "-" and not wanted.note.startswith("until"):
        return not told
    return bool(told) and told[-1].mark != "-" and not told[-1].note.startswith(("until", "past"))


def _told(wanted: Expected, before: Sequence[Passage]) -> list[Expected]:
    """What was said before of the same types about the same subject, in order."""
    return [
        earlier
        for one in before
        for earlier in one.expected
        if set(wanted.types) & set(earlier.types)
        and wanted.subject in {earlier.subject, "*"}
        and earlier.mark in "+=-"
    ]


def _phrase(type: str, object_: str | None) -> str:
    if type.endswith("_of") and type not in _PHRASES:
        return f"is the {type.removesuffix('_of').replace('_', ' ')} of {object_}"
    return _PHRASES.get(type, f"{type.replace('_', ' ')} {{}}").format(object_)


def _ended(type: str, object_: str | None) -> str:
    first, _, rest = _phrase(type, object_ or "anybody").partition(" ")
    return f"is no longer {rest}" if first == "is" else f"no longer {first} {rest}"


def _date(iso: str) -> str:
    day = datetime.fromisoformat(iso)
    return f"{day.day} {day:%B %Y}"


class StatesAll:
    """For a server's ``answer``: what the passage that is being added says."""

    def __init__(self) -> None:
        self._now: dict[str, Any] = {"entities": [], "facts": []}
        self.count = 0
        """Facts said so far."""

    def begin(self, text: Text, passage: Passage) -> None:
        self._now = answer(text, passage)
        self.count += len({fact["text"] for fact in self._now["facts"]})

    def __call__(self, request: Request) -> ScriptedAnswer:
        return self._now
