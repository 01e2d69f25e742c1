"""One sentence to candidate facts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from graphmem.extract.rules.dates import find_dates
from graphmem.extract.rules.deaths_and_partings import Losses
from graphmem.extract.rules.favourites import favourites
from graphmem.extract.rules.implied_relations import birthdays, consequences, proposals
from graphmem.extract.rules.intervals import day_or_year, times_of, when_of
from graphmem.extract.rules.job_titles import last_days, posts, with_companies
from graphmem.extract.rules.kin import relatives
from graphmem.extract.rules.name_slots import Thing
from graphmem.extract.rules.names import Span, spans
from graphmem.extract.rules.object_slots import Slots
from graphmem.extract.rules.phrases import Place, quoted_titles
from graphmem.extract.rules.relation_patterns import (
    PAIR_RULES,
    RelationRule,
    TimeClass,
    rules_for,
)
from graphmem.extract.rules.subjects import Subject, Voice
from graphmem.extract.rules.tokenizer import Sentence, clause_starts
from graphmem.extract.rules.word_lists import SENTENCE_BLOCKERS
from graphmem.model import valid_from, valid_until
from graphmem.ports.llm import CandidateFact

_EXTRA_ROLE = re.compile(r"\s+as(?=\s+an?\s)", re.IGNORECASE)
_EXTRA_WORK = re.compile(r"\s+(?:at|for|with)(?=\s)", re.IGNORECASE)
_WHO = re.compile(r",?\s+who(?=\s)", re.IGNORECASE)
_PAST_TIMES = frozenset({"change", "event", "past", "end", "taste"})
_ROLE_RULE = next(rule for rule in rules_for(frozenset({"works"})) if rule.type == "works_as")
_WORK_RULE = next(rule for rule in rules_for(frozenset({"works"})) if rule.type == "works_at")
_FROM_RULE = next(r for r in rules_for(frozenset({"hails"})) if r.type == "comes_from")
_HOME = re.compile(
    r"\b(?:my|our)\s+(?:(?:home|native)\s*(?:country|town|city)|hometown|homeland)"
    r"(?:,|\s+of|\s+is)?\s+",
    re.IGNORECASE,
)


@dataclass
class Reader:
    """Reads one turn's sentences in order. ``said_at`` is when the turn was said."""

    voice: Voice
    said_at: datetime
    losses: Losses = field(default_factory=Losses)

    def read(self, sentence: Sentence) -> list[CandidateFact]:
        """The facts that a sentence states plainly."""
        names = self.voice.people.names
        if not sentence.whole or sentence.shouted or not sentence.tokens:
            return []
        candidates = _opening_names(self.voice, sentence)
        place = Place(
            sentence, candidates, find_dates(sentence.text, self.said_at), quoted_titles(sentence)
        )
        bonds = list(relatives(place, self.voice))
        facts = self.losses.read(place, self.voice, self.said_at, bonds)
        facts += proposals(place, self.voice, self.said_at)
        if not sentence.lows & SENTENCE_BLOCKERS:
            facts += favourites(place, self.voice)
            facts += self._posts(place)
            facts += self._clauses(place)
            facts += self._home(place)
            facts += birthdays(place, self.voice, self.said_at)
        facts += [more for fact in facts for more in consequences(fact)]
        for fact in facts:
            if fact.subject is not None:
                names.see(fact.subject)
        self.voice.heard(place)
        return facts

    def _clauses(self, place: Place) -> Iterator[CandidateFact]:
        rules = rules_for(place.sentence.lows)
        paired = any(t.low in {"and", "we"} for t in place.sentence.tokens)
        if not rules and not paired:
            return
        text = place.sentence.text
        last: Subject | None = None
        steady = False
        done: set[int] = set()
        limit = text.rfind(",") if place.sentence.question else len(text)
        for start, at, past in self._starts(place):
            if at in done or start >= limit:
                continue
            subject = self.voice.subject(place, at) or self.voice.thing(place, at)
            if subject is None:
                elided = last if at == start and _after_and(text, start) else None
                found = self._elided(rules, place, elided, start, steady=steady) if elided else []
            else:
                done.add(at)
                found = self._say(rules, place, subject, subject.end, start, past=past)
                found += self._relative(rules, place, subject)
            if found:
                last = subject or last
                steady = all(fact.valid_at is None for fact in found)
                yield from found
            elif subject is not None:
                last = subject

    def _elided(
        self, rules: list[RelationRule], place: Place, subject: Subject, start: int, *, steady: bool
    ) -> list[CandidateFact]:
        """ "Zoe lives in Oslo and works at Acme"; "and love" may be a noun: only after a state."""
        verb = place.sentence.text[start:].split(" ", 1)[0]
        if not steady and not verb.endswith(("s", "ed")):
            rules = [rule for rule in rules if rule.time != "taste"]
        return self._say(rules, place, subject, start - 1, start, past=False)

    def _starts(self, place: Place) -> Iterator[tuple[int, int, bool]]:
        """Clause starts, and past a phrase of time that opens the clause."""
        text = place.sentence.text
        for start, at, past in clause_starts(place.sentence):
            yield start, at, past
            when = place.date_at(at)
            if when is not None and when.start == at:
                rest = text[when.end :]
                yield start, when.end + len(rest) - len(rest.lstrip(", ")), past

    def _relative(
        self, rules: list[RelationRule], place: Place, subject: Subject
    ) -> list[CandidateFact]:
        match = _WHO.match(place.sentence.text, subject.end)
        if match is None or subject.speaker:
            return []
        return self._say(rules, place, subject, match.end(), subject.end, past=False)

    def _say(
        self,
        rules: list[RelationRule],
        place: Place,
        subject: Subject,
        at: int,
        start: int,
        *,
        past: bool,
    ) -> list[CandidateFact]:
        """What is said of a subject right after it."""
        if subject.other is not None:
            return self._pair(place, subject, at, start) or self._both(
                rules, place, subject, at, start, past=past
            )
        found: list[CandidateFact] = []
        types: set[tuple[str, TimeClass]] = set()
        for rule in rules:
            if (past and rule.time not in _PAST_TIMES) or (
                subject.plural and rule.slot == "person"
            ):
                continue
            if (found and rule.type == "did") or not self._fits(rule, subject):
                continue
            made = self._apply(rule, place, subject, at, start)
            if (
                made
                and (made[0].type or rule.type, rule.time) not in types
                and not _covered(made, found)
            ):
                types.add((made[0].type or rule.type, rule.time))
                found += made
        return found

    def _fits(self, rule: RelationRule, subject: Subject) -> bool:
        """Whether a rule may be said of what its subject is."""
        if rule.subject == "any":
            return True
        if subject.speaker or subject.plural:
            return rule.subject == "person"
        kind = self.voice.people.names.kind(subject.name)
        if rule.subject == "person":
            return not subject.thing
        if rule.subject == "organization":
            return kind == "organization" or (kind == "thing" and rule.proves_organization)
        return kind not in {"person", "animal"}

    def _both(
        self,
        rules: list[RelationRule],
        place: Place,
        subject: Subject,
        at: int,
        start: int,
        *,
        past: bool,
    ) -> list[CandidateFact]:
        assert subject.other is not None  # noqa: S101 - the caller has looked
        found: list[CandidateFact] = []
        for name in (subject.name, subject.other):
            one = replace(subject, name=name, other=None, plural=True)
            found += self._say(rules, place, one, at, start, past=past)
        return found

    def _pair(self, place: Place, subject: Subject, at: int, start: int) -> list[CandidateFact]:
        names = self.voice.people.names
        text = place.sentence.text
        if subject.other is None or subject.other == subject.name:
            return []
        for rule in PAIR_RULES:
            match = rule.regex.match(text, at)
            if match is None or (rule.type == "met" and not _ends(place, match.end())):
                continue
            one = names.see(subject.name, "person")
            two = names.see(subject.other, "person")
            thing = Thing(two, two, "person", match.end())
            made = self._fact(rule, place, replace(subject, name=one), thing, start)
            return [made] if made else []
        return []

    def _apply(
        self, rule: RelationRule, place: Place, subject: Subject, at: int, start: int
    ) -> list[CandidateFact]:
        text = place.sentence.text
        match = rule.regex.match(text, at)
        if match is None or not rule.allowed_with(place.sentence.lows):
            return []
        if subject.unsure and not _agrees(text[at : match.end()]):
            return []
        names = self.voice.people.names
        end = match.end()
        if text[end - 1 : end] == " ":
            end -= 1
        made: list[CandidateFact] = []
        things = Slots(names).read(rule, place, end, subject)
        for thing in things:
            # What is told of the last is told of all: "founded by Ada and Bob in 1999".
            of_all = replace(thing, end=things[-1].end)
            fact = self._fact(rule, place, subject, of_all, start)
            if fact is None:
                return []
            made.append(fact)
        if made:
            if not subject.speaker:
                names.see(subject.name, self._proven(rule, subject))
            made += self._extra(rule, place, subject, things[-1], start)
        return made

    def _proven(self, rule: RelationRule, subject: Subject) -> str | None:
        """What kind of thing a subject is, of which this is said."""
        if rule.subject == "person":
            animal = self.voice.people.names.kind(subject.name) == "animal"
            return None if animal else "person"
        return "organization" if rule.proves_organization else None

    def _extra(
        self, rule: RelationRule, place: Place, subject: Subject, thing: Thing, start: int
    ) -> list[CandidateFact]:
        """ "works at Acme as a nurse", "is a nurse at Acme": the other half."""
        if rule.time not in {"state", "change"} or rule.type not in {"works_at", "works_as"}:
            return []
        regex, other = (
            (_EXTRA_ROLE, _ROLE_RULE) if rule.type == "works_at" else (_EXTRA_WORK, _WORK_RULE)
        )
        match = regex.match(place.sentence.text, thing.end)
        if match is None:
            return []
        other = replace(other, time=rule.time)
        more = Slots(self.voice.people.names).read(other, place, match.end(), subject)
        facts = (self._fact(other, place, subject, each, start) for each in more if each.name)
        return [fact for fact in facts if fact is not None]

    def _fact(
        self, rule: RelationRule, place: Place, subject: Subject, thing: Thing, start: int
    ) -> CandidateFact | None:
        when, until = when_of(place, start, thing.end)
        if when is not None and when.future:
            return None
        if rule.dated and not day_or_year(when, place):
            return None
        text = rule.says.replace("{s}", subject.name).replace("{o}", thing.text)
        begins, ends, words = times_of(rule, place, (when, until), self.said_at)
        name = None
        if thing.name is not None:
            name = self.voice.people.names.see(thing.name, thing.kind)
            if name == subject.name:
                return None
        return CandidateFact(
            text + words,
            subject=subject.name if name else None,
            type=(thing.type or rule.type) if name else None,
            object=name,
            entities=(subject.name, name) if name else (subject.name,),
            **valid_from(begins),
            **valid_until(ends),
            importance=rule.weight,
            retracts=rule.time == "end",
        )

    def _posts(self, place: Place) -> Iterator[CandidateFact]:
        found = (
            self._fact(held.rule, place, held.subject, held.thing, held.start)
            for held in (*posts(place, self.voice), *last_days(place, self.voice))
        )
        yield from with_companies([fact for fact in found if fact is not None])

    def _home(self, place: Place) -> Iterator[CandidateFact]:
        """ "My home country, Sweden"."""
        speaker = self.voice.speaker
        match = _HOME.search(place.sentence.text) if speaker is not None else None
        if match is None or speaker is None:
            return
        subject = Subject(speaker, match.start(), speaker=True)
        slots = Slots(self.voice.people.names)
        for thing in slots.read(_FROM_RULE, place, match.end() - 1, subject):
            fact = self._fact(_FROM_RULE, place, subject, thing, match.start())
            if fact is not None:
                yield fact


