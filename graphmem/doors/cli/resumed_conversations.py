"""Conversations that have grown since they were ingested: only their new messages are added.

People export the same chat every week. An item of messages that is not known as a whole is looked
for by its beginnings; after the longest one that is known, the rest is added under the key of the
whole, by which the next export finds it in turn.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from graphmem.errors import UsageError
from graphmem.importers import Conversation, Item

if TYPE_CHECKING:
    from graphmem import Memory

LOOKUP_WINDOW = 1024
"""Items that are looked up at once, before any of them is added."""
_WINDOW_SIZE = 8 << 20
"""Characters of these, about."""

_Place: TypeAlias = tuple[str | None, str | None, str | None]


def windows(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Items in order, some at a time; what was read before an error comes before it."""
    window: list[Item] = []
    size = 0
    try:
        for item in items:
            window.append(item)
            size += _size(item)
            if len(window) >= LOOKUP_WINDOW or size >= _WINDOW_SIZE:
                yield window
                window, size = [], 0
    except UsageError:
        if window:
            yield window
        raise
    if window:
        yield window


def only_new(memory: Memory, window: Sequence[Item]) -> list[Item]:
    """The same items, each conversation without the messages that are stored, or that an earlier
    item of the window adds. Asks the memory twice for each scope: which items it knows as a whole,
    and which beginnings of the others."""
    added: dict[_Place, set[str]] = {}
    for place, items in _by_place(window).items():
        wholes = {item["idempotency_key"]: item for item in items}
        known = added[place] = _known(memory, place, wholes)
        begun = [item.beginnings() for key, item in wholes.items() if key not in known]
        known |= _known(memory, place, [key for keys in begun for key in keys])
    return [_rest(item, added) for item in window]


def _rest(item: Item, added: dict[_Place, set[str]]) -> Item:
    """The item without its longest beginning whose key is in ``added``; adds its own key there."""
    place = _place(item)
    if not isinstance(item, Conversation) or place is None:
        return item
    here, key = added[place], item["idempotency_key"]
    if key in here:
        return item
    here.add(key)
    begun = item.beginnings()
    count = next((n for n in range(len(begun), 0, -1) if begun[n - 1] in here), 0)
    return item.after(count) if count else item


def _known(memory: Memory, place: _Place, keys: Collection[str]) -> set[str]:
    if not keys:
        return set()
    user_id, agent_id, run_id = place
    try:
        return set(memory.known_keys(keys, user_id=user_id, agent_id=agent_id, run_id=run_id))
    except UsageError:
        if not any(place):
            raise
        return set()  # an item names a scope that is none: telling it says so, and which it is


def _by_place(items: Iterable[Item]) -> dict[_Place, list[Conversation]]:
    found: dict[_Place, list[Conversation]] = {}
    for item in items:
        if isinstance(item, Conversation) and (place := _place(item)):
            found.setdefault(place, []).append(item)
    return found


def _place(item: Item) -> _Place | None:
    """The scope that an item names itself; None for what is none."""
    user_id, agent_id, run_id = (item.get(name) for name in ("user_id", "agent_id", "run_id"))
    ids = (user_id, agent_id, run_id)
    return ids if all(id is None or isinstance(id, str) for id in ids) else None


def _size(item: Item) -> int:
    content = item["content"]
    return len(content) if isinstance(content, str) else sum(len(m["content"]) for m in content)
