"""From URLs to adapters: the only place that names them. Each is imported when it is chosen.

Third parties register theirs as entry points in the groups ``graphmem.ledger``,
``graphmem.graph``, ``graphmem.vectors``, ``graphmem.embedder``, ``graphmem.reranker`` and
``graphmem.llm``: the name is the URL's scheme, the object a function of the URL and the settings
that returns the adapter (``graphmem.llm``: an :class:`~graphmem.ports.llm.Extractor`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeAlias

from pydantic import SecretStr

from graphmem.errors import UsageError
from graphmem.ports.embedder import Embedder, WordVectors
from graphmem.ports.graph import GraphStore
from graphmem.ports.ledger import Ledger
from graphmem.ports.llm import LLM, Extractor
from graphmem.ports.redactor import Redactor
from graphmem.ports.reranker import Reranker
from graphmem.ports.tokens import TokenCounter
from graphmem.ports.vectors import VectorStore
from graphmem.settings import OPENAI_URL, Settings
from graphmem.text import redacted
from graphmem.wiring.places import usable_path

Factory: TypeAlias = Callable[[str, Settings], Any]

_OLLAMA = "http://localhost:11434/v1"


def path_of(url: str) -> Path:
    """The file of ``scheme:///relative`` or ``scheme:////absolute``."""
    path = url.partition("://")[2]
    if not path.startswith("/") or not path.strip("/"):
        raise UsageError(
            f"{redacted(url)}: expected scheme:///relative/path or scheme:////absolute/path"
        )
    return usable_path(path[1:])


def _sqlite(url: str, settings: Settings) -> Ledger:
    from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger

    return SqliteLedger(path_of(url), key=settings.encryption_key)


def ledger_reader(url: str, settings: Settings) -> Ledger:
    """The ledger of a store that another process may hold, to be read only."""
    if not url.startswith("sqlite://"):
        raise UsageError(
            "read_only is for a store whose ledger is a file (SQLite); a server lets many read "
            "and write: open it without read_only"
        )
    from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger

    return SqliteLedger(path_of(url), read_only=True, key=settings.encryption_key)


def _sqlite_memory(_url: str, _: Settings) -> Ledger:
    from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger

    return SqliteLedger(None)


def _postgres(url: str, settings: Settings) -> Ledger:
    if settings.encryption_key:
        raise UsageError(
            f"{redacted(url)}: GRAPHMEM_KEY_FILE encrypts a ledger in a file (sqlite); what a "
            "server stores its disk has to encrypt: open it without a key"
        )
    with _extra("postgres", url):
        from graphmem.adapters.ledger.postgres.ledger import PostgresLedger

    return PostgresLedger(url, password=_secret(settings.ledger_password))


def _neo4j(url: str, settings: Settings) -> GraphStore:
    with _extra("neo4j", url):
        from graphmem.adapters.graph.neo4j.store import Neo4jGraph

    return Neo4jGraph(url, user=settings.graph_user, password=_secret(settings.graph_password))


def _qdrant(url: str, settings: Settings) -> VectorStore:
    with _extra("qdrant", url):
        from graphmem.adapters.vectors.qdrant.store import QdrantVectors

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


def _kuzu(url: str, _: Settings, *, engine: Literal["kuzu", "ladybug"] = "kuzu") -> GraphStore:
    from graphmem.adapters.graph.kuzu.store import KuzuGraph

    return KuzuGraph(path_of(url), engine=engine)


def _networkx(_url: str, _: Settings) -> GraphStore:
    from graphmem.adapters.graph.networkx import NetworkXGraph

    return NetworkXGraph()


def _edge(url: str, _: Settings) -> VectorStore:
    from graphmem.adapters.vectors.qdrant_edge.store import EdgeVectors

    return EdgeVectors(path_of(url))


def _memory_vectors(_url: str, _: Settings) -> VectorStore:
    from graphmem.adapters.vectors.memory import MemoryVectors

    return MemoryVectors()


