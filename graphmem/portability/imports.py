"""An export read back: checked line by line, then written in one transaction, or not at all."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from graphmem.clock import LAST_MOMENT
from graphmem.errors import Rejected, UsageError, shown
from graphmem.files import open_file
from graphmem.model import Imported, Scope, TypeRule, forgotten_tenant
from graphmem.portability.agreement import Agreement
from graphmem.portability.copy import CopyProgress, no_progress
from graphmem.portability.export import DIGESTS, export_lines, numbered
from graphmem.portability.records import (
    COLUMNS,
    EVERYONE,
    MOST_BYTES,
    TENANTED,
    VERSION,
    TenantNumber,
    dump,
    line_digest,
    named_scope,
    parse_line,
    to_row,
)
from graphmem.portability.references import References
from graphmem.ports.ledger import Ledger, Row
from graphmem.ports.ledger.relation_types import ALL_TENANTS

_AT_A_TIME = 500  # rows


@dataclass(slots=True)
class _Reading:
    """What a file was found to hold."""

    tenants: dict[int, TenantNumber] = field(default_factory=dict)
    rows: Counter[str] = field(default_factory=Counter)
    digest: int = 0
    rules: dict[str, TypeRule] = field(default_factory=dict)
    references: References = field(default_factory=References)
    agreement: Agreement = field(default_factory=Agreement)


async def read_import(
    ledger: Ledger,
    file: Path,
    scope: Scope | None,
    progress: CopyProgress | None = None,
) -> Imported:
    """Add what the file holds to a ledger in which its tenants have nothing yet.

    What is there already, exactly so, changes nothing. Anything else is
    :class:`~graphmem.errors.UsageError`, and nothing is written. ``scope`` says whose the file may
    be; None that it may be anybody's.
    """
    progress = progress or no_progress
    reading = await asyncio.to_thread(_check, ledger, file, scope)
    total = sum(reading.rows.values())
    progress("check", total, total)
    tenants = [one.scope.tenant for one in reading.tenants.values()]
    present = [t for t in tenants if await _has_events(ledger, t)]
    present += await _met_here(ledger, reading)
    fresh = await ledger.head() == 0
    if scope is not None and await ledger.grants("organisation"):
        fresh = False  # what holds for everybody is no matter of one of them who comes first
    if not fresh:
        await _check_rules(ledger, reading.rules)
    if present:
        if len(present) == len(tenants) and await _same(ledger, reading):
            return Imported(str(file), tenants=len(tenants), rows=0, already=True)
        shown = tenant_text(reading, present[0])
        raise UsageError(
            f"{file}: {shown} has memories here already, and not these, or was forgotten here: "
            "import into a new store, or forget them there first; nothing was imported"
        )
    await reading.references.check_unknown_here(ledger, file)
    try:
        await ledger.adopt(
            tenants, lambda: _batches(ledger, file, reading, with_rules=fresh, progress=progress)
        )
    except Rejected as error:
        raise UsageError(
            f"{file}: something in it is in this store already, or refers to what is nowhere; "
            f"nothing was imported ({error})"
        ) from error
    return Imported(str(file), tenants=len(tenants), rows=total)


def episodes_in(file: Path) -> int:
    """How many episodes a file would bring, before anything else of it is looked at."""
    count = 0
    with _opened(file) as stream:
        while text := stream.readline(MOST_BYTES + 1):
            with contextlib.suppress(UsageError):  # it will be refused, and said why
                count += parse_line(text.rstrip(b"\r\n")).get("line") == "episodes"
    return count


def tenant_text(reading: _Reading, tenant: str) -> str:
    """How a person is told of a tenant."""
    (scope,) = (one.scope for one in reading.tenants.values() if one.scope.tenant == tenant)
    owner = f"user {scope.user_name}" if scope.user_id is not None else f"agent {scope.agent_id}"
    return f"{owner} of the project {scope.project_id}"


def _check(ledger: Ledger, file: Path, scope: Scope | None) -> _Reading:
    """Read the whole file once, before anything is written."""
    reading = _Reading()
    for number, table, line in _lines(file, reading):
        with _at_line(file, number):
            tenant = _tenant_of(table, line, reading)
            if tenant is not None and table != "events":
                _check_named(tenant.scope)
            row = ledger.row_of(table, to_row(table, line, tenant))
            rules = tenant is None and table == "events" and line["kind"] == "type"
            if rules and line["after"] is not None:
                rule = TypeRule.from_json(line["after"])  # else rules were forgotten
                reading.rules[rule.type] = rule
            reading.references.note(table, row, line, tenant)
            reading.agreement.note(table, row)
            reading.rows[table] += 1
    with _at_line(file, None):
        reading.references.check_defined()
        reading.agreement.check()
    if scope is not None:
        others = [o for o in reading.tenants.values() if named_scope(o.scope) != named_scope(scope)]
        if others:
            shown = tenant_text(reading, others[0].scope.tenant)
            raise UsageError(
                f"{file} holds memories of {shown}, which is not whom this call is for; "
                "all_scopes (--all) imports everybody's"
            )
    return reading


@contextlib.contextmanager
def _at_line(file: Path, number: int | None) -> Iterator[None]:
    """Errors within it name the file and the line."""
    where = f"{file}" if number is None else f"{file}, line {number:,}"
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{where}: {error}; nothing was imported") from error
    except (TypeError, KeyError, ValueError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{where}: it is not as an export writes it ({error}); nothing was imported"
        ) from error


def _tenant_of(table: str, line: Mapping[str, Any], reading: _Reading) -> TenantNumber | None:
    if table not in TENANTED:
        return None
    number = line.get("tenant")
    if number == EVERYONE and type(number) is int and table == "events":
        if line.get("kind") not in {"type", "retention"}:
            raise UsageError("only rules of relation types and of retention belong to no tenant")
        return None
    if type(number) is not int or number not in reading.tenants:
        raise UsageError(f"its tenant {shown(number)} is none that the file names")
    return reading.tenants[number]


def _lines(file: Path, reading: _Reading) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The rows of a file with their line numbers; what is around them is checked and noted."""
    reading.tenants.clear()
    reading.digest = rows = 0
    ended = False
    number = 0
    order = list(COLUMNS)
    last = 0
    with _opened(file) as stream:
        while text := stream.readline(MOST_BYTES + 1):
            number += 1
            with _at_line(file, number):
                line = parse_line(text.rstrip(b"\r\n"))
                kind = str(line.get("line"))
                if ended:
                    raise UsageError("something follows the end")
                if number == 1:
                    _check_header(line)
                    continue
                if kind == "tenant":
                    _note_tenant(line, reading, rows)
                    continue
                if kind == "end":
                    _check_end(line, rows, reading.digest)
                    ended = True
                    continue
                if kind not in COLUMNS:
                    raise UsageError(f"a line is no {shown(kind)}; known are {', '.join(COLUMNS)}")
                if order.index(kind) < last:
                    raise UsageError(f"{kind} come before {order[last]}")
                last = order.index(kind)
                rows += 1
                if line.get("tenant") != EVERYONE:
                    reading.digest += line_digest(dump(line))
            yield number, kind, line
    if not ended:
        raise UsageError(
            f"{file} ends after line {number:,} without its last line: it was cut off; nothing was "
            "imported"
        )


