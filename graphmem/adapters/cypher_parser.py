"""graphglot's Cypher parser, made to end.

It tries alternatives by going back, and each level of brackets doubles the work: 13 seconds were
seen for one line. Here every rule is tried once at each place and its outcome kept (Ford, "Packrat
parsing", ICFP 2002), which makes the work linear, and a ceiling bounds it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

_MOST_TRIES = 30_000
_one_at_a_time = threading.Lock()


class TooMuch(Exception):
    """The query takes too many tries to parse."""


def parse(text: str) -> list[Any]:
    """The trees of the statements in ``text``. Raises what graphglot raises, or :class:`TooMuch`.

    One at a time: while it works, graphglot changes the recursion limit of the whole process.
    """
    dialect, parser = _made()
    with _one_at_a_time:
        return [
            tree for tree in parser(dialect=dialect).parse(dialect.tokenize(text), text) if tree
        ]


@cache
def _made() -> tuple[Any, Any]:
    from graphglot.dialect import Dialect

    dialect: Any = Dialect.get_or_raise("neo4j")
    plain: Any = type(dialect.parser())

    wrapped: dict[Any, Callable[[Any], Any]] = {}

    class Packrat(plain):  # type: ignore[misc]
        """The dialect's parser with a memory of what each rule gave at each place."""

        def reset(self) -> None:
            super().reset()
            self._kept: dict[tuple[Any, int], tuple[Any, Exception | None, int, Any]] = {}

        def get_parser(self, rule: Any) -> Callable[[Any], Any]:
            if rule not in wrapped:
                wrapped[rule] = self._remembering(rule, super().get_parser(rule))
            return wrapped[rule]

        def _remembering(self, rule: Any, inner: Callable[[Any], Any]) -> Callable[[Any], Any]:

            def once(parser: Any) -> Any:
                place = (rule, parser._index)
                if place not in parser._kept:
                    if len(parser._kept) >= _MOST_TRIES:
                        raise TooMuch
                    parser._kept[place] = _outcome(inner, parser)
                value, error, index, quantifier = parser._kept[place]
                parser._retreat(index)
                if error is not None:
                    raise error
                if quantifier is not None:
                    # An edge leaves its *1..3 here for the pattern around it to pick up.
                    parser._pending_varlen_quantifier = quantifier
                return value

            return once

    return dialect, Packrat


def _outcome(rule: Callable[[Any], Any], parser: Any) -> tuple[Any, Exception | None, int, Any]:
    """What a rule gives here: its value or its error, where it ends, and what it leaves behind."""
    try:
        value = rule(parser)
    except TooMuch:
        raise
    except Exception as error:  # noqa: BLE001 - kept, and raised again by whoever asked
        return None, error, parser._index, None
    return value, None, parser._index, getattr(parser, "_pending_varlen_quantifier", None)
