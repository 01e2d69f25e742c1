"""Commands that ask in words, and say why: search, context, explain, why-not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.base import cli, options
from graphmem.doors.cli.output import (
    FIXED,
    INSTEAD,
    NUMBER,
    RIGHT,
    WIDE_ENOUGH,
    console,
    emit,
    note,
    print_table,
    show,
    show_json,
    table_text,
    when,
)
from graphmem.doors.cli.reading import (
    ALL_OPTION,
    IDS_OPTION,
    MIN_SCORE_OPTION,
    WHERE,
    dated,
    limit_option,
    memory_to_ask,
    narrowing,
    reader,
    say_if_empty,
)
from graphmem.errors import NotFound, UsageError
from graphmem.model import Change, Fact, Hit, SearchResult, to_json
from graphmem.model.printing import day, printed_date
from graphmem.text import printable

if TYPE_CHECKING:
    from rich.text import Text

    from graphmem import Memory

_HIT_COLUMNS = (NUMBER, ("score", RIGHT), ("kind", FIXED), ("when", FIXED), "who", "text", "source")
_LINES = 3  # that say why a hit ranks where it does
_LONGEST_ID = 16
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}.*", re.IGNORECASE)
_TEXT_FORMATS = ("text", "markdown")


def _question(words: tuple[str, ...], name: str) -> str:
    """The words of a question as one text."""
    text = " ".join(words)
    if not text.strip():
        raise UsageError(f'nothing to ask: graphmem {name} "…"')
    return text


@cli.command("search")
@click.argument("query", nargs=-1)
@limit_option(10)
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
@MIN_SCORE_OPTION
@ALL_OPTION
@narrowing
@IDS_OPTION
def search_command(
    query: tuple[str, ...], *, explain: bool, kinds: str, ids: bool, **given: Any
) -> None:
    """Find the facts and turns that answer best."""
    question = _question(query, "search")
    with memory_to_ask() as memory:
        seen, arguments = reader(memory)
        result = seen.search(question, kinds=kinds.split(","), **given, **arguments)
        sources = _labels(memory, result)
        say_if_empty(memory, result)
    if options().json:
        hits = [{**to_json(hit), "source": sources[hit.id] or None} for hit in result]
        emit({**to_json(result), "hits": hits})
        return
    numbers = arguments.get("current") is False
    show_hits(result, explain=explain, numbers=numbers, ids=ids, sources=sources)


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
        show(f"about: {names}")
    if result.reason:
        note(result.reason)
    if not result.hits:
        note("nothing found" + _unsure(result))
        return
    if sources is None:
        sources = {hit.id: _own_label(hit) for hit in result}
    reasons = _numbers if numbers else _reasons
    narrow = explain and console().width < WIDE_ENOUGH
    rows = []
    for hit in result:
        why, source = reasons(hit) if explain else [], sources[hit.id]
        if narrow and source:  # a column of it would leave the reasons a few words a line
            why, source = [f"in {source}", *why], ""
        rows.append(_hit_row(hit, why, source))
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


def _own_label(hit: Hit) -> str:
    """The source's own id of the turn, when it is short enough to be read; else nothing."""
    id = hit.source_id or ""
    return "" if len(id) > _LONGEST_ID or _UUID.fullmatch(id) else id


def _labels(memory: Memory, hits: Iterable[Hit]) -> dict[str, str]:
    """For each hit, by its id: the source's own id, or the file or title of its episode."""
    found: dict[str, str] = {}
    episodes: dict[str, str] = {}
    for hit in hits:
        label = _own_label(hit)
        if not label and hit.episode_id:
            if hit.episode_id not in episodes:
                episodes[hit.episode_id] = _of_episode(memory, hit.episode_id, hit.project_id)
            label = episodes[hit.episode_id]
        found[hit.id] = label
    return found


def _of_episode(memory: Memory, id: str, project: str | None) -> str:
    """A note is known by its file, a conversation by its title."""
    try:
        metadata = memory.episode(id, project_id=project).metadata
    except NotFound:  # a fact may outlive the view of its episode that a run or an agent has
        return ""
    keys = ("source", "title") if metadata.get("format") in _TEXT_FORMATS else ("title", "source")
    return next((value for key in keys if isinstance(value := metadata.get(key), str)), "")


