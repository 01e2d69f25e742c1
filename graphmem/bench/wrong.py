"""Questions asked of the wrong memory, which holds no answer to them.

The questions about one conversation are asked of the next; where a set is one memory, it is cut in
two, with all that belongs to a question in one half, and each question is asked of the other.
Who talks to whom gives many of them away: so where people are named, they are asked a second time
with the names of those who talk in the other conversation.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from graphmem.bench.baselines import units_of_item
from graphmem.bench.dataset import Corpus, GoldQuestion

OTHER, RENAMED = "another memory", "names changed"
"""As they stand; with the names of the people who talk there."""
_A_PHRASE = 40
"""Characters up to which anybody may have said the same."""
_MACHINES = frozenset({"assistant", "system", "tool"})


@dataclass(frozen=True, slots=True)
class Misplaced:
    """A question (from corpus ``home``) and the corpus that it is asked of."""

    how: str
    question: GoldQuestion
    corpus: Corpus


def wrong_corpora(corpora: Sequence[Corpus]) -> Sequence[Corpus]:
    """The memories that questions are asked of wrongly: those of a set, or the halves of its only
    one."""
    return corpora if len(corpora) > 1 else halves(corpora[0])


def misplaced(corpora: Sequence[Corpus]) -> Iterator[Misplaced]:
    """Every question of every corpus that has an answer there, asked of the next."""
    for home, away in zip(corpora, [*corpora[1:], corpora[0]], strict=True):
        names = dict(zip(_speakers(home), _speakers(away), strict=False))
        for question in home.questions:
            if not question.gold and not question.gold_sessions:
                continue
            yield Misplaced(OTHER, question, away)
            renamed = _with_names(question.text, names)
            if renamed != question.text:
                yield Misplaced(RENAMED, replace(question, text=renamed), away)


def halves(corpus: Corpus) -> tuple[Corpus, Corpus]:
    """The first and the second half of a corpus. What belongs together stays together, as far as
    may be: the gold of a question, texts that are there twice, and what was put beside the gold."""
    side = _sides(corpus)
    item_of = _places(corpus)
    for question in corpus.questions:
        own = next((side[item_of[unit]] for unit in sorted(question.gold) if unit in item_of), 0)
        for unit in question.beside & item_of.keys():
            if not any(unit in other.gold for other in corpus.questions):
                side[item_of[unit]] = own
    return _half(corpus, item_of, side, 0), _half(corpus, item_of, side, 1)


def _sides(corpus: Corpus) -> list[int]:
    """The half of each item: that of the first item that it must stay together with."""
    item_of, count = _places(corpus), len(corpus.items)
    leader = list(range(count))

    def first(at: int) -> int:
        while leader[at] != at:
            at = leader[at]
        return at

    same: dict[str, set[int]] = {}
    for at, item in enumerate(corpus.items):
        for _, text in units_of_item(item):
            if len(text) > _A_PHRASE:
                same.setdefault(text, set()).add(at)
    gold = ({item_of[u] for u in q.gold if u in item_of} for q in corpus.questions)
    for together in (*same.values(), *gold):
        for at in together:
            one, other = first(at), first(min(together))
            leader[max(one, other)] = min(one, other)
    return [int(first(at) >= count / 2) for at in range(count)]


def _places(corpus: Corpus) -> dict[str, int]:
    """Which item holds each unit."""
    return {unit: at for at, item in enumerate(corpus.items) for unit, _ in units_of_item(item)}


def _half(corpus: Corpus, item_of: Mapping[str, int], side: Sequence[int], number: int) -> Corpus:
    id = f"{corpus.id}, half {number + 1}"
    items = tuple(
        {**item, "user_id": id} for at, item in enumerate(corpus.items) if side[at] == number
    )
    questions = tuple(
        question
        for question in corpus.questions
        if question.gold and {side[item_of[unit]] for unit in question.gold} == {number}
    )
    sessions = {
        unit: session
        for unit, session in corpus.session_of.items()
        if side[item_of[unit]] == number
    }
    return Corpus(id, items, questions, sessions)


def _speakers(corpus: Corpus) -> list[str]:
    """The people who talk, those who say most first."""
    names = Counter(
        str(message["name"])
        for item in corpus.items
        if not isinstance(item["content"], str)
        for message in item["content"]
        if message.get("name") and message.get("role") not in _MACHINES
    )
    return [name for name, _ in names.most_common()]


def _with_names(text: str, names: Mapping[str, str]) -> str:
    """A text with each of these names changed, all at once."""
    if not names:
        return text
    pattern = "|".join(rf"\b{re.escape(name)}\b" for name in sorted(names, key=len, reverse=True))
    return re.sub(pattern, lambda found: names[found[0]], text)
