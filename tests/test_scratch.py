"""Where the stores of the tests are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import scratch


def test_a_folder_with_room_where_programs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_ENOUGH", 1)
    assert scratch.fits(tmp_path)
    assert not list(tmp_path.iterdir())
    assert not scratch.fits(tmp_path / "missing")
    monkeypatch.setattr(scratch, "_ENOUGH", shutil.disk_usage(tmp_path).total + 1)
    assert not scratch.fits(tmp_path)
