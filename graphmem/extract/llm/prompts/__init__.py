"""The texts that models are asked with. A text's version is its digest: it changes when it does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template

from graphmem.errors import UsageError
from graphmem.text import digest

PLACEHOLDERS = {
    "extract": frozenset({"boundary", "kinds", "types", "configuration"}),
    "extract_short": frozenset({"boundary", "kinds", "types", "configuration"}),
    "procedure": frozenset({"boundary", "kinds", "configuration"}),
    "extract_again": frozenset({"problem"}),
    "ambiguities": frozenset({"boundary"}),
}
"""Every prompt, and what it may hold: see ``README.md`` beside the prompts."""
_REQUIRED = frozenset({"boundary", "configuration", "problem"})
_LONGEST = 100_000


@dataclass(frozen=True)
class Prompts:
    """The prompts of one store or call, checked."""

    templates: dict[str, Template]

    def fill(self, name: str, **values: str) -> str:
        """The prompt with its placeholders filled in."""
        wanted = PLACEHOLDERS[name]
        return self.templates[name].substitute({key: values[key] for key in wanted})

    def size(self, *, short: bool = False) -> int:
        """Characters of the longest that is used, without what is filled in."""
        left_out = "extract" if short else "extract_short"
        used = (one.template for name, one in self.templates.items() if name != left_out)
        return max(map(len, used))

    def version(self, *more: str) -> str:
        """A short version of them all and what else they are filled with, for example
        ``extract-1f2e3d4c``."""
        texts = (self.templates[name].template for name in PLACEHOLDERS)
        return f"extract-{digest(*texts, *more)[:8]}"


def load_prompts(folder: str | None = None) -> Prompts:
    """The prompts of a folder, with the built-in ones for those that it does not have.

    Raises :class:`~graphmem.errors.UsageError` when the folder has none, or one of them a
    placeholder that nothing fills.
    """
    if folder is None:
        return _built_in()
    return Prompts({**_built_in().templates, **_own(Path(folder).expanduser())})


def copy_prompts(folder: Path) -> list[Path]:
    """Put the built-in prompts, and what they may hold, into a folder to be changed there.

    Files that are there already are left as they are. :class:`~graphmem.errors.UsageError` when
    it cannot be written.
    """
    package = resources.files(__name__)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (*(f"{name}.md" for name in PLACEHOLDERS), "README.md"):
            path = folder / name
            if not path.exists():
                text = package.joinpath(name).read_text(encoding="utf-8")
                path.write_text(text, encoding="utf-8")
                written.append(path)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}") from error
    return written


@cache
def _built_in() -> Prompts:
    package = resources.files(__name__)
    texts = ((n, package.joinpath(f"{n}.md").read_text(encoding="utf-8")) for n in PLACEHOLDERS)
    return Prompts({name: Template(text.strip()) for name, text in texts})


def _own(folder: Path) -> dict[str, Template]:
    found: dict[str, Template] = {}
    for name in PLACEHOLDERS:
        path = folder / f"{name}.md"
        try:
            text = path.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"the prompt {path} cannot be read: {error}") from error
        found[name] = _checked(Template(text.strip()), name, path)
    if "extract" in found:
        found.setdefault("extract_short", found["extract"])
    if not found:
        names = ", ".join(f"{name}.md" for name in PLACEHOLDERS)
        raise UsageError(f"{folder} has no prompt; a folder of prompts has one of {names}")
    return found


def _checked(template: Template, name: str, path: Path) -> Template:
    known = PLACEHOLDERS[name]
    listed = ", ".join(f"${key}" for key in sorted(known))
    if len(template.template) > _LONGEST:
        raise UsageError(f"the prompt {path} has more than {_LONGEST:,} characters")
    if not template.is_valid():
        raise UsageError(
            f"the prompt {path} has a $ that begins no placeholder: write $$ for a dollar sign; "
            f"placeholders are {listed}"
        )
    used = set(template.get_identifiers())
    if unknown := used - known:
        wrong = ", ".join(f"${key}" for key in sorted(unknown))
        raise UsageError(f"the prompt {path} has {wrong}; placeholders are {listed}")
    if missing := (known & _REQUIRED) - used:
        wrong = ", ".join(f"${key}" for key in sorted(missing))
        raise UsageError(f"the prompt {path} lacks {wrong}, which it must have")
    return template
