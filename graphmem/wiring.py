"""From URLs to adapters: the only place that names them. Each is imported when it is chosen.

Third parties register theirs as entry points in the groups ``graphmem.ledger``,
``graphmem.graph``, ``graphmem.vectors``, ``graphmem.embedder`` and ``graphmem.llm``: the name is
the URL's scheme, the object a function of the URL and the settings that returns the adapter
(``graphmem.llm``: an :class:`~graphmem.ports.llm.Extractor`).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, TypeAlias

from filelock import FileLock, Timeout
from pydantic import SecretStr

from graphmem.clock import Clock, SystemClock
from graphmem.engine import AsyncMemory, Opened, Parts
from graphmem.engine.move import check_complete
from graphmem.errors import GraphmemError, Unavailable, UsageError
from graphmem.ports.embed import Embedder
from graphmem.ports.graph import GraphStore, Mark
from graphmem.ports.ledger import Ledger
from graphmem.ports.llm import Extractor
from graphmem.ports.vectors import VectorStore
from graphmem.settings import Settings, default_urls, redacted

Factory: TypeAlias = Callable[[str, Settings], Any]

_OLLAMA = "http://localhost:11434/v1"
_MEMORY = "memory://"


def _path(url: str) -> Path:
    """The file of ``scheme:///relative`` or ``scheme:////absolute``."""
    path = url.partition("://")[2]
    if not path.startswith("/") or not path.strip("/"):
        raise UsageError(
            f"{redacted(url)}: expected scheme:///relative/path or scheme:////absolute/path"
        )
    return Path(path[1:])


def _sqlite(url: str, _: Settings) -> Ledger:
    from graphmem.adapters.ledger_sqlite import SqliteLedger

    return SqliteLedger(_path(url))


def _sqlite_memory(_url: str, _: Settings) -> Ledger:
    from graphmem.adapters.ledger_sqlite import SqliteLedger

    return SqliteLedger(None)


def _postgres(url: str, settings: Settings) -> Ledger:
    with _extra("postgres", url):
        from graphmem.adapters.ledger_postgres import PostgresLedger

    return PostgresLedger(url, password=_secret(settings.ledger_password))


def _neo4j(url: str, settings: Settings) -> GraphStore:
    with _extra("neo4j", url):
        from graphmem.adapters.graph_neo4j import Neo4jGraph

    return Neo4jGraph(url, user=settings.graph_user, password=_secret(settings.graph_password))


def _qdrant(url: str, settings: Settings) -> VectorStore:
    with _extra("qdrant", url):
        from graphmem.adapters.vectors_qdrant import QdrantVectors

    return QdrantVectors(url, api_key=_secret(settings.vectors_api_key))


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


