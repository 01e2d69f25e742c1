"""The words by which a question can mean a relation type (its names and synonyms), and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from graphmem.relation_types.types import BEHAVED, named_so
from graphmem.text import stem

_SMALL = frozenset(
    {
        "a", "an", "the", "is", "are", "was", "were", "be", "been", "being", "am", "in", "at",
        "on", "of", "to", "for", "from", "with", "by", "as", "into", "about", "up", "out", "has",
        "have", "had", "got", "get", "does", "do", "did", "not", "no", "doesnt", "good", "close",
        "best", "law", "name", "named", "co", "home", "new", "now", "place", "set", "trip", "part",
        "relationship", "company", "group",
    }
)  # fmt: skip
"""Words in type names that do not identify a type by themselves."""
_BESIDE = {
    "lives_in": "has_home has_address has_city move",
    "works_at": "has_job has_company has_office has_workplace",
    "works_as": "has_job has_role has_title has_position has_post",
    "managed_by": "has_lead has_leader has_head",
    "acquired": "buy purchase take_over",
    "married_to": "marry",
    "studies_at": "has_school has_university has_college go_to",
    "speaks": "has_language",
    "plays": "has_instrument has_sport",
    "likes": "has_hobby",
    "founded": "start create",
    "has_pet": "has_animal",
    "member_of": "works_at has_job has_employer",
    "comes_from": "from has_country",
}
"""Other names that a question may use for a type, in the form of type names."""

_OTHER = {"works_as": ("work", "works", "working", "employed")}
"""Words in a type's names that mean another type: "works" asks where, not as what."""


@dataclass(frozen=True, slots=True)
class Wording:
    """How one word names a relation type.

    ``verb``: who does it stands before it ("does Rui *report* to"). ``of``: the noun for its
    subject ("Rui's *parent*" is whose child Rui is). ``has``: the noun for its object ("Rui's
    *employer*" is where Rui works). ``inverted``: of the relation with subject and object changed.
    """

    kind: Literal["verb", "of", "has"]
    inverted: bool = False

    @property
    def noun(self) -> bool:
        return self.kind != "verb"

    def is_subject(self, *, before: bool) -> bool:
        """Whether a name in the question is the relation's subject; ``before``: it stands before
        the word."""
        subject = before if self.kind == "verb" else self.kind == "has"
        return subject != self.inverted


def types_named(stem: str) -> frozenset[str]:
    """The built-in types that a word names."""
    return _types().get(stem, frozenset())


@lru_cache(maxsize=1)
def _types() -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for type in sorted(BEHAVED):
        for word in wordings(type):
            found.setdefault(word, set()).add(type)
    return {word: frozenset(types) for word, types in found.items()}


@lru_cache(maxsize=4096)
def wordings(type: str) -> Mapping[str, frozenset[Wording]]:
    """Word stems (see :func:`graphmem.text.stem`) that name this relation type."""
    found: dict[str, set[Wording]] = {}
    beside = ((name, False) for name in _BESIDE.get(type, "").split())
    for name, inverted in (*named_so(type), *beside):
        for word, wording in _named(name, inverted=inverted):
            if word not in _OTHER.get(type, ()):
                found.setdefault(stem(word), set()).add(wording)
    return {word: frozenset(forms) for word, forms in found.items()}


def _named(name: str, *, inverted: bool) -> list[tuple[str, Wording]]:
    """The words of a type's name that identify it, each with the form in which it is used."""
    parts = name.split("_")
    spoken = [part for part in parts if part not in _SMALL]
    if parts[-1] == "of" and len(parts) > 1:
        return [(word, Wording("of", inverted)) for word in spoken[-1:]]
    if parts[0] == "has" and len(parts) > 1:
        return [(word, Wording("has", inverted)) for word in spoken]
    if len(parts) == 1:
        # "employer", "spouse", "knows": a noun after a possessive, a verb elsewhere
        return [(word, Wording(kind, inverted)) for word in spoken for kind in ("verb", "has")]
    return [(word, Wording("verb", inverted)) for word in spoken]
