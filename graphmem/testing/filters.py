"""Things to filter and filters over them, for tests: what every store must agree about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from graphmem.clock import stamp
from graphmem.filters import Record, Test, Where
from graphmem.filters.records import fact_record
from graphmem.filters.tree import Op, Scalar, all_of, any_of, none_of
from graphmem.model import Fact, Scope, Source
from graphmem.testing.vector_points import uid

START = datetime(2024, 1, 1, tzinfo=UTC)
ENTITIES = [uid(900 + number) for number in range(6)]
EPISODES = [uid(800 + number) for number in range(4)]
TURNS = [uid(850 + number) for number in range(4)]
SPEAKERS = ["Ada", "Bob", "Zoë O'Hara", None]
KINDS = ["text", "messages", "messages", "statements"]
TAGS = ["work", "home", "a b", 'say "hi"', "été"]
TYPES = ["works_at", "lives_in", "knows"]
_METADATA: list[Scalar | list[Any] | None] = [
    1, 1.0, 1.5, True, False, "1", "true", "x", "a b", "2024-05-01", None, [1, "x"], [], -3,
]  # fmt: skip
_KEYS = ["n", "a key", "ключ"]


def moment(random: Random) -> datetime:
    return START + timedelta(days=random.randrange(400), microseconds=random.randrange(3))


def filterable_fact(random: Random, number: int, scope: Scope | None = None) -> Fact:
    """Any fact: with and without times, relations, sources and metadata."""

    def maybe(chance: float = 0.5) -> datetime | None:
        return moment(random) if random.random() < chance else None

    related = random.random() < 0.6
    subject, object_ = random.sample(ENTITIES, 2)
    about = [subject, object_] if related else []
    about += random.sample(ENTITIES, random.randrange(2))
    places = random.sample(range(4), random.randrange(1, 4))
    metadata: dict[str, Any] = {
        key: random.choice(_METADATA) for key in _KEYS if random.random() < 0.5
    }
    if random.random() < 0.3:
        metadata["deep"] = {"n": random.choice(_METADATA)}
    stated = maybe(0.9)
    # As a reader does: an end at or before what was said is one of what was over by then.
    return Fact(
        id=uid(number),
        scope=scope or Scope(user_id="ada"),
        text=f"words number {number}",
        recorded_at=moment(random) + timedelta(days=500),
        stated_at=stated,
        valid_at=maybe(0.4),
        invalid_at=maybe(0.4),
        expires_at=maybe(0.1),
        archived_at=maybe(0.1),
        subject_id=subject if related else None,
        type=random.choice(TYPES) if related else None,
        object_id=object_ if related else None,
        entity_ids=tuple(dict.fromkeys(about)),
        sources=tuple(
            Source(
                EPISODES[at],
                TURNS[at] if at != 2 else None,
                random.choice([None, "bot", "other bot"]),
                random.choice([None, "run 1"]),
            )
            for at in places
        ),
        memory_type=random.choice(["semantic", "semantic", "short_term", "rule", "procedural"]),
        importance=random.choice([0.5, 0.5, 0.0, 0.9, 1.0]),
        metadata=metadata,
        tags=tuple(random.sample(TAGS, random.randrange(3))),
        modality=random.choice(["stated", "stated", "planned", "hearsay", "negated"]),
    )


def origins(of: Fact) -> dict[str, list[str]]:
    """Who said a sample fact, and the kinds of its episodes."""
    turns = [source.turn_id for source in of.sources if source.turn_id]
    speakers = [SPEAKERS[TURNS.index(turn)] for turn in turns]
    return {
        "speakers": [speaker for speaker in speakers if speaker],
        "sources": [KINDS[EPISODES.index(source.episode_id)] for source in of.sources],
    }


def record(random: Random) -> Record:
    """A sample fact, as a filter sees it."""
    sample = filterable_fact(random, 1)
    return fact_record(sample, **origins(sample))


def where(random: Random, depth: int = 3) -> Where:
    """Any filter over sample facts."""
    choice = random.random()
    if depth == 0 or choice < 0.35:
        return _test(random)
    if choice < 0.5:
        return none_of(where(random, depth - 1))
    parts = [where(random, depth - 1) for _ in range(random.randrange(1, 4))]
    return all_of(parts) if choice < 0.75 else any_of(parts)


_WORDS: dict[str, list[Any]] = {
    "kind": ["fact", "turn"],
    "about": ENTITIES,
    "subject": ENTITIES,
    "object": ENTITIES,
    "type": [*TYPES, "hates"],
    "tag": [*TAGS, "nothing"],
    "memory_type": ["semantic", "short_term", "rule", "procedural"],
    "modality": ["stated", "planned", "hearsay", "hypothetical", "negated"],
    "speaker": ["Ada", "Bob", "Zoë O'Hara", "ada"],
    "source": ["text", "messages", "statements"],
    "episode": EPISODES,
    "agent": ["bot", "other bot", "nobody"],
    "run": ["run 1", "run 2"],
}
_TIMES = ["occurred_at", "recorded_at", "valid_at", "invalid_at", "begins_at", "ended_at"]
_ORDERS: list[Op] = ["lt", "lte", "gt", "gte"]


def _test(random: Random) -> Test:
    field = random.choice([*_WORDS, *_TIMES, "metadata", "metadata", "importance"])
    if random.random() < 0.15:
        path = _path(random) if field == "metadata" else ()
        return Test(field, "exists", (), path)
    if field in _WORDS:
        known = _WORDS[field]
        return Test(field, "in", tuple(random.sample(known, random.randrange(1, 3))))
    order = random.choice(_ORDERS)
    if field in _TIMES:
        later = timedelta(days=500 if field == "recorded_at" else 0)
        return Test(field, random.choice([order, order, "in"]), (stamp(moment(random) + later),))
    if field == "importance":
        values: tuple[Scalar, ...] = (random.choice([0.5, 0.9, 0, 1, 0.7]),)
        return Test(field, random.choice([order, "in"]), values)
    if random.random() < 0.4:
        return Test(field, order, (random.choice([0, 1, 1.5, -3, 2.0]),), _path(random))
    # 1.0 is 1, and a filter says it once.
    plain: list[Scalar] = [1, 1.5, True, False, "1", "true", "x", "a b", "2024-05-01", -3]
    return Test(field, "in", tuple(random.sample(plain, random.randrange(1, 4))), _path(random))


def _path(random: Random) -> tuple[str, ...]:
    return random.choice([("n",), ("a key",), ("ключ",), ("deep", "n"), ("deep",), ("nowhere",)])
