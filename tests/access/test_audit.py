"""The audit log and what was used: noted in batches, kept for so long; nothing of what was said."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graphmem import Memory
from graphmem.access.records import Recorder
from graphmem.adapters.ledger.sql.dialects import SQLITE
from graphmem.adapters.ledger.sql.queries import Queries
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.clock import ManualClock, stamp
from graphmem.errors import Unauthenticated, Unavailable
from graphmem.ingest.make_episode import build_episode
from graphmem.model import Scope
from graphmem.ports.access import AuditEntry, AuditQuery
from graphmem.settings import LEDGER_FILE
from tests.access.conftest import OURS, THEIRS, Gate
from tests.counted_statements import CountedStatements


async def test_who_did_what_is_noted_without_what_was_said(gate: Gate) -> None:
    principal = await gate.principal("writer")
    scope = await gate.access.scope_of(principal, {"agent_id": "bot"})
    id = gate.clock.new_id()
    await gate.access.record(
        principal, "add", address="192.0.2.7", scope=scope, target=id, memories=1
    )
    await gate.access.record(
        principal, "search", address="192.0.2.7", scope=scope, target="where does Ada live?"
    )
    await gate.access.record(principal, "get", address="192.0.2.7" * 20, outcome="NotFound")
    await gate.access.flush()
    found = await gate.administration.audit(AuditQuery(OURS))
    assert [(one.method, one.target, one.outcome, one.changed) for one in found] == [
        ("get", None, "NotFound", False),
        ("search", None, "done", False),
        ("add", id, "done", True),
    ]
    add = found[-1]
    assert (add.key_id, add.address) == (principal.key_id, "192.0.2.7")
    assert (add.project_id, add.agent_id) == ("acme/default", "bot")
    assert len(found[0].address) == 64
    assert await gate.administration.audit(AuditQuery(THEIRS)) == []


async def test_what_changed_something_is_there_when_the_call_is_answered(gate: Gate) -> None:
    principal = await gate.principal("writer")
    await gate.access.record(principal, "search")
    assert await gate.administration.audit(AuditQuery(OURS)) == []
    await asyncio.gather(*(gate.access.record(principal, "add") for _ in range(40)))
    assert len(await gate.administration.audit(AuditQuery(OURS))) == 41
    await gate.access.record(principal, "search")
    await gate.access.close()
    assert len(await gate.administration.audit(AuditQuery(OURS))) == 42
    (day,) = {one.day for one in await gate.administration.usage(OURS)}
    uses = {one.method: one.calls for one in await gate.administration.usage(OURS)}
    assert uses == {"add": 40, "search": 2}
    assert day == "2026-01-01"


async def test_who_calls_too_often_does_not_fill_the_log(gate: Gate) -> None:
    principal = await gate.principal("writer")
    for _ in range(50):
        await gate.access.record(principal, "add", outcome="LimitExceeded")
    await gate.access.record(principal, "add", outcome="Forbidden")
    assert await gate.administration.usage(OURS) == [], "nobody waits for what did nothing"
    began = datetime.min.replace(tzinfo=UTC)
    assert await gate.administration.usage(OURS, until=began) == [], "30 days before the calendar"
    await gate.access.flush()
    (entry,) = await gate.administration.audit(AuditQuery(OURS))
    assert entry.outcome == "Forbidden"
    (use,) = await gate.administration.usage(OURS)
    assert (use.calls, use.refused) == (51, 51)


async def test_reads_follow_by_themselves(gate: Gate) -> None:
    principal = await gate.principal("reader")
    await gate.access.record(principal, "search")
    until = time.monotonic() + 10
    while not await gate.administration.audit(AuditQuery(OURS)):
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


async def test_what_cannot_be_written_is_written_later_once(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    principal = await gate.principal("writer")
    right = gate.ledger.add_access_records

    async def away(*_: object) -> None:
        raise Unavailable("the disk is full")

    monkeypatch.setattr(gate.ledger, "add_access_records", away)
    for _ in range(3):
        await gate.access.record(principal, "add")  # the call was done: that cannot be taken back
    monkeypatch.setattr(gate.ledger, "add_access_records", right)
    await gate.access.record(principal, "add")
    assert len(await gate.administration.audit(AuditQuery(OURS))) == 4
    (use,) = await gate.administration.usage(OURS)
    assert use.calls == 4


async def test_a_caller_who_goes_away_is_noted_once(gate: Gate) -> None:
    principal = await gate.principal("writer")
    for n in range(20):
        call = asyncio.create_task(gate.access.record(principal, "add"))
        for _ in range(n % 5):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    await gate.access.record(principal, "update")
    await gate.access.flush()
    found = await gate.administration.audit(AuditQuery(OURS))
    (use, other) = await gate.administration.usage(OURS)
    assert (use.method, other.method) == ("add", "update")
    assert len(found) == use.calls + other.calls
    assert use.calls <= 20


async def test_keys_that_are_not_good_are_noted_but_not_without_end(gate: Gate) -> None:
    expired = await gate.administration.add_key(
        OURS, "k", expires_at=gate.clock.now() + timedelta(hours=1)
    )
    gate.clock.advance(hours=2)
    for key in (expired.secret, *["gm_wrong"] * 1000):
        with pytest.raises(Unauthenticated):
            await gate.access.authenticate(key, address="192.0.2.9")
    await gate.access.flush()
    (known,) = await gate.administration.audit(AuditQuery(OURS))
    assert (known.key_id, known.outcome) == (expired.key.id, "Unauthenticated")
    others = await gate.administration.audit(AuditQuery("", limit=1000))
    assert len(others) == 99
    assert {one.key_id for one in others} == {""}


async def test_the_log_is_kept_for_so_long(gate: Gate) -> None:
    principal = await gate.principal("writer")
    recorder = Recorder(gate.ledger, gate.clock, keep_days=30)

    async def note() -> None:
        whose = principal.organisation, principal.key_id
        await recorder.record(AuditEntry(gate.clock.now(), *whose, "", "add", True, "done"))

    for _ in range(5):
        await note()
    gate.clock.advance(days=29)
    await note()
    assert len(await gate.administration.audit(AuditQuery())) == 6
    gate.clock.advance(days=2)
    await note()
    await recorder.close()
    left = await gate.administration.audit(AuditQuery())
    assert [one.n for one in left] == [7, 6]


def test_no_statement_changes_an_entry() -> None:
    """None writes into the audit log but the one that adds, and none takes out but retention's."""
    statements = {
        name
        for (name, _), sql in Queries(SQLITE).items()
        if any(
            f"{verb} audit" in " ".join(sql.split()) for verb in ("INTO", "UPDATE", "DELETE FROM")
        )
    }
    copying = {"load_audit", "adopt_audit"}
    assert statements - copying == {"add_audit_entry", "prune_audit"}


