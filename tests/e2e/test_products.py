"""Rows of products in a real Chromium: readable, the only thing that scrolls sideways, drawn anew in their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Locator, expect, sync_playwright

from tests.e2e.test_browser import CHROMIUM, LOCALES, PHONE, Visitor
from tests.e2e.test_cards import CARD, TWICE, UNREADABLE, WIDE, fits, shown
from tests.web_desk import Shop
from tests.web_products import REASONS, SHOWN, TITLES, row

pytestmark = pytest.mark.browser
ROW, TILE = ".kefu-products", ".kefu-product"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    yield shop
    shop.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def scrolled(card: Locator) -> float:
    return float(card.locator(ROW).evaluate("row => row.scrollLeft"))


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
@pytest.mark.parametrize("language", LOCALES)
def test_products_stand_in_a_row_that_alone_scrolls_sideways(
    browser: Browser, shop: Shop, language: str, size: dict[str, Any]
) -> None:
    visitor = Visitor(browser, shop, language, **size)
    page, said = visitor.page, row(language)
    (shop.home / "told").touch()
    shown(visitor, "reasons told")
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        page.reload()
        card = page.locator(CARD)
        expect(page.locator("html")).to_have_class(scheme)
        expect(card).to_have_attribute("lang", language)
        expect(card.get_by_role("list")).to_have_accessible_name(TITLES[language])
        expect(card.get_by_role("listitem")).to_have_count(len(SHOWN))
        expect(card.get_by_role("heading", level=4)).to_have_text([tile.name for tile in said.products])
        assert card.evaluate(UNREADABLE) == []
        for button in card.get_by_role("button").all():
            box = button.bounding_box()
            assert box and box["height"] >= 44
        for picture in card.locator("img").all():
            expect(picture).to_have_attribute("alt", "")
            assert picture.evaluate("async img => (await img.decode(), img.naturalWidth > 0)")
        tile, box = card.locator(TILE).first.bounding_box(), card.bounding_box()
        assert tile and box and 200 <= tile["width"] <= 220
        seen = (box["width"] + box["x"] - tile["x"]) / (tile["width"] + 12)
        assert 0.15 < seen % 1 < 0.95, "a tile that is cut off tells that there are more"
        assert fits(page)
        card.locator(ROW).evaluate("row => row.scrollLeft = row.scrollWidth")
        expect(card.get_by_role("button").last).to_be_in_viewport(ratio=1)
        assert scrolled(card) > 0 and fits(page) and page.evaluate("scrollX") == 0
    visitor.leave()


def test_asking_about_a_product_says_its_sentence_once(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "th", **PHONE)
    product = row("th").products[3]
    tile = shown(visitor, "products").locator(TILE).nth(3)
    button = tile.get_by_role("button", name=product.ask.label)
    expect(button).to_have_accessible_description(product.name)
    visitor.until_settled()
    button.evaluate(TWICE)
    visitor.until_answered(2)
    asked = visitor.page.locator("[data-step-type=user_message]")
    assert asked.all_inner_texts() == ["products", product.ask.message]
    expect(button).to_be_enabled()
    visitor.leave()


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
def test_reasons_come_into_the_row_where_the_shopper_has_scrolled_to(
    browser: Browser, shop: Shop, size: dict[str, Any]
) -> None:
    visitor = Visitor(browser, shop, "vi", **size)
    page, go = visitor.page, shop.home / f"go-{size['viewport']['width']}"
    visitor.ask(f"reasons {go.name}")
    card = page.locator(CARD)
    third = card.locator(TILE).nth(2)
    expect(third.get_by_role("button")).to_be_disabled()
    expect(card.get_by_text(REASONS["vi"])).to_have_count(0)
    card.locator(ROW).evaluate("row => row.scrollLeft = 3 * 224")
    card.locator(ROW).focus()
    card.evaluate("card => card.before = card.querySelectorAll('li')[2]")
    visitor.until_settled()
    before = scrolled(card)
    assert before > 0
    go.touch()
    expect(card.get_by_text(REASONS["vi"])).to_have_count(len(SHOWN))
    visitor.until_answered()
    assert scrolled(card) == before
    assert card.evaluate("card => card.before === card.querySelectorAll('li')[2]"), "the same tile, not another one"
    expect(card.locator(ROW)).to_be_focused()
    expect(third.get_by_role("button")).to_be_enabled()
    page.reload()
    expect(page.locator(CARD)).to_have_count(1)
    expect(page.locator(CARD).get_by_text(REASONS["vi"])).to_have_count(len(SHOWN))
    visitor.leave()


def test_a_row_is_used_with_the_keyboard_alone(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en", **WIDE)
    page = visitor.page
    card = shown(visitor, "products")
    card.locator(ROW).focus()
    for _ in SHOWN:
        page.keyboard.press("Tab")
    last = card.get_by_role("button").last
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport(ratio=1)
    assert last.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    visitor.until_answered(2)
    expect(page.locator("[data-step-type=user_message]").last).to_have_text(row("en").products[-1].ask.message)
    visitor.leave()


def test_a_category_without_a_picture_gets_the_one_for_all(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "zh")
    pictures = shown(visitor, "picture").locator("img")
    for picture in pictures.all():
        expect(picture).to_have_attribute("src", "/public/products/other.svg")
    assert {url.rpartition("/")[2] for url in visitor.broken} == {"moon_dust.svg"} and visitor.foreign == []
    visitor.context.close()
