"""A new graph, or new vectors, filled in a process of its own: the engines hold the interpreter's
lock while they load, and searches in this process would wait for it.

``python -m graphmem.wiring.fill_process`` is that process. It is told what to do, with all
settings, on its standard input, and answers on its output; so no secret is seen in its arguments.
It reads the ledger beside the process that holds it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from typing import Any

from pydantic import SecretStr

from graphmem import errors
from graphmem.adapters.child_process import ChildProcess, JsonMessage, ParentProcess, can_start
from graphmem.adapters.models.parent_embedder import ParentEmbedder, embedded
from graphmem.embedding import CachedEmbedder
from graphmem.errors import GraphmemError
from graphmem.ports.embedder import Embedder
from graphmem.ports.ledger import Ledger
from graphmem.projection.fill import (
    FEW_EVENTS,
    Filled,
    Filling,
    FillStore,
    Watch,
    fill_graph,
    fill_vectors,
)
from graphmem.settings import Settings
from graphmem.wiring.adapters import ledger_reader, make
from graphmem.wiring.places import MEMORY

_WHAT = "the process that fills a new store, while the old one serves,"


def filler(ledger_url: str, settings: Settings) -> FillStore:
    """How stores are filled beside those of this memory. In this process where it is a few events,
    or no other can be started or read the ledger."""

    async def fill(
        filling: Filling, ledger: Ledger, embedder: CachedEmbedder, watch: Watch
    ) -> Filled:
        few = await ledger.head() <= FEW_EVENTS
        if few or ledger_url == MEMORY or not can_start():
            return await _fill(filling, settings, ledger, embedder, watch)
        request = {
            "filling": dataclasses.asdict(filling),
            "ledger": ledger_url,
            "settings": _plain(settings),
            "embedder": embedder.name if embedder.kept else None,
        }
        async with ChildProcess(__name__, _WHAT) as child:
            await child.send(request)
            return await _followed(child, embedder, watch)

    return fill


async def _followed(child: ChildProcess, embedder: CachedEmbedder, watch: Watch) -> Filled:
    while True:
        ((name, value),) = (await child.receive()).items()
        if name == "applied":
            if watch.report is not None:
                watch.report(value)
        elif name == "nearly":
            await watch.nearly()
            await child.send({"go on": value})
        elif name == "embed":
            await child.send(embedded(await embedder.documents(value)))
        elif name == "filled":
            aside = tuple((seq, kind, id, why) for seq, kind, id, why in value.pop("aside"))
            return Filled(**{**value, "differences": tuple(value["differences"])}, aside=aside)
        else:
            raise getattr(errors, name, GraphmemError)(value)


def _plain(settings: Settings) -> JsonMessage:
    """Every setting as JSON, secrets too."""
    values: dict[str, Any] = settings.model_dump(mode="json", exclude_none=True)
    for name in values:
        if isinstance(value := getattr(settings, name), SecretStr):
            values[name] = value.get_secret_value()
    return values


async def _fill(
    filling: Filling,
    settings: Settings,
    ledger: Ledger,
    embedder: CachedEmbedder,
    watch: Watch,
) -> Filled:
    store = make(filling.kind, filling.url, settings)
    fill = fill_graph if filling.kind == "graph" else fill_vectors
    return await fill(filling, ledger, store, embedder, watch)


# -- the process itself ----------------------------------------------------------------------------


async def _work(parent: ParentProcess, request: JsonMessage) -> Filled:
    settings = Settings.load({}, **request["settings"])
    filling, name = Filling(**request["filling"]), request["embedder"]
    url: str = request["ledger"]
    beside = url.startswith("sqlite:")
    ledger: Ledger = ledger_reader(url, settings) if beside else make("ledger", url, settings)
    embedder: Embedder = (
        ParentEmbedder(parent, name, filling.size)
        if name is not None
        else make("embedder", settings.embedder, settings)
    )

    def report(seq: int) -> None:
        parent.send({"applied": seq})

    async def nearly() -> None:
        parent.send({"nearly": True})
        await asyncio.to_thread(parent.receive)

    await ledger.open()
    try:
        cached, watch = CachedEmbedder(embedder, ledger), Watch(report, nearly)
        return await _fill(filling, settings, ledger, cached, watch)
    finally:
        await embedder.close()
        await ledger.close()


def _main() -> None:
    if hasattr(os, "nice"):
        os.nice(5)
    parent = ParentProcess()
    try:
        filled = asyncio.run(_work(parent, parent.receive()))
    except GraphmemError as error:
        parent.send({type(error).__name__: str(error)})
    else:
        parent.send({"filled": dataclasses.asdict(filled)})
    os._exit(0)  # all is closed, and a thread waits for the parent


if __name__ == "__main__":
    _main()
