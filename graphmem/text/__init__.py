"""Text as graphmem compares it: keys for names, keys for sentences, turns from raw input."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

from graphmem.text.nicknames import formal_names

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?[+#]*", re.UNICODE)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+|(?<=[。！？])")
_SIGNED = re.compile(r"\s*([-−–+])\s?\d")
_MEASURE = re.compile(r"(?<=\d)\s?[%°‰$€£¥]|[$€£¥](?=\s?\d)")
_LONE_SIGNS = re.compile(r"(?:\s[-+%°‰$€£¥])+\s*$")
_DIGITS_APART = re.compile(r"\d \d")
_HEADING = re.compile(r"\s*+(?:#{1,6}\s*+)?([^\n]{2,100}?)[ \t*_]*\n\s*+(?=\S[^\n]{39})")
_MARKED = re.compile(r"#{1,6}\s*([^\n]{2,100}?)[ \t*_]*\n")
_APART = re.compile(r"\s*\([^()]*\)$")
_HEADING_WORDS = 10
_MONTH = (
    "(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    "sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DAY_ALONE = re.compile(
    rf"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*[.,]*\s+)?"
    rf"(?:\d{{1,4}}([-/.])\d{{1,2}}\1\d{{1,4}}"
    rf"|(?:\d{{1,2}}[a-z]{{0,2}}\.?\s+)?{_MONTH}\.?(?:\s+\d{{1,2}}[a-z]{{0,2}})?,?\s+\d{{4}})"
    r"(?:(?:T|,?\s+)\d\d?:\d\d(?::\d\d)?)?",
    re.IGNORECASE,
)
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | frozenset(
    map(chr, range(0xFE00, 0xFE10))
)
_UNSEEN_KINDS = frozenset({"Cc", "Cf"})
_END_PUNCTUATION = " .!…:;,。！｡；，"
_IRREGULAR = {
    "bought": "buy", "built": "build", "led": "lead", "met": "meet", "ran": "run", "won": "win",
    "taught": "teach", "written": "write", "wrote": "write", "spoke": "speak", "sold": "sell",
    "went": "go", "gave": "give", "children": "child", "wives": "wife",
}  # fmt: skip
_ARTICLES = frozenset({"a", "an", "the"})
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "madam"})
_LEGAL_FORMS = frozenset(
    {"inc", "incorporated", "ltd", "limited", "llc", "corp", "corporation", "co", "gmbh", "ag"}
    | {"plc", "sa", "bv", "oy", "ab", "srl", "kg", "pty", "pte", "nv", "spa", "kk", "lp"}
    | {"llp", "oyj", "asa", "aps", "sarl"}
)
_ABBREVIATED = {"st": "saint", "mt": "mount", "ft": "fort"}
_GENERATIONS = frozenset({"jr", "junior", "sr", "senior", "ii", "iii", "iv"})
_LONGEST_PERSON = 5


def printable(text: str) -> str:
    """Text with control characters (but line ends and tabs) made visible: what was stored may not
    move a cursor, rewrite a terminal's title or break a picture."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match.group()):02x}", text)


