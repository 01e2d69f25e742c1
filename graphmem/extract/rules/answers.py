"""A few words that answer a question, with what they answer: "where does Lee work?", "DHL"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from graphmem.extract.rules.data import read_rows, row_pattern
from graphmem.extract.rules.fragments import spelt
from graphmem.extract.rules.names import NameRegistry
from graphmem.extract.rules.small_letters import capitalised
from graphmem.extract.rules.tokenizer import Sentence, without_opening
from graphmem.extract.rules.word_lists import (
    HEDGES,
    KIN,
    NEGATIONS,
    NOT_NAMES,
    SENTENCE_BLOCKERS,
    is_occupation,
    word_set,
)

_NAME = r"[^\W\d_a-z][\w-]*(?: [^\W\d_a-z][\w-]*)?"
_PLACEHOLDERS = {
    "<who>": rf"(?P<who>you|u|ya|he|she|{_NAME})",
    "<whose>": r"(?P<whose>your|ur|his|her|[^\W\d_a-z][\w-]*?'?s)",
    "<asked>": r"(?: now| these days| at the moment| atm| again| btw| then| mate)?\s*(?:[?,]|$)",
    "<do>": r"(?:(?: do| does| are| is| r)|'?s|'re)?",
}
_Kind = Literal["name", "value", "role"]


@dataclass(frozen=True)
class _Row:
    """A row of ``data/answers.toml``."""

    asks: str
    says: str
    kind: _Kind

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return row_pattern(self.asks, _PLACEHOLDERS)


_ROWS = tuple(read_rows("answers", "answer", _Row))
ASKING_WORDS = frozenset(
    {"where", "who", "what", "wheres", "whos", "whats", "where's", "who's", "what's"}
)
"""Without one of these nothing is asked that a few words answer."""
_LONGEST = 6
_OWN = {"you": "I", "u": "I", "ya": "I", "your": "My", "ur": "My"}
_VALUE = re.compile(r"\+?[\d(][\d\s()./-]{4,}\d|[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_CUT = re.compile(
    r"\s*(?:[,;:!(–—-]\s|\b(?:and|but|btw|lol|atm|in|near|since|for|with|mostly|now|these|mate|pal|haha)\b|$)"
)
_WITHIN = frozenset({"of", "the", "and", "de", "for", "&"})
_OPENING = re.compile(
    r"^(?:(?:at|in|from|for|it's|its|i'm|im|still|just|he's|she's|the)\s+)+", re.IGNORECASE
)
_TURN_ENDS = re.compile(r"[.!\n]|[\U0001f000-\U0001faff]")
_DOUBTFUL = (
    HEDGES | NEGATIONS | SENTENCE_BLOCKERS | {"used", "formerly", "previously", "till", "until"}
)
_NO_ANSWER = word_set("no_answers")


@dataclass(frozen=True, slots=True)
class AwaitedAnswer:
    """What was asked, as the sentence that its answer will complete."""

    by: str | None
    says: str
    kind: _Kind

    def answer(self, speaker: str | None, text: str, names: NameRegistry) -> str | None:
        """The whole sentence, where the next turn begins with no more than an answer."""
        if speaker is None or speaker == self.by or "?" in text:
            return None
        if self.kind == "value":
            found = _VALUE.search(text)
            return self.says.replace("{a}", found.group().strip()) if found else None
        words = _few_words(text, names)
        if words is None:
            return None
        if self.kind == "name":
            return self.says.replace("{a}", words) if _is_name(words) else None
        role = re.sub(r"^(?:an?|the)\s+", "", words.lower())
        article = "an" if role[:1] in set("aeiou") else "a"
        if not role or not is_occupation(role.split()[-1]):
            return None
        return self.says.replace("{a}", f"{article} {role}")


def _is_name(words: str) -> bool:
    """ "Port Isaac", and neither "Nowhere" nor "Anna is coming"."""
    parts = [part for part in words.split() if part not in _WITHIN]
    return (
        bool(parts)
        and words.lower() not in NOT_NAMES
        and parts[0].lower() not in _NO_ANSWER
        and all(part[0].isupper() for part in parts)
    )


def _few_words(text: str, names: NameRegistry) -> str | None:
    """The words that a turn begins with, if they are few and sure."""
    first = _TURN_ENDS.split(spelt(text), maxsplit=1)[0].strip()
    if not first or len(first) > _LONGEST * 20:
        return None
    sentence = without_opening(capitalised(Sentence(first), names))
    if not sentence.tokens or not sentence.lows.isdisjoint(_DOUBTFUL):
        return None
    words = _OPENING.sub("", sentence.text)
    cut = _CUT.search(words)
    words = words[: cut.start()].strip() if cut else words
    return words if words and len(words.split()) <= _LONGEST else None


def asked(
    parts: Sequence[Sentence], by: str | None, referent: str | None, names: NameRegistry
) -> AwaitedAnswer | None:
    """What the last sentence of a turn asks, if it is of a kind that a few words answer."""
    sentence = next(
        (part for part in reversed(parts) if part.question), parts[-1] if parts else None
    )
    if sentence is None or sentence.lows.isdisjoint(ASKING_WORDS):
        return None
    text = capitalised(sentence, names).text
    for row in _ROWS:
        match = row.regex.search(text)
        if match is None:
            continue
        groups = match.groupdict()
        what = " ".join((groups.get("what") or "").lower().split())
        subject = _of_whom(groups, referent)
        if "my {what}" in row.says:
            subject = "my" if what in KIN else None
        if subject is None:
            return None
        return AwaitedAnswer(by, row.says.replace("{s}", subject).replace("{what}", what), row.kind)
    return None


def _of_whom(groups: dict[str, str | None], referent: str | None) -> str | None:
    """The subject of the answer's sentence: "I" of who is asked, a name, or who "she" is."""
    if later := groups.get("later"):
        return later.capitalize()
    whom = groups.get("who") or groups.get("whose") or ""
    if own := _OWN.get(whom.lower()):
        return own
    if whom.lower() in {"he", "she"}:
        return referent
    if whom.lower() in {"his", "her"}:
        return f"{referent}'s" if referent else None
    if groups.get("whose"):
        return whom if whom.endswith("'s") else f"{whom.removesuffix('s')}'s"
    return whom or None
