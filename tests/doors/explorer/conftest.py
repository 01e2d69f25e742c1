"""A real browser before a real server: what the page does is what somebody would see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests.doors.http.running import RunningServer, serving
from tests.servers import had_or_skipped
from tests.servers.browser import FLAGS, chromium

MARKUP = "<img src=x onerror=window.hurt=1> likes <script>window.hurt=1</script>."
TOLD = (
    ("2024-01-10", "Ada Byron works at Acme. Bob Stone works at Acme. Acme is based in Berlin."),
    ("2024-03-02", "Bob Stone lives in Berlin. Clara Diaz is married to Bob Stone."),
    ("2024-06-02", "Ada Byron lives in London. Ada Byron knows Bob Stone."),
    ("2025-02-01", "Bob Stone moved to Lisbon in February 2025. Clara Diaz works at Bolt."),
    ("2025-05-05", "Bolt is based in Lisbon. Clara Diaz has a dog named Rex."),
)

_DRAWN = """() => {
  const canvas = document.getElementById("graph");
  const all = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return all.filter((value, i) => i % 4 === 3 && value > 0).length;
}"""


def until_drawn(page: Page, enough: Callable[[int], bool]) -> None:
    """Wait until so many points of the canvas have something on them."""
    points = -1
    for _ in range(150):
        points = page.evaluate(_DRAWN)
        if enough(points):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{points} points of the canvas have something on them")


@dataclass
class Visitor:
    """Somebody before the page: what their browser asked for, and what went wrong in it."""

    page: Page
    server: RunningServer
    asked: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def heard(self, said: ConsoleMessage) -> None:
        """The browser says something to whoever made the page."""
        if said.type == "error":
            self.errors.append(said.text)

    def sign_in(self, key: str | None = None) -> Page:
        self.page.goto(f"{self.server.url}/")
        self.page.get_by_label("Key", exact=True).fill(key or self.server.key)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("application").wait_for()  # sooner than an expectation asks again
        return self.page

    def search(self, query: str) -> None:
        self.page.get_by_role("searchbox").fill(query)
        self.page.keyboard.press("Enter")
        self.page.get_by_role("heading", name="result").wait_for()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with its file: as long as Playwright runs, so does its event loop in this thread, and no
    test of another file could have one."""
    path = had_or_skipped(chromium)
    expect.set_options(timeout=20_000)  # a slow machine is no fault of the page
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield started
        started.close()


@pytest.fixture
def server() -> Iterator[RunningServer]:
    with serving() as running:
        with running.memory(user_id="ada") as memory:
            for at, text in TOLD:
                memory.add(text, occurred_at=at)
            memory.add(MARKUP, infer=False, tags=["<b>bold</b>"])
        yield running


@pytest.fixture
def context_options() -> dict[str, Any]:
    return {"viewport": {"width": 1280, "height": 800}}


@pytest.fixture
def visitor(
    browser: Browser, server: RunningServer, context_options: dict[str, Any]
) -> Iterator[Visitor]:
    """Asserts at the end that nothing was asked of any other host, and that nothing failed."""
    context: BrowserContext = browser.new_context(**context_options)
    context.set_default_timeout(20_000)
    page = context.new_page()
    one = Visitor(page, server)
    context.on("request", lambda request: one.asked.append(request.url))
    page.on("pageerror", lambda error: one.errors.append(str(error)))
    page.on("console", one.heard)
    try:
        yield one
    finally:
        context.close()
    elsewhere = [
        url for url in one.asked if urlsplit(url).netloc != urlsplit(one.server.url).netloc
    ]
    assert not elsewhere
    assert one.asked
    assert not one.errors
