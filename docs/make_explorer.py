"""Makes the pictures of explorer.md: ``python docs/make_explorer.py``, with Chromium installed."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from tests.doors.http.running import RunningServer, serving  # noqa: E402
from tests.servers.browser import FLAGS, chromium  # noqa: E402

TOLD = (
    ("2024-01-10", "Ada Byron works at Acme. Bob Stone works at Acme. Acme is based in Berlin."),
    (
        "2024-03-02",
        "Bob Stone lives in Berlin. Clara Diaz is married to Bob Stone. "
        "Clara Diaz lives in Berlin.",
    ),
    (
        "2024-06-02",
        "Ada Byron lives in London. Ada Byron knows Bob Stone. Ada Byron knows Clara Diaz.",
    ),
    (
        "2024-07-11",
        "Deniz Kaya works at Acme since July 2024. Deniz Kaya lives in Hamburg. "
        "Deniz Kaya manages Bob Stone.",
    ),
    (
        "2024-09-01",
        "Emil Roth works at Bolt. Emil Roth lives in Lisbon. Fay Lund works at Bolt. "
        "Fay Lund is married to Emil Roth.",
    ),
    (
        "2025-02-01",
        "Bob Stone moved to Lisbon in February 2025. Clara Diaz moved to Lisbon in February 2025. "
        "Clara Diaz works at Bolt since February 2025.",
    ),
    (
        "2025-05-05",
        "Bolt is based in Lisbon. Ada Byron left Acme in April 2025. "
        "Ada Byron works at Bolt since May 2025.",
    ),
    (
        "2025-06-01",
        "Clara Diaz has a dog named Rex. Gus Hale knows Emil Roth. Gus Hale lives in Porto. "
        "Gus Hale works at Harbour Labs since June 2025.",
    ),
    (
        "2025-10-01",
        "Harbour Labs is based in Porto. Iris Moon works at Harbour Labs. Iris Moon knows "
        "Ada Byron. Deniz Kaya works at Harbour Labs since October 2025. Jon Vale works at Acme. "
        "Jon Vale lives in Berlin. Jon Vale knows Deniz Kaya.",
    ),
)


def picture(browser: Browser, server: RunningServer, name: str, width: int, scheme: str) -> None:
    """One picture: a search, its reasons, and the card of who was asked about."""
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    page.goto(f"{server.url}/")
    page.get_by_label("Key", exact=True).fill(server.key)
    page.keyboard.press("Enter")
    page.get_by_role("searchbox").fill("Where does Bob live?")
    page.keyboard.press("Enter")
    page.get_by_text("Why this?").first.click()
    page.get_by_role("list", name="Entities").get_by_role("button").first.click()
    page.locator(".card h2").wait_for()
    page.wait_for_timeout(5000)  # until the graph is at rest
    page.screenshot(path=HERE / f"explorer-{name}.png")
    context.close()


def main() -> None:
    """Tell it a small story, and take the pictures."""
    with serving() as server, sync_playwright() as playwright:
        with server.memory(user_id="ada") as memory:
            for at, text in TOLD:
                memory.add(text, occurred_at=at)
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        for name, width, scheme in (
            ("light", 1280, "light"),
            ("dark", 1280, "dark"),
            ("phone", 390, "light"),
        ):
            picture(browser, server, name, width, scheme)
        browser.close()


if __name__ == "__main__":
    main()
