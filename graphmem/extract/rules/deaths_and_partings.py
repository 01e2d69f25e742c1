"""Deaths and partings of somebody named: "my cat Mochi died", "we gave Rex away", "my late …".

A pet or relative who is gone gives no open relation: the one that may be known is retracted, and
one that is named for the first time here has ended already.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from graphmem.clock import Date
from graphmem.extract.rules.people import kin_called
from graphmem.extract.rules.phrases import Parse
from graphmem.extract.rules.subjects import TurnContext
from graphmem.extract.rules.tokens import NameSpan
from graphmem.extract.rules.word_lists import (
    KIN,
    KIN_PLURAL,
    KIN_WITHOUT_NAME,
    NEGATIONS,
    PETS,
    PETS_PLURAL,
    SENTENCE_BLOCKERS,
    word_set,
)
from graphmem.model import valid_from, valid_until
from graphmem.ports.llm import CandidateFact

DEPARTURE_CUES = re.compile(
    r"died|passed|put|euthan|dead|longer|crossed|away|missing|lost|gave|give|rehome|buried",
    re.IGNORECASE,
)
"""Without one of these, and without kin, a sentence tells of nobody that they are gone."""
_ADVERB = r"(?:(?:just|sadly|recently|suddenly|finally|peacefully|unexpectedly|unfortunately)\s+)?"
_DIED = re.compile(
    rf"(?:\s+the\s+[a-z]+)?,?\s+{_ADVERB}(?:(?:has|had)\s+{_ADVERB})?(?P<how>died|passed\s+away|"
    r"passed\s+on(?=\s*(?:$|[.,;!)]|(?:in|last|on|at|this)\s+[\w]+\s*(?:$|[.,;!)])|yesterday))|"
    r"(?:was|were|had\s+to\s+be|got)\s+(?:put\s+down|put\s+to\s+sleep|euthanized|euthanised)|"
    r"(?:is|are)\s+(?:dead(?=\s*(?:$|[,.;)]|now\b|and\b|since\b))|no\s+longer\s+with\s+us)|crossed\s+the\s+rainbow\s+bridge)(?=\W|$)"
    r"(?!\s+(?:laughing|inside|down|out|on\s+(?:stage|set|me|us|air|camera)|a\s+little|for\s+me|her|his|of\s+(?:laugh|shame|embarr|bore)|"
    r"twice|(?:\d+|three|four|five)\s+times|for\s+a\b|in\s+(?:the\s+)?(?:[\w-]+\s+)?(?:level|game|battle|scene|act|"
    r"dungeon|raid|match|round|final)\b))",
    re.IGNORECASE,
)
_RAN_AWAY = re.compile(
    rf",?\s+{_ADVERB}(?:(?:has|had)\s+{_ADVERB})?(?P<how>ran\s+away|run\s+away|flew\s+away|went\s+missing|"
    r"has\s+gone\s+missing)(?=\W|$)(?!\s+(?:with|when|whenever|every|to|from(?!\s+home))\b)",
    re.IGNORECASE,
)
_WHOSE = r"(?:(?:my|our|his|her)\s+(?:(?!and\b)[\w-]+\s+){0,3}?(?P<what>(?!and\b)[\w-]+),?\s+)?$"
_LOST = re.compile(
    r"\b(?:I|we|he|she|they|[A-Z]\w+)(?:'ve|\s+have|\s+has)?\s+(?:just\s+|recently\s+|sadly\s+)?"
    r"(?:had\s+to\s+)?(?P<how>lost|gave\s+away|give\s+away|rehomed|rehome|put\s+down|buried)\s+"
    + _WHOSE
)
_PUT = re.compile(
    r"\b(?:I|we|he|she|they|[A-Z]\w+)(?:'ve|\s+have|\s+has)?\s+(?:just\s+|recently\s+|sadly\s+)?"
    r"(?:had\s+to\s+)?(?P<how>put|gave|give)\s+" + _WHOSE
)
_OF_SOMEBODY = re.compile(
    r"\b(?:(?P<owner>[^\W\d_a-z][\w-]*)'s|[Mm]y|[Oo]ur)\s+"
    r"(?:(?:old|dear|poor|little|lovely|beloved|great|elderly|family|darling|sweet)\s+){0,2}"
    r"(?P<what>[a-z-]+)(?!'s|[\w-])"
)
_ANOTHERS = re.compile(r"\b(?:[Mm]y|[Oo]ur|[Tt]he|[Hh]is|[Hh]er)\s+[a-z-]+'s\s+(?:[a-z]+\s+){1,2}$")
"""In "my neighbour's dog Rex": not the Rex of whoever speaks."""
_BY_US = r"\b(?:I|we|he|she|they|[A-Z]\w+)(?:'ve|\s+have|\s+has)?\s+(?:(?:just|sadly|recently)\s+)?"
_LOST_OURS = re.compile(rf"{_BY_US}lost\s+$", re.IGNORECASE)
_GAVE_OURS = re.compile(
    rf"{_BY_US}(?:had\s+to\s+)?(?P<how>put|put\s+down|gave|give|gave\s+away|give\s+away|rehomed?)\s+$",
    re.IGNORECASE,
)
_JOINED = re.compile(
    r"(?:\s*,|\s+and|\s+&|\s*,\s+and)\s+(?P<my>(?:my|our)\s+(?:[\w-]+\s+){1,3})?$", re.IGNORECASE
)
_DOWN = re.compile(
    r"\s+(?:down|away|to\s+sleep|up\s+for\s+adoption)(?=\W|$)(?!\s+(?:for\s+a|in|at|by|on\s+(?:the|my|a|her|his|our))\b)",
    re.IGNORECASE,
)
_LATE = re.compile(
    r"(?:\b(?:my|our|his|her)|'s)\s+(?:[\w-]+\s+){0,2}?late\s+[\w\s-]*,?\s*$", re.IGNORECASE
)
_GONE_FOR_GOOD = re.compile(r"\s*(?:$|[,.;:)\u2014-]|to\s|because\b|and\b|when\b)")
# With one of these in its sentence, a death may not have happened, or a runaway came back.
_UNCERTAIN = (SENTENCE_BLOCKERS | NEGATIONS | word_set("uncertain_death")) - {"no"}
_OVER_BY_DEATH = (
    "works_at", "works_as", "lives_in", "lives_with", "member_of", "takes_medication",
    "married_to", "engaged_to", "dating", "partner_of", "friend_of", "manages",
)  # fmt: skip
_BODILY = frozenset({"ran away", "run away", "flew away", "went missing", "has gone missing"})


@dataclass(frozen=True, slots=True)
class Departure:
    """Who is gone, since when, and in which words; ``sure`` False when it may mean something
    else, so that no fact is made."""

    name: str
    at: Date
    text: str
    words: str
    sure: bool = True


@dataclass
class Departures:
    """Who was lost in one episode, and who is known from before it."""

    known: frozenset[str] = frozenset()
    gone: dict[str, Departure] = field(default_factory=dict)

    def read(
        self, parse: Parse, context: TurnContext, stated_at: datetime, stated: list[CandidateFact]
    ) -> list[CandidateFact]:
        """The facts of kin and pets in a sentence, ``stated``, with its losses applied."""
        departed = {
            departure.name: departure for departure in _departures_in(parse, context, stated_at)
        }
        kin_facts = [f for f in stated if f.type is not None]
        result = [f for f in stated if f.type is None]
        for fact in kin_facts:
            who = fact.object if fact.type == "has_pet" else fact.subject
            departure = (
                departed.get(who or "") or self.gone.get(who or "") or _late(parse, fact, stated_at)
            )
            if departure is None:
                result.append(fact)
            elif departure.sure and (who in departed or who not in self.gone):
                result += self._ended(fact, who or "", departure)
        result += _without_name(parse, context, stated_at)
        for departure in departed.values():
            if departure.sure:
                result += _alone(departure, kin_facts, context)
                self.gone[departure.name] = departure
        return result

    def _ended(
        self, fact: CandidateFact, who: str, departure: Departure
    ) -> Iterator[CandidateFact]:
        """The retraction, and the ended fact itself when nobody has heard of them before."""
        text = fact.text.replace(" has a ", " had a ", 1).replace(" is ", " was ", 1)
        yield replace(fact, text=text, **valid_until(departure.at), retracts=True)
        if who not in self.known:
            yield replace(fact, text=text, **valid_until(departure.at))


def _alone(
    departure: Departure, kin_facts: list[CandidateFact], context: TurnContext
) -> Iterator[CandidateFact]:
    """The dated sentence; and a pet's end when only its name is said: "Mochi died"."""
    names = context.people.names
    named = any(departure.name in (fact.subject, fact.object) for fact in kin_facts)
    owners = context.people.owners.get(departure.name) or ({context.speaker} - {None})
    if not named and names.kind(departure.name) == "animal":
        others = {n for n in names.fixed if names.kind(n) == "person"}
        if departure.name in context.people.owners:
            others = set()
        for owner in sorted({str(name) for name in owners} | set(sorted(others)[:8])):
            yield CandidateFact(
                f"{owner} had {departure.name}", owner, "has_pet", departure.name,
                (owner, departure.name),
                **valid_until(departure.at), importance=0.7, retracts=True,
            )  # fmt: skip
    if departure.text:
        who = [departure.name, *sorted(str(name) for name in owners)] if named else [departure.name]
        yield CandidateFact(
            f"{departure.text}{departure.words}",
            entities=tuple(who),
            **valid_from(departure.at),
            importance=0.7,
        )
    if departure.text == f"{departure.name} died" and names.is_person(departure.name):
        for type in _OVER_BY_DEATH:
            yield CandidateFact(
                f"{departure.name} {type.replace('_', ' ')}: no more, by death",
                departure.name, type, None, (departure.name,),
                **valid_until(departure.at), importance=0.6, retracts=True,
            )  # fmt: skip


