"""What stands around a statement taken out, and what is spoken in one breath put into sentences:
"please remember that I'm vegan", "works three days a week at Acme", "an agency by the name of
Lark", "had lunch with my daughter cassie she's a diver".

Everything here goes over a text once: no pattern repeats what another repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graphmem.extract.rules.small_letters import before_pronoun
from graphmem.extract.rules.word_lists import (
    HEDGES,
    NEGATIONS,
    SENTENCE_BLOCKERS,
    word_line,
    word_set,
)

_NAME = r"[^\W\d_a-z][\w'-]*"
_TO_WHOM = re.compile(
    r"(?:^|(?<=[.!?;\n]\s)|(?<=\n)|(?<=[-*]\s))(?:(?:also|and|so|ok|okay|hey|hi|oh|please|pls|just|but),?\s)?"
    r"(?:(?:please|pls)\s)?"
    rf"(?:{word_line('to_whom_it_is_said')})(?:\s+(?:that\b|everyone\b|all\b)|\s*[:,–—-])?\s+"
    rf"(?=(?:I|i|I'?m|i'?m|I've|i've|[Mm]y|[Ww]e|[Ww]e're|[Ww]e've|[Oo]ur|{_NAME}(?:\s{_NAME})?(?:'s|\sis|\s[a-z]+s))\b)",
    re.IGNORECASE | re.MULTILINE,
)
"""Words that ask to note what follows, and say nothing of it."""
_HOW_OFTEN = re.compile(
    r"\b(?P<verb>(?:work|teach|volunteer|stud(?:y|i)|train|help)(?:s|es|ing|ed)?(?:\sout)?)\s"
    rf"(?:(?:{word_line('how_often')}),?\s){{1,2}}(?=(?:at|for|in|with|as)\s)"
)
_SO_CALLED = re.compile(r"\b(?:by|of|with) the name(?:s)? of (?=[^\W\d_a-z])|\bwho goes by (?=[^\W\d_a-z])")
_OF_A_KIND = re.compile(
    r"\b(?P<by>at|for|with|from|by|joined|left|quit|in)\s"
    rf"(?:the|(?:my|our|his|her|their)(?:\s[a-z]+'s)?|{_NAME}'s)\s(?:[a-z]+\s)?"
    rf"(?:{word_line('kinds_of_firms')}),?\s"
    rf"(?=(?:the\s)?(?P<name>{_NAME}(?:\s(?:&\s)?{_NAME}){{0,3}})"
    r"\s*(?:$|[.,;:!?)\n]|(?:as|in|and|but|since|now|for|on|from|where|who)\s))"
)
"""In "works for his dad's firm Peel", what it is is said beside what it is called."""
_BORN_AS = re.compile(r"\s\((?:née|nee|born)\s[^\W\d_a-z][\w'-]*\)")
_EX = re.compile(r"\b(?P<ex>[Ee]x)\s(?=(?:husband|wife|boyfriend|girlfriend|partner)\b)")
_WORDS = re.compile(r"\S+")
_PAUSE = re.compile(r"[.,;:!?()\n\"“”–—]|\s-\s")
_OPENS = re.compile(
    r"(?:he|she)(?:'s|’s)$|(?:they|we)['’](?:re|ve)$|i['’](?:m|ve)$|it['’]s$", re.IGNORECASE
)
_SAYS_WHAT = frozenset({"called", "named"}) | word_set("after_a_new_subject")
_LEADS_ON = word_set("leads_on")
_WITHHELD = SENTENCE_BLOCKERS | NEGATIONS | HEDGES | word_set("told_by_others")
_DETERMINERS = frozenset(
    {"the", "a", "an", "this", "that", "these", "those", "any", "every", "all", "what", "which"}
)
_IN_FRONT = word_set("in_front")
_BREATH = 8
"""Words without a pause from which a text is taken to be spoken."""


def plainly(text: str) -> str:
    """A text without words that are only beside what it says, and in sentences."""
    text = _TO_WHOM.sub("", text)
    text = _BORN_AS.sub("", text) if "(" in text else text
    text = _EX.sub(r"\g<ex>-", text) if "x " in text else text
    if " name" in text or "goes by" in text:
        text = _SO_CALLED.sub("called ", text)
    text = _OF_A_KIND.sub(r"\g<by> ", _HOW_OFTEN.sub(r"\g<verb> ", text))
    return "".join(_breaths(text))


def _breaths(text: str) -> Iterator[str]:
    """The text with a full stop where somebody goes on to another without one."""
    at = 0
    for pause in _PAUSE.finditer(text):
        yield _in_sentences(text[at : pause.start()])
        yield pause.group()
        at = pause.end()
    yield _in_sentences(text[at:])


def _in_sentences(text: str) -> str:
    words = list(_WORDS.finditer(text)) if len(text) > 4 * _BREATH else []
    if len(words) < _BREATH:
        return text
    made: list[str] = []
    at, since = 0, 0
    withheld = words[0].group().lower() in _IN_FRONT
    for index, match in enumerate(words):
        low = match.group().lower().replace("’", "'")
        if index - since > 1 and not withheld and _OPENS.match(low):
            before = [word.group().lower() for word in words[max(0, index - 3) : index]]
            after = words[index + 1].group().lower() if index + 1 < len(words) else ""
            relative = not _DETERMINERS.isdisjoint(before) and after not in _SAYS_WHAT
            if before[-1] not in _LEADS_ON and not relative and after:
                made.append(f"{before_pronoun(text[at : match.start()].rstrip())}. ")
                at, since = match.start(), index
        withheld = withheld or low in _WITHHELD
    return "".join([*made, text[at:]])
