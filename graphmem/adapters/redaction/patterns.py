"""Patterns: secrets, e-mail addresses, cards, accounts, and a user's own.

Each begins where it could not have begun one character earlier and has a longest length, so that
looking for it takes time in proportion to the text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from graphmem.errors import UsageError
from graphmem.ports.redactor import Redactor

_SECRETS = re.compile(
    r"""
      -----BEGIN\ [A-Z0-9 ]{0,30}PRIVATE\ KEY(?:\ BLOCK)?-----
        (?:(?!-----END)[\s\S]){0,20000}(?:-----END[A-Z0-9 ]{0,40}-----)?
    | (?<![A-Za-z0-9_-])(?:
        (?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[A-Z0-9]{16}            # Amazon
      | gh[pousr]_[A-Za-z0-9]{36,255} | github_pat_\w{22,255}      # GitHub
      | gm_[A-Za-z0-9]{55}                                         # ours
      | glpat-[\w-]{20,64}                                         # GitLab
      | xox[abeoprs]-[\w-]{10,250}                                 # Slack
      | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,250}             # Stripe
      | sk-(?:[a-z]{2,10}-)?[\w-]{20,250}                          # OpenAI, Anthropic
      | AIza[\w-]{35}                                              # Google
      | ya29\.[\w-]{20,500}
      | npm_[A-Za-z0-9]{36} | pypi-[\w-]{16,500}                   # registries
      | hf_[A-Za-z0-9]{30,64} | SG\.[\w-]{16,64}\.[\w-]{16,64}     # Hugging Face, SendGrid
      | eyJ[\w-]{5,4000}\.eyJ[\w-]{5,8000}\.[\w-]{5,4000}          # JSON web tokens
      )(?![A-Za-z0-9_])
    """,
    re.VERBOSE,
)
_NAMED = re.compile(
    r"""(?<![A-Za-z])(?:pass(?:word|phrase|wd)|secret|api[ _-]?key|(?:access|auth)[ _-]?token)
    (?:\ is|\ was|["']?\s{0,3}[:=])\s{0,3}["']?(?P<secret>[^\s"',;]{6,250})""",
    re.VERBOSE | re.IGNORECASE,
)
_IN_URL = re.compile(
    r"(?<![a-z])[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{1,100}:(?P<secret>[^\s/@]{1,200})@"
)
_EMAIL = re.compile(
    r"(?<![\w.+%-])[\w.+%-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])"
)
_CARD = re.compile(r"(?<![\d.,-])[2-6](?:[ -]?\d){11,18}(?![\d]|[.,-]\d)")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:\ ?[A-Z0-9]){11,30}(?![A-Za-z0-9])")


def secrets(text: str) -> Iterator[tuple[str, int, int]]:
    for found in _SECRETS.finditer(text):
        yield "secret", found.start(), found.end()
    for pattern in (_NAMED, _IN_URL):
        for found in pattern.finditer(text):
            yield "secret", found.start("secret"), found.end("secret")


def emails(text: str) -> Iterator[tuple[str, int, int]]:
    for found in _EMAIL.finditer(text):
        yield "email", found.start(), found.end()


def cards() -> Redactor:
    """Numbers of 12 to 19 digits whose check digit (Luhn) fits."""
    from stdnum import luhn

    def find(text: str) -> Iterator[tuple[str, int, int]]:
        for found in _CARD.finditer(text):
            if luhn.is_valid(re.sub(r"\D", "", found[0])):
                yield "card", found.start(), found.end()

    return find


def accounts() -> Redactor:
    """International account numbers whose check digits fit."""
    from stdnum import iban

    def find(text: str) -> Iterator[tuple[str, int, int]]:
        for found in _IBAN.finditer(text):
            # A word in capitals after it may look like a part of it.
            for end in range(found.end(), found.start() + 14, -1):
                if iban.is_valid(text[found.start() : end], check_country=False):
                    yield "iban", found.start(), end
                    break

    return find


def own_patterns(file: str) -> Redactor:
    """Those of a JSON file: an object with a regular expression for each kind."""
    try:
        given = json.loads(Path(file).expanduser().read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file}: the patterns to redact cannot be read: {error}") from error
    if not isinstance(given, dict) or not all(isinstance(one, str) for one in given.values()):
        raise UsageError(f"{file}: patterns are an object, with a regular expression for each kind")
    patterns: dict[str, re.Pattern[str]] = {}
    for kind, pattern in given.items():
        try:
            patterns[kind] = re.compile(pattern)
        except re.error as error:
            raise UsageError(f"{file}: the pattern of {kind} is none: {error}") from error

    def find(text: str) -> Iterator[tuple[str, int, int]]:
        for kind, pattern in patterns.items():
            for found in pattern.finditer(text):
                yield kind, found.start(), found.end()

    return find


def phones() -> Redactor:
    """International telephone numbers (``+49 …``) that a numbering plan knows."""
    import phonenumbers

    def find(text: str) -> Iterator[tuple[str, int, int]]:
        if "+" in text or "＋" in text:
            for found in phonenumbers.PhoneNumberMatcher(text, None):
                yield "phone", found.start, found.end

    return find


REDACTABLE: dict[str, Callable[[], Redactor]] = {
    "secret": lambda: secrets,
    "email": lambda: emails,
    "card": cards,
    "iban": accounts,
    "phone": phones,
}
