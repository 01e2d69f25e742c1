"""The settings of what models may cost; part of :class:`~graphmem.settings.Settings`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field

from graphmem.limits import WHOLE_NUMBER

Spendable = Literal["calls", "tokens", "micros"]
BudgetSpan = Literal["call", "day", "store", "owner", "actor"]
Count = Annotated[int, Field(ge=0, le=WHOLE_NUMBER)]
Amount = Annotated[float, Field(ge=0, le=1e12)]
"""Of money: in millionths, it is a whole number of 64 bits."""
_SPENDABLE: Mapping[Spendable, str] = {"calls": "calls", "tokens": "tokens", "micros": "money"}


class CeilingSettings(BaseModel):
    """The most that may be spent on models."""

    max_calls_per_call: Count | None = Field(
        None, description="model calls that reading one episode may take"
    )
    max_tokens_per_call: Count | None = Field(
        None, description="tokens, in and out, that reading one episode may take"
    )
    max_money_per_call: Amount | None = Field(
        None, description="money that reading one episode may cost"
    )
    max_calls_per_owner: Count | None = Field(
        None, description="model calls on one day (UTC) for one user, or agent by itself"
    )
    max_tokens_per_owner: Count | None = Field(
        None, description="tokens on one day (UTC) for one user, or agent by itself"
    )
    max_money_per_owner: Amount | None = Field(
        None, description="money on one day (UTC) for one user, or agent by itself"
    )
    max_calls_per_actor: Count | None = Field(
        None, description="model calls on one day (UTC) for what one actor (a key) writes"
    )
    max_tokens_per_actor: Count | None = Field(
        None, description="tokens on one day (UTC) for what one actor (a key) writes"
    )
    max_money_per_actor: Amount | None = Field(
        None, description="money on one day (UTC) for what one actor (a key) writes"
    )
    max_calls_per_day: Count | None = Field(
        None, description="model calls on one day (UTC), of all who share the store"
    )
    max_tokens_per_day: Count | None = Field(
        None, description="tokens on one day (UTC), of all who share the store"
    )
    max_money_per_day: Amount | None = Field(
        None, description="money on one day (UTC), of all who share the store"
    )
    max_calls_per_store: Count | None = Field(None, description="model calls of this store, ever")
    max_tokens_per_store: Count | None = Field(None, description="tokens of this store, ever")
    max_money_per_store: Amount | None = Field(
        None, description="money that this store may cost, ever"
    )
    prices: str | None = Field(
        None,
        description="JSON file with what models cost, for ceilings on money; without it the table "
        "that comes with graphmem, which holds examples only",
    )

    @property
    def ceilings(self) -> tuple[tuple[BudgetSpan, Spendable, float], ...]:
        """The ceilings that are set: per what, on what, and how much."""
        found: list[tuple[BudgetSpan, Spendable, float]] = []
        for per in get_args(BudgetSpan):
            for what, name in _SPENDABLE.items():
                most = getattr(self, f"max_{name}_per_{per}")
                if most is not None:
                    found.append((per, what, float(most)))
        return tuple(found)
