"""What is added to all engines and asked of them: sentences of one fact each, over people of many
users."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import product
from typing import TypedDict

USERS = 20
VERBS = ("advised", "phoned", "praised", "thanked", "visited")
"""Things that can be done again and again: what replaces or ends another fact is no question of
finding it."""
_PEOPLE = 40  # of each user
_STARTS = ("b", "br", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v")
_MIDDLES = ("a", "e", "i", "o", "u", "ai", "ou")
_ENDS = ("ck", "d", "l", "m", "n", "r", "rt", "s", "st", "x")
_SYLLABLES = [a + b + c for a, b, c in product(_STARTS, _MIDDLES, _ENDS)]
_WORDS = [*_SYLLABLES, *(a + b for a, b in zip(_SYLLABLES, _SYLLABLES[7:], strict=False))]
_COMMONNESS = [1 / rank for rank in range(1, len(_WORDS) + 1)]

SENTENCE = re.compile(
    rf"([A-Z][a-z]+ [A-Z][a-z]+) ({'|'.join(VERBS)}) ([A-Z][a-z]+ [A-Z][a-z]+) "
    r"about the ([a-z ]+), entry (\d+)\."
)


class MadeEpisode(TypedDict):
    """One episode: the sentences of one user, and how many facts that makes with those before."""

    user: str
    sentences: list[str]
    facts: int


class Question(TypedDict):
    """What is asked of a user, and the entry that answers it."""

    user: str
    text: str
    entry: int


def _person(number: int) -> str:
    first, last = divmod(number, len(_SYLLABLES) - 1)
    return f"{_SYLLABLES[-1 - first].title()} {_SYLLABLES[last].title()}"


def episodes(facts: int, per_episode: int) -> Iterator[MadeEpisode]:
    """So many facts, the same ones each time, a few to an episode."""
    rng = random.Random(0)
    for number, first in enumerate(range(0, facts, per_episode)):
        user = number % USERS
        entries = range(first, min(facts, first + per_episode))
        yield {
            "user": f"user{user:02}",
            "sentences": [_sentence(rng, user, entry) for entry in entries],
            "facts": entries[-1] + 1,
        }


def _sentence(rng: random.Random, user: int, entry: int) -> str:
    one, two = rng.sample(range(_PEOPLE), 2)
    about = " ".join(rng.choices(_WORDS, weights=_COMMONNESS, k=5))
    names = (_person(user * _PEOPLE + one), rng.choice(VERBS), _person(user * _PEOPLE + two))
    return f"{' '.join(names)} about the {about}, entry {entry}."


def questions(made: list[MadeEpisode], count: int) -> list[Question]:
    """Who did what about two of the words, of entries spread over all that was added."""
    rng = random.Random(1)
    sentences = [(one["user"], text) for one in made for text in one["sentences"]]
    asked: list[Question] = []
    for user, sentence in rng.sample(sentences, min(count, len(sentences))):
        match = SENTENCE.fullmatch(sentence)
        assert match is not None
        words = match[4].split()
        text = f"Whom has {match[1]} {match[2]} about {words[1]} and {words[3]}?"
        asked.append({"user": user, "text": text, "entry": int(match[5])})
    return asked
