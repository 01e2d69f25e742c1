"""Says in other words what a question leaves to the store: "Where does my wife's brother live?" is
"Where does Sipho live?" when Sipho is stated to be Thandi's brother, and Thandi the user's wife.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from graphmem.model import Entity
from graphmem.resolve.roles import Roles
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
_WHO_IS = re.compile(r"\bwho(?:['’]s| (?:is|are|was|were))\s*$", re.IGNORECASE)
_LONGEST = 4
"""Roles in a row that are followed: "my wife's brother's son" are three."""
_MOST = 8
"""Descriptions in one question that are looked up."""


async def spelled_out(text: str, roles: Roles, seeds: Sequence[Entity], user: str | None) -> str:
    """The question with the name of the one entity that each description is known to fit, and with
    "What does Ada do?" as a question for her job.

    ``seeds`` are whom the question names, ``user`` is the name of "my". A question that asks for
    nothing but who is described ("Who is my wife's brother?") keeps the last role.
    """
    found = list(_WORD.finditer(text))
    owners = {key.split()[-1]: seed for seed in seeds for key in _keys(seed)}
    own = next((seed for seed in seeds if user and name_key(user) in _keys(seed)), None)
    parts: list[str] = []
    done = at = looked_up = 0
    while at < len(found) and looked_up < _MOST:
        chain: list[Entity] = []
        if owner := _owner(found[at].group(), owners, own):
            chain = await _holders(roles, owner, [m.group() for m in found[at + 1 :][:_LONGEST]])
            looked_up += 1
        if chain and not _asks_more(
            text[: found[at].start()], text[found[at + len(chain)].end() :]
        ):
            chain.pop()
        if chain:
            last = found[at + len(chain)]
            of = _POSSESSIVE.search(last.group())
            parts += [text[done : found[at].start()], chain[-1].name, of.group() if of else ""]
            done = last.end()
        at += len(chain) + 1
    named = "".join([*parts, text[done:]])
    return _WHAT_THEY_DO.sub(r"\g<who> have as job", named)


def _owner(word: str, owners: Mapping[str, Entity], own: Entity | None) -> Entity | None:
    if word.lower() in _OF_THE_USER:
        return own
    name = _POSSESSIVE.sub("", word)
    return owners.get(name_key(name)) if name != word else None


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
    if _WHO_IS.search(before):  # "Who was my boss in 2020?"
        return False
    rest = f"{before} {after}"
    return not _WHO_IS_IT.issuperset(words(rest)) or bool(_WHAT_THEY_DO.match(rest))


def _keys(entity: Entity) -> list[str]:
    return [key for name in (entity.name, *entity.aliases) if (key := name_key(name))]
