"""Webhooks: whom an organisation wants to know of what was added, changed and forgotten in it, and
what they are sent. Who sends it is :mod:`graphmem.doors.http.webhook_delivery`."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal, Self
from urllib.parse import urlsplit

from graphmem.clock import stamp, unstamp
from graphmem.errors import UsageError, shown
from graphmem.model import tenant_scope
from graphmem.ports.access import Grant

if TYPE_CHECKING:  # commands about keys start without what it brings
    from graphmem.ports.ledger import Event

News = Literal["added", "changed", "forgotten"]
SIGNATURE: Final = "x-graphmem-signature"
_NEWS: Mapping[tuple[str, str], News] = {
    ("episode", "ADD"): "added",
    ("episode", "DELETE"): "forgotten",
    ("episode", "ERASE"): "forgotten",
    ("fact", "ADD"): "added",
    ("fact", "UPDATE"): "changed",
    ("fact", "DELETE"): "forgotten",
    ("fact", "ERASE"): "forgotten",
}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
"""Of IPv6; the rest is for machines and networks by themselves, or reserved, and more than one way
to write an IPv4 address is in it."""
_EXAMPLES = ipaddress.IPv6Network("3fff::/20")
_URL_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address, what it wants to know, and the secret that deliveries are signed with: who
    receives them needs it, and the ledger keeps it to sign. ``seq`` is the event after which it
    begins."""

    id: str
    organisation: str
    url: str
    news: tuple[News, ...]
    created_at: datetime
    seq: int
    secret: str = field(repr=False)

    @classmethod
    def of(cls, grant: Grant) -> Self:
        body = dict(grant.body)
        body |= {"news": tuple(body["news"]), "created_at": unstamp(body["created_at"])}
        return cls(grant.id, grant.organisation, **body)

    def grant(self) -> Grant:
        body = {name: getattr(self, name) for name in ("url", "seq", "secret")}
        body |= {"news": list(self.news), "created_at": stamp(self.created_at)}
        return Grant("webhook", self.organisation, self.id, None, body)

    def shown(self) -> dict[str, Any]:
        """What may be told of it: all but the secret."""
        names = ("id", "organisation", "url", "news", "created_at")
        return {name: getattr(self, name) for name in names}


def webhook_host(url: str, hosts: Collection[str] = ()) -> str:
    """The host of an address that may be told; :class:`~graphmem.errors.UsageError` for any other.
    What a name leads to is looked at on each delivery."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except (ValueError, AttributeError) as error:
        raise UsageError(f"{shown(url)} is no address: {error}") from error
    odd = len(url) > _URL_CHARACTERS or any(ord(sign) < 33 or ord(sign) > 126 for sign in url)
    if odd or not host or parts.username is not None or parts.fragment:
        raise UsageError(f"{shown(url)} is no address of the form https://HOST/PATH")
    if hosts and host not in hosts:
        raise UsageError(
            f"{host} is none of the hosts that webhooks go to (GRAPHMEM_WEBHOOK_HOSTS)"
        )
    if parts.scheme != "https" and not (hosts and parts.scheme == "http"):
        raise UsageError(f"{shown(url)}: a webhook goes to https, or to a host that is allowed")
    if not hosts and _is_inside(host):
        raise UsageError(f"{host} is an address inside: webhooks go to public ones")
    return host


def is_public(address: str) -> bool:
    """Whether an IP address is anybody's to be called from here."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found in _NAT64:  # on networks without IPv4 the names of all others lead there
            return is_public(str(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)))
        if inside := found.ipv4_mapped or found.sixtofour:
            return is_public(str(inside))
        if found not in _GIVEN_OUT or found in _EXAMPLES:
            return False
    return found.is_global and not found.is_multicast


def _is_inside(host: str) -> bool:
    host = host.rstrip(".")
    try:
        return not is_public(host)
    except ValueError:
        pass
    with contextlib.suppress(OSError):  # 127.1, 2130706433 and 0x7f000001 are numbers, too
        return not is_public(socket.inet_ntoa(socket.inet_aton(host)))
    return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def news_of(event: Event, projects: Mapping[str, str]) -> dict[str, Any] | None:
    """What is told of an event in one of these projects (their names, by where they are stored):
    what it is about, never what was said. The user is still a pseudonym."""
    what = _NEWS.get((event.kind, event.action))
    if what is None:
        return None
    scope = tenant_scope(event.tenant)
    if scope.project_id not in projects:
        return None
    return {
        "id": str(event.seq),
        "event": what,
        "at": stamp(event.at),
        "kind": event.kind,
        "memory_id": event.id,
        "project_id": projects[scope.project_id],
        "user_id": scope.user_id,
        "agent_id": scope.agent_id,
    }


def signature(secret: str, at: int, body: bytes) -> str:
    """``t=SECONDS,v1=HEX``: HMAC-SHA256 of the seconds since 1970, a dot and the body, so that an
    old delivery cannot be sent again as a new one."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
