"""What a line of a note says of somebody whom it names: "Lupe Marín - photographer, ex-Guardian.
Partner: Gethin", "photographer: Lupe Marín, lives in Cardiff"."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime

from graphmem.clock import MONTHS
from graphmem.extract.rules.dates import find_dates
from graphmem.extract.rules.names import FIRST_NAMES, NameRegistry
from graphmem.extract.rules.notes.firms import is_doubtful
from graphmem.extract.rules.notes.keys import GENERIC_TITLES
from graphmem.extract.rules.notes.person_facts import (
    CAPITALISED,
    NAME,
    PIECES,
    PLAIN_NAME,
    ROLE_AT,
    PersonFacts,
)
from graphmem.extract.rules.word_lists import (
    FEMALE_KIN,
    KIN,
    LANGUAGES,
    MALE_KIN,
    NOT_NAMES,
    ORG_SUFFIXES,
    WEEKDAYS,
    is_occupation,
    is_post,
)
from graphmem.model import valid_from
from graphmem.ports.llm import CandidateFact

_BULLET = re.compile(r"^\s*(?:[-*+•]|\d{1,2}[.)])\s+")
_PERSON_LINE = re.compile(
    r"\s*(?:(?:[-*+•]|\d{1,2}[.)])\s+)?[*_]{0,2}(?P<who>[^\W\d_a-z][\w'-]+(?:\s+(?:(?:de|van|von|der|den|al|el|da)\s+)?"
    r"[^\W\d_a-z][\w'-]+){0,3})[*_]{0,2}\s*(?P<sep>,|\(|:|=|→|->|\s[-–—])\s*(?P<rest>.+)$"
)
_ROLE_LINE = re.compile(
    r"\s*(?:(?:[-*+•]|\d{1,2}[.)])\s+)?[*_]{0,2}(?:(?:[Tt]he|[Oo]ur|[Mm]y)\s+)?(?:[Nn]ew\s+)?"
    r"(?P<role>(?:[Hh]ead|[Dd]irector|VP|[Cc]hief) of [A-Za-z]+|[A-Za-z]+(?:[ -][a-z]+){0,3})"
    r"[*_]{0,2}\s*"
    r"(?P<sep>:|=|→|->|\s[-–—]|\s(?=[A-Z]))[*_\s]*(?P<who>[^\W\d_a-z][\w'-]+(?:\s+(?:(?:de|van|von|der|den|al|el|da)\s+)?"
    r"[^\W\d_a-z][\w'-]+){0,3})\s*(?P<rest>(?:[,;.(+\d]|\s[-–—]\s|→).*)?$"
)
_AT_FIRM = re.compile(
    r"\s*(?P<bullet>(?:[-*+•]|\d{1,2}[.)])\s+)?(?P<who>[^\W\d_a-z][\w'-]+(?:\s[^\W\d_a-z][\w'-]+){1,2})"
    rf"\s(?P<by>at|@|with)\s(?:the\s)?(?P<org>{NAME.replace('.', '')})"
    r"(?P<rest>\s*(?:[,;.(]|\s[-–—]\s).*)?$"
)
_ASSIGNEE = re.compile(
    r"@?(?P<who>[^\W\d_a-z][\w'-]+(?:\s+[^\W\d_a-z][\w'-]+){0,2})\s*(?::|\s[-–—]"
    r"|\s+to)\s+(?P<what>.+)$"
)
_AT_NAME = re.compile(r"@(?P<who>[^\W\d_a-z][\w'-]+)\s+(?P<what>.+)$")
_TITLES = re.compile(
    r"\b(?:(?:Dr|Prof|Mr|Mrs|Ms|Miss|Mdm|Rev|Fr)\.?\s+(?=[^\W\d_a-z])"
    r"|(?:Father|Sister|Pastor|Imam|Rabbi|Madam)\s+(?=[^\W\d_a-z]\w+\s[^\W\d_a-z]))"
)
_KIN_LINE = re.compile(
    r"\s*(?:(?:[-*+•]|\d{1,2}[.)])\s+)?[*_]{0,2}(?:[Mm]y\s+)?(?:[Nn]ew\s+)?(?P<kin>[A-Za-z-]+)[*_]{0,2}"
    r"(?P<sep>\s*(?::|=|\s[-–—])[*_\s]*|\s\(?)"
    r"(?P<who>[^\W\d_a-z][\w'-]+(?:\s+[^\W\d_a-z][\w'-]+){0,2})\)?"
    r"(?P<rest>\s*(?:(?:[,;.(]|[-–—]\s).*)?)$"
)
_GOES_ON = re.compile(r"[,)]\s*(?:is|was|are|were)\s", re.IGNORECASE)
"""After a bracket or a comma: a sentence with something put in, no line of notes."""
_OF_TIME = frozenset({*MONTHS, *WEEKDAYS, "since", "until", "till", "from", "by"}) - {"may", "june"}
"""No part of a name: "Since March: Oslo"."""
_HOURS = re.compile(
    r"-|\b(?:remote|freelance|retired|nights|days|shifts|locum|temp|contract)\b", re.I
)
_ARTICLES = frozenset({"The", "A", "An"})
_CHAIRS = frozenset({"chairman", "chairwoman", "captain", "coach"})
"""Posts where somebody with two names stands behind a colon."""
_WHOLE_POST = re.compile(r"C[ETFOIMP]O|CISO|(?:[Hh]ead|[Dd]irector|VP|[Cc]hief) of [A-Za-z]+")
_NO_POST = frozenset(
    {"chair", "chairman", "chairwoman", "author", "writer", "driver", "lead", "head"}
) | frozenset({"old", "former", "previous", "ex", "next", "possible", "potential", "maybe"})


@dataclass(frozen=True, slots=True)
class PeopleReader(PersonFacts):
    """Reads lines about one person, over what is known about names."""

    def line(
        self, line: str, topic: str | None = None
    ) -> tuple[str, list[CandidateFact], list[str]] | None:
        """Whom a line is about, with facts, and sentences for the other rules; None when it is no
        such line. Relatives are of the writer, or of the person whom the heading names."""
        line = _TITLES.sub("", line)
        owner = topic if topic is not None and _is_of_one(self.names, topic) else self.speaker
        if relative := self._relative(line, owner):
            return relative
        match = _PERSON_LINE.match(line)
        found = self._named(match) if match is not None else None
        return found or self._at_firm(line) or self._of_role(line)

    def _at_firm(self, line: str) -> tuple[str, list[CandidateFact], list[str]] | None:
        """ "- Ada Park at Acme, Oslo", "Ada Park @ Acme"."""
        match = _AT_FIRM.match(line)
        if match is None or not (match["bullet"] or match["by"] == "@"):
            return None
        org = match["org"].rstrip(".")
        if not self._may_be(match["who"]) or not self._is_firm(org):
            return None
        name = self.names.register(self.names.canonical_of(match["who"]), "person")
        more, sentences = self.parts(name, match["who"], match["rest"] or "")
        return name, [*self.at(name, org), *more], sentences

    def task(self, text: str, stated_at: datetime) -> list[CandidateFact]:
        """A task that somebody is to do."""
        given = _ASSIGNEE.match(text) or _AT_NAME.match(text)
        if given is None or not self.names.may_be_person(given["who"]):
            return []
        who, what = self.names.canonical_of(given["who"]), given["what"].strip()
        if who.lower() in NOT_NAMES:
            return []
        due = next((d for d in find_dates(f"due {what}", stated_at) if d.at is not None), None)
        self.names.register(who, "person")
        begins = valid_from(due.date if due else None)
        says = f"{who} is to {what}"
        return [CandidateFact(says, entities=(who,), modality="planned", importance=0.5, **begins)]

    def of_known(
        self, topic: str | None, line: str
    ) -> tuple[list[CandidateFact], list[str]] | None:
        """What a line says of who writes, or of whose relative stands below their heading."""
        kin = self._kin_of_topic(topic, line)
        return (kin, []) if kin else self._of_writer(line)

    def _of_writer(self, line: str) -> tuple[list[CandidateFact], list[str]] | None:
        """ "me: site manager since May, report to Ada Berg"; None of another line."""
        match = _ME_LINE.match(line)
        if match is None or self.speaker is None:
            return None
        facts: list[CandidateFact] = []
        sentences: list[str] = []
        for piece in PIECES.split(match["rest"]):
            part = piece.strip(" .:*_–—-")
            first = part.partition(" ")[0].lower()
            found = list(self._part(self.speaker, part)) if part else []
            if found:
                facts += found
            elif part.endswith(")") or " for a " in part:
                continue
            elif first in _I_AM:
                sentences.append(f"I'm {part}")
            elif first in _I_DO:
                sentences.append(f"I {part}")
        return facts, sentences

    def _kin_of_topic(self, topic: str | None, line: str) -> list[CandidateFact]:
        """ "… Wife Priya, vet" below somebody's heading: their wife, whoever else is named."""
        if topic is None or not _is_of_one(self.names, topic):
            return []
        facts: list[CandidateFact] = []
        for match in _OWN_KIN.finditer(line):
            word, name = match["kin"].lower(), match["name"].rstrip(".")
            if word in FEMALE_KIN | MALE_KIN and word in KIN and self._may_be(name):
                facts += self._kin(topic, word, name)
                if match["role"]:
                    facts += self.roles(self.names.canonical_of(name), match["role"], None)
        opening = ROLE_AT.match(PIECES.split(_BULLET.sub("", line).strip())[0])
        if opening and opening["org"] and self._is_field(opening["role"], opening["org"]):
            facts += self.at(topic, opening["org"])
        return facts

    def _relative(
        self, line: str, owner: str | None
    ) -> tuple[str, list[CandidateFact], list[str]] | None:
        """ "Dad - Gwilym, 79, lives in Conwy", "GP: Dr Lund, Hill Surgery"."""
        match = _KIN_LINE.match(line)
        word = match["kin"].lower() if match else ""
        if match is None or owner is None or word not in KIN:
            return None
        if word in _CLERGY and not match["sep"].strip():  # "Father Patrick" may be a priest
            return None
        who = match["who"]
        first = who.lower().partition(" ")[0]
        if match["sep"] in {" ", " ("} and not (first in FIRST_NAMES or self.names.is_person(who)):
            return None  # "Mum Lego"
        if not self._may_be(who) or who.lower().split()[-1] in ORG_SUFFIXES:
            return None
        name = self.names.register(self.names.canonical_of(who), "person")
        facts = list(self._kin(owner, word, name))
        more, sentences = self.parts(name, who, match["rest"] or "")
        return name, [*facts, *more], sentences

    def _named(self, match: re.Match[str]) -> tuple[str, list[CandidateFact], list[str]] | None:
        """ "Hanneke Vos - staff engineer, lives in Utrecht"."""
        who = match["who"].removesuffix("'s")
        known = self.names.is_person(who) or who.lower() in FIRST_NAMES
        alone = " " not in who and not known
        post, _, first = who.lower().partition(" ")
        if is_occupation(post) and first in FIRST_NAMES:
            return None  # "Secretary Brian, 0113 496 0000"
        if (
            not self._may_be(who)
            or (match["sep"] in {":", "="} and alone)
            or _GOES_ON.search(match["rest"])
        ):
            return None
        name = self.names.canonical_of(who)
        facts, sentences = self.parts(name, who, match["rest"])
        starts = _TO_START.search(match["rest"])
        if starts and (post := next((f.object for f in facts if f.type == "works_as"), None)):
            facts = [f for f in facts if f.type not in {"works_as", "works_at"}]
            sentences = [f"{who} starts as {post} on {starts['when'].strip()}"]
            self.names.register(name, "person")
        facts += self._firm(match, name, bool(facts or sentences), facts)
        if not facts and not sentences:
            return None
        if facts:
            self.names.register(name, "person")
        return name, facts, sentences

    def kin_of(self, owner: str, word: str, name: str | None) -> list[CandidateFact]:
        """What somebody is to whom a list of relatives or friends belongs."""
        return list(self._kin(owner, word, name)) if name is not None else []

    def role_and_firm(self, name: str, value: str) -> list[CandidateFact]:
        """ "Designer, Acme", "designer at Acme, Oslo": what somebody does, where."""
        facts, _ = self.parts(name, name, value)
        first, _, firm = (part.strip(" .") for part in value.partition(","))
        works = any(f.type == "works_as" for f in facts)
        if works and not any(f.type == "works_at" for f in facts) and first and self._is_firm(firm):
            facts += self.at(name, firm)
        return facts

    def _is_firm(self, name: str) -> bool:
        """Whether a name behind what somebody does is of where: no person, place or month."""
        kind = self.names.kind(name)
        return (
            PLAIN_NAME.fullmatch(name) is not None
            and kind in {"thing", "organization"}
            and not self._is_persons(name)
            and _HOURS.search(name) is None
            and _OF_TIME.isdisjoint(name.lower().split())
            and not is_occupation(name.lower().split()[-1])
            and name.lower() not in NOT_NAMES | LANGUAGES
        )

    def _may_be(self, who: str) -> bool:
        low = who.lower()
        return (
            self.names.may_be_person(who)
            and low not in NOT_NAMES
            and low.split()[0] not in KIN
            and low not in LANGUAGES
            and GENERIC_TITLES.union(_OF_TIME).isdisjoint(low.split())
            and self.names.kind(who) in {"person", "thing"}
        )

    def _firm(
        self, match: re.Match[str], name: str, sure: bool, facts: list[CandidateFact]
    ) -> list[CandidateFact]:
        """The Acme of "Ada Park (Acme), lives in Oslo"; in "The Overstory (Richard Powers)" stands
        who wrote it."""
        firm = match["rest"].partition(")")[0].strip()
        if match["sep"] != "(" or not PLAIN_NAME.fullmatch(firm) or self._is_persons(firm):
            return []
        given = match["who"].split()[0]
        known = self.names.is_person(match["who"]) or given.lower() in FIRST_NAMES
        if given in _ARTICLES or not (sure or known or self.names.kind(firm) == "organization"):
            return []
        if (
            self.names.kind(firm) in {"thing", "organization"}
            and not any(f.object == firm for f in facts)
            and " " in match["who"]
            and not firm.isupper()
            # By itself it is as likely a title: "Flute Sonata (Prokofiev)".
            and (sure or _BULLET.match(match.string))
        ):
            return list(self.at(name, firm))
        return []

    def _is_persons(self, name: str) -> bool:
        """Whether what stands in brackets is somebody's name, and no employer's."""
        first, _, more = name.lower().partition(" ")
        if more.rpartition(" ")[2] in ORG_SUFFIXES or "&" in more or " and " in more:
            return False
        return self.names.is_person(name) or (bool(more) and first in FIRST_NAMES)

    def _of_role(  # noqa: PLR0911 - one return for each reason
        self, line: str
    ) -> tuple[str, list[CandidateFact], list[str]] | None:
        """ "photographer: Lupe Marín, lives in Cardiff"."""
        match = _ROLE_LINE.match(line)
        if match is None:
            return None
        role, who = match["role"].lower(), match["who"]
        parts = who.lower().split()
        post = _WHOLE_POST.fullmatch(match["role"]) and not match["sep"].isspace()
        both = " " in role and match["sep"] == ":"  # "field lead"
        barred = _NO_POST - {"lead", "head", "chair", "writer"} if both else _NO_POST
        last = role.split()[-1]
        fits = is_post(role) or (is_occupation(last) and not barred & set(role.split()))
        fits = fits or (last in _CHAIRS and " " in who and match["sep"] in {":", "="})
        if not (post or fits) or role in KIN:
            return None
        if not self._may_be(who) or parts[-1] in ORG_SUFFIXES or parts[-1] in KIN:
            return None
        if is_occupation(parts[-1].removesuffix("s")) or _GOES_ON.search(match["rest"] or ""):
            return None
        if _BASED.search(line) or is_doubtful(match["rest"] or ""):
            return None  # a firm, or perhaps nobody
        short = who.lower() in FIRST_NAMES and (match["rest"] or "").startswith((",", "("))
        if match["sep"].isspace() and not short and (" " not in who or match["role"] != role):
            return None
        name = self.names.register(self.names.canonical_of(who), "person")
        if starts := _STARTS.search(match["rest"] or ""):
            return name, [], [f"{who} starts as {role} on {starts['when'].strip()}"]
        facts = list(self.roles(name, match["role"] if post else role, None))
        if _IS_NEW.match(line):
            facts = [replace(f, text=f"{name} is the new {f.object}") for f in facts]
        more, sentences = self.parts(name, who, match["rest"] or "")
        firm = re.fullmatch(rf"\s*\((?P<org>{NAME})\)\s*", match["rest"] or "")
        if (
            firm is not None
            and not more
            and not self._is_persons(firm["org"])
            and self.names.kind(firm["org"]) in {"thing", "organization"}
        ):
            more = list(self.at(name, firm["org"]))
        return name, [*facts, *more], sentences


