"""Things of everyday life that people speak of, by their words: a flat, work, a price."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

_TOPICS = Path(__file__).with_name("topics.json")


def topics_of(words: Iterable[str]) -> frozenset[str]:
    """The topics that any of these words belongs to."""
    topics = _by_word()
    return frozenset(topic for word in words for topic in topics.get(word, ()))


@lru_cache(maxsize=1)
def _by_word() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for topic, of_topic in json.loads(_TOPICS.read_text("utf-8")).items():
        for word in of_topic.split():
            found.setdefault(word, []).append(topic)
    return found
