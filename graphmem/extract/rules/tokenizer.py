"""Text into sentences, words and clause starts. Everything here is linear in its input.

Relations are only read from sentences of at most :data:`LONGEST` characters, so that no pattern,
however it backtracks, ever meets a long string.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from graphmem.extract.rules.tokens import NameSpan, WordToken, name_spans, tokens_of
from graphmem.extract.rules.word_lists import (
    FILLERS,
    INTERJECTIONS,
    NOT_NAMES,
    PAST_ONLY,
)

LONGEST = 500
"""Characters of one sentence; what is longer is cut at a space, and the rest only named from."""
_SKIP = "\u241f"  # stands where something that is not prose was taken out; ends every phrase

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_INLINE = re.compile(r"`[^`\n]{1,200}`")
_URL = re.compile(r"(?:\bhttps?://|\bwww\.)\S+", re.IGNORECASE)
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_IN_LAW = re.compile(r"\b((?:sister|brother|mother|father|son|daughter)s?) in law\b", re.IGNORECASE)
_MARKUP = re.compile(r"[*_#>|~^]{1,9}|[\u200b-\u200f\ufeff\u00ad]")
_TASK_BOX = re.compile(r"^[ \t]*(?:[-*+][ \t]+)?\[[ xX/>-]\][ \t]+", re.MULTILINE)
"""What a task begins with: the word behind it opens a sentence."""
_STRAIGHT = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"'}
    | dict.fromkeys("\u00a0\u2009\u202f\u3000\t\r\v\f", " ")
)
_UNUSABLE = re.compile("[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff\ufffd]")
_END = re.compile(
    r"[.!?\u2026。！？]+[\"')\]]*(?=\s|$)|[!?\u2026。！？]+|\n+|"
    + _SKIP
    + r"|[\U0001f000-\U0001faff]+"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(])(?:[A-Z]|(?:[A-Z]\.){1,3}[A-Z]|Dr|Mr|Mrs|Ms|St|Prof|Sr|Jr|vs|e\.g|i\.e)\.$"
)
_GOES_ON = re.compile(r"(?<=\w)!{1,9}(?=\s(?:[Tt]o|with|at|in|from)\s[^\W\d_a-z])")
_BREAK = re.compile(
    r"[,;:()\u2014\u2013]\s*|\s--?\s*|--\s*|\s(?:and|but|so|because|plus|since|although|though|while|where)\s"
    r"|\s(?=(?:when|after|before|until|till)\s)|\s?[\u2600-\u27bf\U0001f300-\U0001faff][\ufe0f\u200d\u2600-\u27bf\U0001f300-\U0001faff\s]*",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"([^"\n]{1,120})"')
_WORD_OR_GAP = re.compile(r"([\w']+)[,.!:]*\s+")


@dataclass(frozen=True)
class Sentence:
    """One sentence, cleaned; positions are in ``text``."""

    text: str
    question: bool = False
    whole: bool = True
    """False for the later pieces of an overlong line: names only, no relations."""
    quotes: tuple[tuple[int, int], ...] = field(default=())
    respelt: bool = False
    """It was written without any capital, and names that are known were given theirs."""

    @cached_property
    def tokens(self) -> list[WordToken]:
        return tokens_of(self.text)

    @cached_property
    def name_spans(self) -> list[NameSpan]:
        """Every run of its words that may be a name."""
        if self.shouted or self.uncapped:
            return []
        return name_spans(self.text, self.tokens)

    @cached_property
    def lows(self) -> frozenset[str]:
        return frozenset([token.low for token in self.tokens])

    @cached_property
    def shouted(self) -> bool:
        """Written in capitals throughout, so that a capital says nothing."""
        letters = list(filter(str.isalpha, self.text))
        small = sum(map(str.islower, letters))
        return len(letters) > 7 and small * 4 < len(letters)

    @cached_property
    def uncapped(self) -> bool:
        """Written without any capital, the way some people chat."""
        return not any(map(str.isupper, self.text))

    @property
    def small(self) -> bool:
        """Its writer uses no capitals, so that a name may have none."""
        return self.respelt or self.uncapped

    def token_at(self, position: int) -> int:
        """Index of the first word that starts at or after a position."""
        return bisect_left([token.start for token in self.tokens], position)

    def word_from(self, position: int) -> WordToken | None:
        """The first word that starts at or after a position."""
        index = self.token_at(position)
        return self.tokens[index] if index < len(self.tokens) else None

    def quoted(self, position: int) -> bool:
        return bool(self.quotes) and any(a < position < b for a, b in self.quotes)


_SAINT = re.compile(r"\bSt\. (?=[A-Z])")
"""The stop in "St. Cloud" ends no sentence."""


def straight(text: str) -> str:
    """Straight quotes and plain spaces."""
    return text.translate(_STRAIGHT)


def strip_markup(text: str) -> str:
    """Straight quotes, plain spaces; code, addresses and markup taken out."""
    text = _UNUSABLE.sub(_SKIP, straight(text))
    if "`" in text:
        text = _INLINE.sub(_SKIP, _FENCE.sub(_SKIP, text))
    text = _IN_LAW.sub(r"\1-in-law", _URL.sub(_SKIP, text))
    text = text.replace("uinea pig", "uinea-pig")
    if "St. " in text:
        text = _SAINT.sub("St ", text)
    if "@" in text:
        text = _EMAIL.sub(_SKIP, text)
    if "!" in text:
        text = _GOES_ON.sub("", text)  # "I'm engaged!! to Tobias"
    return _TASK_BOX.sub("", _MARKUP.sub("", text))


def split_sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a turn."""
    text = strip_markup(text)
    begin = 0
    for match in _END.finditer(text):
        mark = match.group()
        if mark == "." and _ABBREVIATION.search(text[max(begin, match.end() - 8) : match.end()]):
            continue
        yield from _pieces(text[begin : match.start()], "?" in mark or "？" in mark)
        begin = match.end()
    yield from _pieces(text[begin:], False)


