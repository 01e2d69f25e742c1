"""How what a model states is meant: what the rules know of plain words holds for its candidates.

A model calls most things ``stated``. A start in the future is a plan all the same; what stands in a
quotation alone is somebody else's word; what is told inside a film, a book, a dream or an example,
or shown as code, is not so in the world; and an organization has a seat and lives nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from graphmem.extract.llm.request import turns_or_content
from graphmem.extract.rules.framing import Framing, without_quotes
from graphmem.extract.rules.tokenizer import split_sentences
from graphmem.model import Entity, Episode, Modality, Turn
from graphmem.model.stored import MACHINE_ROLES
from graphmem.ports.llm import CandidateFact, Extraction
from graphmem.relation_types.types import normal
from graphmem.text import fold, name_key, stem, words

_FENCED = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_ORGANIZATIONS = frozenset(
    {"organization", "organisation", "company", "business", "firm", "institution", "agency"}
    | {"charity", "school", "university", "club", "startup", "brand", "product", "project"}
)
_HOME, _SEAT = "lives_in", "based_in"


def as_meant(found: Extraction, episode: Episode, known: Sequence[Entity]) -> Extraction:
    """The same candidates, each with the modality and the type that its text gives it."""
    if not found.facts:
        return found
    kinds = {name_key(n): e.kind for e in known for n in (e.name, *e.aliases)}
    kinds |= {name_key(e.name): e.kind for e in found.entities if e.kind != "thing"}
    frames = _Frames(episode, known)
    moments = {
        turn.ordinal: turn.occurred_at or episode.occurred_at for turn in turns_or_content(episode)
    }

    facts: list[CandidateFact] = []
    for fact in found.facts:
        own = [moments[number] for number in fact.turns if number in moments]
        stated_at = max(own, default=episode.occurred_at)
        meant = frames.meant(_planned(_seated(fact, kinds), stated_at))
        facts += _until_then(meant, stated_at)
    return replace(found, facts=tuple(facts))


def _seated(fact: CandidateFact, kinds: Mapping[str, str]) -> CandidateFact:
    """An organization is based where it is said to live."""
    if fact.type is None or fact.subject is None or normal(fact.type).type != _HOME:
        return fact
    organization = kinds.get(name_key(fact.subject)) in _ORGANIZATIONS
    return replace(fact, type=_SEAT) if organization else fact


def _planned(fact: CandidateFact, stated_at: datetime) -> CandidateFact:
    """What is to begin is a plan until then."""
    date = fact.valid_date
    if fact.modality != "stated" or fact.retracts or date is None or date.at <= stated_at:
        return fact
    return replace(fact, modality="planned")


def _until_then(fact: CandidateFact, stated_at: datetime) -> Iterator[CandidateFact]:
    """What is to end holds until then, whether it was ever said or not: "His last day is 11
    April"."""
    ends = fact.invalid_date
    whole = fact.object is not None or fact.value is not None
    future = ends is not None and ends.at > stated_at
    if fact.retracts and fact.modality == "stated" and future and whole:
        yield replace(fact, retracts=False)
    yield fact


@dataclass(frozen=True)
class _Frame:
    """The words of one turn: all; those that tell of the world; those outside of quotations."""

    all: frozenset[str]
    world: frozenset[str]
    unquoted: frozenset[str]


class _Frames:
    """What each turn tells of the world, and what only inside something else."""

    def __init__(self, episode: Episode, known: Sequence[Entity]) -> None:
        turns = [turn for turn in turns_or_content(episode) if turn.role not in MACHINE_ROLES]
        names = {name_key(n) for e in known for n in (e.name, *e.aliases)}
        names |= {name_key(turn.speaker) for turn in turns if turn.speaker}
        names |= {name_key(n) for n in (episode.scope.called, episode.scope.user_name) if n}
        self._framing = Framing(frozenset(names))
        self._of = {turn.ordinal: self._frame(turn) for turn in turns}

    def _frame(self, turn: Turn) -> _Frame:
        unquoted = without_quotes(_FENCED.sub(" ", turn.text))
        self._framing.begin_turn()
        sentences = list(split_sentences(unquoted))
        real = [self._framing.real(sentence)[0] for sentence in sentences]
        world, made_up = (
            _stems(
                " ".join(
                    s.text for s, is_real in zip(sentences, real, strict=True) if is_real is one
                )
            )
            for one in (True, False)
        )
        plain = _stems(unquoted)
        return _Frame(_stems(turn.text), plain - (made_up - world), plain)

    def meant(self, fact: CandidateFact) -> CandidateFact:
        """The fact; as hearsay where only a quotation says it, as a supposition where only
        something made up does."""
        if fact.modality != "stated":
            return fact
        if self._framing.is_about_made_up(fact.subject, fact.type, fact.object):
            return replace(fact, modality="hypothetical")
        frames = [self._of[number] for number in fact.turns if number in self._of]
        own = _stems(fact.object or fact.value or fact.text) - _stems(fact.subject or "")
        modality = _modality_in(frames or self._of.values(), own)
        return fact if modality == "stated" else replace(fact, modality=modality)


def _modality_in(frames: Iterable[_Frame], own: frozenset[str]) -> Modality:
    """How the words of a fact are meant in these turns; those that no turn has say nothing."""
    frames = list(frames)
    own &= frozenset().union(*(frame.all for frame in frames))
    if not own or any(_most(own, frame.world) for frame in frames):
        return "stated"
    return "hypothetical" if any(_most(own, frame.unquoted) for frame in frames) else "hearsay"


def _most(own: frozenset[str], text: frozenset[str]) -> bool:
    return 2 * len(own & text) >= len(own)


def _stems(text: str) -> frozenset[str]:
    return frozenset(stem(word) for word in words(fold(text)) if len(word) > 2 or word.isdigit())
