"""What a door asks on each call: who is it, may they, where, how much is left; and what it notes
afterwards."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from graphmem.access.methods import METHODS, OF_A_PROJECT, WHOLE_STORE, MethodRule
from graphmem.access.rates import Rates
from graphmem.access.records import Recorder
from graphmem.access.secrets import id_of_key, is_key, is_user_signature
from graphmem.access.values import (
    EVERYWHERE,
    ROLES,
    AccessKey,
    Allowance,
    Limits,
    Member,
    Organisation,
    Principal,
    Role,
)
from graphmem.clock import Clock
from graphmem.errors import Forbidden, NotFound, Unauthenticated, UsageError, shown
from graphmem.model import DEFAULT_PROJECT
from graphmem.ports.access import AccessBook, AuditEntry, Grant, GrantKind

if TYPE_CHECKING:  # commands about keys start without what it brings
    from graphmem.ports.api.arguments import ScopeArgs

_SCOPE: tuple[Literal["user_id", "agent_id", "run_id", "project_id"], ...] = (
    "user_id",
    "agent_id",
    "run_id",
    "project_id",
)
_MOST_KEPT = 10_000
_NONE_GIVEN = (
    "no key was given: send one as `Authorization: Bearer gm_…` (in Python api_key=…, else "
    "GRAPHMEM_API_KEY); on the server's machine `graphmem keys add` makes one"
)
_NO_KEY = (
    "this key is unknown, expired or revoked: send one that is good as `Authorization: Bearer gm_…`"
)

_NO_SIGNATURE = (
    "X-Signature is not that of the user in X-User-Context, or the key is limited to another user"
)


class _Known(NamedTuple):
    """A key that was good when it was read, and whom it stands for."""

    key: AccessKey
    principal: Principal


class Access:
    """The gate of a store that a door asks. One for each process; close it before the ledger."""

    def __init__(self, book: AccessBook, clock: Clock, rates: Rates, recorder: Recorder) -> None:
        self._book = book
        self._clock = clock
        self._rates = rates
        self._recorder = recorder
        self._keys: dict[str, _Known] = {}
        self._places: dict[tuple[str, str], str] = {}
        self._version: int | None = None

    async def authenticate(self, key: str | None, *, address: str = "") -> Principal:
        """Who a key stands for, as it is at this moment.

        :class:`~graphmem.errors.Unauthenticated`, in the same words and after the same work, for no
        key, an unknown one, one that expired or was revoked, and one of an organisation that is
        closed or of a member who is gone.
        """
        given = key or ""
        id = id_of_key(given)
        version, known = self._refresh(), self._keys.get(id)
        if known and is_key(given, known.key.digest) and known.key.good(self._clock.now()):
            return known.principal
        found = {one.kind: one for one in await self._book.grants_of_key(id)}
        stored = found.get("key")
        # Compared before anything of it is read: the same work whether there is such a key or not.
        if not is_key(given, stored.body.get("digest") if stored else None) or stored is None:
            self._recorder.refused(address)
            raise Unauthenticated(_NO_KEY if given else _NONE_GIVEN)
        own = AccessKey.of(stored)
        principal = _principal(own, found) if own.good(self._clock.now()) else None
        if principal is None:
            self._recorder.refused(address, own)
            raise Unauthenticated(_NO_KEY)
        if version is not None and version == self._refresh():
            self._keys[id] = _Known(own, principal)
        return principal

    def vouched(
        self,
        principal: Principal,
        secret: str,
        user_id: str | None,
        signature: str | None,
        *,
        address: str = "",
    ) -> Principal:
        """Whom a key stands for in a request that is signed for one user: it reaches that user, and
        no other. The signature is the same for every request, so that it is worth nothing without a
        key. :class:`~graphmem.errors.Unauthenticated` for half of one, a wrong one, or one of a
        user that the key does not reach."""
        good = is_user_signature(secret, user_id or "", signature or "")
        if not good or not user_id or principal.user_id not in (None, user_id):
            self._recorder.refused(address)
            raise Unauthenticated(_NO_SIGNATURE)
        return replace(principal, user_id=user_id)

    def _refresh(self) -> int | None:
        """The version of the grants; nothing that was read of another is kept. Where others may
        change them everything is read each time (None). Only what is good is kept: what is not
        takes the same work, whatever the reason."""
        version = self._book.grants_version
        if version != self._version or len(self._keys) + len(self._places) > _MOST_KEPT:
            self._keys.clear()
            self._places.clear()
            self._version = version
        return version

    def authorize(
        self, principal: Principal, method: str, arguments: Collection[str] = ()
    ) -> MethodRule:
        """The row of a method of the API, for whoever may call it; else
        :class:`~graphmem.errors.Forbidden`.

        ``arguments`` are the names of those that were given and are true: some make a call one
        about the whole store, which is for administrators.
        """
        rule = METHODS.get(method)
        if rule is None:
            raise Forbidden(f"{method} is no method that a key can call")
        wide = WHOLE_STORE.intersection(arguments)
        if method in OF_A_PROJECT:
            wide -= {"all_scopes"}
        needed: Role = "administrator" if wide else rule.role
        if ROLES.index(principal.role) < ROLES.index(needed):
            what = f"{method} with {', '.join(sorted(wide))}" if wide else method
            raise Forbidden(
                f"{what} needs a key of the role {needed}, and this one has the role "
                f"{principal.role}"
            )
        if principal.read_only and rule.changes:
            raise Forbidden(f"{method} changes what is stored, and this key is read-only")
        limited = principal.project is not None or principal.user_id is not None
        of_more = rule.reach == "store" or (rule.reach == "organisation" and rule.role == "owner")
        if limited and (of_more or wide):
            raise Forbidden(f"{method} needs a key that is limited to no project and no user")
        return rule

    async def projects_of(
        self, principal: Principal, requested: Mapping[str, str | None], names: Sequence[str]
    ) -> list[str]:
        """Where the projects of a read in several are stored, in their order; each is asked for
        like one alone (see :meth:`scope_of`): one that is not this key's refuses the call."""
        found = []
        for name in names:
            scope = await self.scope_of(principal, {**requested, "project_id": name})
            found.append(scope["project_id"] or name)
        return found

    async def scope_of(self, principal: Principal, requested: Mapping[str, object]) -> ScopeArgs:
        """The scope of a call as the engine takes it, from the one that was asked for: the project
        where the organisation's project of that name is stored, and the user that the key is
        limited to.

        :class:`~graphmem.errors.NotFound` for a project or a user that is not this key's, in the
        same words whether somebody else has one of that name or nobody.
        """
        scope: ScopeArgs = {}
        for name in _SCOPE:
            if (value := requested.get(name)) is not None:
                if not isinstance(value, str) or "\0" in value:
                    raise UsageError(f"{name} must be text without a NUL, got {shown(value)}")
                scope[name] = value
        if principal.user_id is not None:
            asked = scope.get("user_id")
            if asked not in (None, principal.user_id):
                raise NotFound(f"there is no user {asked!r}")
            scope["user_id"] = principal.user_id
        if principal.administrator:
            return scope
        wanted = scope.get("project_id") or principal.project or DEFAULT_PROJECT
        scope["project_id"] = await self._place_of(principal, wanted)
        return scope

    async def _place_of(self, principal: Principal, wanted: str) -> str:
        """Where the project of that name is stored."""
        place = (principal.organisation, wanted)
        own = principal.project in (None, wanted)
        version = self._refresh()
        if own and place in self._places:
            return self._places[place]
        # Looked up in any case: the same work for a project that is not this key's.
        found = await self._book.grants("project", organisation=principal.organisation, id=wanted)
        if not found or not own:
            raise NotFound(f"there is no project {wanted!r}")
        stored = found[0].about or ""
        if version is not None and version == self._refresh():
            self._places[place] = stored
        return stored

    async def admit(self, principal: Principal, method: str, *, memories: int = 1) -> Allowance:
        """Count a call against the limits of its key and its organisation, and say what is left;
        :class:`~graphmem.errors.LimitExceeded` where nothing is. ``memories`` is how many the call
        would add, of a method that adds any."""
        adds = memories if METHODS[method].adds else 0
        return await self._rates.admit(principal, memories=adds)

    async def record(
        self,
        principal: Principal,
        method: str,
        *,
        address: str = "",
        outcome: str = "done",
        scope: Mapping[str, object] | None = None,
        target: str | None = None,
        tokens_in: int = 0,
        tokens_out: int = 0,
        memories: int = 0,
        reserved: int = 0,
    ) -> None:
        """Note a call that has ended. ``scope`` is what :meth:`scope_of` gave, ``outcome`` ``done``
        or the name of the error, ``target`` the id of what it was about, ``memories`` how many
        episodes it added, ``reserved`` the memories of its allowance.

        What changed something is in the audit log when this returns; reads follow within a second.
        """
        tokens = tokens_in + tokens_out
        await self._rates.used(principal, tokens=tokens, memories=memories, reserved=reserved)
        whose: dict[str, Any] = {
            name: value
            for name in ("project_id", "user_id", "agent_id")
            if isinstance(value := (scope or {}).get(name), str)
        }
        entry = AuditEntry(
            self._clock.now(),
            principal.organisation,
            principal.key_id,
            address,
            method,
            METHODS[method].changes if method in METHODS else True,
            outcome,
            **whose,
            target=target,
        )
        await self._recorder.record(entry, tokens_in, tokens_out)

    async def flush(self) -> None:
        """Write what was noted and is not in the ledger yet."""
        await self._recorder.flush()

    async def close(self) -> None:
        """Write what was noted, and end what goes on in the background."""
        await self._recorder.close()


def _principal(key: AccessKey, found: Mapping[GrantKind, Grant]) -> Principal | None:
    """Whom a key that is good stands for; None where its organisation or its member is gone."""
    role, name, limits = key.role, None, Limits()
    if key.organisation != EVERYWHERE:
        organisation = Organisation.of(found["organisation"]) if "organisation" in found else None
        if organisation is None or organisation.closed_at is not None:
            return None
        limits = organisation.limits
    if key.member_id is not None:
        if "member" not in found:
            return None
        member = Member.of(found["member"])
        role, name = min(role, member.role, key=ROLES.index), member.name
    return Principal(
        key_id=key.id,
        key_name=key.name,
        organisation=key.organisation,
        role=role,
        read_only=key.read_only,
        project=key.project,
        user_id=key.user_id,
        member=name,
        limits=key.limits,
        organisation_limits=limits,
        expires_at=key.expires_at,
    )
