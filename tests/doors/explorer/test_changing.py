"""What the page changes: it slides through time, adds, merges, edits, undoes and forgets."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.doors.explorer.conftest import Visitor, until_drawn


def _open(page: Page, visitor: Visitor, name: str) -> None:
    visitor.search(name)
    page.get_by_role("list", name="Entities").get_by_role("button", name=name).first.click()
    page.get_by_role("heading", name=name, exact=True).wait_for()


def test_the_slider_shows_the_graph_and_the_card_of_a_day(visitor: Visitor) -> None:
    with visitor.server.memory(user_id="ada") as memory:
        memory.add("Eve Hall moved to Oslo in April 2025.", occurred_at="2025-04-20")
    page = visitor.sign_in()
    expect(page.locator(".counted")).to_contain_text("11 entities")
    _open(page, visitor, "Bob Stone")
    card = page.get_by_role("complementary", name="Bob Stone")
    expect(card).to_contain_text("moved to Lisbon")
    slider = page.get_by_role("slider", name="As of")
    expect(slider).to_have_attribute("aria-valuetext", "now")
    slider.press("Home")  # before he moved, he lived in Berlin
    expect(slider).to_have_attribute("aria-valuetext", "2 Jan 2025")
    expect(card).to_contain_text("Bob Stone lives in Berlin")
    expect(card).not_to_contain_text("moved to Lisbon")
    expect(page.locator(".counted")).to_contain_text("9 entities")
    slider.press("PageUp")
    expect(slider).to_have_attribute("aria-valuetext", "1 Feb 2025")
    page.get_by_role("button", name="Now", exact=True).click()
    expect(card).to_contain_text("moved to Lisbon")
    expect(page.locator(".counted")).to_contain_text("11 entities")


def test_what_is_added_is_shown_with_what_was_decided(visitor: Visitor) -> None:
    page = visitor.sign_in()
    page.get_by_role("button", name="Add", exact=True).click()
    page.get_by_label("What should be remembered?").fill("Dora Penn works at Acme.")
    page.get_by_label("When was it said?").fill("2025-06-01")
    page.get_by_label("Conversation").fill("coffee")
    page.get_by_role("button", name="Remember").click()
    page.get_by_role("button", name="Dora Penn works at Acme").click()
    expect(page.get_by_role("heading", name="Dora Penn")).to_be_visible()
    until_drawn(page, lambda points: points > 500)  # what grew meanwhile is in sight
    page.get_by_role("button", name="Conversations", exact=True).click()
    page.get_by_role("button", name="Dora Penn works at Acme.").click()
    expect(page.locator(".conversation .turn")).to_have_text("ada: Dora Penn works at Acme.")
    page.get_by_label("Title").fill("At the coffee machine")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".runs")).to_contain_text("At the coffee machine")
    with visitor.server.memory(user_id="ada") as memory:
        assert memory.entity("Dora Penn").kind == "person"
        (run,) = memory.runs().items
        assert (run.id, run.title) == ("coffee", "At the coffee machine")


def test_two_entities_are_merged_and_separated(visitor: Visitor) -> None:
    page = visitor.sign_in()
    _open(page, visitor, "Clara Diaz")
    page.get_by_role("button", name="Merge…").click()
    page.get_by_label("Which one is the same").fill("Ada Byron")
    page.get_by_role("button", name="Merge", exact=True).click()
    expect(page.get_by_text("Ada Byron is one with Clara Diaz now.")).to_be_visible()
    expect(page.locator(".counted")).to_contain_text("8 entities")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(page.get_by_text("Ada Byron stands by itself again.")).to_be_visible()
    expect(page.locator(".counted")).to_contain_text("9 entities")
    with visitor.server.memory(user_id="ada") as memory:
        assert memory.entity("Ada Byron").id != memory.entity("Clara Diaz").id


def test_a_fact_is_edited_forgotten_and_both_are_undone(visitor: Visitor) -> None:
    page = visitor.sign_in()
    _open(page, visitor, "Rex")
    card = page.get_by_role("complementary", name="Rex")
    page.get_by_role("button", name="Edit: ").click()
    page.get_by_label("What is so").fill("Clara Diaz has a cat named Rex")
    page.get_by_label("Since").fill("2024-05")
    page.get_by_role("button", name="Save").click()
    expect(card).to_contain_text("Clara Diaz has a cat named Rex")
    expect(card).to_contain_text("since May 2024")
    page.get_by_role("button", name="Undo", exact=True).click()
    expect(card).to_contain_text("a dog named Rex")
    page.get_by_role("button", name="Forget: ").click()
    page.get_by_role("button", name="Forget", exact=True).click()
    expect(page.get_by_text("Forgotten.")).to_be_visible()
    with visitor.server.memory(user_id="ada") as memory:
        assert not [fact for fact in memory.get_all(limit=50).items if "Rex" in fact.text]
        page.get_by_role("button", name="Undo", exact=True).last.click()
        expect(page.get_by_text("Undone.")).to_have_count(2)
        assert [fact for fact in memory.get_all(limit=50).items if "Rex" in fact.text]
