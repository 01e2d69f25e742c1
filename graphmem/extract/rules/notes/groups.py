"""What a heading names, and who holds which post in the group or company that it names; and what a
list says of the person whom it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from graphmem.extract.rules.names import NameRegistry
from graphmem.extract.rules.word_lists import KIN, PETS, word_set
from graphmem.ports.llm import CandidateFact

GROUPS = word_set("clubs") | {"club", "committee", "charity", "company", "trust"}
BARE = frozenset(
    {"leaving", "based", "married", "living", "working", "engaged", "allergic", "vegetarian"}
    | {"vegan", "pescatarian", "coeliac"}
)
_OF_PERSONS = frozenset({"allergic", "founder", "co-founder", "born", "fluent", "engaged"})
VERBS = BARE | frozenset(
    {"lives", "works", "reports", "speaks", "plays", "leads", "manages", "owns", "joined"}
    | {"studies", "moved", "left", "teaches", "runs", "likes", "loves", "hates", "has", "studied"}
    | {"grew", "worked"}
    | {"separated", "divorced", "split", "joined", "started", "retired", "resigned", "quit"}
)
_OF_FIRMS = dict.fromkeys(("based", "founded", "headquartered", "owned", "acquired"), "is ") | {
    "founded": "was ", "acquired": "was ", "makes": "", "sells": "", "employs": "",
}  # fmt: skip
"""How a line goes on about the company that the heading names."""
_GOES_ON = re.compile(rf",\s+(?=(?:{'|'.join(sorted(VERBS - BARE))})\b)")
_WEIGHT = 0.8
_SMALL = frozenset({"of", "the", "and", "de", "van", "&"})
_MOST_AFTER = 2
_WORD = r"[^\W\d_a-z][\w.'-]*"
_NAME = rf"{_WORD}(?:\s+(?:(?:de|van|von|der|den)\s+)?{_WORD}){{0,3}}"
_KIN_ITEM = re.compile(r"[a-z-]+ [^\W\d_a-z]")
_KIN_OF = re.compile(rf"of (?P<whose>{_NAME})")
_WHOLE_NAME = re.compile(_NAME)
_LISTED = re.compile(r"\s*(?:[,;/+]|\band\b|&)\s*")
_BRACKETS = re.compile(r"\s*\([^()]*\)")
_POST = (
    r"(?i:(?:vice[- ]|deputy )?(?:chair(?:man|woman|person)?|treasurer|secretary|president|captain|"
    r"conductor|coach|C[ETFOIMP]O|CISO))"
)
_WHOLE_POST = re.compile(_POST)
_HOLDER = re.compile(
    rf"\s*(?:[-*+•]\s+)?(?:(?P<who>{_NAME}) is (?:now )?(?:the|our) (?P<post>{_POST})"
    rf"|(?:.{{0,80}}?[,;] )?(?:[Tt]he |[Oo]ur |[Nn]ew )?(?P<what>{_POST}) is (?:now )?"
    rf"(?P<whom>{_NAME}))\.?$"
)


def is_name(words: Sequence[str]) -> bool:
    """Whether a heading names something: "Bank of Tirol", "Weir Street renovation", "garden club";
    "Site visit" is a sentence's beginning as likely."""
    if len(words) > 1 and words[-1].lower() in GROUPS:
        return True
    capitals = next(
        (n for n, w in enumerate(words) if not w[0].isupper() and w.lower() not in _SMALL),
        len(words),
    )
    rest = words[capitals:]
    return not rest or (
        capitals > 1 and len(rest) <= _MOST_AFTER and all(w.isalpha() and w.islower() for w in rest)
    )


def post_holder(line: str) -> tuple[str, str] | None:
    """The post and the name of "Lars is the treasurer", "treasurer is now Lars"."""
    match = _HOLDER.match(line)
    if match is None:
        return None
    return match["post"] or match["what"], match["who"] or match["whom"]