@contextlib.contextmanager
def _extra(name: str, url: str) -> Iterator[None]:
    """Say which extra brings a package that is not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{redacted(url)} needs the package {error.name}: pip install 'graphmem[{name}]'"
        ) from error


def _kuzu(url: str, _: Settings) -> GraphStore:
    from graphmem.adapters.graph_kuzu import KuzuGraph

    return KuzuGraph(_path(url))


def _ladybug(url: str, _: Settings) -> GraphStore:
    from graphmem.adapters.graph_kuzu import KuzuGraph

    return KuzuGraph(_path(url), engine="ladybug")


def _networkx(_url: str, _: Settings) -> GraphStore:
    from graphmem.adapters.graph_networkx import NetworkXGraph

    return NetworkXGraph()


def _edge(url: str, _: Settings) -> VectorStore:
    from graphmem.adapters.vectors_edge import EdgeVectors

    return EdgeVectors(_path(url))


def _memory_vectors(_url: str, _: Settings) -> VectorStore:
    from graphmem.adapters.vectors_memory import MemoryVectors

    return MemoryVectors()


def _wordllama(_name: str, _: Settings) -> Embedder:
    from graphmem.adapters.embed_wordllama import WordLlamaEmbedder

    return WordLlamaEmbedder()


def _fastembed(name: str, _: Settings) -> Embedder:
    from graphmem.adapters.embed_fastembed import FastEmbedEmbedder

    return FastEmbedEmbedder(_model(name))


def _openai_embedder(name: str, settings: Settings) -> Embedder:
    from graphmem.adapters.embed_openai import OpenAIEmbedder

    base_url, api_key = _endpoint(name, settings)
    return OpenAIEmbedder(
        _model(name),
        base_url=base_url,
        api_key=api_key,
        timeout_s=settings.llm_timeout_s,
        max_attempts=settings.llm_attempts,
        provider=name.partition(":")[0],
    )


def _rules(_name: str, _: Settings) -> Extractor:
    from graphmem.adapters.extract_rules import RulesExtractor

    return RulesExtractor()


def _openai_model(name: str, settings: Settings) -> Extractor:
    from graphmem.adapters.llm_openai import OpenAIChat
    from graphmem.ingest.extract import ModelExtractor

    base_url, api_key = _endpoint(name, settings)
    chat = OpenAIChat(
        _model(name),
        base_url=base_url,
        api_key=api_key,
        timeout_s=settings.llm_timeout_s,
        max_attempts=settings.llm_attempts,
        provider=name.partition(":")[0],
    )
    return ModelExtractor(chat)


_KNOWN: Mapping[str, Mapping[str, Factory]] = {
    "ledger": {
        "sqlite": _sqlite,
        "postgresql": _postgres,
        "postgres": _postgres,
        "memory": _sqlite_memory,
    },
    "graph": {
        "kuzu": _kuzu,
        "ladybug": _ladybug,
        **{
            f"{protocol}{security}": _neo4j
            for protocol in ("neo4j", "bolt")
            for security in ("", "+s", "+ssc")
        },
        "memory": _networkx,
    },
    "vectors": {
        "qdrant-edge": _edge,
        "http": _qdrant,
        "https": _qdrant,
        "memory": _memory_vectors,
    },
    "embedder": {
        "wordllama": _wordllama,
        "fastembed": _fastembed,
        "openai": _openai_embedder,
        "ollama": _openai_embedder,
    },
    "llm": {"none": _rules, "openai": _openai_model, "ollama": _openai_model},
}


def _model(name: str) -> str:
    provider, _, model = name.partition(":")
    if not model.strip():
        raise UsageError(f"{name}: name the model too, as in {provider}:MODEL")
    return model.strip()


def _endpoint(name: str, settings: Settings) -> tuple[str | None, str | None]:
    """Base URL and key. Ollama needs neither; OpenAI needs a key unless another URL is given."""
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    if name.startswith("ollama:"):
        return settings.openai_base_url or _OLLAMA, key
    if key is None and settings.openai_base_url is None:
        raise UsageError(
            f"{name} needs OPENAI_API_KEY, or OPENAI_BASE_URL of a server that wants no key; "
            "GRAPHMEM_LLM=none works without either"
        )
    return settings.openai_base_url, key


def _make(kind: str, url: str, settings: Settings) -> Any:
    """The adapter that a URL or name chooses: a built-in one, or an entry point's."""
    scheme = url.partition(":")[0].strip().lower()
    known = dict(_KNOWN[kind])
    for entry in metadata.entry_points(group=f"graphmem.{kind}"):
        if entry.name not in known and entry.name == scheme:
            known[scheme] = _loaded(entry, kind, url)
    if scheme not in known:
        names = sorted(
            {*known, *(entry.name for entry in metadata.entry_points(group=f"graphmem.{kind}"))}
        )
        raise UsageError(
            f"unknown {kind} {redacted(url)!r}; known are: {', '.join(names)}"
        )
    return known[scheme](url, settings)


def kind_of(url: str) -> str:
    """Which part of a store a URL can only be the place of: ledger, graph or vectors."""
    scheme = url.partition(":")[0].strip().lower()
    kinds = [
        kind
        for kind in ("ledger", "graph", "vectors")
        if scheme in {*_KNOWN[kind], *metadata.entry_points(group=f"graphmem.{kind}").names}
    ]
    if len(kinds) != 1:
        what = " or ".join(kinds) if kinds else "ledger, graph or vectors"
        raise UsageError(f"{redacted(url)!r} could not be told to be a place of {what}")
    return kinds[0]


def _loaded(entry: metadata.EntryPoint, kind: str, url: str) -> Factory:
    try:
        factory: Factory = entry.load()
    except (ImportError, AttributeError) as error:
        owner = entry.dist.name if entry.dist else "an installed package"
        raise UsageError(
            f"the {kind} {redacted(url)!r} of {owner} cannot be loaded: {error}"
        ) from error
    return factory


def _urls(folder: str | Path | None, settings: Settings) -> tuple[dict[str, str], Path | None]:
    """Where ledger, graph and vectors are; and the folder, when there is one."""
    given = {
        kind: url
        for kind in ("ledger", "graph", "vectors")
        if (url := getattr(settings, kind)) is not None
    }
    if str(folder) == _MEMORY:
        return {**dict.fromkeys(("ledger", "graph", "vectors"), _MEMORY), **given}, None
    if folder is not None:
        path = Path(folder).expanduser().absolute()
        return {**default_urls(path), **given}, path
    missing = [kind for kind in ("ledger", "graph", "vectors") if kind not in given]
    if missing:
        raise UsageError(
            "give a folder, as in Memory('my-memory'), or the missing URLs: "
            + ", ".join(f"GRAPHMEM_{kind.upper()}" for kind in missing)
        )
    return given, None


