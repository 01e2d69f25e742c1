"""Commands that ask for facts and verbatim turns: search, context, facts, get, episode, history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from graphmem.doors.cli.as_of import INCLUDE_ARCHIVED, in_the_past, reader
from graphmem.doors.cli.base import IN_PROJECTS, WHERE, command, filtered, next_command, options
from graphmem.doors.cli.hints import memory_to_ask, say_if_empty
from graphmem.doors.cli.hit_labels import labels, own_label
from graphmem.doors.cli.output import (
    FIXED,
    NUMBER,
    RIGHT,
    counted,
    emit,
    note,
    print_table,
    show,
    show_json,
    table_text,
    when,
)
from graphmem.errors import UsageError
from graphmem.model import Change, Fact, Hit, SearchResult, to_json
from graphmem.model.printing import day, printed_date
from graphmem.text import printable

if TYPE_CHECKING:
    from rich.text import Text

_HIT_COLUMNS = (NUMBER, ("score", RIGHT), ("kind", FIXED), ("when", FIXED), "who", "text", "source")
_LINES = 3  # that say why a hit ranks where it does
LIMIT_OPTION = click.option(
    "--limit", type=click.IntRange(min=1), default=10, show_default=True, help="At most so many."
)
MIN_SCORE_OPTION = click.option(
    "--min-score",
    type=float,
    default=0.0,
    show_default=True,
    help="Show nothing when an answer is less likely than this (0 to 1; see docs/scores.md).",
)
IDS_OPTION = click.option("--ids", is_flag=True, help="Show the ids of facts too.")
ALL_OPTION = click.option(
    "--all", "everything", is_flag=True, help="Also what has ended, expired or been archived."
)


def _question(words: tuple[str, ...], name: str) -> str:
    """The words of a question as one text."""
    text = " ".join(words)
    if not text.strip():
        raise UsageError(f'nothing to ask: graphmem {name} "…"')
    return text


@command("search")
@click.argument("query", nargs=-1)
@LIMIT_OPTION
@click.option(
    "--explain",
    is_flag=True,
    help="Show why each hit ranks where it does; with --all by every signal, in numbers.",
)
@click.option(
    "--kinds",
    type=click.Choice(["fact", "turn", "fact,turn"]),
    default="fact,turn",
    show_default=True,
    help="Facts, verbatim turns, or both.",
)
@ALL_OPTION
@WHERE
@IN_PROJECTS
@MIN_SCORE_OPTION
@in_the_past
@IDS_OPTION
def search_command(
    query: tuple[str, ...],
    *,
    limit: int,
    explain: bool,
    kinds: str,
    everything: bool,
    where: str | None,
    projects: tuple[str, ...],
    min_score: float,
    ids: bool,
) -> None:
    """Find the facts and turns that answer best."""
    question = _question(query, "search")
    with memory_to_ask() as memory:
        seen, current = reader(memory, everything=everything)
        narrowed = {**current, **filtered(where, projects), "min_score": min_score}
        result = seen.search(question, limit=limit, kinds=kinds.split(","), **narrowed)
        sources = labels(memory, result)
        say_if_empty(memory, result or projects)
    if options().json:
        hits = [{**to_json(hit), "source": sources[hit.id] or None} for hit in result]
        emit({**to_json(result), "hits": hits})
        return
    show_hits(result, explain=explain, numbers=everything, ids=ids, sources=sources)


def show_hits(
    result: SearchResult,
    *,
    explain: bool = False,
    numbers: bool = False,
    ids: bool = False,
    sources: Mapping[str, str] | None = None,
) -> None:
    """Hits as a table; with ``explain`` what the question is about, and why each hit ranks where
    it does: in three lines, or, with ``numbers``, by all that every signal says.

    ``sources`` says, by the id of a hit, what to call its source.
    """
    if explain and result.seeds:
        names = ", ".join(f"{seed.name} ({seed.kind})" for seed in result.seeds)
        show(table_text(f"about: {names}"))
    if result.reason:
        note(result.reason)
    if not result.hits:
        note("nothing found" + _unsure(result))
        return
    if sources is None:
        sources = {hit.id: own_label(hit) for hit in result}
    reasons = _numbers if numbers else _reasons
    rows = [_hit_row(hit, reasons(hit) if explain else [], sources[hit.id]) for hit in result]
    print_table(_HIT_COLUMNS, rows, ids=[hit.id for hit in result] if ids else ())


def _unsure(result: SearchResult) -> str:
    """How likely what was found answers, where there was something, but nothing sure enough."""
    if not result.answerable:
        return ""
    return f" that is sure enough: that anything here answers is {result.answerable:.0%} likely"


def _hit_row(hit: Hit, reasons: list[str], source: str) -> list[object]:
    text: Text = marked(hit.fact) if hit.fact else table_text(hit.text)
    if hit.outdated:
        text.append_text(table_text(f"\noutdated: {hit.outdated}", "yellow"))
    if reasons:
        text.append_text(table_text("\n" + "\n".join(reasons), "dim"))
    fact = hit.fact
    begun = printed_date(fact.valid_at, fact.valid_precision) if fact else ""
    return [
        hit.rank,
        f"{hit.score:.3f}",
        table_text(hit.kind, "cyan" if hit.kind == "fact" else ""),
        day(hit.occurred_at) or begun,
        hit.speaker or "",
        text,
        source,
    ]


def _reasons(hit: Hit) -> list[str]:
    """The signals that count most, in words, and how the graph led there."""
    from graphmem.retrieve.signals.registry import explained_signal

    way = _way(hit)
    most = sorted(hit.signals, key=lambda signal: -abs(signal.share))
    return [
        f"{'-' if signal.share < 0 else '+'} {explained_signal(signal.name)}"
        for signal in most[: _LINES - len(way)]
    ] + way


def _numbers(hit: Hit) -> list[str]:
    numbers = " · ".join(
        f"{signal.name} {signal.share:+.2f} (rank {signal.rank}, scored {signal.score:.3g})"
        for signal in hit.signals
    )
    return [numbers, *_way(hit)] if numbers else _way(hit)


def _way(hit: Hit) -> list[str]:
    """How the graph led there, and since when it holds."""
    path = f"path: {hit.path}" if hit.path else None
    interval = hit.fact.interval if hit.fact else None
    parts = [part for part in (path, interval) if part]
    return [" · ".join(parts)] if parts else []


def marked(fact: Fact) -> Text:
    """A fact's sentence, with how it is meant when it is not plainly stated."""
    text = table_text(fact.text)
    if fact.modality != "stated":
        text.append_text(table_text(f"  ({fact.modality})", "yellow"))
    return text


