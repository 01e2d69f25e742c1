"""What models cost, as a ledger keeps it: by day, model and tenant, with the totals beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from graphmem.adapters.ledger.sql.steps import Fetch, Steps, execute, fetch_all
from graphmem.ports.ledger import Ceiling, Charge

_TOTAL = "*"
"""The table has totals beside its lines, so that what was spent is known without adding up. Totals
have no model, and this in place of a tenant's digest: alone for a day of everybody and, without a
day, for all that was ever spent; before the digest for a day of a tenant. An actor's day has ``@``
and the actor's digest."""


def charge(asked: Charge, ceilings: Sequence[Ceiling]) -> Steps[Ceiling | None]:
    """Note a charge with its totals, unless a ceiling would be broken."""
    totals = _totals(asked)
    if ceilings:
        found = yield from fetch_all(
            [Fetch("spend_total", {"day": day, "tenant": whose}) for day, whose in totals.values()]
        )
        spent = dict(zip(totals, found, strict=True))
        more = {**asdict(asked), "tokens": asked.tokens_in + asked.tokens_out}
        for ceiling in (one for one in ceilings if one.per in spent):
            known = sum(row[ceiling.what] for row in spent[ceiling.per])
            if known + more[ceiling.what] > ceiling.most:
                return ceiling
    row = asdict(asked)
    del row["actor"]
    added = [{**row, "model": "", "day": day, "tenant": whose} for day, whose in totals.values()]
    yield from execute("add_spend", row, *added)
    return None


def _totals(asked: Charge) -> dict[str, tuple[str, str]]:
    """The totals that a charge counts in, each by its day and what it is under."""
    found = {"day": (asked.day, _TOTAL), "store": ("", _TOTAL)}
    if asked.tenant:
        found["owner"] = asked.day, f"{_TOTAL}{asked.tenant}"
    if asked.actor:
        found["actor"] = asked.day, f"@{asked.actor}"
    return found
