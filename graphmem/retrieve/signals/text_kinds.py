"""What kinds of text the candidates are, which decides how much each signal counts.

Where people talk with each other, what stands beside a turn and its whole session tell what it is
about. Who asks an assistant says all of it in one message, and gets a long reply that repeats the
question. A passage stands for itself, and what is named in it leads to others. Most memories are of
one kind; where they are not, each kind counts by its share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from graphmem.model.stored import MACHINE_ROLES
from graphmem.retrieve.candidates.text_analysis import AnalysedText

TEXT_KINDS = ("conversation", "chat", "passage")
"""People who talk with each other; one person's messages, with an assistant's replies or without;
prose."""

_LONG = 25  # words, stop words not counted, from which on a text is prose
_MOSTLY = 0.5
_OTHERS = 0.25
"""Of the turns that people speak, so many by others than whoever speaks most are a conversation."""


def kind_shares(texts: Sequence[AnalysedText], passages: NDArray[np.bool_]) -> Mapping[str, float]:
    """What share of the turns among these texts is of each kind; ``passages`` says which are. What
    people say is conversation as far as several of them speak."""
    turns = [text.turn for text in texts if text.turn is not None]
    prose = int(passages.sum())
    spoken = Counter(
        text.turn.speaker
        for text, passage in zip(texts, passages, strict=True)
        if text.turn is not None and not passage and text.turn.role not in MACHINE_ROLES
    )
    people = sum(spoken.values())
    others = people - max(spoken.values(), default=0)
    count = max(len(turns), 1)
    talk = people / count * min(1.0, others / (_OTHERS * people)) if people else 0.0
    return {"conversation": talk, "passage": prose / count, "chat": 1 - talk - prose / count}


def passages_among(texts: Sequence[AnalysedText]) -> NDArray[np.bool_]:
    """Which of these are passages: turns by one voice alone in their episode, with a title, or long
    where that voice mostly does not speak of "I" and "you".

    In conversations and short notes what is named hardly ever links what is said: there the graph
    costs more than it brings (measured on LoCoMo). Facts are no passages: what they are from is.
    """
    likely = np.array(
        [bool(t.turn and (len(t.words) > _LONG or t.title)) for t in texts], dtype=np.bool_
    )
    if not likely.any():
        return likely
    voices: dict[str, set[tuple[str | None, str]]] = {}
    personal: dict[str, list[bool]] = {}
    titled: set[str] = set()
    for text in texts:
        if text.turn is not None:
            voices.setdefault(text.turn.episode_id, set()).add((text.turn.speaker, text.turn.role))
            personal.setdefault(text.turn.episode_id, []).append(text.personal)
            if text.title:
                titled.add(text.turn.episode_id)
    prose = {
        episode
        for episode, of_turns in personal.items()
        if len(voices[episode]) == 1
        and (episode in titled or sum(of_turns) < _MOSTLY * len(of_turns))
    }
    alone = [text.turn is not None and text.turn.episode_id in prose for text in texts]
    passages: NDArray[np.bool_] = likely & alone
    return passages
