"""Cards in a real Chromium, on the demo shop: readable in every language and size, and a click that counts once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

from kefu.words import say, word
from tests.e2e.test_browser import CHROMIUM, LOCALES, PHONE, Visitor
from tests.web_desk import Shop

pytestmark = pytest.mark.browser
WIDE: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
CARD = ".kefu-card"
MARKUP = "<img src=x onerror=alert(1)> **12** Nguyễn Huệ [a](javascript:alert(1))"

# Every text in the card with less contrast than AA asks of text of its size, and every element that sticks out of it,
# or out of its tile in a row that scrolls
UNREADABLE = """card => {
  const rgba = text => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const over = (top, under) => under.map((c, i) => i < 3 ? top[i] * top[3] + c * (1 - top[3]) : 1);
  const light = colour => colour.slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = element => element
    ? over(rgba(getComputedStyle(element).backgroundColor), ground(element.parentElement)) : [255, 255, 255, 1];
  const own = element => [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
  const told = [];
  for (const element of card.querySelectorAll('*')) {
    if (element.matches('.kefu-unseen, .kefu-product')) continue;
    const around = element.closest('.kefu-product') ?? card;
    const [style, box, frame] = [getComputedStyle(element), ...[element, around].map(e => e.getBoundingClientRect())];
    if (box.width && (box.left < frame.left || box.right > frame.right + 0.5)) told.push(['out', element.outerHTML]);
    if (!own(element)) continue;
    if (parseFloat(style.lineHeight) < 1.6 * parseFloat(style.fontSize) - 0.1) told.push(['low', element.outerHTML]);
    const under = ground(element), [a, b] = [light(over(rgba(style.color), under)), light(under)];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) told.push([contrast, element.outerHTML]);
  }
  return told;
}"""


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


# A double click, both on the same button: what the first one sends scrolls the page under the second
TWICE = "async button => { button.click(); await new Promise(done => setTimeout(done)); button.click(); }"


def shown(visitor: Visitor, question: str) -> Locator:
    """The card that comes with the answer to a question."""
    page, answers = visitor.page, visitor.page.locator("[data-step-type=assistant_message]").count()
    cards = page.locator(CARD).count()
    visitor.ask(question)
    visitor.until_answered(answers + 1)
    expect(page.locator(CARD)).to_have_count(cards + 1)
    return page.locator(CARD).nth(cards)


def clicks(page: Page) -> list[Any]:
    """What the page sends about approvals, from now on."""
    sent: list[Any] = []

    def heard(request: Request) -> None:
        if request.url.endswith("/approval"):
            sent.append(request.post_data_json)

    page.on("request", heard)
    return sent


def fits(page: Page) -> bool:
    return bool(page.evaluate("[document.documentElement, document.body].every(e => e.scrollWidth <= innerWidth)"))


@pytest.mark.parametrize("size", [PHONE, WIDE], ids=["phone", "wide"])
@pytest.mark.parametrize("language", LOCALES)
def test_cards_are_readable_in_every_language_and_size(
    browser: Browser, shop: Shop, language: str, size: dict[str, Any]
) -> None:
    visitor = Visitor(browser, shop, language, **size)
    page = visitor.page
    for question in ("order shipped", "order delivered", "orders", "choices", "move 99/1 Sukhumvit 71"):
        shown(visitor, question)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        page.emulate_media(color_scheme=scheme)
        page.reload()
        expect(page.locator("html")).to_have_class(scheme)
        expect(page.locator(CARD)).to_have_count(5)
        for summary in page.locator(f"{CARD} summary").all():
            summary.click()
        for card in page.locator(CARD).all():
            assert card.evaluate(UNREADABLE) == []
            assert card.get_attribute("lang") == language
            assert card.evaluate("card => document.getElementById(card.getAttribute('aria-labelledby')).textContent")
        for button in page.locator(f"{CARD} button").all():
            box = button.bounding_box()
            assert button.inner_text().strip() and box and box["height"] >= 44
        assert fits(page)
    boxes = [step.bounding_box() for step in page.locator(CARD).first.locator(".kefu-steps li").all()]
    places = [(box["x"], box["y"]) if size is WIDE else (box["y"], box["x"]) for box in boxes if box]
    assert len(places) == 4 and len({across for _, across in places}) == 1
    assert [along for along, _ in places] == sorted({along for along, _ in places})
    visitor.leave()


def test_the_way_of_an_order_is_told_in_words_too(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en")
    card = shown(visitor, "order shipped")
    steps = card.get_by_role("list").first.get_by_role("listitem")
    assert steps.all_text_contents()[3] == word("en", "step", "delivered") + say("en", "step_ahead")
    expect(card.locator("[aria-current=step]")).to_contain_text(word("en", "step", "dispatched"))
    expect(card.locator(".kefu-card-pill")).to_have_text(word("en", "status", "shipped"))
    visitor.leave()


def test_a_buttons_sentence_is_the_shoppers_own_and_goes_once(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en")
    card = shown(visitor, "order shipped")
    card.locator("summary").click()
    button = card.get_by_role("button", name=word("en", "action", "track"))
    visitor.until_settled()
    button.evaluate(TWICE)
    expect(button).to_be_disabled()
    visitor.until_answered(2)
    number = card.locator("h3").inner_text().split()[-1]
    asked = visitor.page.locator("[data-step-type=user_message]")
    assert asked.all_inner_texts() == ["order shipped", say("en", "ask_track", number=number)]
    expect(button).to_be_enabled()
    expect(card.locator("details")).to_have_attribute("open", "")
    visitor.leave()


def test_choosing_an_order_says_which(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "vi", **PHONE)
    row = shown(visitor, "orders").get_by_role("button").nth(1)
    number = row.locator("b").inner_text()
    visitor.until_settled()
    row.tap()
    visitor.until_answered(2)
    expect(visitor.page.locator("[data-step-type=user_message]").last).to_contain_text(number)
    visitor.leave()


def test_choosing_what_is_meant_says_it(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "th", **PHONE)
    choices = shown(visitor, "choices").get_by_role("button")
    cancel = word("th", "wish", "cancel_order")
    assert choices.all_inner_texts() == [cancel, word("th", "wish", "get_order"), word("th", "wish", "swap_items")]
    visitor.until_settled()
    choices.first.tap()
    visitor.until_answered(2)
    expect(visitor.page.locator("[data-step-type=user_message]").last).to_have_text(cancel)
    visitor.leave()


@pytest.mark.parametrize("language", LOCALES)
def test_confirm_counts_once_and_the_card_says_what_became_of_it(browser: Browser, shop: Shop, language: str) -> None:
    visitor = Visitor(browser, shop, language)
    page, street = visitor.page, f"{language} street 7"
    card = shown(visitor, f"move {street}")
    expect(card.locator("ins")).to_contain_text(street)
    expect(card.locator("del")).not_to_contain_text(street)
    sent = clicks(page)
    visitor.until_settled()
    card.get_by_role("button", name=say(language, "approval_confirm")).evaluate(TWICE)
    expect(card.locator("p[data-state=done]")).to_be_visible()
    visitor.until_answered(2)
    assert [click["confirm"] for click in sent] == [True]
    assert set(sent[0]) == {"id", "confirm"}
    for again in (False, True):
        if again:
            page.reload()
            visitor.until_answered(2)
        expect(card.get_by_role("status")).to_have_text(say(language, "approval_done"))
        expect(card.get_by_role("button")).to_have_count(0)
        expect(page.locator(CARD)).to_have_count(1)
        assert card.evaluate(UNREADABLE) == []
    changed = shown(visitor, "order pending")
    changed.locator("summary").click()
    expect(changed.locator("address")).to_contain_text(street)
    visitor.leave()


def test_cancel_changes_nothing_and_every_tab_sees_it(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "th")
    card = shown(visitor, "move nowhere 1")
    other = visitor.context.new_page()
    other.goto(visitor.page.url)
    expect(other.locator(f"{CARD} button")).to_have_count(2)
    card.get_by_role("button", name=say("th", "approval_cancel")).click()
    for page in (visitor.page, other):
        expect(page.locator(CARD).get_by_role("status")).to_have_text(say("th", "approval_refused"))
        expect(page.locator(f"{CARD} button")).to_have_count(0)
    visitor.until_answered(2)
    address = shown(visitor, "order pending").locator("address")
    expect(address).not_to_contain_text("nowhere")
    visitor.leave()


def test_a_click_that_does_not_get_through_can_be_made_again(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "zh", **PHONE)
    page = visitor.page
    card = shown(visitor, "move 人民路8号")
    confirm = card.get_by_role("button", name=say("zh", "approval_confirm"))
    page.route("**/approval", lambda route: route.abort())
    visitor.until_settled()
    confirm.tap()
    expect(card.get_by_role("status")).to_have_text(say("zh", "click_unreached"))
    expect(confirm).to_be_enabled()
    page.unroute("**/approval")
    confirm.tap()
    expect(card.locator("p[data-state=done]")).to_be_visible()
    visitor.leave()


def test_a_click_is_seen_to_be_under_way(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en")
    page = visitor.page
    card = shown(visitor, "move Slow Lane 1")
    held: list[Any] = []
    page.route("**/approval", lambda route: held.append(route))
    confirm = card.get_by_role("button", name=say("en", "approval_confirm"))
    confirm.focus()
    page.keyboard.press("Enter")
    expect(confirm).to_have_attribute("data-working", "true")
    expect(card).to_have_attribute("aria-busy", "true")
    for button in card.get_by_role("button").all():
        expect(button).to_be_disabled()
    held[0].continue_()
    expect(card.locator("p[data-state=done]")).to_be_visible()
    expect(card).to_have_attribute("aria-busy", "false")
    visitor.leave()


def test_an_offer_ends_on_the_open_page_by_itself(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "vi")
    card = shown(visitor, "late 45 Trần Phú")
    expect(card.get_by_role("status")).to_have_text(say("vi", "approval_gone"))
    for button in card.get_by_role("button").all():
        expect(button).to_be_disabled()
    visitor.leave()


def test_what_is_decided_elsewhere_cannot_be_decided_again(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en")
    page = visitor.page
    card = shown(visitor, "move Elsewhere 1")
    page.route("**/approval", lambda route: route.fulfill(status=409, json={"detail": "Decided already."}))
    card.get_by_role("button", name=say("en", "approval_confirm")).click()
    expect(card.get_by_role("status")).to_have_text(say("en", "approval_gone"))
    for button in card.get_by_role("button").all():
        expect(button).to_be_disabled()
    assert [url.rpartition("/")[2] for url in visitor.broken] == ["approval"]
    visitor.context.close()


def test_what_stands_in_an_order_stays_text(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en")
    card = shown(visitor, f"move {MARKUP}")
    expect(card.locator("ins")).to_contain_text(MARKUP)
    card.get_by_role("button", name=say("en", "approval_confirm")).click()
    expect(card.locator("p[data-state=done]")).to_be_visible()
    visitor.until_answered(2)
    order = shown(visitor, "order pending")
    order.locator("summary").click()
    expect(order.locator("address")).to_contain_text(MARKUP)
    assert visitor.page.locator(CARD).locator("img, a, script, strong").count() == 0
    visitor.leave()


def test_a_card_is_used_with_the_keyboard_alone(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en")
    page = visitor.page
    card = shown(visitor, "order shipped")
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(card.locator("address")).to_be_visible()
    page.keyboard.press("Tab")
    focused = page.locator(":focus-visible")
    expect(focused).to_have_text(word("en", "action", "track"))
    assert focused.evaluate("e => getComputedStyle(e).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    visitor.until_answered(2)
    visitor.leave()


def test_beside_a_card_higher_than_the_window_the_answer_stays_in_sight(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "th", **PHONE)
    for number in (1, 2):
        card = shown(visitor, "order shipped")
        assert card.evaluate("card => card.offsetHeight > 400")
        question = visitor.page.locator("[data-step-type=user_message]").last
        expect(question).to_be_in_viewport()
        visitor.page.wait_for_timeout(500)  # nothing scrolls it away again
        expect(question).to_be_in_viewport()
        expect(card.get_by_role("heading")).to_be_in_viewport()
        visitor.until_answered(number)
    visitor.page.reload()
    visitor.until_answered(2)
    expect(visitor.page.locator(CARD).last.get_by_role("heading")).to_be_in_viewport()
    visitor.leave()


def test_who_clicked_sees_what_became_of_it(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "vi", **PHONE)
    shown(visitor, "order shipped")
    card = shown(visitor, "move 12 Lê Lợi")
    button = card.get_by_role("button", name=say("vi", "approval_confirm"))
    expect(button).to_be_in_viewport()
    visitor.page.locator(CARD).first.evaluate("card => card.scrollIntoView()")
    visitor.page.wait_for_timeout(500)
    button.evaluate("button => button.click()")  # as a keyboard would: without scrolling to it
    visitor.until_answered(3)
    expect(visitor.page.locator("[data-step-type=assistant_message]").last).to_be_in_viewport(ratio=1)
    visitor.leave()
