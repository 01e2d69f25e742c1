"""What stands in a relation's object slot: noun phrases, lists of them, and names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from graphmem.extract.rules.dates import TimeExpression
from graphmem.extract.rules.tokenizer import Sentence
from graphmem.extract.rules.tokens import NameSpan, WordToken
from graphmem.extract.rules.word_lists import (
    FILLERS,
    LANGUAGES,
    NOT_NAMES,
    NP_STOP,
    NP_STOP_GERUND,
    PLAIN_THE,
    VAGUE_FIRST,
    VAGUE_HEADS,
    word_set,
)

_LONGEST = 6
_DESCRIBING = word_set("describing_words")
_COLOURS = frozenset(
    (
        *("dark", "light", "black", "white", "red", "green", "blue"),
        *("yellow", "pink", "purple", "brown", "grey", "gray"),
    )
)
_DESCRIBING_ENDS = (
    "ical", "onic", "etic", "astic", "ian", "ish", "ese", "ous", "ful", "less", "ive", "able",
    "ible",
)  # fmt: skip
_QUANTIFIERS = word_set("quantifiers")
_INSIDE = frozenset({" ", " & ", "/", "-", " '", "' ", "'"})
_ARTICLES = frozenset({"a", "an", "the"})
_JOINERS = frozenset({"and", "or", "&"})
_VERBISH = word_set("verb_like")
_ADVERBS = word_set("adverbs_in_s")
_THIRD_PERSON = (_VERBISH - word_set("adverbs_like_verbs")) | word_set("irregular_past")
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
_OWNS_NOTHING = re.compile(
    r"\s*(?:$|[.,;:!?)(]|[–—]|(?:as|for|in|on|since|and|but|so|now|until|these|at|with|who|when|too)\b)"
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
class Parse:
    """A sentence with everything found in it, for the readers of slots."""

    sentence: Sentence
    names: Sequence[NameSpan] = ()
    dates: Sequence[TimeExpression] = ()
    quoted: Sequence[tuple[int, int, str]] = field(default=())

    def date_at(self, position: int) -> TimeExpression | None:
        return next((d for d in self.dates if d.start <= position < d.end), None)

    def name_at(self, token: int) -> NameSpan | None:
        return next((s for s in self.names if s.first == token), None)


def name_slot(parse: Parse, position: int, *, owning: bool = False) -> Phrase | None:
    """The name that stands right at a position, after "the" too; with "'s" only if ``owning``."""
    sentence = parse.sentence
    index = _here(sentence, position)
    if index is None:
        return None
    span = parse.name_at(index)
    if span is None and sentence.tokens[index].low == "the":
        span = parse.name_at(index + 1)
    if span is None or (span.owns and not owning):
        return None
    return Phrase(span.name, span.name, span.start, span.end, proper=True, whole=True)


def shop_slot(parse: Parse, position: int) -> Phrase | None:
    """A firm whose name ends in "'s", as Sainsbury's: nothing follows that it could own."""
    found = name_slot(parse, position, owning=True)
    text = parse.sentence.text
    if (
        found is None
        or not text[: found.end].endswith("'s")
        or not _OWNS_NOTHING.match(text, found.end)
    ):
        return None
    name = f"{found.name}'s"
    return replace(found, text=name, name=name)


def named_thing(parse: Parse, position: int) -> Phrase | None:
    """A name with what it is said to be: "Orion team" is a name, "Orion project" is Orion."""
    phrase = name_slot(parse, position)
    match = _WHAT.match(parse.sentence.text, phrase.end) if phrase else None
    if phrase is None or match is None:
        return phrase
    name = f"{phrase.name} {match['team'].lower()}" if match["team"] else phrase.name
    return replace(phrase, text=name, name=name, end=match.end(), whole=False)


def name_list(parse: Parse, position: int, *, owning: bool = False) -> list[Phrase]:
    """Names joined by commas and "and"."""
    found: list[Phrase] = []
    while (phrase := name_slot(parse, position, owning=owning)) is not None:
        found.append(phrase)
        after = _after_joiner(parse.sentence, phrase.end)
        if after is None:
            break
        position = after
    return found


def object_names(parse: Parse, position: int) -> list[Phrase]:
    """The same behind a verb: a further name that does something itself begins another clause, as
    in "Greta reports to Sanjay, Sanjay reports to me"."""
    found = name_list(parse, position)
    doing = (
        place
        for place, name in enumerate(found)
        if place and does_something(parse.sentence, name.end)
    )
    return found[: next(doing, len(found))]


def does_something(sentence: Sentence, position: int) -> bool:
    """Whether the next word is a verb of a third person."""
    index = _here(sentence, position)
    if index is None or sentence.tokens[index].capital:
        return False
    word = sentence.tokens[index].low
    if word in _ADVERBS:
        return False
    return word in _THIRD_PERSON or (len(word) > 3 and word.endswith(("s", "ed")))


