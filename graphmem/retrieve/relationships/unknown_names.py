"""What to say of a name that nobody has: which ones are like it."""

from __future__ import annotations

from collections.abc import Iterable

from graphmem.errors import NotFound
from graphmem.ports.ledger import EntityQuery, LedgerView

LISTS = "entities() lists those it has"
_CLOSE = 70
"""From 0 to 100: how alike a name must be to be suggested."""
_SUGGESTED = 3
_PAGE = 1000
_PAGES = 10


async def no_entity(ledger: LedgerView, tenant: str, name: str, *, where: str = "") -> NotFound:
    """The error for a name, with the names and aliases in this tenant that are most like it."""
    names: dict[str, None] = {}
    after: str | None = None
    for _ in range(_PAGES):
        page = await ledger.entities(EntityQuery(tenant, limit=_PAGE, after=after))
        names |= dict.fromkeys(n for entity in page for n in (entity.name, *entity.aliases))
        if len(page) < _PAGE:
            break
        after = f"{page[-1].name}\0{page[-1].id}"
    return NotFound(f"{where}no entity {name!r} in this scope; {LISTS}{did_you_mean(name, names)}")


def did_you_mean(asked: str, known: Iterable[str]) -> str:
    """``; did you mean … or …?`` when something is spelt alike, else nothing."""
    from rapidfuzz import fuzz, process, utils

    best = process.extract(
        asked,
        list(known),
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=_SUGGESTED,
        score_cutoff=_CLOSE,
    )
    return f"; did you mean {' or '.join(name for name, _, _ in best)}?" if best else ""
