"""A memory behind HTTP: the same API, spoken to a server.

``calls`` says what each method looks like on the wire, made from the protocol itself; both the
client here and the server in ``graphmem/doors/http`` work from it. No engine and no store here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphmem.client.remote import AsyncRemoteMemory, AsyncRemoteView

if TYPE_CHECKING:
    from graphmem.sync import RemoteMemory

__all__ = ["AsyncRemoteMemory", "AsyncRemoteView", "RemoteMemory"]


def __getattr__(name: str) -> Any:
    # The synchronous face, which stands above both the engine and what is here.
    if name != "RemoteMemory":
        raise AttributeError(f"module 'graphmem.client' has no attribute {name!r}")
    from importlib import import_module

    return import_module("graphmem.sync").RemoteMemory
