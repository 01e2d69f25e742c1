"""Checks the lists of new nodes after a checkpoint.

A checkpoint that covers a changed list can give a node created since the last one the list of
another (Kuzu 0.11.3: 3 of 100 random histories). Only new nodes are affected, and only
by the checkpoint: before it they read right, and what is set again after it stays right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from graphmem.adapters.graph.cypher_files import statement_text
from graphmem.adapters.graph.kuzu.session import Session
from graphmem.adapters.graph.rows import Node

LIST_PROPERTIES: Mapping[str, Sequence[str]] = {
    "Episode": ("tags",),
    "Entity": ("aliases",),
    "Fact": ("entity_ids", "tags"),
}
"""The list properties of each label, in the order of ``get_…``, which returns them after the
scope."""

_read = partial(statement_text, "read.cypher")
_write = partial(statement_text, "write.cypher")


class ListChange(NamedTuple):
    """A list of an existing node, and what it is set to."""

    label: str
    id: str
    name: str
    value: list[str]


def set_list(session: Session, change: ListChange) -> None:
    text = _write("set_property").replace("LABEL", change.label).replace("PROPERTY", change.name)
    session.run(text, {"id": change.id, "value": change.value})


class NewLists:
    """The lists of the nodes created since the last checkpoint, and whether any list changed."""

    def __init__(self) -> None:
        self._lists: dict[tuple[str, str], dict[str, list[str]]] = {}
        self.at_risk = False
        """Whether the next checkpoint may give one of them a wrong list."""

    def note(self, created: Iterable[Node], changed: Iterable[ListChange]) -> None:
        """What a committed transaction created and changed."""
        for node in created:
            lists = {name: node.properties[name] for name in LIST_PROPERTIES[node.label]}
            self._lists[node.label, node.id] = lists
        for change in changed:
            self.at_risk = True
            if (known := self._lists.get((change.label, change.id))) is not None:
                known[change.name] = change.value

    def forget(self) -> None:
        """There was a checkpoint, or the graph is another."""
        self._lists.clear()
        self.at_risk = False

    def checkpoint(self, session: Session) -> None:
        """Checkpoint, and set the lists again that are wrong after it. No read may be in flight."""
        session.checkpoint()
        wrong = list(self._wrong(session)) if self.at_risk else []
        for change in wrong:
            set_list(session, change)
        if wrong:
            session.checkpoint()
        self.forget()

    def _wrong(self, session: Session) -> Iterator[ListChange]:
        for (label, id), lists in self._lists.items():
            for row in session.run(_read(f"get_{label.lower()}"), {"id": id}):
                for name, stored in zip(LIST_PROPERTIES[label], row[1:], strict=False):
                    if (stored or None) != (lists[name] or None):
                        yield ListChange(label, id, name, lists[name])
