"""Sentences without a subject, as people write them: "Sold the Corsa", "Speaks Dutch"."""

from __future__ import annotations

import re

from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.tokenizer import Sentence, after
from graphmem.extract.rules.word_lists import word_set

_WITHOUT_I, _WITHOUT_I_AM = word_set("without_i"), word_set("without_i_am")
_AFTER_GERUND_SUBJECT = word_set("after_gerund_subject")
_WITHOUT_NAME, _WITHOUT_IS = word_set("without_name"), word_set("without_is")
_PARENTS = word_set("parents_by_name")
_BEFORE_A_VERB = re.compile(r"\w+(?:'s)?\s+(?!and\b|or\b|&)[a-z]")
_NOW_ING = re.compile(
    r",\s+((?:now|currently)\s+(?:living|working|based|studying)\s)", re.IGNORECASE
)


def completed(sentence: Sentence, context: TurnContext) -> Sentence:
    """A fragment with the subject that it lacks: "Sold the Corsa", "Speaks Dutch"."""
    first = sentence.tokens[0].low
    second = sentence.tokens[1].low if len(sentence.tokens) > 1 else ""
    if context.topic is not None and first in _WITHOUT_NAME:
        verb = ("was " if second == "by" else "is ") if first in _WITHOUT_IS else ""
        return after(f"{context.topic} {verb}", sentence)
    if now := _NOW_ING.search(sentence.text):
        head = sentence.tokens[0]
        who = "I'm" if head.low in {"i", "i've", "i'm", "we"} or first in _WITHOUT_I else None
        if who is not None:
            text = f"{sentence.text[: now.start(1)]}{who} {sentence.text[now.start(1) :]}"
            sentence = Sentence(text, sentence.question, sentence.whole, sentence.quotes)
    if context.speaker is None or len(sentence.tokens) < 2 or sentence.tokens[0].owns:
        return sentence
    if first in _WITHOUT_I or (first == "work" and second in {"at", "for"}):
        return after("I ", sentence)
    if first in _PARENTS and _BEFORE_A_VERB.match(sentence.text):
        return after("My ", sentence)
    if first in _WITHOUT_I_AM and not sentence.lows & _AFTER_GERUND_SUBJECT:
        return after("I'm ", sentence)
    return sentence


_CASUAL = re.compile(r"(?<![\w'’.-])(?:im|ive|hes|shes|theyre)(?![\w'’-])")
_SPELT = {"im": "I'm", "ive": "I've", "hes": "he's", "shes": "she's", "theyre": "they're"}


def spelt(text: str) -> str:
    """A text with the apostrophes that people leave out: "im from Grimsby"."""
    return _CASUAL.sub(lambda match: _SPELT[match.group()], text)
