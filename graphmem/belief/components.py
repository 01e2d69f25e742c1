"""Which loaded statements are folded together: those of conflict groups that hang together."""

from __future__ import annotations

from collections.abc import Sequence

from graphmem.belief.conflict_groups import GroupKey
from graphmem.belief.snapshot import Snapshot

_NONE: frozenset[str] = frozenset()


def components(snapshot: Snapshot, keys: Sequence[GroupKey]) -> list[frozenset[str]]:
    """The ids of the statements that can touch those of these groups, disjoint sets of them."""
    found: list[frozenset[str]] = []
    for key in keys:
        if _is_linked(snapshot, key, found):
            continue
        own = _component(snapshot, key)
        if own:
            apart = [one for one in found if one.isdisjoint(own)]
            found = [*apart, own.union(*(one for one in found if one not in apart))]
    return found


def _is_linked(snapshot: Snapshot, key: GroupKey, found: Sequence[frozenset[str]]) -> bool:
    """Whether a symmetric single-valued group hangs together with one that was found."""
    behaviour = snapshot.behaviour(key[0] or None)
    if not (behaviour.single_valued and behaviour.symmetric):
        return False
    own = snapshot.groups.get(key, _NONE)
    return any(own <= one for one in found)


def _component(snapshot: Snapshot, key: GroupKey) -> frozenset[str]:
    type, *ends = key
    behaviour = snapshot.behaviour(type or None)
    own = snapshot.groups.get(key, _NONE)
    if type and not behaviour.single_valued:
        if not ends[1]:
            return own | _of_every_object(snapshot, type, ends[0])
        subjects = ends if behaviour.symmetric else ends[:1]
        return own.union(*(snapshot.groups.get((type, end, ""), _NONE) for end in subjects))
    return _linked(snapshot, key) if type and behaviour.symmetric else own


def _of_every_object(snapshot: Snapshot, type: str, end: str) -> frozenset[str]:
    """Every object of a subject and type, for what speaks of them all."""
    symmetric = snapshot.types.symmetric(type)
    own = (
        ids
        for key, ids in snapshot.groups.items()
        if key[0] == type and (key[1] == end or (symmetric and end in key[1:]))
    )
    return _NONE.union(*own)


def _linked(snapshot: Snapshot, key: GroupKey) -> frozenset[str]:
    """All that hang together of a symmetric single-valued relation: Ada-Bob, Bob-Carol."""
    found, near, next_keys = _NONE, frozenset[GroupKey](), frozenset({key})
    while next_keys:
        near |= next_keys
        ids = _NONE.union(*(snapshot.groups.get(one, _NONE) for one in next_keys)) - found
        found |= ids
        next_keys = frozenset(snapshot.keys_of(ids)) - near
    return found
