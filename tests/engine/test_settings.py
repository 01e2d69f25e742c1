"""Settings and wiring: every name, what is unknown, what is half given, third parties, secrets."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from graphmem import Memory, Settings
from graphmem.errors import ModelError, UsageError
from graphmem.settings import DEFAULT_EXTRACTION_MODEL, PREFIX
from tests.engine.helpers import run_child

SECRET = "sk-very-secret-0123456789"
EXAMPLES: dict[str, tuple[str, Any]] = {
    "ledger": ("sqlite:///x.sqlite", "sqlite:///x.sqlite"),
    "graph": ("memory://", "memory://"),
    "vectors": ("memory://", "memory://"),
    "llm": ("ollama:llama", "ollama:llama"),
    "embedder": ("openai:small", "openai:small"),
    "reembed": ("1", True),
    "audit_days": ("7.5", 7.5),
    "telemetry": ("1", True),
    "usage_days": ("30", 30.0),
    "audit_reads": ("0", False),
    "accept_ledger": ("1", True),
    "openai_base_url": ("http://localhost:1/v1", "http://localhost:1/v1"),
    "llm_timeout_s": ("2.5", 2.5),
    "llm_attempts": ("7", 7),
    "llm_answer_tokens": ("500", 500),
    "llm_context_tokens": ("4096", 4096),
    "ask_ambiguities": ("0", False),
    **{f"max_calls_per_{per}": ("3", 3) for per in ("call", "day", "store")},
    **{f"max_tokens_per_{per}": ("3000", 3000) for per in ("call", "day", "store")},
    **{f"max_money_per_{per}": ("0.5", 0.5) for per in ("call", "day", "store")},
    "prices": ("prices.json", "prices.json"),
    "instructions": ("Only food.", "Only food."),
    "entity_types": ("dish, pan", ("dish", "pan")),
    "relation_types": ("contains,", ("contains",)),
    "prompts": ("my-prompts", "my-prompts"),
    "redact": ("secret,email", ("secret", "email")),
    "redact_patterns": ("patterns.json", "patterns.json"),
    "search_weights": ("weights.json", "weights.json"),
    "search_without": ("graph,dense", "graph,dense"),
    "max_text_bytes": ("99", 99),
    "duplicate_window_s": ("0", 0.0),
    "reranker": ("fastembed:x/y", "fastembed:x/y"),
    "reranked_hits": ("7", 7),
    "max_lag": ("5", 5),
    "retention_every_s": ("60", 60.0),
    "user_name": ("Ada Lovelace", "Ada Lovelace"),
    "resume_every_s": ("60", 60.0),
    "pending_alarm_s": ("60", 60.0),
    "memory_types": ('{"rule": {"searched": false}}', {"rule": {"searched": False}}),
    "count_reads": ("0", False),
    "reads_raise_importance": ("1", True),
    "promote_reads": ("7", 7),
    "promote_importance": ("0.9", 0.9),
    "archive_days": ("7", 7.0),
    "archive_importance": ("0.2", 0.2),
    "archive_reads": ("7", 7),
    "llm_base_url": ("http://localhost:1/v1", "http://localhost:1/v1"),
    "embedder_base_url": ("http://localhost:1/v1", "http://localhost:1/v1"),
    "ollama_host": ("box:1", "box:1"),
    "max_queued": ("7", 7),
    "key_file": ("key", "key"),
    "graph_user": ("neo4j", "neo4j"),
    "graph_password": (SECRET, SecretStr(SECRET)),
    "ledger_password": (SECRET, SecretStr(SECRET)),
    "vectors_api_key": (SECRET, SecretStr(SECRET)),
    "embedder_dimensions": ("256", 256),
    "llm_deadline_s": ("7.5", 7.5),
    "llm_fallback": ("ollama:llama", "ollama:llama"),
    **{
        f"max_{what}_per_{whose}": ("7", 7)
        for what in ("calls", "money", "tokens")
        for whose in ("actor", "owner")
    },
    "url": ("https://memory.example", "https://memory.example"),
    "api_key": (SECRET, SecretStr(SECRET)),
    "server_host": ("0.0.0.0", "0.0.0.0"),
    "server_log_level": ("error", "error"),
    "title_after_s": ("7.5", 7.5),
    "server_docs": ("0", False),
    "server_explorer": ("0", False),
    "server_signature_secret": (SECRET * 2, SecretStr(SECRET * 2)),
    "server_cors": (
        "https://a.example,https://b.example",
        ("https://a.example", "https://b.example"),
    ),
    "webhook_hosts": ("hooks.example", ("hooks.example",)),
    **{
        f"server_{name}": ("2000", 2000)
        for name in (
            "body_timeout_s",
            "drain_s",
            "max_body_bytes",
            "max_connections",
            "max_upload_bytes",
            "port",
            "timeout_s",
        )
    },
    "server_workers": ("3", 3),
    "client_attempts": ("3", 3),
    "client_timeout_s": ("2000", 2000),
}


class TestNames:
    @pytest.mark.parametrize("name", sorted(set(Settings.model_fields) - {"openai_api_key"}))
    def test_each_is_an_environment_variable(self, name: str) -> None:
        text, value = EXAMPLES[name]
        assert getattr(Settings.load({PREFIX + name.upper(): text}), name) == value

    def test_the_key_and_its_url_by_their_usual_names(self) -> None:
        usual = {"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": "http://usual/v1"}
        settings = Settings.load(usual)
        assert settings.openai_api_key is not None
        assert settings.openai_api_key.get_secret_value() == SECRET
        assert settings.openai_base_url == "http://usual/v1"
        ours = {f"{PREFIX}OPENAI_API_KEY": "ours", f"{PREFIX}OPENAI_BASE_URL": "http://ours/v1"}
        settings = Settings.load({**usual, **ours})
        assert settings.openai_api_key is not None
        assert settings.openai_api_key.get_secret_value() == "ours"
        assert settings.openai_base_url == "http://ours/v1"

    def test_what_is_given_beats_the_environment(self) -> None:
        assert Settings.load({"GRAPHMEM_MAX_LAG": "5"}, max_lag=6).max_lag == 6

    def test_the_command_lines_own_are_passed_over(self) -> None:
        names = ("STORE", "USER", "AGENT", "RUN", "PROJECT", "DEBUG")
        assert Settings.load({PREFIX + name: "x" for name in names}) == Settings.load({})

    @pytest.mark.parametrize("name", ["GRAPHMEM_GRAF", "GRAPHMEM_LLM_MODEL", "GRAPHMEM_"])
    def test_unknown_ones_are_named_with_where_those_that_are_known_stand(self, name: str) -> None:
        with pytest.raises(UsageError, match="unknown setting") as caught:
            Settings.load({name: "x"})
        assert name in str(caught.value)
        assert str(caught.value).endswith("docs/settings.md has them all")

    def test_unknown_arguments_too(self) -> None:
        with pytest.raises(UsageError, match="unknown setting modell"):
            Settings.load({}, modell="x")

    def test_one_that_is_like_a_known_one_is_told_which(self) -> None:
        with pytest.raises(UsageError, match=r"GRAPHMEM_LLLM\) \(did you mean llm\?\)"):
            Settings.load({"GRAPHMEM_LLLM": "none"})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("LLM_TIMEOUT_S", "soon"),
            ("LLM_TIMEOUT_S", "0"),
            ("LLM_TIMEOUT_S", "-1"),
            ("LLM_ATTEMPTS", "0"),
            ("LLM_ATTEMPTS", "99"),
            ("MAX_TEXT_BYTES", "-5"),
            ("DUPLICATE_WINDOW_S", "-1"),
            ("MAX_LAG", "0"),
            ("MAX_LAG", "2.5"),
            ("REEMBED", "perhaps"),
            ("SERVER_CORS", "app.example"),
            ("SERVER_CORS", "https://app.example/"),
            ("SERVER_CORS", "http://localhost:3000,https://app.example/page"),
        ],
    )
    def test_bad_values_name_the_variable(self, name: str, value: str) -> None:
        with pytest.raises(UsageError, match=f"GRAPHMEM_{name}"):
            Settings.load({PREFIX + name: value})

    @pytest.mark.parametrize("value", ["nan", "inf"])
    @pytest.mark.parametrize("name", ["LLM_TIMEOUT_S", "DUPLICATE_WINDOW_S"])
    def test_numbers_are_finite(self, name: str, value: str) -> None:
        with pytest.raises(UsageError, match=f"GRAPHMEM_{name}"):
            Settings.load({PREFIX + name: value})

    def test_the_environment_is_read_when_a_memory_opens(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GRAPHMEM_MAX_TEXT_BYTES", "5")
        with (
            Memory("memory://", user_id="ada") as memory,
            pytest.raises(UsageError, match="limit is 5"),
        ):
            memory.add("123456")
        monkeypatch.setenv("GRAPHMEM_SIZE", "5")
        with pytest.raises(UsageError, match="unknown setting size"):
            Memory("memory://", user_id="ada")

    def test_they_are_frozen(self) -> None:
        with pytest.raises(ValueError, match="frozen"):
            Settings.load({}).max_lag = 3


class TestAdapters:
    @pytest.mark.parametrize(
        ("kind", "known"),
        [
            ("ledger", "memory, postgres, postgresql, sqlite"),
            ("graph", "kuzu, ladybug, memory"),
            ("vectors", "http, https, memory, qdrant-edge"),
            ("embedder", "fastembed, ollama, openai, wordllama"),
            ("llm", "none, ollama, openai"),
        ],
    )
    @pytest.mark.parametrize("value", ["nonsense", "mongo://host/x", ":", "Ünknown:x"])
    def test_unknown_ones_are_answered_with_the_list(
        self, kind: str, known: str, value: str
    ) -> None:
        settings = Settings.load({}, **{kind: value})
        with pytest.raises(UsageError, match=f"unknown {kind} ") as caught:
            Memory("memory://", user_id="ada", settings=settings)
        assert known in str(caught.value)

    def test_a_mistake_leaves_nothing_locked_and_nothing_broken(self, tmp_path: Path) -> None:
        folder = tmp_path / "store"
        for kind in EXAMPLES.keys() & {"ledger", "graph", "vectors", "embedder", "llm"}:
            with pytest.raises(UsageError, match=f"unknown {kind} "):
                Memory(folder, user_id="ada", settings=Settings.load({}, **{kind: "nonsense"}))
        with Memory(folder, user_id="ada") as memory:
            assert memory.add("Tea.").status == "done"

    def test_without_a_folder_what_is_missing_is_named(self) -> None:
        with pytest.raises(UsageError, match=r"give a folder.*LEDGER, GRAPHMEM_GRAPH, GRAPHMEM_V"):
            Memory(user_id="ada")
        some = Settings.load({}, ledger="memory://", vectors="memory://")
        with pytest.raises(UsageError, match=r"URLs: GRAPHMEM_GRAPH; of a server: GRAPHMEM_URL$"):
            Memory(user_id="ada", settings=some)

    @pytest.mark.parametrize("url", ["sqlite:x.db", "sqlite://x.db", "sqlite:///", "sqlite:////"])
    def test_half_a_url(self, url: str) -> None:
        settings = Settings.load({}, ledger=url, graph="memory://", vectors="memory://")
        with pytest.raises(UsageError, match="expected scheme:///relative/path or"):
            Memory(user_id="ada", settings=settings)

    @pytest.mark.parametrize("kind", ["ledger", "graph", "vectors"])
    def test_an_empty_one_is_none(self, kind: str) -> None:
        """As an environment variable that is set to nothing."""
        with pytest.raises(UsageError, match=f"unknown {kind} ''"):
            Memory("memory://", user_id="ada", settings=Settings.load({}, **{kind: ""}))

    def test_a_relative_url_is_below_the_working_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        settings = Settings.load(
            {}, ledger="sqlite:///here/l.sqlite", graph="kuzu:///here/g", vectors="memory://"
        )
        with Memory(user_id="ada", settings=settings) as memory:
            memory.add("Bob Stone works at Acme.")
            assert memory.verify().ok
        assert (tmp_path / "here" / "l.sqlite").exists()
        assert (tmp_path / "here" / "g").exists()

    @pytest.mark.parametrize("value", ["openai:", "openai", "ollama: ", "fastembed:"])
    def test_a_model_without_a_name(self, value: str) -> None:
        kind = "embedder" if value.startswith("fast") else "llm"
        settings = Settings.load({}, openai_api_key="x", **{kind: value})
        with pytest.raises(UsageError, match="name the model too"):
            Memory("memory://", user_id="ada", settings=settings)

    @pytest.mark.parametrize("kind", ["llm", "embedder"])
    def test_openai_needs_a_key_or_a_url(self, kind: str) -> None:
        settings = Settings.load({}, **{kind: "openai:some-model"})
        with pytest.raises(UsageError, match=r"needs OPENAI_API_KEY, or OPENAI_BASE_URL.*none"):
            Memory("memory://", user_id="ada", settings=settings)

    def test_ladybug_and_kuzu_never_in_one_process(self, tmp_path: Path) -> None:
        """In a process of its own, where kuzu is loaded first."""
        code = (
            "import sys; from graphmem import Memory, Settings\n"
            "with Memory(sys.argv[1], user_id='a') as m: m.add('Tea.')\n"
            "try: Memory(sys.argv[2], user_id='a', settings=Settings.load(graph='ladybug:///' + "
            "sys.argv[2] + '/g'))\n"
            "except Exception as e: print(type(e).__name__, e)\n"
        )
        done = run_child(code, str(tmp_path / "a"), str(tmp_path / "b"))
        assert done.stdout.startswith("UsageError ladybug cannot be used in this process"), done


FAKE = '''
"""A third party's adapters: they count what they are asked for."""
from graphmem.adapters.models.wordllama.embedder import WordLlamaEmbedder
from graphmem.adapters.graph.networkx import NetworkXGraph
from graphmem.adapters.ledger.sqlite.ledger import SqliteLedger
from graphmem.adapters.vectors.memory import MemoryVectors
from graphmem.ports.llm import CandidateFact, Extraction

