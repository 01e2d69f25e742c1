"""What models cost: a table in a JSON file that anybody can edit."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from graphmem.errors import UsageError


@dataclass(frozen=True, slots=True)
class Price:
    """For a million tokens in and out. Not ``checked``: an example, not to be relied on."""

    input: float
    output: float
    checked: bool = False

    def micros(self, tokens_in: int, tokens_out: int) -> int:
        """What so many tokens cost, in millionths, rounded up."""
        cost = tokens_in * self.input + tokens_out * self.output
        # A hair less than what doubles make of it, or 0.1 would be rounded up for its last bit.
        return math.ceil(round(cost, 6))


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices by the name of the model (``openai:gpt-5-mini``); a name may end in ``*``."""

    currency: str = "USD"
    models: Mapping[str, Price] = field(default_factory=dict)
    source: str = "no table"

    def of(self, model: str) -> Price | None:
        """The price of a model: by its name, else by the longest beginning of it."""
        if model in self.models:
            return self.models[model]
        fitting = [
            name
            for name in self.models
            if name.endswith("*") and model.startswith(name.removesuffix("*"))
        ]
        return self.models[max(fitting, key=len)] if fitting else None


def load_prices(path: str | None = None) -> Prices:
    """The table in a file, or the one that comes with graphmem.

    :class:`~graphmem.errors.UsageError` that says where, when it cannot be used.
    """
    if path is None:
        source = "the table that comes with graphmem"
        text = resources.files("graphmem.budget").joinpath("prices.json").read_text("utf-8")
    else:
        source = path
        try:
            text = Path(path).expanduser().read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the price table {path} cannot be read: {error}") from error
    try:
        data = json.loads(text)
        models = {str(name): _price(entry) for name, entry in data["models"].items()}
        return Prices(str(data.get("currency", "USD")), models, source)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"the price table {source} cannot be used ({error}); it is a JSON object with models, "
            'each as "openai:NAME": {"input": 0.25, "output": 2.0, "checked": true}'
        ) from error


def _price(entry: Mapping[str, Any]) -> Price:
    known = {"input", "output", "checked", "note"}
    if unknown := sorted(set(entry) - known):
        raise ValueError(f"unknown key {unknown[0]!r}")
    amounts = [entry["input"], entry.get("output", 0.0)]
    for amount in amounts:
        plain = isinstance(amount, int | float) and not isinstance(amount, bool)
        if not plain or not math.isfinite(amount) or amount < 0:
            raise ValueError(f"{amount!r} is no price")
    if not isinstance(entry.get("checked", False), bool):
        raise TypeError("checked must be true or false")
    return Price(float(amounts[0]), float(amounts[1]), entry.get("checked", False))
