"""What models cost, as a ledger keeps it: by day, model and tenant, with the totals beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from graphmem.adapters.ledger.sql.steps import Fetch, ResultRows, Steps, execute, fetch_all
from graphmem.ports.ledger import Ceiling, Charge

_TOTAL = "*"  # no digest of a tenant is this
"""The tenant of the rows that add up a day, and (without a day) everything: what is spent is known
without adding up all that was ever spent."""


def charge(asked: Charge, ceilings: Sequence[Ceiling]) -> Steps[Ceiling | None]:
    """Note a charge with its totals, unless a ceiling would be broken."""
    if ceilings:
        day, store = yield from fetch_all(
            [Fetch("spend_total", {"day": day}) for day in (asked.day, "")]
        )
        for ceiling in ceilings:
            spent = _sum(day if ceiling.per == "day" else store, ceiling.what)
            if spent + _asked(asked, ceiling.what) > ceiling.most:
                return ceiling
    row = asdict(asked)
    total = {**row, "model": "", "tenant": _TOTAL}
    yield from execute("add_spend", row, total, {**total, "day": ""})
    return None


def charges(tenant: str | None) -> Fetch:
    """Asks for what :func:`charges_of` reads."""
    return Fetch("spend", {"tenant": tenant})


def charges_of(found: ResultRows) -> list[Charge]:
    return [Charge(**dict(row)) for row in found]


def _sum(total: ResultRows, what: str) -> int:
    return int(total[0][what]) if total else 0


def _asked(asked: Charge, what: str) -> int:
    if what == "tokens":
        return asked.tokens_in + asked.tokens_out
    return asked.calls if what == "calls" else asked.micros