made = []

def _note(kind, value):
    def make(url, settings):
        made.append((kind, url, settings.max_lag))
        return value()
    return make

class Shouts:
    name, version = "shouts:loud", "1"
    async def extract(self, episode, known, **_):
        facts = (CandidateFact(turn.text.upper(), turns=(turn.ordinal,)) for turn in episode.turns)
        return Extraction((), tuple(facts), self.name, self.version)
    def read(self, raw, episode):
        raise AssertionError
    async def close(self):
        made.append(("closed", "", 0))

class Embedder(WordLlamaEmbedder):
    name = "mine:256"

ledger = _note("ledger", lambda: SqliteLedger(None))
graph = _note("graph", NetworkXGraph)
vectors = _note("vectors", MemoryVectors)
embedder = _note("embedder", Embedder)
llm = _note("llm", Shouts)

def broken(url, settings):
    raise RuntimeError("third party's own fault")
'''
POINTS = """
[graphmem.ledger]
mine = graphmem_fake:ledger
[graphmem.graph]
mine = graphmem_fake:graph
kuzu = graphmem_fake:broken
[graphmem.vectors]
mine = graphmem_fake:vectors
broken = graphmem_fake:broken
[graphmem.embedder]
mine = graphmem_fake:embedder
[graphmem.llm]
mine = graphmem_fake:llm
broken = graphmem_fake:broken
missing = graphmem_no_such_module:llm
"""


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A distribution on the path, as pip would have installed it."""
    site = tmp_path / "site"
    info = site / "graphmem_fake-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "graphmem_fake.py").write_text(FAKE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: graphmem-fake\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield importlib.import_module("graphmem_fake").made
    sys.modules.pop("graphmem_fake", None)


class TestThirdParties:
    def test_their_adapters_are_chosen_by_name(self, third_party: list[Any]) -> None:
        settings = Settings.load(
            {},
            ledger="mine://l",
            graph="MINE://g",
            vectors="mine://v",
            embedder="mine:e",
            llm="mine:m",
            max_lag=77,
        )
        with Memory(user_id="ada", settings=settings) as memory:
            memory.add("tea for two")
            assert [fact.text for fact in memory.get_all().items] == ["TEA FOR TWO"]
            assert memory.search("tea")
            assert memory.verify().ok
            assert memory.health().parts["extraction"] == "shouts:loud"
        assert sorted(third_party) == [
            ("closed", "", 0),
            ("embedder", "mine:e", 77),
            ("graph", "MINE://g", 77),
            ("ledger", "mine://l", 77),
            ("llm", "mine:m", 77),
            ("vectors", "mine://v", 77),
        ]

    def test_they_are_among_those_that_are_known(self, third_party: list[Any]) -> None:
        assert third_party == []
        settings = Settings.load({}, graph="nobodys://x")
        with pytest.raises(UsageError, match="kuzu, ladybug, memory, mine, neo4j"):
            Memory("memory://", user_id="ada", settings=settings)

    def test_they_cannot_take_a_name_in_use(self, third_party: list[Any], tmp_path: Path) -> None:
        with Memory(tmp_path / "store", user_id="ada") as memory:
            assert memory.add("Tea.").status == "done"
        assert third_party == []

    def test_one_that_cannot_be_made_leaves_nothing_locked(
        self, third_party: list[Any], tmp_path: Path
    ) -> None:
        settings = Settings.load({}, llm="missing:x")
        with pytest.raises(UsageError, match="llm 'missing:x' of graphmem-fake cannot be loaded"):
            Memory(tmp_path / "store", user_id="ada", settings=settings)
        for kind in ("llm", "vectors"):
            settings = Settings.load({}, **{kind: "broken:x"})
            with pytest.raises(RuntimeError, match="third party's own fault"):
                Memory(tmp_path / "store", user_id="ada", settings=settings)
        with Memory(tmp_path / "store", user_id="ada") as memory:
            assert memory.add("Tea.").status == "done"
        assert third_party == []


class TestSecrets:
    """A key is in no message, no representation and no traceback of ours."""

    def test_not_in_what_is_printed(self) -> None:
        settings = Settings.load({"OPENAI_API_KEY": SECRET})
        for shown in (repr(settings), str(settings), str(settings.model_dump())):
            assert SECRET not in shown

    def test_not_in_errors_about_settings(self) -> None:
        makers: list[Callable[[], object]] = [
            lambda: Settings.load({"OPENAI_API_KEY": SECRET, "GRAPHMEM_MAX_LAG": "x"}),
            lambda: Settings.load({"GRAPHMEM_OPENAI_APIKEY": SECRET}),
            lambda: Settings.load({}, openai_api_key=[SECRET]),
            lambda: Settings.load({"GRAPHMEM_LLM_TIMEOUT_S": SECRET}),
        ]
        for make in makers:
            with pytest.raises(UsageError) as caught:
                make()
            assert SECRET not in "".join(traceback.format_exception(caught.value))

    def test_not_in_errors_of_models(self) -> None:
        from graphmem.testing.llm_server import Body, LocalModelServer, Status

        noted = (
            Status(401, f"bad key {SECRET}"),
            Body(f"<p>{SECRET}</p>", content_type="text/html"),
        )
        with LocalModelServer([*noted, *noted], embedding_answers=[noted[0]]) as server:
            settings = Settings.load(
                {},
                openai_api_key=SECRET,
                openai_base_url=server.base_url,
                llm="openai:m",
                llm_attempts=1,
            )
            with Memory("memory://", user_id="ada", settings=settings) as memory:
                for number in range(2):
                    receipt = memory.add(f"Tea {number}.")
                    assert receipt.status == "pending"
                    assert SECRET not in repr(receipt)
                    assert SECRET not in repr(memory.episode(receipt.episode_id))
                assert SECRET not in repr(memory.health())
            with pytest.raises(ModelError) as caught:
                Memory(
                    "memory://",
                    user_id="ada",
                    settings=settings.model_copy(update={"embedder": "openai:e", "llm": "none"}),
                )
            assert SECRET not in str(caught.value)


def test_a_key_chooses_the_model_and_never_the_embedder() -> None:
    settings = Settings.load({"OPENAI_API_KEY": SECRET})
    assert settings.model == DEFAULT_EXTRACTION_MODEL
    assert Settings.load({}).model == "none"
    assert Settings.load({"OPENAI_API_KEY": SECRET, "GRAPHMEM_LLM": "none"}).model == "none"
    with Memory("memory://", user_id="ada", settings=settings) as memory:
        health = memory.health()
        assert health.parts["extraction"] == DEFAULT_EXTRACTION_MODEL
        assert health.parts["embedder"].startswith("wordllama")


@pytest.mark.parametrize(
    ("folder", "why"),
    [
        ("", "the folder's name is empty"),
        (" ", "the folder's name is empty"),
        (7, "a folder is text or a path, got int"),
        (b"store", "a folder is text or a path, got bytes"),
        ("a\0b", "NUL"),
        (":memory:", "write memory://"),
        ("kuzu:///graph", "is no folder: give one, or memory://"),
        ("postgresql://ann@db/graphmem", "GRAPHMEM_LEDGER"),
    ],
)
def test_what_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Any, why: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=why), Memory(folder, user_id="ada"):
        raise AssertionError("opened")
    assert list(tmp_path.iterdir()) == []


def test_only_its_owner_may_enter_a_folder_that_is_made(tmp_path: Path) -> None:
    """The files in it have the rights that everything has here; they hold what people told."""
    kept = os.umask(0o022)
    try:
        (tmp_path / "mine").mkdir(mode=0o750)
        url = f"sqlite:///{tmp_path / 'apart' / 'ledger.sqlite'}"
        apart = Settings.load({}, ledger=url, graph="memory://", vectors="memory://")
        for place, settings in (("made", None), ("mine", None), (None, apart)):
            folder = None if place is None else tmp_path / place
            with Memory(folder, user_id="ada", settings=settings) as memory:
                memory.backup(tmp_path / "backup")
            (tmp_path / "backup").rename(tmp_path / f"backup of {place}")
    finally:
        os.umask(kept)
    rights = {place.name: place.stat().st_mode & 0o777 for place in tmp_path.iterdir()}
    assert rights.pop("mine") == 0o750, "what was there keeps its own"
    assert set(rights.values()) == {0o700}, rights
