"""Links that let somebody in once, without a key to type."""

from __future__ import annotations

import secrets
import time

from graphmem.errors import Unauthenticated

_GOOD_FOR_S = 300.0
_MOST_CODES = 1000


class SignInCodes:
    """Codes that stand for a key once, for five minutes: a link in a list of processes, or in what
    a browser remembers, is worth nothing after."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[str, float]] = {}

    def add(self, key: str) -> str:
        """A new code for a key."""
        now = time.monotonic()
        self._keys = {code: kept for code, kept in self._keys.items() if kept[1] > now}
        while len(self._keys) >= _MOST_CODES:
            self._keys.pop(next(iter(self._keys)))
        code = secrets.token_urlsafe(32)
        self._keys[code] = key, now + _GOOD_FOR_S
        return code

    def take(self, code: str) -> str:
        """The key, which is not given again; :class:`~graphmem.errors.Unauthenticated`."""
        key, until = self._keys.pop(code, ("", 0.0))
        if until <= time.monotonic():
            raise Unauthenticated(
                "this link was used already, or is too old: `graphmem explore` makes a new one, "
                "or sign in with a key"
            )
        return key
