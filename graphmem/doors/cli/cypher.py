"""``graphmem cypher``: one query, a named one of the tour, or a prompt; rows as a table, as CSV or
as JSON."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from graphmem.doors.cli.arguments import pairs, piped
from graphmem.doors.cli.base import cli, options
from graphmem.doors.cli.output import counted, emit, note, print_table, show_json
from graphmem.doors.cli.reading import (
    IN_PROJECTS,
    dated,
    memory_to_ask,
    moments,
    reader,
    say_if_empty,
)
from graphmem.doors.cli.tour import listing, named, now, read_queries, values
from graphmem.errors import UsageError
from graphmem.model import Table, to_json
from graphmem.text import printable

if TYPE_CHECKING:
    pass


OUTPUT_FORMATS: Final = ("table", "csv", "json")


def show_rows(result: Table) -> None:
    """Rows for people; no table at all when there are none."""
    if result.rows:
        rows = [[value_text(value) for value in row] for row in result.rows]
        print_table(result.columns, rows, keep_empty=True)


def print_result(result: Table, format: str) -> None:
    """Print in one of the :data:`OUTPUT_FORMATS`; say how many rows there are, and if some are left
    out.

    CSV is as RFC 4180 has it, but for line ends; NULL is nothing there. A program gets text as it
    is, a terminal with control characters made visible. JSON is an object per row.
    """
    if format == "json":
        emit([dict(zip(result.columns, row, strict=True)) for row in result.rows])
    elif format == "csv":
        shown = printable if sys.stdout.isatty() else str
        writer = csv.writer(sys.stdout, lineterminator="\n")
        for row in (result.columns, *result.rows):
            writer.writerow([shown(value_text(value)) for value in row])
    else:
        show_rows(result)
        note(counted(len(result.rows), "row"))
    if result.truncated:
        note(f"cut off after {len(result.rows):,} rows; --max-rows shows more")


def value_text(value: object) -> str:
    """A value in one cell: text as it is, NULL as nothing, the rest as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    return json.dumps(to_json(value), ensure_ascii=False, default=str)


@cli.command("cypher")
@click.argument("query", required=False)
@click.option("--name", metavar="NAME", help="Run this query of the tour, or of --file.")
@click.option("--queries", is_flag=True, help="List the queries of the tour.")
@click.option("--file", "file", type=click.Path(path_type=Path), help="Read the query from here.")
@click.option("--param", "params", multiple=True, metavar="KEY=VALUE", help="For $KEY; several.")
@click.option("--params", "more", metavar="JSON", help='For several: \'{"name": "Ada"}\'.')
@click.option(
    "--format", "format_", type=click.Choice([*OUTPUT_FORMATS]), help="How to print rows (table)."
)
@click.option("--csv", "as_csv", is_flag=True, help="The same as --format csv.")
@click.option("--max-rows", type=click.IntRange(min=1), default=1000, show_default=True)
@click.option("--timeout", type=float, default=10.0, show_default=True, help="Seconds.")
@click.option("--all-scopes", is_flag=True, help="As administrator: read everyone's graph.")
@IN_PROJECTS
@dated
def cypher_command(
    query: str | None,
    *,
    name: str | None,
    queries: bool,
    file: Path | None,
    params: tuple[str, ...],
    more: str | None,
    format_: str | None,
    as_csv: bool,
    max_rows: int,
    timeout: float,
    all_scopes: bool,
) -> None:
    """Ask the graph in Cypher, read-only.

    The query is QUERY, the content of --file, a named one, or what is piped in; without any, a
    prompt opens. It sees only your scope.
    """
    chosen = _format(format_, as_csv=as_csv)
    if queries:
        tour = list(listing())
        names = ("name", "answers", "parameters")
        if not show_json([dict(zip(names, row, strict=True)) for row in tour]):
            print_table(("name", "what it answers", "parameters"), tour)
            note("run one: graphmem cypher --name who_is --param name=Ada")
        return
    given = {**_json(more), **(_texts(params) if name else pairs(params, "--param"))}
    text = _text(query, file, name)
    if text is not None and name is not None:
        given = values(named(name, file), given, now=now())
    if all_scopes:
        note("reading every scope, as administrator")
    # An administrator needs no scope.
    with options().memory(owned=False) if all_scopes else memory_to_ask() as memory:
        if all_scopes and moments():
            raise UsageError("--all-scopes, or --as-of and --known-at: not both")
        seen, arguments = reader(memory)
        limits = {"max_rows": max_rows, "timeout_s": timeout, **arguments}
        if all_scopes:
            limits["all_scopes"] = True
        if text is None:
            from graphmem.doors.cli.cypher_prompt import CypherPrompt

            CypherPrompt(seen, limits, format=chosen, parameters=given).run()
            return
        result = seen.cypher(text, given, **limits)
        if not all_scopes:
            say_if_empty(memory, result.rows)
    if not show_json(result):
        print_result(result, chosen)


def _format(format_: str | None, *, as_csv: bool) -> str:
    if as_csv and format_ not in (None, "csv"):
        raise UsageError(f"--csv or --format {format_}, not both")
    if options().json and (as_csv or format_ is not None):
        raise UsageError(f"--json or {'--csv' if as_csv else '--format'}, not both")
    return "csv" if as_csv else format_ or "table"


def _json(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--params is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise UsageError('--params takes a JSON object: \'{"name": "Ada"}\'')
    return found


def _texts(params: tuple[str, ...]) -> dict[str, str]:
    """``key=value`` as text: a named query takes no other kind."""
    pairs(params, "--param")
    return {key: value for key, _, value in (text.partition("=") for text in params)}


def _text(query: str | None, file: Path | None, name: str | None) -> str | None:
    """The query that was asked for; None when it is to be typed in."""
    if query is not None and (file is not None or name is not None):
        raise UsageError(f"a query or {'--file' if file else '--name'}, not both")
    if name is not None:
        return named(name, file).text
    if file is not None:
        return read_queries(file)
    text = piped() if query in (None, "-") else query
    if query is None and text is None and sys.stdout.isatty() and not options().json:
        return None
    if text is None or not text.strip():
        raise UsageError(
            'no query: graphmem cypher "MATCH …", --name NAME (--queries lists them), --file FILE, '
            "or pipe it in"
        )
    return text
