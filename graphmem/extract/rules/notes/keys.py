"""What notes keep in lines of "key: value": the rows of ``data/notes.toml``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from graphmem.extract.rules.data import read_rows, read_rule_data
from graphmem.extract.rules.names import NameRegistry
from graphmem.extract.rules.notes.person_facts import PLAIN_NAME
from graphmem.extract.rules.word_lists import is_occupation, is_post

_Value = Literal["people", "names", "place", "org", "role", "post", "things", "text"]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A row of ``data/notes.toml``."""

    type: str
    keys: str
    value: _Value
    says: str
    subject: Literal["person", "thing", "any"] = "any"
    swapped: bool = False


_ROWS = tuple(read_rows("notes", "key", KeyRow))
BY_KEY: dict[str, list[KeyRow]] = {}
for _row in _ROWS:
    for _key in _row.keys.split(", "):
        BY_KEY.setdefault(_key, []).append(_row)
GENERIC_TITLES = frozenset(read_rule_data("notes")["generic_titles"].split())
KEYS_OF_PERSONS = frozenset(
    key.strip() for key in read_rule_data("notes")["of_persons"].replace("\n", " ").split(",")
)
HEADING_LABELS: dict[str, str] = read_rule_data("notes")["labels"]
"""Labels of headings, in one text, by the kind of what stands after them."""
OF_PROJECTS = frozenset({"has_owner", "deadline", "budget", "depends_on", "uses", "built_on"})


def is_of_work(key: str) -> bool:
    """Whether a key is one that pieces of work have."""
    rows = BY_KEY.get(key.lower(), ())
    if key.lower() in {"head", "manager", "boss"}:
        return False  # "Head of Product" is a post
    return any(row.type in OF_PROJECTS | {"managed_by", "status"} for row in rows)


_LISTED = re.compile(r"\s*(?:[,;/+]|\band\b|&)\s*")
_A_THING = re.compile(
    r"(?!(?:none|nothing|not|no|maybe|unknown|see|ask|being|the way)\b)"
    r"[a-z][\w'-]+(?: [a-z][\w'-]+){0,2}",
    re.IGNORECASE,
)
_IS_OVER = re.compile(
    r"\?|\b(?:lapsed|former|formerly|gave|given|used to|no longer|stopped|ex|until|past|not"
    r"|maybe)\b",
    re.IGNORECASE,
)
_DOSE = re.compile(r"\s*\([^()]*\)|\s+\d+\s?(?:mg|ml|mcg|g)\b.*")


def listed_things(value: str) -> Iterator[str]:
    """The things of "metformin 500 mg, jazz": what is over, or asked, is left out."""
    for given in _LISTED.split(value):
        part = "" if _IS_OVER.search(given) else _DOSE.sub("", given).strip(" .[]*_")
        if _A_THING.fullmatch(part):
            yield part.lower()


_TECH = re.compile(r"[A-Za-z][\w.+#-]{1,30}")
_BRACKETS = re.compile(r"\s*\([^()]*\)")
_OF_WHAT = re.compile(r"^(?:(?:the|a|an)\s+|(?:[a-z]+\s+){1,3}(?:from|by|via|at)\s+)")
"""In "labels from Vos", what is supplied."""


def values_of(
    row: KeyRow, value: str, names: NameRegistry
) -> Iterator[tuple[str, str | None, str | None, bool | None]]:
    """What stands behind a key, each with its kind, what follows of it, and, of names, whether it
    is the one person."""
    bracketed = re.search(r"\(([^()]*)\)", value)
    plain = _BRACKETS.sub("", value).strip(" .[]*_")
    if row.value in {"role", "post"}:
        of_post = (
            row.value == "role"
            or is_post(plain.lower())
            or is_occupation(plain.lower().rpartition(" ")[2])
        )
        named = re.fullmatch(r"[A-Za-z][A-Za-z &/'-]{1,60}", plain)
        if of_post and named and len(plain.split()) <= 6:
            role_name = plain if any(c.isupper() for c in plain[1:]) else plain.lower()
            yield role_name, "thing", None, None
        return
    if row.value == "things":
        yield from ((thing, "thing", None, None) for thing in listed_things(value))
        return
    parts = [plain] if row.value in {"place", "org"} else _LISTED.split(plain)
    if row.value == "names" and PLAIN_NAME.fullmatch(plain) and " and " not in plain:
        parts = [plain] if "," not in plain else parts
    for given in parts:
        part = _OF_WHAT.sub("", given.strip(" .[]"))
        part = part.partition(",")[0] if row.value == "place" else part
        kind = {"people": "person", "place": "place", "org": "organization"}.get(row.value)
        tech = row.type in {"uses", "built_on"} and _TECH.fullmatch(part)
        if not PLAIN_NAME.fullmatch(part) and not tech:
            continue
        if kind == "person" and not names.may_be_person(part):
            continue
        name = names.canonical_of(part) if kind == "person" else part
        role = bracketed[1] if bracketed and kind == "person" and len(parts) == 1 else None
        if kind == "person" and role is None and given is parts[0] and "," in plain:
            role = plain.partition(",")[2]
        yield name, kind, role, kind == "person" and len(parts) == 1