async def test_a_hundred_thousand_entries_do_not_slow_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An add takes as many steps of SQLite with a long log beside it as without."""
    ledgers = [SqliteLedger(tmp_path / f"{name}.sqlite") for name in ("short", "long")]
    await ledgers[1].open()
    await ledgers[1].close()
    with sqlite3.connect(tmp_path / "long.sqlite") as raw:
        row = (stamp(ManualClock().now()), "acme", "k", "::1", "get", 0, "done", "p", None, None)
        raw.executemany(
            "INSERT INTO audit VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", [row] * 100_000
        )
    raw.close()
    ledgers[1] = SqliteLedger(tmp_path / "long.sqlite")
    counted, work = CountedStatements(monkeypatch), []
    for ledger in ledgers:
        await ledger.open()
        gate = Gate(ledger, ManualClock())
        await gate.administration.add_organisation(OURS)
        principal = await gate.principal("writer")
        await gate.access.record(principal, "add")  # which looks for what is to be pruned
        scope = Scope("acme/default", agent_id="bot")
        made = build_episode("text", {}, scope, gate.clock, max_bytes=100)
        counted.work = []
        await gate.ledger.journal([made], 0)
        await gate.access.record(principal, "add", target=made.id)
        work.append(list(counted.work))
        await gate.access.close()
        await ledger.close()
    assert "add_audit_entry" in dict(work[0])
    assert work[0] == work[1]


def test_a_forgotten_user_is_named_no_more(tmp_path: Path) -> None:
    """By the engine: in the log, in keys and among members; and in no file."""

    async def prepare() -> None:
        ledger = SqliteLedger(tmp_path / "store" / LEDGER_FILE)
        await ledger.open()
        gate = Gate(ledger, ManualClock())
        await gate.administration.add_organisation(OURS)
        await gate.administration.add_member(OURS, "zebedee", "writer")
        made = await gate.administration.add_key(
            OURS, "zebedee's", member="zebedee", user_id="zebedee"
        )
        principal = await gate.access.authenticate(made.secret)
        scope = await gate.access.scope_of(principal, {})
        await gate.access.record(principal, "add", scope=scope)
        assert (await gate.administration.audit(AuditQuery(OURS)))[0].user_id == "zebedee"
        await gate.access.close()
        await ledger.close()

    with Memory(tmp_path / "store", user_id="zebedee", project_id="acme/default") as memory:
        memory.add("I live in Rome.")
    asyncio.run(prepare())
    with Memory(tmp_path / "store") as memory:
        memory.forget(user_id="zebedee", wait=True)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / "store" / LEDGER_FILE in files
    for path in files:
        assert b"zebedee" not in path.read_bytes(), path
