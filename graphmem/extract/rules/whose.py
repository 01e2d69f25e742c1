"""Whose relative or pet it is: "my", "Ada's", "her", "I have a", "my sister's"."""

from __future__ import annotations

import re

from graphmem.extract.rules.people import kin_called
from graphmem.extract.rules.phrases import Parse
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.tokens import WordToken
from graphmem.extract.rules.word_lists import KIN_WITHOUT_NAME, word_set

_HAVE = word_set("having")
_CALLED = re.compile(r"\s*,?\s+(?:named|called)\s|[,:]\s[A-Z]")
_LIST_OF_NAMES = re.compile(
    r"\s*(?:,?\s+(?:named|called)\s|[,:]\s)(?:[^\W\d_a-z][\w'-]*(?:,\s+(?:and\s+)?|\s+(?:and|&)\s+)?){2,6}\s*(?:$|[.,;!?)])"
)
_PARENTS = word_set("parents_by_name")


def owner_of(  # noqa: PLR0911 - one return for each way of saying whose
    parse: Parse, context: TurnContext, index: int, modifiers: frozenset[str]
) -> str | None:
    """Whose sister: "my", "our", "Ada's", a certain "her"; "I have a sister named …" is mine."""
    tokens = parse.sentence.tokens
    at = index - 1
    while (
        at >= 0
        and index - at <= 4
        and tokens[at].low in modifiers
        and follows_at_once(tokens[at + 1])
    ):
        at -= 1
    if at < 0 or not follows_at_once(tokens[at + 1]):
        return None
    token = tokens[at]
    if token.low in {"my", "our"}:
        return context.speaker
    if token.low == "your":
        return context.people.addressed(context.speaker, parse, index)
    if token.owns:
        return _named_owner(parse, context, at) or _own_relative(parse, context, at)
    if token.low in {"his", "her"}:
        return context.pronoun(parse, token.start, "he" if token.low == "his" else "she")
    several = token.low in _HAVE and (
        tokens[at + 1].low in {"two", "three", "four"}
        or _LIST_OF_NAMES.match(parse.sentence.text, tokens[index].end)
    )
    if several and _CALLED.match(parse.sentence.text, tokens[index].end):
        return _haver(parse, context, at)
    if token.low in {"a", "an", "one", "two", "three", "four", "another"} and at:
        named = _CALLED.match(parse.sentence.text, tokens[index].end)
        having = at - 1 if tokens[at - 1].low in _HAVE else _had_before(tokens, at - 1)
        mine = tokens[at - 1].low == "with" and tokens[0].low in {"i", "i'm"}
        if named and having is None and mine:
            return context.speaker  # "I live in Morpeth with a cat named Admiral"
        return _haver(parse, context, having) if named and having is not None else None
    return None


def _had_before(tokens: list[WordToken], at: int) -> int | None:
    """The "has" of "has a daughter, Odile, and a cat named Bo"."""
    if tokens[at].low != "and":
        return None
    return next((n for n in range(at - 1, max(-1, at - 12), -1) if tokens[n].low in _HAVE), None)


def _haver(parse: Parse, context: TurnContext, at: int) -> str | None:
    """Who has: the "I" or the name before a "have"."""
    tokens = parse.sentence.tokens
    if context.speaker is not None and any(
        t.low in {"i", "we", "i've", "we've"} for t in tokens[max(0, at - 2) : at + 1]
    ):
        return context.speaker
    if at and tokens[at - 1].low in {"she", "he"}:
        return context.pronoun(parse, tokens[at - 1].start, tokens[at - 1].low)
    return _named_owner(parse, context, at - 1) if at and follows_at_once(tokens[at]) else None


def follows_at_once(token: WordToken) -> bool:
    return not token.gap.strip(" -")


def _named_owner(parse: Parse, context: TurnContext, at: int) -> str | None:
    names = context.people.names
    span = next((s for s in parse.names if s.first <= at <= s.last), None)
    if span is None:
        return None
    return names.canonical_of(span.name) if names.may_be_person(span.name) else None


def _own_relative(parse: Parse, context: TurnContext, at: int) -> str | None:
    """The speaker's sister, in "my sister's husband Tom"."""
    tokens = parse.sentence.tokens
    word = tokens[at].low
    mine = at and tokens[at - 1].low in {"my", "our"}
    if context.speaker is None or word not in KIN_WITHOUT_NAME or not (mine or word in _PARENTS):
        return None
    return context.people.the_kin(context.speaker, word) or kin_called(context.speaker, word)
