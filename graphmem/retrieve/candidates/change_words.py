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
    r"as of|until further|gave|giv(?:e|en|ing) (?:\w+ )?(?:up|back|away)|quit|sold|swapped|"
    r"replac\w+|switch\w*|chang\w+|shift(?:ed|s)?|postponed|rescheduled|pushed|put off|"
    r"brought forward|cancel\w*|called off|scrap\w*|drop(?:s|ped)|won't|resigned|retired|"
    r"hand(?:s|ed) (?:in|back|over)|t(?:ook|akes?|aken|aking) over|broke|split|dumped|moved|"
    r"rais(?:es|ed|e)|extended|updated|promoted|bec(?:ame|omes?)|turned out|by now|finally|now|"
    r"new|gone|over|left|leav\w+|died|increased|reduced|(?:up|down) to|went (?:up|down)|closed|"
    r"shut|off|back|meanwhile|since|another|already|anyway|stands? down|elected|got|joined|"
    r"started|lost|stolen|burned|crashed|bigger|used to)\b",
    re.IGNORECASE,
)
_REFERS = re.compile(
    r"\b(?:it|that|the|he|she|they|them|there|so|same|instead|ones?|this)\b", re.IGNORECASE
)
_MOST_CHANGES, _MOST_REFERENCES = 2, 3
_BEGINNING = 400
_LONGEST = 2_000  # characters of a text that are looked at


def corrects(text: str) -> bool:
    """Whether somebody takes back what they said a moment ago: "sorry, I meant …"."""
    return _CORRECTS.search(text, 0, _LONGEST) is not None


def names_a_change(text: str) -> float:
    """From 0 to 1, how much of a text tells that something is not as it was: "no longer",
    "instead", "now"."""
    found = _CHANGES.findall(text, 0, _LONGEST)
    return min(_MOST_CHANGES, len(found)) / _MOST_CHANGES


def refers_back(text: str) -> float:
    """From 0 to 1, how much a text goes by what is known already: "it", "the", "the same"."""
    found = _REFERS.findall(text, 0, _BEGINNING)
    return min(_MOST_REFERENCES, len(found)) / _MOST_REFERENCES
