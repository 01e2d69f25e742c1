"""What finds in a text what is not to be stored."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

Redactor: TypeAlias = Callable[[str], Iterable[tuple[str, int, int]]]
"""Given a text, what is not to be stored in it: of which kind each is, from where to where. It must
find the same in the same text, and is called in any thread, by several calls at once."""