@cli.command("context")
@click.argument("query", nargs=-1)
@click.option(
    "--budget",
    "budget_tokens",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="The most tokens that it may have.",
)
@click.option("--sources", is_flag=True, help="Say below what each number stands for, by id.")
@click.option("--include-archived", is_flag=True, help="Also what has been archived.")
@MIN_SCORE_OPTION
@narrowing
def context_command(query: tuple[str, ...], *, sources: bool, **given: Any) -> None:
    """Print what is known, ready for a prompt."""
    question = _question(query, "context")
    with memory_to_ask() as memory:
        seen, arguments = reader(memory)
        text = seen.context(question, **given, **arguments)
        say_if_empty(memory, text)
    if options().json:
        cited = [{"number": c.number, "kind": c.hit.kind, "id": c.hit.id} for c in text.citations]
        emit({"query": question, "context": text, "tokens": text.tokens, "citations": cited})
        return
    click.echo(printable(text))
    if sources:
        for citation in text.citations:
            note(f"[{citation.number}] {citation.hit.kind} {citation.hit.id}")


@cli.command("explain")
@click.argument("id")
@dated
def explain_command(id: str) -> None:
    """Show why a memory says something.

    ID is that of a fact or a turn, as search --ids and context --sources show it: who said it,
    when, word for word, and what has happened to it since.
    """
    with memory_to_ask() as memory:
        try:
            found = reader(memory)[0].explain(id)
        except NotFound as error:
            raise NotFound(f"{error}; `graphmem search … --ids` shows ids") from error
    if show_json(found):
        return
    show(found.text, "bold")
    if found.fact and (interval := found.fact.interval):
        show(f"held {interval}")
    if found.about:
        show("about: " + ", ".join(f"{e.name} ({e.kind})" for e in found.about))
    print_table(
        [("said", FIXED), "who", "text", ("source", FIXED)],
        [(day(q.occurred_at), q.speaker or "", q.text, q.source_id or "") for q in found.quotes],
    )
    if found.history:
        show_changes(list(found.history))


@cli.command("why-not")
@click.argument("query")
@click.argument("missing")
@limit_option(10)
@ALL_OPTION
@WHERE
@click.option("--min-score", type=float, default=0.0, help="As of search.")
@click.option("--threshold", type=float, default=0.0, help="As of search.")
def why_not_command(query: str, missing: str, **given: Any) -> None:
    """Show why a search does not give something.

    MISSING is the id of a fact or a turn, or a sentence; the options are those of the search.
    """
    with memory_to_ask() as memory:
        found = memory.why_not(query, missing, **given, **reader(memory)[1])
    if show_json(found):
        return
    show(found.cause.replace("_", " "), "bold")
    show(found.explanation)
    if found.rank is not None:
        show(f"rank {found.rank}, found by {', '.join(found.arms) or 'no arm'}", "dim")


def replacing(changes: Iterable[Change]) -> list[str]:
    """The ids of the facts that took the place of another."""
    ids = dict.fromkeys(change.reason.partition(INSTEAD)[2] for change in changes)
    return [id for id in ids if id]


def show_changes(changes: list[Change], texts: Mapping[str, str] = MappingProxyType({})) -> None:
    """A history as a table, and the facts that took the place of others, by their ``texts``."""
    print_table(
        [("edit", RIGHT), ("recorded", FIXED), ("what", FIXED), "from → to", "why", "by"],
        [
            (
                *(change.seq, when(change.at), change.action),
                *(_change(change), change.reason.partition(INSTEAD)[0], change.actor),
            )
            for change in changes
        ],
    )
    for id in replacing(changes):  # a line of its own, so that it can be copied
        text = f": {texts[id]}" if id in texts else ""
        click.echo(printable(f"superseded by {id}{text}"))


def _change(change: Change) -> str:
    before, after = change.before, change.after
    if before is None or after is None:
        return _version(after or before)
    if _version(before) == _version(after):
        return _version(after)
    return f"{_version(before)} → {_version(after)}"


def _version(fact: Fact | None) -> str:
    return "(erased)" if fact is None else str(fact)
