"""What notes keep in lines of "key: value": the rows of ``data/notes.toml``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from graphmem.extract.rules.data import read_rows, read_rule_data

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
