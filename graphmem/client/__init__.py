"""A memory behind HTTP: the same API, spoken to a server.

``calls`` says what each method looks like on the wire, made from the protocol itself; both the
client here and the server in ``graphmem/doors/http`` work from it. No engine and no store here."""

from __future__ import annotations

from graphmem.client.remote import AsyncRemoteMemory, AsyncRemoteView

__all__ = ["AsyncRemoteMemory", "AsyncRemoteView"]
