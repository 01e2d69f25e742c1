"""What can be scripted for the local model server, and what it records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Status:
    """An error status with OpenAI's error object. ``retry_after`` (seconds, or any text) becomes
    the ``Retry-After`` header."""

    code: int
    message: str = "scripted error"
    retry_after: float | str | None = None
    param: str | None = None
    error_code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Hang:
    """No answer until the client leaves or the server closes."""


@dataclass(frozen=True, slots=True)
class Drop:
    """The connection is reset: before a byte is sent, or (``midway``) inside the body."""

    midway: bool = False


@dataclass(frozen=True, slots=True)
class Truncated:
    """An answer that ran into the token limit: ``text`` so far, finish reason ``length``."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Empty:
    """An answer without content: null, or (``no_choices``) not even a choice."""

    no_choices: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model declines; ``filtered`` when the provider's content filter stopped it instead."""

    text: str = "I cannot help with that."
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class Says:
    """A message with other fields than its content: ``tool_calls``, ``reasoning_content``."""

    content: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    finish_reason: str = "stop"


@dataclass(frozen=True, slots=True)
class Usage:
    """``answer`` with these token counts instead of counted ones."""

    answer: dict[str, Any] | list[Any] | str | Truncated
    tokens_in: int
    tokens_out: int


@dataclass(frozen=True, slots=True)
class Body:
    """A whole response body as it stands, for what no provider should send; ``bytes`` for what is
    not even text."""

    text: str | bytes
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Endless:
    """A body that never ends: ``piece`` again and again, until the client leaves, with ``pause_s``
    before each."""

    piece: bytes = b" " * 65_536
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait, then give ``then``; without it, whatever would come next."""

    seconds: float
    then: ScriptedAnswer | None = None


ScriptedAnswer: TypeAlias = (
    dict[str, Any]
    | list[Any]
    | str
    | Status
    | Hang
    | Drop
    | Truncated
    | Empty
    | Refusal
    | Says
    | Usage
    | Body
    | Endless
    | Delay
)
"""A dict or list is sent as JSON content, text as it is; the rest are faults."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived. Header names are in lower case; ``json`` is None without a
    JSON object as the body."""

    method: str
    path: str
    headers: Mapping[str, str]
    json: Any

    @property
    def key(self) -> str | None:
        """The API key that was sent, without ``Bearer``."""
        value = self.headers.get("authorization")
        return None if value is None else value.removeprefix("Bearer ")

    @property
    def model(self) -> str | None:
        return self.json.get("model") if isinstance(self.json, dict) else None

    @property
    def format(self) -> str:
        """The ``response_format`` asked for; ``text`` when none was."""
        asked = self.json.get("response_format") if isinstance(self.json, dict) else None
        return str(asked.get("type")) if isinstance(asked, dict) else "text"

    def text(self, role: str = "user") -> str:
        """The contents of all messages of a role, joined by blank lines."""
        messages = self.json.get("messages", []) if isinstance(self.json, dict) else []
        return "\n\n".join(str(m.get("content")) for m in messages if m.get("role") == role)
