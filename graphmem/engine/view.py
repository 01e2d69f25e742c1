"""Views of a memory as of a moment, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Unpack

from graphmem.clock import parse_when, parse_when_or_none, stamp
from graphmem.engine.checks import checked_flag, checked_limit, checked_query, checked_text_or_none
from graphmem.engine.core import Core
from graphmem.engine.diff import State, differences
from graphmem.engine.known_at import Past
from graphmem.engine.present import Present
from graphmem.engine.reads import ViewReads
from graphmem.engine.searches import Stores
from graphmem.errors import UsageError
from graphmem.model import Difference, Table
from graphmem.ports.arguments import AtMoment, ReadArgs, ScopeArgs, When


class AsyncMemoryView(ViewReads):
    """Reads of one memory, as of a moment: a :class:`~graphmem.ports.view.ViewAPI`."""

    def __init__(
        self,
        present: Present,
        valid_at: datetime | None,
        known_at: datetime | None,
        *,
        now: Stores,
    ) -> None:
        """``now``: what is known now."""
        if valid_at is None and known_at is None:
            raise UsageError("as_of needs valid_at, known_at or both; for now, ask without it")
        stores = now if known_at is None else Past(present, known_at)
        super().__init__(present, stores, valid_at, known_at)

    def __repr__(self) -> str:
        moments = [
            f"{name}={stamp(moment)}"
            for name, moment in (("valid_at", self._valid_at), ("known_at", self._known_at))
            if moment is not None
        ]
        return f"View({', '.join(moments)})"

    @property
    def valid_at(self) -> datetime | None:
        return self._valid_at

    @property
    def known_at(self) -> datetime | None:
        return self._known_at

    def _state(self) -> State:
        return State(self._stores.ledger, self._stores.relate, self._view(True))


class Views(Core):
    """Reads of other moments than now, and of every scope."""

    def as_of(self, valid_at: When | None = None, known_at: When | None = None) -> AsyncMemoryView:
        self._present.check_not_closed()
        return AsyncMemoryView(
            self._present,
            parse_when_or_none(valid_at, name="valid_at"),
            parse_when_or_none(known_at, name="known_at"),
            now=self._stores,
        )

    async def diff(
        self,
        a: When | AtMoment,
        b: When | AtMoment,
        entity: str | None = None,
        *,
        limit: int = 100,
        **scope: Unpack[ScopeArgs],
    ) -> list[Difference]:
        asked = await self._scope(scope)
        one, two = (self._view_of(state, name) for state, name in ((a, "a"), (b, "b")))
        about = checked_text_or_none(entity, "entity")
        return await differences(one._state(), two._state(), asked, about, checked_limit(limit))

    def _view_of(self, state: When | AtMoment, name: str) -> AsyncMemoryView:
        """A moment, or a view of this memory or its mirror, as a view of this memory."""
        if isinstance(state, datetime | date | str):
            return AsyncMemoryView(
                self._present, parse_when(state, name=name), None, now=self._stores
            )
        try:
            valid_at, known_at = state.valid_at, state.known_at
        except AttributeError:
            raise UsageError(
                f"{name} must be a moment or a view (see as_of), got {type(state).__name__}"
            ) from None
        return AsyncMemoryView(self._present, valid_at, known_at, now=self._stores)

    async def cypher(
        self,
        query: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        max_rows: int = 1000,
        timeout_s: float = 10.0,
        all_scopes: bool = False,
        **scope: Unpack[ReadArgs],
    ) -> Table:
        self._check_open()
        checked_flag(all_scopes, "all_scopes")
        if not all_scopes:
            return await super().cypher(
                query, parameters, max_rows=max_rows, timeout_s=timeout_s, **scope
            )
        if scope:
            raise UsageError("all_scopes reads every scope: give no user, agent, run or project")
        self._present.note_wide("everybody's graph")
        text, values = checked_query(
            query, parameters, timeout_s, self._parts.settings.max_text_bytes
        )
        most = checked_limit(max_rows)
        self._check_writable()  # this graph is not of one owner: it is nowhere but in the store
        await self._graph.catch_up()
        return await self._parts.graph.cypher(
            text, values, tenant=None, max_rows=most, timeout_s=timeout_s
        )
