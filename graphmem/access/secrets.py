"""Keys: made, read and compared. A key is ``gm_`` and 55 characters that nobody can guess; what is
stored is a digest of it, and its id is how that begins: a key that differs in one character has
another, so that looking one up tells nothing of those that there are."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string

KEY_PREFIX = "gm_"
_SECRET_CHARACTERS = 55
_ID_CHARACTERS = 16
_ALPHABET = string.ascii_letters + string.digits
_NOBODYS = "0" * 64


def new_id(length: int = 12) -> str:
    """Text that nobody has, and nobody can guess if it is long."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_key() -> tuple[str, str]:
    """A key, and its id."""
    key = f"{KEY_PREFIX}{new_id(_SECRET_CHARACTERS)}"
    return key, id_of_key(key)


def id_of_key(key: str) -> str:
    """The id that a key would have."""
    return key_digest(key)[:_ID_CHARACTERS]


def key_digest(key: str) -> str:
    """What is stored of a key. More than 256 bits were drawn at random for it: no dictionary leads
    back, so that a fast digest is enough."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def is_key(key: str, digest: str | None) -> bool:
    """Whether a key is the one of a digest; as long in finding out when there is none."""
    same = hmac.compare_digest(key_digest(key), digest or _NOBODYS)
    return same and digest is not None


def user_signature(secret: str, user_id: str) -> str:
    """What whoever knows the secret signs a request for a user with: HMAC-SHA256 of ``user:ID``,
    in hexadecimal."""
    message = f"user:{user_id}".encode("utf-8", "replace")
    return hmac.new(secret.encode("utf-8", "replace"), message, hashlib.sha256).hexdigest()


def is_user_signature(secret: str, user_id: str, signature: str) -> bool:
    """Whether a signature is that of a user; as long in finding out whatever it is."""
    given = signature.encode("utf-8", "replace")
    return hmac.compare_digest(user_signature(secret, user_id).encode(), given)
