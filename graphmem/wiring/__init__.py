"""The parts of a memory put together, from URLs and settings: the only place that names adapters.
What the parts do is theirs; nothing is decided here but which of them there are."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from graphmem.clock import Clock, SystemClock
from graphmem.engine import AsyncMemory, Opened, Parts, Scratch
from graphmem.engine.checks import checked_flag
from graphmem.errors import Damaged, GraphmemError, LedgerLost, UsageError
from graphmem.files import check_failed_call
from graphmem.ingest.make_episode import check_actor, check_extraction, checked_name
from graphmem.ingest.redact import Redaction
from graphmem.portability.copy import check_complete
from graphmem.ports.embedder import Embedder, WordVectors
from graphmem.ports.extraction_options import ExtractionOptions
from graphmem.ports.graph import Checkpoint, GraphStore
from graphmem.ports.ledger import Ledger
from graphmem.ports.ledger.values import ahead_of_ledger, kept_numbers
from graphmem.ports.llm import Extractor
from graphmem.ports.redactor import Redactor
from graphmem.ports.vectors import VectorStore
from graphmem.settings import Settings
from graphmem.text import redacted
from graphmem.wiring.adapters import (
    ledger_reader,
    make,
    redactors_of,
    store_part_of,
    token_counter,
    word_vectors,
)
from graphmem.wiring.fill_process import filler
from graphmem.wiring.ledgers import ledger_file
from graphmem.wiring.models import (
    ambiguity_model_of,
    govern_embedder,
    govern_extractor,
    governor_of,
    model_of,
    reranker_of,
    summary_model_of,
)
from graphmem.wiring.opening import opening
from graphmem.wiring.places import (
    MEMORY,
    check_held,
    check_ledger_is_there,
    hold,
    ledger_lost,
    left_of_store,
    settings_or_usual,
    urls_of,
)
from graphmem.wiring.telemetry import telemetry_of, watch, watched, watched_parts

__all__ = ["open_memory", "store_part_of"]


@opening
async def open_memory(
    folder: str | Path | None = None,
    *,
    user_id: str | None = None,
    user_name: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    project_id: str | None = None,
    actor: str | None = None,
    settings: Settings | None = None,
    extraction: ExtractionOptions | None = None,
    clock: Clock | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    extractor: Extractor | None = None,
    redactors: Sequence[Redactor] = (),
    read_only: bool = False,
) -> AsyncMemory:
    """Open a memory, creating it if there is none, and catch its projections up: ``memory = await
    open_memory(…)``, or ``async with open_memory(…) as memory``, which closes it again.

    ``folder`` holds everything; ``memory://`` keeps nothing; without one the settings name all
    parts. The ids are defaults for every call; ``actor`` is in whose name it writes, as
    history shows it. ``user_name`` is what facts call that user, and whom "I" means; without it
    the id, until the user says "My name is …". ``settings`` default to the environment's.
    ``extraction`` says how a model is to read what is told, unless a call says otherwise; what it
    leaves out is as in the settings.
    ``progress`` is told which projection catches up, how many events are done, and of how many.
    ``extractor`` takes the place of the one that the settings name.
    ``redactors`` find what is not to be stored, beside those of the settings: functions that take a
    text and give, for each, the kind, from where, to where.
    ``read_only`` opens a folder that another process may hold, and goes on writing: everything is
    read from its ledger; the first search of an owner makes graph and vectors of theirs in memory,
    and again when the ledger has grown. What would write is UsageError.
    """
    checked_flag(read_only, "read_only")
    settings = settings_or_usual(settings)
    if not isinstance(redactors, Iterable):
        raise UsageError(f"redactors are functions, got {type(redactors).__name__}")
    if clock is not None and not (hasattr(clock, "now") and hasattr(clock, "new_id")):
        raise UsageError(f"clock has now() and new_id(), got {type(clock).__name__}")
    if user_name is not None:
        settings = settings.model_copy(update={"user_name": checked_name(user_name, "user_name")})
    extraction = (extraction or ExtractionOptions()).over(_extraction(settings))
    check_extraction(extraction)
    urls, locked = urls_of(folder, settings)
    redaction = Redaction([*redactors_of(settings), *redactors])
    extractor = extractor or model_of(settings)
    embedder: Embedder = make("embedder", settings.embedder, settings)
    words: WordVectors = word_vectors(embedder)
    if read_only:
        locked, urls = None, {**urls, "graph": MEMORY, "vectors": MEMORY}
    ledger: Ledger = (
        ledger_reader(urls["ledger"], settings)
        if read_only
        else make("ledger", urls["ledger"], settings)
    )
    telemetry = telemetry_of(settings)
    ledger = watched(ledger, "ledger", telemetry)
    graph: GraphStore = make("graph", urls["graph"], settings)
    vectors: VectorStore = make("vectors", urls["vectors"], settings)
    clock = clock or SystemClock()
    rules: Extractor = make("llm", "none", settings)
    governor = governor_of(ledger, clock, settings)
    governed = govern_extractor(extractor, rules, governor)
    embedder = govern_embedder(embedder, governor)
    reranker = reranker_of(governor, settings)
    check_ledger_is_there(urls, accept=settings.accept_ledger)
    # Only now: what is named wrongly leaves no folder behind.
    release = hold(locked) if locked else _nothing
    with _undo(release):
        parts = Parts(
            ledger=ledger,
            graph=graph,
            vectors=vectors,
            embedder=embedder,
            words=words,
            extractor=governed,
            clock=clock,
            settings=settings,
            extraction=extraction,
            # The rules are quick and know names from the episode before; a model is slow.
            extractions_at_once=1 if extractor.name == rules.name else 4,
            release=release,
            check_folder=partial(check_held, locked) if locked else _nothing,
            tokens=token_counter(),
            scratch=lambda: Scratch(
                *(make(kind, MEMORY, settings) for kind in ("graph", "vectors"))
            ),
            ledger_file=partial(ledger_file, settings),
            fill=filler(urls["ledger"], settings),
            redaction=redaction,
            ambiguity_model=ambiguity_model_of(extractor, governor, settings),
            summary_model=summary_model_of(extractor, governor),
            reranker=reranker,
            actor=check_actor(actor),
            read_only=read_only,
        )
        parts = watched_parts(parts, telemetry)
        defaults = {
            "user_id": user_id,
            "agent_id": agent_id,
            "run_id": run_id,
            "project_id": project_id,
        }
        memory = AsyncMemory(parts, defaults)
        try:
            opened = await (_open_ledger(parts) if read_only else _open_stores(parts, urls))
            return watch(await memory.start(opened, progress), telemetry)
        except BaseException:
            with contextlib.suppress(GraphmemError):
                await memory.close()
            raise


def _extraction(settings: Settings) -> ExtractionOptions:
    return ExtractionOptions(
        instructions=settings.instructions,
        entity_types=settings.entity_types,
        relation_types=settings.relation_types,
        prompts=settings.prompts,
    )


async def _open_ledger(parts: Parts) -> None:
    """For who only reads: graph and vectors are somebody else's."""
    await parts.ledger.open()
    await check_complete(parts.ledger)


