"""Commands about entities, how they connect, what changed when; and a picture of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.arguments import time_option
from graphmem.doors.cli.base import cli, options
from graphmem.doors.cli.output import (
    FIXED,
    counted,
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
    dated,
    limit_option,
    memory_to_ask,
    moments,
    narrowing,
    reader,
    say_if_empty,
    say_if_more,
    say_if_no_type,
)
from graphmem.errors import UsageError
from graphmem.model import Difference, Entity, Moment, Relation, Subgraph, to_json
from graphmem.model import Path as Way
from graphmem.model.printing import printed_date
from graphmem.text import printable

if TYPE_CHECKING:
    import networkx as nx

_STYLES = {
    "began": "green",
    "happened": "green",
    "ended": "red",
    "stated": "dim",
    "learned": "cyan",
}
_OTHER_STYLE = "yellow"  # of what was withdrawn, and of how a thing is meant
_BY = re.compile(r"; superseded by (?P<id>\S+)$")


@cli.command("relations")
@click.argument("entity", required=False)
@click.option("--type", metavar="TYPE", help="Only this type, for example works_at.")
@click.option("--other", metavar="ENTITY", help="Only those with this entity at the other end.")
@limit_option(100)
@ALL_OPTION
@narrowing
@IDS_OPTION
def relations_command(entity: str | None, *, ids: bool, **given: Any) -> None:
    """List typed relations, of an entity or all."""
    with memory_to_ask() as memory:
        seen, arguments = reader(memory)
        found = seen.relations(entity, **given, **arguments)
        say_if_empty(memory, found)
        if given["type"] is not None and not found and "project_ids" not in arguments:
            say_if_no_type(memory, given["type"])
    if show_json(found):
        return
    show_relations(found, ids=ids)
    say_if_more(found, given["limit"])


def show_relations(found: list[Relation] | tuple[Relation, ...], *, ids: bool = False) -> None:
    """Relations as a table."""
    if not found:
        note("no relations")
        return
    columns: list[str | tuple[str, dict[str, Any]]] = [
        "from",
        ("relation", FIXED),
        "to",
        ("since", FIXED),
        ("until", FIXED),
        "fact",
    ]
    rows: list[list[object]] = [
        [
            *(r.subject, table_text(r.type, "cyan"), r.object),
            printed_date(r.valid_at, r.valid_precision),
            printed_date(r.invalid_at, r.invalid_precision),
            r.fact,
        ]
        for r in found
    ]
    print_table(columns, rows, ids=[r.fact_id for r in found] if ids else (), spare="fact")


@cli.command("entities")
@click.argument("name", required=False)
@click.option("--kind", metavar="KIND", help="Only this kind, for example person.")
@limit_option(100)
@narrowing
@IDS_OPTION
def entities_command(name: str | None, *, ids: bool, **given: Any) -> None:
    """List entities, or those with NAME in their name."""
    with memory_to_ask() as memory:
        seen, arguments = reader(memory)
        found = seen.entities(name, **given, **arguments)
        say_if_empty(memory, found)
    if show_json(found):
        return
    show_entities(found, ids=ids)
    say_if_more(found, given["limit"])


def show_entities(found: list[Entity] | tuple[Entity, ...], *, ids: bool = False) -> None:
    """Entities as a table."""
    if not found:
        note("no entities")
        return
    rows = [[e.name, e.kind, ", ".join(e.aliases), e.summary or ""] for e in found]
    columns: list[str | tuple[str, dict[str, Any]]] = ["name", ("kind", FIXED), "also called"]
    print_table([*columns, "about"], rows, ids=[entity.id for entity in found] if ids else ())


@cli.command("entity")
@click.argument("name_or_id")
@dated
def entity_command(name_or_id: str) -> None:
    """Show one entity, by name, alias or id."""
    with memory_to_ask() as memory:
        found = reader(memory)[0].entity(name_or_id)
    if not show_json(found):
        show_entities([found], ids=True)


@cli.command("neighbours")
@click.argument("entity")
@click.option("--hops", type=click.IntRange(min=1), default=1, show_default=True)
@limit_option(50, "Most entities.")
@ALL_OPTION
@narrowing
def neighbours_command(entity: str, **given: Any) -> None:
    """Show what surrounds an entity."""
    with memory_to_ask() as memory:
        seen, arguments = reader(memory)
        found = seen.neighbours(entity, **given, **arguments)
    if show_json(found):
        return
    show_entities(found.entities)
    show_relations(found.relations)


@cli.command("paths")
@click.argument("source")
@click.argument("target")
@click.option("--max-hops", type=click.IntRange(min=1), default=4, show_default=True)
@limit_option(5)
@ALL_OPTION
@narrowing
def paths_command(source: str, target: str, **given: Any) -> None:
    """Show how two entities connect.

    The shortest ways come first, each with the facts that make its steps.
    """
    with memory_to_ask() as memory:
        seen, arguments = reader(memory)
        found = seen.paths(source, target, **given, **arguments)
        alone = not found and "project_ids" not in arguments
        if alone and seen.entity(source).id == seen.entity(target).id:
            note(f"{source} and {target} are one entity")
    if not show_json([{**to_json(way), "text": str(way)} for way in found]):
        show_paths(found, given["max_hops"])


def show_paths(found: list[Way], max_hops: int = 4) -> None:
    """Paths, each with the facts that make its steps."""
    if not found:
        note(f"no path of up to {counted(max_hops, 'step')}")
        return
    for way in found:
        show(str(way), "bold")
        for step in way.steps:
            show(f"    {step.fact}", "dim")


@cli.command("timeline")
@click.argument("entity", required=False)
@time_option("--since", 'Only from then on: 2024-05, "last week".', in_words=True)
@time_option("--until", "Only before then.", in_words=True)
@limit_option(100)
@narrowing
@IDS_OPTION
def timeline_command(entity: str | None, *, ids: bool, **given: Any) -> None:
    """Show what began or ended when.

    About ENTITY, or about everything; what has no date of its own counts as stated when it was
    said.
    """
    with memory_to_ask() as memory:
        seen, arguments = reader(memory)
        found = seen.timeline(entity, **given, **arguments)
        say_if_empty(memory, found)
    if show_json(found):
        return
    show_timeline(found, ids=ids)
    say_if_more(found, given["limit"])


def show_timeline(found: list[Moment], *, ids: bool = False) -> None:
    """A timeline as a table."""
    if not found:
        note("nothing in this time")
        return
    print_table(
        [("when", FIXED), ("what", FIXED), ("until", FIXED), "fact"],
        [
            [
                when(moment.at, moment.precision),
                table_text(moment.what, _STYLES.get(moment.what, _OTHER_STYLE)),
                _end(moment),
                moment.sentence,
            ]
            for moment in found
        ],
        ids=[moment.fact.id for moment in found] if ids else (),
    )


def _end(moment: Moment) -> str:
    """When what began ended again."""
    end = moment.fact.stated_end if moment.what != "ended" else None
    return printed_date(*end) if end else ""


@cli.command("diff")
@click.argument("a", metavar="MOMENT")
@click.argument("b", metavar="MOMENT")
@click.argument("entity", required=False)
@time_option("--known-at-a", "What was known then of the first moment; now unless given.")
@time_option("--known-at-b", "What was known then of the second; now unless given.")
@limit_option(100)
def diff_command(
    a: str,
    b: str,
    entity: str | None,
    *,
    known_at_a: str | None,
    known_at_b: str | None,
    limit: int,
) -> None:
    """Show what changed from one moment to another.

    What began, ended, was learned or withdrawn, and why.

    \b
    graphmem diff 2024-01-01 2024-06-01
    """
    from graphmem.clock import parse_when

    if parse_when(a, name="the first moment") > parse_when(b, name="the second moment"):
        raise UsageError(f"{a} is after {b}: the earlier moment comes first")
    with memory_to_ask() as memory:
        before, after = memory.as_of(a, known_at_a), memory.as_of(b, known_at_b)
        found = memory.diff(before, after, entity, limit=limit)
        say_if_empty(memory, found)
    if show_json(found):
        return
    _show_differences(found)
    say_if_more(found, limit)


def _show_differences(found: list[Difference]) -> None:
    """Differences as a table."""
    if not found:
        note("no difference")
        return
    texts = {one.fact.id: one.sentence for one in found}
    rows = [
        [
            when(one.at, one.precision),
            table_text(one.what, _STYLES.get(one.what, _OTHER_STYLE)),
            one.sentence,
            _why(one, texts),
        ]
        for one in found
    ]
    print_table([("when", FIXED), ("what", FIXED), "fact", "why"], rows, spare="why")


def _why(one: Difference, texts: Mapping[str, str]) -> str:
    """A reason with what came instead in its words."""
    match = _BY.search(one.reason)
    instead = texts.get(match["id"]) if match else None
    return f"instead: {instead}" if instead else one.why


@cli.command("graph")
@click.argument("entity", required=False)
@click.option("--hops", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("graph.html"),
    show_default=True,
    help="Where to draw it: .html (to explore), .svg or .png.",
)
@limit_option(150, "Most entities.")
@click.option("--current", is_flag=True, help="Leave out relations that have ended.")
@narrowing
def graph_command(entity: str | None, *, hops: int, out: Path, limit: int, current: bool) -> None:
    """Draw the graph: around an entity, or all."""
    from graphmem.doors.drawing import picture_format

    picture_format(out)  # refuses before anything is opened
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}")
    shared = options()
    with memory_to_ask() as memory:
        whole: Subgraph | nx.MultiDiGraph[str]
        seen, arguments = reader(memory)
        if not moments():
            arguments["current"] = current
        if entity is None:
            whole = seen.to_networkx(**arguments)
        else:
            whole = seen.neighbours(entity, hops=hops, limit=limit, **arguments)
        say_if_empty(memory, _size(whole))
    owner = shared.user or shared.agent or ""
    title = owner if entity is None else f"{entity}, {counted(hops, 'hop')}"
    summary = draw(whole, out, title=title, limit=limit)
    if not show_json(summary):
        show(picture_summary(summary))


def draw(
    whole: Subgraph | nx.MultiDiGraph[str], out: Path, *, title: str, limit: int
) -> dict[str, Any]:
    """Draw into a file (in place of the one before, whole or not at all); says what was drawn."""
    from graphmem.doors.drawing import picture_format, render, trimmed

    chosen = trimmed(whole, limit)
    data = render(chosen, picture_format(out), title=title)
    beside = out.with_name(f".{out.name}.part")
    try:
        beside.write_bytes(data)
        beside.replace(out)
    except OSError as error:
        raise UsageError(f"--out {out}: {error.strerror}") from error
    return {
        "file": str(out),
        "entities": len(chosen.entities),
        "relations": len(chosen.relations),
        "left_out": _size(whole) - len(chosen.entities),
    }


def _size(whole: Subgraph | nx.MultiDiGraph[str]) -> int:
    return len(whole.entities) if isinstance(whole, Subgraph) else len(whole)


def picture_summary(summary: dict[str, Any]) -> str:
    """What was drawn, and on a line of its own what was left out."""
    text = (
        f"{printable(summary['file'])}: {counted(summary['entities'], 'entity', 'entities')}, "
        f"{counted(summary['relations'], 'relation')}"
    )
    if summary["left_out"]:
        text += f"\n({summary['left_out']:,} without relations or beyond --limit left out)"
    return text
