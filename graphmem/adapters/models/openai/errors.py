"""What an OpenAI-compatible endpoint's failures mean: whether to try again, and what to do.

Kept apart from the adapters so that chat and embeddings say the same of the same failure. No
message carries a key: what a server echoes is redacted, in the vendor's exception too.
"""

from __future__ import annotations

import email.utils
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from graphmem.errors import ModelError, UsageError
from graphmem.text import printable

_LONGEST_QUOTE = 300
_RETRYABLE = frozenset({408, 409, 425, 429})
_TOO_LONG = re.compile(
    r"context.?length|maximum context|context.?window|context.?size|too many tokens|too long"
    r"|too large|reduce the length|exceeds? the (?:available|maximum|model)|must have less than",
    re.IGNORECASE,
)
_OVERFLOW = re.compile(r"context.?(?:length|window|size)", re.IGNORECASE)
_FORMAT = re.compile(
    r"response.?format|json.?schema|json.?object|json.?mode|structured.?output|guided|grammar"
    r"|constrained.?(?:output|decoding|generation)",
    re.IGNORECASE,
)
_NO_REFUSAL = frozenset({401, 402, 403, 407, 408, 413, 429})
"""Statuses that are about the key, the account, the time or the size, whatever else is said."""
_UNCLEAR = frozenset({400, 404, 405, 406, 415, 422, 501})
_MODEL_MISSING = re.compile(
    r"model_not_found|model\b.*\b(?:not found|does not exist|not exist)", re.IGNORECASE
)
_SAYS_NOTHING = re.compile(
    r"(?:error(?: code)?|http(?: error)?|status(?: code)?|internal|server|bad|request|invalid|"
    r"unprocessable|entity|content|unsupported|media|type|not|found|implemented|allowed|method|"
    r"validation|failed|null|none|detail|an?|has|occurred|unknown|acceptable|something|went|wrong|"
    r"please|try|again|later|\d++|[\W_]++)*+",
    re.IGNORECASE,
)
"""Nothing of it is tried twice: a server decides what stands here."""
_LONGEST_MESSAGE = 4000
_LONGEST_ASKED = 1e9
_ADVICE = {
    401: "the key was refused: check OPENAI_API_KEY, or the key given for this endpoint",
    403: "the key has no access to this model or endpoint",
    404: "no such model or endpoint: check the model's name (on Ollama, pull it first) and that "
    "the base URL is right (it usually ends in /v1)",
    413: "the request is too large for the endpoint",
    429: "the endpoint limits how fast it may be asked: try later, or ask less at a time",
}


LONGEST_BODY = 32 * 1024 * 1024
"""Bytes of an answer: many times what any model writes, or what a batch of vectors takes."""


class AnswerTooLong(Exception):
    """An answer that does not end."""


def check_base_url(url: str) -> str:
    """A base URL as the SDK wants it; a bare host gets ``/v1``, which all such servers use."""
    usual = "for example http://localhost:11434/v1"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        host = (parts.hostname or "").encode("idna")
    except ValueError as error:
        why = str(error).partition(" as ")[0]  # behind it, a part of a password may stand
        raise UsageError(f"the base URL is no address: {why}; {usual}") from None
    if parts.scheme not in {"http", "https"} or port == 0 or not host or b" " in host:
        raise UsageError(f"base URL {public_url(url)!r} is not an http(s) address; {usual}")
    path = parts.path.rstrip("/").removesuffix("/chat/completions").removesuffix("/embeddings")
    return parts._replace(path=path or "/v1", fragment="").geturl()


def public_url(url: str) -> str:
    """A URL for messages: without user, password, query and fragment."""
    parts = urlsplit(url.strip())
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def redact(text: str, key: str | None) -> str:
    """``text`` without the key, short enough to quote, and harmless where it is printed."""
    text = printable(text)
    if key:
        text = text.replace(key, "[key]")
    return text if len(text) <= _LONGEST_QUOTE else text[: _LONGEST_QUOTE - 1] + "…"


def redact_vendor(error: Exception, key: str | None) -> None:
    """Take the key out of a vendor's exception, which is kept as the cause and so printed."""
    if key and key in str(error):
        error.args = tuple(redact(a, key) if isinstance(a, str) else a for a in error.args)
        if hasattr(error, "message"):
            error.message = redact(str(error.message), key)


def http_status(error: BaseException | None) -> int | None:
    """The HTTP status of a vendor's error; None when there was no response."""
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def server_message(error: BaseException | None) -> str:
    """The first of what the server itself said, from OpenAI's error object or any other body."""
    body = getattr(error, "body", None)
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        message = inner.get("message", inner) if isinstance(inner, Mapping) else inner
        text = str(message if not isinstance(message, Mapping) else dict(message))
    elif isinstance(body, str) and body.strip():
        text = body.strip()
    else:
        text = str(error)
    return text[:_LONGEST_MESSAGE]


def _code_and_message(error: BaseException | None) -> str:
    """OpenAI's error code and parameter name, and the message, joined for matching."""
    code, param = (getattr(error, name, None) or "" for name in ("code", "param"))
    return f"{code} {param} {server_message(error)}"


