"""Receipts of erasures: what was erased, and which parts may still hold some of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

from graphmem.adapters.ledger.sql import rows
from graphmem.adapters.ledger.sql.steps import ResultRows, Steps, execute, fetch
from graphmem.clock import stamp
from graphmem.model import ErasureReceipt
from graphmem.text import erased_hash

LEDGER = "ledger"


def put_erasure(receipt: ErasureReceipt, tenant: str) -> Steps[None]:
    """Store a new receipt. ``tenant`` is whose data was erased; empty where that must not be known
    any more."""
    row = _row(receipt)
    yield from execute("add_erasure", {**row, "tenant": tenant, "at": stamp(receipt.at)})


def without_part(ids: Collection[str], part: str, at: datetime) -> Steps[None]:
    """Note that a part no longer holds anything of what was erased."""
    for receipt in receipts_of((yield from fetch("erasures_pending"))):
        if receipt.id in ids and part in receipt.pending:
            rest = {name: why for name, why in receipt.pending.items() if name != part}
            done = replace(receipt, pending=rest, finished_at=None if rest else at)
            yield from execute("set_erasure", _row(done))


def with_reason(part: str, why: str) -> Steps[None]:
    """Note why a part still holds what was erased."""
    for receipt in receipts_of((yield from fetch("erasures_pending"))):
        if receipt.pending.get(part, why) != why:
            yield from execute(
                "set_erasure", _row(replace(receipt, pending={**receipt.pending, part: why}))
            )


def receipts_of(found: ResultRows) -> list[ErasureReceipt]:
    return [ErasureReceipt.from_json(json.loads(row["body"])) for row in found]


def rows_by_table(*answers: ResultRows, **more: int) -> Mapping[str, int]:
    """The number of rows erased, by table; tables without any are left out."""
    found = {row["name"]: int(row["number"]) for answer in answers for row in answer}
    return {name: number for name, number in sorted({**found, **more}.items()) if number}


def hashes_of(gone: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """The hashes of the erased ids, which are given by kind."""
    return tuple(sorted(erased_hash(kind, id) for kind, ids in gone.items() for id in ids))


def _row(receipt: ErasureReceipt) -> dict[str, str]:
    pending = " ".join(sorted(receipt.pending))
    return {"id": receipt.id, "pending": pending, "body": rows.as_json(receipt)}
