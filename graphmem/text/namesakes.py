"""Two people of one first name in a text: "I live with Ruben. Ruben Hall from the shop is ill"."""

from __future__ import annotations

import re
from collections.abc import Iterable

from graphmem.text import name_key

_NAME = re.compile(r"[^\W\d_a-z]\w+(?:[ \t]+[^\W\d_a-z][\w'’-]+)*")
_FROM_SOMEWHERE = re.compile(r"[ \t]+(?:from|at)[ \t]+(?:the|my|our|work|school)\b")


def introduced_namesakes(texts: Iterable[str]) -> dict[str, str]:
    """Full names of which the texts, in their order, say where they are from, though they had the
    first name by itself before: by the key of each that of its first name."""
    alone: set[str] = set()
    found: dict[str, str] = {}
    for text in texts:
        for name in _NAME.finditer(text):
            first, *more = name.group().split()
            if not more:
                alone.add(first)
            elif first in alone and _FROM_SOMEWHERE.match(text, name.end()):
                found[name_key(name.group())] = name_key(first)
    return found
