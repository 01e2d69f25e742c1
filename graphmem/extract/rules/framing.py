"""What is told inside a film, a book, a game, a dream, a quotation or an example, and what somebody
else wrote or the writer took out: it is not so, or not of who speaks, and is not read for
relations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from graphmem.clock import MONTHS
from graphmem.extract.rules.names import FIRST_NAMES
from graphmem.extract.rules.tokenizer import Sentence
from graphmem.extract.rules.word_lists import (
    KIN,
    NOT_NAMES,
    PLACE_SUFFIXES,
    PLACES,
    WEEKDAYS,
    word_line,
    word_set,
)
from graphmem.model import Episode
from graphmem.text import name_key

_WORD = r"[^\W\d_a-z][\w'-]*"
_WORK = (
    r"(?:novel|book|film|movie|story|tale|series|sitcom|soap|show|drama|episode|game|campaign|play|"
    r"script|screenplay|comic|manga|anime|podcast|musical|opera|fanfic|fan\s+fiction|panto(?:mime)?|"
    r"nativity|sketch|advert|trailer|cartoon|ballet|ad|fairy\s?tale)"
)
_TITLES = "|".join(re.escape(title) for title in word_line("played_and_shown").split("|"))
_INSIDE = re.compile(
    r"\b(?:in|for\s+(?=\w+\s+(?:novel|book|story|script|screenplay|campaign)))\s*"
    rf"(?:my|the|this|that|his|her|our)\s+(?:[\w-]+\s+){{0,2}}?{_WORK}\b"
    r"(?!\s+(?:club|industry|business|festival|studio|company|crew|department|shop|store|room))|"
    r"\b(?:dreamt|dreamed|nightmare|(?:had|in)\s+(?:a|the|my|this)\s+(?:[\w-]+\s+)?dream|daydream\w*)\b|"
    r"\b(?:protagonist|main\s+character|my\s+character|the\s+(?:hero|heroine|villain|plot)|"
    r"role-?play\w*|D&D|dungeons)\b|\bonce\s+upon\s+a\s+time\b|"
    rf"\b(?:in|on|of|from|with)\s+(?:{_TITLES})\b|\bmy\s+sims?\b|\bdream(?:\s+last\s+night)?\s*:|"
    r"\b(?:improv|murder\s+mystery)\b|\b(?:fancy\s+dress|hallowe'?en)\b.{0,40}\bI(?:'m|\s+am|\s+was)\b|"
    r"\b(?:hallowe'?en\s+(?:window|display|costume|outfit)\w*|nativity)\b[^:]{0,20}:|"
    r"(?:^|\bin\s+)(?:the\s+)?(?:chapter|act|scene|episode|season|series)\s+(?:\d|one\b|two\b|three\b|"
    r"four\b|five\b|six\b)|"
    rf"\b(?:best|worst|greatest)\s+{_WORK}\s+ever\b|"
    rf"^(?:my|the|our)\s+(?:[\w-]+\s+)?{_WORK}(?:\s+so\s+far)?\s*:|"
    rf"\b(?:my|the|this|that|a)\s+(?:[\w-]+\s+)?{_WORK}\s+(?:is\s+|was\s+)?"
    r"(?:about(?!\s+to\b)|set\s+in|where|in\s+which)\b|\bschool\s+of\s+hard\s+knocks\b|\buniversity\s+of\s+life\b|"
    r"\bfrom\s+another\s+mother\b",
    re.IGNORECASE,
)
"""A sentence with one of these tells nothing of the world."""
_SHOWN = re.compile(
    rf"\b(?:[Ww]rote|[Ww]riting|[Dd]rafting)\s+(?:a|my|another)\s+(?:[\w-]+\s+){{0,2}}{_WORK}\b|"
    r"(?:^[Aa]t|\b(?:[Ww]ent|[Bb]een|[Nn]ight|[Ee]vening))\s+(?:at|to)?\s*the\s+(?:[\w-]+\s+)?"
    r"(?:opera|theatre|theater|cinema|ballet|panto\w*|pictures|movies)\b|"
    r"^(?:[Jj]ust\s+)?[Ff]inished(?:\s+[^\W\d_a-z][\w']*){1,5}\s*[.!]?$|"
    r"^(?:[Rr]ead|[Ff]inished)\s+The\s+[A-Z]\w+(?!'s)|"
    r"\b(?:[Ww]atched|[Ww]atching|[Rr]ewatched|[Bb]inged|[Bb]inging)\s+(?:the\s+)?[^\W\d_a-z]\w*(?!'s|\w|\s+and\s+I\b)|"
    r"(?:^(?:[Rr]e-?)?[Rr]eading|\b(?:re-?)?reading|\b[Rr]e-?read)\s+(?:the\s+)?[^\W\d_a-z]\w*(?!'s|\w)|"
    r"\b(?:[Ww]atched|[Ww]atching|[Ff]inished|[Rr]eading|[Rr]e-?read|[Rr]ead|[Ss]aw|[Bb]inged)\s+"
    rf'(?:"[^"]+"|(?:a|the|this|that|my|another)\s+(?:[\w-]+\s+){{0,3}}?(?:{_WORK}|one)\b)'
)
"""What was seen or read: what follows may be what happens in it."""
_MAYBE_SHOWN = re.compile(
    rf"^(?:[A-Z]\w+:\s+)?(?:so\s+|and\s+)?[Ii]n\s+(?P<title>(?:The\s+)?{_WORD}(?:\s+{_WORD}){{0,2}}),?\s+"
    rf"(?=(?:the|all|every\w*|he|she|they)(?:'re|'s)?\s|{_WORD}(?:\s+{_WORD})?(?:'s|\s+[a-z]))|"
    rf"^{_WORD}(?:\s+{_WORD}){{0,3}}\s+is\s+(?:back\s+)?on(?:\s+(?:again|tonight|telly|TV|Netflix))?\s*[.!]?$|"
    rf"^[Ll]oved\s+the\s+new\s+{_WORD}"
)
"""What may be the title of a series: "in Industry the bosses are mad". Whoever is told of behind it
may be of the series; the speaker is not."""
_PLAYED = re.compile(
    rf"\b(?:play(?:s|ing|ed)?|understud\w+|cast\s+as)\s+(?P<who>{_WORD})\b(?!'s|\s+at\b)"
)
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
_FIGURES = word_set("figures_of_fiction")
_KIN = frozenset(type for type, _ in KIN.values())
_LIFE = _KIN | {"lives_in", "works_at", "works_as", "born_in", "comes_from", "owns"}
"""What is told of a figure; a project may be called Prospero, and a cat Gandalf."""
_NO_TITLE = PLACES | NOT_NAMES | {*MONTHS, *WEEKDAYS}
_DOUBLE = re.compile(r'"[^"\n]{12,1000}"')
_SINGLE = re.compile(
    r"(?:(?<=^)|(?<=[\s(:]))'[A-Z][^'\n]{0,400}(?:'\w[^'\n]{0,400}){0,8}'(?=$|[\s.,;:!?)])",
    re.MULTILINE,
)
_SPEECH = word_set("verb_like") | {"lives", "works", "owns", "said", "i", "we", "he", "she", "they"}
_KIDDING = re.compile(
    r"^april\s+fools?\b|\b(?:(?:just|only)\s+(?:kidding|joking)|jk|april\s+fools?)\W*$",
    re.IGNORECASE,
)
_WAS_A_JOKE = re.compile(
    r"\W*(?:(?:haha|lol|no|ok|okay|relax|sorry),?\s+)?(?:(?:that|this|it)(?:'s|\s+was|\s+is)\s+(?:just\s+|only\s+)?(?:a|my)\s+joke"
    r"|(?:i'?m|i\s+am|i\s+was|was)?\s*(?:just\s+|only\s+|totally\s+)?(?:kidding|joking)|jk|just\s+messing|not\s+really)"
    r"(?:\s+(?:guys|obviously|lol|haha|of\s+course|everyone|btw))?\W*$",
    re.IGNORECASE,
)
_SHORT = 200
"""Characters of a turn of which all is a joke where it says so."""
_GONE = " \u2026 "
_TO_BE_DONE = re.compile(r"^[ \t]*[-*+][ ]\[[ ]\].*", re.MULTILINE)
"""A task, which a note's reader knows of."""
_ONESELF = frozenset({"me", "i", "myself"})
_TURN_ENDS = "\0"
_BLANK = f" \t{_TURN_ENDS}"
_MAY_BE_OTHERS = re.compile(
    r"<!--|%%|~~|^[ \t]*(?:>|[-*+][ ]\[[ ]\]|-{2,}|begin[ ]+forwarded|on[ ].{6,200}[ ]wrote:|"
    r"\*{0,2}(?:from|von|de|da):)|:\*{0,2}[ ]+(?:[\w',]+[ ]+){0,2}(?:I|we)\b",
    re.IGNORECASE | re.MULTILINE,
)
_DISCARDED = re.compile(r"%%[^%]{1,5000}%%|~~[^~\n]{1,2000}~~")
"""A comment of Obsidian; what is struck out."""
_PASSED_ON = re.compile(
    r"[ \t]*(?:-{2,}\s*(?:original|forwarded)\s+(?:message|mail|e-?mail)\s*-{2,}"
    r"|begin\s+forwarded\s+message:)\s*",
    re.IGNORECASE,
)
_WROTE = re.compile(r"[ \t]*On\s.{6,200}\swrote:\s*")
_MAIL_FROM = re.compile(r"[ \t]*\*{0,2}(?:From|Von|De|Da):\*{0,2}\s*(?P<who>\S.*)")
_MAIL_HEAD = re.compile(
    r"[ \t]*\*{0,2}(?:Sent|Date|To|Cc|Bcc|Reply-To|Message-ID|MIME-Version|Content-[\w-]+|"
    r"Gesendet|Datum|An|Envoyé|À|Inviato|A|(?P<subject>Subject|Betreff|Objet|Oggetto)):\*{0,2}(?:\s.*)?"
)
_SPOKEN_BY = re.compile(
    r"[ \t]*(?:[-*][ ]+)?"
    r"(?P<at>\[[^\[\]\n]{4,30}\][ ]*|[\d/.-]{6,10},?[ ]\d{1,2}:\d\d[^\n:]{0,8}[ ]-[ ])?"
    r"\*{0,2}(?P<who>[^\W\d_a-z][\w'-]*(?:[ ][^\W\d_a-z][\w'-]*){0,2}):\*{0,2}[ ]+"
    r"(?:[\w',]+[ ]+){0,2}(?:I|[Ww]e)(?:['’]\w+)?[ ]"
)
"""A line of a chat: somebody's name, and that they say "I"."""
_NEXT_PART = re.compile(r"[ \t]*(?:#{1,6}\s.*|-{3,}\s*)")


