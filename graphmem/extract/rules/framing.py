"""What is told inside a film, a book, a game, a dream, a quotation or an example: it is not so in
the world, and is not read for relations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from graphmem.extract.rules.names import name_spans
from graphmem.extract.rules.tokenizer import Sentence
from graphmem.extract.rules.word_lists import word_set
from graphmem.text import name_key

_WORK = (
    r"(?:novel|book|film|movie|story|tale|series|sitcom|soap|show|drama|episode|game|campaign|play|"
    r"script|screenplay|comic|manga|anime|podcast|musical|opera|fanfic|fan\s+fiction)"
)
_INSIDE = re.compile(
    r"\b(?:in|for\s+(?=\w+\s+(?:novel|book|story|script|screenplay|campaign)))\s*"
    rf"(?:my|the|this|that|his|her|our)\s+(?:[\w-]+\s+){{0,2}}?{_WORK}\b"
    r"(?!\s+(?:club|industry|business|festival|studio|company|crew|department|shop|store|room))|"
    r"\b(?:dreamt|dreamed|nightmare|(?:had|in)\s+(?:a|the|my|this)\s+(?:[\w-]+\s+)?dream|daydream\w*)\b|"
    r"\b(?:protagonist|main\s+character|my\s+character|the\s+(?:hero|heroine|villain|plot)|"
    r"role-?play\w*|D&D|dungeons)\b|\bonce\s+upon\s+a\s+time\b",
    re.IGNORECASE,
)
"""A sentence with one of these tells nothing of the world."""
_SHOWN = re.compile(
    r"^(?:[Rr]ead|[Ff]inished)\s+The\s+[A-Z]\w+(?!'s)|"
    r"\b(?:[Ww]atched|[Ww]atching|[Rr]ewatched|[Bb]inged|[Bb]inging)\s+(?:the\s+)?[^\W\d_a-z]\w*(?!'s|\w|\s+and\s+I\b)|"
    r"(?:^(?:[Rr]e-?)?[Rr]eading|\b(?:re-?)?reading|\b[Rr]e-?read)\s+(?:the\s+)?[^\W\d_a-z]\w*(?!'s|\w)|"
    r"\b(?:[Ww]atched|[Ww]atching|[Ff]inished|[Rr]eading|[Rr]e-?read|[Rr]ead|[Ss]aw|[Bb]inged)\s+"
    rf'(?:"[^"]+"|(?:a|the|this|that|my|another)\s+(?:[\w-]+\s+){{0,3}}?(?:{_WORK}|one)\b)'
)
"""What was seen or read: what follows may be what happens in it."""
_COSTUME = re.compile(
    r"\b(?:dress(?:ed|ing)\s+(?:\w+\s+)?(?:up\s+)?as|went\s+as\s+an?|cosplay\w*|fancy\s+dress)\b",
    re.IGNORECASE,
)
_NOBODY = re.compile(r"^(?:[a-z]+ed|was|had|born|lives?|works?|came|went)\b", re.IGNORECASE)
"""A sentence without its subject: after a costume it may tell of who was played."""
_EXAMPLE = re.compile(
    r"^\s*(?:for\s+(?:example|instance)|e\.\s?g\.)|\b(?:for\s+example|e\.\s?g\.)\s*:|"
    r"\b(?:sample\s+\w+:|placeholder|lorem\s+ipsum|hypothetically|let's\s+say|suppose)(?=\W|$)",
    re.IGNORECASE,
)
_REAL = re.compile(
    r"^(?:and\s+|but\s+|so\s+|anyway,?\s+)?(?:I|I'm|I've|we|we've|my|our|in\s+real\s+life|irl|back\s+(?:in|to))\b",
    re.IGNORECASE,
)
_LASTS = 3
"""Sentences after what was seen or read that may still tell of it."""
_DOUBLE = re.compile(r'"[^"\n]{12,1000}"')
_SINGLE = re.compile(
    r"(?:(?<=^)|(?<=[\s(:]))'[A-Z][^'\n]{0,400}(?:'\w[^'\n]{0,400}){0,8}'(?=$|[\s.,;:!?)])",
    re.MULTILINE,
)
_SPEECH = word_set("verb_like") | {"lives", "works", "owns", "said", "i", "we", "he", "she", "they"}
_GONE = " \u2026 "


def without_quotes(text: str) -> str:
    """A text without what it quotes, titles left in: a quoted sentence is somebody else's."""
    if '"' not in text and "'" not in text:
        return text
    return _SINGLE.sub(_blank, _DOUBLE.sub(_blank, text))


def _blank(match: re.Match[str]) -> str:
    inside = match.group()[1:-1]
    words = inside.lower().split()
    spoken = len(words) > 2 and any(word.strip(",.!?;:") in _SPEECH for word in words)
    return _GONE if spoken else match.group()


@dataclass
class Framing:
    """Reads one episode's sentences in order, and says which tell of the world."""

    known: frozenset[str] = frozenset()
    """Keys of those who are known from before it."""
    made_up: set[str] = field(default_factory=set)
    """Keys of who was only ever named inside something made up."""
    left: int = 0
    in_costume: bool = False

    def begin_turn(self) -> None:
        self.left, self.in_costume = 0, False

    def real(self, sentence: Sentence) -> tuple[bool, bool]:
        """Whether a sentence tells of the world; and whether only of who speaks."""
        text = sentence.text
        if _INSIDE.search(text) or _EXAMPLE.search(text):
            self._note(sentence)
            self.left = _LASTS
            return False, False
        if _SHOWN.search(text):
            self._note(sentence)
            self.left = _LASTS
            return True, True
        if self.in_costume and _NOBODY.match(text):
            return False, False
        self.in_costume = _COSTUME.search(text) is not None
        if self.left:
            self.left -= 1
            if _REAL.match(text):
                self.left = 0
                return True, False
            self._note(sentence)
            return True, True
        return True, False

    def _note(self, sentence: Sentence) -> None:
        named = (name_key(span.name) for span in name_spans(sentence))
        self.made_up.update(name for name in named if name not in self.known)

    def is_about_made_up(self, subject: str | None, other: str | None) -> bool:
        """Whether it is said of, or to somebody by, who is made up; what is known may have an
        object that is: "I watched Severance"."""
        if subject is None:
            return False
        key = name_key(subject)
        return key in self.made_up or (
            other is not None and key not in self.known and name_key(other) in self.made_up
        )