def token_counter() -> TokenCounter:
    """What budgets of tokens are counted with."""
    from graphmem.adapters.models.wordllama.embedder import WordLlamaTokens

    return WordLlamaTokens()


def _wordllama(_name: str, _: Settings) -> Embedder:
    from graphmem.adapters.models.wordllama.embedder import WordLlamaEmbedder

    return WordLlamaEmbedder()


def _fastembed(name: str, _: Settings) -> Embedder:
    from graphmem.adapters.models.fastembed.embedder import FastEmbedEmbedder

    return FastEmbedEmbedder(_model(name))


def _openai_embedder(name: str, settings: Settings) -> Embedder:
    from graphmem.adapters.models.openai.embedder import OpenAIEmbedder

    base_url, api_key = _endpoint(name, settings, settings.embedder_base_url)
    return OpenAIEmbedder(
        _model(name),
        base_url=base_url,
        api_key=api_key,
        dimensions=settings.embedder_dimensions,
        timeout_s=settings.llm_timeout_s,
        max_attempts=settings.llm_attempts,
        provider=name.partition(":")[0],
    )


def _no_reranker(_name: str, _: Settings) -> None:
    return None


def _fastembed_reranker(name: str, _: Settings) -> Reranker:
    from graphmem.adapters.models.fastembed.reranker import FastEmbedReranker

    return FastEmbedReranker(_model(name))


def _rules(_name: str, _: Settings) -> Extractor:
    from graphmem.extract.rules.extractor import RulesExtractor

    return RulesExtractor()


def _openai_model(name: str, settings: Settings) -> Extractor:
    from graphmem.extract.llm.extractor import ModelExtractor

    context_tokens = settings.llm_context_tokens
    models = [_openai_chat(name, settings)]
    if settings.llm_fallback is not None:
        models.append(make("chat", settings.llm_fallback, settings))
    if len(models) == 1 and settings.llm_deadline_s is None:
        return ModelExtractor(models[0], context_tokens=context_tokens)
    from graphmem.adapters.models.chain import ChainedLLM

    chained = ChainedLLM(models, deadline_s=settings.llm_deadline_s)
    return ModelExtractor(chained, context_tokens=context_tokens)


def _openai_chat(name: str, settings: Settings) -> LLM:
    from graphmem.adapters.models.openai.chat import OpenAIChat

    base_url, api_key = _endpoint(name, settings, settings.llm_base_url)
    return OpenAIChat(
        _model(name),
        base_url=base_url,
        api_key=api_key,
        timeout_s=settings.llm_timeout_s,
        max_attempts=settings.llm_attempts,
        provider=name.partition(":")[0],
        max_tokens=settings.answer_limit,
    )


CHATS: Mapping[str, Factory] = {"openai": _openai_chat, "ollama": _openai_chat}
"""The bare model, for what is no extraction."""