def is_joke(text: str) -> bool:
    """Whether a turn takes back what it says: "I got the job! Just kidding"."""
    return len(text) <= _SHORT and _KIDDING.search(text) is not None


def was_a_joke(text: str) -> bool:
    """Whether a turn takes back what its speaker said in the one before: "That was a joke"."""
    return len(text) <= _SHORT and _WAS_A_JOKE.match(text) is not None


def without_quotes(text: str) -> str:
    """A text without what it quotes, titles left in: a quoted sentence is somebody else's."""
    if '"' not in text and "'" not in text:
        return text
    return _SINGLE.sub(_blank, _DOUBLE.sub(_blank, text))


def own_words(episode: Episode, speakers: dict[int, str | None]) -> list[str]:
    """Of each turn what its speaker says: without comments, what is struck out or still to be done,
    lines that are quoted with a ``>``, what others say in a chat, and mail of theirs below its
    head."""
    texts = [turn.text for turn in episode.turns]
    if not any(map(_MAY_BE_OTHERS.search, texts)):
        return texts
    writers = [speakers.get(turn.ordinal) for turn in episode.turns]
    if episode.kind == "text" and texts:  # what is of somebody else may be several paragraphs
        whole = f"\n{_TURN_ENDS}\n".join(texts)
        return _own(whole, writers[0]).split(f"\n{_TURN_ENDS}\n")
    happened = (_TO_BE_DONE.sub("", text) for text in texts)
    return [_own(text, writer) for text, writer in zip(happened, writers, strict=True)]


