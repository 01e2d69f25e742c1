"""Whom a sentence is about that does not say so: "barista at Slow Pour" after "I'm Kit", "works for
Subsea 7" of whoever was just spoken of, "Gareth, bass. live in Bangor"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from graphmem.clock import MONTHS
from graphmem.extract.rules.names import FIRST_NAMES
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.tokenizer import Sentence, after
from graphmem.extract.rules.word_lists import (
    KIN,
    NEGATIONS,
    SENTENCE_BLOCKERS,
    WEEKDAYS,
    is_occupation,
    word_set,
)

_BEFORE_OWN = re.compile(r"(?:(?:[Ii]t'?s|[Tt]his is|[Ii]'m|[Ii] am)(?: me,?)? )?(?=[^\W\d_a-z])")
_AFTER_OWN = re.compile(
    r"(?:\s+here\b)?(?:\s*[,:;–—-]+\s*|\s*\((?=[a-z])|\s+(?=(?:on|from)\s)|\s*$)"
)
_OF_ONESELF = re.compile(
    r"(?:an?|the|from|originally|based|living|still|on [a-z]+$|[^\W\d_a-z][\w-]*'s [a-z-]+)(?:\s|$)"
)
_KIN_OF = re.compile(
    r"(?:the )?(?P<kin>[a-z-]+) (?:of|to) (?:the \w+ \(|the \w+,? )?(?=[^\W\d_a-z])"
)
_OWNER = re.compile(r"(?P<one>[^\W\d_a-z][\w-]*)(?: (?:and|&) (?P<other>[^\W\d_a-z][\w-]*))?")
_ROLE = re.compile(
    r"(?P<article>(?:an?|the)\s)?(?P<role>(?:[A-Za-z][a-z'-]+\s){0,3}?(?P<head>[A-Za-z][A-Za-z-]+))"
    r"(?P<rest>,?\s+(?:at|for|in|with)\s+(?:the\s+)?(?P<where>[^\W\d_]\w+)|\s*(?:$|[,;.(]"
    r"|\s[-–—]\s))"
)
_ENDS_THERE = re.compile(
    r"(?:['-]?\w*\s+(?:[^\W\d_a-z]\w*|of|the|and|&|in|at|on|as|since|for|now|by|full|part|these|until"
    r"|mostly|but|so|\w+ing)\b)*[\w'-]*\s*(?:$|[^\w\s]|\d|(?:too|days?|year)\b)"
)
_TIMES = frozenset(
    {*WEEKDAYS, *MONTHS, "mon", "tue", "wed", "thu", "fri", "sat", "sun", "morning", "afternoon"}
    | {"evening", "a", "an", "my", "half", "here", "there", "today", "tomorrow", "now", "me", "us"}
)
_THIRD = word_set("third_person_openings")
_PLACED = re.compile(
    r"(?:[Ss]till (?:in|at|with)|[Bb]ased in|[Oo]riginally from"
    r"|[Ff]rom(?= (?P<home>[A-Z][\w-]+(?: [A-Z][\w-]+)?)(?: originally)?\s*(?:$|[,;.(]))) "
)
_GOES_ON = re.compile(
    r",\s+(?:and\s+)?(?=(?:(?P<bare>(?:work|live|study|teach|play|sing|train|volunteer)\s+(?:at"
    r"|in|for|with))|"
    r"(?:now|currently|still|also)\s+(?:living|working|based|studying|sharing|teaching|training|"
    r"doing|at|in|with)|(?:living|based|working|studying)\s(?:in|at|for)(?=\s[^,.;]{2,30}"
    r"\s(?:these\sdays|now|at\sthe\smoment|for\snow)\b))\s)"
)
_LATER_THIRD = re.compile(
    r"[A-Za-z]+(?: [a-z]+)?, (?:and |now )?(?:lives|works|teaches|runs|studies)\s"
)
_THERE = re.compile(
    r"\b(?P<verb>lives?|living|moved|works?|working|teach(?:es|ing)?|stud(?:y|ies|ying)|started"
    r"|volunteers?) there\b"
)
_SOMEWHERE = re.compile(
    r"\b(?P<by>in|to|for|at|from|left"
    r"|joined) (?:the )?(?P<name>[^\W\d_a-z][\w'&-]*(?: [^\W\d_a-z][\w'&-]*){0,3})"
)
_HAS_A_VERB = word_set("after_gerund_subject")
_SENT = re.compile(
    r"\b(?:offers?|e-?mails?|mails?|letters?|calls?|messages?|texts?|news|money|gifts?|presents?"
    r"|invoices?|parcels?|quotes?|repl(?:y|ies)|loans?|invitations?|heard|back) $"
)
"""What comes from somebody, who is no place for it: "an offer from Airbus"."""
_GOES_ON_OF = re.compile(
    r"(?:(?P<is>[Aa]llergic to|[Ff]luent in|[Oo]riginally from)"
    r"|[Cc]an't stand|[Cc]annot stand|[Nn]o longer) "
)
"""What goes on about whom "Takes warfarin" was said of."""
_IN = ("liv", "mov")
_LAST_DAY = re.compile(r"(?:[Ll]ast|[Ff]inal) (?:day|shift|week)\b|[Ll]eaves? (?:us )?(?:on )?\d")
_GONE = re.compile(
    r"(?:and |but |so )?(?:[Ss]he|[Hh]e)(?='?s? (?:died|passed|was put)\b| has (?:died"
    r"|passed)\b)"
)
_FINISH = re.compile(r"[Ff]inish(?:es|ing)? (?:up )?(?:on|at) (?=the\s|\d|[A-Z])")
_WENT = re.compile(r"[Ww]ent (?:off |over |back )?to (?=work\s)")


_WITHOUT_VERB = re.compile(
    r" (?:(?P<has>gone (?:to|back)|been (?:at|with|in))"
    r"|(?:(?:now|still|also|currently|back) )?(?:(?:working|living|studying|training|teaching"
    r"|driving|based|engaged|married(?= to\b)|allergic|intolerant|pregnant|vegan|vegetarian|coeliac"
    r"|diabetic|leaving|moving|retiring|joining|starting|dating|taking) ?(?:\W|[a-z@])"
    r"|(?:at|in|with) (?=[^\W\d_a-z])))"
)
"""In "Ana allergic to nuts", "Ben now at Acme", what stands without its verb."""


def with_copula(sentence: Sentence, context: TurnContext) -> Sentence:
    """ "Ana is allergic to nuts" for "Ana allergic to nuts"."""
    spans = sentence.name_spans
    if not spans or spans[0].start or spans[0].owns or sentence.question:
        return sentence
    span, names = spans[0], context.people.names
    match = _WITHOUT_VERB.match(sentence.text, span.end)
    if match is None or match.group() in {" at ", " in ", " with "}:
        return sentence
    known = names.is_person(span.name) or span.name.lower().split()[0] in FIRST_NAMES
    if not (known and names.may_be_person(span.name)) or sentence.lows & _HAS_A_VERB:
        return sentence
    verb = "has" if match["has"] else "is"
    text = f"{sentence.text[: span.end]} {verb}{sentence.text[span.end :]}"
    return replace(sentence, text=text, quotes=())


def with_subject(  # noqa: PLR0911 - one return for each kind of sentence
    sentence: Sentence, context: TurnContext
) -> Sentence:
    """A sentence with whom it is about, where that can be told; else as it is."""
    if context.speaker is None or context.topic is not None:
        return sentence
    sentence = _of_oneself(_there(sentence, context), context)
    if sentence.question or len(sentence.tokens) < 2:
        return sentence
    if context.animal is not None and (gone := _GONE.match(sentence.text)):
        rest = re.sub(r"\bpassed(?! away| on)\b", "passed away", sentence.text[gone.end() :])
        return replace(sentence, text=context.animal + rest, quotes=())
    first, who = sentence.tokens[0].low, context.about
    other = who if who != context.speaker else None
    unsaid, context.unsaid = context.unsaid, None
    alone = context.referent is not None and context.by_kin != context.referent
    if first in _THIRD and sentence.tokens[1].gap == " " and alone:
        context.unsaid = context.referent
        return after(f"{context.referent} ", sentence)
    if (
        unsaid is not None
        and unsaid == context.referent
        and (goes := _GOES_ON_OF.match(sentence.text))
    ):
        context.unsaid = unsaid
        return after(f"{unsaid} {'is ' if goes['is'] else ''}", sentence)
    if context.referent is not None and _LATER_THIRD.match(sentence.text):
        return after(f"{context.referent} is ", sentence)
    if context.leaver is not None and _WENT.match(sentence.text):
        return after(f"{context.leaver} ", sentence)
    if context.leaver is not None and (over := _FINISH.match(sentence.text)):
        whose = "My" if context.leaver == context.speaker else f"{context.leaver}'s"
        return replace(
            sentence, text=f"{whose} last day is {sentence.text[over.end() :]}", quotes=()
        )
    if context.leaver is not None and (last := _LAST_DAY.match(sentence.text)):
        own = "'s" if last.group()[-1] in "ytk" else ""
        return after(f"{context.leaver}{own} ", sentence)
    opens = _opening_role(sentence, context.introduced) or _placed(sentence, context)
    if opens and other is not None:
        sentence = after(f"{other} is {_article(sentence)}", sentence)
    elif opens and context.introduced:
        sentence = after(f"I'm {_article(sentence)}", sentence)
    return _whole(sentence, context, other)


def _placed(sentence: Sentence, context: TurnContext) -> bool:
    """Whether it begins with where somebody is or is from; flowers are "from Interflora"."""
    match = _PLACED.match(sentence.text)
    if match is None or match["home"] is None or context.introduced:
        return match is not None
    return context.people.names.kind(match["home"]) == "place"


def _there(sentence: Sentence, context: TurnContext) -> Sentence:
    """ "Lives there now", with the place that was named last."""
    match = _THERE.search(sentence.text)
    before = [*_places(sentence.text[: match.start() if match else 0], context)]
    where = before[-1] if before else context.there
    if match and where is not None and sentence.lows.isdisjoint(NEGATIONS):
        verb = match["verb"]
        word = "to" if verb == "moved" else "in" if verb.startswith(_IN) else "at"
        text = f"{sentence.text[: match.end('verb')]} {word} {where}{sentence.text[match.end() :]}"
        sentence = replace(sentence, text=text, quotes=())
    for near in _places(sentence.text, context):
        context.there = near
    return sentence


def _places(text: str, context: TurnContext) -> Iterator[str]:
    """What is named behind "in", "at", "to", but people and times."""
    names = context.people.names
    for match in _SOMEWHERE.finditer(text):
        name = match["name"].removesuffix("'s")
        first = name.lower().split()[0]
        if match["by"] == "from" and _SENT.search(text, 0, match.start()):
            continue
        if names.kind(name) not in {"person", "animal"} and first not in _TIMES | FIRST_NAMES:
            yield name


def _whole(sentence: Sentence, context: TurnContext, other: str | None) -> Sentence:
    """ "I live in Bangor, work at Acme": the later clauses with their subject, too."""
    match = _GOES_ON.search(sentence.text)
    first = sentence.tokens[0].low
    if match is None:
        return sentence
    if first in {"i", "i'm", "i've"} or (other is None and first in {"still", "live", "work"}):
        subject = "I " if match["bare"] else "I'm "
    elif (other is not None and first == "still") or sentence.text.startswith(f"{other} "):
        subject = f"{other} " if match["bare"] else f"{other} is "
    else:
        return sentence
    text = f"{sentence.text[: match.end()]}{subject}{sentence.text[match.end() :]}"
    return _whole(replace(sentence, text=text, quotes=()), context, other)


def _article(sentence: Sentence) -> str:
    match = _ROLE.match(sentence.text)
    if match is None or match["article"] or not is_occupation(match["head"].lower()):
        return ""
    return "an " if match["role"][0].lower() in "aeiou" else "a "


def _opening_role(sentence: Sentence, introduced: bool) -> bool:
    """Whether a sentence begins with what somebody does, and where: "GP in Perth"; that alone only
    where they have just said who they are."""
    match = _ROLE.match(sentence.text)
    if match is None or not is_occupation(match["head"].lower()) or match["head"].lower() in KIN:
        return False
    where = match["where"]
    if where is None:
        return introduced
    if not _ENDS_THERE.match(sentence.text, match.end()):
        return False  # "Nurse at Hill Surgery was lovely" tells of her
    named = where[0].isupper() or " the " in match["rest"]
    return named and where.lower() not in _TIMES


def _of_oneself(  # noqa: PLR0911 - one return for each reason
    sentence: Sentence, context: TurnContext
) -> Sentence:
    """What follows the speaker's own name: "Ines, from Porto", "I'm Carys, mum of Nia"."""
    before = _BEFORE_OWN.match(sentence.text)
    if before is None or not sentence.lows.isdisjoint(SENTENCE_BLOCKERS):
        return sentence
    names = context.people.names
    own = next((s for s in sentence.name_spans if s.start == before.end()), None)
    if own is None or own.owns or names.canonical_of(own.name) != context.speaker:
        return sentence
    gap = _AFTER_OWN.match(sentence.text, own.end)
    if gap is None:
        return sentence
    context.introduced = True
    context.about = context.speaker
    rest = sentence.text[gap.end() :]
    if kin := _KIN_OF.match(rest):
        owner = _OWNER.match(rest, kin.end())
        if kin["kin"] not in KIN or owner is None:
            return sentence
        text = f"I'm {owner['one']}'s {kin['kin']}"
        if owner["other"] and KIN[kin["kin"]][0] == "parent_of":
            text = f"{owner['one']} and {owner['other']} are my kids"
        return replace(sentence, text=text, quotes=())
    role = _ROLE.match(rest)
    works = role is not None and is_occupation(role["head"].lower())
    says_i = rest.startswith(("I ", "I'm "))
    if not rest or not (works or _OF_ONESELF.match(rest) or rest[0].islower() or says_i):
        return sentence
    of_them = Sentence(rest, sentence.question, sentence.whole)
    if not (works or _OF_ONESELF.match(rest)):
        return of_them
    return replace(of_them, text=f"I'm {_article(of_them)}{rest}", respelt=sentence.small)
