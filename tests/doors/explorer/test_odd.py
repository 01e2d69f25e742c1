"""What does not go as usual: a great many facts, a server that is slow or gone, other scripts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.doors.explorer.conftest import Visitor
from tests.doors.http.running import RunningServer, serving

_ARABIC = "أنا أعيش في القاهرة وأعمل في شركة."


@pytest.fixture(scope="module")
def server() -> Iterator[RunningServer]:
    with serving() as running:
        with running.memory(user_id="ada") as memory:
            memory.add("Hub Person lived in Oslo until 2020.", occurred_at="2021-01-01")
            rows = [("Hub Person", "knows", f"Friend {n}") for n in range(130)]
            assert memory.relate_many(rows) == len(rows)
            memory.add(_ARABIC, infer=False, run_id="cairo")
            for n in range(105):
                memory.add(f"Note {n}.", infer=False, run_id=f"talk {n}")
        yield running


def _open(visitor: Visitor, name: str) -> Any:
    visitor.search(name)
    entities = visitor.page.get_by_role("list", name="Entities")
    entities.get_by_role("button", name=name).first.click()
    card = visitor.page.get_by_role("complementary", name=name)
    expect(card).to_be_visible()
    return card


def test_every_fact_and_conversation_is_reached(visitor: Visitor) -> None:
    page = visitor.sign_in()
    card = _open(visitor, "Hub Person")
    facts = card.get_by_role("region", name="Facts").locator(".fact")
    expect(facts).to_have_count(100)
    card.get_by_role("button", name="Show more").first.click()
    expect(facts).to_have_count(130)
    expect(card.get_by_role("list", name="Facts")).to_be_focused()
    card.get_by_text("No longer so").click()
    ended = card.locator("details", has_text="No longer so").locator(".fact-text")
    expect(ended).to_have_text([re.compile("Oslo")])  # nothing of what holds
    page.get_by_role("button", name="Conversations", exact=True).click()
    expect(page.locator(".runs button")).to_have_count(100)
    page.get_by_role("button", name="Show more").click()
    expect(page.locator(".runs button")).to_have_count(106)
    row = page.get_by_role("button", name=_ARABIC)
    row.click()
    expect(page.locator(".conversation .turn")).to_contain_text(_ARABIC)
    expect(row).to_be_focused()
    for part in (".conversation .turn", ".runs .name"):
        style = page.locator(part).first.evaluate("e => getComputedStyle(e).unicodeBidi")
        assert style == "plaintext", "it runs in its own direction"


def test_a_server_that_is_gone_is_said_in_its_place_and_asked_again(visitor: Visitor) -> None:
    page = visitor.sign_in()
    for path in ("**/v1/search", "**/v1/runs"):
        page.route(path, lambda route: route.abort())
    page.get_by_role("searchbox").fill("Oslo")
    page.keyboard.press("Enter")
    found = page.get_by_role("complementary", name="Search and results")
    expect(found.get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute("**/v1/search")
    found.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="result")).to_be_visible()
    page.get_by_role("button", name="Conversations", exact=True).click()
    expect(page.locator(".page").get_by_role("alert")).to_contain_text("cannot be reached")
    page.unroute("**/v1/runs")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".runs button")).to_have_count(100)
    visitor.errors.clear()  # the browser says so, too


def first_of(waiting: list[Route], page: Page) -> Route:
    """The first request that is held back: the page may ask later than it shows its buttons."""
    until = time.monotonic() + 30
    while not waiting:
        assert time.monotonic() < until, "the page never asked"
        page.wait_for_timeout(20)
    return waiting[0]


def test_a_page_that_comes_late_takes_no_others_place(visitor: Visitor) -> None:
    page = visitor.sign_in()
    waiting: list[Route] = []
    page.route("**/v1/runs", lambda route: waiting.append(route))
    page.get_by_role("button", name="Conversations", exact=True).click()
    page.get_by_role("button", name="Cypher").click()
    expect(page.get_by_role("heading", name="Cypher")).to_be_visible()
    with page.expect_response("**/v1/runs"):
        first_of(waiting, page).continue_()
    page.wait_for_timeout(200)
    expect(page.get_by_role("heading", name="Cypher")).to_be_visible()


def test_whoever_is_quicker_than_the_first_answer_is_not_turned_back(visitor: Visitor) -> None:
    page = visitor.page
    waiting: list[Route] = []
    page.route("**/v1/users", lambda route: waiting.append(route))
    visitor.sign_in()
    page.get_by_role("button", name="Add", exact=True).click()
    text = page.get_by_label("What should be remembered?")
    text.fill("Early words.")
    with page.expect_response("**/v1/to_networkx"):
        first_of(waiting, page).continue_()
    expect(page.locator(".counted")).to_contain_text("relations")  # the graph is there, behind it
    expect(text).to_be_visible()
    expect(text).to_have_value("Early words.")


def test_nothing_goes_on_after_signing_out(visitor: Visitor) -> None:
    page = visitor.sign_in()
    for _ in range(3):
        expect(page.locator(".counted")).to_contain_text("relations")
        assert len(page.workers) == 1
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_label("Key", exact=True)).to_be_visible()
        page.get_by_label("Key", exact=True).fill(visitor.server.key)
        page.keyboard.press("Enter")
    expect(page.locator(".counted")).to_contain_text("relations")
    assert len(page.workers) == 1


@pytest.mark.parametrize("context_options", [{"viewport": {"width": 390, "height": 844}}])
def test_on_a_phone_no_page_is_wider_than_the_screen(visitor: Visitor) -> None:
    page = visitor.sign_in()
    for name in ("Add", "Conversations", "Cypher", "Admin"):
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator(".page h2")).to_be_visible()
        wide = page.locator(".page").evaluate("e => e.scrollWidth - e.clientWidth")
        assert wide <= 0, name


@pytest.mark.parametrize("context_options", [{"color_scheme": "dark"}])
def test_colours_are_the_machines_until_others_are_chosen(visitor: Visitor) -> None:
    page = visitor.sign_in()
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.emulate_media(color_scheme="light")
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "light")  # the page hears of it a little later
    assert page.evaluate(paper) != dark
    page.get_by_role("button", name="Light or dark").click()
    expect(root).to_have_attribute("data-theme", "dark")
    assert page.evaluate(paper) == dark
    page.reload()
    expect(page.locator(".counted")).to_contain_text("relations")
    assert page.evaluate(paper) == dark


_WRITES = """(() => {
  const write = CanvasRenderingContext2D.prototype.fillText;
  window.written = {};
  CanvasRenderingContext2D.prototype.fillText = function (text, ...where) {
    window.written[text] = this.measureText(text).width;
    return write.call(this, text, ...where);
  };
})()"""


def test_a_long_name_hides_no_neighbours(visitor: Visitor) -> None:
    with visitor.server.memory(user_id="ada") as memory:
        memory.relate("W" * 120, "likes", "Tea")
    visitor.page.add_init_script(_WRITES)
    page = visitor.sign_in()
    _open(visitor, "W" * 120)
    page.wait_for_function("Object.keys(written).some((text) => text.startsWith('WWW'))")
    widths = page.evaluate("Object.entries(written).filter(([text]) => text.startsWith('WWW'))")
    assert max(width for _, width in widths) < 210
