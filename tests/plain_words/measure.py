"""Add a text to a memory without a model and compare what is believed with what is expected."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graphmem import Memory
from graphmem.clock import ManualClock
from graphmem.importers.text import read_markdown
from graphmem.model import Fact
from graphmem.relation_types.types import RelationTypes, normal
from graphmem.text import name_key
from tests.plain_words.texts import Expected, Passage, Text

_TITLES = frozenset({"mr", "mrs", "ms", "dr", "uncle", "aunt", "prof", "signora", "the"})
_VALUES = frozenset(
    {"phone_number", "email", "deadline", "budget", "rent", "address", "born_on", "date"}
    | {"age", "website", "wifi_password", "gate_code"}
)
_MOST = 1000


@dataclass(frozen=True)
class Belief:
    """A fact with a type, and every name of its ends; ``object`` holds its value if it has one."""

    fact: Fact
    subject: frozenset[str]
    type: str
    object: frozenset[str]

    def holds(self, at: datetime) -> bool:
        f = self.fact
        begun = f.valid_at is None or f.valid_at <= at
        return f.modality == "stated" and begun and (f.invalid_at is None or at < f.invalid_at)


@dataclass
class Measure:
    """What came of one text. ``misses`` names each failure."""

    counts: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def count(self, what: str, right: bool, miss: str) -> None:
        self.counts[what] += 1
        self.counts[f"{what} right"] += right
        if not right:
            self.misses.append(miss)

    def __add__(self, other: Measure) -> Measure:
        return Measure(self.counts + other.counts, self.misses + other.misses)

    def share(self, what: str) -> float:
        return self.counts[f"{what} right"] / max(1, self.counts[what])


class _Clock(ManualClock):
    def reach(self, moment: datetime) -> None:
        self._moment = max(self._moment, moment)


def measure(
    text: Text, *, before: Callable[[Text, Passage], None] | None = None, **options: Any
) -> Measure:
    """Add every episode of a text in turn, and look at its changes after each. ``before`` is told
    of each passage before it is added."""
    found = Measure()
    clock = _Clock(text.passages[0].at)
    named: dict[str, Any] = {} if text.user_name is None else {"user_name": text.user_name}
    with Memory("memory://", user_id=text.user, clock=clock, **named, **options) as memory:
        for passage in text.passages:
            clock.reach(passage.at)
            if before is not None:
                before(text, passage)
            found.counts["refused"] += _add(memory, text, passage)
            now = _beliefs(memory)
            for wanted in passage.expected:
                _check(found, wanted, now, clock.now())
        last = _beliefs(memory)
        for passage in text.passages:
            for wanted in passage.expected:
                if wanted.mark == "+":
                    found.count("stated", _found(wanted, last), f"missing    {wanted.line}")
        _unlisted(found, text, last)
        for one, other in text.apart:
            same = any(name_key(one) in b and name_key(other) in b for b in _everybody(memory))
            found.count("apart", not same, f"one person {one} / {other}")
    return found


def _add(memory: Memory, text: Text, passage: Passage) -> int:
    """Add a passage; returns how many facts of a model were not in it."""
    if text.kind == "chat":
        receipts = [memory.add(passage.messages(), occurred_at=passage.at)]
    elif text.kind == "diary":
        receipts = [memory.add("\n".join(passage.lines), occurred_at=passage.at)]
    else:
        items = read_markdown("\n".join(passage.lines), passage.path, passage.at)
        receipts = [memory.add(item.pop("content"), **item) for item in items]
    return sum(receipt.ungrounded for receipt in receipts)


def _everybody(memory: Memory) -> list[frozenset[str]]:
    return [
        frozenset(name_key(name) for name in (entity.name, *entity.aliases))
        for entity in memory.entities(limit=_MOST)
    ]


def _beliefs(memory: Memory) -> list[Belief]:
    names = {
        entity.id: frozenset(name_key(name) for name in (entity.name, *entity.aliases))
        for entity in memory.entities(limit=_MOST)
    }
    made = []
    for fact in memory.get_all(limit=_MOST, current=False).items:
        if fact.subject_id is None or fact.type is None:
            about = frozenset().union(*(names.get(id, frozenset()) for id in fact.entity_ids))
            made.append(Belief(fact, about, "", frozenset({name_key(fact.text)})))
            continue
        value = frozenset({name_key(fact.text)})
        ends = names.get(fact.object_id, value) if fact.object_id else value
        made.append(Belief(fact, names.get(fact.subject_id, frozenset()), fact.type, ends))
    return made


def _named(wanted: str, names: frozenset[str], *, strict: bool) -> bool:
    if wanted == "*":
        return True
    if wanted.startswith("*"):
        return any(name_key(wanted.strip("*")) in name for name in names)
    key = name_key(wanted)
    if strict or key in names:
        return key in names
    parts = set(key.split()) - _TITLES
    return any(parts <= set(name.split()) or set(name.split()) <= parts for name in names)


def _is(wanted: Expected, belief: Belief) -> bool:
    strict = wanted.mark == "x"
    if not belief.type:  # an attribute, or no more than a sentence
        told = _VALUES.intersection(wanted.types) and _in(wanted.object, belief.object)
        return bool(told) and _named(wanted.subject, belief.subject, strict=strict)
    stored = normal(belief.type)
    left, right = belief.subject, belief.object
    if stored.swapped:
        left, right = right, left
    for name in wanted.types:
        type = normal(name)
        if name != "*" and type.type != stored.type:
            continue
        one, other = wanted.subject, wanted.object
        if type.swapped:
            one, other = other, one
        ways = [(one, other)]
        if name == "*" or RelationTypes.symmetric(type.type):
            ways.append((other, one))
        if any(
            _named(a, left, strict=strict)
            and (
                _named(b, right, strict=strict) or (belief.fact.object_id is None and _in(b, right))
            )
            for a, b in ways
        ):
            return True
    return False


def _in(value: str, texts: frozenset[str]) -> bool:
    """A sign ("+", "£") has a place of its own in a key: it is left out."""
    key = name_key(re.sub(r"[^\w\s]", " ", value))
    return any(key in text or name_key(value.strip("*")) in text for text in texts)


def _found(wanted: Expected, beliefs: list[Belief]) -> bool:
    return any(
        _is(wanted, b)
        and b.fact.modality == "stated"
        and (wanted.note != "past" or b.fact.invalid_at is not None)
        for b in beliefs
    )


def _check(found: Measure, wanted: Expected, beliefs: list[Belief], now: datetime) -> None:
    same = [b for b in beliefs if _is(wanted, b)]
    # "sam" is not Sam Adeyemi where there are both.
    same = [b for b in same if name_key(wanted.subject) in b.subject | b.object] or same
    holds = any(b.holds(now) for b in same)
    if wanted.mark == "=":
        day = wanted.note.partition(" ")[2]
        right = holds
        if wanted.note.startswith("planned"):
            dates = [b.fact.planned_for or b.fact.valid_at for b in same]
            right = not holds and any(at is not None and f"{at:%Y-%m-%d}" == day for at in dates)
        elif wanted.note.startswith("until"):
            ends = [b.fact.invalid_at for b in same]
            right = any(at is not None and f"{at:%Y-%m-%d}" == day for at in ends)
        found.count("changes", right, f"change     {wanted.line}")
    elif wanted.mark == "-":
        found.count("changes", not holds, f"not ended  {wanted.line}")
        found.counts["vacuous"] += not same
    elif wanted.mark == "x" and wanted.note == "now":
        found.count("traps", not holds, f"trap       {wanted.line}")
    elif wanted.mark == "x" and wanted.note == "past":
        over = any(b.fact.invalid_at is not None and b.fact.invalid_at <= now for b in same)
        found.count("traps", not over, f"trap       {wanted.line}")
    elif wanted.mark == "x":
        stated = any(b.fact.modality == "stated" for b in same)
        found.count("traps", not stated, f"trap       {wanted.line}")


def _unlisted(found: Measure, text: Text, beliefs: list[Belief]) -> None:
    allowed = [w for p in text.passages for w in p.expected if w.mark != "x"]
    for belief in beliefs:
        f = belief.fact
        if f.modality == "stated" and belief.type:
            interval = f"{f.valid_at:%Y-%m-%d}" if f.valid_at else "…"
            interval += f" to {f.invalid_at:%Y-%m-%d}" if f.invalid_at else ""
            right = any(_is(w, belief) for w in allowed)
            found.count("stored", right, f"unlisted   {text.name}: {f.text} [{f.type}] {interval}")