def _own(text: str, writer: str | None) -> str:
    plain = _DISCARDED.sub(lambda match: _ends_in(match.group()), _without_comments(text))
    return "\n".join(_own_lines(plain.split("\n"), writer))


def _without_comments(text: str) -> str:
    kept: list[str] = []
    at = 0
    while (begin := text.find("<!--", at)) >= 0 and (end := text.find("-->", begin)) >= 0:
        kept += text[at:begin], _ends_in(text[begin:end])
        at = end + len("-->")
    return "".join((*kept, text[at:]))


def _ends_in(text: str) -> str:
    """The ends of turns alone."""
    return f"\n{_TURN_ENDS}\n" * text.count(_TURN_ENDS)


def _own_lines(lines: list[str], writer: str | None) -> Iterator[str]:
    others, at = False, 0
    while at < len(lines):
        line = lines[at]
        at += 1
        kept = ""
        if line == _TURN_ENDS:
            kept = line
        elif (sent := _MAIL_FROM.fullmatch(line)) and (head := _mail_head(lines, at, sent["who"])):
            others = not _is_writer(sent["who"], writer)
            at += head
        elif _PASSED_ON.fullmatch(line):
            others = True
        elif _WROTE.fullmatch(line):
            below = next(
                (one for n in range(at, len(lines)) if (one := lines[n].strip(_BLANK))), ""
            )
            others = not below.startswith(">")
        else:
            others = others and not _NEXT_PART.fullmatch(line)
            foreign = others or line.lstrip().startswith(">") or _is_anothers(line, writer)
            kept = "" if foreign else line
        yield kept


