"""The cost of models as a ledger stores it: by day, model and tenant, with totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from graphmem.adapters.ledger.sql.steps import Fetch, Steps, execute, fetch_all
from graphmem.ports.ledger import Ceiling, Charge

_TOTAL = "*"
"""The table also has rows with totals, so that nothing needs to be added up. A total has an empty
model, and in place of a tenant's digest: ``*`` for a whole day or, with an empty day, for all time;
``*`` and the digest for a day of a tenant; ``@`` and the digest for a day of an actor."""


def charge(asked: Charge, ceilings: Sequence[Ceiling]) -> Steps[Ceiling | None]:
    """Add a charge to its row and its totals, unless that would exceed a ceiling, which is then
    returned."""
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
    """The (day, tenant) keys of the totals that a charge counts in, by what a ceiling is per."""
    found = {"day": (asked.day, _TOTAL), "store": ("", _TOTAL)}
    if asked.tenant:
        found["owner"] = asked.day, f"{_TOTAL}{asked.tenant}"
    if asked.actor:
        found["actor"] = asked.day, f"@{asked.actor}"
    return found
