"""Where the stores of the tests are kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import conftest, scratch


def test_a_folder_with_room_where_programs_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_ENOUGH", 1)
    assert scratch.fits(tmp_path)
    assert not list(tmp_path.iterdir())
    assert not scratch.fits(tmp_path / "missing")
    monkeypatch.setattr(scratch, "_ENOUGH", shutil.disk_usage(tmp_path).total + 1)
    assert not scratch.fits(tmp_path)


def test_every_name_of_what_is_slow_or_begun_first_names_something() -> None:
    here = Path(__file__).parent
    files = [f"tests/{path.relative_to(here).as_posix()}" for path in here.rglob("test_*.py")]
    named = [part.partition("::")[0] for part in conftest._SLOW]
    beginnings = [one for one in named if not any(f.startswith(f"tests/{one}") for f in files)]
    assert not beginnings
    assert not [one for one in conftest._FIRST if not any(one in file for file in files)]
