"""Retention rules: how long to keep what. An administrator sets them; they are applied after
opening, once a day, and on request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Unpack

from graphmem.clock import parse_duration, stamp, unstamp
from graphmem.engine.checks import checked_flag, checked_text_or_none
from graphmem.engine.erasing import Erasing
from graphmem.errors import NotFound, UsageError, logged_failure
from graphmem.ingest.make_episode import check_memory_type
from graphmem.model import (
    MemoryType,
    Removal,
    RetentionRule,
    Scope,
    StoredEpisode,
    overdue,
)
from graphmem.ports.api.arguments import ScopeArgs
from graphmem.ports.ledger import Commit, Erasure
from graphmem.ports.ledger.relation_types import ALL_TENANTS

_log = logging.getLogger("graphmem")
_APPLIED_AT = "retention_applied_at"
_FOR_GOOD = "forever"
_PAGE = 5_000
_AT_ONCE = 200
"""Episodes erased in one transaction: others write in between."""


class Retaining(Erasing):
    """Setting the retention rules, and erasing what is older than they allow."""

    async def retention(self, **scope: Unpack[ScopeArgs]) -> list[RetentionRule]:
        self._check_open()
        rules = await self._parts.ledger.retention_rules()
        if self._current.any_given(scope):
            where = await self._scope(scope)
            own = where.user_id, None if where.user_id else where.agent_id
            rules = [
                rule
                for rule in rules
                if rule.project_id in (None, where.project_id)
                and (rule.user_id, rule.agent_id) in ((None, None), own)
            ]
        names = await self._parts.ledger.names_of_users({r.user_id for r in rules if r.user_id})
        return [
            replace(rule, user_id=names.get(rule.user_id, rule.user_id)) if rule.user_id else rule
            for rule in sorted(rules, key=lambda rule: (rule.exactness, rule.set_at))
        ]

    async def set_retention(
        self,
        keep: timedelta | str | None,
        *,
        tag: str | None = None,
        memory_type: MemoryType | None = None,
        all_scopes: bool = False,
        **scope: Unpack[ScopeArgs],
    ) -> RetentionRule | None:
        self._check_writable()
        checked_flag(all_scopes, "all_scopes")
        tag = checked_text_or_none(tag, "tag")
        if memory_type is not None:
            memory_type = check_memory_type(memory_type)
        keep_s = _kept_for_s(keep)
        project = scope.pop("project_id", None) if all_scopes else None
        where = await self._whole_tenant(scope, all_scopes=all_scopes)
        rule = RetentionRule("", self._parts.clock.now(), keep_s, tag, memory_type, project)
        if where is not None:
            await self._check_met(where)
            agent = None if where.user_id else where.agent_id
            rule = replace(rule, project_id=where.project_id, user_id=where.user_id, agent_id=agent)
        tenant = ALL_TENANTS if where is None else where.tenant
        made = await self._ingest.decide_alone(
            tenant, partial(self._put_rule, tenant, rule, drop=keep is None)
        )
        if made is not None:
            self._keep_retaining()
        return made

    async def _check_met(self, where: Scope) -> None:
        if where.user_id is None:
            return
        name = where.user_name or ""
        if not await self._parts.ledger.users(name, where.project_id):
            raise NotFound(
                f"nothing is stored of a user {name!r} in the project {where.project_id!r}: set a "
                "rule for everybody in it (all_scopes with project_id), or set this one later"
            )

    async def _put_rule(
        self, tenant: str, rule: RetentionRule, *, drop: bool
    ) -> RetentionRule | None:
        """Store a rule in place of the one for the same thing, or (``drop``) remove that."""
        ledger = self._parts.ledger
        old = [r.id for r in await ledger.retention_rules() if r.whose == rule.whose]
        if drop and not old:
            raise NotFound(f"there is no such rule: {rule}")
        made = replace(rule, id=old[0] if old else self._parts.clock.new_id())
        commit = Commit(
            None,
            retention=() if drop else (made,),
            dropped_retention=tuple(old) if drop else tuple(old[1:]),
            tenant=tenant,
            actor=self._actor("user"),
            at=rule.set_at,
        )
        await ledger.commit([commit])
        return None if drop else made

    async def apply_retention(self, *, dry_run: bool = False) -> Removal:
        self._check_writable()
        checked_flag(dry_run, "dry_run")
        if dry_run:
            return await self._apply_rules(dry_run=True)
        async with self._parts.ledger.named_lock("retention"):
            return await self._apply_rules(dry_run=False)

    async def _apply_rules(self, *, dry_run: bool) -> Removal:
        ledger, now = self._parts.ledger, self._parts.clock.now()
        rules = await ledger.retention_rules()
        total = Removal()
        async for where, ids in self._overdue(rules):
            erasure = Erasure(where, episode_ids=ids, what="retention")
            act = partial(self._erase_episodes, erasure, dry_run=dry_run)
            total += await self._ingest.decide_alone(where.tenant, act)
        if rules and not dry_run:
            await ledger.remember_setting(_APPLIED_AT, stamp(now))
        return total

    async def _overdue(
        self, rules: Sequence[RetentionRule]
    ) -> AsyncIterator[tuple[Scope, tuple[str, ...]]]:
        """The episodes to erase, one tenant at a time."""
        times = [rule.keep_s for rule in rules if rule.keep_s is not None]
        if not times:
            return
        now, after = self._parts.clock.now(), 0
        until = now - timedelta(seconds=min(times))
        while page := await self._parts.ledger.stored_until(until, after, _PAGE):
            after = page[-1].n
            by_tenant: dict[Scope, list[str]] = {}
            for episode in page:
                if overdue(episode, rules, now):
                    by_tenant.setdefault(_owner(episode), []).append(episode.id)
            for where, ids in by_tenant.items():
                for first in range(0, len(ids), _AT_ONCE):
                    yield where, tuple(ids[first : first + _AT_ONCE])

    # By itself

    def _keep_retaining(self) -> None:
        """Start the background task that applies the rules, unless it is running."""
        idle = self._retaining is None or self._retaining.done()
        if idle and self._parts.settings.retention_every_s:
            self._retaining = asyncio.create_task(self._retain())

    async def _retain(self) -> None:
        every = self._parts.settings.retention_every_s
        while True:
            wait_s = every
            with logged_failure(_log, "the rules of retention could not be applied"):
                applied_at = await self._parts.ledger.setting(_APPLIED_AT)
                due_s = 0.0
                with contextlib.suppress(TypeError, ValueError):  # never applied, or nobody knows
                    gone = self._parts.clock.now() - unstamp(applied_at or "")
                    due_s = every - gone.total_seconds()
                if 0 < due_s <= every:  # later than now: the clock was ahead, and says nothing
                    wait_s = due_s
                else:
                    found = await self.apply_retention()
                    _log.info("kept for long enough, and erased: %d episodes", found.episodes)
            await asyncio.sleep(wait_s)


def _kept_for_s(keep: timedelta | str | None) -> float | None:
    """The seconds of a rule; None for one that keeps for good, or that is to go."""
    if keep is None or (isinstance(keep, str) and keep == _FOR_GOOD):
        return None
    seconds = parse_duration(keep, name="keep").total_seconds()
    if not seconds:
        raise UsageError("keep is longer than nothing; to erase all, use delete_all")
    return seconds


def _owner(episode: StoredEpisode) -> Scope:
    agent = None if episode.user_id else episode.agent_id
    return Scope(episode.project_id, episode.user_id, agent)
