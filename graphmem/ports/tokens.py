"""How long a text is for a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class TokenCounter(Protocol):
    """Counts tokens as one tokenizer does; ``name`` says which."""

    @property
    def name(self) -> str: ...

    async def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without any that mark its beginning or end."""
        ...
