"""The methods that store and take back relations that are given as such: relate, unrelate,
relate_many."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

from graphmem.clock import stamp
from graphmem.engine.calls import signed_as
from graphmem.engine.checks import checked_progress
from graphmem.engine.scopes import SCOPE_NAMES
from graphmem.engine.writes import Writes
from graphmem.errors import NotFound, UsageError, among, shown
from graphmem.ingest import given_relations
from graphmem.ingest.given_relations import GivenRelation, is_empty, rows_of
from graphmem.limits import check_whole_number
from graphmem.model import Episode, Receipt, Relation
from graphmem.ports.api import MemoryAPI
from graphmem.ports.api.arguments import RelateArgs, When, WriteArgs
from graphmem.relation_types.types import normal
from graphmem.resolve.resolver import resolve
from graphmem.retrieve.question.names_and_relations import no_entity
from graphmem.retrieve.view import View

_ENDS = ("subject", "type", "object")
_PLACES = (*_ENDS, "valid_at", "invalid_at")


class Relating(Writes):
    """Relations that are given as such, without a model."""

    @signed_as(MemoryAPI.relate)
    async def relate(
        self, subject: str, type: str, object: str, **options: Unpack[RelateArgs]
    ) -> Receipt:
        stated = await self._checked((subject, type, object), options)
        return await self._add_given(stated, options)

    async def unrelate(
        self,
        subject: str,
        type: str,
        object: str | None = None,
        *,
        invalid_at: When | None = None,
        occurred_at: When | None = None,
        **scope: Unpack[WriteArgs],
    ) -> Receipt:
        options = {"invalid_at": invalid_at, "occurred_at": occurred_at, **scope}
        stated = await self._checked((subject, type, object), options, retracts=True)
        if occurred_at is None:  # what is stated of a time may be read before what it refers to
            (stated, given), _ = await self._parts.redaction.apply((stated, options))
            await self._check_known(await self._given_episode(stated, given))
        return await self._add_given(stated, options)

    async def relate_many(
        self,
        rows: Iterable[Mapping[str, Any] | Sequence[Any]],
        *,
        progress: Callable[[int], None] | None = None,
        **options: Unpack[RelateArgs],
    ) -> int:
        checked_progress(progress, 1)
        _check_options(options, "relate_many")

        async def episode_of(row: object) -> Episode:
            ends, own = _read_row(row)
            merged = {**options, **own}
            stated = await self._checked(ends, merged)
            both, _ = await self._parts.redaction.apply((stated, merged))
            return await self._given_episode(*both)

        return await self._load(rows_of(rows), episode_of, "row", progress=progress)

    async def _checked(
        self, ends: tuple[Any, Any, Any], options: Mapping[str, Any], *, retracts: bool = False
    ) -> GivenRelation:
        """The checked relation. A type is a name that is unified with others: of one that holds
        what is not to be stored, nothing is."""
        _, found = await self._parts.redaction.apply(ends[1])
        if found:
            raise UsageError(
                f"type holds what is not to be stored ({', '.join(sorted(found))}): write a verb "
                "phrase, for example works_at"
            )
        return given_relations.checked(*ends, options, retracts=retracts)

    async def _check_known(self, episode: Episode) -> None:
        """Raise :class:`~graphmem.errors.NotFound` when the episode names an entity that is not
        known."""
        ledger = self._parts.ledger
        candidates = given_relations.given(episode)
        found = await resolve(candidates, episode, ledger, self._parts.clock)
        for candidate in candidates.entities:
            if found.entity(candidate.name) in found.new:
                raise await no_entity(ledger, episode.scope.tenant, candidate.name)

    async def _given_episode(self, stated: GivenRelation, options: Mapping[str, Any]) -> Episode:
        given = {name: options[name] for name in options if name not in _NO_SCOPE}
        where = await self._scope(given, new=True)
        limit = self._parts.settings.max_text_bytes
        return given_relations.build_relation_episode(
            stated, self._named(options), where, self._parts.clock, max_bytes=limit
        )

    async def _add_given(self, stated: GivenRelation, options: Mapping[str, Any]) -> Receipt:
        self._parts.check_folder()
        (stated, options), redacted = await self._parts.redaction.apply((stated, options))
        episode = await self._given_episode(stated, options)
        (receipt,) = await self._ingest.add([episode])
        undated = options.get("occurred_at") is None and options.get("idempotency_key") is None
        if receipt.status == "duplicate" and undated and await self._contradicted(stated, options):
            # Stated before today, taken back since, and stated again: that is news, not a repeat.
            now = {**options, "occurred_at": stamp(self._parts.clock.now())}
            (receipt,) = await self._ingest.add([await self._given_episode(stated, now)])
        await self._keep_lag_bounded(by=episode.scope.tenant)
        return replace(receipt, redacted=dict(redacted)) if redacted else receipt

    async def _contradicted(self, stated: GivenRelation, options: Mapping[str, Any]) -> bool:
        """Whether what is believed now differs from this statement."""
        if stated.modality != "stated" or (stated.invalid_at and not stated.retracts):
            return False
        given = {name: options[name] for name in options if name not in _NO_SCOPE}
        where = await self._scope(given)
        await self._ingest.tenant_state(where.tenant)  # which reads what was declared meanwhile
        form = normal(stated.type)
        meant = self._ingest.types(where.tenant).canonical_form(form.type)
        ends = stated.subject, stated.object
        if stated.object is not None and form.swapped != meant.swapped:
            ends = stated.object, stated.subject
        never = stated.retracts and stated.invalid_at is None
        view = View(current=None if never else self._parts.clock.now())
        believed: list[Relation] = []
        with contextlib.suppress(NotFound):
            believed = await self._relate.relations(
                where, ends[0], types=(meant.type,), other=ends[1], view=view, limit=1
            )
        return bool(believed) == stated.retracts


_NO_SCOPE = given_relations.RELATION_OPTIONS - frozenset(SCOPE_NAMES)


def _check_options(options: Mapping[str, Any], what: str) -> None:
    unknown = sorted(set(map(str, options)) - given_relations.RELATION_OPTIONS)
    if unknown:
        known = sorted(given_relations.RELATION_OPTIONS)
        raise UsageError(f"unknown option of {what}: {among(unknown, known)}")


def _read_row(row: object) -> tuple[tuple[Any, Any, Any], dict[str, Any]]:
    """Subject, type and object of a row, and the options that it carries."""
    if isinstance(row, Mapping):
        named = ((n if isinstance(n, str) else shown(n), value) for n, value in row.items())
        values = {name: value for name, value in named if not is_empty(value)}
        _check_options({n: v for n, v in values.items() if n not in _ENDS}, "a row")
    elif isinstance(row, Sequence) and not isinstance(row, str | bytes):
        if not 3 <= len(row) <= len(_PLACES):
            raise UsageError(
                f"a row has {', '.join(_PLACES[:3])} and may have valid_at and invalid_at; this "
                f"one has {len(row)} values"
            )
        values = {n: v for n, v in zip(_PLACES, row, strict=False) if not is_empty(v)}
    else:
        raise UsageError(f"a row is a mapping or a list of values, got {type(row).__name__}")
    missing = [name for name in _ENDS if name not in values]
    if missing:
        raise UsageError(f"a row needs {', '.join(_ENDS)}; this one has no {missing[0]}")
    subject, type_, object_ = (_text(values.pop(name)) for name in _ENDS)
    return (subject, type_, object_), {n: _read_value(n, v) for n, v in values.items()}


def _text(value: object) -> object:
    """A name as text: a number becomes its digits."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return str(check_whole_number(value, "a name") if isinstance(value, int) else value)


def _read_value(name: str, value: Any) -> Any:
    """The value of a cell. Text from a file becomes the number or the list that the option
    needs."""
    if name == "importance" and isinstance(value, str):
        try:
            return float(value)
        except ValueError as error:
            raise UsageError(
                f"importance must be a number from 0 to 1, got {shown(value)}"
            ) from error
    if name == "tags" and isinstance(value, str):
        return [tag.strip() for tag in value.split(",") if tag.strip()]
    return value
