"""What is told of a whole store: what is in it, how it is, what was copied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

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
