"""Bytes to text, lines and JSON values, however they are cut into chunks."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphmem.errors import UsageError
from graphmem.importers import streams
from graphmem.importers.streams import JsonStream, decoded, numbered_lines

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def cut(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def text_of(data: bytes, size: int = 5) -> str:
    return "".join(decoded(io.BytesIO(data), "a.txt", size))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_in_every_known_encoding(encoding: str) -> None:
    assert text_of("Zoë, 東京 🙂\n".encode(encoding)) == "Zoë, 東京 🙂\n"


def test_utf16_of_the_other_byte_order() -> None:
    assert text_of(b"\xfe\xff" + "Zoë 🙂".encode("utf-16-be")) == "Zoë 🙂"


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(2, 9))
def test_a_bad_byte_is_named_wherever_the_chunks_end(good: int, size: int) -> None:
    data = ("é" * good).encode() + b"\xff tail"
    with pytest.raises(UsageError, match=rf"^a\.txt: not UTF-8 text at byte {2 * good} "):
        text_of(data, size)


def test_a_bad_byte_after_a_byte_order_mark_counts_from_the_start_of_the_file() -> None:
    with pytest.raises(UsageError, match="byte 5 "):
        text_of(b"\xef\xbb\xbfab\xff", 4)


def test_text_that_ends_inside_a_character_is_refused() -> None:
    with pytest.raises(UsageError, match="byte 2 "):
        text_of(b"ab\xc3")


def test_lines_keep_their_numbers_and_only_newlines_end_them() -> None:
    text = "one\r\n\ntwo\u2028still two\x85too\nlast"
    for size in (1, 2, 3, 100):
        assert list(numbered_lines(cut(text, size))) == [
            (1, "one"),
            (2, ""),
            (3, "two\u2028still two\x85too"),
            (4, "last"),
        ]


@settings(deadline=None)
@given(st.lists(JSON, max_size=6), st.integers(1, 30), st.booleans())
def test_a_list_is_read_as_its_elements(values: list[Any], size: int, indented: bool) -> None:
    text = json.dumps(values, indent=2 if indented else None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "_CHUNK", 1)
        assert list(JsonStream(cut(text, size), "a.json")) == values


@settings(deadline=None)
@given(st.lists(JSON.filter(lambda v: not isinstance(v, list)), max_size=5), st.integers(1, 30))
def test_values_after_one_another_are_read_one_by_one(values: list[Any], size: int) -> None:
    text = "\n".join(json.dumps(value, indent=1) for value in values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "_CHUNK", 1)
        assert list(JsonStream(cut(text, size), "a.json")) == values


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[{"a": 1},\n {"b": }\n]', 2),
        ('[{"a": 1}\n {"b": 2}]', 2),
        ('[{"a": 1},\n\n {"b": 2}', 3),
        ('[{"a": "never ends\n', 1),
        ("[1, 2,]", 1),
        ("[1]\n\n[2]", 3),
        ("[", 1),
    ],
)
def test_bad_json_is_refused_with_its_line(text: str, line: int) -> None:
    for size in (1, 7, 1000):
        with pytest.raises(UsageError, match=rf"^a\.json, line {line}: not JSON: "):
            list(JsonStream(cut(text, size), "a.json"))


def test_an_error_is_found_without_reading_on_to_the_end() -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        yield '[{"a": 1}, {"b" 2}, ' + " " * 200
        while True:
            read += 1
            yield '{"c": 3}, ' * 100

    with pytest.raises(UsageError, match="line 1"):
        list(JsonStream(endless(), "a.json"))
    assert read < 2000


def test_only_the_value_being_read_is_kept() -> None:
    chunks = (("[" if at == 0 else ",") + '{"x": "' + "y" * 50_000 + '"}' for at in range(400))
    stream = JsonStream((c for group in (chunks, iter("]")) for c in group), "a.json")
    buffered = [len(stream._text) for _ in stream]
    assert len(buffered) == 400
    assert max(buffered) < 2 * streams._CHUNK


def test_json_nested_too_deeply_is_refused() -> None:
    with pytest.raises(UsageError, match=r"a\.json, line 1: not JSON"):
        list(JsonStream(iter(["[" * 200_000]), "a.json"))
