"""``MemoryProvider``: the five calls that programs with a pluggable memory make, over an engine of
graphmem's, over mem0's addresses on any server, or over several of them in turn. Nothing here is
about relations, time or explanations: that is what :class:`graphmem.Memory` is for."""

from __future__ import annotations

import os
from collections.abc import Mapping

from graphmem.errors import UsageError
from graphmem.memory_providers.chain import ProviderAnswer, ProviderChain
from graphmem.memory_providers.engine import EngineProvider
from graphmem.memory_providers.mem0_service import Mem0Provider
from graphmem.memory_providers.protocol import MemoryProvider, MemoryRecord, ProviderHealth
from graphmem.settings import Settings

__all__ = [
    "EngineProvider",
    "Mem0Provider",
    "MemoryProvider",
    "MemoryRecord",
    "ProviderAnswer",
    "ProviderChain",
    "ProviderHealth",
    "open_memory_provider",
]

_KINDS = ("native", "http", "memory")
_STORE = "graphmem-store"


async def open_memory_provider(
    kind: str | None = None, environ: Mapping[str, str] | None = None
) -> MemoryProvider:
    """The provider that ``MEMORY_PROVIDER`` names, opened. Close it, or use it in ``async with``.

    ``native`` is a folder (``GRAPHMEM_STORE``), or the server of ``GRAPHMEM_URL``; ``http`` a mem0
    service (``MEM0_BASE_URL``, ``MEM0_API_KEY``, ``MEM0_HMAC_SECRET``); ``memory`` is kept nowhere.
    Several, with commas between them, are a :class:`ProviderChain`. ``kind`` goes before the
    variable. :class:`~graphmem.errors.UsageError` for anything else.
    """
    environ = os.environ if environ is None else environ
    named = kind if kind is not None else environ.get("MEMORY_PROVIDER") or "native"
    kinds = [one.strip().lower() for one in named.split(",")]
    for one in kinds:
        if one not in _KINDS:
            known = ", ".join(_KINDS)
            raise UsageError(f"MEMORY_PROVIDER: {one!r} is none of {known}, or several of them")
    opened: list[MemoryProvider] = []
    try:
        for one in kinds:
            opened.append(await _open(one, environ))
    except BaseException:
        for provider in opened:
            await provider.close()
        raise
    return opened[0] if len(opened) == 1 else ProviderChain(opened)


async def _open(kind: str, environ: Mapping[str, str]) -> MemoryProvider:
    if kind == "http":
        url = environ.get("MEM0_BASE_URL")
        if not url:
            raise UsageError("MEMORY_PROVIDER=http needs MEM0_BASE_URL, where the service answers")
        key, secret = environ.get("MEM0_API_KEY"), environ.get("MEM0_HMAC_SECRET")
        return Mem0Provider(url, key or None, secret or None)
    from graphmem.wiring import open_memory

    settings = Settings.load(environ)
    if kind == "memory":
        return EngineProvider(await open_memory("memory://", settings=settings), name=kind)
    if settings.url is not None:
        from graphmem.client import AsyncRemoteMemory

        api_key = settings.api_key.get_secret_value() if settings.api_key else None
        return EngineProvider(AsyncRemoteMemory(settings.url, api_key=api_key), name=kind)
    named = None if settings.ledger else _STORE
    folder = environ.get("GRAPHMEM_STORE") or named
    return EngineProvider(await open_memory(folder, settings=settings), name=kind)