def printable_json(text: str) -> str:
    """The same for JSON, which then says the same as before."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def plain(text: str) -> str:
    """The same as text and nothing else: a column of a table gives texts of a type of their own,
    which not every encoder takes."""
    return text if type(text) is str else str.__str__(text)


def blank(text: str) -> bool:
    """Whether there is nothing in it to be seen: white space, joiners, marks of byte order and
    direction, fillers, variation selectors. What no store takes (NUL) is not nothing."""
    return all(
        character.isspace()
        or character in _UNSEEN
        or (unicodedata.category(character) in _UNSEEN_KINDS and character != "\0")
        for character in text
    )


def fold(text: str) -> str:
    """Case, width and accents removed: ``Zoë`` and ``ZOE`` fold alike."""
    if text.isascii():
        return text.lower()
    # Some letters have a plain form only after the first step (𝐁), some only after the second.
    plain = unicodedata.normalize("NFKD", text).casefold()
    decomposed = unicodedata.normalize("NFKD", plain)
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def words(text: str) -> list[str]:
    """Folded words in order; a possessive ``'s`` is not part of its word (``80's`` is ``80s``)."""
    folded = fold(text).replace("’", "'")
    found = _WORD.findall(folded)
    if "'" not in folded:
        return found
    return [
        word.replace("'", "") if word[0].isdigit() else word.removesuffix("'s") for word in found
    ]


def words_of_name(name: str) -> list[str]:
    """The words of ``Works At``, ``worksAt`` or ``WORKS-AT``."""
    return words(_CAMEL.sub(" ", name).replace("_", " "))


_NAMES_OF_AN_EPISODE = 1 << 17
"""Each step asks for the keys of all, and a mebibyte of text may have 80,000."""


@lru_cache(maxsize=8192)  # a search asks for those of the same few words again and again
def stem(word: str) -> str:
    """What the forms of an English word share, roughly: works, worked and working are ``work``."""
    word = _IRREGULAR.get(word, word)
    for ending in ("ying", "ing", "ied", "ies", "ed", "es", "s", "y", "e"):
        if not word.endswith(ending) or len(word) <= len(ending) + 2 or word.endswith("ss"):
            continue
        # "study" and "studying" lose their y, as "studies" does; "play" and "playing" keep it
        if ending[0] != "y" or word[-len(ending) - 1] not in "aeiou":
            return word.removesuffix(ending).removesuffix("e")
    return word


@lru_cache(maxsize=_NAMES_OF_AN_EPISODE)
def name_key(name: str) -> str:
    """What two spellings of one name share: folded words without a leading article.

    ``C``, ``C++`` and ``C#`` stay apart, and so do ``9``, ``-9`` and ``9 %``. A name of symbols
    alone is its folded self.
    """
    parts = words(name)
    # "The A Team" keeps both: the key of a key is that key.
    if len(parts) > 1 and parts[0] in _ARTICLES and parts[1] not in _ARTICLES:
        parts = parts[1:]
    return " ".join([*parts, *_measures(name)]) or fold(name).strip()


def _measures(name: str) -> list[str]:
    """The signs that make another amount of a number; where a key has them, at its end, too."""
    if not any(map(str.isdigit, name)):
        return []
    signs = {match.group().strip() for match in _MEASURE.finditer(name)}
    if signed := _SIGNED.match(name):
        signs.add(signed.group(1).replace("−", "-").replace("–", "-"))
    return sorted(signs.union(*(match.group().split() for match in _LONE_SIGNS.finditer(name))))


@lru_cache(maxsize=_NAMES_OF_AN_EPISODE)
def name_keys(name: str) -> tuple[str, ...]:
    """Every key that a name can be found by, the plainest first: as it is; without titles
    (``Dr``) and legal forms (``GmbH``, ``& Co. KG``); with ``St`` and the like written out and
    without ``and``; without spaces (``Face Book``)."""
    key = name_key(name)
    parts = core_words(name)
    bare = " ".join(parts)
    plain = [_ABBREVIATED.get(word, word) for word in parts if word != "and"] or parts
    # "A and B" is not "AB": only names of several longer words are the same without "and"
    short = sum(len(word) > 2 for word in plain) < 2
    written = bare if short else " ".join(plain)
    # 1.5 is not 15
    joined = "".join(parts) if not _DIGITS_APART.search(bare) else bare
    return tuple(dict.fromkeys((key, bare, written, joined)))


def core_words(name: str) -> list[str]:
    """The folded words of a name without titles before it and legal forms after it."""
    parts = name_key(name).split()
    while len(parts) > 1 and parts[0] in _TITLES:
        parts = parts[1:]
    while len(parts) > 1 and parts[-1] in _LEGAL_FORMS:
        parts = parts[:-1]
    return parts


def alias_keys(name: str, kind: str = "thing") -> list[str]:
    """What a ledger files a name under: its :func:`name_keys`, and, when it may be a person's, its
    :func:`name_hints`."""
    hints = name_hints(name) if kind in {"person", "thing"} else ()
    return [*name_keys(name), *hints]


@lru_cache(maxsize=_NAMES_OF_AN_EPISODE)
def name_hints(name: str) -> tuple[str, ...]:
    """Keys that names of one person may share; to be looked at, not to be trusted.

    ``~g`` a given name, ``~s`` a surname, ``~n`` a given name written out with the surname (``Bob
    Stone``, ``Robert Stone``), ``~i`` its initial with the surname (``J. Smith``). No name key
    begins with ``~``. A name of one word has the first two only; one of more than five has none.
    """
    given, _, surname, _ = person_parts(name)
    if not given:
        return ()
    formal = formal_names(given)
    if not surname:
        return (*(f"~g {full}" for full in formal), f"~s {given}")
    if len(given) == 1:
        return f"~s {surname}", f"~i {given} {surname}"
    initials = sorted({full[0] for full in (given, *formal)})
    return (
        *(f"~g {full}" for full in formal),
        f"~s {surname}",
        *(f"~n {full} {surname}" for full in formal),
        *(f"~i {initial} {surname}" for initial in initials),
    )


@lru_cache(maxsize=_NAMES_OF_AN_EPISODE)
def person_parts(name: str) -> tuple[str, tuple[str, ...], str, str]:
    """A name read as a person's: given name, middle names, surname, generation (``jr``). All empty
    when it has more than five words or one with a digit."""
    parts = core_words(name)
    generation = ""
    if len(parts) > 2 and parts[-1] in _GENERATIONS:
        generation = {"junior": "jr", "senior": "sr"}.get(parts[-1], parts[-1])
        parts = parts[:-1]
    if not 0 < len(parts) <= _LONGEST_PERSON or any(map(str.isdigit, "".join(parts))):
        return "", (), "", ""
    if len(parts) == 1:
        return parts[0], (), "", ""
    return parts[0], tuple(parts[1:-1]), parts[-1], generation


def text_key(text: str) -> str:
    """What a sentence shares with those that say the same word for word: all but capitals, the
    width of white space and closing punctuation. A question is not its answer, so its mark counts.
    """
    written = text if text.isascii() else unicodedata.normalize("NFC", text).replace("’", "'")
    lowered = " ".join(written.lower().split())
    if not lowered.isascii():
        lowered = unicodedata.normalize("NFC", lowered)
    return lowered.rstrip(_END_PUNCTUATION) or lowered


def value_key(value: str) -> str:
    """What two spellings of an attribute's value share: as a sentence, without an article before
    it (``a nurse``, ``nurse``)."""
    key = text_key(value)
    first, _, rest = key.partition(" ")
    return rest if rest and first in _ARTICLES else key


def loose_key(text: str) -> str:
    """The folded words of a text in order, no articles: how much it says."""
    parts = [word for word in words(text) if word not in _ARTICLES]
    return " ".join(parts) or fold(text).strip()


def digest(*parts: str) -> str:
    """SHA-256 over parts, each preceded by its length so that no two lists collide."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        state.update(len(data).to_bytes(8, "big"))
        state.update(data)
    return state.hexdigest()


