"""Organisations, projects, members and keys: made, listed, changed and ended."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

from graphmem.access.secrets import key_digest, new_id, new_key
from graphmem.access.values import (
    EVERYWHERE,
    MEMBER_ROLES,
    ROLES,
    AccessKey,
    Limits,
    Member,
    NewKey,
    Organisation,
    OrganisationProject,
    Principal,
    Role,
)
from graphmem.access.webhooks import News, Webhook, webhook_host
from graphmem.clock import Clock
from graphmem.errors import Forbidden, NotFound, UsageError, shown
from graphmem.limits import NAME_BYTES
from graphmem.model import DEFAULT_PROJECT, Scope
from graphmem.ports.access import (
    AccessBook,
    AuditEntry,
    AuditQuery,
    Grant,
    GrantKind,
    KeyUse,
)

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
MOST_ENTRIES = 1000
_MOST_HOOKS = 20
_USUAL = timedelta(days=30)  # shown of the uses, unless days are given
_EARLIEST = datetime.min.replace(tzinfo=UTC) + _USUAL


class Administration:
    """What the gate goes by. ``principal`` is who asks, where that is not whoever holds the store:
    nobody makes a key that can do, or reaches, more than their own."""

    def __init__(self, book: AccessBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    # Organisations

    async def add_organisation(self, name: str, *, limits: Limits | None = None) -> Organisation:
        """A new organisation, with a project ``default``. Its name is as in an address: small
        letters, digits, and ``.``, ``_``, ``-`` between them; nobody else may ever have it."""
        made = Organisation(
            _name(name, "an organisation"), self._clock.now(), limits=limits or Limits()
        )
        first = self._project(made.name, DEFAULT_PROJECT, None)
        if not await self._book.put_grants(made.grant(), first.grant(), new=True):
            raise UsageError(
                f"there is an organisation {name!r} already, or was: take another name"
            )
        return made

    async def organisations(self) -> list[Organisation]:
        return [Organisation.of(grant) for grant in await self._book.grants("organisation")]

    async def organisation(self, name: str) -> Organisation:
        return Organisation.of(await self._grant("organisation", name, organisation=name, id=name))

    async def _grant(self, kind: GrantKind, named: str, **wanted: str) -> Grant:
        """What is stored of one thing; :class:`~graphmem.errors.NotFound` by its name."""
        found = await self._book.grants(kind, **wanted)
        if not found:
            raise NotFound(f"there is no {kind} {named!r}")
        return found[0]

    async def close_organisation(self, name: str) -> Organisation:
        """All its keys are refused from now on. What it stored stays, until somebody erases it."""
        found = await self.organisation(name)
        closed = replace(found, closed_at=found.closed_at or self._clock.now())
        await self._book.put_grants(closed.grant())
        return closed

    async def set_limits(self, name: str, limits: Limits) -> Organisation:
        """The limits of an organisation as a whole, in the place of those before."""
        changed = replace(await self.organisation(name), limits=limits)
        await self._book.put_grants(changed.grant())
        return changed

    # Projects

    async def add_project(
        self, organisation: str, name: str, *, project_id: str | None = None
    ) -> OrganisationProject:
        """A new project. ``project_id`` is where its memories are stored, for whoever holds the
        store to give it one that is there; without it a place of its own."""
        await self.organisation(organisation)
        made = self._project(organisation, name, project_id)
        if not await self._book.put_grants(made.grant(), new=True):
            raise UsageError(
                f"{organisation} has a project {name!r} already, or another project is stored there"
            )
        return made

    def _project(self, organisation: str, name: str, place: str | None) -> OrganisationProject:
        named = _label(name, "a project's name")
        place = f"{organisation}/{named}" if place is None else _label(place, "project_id")
        # Refused here, not by the first call in it.
        Scope(place, agent_id="-")
        return OrganisationProject(organisation, named, place, self._clock.now())

    async def projects(
        self, organisation: str, *, principal: Principal | None = None
    ) -> list[OrganisationProject]:
        """Those of an organisation that whoever asks may work in."""
        await self.organisation(organisation)
        found = await self._book.grants("project", organisation=organisation)
        only = None if principal is None else principal.project
        return [OrganisationProject.of(one) for one in found if only in (None, one.id)]

    # Members

    async def add_member(self, organisation: str, name: str, role: Role) -> Member:
        """Somebody new in an organisation. A key of theirs: :meth:`add_key` with ``member``."""
        await self.organisation(organisation)
        made = Member(
            f"m-{new_id()}",
            organisation,
            _label(name, "a member's name"),
            _role(role),
            self._clock.now(),
        )
        if not await self._book.put_grants(made.grant(), new=True):
            raise UsageError(f"{organisation} has a member {name!r} already")
        return made

    async def members(self, organisation: str) -> list[Member]:
        await self.organisation(organisation)
        found = await self._book.grants("member", organisation=organisation)
        return sorted((Member.of(one) for one in found), key=lambda one: one.name)

    async def member(self, organisation: str, name: str) -> Member:
        return Member.of(await self._grant("member", name, organisation=organisation, about=name))

    async def set_role(self, organisation: str, name: str, role: Role) -> Member:
        """What a member may do from now on, with each of their keys."""
        changed = replace(await self.member(organisation, name), role=_role(role))
        await self._book.put_grants(changed.grant())
        return changed

    async def remove_member(self, organisation: str, name: str) -> Member:
        """Somebody belongs to it no more: their name goes, and their keys are revoked."""
        gone = await self.member(organisation, name)
        for key in await self.keys(organisation):
            if key.member_id == gone.id:
                await self._revoke(key)
        await self._book.drop_grant(gone.grant())
        return gone

    # Keys

    async def add_key(
        self,
        organisation: str | None,
        name: str,
        *,
        role: Role | None = None,
        member: str | None = None,
        project: str | None = None,
        user_id: str | None = None,
        read_only: bool = False,
        expires_at: datetime | None = None,
        limits: Limits | None = None,
        principal: Principal | None = None,
    ) -> NewKey:
        """A new key. It can do what ``role`` can (else a writer), of a ``member`` no more than
        their own role (else just that), in ``project`` only, for ``user_id`` only, where these are
        given. Without an organisation it is an administrator's. The secret is in what is returned,
        and nowhere else."""
        now = self._clock.now()
        role = role or ("writer" if member is None else "owner")
        if organisation is None:
            role = "administrator"
            if member is not None or project is not None:
                raise UsageError("an administrator belongs to no organisation")
        else:
            await self.organisation(organisation)
            _role(role)
        if expires_at is not None and expires_at <= now:
            raise UsageError("a key expires at some time to come")
        limits = limits or Limits()
        if principal is not None:
            role, project, user_id, read_only = _within(
                principal, role, project, user_id, read_only=read_only
            )
            ends = [one for one in (expires_at, principal.expires_at) if one is not None]
            expires_at, limits = min(ends, default=None), limits.within(principal.limits)
        if user_id is not None:
            Scope(user_id=_label(user_id, "user_id"))  # refused here, not by each call of the key
        owner = organisation or EVERYWHERE
        if project is not None:
            await self._grant("project", project, organisation=owner, id=project)
        member_id = None if member is None else (await self.member(owner, member)).id
        secret, id = new_key()
        key = AccessKey(
            id,
            owner,
            _label(name, "a key's name"),
            role,
            now,
            key_digest(secret),
            read_only,
            member_id,
            project,
            user_id,
            expires_at,
            limits=limits,
        )
        if not await self._book.put_grants(key.grant(), new=True):
            raise UsageError("the id of the new key is taken: try again")
        return NewKey(secret, key)

    async def keys(self, organisation: str | None) -> list[AccessKey]:
        """Those of an organisation, or (None) of administrators, with how often they were used."""
        owner = await self._whose(organisation)
        found = [AccessKey.of(one) for one in await self._book.grants("key", organisation=owner)]
        used: dict[str, tuple[int, datetime]] = {}
        for use in await self._book.key_uses(owner, "", "9999"):
            calls, last = used.get(use.key_id, (0, use.last_at))
            used[use.key_id] = calls + use.calls, max(last, use.last_at)
        listed = []
        for key in sorted(found, key=lambda one: (one.created_at, one.id)):
            calls, last_at = used.get(key.id, (0, None))
            listed.append(replace(key, calls=calls, last_used_at=last_at))
        return listed

    async def revoke_key(self, organisation: str | None, id: str) -> AccessKey:
        """From the next call on the key is refused; the user that it was limited to is no longer
        named in it."""
        owner = organisation or EVERYWHERE
        found = await self._grant("key", id, organisation=owner, id=id)
        return await self._revoke(AccessKey.of(found))

    async def _revoke(self, key: AccessKey) -> AccessKey:
        at = key.revoked_at or self._clock.now()
        gone = replace(key, revoked_at=at, user_id=None, calls=0, last_used_at=None)
        await self._book.put_grants(gone.grant())
        return gone

    async def _whose(self, organisation: str | None) -> str:
        """By what name things of an organisation, or of administrators, are stored."""
        if not organisation:
            return EVERYWHERE
        return (await self.organisation(organisation)).name

    # Webhooks

    async def add_webhook(
        self,
        organisation: str,
        url: str,
        news: Sequence[str] = (),
        *,
        hosts: Collection[str] = (),
    ) -> Webhook:
        """Tell ``url`` of what happens from now on. ``hosts`` are the only ones that are let be, if
        there are any."""
        await self.organisation(organisation)
        known: tuple[News, ...] = get_args(News)
        if unknown := sorted(set(news) - set(known)):
            raise UsageError(f"{shown(unknown)}: there is news of {', '.join(known)}")
        if len(await self.webhooks(organisation)) >= _MOST_HOOKS:
            raise UsageError(
                f"an organisation has at most {_MOST_HOOKS} webhooks: remove one first"
            )
        webhook_host(url, hosts)
        wanted = tuple(one for one in known if not news or one in news)
        head, now = await self._book.head(), self._clock.now()
        made = Webhook(f"w-{new_id()}", organisation, url, wanted, now, head, f"whsec_{new_id(43)}")
        await self._book.put_grants(made.grant(), new=True)
        return made

    async def webhooks(self, organisation: str) -> list[Webhook]:
        await self.organisation(organisation)
        found = await self._book.grants("webhook", organisation=organisation)
        return [Webhook.of(one) for one in found]

    async def remove_webhook(self, organisation: str, id: str) -> Webhook:
        """From the next delivery on nothing is sent to it."""
        found = await self._grant("webhook", id, organisation=organisation, id=id)
        notices = await self._book.grants("notice", organisation=organisation, about=id)
        for grant in (found, *notices):
            await self._book.drop_grant(grant)
        return Webhook.of(found)

    # What was done

    async def usage(
        self,
        organisation: str | None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        key_id: str | None = None,
    ) -> list[KeyUse]:
        """By day, key and method; without days those of the last 30. ``organisation`` None is
        everybody's."""
        last = until or self._clock.now()
        first = since or (last if last < _EARLIEST else last - _USUAL)
        await self._check_asked(organisation, first, last)
        days = first.date().isoformat(), last.date().isoformat()
        return await self._book.key_uses(organisation, *days, key_id)

    async def audit(self, query: AuditQuery) -> list[AuditEntry]:
        """Who did what, the newest first."""
        await self._check_asked(query.organisation, query.since, query.until)
        return await self._book.audit_entries(
            replace(query, limit=max(1, min(query.limit, MOST_ENTRIES)))
        )

    async def _check_asked(
        self, organisation: str | None, since: datetime | None, until: datetime | None
    ) -> None:
        await self._whose(organisation)
        if since is not None and until is not None and since > until:
            raise UsageError(f"since ({since.isoformat()}) is after until ({until.isoformat()})")


