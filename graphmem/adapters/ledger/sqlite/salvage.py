"""A new ledger made of what a damaged one still holds: its rows, what follows from them, and events
that say what could be known of the rest."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from graphmem.adapters.ledger.sql.database import check_version
from graphmem.adapters.ledger.sql.dialects import SQLITE
from graphmem.adapters.ledger.sql.tables import TABLES
from graphmem.adapters.ledger.sqlite.damaged_file import DamagedFile, ranges
from graphmem.adapters.ledger.sqlite.runner import APPLICATION_ID, check_owner
from graphmem.adapters.ledger.sqlite.salvaged_episodes import SalvagedEpisodes
from graphmem.adapters.ledger.sqlite.salvaged_facts import SalvagedFacts
from graphmem.adapters.ledger.sqlite.salvaged_rows import (
    APPEND_ONLY,
    THREE_IDS,
    NewLedger,
    ledger_row,
)
from graphmem.clock import stamp
from graphmem.errors import Rejected
from graphmem.model import Episode, Turn
from graphmem.portability.copy import STORE_ID

_AT_A_TIME = 500
_REASON = "salvaged: the event that said so is lost"
_ADDED = ("episodes", "turns", "facts", "entities", "statements")


@dataclass(slots=True)
class SalvagedLedger:
    """What came of it. ``made`` counts what was not read but follows from what was."""

    pages: int
    damaged_pages: tuple[tuple[int, int], ...]
    unreadable_rows: int
    checksums: bool
    rows: dict[str, int] = field(default_factory=dict)
    made: dict[str, int] = field(default_factory=dict)
    doubtful: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lost_events: tuple[tuple[int, int], ...] = ()
    lost_episodes: tuple[str, ...] = ()
    from_graph: tuple[str, ...] = ()
    from_turns: tuple[str, ...] = ()
    nameless: tuple[str, ...] = ()
    tenants: dict[str, int] = field(default_factory=dict)
    another_log: bool = False


def salvage_sqlite(
    damaged: Path,
    target: Path,
    at: datetime,
    *,
    cut: Callable[[str, str], Sequence[Turn]],
    in_graph: Mapping[str, Episode],
    applied_seq: int,
) -> SalvagedLedger:
    """Write what can be had of the ledger ``damaged`` to the new file ``target``.

    ``cut`` gives the turns of an episode from its kind and content; ``in_graph`` are episodes that
    the graph still holds, which had come to ``applied_seq``. The damaged file and its log are only
    read. :class:`~graphmem.errors.Rejected` when it is the file of something else.
    """
    source = DamagedFile.open(damaged)
    if head := source.header():
        check_owner(head[0], damaged)
        check_version(head[1], len(SQLITE.migrations()), str(damaged))
    another_log = source.leave_log_of_another(STORE_ID)
    if source.state is not None and not source.mentions(source.state.encode()):
        source.distrust_sums()
    with closing(sqlite3.connect(target, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA page_size = 8192")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        for script in SQLITE.migrations():
            for statement in filter(None, map(str.strip, script.split(";\n"))):
                connection.execute(statement)
        made = _fill(
            NewLedger(connection), source, at, cut=cut, in_graph=in_graph, applied_seq=applied_seq
        )
        made.another_log = another_log
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(SQLITE.migrations())}")
        strays = connection.execute("PRAGMA foreign_key_check").fetchall()
        if strays:
            raise Rejected(
                f"the salvaged rows do not fit together: {[tuple(s) for s in strays[:5]]}"
            )
        connection.execute("COMMIT")
    return made


def _fill(
    new: NewLedger,
    source: DamagedFile,
    at: datetime,
    *,
    cut: Callable[[str, str], Sequence[Turn]],
    in_graph: Mapping[str, Episode],
    applied_seq: int,
) -> SalvagedLedger:
    new.ask("keep_three_ids")
    doubtful = _take_rows(new, source)
    found = SalvagedLedger(
        source.pages,
        tuple(ranges(sorted(source.damaged))),
        source.unreadable,
        checksums=source.state is not None,
    )
    erased = {(row["kind"], row["id"]) for row in new.ask("erased")}
    for kind, id in sorted(erased):
        for name in _OF_ERASED.get(kind, ()):
            new.ask(name, id=id)
    found.rows = {name: new.count(name) for name in TABLES}
    found.doubtful = {name: tuple(ids) for name, ids in sorted(doubtful.items())}
    if not any(found.rows.values()) and not in_graph:
        raise Rejected(
            "nothing of a ledger could be read: it may be encrypted, or all of it is gone"
        )
    head, found.lost_events = _gaps(new, applied_seq)
    facts = SalvagedFacts(new)
    facts.put_entities()
    facts.put_versions()
    facts.put_statements()
    episodes = SalvagedEpisodes(new, cut, {
        id: one for id, one in in_graph.items() if ("episode", id) not in erased
    })  # fmt: skip
    episodes.run()
    found.lost_episodes = tuple(episodes.lost)
    found.from_graph, found.from_turns = tuple(episodes.from_graph), tuple(episodes.from_turns)
    new.ask("clear_strays")
    new.ask("lost_users")
    found.nameless = tuple(row["pseudonym"] for row in new.ask("users_without_name"))
    facts.put_what_follows()
    replaced = facts.put_mentions()
    found.made = {
        name: more for name in _ADDED if (more := new.count(name) - found.rows.get(name, 0))
    }
    _add_events(new, head, at, {*episodes.changed}, replaced)
    found.tenants = {row["tenant"]: row["episodes"] for row in new.ask("tenants")}
    return found


_OF_ERASED = {
    "episode": ("drop_turns", "drop_episode"),
    "entity": ("drop_entity",),
    "fact": ("drop_fact",),
}


def _take_rows(new: NewLedger, source: DamagedFile) -> dict[str, list[str]]:
    """Every row that reads as one. Gives by table which of them come from damaged pages."""
    doubtful: dict[str, list[str]] = {}
    waiting: dict[str, list[dict[str, Any]]] = {}
    for record in source.records():
        found = ledger_row(record, new.layout)
        if found is None:
            continue
        table, row = found
        if record.old and table not in APPEND_ONLY:
            continue
        if not record.sound and table not in {THREE_IDS, "embeddings"}:
            doubtful.setdefault(table, []).append(str(row[TABLES[table].key[0]]))
        some = waiting.setdefault(table, [])
        some.append(row)
        if len(some) == _AT_A_TIME:
            new.take(table, some)
            some.clear()
    for table, some in waiting.items():
        new.take(table, some)
    return {name: sorted(set(ids)) for name, ids in doubtful.items()}


def _gaps(new: NewLedger, applied_seq: int) -> tuple[int, tuple[tuple[int, int], ...]]:
    """The last event that is known of, and those up to it that are not there."""
    missing: list[tuple[int, int]] = []
    last = 0
    for row in new.ask("seqs"):
        if row["seq"] > last + 1:
            missing.append((last + 1, row["seq"] - 1))
        last = row["seq"]
    if applied_seq > last:
        missing.append((last + 1, applied_seq))
    return max(last, applied_seq), tuple(missing)


def _add_events(
    new: NewLedger,
    head: int,
    at: datetime,
    changed: set[tuple[str, str]],
    replaced: Mapping[str, tuple[str, str]],
) -> None:
    """Events for what is there and none says: graph and vectors follow them."""
    events: list[dict[str, Any]] = []

    def add(kind: str, id: str, tenant: str, action: str, after: str | None) -> None:
        events.append({
            "seq": head + len(events) + 1, "at": stamp(at), "kind": kind, "id": id,
            "action": action, "tenant": tenant, "reason": _REASON, "after": after,
        })  # fmt: skip

    for kind, name in (("entity", "untold_entities"), ("fact", "untold_facts")):
        for row in new.ask(name).fetchall():
            action = "DELETE" if row["after"] is None else "ADD" if row["new"] else "UPDATE"
            add(kind, row["id"], row["tenant"], action, row["after"])
    untold = {(row["id"], row["tenant"]) for row in new.ask("untold_episodes")}
    for id, tenant in sorted(untold | changed):
        add("episode", id, tenant, "ADD", None)
    for id, (tenant, after) in sorted(replaced.items()):
        add("mention", id, tenant, "REPLACE", after)
    new.put("put_event", events)
