"""The page in a browser: signing in, searching, the graph, the card of an entity."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from graphmem.doors.http.explorer import POLICY
from tests.doors.explorer.conftest import Visitor, until_drawn
from tests.doors.http.running import RunningServer, serving


def test_a_bad_key_is_refused_and_a_good_one_shows_the_graph(visitor: Visitor) -> None:
    page = visitor.page
    page.goto(f"{visitor.server.url}/")
    page.get_by_label("Key", exact=True).fill("gm_nothing")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not good")
    page.get_by_label("Key", exact=True).fill(visitor.server.key)
    page.keyboard.press("Enter")
    expect(page.locator(".counted")).to_contain_text("9 entities")
    expect(page.get_by_role("list", name="Kinds")).to_contain_text("person 3")
    page.reload()  # the key is kept for this tab
    expect(page.locator(".counted")).to_contain_text("9 entities")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Key", exact=True)).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0
    visitor.errors[:] = [error for error in visitor.errors if "401" not in error]


def test_a_search_gives_reasons_and_says_why_not(visitor: Visitor) -> None:
    page = visitor.sign_in()
    visitor.search("Where does Bob live?")
    first = page.locator(".hit").first
    expect(first).to_contain_text("Bob Stone moved to Lisbon")
    first.get_by_text("Why this?").click()
    expect(first).to_contain_text("Bob Stone -lives_in→ Lisbon")
    expect(first).to_contain_text("This fact is the relation that the question asks for")
    page.get_by_text("Why not something else?").click()
    page.get_by_label("Something is missing?").fill("Bob Stone lives in Berlin")
    page.keyboard.press("Enter")
    expect(page.locator(".cause")).to_contain_text("ended")


def test_the_graph_grows_around_an_entity(visitor: Visitor) -> None:
    page = visitor.sign_in()
    expect(page.locator(".counted")).to_contain_text("9 entities")
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".empty")).to_be_visible()
    visitor.search("Bob Stone")
    page.get_by_role("list", name="Entities").get_by_role("button", name="Bob Stone").click()
    expect(page.get_by_role("heading", name="Bob Stone")).to_be_visible()
    expect(page.locator(".counted")).to_contain_text("5 entities")
    canvas = page.get_by_role("application")
    canvas.focus()
    for _ in range(6):  # to the left, and what is around whoever is there
        canvas.press("ArrowLeft")
    canvas.press("Enter")
    expect(page.locator(".counted")).not_to_contain_text("5 entities")


def test_markup_in_a_memory_stays_text(visitor: Visitor) -> None:
    page = visitor.sign_in()
    visitor.search("who likes img src")
    expect(page.locator(".hit", has_text="<script>window.hurt=1</script>").first).to_be_visible()
    assert page.locator(".hit img, .hit script, .hit b").count() == 0
    assert page.evaluate("window.hurt") is None
    with pytest.raises(Exception, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>no</b>'")
    visitor.errors.clear()  # the browser says so, too


@pytest.fixture(scope="module")
def empty() -> Iterator[RunningServer]:
    with serving() as running:
        yield running


def test_the_page_needs_no_key_and_may_nothing(empty: RunningServer) -> None:
    with empty.http(None) as http:
        page = http.get("/")
        assert page.status_code == 200
        assert page.headers["content-security-policy"] == POLICY
        assert "unsafe" not in POLICY
        assert POLICY.startswith("default-src 'none'; script-src 'self';")
        again = http.get("/", headers={"if-none-match": page.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        for name in ("app.js", "vendor/d3-force.min.js", "vendor/LICENSE.d3.txt", "known.json"):
            assert http.get(f"/explorer/{name}").status_code == 200, name
        for name in ("../files.py", "..%2ffiles.py", "nothing.js", "/etc/passwd", ""):
            assert http.get(f"/explorer/{name}").status_code == 404, name


def test_a_code_lets_in_once(empty: RunningServer) -> None:
    with empty.http(None) as nobody, empty.http() as owner:
        assert nobody.post("/explorer/code").status_code == 401
        code = owner.post("/explorer/code").json()["code"]
        assert nobody.post("/explorer/key", json={"code": 1}).status_code == 400
        assert nobody.post("/explorer/key", json={"code": code}).json() == {"key": empty.key}
        again = nobody.post("/explorer/key", json={"code": code})
        assert again.status_code == 401
        assert "used already" in again.json()["detail"]


def test_a_graph_of_many_is_drawn_in_parts_and_dragged_as_a_whole(
    visitor: Visitor, server: RunningServer
) -> None:
    with server.memory(user_id="ada") as memory:
        rows = [(f"Entity {n}", "knows", f"Entity {n // 3}") for n in range(1, 620)]
        assert memory.relate_many(rows) == len(rows)
    page = visitor.sign_in()
    expect(page.locator(".counted")).to_contain_text("629 entities")
    until_drawn(page, lambda points: points > 5_000)
    for _ in range(3):  # out of sight
        page.mouse.move(400, 650)
        page.mouse.down()
        page.mouse.move(1_200, 650, steps=4)
        page.mouse.up()
    until_drawn(page, lambda points: points < 500)
    page.get_by_role("button", name="Show all").click()
    until_drawn(page, lambda points: points > 5_000)
    page.get_by_role("application").press("Enter")  # nobody is pointed at: nothing happens
    page.get_by_role("application").press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".card h2")).to_have_text("Bob Stone")  # who has most relations