def _opened(file: Path) -> BinaryIO:
    try:
        return open_file(file, buffered=True)
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def _check_header(line: Mapping[str, Any]) -> None:
    if line.get("line") != "graphmem export":
        raise UsageError("this is no export of graphmem; graphmem ingest reads other files")
    if line.get("version") != VERSION or type(line.get("version")) is not int:
        raise UsageError(
            f"an export of version {line.get('version')!r}; this graphmem reads version {VERSION}"
        )


def _note_tenant(line: Mapping[str, Any], reading: _Reading, rows: int) -> None:
    named = {key: line[key] for key in line.keys() - {"line", "number"}}
    number = line.get("number")
    if rows or type(number) is not int or number <= EVERYONE or number in reading.tenants:
        raise UsageError("a tenant has a number of its own, from 1, before all rows")
    name = named.pop("user_name", None) if "user_id" in named else None
    if named.keys() - {"project_id", "user_id", "agent_id"} or len(named) != 2:
        raise UsageError("a tenant is a project_id with a user_id or an agent_id")
    scope = Scope(**named)
    if name is not None:
        scope = Scope(scope.project_id, name).under(named["user_id"])
        if scope.user_name == scope.user_id:
            raise UsageError("user_id is a pseudonym, and another text than user_name")
    if any(one.scope.tenant == scope.tenant for one in reading.tenants.values()):
        raise UsageError("the same tenant was there before")
    if any(one.scope.user_id == scope.user_id is not None for one in reading.tenants.values()):
        raise UsageError("a user_id is of one user in one project")
    reading.tenants[number] = TenantNumber(number, scope)


