"""Names in a sentence, and what is known about each name in one episode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from graphmem.extract.rules.tokenizer import Sentence, WordToken
from graphmem.extract.rules.word_lists import (
    GREETINGS,
    LANGUAGES,
    NATIONALITIES,
    NOT_NAMES,
    ORG_SUFFIXES,
    PLACE_SUFFIXES,
    PLACES,
    word_set,
)
from graphmem.text import name_key, words

_CONNECTORS = word_set("name_connectors")
_NEVER = word_set("never_in_names")
_TITLES = word_set("titles_before_names")
_KIN_TITLES = frozenset({"aunt", "auntie", "uncle", "cousin"})
_PERSON_VERBS = word_set("person_verbs") - word_set("month_verbs")
_MONTHS_TOO = frozenset({"jan", "april", "may", "jun", "june", "august"})
"""Given names that are months, too."""
_BEFORE_MONTHS = word_set("before_months")
_OF_DAYS = frozenset({"day", "fools", "bank", "half", "term", "holiday", "holidays", "sales"})
_LONGEST = 6
FIRST_NAMES = word_set("first_names") - word_set("also_words")
"""Names that are nothing else."""


@dataclass(frozen=True, slots=True)
class NameSpan:
    """A run of capitalised words (``first`` to ``last`` in the sentence's tokens)."""

    start: int
    end: int
    name: str
    first: int
    last: int
    initial: bool
    """It begins the sentence and has one word: the capital may mean nothing."""
    owns: bool = False


def name_spans(sentence: Sentence) -> list[NameSpan]:
    """Every run of capitalised words that may be a name."""
    if sentence.shouted or sentence.uncapped:
        return []
    found: list[NameSpan] = []
    tokens = sentence.tokens
    index = 0
    while index < len(tokens):
        if not _may_begin(tokens, index):
            index += 1
            continue
        last = _run(tokens, index)
        span = _trimmed(sentence, index, last)
        if span is not None:
            found.append(span)
        index = last + 1
    return found


def _may_begin(tokens: list[WordToken], at: int) -> bool:
    token = tokens[at]
    return token.capital and (token.low not in _NEVER or _called_as_a_month(tokens, at))


def _called_as_a_month(tokens: list[WordToken], at: int) -> bool:
    """Jan or April, where it does what persons do or has a surname, and says no time."""
    token = tokens[at]
    if token.low not in _MONTHS_TOO or not token.capital or at + 1 >= len(tokens):
        return False
    after = tokens[at + 1]
    if after.gap != " " or (at > 0 and tokens[at - 1].low in _BEFORE_MONTHS):
        return False
    if token.owns or after.low in _PERSON_VERBS:
        return after.low not in _OF_DAYS
    return after.capital and after.low not in _NEVER | _OF_DAYS and after.text.isalpha()


def _no_name(tokens: list[WordToken], at: int) -> bool:
    if at > 0 and tokens[at - 1].low in {"called", "named"} and tokens[at].capital:
        return False  # "a cat called Snowy"
    return tokens[at].low in NOT_NAMES and not _called_as_a_month(tokens, at)


def _run(tokens: list[WordToken], index: int) -> int:
    last = index
    while (not tokens[last].owns or _of_saint(tokens, last)) and last - index < _LONGEST - 1:
        after = last + 1
        while (
            after < len(tokens)
            and after - last <= 2
            and not tokens[after].capital
            and tokens[after].low in _CONNECTORS
            and tokens[after].gap == " "
        ):
            after += 1
        if after >= len(tokens) or not _joined(tokens[after - 1], tokens[after]):
            break
        # "Ada for Christmas" is not one name; "Bank of America" is
        if after - last == 2 and tokens[last + 1].low in {"for", "the", "y"}:
            break
        if not _may_begin(tokens, after):
            break
        last = after
    return last


def _of_saint(tokens: list[WordToken], at: int) -> bool:
    """ "St Mary's" is called so, and owns nothing."""
    return tokens[at].owns and at > 0 and tokens[at - 1].low == "st" and tokens[at].gap == " "


def _joined(before: WordToken, token: WordToken) -> bool:
    """A space between, or the stop of an initial: "J. K. Rowling"."""
    initial = token.gap == ". " and all(len(part) == 1 for part in before.text.split("."))
    return token.gap in {" ", " & "} or initial


def _trimmed(sentence: Sentence, first: int, last: int) -> NameSpan | None:
    """The run without a sentence's opening word and the like."""
    tokens = sentence.tokens
    at_start = first == 0
    if first < last and tokens[first].low in _KIN_TITLES and tokens[first + 1].gap == " ":
        first += 1  # "Aunt Bev" is Bev
    if at_start:
        while first < last and (_no_name(tokens, first) or tokens[first].low in GREETINGS):
            first += 1
            while first < last and not tokens[first].capital:
                first += 1
    run = tokens[first : last + 1]
    if all(_no_name(tokens, at) or tokens[at].low in _CONNECTORS for at in range(first, last + 1)):
        return None
    if len(run) == 1 and (len(run[0].text) < 2 or run[0].low in NATIONALITIES):
        return None
    owns = run[-1].owns and not _of_saint(tokens, last)
    end = run[-1].end - (2 if owns else 0)
    name = sentence.text[run[0].start : end]
    # "Dr" is no part of the name, but stands where it begins.
    titled = _titled(tokens, first)
    if titled or (first > 0 and tokens[first - 1].low in _TITLES and run[0].gap in {" ", ". "}):
        first -= 1
    return NameSpan(
        tokens[first].start,
        run[-1].end,
        name,
        first,
        last,
        initial=first == 0 and len(run) == 1 and not titled,
        owns=owns,
    )


def _titled(tokens: list[WordToken], at: int) -> bool:
    """Whether the word before is the "Aunt" of "Aunt Bev", which is nobody's but the writer's."""
    if at == 0 or tokens[at - 1].low not in _KIN_TITLES or not tokens[at - 1].capital:
        return False
    before = tokens[at - 2] if at > 1 else None
    return before is None or not (before.owns or before.low in {"my", "our", "his", "her", "their"})


def has_inner_capital(name: str) -> bool:
    """SumUp, GitHub: one moves to it without leaving home."""
    return any(one.islower() and two.isupper() for one, two in pairwise(name))


def guess_kind(name: str) -> str:
    """A name's kind as far as the name itself says; ``thing`` when it does not."""
    parts = words(name)
    if not parts:
        return "thing"
    if name.lower() in PLACES or " ".join(parts) in PLACES:
        return "place"
    if len(parts) > 1:
        port = parts[0] == "port" and parts[1] not in {"of", "authority"}
        if port or parts[-1] in PLACE_SUFFIXES or parts[0] in {"lake", "mount", "fort"}:
            return "place"
        if (
            parts[0] == "port"
            or parts[-1] in ORG_SUFFIXES
            or parts[0] in {"university", "bank", "museum", "institute", "studio", "atelier"}
            or parts[-1] in {"sons", "daughters", "brothers", "bros"}
            or " & " in name
        ):
            return "organization"
        if parts[0] in _TITLES and parts[0] != "st":
            return "person"
    return "thing"


@dataclass
class NameRegistry:
    """What each name in one episode stands for: its canonical spelling, kind and aliases."""

    canonical: dict[str, str] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)
    sure: set[str] = field(default_factory=set)
    """Keys that are names beyond doubt: known, speakers, or capitalised inside a sentence."""
    fixed: set[str] = field(default_factory=set)
    """Canonical names whose kind the store or a speaker settles."""
    firsts: set[str] = field(default_factory=set)
    """Keys of the first names of people known by more than one."""

    def register_known(self, name: str, kind: str, aliases: Iterable[str] = ()) -> None:
        """An entity that exists already, or a speaker."""
        canonical = self.canonical.setdefault(name_key(name), name)
        if canonical not in self.fixed:
            self.kinds[canonical] = kind
            self.fixed.add(canonical)
            if kind == "person" and " " in canonical:
                self.firsts.add(name_key(canonical.partition(" ")[0]))
        for each in (name, *aliases):
            key = name_key(each)
            if key:
                self.canonical.setdefault(key, canonical)
                self.sure.add(key)

    def respell(self, name: str) -> str | None:
        """Write as its bearer does a name that is known in small letters, as a user id often is;
        the spelling that this takes the place of, if it does."""
        key = name_key(name)
        current = self.canonical.get(key)
        if current is None or name.islower() or not current.islower() or name_key(current) != key:
            return None
        self._rename(current, name)
        return current

    def rename(self, current: str, name: str) -> None:
        """What was known as ``current`` is called ``name``, and that its alias."""
        self._rename(current, name)
        self.canonical[name_key(name)] = name
        self.sure.add(name_key(name))
        aliases = self.aliases.setdefault(name, [])
        if current not in aliases:
            aliases.append(current)

    def _rename(self, current: str, name: str) -> None:
        self.canonical = {k: name if v == current else v for k, v in self.canonical.items()}
        if current in self.kinds:
            self.kinds[name] = self.kinds.pop(current)
        if current in self.aliases:
            self.aliases[name] = self.aliases.pop(current)
        if current in self.fixed:
            self.fixed.remove(current)
            self.fixed.add(name)

    def register(self, name: str, kind: str | None = None) -> str:
        """Register a name and return its canonical spelling. A definite kind replaces "thing"."""
        key = name_key(name)
        canonical = self.canonical.setdefault(key, name)
        self.sure.add(key)
        guess = kind or guess_kind(canonical)
        if kind == "person" and " " in canonical:
            self.firsts.add(name_key(canonical.partition(" ")[0]))
        now = self.kinds.get(canonical)
        settled = canonical in self.fixed and kind is None
        if now is None or (now == "thing" and guess != "thing" and not settled):
            self.kinds[canonical] = guess
        return canonical

    def add_alias(self, alias: str, name: str) -> None:
        """Let ``alias`` stand for ``name`` from now on."""
        canonical = self.canonical.get(name_key(name), name)
        key = name_key(alias)
        if not key or key == name_key(canonical):
            return
        owner = self.canonical.get(key)
        if owner is not None and owner != canonical and owner in self.fixed:
            return
        if owner is not None and owner != canonical:
            self.kinds.pop(owner, None)
        self.canonical[key] = canonical
        self.sure.add(key)
        current = self.aliases.setdefault(canonical, [])
        if alias not in current:
            current.append(alias)

    def is_living(self, key: str) -> bool:
        """Whether a key is the name of somebody, or of a pet."""
        canonical = self.canonical.get(key)
        if canonical is None:
            return key in self.firsts
        return self.kinds.get(canonical) in {"person", "animal"}

    def canonical_of(self, name: str) -> str:
        return self.canonical.get(name_key(name), name)

    def is_sure(self, name: str) -> bool:
        key = name_key(name)
        return key in self.sure or key in FIRST_NAMES

    def kind(self, name: str) -> str:
        canonical = self.canonical.get(name_key(name), name)
        return self.kinds.get(canonical) or guess_kind(canonical)

    def sure_of(self, found: Iterable[NameSpan]) -> list[NameSpan]:
        """Of a sentence's spans those that are names: a lone opening word only if it is sure."""
        return [s for s in found if not s.initial or self.is_sure(s.name)]

    def opening(self, sentence: Sentence) -> list[NameSpan]:
        """All names of a sentence, and a lone opening word with a capital, which a pattern may
        prove to be one."""
        found = name_spans(sentence)
        return [s for s in found if not s.initial or self.is_sure(s.name) or _namelike(s.name)]

    def is_person(self, name: str) -> bool:
        return self.kind(name) == "person"

    def may_be_person(self, name: str) -> bool:
        """One to three words, not of another kind as far as is known."""
        low = name.lower()
        return (
            (self.kind(name) in {"person", "thing"} or self._is_namesake(name))
            and 1 <= len(name.split()) <= 3
            and not (name.isupper() and len(name) > 1 and not self.is_person(name))
            and not any(c.isdigit() for c in name)
            and low not in LANGUAGES
            and " of " not in low
            and " the " not in low
        )

    def is_somebody(self, name: str) -> bool:
        """Whether it is a person, or a name that people have and of which nothing else is known."""
        kind = self.kind(name)
        return kind == "person" or (kind == "thing" and name.lower() in FIRST_NAMES)

    def _is_namesake(self, name: str) -> bool:
        """Whether a place's name is as likely somebody's: Sofia, Florence."""
        return self.kind(name) == "place" and name not in self.fixed and name.lower() in FIRST_NAMES


def _namelike(word: str) -> bool:
    return not word.lower().endswith(("ing", "ly", "tion", "ness", "ed")) and len(word) > 2


def vocatives(sentence: Sentence) -> Iterator[str]:
    """Names that someone is called by: "Hey Mel!", "Thanks, Mel!", "…, Mel"."""
    tokens = sentence.tokens
    for span in name_spans(sentence):
        before = tokens[span.first - 1] if span.first else None
        after = tokens[span.last + 1] if span.last + 1 < len(tokens) else None
        greeted = before is not None and before.low in GREETINGS and span.first <= 3
        set_off = "," in tokens[span.first].gap and (after is None or "," in after.gap)
        opens = span.first == 0 and after is not None and "," in after.gap
        if (greeted or set_off or opens) and not span.owns:
            yield span.name
