"""Made-up memory of many users: plain notes, and sentences that state relations."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

USERS = 20
_STATED_EVERY = 5  # one sentence in five goes through the rules and into the graph
_FIRST = (
    "Ada",
    "Ben",
    "Cleo",
    "Dan",
    "Eva",
    "Finn",
    "Gia",
    "Hugo",
    "Ida",
    "Jan",
    "Kim",
    "Leo",
    "Mia",
    "Nils",
    "Ola",
    "Pia",
)
_LAST = (
    "Adler",
    "Brandt",
    "Costa",
    "Duarte",
    "Ekberg",
    "Falk",
    "Greco",
    "Holm",
    "Ivers",
    "Jensen",
    "Kramer",
    "Lund",
)
_FIRMS = (
    "Arbor",
    "Beacon",
    "Cobalt",
    "Delta",
    "Ember",
    "Fathom",
    "Granite",
    "Harbor",
    "Indigo",
    "Juniper",
)
_TOPICS = (
    "budget",
    "garden",
    "recipe",
    "bicycle",
    "concert",
    "lecture",
    "invoice",
    "holiday",
    "painting",
    "workshop",
    "training",
    "harvest",
    "kitchen",
    "balcony",
    "novel",
    "chess",
    "sailing",
    "pottery",
    "choir",
    "marathon",
)
_VERBS = (
    "planned",
    "finished",
    "postponed",
    "discussed",
    "enjoyed",
    "prepared",
    "cancelled",
    "repeated",
)
_WHEN = ("on Monday;before lunch;after the storm;in the evening;last spring;at noon").split(";")  # noqa: SIM905


def user(number: int) -> str:
    return f"user-{number % USERS:02}"


def note(rng: random.Random, number: int) -> str:
    """A sentence of everyday words; the number keeps any two apart."""
    return (
        f"{rng.choice(_FIRST)} {rng.choice(_VERBS)} the {rng.choice(_TOPICS)} with "
        f"{rng.choice(_FIRST)} {rng.choice(_LAST)} {rng.choice(_WHEN)}, entry {number}"
    )


def stated(rng: random.Random, number: int) -> str:
    """A sentence that the rules read a relation from; people and firms grow with the store."""
    person = f"{rng.choice(_FIRST)} {rng.choice(_LAST)}{_suffix(number)}"
    if rng.random() < 0.5:
        return f"{person} works at {rng.choice(_FIRMS)} {rng.choice(_LAST)}."
    return f"{person} likes {rng.choice(_TOPICS)} and {rng.choice(_TOPICS)}."


def _suffix(number: int) -> str:
    return "" if number % 3 else f"-{_LAST[number // 3 % len(_LAST)]}"


def items(first: int, last: int, seed: int) -> Iterator[dict[str, Any]]:
    """What ``add_many`` takes, numbers ``first`` up to ``last``; the users take turns."""
    rng = random.Random(seed)
    for number in range(first, last):
        plain = number % _STATED_EVERY != 0
        text = note(rng, number) if plain else stated(rng, number)
        yield {
            "content": text,
            "user_id": user(number // _STATED_EVERY),
            "infer": not plain,
            "idempotency_key": f"n{number}",
        }


def question(rng: random.Random) -> str:
    """Words of the corpus, half of them with a name that is an entity."""
    topic, person = rng.choice(_TOPICS), f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"
    if rng.random() < 0.5:
        return f"What did {person} do about the {topic}?"
    return f"Who {rng.choice(_VERBS)} the {topic} {rng.choice(_WHEN)}?"
