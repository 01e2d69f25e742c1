"""What somebody's number, address, size or age is: "my phone number is 555-1234", "Ben is 34 years
old".

Only attributes of a closed list, and only values of the form that they have, are read: "my rent is
too high" and "my password is weak" say nothing that could be given back. Read from the text as it
was written: sentences for the other rules have no addresses left in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from graphmem.extract.rules.data import joined_text, read_rows, read_rule_data
from graphmem.extract.rules.fragments import corrected
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.tokenizer import straight
from graphmem.extract.rules.word_lists import NEGATIONS, NOT_NAMES, SENTENCE_BLOCKERS, WEEKDAYS
from graphmem.ports.llm import CandidateFact
from graphmem.text import words


@dataclass(frozen=True, slots=True)
class _AttributeRow:
    """A row of ``data/attributes.toml``."""

    called: str
    value: str
    type: str = ""


_FORMS = {name: joined_text(form) for name, form in read_rule_data("attributes")["forms"].items()}
_ROWS = tuple(read_rows("attributes", "attribute", _AttributeRow))
_WHOSE = (
    r"(?P<whose>\b[Mm]y|\b[Oo]ur|\b[Tt]he(?=\s+(?:new\s|(?i:gate|door|alarm|entry|wi-?fi)\s))|\b[Hh]is|\b[Hh]er|"
    r"(?<!\w)(?:[^\W\d_a-z][\w-]*\s){0,2}[^\W\d_a-z][\w-]*'s)"
)
_PLACE = r"work|home|personal|private|business|office|school|university|second"
_VALUE = r"(?P<value>[^\s;,](?:[^\n;,]|,(?=\d)){0,119}?)"
_END = (
    r"(?=\s*(?:$|[.!](?:\s|$)|[;,](?:\s|$)|\s(?:and|but|so|because|since|which|if|when|until|now|"
    r"these\s+days|at\s+the\s+moment)\b|\s&\s))"
)
_STATED = re.compile(
    rf"(?:{_WHOSE}\s+|(?<![\w-])(?=(?i:gate|door|alarm|entry|wi-?fi)\s(?i:code|password)\s)"
    rf"|^\s?(?=[Nn]ew\s(?:address|number|mobile|phone|e-?mail)\b))(?:(?i:new|current|own|actual)\s+)?(?:(?P<place>(?i:{_PLACE}))\s+)?"
    rf"(?P<what>(?i:{'|'.join(row.called for row in _ROWS)}))"
    rf"(?:(?:'s|\s+has(?:\s+been)?|\s+was)?\s+changed(?:\s+(?:btw|too|now|again))?[,.:;]?\s*(?:it(?:'?s|\s+is)|to|now|use|(?:the\s+)?new\s+(?:one|number)(?:'s|\s+is)?:?)?|\s+changed\s+to|\s+is|'s|:)(?:\s+(?:now|currently|still|actually|also))*:?\s+{_VALUE}{_END}"
)
_ADDRESS = re.compile(r"[^\n;]{4,100}?(?=\s*(?:$|[.!](?:\s|$)|\s(?:and|but|so|since|now)\s))")
_CUES = re.compile(
    r"phone|mobile|cell|number|mail|website|page|blog|address|code|zip|size|blood|age\b|height|weight|rent\b|"
    r"salary|budget|plate|anniversary|\breg|password|user\s?name|handle|pin\b|zone",
    re.IGNORECASE,
)
ATTRIBUTE_CUES = re.compile(rf"{_CUES.pattern}|\d", re.IGNORECASE)
"""Without one of these a text says nothing of attributes."""
_WHO = r"(?<![\w'])(?P<whose>I|(?:[^\W\d_a-z][\w-]*\s){0,2}[^\W\d_a-z][\w-]*)"
_BE = r"(?:\s+am|'m|\s+is|'s)(?:\s+(?:now|already|about|around))?"
_YEARS = r"(?P<value>\d{1,3})"
_KILOS = rf"(?P<value>{_FORMS['mass']})"
_TALL = rf"(?P<value>{_FORMS['length']})"
_MONEY = (
    rf"(?=[£€$]|\d[\d.,]*\s?(?:k\b|euros|pounds|dollars))(?P<value>{_FORMS['amount']})(?:\s+pcm)?"
)
_STREET = r"\d+[a-z]?,?\s[^\W\d_a-z][^;.!?\n]{3,80}?(?=\s*(?:$|[.!;]|\s(?:and|but|so|now|with)\b))"
_LATELY = (
    r"(?:today|yesterday|(?:last|this)\s+(?:week|month|weekend|[A-Z][a-z]+day)|on\s+[A-Z][a-z]+day)"
)
_MEASURED = tuple(
    (type, re.compile(pattern))
    for type, pattern in (
        ("age", rf"{_WHO}{_BE}\s+{_YEARS}\s+years?\s+old\b"),
        ("age", rf"(?<![\w'])(?P<whose>I){_BE}\s+{_YEARS}{_END}"),
        ("age", rf"{_WHO}\s+just\s+turned\s+{_YEARS}{_END}"),
        ("age", rf"{_WHO}\s+(?:just\s+)?turned\s+{_YEARS}\s+{_LATELY}\b"),
        ("age", rf"{_WHO},\s+(?P<value>[1-9]\d)(?=,\s|\s*[.)]?\s*$)"),
        (
            "weight",
            rf"{_WHO}(?:\s+(?:now|currently))?\s+weighs?(?:\s+(?:about|around))?\s+{_KILOS}\b",
        ),
        ("height", rf"{_WHO}{_BE}\s+{_TALL}\s+tall\b"),
        ("address", rf"(?<![\w'])(?P<whose>I|We|we)(?:\s+now)?\s+live\s+at\s+(?P<value>{_STREET})"),
        ("salary", rf"{_WHO}(?:\s+now)?\s+(?:earns?|makes?)\s+{_MONEY}"),
        (
            "rent",
            rf"{_WHO}(?:'m|\s+is|\s+now)?\s+pay(?:s|ing)?\s+{_MONEY}(?:\s+(?:in|of|for))?\s+rent\b",
        ),
    )
)
_THEN = re.compile(r"\b(?:1[89]|20)\d\d\b")
_HEDGED = frozenset(
    {"when", "before", "after", "until", "till", "while", "that", "time", "once", "as", "dream"}
)
"""Before what is said: it may be of another time, or not be so at all."""
_NEW_NUMBER = re.compile(
    r"(?P<whose>(?:\b[Mm]y\s|\b[Hh]is\s|\b[Hh]er\s|'s\s|(?:^|[.!;,\n]\s?|[\U0001f300-\U0001faff\ufe0f]\s?)(?=[Nn]ew\s|[Nn]umber)))"
    r"(?:(?:new\s(?:phone\s|mobile\s|shop\s|work\s|office\s)?number|New\snumber)"
    r"(?:\sfor\sme|\severyone|\severybody|\sall|\sguys|\sfolks)?"
    r"(?:,\s[a-z ]{3,15})?(?:'s|\sis|\sis\snow|[.!])?"
    r"|(?:phone\s)?[Nn]umber(?:\shas|'s)?\schanged(?:\sto)?)[:,]?(?:\sit's|\sits)?\s(?=[+\d(])"
)
"""The "Ben's new number 0770 …" and "new number is 0770 …" of who tells it."""
_CHANGED_NUMBER = re.compile(
    r"\b[Cc]hanged\s(?=my\s(?:phone\s|mobile\s)?number)(?P<number>[a-z ]+?number)"
    r"[:,.!]?\s(?:it's|its|it\sis|to|new\sone\sis|now)\s(?:now\s)?(?=[+\d(])"
)
_CHANGED_CODE = re.compile(
    r"\b[Cc]hanged\s(?:the|my|our)\s(?P<what>(?:wi-?fi|gate|door|alarm|entry)\s(?:password|code))\b"
    r"[^.!?\n\d]{0,50}?[.,!:;]\s(?:[Ii]t's|[Ii]ts|[Ii]t\sis|[Nn]ow|[Nn]ew\sone\sis)\s(?:now\s)?"
    r"(?=\S+(?:\snow)?\s*(?:$|[.,;!\n]))"
)
"""The "changed the wifi password. it's now …" of who tells it."""
_HAVING_NEW = re.compile(
    r"\b(?:I|[Ww]e)(?:'ve|\s+have)?(?:\s+(?:just|now|also|finally))?(?:\s+got|\s+have)?\s+an?\s+new\s"
    r"(?P<what>(?:(?:phone|mobile|cell)\s)?number|e-?mail(?:\s+address)?)(?:\s+now)?"
    r"(?:\s*[:,–—-]|[.!])?\s+(?:(?:it's|it\sis|its|which\sis)\s+)?(?=[+\d(]|[\w.+-]+@)"
)
"""The "I have a new phone number: 0770 …" of who tells it."""
_PHONE = rf"(?P<number>{_FORMS['phone']})(?![\d.,]\d)"
_MINE = _PHONE.replace("number", "mine")
_NUMBER_BY_THE_WAY = re.compile(
    r"(?P<whose>\b[Mm]y|\b[Hh]is|\b[Hh]er|[^\W\d_][\w-]*'s)\s(?:new\s)?(?P<what>(?:(?:phone|mobile|cell)\s)?number)"
    r"(?:[:,]|\s(?:is|now))?(?:\s(?:if|in\scase|should|for\s(?:when|anyone|anybody))\b[^.!?\d\n]{3,60}?[,:])?"
    rf"(?:\sit's|\sits|\sis)?\s{_PHONE}"
)
"""In "my number if anyone needs a lift, 0491 570 006", "Rory's number, 07700 900813, in case"."""
_REACHED_ON = re.compile(
    rf"\b(?:[Ii]'?m|[Ii]\sam)\s(?:now\s)?on\s{_MINE}(?=\s*(?:now\b|$|[.,;!)]))"
    r"|(?:(?:\b[Nn]ew\sphone,?\s(?:and\s)?new\snumber[:,]?|\b[Ss]ave\smy\s(?:new\s)?(?:line|number)[:,]?)"
    r"|(?:^|(?<=[.,;:!(]\s)|(?<=can\s)|(?<=please\s)|(?<=just\s)|(?<=or\s)|(?<=and\s))"
    r"(?:[Gg]et|[Rr]each|[Rr]ing|[Cc]all|[Tt]ext)\sme\s(?:now\s)?on"
    r"|\b(?:[Mm]y|[Oo]ur)\s(?:business\s|work\s)?[Ww]hats[Aa]pp(?:\s(?:number\s)?is|:)"
    rf"(?:\snow)?(?:\son)?)\s{_PHONE}"
    r"(?!\d|,?\s(?:until|till|this|today|tonight|tomorrow|while|for\s(?:now|the|a|my)"
    r"|at|during|between|when|every|in)\b)",
    re.MULTILINE,
)
"""In "I'm on 705-555-0137 now", "ring me on 07700 900813", the number of who tells it."""
_TITLED = re.compile(r"^(?:Mr|Mrs|Ms|Miss|Dr|Prof)\s+")
_NO_OWNERS = NOT_NAMES | frozenset(WEEKDAYS) | {"today", "tomorrow", "yesterday", "tonight"}
_SENTENCE = re.compile(r"[^\n]+?(?:[.!?]+(?=\s|$)|$)", re.MULTILINE)
_NOBODYS = re.compile(r"^[ \t]*>[^\n]*|```[\s\S]*?(?:```|\Z)", re.MULTILINE)
"""Quotations and code."""
_WEIGHT = 0.7


def attributes(text: str, context: TurnContext) -> Iterator[CandidateFact]:
    """What a turn says of attributes, sentence by sentence."""
    text = _NOBODYS.sub("", text)
    text = _CHANGED_NUMBER.sub(r"changed, \g<number> is ", corrected(straight(text)))
    text = _CHANGED_CODE.sub(r"the \g<what> is ", text)
    text = _HAVING_NEW.sub(r"my \g<what> is ", text)
    text = _NEW_NUMBER.sub(_of_whom, text)
    text = _NUMBER_BY_THE_WAY.sub(_as_number, _REACHED_ON.sub(_as_own, text))
    cued = _CUES.search(text) is not None
    for match in _SENTENCE.finditer(text):
        sentence = match.group()
        sentence_words = frozenset(words(sentence))
        if sentence.endswith("?") or sentence_words & SENTENCE_BLOCKERS:
            continue
        if negated := sentence_words & NEGATIONS:
            before = re.split(r"[,;]", sentence)[0]
            if negated & frozenset(words(before)):
                continue
            sentence = before
        if cued:
            yield from _stated(sentence, context)
        yield from _measured(sentence, context)


_BY_ITSELF = tuple(
    (
        type,
        re.compile(
            rf"(?i:(?:(?:new\s+)?(?:{before})(?:\s+number)?)[:.]?\s*)?"
            rf"(?P<value>{_FORMS.get(form, form)})"
        ),
    )
    for type, before, form in (
        ("email", r"e-?mail", next(row.value for row in _ROWS if row.type == "email")),
        ("phone_number", r"tel|phone|mobile|mob|cell|ph", "phone"),
    )
)
_DIGITS = 6


def value_forms(text: str) -> tuple[str, str] | None:
    """The attribute and the value of what is nothing but an address or a number, if it is."""
    for type, pattern in _BY_ITSELF:
        match = pattern.fullmatch(text.strip(" *_."))
        if match and (type == "email" or sum(char.isdigit() for char in text) > _DIGITS):
            return type, match["value"]
    return None


def attribute_line(owner: str, key: str, value: str) -> CandidateFact | None:
    """ "wifi password = marigold77" in a note of somebody's; None when it is no known attribute."""
    called = " ".join(key.lower().split())
    value = re.sub(r"\s*\([^()]*\)", "", value)
    row = next((row for row in _ROWS if re.fullmatch(row.called, called)), None)
    if row is None or not re.fullmatch(_FORMS.get(row.value, row.value), value.strip()):
        return None
    return _attribute(owner, called, row.type or called, value.strip())


