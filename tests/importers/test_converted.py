"""Files of other formats: their text, and nothing else of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from graphmem.importers import FileReader, Unreadable, converted

_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_WORDS = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_DOCUMENT = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


def write_docx(path: Path, *paragraphs: str) -> None:
    body = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_TYPES}"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels" '
            'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" ContentType="{_DOCUMENT}"/></Types>',
        )
        parts.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r" Type="{_RELATION}" '
            'Target="word/document.xml"/></Relationships>',
        )
        parts.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{_WORDS}"><w:body>{body}</w:body></w:document>',
        )


def write_pdf(path: Path, text: str) -> None:
    """One page with one line, or none."""
    drawn = f"BT /F1 12 Tf 10 50 Td ({text}) Tj ET" if text else ""
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 100] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = "%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n{one}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    out += (
        f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
        f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{len(out)}\n%%EOF"
    )
    path.write_text(out)


def content(path: Path) -> str:
    (item,) = FileReader(path)
    return str(item["content"])


def test_a_word_document(tmp_path: Path) -> None:
    path = tmp_path / "2025-03-01 team.docx"
    write_docx(path, "Lars Holm works at Fjord Labs.", "Lars lives in Oslo &amp; Bergen.")
    (item,) = FileReader(path)
    assert item["content"] == "Lars Holm works at Fjord Labs.\n\nLars lives in Oslo & Bergen."
    assert item["metadata"]["format"] == "docx"
    assert str(item["occurred_at"])[:10] == "2025-03-01"


def test_a_pdf(tmp_path: Path) -> None:
    write_pdf(tmp_path / "a.pdf", "Priya Shah works at Quill.")
    assert content(tmp_path / "a.pdf") == "Priya Shah works at Quill."


def test_a_page_of_html_without_what_nobody_reads(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        "<html><head><title>Team</title><style>p {}</style></head><body><nav>Home</nav>"
        "<script>tell('I live in Rome.')</script><p>Ingrid works at <i>Acme</i>.</p>"
        "<ul><li>One</li><li>Two</li></ul><p>caf\u00e9</p></body></html>",
        encoding="utf-8",
    )
    found = content(tmp_path / "a.html")
    assert found.startswith("# Team\n\nIngrid works at *Acme*.")
    assert "- One\n- Two" in found
    assert "caf\u00e9" in found
    assert "Rome" not in found
    assert "Home" not in found


def test_an_encoding_that_the_page_names(tmp_path: Path) -> None:
    page = '<meta charset="iso-8859-1"><p>Zo\u00eb lives in K\u00f6ln.</p>'
    (tmp_path / "a.htm").write_bytes(page.encode("iso-8859-1"))
    assert content(tmp_path / "a.htm") == "Zo\u00eb lives in K\u00f6ln."


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "open_end", ["<!--", "<a ", '<a href="', "<!", "<?", "</", "&", "<script>"]
)
def test_what_a_page_opens_and_never_ends_is_read_in_time(tmp_path: Path, open_end: str) -> None:
    """Of some of these, 160 KB took two minutes."""
    (tmp_path / "a.html").write_text("<p>Ingrid works at Acme.</p>" + open_end * 100_000)
    assert content(tmp_path / "a.html").startswith("Ingrid works at Acme.")


@pytest.mark.parametrize("name", ["a.pdf", "a.docx"])
@pytest.mark.parametrize("data", [b"", b"garbage", b"%PDF-1.4\n1 0 obj", b"PK\x03\x04xx"])
def test_what_is_damaged_is_left_out(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Unreadable, match=name):
        content(tmp_path / name)


def test_a_pdf_without_text_says_so(tmp_path: Path) -> None:
    write_pdf(tmp_path / "scan.pdf", "")
    with pytest.raises(Unreadable, match="no text in it"):
        content(tmp_path / "scan.pdf")


def test_a_document_that_unpacks_to_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_docx(tmp_path / "a.docx", "x" * 5000)
    monkeypatch.setattr(converted, "IMPORTED_TEXT_BYTES", (tmp_path / "a.docx").stat().st_size)
    with pytest.raises(Unreadable, match="unpacked"):
        content(tmp_path / "a.docx")
