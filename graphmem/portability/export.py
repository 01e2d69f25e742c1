"""What a ledger holds as lines of JSON: of one tenant, or of all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from graphmem import __version__
from graphmem.clock import stamp
from graphmem.errors import NotFound, Rejected, UsageError
from graphmem.model import Exported, Scope, tenant_scope
from graphmem.portability.copy import (
    CopyProgress,
    batches_of,
    check_complete,
    estimated_rows,
    no_progress,
)
from graphmem.portability.records import (
    COLUMNS,
    EVERYONE,
    TENANTED,
    TenantNumber,
    dump,
    header,
    line_digest,
    to_line,
)
from graphmem.ports.ledger import LedgerRows, Row
from graphmem.ports.ledger.relation_types import ALL_TENANTS

DIGESTS = 1 << 256
_REFERRED = {
    "extractions": (("episode_id", "episodes"),),
    "mentions": (("episode_id", "episodes"),),
    "fact_entities": (("fact_id", "facts"),),
    "sources": (("fact_id", "facts"),),
    "past_entities": (("fact_id", "facts"),),
    "past_sources": (("fact_id", "facts"),),
    "supports": (("statement_id", "statements"), ("fact_id", "facts")),
}
"""What rows that name no tenant belong to, by any of these."""


async def write_export(
    moment: LedgerRows,
    file: Path,
    scope: Scope | None,
    at: datetime,
    progress: CopyProgress | None = None,
) -> Exported:
    """Write one tenant (``scope``'s), or all, to a new file: whole, or not at all."""
    progress = progress or no_progress
    await asyncio.to_thread(_refuse_present, file)
    await check_complete(moment)
    tenants = [scope.tenant] if scope else await _tenants(moment)
    numbers = numbered(tenants, await names_of_users(moment))
    seq = await moment.head()
    first = [header(__version__, stamp(at), seq, whole=scope is None)]
    first += [one.to_line() for one in numbers.values()]
    part = file.with_name(f"{file.name}.part")
    try:
        stream = part.open("x", encoding="utf-8", newline="\n")
    except FileExistsError as error:
        raise UsageError(
            f"{part} is there already: another export is at work, or was cut off; remove it"
        ) from error
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error}") from error
    done = digest = 0
    total = await estimated_rows(moment)
    try:
        with stream:
            stream.writelines(f"{dump(line)}\n" for line in first)
            async for lines in export_lines(moment, numbers, whole=scope is None):
                texts = [dump(line) for line in lines]
                digest += sum(
                    line_digest(text)
                    for text, line in zip(texts, lines, strict=True)
                    if line.get("tenant") != EVERYONE
                )
                done += len(lines)
                await asyncio.to_thread(stream.writelines, [f"{text}\n" for text in texts])
                if done:
                    progress("export", done, max(done, total))
            if scope is not None and not done:
                raise NotFound(f"nothing is stored of {_owner(scope)}")
            end = {"line": "end", "rows": done, "digest": f"{digest % DIGESTS:064x}"}
            stream.write(f"{dump(end)}\n")
        await asyncio.to_thread(_put_in_place, part, file)
    except OSError as error:
        raise Rejected(f"{file} could not be written: {error}") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    progress("export", done, done)
    return Exported(str(file), seq=seq, tenants=len(numbers), rows=done)


def _owner(scope: Scope) -> str:
    named = f"a user {scope.called!r}" if scope.user_id else f"an agent {scope.agent_id!r}"
    return f"{named} in this project"  # which a server's callers know by another name


def _refuse_present(file: Path) -> None:
    if file.exists():
        raise UsageError(f"{file} is there already: name a new file")


def _put_in_place(part: Path, file: Path) -> None:
    _refuse_present(file)
    part.rename(file)


async def names_of_users(moment: LedgerRows) -> dict[str, str]:
    """What users are called, by their pseudonyms."""
    found: dict[str, str] = {}
    async for rows, _ in batches_of(moment, "users", None):
        found |= {row["pseudonym"]: row["name"] for row in rows}
    return found


def numbered(tenants: list[str], names: Mapping[str, str]) -> dict[str, TenantNumber]:
    """Tenants with the numbers that they have in a file: by name, from 1."""
    return {
        tenant: TenantNumber(number, tenant_scope(tenant, names))
        for number, tenant in enumerate(sorted(tenants), start=EVERYONE + 1)
    }


async def export_lines(
    moment: LedgerRows, numbers: Mapping[str, TenantNumber], *, whole: bool
) -> AsyncIterator[list[dict[str, Any]]]:
    """The lines of these tenants, some at a time, the referred to before the referring."""
    number_of = {tenant: one.number for tenant, one in numbers.items()}
    ids: dict[str, set[str]] = {"episodes": set(), "facts": set(), "statements": set()}
    types: set[str] = set()
    for table in moment.tables:
        if table not in COLUMNS:
            continue
        rules: dict[str, Row] = {}
        async for rows, _ in batches_of(moment, table, None):
            lines = []
            for row in rows:
                tenant = row["tenant"] if table in TENANTED else None
                if table == "events" and tenant == ALL_TENANTS:
                    if whole:
                        lines.append(to_line(table, row, EVERYONE))
                    else:
                        rules[row["id"]] = row
                elif whole or _belongs(table, row, number_of, ids):
                    number = None if tenant is None else number_of.get(tenant)
                    lines.append(to_line(table, row, number))
                    if not whole:
                        _note(table, row, ids, types)
            yield lines
        yield [to_line(table, row, EVERYONE) for row in _used(rules, types)]


def _belongs(
    table: str, row: Row, number_of: Mapping[str, int], ids: Mapping[str, set[str]]
) -> bool:
    if table in TENANTED:
        return row["tenant"] in number_of
    return any(row[column] in ids[kind] for column, kind in _REFERRED[table])


def _note(table: str, row: Row, ids: Mapping[str, set[str]], types: set[str]) -> None:
    if table in ids:
        ids[table].add(row["id"])
    if table == "statements" and row["type"] is not None:
        types.add(row["type"])


def _used(rules: Mapping[str, Row], types: set[str]) -> list[Row]:
    """The last rule of each type that somebody's statements rest on, and of no other: what types
    there are is for whoever uses them to know."""
    bodies = {type: json.loads(row["after"]) for type, row in rules.items() if row["after"]}
    used = types & bodies.keys()
    used |= {body["same_as"] for type, body in bodies.items() if type in used}
    found: list[Row] = []
    for type in sorted(used & bodies.keys()):
        body = bodies[type]
        body["unsettled"] = [one for one in body["unsettled"] if one in used]
        found.append({**rules[type], "after": json.dumps(body, ensure_ascii=False)})
    return found


async def _tenants(moment: LedgerRows) -> list[str]:
    """All that anything was ever told in."""
    found: set[str] = set()
    async for rows, _ in batches_of(moment, "events", None):
        found.update(row["tenant"] for row in rows)
    return sorted(found - {ALL_TENANTS})
