"""A model of Qdrant's ``fastembed`` (ONNX, no PyTorch), loaded at first use.

An extra: ``pip install graphmem[fastembed]``. The model is downloaded when it is loaded first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from graphmem.errors import ModelError, UsageError


class FastEmbedModel:
    """``package`` imports the class of the model's ``kind``. ``path`` names a folder that holds the
    model's files already; nothing is downloaded then. ``instead`` says what needs no model."""

    def __init__(
        self,
        model: str,
        path: str | None,
        *,
        kind: str,
        package: Callable[[], Any],
        example: str,
        instead: str,
    ) -> None:
        self._model = model.strip()
        if not self._model:
            raise UsageError(f"the model has no name; write for example fastembed:{example}")
        self._path = path
        self._kind = kind
        self._package = package
        self._instead = instead
        self._loading = threading.Lock()
        self._loaded: Any = None

    @property
    def name(self) -> str:
        return f"fastembed:{self._model}"

    def known(self) -> Any:
        """The class, which has a model of this name."""
        try:
            package = self._package()
        except ImportError as error:
            raise UsageError(
                f"{self.name} needs the fastembed package: pip install graphmem[fastembed]"
            ) from error
        known = [entry["model"] for entry in package.list_supported_models()]
        if self._model.lower() not in {name.lower() for name in known}:
            raise UsageError(
                f"fastembed has no {self._kind} {self._model!r}; it has {', '.join(known)}"
            )
        return package

    def size(self) -> int:
        """The length of its vectors."""
        return int(self.known().get_embedding_size(self._model))

    def loaded(self) -> Any:
        """The model, once even when several threads come at a time."""
        with self._loading:
            if self._loaded is None:
                package = self.known()
                given = {"specific_model_path": self._path} if self._path else {}
                try:
                    self._loaded = package(model_name=self._model, **given)
                except Exception as error:
                    raise ModelError(
                        f"{self.name}: the model could not be loaded ({error}). It is downloaded "
                        f"at first use, which needs a network: try again with one, or "
                        f"{self._instead}"
                    ) from error
            return self._loaded

    def let_go(self) -> None:
        """The next use loads it again."""
        self._loaded = None
