"""What stands in a relation's object slot: noun phrases, lists of them, and names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from graphmem.extract.rules.dates import When
from graphmem.extract.rules.names import Span
from graphmem.extract.rules.tokenizer import Sentence, Token, titles
from graphmem.extract.rules.word_lists import (
    NOT_NAMES,
    NP_STOP,
    NP_STOP_GERUND,
    PLAIN_THE,
    VAGUE_FIRST,
    VAGUE_HEADS,
    word_set,
)

_LONGEST = 6
_QUANTIFIERS = word_set("quantifiers")
_INSIDE = frozenset({" ", " & ", "/", "-", " '", "' ", "'"})
_ARTICLES = frozenset({"a", "an", "the"})
_JOINERS = frozenset({"and", "or", "&"})
_VERBISH = word_set("verb_like")
# "expressing myself", "seeing how": the activity is not whole without what follows.
_NEEDED = word_set("activity_needs")
_PARTICLES = word_set("particles")
# After a lone "-ing", what may follow it without having been part of it.
_AFTER_GERUND = word_set("after_gerund")
_WHAT = re.compile(
    r"\s+(?:(?P<team>team|department|group|squad|division)|project|app|service|platform|product|"
    r"library|company|system|website|startup|firm)(?=\W|$)",
    re.IGNORECASE,
)
_OTHERS = frozenset(["his", "her", "their", "your", "its"])


@dataclass(frozen=True, slots=True)
class Phrase:
    """One thing: ``text`` as it was said, ``name`` without article, ``mine`` if it began "my".

    ``proper``: a name is in it; ``whole``: it is a name or a title, and nothing else.
    """

    text: str
    name: str
    start: int
    end: int
    proper: bool = False
    mine: bool = False
    determiner: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Place:
    """A sentence with everything found in it, for the readers of slots."""

    sentence: Sentence
    names: Sequence[Span] = ()
    dates: Sequence[When] = ()
    quoted: Sequence[tuple[int, int, str]] = field(default=())

    def date_at(self, position: int) -> When | None:
        return next((d for d in self.dates if d.start <= position < d.end), None)

    def name_at(self, token: int) -> Span | None:
        return next((s for s in self.names if s.first == token), None)


def name_slot(place: Place, position: int, *, owning: bool = False) -> Phrase | None:
    """The name that stands right at a position, after "the" too; with "'s" only if ``owning``."""
    sentence = place.sentence
    index = _here(sentence, position)
    if index is None:
        return None
    span = place.name_at(index)
    if span is None and sentence.tokens[index].low == "the":
        span = place.name_at(index + 1)
    if span is None or (span.owns and not owning):
        return None
    return Phrase(span.name, span.name, span.start, span.end, proper=True, whole=True)


def named_thing(place: Place, position: int) -> Phrase | None:
    """A name with what it is said to be: "Orion team" is a name, "Orion project" is Orion."""
    phrase = name_slot(place, position)
    match = _WHAT.match(place.sentence.text, phrase.end) if phrase else None
    if phrase is None or match is None:
        return phrase
    name = f"{phrase.name} {match['team'].lower()}" if match["team"] else phrase.name
    return replace(phrase, text=name, name=name, end=match.end(), whole=False)


def name_list(place: Place, position: int, *, owning: bool = False) -> list[Phrase]:
    """Names joined by commas and "and"."""
    found: list[Phrase] = []
    while (phrase := name_slot(place, position, owning=owning)) is not None:
        found.append(phrase)
        after = _after_joiner(place.sentence, phrase.end)
        if after is None:
            break
        position = after
    return found


def _here(sentence: Sentence, position: int) -> int | None:
    """The word right after a position, if nothing but a space stands between."""
    index = sentence.token_at(position)
    if index >= len(sentence.tokens):
        return None
    return index if not sentence.text[position : sentence.tokens[index].start].strip() else None


def _after_joiner(sentence: Sentence, position: int) -> int | None:
    """Past ", ", " and " or ", and "; None when something else follows."""
    index = sentence.token_at(position)
    if index >= len(sentence.tokens):
        return None
    token = sentence.tokens[index]
    gap = sentence.text[position : token.start].strip()
    if token.low in _JOINERS and gap in {"", ","}:
        return token.end
    return token.start if gap in {",", "&"} else None


def noun_phrases(
    place: Place, position: int, *, gerund: bool = False, listed: bool = True
) -> list[Phrase]:
    """The thing at a position, or the things when they are a plain list."""
    first = _phrase(place, position, gerund=gerund)
    if first is None or _restricted(place.sentence, first):
        return []
    found, pending = [first], list[Phrase]()
    at = first.end
    while listed and (after := _after_joiner(place.sentence, at)) is not None:
        item = _phrase(place, after, gerund=gerund)
        if item is None or not _closed(place, item) or _is_clause(place.sentence, item):
            break
        if len(first.name.split()) > 1 and _ing(first) and not _ing(item):
            break
        joined = (
            "," not in place.sentence.text[at:after].strip()
            or "nd" in place.sentence.text[at:after]
        )
        pending.append(item)
        at = item.end
        if joined:
            found += pending
            pending = []
    return found


def _restricted(sentence: Sentence, phrase: Phrase) -> bool:
    """ "Games that …" are not just games."""
    index = sentence.token_at(phrase.end)
    if index >= len(sentence.tokens) or " " in phrase.name or phrase.determiner:
        return False
    after = sentence.tokens[index]
    return after.gap == " " and after.low in {"that", "which", "who", "where", "whose"}


def _ing(phrase: Phrase) -> bool:
    return phrase.name.lower().split()[0].endswith("ing")


def _is_clause(sentence: Sentence, item: Phrase) -> bool:
    tokens = [t for t in sentence.tokens if item.start <= t.start < item.end]
    small = [t for t in tokens if not t.capital]
    return any(t.low in _VERBISH or t.low.endswith("ed") for t in small[:1]) or any(
        t.low in _VERBISH for t in small
    )


def _closed(place: Place, item: Phrase) -> bool:
    """It ends at punctuation, a joiner or the end, so it is no verb with its own object."""
    sentence = place.sentence
    index = sentence.token_at(item.end)
    if index >= len(sentence.tokens):
        return True
    token = sentence.tokens[index]
    gap = sentence.text[item.end : token.start].strip()
    return (
        bool(gap)
        or token.low in _JOINERS
        or place.date_at(token.start) is not None
        or (
            token.low
            in {"too", "also", "now", "lately", "with", "at", "on", "in", "because", "when"}
        )
    )


def _phrase(place: Place, position: int, *, gerund: bool) -> Phrase | None:
    for start, end, title in place.quoted:
        if start >= position and not place.sentence.text[position:start].strip(" ,"):
            return Phrase(f'"{title}"', title, start, end, proper=True, whole=True)
    sentence = place.sentence
    index = _here(sentence, position)
    if index is None:
        return None
    taken = _take(place, index, gerund=gerund)
    if not taken or (gerund and _cut_short(place, taken)):
        return None
    return _judge(place, taken)


def _whose(tokens: list[Token], at: int) -> bool:
    """ "with his friends": company, not part of the activity."""
    company = {"my", "our", "his", "her", "their", "your", "the", "friends", "family", "others"}
    return at < len(tokens) and tokens[at].low in company


def _cut_short(place: Place, taken: list[Token]) -> bool:
    """A lone "caring" of "caring more about it"; "creating a safe" of "a safe, warm place"."""
    sentence = place.sentence
    index = sentence.token_at(taken[-1].end)
    if not taken[0].low.endswith("ing") or index >= len(sentence.tokens):
        return False
    after = sentence.tokens[index]
    if len(taken) == 1:
        dated = place.date_at(after.start) is not None
        return not (after.gap.strip() or after.low in _AFTER_GERUND or dated)
    article = taken[-2].low in {"a", "an"}
    return article and after.gap.strip() == "," and after.low not in NOT_NAMES


def _take(place: Place, index: int, *, gerund: bool) -> list[Token]:
    """Words up to where the phrase ends; empty when it runs on too long to be one."""
    tokens = place.sentence.tokens
    taken: list[Token] = []
    stop = NP_STOP_GERUND if gerund and tokens[index].low.endswith("ing") else NP_STOP
    if gerund and index + 1 < len(tokens) and tokens[index].low == "to":
        stop = NP_STOP_GERUND
    at = index
    while at < len(tokens):
        token = tokens[at]
        if taken and token.gap not in _INSIDE:
            break
        if place.date_at(token.start) is not None or (taken and token.low in _JOINERS):
            break
        span = place.name_at(at)
        if span is not None and len(taken) + span.last - span.first < _LONGEST:
            taken += tokens[span.first : span.last + 1]
            at = span.last + 1
            continue
        if token.low in stop and not (at == index and token.low == "to"):
            if stop is NP_STOP_GERUND and token.low in _NEEDED:
                return []
            break
        if (
            token.low == "with"
            and (_whose(tokens, at + 1) or len(taken) > 1)
            and (taken[-1].low not in _PARTICLES)
        ):
            break
        if len(taken) == _LONGEST:
            return []
        taken.append(token)
        at += 1
    while taken and (taken[-1].low in NP_STOP or taken[-1].low in {"of", "my", "your", *_ARTICLES}):
        taken.pop()
    return taken


def _judge(place: Place, taken: list[Token]) -> Phrase | None:
    """The phrase, unless it is a pronoun, vague, or about somebody else's unnamed thing."""
    determiner, mine = "", False
    said_from = taken[0].start
    while taken and taken[0].low in _ARTICLES | _QUANTIFIERS | {"our"}:
        token = taken[0]
        if token.low in _ARTICLES:
            determiner = token.low
        mine = mine or token.low in {"my", "our"}
        taken = taken[1:]
    if not taken or taken[0].low in VAGUE_FIRST or taken[0].low in _OTHERS:
        return None
    if taken[-1].low in VAGUE_HEADS or taken[-1].low.endswith("ly"):
        return None
    if any(t.low in _OTHERS or t.low in {"this", "that", "these", "those"} for t in taken):
        return None
    end = taken[-1].end - (2 if taken[-1].owns else 0)
    name = place.sentence.text[taken[0].start : end]
    proper = any(place.name_at(place.sentence.token_at(t.start)) for t in taken)
    if determiner == "the" and not proper and taken[-1].low not in PLAIN_THE:
        return None
    if len(name) < 2 or not any(c.isalpha() for c in name) or taken[-1].owns:
        return None
    said = place.sentence.text[said_from:end]
    first = place.name_at(place.sentence.token_at(taken[0].start))
    whole = first is not None and first.end >= taken[-1].end
    return Phrase(said, name, said_from, taken[-1].end, proper, mine, determiner, whole)


def quoted_titles(sentence: Sentence) -> list[tuple[int, int, str]]:
    return list(titles(sentence))
