"""Says in other words what a question leaves to the store: "Where does my wife's brother live?" is
"Where does Sipho live?" when Sipho is stated to be Thandi's brother, and Thandi the user's wife.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from graphmem.model import Entity
from graphmem.resolve.roles import Roles
from graphmem.retrieve.question.names_and_relations import entity_keys
from graphmem.retrieve.question.parse import STOP_WORDS
from graphmem.text import name_key, words

_WORD = re.compile(r"[^\W_][\w-]*(?:['’]s\b|(?<=s)['’](?=\s))?")
_POSSESSIVE = re.compile(r"['’]s?$")
_OF_THE_USER = frozenset({"my", "our"})
_WHO_IS_IT = (STOP_WORDS - {"where", "when", "why"}) | {"name", "named", "called", "tell", "know"}
"""Words beside a description that ask for nothing but who is described."""
_WHAT_THEY_DO = re.compile(
    r"\A(?P<who>(?:\w+\W+){0,3}what (?:do|does|did)\b.*) do(?: for (?:a living|work))?\W*\Z",
    re.IGNORECASE | re.DOTALL,
)
_WHO_IS = re.compile(
    r"\b[Ww]ho(?:['’]s| (?:is|are|was|were))\s*$"
    r"|\A\W*(?:[Ii]s|[Aa]re|[Ww]as|[Ww]ere)n?['’]?t? (?:[^\W\d_a-z][\w'’-]* )+$"
)
"""Before a description, that asks who it fits: "Who was", "Was Ada Berg"."""
_LONGEST = 4
"""Roles in a row that are followed: "my wife's brother's son" are three."""
_LONGEST_NAME = 4  # words
_MOST = 8
"""Descriptions in one question that are looked up."""


async def name_described(text: str, roles: Roles, seeds: Sequence[Entity], user: str | None) -> str:
    """The question with the name of the one entity that each description is known to fit.

    ``seeds`` are whom the question names, ``user`` is the name of "my". A question that asks for
    nothing but who is described ("Who is my wife's brother?") keeps the last role.
    """
    found = list(_WORD.finditer(text))
    owners = _owners(seeds, user)
    parts: list[str] = []
    done = at = looked_up = 0
    while at < len(found) and looked_up < _MOST:
        chain: list[Entity] = []
        first = _owner_begins(found, at, owners)
        begin = found[at if first is None else first].start()
        if first is not None:
            following = [match.group() for match in found[at + 1 : at + 1 + _LONGEST]]
            chain = await _holders(roles, owners[_key(found[first : at + 1])], following)
            looked_up += 1
        if chain and not _asks_more(text[:begin], text[found[at + len(chain)].end() :]):
            chain.pop()
        if chain:
            last = found[at + len(chain)]
            of = _POSSESSIVE.search(last.group())
            parts += [text[done:begin], chain[-1].name, of.group() if of else ""]
            done = last.end()
        at += len(chain) + 1
    return "".join([*parts, text[done:]])


def as_question_for_job(text: str) -> str:
    """ "What does Ada do (for a living)?" in words that name the relation; any other as it is."""
    return _WHAT_THEY_DO.sub(r"\g<who> have as job", text)


def _owners(seeds: Sequence[Entity], user: str | None) -> dict[str, Entity]:
    """Whom each name, each word of a name, and "my" and "our" mean."""
    owners = {key: seed for seed in seeds for key in entity_keys(seed)}
    for seed in reversed(seeds):
        owners = {word: seed for key in entity_keys(seed) for word in key.split()} | owners
    if user and (own := owners.get(name_key(user))):
        owners |= dict.fromkeys(_OF_THE_USER, own)
    return owners


def _owner_begins(
    found: Sequence[re.Match[str]], at: int, owners: Mapping[str, Entity]
) -> int | None:
    """Where the owner begins ("my", "Ada Berg's") whose possessive ends at a word, if known."""
    word = found[at].group()
    if word.lower() not in _OF_THE_USER and _POSSESSIVE.search(word) is None:
        return None
    starts = range(max(0, at - _LONGEST_NAME + 1), at + 1)
    return next((first for first in starts if _key(found[first : at + 1]) in owners), None)


def _key(name: Sequence[re.Match[str]]) -> str:
    """The key of a name of these words, without a possessive."""
    return name_key(_POSSESSIVE.sub("", " ".join(match.group() for match in name)))


async def _holders(roles: Roles, owner: Entity, following: Sequence[str]) -> list[Entity]:
    """Who holds each of the roles that follow one another, as far as they are known."""
    chain: list[Entity] = []
    for word in following:
        role = _POSSESSIVE.sub("", word)
        holder = await roles.holder(owner.id, role.lower())
        if holder is None:
            break
        chain.append(owner := holder)
        if role == word:
            break
    return chain


def _asks_more(before: str, after: str) -> bool:
    """Whether a question asks for more than who is described between these parts of it."""
    if _WHO_IS.search(before):
        return False
    rest = f"{before} {after}"
    return not _WHO_IS_IT.issuperset(words(rest)) or bool(_WHAT_THEY_DO.match(rest))
