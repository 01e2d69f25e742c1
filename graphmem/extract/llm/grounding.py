"""What a model gives that its text does not say is not believed.

Models copy their prompt's example, mix in what they know, and invent. So the names, values and
dates of a candidate must stand in the episode, in what is known of who is named there, or follow
from the day on which it was said: loosely, for a model inflects ("photos", "photography"), writes
short names out ("Bob", "Robert"), mends spelling and works out dates. What does not is left out
and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

from graphmem.extract.llm.episode_words import EpisodeWords
from graphmem.extract.llm.grounded_dates import DatedText, numbers_in, take_dates
from graphmem.model import Entity, Episode, Fact
from graphmem.ports.llm import CandidateEntity, CandidateFact, Extraction
from graphmem.relation_types.types import RelationTypes, normal
from graphmem.text import fold, name_key, name_keys, sentences, stem, words

_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)?[+#]*")
_SMALL = frozenset(
    {"a", "an", "and", "at", "by", "de", "for", "from", "in", "of", "on", "or", "s", "the", "to"}
    | {"with", "his", "her", "their", "its", "my", "our", "mr", "mrs", "ms", "dr", "prof", "inc"}
    | {"ltd", "gmbh", "llc", "co", "plc", "ag", "la", "le", "el", "der", "die", "das", "van", "von"}
)
_OPENERS = frozenset(
    {"the", "a", "an", "someone", "somebody", "they", "he", "she", "it", "there", "this", "that"}
    | {"these", "those", "in", "on", "at", "by", "both", "after", "before", "during", "when"}
    | {"since", "until", "user", "speaker", "people", "no", "not", "all", "every", "some", "as"}
    | {"for", "from", "according", "one", "i", "we", "you", "if", "while", "because", "although"}
    | {"its", "his", "her", "their", "our", "my", "each", "several", "many", "most", "another"}
)
_NO_CONTENT = _SMALL | _OPENERS | {"longer", "anymore", "also", "been", "have", "does", "about"}
"""Words of a sentence that need not stand in the text."""
_ENDS = re.compile(
    r"\b(?:no\s+longer|any\s?more|left|leav(?:e|es|ing)|quits?|quitting|laid\s+off|let\s+(?:me|him|her|"
    r"them|us)?\s*go|fired|sacked|resign\w*|redundan\w*|sold|sell\w*|died|dead|dies|passed|put\s+down|"
    r"gave|given|giv(?:e|ing)|split|broke(?:n)?|break\w*|over|end(?:s|ed|ing)?|mov(?:e|es|ed|ing)|ex|"
    r"former(?:ly)?|stop(?:s|ped|ping)?|cancel\w*|retir\w*|notice|last\s+(?:day|week|shift)|divorc\w*|"
    r"separat\w*|lost|lose|gone|new|switch\w*|swap\w*|instead|replac\w*|finish\w*|done|used\s+to|"
    r"until|step\w*\s+down|hand\w*\s+(?:over|in)|took\s+over|takes?\s+over|tak\w+\s+over|dropp?\w*|"
    r"scrapp?\w*|chang\w*|traded|return\w*|back|funeral|buried|goodbye|bye|stole(?:n)?|nicked|crashed|"
    r"wrecked|written\s+off|terminat\w*|expir\w*|evict\w*|closed|shut|for\s+good|single|widow\w*|"
    r"out\s+of\s+(?:work|a\s+job)|unemployed|jobless|between\s+jobs)\b"
)
"""Words that go with an end."""
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|im|i've|ive|me|my|we|we're|we've|us|our)\b")
_CAPITAL_NOUNS = 0.25
"""Capitalised words inside sentences, as a share: above it they are not names alone (German)."""
_LONG_NUMBER = 10_000
_GENERIC = frozenset(
    {"city", "street", "road", "avenue", "university", "college", "school", "museum", "company"}
    | {"club", "hotel", "restaurant", "river", "lake", "mount", "island", "county", "state", "team"}
    | {"group", "project", "conference", "festival", "station", "airport", "hospital", "language"}
    | {"party", "store", "shop", "cafe", "office", "department", "app", "database", "family"}
    | {"centre", "center"}
)
"""What a model adds to a name to say what it is the name of."""
_LEAST_SHARED = 0.34
"""Of the longer words of a plain sentence, so many stand in the text."""
_LOOSE_KINDS = frozenset({"activity", "topic", "role", "skill", "food", "language", "occupation"})
_LOOSE_TYPES = frozenset({"works_as", "likes", "dislikes", "interested_in", "speaks", "plays"})
_DATE_WORD = re.compile(
    r"(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july|august|"
    r"september|october|november|december|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec"
)
_FAR_EAST = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True)
class Implied:
    """What is known of names that a text may mean without naming them in full: the entities, and
    the relations that hold between them."""

    entities: Sequence[Entity] = ()
    facts: Sequence[Fact] = ()

    def between(self, one: str, other: str) -> frozenset[str]:
        """The types of what holds between these two, either way round."""
        named = [
            {e.id for e in self.entities if name_key(name) in map(name_key, (e.name, *e.aliases))}
            for name in (one, other)
        ]
        return frozenset(
            fact.type or ""
            for fact in self.facts
            if any(
                fact.subject_id in subjects and fact.object_id in objects
                for subjects, objects in (named, reversed(named))
            )
        )


def grounded(
    found: Extraction,
    episode: Episode,
    known: Sequence[Entity],
    *,
    implied: Implied | None = None,
    reworded: bool = False,
) -> Extraction:
    """What of an extraction the episode bears out; ``ungrounded`` counts the facts that it does
    not. ``known`` are entities that are named in it, ``implied`` what is known of others that the
    candidates name. ``reworded`` says that the owner's own instructions say how to word it,
    perhaps in another language: then only names and numbers count."""
    implied = implied or Implied()
    shown = EpisodeWords.of(episode, known)
    if called := [e for e in implied.entities if shown.names_a_part(e)]:
        shown = EpisodeWords.of(episode, [*known, *called])
    kinds = {name_key(entity.name): entity.kind for entity in found.entities}
    check = _Check(shown, kinds, reworded, implied)
    entities = tuple(
        replace(entity, aliases=tuple(a for a in entity.aliases if check.name(a)))
        for entity in found.entities
        if check.name(entity.name)
    )
    own = _own_names(episode)
    entities = tuple(_not_the_owner(entity, own, shown) for entity in entities)
    facts = tuple(check.facts(found.facts))
    kept = {name_key(e.name) for e in entities} | {
        name_key(name) for fact in facts for name in fact.entities
    }
    return replace(
        found,
        entities=entities,
        facts=facts,
        mentions=tuple(m for m in found.mentions if name_key(m[1]) in kept),
        ungrounded=len(found.facts) - len(facts),
    )


def _own_names(episode: Episode) -> tuple[frozenset[str], frozenset[str]]:
    """The keys of the user's id, and of all that the user is called."""
    scope = episode.scope
    id = name_key(scope.user_name or scope.user_id or "")
    called = {name_key(name) for name in (scope.called, scope.user_name) if name}
    return frozenset({id} - {""}), frozenset(called | {id})


