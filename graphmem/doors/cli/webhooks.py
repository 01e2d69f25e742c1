"""Commands about webhooks: whom an organisation of a store that is served wants to know."""

from __future__ import annotations

from typing import get_args

import click

from graphmem.access.webhooks import News
from graphmem.doors.cli.access import administer
from graphmem.doors.cli.base import subgroup
from graphmem.doors.cli.output import note, print_table, show, show_json, table_text, when


@subgroup("webhooks")
def webhooks_command() -> None:
    """Addresses that are told what happens in an organisation."""


@webhooks_command.command("add")
@click.argument("organisation")
@click.argument("url")
@click.option("--news", multiple=True, type=click.Choice(get_args(News)), help="Of this only.")
def add_webhook_command(organisation: str, url: str, news: tuple[str, ...]) -> None:
    """Tell an address what is added, changed and forgotten from now on. The secret that deliveries
    are signed with is shown now, and never again."""
    from graphmem.settings import Settings

    hosts = Settings.load().webhook_hosts
    made = administer(lambda over: over.add_webhook(organisation, url, news, hosts=hosts))
    if not show_json({**made.shown(), "secret": made.secret}):
        click.echo(made.secret)
        note(f"webhook {made.id} of {organisation}; its secret is shown this once: keep it")


@webhooks_command.command("list")
@click.argument("organisation")
def list_webhooks_command(organisation: str) -> None:
    """List them; never their secrets."""
    found = administer(lambda over: over.webhooks(organisation), reads=True)
    if not show_json([one.shown() for one in found]):
        rows = ((one.url, ", ".join(one.news), when(one.created_at)) for one in found)
        print_table(("address", "news", "since"), rows, ids=[one.id for one in found])


@webhooks_command.command("remove")
@click.argument("organisation")
@click.argument("webhook_id", metavar="WEBHOOK")
def remove_webhook_command(organisation: str, webhook_id: str) -> None:
    """Tell it nothing any more. WEBHOOK is its id."""
    gone = administer(lambda over: over.remove_webhook(organisation, webhook_id))
    if not show_json(gone.shown()):
        show(table_text(f"webhook {gone.id} is removed"))
