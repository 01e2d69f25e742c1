"""Files whose text is inside another format, as Markdown: PDF, Word (DOCX) and HTML.

Well-kept packages read them (``pip install 'graphmem[files]'``); what stays is text, headings,
lists, tables and links. A drawing, or a page that is the picture of one, has no text.
"""

from __future__ import annotations

import logging
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from graphmem.errors import UsageError
from graphmem.importers.streams import Unreadable
from graphmem.limits import IMPORTED_TEXT_BYTES

_UNSEEN = ("script", "style", "noscript", "template", "svg", "nav", "form", "iframe")
"""Parts of a page that are not read to anybody."""


def to_markdown(path: Path, format: str) -> str:
    """The text of a file of one of :data:`CONVERTED_FORMATS`.

    :class:`Unreadable` where the packages for it are not installed, where it is damaged, locked by
    a password, too large, or has no text.
    """
    size = path.stat().st_size
    if size > IMPORTED_TEXT_BYTES:
        raise Unreadable(
            f"{path}: {size:,} bytes; up to {IMPORTED_TEXT_BYTES:,} are read: split it"
        )
    try:
        text = _READERS[format](path)
    except ImportError as error:
        raise Unreadable(f"{path}: {format} needs pip install 'graphmem[files]'") from error
    except (UsageError, OSError):  # an OSError is about the disk, not about what is in the file
        raise
    except Exception as error:  # whatever a damaged file makes of a package
        raise Unreadable(f"{path}: cannot be read as {format} ({type(error).__name__})") from error
    if not text.strip():
        raise Unreadable(f"{path}: no text in it (pages that are pictures have none)")
    return text.replace("\0", "")


def _pdf(path: Path) -> str:
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.ERROR)  # it warns of each oddity of a file
    reader = PdfReader(path)
    if reader.is_encrypted and not reader.decrypt(""):
        raise Unreadable(f"{path}: locked by a password")
    return "\n\n".join(page.extract_text() for page in reader.pages)


def _docx(path: Path) -> str:
    import mammoth

    with zipfile.ZipFile(path) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())
    if unpacked > IMPORTED_TEXT_BYTES:
        raise Unreadable(f"{path}: {unpacked:,} bytes unpacked: too large")
    with path.open("rb") as stream:
        # Pictures are left out: their bytes would stand in the text.
        found = mammoth.convert_to_html(stream, convert_image=lambda _: [])
    return _markdown(found.value.encode())


def _html(path: Path) -> str:
    return _markdown(path.read_bytes())


def _markdown(html: bytes) -> str:
    from bs4 import BeautifulSoup, UnicodeDammit
    from markdownify import MarkdownConverter

    # Python's own parser looks for the end of each comment that has none: hours for a hostile page.
    page = BeautifulSoup(UnicodeDammit(html, is_html=True).unicode_markup or "", "lxml")
    for part in page(_UNSEEN):
        part.decompose()
    title = page.title.get_text().strip() if page.title else ""
    body = page.body or page
    converter = MarkdownConverter(heading_style="ATX", bullets="-", strip=["img"])
    text: str = converter.convert_soup(body).strip()
    return f"# {title}\n\n{text}" if title and page.find("h1") is None else text


_READERS: Mapping[str, Callable[[Path], str]] = {"pdf": _pdf, "docx": _docx, "html": _html}
CONVERTED_FORMATS = tuple(_READERS)
