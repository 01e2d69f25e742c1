"""Made-up memories of any size: users who talk to an assistant for years, session by session.

- How much a user says follows a power law, and so does how often each of a user's people, places,
  firms and things is named; words follow Zipf's law over tens of thousands.
- Time goes on from session to session, all users together. A user moves house, changes jobs and
  tastes at dates of their own: what is said later holds, and a part is only said again.
- Everything is a function of the seed and a number. Nothing is kept, any thousand can be made
  without those before it, and a million takes as much memory as one.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

BLOCK = 1000
"""Items that are made together."""
USERS_PER_MILLION = 2_000
_BEGIN = datetime(2020, 1, 1, 8, tzinfo=UTC)
_YEARS_PER_MILLION = 4
_WORDS = 30_000
_CAST = {"person": 80, "place": 40, "firm": 20, "thing": 120}
"""How many of each kind a user knows."""
_STARTS = (
    *("b", "br", "c", "ch", "cl", "d", "dr", "f", "fl", "g", "gr", "h", "j", "k", "l", "m"),
    *("n", "p", "pr", "qu", "r", "s", "sh", "st", "t", "th", "tr", "v", "w", "z"),
)
_MIDDLES = ("a", "e", "i", "o", "u", "ai", "ea", "oo", "ou")
_ENDS = (
    *("ck", "d", "l", "ll", "m", "n", "nd", "ng", "r", "rd", "rn", "rt", "s", "st"),
    *("t", "th", "x"),
)
_DID = (
    *("planned", "finished", "postponed", "discussed", "enjoyed", "prepared", "cancelled"),
    *("repaired", "sold", "found"),
)
_KIN = ("sister", "brother", "neighbour", "doctor", "teacher", "colleague", "cousin", "friend")
_LIFE = {
    "home": "I live in {place} now",
    "work": "I work at {firm} now",
    "taste": "My favourite thing at the moment is the {thing}",
    "sport": "Most evenings I go to {place} with {person}",
}
"""What changes in a user's life, each for some months or years."""


_RELATED = re.compile(r"(?P<one>.+), who I met in .+, is (?P<other>.+)'s (?P<kin>\w+)\.")


class Item(NamedTuple):
    """One message, in one session of one user."""

    number: int
    user: str
    session: str
    occurred_at: datetime
    text: str

    def as_added(self) -> dict[str, Any]:
        """What ``add_many(infer=False)`` takes."""
        return {
            "content": self.text,
            "user_id": self.user,
            "run_id": self.session,
            "occurred_at": self.occurred_at,
            "idempotency_key": f"n{self.number}",
        }

    def as_related(self) -> dict[str, Any] | None:
        """What ``relate_many`` takes, where it says how two people are related."""
        match = _RELATED.fullmatch(self.text)
        if match is None:
            return None
        return {
            "subject": match["one"],
            "type": f"{match['kin']}_of",
            "object": match["other"],
            "user_id": self.user,
            "occurred_at": self.occurred_at,
            "idempotency_key": f"r{self.number}",
        }


