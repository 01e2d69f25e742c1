"""The console, the owner's page; all of it by the keyboard, for a screen reader, and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from graphmem.access import Administration
from tests.doors.explorer.conftest import Visitor
from tests.doors.http.running import RunningServer, serving

_PAGES = ("Explore", "Add", "Conversations", "Cypher", "Admin")


def test_the_console_runs_a_query_of_the_tour(visitor: Visitor) -> None:
    page = visitor.sign_in()
    page.get_by_role("button", name="Cypher").click()
    page.get_by_label("The tour").select_option("relations_of")
    page.get_by_label("$name").fill("Bob Stone")
    page.get_by_role("button", name="Run").click()
    rows = page.get_by_role("region", name="Result").get_by_role("row")
    expect(rows.filter(has_text="Bob Stonelives_inLisbon")).to_have_count(1)
    page.get_by_label("The tour").select_option("")
    page.get_by_label("Cypher query").fill(
        "MATCH (e:Entity {name: 'Rex'}) RETURN e, '<i>x</i>' AS x"
    )
    page.get_by_label("Cypher query").press("Control+Enter")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("<i>x</i>")
    page.get_by_role("button", name="Rex").click()
    expect(page.get_by_role("heading", name="Rex")).to_be_visible()
    page.get_by_role("button", name="Cypher").click()
    page.get_by_label("Cypher query").fill("MATCH (n) DELETE n")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert").first).to_contain_text("read")
    visitor.errors[:] = [error for error in visitor.errors if "400" not in error]


def test_the_keyboard_alone_goes_all_the_way(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{visitor.server.url}/")
    page.keyboard.type(visitor.server.key)  # the field has the focus
    page.keyboard.press("Enter")
    expect(page.locator(".counted")).to_contain_text("9 entities")
    page.keyboard.press("/")
    page.keyboard.type("Clara")
    page.keyboard.press("Enter")
    entity = page.get_by_role("list", name="Entities").get_by_role("button").first
    expect(entity).to_be_visible()
    _tab_to(page, entity)
    assert entity.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    card = page.get_by_role("complementary", name="Clara Diaz")
    expect(card).to_be_visible()
    _tab_to(page, card.get_by_text("Timeline"))
    page.keyboard.press("Enter")
    expect(card.locator(".timeline")).to_contain_text("works at Bolt")
    _tab_to(page, card.get_by_role("button", name="Forget: Clara Diaz works at Bolt"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Escape")  # the card closes, and the graph has the focus
    expect(card).to_have_count(0)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator(".card h2")).to_be_visible()
    page.keyboard.press("0")
    _tab_to(page, page.get_by_role("button", name="Cypher"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Cypher")).to_be_visible()


def _tab_to(page: Page, wanted: Any) -> None:
    """Press Tab until it has the focus, as somebody would."""
    handle = wanted.element_handle()
    for _ in range(80):
        page.keyboard.press("Tab")
        if handle.evaluate("e => document.activeElement === e"):
            return
    raise AssertionError(f"the keyboard does not reach {wanted}")


async def _acme(administration: Administration) -> dict[str, str]:
    await administration.add_organisation("acme")
    made = {
        role: (await administration.add_key("acme", role, role=role)).secret
        for role in ("owner", "reader")
    }
    looks = await administration.add_key("acme", "looks", role="owner", read_only=True)
    return {**made, "looks": looks.secret}


@pytest.fixture
def acme() -> Iterator[RunningServer]:
    with serving(prepare=_acme) as running:
        with running.memory(api_key=running.prepared["owner"], user_id="ada") as memory:
            memory.add("Bob Stone works at Acme.")
        yield running


@pytest.fixture
def at_acme(visitor: Visitor, acme: RunningServer) -> Visitor:
    visitor.server, acme.key = acme, acme.prepared["owner"]
    return visitor


def test_an_owner_makes_and_revokes_keys_and_a_reader_may_not(at_acme: Visitor) -> None:
    page = at_acme.sign_in()
    page.get_by_role("button", name="Admin").click()
    page.get_by_text("Make a key").click()
    keys = page.get_by_role("region", name="Keys", exact=True).first
    keys.get_by_label("Name").fill("<b>laptop</b>")
    keys.get_by_role("button", name="Make").click()
    expect(keys.locator(".secret")).to_contain_text("gm_")
    page.get_by_text("Take somebody in").click()
    members = page.get_by_role("region", name="Members", exact=True).first
    members.get_by_label("Name").fill("Grace")
    members.get_by_role("button", name="Add").click()
    expect(page.get_by_label("Role of Grace")).to_have_value("reader")
    page.get_by_role("button", name="Revoke <b>laptop</b>").click()
    page.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("revoked", exact=True)).to_be_visible()
    expect(page.get_by_role("region", name="Audit log").first).to_contain_text("revoke_key")
    for _ in range(50):  # what was used is written within a second
        page.get_by_role("button", name="Admin").click()
        expect(page.get_by_role("region", name="Audit log").first).to_be_visible()
        if page.get_by_role("region", name="Usage").get_by_role("row").count():
            break
    expect(page.get_by_role("region", name="Usage").first).to_contain_text("202")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Key", exact=True).fill(at_acme.server.prepared["reader"])
    page.keyboard.press("Enter")
    expect(page.locator(".counted")).to_contain_text("2 entities")
    expect(page.get_by_role("button", name="Admin")).to_have_count(0)
    expect(page.get_by_role("button", name="Add", exact=True)).to_have_count(0)


def test_an_owner_who_only_reads_sees_it_all_and_a_revoked_key_signs_out(at_acme: Visitor) -> None:
    page = at_acme.sign_in(at_acme.server.prepared["looks"])
    page.get_by_role("button", name="Admin").click()
    expect(page.get_by_role("region", name="Audit log").first).to_be_visible()
    expect(page.get_by_text("Make a key")).to_have_count(0)
    expect(page.get_by_role("button", name="Revoke")).to_have_count(0)
    with at_acme.server.http(at_acme.server.prepared["looks"]) as http:
        key = http.get("/v1/access/whoami").json()["key"]["id"]
    with at_acme.server.http() as http:
        assert http.delete(f"/v1/access/keys/{key}").is_success
    page.get_by_role("button", name="Cypher").click()
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("Your key is good no more")
    at_acme.errors[:] = [error for error in at_acme.errors if "401" not in error]


@pytest.mark.parametrize(
    "context_options",
    [
        {"viewport": {"width": 1280, "height": 800}, "color_scheme": "light"},
        {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"},
    ],
    ids=["light", "dark, on a phone"],
)
def test_axe_finds_nothing_serious(visitor: Visitor) -> None:
    page = visitor.sign_in()
    visitor.search("Where does Bob live?")
    page.get_by_text("Why this?").first.click()
    page.get_by_role("list", name="Entities").get_by_role("button").first.click()
    expect(page.locator(".card h2")).to_be_visible()
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0, "the page is wider than the screen"
    for name in _PAGES:
        page.get_by_role("button", name=name, exact=True).click()
        expect(page.locator(".page")).to_be_visible(visible=name != "Explore")
        found = Axe().run(page)
        assert len(found.response["passes"]) > 10, "it has looked"
        serious = [
            (one["id"], [node["html"][:120] for node in one["nodes"]])
            for one in found.response["violations"]
            if one["impact"] in {"serious", "critical"}
        ]
        assert not serious, name
