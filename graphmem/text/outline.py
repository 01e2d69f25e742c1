"""Where a text is cut into turns: paragraphs; and in lists one turn for each item, below the
headings and items that it stands under.

A heading or an item above others tells what those are about, so it stands in the text of each of
them and has no turn of its own. What is cut once more, its turns joined by blank lines, gives the
same turns.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from graphmem.text import blank, sentences, unix_lines

_WRAPPED_FROM, _WIDE = 40, 60
"""Characters of a line that may be wrapped, and of the widest in such a paragraph."""
_BLANK_LINES = re.compile(r"(\n[ \t]*\n+)")
_LABEL = re.compile(r"\W*[\w ]{1,24}:\s")
_GOES_ON = re.compile(
    r"(?:^|\W)(?:an?|and|are|as|at|be|been|but|by|for|from|ha[sd]|have|her|his|in|into|is|its|my|near|of|on|"
    r"or|our|than|that|the|their|these|this|to|was|were|which|who|whose|will|with|would|your)$",
    re.IGNORECASE,
)
"""The last word of a line that is no whole sentence."""
_FENCE = re.compile(r"\s*(?:```|~~~)")
_HEADING = re.compile(r"(#{1,6})[ \t]+\S")
_ITEM = re.compile(r"([ \t]*)(?:[-*+•]|\d{1,3}[.)])[ \t]+\S")
_TAB = 4
_MOST_ABOVE = 400
"""Characters of what stands above an item; the nearest count."""
_MOST_REPEATED, _ALWAYS = 4, 20_000
"""How often the length of a text, and how much in any case, may be repeated above items."""


@dataclass(frozen=True)
class _Line:
    text: str
    depth: int | None = None
    heading: bool = False


@dataclass
class _Item:
    depth: int
    lines: list[str]


def paragraphs(text: str, *, longest: int = 2000) -> list[str]:
    """Paragraphs (blank-line separated) and items of lists, of at most ``longest`` characters.

    A longer one is cut between sentences, a sentence longer than that between words.
    """
    text = unix_lines(text)
    if "\n" not in text and 0 < len(text) <= longest:
        return [] if blank(text) else [text.strip() if _depth(text) is None else text.rstrip()]
    outline = _Outline(longest, spare=_MOST_REPEATED * len(text) + _ALWAYS)
    for paragraph in _BLANK_LINES.split(text)[::2]:
        if not blank(paragraph):
            outline.read(paragraph.rstrip().lstrip("\n"))
    outline.close()
    return outline.turns


def lines_above(lines: Sequence[str]) -> int:
    """How many of a turn's first lines are headings and items that its own text stands below."""
    for at, (line, after) in enumerate(itertools.pairwise(lines)):
        if not (_HEADING.match(line) or _leads(line, after)):
            return at
    return max(0, len(lines) - 1)


def _leads(line: str, after: str) -> bool:
    below = _depth(after)
    if below is None:
        return False
    depth = _depth(line)
    return line.rstrip().endswith(":") if depth is None else depth < below


def _depth(line: str) -> int | None:
    """How far an item is indented; None for what is no item of a list."""
    match = _ITEM.match(line)
    return None if match is None else len(match[1].expandtabs(_TAB))


