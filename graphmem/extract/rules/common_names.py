"""What has no name of its own and is meant all the same: "the newsletter", "the pricing team", "the
Falcon project"."""

from __future__ import annotations

import re

from graphmem.extract.rules.word_lists import NOT_NAMES, NP_STOP, word_set

TEAM = re.compile(
    r"\s+(?:the|our|a)\s+(?P<name>(?:[\w-]+\s+){1,2}?(?:team|department|group|squad|division|unit|crew)"
    r"|(?:[\w-]+\s+)?(?:"
    + "|".join(sorted(word_set("workplaces")))
    + r"|office|kitchen|bar|ward|lab|shop|branch|project|programme|campaign))(?=\W|$)"
)
ONES_TEAM = re.compile(
    r"\s+(?:(?P<before>Team\s+[A-Z]\w+)|(?:the|our)\s+(?P<after>(?!(?:wrong|right|other|same|best|whole|winning|losing|first|last|only)\s)"
    r"(?:[A-Za-z][\w-]*\s+){1,2}?"
    r"(?:team|squad|crew|committee|board|unit|department|council|jury)))(?=\W|$)"
)
PROJECT = re.compile(
    r"\s+(?:the\s+)?(?:(?P<before>Project\s+[A-Z]\w+)"
    r"|(?P<after>[A-Z][\w-]+(?:\s+[A-Z][\w-]+){0,2}|(?!(?:an?|this|that|my|our|his|her|their|new|big|same|other|next|group|side)\s)[a-z]+)\s+(?:project|programme|campaign|initiative))(?=\W|$)"
)
_NOTHING_OF_ITS_OWN = word_set("nothing_of_its_own")
_COMMON_WORD = (
    rf"(?!(?:{'|'.join(map(re.escape, sorted(NOT_NAMES | NP_STOP)))})(?![\w'-]))[a-z][a-z-]+"
)
_COMMON = re.compile(
    rf"\s*(?P<whose>[Tt]he|[Oo]ur|[Mm]y)\s+(?P<name>(?:[A-Z][a-z]+\s+)?{_COMMON_WORD}(?:\s+{_COMMON_WORD}){{0,2}})(?=\W|$)"
)
_SUBJECT = re.compile(
    r"(?:The|Our(?!\s+(?:whole\s+|entire\s+)?(?:team|company|shop|office|firm|agency|department|lab|newsroom|parish|school|club|practice"
    r"|surgery|studio|startup|business|group|clinic)\b))\s+(?P<name>[a-z][a-z-]+(?:\s+[a-z][a-z-]+){0,2}?)(?=\s+(?:(?:now|still|also|no\s+longer|currently)\s+)?"
    r"(?:uses|depends|relies|runs\s+on|is\s+(?:now\s+)?(?:built|hosted|managed|maintained|led|run|owned|dependent)"
    r"|has\s+(?:switched|moved|migrated)|switched|migrated)\b)"
)
"""What has no name but this, before what is said of firms and projects: "our team" is "we"."""


def common_name(text: str, at: int, *, own: bool = False) -> re.Match[str] | None:
    """ "The billing export", "the newsletter": what has no name but this, by ``name``. ``own``:
    "my audit report", too."""
    match = _COMMON.match(text, at)
    if match is None or (match["whose"].lower() == "my" and not own):
        return None
    if text.startswith(" of ", match.end()):
        return None  # "the head of …" says more than "the head"
    return match if _NOTHING_OF_ITS_OWN.isdisjoint(match["name"].split()) else None


def common_subject(text: str) -> re.Match[str] | None:
    """What a sentence opens with, by ``name``: "The checkout service depends on Redis"."""
    match = _SUBJECT.match(text)
    named = match is not None and _NOTHING_OF_ITS_OWN.isdisjoint(match["name"].split())
    return match if named else None
