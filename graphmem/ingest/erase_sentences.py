"""Removes sentences from an episode whose facts were erased.

The sentence that shares most words with a fact is taken to state it, and so are those that share
nearly as many. When none shares 30 % of the words (a model may have reworded it), the whole turn is
removed: too much is better than too little.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import replace

from graphmem.model import Entity, Episode, Turn
from graphmem.text import alias_keys, digest, name_keys_in, sentences, stem, words
from graphmem.text.outline import unwrapped

ERASED = "[erased]"
_LEAST, _NEARLY = 0.3, 0.8
_SMALL = frozenset(
    {"a", "an", "the", "i", "you", "he", "she", "it", "we", "they", "me", "my", "is", "are", "was"}
    | {"be", "been", "do", "has", "have", "had", "to", "of", "in", "on", "at", "for", "and", "not"}
)
_LONGEST_NAME = 8  # words


def without_sentences(episode: Episode, erased: Mapping[str | None, Collection[str]]) -> Episode:
    """The episode without the sentences that state these texts. ``erased`` lists the texts by the
    turn that stated them (None: any turn)."""
    every = {stated for texts in erased.values() for stated in texts}
    turns = []
    for turn in episode.turns:
        text, own = turn.text, {*erased.get(turn.id, ()), *erased.get(None, ())}
        for stated in sorted(every):
            text = _without(text, stated, stating=stated in own)
        turns.append(replace(turn, text=text))
    content = _content(episode, turns)
    return replace(
        episode,
        turns=tuple(turns),
        content=content,
        content_hash=digest(episode.kind, content),
        # Freed, so that the erased relation can be given again under its key.
        idempotency_key=None if episode.kind == "statements" else episode.idempotency_key,
    )


def no_longer_named(before: Turn, after: Turn, entities: Collection[Entity]) -> list[Entity]:
    """Those of the entities that the turn named ``before`` it was rewritten but not ``after``."""
    then, now = (
        frozenset(
            key
            for name in name_keys_in(turn.text, longest=_LONGEST_NAME)
            for key in alias_keys(name)
        )
        for turn in (before, after)
    )
    found = []
    for entity in entities:
        keys = {key for name in (entity.name, *entity.aliases) for key in alias_keys(name)}
        if not keys.isdisjoint(then) and keys.isdisjoint(now):
            found.append(entity)
    return found


def _without(text: str, stated: str, *, stating: bool) -> str:
    """The text without one fact. ``stating``: the turn is its source; if not, only sentences that
    repeat at least 80 % of its words are removed."""
    wanted = _stems(stated)
    whole = unwrapped(text)
    parts = sentences(whole)
    shared = [len(wanted & _stems(part)) / max(1, len(wanted)) for part in parts]
    most = max(shared, default=0.0)
    if most < _LEAST:
        return ERASED if stating else text
    least = _NEARLY * most if stating else _NEARLY
    gone = [part for part, share in zip(parts, shared, strict=True) if share >= least]
    for part in gone:
        whole = whole.replace(part, ERASED) if part != ERASED else whole
    return whole if gone else text


def _stems(text: str) -> frozenset[str]:
    every = words(text.replace(ERASED, ""))
    return frozenset(stem(word) for word in every if word not in _SMALL) or frozenset(every)


def _content(episode: Episode, turns: Collection[Turn]) -> str:
    """The episode's content, made of its rewritten turns."""
    if episode.kind == "messages":
        messages = [
            {"role": turn.role, "name": turn.speaker, "content": turn.text, "id": turn.source_id}
            for turn in turns
        ]
        kept = [{key: value for key, value in m.items() if value is not None} for m in messages]
        return json.dumps(kept, ensure_ascii=False)
    return "\n\n".join(turn.text for turn in turns) or ERASED
