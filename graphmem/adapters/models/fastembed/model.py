"""A model of Qdrant's ``fastembed`` (ONNX, no PyTorch), loaded at first use.

An extra: ``pip install graphmem[fastembed]``. The model is downloaded when it is loaded first.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from graphmem.errors import ModelError, UsageError


class FastEmbedModel(ABC):
    """The base of the embedder and the reranker. Everything runs in a thread; texts longer than
    the model takes are cut by its tokenizer. ``model_path`` names a folder that holds the model's
    files already; nothing is downloaded then."""

    kind: ClassVar[str]
    default: ClassVar[str]
    """The model of who names none."""
    instead: ClassVar[str]
    """What to do without a model, for an error."""

    def __init__(self, model: str | None = None, *, model_path: str | None = None) -> None:
        self._model = (self.default if model is None else model).strip()
        if not self._model:
            raise UsageError(f"the model has no name; write for example fastembed:{self.default}")
        self._path = model_path
        self._loading = threading.Lock()
        self._loaded_model: Any = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def name(self) -> str:
        return f"fastembed:{self._model}"

    @staticmethod
    @abstractmethod
    def _package() -> Any:
        """fastembed's class for this kind of model, imported."""

    def _known(self) -> Any:
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
                f"fastembed has no {self.kind} {self._model!r}; it has {', '.join(known)}"
            )
        return package

    def _loaded(self) -> Any:
        """The model, loaded once even when several threads come at a time."""
        with self._loading:
            if self._loaded_model is None:
                package = self._known()
                given = {"specific_model_path": self._path} if self._path else {}
                try:
                    self._loaded_model = package(model_name=self._model, **given)
                except Exception as error:
                    raise ModelError(
                        f"{self.name}: the model could not be loaded ({error}). It is downloaded "
                        f"at first use, which needs a network: try again with one, or "
                        f"{self.instead}"
                    ) from error
            return self._loaded_model

    async def close(self) -> None:
        """Let the model go; the next use loads it again."""
        self._loaded_model = None
