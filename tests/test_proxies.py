"""Proxies and certificates that the environment names: none of them sees what stays here, and
those that cannot be are named."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from graphmem import Memory, Settings
from graphmem.adapters.models.openai.chat import OpenAIChat
from graphmem.adapters.vectors.qdrant.server import QdrantServer
from graphmem.adapters.vectors.qdrant.url import QdrantOptions
from graphmem.client import AsyncRemoteMemory, RemoteMemory
from graphmem.errors import ModelError, Unavailable, UsageError
from graphmem.ports.llm import Prompt
from graphmem.testing.llm_server import LocalModelServer
from tests.doors.http.running import serving


def test_a_proxy_is_not_asked_for_a_server_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalModelServer() as proxy, serving() as server:
        for name in ("HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url.removesuffix("/v1"))
        with server.memory(user_id="ada") as memory:
            memory.add("Tea")
        # Others' requests may come to a port that was theirs a moment ago.
        assert server.key not in {request.key for request in proxy.requests}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ALL_PROXY", "socks4://127.0.0.1:9"),
        ("HTTP_PROXY", "ftp://ada:s3cret@127.0.0.1"),
        ("SSL_CERT_FILE", "/dev/null/none"),
    ],
)
@pytest.mark.parametrize("what", ["a server", "a model", "Qdrant"])
async def test_surroundings_that_cannot_be_are_named(
    name: str, value: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises((UsageError, ModelError), match=rf"{name}.*correct|correct.*{name}") as told:
        await _reached(what)
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://ada:s3cret@h:99999",
        "http://ada:s3/cret@h",
        "http://h:x/v1",
        "http://\u2603..x",
        "ftp://ada:s3cret@h",
    ],
)
@pytest.mark.parametrize("what", [AsyncRemoteMemory, RemoteMemory, "a model"])
def test_an_address_that_is_none(url: str, what: Any) -> None:
    with pytest.raises(UsageError, match=r"addr|URL") as told:
        what(url) if callable(what) else OpenAIChat("m", base_url=url, api_key="k")
    assert not any(part in str(told.value) for part in ("s3", "cret"))


@pytest.mark.parametrize("role", ["llm", "embedder"])
def test_what_a_library_makes_of_its_variables(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "\u201cAcme\u201d")
    with LocalModelServer() as server:
        chosen = {role: "openai:test-model", f"{role}_base_url": server.base_url}
        settings = Settings.load({}, **chosen)
        said = f"{server.base_url} cannot be asked.*OPENAI_"
        if role == "embedder":
            with pytest.raises(ModelError, match=said):
                Memory("memory://", settings=settings)
            return
        with Memory("memory://", user_id="ada", settings=settings) as memory:
            assert re.search(said, str(memory.add("Ada lives in Paris.").reason))
            assert memory.search("Paris").hits


async def test_a_proxy_that_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:99999")
    async with AsyncRemoteMemory("http://memory.invalid", user_id="ada", attempts=1) as memory:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await memory.search("Tea")


async def _reached(what: str) -> None:
    if what == "a server":
        AsyncRemoteMemory("https://memory.invalid")
    elif what == "Qdrant":
        QdrantServer(QdrantOptions.parse("https://qdrant.invalid"), None, asyncio.sleep)
    else:
        model = OpenAIChat("m", base_url="https://models.invalid/v1", api_key="k")
        await model.complete(Prompt(system="", user="Tea"))
