"""What PostgreSQL and its driver raise, as graphmem's errors. The cause is kept."""

from __future__ import annotations

import psycopg

from graphmem.adapters.ledger.sql.database import lone_surrogate
from graphmem.errors import BackendError, GraphmemError, Rejected, Unavailable, UsageError

# SQLSTATE classes and codes, from the appendix "PostgreSQL Error Codes" of its manual.
# A standby that was the primary before is one more reason to connect anew.
_GONE = ("08", "57P01", "57P02", "57P03", "57P05", "25P03", "53300", "25006")
_AGAIN = ("40001", "40P01")
_LATER = ("53", "58", "57014", "55P03", "40", "57")
_ACCESS_DENIED = ("28", "3D000", "42501", "3F000")


class ConnectionLost(Exception):
    """Internal: this attempt came to nothing, another may not. ``error`` is what it becomes when
    nobody tries again."""

    def __init__(self, error: BackendError) -> None:
        super().__init__(str(error))
        self.error = error


def is_transient(error: Exception, *, closed: bool) -> bool:
    """Whether the connection went, or the server asks for another try."""
    if isinstance(error, TimeoutError):
        return True
    # What ends a broken pipeline can be raised in place of what broke it, which is its context.
    chain: BaseException | None = error
    while isinstance(chain, psycopg.Error):
        if closed or (chain.sqlstate or "").startswith((*_GONE, *_AGAIN)):
            return True
        chain = chain.__context__
    return False


def as_graphmem_error(error: Exception, where: str) -> GraphmemError:
    """An error of the driver as one of ours. No value that was stored is quoted."""
    if isinstance(error, UnicodeEncodeError):
        return lone_surrogate()
    state = getattr(error, "sqlstate", None) or ""
    message = _first_line(error)
    if isinstance(error, psycopg.DataError) and not state:
        return UsageError(f"this cannot be stored or looked up in the ledger {where}: {message}")
    if state.startswith(_ACCESS_DENIED):
        return UsageError(f"the ledger {where} cannot be used: {message}")
    silent = isinstance(error, TimeoutError)
    broken = not state and isinstance(error, psycopg.OperationalError)
    if silent or broken or state.startswith((*_GONE, *_LATER)):
        message = "no answer in time" if silent else message
        return Unavailable(f"the ledger {where} cannot be reached or is busy: {message}")
    return Rejected(f"the ledger {where}: {message}")


def _first_line(error: Exception) -> str:
    """What happened, without the details, which may quote values."""
    diagnosis = getattr(error, "diag", None)
    primary = diagnosis.message_primary if diagnosis is not None else None
    text = primary or str(error) or type(error).__name__
    return " ".join(line.strip() for line in text.splitlines() if line.strip())[:500]
