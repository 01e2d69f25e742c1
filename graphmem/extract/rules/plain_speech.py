"""What stands around a statement taken out, and what is spoken in one breath put into sentences:
"please remember that I'm vegan", "works three days a week at Acme", "an agency by the name of
Lark", "had lunch with my daughter cassie she's a diver".

Everything here goes over a text once: no pattern repeats what another repeats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graphmem.extract.rules.names import FIRST_NAMES
from graphmem.extract.rules.small_letters import before_pronoun
from graphmem.extract.rules.word_lists import (
    HEDGES,
    NEGATIONS,
    SENTENCE_BLOCKERS,
    word_line,
    word_set,
)

_ASKS_TO_NOTE, _OFTEN = word_line("to_whom_it_is_said"), word_line("how_often")
_KINDS, _WHO_IS_CALLED = word_line("kinds_of_firms"), word_line("somebody_called")
_NAME = r"[^\W\d_a-z][\w'-]*"
_TO_WHOM = re.compile(
    r"(?:^|(?<=[.!?;\n]\s)|(?<=\n)|(?<=[-*]\s))(?:(?:also|and|so|ok|okay|hey|hi|oh|please|pls|just|but),?\s)?"
    r"(?:(?:please|pls)\s)?"
    rf"(?:{_ASKS_TO_NOTE})(?:\s+(?:that\b|everyone\b|all\b)|\s*[:,–—-])?\s+"
    rf"(?=(?:I|i|I'?m|i'?m|I've|i've|[Mm]y|[Ww]e|[Ww]e're|[Ww]e've|[Oo]ur|{_NAME}(?:\s{_NAME})?(?:'s|\sis|\s[a-z]+s))\b)",
    re.IGNORECASE | re.MULTILINE,
)
"""Words that ask to note what follows, and say nothing of it."""
_HOW_OFTEN = re.compile(
    r"\b(?P<verb>(?:work|teach|volunteer|stud(?:y|i)|train|help)(?:s|es|ing|ed)?(?:\sout)?)\s"
    rf"(?:(?:{_OFTEN}),?\s){{1,2}}(?=(?:at|for|in|with|as)\s)",
    re.IGNORECASE,
)
_SO_CALLED = re.compile(
    r"\b(?:by|of|with) the name(?:s)? of (?=[^\W\d_a-z])|\bwho goes by (?=[^\W\d_a-z])"
)
_OF_A_KIND = re.compile(
    r"\b(?P<by>at|for|with|from|by|joined|left|quit|in)\s"
    rf"(?:the|(?:my|our|his|her|their)(?:\s[a-z]+'s)?|{_NAME}'s)\s(?:[a-z]+\s)?"
    rf"(?:{_KINDS}),?\s"
    rf"(?=(?:the\s)?(?P<name>{_NAME}(?:\s(?:&\s)?{_NAME}){{0,3}})"
    r"\s*(?:$|[.,;:!?)\n]|(?:as|in|and|but|since|now|for|on|from|where|who)\s))"
)
"""In "works for his dad's firm Peel", what it is is said beside what it is called."""
_CALLED_THE = re.compile(r"\b(?P<called>called|named) the (?=[^\W\d_a-z])")
_THIS_GUY = re.compile(rf"\b(?:this|some)\s(?:{_WHO_IS_CALLED}),?\s(?=[^\W\d_a-z]\w+(?!'))")
"""In "she's seeing this guy Elliot", what tells nothing."""
_AND_SAYS = re.compile(
    r"(?<=\w),? (?=(?:and|but) (?:(?:he|she|[Ii]|they|we) )?(?:says?|said|asks|asked"
    r"|claims|claimed|wondered|wishes)\b(?! (?:yes|no)\b))"
)
"""Where what is told by another begins, and what was stated is over."""
_BOTH = re.compile(
    rf"(?:^|(?<=[.!?]\s))(?P<one>(?:[-*]\s)?{_NAME}) & (?P<other>{_NAME})"
    r"(?=\s(?P<verb>[a-z]+))",
    re.MULTILINE,
)
_OF_COUPLES = frozenset({"engaged", "married", "split", "separated", "dating", "expecting"})
_NOT_BACK = re.compile(
    r",?(?: and| but)?(?: (?:he|she|it))? (?:hasn't|hasn’t|has not|never|didn't|didn’t) "
    r"(?:come|came|been|return|returned)(?: back| home| found| seen)(?: since| yet)?\b"
)
"""In "ran off and hasn't come back", that the loss has lasted."""
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
    if "called the" in text or "named the" in text:
        text = _CALLED_THE.sub(r"\g<called> ", text)
    text = _BOTH.sub(_two_people, text) if " & " in text else text
    text = _AND_SAYS.sub(". ", _THIS_GUY.sub("", text))
    text = _children(text) if _CHILDREN_AGED.search(text) else text
    if " away" in text or " off" in text or " missing" in text:
        text = _NOT_BACK.sub("", text)
    text = _BORN_AS.sub("", text) if "(" in text else text
    text = _EX.sub(r"\g<ex>-", text) if "x " in text else text
    if " name" in text or "goes by" in text:
        text = _SO_CALLED.sub("called ", text)
    text = _OF_A_KIND.sub(r"\g<by> ", _HOW_OFTEN.sub(r"\g<verb> ", text))
    return "".join(_breaths(text))


_AGED = rf"{_NAME}(?:(?:,? who(?:'s| is)|,|:)? \(?\d{{1,2}}\)?(?![\d.:]))?"
_CHILDREN_AGED = re.compile(
    r"(?P<who>\b(?:kids|children|sons|daughters|girls|boys|twins|nieces|nephews|grandkids|grandchildren))"
    r"(?:,|:| called| named| \(| [-–—])? (?P<list>(?=[^.;\n]{3,60}\d)"
    rf"{_AGED}(?:(?:, and |, | and | & ){_AGED}){{1,5}})\)?"
)
_CHILD = re.compile(rf"(?P<name>{_NAME})(?:\D{{1,8}}(?P<age>\d{{1,2}}))?")


def _two_people(match: re.Match[str]) -> str:
    """ "Ann & Bob live in Rye": no firm."""
    names = {match["one"].lstrip("-* ").lower(), match["other"].lower()}
    if match["verb"] in _OF_COUPLES or names <= FIRST_NAMES:
        return f"{match['one']} and {match['other']}"
    return match.group()


def _children(text: str) -> str:
    """ "Two kids, Rohan who's 9 and Diya, 6": their names, and then how old they are."""
    return _CHILDREN_AGED.sub(_named_and_aged, text)


def _named_and_aged(match: re.Match[str]) -> str:
    found = list(_CHILD.finditer(match["list"]))
    *names, last = (one["name"] for one in found)
    ages = (f". {one['name']}'s age is {one['age']}" for one in found if one["age"])
    return f"{match['who']}, {', '.join(names)} and {last}{''.join(ages)}"


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
