"""One object with every setting. Each is an environment variable too: ``GRAPHMEM_`` and its name.

``docs/settings.md`` is the list for readers; a test holds it against this one.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
)

from graphmem.errors import UsageError
from graphmem.lifecycle.memory_types import Policies, policies_of
from graphmem.lifecycle.sweep import SweepThresholds
from graphmem.limits import TEXT_BYTES, WHOLE_NUMBER
from graphmem.settings.ceilings import CeilingSettings, Count
from graphmem.settings.server import NameList, ServerSettings

PREFIX = "GRAPHMEM_"
LONGEST_ANSWER = 8192  # tokens
_KEY = re.compile("[0-9a-fA-F]{64}")


def _policy_changes(given: object) -> object:
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"is no JSON: {error}") from error
    if isinstance(given, Mapping):
        try:
            policies_of(given)
        except UsageError as error:
            raise ValueError(str(error)) from error
    return given


PolicyChanges = Annotated[dict[str, dict[str, Any]], BeforeValidator(_policy_changes)]
"""By type of memory; as text, JSON."""
DEFAULT_EXTRACTION_MODEL = "openai:gpt-5-mini"
OPENAI_URL = "https://api.openai.com/v1"
NO_MODEL = "none"
# Read by the command line, not by the engine.
_OTHER_VARIABLES = frozenset(
    {"STORE", "USER", "AGENT", "RUN", "PROJECT", "ACTOR", "DEBUG", "PROFILE", "CONFIG"}
)


class Settings(CeilingSettings, ServerSettings):
    """What to run on. URLs choose the adapters; nothing given means embedded, in one folder."""

    # Not shown: a URL may hold a password.
    ledger: str | None = Field(
        None,
        repr=False,
        description="sqlite:///FILE, postgresql://HOST/DATABASE[?schema=NAME] or memory://",
    )
    ledger_password: SecretStr | None = Field(
        None, description="of PostgreSQL, when the URL does not hold it"
    )
    key_file: str | None = Field(
        None,
        description="file with the key of an encrypted ledger, 64 hexadecimal digits; graph and "
        "vectors of its folder then live in memory",
    )
    graph: str | None = Field(
        None,
        repr=False,
        description="kuzu:///FILE, ladybug:///FILE, neo4j://HOST[:PORT][/DATABASE] or memory://",
    )
    graph_user: str | None = Field(None, description="of Neo4j, when the URL does not hold it")
    graph_password: SecretStr | None = Field(
        None, description="of Neo4j, when the URL does not hold it"
    )
    vectors: str | None = Field(
        None,
        repr=False,
        description="qdrant-edge:///FOLDER, http://HOST:PORT[?prefix=NAME] or memory://",
    )
    vectors_api_key: SecretStr | None = Field(None, description="of a Qdrant server or cloud")
    llm: str | None = Field(
        None,
        description="none (rules), openai:MODEL or ollama:MODEL; without it none, "
        f"or {DEFAULT_EXTRACTION_MODEL} when OPENAI_API_KEY is set",
    )
    embedder: str = Field(
        "wordllama", description="wordllama, fastembed:MODEL, openai:MODEL or ollama:MODEL"
    )
    reembed: bool = Field(
        False,
        description="accept another embedder than the store was made with, and embed all again",
    )
    accept_ledger: bool = Field(
        False,
        description="begin with a new ledger although the graph and vectors of one that is gone "
        "are there; they are made anew",
    )
    llm_fallback: str | None = Field(
        None,
        description="openai:MODEL or ollama:MODEL: a second model, asked when the first cannot be",
    )
    embedder_dimensions: int | None = Field(
        None,
        ge=1,
        le=65_536,
        description="the length of vectors to ask an openai: or ollama: embedder for, where its "
        "model has several",
    )
    openai_api_key: SecretStr | None = Field(None, description="as OPENAI_API_KEY, which it beats")
    openai_base_url: str | None = Field(
        None, description="any OpenAI-compatible endpoint; as OPENAI_BASE_URL, which it beats"
    )
    llm_base_url: str | None = Field(
        None, description="an OpenAI-compatible endpoint for chat models alone; no key goes there"
    )
    embedder_base_url: str | None = Field(None, description="the same for the embedder alone")
    ollama_host: str | None = Field(
        None, description="where Ollama answers, as OLLAMA_HOST, which it beats"
    )
    llm_timeout_s: float = Field(
        60.0, gt=0, le=86_400, description="how long one attempt of a model request may take"
    )
    llm_attempts: int = Field(4, ge=1, le=20, description="how often a model request is tried")
    llm_deadline_s: float | None = Field(
        None,
        gt=0,
        le=86_400,
        description="how long a call of a model may take with all its attempts; without it as long "
        "as they take",
    )
    llm_answer_tokens: int | None = Field(
        None,
        ge=1,
        description="the longest answer of a model; without it the server's own limit, or "
        f"{LONGEST_ANSWER:,} when there is a ceiling on tokens or money",
    )
    llm_context_tokens: int | None = Field(
        None,
        ge=500,
        description="tokens that a model takes at once, its answer too; up to 8192 the prompt is "
        "a short one",
    )
    instructions: str = Field(
        "", description="what a model is instructed to extract, and how to word it"
    )
    entity_types: NameList = Field(
        (), description="kinds of entities that a model is to prefer, with commas between them"
    )
    relation_types: NameList = Field(
        (), description="types of relations that a model is to prefer, with commas between them"
    )
    prompts: str | None = Field(
        None, description="folder with prompts of your own; graphmem prompts FOLDER makes one"
    )
    ask_ambiguities: bool = Field(
        True,
        description="ask the model once more about an episode when it is ambiguous whom a name "
        "means, or whether something new takes the place of something known",
    )
    max_text_bytes: int = Field(
        1024 * 1024,
        ge=1,
        le=TEXT_BYTES,
        description="the largest text or list of messages that add takes",
    )
    user_name: str | None = Field(
        None,
        description="what facts call the user of the opening, and whom `I` means; without it the "
        "user id, until they say what their name is",
    )
    duplicate_window_s: float = Field(
        86_400.0,
        ge=0,
        le=100 * 366 * 86_400,
        description="the same text without a time, added again within this, is a duplicate",
    )
    redact: NameList = Field(
        (),
        description="what is taken out of everything before it is stored or read by a model: "
        "secret, email, card, iban, phone, with commas between them",
    )
    redact_patterns: str | None = Field(
        None,
        description="JSON file with more to take out: an object with a regular expression for each "
        "kind",
    )
    search_weights: str | None = Field(
        None,
        description="JSON file with how much each signal of a search counts; without it "
        "the one that comes with graphmem",
    )
    search_without: str = Field(
        "",
        description="signals or groups of them to leave out of every search, with commas "
        "(`graph`, `dense`, …): shows what each is worth",
    )
    reranker: str = Field(
        "none",
        description="fastembed:MODEL, openai:MODEL or ollama:MODEL: a model that reads the best "
        "hits of every search again",
    )
    reranked_hits: int = Field(
        30, ge=1, le=200, description="how many of the best hits a reranker reads"
    )
    max_lag: int = Field(
        2000,
        ge=1,
        le=WHOLE_NUMBER,
        description="events that may wait before graph and vectors follow by themselves",
    )

    memory_types: PolicyChanges = Field(
        {},
        description="JSON object: by type of memory what is to differ from the table of policies, "
        'as {"short_term": {"expires_after_days": 14}}',
    )
    retention_every_s: float = Field(
        86_400.0,
        ge=0,
        le=366 * 86_400,
        description="how often rules of retention are applied by themselves, first on opening; 0: "
        "only when that is asked for",
    )
    resume_every_s: float = Field(
        300.0,
        ge=0,
        le=366 * 86_400,
        description="how often what is pending is gone on with by itself, first 5 seconds after "
        "opening; 0: only when that is asked for",
    )
    title_after_s: float = Field(
        30.0,
        ge=0,
        le=366 * 86_400,
        description="a conversation in which nothing was told for so long, and that has no title, "
        "is given one by the model, in one call; 0: never",
    )
    pending_alarm_s: float = Field(
        3600.0, ge=0, le=1e12, description="health is not ok when work is pending for longer"
    )
    count_reads: bool = Field(
        True, description="count how often facts are read, beside the events, in batches"
    )
    reads_raise_importance: bool = Field(
        False, description="to a sweep, each read of a fact raises its importance by 0.01, up to 1"
    )
    promote_reads: Count = Field(5, description="a sweep promotes what was read so often")
    promote_importance: float = Field(
        0.7, ge=0, le=1, description="a sweep promotes what is at least so important"
    )
    archive_days: float = Field(
        30.0, ge=0, le=36_600, description="a sweep archives what was stated so many days ago"
    )
    archive_importance: float = Field(
        0.3, ge=0, le=1, description="a sweep archives what is less important than this"
    )
    archive_reads: Count = Field(
        2, description="a sweep archives what was read less often than this"
    )
    telemetry: bool = Field(
        False,
        description="tell OpenTelemetry how long calls, stages and stores take and what models "
        "cost, by the providers that the process has set up",
    )
    audit_days: float = Field(90.0, ge=1, le=36_600, description="days to keep the audit log")
    usage_days: float = Field(
        730.0, ge=2, le=36_600, description="days to keep what keys were used for"
    )
    audit_reads: bool = Field(True, description="note in the audit log who read what, too")
    max_queued: int = Field(
        1000,
        ge=1,
        description="episodes of one user (or agent) that `add(wait=False)` lets wait; with so "
        "many waiting it waits itself, until there is room",
    )

    @property
    def sweep_thresholds(self) -> SweepThresholds:
        """What a sweep decides by."""
        names = (field.name for field in fields(SweepThresholds))
        return SweepThresholds(**{name: getattr(self, name) for name in names})

    @cached_property
    def policies(self) -> Policies:
        """What becomes of each type of memory."""
        return policies_of(self.memory_types)

    @property
    def encryption_key(self) -> str | None:
        """What is in :attr:`key_file`, which may hold nothing else."""
        if self.key_file is None:
            return None
        try:
            key = Path(self.key_file).expanduser().read_text("ascii").strip()
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text of digits"
            raise UsageError(f"the key file {self.key_file} cannot be read: {why}") from None
        if not _KEY.fullmatch(key):
            raise UsageError(
                f"the key file {self.key_file} holds no key: write 64 hexadecimal digits to it, as "
                "from `openssl rand -hex 32`"
            )
        return key

    @property
    def model(self) -> str:
        """The model to extract with, ``none`` for the rules."""
        return self.llm or (DEFAULT_EXTRACTION_MODEL if self.openai_api_key else NO_MODEL)

    @property
    def has_model(self) -> bool:
        """Whether a model is set, and not the rules."""
        return self.model != NO_MODEL

    @property
    def answer_limit(self) -> int | None:
        """The longest answer to ask for; None is the server's own."""
        measured = any(what != "calls" for _, what, _ in self.ceilings)
        return self.llm_answer_tokens or (LONGEST_ANSWER if measured else None)

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
        """From the environment, then from what is given here, which wins.

        Unknown names and bad values are a :class:`UsageError` that lists what is known.
        """
        environ = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for variable, name in (
            ("OPENAI_API_KEY", "openai_api_key"),
            ("OPENAI_BASE_URL", "openai_base_url"),
            ("OLLAMA_HOST", "ollama_host"),
        ):
            if environ.get(variable):
                values[name] = environ[variable]
        for variable, value in environ.items():
            name = variable.removeprefix(PREFIX)
            if variable.startswith(PREFIX) and name not in _OTHER_VARIABLES:
                values[name.lower()] = value
        values |= given
        usual = (None, OPENAI_URL, environ.get("OPENAI_BASE_URL"))
        elsewhere = values.get("openai_base_url") not in usual
        own_key = given.get("openai_api_key") or environ.get(f"{PREFIX}OPENAI_API_KEY")
        if elsewhere and not own_key:
            # A key goes to the endpoint that it was given with, and to no other.
            values.pop("openai_api_key", None)
        try:
            return cls(**values)
        except ValidationError as error:
            raise UsageError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    """One line per problem. The value is left out: it may be a secret."""
    lines = []
    for problem in error.errors(include_url=False, include_input=False, include_context=False):
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            known = sorted(Settings.model_fields)
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            unknown = f"unknown setting {name} ({PREFIX}{name.upper()}){meant}"
            lines.append(f"{unknown}; docs/settings.md has them all")
        else:
            lines.append(f"setting {name} ({PREFIX}{name.upper()}): {problem['msg']}")
    return "; ".join(lines)


LEDGER_FILE = "ledger.sqlite"
"""The ledger of a store in one folder: what is not there can be made again from it."""


def default_urls(folder: Path) -> dict[str, str]:
    """Where a store in one folder keeps its parts."""
    return {
        "ledger": f"sqlite:///{folder / LEDGER_FILE}",
        "graph": f"kuzu:///{folder / 'graph.kuzu'}",
        "vectors": f"qdrant-edge:///{folder / 'vectors'}",
    }
