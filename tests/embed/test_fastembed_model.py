"""The fastembed adapter's happy path: a tiny but real ONNX model, run by the real engine.

The model looks each token's row up in a table of random numbers; fastembed pools and normalises.
It is written by hand from the ONNX protocol buffer definition (onnx.proto), in the shape that
fastembed loads from a folder: nothing is downloaded.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from graphmem.adapters.embed_fastembed import FastEmbedEmbedder
from graphmem.errors import ModelError
from graphmem.ports.embed import Embedder
from graphmem.testing.embed import EmbedderContract

MODEL = "sentence-transformers/all-MiniLM-L6-v2"
_INT64, _FLOAT = 7, 1
_VOCABULARY = 500


class TestFastEmbed(EmbedderContract):
    folder: Path
    understands = False

    @pytest.fixture(autouse=True)
    def model(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        write_model(tmp_path, 384)
        self.folder = tmp_path

    def make(self) -> Embedder:
        return FastEmbedEmbedder(MODEL, model_path=str(self.folder))


async def test_a_damaged_model_is_a_model_error(tmp_path: Path) -> None:
    write_model(tmp_path, 384)
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="could not be loaded"):
        await FastEmbedEmbedder(MODEL, model_path=str(tmp_path)).embed(["a"], "query")


def write_model(folder: Path, size: int) -> None:
    """Fill ``folder`` with ``model.onnx`` and the files of its tokenizer."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = np.random.default_rng(0).normal(size=(_VOCABULARY, size)).astype("<f4")
    (folder / "model.onnx").write_bytes(_model(rows))
    words = "the dog sleeps in kitchen where does sleep interest rates rose again march a text"
    vocabulary = {"[PAD]": 0, "[UNK]": 1}
    for word in (*words.split(), *(str(n) for n in range(300))):
        vocabulary.setdefault(word, len(vocabulary))
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))
    settings = {"model_max_length": 64, "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "special_tokens_map.json").write_text("{}")


def _model(rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bytes:
    size = rows.shape[1]
    node = _text(1, "table") + _text(1, "input_ids") + _text(2, "last_hidden_state")
    node += _text(4, "Gather")
    table = _number(1, rows.shape[0]) + _number(1, size) + _number(2, _FLOAT)
    table += _text(8, "table") + _bytes(9, rows.tobytes())
    mask = _value("attention_mask", _INT64, ["batch", "tokens"])
    graph = _bytes(1, node) + _text(2, "tiny") + _bytes(5, table)
    graph += _bytes(11, _value("input_ids", _INT64, ["batch", "tokens"])) + _bytes(11, mask)
    graph += _bytes(12, _value("last_hidden_state", _FLOAT, ["batch", "tokens", size]))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _text(1, "") + _number(2, 13))


def _value(name: str, kind: int, shape: list[str | int]) -> bytes:
    dims = [_number(1, dim) if isinstance(dim, int) else _text(2, dim) for dim in shape]
    tensor = _number(1, kind) + _bytes(2, b"".join(_bytes(1, dim) for dim in dims))
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