async def _open_stores(parts: Parts, urls: Mapping[str, str]) -> Opened:
    """The ledger first: a folder of a newer version or another embedder is left untouched."""
    ledger = parts.ledger
    await ledger.open()
    await check_complete(ledger)
    store_id = await ledger.setting("store_id")
    if store_id is None:
        left = left_of_store({kind: url for kind, url in urls.items() if kind != "ledger"})
        if left and urls["ledger"] != MEMORY and not parts.settings.accept_ledger:
            raise ledger_lost(f"the ledger {redacted(urls['ledger'])} is new", left)
        # Once: another process may open the same new store at the same time.
        store_id = await ledger.remember_setting("store_id", parts.clock.new_id(), once=True)
    if not parts.settings.accept_ledger:
        await _check_ledger_is_theirs(parts, urls, store_id)
    made_with, name = await ledger.setting("embedder"), parts.embedder.name
    if made_with not in {None, name} and not parts.settings.reembed:
        raise UsageError(
            f"this store was made with the embedder {made_with}, not {name}: open it with "
            "GRAPHMEM_EMBEDDER as it was, or once with GRAPHMEM_REEMBED=1 to embed all again"
        )
    known = await ledger.setting("embedder_size") if made_with == name else None
    # A store can be opened, and told things, while its embedder cannot be reached.
    (size,) = kept_numbers(known) or (await parts.embedder.size(),)

    async def open_graph() -> Checkpoint:
        return await parts.graph.open(store_id)

    async def open_vectors() -> Checkpoint:
        return await parts.vectors.open(store_id, name, size)

    graph_checkpoint = await _opened(open_graph)
    try:
        vectors_checkpoint = await _opened(open_vectors)
    except UsageError:
        if not parts.settings.reembed:
            raise
        await parts.vectors.clear()
        vectors_checkpoint = await open_vectors()
    head = await ledger.head()
    opened = Opened(
        await _not_ahead("graph", graph_checkpoint, ledger, head),
        await _not_ahead("vectors", vectors_checkpoint, ledger, head),
        open_graph,
        open_vectors,
    )
    await ledger.remember_setting("embedder", name)
    await ledger.remember_setting("embedder_size", str(size))
    return opened


