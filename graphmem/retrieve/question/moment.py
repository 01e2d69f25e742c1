"""Whether a question asks how something is, or how it was before it changed."""

from __future__ import annotations

import re
from typing import Literal

AsksAbout = Literal["now", "before"]

_BEFORE = re.compile(
    r"\b(?:before|previously|previous|formerly|former|used to|originally)\b", re.IGNORECASE
)
_SPAN = re.compile(r"how (?:long|many (?:days|weeks|months|years|times))\b", re.IGNORECASE)
"""From when to when, or how often: something that happened."""
_UNTIL_NOW = re.compile(r"(?:have|has)\b", re.IGNORECASE)
_EVER = re.compile(r"\bever\b", re.IGNORECASE)
_NOW = frozenset({
    "is", "are", "am", "do", "does", "have", "has", "will", "shall", "isn't", "aren't", "don't",
    "doesn't", "haven't", "hasn't",
})  # fmt: skip
_THEN = frozenset({"did", "was", "were", "had"})
_VERB = re.compile(rf"\b(?:{'|'.join([*_NOW, *_THEN])})\b|'(?:s|re|ve|m)\b", re.IGNORECASE)
_WHO_DOES = re.compile(
    r"(?:who|(?:what|which) \w+[^\Ws]) (?!was\b)(?:still |now )?\w+[^\Wsu]s\b", re.IGNORECASE
)
"""Who lives upstairs: the verb itself says when."""
_NOT_ONE_THING = re.compile(
    r"\b(?:order|between|in total|total (?:number|amount|cost|of)|altogether|different|across|"
    r"summar\w*|overview|compare\w*|list|two|"
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
    until_now = _UNTIL_NOW.match(text) is not None
    if until_now and _EVER.search(text):
        return None
    if _BEFORE.search(text) and not until_now:
        return None if _SPAN.match(text) else "before"
    if not until_now and _NOT_ONE_THING.search(text.lower().removeprefix("when")):
        return None
    verb = _VERB.search(text)
    if verb is None:
        return "now" if _WHO_DOES.match(text) else None
    return "now" if verb.group().lower() not in _THEN else None
