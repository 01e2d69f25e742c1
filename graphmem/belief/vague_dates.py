"""Dates that stand for a longer time: a year, a month, a day.

The precision is read off the moment itself: ``2024`` and ``2024-05`` come as their first instant.
All that guesses it so is here.
"""

from __future__ import annotations

from datetime import datetime, timedelta


def period_end(moment: datetime) -> datetime:
    """The end of the time that a date stands for. An instant that is not midnight stands for
    itself."""
    if (moment.hour, moment.minute, moment.second, moment.microsecond) != (0, 0, 0, 0):
        return moment
    try:
        if (moment.month, moment.day) == (1, 1):
            return moment.replace(year=moment.year + 1)
        if moment.day == 1:
            month = moment.month % 12 + 1
            return moment.replace(month=month, year=moment.year + (month == 1))
        return moment + timedelta(days=1)
    except (ValueError, OverflowError):  # the calendar ends with the year 9999
        return moment


def refines(fine: datetime, vague: datetime) -> bool:
    """Whether ``fine`` is a more exact form of the date ``vague``."""
    return vague < fine < period_end(vague) and period_end(fine) <= period_end(vague)


def same_date(one: datetime, other: datetime) -> bool:
    """Whether the two are one date, or one is a more exact form of the other."""
    return one == other or refines(one, other) or refines(other, one)
