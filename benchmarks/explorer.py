"""How the explorer draws a large graph: a real Chromium, dragging 10,000 entities.

``python -m benchmarks.explorer --entities 10000`` serves a store of its own, opens the page, and
prints one line of JSON: when the first picture and the whole graph stood there, and how long frames
took while the page was dragged, beside those of a page at rest (in milliseconds).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.doors.http.running import RunningServer, serving
from tests.servers.browser import FLAGS, chromium

_KINDS = ("person", "place", "organization", "event", "product")
_WATCH = """() => {
  let last = performance.now();
  window.watched = { frames: [] };
  const frame = (now) => {
    watched.frames.push([now, now - last]);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  document.addEventListener("submit", () => { watched.began = performance.now(); }, true);
  new MutationObserver(() => {
    const found = parseInt(document.querySelector(".counted")?.textContent.replace(",", "") || "0");
    if (found && !watched.first) watched.first = performance.now();
    if (found) watched.last = performance.now();
    watched.found = found;
  }).observe(document, { subtree: true, childList: true, characterData: true });
}"""


def relations(entities: int, seed: int) -> Iterator[dict[str, Any]]:
    """A tree, with half as many shortcuts."""
    pick = random.Random(seed)
    pairs = [(i, int(pick.randrange(i) * pick.random() ** 0.5)) for i in range(1, entities)]
    pairs += [(pick.randrange(entities), pick.randrange(entities)) for _ in range(entities // 2)]
    for one, other in pairs:
        if one != other:
            yield {
                "subject": f"Entity {one}",
                "type": "knows",
                "object": f"Entity {other}",
                "subject_kind": _KINDS[one % len(_KINDS)],
                "object_kind": _KINDS[other % len(_KINDS)],
            }


def _frames(page: Page, since: float) -> dict[str, float]:
    took = sorted(d for at, d in page.evaluate("watched.frames") if at > since)
    share = {"median": 0.5, "p95": 0.95, "p99": 0.99}
    found = {name: took[int(len(took) * part)] for name, part in share.items()}
    return {name: round(value, 1) for name, value in {**found, "max": took[-1]}.items()}


def _drag(page: Page) -> dict[str, float]:
    page.mouse.move(700, 700)
    page.mouse.down()
    began = page.evaluate("performance.now()")
    for step in range(100):
        page.mouse.move(700 + 4 * step, 700 - 3 * step)
        page.wait_for_timeout(10)
    found = _frames(page, began)
    page.mouse.up()
    return found


def measure(server: RunningServer, entities: int, settle_s: float) -> dict[str, Any]:
    """Open the page, wait until it is drawn, drag it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{server.url}/")
        page.evaluate(_WATCH)
        page.get_by_label("Key", exact=True).fill(server.key)
        page.keyboard.press("Enter")
        while page.evaluate("watched.found || 0") < entities:
            page.wait_for_timeout(100)
        seen = page.evaluate("watched")
        settling = _drag(page)
        page.wait_for_timeout(1000 * settle_s)
        rest_from = page.evaluate("performance.now()")
        page.wait_for_timeout(1500)
        found = {
            "entities": entities,
            "first_picture_ms": round(seen["first"] - seen["began"]),
            "whole_graph_ms": round(seen["last"] - seen["began"]),
            "frame_at_rest_ms": _frames(page, rest_from),
            "frame_dragging_ms": _drag(page),
            "frame_dragging_while_settling_ms": settling,
        }
        browser.close()
    return found


def main() -> None:
    """From the command line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--entities", type=int, default=10_000)
    options.add_argument(
        "--settle", type=float, default=20.0, help="seconds for places to be found"
    )
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with serving() as server:
        with server.memory(user_id="ada") as memory:
            memory.relate_many(list(relations(given.entities, given.seed)))
        sys.stdout.write(json.dumps(measure(server, given.entities, given.settle)) + "\n")


if __name__ == "__main__":
    main()