def _without_name(
    parse: Parse, context: TurnContext, stated_at: datetime
) -> Iterator[CandidateFact]:
    """ "My dog died", "we lost our cat", "Ada's gran died": of who has no name here."""
    sentence, names = parse.sentence, context.people.names
    if sentence.question or sentence.lows & _UNCERTAIN:
        return
    for match in _OF_SOMEBODY.finditer(sentence.text):
        word = match["what"].lower()
        owner = context.speaker
        if match["owner"]:
            owner = names.canonical_of(match["owner"]) if names.is_person(match["owner"]) else None
        pet = word in PETS
        if owner is None or not (pet or word in KIN_WITHOUT_NAME):
            continue
        how = _gone(parse, match, pet=pet)
        if how is None:
            continue
        when = next((d for d in parse.dates if not d.lasting and d.at is not None), None)
        if when is not None and when.future:
            continue
        at = (when.date if when is not None else None) or Date(stated_at, "instant")
        words = f" {when.text}" if when is not None and when.text else ""
        name = f"{owner}'s {word}" if pet else kin_called(owner, word)
        if pet:
            names.register(name, "animal")
            yield CandidateFact(
                f"{owner} had a {word}", owner, "has_pet", name, (owner, name),
                **valid_until(at), importance=0.7, retracts=True,
            )  # fmt: skip
            yield CandidateFact(
                f"{name} {how}{words}", entities=(name, owner), **valid_from(at), importance=0.7
            )
            continue
        if context.people.kin.get((owner, word)):
            name = context.people.the_kin(owner, word) or ""
        if name:
            names.register(name, "person")
            yield from _alone(Departure(name, at, f"{name} died", words), [], context)


