"""Parses a Qdrant URL: where the server is, and how collections are to be made there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from graphmem.errors import UsageError
from graphmem.proxies import on_this_machine
from graphmem.text import redacted

_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_LONGEST_TIMEOUT_S = 3600


def _whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,6}", text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return parse


def _switch(text: str) -> bool:
    known = {"1": True, "true": True, "0": False, "false": False}
    if text.lower() not in known:
        raise ValueError("1 or 0")
    return known[text.lower()]


def _prefix(text: str) -> str:
    if not _PREFIX.fullmatch(text):
        raise ValueError("up to 64 letters, digits, _ and -, beginning with a letter or digit")
    return text


def _quantization(text: str) -> str:
    if text not in {"scalar", "binary"}:
        raise ValueError("scalar or binary")
    return text


_PARSERS: dict[str, Callable[[str], Any]] = {
    "prefix": _prefix,
    "shards": _whole(1, 1024),
    "replication": _whole(1, 64),
    "write_consistency": _whole(1, 64),
    "quantization": _quantization,
    "on_disk": _switch,
    "grpc": _switch,
    "grpc_port": _whole(1, 65535),
    "timeout": _whole(1, _LONGEST_TIMEOUT_S),
    "replace": _switch,
}


@dataclass(frozen=True, slots=True)
class QdrantOptions:
    """A parsed ``http|https://host[:port][/path][?option=value&…]``.

    ``shards``, ``replication``, ``write_consistency``, ``quantization`` and ``on_disk`` apply when
    collections are made; changing them later needs a rebuild. ``timeout`` is in seconds, for one
    request. ``replace`` lets ``open`` clear the points of another store.
    """

    address: str
    """The URL without its options: for the client, and safe to show."""
    host: str
    secure: bool
    prefix: str = "graphmem"
    shards: int = 1
    replication: int | None = None
    write_consistency: int | None = None
    quantization: str | None = None
    on_disk: bool = False
    grpc: bool = False
    grpc_port: int = 6334
    timeout: int = 30
    replace: bool = False

    @classmethod
    def parse(cls, url: str) -> Self:
        """Parse a URL; :class:`~graphmem.errors.UsageError` for what is wrong or unknown in it."""
        where = redacted(url)
        try:
            parts = urlsplit(url.strip())
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{where}: {error}") from None
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise UsageError(f"{where}: a Qdrant server's URL is http(s)://host[:port][?prefix=…]")
        if "@" in parts.netloc:
            raise UsageError(
                "a Qdrant server's URL holds no user or password: give the API key with "
                "GRAPHMEM_VECTORS_API_KEY"
            )
        if parts.fragment:
            raise UsageError(f"{where}: a '#' has no meaning in a Qdrant server's URL")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        path = parts.path.rstrip("/")
        # Without a port the client would take 6333 for http and https alike; so does Qdrant Cloud.
        address = f"{parts.scheme}://{host}:{port or 6333}{path}"
        return cls(address, parts.hostname, parts.scheme == "https", **_options(parts.query, where))

    @property
    def local(self) -> bool:
        """Whether what is sent stays on this machine."""
        return on_this_machine(self.host)


def _options(query: str, where: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name not in _PARSERS:
            raise UsageError(f"{where}: unknown option {name!r}; known are {', '.join(_PARSERS)}")
        if name in options:
            raise UsageError(f"{where}: the option {name} is given twice")
        try:
            options[name] = _PARSERS[name](text)
        except ValueError as error:
            raise UsageError(f"{where}: {name} must be {error}") from None
    return options
