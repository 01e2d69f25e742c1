"""Questions made from what a store already holds, to see whether it would be found again.

No model is needed. A *relation* probe asks for one end of a relation in other words than the type
("works at" becomes "Who employs …?"), and leaves the answer out. A *half* probe is what somebody
remembers of a turn: its names and every other one of its telling words. Gold are the turns that say
it (the facts, where no turn does). The questions are the same each time for the same store.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Literal

from graphmem.errors import NotFound, UsageError
from graphmem.model import Fact, Turn
from graphmem.text import digest, words

if TYPE_CHECKING:
    from graphmem import Memory

ProbeKind = Literal["relation", "half"]

_READ_FACTS = 20_000
_PAGE = 1000
_FEWEST_WORDS = 6
_COMMON = frozenset(
    {"a", "about", "also", "an", "and", "are", "as", "at", "be", "been", "but", "by", "did", "do"}
    | {"does", "for", "from", "had", "has", "have", "he", "her", "him", "his", "how", "i", "in"}
    | {"is", "it", "its", "just", "me", "my", "not", "of", "on", "or", "our", "really", "she"}
    | {"so", "some", "than", "that", "the", "their", "them", "then", "there", "they", "this"}
    | {"to", "up", "us", "very", "was", "we", "were", "what", "when", "which", "who", "will"}
    | {"with", "would", "you", "your"}
)
_ASKED: Mapping[str, tuple[str, str]] = {
    # Type: how its object is asked for, and how its subject.
    "works_at": ("Who employs {}?", "Who has a job with {}?"),
    "works_as": ("What does {} do for a living?", "Whose profession is {}?"),
    "lives_in": ("Where is the home of {}?", "Who has a home in {}?"),
    "studies_at": ("Which school does {} go to?", "Who is a student of {}?"),
    "married_to": ("Who is the spouse of {}?", "Who is the spouse of {}?"),
    "engaged_to": ("Who is going to marry {}?", "Who is going to marry {}?"),
    "dating": ("Who goes out with {}?", "Who goes out with {}?"),
    "parent_of": ("Who are the children of {}?", "Who are the mother and father of {}?"),
    "sibling_of": ("Has {} a brother or a sister?", "Has {} a brother or a sister?"),
    "friend_of": ("Who is close to {}?", "Who is close to {}?"),
    "has_pet": ("What animals has {}?", "Whose animal is {}?"),
    "owns": ("What belongs to {}?", "To whom does {} belong?"),
    "likes": ("What is {} fond of?", "Who is fond of {}?"),
    "dislikes": ("What can {} not stand?", "Who cannot stand {}?"),
    "born_in": ("What is the birthplace of {}?", "Whose birthplace is {}?"),
    "born_on": ("When is the birthday of {}?", "Whose birthday is {}?"),
    "comes_from": ("Where is {} from originally?", "Who is originally from {}?"),
    "member_of": ("Which groups does {} belong to?", "Who belongs to {}?"),
    "managed_by": ("Who is the boss of {}?", "Who reports to {}?"),
    "founded": ("What did {} start?", "Who started {}?"),
    "located_in": ("Where can {} be found?", "What can be found in {}?"),
    "visited": ("Where has {} travelled to?", "Who travelled to {}?"),
    "attended": ("What did {} take part in?", "Who took part in {}?"),
    "plays": ("Which game or instrument is the hobby of {}?", "Whose hobby is {}?"),
    "speaks": ("Which languages does {} know?", "Who knows the language {}?"),
    "bought": ("What did {} get in a shop?", "Who got {} in a shop?"),
    "allergic_to": ("What must {} not eat or touch?", "Who must avoid {}?"),
}
_OTHER = ("What is there between {} and another, as to {}?", "Who or what has {} as to {}?")


@dataclass(frozen=True, slots=True)
class Probe:
    """A question with the units that answer it. ``half`` says which half of the sources it comes
    from: what is tuned on one half is measured on the other."""

    kind: ProbeKind
    text: str
    gold: frozenset[str]
    source: str
    half: Literal[0, 1] = 0


def probes(memory: Memory, count: int) -> list[Probe]:
    """At most ``count`` probes, as many of each kind as there are, from the oldest 20,000 facts of
    the scope that the memory was opened with.

    :class:`~graphmem.errors.UsageError` when it holds nothing to ask about.
    """
    facts = list(islice(all_facts(memory), _READ_FACTS))
    rng = random.Random(0)  # noqa: S311 - a sample, no secret
    rng.shuffle(facts)
    related = list(_relations(facts, memory, count // 2))
    halves = list(_halves(facts, memory, count - len(related)))
    found = [*related, *halves]
    if not found:
        raise UsageError("nothing to ask about: this scope holds no facts (is the name right?)")
    return _shared_out(found)


def _shared_out(found: Sequence[Probe]) -> list[Probe]:
    """In two halves of about as many probes, those of one source in the same one: the sources with
    most of them first, each to the half that has fewer."""
    of_each = Counter(probe.source for probe in found)
    halves: dict[str, Literal[0, 1]] = {}
    counts = [0, 0]
    for source, count in sorted(of_each.items(), key=lambda pair: (-pair[1], pair[0])):
        half: Literal[0, 1] = 0 if counts[0] <= counts[1] else 1
        halves[source] = half
        counts[half] += count
    return [replace(probe, half=halves[probe.source]) for probe in found]


def all_facts(memory: Memory, *, current: bool = True) -> Iterator[Fact]:
    """Every fact of the scope, page by page."""
    after = None
    while True:
        page = memory.get_all(limit=_PAGE, current=current, after=after)
        yield from page.items
        after = page.next
        if after is None:
            return


def _relations(facts: Sequence[Fact], memory: Memory, count: int) -> Iterable[Probe]:
    """Probes for one end of a relation, alternately subject and object. Gold are all turns that
    state such a relation."""
    related = [f for f in facts if f.subject_id and f.type and f.object_id]
    seen: set[tuple[str, str, int]] = set()
    for fact in related:
        end = int(digest(fact.id)[:2], 16) % 2
        named = fact.object_id if end else fact.subject_id
        key = (str(named), str(fact.type), end)
        if key in seen:
            continue
        seen.add(key)
        alike = [
            other
            for other in related
            if other.type == fact.type and named == (other.object_id if end else other.subject_id)
        ]
        try:
            name = memory.entity(str(named)).name
        except NotFound:  # forgotten since the facts were read
            continue
        form = _ASKED.get(str(fact.type), _OTHER)[end]
        text = form.format(name, str(fact.type).replace("_", " "))
        yield Probe("relation", text, frozenset(_units(alike)), _source(fact))
        if len(seen) >= count:
            return


def _halves(facts: Sequence[Fact], memory: Memory, count: int) -> Iterable[Probe]:
    done: set[str] = set()
    made = 0
    for fact in facts:
        for episode_id in dict.fromkeys(source.episode_id for source in fact.sources):
            if episode_id in done:
                continue
            done.add(episode_id)
            episode = memory.episode(episode_id)
            turns = sorted(episode.turns, key=lambda turn: digest(turn.id))
            for turn in turns[: max(1, count // 50)]:
                if (text := half_of(turn)) and made < count:
                    made += 1
                    yield Probe("half", text, frozenset({turn.id}), _source(fact))
        if made >= count:
            return


def half_of(turn: Turn) -> str | None:
    """Names and every other telling word of a turn; None when it says too little."""
    content_words = [word for word in dict.fromkeys(words(turn.text)) if word not in _COMMON]
    if len(content_words) < _FEWEST_WORDS:
        return None
    names = {word.lower() for word in turn.text.split()[1:] if word[:1].isupper()}
    kept = [word for at, word in enumerate(content_words) if at % 2 == 0 or word in names]
    who = f" {turn.speaker}" if turn.speaker else ""
    return f"What was it that{who} said about {', '.join(kept)}?"


def _units(facts: Iterable[Fact]) -> Iterable[str]:
    for fact in facts:
        turns = [source.turn_id for source in fact.sources if source.turn_id]
        yield from turns or [fact.id]


def _source(fact: Fact) -> str:
    """Its first one: what one source says is in one half."""
    return fact.sources[0].episode_id if fact.sources else fact.id
