"""What knows how near words are in meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Text, so that naming the type does not import numpy.
Rows: TypeAlias = "NDArray[np.float32]"


@runtime_checkable
class WordVectors(Protocol):
    """Single words to vectors, whatever embeds whole texts."""

    @property
    def width(self) -> int:
        """Numbers in a word's vector."""
        ...

    async def word_vectors(self, words: Sequence[str]) -> Rows:
        """A vector of length 1 per word, one row each; zeros for what it knows nothing of."""
        ...
