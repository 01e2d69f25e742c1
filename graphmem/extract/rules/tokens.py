"""The words of a sentence, and the runs of them that may be names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from graphmem.extract.rules.word_lists import GREETINGS, NATIONALITIES, NOT_NAMES, word_set

_TOKEN = re.compile(r"[^\W_]+(?:['&.\-][^\W_]+)*[+#]{0,2}")
_CONTRACTED = word_set("contractions_of_is")
_CONNECTORS = word_set("name_connectors")
_NEVER = word_set("never_in_names")
TITLES = word_set("titles_before_names")
_KIN_TITLES = frozenset({"aunt", "auntie", "uncle", "cousin"})
_PERSON_VERBS = word_set("person_verbs") - word_set("month_verbs")
_MONTHS_TOO = frozenset({"jan", "april", "may", "jun", "june", "august"})
"""Given names that are months, too."""
_BEFORE_MONTHS = word_set("before_months")
_OF_DAYS = frozenset({"day", "fools", "bank", "half", "term", "holiday", "holidays", "sales"})
_LONGEST = 6


class _Owning:
    """What may own something: ``end`` is after the possessive then."""

    __slots__ = ()
    end: int
    owns: bool

    @property
    def name_end(self) -> int:
        """Where it ends without the possessive."""
        return self.end - 2 if self.owns else self.end


@dataclass(frozen=True, slots=True)
class WordToken(_Owning):
    """A word, without its possessive ``'s``."""

    text: str
    low: str
    start: int
    end: int
    gap: str
    """What stands between the word before and this one."""
    owns: bool = False
    """It had a possessive ``'s`` (``end`` is after it)."""
    capital: bool = False


@dataclass(frozen=True, slots=True)
class NameSpan(_Owning):
    """A run of capitalised words (``first`` to ``last`` in the sentence's tokens)."""

    start: int
    end: int
    name: str
    first: int
    last: int
    initial: bool
    """It begins the sentence and has one word: the capital may mean nothing."""
    owns: bool = False


def tokens_of(text: str) -> list[WordToken]:
    """Its words, in order."""
    tokens: list[WordToken] = []
    before = 0
    for match in _TOKEN.finditer(text):
        word, end = match.group(), match.end()
        low = word.lower()
        owns = low.endswith("'s") and low not in _CONTRACTED
        if owns:
            word, low = word[:-2], low[:-2]
        gap, capital = text[before : match.start()], word[0].isupper()
        tokens.append(WordToken(word, low, match.start(), end, gap, owns, capital))
        before = end
    return tokens


def name_spans(text: str, tokens: list[WordToken]) -> list[NameSpan]:
    """Every run of capitalised words that may be a name."""
    found: list[NameSpan] = []
    index = 0
    while index < len(tokens):
        if not _may_begin(tokens, index):
            index += 1
            continue
        last = _run(tokens, index)
        span = _trimmed(text, tokens, index, last)
        if span is not None:
            found.append(span)
        index = last + 1
    return found


def _may_begin(tokens: list[WordToken], at: int) -> bool:
    token = tokens[at]
    return token.capital and (token.low not in _NEVER or _called_as_a_month(tokens, at))


def _called_as_a_month(tokens: list[WordToken], at: int) -> bool:
    """Jan or April, where it does what persons do or has a surname, and says no time."""
    token = tokens[at]
    if token.low not in _MONTHS_TOO or not token.capital or at + 1 >= len(tokens):
        return False
    after = tokens[at + 1]
    if after.gap != " " or (at > 0 and tokens[at - 1].low in _BEFORE_MONTHS):
        return False
    if token.owns or after.low in _PERSON_VERBS:
        return after.low not in _OF_DAYS
    return after.capital and after.low not in _NEVER | _OF_DAYS and after.text.isalpha()


def _no_name(tokens: list[WordToken], at: int) -> bool:
    if at > 0 and tokens[at - 1].low in {"called", "named"} and tokens[at].capital:
        return False  # "a cat called Snowy"
    return tokens[at].low in NOT_NAMES and not _called_as_a_month(tokens, at)


def _run(tokens: list[WordToken], index: int) -> int:
    last = index
    while (not tokens[last].owns or _of_saint(tokens, last)) and last - index < _LONGEST - 1:
        after = last + 1
        while (
            after < len(tokens)
            and after - last <= 2
            and not tokens[after].capital
            and tokens[after].low in _CONNECTORS
            and tokens[after].gap == " "
        ):
            after += 1
        if after >= len(tokens) or not _joined(tokens[after - 1], tokens[after]):
            break
        # "Ada for Christmas" is not one name; "Bank of America" is
        if after - last == 2 and tokens[last + 1].low in {"for", "the", "y"}:
            break
        if not _may_begin(tokens, after):
            break
        last = after
    return last


def _of_saint(tokens: list[WordToken], at: int) -> bool:
    """ "St Mary's" is called so, and owns nothing."""
    return tokens[at].owns and at > 0 and tokens[at - 1].low == "st" and tokens[at].gap == " "


def _joined(before: WordToken, token: WordToken) -> bool:
    """A space between, or the stop of an initial: "J. K. Rowling"."""
    initial = token.gap == ". " and all(len(part) == 1 for part in before.text.split("."))
    return token.gap in {" ", " & "} or initial


def _trimmed(text: str, tokens: list[WordToken], first: int, last: int) -> NameSpan | None:
    """The run without a sentence's opening word and the like."""
    # "23/01 - Called Ada" begins anew after the dash.
    at_start = first == 0 or not _DASHES.isdisjoint(tokens[first].gap)
    if first < last and tokens[first].low in _KIN_TITLES and tokens[first + 1].gap == " ":
        first += 1  # "Aunt Bev" is Bev
    if at_start:
        while first < last and (_no_name(tokens, first) or tokens[first].low in GREETINGS):
            first += 1
            while first < last and not tokens[first].capital:
                first += 1
    run = tokens[first : last + 1]
    if all(_no_name(tokens, at) or tokens[at].low in _CONNECTORS for at in range(first, last + 1)):
        return None
    if len(run) == 1 and (len(run[0].text) < 2 or run[0].low in NATIONALITIES):
        return None
    owns = run[-1].owns and not _of_saint(tokens, last)
    end = run[-1].end - (2 if owns else 0)
    name = text[run[0].start : end]
    # "Dr" is no part of the name, but stands where it begins.
    titled = _titled(tokens, first)
    if titled or (first > 0 and tokens[first - 1].low in TITLES and run[0].gap in {" ", ". "}):
        first -= 1
    return NameSpan(
        tokens[first].start,
        run[-1].end,
        name,
        first,
        last,
        initial=first == 0 and len(run) == 1 and not titled,
        owns=owns,
    )


_DASHES = frozenset("-–—")


def _titled(tokens: list[WordToken], at: int) -> bool:
    """Whether the word before is the "Aunt" of "Aunt Bev", which is nobody's but the writer's."""
    if at == 0 or tokens[at - 1].low not in _KIN_TITLES or not tokens[at - 1].capital:
        return False
    before = tokens[at - 2] if at > 1 else None
    return before is None or not (before.owns or before.low in {"my", "our", "his", "her", "their"})