def items(
    first: int, last: int, *, seed: int = 0, users: int | None = None, alike: bool = False
) -> Iterator[Item]:
    """Numbers ``first`` up to ``last``, in order of time; the same whatever part is asked for.
    Without ``users`` there are more and more of them, up to 2,000 with a million items. ``alike``
    lets all of them say about as much."""
    for block in range(first // BLOCK, -(-last // BLOCK)):
        for item in _block(block, seed, users, alike):
            if first <= item.number < last:
                yield item


def question(
    number: int, size: int, *, seed: int = 0, users: int | None = None, alike: bool = False
) -> tuple[str, str, str]:
    """A question about one of the first ``size`` items: the user who asks, the
    question, and the text that answers it. One of a few words of the text, not in its order."""
    rng = random.Random(f"{seed} question {number}")
    answer = rng.randrange(size)
    (item,) = items(answer, answer + 1, seed=seed, users=users, alike=alike)
    words = [word.strip(".,") for word in item.text.split()]
    named = [word for word in words if word[0].isupper()][:2]
    rare = sorted((word for word in words if word.islower()), key=len)[-3:]
    rng.shuffle(rare)
    return item.user, f"What about {' '.join([*rare, *named])}?", item.text


def _block(block: int, seed: int, users: int | None, alike: bool) -> Iterator[Item]:
    rng = random.Random(f"{seed} block {block}")
    number = block * BLOCK
    end = number + BLOCK
    while number < end:
        user = _user(rng, users or _users_by(number), alike)
        # A million takes some years; within a session minutes go by.
        at = _BEGIN + timedelta(days=365.25 * _YEARS_PER_MILLION * number / 1e6)
        length = min(end - number, 2 + int(rng.paretovariate(1.3) * 3))
        for turn in range(length):
            at += timedelta(seconds=rng.randint(20, 240))
            text = _sentence(rng, user, at, seed)
            yield Item(number + turn, f"user-{user:05}", f"session-{number:08}", at, text)
        number += length


def _user(rng: random.Random, known: int, alike: bool) -> int:
    """Some talk every day, most now and then."""
    return int(known * rng.random() ** (1.0 if alike else 2.2))


def _users_by(number: int) -> int:
    """How many there are by then: new ones come as time goes on."""
    return max(20, min(number + BLOCK, 1_000_000) * USERS_PER_MILLION // 1_000_000)


def _sentence(rng: random.Random, user: int, at: datetime, seed: int) -> str:
    kind = rng.random()
    if kind < 0.04:
        return _life(rng, user, at, seed)
    person = _of(rng, "person", user, seed)
    if kind < 0.10:
        other = _of(rng, "person", user, seed)
        where = _of(rng, "place", user, seed)
        return f"{person}, who I met in {where}, is {other}'s {rng.choice(_KIN)}."
    words = " ".join(rng.choices(_vocabulary(), cum_weights=_zipf(), k=rng.randint(5, 14)))
    if kind < 0.45:
        place, did = _of(rng, "place", user, seed), rng.choice(_DID)
        return f"{person} {did} the {words} in {place}."
    if kind < 0.70:
        return f"We talked about the {_of(rng, 'thing', user, seed)}: {words}."
    firm = _of(rng, "firm", user, seed)
    return f"{firm} called on day {at:%j} because {person} {rng.choice(_DID)} {words}."


def _life(rng: random.Random, user: int, at: datetime, seed: int) -> str:
    """How one thing in the user's life stands at that time: now and then it has changed."""
    what = rng.choice(list(_LIFE))
    own = random.Random(f"{seed} {user} {what}")
    lasts = own.randint(60, 900)
    period = (at - _BEGIN).days // lasts
    then = random.Random(f"{seed} {user} {what} {period}")
    named = {kind: _of(then, kind, user, seed) for kind in _CAST}
    return f"{_LIFE[what].format(**named)}."


def _of(rng: random.Random, kind: str, user: int, seed: int) -> str:
    """One of the user's own of a kind; a few of them nearly always."""
    rank = int(_CAST[kind] * rng.random() ** 3)
    return _name(kind, user, rank, seed)


@lru_cache(maxsize=20_000)
def _name(kind: str, user: int, rank: int, seed: int) -> str:
    rng = random.Random(f"{seed} {kind} {user} {rank}")
    first, second = (rng.choice(_vocabulary()) for _ in range(2))
    if kind == "person":
        return f"{first.title()} {second.title()}"
    return first if kind == "thing" else first.title() + (" Works" if kind == "firm" else "")


@lru_cache(maxsize=1)
def _vocabulary() -> tuple[str, ...]:
    rng = random.Random(0)
    syllables = [a + b + c for a, b, c in itertools.product(_STARTS, _MIDDLES, _ENDS)]
    words = dict.fromkeys(syllables[::3])
    while len(words) < _WORDS:
        words[rng.choice(syllables) + rng.choice(syllables)] = None
    made = list(words)
    rng.shuffle(made)
    return tuple(made)


@lru_cache(maxsize=1)
def _zipf() -> tuple[float, ...]:
    return tuple(itertools.accumulate(1 / rank for rank in range(1, _WORDS + 1)))
