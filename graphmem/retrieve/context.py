"""Hits as text for a prompt: dated lines with numbered sources, within a budget of tokens."""

from __future__ import annotations

from graphmem.model import Hit, SearchResult

_CHARACTERS_PER_TOKEN = 4


def write_context(found: SearchResult, budget_tokens: int) -> str:
    """The best hits that fit, each once, oldest first; ``[n]`` is the hit's rank in the search."""
    left = budget_tokens * _CHARACTERS_PER_TOKEN
    chosen: list[tuple[Hit, str]] = []
    seen: set[str] = set()
    for hit in found:
        line = _line(hit)
        if hit.text in seen or len(line) + 1 > left:
            continue
        seen.add(hit.text)
        chosen.append((hit, line))
        left -= len(line) + 1
    chosen.sort(key=lambda pair: (str(pair[0].occurred_at or ""), pair[0].rank))
    return "\n".join(line for _, line in chosen)


def _line(hit: Hit) -> str:
    day = f"{hit.occurred_at:%Y-%m-%d} " if hit.occurred_at else ""
    who = f"{hit.speaker}: " if hit.kind == "turn" and hit.speaker else ""
    ended = hit.fact.invalid_at if hit.fact else None
    until = f" (until {ended:%Y-%m-%d})" if ended else ""
    until += f" (outdated: {hit.outdated})" if hit.outdated else ""
    source = f" (source {hit.source_id})" if hit.source_id else ""
    return f"[{hit.rank}] {day}{who}{' '.join(hit.text.split())}{until}{source}"
