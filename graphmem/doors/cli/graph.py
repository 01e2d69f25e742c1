"""Commands about entities and how they connect, and a picture of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphmem.doors.cli.as_of import in_the_past, moments, reader
from graphmem.doors.cli.base import IN_PROJECTS, WHERE, command, filtered, options, time_option
from graphmem.doors.cli.hints import memory_to_ask, say_if_empty, say_if_no_type
from graphmem.doors.cli.output import (
    FIXED,
    counted,
    emit,
    note,
    print_table,
    show,
    show_json,
    table_text,
    when,
)
from graphmem.doors.cli.search import ALL_OPTION, IDS_OPTION
from graphmem.errors import UsageError
from graphmem.model import Entity, Moment, Relation, Subgraph, to_json
from graphmem.model import Path as Way
from graphmem.model.printing import printed_date
from graphmem.text import printable

if TYPE_CHECKING:
    import networkx as nx

MOST_OPTION = click.option(
    "--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many."
)


@command("relations")
@click.argument("entity", required=False)
@click.option("--type", "type_", metavar="TYPE", help="Only this type, for example works_at.")
@click.option("--other", metavar="ENTITY", help="Only those with this entity at the other end.")
@MOST_OPTION
@ALL_OPTION
@WHERE
@IN_PROJECTS
@in_the_past
@IDS_OPTION
def relations_command(
    entity: str | None,
    *,
    type_: str | None,
    other: str | None,
    limit: int,
    everything: bool,
    where: str | None,
    projects: tuple[str, ...],
    ids: bool,
) -> None:
    """List typed relations, of an entity or all."""
    with memory_to_ask() as memory:
        seen, current = reader(memory, everything=everything)
        found = seen.relations(
            entity, type=type_, other=other, limit=limit, **current, **filtered(where, projects)
        )
        say_if_empty(memory, found or projects)
        if type_ is not None and not found and not projects:
            say_if_no_type(memory, type_)
    if options().json:
        emit(found)
        return
    show_relations(found, ids=ids)
    if len(found) == limit:
        note(f"the first {limit:,}; --limit shows more")


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


@command("entities")
@click.argument("name", required=False)
@click.option("--kind", metavar="KIND", help="Only this kind, for example person.")
@MOST_OPTION
@WHERE
@IN_PROJECTS
@in_the_past
@IDS_OPTION
def entities_command(
    name: str | None,
    *,
    kind: str | None,
    limit: int,
    where: str | None,
    projects: tuple[str, ...],
    ids: bool,
) -> None:
    """List entities, or those with NAME in their name."""
    with memory_to_ask() as memory:
        narrowed = filtered(where, projects)
        found = reader(memory)[0].entities(name, kind=kind, limit=limit, **narrowed)
        say_if_empty(memory, found or projects)
    if options().json:
        emit(found)
        return
    show_entities(found, ids=ids)
    if len(found) == limit:
        note(f"the first {limit:,}; --limit shows more")


def show_entities(found: list[Entity] | tuple[Entity, ...], *, ids: bool = False) -> None:
    """Entities as a table."""
    if not found:
        note("no entities")
        return
    rows = [[e.name, e.kind, ", ".join(e.aliases), e.summary or ""] for e in found]
    columns: list[str | tuple[str, dict[str, Any]]] = ["name", ("kind", FIXED), "also called"]
    print_table([*columns, "about"], rows, ids=[entity.id for entity in found] if ids else ())


@command("entity")
@click.argument("name_or_id")
@in_the_past
def entity_command(name_or_id: str) -> None:
    """Show one entity, by name, alias or id."""
    with memory_to_ask() as memory:
        found = reader(memory)[0].entity(name_or_id)
    if not show_json(found):
        show_entities([found], ids=True)


@command("neighbours")
@click.argument("entity")
@click.option("--hops", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="Most entities."
)
@ALL_OPTION
@WHERE
@IN_PROJECTS
@in_the_past
def neighbours_command(
    entity: str,
    *,
    hops: int,
    limit: int,
    everything: bool,
    where: str | None,
    projects: tuple[str, ...],
) -> None:
    """Show what surrounds an entity."""
    with memory_to_ask() as memory:
        seen, current = reader(memory, everything=everything)
        found = seen.neighbours(
            entity, hops=hops, limit=limit, **current, **filtered(where, projects)
        )
    if show_json(found):
        return
    show_entities(found.entities)
    show_relations(found.relations)


@command("paths")
@click.argument("source")
@click.argument("target")
@click.option("--max-hops", type=click.IntRange(min=1), default=4, show_default=True)
@click.option(
    "--limit", type=click.IntRange(min=1), default=5, show_default=True, help="At most so many."
)
@ALL_OPTION
@WHERE
@IN_PROJECTS
@in_the_past
def paths_command(
    source: str,
    target: str,
    *,
    max_hops: int,
    limit: int,
    everything: bool,
    where: str | None,
    projects: tuple[str, ...],
) -> None:
    """Show how two entities connect.

    The shortest ways come first, each with the facts that make its steps.
    """
    with memory_to_ask() as memory:
        seen, current = reader(memory, everything=everything)
        found = seen.paths(
            source, target, max_hops=max_hops, limit=limit, **current, **filtered(where, projects)
        )
        if not found and not projects and seen.entity(source).id == seen.entity(target).id:
            note(f"{source} and {target} are one entity")
    if options().json:
        emit([{**to_json(way), "text": str(way)} for way in found])
        return
    show_paths(found, max_hops)


def show_paths(found: list[Way], max_hops: int = 4) -> None:
    """Paths, each with the facts that make its steps."""
    if not found:
        note(f"no path of up to {counted(max_hops, 'step')}")
        return
    for way in found:
        show(table_text(str(way), "bold"))
        for step in way.steps:
            show(table_text(f"    {step.fact}", "dim"))


@command("timeline")
@click.argument("entity", required=False)
@time_option("--since", "Only from then on.")
@time_option("--until", "Only before then.")
@MOST_OPTION
@WHERE
@IN_PROJECTS
@in_the_past
@IDS_OPTION
def timeline_command(
    entity: str | None,
    *,
    since: str | None,
    until: str | None,
    limit: int,
    where: str | None,
    projects: tuple[str, ...],
    ids: bool,
) -> None:
    """Show what began or ended when.

    About ENTITY, or about everything; what has no date of its own counts as stated when it was
    said.
    """
    with memory_to_ask() as memory:
        found = reader(memory)[0].timeline(
            entity, since=since, until=until, limit=limit, **filtered(where, projects)
        )
        say_if_empty(memory, found or projects)
    if options().json:
        emit(found)
        return
    show_timeline(found, ids=ids)
    if len(found) == limit:
        note(f"the first {limit:,}; --limit shows more")


_MOMENTS = {"began": "green", "happened": "green", "ended": "red", "stated": "dim"}
_MEANT = "yellow"


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
                table_text(moment.what, _MOMENTS.get(moment.what, _MEANT)),
                *_moment_dates(moment),
            ]
            for moment in found
        ],
        ids=[moment.fact.id for moment in found] if ids else (),
    )


def _moment_dates(moment: Moment) -> list[object]:
    """When what began ended again, and the sentence."""
    began = moment.what != "ended"
    fact = moment.fact
    until = printed_date(*fact.stated_end) if began and fact.stated_end else ""
    return [until, moment.sentence]


@command("graph")
@click.argument("entity", required=False)
@click.option("--hops", type=click.IntRange(min=1), default=2, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("graph.html"),
    show_default=True,
    help="Where to draw it: .html (to explore), .svg or .png.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=150, show_default=True, help="Most entities."
)
@click.option("--current", is_flag=True, help="Leave out relations that have ended.")
@WHERE
@IN_PROJECTS
@in_the_past
def graph_command(
    entity: str | None,
    *,
    hops: int,
    out: Path,
    limit: int,
    current: bool,
    where: str | None,
    projects: tuple[str, ...],
) -> None:
    """Draw the graph: around an entity, or all."""
    from graphmem.doors.drawing import picture_format

    picture_format(out)  # refuses before anything is opened
    if not out.parent.is_dir():
        raise UsageError(f"--out {out}: there is no folder {out.parent}")
    shared = options()
    with memory_to_ask() as memory:
        whole: Subgraph | nx.MultiDiGraph[str]
        seen, more = (memory, {"current": current}) if not moments() else reader(memory)
        more |= filtered(where, projects)
        if entity is None:
            whole = seen.to_networkx(**more)
        else:
            whole = seen.neighbours(entity, hops=hops, limit=limit, **more)
        say_if_empty(memory, _size(whole) or projects)
    owner = shared.user or shared.agent or ""
    title = owner if entity is None else f"{entity}, {counted(hops, 'hop')}"
    summary = draw(whole, out, title=title, limit=limit)
    if not show_json(summary):
        show(table_text(picture_summary(summary)))


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
    """One line about what was drawn."""
    text = (
        f"{printable(summary['file'])}: {counted(summary['entities'], 'entity', 'entities')}, "
        f"{counted(summary['relations'], 'relation')}"
    )
    if summary["left_out"]:
        text += f" ({summary['left_out']:,} without relations or beyond --limit left out)"
    return text