def _pieces(text: str, question: bool) -> Iterator[Sentence]:
    text = text.strip(" \"'-•·") if text.count('"') == 1 else text.strip(" '-•·")
    whole = True
    while len(text) > LONGEST:
        cut = text.rfind(" ", 1, LONGEST)
        cut = cut if cut > 0 else LONGEST
        yield _sentence(text[:cut], question, whole)
        text, whole = text[cut:].lstrip(), False
    if text:
        yield _sentence(text, question, whole)


_ASKS = re.compile(r"(?:can|could|may|shall|should|would)\s+(?:i|we)\b", re.IGNORECASE)
"""A question, whether or not it has its mark."""


def _sentence(text: str, question: bool, whole: bool) -> Sentence:
    quotes = tuple(match.span() for match in _QUOTED.finditer(text)) if '"' in text else ()
    return Sentence(text, question or _ASKS.match(text) is not None, whole, quotes)


def after(words: str, sentence: Sentence) -> Sentence:
    """A sentence that lacks its beginning, with the words put before it."""
    text = sentence.text
    text = words + text[:1].lower() + text[1:]
    quotes = tuple((start + len(words), end + len(words)) for start, end in sentence.quotes)
    return replace(sentence, text=text, quotes=quotes, respelt=sentence.small)


_OPENING = re.compile(r"([^\W_]+(?:'[^\W_]+)?)(?:[,.!:]{0,4}\s+|\s+[-–—]\s+)")


_NO_LONGER = re.compile(r"no longer\b", re.IGNORECASE)


def without_opening(sentence: Sentence) -> Sentence:
    """A sentence without the exclamations before it: "nah got laid off", "ok so, sold the van"."""
    text, at = sentence.text, 0
    while (match := _OPENING.match(text, at)) and match.group(1).lower() in INTERJECTIONS:
        if _NO_LONGER.match(text, at):
            break
        at = match.end()
    if not at or at >= len(text):
        return sentence
    quotes = tuple((a - at, b - at) for a, b in sentence.quotes if a >= at)
    return replace(sentence, text=text[at:], quotes=quotes)


def titles(sentence: Sentence) -> Iterator[tuple[int, int, str]]:
    """Quoted phrases that look like titles: up to eight words, the first and last capitalised."""
    for start, end in sentence.quotes:
        inside = sentence.text[start + 1 : end - 1].strip(" ,.!?'")
        parts = inside.split()
        if (
            1 <= len(parts) <= 8
            and (parts[0][0].isupper() or parts[0][0].isdigit())
            and (parts[-1][0].isupper() or parts[-1][0].isdigit())
            and not all(part.strip("',.!?").lower() in NOT_NAMES for part in parts)
            and not inside.isupper() | any(p in {"I", "I'm", "You", "You're"} for p in parts)
        ):
            yield start, end, inside


def clause_starts(sentence: Sentence) -> Iterator[tuple[int, int, bool]]:
    """Where a subject may stand: (position of the clause, of the subject, only past is certain)."""
    text = sentence.text
    starts = [0, *(match.end() for match in _BREAK.finditer(text))]
    for start in starts:
        if not sentence.quoted(start):
            yield from _after_fillers(text, start)


_HOW_OFTEN = re.compile(
    r"(?:(?:\w+\s+)?(?:days?|times?|evenings?|mornings?|nights?)\s+(?:a|per|each|every)\s+(?:week|month)|"
    r"(?:on|at)\s+(?:\w+days|weekends|the\s+weekend|the\s+moment|the\s+side|week\s*nights)|most\s+days|"
    r"these\s+days|by\s+(?:day|night)|during\s+the\s+(?:week|day)|right\s+now|for\s+now|"
    r"as\s+of\s+(?:today|yesterday|this\s+week))\s*,?\s+",
    re.IGNORECASE,
)


def _after_fillers(text: str, start: int) -> Iterator[tuple[int, int, bool]]:
    at, past = start, False
    yield start, at, past
    if often := _HOW_OFTEN.match(text, at):
        at = often.end()
        yield start, at, past
    for _ in range(5):
        match = _WORD_OR_GAP.match(text, at)
        if match is None:
            return
        low = match.group(1).lower()
        past = past or low in PAST_ONLY
        if low not in FILLERS and low not in PAST_ONLY:
            return
        at = match.end()
        yield start, at, past


_OF_THIRD = re.compile(
    r"(?:bought|sold|moved|joined|started|adopted|works|lives|plays|speaks|studies|teaches|reports|owns|runs|uses|depends|leads|drives|loves|likes|hates|collects|sings|volunteers)\s"
)


def after_and(text: str, start: int) -> bool:
    """After "and"; or after a comma, before a verb of a third person: ", works for Lego"."""
    if re.search(r"(?:\band|\bbut)\s+$", text[max(0, start - 6) : start], re.IGNORECASE):
        return True
    return text[max(0, start - 2) : start] == ", " and _OF_THIRD.match(text, start) is not None
