"""Keys: made, read and compared. A key is ``gm_``, 12 characters that name it, and 43 that nobody
can guess; what is stored is a digest of the whole."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string

KEY_PREFIX = "gm_"
_ID, _SECRET = 12, 43
_ALPHABET = string.ascii_letters + string.digits
_FORM = re.compile(f"{KEY_PREFIX}([A-Za-z0-9]{{{_ID}}})[A-Za-z0-9]{{{_SECRET}}}")
_NOBODYS = "0" * 64


def new_id(length: int = _ID) -> str:
    """An id that nobody has."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_key() -> tuple[str, str]:
    """A key, and the id in it."""
    id = new_id()
    return f"{KEY_PREFIX}{id}{new_id(_SECRET)}", id


def id_in_key(key: str) -> str:
    """The id that a key names; of what is no key one that nobody has."""
    found = _FORM.fullmatch(key)
    return found[1] if found else "-"


def key_digest(key: str) -> str:
    """What is stored of a key. It has 256 bits that are drawn at random: no dictionary leads back,
    so that a fast digest is enough."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def is_key(key: str, digest: str | None) -> bool:
    """Whether a key is the one of a digest; as long in finding out when there is none."""
    same = hmac.compare_digest(key_digest(key), digest or _NOBODYS)
    return same and digest is not None