def _gone(parse: Parse, match: re.Match[str], *, pet: bool) -> str | None:
    """What came of whoever has been spoken of: "died", or what else a pet is gone by."""
    text = parse.sentence.text
    before, after = text[: match.start()], text[match.end() :]
    if _DIED.match(after):
        return "died"
    if _LOST_OURS.search(before):
        final = _GONE_FOR_GOOD.match(after) or parse.date_at(match.end() + 1) is not None
        return "died" if final else None
    if not pet:
        return None
    if _RAN_AWAY.match(after):
        return "ran away"
    if given := _GAVE_OURS.search(before):
        whole = given["how"].startswith("rehome") or given["how"].endswith(("away", "down"))
        return "was given away or put down" if whole or _DOWN.match(after) else None
    return None


def _departures_in(parse: Parse, context: TurnContext, stated_at: datetime) -> Iterator[Departure]:
    sentence = parse.sentence
    if sentence.question or sentence.lows & _UNCERTAIN:
        return
    names = context.people.names
    for span in parse.names:
        name = names.canonical_of(span.name)
        if names.kind(name) not in {"person", "animal", "thing"} or span.owns:
            continue
        if _ANOTHERS.search(sentence.text[: span.start]):
            continue
        found = _departure_of(parse, span)
        if found is None or name in context.people.speakers:
            continue
        how, end, what = found
        pet = names.kind(name) == "animal" or what in PETS
        if not pet and (names.kind(name) != "person" and what not in KIN):
            continue
        if not pet and (how in _BODILY or how.startswith(("put", "gave", "give", "rehome"))):
            continue
        when = next((d for d in parse.dates if d.start >= span.start and not d.lasting), None)
        when = when or next((d for d in parse.dates if d.start == 0 and not d.lasting), None)
        if when is not None and when.future:
            continue
        rest = sentence.text[end:]
        # "lost Rex in the park" may be over by supper
        sure = how != "lost" or bool(_GONE_FOR_GOOD.match(rest)) or parse.date_at(end + 1)
        dated = when is not None and when.at is not None and when.lead != "since"
        at = (when.date if when is not None and dated else None) or Date(stated_at, "instant")
        words = f" {when.text}" if when is not None and dated and when.text else ""
        departure = Departure(name, at, _sentence(name, how), words, bool(sure))
        yield departure
        yield from _shared(parse, context, span, how, departure)


