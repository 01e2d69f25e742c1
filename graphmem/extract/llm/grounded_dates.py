"""Which dates a text bears out: those that stand in it, that of the day on which it was said, and
those that words like "last Friday" or "two years ago" may lead to from there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from graphmem.clock import Date, month_number
from graphmem.text import fold, words

_MONTH_NAME = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_MONTH = re.compile(rf"\b{_MONTH_NAME}\b")
_NUMBER_WORDS = {
    "a": 1, "an": 1, "one": 1, "once": 1, "two": 2, "couple": 2, "twice": 2, "pair": 2, "both": 2,
    "three": 3, "few": 3, "four": 4, "five": 5, "six": 6, "half": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90, "hundred": 100, "thousand": 1000, "million": 1_000_000,
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5,
}  # fmt: skip
_NUMBER = re.compile(
    r"(?<![\d.,])(?P<digits>\d{1,3}(?:[, ’']\d{3})+|\d+)(?P<part>[.,]\d+)?"
    r"(?P<times>\s?(?:k|m|bn|million|thousand)\b)?"
)
_TIMES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9}
_DECADE = re.compile(r"\b(?P<century>\d{2})?(?P<decade>\d0)'?s\b")
_DECADE_WORDS = {
    "twenties": 20, "thirties": 30, "forties": 40, "fifties": 50, "sixties": 60, "seventies": 70,
    "eighties": 80, "nineties": 90, "noughties": 0,
}  # fmt: skip
_SHORT_YEAR = re.compile(r"['’](?P<year>\d{2})\b")
_DAYS = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|morning|evening|weekend|just|now|recently|lately|earlier|"
    r"days?|(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?s?|as\s+of)\b"
)
_DAY_OF_MONTH = re.compile(r"\b\d{1,2}(?:st|nd|rd|th)\b")
_WEEKS = re.compile(r"\b(?:weeks?|fortnight|sprint)\b")
_SEASONS = re.compile(
    r"\b(?:months?|spring|summer|autumn|fall|winter|christmas|xmas|easter|new\s+year|term|semester|"
    r"quarter|q[1-4]|holidays?|season|ramadan|diwali|eid|thanksgiving|halloween|passover|"
    r"[a-z]+['’]s\s+(?:day|eve))\b"
)
_YEARS = re.compile(
    r"\b(?:years?|yrs?|yr|anniversary|birthday|old|aged?|since|century|when\s+(?:i|he|she|they|we)\s+"
    r"(?:was|were))\b|(?<!\d)\d+\s?y(?:o|rs?)?\b"
)
_LONG_AGO = re.compile(
    r"\b(?:decades?|childhood|grew\s+up|as\s+a\s+(?:kid|child|boy|girl)|born|teens?|youth|"
    r"generations?|lifetime|forever|always)\b"
)
_ENGLISH = re.compile(
    r"\b(?:the|and|is|was|to|of|in|my|i|a|for|it|on|at|with|we|she|he|her|his|has|have|now|not)\b"
)
_ONE_DAY = timedelta(days=1)
_ONE_YEAR = 366.0
_FOREIGN_DAYS = 900.0
"""In a language whose words for times are not known here."""


def numbers_in(text: str) -> set[float]:
    """Every number in a folded text, in digits or (up to a hundred) in words."""
    found: set[float] = set()
    for match in _NUMBER.finditer(text):
        whole = float(re.sub(r"\D", "", match["digits"]))
        part = float(f"0.{match['part'][1:]}") if match["part"] else 0.0
        found |= {whole, whole + part}
        if match["part"]:
            found.add(float(match["part"][1:]))  # 3.11. is a day and a month
        if match["times"]:
            found.add(round((whole + part) * _TIMES[match["times"].strip()], 6))
    tens = 0
    for word in re.findall(r"[a-z]+", text):
        value = _NUMBER_WORDS.get(word.removesuffix("s"), _NUMBER_WORDS.get(word))
        if value is not None:
            found |= {float(value), float(tens + value)} if tens and value < 10 else {float(value)}
        tens = value if value is not None and 20 <= value <= 90 else 0
    return found


def months_in(text: str) -> set[int]:
    """The months that a folded text names."""
    return {month_number(match[0]) for match in _MONTH.finditer(text)}


@dataclass(frozen=True)
class DatedText:
    """A text, and the moments at which its parts were said."""

    text: str
    stated_at: tuple[datetime, ...]

    @cached_property
    def folded(self) -> str:
        return fold(self.text)

    @cached_property
    def numbers(self) -> frozenset[float]:
        return frozenset(numbers_in(self.folded))

    @cached_property
    def digits(self) -> str:
        """The digits of the text, groups of one number joined: ``07700 900123``."""
        return re.sub(r"(?<=\d)[\s\-().]{1,3}(?=\d)", "", self.folded)

    @cached_property
    def months(self) -> frozenset[int]:
        return frozenset(months_in(self.folded))

    @cached_property
    def years(self) -> frozenset[int]:
        """Every year that the text may name."""
        years = {int(n) for n in self.numbers if 1000 <= n < 3000}
        for match in _SHORT_YEAR.finditer(self.folded):
            years |= {1900 + int(match["year"]), 2000 + int(match["year"])}
        for match in _DECADE.finditer(self.folded):
            centuries = (match["century"],) if match["century"] else ("19", "20")
            starts = (int(century + match["decade"]) for century in centuries)
            years |= {start + n for start in starts for n in range(11)}
        for word in set(words(self.folded)) & set(_DECADE_WORDS):
            start = 1900 + _DECADE_WORDS[word]
            years |= {century + n for century in (start, start + 100) for n in range(11)}
        return frozenset(years)

    @cached_property
    def reach_days(self) -> float:
        """How far from the day on which it was said a date may be that it does not spell out."""
        text, counts = self.folded, [n for n in self.numbers if n <= 120]
        most = max(counts, default=0.0)
        reach = 1.5
        if _DAYS.search(text):
            reach = max(reach, 15.0, min(most, 100.0) + 2)
        if _DAY_OF_MONTH.search(text):
            reach = max(reach, 32.0)
        if _WEEKS.search(text):
            reach = max(reach, 15.0 + 7 * max(most, 6))
        if _SEASONS.search(text) or self.months:
            reach = max(reach, 480.0, 31 * most + 62 if "month" in text else 0.0)
        if _YEARS.search(text):
            reach = max(reach, (max(most, 2) + 1.5) * _ONE_YEAR)
        if _LONG_AGO.search(text):
            reach = max(reach, 110 * _ONE_YEAR)
        plain = len(_ENGLISH.findall(text)) * 8 >= len(text.split())
        return reach if plain else max(reach, _FOREIGN_DAYS)

    def bears(self, date: Date) -> bool:
        """Whether the text, or when it was said, gives this date."""
        return any(self._near(date, at) or self._written(date, at) for at in self.stated_at)

    def _near(self, date: Date, stated_at: datetime) -> bool:
        if date.at - _ONE_DAY <= stated_at <= date.end + _ONE_DAY:
            return True
        nearest = date.at if stated_at < date.at else date.end
        return abs(nearest - stated_at) <= self.reach_days * _ONE_DAY

    def _written(self, date: Date, stated_at: datetime) -> bool:
        """Whether its parts stand in the text. A day or month that a model filled up with the first
        need not."""
        at, precise = date.at, date.precision
        ago = stated_at.year - at.year
        aged = ago >= 1 and not self.numbers.isdisjoint({ago, ago - 1.0})
        year = at.year in self.years or aged
        if precise == "year":
            return year
        filled = at.day == 1 and (at.month == 1 or precise != "month")
        month = at.month in self.months or float(at.month) in self.numbers
        if not (year or (month and abs(at.year - stated_at.year) <= 1)):
            return False
        month = month or (at.month == 1 and at.day == 1) or bool(_SEASONS.search(self.folded))
        day = precise == "month" or filled or float(at.day) in self.numbers
        return month and day


_DATE_IN_SENTENCE = re.compile(
    r"\b(?P<iso>\d{4}-\d{2}(?:-\d{2})?)(?:[t ]\d{1,2}:\d{2}(?::\d{2})?z?)?\b|"
    rf"\b(?:(?P<day1>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+)?(?P<month>{_MONTH_NAME})\b\.?"
    r"(?:\s+(?P<day2>\d{1,2})(?:st|nd|rd|th)?\b(?!:))?(?:,?\s+(?P<year1>\d{4}))?|"
    r"\b(?P<year2>1[89]\d\d|20\d\d)\b"
)


def take_dates(sentence: str, default_year: int) -> tuple[str, Sequence[Date]]:
    """A folded sentence without the dates in it, and those dates; one without a year has
    ``default_year``."""
    found: list[Date] = []

    def take(match: re.Match[str]) -> str:
        if match["iso"]:
            year, month, *rest = (int(part) for part in match["iso"].split("-"))
            day = rest[0] if rest else None
        elif match["month"]:
            month = month_number(match["month"])
            given = match["day1"] or match["day2"]
            day = int(given) if given else None
            if day is None and not match["year1"]:
                return match.group()  # "she may come", "Jun called"
            year = int(match["year1"] or default_year)
        else:
            found.append(Date(datetime(int(match["year2"]), 1, 1, tzinfo=UTC), "year"))
            return " "
        try:
            at = datetime(year, month, day or 1, tzinfo=UTC)
        except ValueError:
            return match.group()
        found.append(Date(at, "day" if day else "month"))
        return " "

    return _DATE_IN_SENTENCE.sub(take, sentence), found
