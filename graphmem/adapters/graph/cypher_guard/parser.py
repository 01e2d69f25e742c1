"""graphglot's Cypher parser, made to end, and soon.

It tries alternatives by going back, and each level of brackets doubles the work: 13 seconds were
seen for one line. Here every rule is tried once at each place and its outcome kept (Ford, "Packrat
parsing", ICFP 2002), which makes the work linear, and a ceiling bounds it.

Most tries fail at the first word or the second. What a rule looked at is watched, and a failure
that rests on these two alone is remembered for all queries.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

_MOST_TRIES = 20_000
_MOST_REMEMBERED = 50_000
_one_at_a_time = threading.Lock()


class TooMuch(Exception):
    """The query takes too many tries to parse."""


class _Outcome(NamedTuple):
    """What a rule gave at a place: its value or its error, where it ended, what it left behind,
    and the last token that it looked at."""

    value: Any
    error: Exception | None
    end: int
    quantifier: Any
    seen: int


def parse(text: str) -> list[Any]:
    """The trees of the statements in ``text``. Raises what graphglot raises, or :class:`TooMuch`.

    One at a time: while it works, graphglot changes the recursion limit of the whole process.
    """
    dialect, parser = _made()
    with _one_at_a_time:
        tokens = dialect.tokenize(text)
        # The one token that a rule looks for beyond what it says that it looks at.
        if any(token.token_type.name == "BYTE_STRING" for token in tokens):
            raise TooMuch
        return [tree for tree in parser(dialect=dialect).parse(tokens, text) if tree]


@cache
def _made() -> tuple[Any, Any]:
    from graphglot.dialect import Dialect

    plain: Any = type(Dialect.get_or_raise("neo4j").parser())
    dialect = _with_size(type(Dialect.get_or_raise("neo4j")))()

    wrapped: dict[Any, Callable[[Any], Any]] = {}
    hopeless: dict[tuple[Any, ...], Exception] = {}

    class Packrat(plain):  # type: ignore[misc]
        """The dialect's parser with a memory of what each rule gave at each place."""

        def reset(self) -> None:
            super().reset()
            self._kept: dict[tuple[Any, int], _Outcome] = {}
            self._seen = 0
            if len(hopeless) > _MOST_REMEMBERED:
                hopeless.clear()

        def _advance(self, times: int = 1) -> None:
            super()._advance(times)
            self._seen = max(self._seen, self._index + 1)

        def _peek_at(self, offset: int) -> Any:
            self._seen = max(self._seen, self._index + offset)
            return super()._peek_at(offset)

        def get_parser(self, rule: Any) -> Callable[[Any], Any]:
            if rule not in wrapped:
                wrapped[rule] = self._remembering(rule, super().get_parser(rule))
            return wrapped[rule]

        def _remembering(self, rule: Any, inner: Callable[[Any], Any]) -> Callable[[Any], Any]:

            def once(parser: Any) -> Any:
                place = (rule, parser._index)
                kept = parser._kept.get(place)
                if kept is None:
                    here = _here(rule, parser)
                    if here in hopeless:
                        raise hopeless[here].with_traceback(None)  # or it would grow
                    if len(parser._kept) >= _MOST_TRIES:
                        raise TooMuch
                    kept = parser._kept[place] = _outcome(inner, parser)
                    if here and kept.error is not None and kept.seen <= place[1] + 1:
                        hopeless[here] = kept.error
                parser._seen = max(parser._seen, kept.seen)
                parser._retreat(kept.end)
                if kept.error is not None:
                    raise kept.error.with_traceback(None)
                if kept.quantifier is not None:
                    # An edge leaves its *1..3 here for the pattern around it to pick up.
                    parser._pending_varlen_quantifier = kept.quantifier
                return kept.value

            return once

    return dialect, Packrat


def _with_size(plain: Any) -> Any:
    class WithSize(plain):  # type: ignore[misc]
        """graphglot says that Neo4j has no ``size( )`` in arithmetic (GF13). It has."""

        def is_feature_supported(self, feature: Any) -> bool:
            known: bool = super().is_feature_supported(feature)
            return known or bool(getattr(feature, "id", feature) == "GF13")

    return WithSize


def _here(rule: Any, parser: Any) -> tuple[Any, ...] | None:
    """The rule and the two tokens before it; None near the end."""
    one, two = parser._curr, parser._next
    if one is None or two is None:
        return None
    return rule, one.token_type, one.text, two.token_type, two.text


def _outcome(rule: Callable[[Any], Any], parser: Any) -> _Outcome:
    begun, parser._seen = parser._seen, parser._index + 1
    value, failed, quantifier = None, None, None
    try:
        value = rule(parser)
        quantifier = getattr(parser, "_pending_varlen_quantifier", None)
    except TooMuch:
        raise
    except Exception as error:  # noqa: BLE001 - kept, and raised again by whoever asked
        failed = error.with_traceback(None)
    seen, parser._seen = parser._seen, max(begun, parser._seen)
    return _Outcome(value, failed, parser._index, quantifier, seen)