def _here(sentence: Sentence, position: int) -> int | None:
    """The word right after a position, if nothing but a space stands between."""
    index = sentence.token_at(position)
    if index >= len(sentence.tokens):
        return None
    return index if not sentence.text[position : sentence.tokens[index].start].strip() else None


def _after_joiner(sentence: Sentence, position: int) -> int | None:
    """Past ", ", " and " or ", and "; None when something else follows."""
    token = sentence.word_from(position)
    if token is None:
        return None
    gap = sentence.text[position : token.start].strip()
    if token.low in _JOINERS and gap in {"", ","}:
        return token.end
    return token.start if gap in {",", "&"} else None


def noun_phrases(
    parse: Parse, position: int, *, gerund: bool = False, listed: bool = True
) -> list[Phrase]:
    """The thing at a position, or the things when they are a plain list."""
    first = _phrase(parse, position, gerund=gerund)
    if first is None or _restricted(parse.sentence, first):
        return []
    found, pending = [first], list[Phrase]()
    at = first.end
    while listed and (after := _after_joiner(parse.sentence, at)) is not None:
        item = _phrase(parse, after, gerund=gerund)
        if item is None or not _closed(parse, item) or _is_clause(parse.sentence, item):
            break
        if len(first.name.split()) > 1 and _ing(first) and not _ing(item):
            break
        joined = (
            "," not in parse.sentence.text[at:after].strip()
            or "nd" in parse.sentence.text[at:after]
        )
        pending.append(item)
        at = item.end
        if joined:
            found += pending
            pending = []
    return [] if len(found) == 1 and _stops_short(parse.sentence, first) else found


def as_one_thing(parse: Parse, found: list[Phrase]) -> list[Phrase]:
    """ "Italian and French food" is one thing: the words before it say how it is."""
    if len(found) < 2 or not all(map(_describes, found[:-1])):
        return found
    first, last = found[0], found[-1]
    if " " not in last.name or last.determiner or last.mine:
        return found
    name = parse.sentence.text[first.start : last.end]
    return [replace(last, text=name, name=name, start=first.start, whole=False)]


def _describes(phrase: Phrase) -> bool:
    word = phrase.name.lower()
    if phrase.determiner or " " in word:
        return False
    return word in LANGUAGES | _DESCRIBING or (len(word) > 5 and word.endswith(_DESCRIBING_ENDS))


def _stops_short(sentence: Sentence, phrase: Phrase) -> bool:
    """In "fast, light tools" it is not something fast that is liked."""
    after = sentence.word_from(phrase.end)
    if after is None or after.gap.strip() != ",":
        return False
    return phrase.name.lower().split()[-1] in _DESCRIBING - _COLOURS


def _restricted(sentence: Sentence, phrase: Phrase) -> bool:
    """ "Games that …" are not just games."""
    after = sentence.word_from(phrase.end)
    if after is None or " " in phrase.name or phrase.determiner:
        return False
    return after.gap == " " and after.low in {"that", "which", "who", "where", "whose"}


def _ing(phrase: Phrase) -> bool:
    return phrase.name.lower().split()[0].endswith("ing")


def _is_clause(sentence: Sentence, item: Phrase) -> bool:
    tokens = [t for t in sentence.tokens if item.start <= t.start < item.end]
    small = [t for t in tokens if not t.capital]
    return any(t.low in _VERBISH or t.low.endswith("ed") for t in small[:1]) or any(
        t.low in _VERBISH for t in small
    )


def _closed(parse: Parse, item: Phrase) -> bool:
    """It ends at punctuation, a joiner or the end, so it is no verb with its own object."""
    sentence = parse.sentence
    token = sentence.word_from(item.end)
    if token is None:
        return True
    gap = sentence.text[item.end : token.start].strip()
    return (
        bool(gap)
        or token.low in _JOINERS
        or parse.date_at(token.start) is not None
        or (
            token.low
            in {"too", "also", "now", "lately", "with", "at", "on", "in", "because", "when"}
        )
    )


def _phrase(parse: Parse, position: int, *, gerund: bool) -> Phrase | None:
    for start, end, title in parse.quoted:
        if start >= position and not parse.sentence.text[position:start].strip(" ,"):
            return Phrase(f'"{title}"', title, start, end, proper=True, whole=True)
    sentence = parse.sentence
    index = _here(sentence, position)
    if index is None:
        return None
    chosen = _take(parse, index, gerund=gerund)
    if not chosen or (gerund and _cut_short(parse, chosen)):
        return None
    return _judge(parse, chosen)


