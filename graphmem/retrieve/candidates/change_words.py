"""Words by which people take back what they said a moment ago."""

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
_LONGEST = 2_000  # characters of a text that are looked at


def corrects(text: str) -> bool:
    """Whether somebody takes back what they said a moment ago: "sorry, I meant …"."""
    return _CORRECTS.search(text, 0, _LONGEST) is not None