@dataclass
class _Outline:
    """Reads paragraphs in order; ``turns`` is what they come to."""

    longest: int
    spare: int
    """Characters of what stands above items that may still be repeated."""
    turns: list[str] = field(default_factory=list)
    headings: dict[int, str] = field(default_factory=dict)
    items: list[_Item] = field(default_factory=list)
    lead: str | None = None
    """The line that introduces a list, which may go on below."""
    waiting: list[str] = field(default_factory=list)
    """Paragraphs of headings alone, until it is known what stands below them."""
    fenced: bool = False

    def read(self, paragraph: str) -> None:
        lines = [self._line(line) for line in paragraph.split("\n")]
        plain = all(line.depth is None and not line.heading for line in lines)
        if self.items and plain and lines[0].text[:1] in {" ", "\t"}:
            self.items[-1].lines += [line.text for line in lines]  # it belongs to the item above
            return
        if self.items and lines[0].depth is None:
            self._end_list()
        above: list[_Line] = []
        for line in lines:
            if line.depth is not None:
                if above:
                    self._above_list(above)
                    above = []
                self.items.append(_Item(line.depth, [line.text.rstrip()]))
            elif self.items and not above and not line.heading:
                self.items[-1].lines.append(line.text.rstrip())
            else:
                above.append(line)
        if above:
            self._prose(above)

    def close(self) -> None:
        self._end_list()
        self._write_waiting()

    def _line(self, text: str) -> _Line:
        if _FENCE.match(text):
            self.fenced = not self.fenced
            return _Line(text)
        if self.fenced:
            return _Line(text)
        return _Line(text, _depth(text), _HEADING.match(text) is not None)

    def _prose(self, lines: list[_Line]) -> None:
        self._end_list()
        self._heads(lines)
        if all(line.heading for line in lines):
            self.waiting.append(_joined(lines))
            return
        if len(lines) == 1 and lines[0].text.rstrip().endswith(":"):
            self.lead = lines[0].text.strip()
        else:
            self._write_waiting()
            self._write(_joined(lines))

    def _above_list(self, lines: list[_Line]) -> None:
        """Lines right above a list: headings, and the sentence that introduces it."""
        self._end_list()
        self._heads(lines)
        lead = lines[-1].text.strip()
        if lead.endswith(":") and not lines[-1].heading:
            self.lead = lead
            lines = lines[:-1]
        if all(line.heading for line in lines):
            self.waiting += [_joined(lines)] if lines else []
        else:
            self._write_waiting()
            self._write(_joined(lines))

    def _heads(self, lines: list[_Line]) -> None:
        for line in lines:
            if line.heading:
                level = len(line.text) - len(line.text.lstrip("#"))
                self.headings = {at: one for at, one in self.headings.items() if at < level}
                self.headings[level] = line.text.strip()

    def _end_list(self) -> None:
        """Write the items that were read. Those that have others below them stand above those."""
        lead, self.lead = self.lead, None
        if not self.items:
            if lead is not None:  # it introduced nothing
                self._write_waiting()
                self._write(lead)
            return
        named = set(self.headings.values())
        self.waiting = [one for one in self.waiting if not named.issuperset(one.split("\n"))]
        self._write_waiting()
        above: list[_Item] = []
        head = [*self.headings.values(), *([lead] if lead else [])]
        for item, after in zip(self.items, [*self.items[1:], None], strict=True):
            while above and above[-1].depth >= item.depth:
                above.pop()
            if after is None or after.depth <= item.depth or len(item.lines) > 1:
                over = _nearest(head, above)
                self._write("\n".join(item.lines), over)
            above.append(item)
        self.items = []

    def _write_waiting(self) -> None:
        for heading in self.waiting:
            self._write(heading)
        self.waiting = []

    def _write(self, text: str, above: Sequence[str] = ()) -> None:
        over = "".join(f"{line}\n" for line in above)
        if len(over) > min(self.spare, self.longest // 2):
            over = ""
        self.spare -= len(over)
        # An item that is indented keeps its place below the others.
        own = text.strip() if _depth(text) is None else text.rstrip()
        self.turns += [over + piece for piece in _pieces(own, self.longest - len(over))]


def _joined(lines: Sequence[_Line]) -> str:
    return "\n".join(line.text for line in lines)


def _nearest(head: Sequence[str], above: Sequence[_Item]) -> list[str]:
    kept: list[str] = []
    size = 0
    for line in itertools.chain((one.lines[0] for one in reversed(above)), reversed(head)):
        size += len(line) + 1
        if size > _MOST_ABOVE:
            break
        kept.append(line)
    return kept[::-1]


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
    line = ""
    for part in parts:
        if line and len(line) + 1 + len(part) > longest:
            yield line
            line = part
        else:
            line = f"{line} {part}" if line else part
    if line:
        yield line


def unwrapped(text: str) -> str:
    """The text, a space for each line break inside a sentence, as mail, PDF files and some editors
    set them. A line of prose is wrapped when it ends with a word that ends no sentence ("lives
    in"); and in a paragraph that ends as sentences do, when none of its lines has room for the
    first word of the next (of two lines, when the second also begins with a small letter)."""
    parts = _BLANK_LINES.split(text)  # paragraphs, and what is between them
    parts[::2] = map(_unwrapped_paragraph, parts[::2])
    return "".join(parts)


def _unwrapped_paragraph(text: str) -> str:
    if "\n" not in text:
        return text
    lines = text.split("\n")
    pairs, width = list(itertools.pairwise(lines)), max(map(len, lines))
    several = len(pairs) > 1
    full = (
        width >= (_WRAPPED_FROM if several else _WIDE)
        and text.rstrip().endswith((".", "!", "?", "…"))
        and all(
            len(line.rstrip()) + len(after.split(maxsplit=1)[0]) >= width
            for line, after in pairs
            if after.strip()
        )
        and (several or lines[-1].strip()[:1].islower())
    )
    parts, prose = lines[:1], _is_prose(lines[0])
    for line, after in pairs:
        if prose and _is_wrapped(line, after, full=full):
            parts += [" ", after.lstrip()]
        else:
            parts += ["\n", after]
            prose = _is_prose(after)
    return "".join(parts)


def _is_prose(line: str) -> bool:
    """Whether it begins as a sentence does, behind the mark of a list too."""
    if item := _ITEM.match(line):
        line = line[item.end() - 1 :]
    first = line.strip()[:1]
    return (first.isupper() or first in "\"'“(") and "|" not in line and not _LABEL.match(line)


def _is_wrapped(line: str, after: str, *, full: bool) -> bool:
    """Whether a line goes on in the next. ``full``: it has no room for the next word."""
    if len(line) < _WRAPPED_FROM or line.endswith("  "):  # two spaces: a break that is meant
        return False
    if _ITEM.match(after) or _LABEL.match(after) or not after.strip()[:1].isalnum():
        return False
    return full or _GOES_ON.search(line.rstrip()[-8:]) is not None
