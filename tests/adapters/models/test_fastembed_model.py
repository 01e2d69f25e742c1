"""The fastembed adapter's happy path: a tiny but real ONNX model, run by the real engine.

The model looks each token's row up in a table of random numbers; fastembed pools and normalises.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphmem.adapters.models.fastembed.embedder import FastEmbedEmbedder
from graphmem.errors import ModelError
from graphmem.ports.embedder import Embedder
from graphmem.testing.embedder import EmbedderContract
from tests.adapters.models.tiny_model import TOKENS, embedder, write

MODEL = "sentence-transformers/all-MiniLM-L6-v2"


class TestFastEmbed(EmbedderContract):
    folder: Path
    understands = False

    @pytest.fixture(autouse=True)
    def model(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        write_model(tmp_path)
        self.folder = tmp_path

    def make(self) -> Embedder:
        return FastEmbedEmbedder(MODEL, model_path=str(self.folder))


async def test_a_damaged_model_is_a_model_error(tmp_path: Path) -> None:
    write_model(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="could not be loaded"):
        await FastEmbedEmbedder(MODEL, model_path=str(tmp_path)).embed(["a"], "query")


def write_model(folder: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(TOKENS, 384)).astype(np.float32)
    write(folder, embedder(rows))
