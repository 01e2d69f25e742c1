"""What an embedder must do, and what knows how near single words are in meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

from graphmem.ports.vectors import Vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Text, so that naming the type does not import numpy.
Rows: TypeAlias = "NDArray[np.float32]"


class Embedder(Protocol):
    """Texts to unit vectors."""

    @property
    def name(self) -> str:
        """Names provider and model, for example ``wordllama:l2_supercat_256``; stored with the
        vectors, so it must change whenever the vectors would."""
        ...

    @property
    def kept(self) -> bool:
        """Whether the ledger keeps its vectors, so that no text is embedded twice: true, unless
        making a vector costs no more than reading it back."""
        ...

    async def size(self) -> int:
        """Length of a vector. May ask the endpoint once."""
        ...

    async def embed(self, texts: Sequence[str], kind: Literal["document", "query"]) -> list[Vector]:
        """One float32 vector of length 1 per text, in order. Splits into batches by itself.

        :class:`~graphmem.errors.ModelError` when it cannot.
        """
        ...

    async def close(self) -> None: ...


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