def _is_anothers(line: str, writer: str | None) -> bool:
    """Whether it is what somebody else says in a chat that was pasted."""
    match = _SPOKEN_BY.match(line)
    if match is None or (not match["at"] and match["who"].split()[0].lower() not in FIRST_NAMES):
        return False
    who = set(name_key(match["who"]).split())
    return not who <= set(name_key(writer or "").split()) | _ONESELF


def _mail_head(lines: list[str], at: int, sender: str) -> int:
    """How many lines of a mail's head follow that with its sender; none if it is no mail's."""
    found: list[re.Match[str]] = []
    while at < len(lines) and (match := _MAIL_HEAD.fullmatch(lines[at])):
        found.append(match)
        at += 1
    mail = "@" in sender or any(match["subject"] for match in found)
    return len(found) if mail else 0


def _is_writer(sender: str, writer: str | None) -> bool:
    return bool(writer) and set(name_key(writer or "").split()) <= set(name_key(sender).split())


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
    maybe_left: int = 0
    in_costume: bool = False

    def begin_turn(self) -> None:
        self.left, self.maybe_left, self.in_costume = 0, 0, False

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
        played = _PLAYED.search(text)
        if played is not None and played["who"].lower() in FIRST_NAMES:
            self._made_up(played["who"])
        if self._may_be_shown(text):
            self.maybe_left = _LASTS
        if self.in_costume and _NOBODY.match(text):
            return False, False
        self.in_costume = _COSTUME.search(text) is not None
        return True, self._goes_on(sentence)

    def _goes_on(self, sentence: Sentence) -> bool:
        """Whether what was seen or read may still be told of: then only the speaker is real."""
        real = _REAL.match(sentence.text) is not None
        lasts = self.left > 0
        if lasts and not real:
            self._note(sentence)
        self.left = 0 if real else max(0, self.left - 1)
        self.maybe_left = 0 if real else max(0, self.maybe_left - 1)
        return not real and (lasts or self.maybe_left > 0)

    def _may_be_shown(self, text: str) -> bool:
        match = _MAYBE_SHOWN.search(text)
        if match is None or match["title"] is None:
            return match is not None
        key = name_key(match["title"])
        last = key.rpartition(" ")[2]
        return key not in self.known | _NO_TITLE and last not in PLACE_SUFFIXES | _NO_TITLE

    def _note(self, sentence: Sentence) -> None:
        for span in sentence.name_spans:
            self._made_up(span.name)

    def _made_up(self, name: str) -> None:
        if (key := name_key(name)) not in self.known:
            self.made_up.add(key)

    def is_about_made_up(self, subject: str | None, type: str | None, other: str | None) -> bool:
        """Whether it is said of, or to somebody by, who is made up; what is known may have an
        object that is: "I watched Severance"."""
        if subject is None:
            return False
        key = name_key(subject)
        named = f"{key} {name_key(other or '')}" if type in _KIN else key
        if type in _LIFE and not _FIGURES.isdisjoint(named.split()) and key not in self.known:
            return True
        return key in self.made_up or (
            other is not None and key not in self.known and name_key(other) in self.made_up
        )