def _as_number(match: re.Match[str]) -> str:
    number = match["number"].strip()
    if sum(map(str.isdigit, number)) <= _DIGITS:
        return match.group()
    end = "" if match.string[match.end() : match.end() + 1] in {".", ",", ";", "!", "?"} else "."
    return f"{match['whose']} {match['what']} is {number}{end}"


def _as_own(match: re.Match[str]) -> str:
    number = (match["number"] or match["mine"]).strip()
    near = max(0, match.start() - _LENT_WITHIN)
    if sum(map(str.isdigit, number)) <= _DIGITS or _LENT.search(match.string, near, match.start()):
        return match.group()
    return f"My phone number is {number}."


_LENT_WITHIN = 80
_LENT = re.compile(r"\b(?:borrowed|hotel|temporary|temp|office|colleague's|friend's)\b[^.!?\n]*$")


def _of_whom(match: re.Match[str]) -> str:
    whose = match["whose"]
    number = "phone number" if "phone" in match.group() else "number"
    return f"{whose}{'' if whose[-2:].strip()[-1:].isalpha() else ' my '}{number} is "


def _stated(sentence: str, context: TurnContext) -> Iterator[CandidateFact]:
    for match in _STATED.finditer(sentence):
        owner = _whose(match["whose"] or "the", context)
        if _hedged(sentence[: match.start()]):
            continue
        called, value = " ".join(match["what"].lower().split()), match["value"].strip()
        row = next(row for row in _ROWS if re.fullmatch(row.called, called))
        if row.type == "address" and (whole := _ADDRESS.match(sentence, match.start("value"))):
            value = whole.group()
        if owner is None or not re.fullmatch(_FORMS.get(row.value, row.value), value):
            continue
        place = f"{match['place'].lower()} " if match["place"] else ""
        yield _attribute(owner, place + called, place + (row.type or called), value)