def erased_hash(kind: str, id: str) -> str:
    """What a receipt of an erasure keeps of an episode, a fact or an entity: its id says nothing
    of what it said, and its hash not even which it was."""
    return digest("erased", kind, id)[:32]


def name_keys_in(text: str, *, longest: int = 4) -> list[str]:
    """Every run of up to ``longest`` words of ``text`` as a name key, without repeats."""
    parts = words(text)
    seen = {
        " ".join(parts[start : start + size])
        for start in range(len(parts))
        for size in range(1, longest + 1)
        if start + size <= len(parts)
    }
    return sorted(seen)


def sentences(text: str) -> list[str]:
    """Sentences, roughly: split after end punctuation and at line breaks."""
    return [part.strip() for part in _SENTENCE_END.split(text) if part and part.strip()]


def beginning(text: str, most: int) -> str:
    """Its first words on one line, at most so many characters, with "…" where more follows. A word
    that is too long by itself is cut: text without spaces, as in Chinese, is one."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    whole, _, rest = line[:most].rpartition(" ")
    return f"{whole if len(whole) > len(rest) else line[: most - 1].rstrip()}…"


def heading(text: str, *, above_prose: bool = True) -> str | None:
    """What a text says that it is about: its first line, when that is a title above prose; without
    ``above_prose`` also one that is marked as a heading above anything.

    A title is short, begins with a capital or a digit, and does not end as a sentence or a
    greeting does. Brackets behind it, as in "Mercury (planet)", only tell namesakes apart and are
    left out. A day is none: it says when, not what about.
    """
    match = _HEADING.match(text) or (None if above_prose else _MARKED.match(text))
    if match is None:
        return None
    line = _APART.sub("", match.group(1)).strip("\"'“”‘’ ")
    if not line or not (line[0].isupper() or line[0].isdigit()) or line[-1] in ".!?,;:":
        return None
    if _DAY_ALONE.fullmatch(line):
        return None
    return line if len(line.split()) <= _HEADING_WORDS else None


def unix_lines(text: str) -> str:
    """Text whose lines end in ``\\n`` alone, whatever they ended in."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def redacted(url: str) -> str:
    """A URL as it may be shown: without the password, and without what follows ``?`` or ``#``."""
    scheme, mark, rest = url.partition("://")
    # The last @: a password may hold a ? or an @ that should have been escaped.
    who, at, where = rest.rpartition("@")
    user = who.partition(":")[0]
    return f"{scheme}{mark}{user}{at}{re.split('[?#]', where)[0]}"
