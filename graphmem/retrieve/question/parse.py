"""Parses what a question asks for (when, how many, how something is or was) from its words."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, datetime, timedelta
from typing import Literal

from graphmem.clock import MONTHS, Precision, month_number, period_end
from graphmem.text import words

STOP_WORDS = frozenset({
    "a", "an", "the", "i", "you", "he", "she", "it", "we", "they", "me", "him", "her", "us",
    "them", "my", "your", "his", "its", "our", "their", "is", "are", "was", "were", "be", "been",
    "being", "am", "do", "does", "did", "done", "doing", "have", "has", "had", "having", "what",
    "when", "where", "who", "whom", "whose", "which", "why", "how", "will", "would", "can",
    "could", "should", "shall", "may", "might", "must", "to", "of", "in", "on", "at", "for",
    "from", "by", "with", "about", "as", "into", "than", "then", "that", "this", "these", "those",
    "and", "or", "but", "not", "no", "if", "so", "because", "there", "here", "up", "out", "off",
    "over", "under", "again", "just", "very", "too", "also", "any", "some", "all", "both", "each",
    "few", "more", "most", "other", "such", "only", "own", "same", "s", "t", "i'm", "i've",
    "i'll", "i'd", "it's", "that's", "don't", "didn't",
})  # fmt: skip


AsksAbout = Literal["now", "before"]

_BEFORE = re.compile(
    r"\b(?:before|previously|previous|formerly|former|used to|originally)\b", re.IGNORECASE
)
_SPAN = re.compile(r"how (?:long|many (?:days|weeks|months|years|times))\b", re.IGNORECASE)
"""Asks how long or how often: about events, not the state of one thing."""
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
"""A question like "Who lives upstairs?", where the main verb shows the tense."""
_NOT_ONE_THING = re.compile(
    r"\b(?:order|between|in total|total (?:number|amount|cost|of)|altogether|different|across|"
    r"summar\w*|overview|compare\w*|list|two|"
    r"both|you|can|could|would|ago|recommend|suggest|according to|(?:19|20)\d\d|"
    r"when\b(?=.*\b(?:i|he|she|we|they)\b))\b",
    re.IGNORECASE,
)
"""Marks a comparison, a list, a request or a time: not a question how one thing is now."""
_SENTENCES = re.compile(r"[.!]\s+\w")


def asks_about(text: str) -> AsksAbout | None:
    """``now`` when the question asks how one thing is, ``before`` when it asks how it was before a
    change; None for all else, such as what happened."""
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


_SEASONS = {
    "spring": (3, 4, 5),
    "summer": (6, 7, 8),
    "autumn": (9, 10, 11),
    "fall": (9, 10, 11),
    "winter": (12, 1, 2),
}
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")
_NAMED_MONTH = "|".join(MONTHS)
_DAY_FIRST = re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_NAMED_MONTH})\b")
_MONTH_FIRST = re.compile(rf"\b({_NAMED_MONTH}) (?:the )?(\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)")
_IN_NUMBERS = re.compile(r"\b(?:19|20)\d\d-(\d\d)-(\d\d)\b")
_RELATIVE = re.compile(
    r"\b(last|this|next) (week|month|year|" + "|".join((*_SEASONS, *MONTHS)) + r")\b"
)
_AGO = re.compile(r"\b(a|one|two|three|four|five|six|seven|eight|nine|ten|\d{1,2}) years? ago\b")
_EARLIER = frozenset({"before", "previously", "previous", "formerly", "former", "originally"})
_COUNTS = ("a", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_OF_TIME = frozenset({
    *MONTHS, *_SEASONS, *_COUNTS, "last", "this", "week", "month", "year", "years", "ago",
    "yesterday",
})  # fmt: skip
_DAYS = {"today": 0, "yesterday": 1}
_SIDES = {"before": -1, "after": 1, "since": 1}
_OTHER_YEAR = 0.3
_OVERVIEW = re.compile(r"\b(?:summar(?:y|ies|i[sz]e[ds]?|i[sz]ing)|overview|recap|sum up)\b")
_AMOUNT = re.compile(r"\bhow (?:many|much|long|old|often|far)\b")


@dataclass(frozen=True, slots=True)
class ParsedQuestion:
    """A question taken apart. ``content`` are its words without stop words, in order, once each."""

    text: str
    content: tuple[str, ...]
    sequence: tuple[str, ...]
    """The same with repeats: adjacent words are pairs that a text may have too."""
    words: tuple[str, ...]
    """All words, stop words included."""
    who_or_where: bool
    when: bool
    how_many: bool
    overview: bool
    """It asks for a summary: for that, replies of an assistant and long texts are as good."""
    months: frozenset[int]
    years: frozenset[int]
    days: frozenset[tuple[int, int]] = frozenset()
    """Month and day of each day that is named."""

    event: frozenset[str] = frozenset()
    """The words of an event that it asks for the time before or after."""
    side: int = 0
    """-1 when it asks for ``before`` the event, 1 for ``after`` or ``since``, 0 if it has none."""
    asks_about: AsksAbout | None = None
    """Whether it asks how something is, or how it was before it changed."""
    periods: tuple[tuple[datetime, datetime], ...] = ()
    """The past years or months that it asks about, as (begin, end), the end exclusive."""

    past_tense: bool = False
    """Whether its verb is in the past tense."""

    @property
    def time_words(self) -> frozenset[str]:
        """The words that only say which time it asks about."""
        if self.asks_about == "before":
            return self.event | _EARLIER
        return _OF_TIME.union(map(str, self.years)) if self.periods else frozenset()

    @property
    def asks_of_past(self) -> bool:
        """Whether facts that have ended may answer."""
        return self.of_another_time or self.past_tense

    @property
    def of_another_time(self) -> bool:
        """Whether it says which time it asks about: before something, a year or a month."""
        return self.asks_about == "before" or bool(self.periods)

    def held_then(self, begins: datetime | None, ends: datetime | None) -> bool:
        """Whether something that held from ``begins`` to ``ends`` (None: unbounded) held in a
        period that it asks about; True for everything where it names none."""
        return not self.periods or any(
            (begins is None or begins < until) and (ends is None or ends > since)
            for since, until in self.periods
        )

    def day_of(self, at: datetime | None) -> float:
        """1 on a day that the question names, else 0; if it names years, only in one of those."""
        if at is None or (at.month, at.day) not in self.days:
            return 0.0
        return float(not self.years or at.year in self.years)

    def month_of(self, at: datetime | None) -> float:
        """1 in a month that the question names, else 0; less than 1 if it names years and this is
        another."""
        if at is None or at.month not in self.months:
            return 0.0
        return 1.0 if not self.years or at.year in self.years else _OTHER_YEAR

    def year_of(self, at: datetime | None) -> float:
        return float(at is not None and at.year in self.years)


def parse_question(text: str, now: datetime | None = None) -> ParsedQuestion:
    """Parse a question. Relative times ("last summer") are understood only with ``now``."""
    parts = words(text)
    sequence = tuple(word for word in parts if word not in STOP_WORDS)
    first, used, lower = (parts or [""])[0], set(parts), text.lower()
    months = {at for at, name in enumerate(MONTHS, start=1) if name in used}
    if "may" in used and not re.search(r"\bMay\b", text[1:]):
        months.discard(5)  # the verb
    for season, inside in _SEASONS.items():
        if season in used:
            months.update(inside)
    years = {int(year) for year in _YEAR.findall(text)}
    days = _days_named(lower)
    months |= {month for month, _ in days}
    if now is not None and now.year not in {MINYEAR, MAXYEAR}:
        for more_months, more_years in _relative(lower, used, now):
            months |= more_months
            years |= more_years
        for word, ago in _DAYS.items():
            if word in used:
                then = now - timedelta(days=ago)
                days.add((then.month, then.day))
    event, side = _event(parts)
    about = asks_about(text)
    periods = () if now is None or side or about == "before" else _periods(years, months, now)
    return ParsedQuestion(
        text=text,
        content=tuple(dict.fromkeys(sequence)),
        sequence=sequence,
        words=tuple(parts),
        who_or_where=first in {"who", "where", "which"} or bool({"who", "where"} & used),
        when=bool({"when", "date"} & used) or "how long" in lower or "what day" in lower,
        how_many=_AMOUNT.search(lower) is not None,
        overview=_OVERVIEW.search(lower) is not None,
        months=frozenset(months),
        years=frozenset(years),
        days=frozenset(days),
        event=event,
        side=side,
        asks_about=about,
        periods=periods,
        past_tense=(verb := _VERB.search(text)) is not None and verb.group().lower() in _THEN,
    )


def _periods(
    years: Collection[int], months: Collection[int], now: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    """The (begin, end) of those years, or months of them, that have begun by now. A month without a
    year is the latest one that has begun."""
    if months and not years:
        of = [(now.year - (month > now.month), month) for month in months]
    else:
        of = [(year, month) for year in years for month in months or (1,)]
    precision: Precision = "month" if months else "year"
    begun = [datetime(*ym, 1, tzinfo=now.tzinfo) for ym in sorted(of) if MINYEAR < ym[0] < MAXYEAR]
    return tuple((since, period_end(since, precision)) for since in begun if since <= now)


def _event(parts: Sequence[str]) -> tuple[frozenset[str], int]:
    """The content words after the last "before", "after" or "since", and the ``side``; empty and 0
    when only a date follows."""
    at = max((n for n, word in enumerate(parts) if word in _SIDES), default=-1)
    if at < 0:
        return frozenset(), 0
    event = {word for word in parts[at + 1 :] if word not in STOP_WORDS and word not in MONTHS}
    event = {word for word in event if not word[0].isdigit()}
    return frozenset(event), _SIDES[parts[at]] if event else 0


def _days_named(lower: str) -> set[tuple[int, int]]:
    """Month and day of each date: 7 May, May 7th, 2023-05-07."""
    named = [(month_number(month), int(day)) for day, month in _DAY_FIRST.findall(lower)]
    named += [(month_number(month), int(day)) for month, day in _MONTH_FIRST.findall(lower)]
    named += [(int(month), int(day)) for month, day in _IN_NUMBERS.findall(lower)]
    return {(month, day) for month, day in named if 1 <= month <= 12 and 1 <= day <= 31}


def _relative(
    lower: str, used: Collection[str], now: datetime
) -> Iterator[tuple[set[int], set[int]]]:
    """The months and years of each time that is given relative to now: yesterday, two years ago."""
    for word, days in _DAYS.items():
        if word in used:
            yield _days_off(now, -days)
    for which, span in _RELATIVE.findall(lower):
        step = {"last": -1, "this": 0, "next": 1}[which]
        if span == "year":
            yield set(), {now.year + step}
        elif span == "week":
            yield _days_off(now, 7 * step)
        elif span == "month":
            number = now.year * 12 + now.month - 1 + step
            yield {number % 12 + 1}, {number // 12}
        else:
            yield _occurrence(_SEASONS.get(span) or (month_number(span),), step, now)
    for count in _AGO.findall(lower):
        number = int(count) if count.isdigit() else max(1, _COUNTS.index(count))
        yield set(), {now.year - number}


def _days_off(now: datetime, days: int) -> tuple[set[int], set[int]]:
    then = now + timedelta(days=days)
    return {then.month}, {then.year}


def _occurrence(span: tuple[int, ...], step: int, now: datetime) -> tuple[set[int], set[int]]:
    """The months of ``span``, and the years of its last (-1), current (0) or next (1) occurrence. A
    winter begins in the year before the one in which it ends."""
    first, last = span[0], span[-1]
    begins = 1 if first > last else 0
    # The year in which the current occurrence, or else the next one, ends.
    end = now.year + (now.month > last)
    on = now.month in span
    end += {-1: -1, 0: 0 if on or now.month < first else -1, 1: 1 if on else 0}[step]
    return set(span), set(range(end - begins, end + 1))
