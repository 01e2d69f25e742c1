"""What stands between this process and a server: the proxies and certificates that the environment
names, of which libraries read as they like."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager

from graphmem.errors import GraphmemError, UsageError


def on_this_machine(host: str) -> bool:
    """Whether what is sent to a host stays here: no proxy can reach it, and none is to see it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@contextmanager
def as_the_environment_says(what: str, kind: type[GraphmemError] = UsageError) -> Iterator[None]:
    """``kind`` for connections that cannot be made by proxies and certificates that are set so."""
    try:
        yield
    except GraphmemError:
        raise
    except Exception as error:
        raise kind(
            f"{what} cannot be reached by the proxies and certificates that the environment names "
            f"({type(error).__name__}: {error}): correct HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, "
            "NO_PROXY, SSL_CERT_FILE or SSL_CERT_DIR, or leave it out"
        ) from error
