"""The documentation as a site: whole, and nothing that a reader's browser would fetch."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"""<(\w+)[^>]*?\s(?:href|src)="([^"]+)\"""")


def test_the_site_is_whole_and_stands_by_itself(tmp_path: Path) -> None:
    """Every page is in the menu (Sphinx warns of one that is not, and a warning fails)."""
    program = [sys.executable, "-m", "sphinx", "-q", "-W", "-E", "-b", "html"]
    done = subprocess.run(
        [*program, "-c", ROOT / "docs" / "site", ROOT / "docs", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > 30
    for page in pages:
        for tag, target in _LINK.findall(page.read_text()):
            parts = urlsplit(target)
            if parts.scheme in {"http", "https"}:
                assert tag == "a", (page.name, target)  # led to, when clicked; never fetched
            elif parts.path and not parts.scheme:
                assert (page.parent / unquote(parts.path)).exists(), (page.name, target)