def refuses_format(error: BaseException | None) -> bool:
    """Whether a server says that it cannot do the form of answer that was asked for: servers say
    so with many a status, some with 500."""
    status = http_status(error)
    if status is None or status < 400 or status in _NO_REFUSAL or too_long(error):
        return False
    return names_format(_code_and_message(error))


def names_format(text: str) -> bool:
    """Whether what a server says is about the form of an answer."""
    return bool(_FORMAT.search(text))


def may_refuse_format(error: BaseException | None) -> bool:
    """Whether it may be the form of answer that a server refuses, though it does not say so: a
    request that it cannot take, for no reason that has to do with anything else; or a failure of
    which it says nothing at all."""
    status, text = http_status(error), _code_and_message(error)
    if status in _UNCLEAR:
        return not (too_long(error) or _MODEL_MISSING.search(text) or _out_of_quota(error))
    return status == 500 and bool(_SAYS_NOTHING.fullmatch(text))


def refuses(error: BaseException | None, parameter: str) -> bool:
    """Whether a server says that it does not take this parameter, or not with this value."""
    found = re.search(rf"\b{parameter}\b", _code_and_message(error), re.IGNORECASE)
    return http_status(error) in {400, 422} and found is not None


def too_long(error: BaseException | None) -> bool:
    """Whether a server says that the request is longer than the model takes."""
    status, text = http_status(error), _code_and_message(error)
    if status in {400, 413, 422}:
        return bool(_TOO_LONG.search(text))
    return status == 500 and bool(_OVERFLOW.search(text))


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that ``Retry-After`` asks for (RFC 9110 section 10.2.3), or OpenAI's millisecond
    variant; None when absent or senseless."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return min(float(value), _LONGEST_ASKED) / scale
    try:
        moment = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


def headers_of(error: BaseException) -> Mapping[str, str]:
    """Headers of the response behind a vendor's error; empty when there was none."""
    headers: Mapping[str, str] = getattr(getattr(error, "response", None), "headers", {})
    return headers


def is_retryable(error: BaseException) -> bool:
    """Whether the same request may succeed in a moment: timeouts, lost connections, 408, 409,
    425, 429 and 5xx; not a spent quota, nor what the server says not to retry."""
    import openai

    if isinstance(error, AnswerTooLong):
        return False
    if isinstance(error, TimeoutError | openai.APIConnectionError):
        return True
    if not isinstance(error, openai.APIStatusError):
        return False
    if error.response.headers.get("x-should-retry") == "false" or _out_of_quota(error):
        return False
    if refuses_format(error) or too_long(error):
        return False
    return _may_pass(error.status_code)


def model_error(
    error: Exception, *, name: str, url: str, key: str | None, timeout_s: float
) -> ModelError:
    """The :class:`~graphmem.errors.ModelError` for a vendor's error, saying what to do."""
    import openai

    redact_vendor(error, key)
    if isinstance(error, AnswerTooLong):
        return ModelError(
            f"{name}: the answer of {public_url(url)} has more than {LONGEST_BODY:,} bytes; check "
            "what answers there",
            retryable=False,
        )
    if 300 <= (http_status(error) or 0) < 400:
        return ModelError(
            f"{name}: {public_url(url)} sends elsewhere ({http_status(error)}), which is not "
            "followed: name the address itself as base URL",
            retryable=False,
        )
    if isinstance(error, TimeoutError | openai.APITimeoutError):
        return ModelError(
            f"{name}: no answer from {public_url(url)} within {timeout_s:g} s; "
            "the model may be loading or busy: try later, or allow more time"
        )
    if isinstance(error, openai.APIConnectionError):
        cause = redact(str(error.__cause__ or error), key)
        return ModelError(
            f"{name}: cannot reach {public_url(url)} ({cause}); is the server running there?"
        )
    status = http_status(error)
    quote = redact(server_message(error), key)
    if status is None:
        return ModelError(
            f"{name}: {public_url(url)} did not answer in OpenAI's format ({quote}); "
            "check that the base URL is right (it usually ends in /v1)",
            retryable=False,
        )
    overflow = too_long(error)
    advice = _ADVICE.get(status, "")
    if _out_of_quota(error):
        advice = "the account has no credit left: add some, then resume"
    elif overflow:
        advice = "the text is longer than this model takes at once"
    elif status >= 500:
        advice = "the endpoint itself failed: try later"
    asked = retry_after_s(headers_of(error))
    if asked:
        advice += f"{', ' if advice else ''}not before {asked:.0f} s have passed"
    message = f"{name}: {public_url(url)} answered {status} ({quote})" + (advice and f"; {advice}")
    return ModelError(message, retryable=_may_pass(status) and not overflow, too_long=overflow)


def _may_pass(status: int) -> bool:
    return status in _RETRYABLE or (status >= 500 and status not in {501, 505})


def _out_of_quota(error: BaseException | None) -> bool:
    named = (getattr(error, name, None) for name in ("code", "param"))
    return any("insufficient_quota" in str(one) for one in named)