@command("context")
@click.argument("query", nargs=-1)
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="The most tokens that it may have.",
)
@click.option("--sources", is_flag=True, help="Say below what each number stands for, by id.")
@INCLUDE_ARCHIVED
@WHERE
@IN_PROJECTS
@MIN_SCORE_OPTION
@in_the_past
def context_command(
    query: tuple[str, ...],
    *,
    budget: int,
    sources: bool,
    archived: bool,
    where: str | None,
    projects: tuple[str, ...],
    min_score: float,
) -> None:
    """Print what is known, ready for a prompt."""
    question = _question(query, "context")
    with memory_to_ask() as memory:
        seen = reader(memory)[0]
        narrowed = {**filtered(where, projects), "include_archived": archived}
        narrowed["min_score"] = min_score
        text = seen.context(question, budget_tokens=budget, **narrowed)
        say_if_empty(memory, text or projects)
    if options().json:
        cited = [{"number": c.number, "kind": c.hit.kind, "id": c.hit.id} for c in text.citations]
        emit({"query": question, "context": text, "tokens": text.tokens, "citations": cited})
        return
    click.echo(printable(text))
    if sources:
        for citation in text.citations:
            note(f"[{citation.number}] {citation.hit.kind} {citation.hit.id}")


@command("explain")
@click.argument("id")
@in_the_past
def explain_command(id: str) -> None:
    """Show why a memory says something.

    ID is that of a fact or a turn, as search --ids and context --sources show it: who said it,
    when, word for word, and what has happened to it since.
    """
    with memory_to_ask() as memory:
        found = reader(memory)[0].explain(id)
    if show_json(found):
        return
    show(table_text(found.text, "bold"))
    if found.fact and (interval := found.fact.interval):
        show(table_text(f"held {interval}"))
    if found.about:
        show(table_text("about: " + ", ".join(f"{e.name} ({e.kind})" for e in found.about)))
    print_table(
        [("said", FIXED), "who", "text", ("source", FIXED)],
        [(day(q.occurred_at), q.speaker or "", q.text, q.source_id or "") for q in found.quotes],
    )
    if found.history:
        show_changes(list(found.history))


