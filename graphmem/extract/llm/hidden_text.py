"""What of a text is hidden from extraction: what is recalled in it, and what instructs a model.

An agent's prompt often carries what its memory gave it. Extracted again, a memory would confirm
itself, under the date of the day that it was recalled. So what is recalled is hidden; the ledger
keeps every turn as it came. It is known by its marks:

- a block between ``<memories>`` and ``</memories>``, or any tag whose name has the word memory,
  memories, recalled or graphmem in it (``<user_memory>``, ``<retrieved-memories>``)
- lines as ``Memory.context`` writes them: a number in brackets and
  a date (``[3] 2024-05-17 …``), with the heading above the first of them (``## Name``)

A prompt tells the model that its data never instructs. A weak model obeys the data all the same:
what it gives is held against the text without the sentences that imitate instructions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from graphmem.model import Episode
from graphmem.text import sentences

_TAG = re.compile(r"<(/?)([a-z_-]{1,60})(?:\s[^<>\n]{0,200})?>", re.IGNORECASE)
_RECALLS = frozenset({"memory", "memories", "recalled", "graphmem"})
_LINE = re.compile(
    r"^(?:## [^\n]{1,300}\n)?[ \t]*(?:[>*-][ \t]+)?\[\d{1,4}\] \d{4}-\d{2}-\d{2} \S[^\n]*$",
    re.MULTILINE,
)
_MARK = re.compile(r"memor|recalled|graphmem|\] \d{4}-", re.IGNORECASE)
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


def hide_recalled(episode: Episode) -> Episode:
    """The episode as extraction may see it: the same turns, without what they recall."""
    if not _MARK.search(episode.content):
        return episode
    if episode.kind == "text":
        # A block may span paragraphs, which are turns of their own.
        texts = _apart(episode.content, [turn.text for turn in episode.turns])
    else:
        texts = [_without(turn.text) for turn in episode.turns]
    turns = tuple(replace(turn, text=text) for turn, text in zip(episode.turns, texts, strict=True))
    if turns == episode.turns:
        return episode
    return replace(episode, turns=turns, content=_without(episode.content))


def _spans(text: str) -> list[tuple[int, int]]:
    """Where text is recalled, in order of beginning."""
    lines = (found.span() for found in _LINE.finditer(text))
    return sorted((*_blocks(text), *lines))


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """From an opening tag to the next closing one of its name; one that is never closed is only
    talk of a tag."""
    opened: dict[str, int] = {}
    for found in _TAG.finditer(text):
        name = found[2].lower()
        if _RECALLS.isdisjoint(re.split("[_-]", name)):
            continue
        if not found[1]:
            opened.setdefault(name, found.start())
        elif name in opened:
            yield opened.pop(name), found.end()


def _without(text: str) -> str:
    spans = _spans(text)
    if not spans:
        return text
    kept: list[str] = []
    at = 0
    for start, end in spans:
        kept.append(text[at:start])
        at = max(at, end)
    kept.append(text[at:])
    return "".join(kept).strip()


def _apart(content: str, texts: list[str]) -> list[str]:
    """Paragraphs without what ``content`` recalls. Turns are pieces of the content in order, up to
    blanks and the closing quotes that cutting long paragraphs takes away."""
    spans = _spans(content)
    if not spans:
        return texts
    hidden = bytearray(len(content))
    for start, end in spans:
        hidden[start:end] = b"\1" * (end - start)
    at = 0
    found: list[str] = []
    for text in texts:
        kept: list[str] = []
        for sign in text:
            if sign.isspace():
                kept.append(sign)
                continue
            place = content.find(sign, at)
            if place < 0:
                return texts  # not this content's turns
            at = place + 1
            if not hidden[place]:
                kept.append(sign)
        found.append(text if len(kept) == len(text) else _tidy("".join(kept)))
    return found


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


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
