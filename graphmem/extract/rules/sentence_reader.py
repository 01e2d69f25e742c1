"""One sentence to candidate facts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from graphmem.extract.rules.changed_values import (
    CHANGE_CUES,
    HANDED_CUES,
    changed_values,
    handed_on,
    rents,
)
from graphmem.extract.rules.clause_times import begins_then, day_or_year, times_of, when_of
from graphmem.extract.rules.dates import MAYBE_DATED, find_dates
from graphmem.extract.rules.deaths_and_partings import DEPARTURE_CUES, Departures
from graphmem.extract.rules.favourites import favourites
from graphmem.extract.rules.fragments import completed
from graphmem.extract.rules.implied_relations import (
    BIRTH_WORDS,
    WITH_CONSEQUENCES,
    birthdays,
    consequences,
    proposals,
)
from graphmem.extract.rules.job_titles import JOB_CUES, job_relations, last_days, with_employers
from graphmem.extract.rules.kin import KIN_WORDS, relatives
from graphmem.extract.rules.name_slots import Filler
from graphmem.extract.rules.named_later import NAMED_LATER_CUES, UNNAMED_WORDS, later_names
from graphmem.extract.rules.object_slots import Slots
from graphmem.extract.rules.phrases import Parse, ends_here
from graphmem.extract.rules.relation_rows import (
    PAIR_RULES,
    RelationRule,
    TimeClass,
    agrees,
    covered,
    rules_for,
)
from graphmem.extract.rules.rewording import REWORDING_CUES, reworded
from graphmem.extract.rules.small_letters import capitalised
from graphmem.extract.rules.subjects import Subject, TurnContext
from graphmem.extract.rules.switches import SWITCH_CUES, switches
from graphmem.extract.rules.tokenizer import Sentence, after_and, clause_starts, titles
from graphmem.extract.rules.word_lists import SENTENCE_BLOCKERS
from graphmem.model import valid_from, valid_until
from graphmem.ports.llm import CandidateFact

_FIRM = re.compile(r"\b(?:starts?|starting|begins?|joins|joining|moves|moving)\b", re.IGNORECASE)
"""What is to be so, firmly: with a date to come, it is a plan."""
_EXTRA_ROLE = re.compile(r"\s+as(?=\s+an?\s)", re.IGNORECASE)
_EXTRA_WORK = re.compile(r"\s+(?:working\s+)?(?:at|for|with)(?=\s)", re.IGNORECASE)
_EXTRA_HOME = re.compile(r",?\s+(?:living|based)\s+in(?=\s)", re.IGNORECASE)
_OF_ANOTHER = re.compile(r"(?!was\b)[a-z]+[^s\W]s\s")
"""A verb that is not of an "I": in "Tom, I think, lives in Rome"."""
_WHO = re.compile(r",?\s+who(?=\s)", re.IGNORECASE)
_OF_US = frozenset({"dating", "married_to", "engaged_to"})
_PAST_TIMES = frozenset({"change", "event", "past", "end", "taste"})
_ROLE_RULE = next(rule for rule in rules_for(frozenset({"works"})) if rule.type == "works_as")
_WORK_RULE = next(rule for rule in rules_for(frozenset({"works"})) if rule.type == "works_at")
_HOME_RULE = next(rule for rule in rules_for(frozenset({"lives"})) if rule.type == "lives_in")


_OF_THE_MOMENT = re.compile(r",?\s+(?:so much\s+)?(?:today|tonight|right now|rn|this morning)\b")


@dataclass
class SentenceReader:
    """Reads one turn's sentences in order; ``stated_at`` is when the turn was stated."""

    context: TurnContext
    stated_at: datetime
    departures: Departures = field(default_factory=Departures)
    again: bool = False
    """What is read now is already another's meaning in plain words."""

    def read(self, sentence: Sentence) -> list[CandidateFact]:
        """The facts that a sentence states plainly."""
        context, names = self.context, self.context.people.names
        if not sentence.whole or sentence.shouted or not sentence.tokens:
            return []
        sentence = completed(capitalised(sentence, names), context)
        text = sentence.text
        dates = find_dates(text, self.stated_at) if MAYBE_DATED.search(text) else ()
        quoted = list(titles(sentence)) if sentence.quotes else ()
        parse = Parse(sentence, names.opening(sentence), dates, quoted)
        kin_facts = [] if sentence.lows.isdisjoint(KIN_WORDS) else [*relatives(parse, context)]
        facts: list[CandidateFact] = []
        if kin_facts or DEPARTURE_CUES.search(text):
            facts += self.departures.read(parse, context, self.stated_at, kin_facts)
        if context.proposed_to is not None or "propose" in text:
            facts += proposals(parse, context, self.stated_at)
        if sentence.lows.isdisjoint(SENTENCE_BLOCKERS):
            facts += self._read_plain(parse)
            if not self.again and not sentence.lows.isdisjoint(REWORDING_CUES):
                facts += self._read_again(parse, facts)
        for fact in list(facts):
            if fact.type in WITH_CONSEQUENCES:
                facts += consequences(fact)
        for fact in facts:
            if fact.subject is not None:
                names.register(fact.subject)
        context.update_referent(parse)
        return facts

    def _read_again(self, parse: Parse, read: list[CandidateFact]) -> list[CandidateFact]:
        """What a loose sentence says beside what was read of it, by its plain words."""
        known = {(f.subject, f.type, f.object) for f in read}
        inner, found = replace(self, again=True), list[CandidateFact]()
        for plain in list(reworded(parse, self.context)):
            stated = (fact for fact in inner.read(Sentence(plain)) if fact.type is not None)
            found += [
                fact for fact in stated if (fact.subject, str(fact.type), fact.object) not in known
            ]
        return found

    def _read_plain(self, parse: Parse) -> Iterator[CandidateFact]:
        """What a sentence says that is neither asked nor supposed: each module of rules is asked
        only where one of its cues stands."""
        context, text, lows = self.context, parse.sentence.text, parse.sentence.lows
        spoken_of, low = context.it, text.lower()
        if "avo" in text:
            yield from favourites(parse, context)
        if JOB_CUES.search(text):
            yield from self._job_relations(parse)
        yield from self._clauses(parse)
        named = context.unnamed is not None or NAMED_LATER_CUES.search(text)
        if named or not lows.isdisjoint(UNNAMED_WORDS):
            yield from later_names(parse, context)
        if SWITCH_CUES.search(low):
            yield from switches(parse, context, self.stated_at)
        if CHANGE_CUES.search(low):
            topic = context.topic or spoken_of
            topic = None if topic and context.people.names.is_somebody(topic) else topic
            for fact in changed_values(text, topic, context.people.names, self.stated_at):
                context.it = fact.subject or context.it
                yield fact
        if HANDED_CUES.search(low):
            yield from handed_on(text, context.speaker, context.people.names)
        if "rent" in lows:
            yield from rents(text, context.speaker, self.stated_at)
        if not lows.isdisjoint(BIRTH_WORDS):
            yield from birthdays(parse, context, self.stated_at)

    def _clauses(self, parse: Parse) -> Iterator[CandidateFact]:
        rules = rules_for(parse.sentence.lows)
        paired = " & " in parse.sentence.text or not parse.sentence.lows.isdisjoint({"and", "we"})
        if not rules and not paired:
            return
        text = parse.sentence.text
        last: Subject | None = None
        steady = False
        done: set[int] = set()
        limit = text.rfind(",") if parse.sentence.question else len(text)
        for start, at, past in self._starts(parse):
            if at in done or start >= limit:
                continue
            subject = self.context.subject(parse, at) or self.context.thing(parse, at)
            if subject is not None and not subject.speaker:
                kind = self.context.people.names.kind(subject.name)
                self.context.it = None if kind in {"person", "animal"} else subject.name
            if subject is None:
                joined = text[start:at].strip() in {"", "and", "but"} and after_and(text, at)
                own = last is not None and last.speaker
                elided = last if joined and not (own and _OF_ANOTHER.match(text, at)) else None
                found = self._elided(rules, parse, elided, at, steady=steady) if elided else []
            else:
                done.add(at)
                found = self._say(rules, parse, subject, subject.end, start, past=past)
                found += self._relative(rules, parse, subject)
            if found:
                last = subject or last
                steady = all(fact.valid_at is None for fact in found)
                yield from found
            elif subject is not None:
                last = subject
        yield from self._who_clauses(rules, parse, done)

    def _who_clauses(
        self, rules: list[RelationRule], parse: Parse, done: set[int]
    ) -> Iterator[CandidateFact]:
        """ "I met a girl called Wren, who works at Acme": of whoever is named before "who"."""
        if "who" not in parse.sentence.lows or parse.sentence.question:
            return
        names = self.context.people.names
        for span in parse.names:
            if span.start not in done and not span.owns and names.may_be_person(span.name):
                subject = Subject(names.canonical_of(span.name), span.end)
                yield from self._relative(rules, parse, subject)

    def _elided(
        self, rules: list[RelationRule], parse: Parse, subject: Subject, start: int, *, steady: bool
    ) -> list[CandidateFact]:
        """ "Zoe lives in Oslo and works at Acme"; "and love" may be a noun: only after a state."""
        verb = parse.sentence.text[start:].split(" ", 1)[0]
        if not steady and not verb.endswith(("s", "ed")):
            rules = [rule for rule in rules if rule.time != "taste"]
        return self._say(rules, parse, subject, start - 1, start, past=False)

    def _starts(self, parse: Parse) -> Iterator[tuple[int, int, bool]]:
        """Clause starts, and past a phrase of time that opens the clause."""
        text = parse.sentence.text
        for start, at, past in clause_starts(parse.sentence):
            yield start, at, past
            when = parse.date_at(at)
            if when is not None and when.start == at:
                rest = text[when.end :]
                yield start, when.end + len(rest) - len(rest.lstrip(", ")), past

    def _relative(
        self, rules: list[RelationRule], parse: Parse, subject: Subject
    ) -> list[CandidateFact]:
        match = _WHO.match(parse.sentence.text, subject.end)
        if match is None or subject.speaker:
            return []
        return self._say(rules, parse, subject, match.end(), subject.end, past=False)

    def _say(
        self,
        rules: list[RelationRule],
        parse: Parse,
        subject: Subject,
        at: int,
        start: int,
        *,
        past: bool,
    ) -> list[CandidateFact]:
        """What is said of a subject right after it."""
        if subject.plural and (of_us := self._of_us(parse, subject, at, start)):
            return of_us
        names = self.context.people.names
        if subject.other is not None:
            if pair := self._pair(parse, subject, at, start):
                return pair
            # "are" is right of the two of whom one is a person
            doubtful = subject.uncertain and not names.is_person(subject.other)
            one = replace(subject, other=None, more=(), plural=True, uncertain=doubtful)
            each = (replace(one, name=n) for n in (subject.name, subject.other, *subject.more))
            return [f for s in each for f in self._say(rules, parse, s, at, start, past=past)]
        first = subject.speaker or subject.plural
        found: list[CandidateFact] = []
        types: set[tuple[str, TimeClass]] = set()
        for rule in rules:
            theirs = subject.plural and rule.slot == "person"
            if theirs or (past and rule.time not in _PAST_TIMES):
                continue
            if found and rule.type == "did":
                continue
            if not rule.fits(names.kind(subject.name), first_person=first, thing=subject.thing):
                continue
            made = self._apply(rule, parse, subject, at, start)
            dated = (made[0].type or rule.type, rule.time) if made else None
            if dated is not None and dated not in types and not covered(made, found):
                types.add(dated)
                found += made
        return found

    def _of_us(self, parse: Parse, subject: Subject, at: int, start: int) -> list[CandidateFact]:
        """ "His name is Emeka, we've been dating since May": of the speaker and whom they name."""
        other = self.context.only_person(parse, start)
        if other is None:
            return []
        made = self._pair(parse, replace(subject, other=other, plural=False), at, start)
        return [fact for fact in made if fact.type in _OF_US]

    def _pair(self, parse: Parse, subject: Subject, at: int, start: int) -> list[CandidateFact]:
        names = self.context.people.names
        text = parse.sentence.text
        if subject.other is None or subject.other == subject.name or subject.more:
            return []
        for rule in PAIR_RULES:
            match = rule.regex.match(text, at)
            if match is None or (rule.type == "met" and not ends_here(parse, match.end())):
                continue
            one = names.register(subject.name, "person")
            two = names.register(subject.other, "person")
            thing = Filler(two, two, "person", match.end())
            made = self._fact(rule, parse, replace(subject, name=one), thing, start)
            return [made] if made else []
        return []

    def _apply(
        self, rule: RelationRule, parse: Parse, subject: Subject, at: int, start: int
    ) -> list[CandidateFact]:
        text = parse.sentence.text
        match = rule.regex.match(text, at)
        if match is None or not rule.allowed_with(parse.sentence.lows):
            return []
        if subject.uncertain and not agrees(text[at : match.end()]):
            return []
        names = self.context.people.names
        end = match.end()
        if text[end - 1 : end] == " ":
            end -= 1
        made: list[CandidateFact] = []
        things = Slots(names, self.context.speaker).read(rule, parse, end, subject)
        for thing in things:
            # What is told of the last is told of all: "founded by Ada and Bob in 1999".
            of_all = thing if thing is things[-1] else replace(thing, end=things[-1].end)
            fact = self._fact(rule, parse, subject, of_all, start)
            if fact is None:
                return []
            made.append(fact)
        if made:
            if not subject.speaker:
                names.register(subject.name, rule.proves(names.kind(subject.name)))
            if extra := self._extra(rule, parse, subject, things[-1], start):
                return with_employers([*made, *extra])
        return made

    def _extra(
        self, rule: RelationRule, parse: Parse, subject: Subject, thing: Filler, start: int
    ) -> list[CandidateFact]:
        """ "works at Acme as a nurse", "is a nurse at Acme": the other half."""
        if rule.time not in {"state", "change"} or rule.type not in {"works_at", "works_as"}:
            return []
        job = rule.type == "works_at"
        regex, other = (_EXTRA_ROLE, _ROLE_RULE) if job else (_EXTRA_WORK, _WORK_RULE)
        text, when = parse.sentence.text, parse.date_at(thing.end + 1)
        match = regex.match(text, when.end if when else thing.end)  # "at Acme on Monday as a nurse"
        home = _EXTRA_HOME.match(text, thing.end)
        if home is not None:
            match, other = home, _HOME_RULE
        if match is None:
            return []
        other = replace(other, time=rule.time)
        more = Slots(self.context.people.names).read(other, parse, match.end(), subject)
        facts = (self._fact(other, parse, subject, each, start) for each in more if each.name)
        return [fact for fact in facts if fact is not None]

    def _fact(
        self, rule: RelationRule, parse: Parse, subject: Subject, thing: Filler, start: int
    ) -> CandidateFact | None:
        when, until = when_of(parse, start, thing.end)
        ahead = when is not None and when.future
        begun = rule.time == "state" and when is not None and begins_then(parse, when)
        plan = ahead and (
            begun or ((rule.plan or rule.time == "change") and _FIRM.search(parse.sentence.text))
        )
        if ahead and not plan and rule.time != "end":
            return None
        if (rule.dated or rule.plan) and not plan and not day_or_year(when, parse):
            return None
        if rule.time == "taste" and _OF_THE_MOMENT.match(parse.sentence.text, thing.end):
            return None
        text = rule.says.replace("{s}", subject.name).replace("{o}", thing.text)
        begins, ends, words = times_of(rule, parse, (when, until), self.stated_at)
        if begun and begins is None and when is not None:
            begins, words = when.date, f" {when.text}"
        name = None
        if thing.name is not None:
            name = self.context.people.names.register(thing.name, thing.kind)
            if name == subject.name:
                return None
        if plan:
            begins = when.date if when is not None else None
            words = words if begins is not None else ""
            text = text.replace(" started ", " starts ", 1).replace(" moved ", " moves ", 1)
        related = name is not None or rule.slot == "all"
        return CandidateFact(
            text + words,
            subject=subject.name if related else None,
            type=(thing.type or rule.type) if related else None,
            object=name,
            entities=(subject.name, name) if name else (subject.name,),
            **valid_from(begins),
            **valid_until(ends),
            importance=rule.weight,
            retracts=rule.time == "end",
            modality="planned" if plan else "stated",
        )

    def _job_relations(self, parse: Parse) -> Iterator[CandidateFact]:
        found = (
            self._fact(job.rule, parse, job.subject, job.thing, job.start)
            for job in (*job_relations(parse, self.context), *last_days(parse, self.context))
        )
        yield from with_employers([fact for fact in found if fact is not None])