@command("facts")
@click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many."
)
@click.option("--after", metavar="ID", help="Go on after this fact (as the last page says).")
@click.option("--offset", type=click.IntRange(min=0), default=0, help="Pass over so many.")
@click.option("--count", is_flag=True, help="Say how many there are in all.")
@ALL_OPTION
@WHERE
@IN_PROJECTS
@in_the_past
def facts_command(
    *,
    limit: int,
    after: str | None,
    offset: int,
    count: bool,
    everything: bool,
    where: str | None,
    projects: tuple[str, ...],
) -> None:
    """List every fact, oldest first."""
    with memory_to_ask() as memory:
        seen, current = reader(memory, everything=everything)
        part = {"limit": limit, "after": after, "offset": offset, "count": count}
        page = seen.get_all(**part, **current, **filtered(where, projects))
        say_if_empty(memory, page.items or after or offset or projects)
    if show_json(page):
        return
    print_table(
        [("since", FIXED), ("until", FIXED), "fact"],
        [
            (
                printed_date(fact.valid_at, fact.valid_precision),
                printed_date(fact.invalid_at, fact.invalid_precision),
                marked(fact),
            )
            for fact in page.items
        ],
        ids=[fact.id for fact in page.items],
    )
    if page.total is not None:
        note(counted(page.total, "fact"))
    if page.next:
        note(f"more: {next_command('facts', '--after', page.next)}")


@command("get")
@click.argument("fact_id")
@in_the_past
def get_command(fact_id: str) -> None:
    """Show one fact in full."""
    with memory_to_ask() as memory:
        fact = reader(memory)[0].get(fact_id)
    if show_json(fact):
        return
    rows: list[tuple[str, object]] = [
        ("fact", fact.text),
        ("id", f"{fact.id} (version {fact.version})"),
        ("holds", fact.interval or "no dates known"),
        ("recorded", when(fact.recorded_at)),
    ]
    optional: list[tuple[str, object]] = [
        ("stated", when(fact.stated_at)),
        ("expires", when(fact.expires_at)),
        ("archived", when(fact.archived_at)),
        ("meant", fact.modality if fact.modality != "stated" else None),
        ("planned for", when(fact.planned_for, fact.planned_precision)),
        ("relation", fact.type),
        ("supersedes", fact.supersedes_id),
        ("tags", ", ".join(fact.tags)),
        ("metadata", ", ".join(f"{key}={value}" for key, value in fact.metadata.items())),
    ]
    rows += [(name, value) for name, value in optional if value]
    rows += [("source", f"episode {source.episode_id}") for source in fact.sources]
    print_table([("", {"style": "bold", "no_wrap": True}), ""], rows)


@command("episode")
@click.argument("episode_id")
@in_the_past
def episode_command(episode_id: str) -> None:
    """Show one episode, turn by turn."""
    with memory_to_ask() as memory:
        found = reader(memory)[0].episode(episode_id)
    if show_json(found):
        return
    show(table_text(f"{when(found.occurred_at)}  {found.id}  {found.status}", "bold"))
    print_table(
        ["who", "text", ("source", FIXED)],
        [(turn.speaker or turn.role, turn.text, turn.source_id) for turn in found.turns],
    )


@command("history")
@click.argument("fact_id")
@in_the_past
def history_command(fact_id: str) -> None:
    """Show what happened to a fact, and why."""
    with memory_to_ask() as memory:
        changes = reader(memory)[0].history(fact_id)
    if options().json:
        emit(changes)
        return
    show_changes(changes)
    note(counted(len(changes), "change"))


def show_changes(changes: list[Change]) -> None:
    """A history as a table."""
    print_table(
        [("recorded", FIXED), ("what", FIXED), "from → to", "why", "by"],
        [
            (when(change.at), change.action, _change(change), change.reason, change.actor)
            for change in changes
        ],
        ids=[str(change.seq) for change in changes],
    )


def _change(change: Change) -> str:
    before, after = change.before, change.after
    if before is None or after is None:
        return _version(after or before)
    if _version(before) == _version(after):
        return _version(after)
    return f"{_version(before)} → {_version(after)}"


def _version(fact: Fact | None) -> str:
    return "(erased)" if fact is None else str(fact)
