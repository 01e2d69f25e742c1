"""JSON from what a model sent instead of JSON.

Strict parsing first, then what stands whole inside other text (a fence, thoughts, talk), and at
last `json_repair` for quotes, commas, Python literals and cut ends. What parses is searched for the
two lists that were asked for, however deep they are wrapped. Every layer has a case that needs it
in ``tests/extract/llm/broken``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Self, SupportsIndex, TypeVar

from graphmem.errors import BadModelOutput
from graphmem.off_loop import off_loop

_T = TypeVar("_T")

_THOUGHT = re.compile(r"</(?:think|thinking|reasoning)>", re.IGNORECASE)
_FENCE_SIGN = re.compile("```|~~~")
_STRING_OR_SIGN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*("?)|[{}\[\]]', re.DOTALL)
_SIGN = re.compile(r"[{}\[\]]")
_OPENING = re.compile(r"[{\[]")
_START = re.compile(
    r"""\{\s*\\?["'“”]?(?:entities|facts|procedures|result|properties|data|output|answer)\b""",
    re.IGNORECASE,
)
_DEEPEST = 5
_MOST_EMBEDDED = 50
_LONGEST_MENDED = 200_000
"""Characters of a broken answer that are mended: a model's own limit is far below."""
_MOST_LOOKS = 20
"""At each character while mending, on average: what comes from models takes about 3."""
_SHORT = 200
_LONG = 4_000
_LOOP_SHOWN = 4000
_LONGEST_LOOP = 800
_LOOPS = 4
_LEAST_LOOPED = 60

_ENTITY_LISTS = ("entities", "nodes")
_FACT_LISTS = (
    "facts", "memories", "statements", "relations", "relationships", "triples", "triplets", "edges",
    "procedures",
)  # fmt: skip
_FACTS_BEGUN = re.compile(rf"(?:{'|'.join(_FACT_LISTS)})\W+[\[{{]", re.IGNORECASE)
_LIST_NAMED = re.compile("|".join((*_ENTITY_LISTS, *_FACT_LISTS)), re.IGNORECASE)
_FACT_KEYS = frozenset(
    {"text", "fact", "statement", "subject", "predicate", "relation", "steps", "actions"}
)
_ENTITY_KEYS = frozenset({"name", "entity", "entity_name"})


def item_lists(raw: str) -> tuple[dict[str, list[Any]], bool]:
    """The lists ``entities`` and ``facts`` that ``raw`` holds in some form, and whether it was cut
    off in the middle of an item (which is then left out).

    :class:`~graphmem.errors.BadModelOutput` when it holds neither, with why.
    """
    seen = False
    for value, cut in json_values(raw):
        seen = True
        found = _find(value, _DEEPEST)
        if found is not None and (any(found.values()) or _says_nothing(raw)):
            return found, cut
    if not raw.strip():
        raise BadModelOutput("the answer was empty")
    if not seen:
        raise BadModelOutput("the answer is not JSON", partial=raw)
    raise BadModelOutput("the answer has none of the lists asked for", partial=raw)


async def read_off_loop(read: Callable[[str], _T], raw: str) -> _T:
    """What ``read`` makes of an answer: of a long one in another thread, for the loop has others to
    serve while it is mended."""
    return read(raw) if len(raw) <= _LONG else await off_loop(partial(read, raw))


def _says_nothing(raw: str) -> bool:
    """Whether an answer without any item means that there is nothing to remember: it names a list,
    or is an empty one; noise may hold a pair of brackets, too."""
    return bool(_LIST_NAMED.search(raw)) or len(raw) <= _SHORT


def repeats(raw: str) -> bool:
    """Whether an answer ends in the same text over and over, as a model does that is caught in a
    loop."""
    tail = raw[-_LOOP_SHOWN:]
    return any(
        size * times <= len(tail) and tail.endswith(tail[-size:] * times)
        for size in range(1, _LONGEST_LOOP + 1)
        for times in (max(_LOOPS, -(-_LEAST_LOOPED // size)),)
    )


def json_values(raw: str) -> Iterator[tuple[Any, bool]]:
    """Values that ``raw`` may stand for, the most literal first, and whether it was cut."""
    text = raw.strip().lstrip("\ufeff")
    whole = _strict(text)
    if whole:
        yield whole[0], False
    text = text[max((end.end() for end in _THOUGHT.finditer(text)), default=0) :].strip()
    if values := _strict(text) or _embedded(text):
        yield values if len(values) > 1 else values[0], False
    yield from _mended(text)


def _strict(text: str) -> list[Any]:
    """The one value that ``text`` is, or none."""
    try:
        return [json.loads(text, strict=False, object_pairs_hook=_object)]
    except (ValueError, RecursionError):
        return []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which a key that comes twice loses nothing: its lists are joined, and what says
    nothing does not replace what does."""
    made: dict[str, Any] = {}
    for key, value in pairs:
        earlier = made.get(key)
        if isinstance(earlier, list) and isinstance(value, list):
            made[key] = [*earlier, *value]
        elif not earlier or value:
            made[key] = value
    return made


def _embedded(text: str) -> list[Any]:
    """Whole JSON values inside ``text``, from left to right, up to the first broken one.

    Not beyond it: what parses inside a broken object is only a part of the answer.
    """
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_object)
    found: list[Any] = []
    opening = _START.search(text) or _OPENING.search(text)
    while opening is not None and len(found) < _MOST_EMBEDDED:
        try:
            value, at = decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            return []
        found.append(value)
        opening = _OPENING.search(text, at)
    return found


def _mended(text: str) -> Iterator[tuple[Any, bool]]:
    opening = _START.search(text) or _OPENING.search(text)
    if opening is None or len(text) > _LONGEST_MENDED:
        return
    import json_repair

    text, cut = _without_torn_end(text[opening.start() :])
    try:
        yield json_repair.loads(_Read(text), skip_json_loads=True), cut
    except (ValueError, RecursionError, IndexError):  # its parser gives up on some nonsense
        return


class _Read(str):
    """Text that can be looked into so many times and no more. What is not JSON at all has the
    mender look ahead from every quote, which takes it minutes for an answer of 40 KB."""

    __slots__ = ("left",)
    left: int

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.left = _MOST_LOOKS * max(len(text), _LONG)
        return made

    def __getitem__(self, at: SupportsIndex | slice[Any, Any, Any]) -> str:
        self.left -= 1
        if self.left < 0:
            raise ValueError("too far from JSON to be mended")
        return super().__getitem__(at)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    """Whole strings and, outside of them, brackets. A quote that nothing closes is no string, and
    no quote after it is: each of them would be read to the end of the text for nothing."""
    for token in _STRING_OR_SIGN.finditer(text):
        if token.group(1) == "" and token.group()[0] == '"':
            yield from _SIGN.finditer(text, token.start())
            return
        yield token


def _without_torn_end(text: str) -> tuple[str, bool]:
    """``text`` up to its last whole item, and whether there was a torn one after it.

    Mending a torn item would make a fact of half a sentence.
    """
    end = max(text.rfind("}"), text.rfind("]")) + 1
    if all(text.count(a) <= text.count(b) for a, b in ("{}", "[]")):
        return text[:end], False  # what follows is talk
    opened: list[tuple[str, int]] = []
    read = 0
    for token in _tokens(text):
        read = token.end()
        if token.group() in "{[":
            opened.append((token.group(), token.start()))
        elif token.group() in "}]" and opened:
            opened.pop()
    signs = "".join(sign for sign, _ in opened)
    # An open object in a list is a torn item, unless it is the whole answer in a list of its own.
    wrapped = signs.startswith("[{") and _START.match(text, opened[1][1])
    item = signs.find("[{", 1 if wrapped else 0)
    if item >= 0:
        return text[: opened[item + 1][1]], True
    quote = text.find('"', read)
    if quote >= 0:
        return text[:quote], True
    talk = _FENCE_SIGN.split(text[end:], maxsplit=1)[0].strip(", \t\r\n")
    ends_whole = not talk and not _OPENING.search(text, end)
    if ends_whole and (signs == "[" or _FACTS_BEGUN.search(text)):
        return text[:end], False
    return text, True


def _find(value: Any, depth: int) -> dict[str, list[Any]] | None:
    """The answer inside ``value``: itself, or wrapped, doubly encoded, listed or spread out."""
    if depth == 0:
        return None
    if isinstance(value, str):
        values = _strict(value) or _embedded(value)
        return _find(values if len(values) > 1 else values[0], depth - 1) if values else None
    if isinstance(value, list):
        return _from_list(value, depth)
    return _from_object(value, depth) if isinstance(value, Mapping) else None


def _from_object(value: Mapping[Any, Any], depth: int) -> dict[str, list[Any]] | None:
    """The object itself, when it holds a list or is one item; else the first answer inside it."""
    entities, facts = _lists(value, _ENTITY_LISTS), _lists(value, _FACT_LISTS)
    keys = _keys(value)
    if facts is None and keys & _FACT_KEYS:
        return {"entities": [], "facts": [value]}  # a fact has a list 'entities', too
    if entities is not None or facts is not None:
        return {"entities": entities or [], "facts": facts or []}
    inner = (_find(item, depth - 1) for item in value.values() if item)
    found = next((item for item in inner if item is not None), None)
    if found is None and keys & _ENTITY_KEYS:
        return {"entities": [value], "facts": []}
    return found


def _from_list(value: list[Any], depth: int) -> dict[str, list[Any]] | None:
    """A list of answers, or of entities and facts without their object; empty, an empty one."""
    merged: dict[str, list[Any]] = {"entities": [], "facts": []}
    useful = not value
    for item in value:
        found = _find(item, depth - 1) if isinstance(item, Mapping | list) else None
        if found is not None:
            useful = True
            merged["entities"] += found["entities"]
            merged["facts"] += found["facts"]
    return merged if useful else None


def _lists(value: Mapping[Any, Any], names: tuple[str, ...]) -> list[Any] | None:
    """All items under these names; None when none of them holds a list."""
    folded = {str(key).strip().casefold(): item for key, item in value.items()}
    found = [_items(folded[name]) for name in names if name in folded]
    lists = [items for items in found if items is not None]
    return [item for items in lists for item in items] if lists else None


def _items(value: Any) -> list[Any] | None:
    if value is None:
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        inner = _strict(value)
        return inner[0] if inner and isinstance(inner[0], list) else None
    if isinstance(value, Mapping):
        return _mapped(value)
    return None


def _mapped(value: Mapping[Any, Any]) -> list[Any] | None:
    """``{"1": {…}}`` or ``{"Ada": {"kind": …}}`` as a list; one item by itself; not a schema."""
    if _keys(value) & (_FACT_KEYS | _ENTITY_KEYS):
        return [value]
    if "items" in value or value.get("type") == "array" or not value:
        return _items(value["items"]) if isinstance(value.get("items"), list) else None
    if not all(isinstance(item, Mapping) for item in value.values()):
        return None
    return [item if _keys(item) & (_FACT_KEYS | _ENTITY_KEYS) else {"name": key, **item}
            for key, item in value.items()]  # fmt: skip


def _keys(value: Mapping[Any, Any]) -> set[str]:
    return {str(key).strip().casefold() for key in value}
