"""Users and their pseudonyms."""

from __future__ import annotations

from collections.abc import Iterable

from graphmem.adapters.ledger.sql.steps import ResultRows, Steps, execute, fetch
from graphmem.errors import UserRenamed
from graphmem.model import Scope, forgotten_tenant


def pseudonyms_of(scopes: Iterable[Scope]) -> dict[str, Scope]:
    """The pseudonyms under which something is to be stored, each with one scope that has it."""
    return {
        scope.user_id: scope
        for scope in scopes
        if scope.user_id is not None and scope.user_name != scope.user_id
    }


def register_users(scopes: Iterable[Scope]) -> Steps[None]:
    """Store the users of these scopes, in which something is to be stored."""
    pseudonyms = pseudonyms_of(scopes)
    if pseudonyms:
        known = yield from fetch("users_under", ids=sorted(pseudonyms))
        yield from check_users(pseudonyms, known)


def check_users(pseudonyms: dict[str, Scope], known: ResultRows) -> Steps[None]:
    """Check that these pseudonyms still belong to their users, and store new ones.
    :class:`~graphmem.errors.UserRenamed` if a user was forgotten, or got another, meanwhile."""
    found = {row["pseudonym"] for row in known}
    new = {pseudonym: scope for pseudonym, scope in pseudonyms.items() if pseudonym not in found}
    if not new:
        return
    forgotten = sorted(forgotten_tenant(pseudonym) for pseudonym in new)
    if (yield from fetch("tenants_with_events", tenants=forgotten)):
        raise UserRenamed("a user was forgotten meanwhile; try again")
    for pseudonym, scope in new.items():
        row = {"pseudonym": pseudonym, "name": scope.user_name, "project_id": scope.project_id}
        yield from execute("add_user", row)
    stored = yield from fetch("users_under", ids=sorted(new))
    if {row["pseudonym"] for row in stored} != set(new):
        raise UserRenamed("a user was met by another process first; try again")
