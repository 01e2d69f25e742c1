"""Whether a question asks how something is, or how it was before it changed."""

from __future__ import annotations

import re
from typing import Literal

AsksAbout = Literal["now", "before"]

_BEFORE = re.compile(
    r"\b(?:before|previously|previous|formerly|former|used to|originally)\b", re.IGNORECASE
)
_EVER = re.compile(r"(?:have|has)\b", re.IGNORECASE)
_NOW = frozenset({
    "is", "are", "am", "do", "does", "have", "has", "will", "shall", "isn't", "aren't", "don't",
    "doesn't", "haven't", "hasn't",
})  # fmt: skip
_THEN = frozenset({"did", "was", "were", "had"})
_VERB = re.compile(rf"\b(?:{'|'.join([*_NOW, *_THEN])})\b|'(?:s|re|ve|m)\b", re.IGNORECASE)
_NOT_ONE_THING = re.compile(
    r"\b(?:order|between|total|altogether|different|across|summar\w*|overview|compare\w*|list|two|"
    r"both|you|can|could|would|ago|recommend|suggest|according to|(?:19|20)\d\d|"
    r"when\b(?=.*\b(?:i|he|she|we|they)\b))\b",
    re.IGNORECASE,
)
"""A comparison, a list, a request, or a time of its own: not how one thing is now."""
_SENTENCES = re.compile(r"[.!]\s+\w")


def asks_about(text: str) -> AsksAbout | None:
    """``now`` when it asks how one thing is, ``before`` when it asks how it was before something
    changed; None for all else, what happened among it."""
    text = text.strip().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    if _SENTENCES.search(text):
        return None
    ever = _EVER.match(text) is not None
    if _BEFORE.search(text) and not ever:
        return "before"
    if not ever and _NOT_ONE_THING.search(text.lower().removeprefix("when")):
        return None
    verb = _VERB.search(text)
    return "now" if verb is not None and verb.group().lower() not in _THEN else None