def _check_named(scope: Scope) -> None:
    """Of a user who was forgotten there are events without content, and nothing else."""
    if scope.user_id is not None and scope.user_name == scope.user_id:
        raise UsageError("its tenant has no user_name: nobody could ask for it")


def _check_end(line: Mapping[str, Any], rows: int, digest: int) -> None:
    if line.get("rows") != rows:
        raise UsageError(f"there should be {line.get('rows')!r} rows, there are {rows:,}")
    if line.get("digest", expected := f"{digest % DIGESTS:064x}") != expected:
        raise UsageError("the digest does not fit: the file was changed since it was written")


async def _check_rules(ledger: Ledger, rules: Mapping[str, TypeRule]) -> None:
    """Those for everybody in a store: an import into one brings none."""
    here = {rule.type: rule for rule in (await ledger.type_rules()).everybodys}
    for type, rule in rules.items():
        if here.get(type) != rule:
            raise UsageError(
                f"the relation type {type} is declared or learned otherwise here, for everybody, "
                "than in the file: declare it here as it is there (declare_type with all_scopes), "
                "or import into a new store; nothing was imported"
            )


async def _has_events(ledger: Ledger, tenant: str) -> bool:
    return bool(await ledger.events(0, 1, tenant=tenant, until=LAST_MOMENT))


async def _met_here(ledger: Ledger, reading: _Reading) -> list[str]:
    """The tenants whose users this store knows by other pseudonyms, or has forgotten."""
    found = []
    for scope in (one.scope for one in reading.tenants.values()):
        if scope.user_id is not None and scope.user_name not in {None, scope.user_id}:
            if await _has_events(ledger, forgotten_tenant(scope.user_id)):
                found.append(scope.tenant)
            known = await ledger.users(scope.user_name, scope.project_id)
            if any(one.pseudonym != scope.user_id for one in known):
                found.append(scope.tenant)
    return found


async def _same(ledger: Ledger, reading: _Reading) -> bool:
    """Whether the tenants of the file hold the same here, row by row."""
    by_name = numbered([one.scope.tenant for one in reading.tenants.values()], {})
    if {one.number: one for one in by_name.values()} != reading.tenants:
        return False
    digest = 0
    async with ledger.snapshot() as moment:
        async for lines in export_lines(moment, by_name, whole=False):
            digest += sum(line_digest(dump(one)) for one in lines if one.get("tenant") != EVERYONE)
    return (digest - reading.digest) % DIGESTS == 0


def _batches(
    ledger: Ledger,
    file: Path,
    checked: _Reading,
    *,
    with_rules: bool,
    progress: CopyProgress,
) -> Iterator[tuple[str, list[Row]]]:
    """The rows once more, to be written; :class:`~graphmem.errors.UsageError`, and so nothing at
    all, when the file is not what it was."""
    again, total, done = _Reading(), sum(checked.rows.values()), 0
    table, batch = "", list[Row]()
    users: list[Row] = [
        {"pseudonym": scope.user_id, "name": scope.user_name, "project_id": scope.project_id}
        for scope in (one.scope for one in checked.tenants.values())
        if scope.user_name != scope.user_id
    ]
    if users:
        yield "users", users
    for number, kind, line in _lines(file, again):
        with _at_line(file, number):
            tenant = _tenant_of(kind, line, again)
            if tenant is None and kind == "events" and not with_rules:
                continue
            if kind != table or len(batch) == _AT_A_TIME:
                if batch:
                    yield table, batch
                    done += len(batch)
                    progress("import", done, total)
                table, batch = kind, []
            row = dict(ledger.row_of(kind, to_row(kind, line, tenant)))
            if tenant is None and kind == "events":
                row["tenant"] = ALL_TENANTS
            batch.append(row)
    if batch:
        yield table, batch
    if again.tenants != checked.tenants or again.digest != checked.digest:
        raise UsageError(f"{file} was changed while it was read; nothing was imported")
    progress("import", total, total)
