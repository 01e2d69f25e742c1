"""The words, numbers and dates of an episode, to hold candidates against."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from graphmem.extract.llm.grounded_dates import DatedText
from graphmem.extract.llm.hidden_text import without_instructions
from graphmem.extract.llm.request import speakers_of, turns_or_content
from graphmem.model import Entity, Episode
from graphmem.text import fold, name_keys, stem, words
from graphmem.text.nicknames import formal_names, is_given_name

_NEARBY = 3
"""Turns before and after one that states something, to which its numbers and dates may belong."""
_MEAN_THE_SAME = tuple(
    frozenset(group.split())
    for group in (
        "mum mom mother mama mummy ma parent parents",
        "dad father papa daddy pa parent parents",
        "gran granny grandma grandmother nan nana",
        "grandad granddad grandpa grandfather",
        "bro brother sibling siblings",
        "sis sister sibling siblings",
        "kid kids child children son daughter baby boy girl toddler",
        "wife spouse husband partner married hubby fiance fiancee engaged",
        "girlfriend gf partner dating",
        "boyfriend bf partner dating",
        "mate friend pal buddy",
        "boss manager",
        "dog puppy pup collie",
        "cat kitten kitty",
        "flat apartment",
        "phone number mobile",
        "uk britain england british english",
        "us usa america american",
        "france french",
        "norway norwegian",
        "sweden swedish",
        "finland finnish",
        "scotland scottish scots",
        "germany german",
        "netherlands holland dutch",
        "wales welsh",
        "switzerland swiss",
        "denmark danish",
        "turkey turkish",
        "poland polish",
        "spain spanish",
        "greece greek",
        "ireland irish",
        "vegan veganism",
        "vegetarian veggie meat",
        "deadline due finish finishes finished",
        "teacher teach teaching taught",
        "doctor dr gp physician",
        "university uni college",
        "photo photography picture",
        "bike bicycle cycling",
        "dev developer programmer software",
    )
)


@dataclass
class EpisodeWords:
    """What the turns of an episode say, and by whom, as words and as dated texts. A word stands
    there in whatever form, a name also by a short form, its first letters or misspelt."""

    turns: tuple[DatedText, ...]
    text: str
    """Every word, folded, with a blank on both sides."""
    raw: str
    spoken: str
    """The turns as they are written."""
    words: frozenset[str]
    known: frozenset[str]
    """Keys of entities that are named."""
    capitals: float
    order: dict[int, int]
    """Place of each turn by its ordinal."""
    stems: frozenset[str] = field(init=False)
    _alike: dict[str, list[str]] = field(default_factory=dict)
    _initials: str = ""
    _formal: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.stems = frozenset(map(stem, self.words))
        for word in self.words:
            self._alike.setdefault(word[:1], []).append(word)
            if is_given_name(word):
                self._formal.update(formal_names(word))

    @classmethod
    def of(cls, episode: Episode, known: Sequence[Entity]) -> EpisodeWords:
        speakers = speakers_of(episode)
        turns = turns_or_content(episode)
        texts = [without_instructions(turn.text) for turn in turns]
        dated = tuple(
            DatedText(text, (turn.occurred_at or episode.occurred_at,))
            for turn, text in zip(turns, texts, strict=True)
        )
        scope = episode.scope
        names = [*dict.fromkeys(speakers.by_turn.values()), scope.called, scope.agent_id]
        names += [scope.user_id, *(str(v) for v in (episode.metadata or {}).values())]
        names += [n for entity in known for n in (entity.name, *entity.aliases)]
        spoken = "\n".join(texts)
        everything = " ".join((spoken, *(str(name) for name in names if name)))
        found = words(everything)
        capital = re.findall(r"(?<=[a-z,] )[^\W\d_]\w+", spoken)
        return cls(
            turns=dated,
            text=f" {' '.join(found)} ",
            raw=fold(everything),
            spoken=spoken,
            words=frozenset(found),
            known=frozenset(k for e in known for n in (e.name, *e.aliases) for k in name_keys(n)),
            capitals=sum(word[0].isupper() for word in capital) / max(20, len(capital)),
            order={turn.ordinal: place for place, turn in enumerate(turns)},
            _initials="".join(word[0] for word in found),
        )

    def near(self, ordinals: Sequence[int]) -> DatedText:
        """The turns that state something, and those around them; of none given, all."""
        at = [self.order[ordinal] for ordinal in ordinals if ordinal in self.order]
        if not at or len(self.turns) == 1:
            places: Iterable[int] = range(len(self.turns))
        else:
            near = {n for one in at for n in range(one - _NEARBY, one + _NEARBY + 1)}
            places = sorted(near.intersection(range(len(self.turns))))
        chosen = [self.turns[n] for n in places]
        stated = [self.turns[n] for n in at] or chosen
        moments = dict.fromkeys(moment for turn in stated for moment in turn.stated_at)
        return DatedText("\n".join(turn.text for turn in chosen), tuple(moments))

    def names_a_part(self, entity: Entity) -> bool:
        """Whether the text calls an entity by the first or last word of its name."""
        parts = [part for part in entity.name.split() if len(part) > 1]
        own = [part for part in parts[:1] + parts[1:][-1:] if fold(part) in self.words]
        return any(
            entity.kind in {"person", "animal"} or re.search(rf"\b{re.escape(part)}\b", self.spoken)
            for part in own
        )

    def introduces(self, name: str) -> bool:
        """Whether somebody says that this is their name."""
        key = re.escape(" ".join(words(name)))
        return bool(
            re.search(rf" (?:my name is|my name's|i am|i'm|call me|this is) {key} ", self.text)
        )

    def has(self, word: str) -> bool:
        """Whether a folded word stands in the text, in some form of it."""
        if word in self.words or stem(word) in self.stems:
            return True
        if any(word in group and not group.isdisjoint(self.words) for group in _MEAN_THE_SAME):
            return True
        given = is_given_name(word)
        if given and not self._formal.isdisjoint(formal_names(word)):
            return True
        return any(_one_word(word, other, given) for other in self._alike.get(word[:1], ()))

    def abbreviates(self, tokens: Sequence[str]) -> bool:
        """Whether a name of several words stands there by its first letters, or the reverse."""
        if len(tokens) > 1:
            return "".join(token[0] for token in tokens).lower() in self.words
        short = tokens[0]
        return 3 <= len(short) <= 6 and short.isupper() and short.lower() in self._initials


def _one_word(one: str, other: str, given: bool) -> bool:
    """Whether two words that begin alike are forms of one, or one a misspelling of the other."""
    if given and is_given_name(other):
        return False
    shorter = min(len(one), len(other))
    shared = next((n for n in range(shorter) if one[n] != other[n]), shorter)
    named = given or is_given_name(other)
    if shared >= 4 and shared * 10 >= shorter * 7 and not named:
        return True
    if shared >= shorter - 1 and {one[-1], other[-1]} & set("aeo") and one[-1] != other[-1]:
        return False  # Maria is not Mario, nor Martina Martin
    return shorter >= 5 and abs(len(one) - len(other)) <= 1 and _one_slip(one, other, shared)


def _one_slip(one: str, other: str, shared: int) -> bool:
    """Whether they differ in one letter: another, one more, one less, or two that changed
    places."""
    a, b = one[shared:], other[shared:]
    return a[1:] == b[1:] or a[1:] == b or a == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
