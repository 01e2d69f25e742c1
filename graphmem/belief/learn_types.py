"""Learns from the data whether a subject of a relation type has one object at a time or several.

Only statements count, never what was decided because of them: learning again from the same
statements gives the same result, whatever was learned before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from graphmem.belief.stated_ends import end_of
from graphmem.model import Date, Scope, Statement
from graphmem.ports.ledger import Ledger, StatementPattern, StatementQuery
from graphmem.ports.ledger.relation_types import TypedSubject, TypeUse
from graphmem.relation_types.types import RelationTypes, Target, TypeBehaviour
from graphmem.resolve.merges import with_merges

_ENOUGH = 20
_AT_MOST_CONCURRENT = 0.02
_TOO_MANY_CONCURRENT = 0.2
_PAGE = 500  # subject-type pairs that are read at once


@dataclass(frozen=True, slots=True)
class Evidence:
    """Evidence from the statements of one type, in numbers of subjects: ``concurrent`` with two
    objects in one turn or at overlapping stated times; ``successive`` with several objects, never
    two at once, of which at least one has a stated end."""

    concurrent: int = 0
    successive: int = 0

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(self.concurrent + other.concurrent, self.successive + other.successive)


def evidence(statements: Sequence[Statement]) -> Evidence:
    """The evidence from the statements of one subject and type; :func:`learned` takes the sum over
    all subjects."""
    plain = _plain(statements)
    if len({s.object_id for s in plain}) < 2:
        return Evidence()
    if has_two_at_once(plain, symmetric=False) or _overlapping(statements):
        return Evidence(concurrent=1)
    ended = {s.object_id for s in statements if s.kind == "end"}
    ended |= {s.object_id for s in plain if s.invalid_at is not None}
    return Evidence(successive=1 if ended & {s.object_id for s in plain} else 0)


def learned(counts: Mapping[str, Evidence]) -> dict[str, bool]:
    """By type, True if the data shows one object at a time and False if it shows several.

    Conservative: either takes at least twenty subjects with evidence. One at a time: at most one in
    fifty is concurrent; several: at least a fifth is. Other types are left out.
    """
    found = {}
    for type in sorted(counts):
        seen = counts[type]
        total = seen.concurrent + seen.successive
        if total < _ENOUGH:
            continue
        share = seen.concurrent / total
        if share <= _AT_MOST_CONCURRENT:
            found[type] = True
        elif share >= _TOO_MANY_CONCURRENT:
            found[type] = False
    return found


def has_two_at_once(statements: Sequence[Statement], *, symmetric: bool) -> bool:
    """Whether one turn states two objects of a subject, with the same start and without an end."""
    seen: dict[tuple[object, ...], set[Target]] = {}
    for s in _plain(statements):
        if s.invalid_at is None:
            place = (s.episode_id, s.turn, s.subject_id, s.valid_at)
            seen.setdefault(place, set()).add(TypeBehaviour(symmetric=symmetric).target(s))
    return any(len(targets) > 1 for targets in seen.values())


def _plain(statements: Iterable[Statement]) -> list[Statement]:
    return [s for s in statements if s.kind == "assert" and s.modality == "stated" and s.object_id]


class _DatedInterval(NamedTuple):
    """An interval with a stated start; ``end`` is None if no end date was stated."""

    start: Date
    object_id: str
    end: datetime | None


def _overlapping(statements: Sequence[Statement]) -> bool:
    """Whether two objects certainly held at once by their stated dates, however vague."""
    dated = sorted(set(_dated_intervals(statements)), key=lambda one: (one.start.at, one.object_id))
    for n, one in enumerate(dated):
        if one.end is None:
            continue
        for other in dated[n + 1 :]:
            if other.start.at >= one.end:
                break
            if other.object_id != one.object_id and _surely(one, one.end, other):
                return True
    return False


def _surely(one: _DatedInterval, end: datetime, other: _DatedInterval) -> bool:
    """Whether ``other``, which starts no earlier, certainly held while ``one`` did."""
    begun, then = one.start.end, other.start.end
    if other.end is None:  # it may have ended right after its start
        return begun <= other.start.at and then <= end
    return max(begun, then) <= min(end, other.end)


def _dated_intervals(statements: Sequence[Statement]) -> Iterator[_DatedInterval]:
    ends = [(s, end_of(s)) for s in statements if s.kind == "end" and s.modality == "stated"]
    for s in _plain(statements):
        if s.valid_date is None:
            continue
        own = [s.invalid_at] if s.invalid_at is not None else []
        own += [m.at for e, m in ends if m.dated and e.object_id in {None, s.object_id}]
        later = [at for at in own if at > s.valid_date.at]
        yield _DatedInterval(s.valid_date, s.object_id or "", min(later, default=None))


# -- learning from all stored statements -----------------------------------------------------------


async def observed(
    ledger: Ledger,
    types: RelationTypes,
    *,
    within: Scope | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Evidence]:
    """Evidence by type from all statements of one tenant (``within`` is the whole of it), or of
    every tenant. Types with too few subjects are not read.

    ``progress`` is called with the number of subject-type pairs done, and of all. Memory is bounded
    except for subjects that were merged and subjects of types with synonyms.
    """
    tenant = within.tenant if within is not None else None
    stored = _worthwhile(await ledger.type_uses(within), types)
    total = await ledger.count_typed_subjects(stored, tenant) if stored else 0
    found: defaultdict[str, Evidence] = defaultdict(Evidence)
    joined: set[TypedSubject] = set()
    after: TypedSubject | None = None
    done = 0
    while page := (await ledger.typed_subjects(stored, after, _PAGE, tenant) if stored else []):
        for whose in dict.fromkeys(one.tenant for one in page):
            here = [one for one in page if one.tenant == whose]
            for type, seen in await _page(ledger, types, whose, here, joined):
                found[type] += seen
        after = page[-1]
        done += len(page)
        if progress is not None:
            progress(done, max(done, total))
    return dict(found)


def _worthwhile(uses: Iterable[TypeUse], types: RelationTypes) -> Collection[str]:
    """The types, as they are stored, with enough subjects to learn from."""
    subjects: defaultdict[str, int] = defaultdict(int)
    stored: defaultdict[str, list[str]] = defaultdict(list)
    for use in uses:
        meant = types.canonical_form(use.type)
        # With the ends swapped, each statement may have a subject of its own.
        subjects[meant.type] += use.statements if meant.swapped else use.subjects
        stored[meant.type].append(use.type)
    return [one for type, all in stored.items() if subjects[type] >= _ENOUGH for one in all]


async def _page(
    ledger: Ledger,
    types: RelationTypes,
    tenant: str,
    page: Sequence[TypedSubject],
    joined: set[TypedSubject],
) -> list[tuple[str, Evidence]]:
    """Evidence from one page of subject-type pairs of a tenant. A subject that is stored under
    several (it was merged, or its type has several forms) is read completely and only once:
    ``joined`` holds those already read."""
    seen, merged = await _read(ledger, types, tenant, [(p.type, p.subject_id, None) for p in page])
    kept = set(merged.values())
    found, whole = [], []
    for place, statements in seen.items():
        if place.subject_id not in kept and len(types.forms(place.type)) == 1:
            found.append((place.type, evidence(statements)))
        elif place not in joined:
            whole.append(place)
    joined.update(whole)
    if whole:
        seen, _ = await _read(
            ledger, types, tenant, [p for one in whole for p in _forms(one, types)]
        )
        found += [(one.type, evidence(seen.get(one, ()))) for one in whole]
    return found


def _forms(place: TypedSubject, types: RelationTypes) -> Iterator[StatementPattern]:
    for form in types.forms(place.type):
        yield form.type, place.subject_id, None
        if form.swapped:
            yield form.type, None, place.subject_id


async def _read(
    ledger: Ledger, types: RelationTypes, tenant: str, places: Sequence[StatementPattern]
) -> tuple[dict[TypedSubject, list[Statement]], Mapping[str, str]]:
    """The statements that match ``places``, by subject and type after merges and synonyms are
    applied; and the merges."""
    loaded = await ledger.statements(StatementQuery(tenant, patterns=tuple(places)))
    found: dict[TypedSubject, list[Statement]] = {}
    for s in with_merges(types.read(loaded.statements), loaded.merged):
        if s.type is not None and s.subject_id is not None:
            found.setdefault(TypedSubject(tenant, s.subject_id, s.type), []).append(s)
    return found, loaded.merged
