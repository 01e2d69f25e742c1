"""Two plain sentences: whether they say the same, and how alike they are.

Likeness is in percent (0 to 100), by `rapidfuzz <https://rapidfuzz.github.io/RapidFuzz/>`_.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from rapidfuzz import fuzz

from graphmem.text import fold, text_key, words

_NEAR = 96.0  # least likeness of two sentences that count as the same
_NEAR_WORD = 80.0  # and of each pair of words in them
_ALIKE = 72.0  # least likeness of two sentences that may be about one thing
_ALIKE_BUT = 60.0  # the same, if they differ in numbers, signs or negations
_LONGEST = 2000  # characters; the time to compare two texts grows with the square of it
_NEGATIONS = frozenset({"not", "no", "never", "without", "nobody", "nothing"})
_NUMBER = re.compile(r"\d+")
_ARTICLE = re.compile(r"(?:^\s*(?:The|An|A)|\b(?:the|an|a))\s")
"""Capitalised only at the start: a capital A within a sentence is a name (plan A)."""
_POINTS = ".,:;!?…()[]\"'"
_SIGN = re.compile(r"[^\w\s.,:;!?…()\[\]'\"‘’“”–—-]|[-−–](?=\d)|!=")
"""What is neither a word nor its punctuation: symbols, emoji, and the minus of a number."""


def same_sentence(one: str, other: str) -> bool:
    """Whether two sentences say the same: word for word, or nearly so in spelling, with the same
    numbers, signs and negations. Articles and accents are ignored. Spelling is compared word by
    word too: one different word (north, south) hardly changes the likeness of long sentences. Texts
    of more than ``_LONGEST`` characters are compared word for word only."""
    if text_key(one) == text_key(other):
        return True
    if max(len(one), len(other)) > _LONGEST:
        return False
    return _marks(one) == _marks(other) and _spelled_alike(_bare(one), _bare(other))


def alikeness(one: str, other: str, names: Iterable[str]) -> float | None:
    """How alike two different sentences are, ignoring the words of ``names``; None when too little.
    If they differ in numbers, signs or negations, less is required and 100 is added, so that such
    pairs sort first."""
    if max(len(one), len(other)) > _LONGEST:
        return None
    shared = {word for name in names for word in words(name)}
    left, right = ([w for w in words(text) if w not in shared] for text in (one, other))
    if not _plain(left) or not _plain(right):
        return None
    like = fuzz.token_sort_ratio(_plain(left), _plain(right))
    if _marks(one) != _marks(other):
        return 100 + like if like >= _ALIKE_BUT else None
    return like if like >= _ALIKE else None


def without_date(text: str, moment: datetime | None) -> str:
    """The key of a text without the year, month and day of ``moment``, which is known from
    elsewhere and so does not distinguish two sentences."""
    if moment is None:
        return text_key(text)
    parts = {str(moment.year), str(moment.day), str(moment.month), f"{moment:%B}", f"{moment:%b}"}
    parts |= {f"{moment.month:02}", f"{moment.day:02}"}
    folded = {part.casefold() for part in parts}
    return " ".join(w for w in text_key(text).split() if w.strip(_POINTS) not in folded)


def _plain(parts: list[str]) -> str:
    return " ".join(part for part in parts if not part.isdigit())


def _bare(text: str) -> str:
    return fold(text_key(_ARTICLE.sub("", text)))


def _spelled_alike(one: str, other: str) -> bool:
    if fuzz.ratio(one, other) < _NEAR:
        return False
    left, right = one.split(), other.split()
    return len(left) == len(right) and all(
        a == b or fuzz.ratio(a, b) >= _NEAR_WORD for a, b in zip(left, right, strict=True)
    )


def _marks(text: str) -> tuple[list[str], list[str], frozenset[str]]:
    """Numbers, signs and negations: similar sentences that differ in these say different things."""
    negations = _NEGATIONS & frozenset(words(text.replace("n't", " not")))
    return _NUMBER.findall(text), _SIGN.findall(text), negations