def _measured(sentence: str, context: TurnContext) -> Iterator[CandidateFact]:
    for type, pattern in _MEASURED:
        for match in pattern.finditer(sentence):
            owner = _whose(match["whose"], context)
            if owner and "," in match.group() and not context.people.names.is_person(owner):
                continue  # "Bo Lund, 71,"
            dated = _THEN.search(sentence, match.end()) is not None
            if owner is not None and not dated and not _hedged(sentence[: match.start()]):
                yield _attribute(owner, type, type, match["value"])


def _hedged(before: str) -> bool:
    """Whether the words before make it somebody else's statement, or one of another time."""
    return '"' in before or ":" in before or not _HEDGED.isdisjoint(words(before))


def _attribute(owner: str, what: str, name: str, value: str) -> CandidateFact:
    return CandidateFact(
        f"{owner}'s {what} is {value}",
        subject=owner,
        type=re.sub(r"\W+", "_", name),
        value=value,
        entities=(owner,),
        importance=_WEIGHT,
    )


def _whose(owner_words: str, context: TurnContext) -> str | None:
    if owner_words.lower() in {"i", "we", "my", "our", "the"}:
        return context.speaker
    names = context.people.names
    if owner_words.lower() in {"his", "her"}:
        who, word = context.referent, {"his": "he", "her": "she"}[owner_words.lower()]
        return who if who and context.people.gender.get(who, word) == word else None
    name = _TITLED.sub("", owner_words.removesuffix("'s"))
    possessive = owner_words.endswith("'s") and not _NO_OWNERS & set(name.lower().split())
    if not names.is_sure(name) and not (possessive and names.may_be_person(name)):
        return None
    return names.canonical_of(name)
