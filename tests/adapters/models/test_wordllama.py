"""The default embedder reads wordllama's files itself: the vectors must be wordllama's own."""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
from weakref import WeakValueDictionary

import numpy as np
import pytest

from graphmem.adapters.models.wordllama import embedder as embed_wordllama
from graphmem.adapters.models.wordllama.embedder import WordLlamaEmbedder, WordLlamaTokens
from graphmem.errors import ModelError, UsageError

TEXTS = [
    "Caroline went to the LGBTQ support group on 7 May",
    "hi",
    "日本語のテキスト 😀",
    "naïve café",
    "many words " * 900,
]

_REFERENCE = """
import json, sys, wordllama
from pathlib import Path
model = wordllama.WordLlama.load(
    cache_dir=Path(wordllama.__file__).parent, disable_download=True
)
texts = json.load(sys.stdin)
json.dump([model.embed([text], norm=True)[0].tolist() for text in texts], sys.stdout)
"""

_QUIET = """
import asyncio, logging, sys
from graphmem.adapters.models.wordllama.embedder import WordLlamaEmbedder
asyncio.run(WordLlamaEmbedder().embed(["a text"], "query"))
assert "wordllama" not in sys.modules
assert not logging.getLogger().handlers
"""


def test_the_vectors_are_wordllamas_own() -> None:
    # In a process of its own: importing wordllama sets up logging for the whole program.
    reference = subprocess.run(
        [sys.executable, "-c", _REFERENCE],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=True,
    )
    ours = asyncio.run(WordLlamaEmbedder().embed(TEXTS, "document"))
    assert np.allclose(ours, json.loads(reference.stdout), atol=1e-5)


def test_the_program_it_is_used_in_is_left_alone() -> None:
    subprocess.run([sys.executable, "-c", _QUIET], check=True)


def test_its_name_is_what_stores_remember() -> None:
    assert WordLlamaEmbedder().name == "wordllama:l2_supercat_256"


async def test_after_close_it_loads_again() -> None:
    embedder = WordLlamaEmbedder()
    before = await embedder.embed(["tea"], "query")
    await embedder.close()
    assert np.array_equal(before, await embedder.embed(["tea"], "query"))


async def test_all_that_are_open_share_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    class Counted(embed_wordllama.Model):
        def __init__(self) -> None:
            loaded.append("model")
            super().__init__()

    monkeypatch.setattr(embed_wordllama, "Model", Counted)
    monkeypatch.setattr(embed_wordllama, "_LOADED", WeakValueDictionary())
    one, other, tokens = WordLlamaEmbedder(), WordLlamaEmbedder(), WordLlamaTokens()
    await asyncio.gather(one.embed(["tea"], "query"), other.embed(["a cup"], "query"))
    assert await tokens.count(["a cup of tea", ""]) == [4, 0]
    assert len(loaded) == 1
    del tokens
    await one.close()
    assert np.array_equal(await one.embed(["tea"], "query"), await other.embed(["tea"], "query"))
    assert len(loaded) == 1
    await one.close()
    await other.close()
    gc.collect()
    await one.embed(["tea"], "query")
    assert len(loaded) == 2


async def test_a_missing_package_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed_wordllama, "find_spec", lambda _: None)
    monkeypatch.setattr(embed_wordllama, "_LOADED", {})
    with pytest.raises(UsageError, match="pip install wordllama"):
        await WordLlamaEmbedder().embed(["a"], "query")


async def test_missing_files_are_a_model_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed_wordllama, "_CONFIG", "no_such_model")
    with pytest.raises(ModelError, match="install the package again"):
        await WordLlamaEmbedder().embed(["a"], "query")
