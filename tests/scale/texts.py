"""Sixty kinds of text, each as long as one likes: what people write, paste and import, and what
somebody would send who wants it to take long."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator

Pattern = Callable[[int], str]
_SYLLABLES = [a + b for a in "kmtrsnlpbdgvz" for b in ("a", "e", "i", "o", "u", "ai", "or", "en")]
_KIN = ("mother", "father", "sister", "brother", "daughter", "son", "aunt", "uncle", "cousin")
_TITLES = ("Dr.", "Prof.", "Mr.", "Mrs.", "Sir", "Dame", "Captain")
_MONTHS = ("January", "March", "May", "July", "September", "November")


def name(number: int) -> str:
    """A name that is like no word: another for each number."""
    parts = []
    number += len(_SYLLABLES)
    while number:
        number, rest = divmod(number, len(_SYLLABLES))
        parts.append(_SYLLABLES[rest])
    return "".join(parts).title()


def _cut(parts: Iterator[str], size: int, between: str = " ") -> str:
    """As many parts as ``size`` bytes take."""
    made, length = [], 0
    for part in parts:
        made.append(part)
        length += len(part.encode()) + len(between)
        if length >= size:
            return between.join(made)
    raise AssertionError("the parts never end")


def _each(make: Callable[[int], str], between: str = " ") -> Pattern:
    return lambda size: _cut((make(i) for i in itertools.count()), size, between)


def _same(unit: str) -> Pattern:
    return lambda size: unit * max(1, size // len(unit.encode()))


def _nested(opening: str, closing: str, inside: str) -> Pattern:
    def make(size: int) -> str:
        deep = max(1, size // len((opening + closing).encode()))
        return opening * deep + inside + closing * deep

    return make


def _json(size: int) -> str:
    rows = [
        {"name": name(i), "employer": name(i + 7), "age": i % 90, "city": name(i + 3)}
        for i in range(max(1, size // 75))
    ]
    return json.dumps(rows)


def _base64(size: int) -> str:
    blocks = (hashlib.sha256(str(i).encode()).digest() for i in range(size // 42 + 1))
    return base64.b64encode(b"".join(blocks)).decode()[:size]


def _list_of_names(i: int) -> str:
    people = ", ".join(name(5 * i + at) for at in range(4))
    return f"{people} and {name(5 * i + 4)} live in {name(i)}."


TEXTS: dict[str, Pattern] = {
    # what is stated plainly, over and over
    "married, one surname": _each(lambda i: f"{name(i)} Smith is married to {name(i + 1)} Smith."),
    "married, one name": _same("Kaa Smith is married to Maa Smith. "),
    "works at": _each(lambda i: f"{name(2 * i)} works at {name(2 * i + 1)}."),
    "works at, one company": _each(lambda i: f"{name(i)} works at Acme."),
    "one works at many": _each(lambda i: f"Ada works at {name(i)}."),
    "lives in, one subject": _each(lambda i: f"Ada moved to {name(i)} in {1900 + i % 120}."),
    "likes": _each(lambda i: f"{name(2 * i)} likes {name(2 * i + 1)}."),
    "I like": _each(lambda i: f"I like {name(i)}."),
    "I like a word": _each(lambda i: f"I love {name(i).lower()} and {name(i + 9).lower()}."),
    "same sentence": _same("I live in Rome. "),
    "one surname": _each(lambda i: f"{name(i)} Smith likes tea."),
    "one given name": _each(lambda i: f"John {name(i)} knows John {name(i + 1)}."),
    "initials": _each(lambda i: f"{chr(65 + i % 26)}. {name(i)} knows {name(i)} {name(i + 1)}."),
    "titles": _each(lambda i: f"{_TITLES[i % 7]} {name(i)} met {_TITLES[i % 5]} {name(i + 1)}."),
    "kin chain": _each(lambda i: f"{name(i)} is {name(i + 1)}'s {_KIN[i % 9]}."),
    "kin of kin": lambda size: (
        "Ada is the " + _cut((f"{k} of the" for k in itertools.cycle(_KIN)), size) + " king."
    ),
    "possessives": lambda size: _cut((f"{name(i)}'s" for i in itertools.count()), size) + " dog.",
    "my sister": _each(lambda i: f"My sister {name(i)} is a nurse."),
    "pronouns": _same("He told her that she knew him and they liked it. "),
    "pronoun chain": _each(lambda i: f"{name(i)} met Bob. He works at {name(i)}. She likes him."),
    "name list": _each(_list_of_names),
    "endless name list": lambda size: (
        _cut((name(i) for i in itertools.count()), size, ", ") + " and Zoe are friends."
    ),
    "and": _same("and "),
    "names with and": lambda size: (
        _cut((name(i) for i in itertools.count()), size, " and ") + " are friends."
    ),
    "names without a verb": _each(name),
    "sentences of two names": _each(lambda i: f"{name(i)} {name(i + 1)}."),
    "new job each year": _each(lambda i: f"In {1000 + i % 1000} I left {name(i)}."),
    "deaths": _each(lambda i: f"{name(i)} died in {1900 + i % 120}."),
    "divorces": _each(lambda i: f"{name(i)} and {name(i + 1)} got divorced."),
    "nicknames": _each(lambda i: f"{name(i)}, whom everyone calls {name(i + 1)}, left."),
    "attributes": _each(lambda i: f"{name(i)}'s phone number is {5550000 + i}."),
    "favourites": _each(lambda i: f"My favourite {name(i).lower()} is {name(i + 1)}."),
    "dates": _each(lambda i: f"On {1 + i % 28} {_MONTHS[i % 6]} {1900 + i % 120} I met {name(i)}."),
    "only dates": _each(lambda i: f"{1900 + i % 120}-{1 + i % 12:02}-{1 + i % 28:02}"),
    "months": _same("May march august "),
    "last": _same("the last of the last "),
    "numbers": _each(lambda i: str(i * 7919)),
    "digits": _same("1234567890"),
    "questions": _each(lambda i: f"Does {name(i)} know {name(i + 1)}?"),
    "quotes": _each(lambda i: f'"I work at {name(i)}," {name(i + 1)} said.'),
    "said": _each(lambda i: f"{name(i)} said that {name(i + 1)} works at {name(i + 2)}."),
    "titles of works": _each(lambda i: f'I read "{name(i)} {name(i + 1)}".'),
    "open quotes": _same('"I said '),
    # tables and code
    "CSV": _each(lambda i: f"{name(i)},{name(i + 1)} Ltd,{i},{name(i + 2)}@x.org", "\n"),
    "JSON": _json,
    "markdown table": _each(lambda i: f"| {name(i)} | works at | {name(i + 1)} |", "\n"),
    "code": _each(lambda i: f"def {name(i).lower()}(self, x): return self.{name(i)}[x]", "\n"),
    "log": _each(lambda i: f"2024-05-{1 + i % 28:02}T10:00:00Z INFO {name(i)}: job {i} done", "\n"),
    "HTML": _each(lambda i: f'<div class="{name(i)}"><a href="/{name(i)}">{name(i)}</a></div>'),
    "base64": _base64,
    "URLs": _each(lambda i: f"https://{name(i).lower()}.org/{name(i + 1)}?q={i}#x"),
    "mail": _each(lambda i: f"{name(i).lower()}@{name(i + 1).lower()}.org", ", "),
    "paragraphs": _each(lambda i: f"{name(i)} works at {name(i + 1)}.", "\n\n"),
    # what no one writes
    "one letter": _same("y"),
    "one capital": _same("Y"),
    "one long name": lambda size: "Ada works at B" + "a" * size + ".",
    "capitals": _same("Ab"),
    "spaces": lambda size: "a" + " " * size + "b",
    "lines": lambda size: "a" + "\n" * size + "b",
    "spaced lines": lambda size: "a" + " \n" * (size // 2) + "b",
    "tabs and spaces": lambda size: "I live in" + " \t" * (size // 2) + "Rome.",
    "full stops": _same("."),
    "marks": _same("!?;:,.-()[]"),
    "hyphens": _same("a-"),
    "apostrophes": _same("a'"),
    "underscores": _same("_a"),
    "hashes": _same("#"),
    "brackets": _nested("(", ")", "a"),
    "nested quotes": _nested("“", "”", "I live in Rome"),
    "braces": _nested('{"a":[', "]}", "1"),
    "emoji": _same("👩‍👩‍👧🏳️‍🌈"),
    "combining": _same("e\u0301\u0323"),
    "one letter, many marks": lambda size: "e" + "\u0301" * (size // 2),
    "no width": lambda size: "a" + "\u200b" * (size // 3) + "b",
    "CJK": _same("我住在北京。她喜欢茶"),
    "CJK without an end": _same("我住在北京她喜欢茶"),
    "mixed alphabets": _each(lambda i: f"{name(i)} Анна {name(i)} אבג 東京 Ωμέγα"),
    "Hangul": _same("나는 서울에 산다 "),
    "Arabic": _same("أنا أعيش في القاهرة "),
    "ligatures": _same("\ufdfa"),
}
"""Name → what makes a text of that kind of about so many bytes."""
