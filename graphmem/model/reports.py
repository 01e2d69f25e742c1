"""What is told of a whole store: what is in it, how it is, what was copied, how facts are used and
what a sweep made of that; and why a search did not give something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from graphmem.model.printing import dotted
from graphmem.model.results import Spend


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts in one scope, or in the whole store."""

    episodes: int
    pending: int
    turns: int
    facts: int
    """Believed now, whether still valid or not."""
    relations: int
    entities: int
    model_calls: int
    tokens_in: int
    tokens_out: int
    spend: tuple[Spend, ...] = ()
    """By day and model. Embedding is done for all together: it is counted in the whole store's
    only. Empty for a scope narrowed to an agent or a run."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """An event of the ledger that the graph or the vectors could not take, whatever was tried, so
    that it was left out: what changed, and the kinds of errors that it brought."""

    projection: str
    seq: int
    kind: str
    id: str
    why: str

    def __str__(self) -> str:
        return f"{self.projection}: {self.kind} {self.id} (event {self.seq}): {self.why}"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds: the ledger of a store after the event ``seq``, ``rows`` by table.
    ``resumed`` says that an earlier one in the same folder was gone on with."""

    folder: str
    store_id: str
    seq: int
    made_at: datetime
    rows: Mapping[str, int]
    bytes: int
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote: the rows of so many tenants, as they were after the event ``seq``."""

    file: str
    seq: int
    tenants: int
    rows: int


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import added. ``already``: all of it was here before, and nothing was added."""

    file: str
    tenants: int
    rows: int
    already: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """Whether each part works, and how far each projection lags behind the ledger (in events).

    Not ``ok`` while a part fails, work waits for a model that does not answer, or something is set
    aside: ``parts`` say what.
    """

    ok: bool
    parts: Mapping[str, str]
    lag: Mapping[str, int]
    set_aside: tuple[SetAside, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """The ledger, and graph and vectors compared with it by what they hold: how much of each, and
    every difference: what, where, and of which ids the first. Not ``ok`` while something is set
    aside: it cannot be found. ``repaired`` is what was put right: it was a difference, and is none
    any more."""

    ok: bool
    checked: Mapping[str, int]
    differences: tuple[str, ...]
    set_aside: tuple[SetAside, ...] = ()
    repaired: tuple[str, ...] = ()
    part: tuple[int, int] | None = None
    """Which part was looked at, from 1, and of how many; None: everything."""


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What was had of a damaged ledger, and what was not.

    ``rows`` were read, by table; ``made`` counts those that were lost and follow from others.
    ``from_graph`` and ``from_turns`` are episodes whose rows were lost: taken from the graph, or
    put together from their turns. ``doubtful`` are rows of damaged pages by their ids: they read
    well, and may hold other letters than were written. ``lost_events`` are first and last ``seq``
    of each gap: what only they said (an end, a deletion) is lost; ``lost_episodes`` are those of
    which nothing is left but the id. ``nameless`` are users whose names were lost: they are called
    by their pseudonyms. ``tenants`` counts the episodes that each has now.
    """

    source: str
    folder: str
    pages: int
    damaged_pages: tuple[tuple[int, int], ...]
    """First and last of each run, as far as they are known: without ``checksums`` only what cannot
    be read shows."""
    checksums: bool
    unreadable_rows: int
    rows: Mapping[str, int]
    made: Mapping[str, int]
    doubtful: Mapping[str, tuple[str, ...]]
    lost_events: tuple[tuple[int, int], ...]
    lost_episodes: tuple[str, ...]
    from_graph: tuple[str, ...]
    from_turns: tuple[str, ...]
    nameless: tuple[str, ...]
    tenants: Mapping[str, int]
    another_log: bool
    """The log beside the ledger is of another store, and was left out."""
    graph: str
    """What was had of the graph beside the ledger, or why nothing was."""
    verification: Verification

    @property
    def complete(self) -> bool:
        """Whether nothing is lost or in doubt, as far as can be known: no page is damaged, nothing
        had to be made again, and the new store is whole."""
        lost = self.damaged_pages or self.lost_events or self.lost_episodes or self.unreadable_rows
        return self.verification.ok and not (lost or self.made or self.nameless or self.another_log)


NotFoundCause = Literal[
    "found",
    "ranked_low",
    "no_arm",
    "below_min_score",
    "below_threshold",
    "filtered",
    "ended",
    "expired",
    "archived",
    "silenced",
    "deleted",
    "another_run",
    "not_extracted",
    "unknown",
]


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why a fact or a turn is not among the hits of a search, or (``found``) at which rank it is.

    ``arms`` are those that found it, ``rank`` is where it stands among all candidates, from 1,
    ``held_down_by`` the signal that costs it most beside the last hit that is shown.
    ``sentence`` is the turn's own words where no fact was made of them.
    """

    cause: NotFoundCause
    explanation: str
    id: str | None = None
    arms: tuple[str, ...] = ()
    rank: int | None = None
    held_down_by: str | None = None
    sentence: str | None = None

    def __str__(self) -> str:
        place = None if self.rank is None else f"rank {self.rank}"
        return dotted(self.cause, self.explanation, place, ", ".join(self.arms))


@dataclass(frozen=True, slots=True)
class FactUse:
    """How often a fact was read, and when last."""

    fact_id: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Swept:
    """The facts that a sweep promoted or archived, by id; ``expired`` are archived because their
    time was over. ``done`` is False when it only said what would be done."""

    promoted: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    done: bool = True

    def __str__(self) -> str:
        counts = (("promoted", self.promoted), ("archived", self.archived))
        named = [f"{len(ids):,} {what}" for what, ids in (*counts, ("expired", self.expired))]
        return dotted(*named)