def _is_of_one(names: NameRegistry, topic: str) -> bool:
    """Whether a heading names a person, as far as one can tell."""
    known = topic.lower().split()[0] in FIRST_NAMES and names.may_be_person(topic)
    return names.is_person(topic) or known


_ME_LINE = re.compile(r"\s*(?:[-*+•]\s+)?(?:[Mm]e|[Mm]yself)\s*(?::|=|\s[-–—])\s*(?P<rest>\S.*)$")
_CLERGY = frozenset({"father", "mother", "sister", "brother"})
_I_AM = frozenset({"based", "living", "working", "married", "engaged", "allergic"})
_I_DO = frozenset({"answer", "report", "live", "work", "run", "manage", "lead"})
_OWN_KIN = re.compile(
    r"(?:^\s*(?:[-*+•]\s+)?|\.\s+)(?P<kin>[A-Z][a-z-]+)(?:\s+is|\s+called|:)?\s+"
    rf"(?P<name>{CAPITALISED}(?:\s+{CAPITALISED})?)(?:,\s+(?P<role>[A-Za-z]+(?:\s[a-z]+){{0,2}}))?"
    r"(?=\s*(?:$|[.,;(]))"
)
_TO_START = re.compile(
    r"[,;]\s*(?:starts|starting|joins|joining)\s+(?:on\s+)?"
    r"(?P<when>\d{1,2}(?:st|nd|rd|th)?\s+[A-Z][a-z]+|[A-Z][a-z]+\s+\d{1,2}(?:st|nd|rd|th)?)\b"
)
_STARTS = re.compile(
    r"(?:[,;(]|\s[-–—])\s*(?:starts|starting|joins|joining|from|as of)\s+"
    r"(?:on\s+)?(?P<when>\d[^,;).]*)"
)
_IS_NEW = re.compile(r"\W*(?:the\s+|our\s+)?new\s", re.IGNORECASE)
_BASED = re.compile(r"\bbased (?:in|at)\b|\b(?:Ltd|Inc|GmbH|BV|B\.V|AG|LLP|plc)\b")
