"""Which loaded statements are folded together: those of conflict groups that hang together."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from graphmem.belief.conflict_groups import GroupKey
from graphmem.belief.snapshot import Snapshot

_NONE: frozenset[str] = frozenset()


def components(snapshot: Snapshot, keys: Sequence[GroupKey]) -> list[frozenset[str]]:
    """The ids of the statements that can touch those of these groups, disjoint sets of them."""
    return [frozenset(one) for one in _Components(snapshot).of(keys)]


class _Components:
    """Sets of statements while they grow together: what it takes to join two is the smaller."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._found: dict[int, set[str]] = {}
        """By number, in order: what is joined has the number of what joined it."""
        self._joined: dict[int, int] = {}
        """A number that is no more -> the one that it was joined into."""
        self._place: dict[str, int] = {}
        """Statement -> a number of its set."""
        self._whole: set[GroupKey] = set()
        self._by_subject: dict[tuple[str, str], list[str]] | None = None

    def of(self, keys: Sequence[GroupKey]) -> Collection[set[str]]:
        for number, key in enumerate(keys):
            if not self._is_linked(key):
                own = self._component(key)
                if own:
                    self._join(number, own)
        return self._found.values()

    def _join(self, number: int, own: Collection[str]) -> None:
        touched = {self._number(self._place[id]) for id in own if id in self._place}
        sets = [self._found.pop(one) for one in sorted(touched)]
        whole = max(sets, key=len, default=set())
        for one in sets:
            if one is not whole:
                whole |= one
        whole.update(own)
        self._joined |= dict.fromkeys(touched, number)
        self._place |= {id: number for id in own if id not in self._place}
        self._found[number] = whole

    def _number(self, number: int) -> int:
        trail = []
        while number in self._joined:
            trail.append(number)
            number = self._joined[number]
        self._joined |= dict.fromkeys(trail, number)
        return number

    def _is_linked(self, key: GroupKey) -> bool:
        """Whether a symmetric single-valued group hangs together with one that was found."""
        behaviour = self._snapshot.types.behaviour(key[0] or None)
        if not (behaviour.single_valued and behaviour.symmetric):
            return False
        # Found sets are whole: one that has one of them has all.
        return not self._place.keys().isdisjoint(self._snapshot.groups.get(key, _NONE))

    def _component(self, key: GroupKey) -> Collection[str]:
        snapshot = self._snapshot
        type, *ends = key
        behaviour = snapshot.types.behaviour(type or None)
        own = snapshot.groups.get(key, _NONE)
        if type and not behaviour.single_valued:
            if not ends[1]:
                return own.union(self._of_every_object(type, ends[0]))
            subjects = ends if behaviour.symmetric else ends[:1]
            return own.union(*(self._of_all((type, end, "")) for end in subjects))
        return self._linked(key) if type and behaviour.symmetric else own

    def _of_all(self, key: GroupKey) -> Collection[str]:
        """What speaks of every object. It hangs together: once it was found one of it is enough."""
        own = self._snapshot.groups.get(key, _NONE)
        if key in self._whole:
            return [next(iter(own))]
        if own:
            self._whole.add(key)
        return own

    def _of_every_object(self, type: str, end: str) -> Sequence[str]:
        """Every object of a subject and type, for what speaks of them all."""
        if self._by_subject is None:
            self._by_subject = {}
            for key, ids in self._snapshot.groups.items():
                if key[0]:
                    both = key[1:] if self._snapshot.types.symmetric(key[0]) else key[1:2]
                    for one in dict.fromkeys(both):
                        self._by_subject.setdefault((key[0], one), []).extend(ids)
        return self._by_subject.get((type, end), ())

    def _linked(self, key: GroupKey) -> set[str]:
        """All that hang together of a symmetric single-valued relation: Ada-Bob, Bob-Carol."""
        found: set[str] = set()
        seen, near = {key}, [key]
        while near:
            ids = {id for one in near for id in self._snapshot.groups.get(one, _NONE)} - found
            found |= ids
            near = [one for one in self._snapshot.keys_of(ids) if one not in seen]
            seen.update(near)
        return found
