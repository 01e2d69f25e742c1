"""Names in a sentence, and what is known about each name in one episode."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from graphmem.extract.rules.tokenizer import Sentence
from graphmem.extract.rules.tokens import TITLES, NameSpan
from graphmem.extract.rules.word_lists import (
    GREETINGS,
    LANGUAGES,
    ORG_SUFFIXES,
    PLACE_SUFFIXES,
    PLACES,
    word_set,
)
from graphmem.text import name_key, words

FIRST_NAMES = word_set("first_names") - word_set("also_words")
"""Names that are nothing else."""


def has_inner_capital(name: str) -> bool:
    """SumUp, GitHub: one moves to it without leaving home."""
    return any(one.islower() and two.isupper() for one, two in pairwise(name))


@lru_cache(maxsize=1 << 14)  # a name is looked at by many rules
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
        if parts[0] in TITLES and parts[0] != "st":
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
        found = sentence.name_spans
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
            and (name.isalpha() or not any(map(str.isdigit, name)))
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
    for span in sentence.name_spans:
        before = tokens[span.first - 1] if span.first else None
        after = tokens[span.last + 1] if span.last + 1 < len(tokens) else None
        greeted = before is not None and before.low in GREETINGS and span.first <= 3
        set_off = "," in tokens[span.first].gap and (after is None or "," in after.gap)
        opens = span.first == 0 and after is not None and "," in after.gap
        if (greeted or set_off or opens) and not span.owns:
            yield span.name