def _within(
    principal: Principal,
    role: Role,
    project: str | None,
    user_id: str | None,
    *,
    read_only: bool,
) -> tuple[Role, str | None, str | None, bool]:
    """No wider than the key of whoever makes it."""
    if ROLES.index(role) > ROLES.index(principal.role):
        raise Forbidden(f"a key of the role {principal.role} makes no key of the role {role}")
    for what, own, wanted in (
        ("project", principal.project, project),
        ("user", principal.user_id, user_id),
    ):
        if own is not None and wanted not in (None, own):
            raise NotFound(f"there is no {what} {wanted!r}")
    where, whom = principal.project or project, principal.user_id or user_id
    return role, where, whom, read_only or principal.read_only


def _role(role: str) -> Role:
    for one in MEMBER_ROLES:
        if one == role:
            return one
    raise UsageError(f"a role is one of {', '.join(MEMBER_ROLES)}, got {shown(role)}")


def _name(name: object, what: str) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UsageError(
            f"the name of {what} has 1 to 63 small letters, digits, and . _ - between them; got "
            f"{shown(name)}"
        )
    return name


def _label(name: object, what: str) -> str:
    fit = isinstance(name, str) and bool(name.strip()) and not _UNFIT.search(name)
    if not isinstance(name, str) or not fit or len(name.encode()) > NAME_BYTES:
        raise UsageError(
            f"{what} is a text of 1 to {NAME_BYTES} bytes, without line breaks and the like; got "
            f"{shown(name)}"
        )
    return name