async def _check_ledger_is_theirs(parts: Parts, urls: Mapping[str, str], store_id: str) -> None:
    """:class:`~graphmem.errors.LedgerLost` when graph and vectors were both made from the ledger of
    another store, as after the wrong file was put in its place: opened, they would be cleared. One
    of them by itself is the one that is in the wrong place, and is made anew."""
    for store in (parts.vectors, parts.graph):  # to ask the vectors costs less
        whose = getattr(store, "owner", None)  # files have one, servers keep stores apart
        try:
            owner = await whose() if whose else None
        except Damaged:
            return
        if owner in {None, store_id}:
            return
    others = {kind: url for kind, url in urls.items() if kind != "ledger"}
    raise ledger_lost(
        f"the ledger {redacted(urls['ledger'])} is of another store", left_of_store(others)
    )


async def _opened(open_store: Callable[[], Awaitable[Checkpoint]]) -> Checkpoint | Damaged:
    """Damaged, a graph or vectors keep nobody from the ledger: what needs them says so, and
    ``verify`` makes them anew."""
    try:
        return await open_store()
    except Damaged as error:
        return error


async def _not_ahead(
    name: str, found: Checkpoint | Damaged, ledger: Ledger, head: int
) -> Checkpoint | Damaged:
    """A graph or vectors that have come further than the ledger: it has lost its end then, or is an
    older copy of it. Whoever has that looked into decides. Until then the ledger remembers it: with
    what is told meanwhile it would soon have as many events as they know of others."""
    if isinstance(found, Damaged):
        return found
    noted = await ledger.setting(ahead_of_ledger(name))
    if found.applied_seq > head:
        noted = f"{found.applied_seq:,}, but the ledger ends at {head:,}"
        await ledger.remember_setting(ahead_of_ledger(name), noted)
    if noted and not found.applied_seq:  # as in a restored folder: it is to be made from this one
        noted = await ledger.remember_setting(ahead_of_ledger(name), "")
    if not noted:
        return found
    return LedgerLost(
        f"the {name} has come to event {noted}: it has lost its end, or is an older copy. Put back "
        "a newer one; or go on with the ledger as it is: `graphmem rebuild` makes graph and "
        "vectors anew from it"
    )


@contextlib.contextmanager
def _undo(release: Callable[[], None]) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        release()
        check_failed_call(error)
        raise


def _nothing() -> None:
    """There is no folder to let go."""
