"""Words by which people take back what they said a moment ago, or tell that something changed."""

from __future__ import annotations

import re

_CORRECTS = re.compile(
    r"\b(?:i meant|meant to (?:say|write)|correction|correct myself|mixed (?:it|them|that|those|"
    r"these|two|the|up)|my (?:mistake|bad)|i was wrong|got (?:it|that|this|them) wrong|misspoke|"
    r"mistyped|misremember\w*|misread|misheard|oops|(?:scratch|strike) that|or rather|typo)\b"
    r"|\b(?:sorry|wait|no|actually),? (?:no|i|it|that|not|wait|sorry|actually|make that)\b"
    r"|\bi (?:said|wrote) [^.?!]{1,30}\b(?:but|it's|wrong)\b",
    re.IGNORECASE,
)
_CHANGES = re.compile(
    r"\b(?:instead|no longer|any ?more|any longer|no more|nowadays|these days|from now on|"
    r"from today|as of|until further notice|after all|(?:gave|give|giving|given) (?:\w+ )?"
    r"(?:up|back|away)|quit|sold|swap(?:s|ped)?|replac(?:es?|ed|ing)|switch(?:ed|ing|es)?|"
    r"chang(?:ed|es)|shift(?:ed|s)?|postponed|rescheduled|cancel(?:s|l?ed)|called off|"
    r"scrap(?:s|ped)|drop(?:s|ped)|won't|resigned|retired|hand(?:s|ed) (?:in|back|over)|"
    r"t(?:ook|akes?|aken|aking) over|broke up|split up|moved|rais(?:es|ed)|extended|updated|"
    r"promoted|bec(?:ame|omes?)|"
    r"turned out|by now|finally|now|new|gone|over|left|died|increased|reduced|up to|down to|closed|"
    r"shut)\b",
    re.IGNORECASE,
)
_LONGEST = 2_000  # characters of a text that are looked at


def corrects(text: str) -> bool:
    """Whether somebody takes back what they said a moment ago: "sorry, I meant …"."""
    return _CORRECTS.search(text, 0, _LONGEST) is not None


def names_a_change(text: str) -> bool:
    """Whether a text says that something is not as it was: "no longer", "instead", "now"."""
    return _CHANGES.search(text, 0, _LONGEST) is not None
