"""What calls return: receipts, hits, relations, paths and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Literal, Self

from graphmem.clock import Precision
from graphmem.errors import UsageError
from graphmem.model.listings import ItemsOf
from graphmem.model.printing import day, dotted, lines, no_longer, noted, printed_date, with_speaker
from graphmem.model.stored import Decision, Entity, Fact, HitKind, Relation


@dataclass(frozen=True, slots=True)
class Receipt:
    """What ``add`` did. ``status`` is ``done``, ``duplicate`` (nothing changed) or ``pending``
    (safe in the ledger and searchable; ``reason`` says what is still to do, ``resume`` does it)."""

    episode_id: str
    status: Literal["done", "duplicate", "pending", "failed"]
    decisions: tuple[Decision, ...] = ()
    entity_ids: tuple[str, ...] = ()
    model_calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    reason: str | None = None
    redacted: Mapping[str, int] = field(default_factory=dict)
    """How many things of which kind were taken out before anything was stored."""
    ungrounded: int = 0
    """How many facts a model gave that the text does not say: none of them is believed."""

    def __str__(self) -> str:
        left_out = f"{self.ungrounded} not in the text" if self.ungrounded else ""
        first = dotted(self.status, self.episode_id, self.reason or "", left_out)
        return lines([first, *self.decisions], none=first)

    @property
    def fact_ids(self) -> tuple[str, ...]:
        """Facts added or changed, in order, without repeats."""
        return tuple(dict.fromkeys(d.fact_id for d in self.decisions if d.action != "NONE"))


@dataclass(frozen=True, slots=True)
class Document:
    """A text that is kept elsewhere, and the episodes that its parts are, in order."""

    id: str
    episode_ids: tuple[str, ...]

    def __str__(self) -> str:
        return self.id


@dataclass(frozen=True, slots=True)
class DocumentReceipt:
    """What ``add_document`` did: how many of its parts are new, how many were stored already, and
    how many that it has no more were undone."""

    document: str
    new: int
    kept: int
    undone: int

    def __str__(self) -> str:
        return f"{self.document}: {self.new} new, {self.kept} as before, {self.undone} undone"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a fact's history."""

    seq: int
    at: datetime
    action: str
    fact_id: str
    reason: str
    actor: str
    episode_id: str | None
    before: Fact | None
    after: Fact | None

    def __str__(self) -> str:
        return dotted(day(self.at), self.action, self.after or self.before or "", self.reason)


@dataclass(frozen=True, slots=True)
class SignalScore:
    """What one signal says of a hit: its rank there (from 1), raw score, and share of the total.

    A share is negative for what speaks against a turn: ``asks`` and ``outdated``.
    """

    name: str
    rank: int
    score: float
    share: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result and its explanation.

    ``score`` estimates, from 0 to 1, how likely it answers the question. Hits are in the order of
    ``total``, which says only which of two hits of one search is the better.
    """

    kind: HitKind
    id: str
    text: str
    score: float
    rank: int
    signals: tuple[SignalScore, ...]
    total: float = 0.0
    """The sum of the shares of all signals."""
    episode_id: str | None = None
    turn_id: str | None = None
    source_id: str | None = None
    """The source's own id of the turn (``D1:3``), when it gave one."""
    speaker: str | None = None
    occurred_at: datetime | None = None
    path: str | None = None
    """How the graph led to this hit: to a fact from the question's names; to a turn from the text
    that answers with it, over what both name."""
    fact: Fact | None = None
    similarity: float | None = None
    """How near its vector is to the question's, from 0 to 1; None where only words or the graph
    led there and no ``threshold`` was given."""
    outdated: str | None = None
    """For a turn: what it says that has ended since, as ``lives_in until February 2025``."""
    project_id: str | None = None
    """The project that it is from, of a search in several."""

    def __str__(self) -> str:
        old = f"outdated: {self.outdated}" if self.outdated else None
        content = self.fact or noted(with_speaker(self.text, self.speaker), old)
        return dotted(f"{self.rank}. {self.kind} {self.score:.3f}", day(self.occurred_at), content)


@dataclass(frozen=True, slots=True)
class SearchResult(ItemsOf[Hit]):
    """The hits of one search, best first, and what the question was understood to be about."""

    _of: ClassVar[str] = "hits"

    query: str
    hits: tuple[Hit, ...]
    seeds: tuple[Entity, ...] = ()
    reason: str | None = None
    """Why it was not ranked as it should have been: the reranker could not be asked."""
    answerable: float = 0.0
    """How likely anything that was found answers, from 0 to 1, shown or left out by
    ``min_score``."""

    def __str__(self) -> str:
        return lines(self.hits, none="nothing found")


@dataclass(frozen=True, slots=True)
class Citation:
    """What ``[number]`` in a context stands for."""

    number: int
    hit: Hit

    def __str__(self) -> str:
        return f"[{self.number}] {self.hit.fact or with_speaker(self.hit.text, self.hit.speaker)}"


class Context(str):
    """A text for a prompt, a string like any other, that knows what its citations stand for."""

    __slots__ = ("citations", "tokens")

    citations: tuple[Citation, ...]
    """In the order of their numbers, from 1."""
    tokens: int
    """How long it is, by the tokenizer that its budget was counted with."""

    @classmethod
    def of(cls, text: str, citations: tuple[Citation, ...], tokens: int) -> Self:
        made = cls(text)
        made.citations = citations
        made.tokens = tokens
        return made

    def cited(self, number: int) -> Citation:
        """What ``[number]`` stands for; :class:`~graphmem.errors.UsageError` when there is none."""
        if not 1 <= number <= len(self.citations):
            count = len(self.citations)
            raise UsageError(f"there is no [{number}] in this context, which has {count}")
        return self.citations[number - 1]