_KNOWN: Mapping[str, Mapping[str, Factory]] = {
    "ledger": {
        "sqlite": _sqlite,
        "postgresql": _postgres,
        "postgres": _postgres,
        "memory": _sqlite_memory,
    },
    "graph": {
        "kuzu": _kuzu,
        "ladybug": partial(_kuzu, engine="ladybug"),
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
    "reranker": {"none": _no_reranker, "fastembed": _fastembed_reranker, **CHATS},
    "chat": CHATS,
}


PAID_PROVIDERS = ("openai",)
"""Whose models may cost money though no price of theirs is known."""


def _model(name: str) -> str:
    provider, _, model = name.partition(":")
    if not model.strip():
        raise UsageError(f"{name}: name the model too, as in {provider}:MODEL")
    return model.strip()


def _endpoint(name: str, settings: Settings, own_url: str | None) -> tuple[str | None, str | None]:
    """Base URL and key. Ollama needs neither, and OpenAI's key is not for it; OpenAI needs a key
    unless another URL is given. ``own_url`` is that of the role alone, to which no key goes."""
    if own_url is not None:
        return own_url, None
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    if name.startswith("ollama:"):
        if settings.ollama_host:
            return ollama_url(settings.ollama_host), None
        own = settings.openai_base_url
        return _OLLAMA if own is None or own.startswith(OPENAI_URL) else own, None
    if key is None and settings.openai_base_url is None:
        raise UsageError(
            f"{name} needs OPENAI_API_KEY, or OPENAI_BASE_URL of a server that wants no key; "
            "GRAPHMEM_LLM=none works without either"
        )
    return settings.openai_base_url, key


def ollama_url(host: str) -> str:
    """The endpoint that ``OLLAMA_HOST`` means, written in any of Ollama's ways: ``host``,
    ``host:port``, ``:port``, or a URL."""
    scheme, _, rest = host.strip().rpartition("://")
    where, _, path = rest.partition("/")
    name, colon, port = where.rpartition(":")
    if not colon or "]" in port:
        name, port = where, {"http": "80", "https": "443"}.get(scheme, "11434")
    if name in ("", "0.0.0.0"):  # noqa: S104 - what a server listens on is no place to ask
        name = "localhost"
    below = path.strip("/").removesuffix("v1").strip("/")
    return f"{scheme or 'http'}://{name}:{port}/" + (f"{below}/v1" if below else "v1")


_REGISTERED: dict[tuple[str, str], Factory] = {}


def register_provider(kind: str, name: str, factory: Factory) -> None:
    """Make an adapter known to this process, as an entry point would: ``factory`` is called with
    what the setting says (``name:…``) and the settings. One that is there already is replaced.

    Raises :class:`~graphmem.errors.UsageError` for a kind that there is not, and for a name that is
    built in."""
    if kind not in _KNOWN:
        raise UsageError(f"unknown kind {kind!r}; known are: {', '.join(_KNOWN)}")
    if name in _KNOWN[kind]:
        raise UsageError(f"{name} is a {kind} that is built in: choose another name")
    if not callable(factory):
        raise UsageError(f"a factory is a function, got {type(factory).__name__}")
    _REGISTERED[kind, name] = factory


def make(kind: str, url: str, settings: Settings) -> Any:
    """The adapter that a URL or name chooses: a built-in one, or an entry point's."""
    scheme = url.partition(":")[0].strip().lower()
    known = {**_KNOWN[kind], **{n: f for (k, n), f in _REGISTERED.items() if k == kind}}
    if scheme not in known:  # to look for those of other packages reads what is known of each
        others = metadata.entry_points(group=f"graphmem.{kind}")
        if scheme not in others.names:
            names = ", ".join(sorted({*known, *others.names}))
            name = redacted(url)
            hint = f"; for a model of that name write openai:{name}" if kind == "llm" else ""
            raise UsageError(f"unknown {kind} {name!r}; known are: {names}{hint}")
        known[scheme] = _loaded(others[scheme], kind, url)
    return known[scheme](url, settings)


def word_vectors(embedder: Embedder) -> WordVectors:
    """The embedder's own words, when it knows some, so that its weights are loaded once; else the
    built-in model's."""
    if isinstance(embedder, WordVectors):
        return embedder
    from graphmem.adapters.models.wordllama.embedder import WordLlamaEmbedder

    return WordLlamaEmbedder()


def redactors_of(settings: Settings) -> list[Redactor]:
    """What the settings say is to be taken out; what cannot be looked for is
    :class:`~graphmem.errors.UsageError`."""
    from graphmem.adapters.redaction.patterns import REDACTABLE, own_patterns

    found = []
    for kind in settings.redact:
        if kind not in REDACTABLE:
            raise UsageError(
                f"GRAPHMEM_REDACT: unknown kind {kind!r}; known are {', '.join(REDACTABLE)}"
            )
        try:
            found.append(REDACTABLE[kind]())
        except ImportError as error:
            raise UsageError(
                f"to redact {kind} needs {error.name}: pip install 'graphmem[redaction]'"
            ) from error
    if settings.redact_patterns:
        found.append(own_patterns(settings.redact_patterns))
    return found


def store_part_of(url: str) -> str:
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