def _opening_names(voice: Voice, sentence: Sentence) -> list[Span]:
    """All names, and a lone capitalised opening word, which a pattern may prove to be one."""
    sure = voice.people.names.is_sure
    return [s for s in spans(sentence) if not s.initial or sure(s.name) or _namelike(s.name)]


def _namelike(word: str) -> bool:
    return not word.lower().endswith(("ing", "ly", "tion", "ness", "ed")) and len(word) > 2


def _agrees(verb: str) -> bool:
    """The verb after an opening word is one that only a third person takes."""
    first = re.split(r"\s+", verb.strip())
    return any(
        w.endswith(("s", "ed"))
        or w
        in {
            "went",
            "met",
            "left",
            "bought",
            "got",
            "quit",
            "won",
            "founded",
            "grew",
            "began",
            "took",
        }
        for w in (word.lower() for word in first)
    )


def _covered(made: list[CandidateFact], found: list[CandidateFact]) -> bool:
    """The same subject and object are already connected by a rule that came first."""
    pairs = {(f.subject, f.object, f.retracts) for f in found if f.object is not None}
    return all((f.subject, f.object, f.retracts) in pairs for f in made if f.object) and any(
        f.object for f in made
    )


def _ends(place: Place, position: int) -> bool:
    rest = place.sentence.text[position:].lstrip()
    return not rest or not rest[0].isupper()


def _after_and(text: str, start: int) -> bool:
    return bool(re.search(r"(?:\band|\bbut)\s+$", text[max(0, start - 6) : start], re.IGNORECASE))