def _not_the_owner(
    entity: CandidateEntity, own: tuple[frozenset[str], frozenset[str]], shown: EpisodeWords
) -> CandidateEntity:
    """Without the user's id as an alias of somebody: who that is has to be told ("My name is
    …")."""
    id, called = own
    if name_key(entity.name) in called or shown.introduces(entity.name):
        return entity
    return replace(entity, aliases=tuple(a for a in entity.aliases if name_key(a) not in id))


@dataclass
class _Check:
    """Holds the candidates of one episode against its text.

    A candidate is refused where one of these does not stand there: its subject or its object (but
    see ``_changes_known``), a date, the value, or the numbers and names of its sentence.
    """

    shown: EpisodeWords
    kinds: dict[str, str]
    reworded: bool
    implied: Implied
    _names: dict[tuple[str, bool], bool] = field(default_factory=dict)

    def name(self, name: str, *, loose: bool = False) -> bool:
        """Whether this name, or a form of it, stands in the text or is known."""
        loose = loose or self.kinds.get(name_key(name)) in _LOOSE_KINDS
        if (name, loose) not in self._names:
            self._names[name, loose] = self._name(name, loose)
        return self._names[name, loose]

    def _name(self, name: str, loose: bool) -> bool:
        shown = self.shown
        keys = name_keys(name)
        if any(f" {key} " in shown.text for key in keys) or shown.known.intersection(keys):
            return True
        if _FAR_EAST.search(name):
            return fold(name) in shown.raw
        tokens = [t for t in _TOKEN.findall(name) if fold(t) not in _SMALL]
        if not tokens or shown.abbreviates(tokens):
            return True
        named = [token for token in tokens if fold(token) not in _GENERIC] or tokens
        stands = {token: self._token(token) for token in named}
        strict = not (loose or name.islower())
        if any(not ok for t, ok in stands.items() if any(map(str.isdigit, t))):
            return False
        if strict and any(not ok for t, ok in stands.items() if t[0].isupper()):
            return False
        lenient = self.reworded and not strict
        return lenient or sum(stands[token] for token in named) * 2 >= len(named)

    def _token(self, token: str) -> bool:
        """Whether every word and number of it stands there."""
        for word in words(token):
            if word.isdecimal():  # of digits like "❶" Python makes no number
                if not any(float(word) in turn.numbers for turn in self.shown.turns):
                    return word in self.shown.words
            elif not self.shown.has(word):
                return False
        return True

    def facts(self, facts: Sequence[CandidateFact]) -> Iterator[CandidateFact]:
        """Those that the text bears out, or that end what something new in it takes the place
        of."""
        kept = [self.fact(fact) for fact in facts]
        new = {
            (name_key(fact.subject), normal(fact.type).type)
            for fact in kept
            if fact is not None and fact.subject and fact.type and not fact.retracts
        }
        for fact, held in zip(facts, kept, strict=True):
            if held is not None:
                yield held
            elif self._replaced(fact, new):
                yield fact

    def fact(self, fact: CandidateFact) -> CandidateFact | None:
        """The candidate without what it only lists beside, or None."""
        near = self.shown.near(fact.turns)
        subject = fact.subject is None or self.name(fact.subject)
        object_ = fact.object is None or self.name(fact.object, loose=fact.type in _LOOSE_TYPES)
        one_known = (subject or object_) and self._changes_known(fact, near)
        if not (subject and object_) and not one_known:
            return None
        dates = [date for date in (fact.valid_date, fact.invalid_date) if date is not None]
        if not all(near.bears(date) for date in dates):
            return None
        if fact.value is not None and not self._value(fact.value, near):
            return None
        if not self._sentence(fact, near):
            return None
        kept = tuple(n for n in fact.entities if n in (fact.subject, fact.object) or self.name(n))
        return fact if kept == fact.entities else replace(fact, entities=kept)

    def _changes_known(self, fact: CandidateFact, near: DatedText) -> bool:
        """Whether it ends or replaces what holds between the two, of whom the text need not name
        both: "Laid off." and "We got married!" are plain where one knows of whom."""
        if fact.subject is None or fact.object is None or fact.type is None:
            return False
        type = normal(fact.type).type
        holds = self.implied.between(fact.subject, fact.object)
        if fact.retracts:
            return type in holds and bool(_ENDS.search(near.folded))
        mutual = RelationTypes.symmetric(type)
        former = any(
            t in RelationTypes.ends(type) or (mutual and RelationTypes.symmetric(t)) for t in holds
        )
        stems = set(map(stem, words(near.folded)))
        return former and any(stem(word) in stems for word in type.split("_") if len(word) > 3)

    def _replaced(self, fact: CandidateFact, new: Set[tuple[str, str]]) -> bool:
        """Whether it ends what held in the place of something that the text does say: "no longer in
        Stockport" of somebody who lives in Marple now, a budget that is another now. Nothing comes
        of it where that is not known."""
        if not fact.retracts or fact.subject is None or fact.type is None:
            return False
        type = normal(fact.type).type
        if (name_key(fact.subject), type) not in new:
            return False
        near = self.shown.near(fact.turns)
        if fact.invalid_date is not None and not near.bears(fact.invalid_date):
            return False
        if fact.object is None:
            return fact.value is not None
        one = RelationTypes().behaviour(type).single_valued
        return one and type in self.implied.between(fact.subject, fact.object)

    def _parted(self, fact: CandidateFact, near: DatedText) -> bool:
        """Whether a sentence about the subject speaks of an end: "Efua and her bloke have split",
        whoever he was. A speaker says it in the first person, or without a subject."""
        own = set(words(fact.subject or ""))
        folded = [fold(sentence) for sentence in sentences(near.text)]
        about = [sentence for sentence in folded if not own.isdisjoint(words(sentence))]
        if not about:
            about = [s for s in folded if _FIRST_PERSON.search(s) or _ENDS.match(s)]
        return any(_ENDS.search(sentence) for sentence in about)

    def _value(self, value: str, near: DatedText) -> bool:
        """Whether the numbers of a value stand there; of one in words, half of them."""
        rest = self._numbers_stand(fold(value), near)
        if rest is None:
            return False
        if any(map(str.isdigit, value)):
            return True  # what follows a number is a unit
        own = [word for word in words(rest) if word.isalpha() and word not in _SMALL]
        stands = sum(self.shown.has(word) for word in own)
        return self.reworded or stands * 2 >= len(own)

    def _numbers_stand(self, text: str, near: DatedText) -> str | None:
        """A folded text without its dates, where these and its numbers stand; None otherwise."""
        rest, dates = take_dates(text, near.stated_at[0].year)
        if not all(near.bears(date) for date in dates):
            return None
        digits = " ".join(re.findall(r"[\d.,’']*\d[^\s]*", rest))
        for number in numbers_in(digits):
            written_out = number >= _LONG_NUMBER and f"{number:.0f}" in near.digits
            if written_out or number in near.years:
                continue
            years_ago = near.stated_at[0].year - number
            stands = {number, number - 12, number + 12, years_ago} & near.numbers
            if not stands and not _within(number, near, self.shown):
                return None
        return rest

    def _sentence(self, fact: CandidateFact, near: DatedText) -> bool:
        """Whether the numbers and names of the sentence itself stand there; of one that is no
        relation, enough of its words, too; of one that takes back all of a kind, an end."""
        if self._numbers_stand(fold(fact.text), near) is None:
            return False
        tokens = _TOKEN.findall(fact.text)
        if _FAR_EAST.search(fact.text) or not tokens:
            return True
        ends = (fact.subject, fact.object)
        listed = [name for name in fact.entities if name not in ends and self.name(name)]
        own = {word for name in (*ends, *listed) if name for word in words(name)}
        titled = self.shown.capitals >= _CAPITAL_NOUNS
        if not titled and not all(
            self._stands(token, place, tokens, fact)
            for place, token in enumerate(tokens)
            if _is_name(token) and own.isdisjoint(words(token))
        ):
            return False
        if self.reworded:
            return True
        if fact.type is None:
            return self._shares(tokens, _LEAST_SHARED)
        whole = fact.object is not None or fact.value is not None
        return whole or self._parted(fact, near)

    def _stands(self, token: str, place: int, tokens: Sequence[str], fact: CandidateFact) -> bool:
        """Whether a word with a capital stands in the text; the first of a sentence need not, where
        the sentence is about something else or most of it does."""
        first = place == 0 and (
            fact.subject is not None or fold(token) in _OPENERS or self._shares(tokens, 0.6)
        )
        if (
            first
            or fold(token) in _GENERIC
            or self._token(token)
            or self.shown.abbreviates([token])
        ):
            return True
        runs = (
            tokens[a : a + n] for n in (2, 3, 4) for a in range(max(0, place - n + 1), place + 1)
        )
        return any(
            len(run) > 1 and all(map(_is_name, run)) and self.shown.abbreviates(run) for run in runs
        )

    def _shares(self, tokens: Sequence[str], least: float) -> bool:
        own = (word for token in tokens for word in words(token))
        long = [word for word in own if len(word) > 3 and word not in _NO_CONTENT]
        return not long or sum(self.shown.has(word) for word in long) >= least * len(long)


def _is_name(token: str) -> bool:
    """Whether a word is written as a name is, and is no month or weekday."""
    return token[0].isupper() and len(token) > 1 and not _DATE_WORD.fullmatch(fold(token))


def _within(number: float, near: DatedText, shown: EpisodeWords) -> bool:
    """Whether a number stands somewhere in the episode, or is a part of the day it was said."""
    parts = {
        float(part)
        for at in near.stated_at
        for part in (at.year, at.month, at.day, at.hour, at.minute)
    }
    return number in parts or any(number in turn.numbers for turn in shown.turns)
