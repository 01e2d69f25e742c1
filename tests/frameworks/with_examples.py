"""The examples of docs/frameworks.md, as a reader would run them, with a scripted model."""

from __future__ import annotations

import gc
import re
from pathlib import Path

import pytest

from graphmem.testing.llm_server import LocalModelServer, Says

_PAGE = Path(__file__).parents[2] / "docs" / "frameworks.md"
_EXAMPLES = re.findall(r"^```python framework\n(.*?)^```", _PAGE.read_text(), re.M | re.S)


_SHOWN = (
    "Noted.\nMy sister lives in Oslo.",
    "Anna Schmidt works at Acme. 2024-05-17T00:00:00+00:00",
    "[{'a.name': 'Anna', 'b.name': 'Oslo'}]",
    "I see.\nI live in Lisbon. · ada -lives_in→ Lisbon",
    "I see.",
    "I see.",
)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore:Resolved model mismatch")  # of AutoGen, by the dated name
@pytest.mark.parametrize("number", range(len(_SHOWN)))
def test_it_prints_what_a_reader_expects(
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(_EXAMPLES) == len(_SHOWN)
    with LocalModelServer(answer=lambda request: Says("I see.")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        monkeypatch.setenv("GRAPHMEM_LLM", "none")
        monkeypatch.chdir(tmp_path)
        exec(compile(_EXAMPLES[number], _PAGE, "exec"), {"__name__": "__main__"})
        gc.collect()  # the frameworks leave their clients open
    assert _SHOWN[number] in capsys.readouterr().out
