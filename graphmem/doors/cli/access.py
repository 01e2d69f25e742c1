"""Commands about who may do what in a store that is served: orgs, members, keys, webhooks, usage,
audit."""

from __future__ import annotations

import asyncio
import csv
import functools
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar, get_args

import click

from graphmem.access import AccessKey, Administration, Limits, Member, Organisation
from graphmem.access.values import MEMBER_ROLES
from graphmem.access.webhooks import News
from graphmem.clock import SystemClock, parse_duration, parse_when_or_none
from graphmem.doors.cli.arguments import time_option
from graphmem.doors.cli.base import Subgroup, cli, options
from graphmem.doors.cli.output import FIXED, RIGHT, note, print_table, show, show_json, when
from graphmem.errors import UsageError
from graphmem.limits import WHOLE_NUMBER
from graphmem.model import to_json
from graphmem.ports.access import AuditEntry, AuditQuery, KeyUse

_T = TypeVar("_T")
_ROLE = click.option("--role", type=click.Choice(MEMBER_ROLES), help="What it may do (writer).")
_ORGANISATION = click.argument("organisation")
_ANY_ORGANISATION = click.argument("organisation", required=False)
_KEY = click.option("--key", "key_id", metavar="ID", help="Only what this key did.")


def _administer(
    work: Callable[[Administration], Awaitable[_T]], *, reads: bool = False, create: bool = False
) -> _T:
    """Do administrative work over the ledger alone, without loading a model or an index. With
    ``reads`` it changes nothing, and works while a server holds the store."""
    from graphmem.wiring.access import administration_at

    shared = options()
    place = None if "://" in shared.store else shared.folder

    async def run() -> _T:
        async with administration_at(place, create=create, read_only=reads) as administration:
            return await work(administration)

    return asyncio.run(run())


