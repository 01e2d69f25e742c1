"""No test sees a setting of the machine that it runs on; real servers are started once per run."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphmem.adapters.models.wordllama.embedder import WordLlamaEmbedder
from tests.servers import Neo4jServer, PostgresServer, running

# A shell that starts us in the background ignores Ctrl-C for us and for every program that we
# start; the tests that press Ctrl-C on such a program need it to listen.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


_SERVERS = frozenset({"neo4j_uri", "postgres_url", "postgres_server"})
"""Fixtures that start a real server: whatever rests on one of them is marked ``server``."""
_FIRST = (
    "test_frameworks",
    "docs/test_docs",
    "faults/test_kills",
    "graph/test_guard_fuzz",
    "graph/test_neo4j",
    "engine/test_servers",
    "graph/test_ladybug",
    "graph/test_congruence",
    "engine/test_forget.py",
    "engine/test_damage.py",
    "doors/explorer",
    "test_leftovers",
)
"""Files that take minutes, many of them waiting, the longest first: begun last, they would keep one
processor busy while the others have nothing left to do."""


_SLOW = (
    "adapters/graph/test_congruence",
    "adapters/graph/test_console",
    "adapters/graph/test_guard_fuzz",
    "adapters/graph/test_kill",
    "adapters/graph/test_kuzu_contract.py::TestKuzuOnDisk",
    "adapters/graph/test_kuzu_drop_edges",
    "adapters/graph/test_ladybug",
    "adapters/graph/test_neo4j_kill",
    "adapters/graph/test_networkx_contract.py::TestNetworkX::test_hostile_scopes",
    "adapters/ledger/test_postgres_faults",
    "adapters/ledger/test_postgres_writers",
    "adapters/vectors/test_edge_store",
    "adapters/vectors/test_qdrant_contract",
    "adapters/vectors/test_qdrant_grpc",
    "adapters/vectors/test_qdrant_http",
    "adapters/vectors/test_qdrant_outages",
    "adapters/vectors/test_vector_machine",
    "belief/test_compare.py::test_rivals_are_apart",
    "belief/test_fold_laws",
    "bench/test_answers",
    "bench/test_own",
    "bench/test_page",
    "bench/test_peers",
    "bench/test_runs",
    "bench/test_wrong",
    "deploy/",
    "docs/",
    "doors/cli/test_access",
    "doors/cli/test_chat",
    "doors/cli/test_commands",
    "doors/cli/test_cypher",
    "doors/cli/test_demo",
    "doors/cli/test_documents",
    "doors/cli/test_edges",
    "doors/cli/test_export",
    "doors/cli/test_ingest_chats",
    "doors/cli/test_ingest_grown",
    "doors/cli/test_migrate",
    "doors/cli/test_newcomer",
    "doors/cli/test_profiles",
    "doors/cli/test_relate",
    "doors/cli/test_types",
    "doors/cli/test_where",
    "doors/explorer/",
    "doors/http/",
    "doors/mcp/",
    "engine/test_ambiguities.py::TestPaidOnce",
    "engine/test_at_once",
    "engine/test_bad_answers",
    "engine/test_care",
    "engine/test_change.py::TestDeleteAll::test_one_owner",
    "engine/test_change.py::test_erased_text",
    "engine/test_counted_reads",
    "engine/test_crowd",
    "engine/test_damage",
    "engine/test_embedders",
    "engine/test_encryption",
    "engine/test_erasures",
    "engine/test_forget",
    "engine/test_indexing",
    "engine/test_kept_summaries",
    "engine/test_left_open",
    "engine/test_machine",
    "engine/test_merge.py::TestMerge::test_an_erased_half",
    "engine/test_merge.py::test_merge_then_unmerge",
    "engine/test_merge.py::test_whatever_was_merged",
    "engine/test_model_races",
    "engine/test_models.py::TestPaidOnce",
    "engine/test_processes",
    "engine/test_queue",
    "engine/test_read_only",
    "engine/test_rebuild",
    "engine/test_relationships.py::TestHubs",
    "engine/test_retention",
    "engine/test_servers",
    "engine/test_tenants",
    "engine/test_types_laws",
    "engine/test_types_of_tenants",
    "engine/test_undo.py::test_add_then_undo",
    "engine/test_undo.py::test_undoing_an_edit_is",
    "engine/test_undo.py::test_undoing_one_leaves",
    "extract/llm/test_broken",
    "extract/llm/test_model_answers.py::test_any_nonsense",
    "extract/rules/test_cues",
    "extract/rules/test_extractor",
    "faults/",
    "frameworks/",
    "importers/test_mem0_files.py::test_the_command",
    "ingest/test_redact.py::test_on_every_way_in",
    "ingest/test_verbatim.py::test_whatever_is_stated_again",
    "memory_providers/",
    "migration/",
    "projection/test_catch_up.py::test_a_rebuild_that_is_given_up",
    "projection/test_catch_up.py::test_any_batches",
    "projection/test_set_aside",
    "retrieve/test_fit",
    "retrieve/test_likelihood.py::test_the_command_line",
    "extract/llm/test_grounding.py::test_of_five_hundred",
    "retrieve/test_replaced.py::test_what_changed_stands",
    "retrieve/test_rerank",
    "scale/",
    "scenarios/test_scenarios.py::test_model",
    "scenarios/test_scenarios.py::test_relate",
    "test_leftovers",
)
"""Kills, long fuzz, whole programs, hundreds of stores: marked ``slow``."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is left out as a whole is not even imported."""
    if "not slow" not in config.option.markexpr:
        return None
    path = f"{collection_path.as_posix()}{'/' * collection_path.is_dir()}"
    return any(f"tests/{part}" in path for part in _SLOW) or None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _SERVERS.intersection(getattr(item, "fixturenames", ())) or _asks_for_a_server(item):
            item.add_marker("server")
        if any(f"tests/{part}" in item.nodeid for part in _SLOW):
            item.add_marker("slow")
    items.sort(key=_turn)


def _asks_for_a_server(item: pytest.Item) -> bool:
    """Whether a parameter asks for one: its fixture takes it only then."""
    callspec = getattr(item, "callspec", None)
    return callspec is not None and any(
        one == "postgres" for one in callspec.params.values() if isinstance(one, str)
    )


def _turn(item: pytest.Item) -> int:
    found = (turn for turn, part in enumerate(_FIRST) if part in str(item.path))
    return next(found, len(_FIRST))


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("GRAPHMEM_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GRAPHMEM_CONFIG", os.devnull)


@pytest.fixture(scope="session", autouse=True)
def word_vectors() -> WordLlamaEmbedder:
    """The weights of the default embedder, which all that are open have in common, are read once
    and not by every store: thousands of them take a tenth of a second less."""
    embedder = WordLlamaEmbedder()
    asyncio.run(embedder.embed(["a word"], "query"))
    return embedder


@pytest.fixture(scope="session")
def neo4j_uri() -> Iterator[str]:
    """A real Neo4j: the one that NEO4J_URI names, which the tests will empty, or one of our own."""
    if given := os.environ.get("NEO4J_URI"):
        yield given
        return
    with running(Neo4jServer) as server:
        yield server.uri


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL: the one that POSTGRES_URL names, or one of our own."""
    if given := os.environ.get("POSTGRES_URL"):
        yield given
        return
    with running(PostgresServer) as server:
        yield server.uri


@pytest.fixture(scope="session")
def qdrant_url() -> str | None:
    """A real Qdrant server, where QDRANT_URL names one; no registry carries its program."""
    return os.environ.get("QDRANT_URL")
