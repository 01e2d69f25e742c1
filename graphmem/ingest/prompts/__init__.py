"""The texts that models are asked with. A text's version is its digest: it changes when it does."""

from __future__ import annotations

from functools import cache
from importlib import resources
from string import Template

from graphmem.text import digest


@cache
def load(name: str) -> Template:
    """The prompt in the file ``NAME.md``, with ``$placeholders``."""
    text = resources.files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")
    return Template(text.strip())


def version(*names: str) -> str:
    """A short version of prompts taken together, for example ``extract-1f2e3d4c``."""
    return f"{names[0]}-{digest(*(load(name).template for name in names))[:8]}"
