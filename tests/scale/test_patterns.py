"""No pattern takes longer than what it is held against: what others write decides what that is."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
import time
from collections.abc import Iterator

import pytest

import graphmem
from graphmem.off_loop import collector_waits
from tests.faults.sizes import FUZZ
from tests.scale.texts import TEXTS

_PLAIN = (" ", "\n", "a", "A", "1", "-", ".", "'", ",", '"', "(")
_TAILS = ("\x01", "zq")  # what nearly all of them refuse


_SHORT = (
    "graphmem.adapters.models.openai.errors._MODEL_MISSING",  # the first of a server's message
    "graphmem.belief.ambiguities.ask._ONE_NUMBER",  # held against the whole, once
    "graphmem.doors.cli.tour._AGO",  # of a file that comes with it
)
"""What is held against nothing that is long."""


def _patterns() -> dict[str, re.Pattern[str]]:
    """Of every module that can be imported here, by where it stands."""
    found: dict[tuple[str, int], tuple[str, re.Pattern[str]]] = {}
    for one in pkgutil.walk_packages(graphmem.__path__, "graphmem."):
        if one.name.endswith("__main__") or one.name.startswith("graphmem.bench."):
            continue
        try:
            module = importlib.import_module(one.name)
        except ImportError:  # of an extra
            continue
        for name, value in vars(module).items():
            for pattern in _inside(value):
                key = (pattern.pattern, pattern.flags)
                found.setdefault(key, (f"{one.name}.{name}", pattern))
    return {f"{where} {number}": one for number, (where, one) in enumerate(found.values())}


def _inside(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif isinstance(value, dict):
        yield from _inside(list(value.values()))
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _inside(one)


_PATTERNS = _patterns()


def _units(pattern: str) -> list[str]:
    """What is repeated: signs, pairs of signs and words, most of them the pattern's own."""
    own = re.findall(r"[^\w\s\\\[\]|*+?^$]", pattern)
    signs = list(dict.fromkeys([*own[:5], *_PLAIN]))[:12]
    words = list(dict.fromkeys(re.findall(r"[a-z]{2,}", pattern)))[:4]
    pairs = [a + b for a, b in itertools.permutations(signs[:6], 2)]
    return [*signs, *pairs, *(f"{word} " for word in words)]


def _took(pattern: re.Pattern[str], text: str) -> float:
    begun = time.process_time()
    pattern.fullmatch(text)
    for _ in pattern.finditer(text):
        pass
    return time.process_time() - begun


def test_there_are_patterns_to_look_at() -> None:
    assert len(_PATTERNS) > 250


def test_none_tries_every_way_to_take_a_text_apart() -> None:
    """Two to the power of the length: a server's error of thirty spaces stopped everything."""
    slow = []
    with collector_waits():
        for where, pattern in _PATTERNS.items():
            for unit, tail in itertools.product(_units(pattern.pattern), _TAILS):
                text = unit * (18 // len(unit) if len(unit) < 3 else 12) + tail
                if _took(pattern, text) > 0.02 and min(_took(pattern, text) for _ in "12") > 0.02:
                    slow.append((where, text))
                    break
    assert slow == []


@pytest.mark.skipif(FUZZ <= 1, reason="minutes: in make fuzz")
@pytest.mark.timeout(0)
def test_none_takes_the_square() -> None:
    """Of those that are held against whole texts."""
    slow = []
    for where, pattern in _PATTERNS.items():
        if where.startswith(_SHORT):
            continue
        makes = [
            lambda size, unit=unit: unit * (size // len(unit)) for unit in _units(pattern.pattern)
        ]
        for make in (*makes, *TEXTS.values()):
            small = _took(pattern, make(2048))
            if small > 0.003 and _took(pattern, make(8192)) > 8 * small:
                slow.append((where, make(8)))
                break
    assert slow == []
