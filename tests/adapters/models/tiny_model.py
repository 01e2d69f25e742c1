"""Tiny but real ONNX models: each token's row is looked up in a table, and little else is done.

They are written by hand from the ONNX protocol buffer definition (onnx.proto), in the shape that
fastembed loads from a folder: nothing is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

Rows: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.float32]]
TOKENS = 500
_INT64, _FLOAT, _INT = 7, 1, 2
_WORDS = "the dog sleeps in kitchen where does sleep interest rates rose again march a text"


def write(folder: Path, model: bytes, *, file: str = "model.onnx") -> dict[str, int]:
    """Fill ``folder`` with a model and the files of its tokenizer; the tokens by word."""
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).write_bytes(model)
    vocabulary = {"[PAD]": 0, "[UNK]": 1}
    for word in (*_WORDS.split(), *(str(n) for n in range(300))):
        vocabulary.setdefault(word, len(vocabulary))
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps({"pad_token_id": 0}))
    settings = {"model_max_length": 64, "pad_token": "[PAD]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "special_tokens_map.json").write_text("{}")
    return vocabulary


def embedder(rows: Rows) -> bytes:
    """A row of the table for each token."""
    return _model(rows, [_gather("last_hidden_state")], "last_hidden_state", ["tokens"])


def cross_encoder(rows: Rows) -> bytes:
    """What the rows of all tokens of question and text add up to."""
    added = _text(1, "each") + _text(1, "axes") + _text(2, "logits") + _text(4, "ReduceSum")
    keep = _text(1, "keepdims") + _number(3, 0) + _number(20, _INT)
    return _model(rows, [_gather("each"), added + _bytes(5, keep)], "logits", [])


def _gather(output: str) -> bytes:
    node = _text(1, "table") + _text(1, "input_ids") + _text(2, output)
    return node + _text(4, "Gather")


def _model(rows: Rows, nodes: Sequence[bytes], output: str, inner: list[str | int]) -> bytes:
    table = _number(1, rows.shape[0]) + _number(1, rows.shape[1]) + _number(2, _FLOAT)
    table += _text(8, "table") + _bytes(9, rows.astype("<f4").tobytes())
    axes = _number(1, 1) + _number(2, _INT64) + _text(8, "axes")
    axes += _bytes(9, np.array([1], dtype="<i8").tobytes())
    graph = b"".join(_bytes(1, node) for node in nodes) + _text(2, "tiny")
    graph += _bytes(5, table) + _bytes(5, axes)
    for name in ("input_ids", "attention_mask"):
        graph += _bytes(11, _value(name, _INT64, ["batch", "tokens"]))
    graph += _bytes(12, _value(output, _FLOAT, ["batch", *inner, rows.shape[1]]))
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