def _hold(folder: Path) -> Callable[[], None]:
    """Hold the folder for this process, or say who does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be used as a memory folder: {error}") from error
    lock = FileLock(folder / "lock", thread_local=False)
    owner = folder / "owner"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = owner.read_text().strip() if owner.exists() else "unknown"
        who = "this process itself" if pid == str(os.getpid()) else f"another process (pid {pid})"
        raise Unavailable(
            f"{folder} is open in {who}: close that memory first, or use another folder; "
            "one process at a time can hold an embedded store"
        ) from None
    except OSError as error:
        raise UsageError(f"{folder} cannot be used as a memory folder: {error}") from error
    owner.write_text(str(os.getpid()))
    return lock.release


async def open_memory(
    folder: str | Path | None = None,
    *,
    user_id: str | None = None,
    agent_id: str | None = None,
    run_id: str | None = None,
    project_id: str | None = None,
    settings: Settings | None = None,
    clock: Clock | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> AsyncMemory:
    """Open a memory, creating it if there is none, and catch its projections up.

    ``folder`` holds everything; ``memory://`` keeps nothing; without one the settings name all
    parts. The ids are defaults for every call. ``settings`` default to the environment's.
    ``progress`` is told which projection catches up, how many events are done, and of how many.
    """
    settings = settings or Settings.load()
    urls, held = _urls(folder, settings)
    extractor: Extractor = _make("llm", settings.model, settings)
    embedder: Embedder = _make("embedder", settings.embedder, settings)
    ledger: Ledger = _make("ledger", urls["ledger"], settings)
    graph: GraphStore = _make("graph", urls["graph"], settings)
    vectors: VectorStore = _make("vectors", urls["vectors"], settings)
    # Only now: what is named wrongly leaves no folder behind.
    release = _hold(held) if held else _nothing
    with _undo(release):
        parts = Parts(
            ledger=ledger,
            graph=graph,
            vectors=vectors,
            embedder=embedder,
            extractor=extractor,
            clock=clock or SystemClock(),
            settings=settings,
            # The rules are quick and know names from the episode before; a model is slow.
            extractions_at_once=1 if extractor.name == "rules" else 4,
            release=release,
        )
        defaults = {
            "user_id": user_id,
            "agent_id": agent_id,
            "run_id": run_id,
            "project_id": project_id,
        }
        memory = AsyncMemory(parts, defaults)
        try:
            return await memory.start(await _open_stores(parts), progress)
        except BaseException:
            with contextlib.suppress(GraphmemError):
                await memory.close()
            raise


async def _open_stores(parts: Parts) -> Opened:
    """The ledger first: a folder of a newer version or another embedder is left untouched."""
    ledger = parts.ledger
    await ledger.open()
    await check_complete(ledger)
    store_id = await ledger.setting("store_id")
    if store_id is None:
        # Once: another process may open the same new store at the same time.
        store_id = await ledger.remember_setting("store_id", parts.clock.new_id(), once=True)
    made_with, name = await ledger.setting("embedder"), parts.embedder.name
    if made_with not in {None, name} and not parts.settings.reembed:
        raise UsageError(
            f"this store was made with the embedder {made_with}, not {name}: open it with "
            "GRAPHMEM_EMBEDDER as it was, or once with GRAPHMEM_REEMBED=1 to embed all again"
        )
    known = await ledger.setting("embedder_size") if made_with == name else None
    # A store can be opened, and told things, while its embedder cannot be reached.
    size = int(known) if known else await parts.embedder.size()

    async def open_graph() -> Mark:
        return await parts.graph.open(store_id)

    async def open_vectors() -> Mark:
        return await parts.vectors.open(store_id, name, size)

    graph_mark = await open_graph()
    try:
        vectors_mark = await open_vectors()
    except UsageError:
        if not parts.settings.reembed:
            raise
        await parts.vectors.clear()
        vectors_mark = await open_vectors()
    await ledger.remember_setting("embedder", name)
    await ledger.remember_setting("embedder_size", str(size))
    return Opened(graph_mark, vectors_mark, open_graph, open_vectors)


@contextlib.contextmanager
def _undo(release: Callable[[], None]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        release()
        raise


def _nothing() -> None:
    """There is no folder to let go."""
