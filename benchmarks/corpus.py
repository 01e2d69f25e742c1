"""Made-up memory of many users: plain notes, and sentences that state relations.

Words follow Zipf's law over a vocabulary of a few thousand, as words in conversations do (the
frequency of a word falls with its rank); each user has people and firms of their own, and a few of
them are in most of the sentences.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

USERS = 20
STATED_EVERY = 5  # one sentence in five goes through the rules and into the graph
_WORDS = 4000
_PEOPLE = 60  # of each user
_STARTS = ["b", "br", "c", "cl", "d", "f", "fl", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t"]
_MIDDLES = ["a", "e", "i", "o", "u", "ai", "ea", "ou"]
_ENDS = ["ck", "d", "l", "m", "n", "nd", "r", "rt", "s", "st", "t", "x"]
_VERBS = ["planned", "finished", "postponed", "discussed", "enjoyed", "prepared", "cancelled"]


def _syllables() -> Iterator[str]:
    single = [a + b + c for a, b, c in itertools.product(_STARTS, _MIDDLES, _ENDS)]
    yield from single
    for one, two in itertools.product(single[::7], single[::11]):
        yield one + two


def _vocabulary() -> list[str]:
    words = list(itertools.islice(_syllables(), _WORDS))
    random.Random(0).shuffle(words)
    return words


_VOCABULARY = _vocabulary()
_ZIPF = list(itertools.accumulate(1 / rank for rank in range(1, _WORDS + 1)))
_POPULAR = list(itertools.accumulate(1 / rank for rank in range(1, _PEOPLE + 1)))


def user(number: int) -> str:
    return f"user-{number % USERS:02}"


def _words(rng: random.Random, count: int) -> list[str]:
    return rng.choices(_VOCABULARY, cum_weights=_ZIPF, k=count)


def _person(rng: random.Random, owner: int) -> str:
    """One of the owner's people, the popular ones most often."""
    (rank,) = rng.choices(range(_PEOPLE), cum_weights=_POPULAR)
    first, last = divmod(owner % USERS * _PEOPLE + rank, 50)
    return f"{_VOCABULARY[-1 - first].title()} {_VOCABULARY[-200 - last].title()}"


def note(rng: random.Random, number: int) -> str:
    """A sentence of everyday words; the number keeps any two apart."""
    owner = number // STATED_EVERY
    phrase = " ".join(_words(rng, rng.randint(6, 12)))
    return f"{_person(rng, owner)} {rng.choice(_VERBS)} {phrase}, entry {number}"


def stated(rng: random.Random, number: int) -> str:
    """A sentence that the rules read a relation from."""
    owner = number // STATED_EVERY
    if rng.random() < 0.5:
        return f"{_person(rng, owner)} is {_person(rng, owner)}'s friend."
    return f"{_person(rng, owner)} likes {_words(rng, 1)[0]}."


def items(first: int, last: int, seed: int) -> Iterator[dict[str, Any]]:
    """What ``add_many`` takes, numbers ``first`` up to ``last``; the users take turns."""
    rng = random.Random(seed)
    for number in range(first, last):
        plain = number % STATED_EVERY != 0
        yield {
            "content": note(rng, number) if plain else stated(rng, number),
            "user_id": user(number // STATED_EVERY),
            "infer": not plain,
            "idempotency_key": f"n{number}",
        }


def question(rng: random.Random, owner: int) -> str:
    """About one of the owner's people and two words of the vocabulary."""
    about = " ".join(_words(rng, 2))
    return f"What did {_person(rng, owner)} say about the {about}?"
