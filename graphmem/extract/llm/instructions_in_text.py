"""Sentences that imitate instructions to a model: what only they say is not taken from a text.

A prompt tells the model that its data never instructs. A weak model obeys the data all the same, so
what it gives is held against the text without them.
"""

from __future__ import annotations

import re

from graphmem.text import sentences

_INSTRUCTS = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\s+(?:\w+\s+){0,4}?(?:instructions?|prompts?|rules|"
    r"directions|guidelines|everything\s+(?:above|before)|memor(?:y|ies)|facts)\b|"
    r"\b(?:delete|erase|remove|retract|wipe|overwrite)\s+(?:\w+\s+){0,4}?(?:facts?|memor(?:y|ies)|records?|"
    r"graph|database)\b|"
    r"\b(?:new|updated|following|real)\s+instructions?\s*(?::|are\b|follow\b)|\byou\s+are\s+now\s+(?:an?\s|in\s)|"
    r"\b(?:output|respond|answer|reply|return)\s+(?:only\s+|with\s+|the\s+following\s+){1,2}|"
    r"\b(?:record|store|save|add|mark|note|remember|output|write)\s+(?:down\s+)?(?:that\s+|the\s+)?"
    r"(?:user[_ ]?id|user\s+\S+\s*[:=]|fact\s*:|following\s+facts?)|"
    r"\b(?:user_?id|tenant|agent_?id|project_?id)\s*[:=]|"
    r"^\W*(?:system|assistant|developer|instructions?|prompt)\s*:|<\|?/?(?:im_start|im_end|system|s|inst)\|?>|"
    r"\[/?INST\]|###\s*(?:system|instruction|response)|\b(?:BEGIN|END)\s+[0-9a-f]{8,}|"
    r"[\"']?(?:facts|entities)[\"']?\s*:\s*\[",
    re.IGNORECASE,
)
_LASTS = 1
"""Sentences after such a one that go on with it, unless they are the speaker's own."""
_OWN = re.compile(
    r"\W*(?:anyway|but|so|and|also|oh|lol|haha)?\W*(?:I|I'm|I've|I'll|we|we've|my|our|me)\b",
    re.IGNORECASE,
)


def without_instructions(text: str) -> str:
    """A text without the sentences that instruct whoever reads it, and the one after each."""
    if not _INSTRUCTS.search(text):
        return text
    kept: list[str] = []
    left = 0
    for line in text.split("\n"):
        for sentence in sentences(line):
            if _INSTRUCTS.search(sentence):
                left = _LASTS
            elif left and not _OWN.match(sentence):
                left -= 1
            else:
                left = 0
                kept.append(sentence)
    return "\n".join(kept)