@dataclass(frozen=True, slots=True)
class Quote:
    """What one source says: a turn as it was received, or the whole episode where none is named."""

    episode_id: str
    turn_id: str | None
    text: str
    speaker: str | None = None
    occurred_at: datetime | None = None
    source_id: str | None = None

    def __str__(self) -> str:
        return dotted(day(self.occurred_at), with_speaker(self.text, self.speaker))


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a memory says something: the fact, what it is about, who said it when, and what happened
    to it since. ``hit`` is there when one was asked about, with why it ranked where it did."""

    kind: HitKind
    id: str
    text: str
    hit: Hit | None
    fact: Fact | None
    about: tuple[Entity, ...]
    quotes: tuple[Quote, ...]
    history: tuple[Change, ...]

    def __str__(self) -> str:
        return lines((self.fact or self.text, *self.quotes, *self.history), none=self.text)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: from one entity to another, by a fact that both are in."""

    source: Entity
    target: Entity
    fact_id: str
    type: str | None
    forward: bool
    """Whether the relation reads from ``source`` to ``target``."""
    fact: str

    def __str__(self) -> str:
        return f"{self.source.name}{self.onward}"

    @property
    def onward(self) -> str:
        """The step in words, without where it starts."""
        label = self.type or "is mentioned with"
        return (
            f" -{label}→ {self.target.name}" if self.forward else f" ←{label}- {self.target.name}"
        )


@dataclass(frozen=True, slots=True)
class Path:
    """How two entities connect."""

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        start = self.steps[0].source.name if self.steps else ""
        return start + "".join(step.onward for step in self.steps)


@dataclass(frozen=True, slots=True)
class Subgraph:
    """Some entities and the relations among them."""

    entities: tuple[Entity, ...]
    relations: tuple[Relation, ...]

    def __str__(self) -> str:
        return lines((*self.entities, *self.relations), none="nothing")


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline: a fact began, ended, happened once, or (undated) was stated.

    What is not plainly stated begins and ends nothing: it stands there once, with how it was meant;
    a plan at the date that it is for.
    """

    at: datetime
    what: Literal[
        "began", "ended", "happened", "stated", "planned", "hearsay", "hypothetical", "negated"
    ]
    fact: Fact
    precision: Precision = "instant"

    @property
    def sentence(self) -> str:
        """In plain words: "Ada no longer lives in Rome"."""
        return no_longer(self.fact.text) if self.what == "ended" else self.fact.text

    def __str__(self) -> str:
        meant = None if self.fact.modality == "stated" else self.what
        return dotted(printed_date(self.at, self.precision), meant or "", self.sentence)


HOLDS, OVER = "it holds from then on", "it does not hold any more"
"""Reasons of what began and what ended, where nothing more is known."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is in one of two states and not in the other.

    ``began``, ``happened`` and ``ended``: the world moved on, and both states know of it.
    ``learned`` and ``withdrawn``: what is known changed. ``at`` is when, in the world's time or,
    for the latter two, when it was recorded; None when that is not known.
    """

    what: Literal["began", "ended", "happened", "learned", "withdrawn"]
    at: datetime | None
    fact: Fact
    reason: str
    episode_id: str | None = None
    """The episode that brought the change about."""
    precision: Precision = "instant"
    """Of ``at``."""

    @property
    def sentence(self) -> str:
        """In plain words: "Ada no longer lives in Rome"."""
        return no_longer(self.fact.text) if self.what == "ended" else self.fact.text

    @property
    def why(self) -> str:
        """The reason, where it says more than the sentence; without ids."""
        plain = self.reason in {HOLDS, OVER, "said to have ended"}
        return "" if plain else self.reason.partition("; superseded by ")[0]

    def __str__(self) -> str:
        known = self.what if self.what in {"learned", "withdrawn"} else ""
        return dotted(printed_date(self.at, self.precision), known, self.sentence, self.why)


@dataclass(frozen=True, slots=True)
class Page(ItemsOf[Fact]):
    """A slice of a listing, read like a list; pass ``next`` back as ``after`` for the following
    one."""

    items: tuple[Fact, ...]
    next: str | None
    total: int | None = None
    """How many facts there are in all, where that was asked for."""


@dataclass(frozen=True, slots=True)
class Spend:
    """What one model was asked, and cost, on one day (UTC). ``cost`` is in the currency of the
    price table; 0 where it has no price."""

    day: str
    model: str
    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost: float = 0.0


AtATime = Literal["one", "usually_one", "many"]
"""How many objects a relation has at a time. ``usually_one``: one, unless two are told to hold at
once."""


@dataclass(frozen=True, slots=True)
class RelationType:
    """A relation type, how it behaves, and how often it was said.

    ``because`` says where that is from; ``default`` is for a type that nothing is known of. One
    that stands for another (``same_as``, with subject and object changed when it is ``inverse``)
    behaves as that does. ``statements`` and ``subjects`` count what was said with this very type,
    ended or not. Not ``settled``: some of its facts are still to be decided anew, because that was
    cut short.
    """

    type: str
    at_a_time: AtATime
    because: Literal["declared", "learned", "built_in", "default"]
    symmetric: bool = False
    same_as: str | None = None
    inverse: bool = False
    statements: int = 0
    subjects: int = 0
    settled: bool = True
