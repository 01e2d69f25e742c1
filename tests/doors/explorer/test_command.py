"""``graphmem explore`` as a program: where the page is, and whom its code lets in."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from graphmem import Memory

_PROGRAM = [sys.executable, "-m", "graphmem.doors.cli"]


@contextmanager
def _explore(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [*_PROGRAM, *options, "explore", "--no-open"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            line = process.stderr.readline()
            found = re.fullmatch(r"the explorer is at (\S+)\n", line)
            assert found, line + process.stderr.read()
            yield process, found[1]
        finally:
            process.terminate()
            process.wait(30)


def test_explore_signs_in_by_itself_and_once(tmp_path: Path, browser: Browser) -> None:
    store = tmp_path / "store"
    with Memory(store) as memory:
        memory.add("Bob Stone works at Acme.", user_id="ada")
        memory.add("Clara Diaz works at Bolt.", user_id="bo")
    with _explore("--store", str(store), "--user", "bo") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        page = browser.new_page()
        page.goto(address)
        expect(page.get_by_label("Whose memory")).to_have_value("user_id bo")
        expect(page.locator(".counted")).to_contain_text("2 entities · 1 relation")
        assert page.evaluate("location.href").endswith("/"), "the code is no longer in the address"
        page.close()
        again = browser.new_page()
        again.goto(address)
        expect(again.get_by_role("alert")).to_contain_text("used already")
        again.close()
        with _explore("--store", str(store)) as (other, there):  # the first one shows it
            assert other.wait(30) == 0
            url, _, code = there.partition("/#code=")
            assert address.startswith(url)
            key = httpx.post(f"{url}/explorer/key", json={"code": code}).json()["key"]
            asking = {"authorization": f"Bearer {key}"}
            assert httpx.get(f"{url}/v1/ping", headers=asking).is_success
        process.terminate()
        assert process.wait(30) == 0


def test_a_folder_without_a_store_is_a_mistake_in_its_name(tmp_path: Path) -> None:
    command = [*_PROGRAM, "--store", str(tmp_path / "typo"), "explore", "--no-open"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "there is no store in" in done.stderr
    assert not (tmp_path / "typo").exists()


@pytest.mark.parametrize("there", ["", "/"])
def test_of_a_server_elsewhere_the_page_asks_for_a_key(there: str) -> None:
    command = [*_PROGRAM, "--store", f"http://127.0.0.1:1{there}", "explore", "--no-open"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "the explorer is at http://127.0.0.1:1/\n"
