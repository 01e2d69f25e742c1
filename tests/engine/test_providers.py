"""Where models are asked, and adapters that a process registers itself."""

from __future__ import annotations

from typing import Any

import pytest

from graphmem import Memory, Settings, register_provider
from graphmem.errors import UsageError
from graphmem.extract.rules.extractor import RulesExtractor
from graphmem.wiring.adapters import make, ollama_url


class Shouting(RulesExtractor):
    """An adapter of somebody's own."""

    @property
    def name(self) -> str:
        return "shouting"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("box", "http://box:11434/v1"),
        ("box:8000", "http://box:8000/v1"),
        (":8000", "http://localhost:8000/v1"),
        ("0.0.0.0", "http://localhost:11434/v1"),
        ("http://box:8000/", "http://box:8000/v1"),
        ("https://box", "https://box:443/v1"),
        ("http://box:8000/ollama", "http://box:8000/ollama/v1"),
        ("http://box:8000/v1", "http://box:8000/v1"),
        ("[::1]", "http://[::1]:11434/v1"),
    ],
)
def test_ollama_is_asked_where_its_host_is(host: str, url: str) -> None:
    assert ollama_url(host) == url
    settings = Settings.load({"OLLAMA_HOST": host})
    for kind in ("chat", "embedder"):
        assert make(kind, "ollama:small", settings)._url.rstrip("/") == url


def test_each_role_has_a_url_of_its_own_to_which_no_key_goes() -> None:
    given: dict[str, Any] = {
        "llm_base_url": "http://chat:1/v1",
        "embedder_base_url": "http://embed:2/v1",
        "openai_api_key": "sk-secret",
    }
    settings = Settings.load({}, **given)
    for kind, name, url in (
        ("chat", "openai:m", "http://chat:1/v1"),
        ("embedder", "openai:m", "http://embed:2/v1"),
    ):
        made = make(kind, name, settings)
        assert made._url.rstrip("/") == url
        assert made._key != "sk-secret"


def test_a_provider_is_registered_and_used() -> None:
    register_provider("llm", "shouting", lambda name, _: Shouting())
    settings = Settings.load({}, llm="shouting:loud")
    with Memory("memory://", user_id="ada", settings=settings) as memory:
        memory.add("Bob Stone works at Acme.")
        assert len(memory.relations("Bob Stone")) == 1
        assert memory.health().parts["extraction"] == "shouting"


def test_what_cannot_be_registered_is_refused() -> None:
    for kind, name, factory, why in (
        ("modem", "x", Shouting, "known are: ledger"),
        ("llm", "openai", Shouting, "built in"),
        ("llm", "mine", "Shouting", "a factory is a function"),
    ):
        with pytest.raises(UsageError, match=why):
            register_provider(kind, name, factory)