def _whose(tokens: list[WordToken], at: int) -> bool:
    """ "with his friends": company, not part of the activity."""
    company = {"my", "our", "his", "her", "their", "your", "the", "friends", "family", "others"}
    return at < len(tokens) and tokens[at].low in company


def _cut_short(parse: Parse, chosen: list[WordToken]) -> bool:
    """A lone "caring" of "caring more about it"; "creating a safe" of "a safe, warm place"."""
    after = parse.sentence.word_from(chosen[-1].end)
    if not chosen[0].low.endswith("ing") or after is None:
        return False
    if len(chosen) == 1:
        dated = parse.date_at(after.start) is not None
        return not (after.gap.strip() or after.low in _AFTER_GERUND or dated)
    article = chosen[-2].low in {"a", "an"}
    return article and after.gap.strip() == "," and after.low not in NOT_NAMES


def _take(parse: Parse, index: int, *, gerund: bool) -> list[WordToken]:
    """Words up to where the phrase ends; empty when it runs on too long to be one."""
    tokens = parse.sentence.tokens
    chosen: list[WordToken] = []
    stop = NP_STOP_GERUND if gerund and tokens[index].low.endswith("ing") else NP_STOP
    if gerund and index + 1 < len(tokens) and tokens[index].low == "to":
        stop = NP_STOP_GERUND
    at = index
    while at < len(tokens):
        token = tokens[at]
        if chosen and token.gap not in _INSIDE:
            break
        if parse.date_at(token.start) is not None or (chosen and token.low in _JOINERS):
            break
        span = parse.name_at(at)
        if span is not None and len(chosen) + span.last - span.first < _LONGEST:
            chosen += tokens[span.first : span.last + 1]
            at = span.last + 1
            continue
        if token.low in stop and not (at == index and token.low == "to"):
            if stop is NP_STOP_GERUND and token.low in _NEEDED:
                return []
            break
        if (
            token.low == "with"
            and (_whose(tokens, at + 1) or len(chosen) > 1)
            and (chosen[-1].low not in _PARTICLES)
        ):
            break
        if len(chosen) == _LONGEST:
            return []
        chosen.append(token)
        at += 1
    while chosen and (
        (len(chosen) > 1 and chosen[-1].low in FILLERS and chosen[-1].low.endswith("ly"))
        or chosen[-1].low in NP_STOP
        or chosen[-1].low in {"of", "my", "your", *_ARTICLES}
    ):
        chosen.pop()
    return chosen


def _judge(parse: Parse, chosen: list[WordToken]) -> Phrase | None:
    """The phrase, unless it is a pronoun, vague, or about somebody else's unnamed thing."""
    determiner, mine = "", False
    text_start = chosen[0].start
    while chosen and chosen[0].low in _ARTICLES | _QUANTIFIERS | {"our"}:
        token = chosen[0]
        if token.low in _ARTICLES:
            determiner = token.low
        mine = mine or token.low in {"my", "our"}
        chosen = chosen[1:]
    if not chosen or chosen[0].low in VAGUE_FIRST or chosen[0].low in _OTHERS:
        return None
    if chosen[-1].low in VAGUE_HEADS or chosen[-1].low.endswith("ly"):
        return None
    if any(t.low in _OTHERS or t.low in {"this", "that", "these", "those"} for t in chosen):
        return None
    end = chosen[-1].name_end
    name = parse.sentence.text[chosen[0].start : end]
    proper = any(parse.name_at(parse.sentence.token_at(t.start)) for t in chosen)
    if determiner == "the" and not proper and chosen[-1].low not in PLAIN_THE:
        return None
    if len(name) < 2 or not any(c.isalpha() for c in name) or chosen[-1].owns:
        return None
    wording = parse.sentence.text[text_start:end]
    first = parse.name_at(parse.sentence.token_at(chosen[0].start))
    whole = first is not None and first.end >= chosen[-1].end
    return Phrase(wording, name, text_start, chosen[-1].end, proper, mine, determiner, whole)


def ends_here(parse: Parse, position: int) -> bool:
    """No name goes on from a position."""
    rest = parse.sentence.text[position:].lstrip()
    return not rest or not rest[0].isupper()


def is_inside(parse: Parse, position: int) -> bool:
    """Whether a name that ends there goes on with a noun: the Rotary of "the Rotary dinner"."""
    index = _here(parse.sentence, position)
    if index is None or parse.date_at(parse.sentence.tokens[index].start) is not None:
        return False
    token = parse.sentence.tokens[index]
    plain = token.low.isalpha() and not token.capital and token.gap == " "
    free = token.low in NP_STOP | _JOINERS or token.low.endswith(("ly", "ing"))
    return plain and not free and parse.sentence.text[position - 1].isalpha()
