"""Writes hits as text for a prompt: grouped by entity, dated, cited, within a budget of tokens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from graphmem.model import Citation, Context, Entity, Hit
from graphmem.model.printing import printed_date
from graphmem.ports.tokens import TokenCounter
from graphmem.text import printable, text_key

NOTHING_KNOWN = "Nothing that is known answers this."
"""The context of a search with a minimum score that found nothing."""

_STATED = "Said"
_OTHER = "Other"


async def write_context(
    hits: Sequence[Hit],
    past: Sequence[Hit],
    *,
    seeds: Sequence[Entity],
    names: Mapping[str, Entity],
    tokens: TokenCounter,
    budget_tokens: int,
    now: datetime,
    nothing: str = "",
) -> Context:
    """The best hits that fit the budget, each sentence once; then, if there is room, the facts of
    ``past`` (facts of any time) that have ended.

    Facts are grouped under the entity that they are about: one of ``seeds`` if there is one, else
    their subject. Turns come last. Within a group, current lines come before ended ones, older
    before newer. Every line is ``[n] date text``, numbered through the whole text. The same hits
    give the same text. Without any hit it is ``nothing``, if that fits.
    """
    order = [seed.id for seed in seeds]
    chosen = _distinct([*hits, *(hit for hit in past if _over(hit, now))])
    if not chosen:
        (used,) = await tokens.count([nothing])
        return Context.of(nothing, (), used) if used <= budget_tokens else Context.of("", (), 0)
    headings = {hit.id: _heading(hit, order, names) for hit in chosen}
    widest = len(str(len(chosen)))
    lines = [_line(hit, int("9" * widest)) for hit in chosen]
    titles = list(dict.fromkeys(headings.values()))
    counts = await tokens.count([f"{text}\n" for text in (*lines, *map(_title, titles))])
    costs = dict(zip((*(hit.id for hit in chosen), *titles), counts, strict=True))
    kept: list[Hit] = []
    left = budget_tokens
    begun: set[str] = set()
    for hit in chosen:
        title = headings[hit.id]
        cost = costs[hit.id] + (0 if title in begun else costs[title])
        if cost <= left:
            begun.add(title)
            kept.append(hit)
            left -= cost
    while True:
        context = _written(kept, headings, now)
        (used,) = await tokens.count([str(context)])
        if used <= budget_tokens:
            return Context.of(str(context), context.citations, used)
        # A tokenizer may count a whole text higher than its lines: drop hits until it fits.
        kept.pop()


def _distinct(hits: Sequence[Hit]) -> list[Hit]:
    """Each sentence once, in order; a fact is preferred to a turn, for its dates."""
    found: dict[str, Hit] = {}
    for hit in hits:
        key = text_key(hit.text)
        if key not in found or (found[key].fact is None and hit.fact is not None):
            found[key] = hit
    return list(found.values())


def _over(hit: Hit, now: datetime) -> bool:
    ended = hit.fact.invalid_at if hit.fact else None
    return ended is not None and ended <= now


def _heading(hit: Hit, asked: Sequence[str], names: Mapping[str, Entity]) -> str:
    if hit.fact is None:
        return _STATED
    fact = hit.fact
    about = [*(id for id in asked if id in fact.entity_ids), fact.subject_id, *fact.entity_ids]
    return next((names[id].name for id in about if id and id in names), _OTHER)


def _written(kept: Sequence[Hit], headings: Mapping[str, str], now: datetime) -> Context:
    groups: dict[str, list[Hit]] = {}
    for hit in kept:
        groups.setdefault(headings[hit.id], []).append(hit)
    last = {_OTHER: 1, _STATED: 2}
    lines: list[str] = []
    citations: list[Citation] = []
    for heading in sorted(groups, key=lambda heading: last.get(heading, 0)):
        lines.append(_title(heading))
        for hit in sorted(
            groups[heading],
            key=lambda hit: (
                bool(hit.outdated) or _over(hit, now),
                str(_date(hit) or ""),
                hit.rank,
            ),
        ):
            citations.append(Citation(len(citations) + 1, hit))
            lines.append(_line(hit, len(citations)))
    return Context.of(printable("\n".join(lines)), tuple(citations), 0)


def _title(heading: str) -> str:
    return f"## {' '.join(heading.split())}"


def _date(hit: Hit) -> datetime | None:
    return hit.occurred_at if hit.fact is None else hit.fact.known_from


def _line(hit: Hit, number: int) -> str:
    precision = hit.fact.valid_precision if hit.fact else None
    date = printed_date(_date(hit), precision)
    day = f" {date}" if date else ""
    who = f"{hit.speaker}: " if hit.kind == "turn" and hit.speaker else ""
    return f"[{number}]{day} {who}{' '.join(hit.text.split())}{_notes(hit)}"


def _notes(hit: Hit) -> str:
    """What a reader must not miss: that it has ended, or is a plan, hearsay or the like."""
    notes = []
    if hit.fact is not None:
        if hit.fact.modality != "stated":
            due = printed_date(hit.fact.planned_for, hit.fact.planned_precision)
            notes.append(hit.fact.modality + (f" for {due}" if due else ""))
        if hit.fact.stated_end:
            notes.append(f"until {printed_date(*hit.fact.stated_end)}")
    if hit.outdated:
        notes.append(f"outdated: {hit.outdated}")
    return f" ({'; '.join(notes)})" if notes else ""
