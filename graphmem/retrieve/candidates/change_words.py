"""Words by which people tell that something is no longer as they said."""

from __future__ import annotations

import re

_CORRECTS = re.compile(
    r"\b(?:i meant|meant to (?:say|write)|correction|correct myself|mixed (?:it|them|that|those|"
    r"these|two|the|up)|my (?:mistake|bad)|i was wrong|misspoke|mistyped|misremember\w*|oops|"
    r"(?:scratch|strike) that|typo)\b"
    r"|\b(?:sorry|wait|no|actually),? (?:no|i|it|that|not|wait|sorry|actually|make that)\b"
    r"|\bi (?:said|wrote) [^.?!]{1,30}\b(?:but|it's|wrong)\b",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"\b(?:instead|no longer|any ?more|any longer|no more|nowadays|these days|from now on|"
    r"from today|as of|by now|until further notice|after all|finally|now|new|latest|current(?:ly)?|"
    r"(?:gave|give|giving|given) (?:\w+ )?(?:up|back|away)|gone|quit|sold|swap(?:s|ped)?|"
    r"replac(?:es?|ed|ing)|switch(?:ed|ing|es)?|chang(?:ed|es)|shift(?:ed|s)?|postponed|"
    r"rescheduled|push(?:ed)? (?:back|the|it|to)|brought forward|cancel(?:s|l?ed)|"
    r"call(?:ed|ing)? (?:it |\w+ )?off|scrap(?:s|ped)|drop(?:s|ped)|won't|resigned|retired|"
    r"hand(?:s|ed) (?:in|back|over)|t(?:ook|akes?|aken|aking) over|broke up|split up|moved|left|"
    r"rais(?:es|ed)|extend(?:s|ed)|updated|revised|adjusted|increased|reduced|promoted|"
    r"bec(?:ame|omes?)|turned out|over|died|went (?:up|down)|up to|down to|closed|shut)\b",
    re.IGNORECASE,
)
_RECENT = re.compile(
    r"\b(?:today|yesterday|last (?:week|month|night)|this (?:week|month|morning)|just|another|more|"
    r"already|meanwhile|since|started?|beg[au]n|joined|broken?|finished|decided|only|got|found|"
    r"turned|again|bought)\b",
    re.IGNORECASE,
)
_LONGEST = 2_000  # characters of a text that are looked at


def corrects(text: str) -> bool:
    """Whether somebody takes back what they said a moment ago: "sorry, I meant …"."""
    return _CORRECTS.search(text, 0, _LONGEST) is not None


def how_changed(text: str) -> float:
    """How plainly a text tells that something is otherwise than before, from 0 to 1."""
    if corrects(text):
        return 1.0
    if _CHANGES.search(text, 0, _LONGEST):
        return 0.7
    return 0.3 if _RECENT.search(text, 0, _LONGEST) else 0.0
