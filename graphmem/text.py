"""Text as graphmem compares it: keys for names, keys for sentences, turns from raw input."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?[+#]*", re.UNICODE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+|(?<=[。！？])")
_ARTICLES = frozenset({"a", "an", "the"})
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "professor", "sir", "madam"})
_LEGAL_FORMS = frozenset(
    {"inc", "incorporated", "ltd", "limited", "llc", "corp", "corporation", "co", "gmbh", "ag"}
    | {"plc", "sa", "bv", "oy", "ab", "srl", "kg"}
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
    """Folded words in order; a possessive ``'s`` is not part of its word."""
    found = (match.group().replace("’", "'") for match in _WORD.finditer(fold(text)))
    return [word.removesuffix("'s") for word in found]


def name_key(name: str) -> str:
    """What two spellings of one name share: folded words without a leading article.

    ``C``, ``C++`` and ``C#`` stay apart. A name of symbols alone is its folded self.
    """
    parts = words(name)
    if len(parts) > 1 and parts[0] in _ARTICLES:
        parts = parts[1:]
    return " ".join(parts) or fold(name).strip()


def name_keys(name: str) -> list[str]:
    """Every key that a name can be found by, the plainest first: as it is; without a title
    (``Dr``) and a legal form (``GmbH``); without spaces (``Face Book``)."""
    key = name_key(name)
    parts = key.split()
    if len(parts) > 1 and parts[0] in _TITLES:
        parts = parts[1:]
    if len(parts) > 1 and parts[-1] in _LEGAL_FORMS:
        parts = parts[:-1]
    return list(dict.fromkeys((key, " ".join(parts), "".join(parts))))


def text_key(text: str) -> str:
    """What two spellings of one sentence share: folded words in order, no articles."""
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


def paragraphs(text: str, *, longest: int = 2000) -> list[str]:
    """Paragraphs (blank-line separated) of at most ``longest`` characters.

    A longer one is cut between sentences, a sentence longer than that between words.
    """
    return [
        piece
        for paragraph in _PARAGRAPH.split(text)
        if paragraph.strip()
        for piece in _pieces(paragraph.strip(), longest)
    ]


def _pieces(paragraph: str, longest: int) -> Iterator[str]:
    if len(paragraph) <= longest:
        yield paragraph
        return
    parts: Iterable[str] = sentences(paragraph)
    yield from _pack(_short_enough(parts, longest), longest)


def _short_enough(parts: Iterable[str], longest: int) -> Iterator[str]:
    for part in parts:
        if len(part) <= longest:
            yield part
        else:
            tokens = (
                word[at : at + longest]
                for word in part.split()
                for at in range(0, len(word), longest)
            )
            yield from _pack(tokens, longest)


def _pack(parts: Iterable[str], longest: int) -> Iterator[str]:
    held = ""
    for part in parts:
        if held and len(held) + 1 + len(part) > longest:
            yield held
            held = part
        else:
            held = f"{held} {part}" if held else part
    if held:
        yield held