def _shared(
    parse: Parse, context: TurnContext, span: NameSpan, how: str, departure: Departure
) -> Iterator[Departure]:
    """Who is named together with somebody lost: "my dogs Rex and Bo died". Where it cannot be
    decided whether they are meant too, no fact is made of them."""
    text, names = parse.sentence.text, context.people.names
    opens = text[:3].lower() in {"my ", "our"}
    verb_last = bool(_DIED.match(text, span.end) or _RAN_AWAY.match(text, span.end))
    edge = span.start if verb_last else span.end
    for other in reversed(parse.names) if verb_last else parse.names:
        between = text[other.end : edge] if verb_last else text[edge : other.start]
        joined = _JOINED.match(between)
        if joined is None or (other.start >= span.start if verb_last else other.end <= span.end):
            continue
        name = names.canonical_of(other.name)
        sure = departure.sure and verb_last and (opens or joined["my"] is None)
        if name not in context.people.speakers and names.kind(name) in {"animal", "person"}:
            yield Departure(name, departure.at, _sentence(name, how), departure.words, sure)
        edge = other.start if verb_last else other.end


def _departure_of(parse: Parse, span: NameSpan) -> tuple[str, int, str | None] | None:
    """(how, where the telling ends, the pet or kin word before the name)."""
    text = parse.sentence.text
    before = text[: span.start]
    kind_word = re.search(r"([\w-]+),?\s+$", before)
    what = kind_word.group(1).lower() if kind_word else None
    after = _DIED.match(text, span.end) or _RAN_AWAY.match(text, span.end)
    if after is not None:
        return " ".join(after["how"].lower().split()), after.end(), what
    if (match := _match_departure(_PUT, before)) and (down := _DOWN.match(text, span.end)):
        return f"{match['how'].lower()}{down.group().lower()}", down.end(), what
    if match := _match_departure(_LOST, before):
        return " ".join(match["how"].lower().split()), span.end, what
    return None


def _match_departure(pattern: re.Pattern[str], before: str) -> re.Match[str] | None:
    """ "Lost Rex", "lost my dog Rex"; not "lost our game to Rex"."""
    match = pattern.search(before[-120:])
    if match is None or match["what"] is None:
        return match
    low = match["what"].lower()
    return match if low in KIN or low in PETS or low in PETS_PLURAL or low in KIN_PLURAL else None


def _sentence(name: str, how: str) -> str:
    """What happened, where the words used say what it was."""
    if how in {"died", "passed away", "passed on", "is dead", "are dead"} or how.startswith(
        "crossed"
    ):
        return f"{name} died"
    if "down" in how or "sleep" in how or "euthan" in how:
        return f"{name} was put down"
    if "away" in how and how.startswith(("gave", "give")):
        return f"{name} was given away"
    return f"{name} {how}" if how in {"ran away", "flew away", "went missing"} else ""


def _late(parse: Parse, fact: CandidateFact, stated_at: datetime) -> Departure | None:
    """ "My late husband Tom", "I had a dog named Rex": over, at the latest now."""
    who = (fact.object if fact.type == "has_pet" else fact.subject) or ""
    text = parse.sentence.text
    at = text.find(who.split()[0]) if who else -1
    before = text[max(0, at - 60) : at] if at > 0 else ""
    late = _LATE.search(before)
    had = fact.type == "has_pet" and re.search(
        r"(?:^|[\s,])(?:I|we)\s+(?:once\s+)?(?:had|used to have)\s+(?:a|an|two|three)\s[^.;]*$",
        before,
    )
    return Departure(who, Date(stated_at, "instant"), "", "") if late or had else None
