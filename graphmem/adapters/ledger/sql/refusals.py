"""Errors that every SQL ledger raises in the same words."""

from __future__ import annotations

from graphmem.errors import Rejected, UsageError


def check_version(version: int, known: int, where: str) -> None:
    """:class:`Rejected` when a store has a newer schema than the ``known`` ones."""
    if version > known:
        raise Rejected(
            f"{where} was written by a newer graphmem (ledger version {version}, this one knows up "
            f"to {known}); upgrade with: pip install -U graphmem"
        )


def closed_memory() -> UsageError:
    return UsageError("this memory is closed; open it again")


def lone_surrogate() -> UsageError:
    """What a ``UnicodeEncodeError`` of a driver means."""
    return UsageError(
        "text with a lone surrogate cannot be stored or looked up; decode it as UTF-8"
    )
