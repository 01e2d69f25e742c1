"""What a piece of a line of notes says of one person: a role and where, relatives, a pet, a
birthday, a town."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from graphmem.extract.rules.attributes import value_forms
from graphmem.extract.rules.names import NameRegistry
from graphmem.extract.rules.notes.groups import BARE, VERBS
from graphmem.extract.rules.word_lists import (
    KIN,
    ORG_SUFFIXES,
    PETS,
    is_occupation,
    is_post,
    word_set,
    word_table,
)
from graphmem.ports.llm import CandidateFact

CAPITALISED = r"[^\W\d_a-z][\w.'&+#-]*"
NAME = rf"{CAPITALISED}(?:\s+(?:(?:of|the|and|de|van|von|der|den|&)\s+){{0,2}}{CAPITALISED}){{0,4}}"
PLAIN_NAME = re.compile(NAME)
_AND = re.compile(r"^(?:and|or|&|my|our|the)\s+", re.IGNORECASE)
_OVER = frozenset({"old", "former", "previous", "ex", "retired", "late"})
_NO_ROLE = frozenset({"is", "was", "are", "were", "as", "in", "at", "on", "by", "from", "with"})
PIECES = re.compile(r"\s*(?:[,;()→]|->|\s[-–—/]\s|(?:(?<=[a-z0-9])|(?<=[A-Z]{2}))\.(?=\s|$))\s*")
ROLE_AT = re.compile(
    rf"(?P<role>(?:[A-Za-z&/'-]+\s+){{0,4}}?[A-Za-z-]+(?:\s+of\s+[A-Za-z]+(?:\s+and\s+[A-Za-z]+)?)?)(?:\s+(?:at|of|@|for)\s+(?:the\s+)?(?P<org>{NAME}))?$"
)
_POSTS = re.compile(
    r"(?:C[ETFOIMP]O|CISO|VP|PM|PO|MD|HR|GP|head|director|lead|owner|chair\w*|founder|co-founder|(?:vice-)?captain|secretary|treasurer)$",
    re.IGNORECASE,
)
_EX = re.compile(
    r"(?i:ex|formerly|previously|before that|used to be at|was at)[- ](?:(?:at|of|with)\s+)?"
    rf"(?:the\s+)?(?P<org>{NAME})$"
)
_KIN_PART = re.compile(
    rf"(?:(?:his|her|their|the)\s+)?(?P<kin>[A-Za-z-]+)(?::|\s+is|\s+called|\s+named|,)?\s+(?P<name>{NAME})$"
)
_OF_LIFE = word_set("note_verbs")
_KEYED = re.compile(r"(?P<key>[A-Za-z][A-Za-z -]{1,20}?)(?::\s*|\s+)(?P<value>\S.*)$")
_DIETS = word_table("diets")
_ALLERGY = re.compile(r"(?:severe |bad |mild )?(?P<what>[a-z]+(?: [a-z]+)?) allergy")
_CONDITIONS = word_table("names_of_conditions") | {
    word: word for word in word_set("conditions") - word_set("vague_conditions")
}
_STILL_IN = re.compile(
    rf"(?:[Ss]till|[Nn]ow|[Bb]ack) in (?P<place>{CAPITALISED}(?:\s+{CAPITALISED})?)"
)
_NO_FIRM = frozenset({"thing", "place"})
_CHILDREN = re.compile(
    r"(?:\b(?:two|three|four|\d|his|her|their|has|with)\s){0,2}(?:\blittle\s)?"
    r"\b(?:girls|boys|kids|children|sons|daughters)(?::|,)?"
    rf"\s\(?(?P<names>{CAPITALISED}(?:(?:, (?:and )?| and | & ){CAPITALISED})+)\)?"
)
"""In "two girls (Ada, Zee)", whose they are."""
_LATELY = re.compile(
    r"^(?:now|currently|also) (?=(?:has|runs|owns|lives|works|teaches|studies|leads) )"
)
_WED = re.compile(rf"(?:got )?[Mm]arried (?:to )?(?P<who>{NAME})(?=$| (?:in|on|from|last|this)\b)")
_OF_SOMEBODY = re.compile(
    rf"(?:{CAPITALISED}'s|our)\s+(?:(?:little|big|older|younger|elder|twin|best|old|new)\s+)?[a-z-]+$"
)
_DIED = re.compile(rf"{CAPITALISED}\s+(?:has\s+)?(?:died|passed\s+away)\b")
_NOW_AT = re.compile(
    rf"(?i:(?:now|also)\s+(?:at|with)|now\s+works\s+(?:at|for))\s+(?P<org>{NAME})$"
)
_PET = re.compile(
    rf"(?:(?:a|his|her|their|the|1|one)\s+)?(?P<pet>[A-Za-z]+)(?:\s+(?:called|named))?\s+(?P<name>{CAPITALISED})$"
)
_FIELD = re.compile(
    r"(?:still )?(?:in |on the )?(?:accounts|sales|marketing|finance|hr|it|legal|procurement|admin"
    r"|logistics|payroll|ops|operations|engineering|research|design|support|dispatch|maintenance)"
    r"(?P<team> (?:side|team|department|dept))?"
)
"""In "accounts side at Lim & Gopal", what somebody does there."""
_IN_PLACE = re.compile(
    rf"\s+(?:in\s+{NAME}|since\s.*|(?:as of|from)\s+(?:today|now|\d.*|{NAME}.*)|now|by\s+trade)$"
)
_WAS = re.compile(
    r"(?:was|formerly|previously|until now)\s+(?:the\s+)?(?P<role>(?:[a-z]+ )*(?P<head>[a-z]+))$"
)
"""What somebody was, who is something else now."""
_BORN = frozenset({"birthday", "bday", "b-day", "born", "dob", "b."})
_A_DATE = 20
_AT_FIRMS = frozenset({"partner", "associate", "principal", "intern", "trainee"})
"""Posts, where a firm is named behind them."""
_PET_ASIDE = re.compile(rf"\b(?P<pet>{'|'.join(sorted(PETS))}) \((?P<name>{CAPITALISED})\)")
_B_DOT = re.compile(r"\bb\.\s(?=\d)")
_BORN_IN = re.compile(
    rf"(?:b\.?|born)\s(?:(?:on\s)?[\w ]{{0,12}}\d{{4}},?\s)?in\s"
    rf"(?P<place>{CAPITALISED}(?:\s{CAPITALISED})?)$"
)
_WEIGHT = 0.7


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """Makes facts about one person, over what is known about names."""

    names: NameRegistry
    speaker: str | None = None

    def parts(self, name: str, who: str, rest: str) -> tuple[list[CandidateFact], list[str]]:
        """What the pieces of a line say of the one whom it names."""
        facts: list[CandidateFact] = []
        sentences: list[str] = []
        firm: str | None = None
        rest = _B_DOT.sub("born ", _PET_ASIDE.sub(r"\g<pet> \g<name>", rest))
        if children := _CHILDREN.search(rest):
            for child in re.split(r", (?:and )?| and | & ", children["names"]):
                facts += self._kin(name, "child", child)
            rest = rest[: children.start()] + rest[children.end() :]
        for piece in PIECES.split(rest):
            part = _LATELY.sub("", piece.strip(" .:*_–—-!"))
            if not part:
                continue
            if firm is not None and self.names.kind(part) == "place":
                says = f"{firm} is based in {part}"
                facts.append(CandidateFact(says, firm, "based_in", part, (firm, part)))
                continue
            firm = part if self.names.kind(part) == "organization" else None
            found = list(self._part(name, part))
            if found:
                facts += found
            elif _OF_SOMEBODY.match(part):
                sentences.append(f"{who} is {part}")
            elif _DIED.match(part):
                sentences.append(part)
            elif wed := _WED.match(part):
                sentences.append(f"{who} is married to {wed['who']}")
            elif now := _NOW_AT.match(part):
                sentences.append(f"{who} started working at {now['org']}")
            elif (first := part.split()[0].lower()) in VERBS | _OF_LIFE:
                verb = "is " if first in BARE or first in {"from", "in", "allergic"} else ""
                part = part[0].lower() + part[1:]
                sentences.append(f"{who} {verb}{part.replace(' + ', ' and ')}")
        return facts, sentences

    def _part(  # noqa: PLR0912 - one branch for each kind of piece
        self, name: str, part: str
    ) -> Iterator[CandidateFact]:
        low = part.lower()
        if valued := value_forms(part):
            yield _valued(name, *valued)
        elif (found := self._by_itself(name, part)) is not None:
            yield found
        elif low in KIN and is_occupation(low):
            yield from self.roles(name, low, None)  # "Kate, teacher" may teach anybody
        elif low.removeprefix("my ") in KIN and self.speaker is not None:
            yield from self._kin(self.speaker, low.removeprefix("my "), name)
        elif (pet := _PET.match(part)) and pet["pet"].lower() in PETS:
            animal = self.names.register(pet["name"], "animal")
            yield _fact(
                f"{name} has a {pet['pet'].lower()} named {animal}", name, "has_pet", animal
            )
        elif (was := _WAS.match(part)) and (is_post(was["role"]) or is_occupation(was["head"])):
            says = f"{name} is no {was['role']} any more"
            yield replace(_fact(says, name, "works_as", was["role"]), retracts=True)
        elif born := _BORN_IN.match(part):
            place = self.names.register(born["place"], "place")
            yield _fact(f"{name} was born in {place}", name, "born_in", place)
        elif ex := _EX.match(part):
            self.names.register(ex["org"], "organization")
            yield _past_job(name, ex["org"])
        elif (kin := _KIN_PART.match(part)) and (word := kin["kin"].lower()) in KIN:
            yield from self._kin(name, word, kin["name"])
        elif (keyed := _KEYED.match(part)) and keyed["key"].lower() in _BORN:
            if any(char.isdigit() for char in keyed["value"]) and len(keyed["value"]) < _A_DATE:
                yield _valued(name, "birthday", keyed["value"])
        elif self.names.kind(part) == "place" and PLAIN_NAME.fullmatch(part):
            yield _fact(f"{name} lives in {part}", name, "lives_in", part)
        elif role := ROLE_AT.match(_IN_PLACE.sub("", part)):
            yield from self.roles(name, role["role"].strip(), role["org"])
            firm = self.names.kind(part) == "organization" and PLAIN_NAME.fullmatch(part)
            if role["org"] is None and firm:
                yield from self.at(name, self.names.canonical_of(part))

    def _by_itself(self, name: str, part: str) -> CandidateFact | None:
        """ "Vegan", "nut allergy", "asthma", "still in Oslo": what a word or two say."""
        low = part.lower()
        if low in _DIETS:
            return _fact(f"{name} is {_DIETS[low]}", name, "follows_diet", _DIETS[low])
        if allergy := _ALLERGY.fullmatch(low):
            what = allergy["what"]
            return _fact(f"{name} is allergic to {what}", name, "allergic_to", what)
        if low in _CONDITIONS:
            return _fact(f"{name} has {_CONDITIONS[low]}", name, "has_condition", _CONDITIONS[low])
        still = _STILL_IN.fullmatch(part)
        if still is None or self.names.kind(still["place"]) not in _NO_FIRM:
            return None
        place = self.names.register(still["place"], "place")
        return _fact(f"{name} lives in {place}", name, "lives_in", place)

    def _kin(self, name: str, word: str, given: str) -> Iterator[CandidateFact]:
        if not self.names.may_be_person(given):
            return
        other = self.names.register(self.names.canonical_of(given), "person")
        self.names.register(name, "person")
        type, weight = KIN[word]
        if other != name:
            yield CandidateFact(
                f"{other} is {name}'s {word}", other, type, name, (other, name), importance=weight
            )

    def roles(self, who: str, role: str, org: str | None) -> Iterator[CandidateFact]:
        """What somebody works as, and where."""
        role = _AND.sub("", role)
        words = re.split(r" (?:of|for) ", role)[0].split()
        if words and words[0].lower() in _NO_ROLE | VERBS | _OVER:
            return
        head = words[-1] if words else ""
        post = is_post(role.lower()) or is_occupation(head.lower()) or _POSTS.match(head)
        low = role.lower()
        sure = (org is not None and low in _AT_FIRMS) or (
            is_occupation(low) and KIN.get(low, ("",))[0] != "manages"
        )
        if org and self._is_field(role, org):
            yield from self.at(who, org)
        if not sure and (not post or _is_kin(role)):
            return
        role = role if any(c.isupper() for c in role[1:]) else role.lower()
        where = f" at {org}" if org else ""
        about = (who, role, org) if org else (who, role)
        yield CandidateFact(
            f"{who} works as {role}{where}", who, "works_as", role, about, importance=0.8
        )
        if org:
            yield from self.at(who, org)

    def _is_field(self, role: str, org: str) -> bool:
        """Whether somebody does that at a firm: "support at Christmas" is none."""
        match = _FIELD.fullmatch(role.lower())
        last = org.lower().split()[-1]
        firm = self.names.kind(org) == "organization" or "&" in org or last in ORG_SUFFIXES
        return match is not None and (match["team"] is not None or firm)

    def at(self, who: str, org: str) -> Iterator[CandidateFact]:
        """Somebody's employer."""
        self.names.register(org, "organization")
        text = f"{who} works at {org}"
        yield CandidateFact(text, who, "works_at", org, (who, org), importance=0.8)


def _is_kin(role: str) -> bool:
    """Whether a role is who somebody is to another: "manager" is, "site manager" is a post."""
    *more, last = role.lower().split()
    return last in KIN and (not more or KIN[last][0] not in {"manages", "coaches", "teaches"})


def _fact(text: str, name: str, type: str, other: str) -> CandidateFact:
    return CandidateFact(text, name, type, other, (name, other), importance=_WEIGHT)


def _valued(name: str, type: str, value: str) -> CandidateFact:
    text = f"{name}'s {type.replace('_', ' ')} is {value}"
    return CandidateFact(text, name, type, None, (name,), value=value, importance=_WEIGHT)


def _past_job(name: str, org: str) -> CandidateFact:
    text = f"{name} used to work at {org}"
    return CandidateFact(text, name, "worked_at", org, (name, org), importance=0.6)