def holders(
    names: NameRegistry, topic: str | None, post: str, value: str
) -> Iterator[CandidateFact]:
    """ "Chair: Ida Holm" of a group or a company: who holds a post there."""
    if topic is None or not _WHOLE_POST.fullmatch(post) or names.is_person(topic):
        return
    post = post if any(c.isupper() for c in post[1:]) else post.lower()
    for given in _LISTED.split(_BRACKETS.sub("", value).strip(" .*_")):
        if not _WHOLE_NAME.fullmatch(given) or not names.may_be_person(given):
            continue
        who = names.register(names.canonical_of(given), "person")
        names.register(topic, "organization")
        group = bool(GROUPS & set(topic.lower().split()))
        type, says = ("member_of", "is a member of") if group else ("works_at", "works at")
        about = (who, post, topic)
        yield CandidateFact(
            f"{who} is {post} of {topic}", who, "works_as", post, about, importance=_WEIGHT
        )
        yield CandidateFact(
            f"{who} {says} {topic}", who, type, topic, (who, topic), importance=_WEIGHT
        )


def of_topic(names: NameRegistry, topic: str | None, line: str) -> str:
    """ "studied at Bath" in a list about somebody, "Based in Leeds" below a company, with whom or
    what it is of."""
    first, _, rest = line.partition(" ")
    low, kind = first.lower().rstrip(",;."), names.kind(topic) if topic is not None else None
    if topic is None or (first[:1].isupper() and rest[:1].isupper()):
        return line
    if kind == "organization":
        they = topic + line[4:] if line.startswith(("They ", "They've ")) else line
        return f"{topic} {_OF_FIRMS[low]}{low} {rest}" if low in _OF_FIRMS else they
    if names.is_person(topic) and low in KIN and _KIN_ITEM.match(line):
        return f"{topic}'s {line}"
    of = _KIN_OF.fullmatch(rest) if low in KIN else None
    known = of is not None or low in VERBS | _OF_PERSONS
    if not known or kind not in {"person", "thing"} or not names.may_be_person(topic):
        return line
    if of is not None:
        return f"{topic} is {of['whose']}'s {low}"
    stated = _GOES_ON.sub(" and ", f"{first.lower()} {rest}".rstrip())
    verb = "was " if low == "born" else "is " if low in BARE | _OF_PERSONS else ""
    return f"{topic} {verb}{stated}"


_PET = re.compile(r"(?P<name>[^\W\d_a-z][\w-]*)\s*(?:\((?P<whose>[^\W\d_a-z][\w-]*)'s\)|$|[,.(;])")


_OUR_PET = re.compile(
    rf"\s*(?:[-*+•]\s+)?(?P<name>{_WORD})\s+"
    r"\((?:(?:our|my) (?P<pet>[a-z]+)|(?P<kind>[a-z]+), (?:ours|mine))\b"
)


def our_pet(names: NameRegistry, owner: str | None, line: str) -> list[CandidateFact]:
    """ "Skerry (dog, ours)": of who writes."""
    match = _OUR_PET.match(line)
    pet = (match["pet"] or match["kind"]) if match is not None else ""
    if match is None or owner is None or pet not in PETS:
        return []
    animal = names.register(match["name"], "animal")
    says = f"{owner} has a {pet} named {animal}"
    return [CandidateFact(says, owner, "has_pet", animal, (owner, animal), importance=0.7)]


def pet_of(names: NameRegistry, owner: str, key: str, value: str) -> list[CandidateFact]:
    """ "Cat: Mabel", "cat: Nimbus (Odile's)"."""
    pet, match = key.lower().split()[-1], _PET.match(value)
    if pet not in PETS or match is None or names.kind(owner) not in {"person", "thing"}:
        return []
    whose = names.canonical_of(match["whose"]) if match["whose"] else owner
    animal = names.register(match["name"], "animal")
    names.register(whose, "person")
    says = f"{whose} has a {pet} named {animal}"
    return [CandidateFact(says, whose, "has_pet", animal, (whose, animal), importance=0.7)]