def _limit_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command an option for each limit; its function has them as one argument."""

    @functools.wraps(function)
    def limited(**given: Any) -> Any:
        limits = Limits(**{one.name: given.pop(one.name) for one in fields(Limits)})
        return function(limits=limits, **given)

    for flag, text in (
        ("--memories", "Episodes that may be stored."),
        ("--tokens-per-day", "Tokens of models, in and out."),
        ("--calls-per-day", "Calls from midnight to midnight (UTC)."),
        ("--burst", "Calls that may come at once; else those of one second."),
        ("--calls-per-minute", "Calls."),
    ):
        limited = click.option(flag, type=int, metavar="NUMBER", help=f"At most: {text}")(limited)
    return limited


@cli.group("orgs", cls=Subgroup)
def orgs_command() -> None:
    """Organisations: whose things a server keeps apart.

    \b
    graphmem orgs add acme --calls-per-minute 600
    graphmem keys add acme --role owner --name first
    """


@orgs_command.command("add")
@click.argument("name")
@_limit_options
def add_organisation_command(name: str, limits: Limits) -> None:
    """Make an organisation, with a project `default`."""
    found = _administer(lambda over: over.add_organisation(name, limits=limits), create=True)
    if not show_json(found):
        show(f"organisation {found.name}; its first key: graphmem keys add {found.name}")


@orgs_command.command("list")
def list_organisations_command() -> None:
    """List all organisations."""
    found = _administer(lambda over: over.organisations(), reads=True)
    if not show_json(found):
        _show_organisations(found)


@orgs_command.command("close")
@click.argument("name")
def close_organisation_command(name: str) -> None:
    """Let none of its keys be good any more. What it stored stays."""
    found = _administer(lambda over: over.close_organisation(name))
    if not show_json(found):
        show(f"{found.name} is closed since {when(found.closed_at)}")


@orgs_command.command("limit")
@click.argument("name")
@_limit_options
def limit_organisation_command(name: str, limits: Limits) -> None:
    """Set its limits, in the place of those before; what is not given is without limit."""
    found = _administer(lambda over: over.set_limits(name, limits))
    if not show_json(found):
        _show_organisations([found])


@orgs_command.command("projects")
@_ORGANISATION
def organisation_projects_command(organisation: str) -> None:
    """List its projects, and where they are stored (`--project` of other commands)."""
    found = _administer(lambda over: over.projects(organisation), reads=True)
    if not show_json(found):
        print_table(
            ("project", "stored as", "since"),
            ((one.name, one.project_id, when(one.created_at)) for one in found),
        )


@orgs_command.command("add-project")
@_ORGANISATION
@click.argument("name")
@click.option("--stored-as", metavar="ID", help="A project of this store that is there already.")
def add_project_command(organisation: str, name: str, stored_as: str | None) -> None:
    """Give it one more project."""
    found = _administer(lambda over: over.add_project(organisation, name, project_id=stored_as))
    if not show_json(found):
        show(f"project {found.name} of {organisation}, stored as {found.project_id}")


def _show_organisations(found: Sequence[Organisation]) -> None:
    rows = [
        (one.name, when(one.created_at), when(one.closed_at), _limits_text(one.limits))
        for one in found
    ]
    print_table(("organisation", "since", "closed", "limits"), rows)


def _limits_text(limits: Limits) -> str:
    found = ((name.replace("_", " "), value) for name, value in limits.to_json().items())
    return ", ".join(f"{value:,} {name}" for name, value in found)


@cli.group("members", cls=Subgroup)
def members_command() -> None:
    """Members of an organisation: readers, writers, owners."""


@members_command.command("add")
@_ORGANISATION
@click.argument("name")
@_ROLE
def add_member_command(organisation: str, name: str, role: Any) -> None:
    """Take somebody in. They have no key yet: graphmem keys add --member NAME."""
    _show_member(_administer(lambda over: over.add_member(organisation, name, role or "writer")))


@members_command.command("list")
@_ORGANISATION
def list_members_command(organisation: str) -> None:
    """List them."""
    found = _administer(lambda over: over.members(organisation), reads=True)
    if not show_json(found):
        rows = ((one.name, one.role, when(one.created_at)) for one in found)
        print_table(("member", "role", "since"), rows, ids=[one.id for one in found])


@members_command.command("set-role")
@_ORGANISATION
@click.argument("name")
@click.argument("role", type=click.Choice(MEMBER_ROLES))
def set_role_command(organisation: str, name: str, role: Any) -> None:
    """Say what somebody may do from now on, with each of their keys."""
    _show_member(_administer(lambda over: over.set_role(organisation, name, role)))


@members_command.command("remove")
@_ORGANISATION
@click.argument("name")
def remove_member_command(organisation: str, name: str) -> None:
    """Let somebody go: their keys are revoked, their name is kept nowhere."""
    gone = _administer(lambda over: over.remove_member(organisation, name))
    if not show_json(gone):
        show(f"{gone.name} belongs to {organisation} no more")


def _show_member(found: Member) -> None:
    if not show_json(found):
        show(f"{found.name} belongs to {found.organisation}, as {found.role}")


@cli.group("keys", cls=Subgroup)
def keys_command() -> None:
    """Keys: what a caller shows to a server."""


@keys_command.command("add")
@_ANY_ORGANISATION
@click.option("--name", default="key", show_default=True, help="What for, to know it again.")
@_ROLE
@click.option("--member", metavar="NAME", help="Whose it is: it can do no more than they.")
@click.option("--only-project", "project", metavar="NAME", help="Good for this project alone.")
@click.option(
    "--only-user", "user_id", metavar="ID", help="Good for the memories of this user alone."
)
@click.option("--read-only", is_flag=True, help="Changes nothing, whatever its role.")
@click.option("--expires", metavar="DURATION", help="Good for so long: 90d, 12h, 1y.")
@click.option("--administrator", is_flag=True, help="For the whole store, in no organisation.")
@_limit_options
def add_key_command(
    organisation: str | None, expires: str | None, *, administrator: bool, **given: Any
) -> None:
    """Make a key. It is shown now, and never again.

    \b
    graphmem keys add acme --role owner --name first
    graphmem keys add acme --only-user ada --expires 90d
    graphmem keys add --administrator --name operations
    """
    if administrator is (organisation is not None):
        raise UsageError("name the organisation of the key, or give --administrator")
    if expires is not None:
        given["expires_at"] = SystemClock().now() + parse_duration(expires, name="--expires")
    made = _administer(
        lambda over: over.add_key(organisation, **given),
        create=administrator,
    )
    if not show_json({**made.key.shown(), "key": made.secret}):
        click.echo(made.secret)
        whose = made.key.organisation or "the whole store"
        note(f"key {made.key.id} ({made.key.role} of {whose}); it is shown this once: keep it")


@keys_command.command("list")
@_ANY_ORGANISATION
def list_keys_command(organisation: str | None) -> None:
    """List the keys of an organisation, or (none given) of administrators; never the keys
    themselves."""
    found = _administer(lambda over: over.keys(organisation), reads=True)
    if show_json([key.shown() for key in found]):
        return
    columns: list[Any] = ["key", "role", "limited to", "state", ("calls", RIGHT), "last used"]
    print_table(columns, map(_key_row, found), ids=[key.id for key in found])


def _key_row(key: AccessKey) -> Sequence[object]:
    limited = [
        key.project and f"project {key.project}",
        key.user_id and f"user {key.user_id}",
        "reads" if key.read_only else "",
        _limits_text(key.limits),
    ]
    state = f"until {when(key.expires_at)}" if key.expires_at else "good"
    if not key.good(SystemClock().now()):
        state = f"revoked {when(key.revoked_at)}" if key.revoked_at else "expired"
    used = f"{key.calls:,}", when(key.last_used_at)
    return key.name, key.role, ", ".join(filter(None, limited)), state, *used


@keys_command.command("revoke")
@click.argument("key_id", metavar="KEY")
@_ANY_ORGANISATION
def revoke_key_command(key_id: str, organisation: str | None) -> None:
    """Let a key be good no more, from the next call on. KEY is its id; without an organisation
    one of administrators."""
    gone = _administer(lambda over: over.revoke_key(organisation, key_id))
    if not show_json(gone.shown()):
        show(f"key {gone.id} is revoked since {when(gone.revoked_at)}")


@cli.command("usage")
@_ANY_ORGANISATION
@time_option("--since", "From this day on (UTC); else the last 30.")
@time_option("--until", "Up to this day.")
@_KEY
@click.option("--csv", "as_csv", is_flag=True, help="Comma-separated, with a line of names.")
def usage_command(
    organisation: str | None, since: str | None, until: str | None, *, as_csv: bool, **given: Any
) -> None:
    """Show what keys were used for, by day and method.

    Without an organisation everybody's.
    """
    given |= _period(since, until)
    found = _administer(lambda over: over.usage(organisation, **given), reads=True)
    names = [one.name for one in fields(KeyUse)]
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([to_json(value) for value in asdict(use).values()] for use in found)
        return
    if not show_json(found):
        numbers = {"calls", "refused", "tokens_in", "tokens_out"}
        columns = [
            (name.replace("_", " "), RIGHT if name in numbers else {}) for name in names[:-1]
        ]
        print_table(columns, ([getattr(use, name) for name in names[:-1]] for use in found))


@cli.command("audit")
@_ANY_ORGANISATION
@time_option("--since", "From this moment on.")
@time_option("--until", "Up to this moment.")
@_KEY
@click.option("--method", help="Only this one.")
@click.option("--changes", is_flag=True, help="Only what changed something.")
@click.option(
    "--before",
    type=click.IntRange(1, WHOLE_NUMBER),
    metavar="NUMBER",
    help="Older than the entry of this number.",
)
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
def audit_command(
    organisation: str | None, since: str | None, until: str | None, *, changes: bool, **more: Any
) -> None:
    """Show who did what, the newest first.

    Without an organisation everybody's.
    """
    query = AuditQuery(organisation, **_period(since, until), changed=changes or None, **more)
    found = _administer(lambda over: over.audit(query), reads=True)
    if not show_json(found):
        columns = (("no", RIGHT), ("when", FIXED), "key", "from", "method", "outcome", "of", "what")
        print_table(columns, map(_audit_row, found))


def _audit_row(one: AuditEntry) -> Sequence[object]:
    owner = one.user_id or (f"agent {one.agent_id}" if one.agent_id else "")
    of = " · ".join(filter(None, (one.project_id, owner)))
    at = f"{one.at:%Y-%m-%d %H:%M:%S}"
    return one.n, at, one.key_id, one.address, one.method, one.outcome, of, one.target


def _period(since: str | None, until: str | None) -> dict[str, Any]:
    return {
        "since": parse_when_or_none(since, name="--since"),
        "until": parse_when_or_none(until, name="--until"),
    }


@cli.group("webhooks", cls=Subgroup)
def webhooks_command() -> None:
    """Addresses that are told what happens in an organisation."""


@webhooks_command.command("add")
@_ORGANISATION
@click.argument("url")
@click.option("--news", multiple=True, type=click.Choice(get_args(News)), help="Of this only.")
def add_webhook_command(organisation: str, url: str, news: tuple[str, ...]) -> None:
    """Tell an address what is added, changed and forgotten from now on. The secret that deliveries
    are signed with is shown now, and never again."""
    from graphmem.settings import Settings

    hosts = Settings.load().webhook_hosts
    made = _administer(lambda over: over.add_webhook(organisation, url, news, hosts=hosts))
    if not show_json({**made.shown(), "secret": made.secret}):
        click.echo(made.secret)
        note(f"webhook {made.id} of {organisation}; its secret is shown this once: keep it")


@webhooks_command.command("list")
@_ORGANISATION
def list_webhooks_command(organisation: str) -> None:
    """List them; never their secrets."""
    found = _administer(lambda over: over.webhooks(organisation), reads=True)
    if not show_json([one.shown() for one in found]):
        rows = ((one.url, ", ".join(one.news), when(one.created_at)) for one in found)
        print_table(("address", "news", "since"), rows, ids=[one.id for one in found])


@webhooks_command.command("remove")
@_ORGANISATION
@click.argument("webhook_id", metavar="WEBHOOK")
def remove_webhook_command(organisation: str, webhook_id: str) -> None:
    """Tell it nothing any more. WEBHOOK is its id."""
    gone = _administer(lambda over: over.remove_webhook(organisation, webhook_id))
    if not show_json(gone.shown()):
        show(f"webhook {gone.id} is removed")
