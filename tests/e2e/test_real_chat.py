"""A shopper's visit in a real browser, on the real model: ask in each language, open a source, stop, come back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from kefu.words import say
from tests.e2e.test_browser import CHROMIUM, LOCALES, PHONE
from tests.real_kefu import RealKefu

pytestmark = [pytest.mark.browser, pytest.mark.model]
SLOW_S = 180_000  # milliseconds: other work may share the cores
ANSWER = '[data-step-type="assistant_message"]'
ASKED = {
    "zh": ("付款失败了，订单会给我留多久", "30"),
    "en": ("How long do I have to return a dress I haven't worn?", "30"),
    "vi": ("Mình nhận áo rồi mà không ưng, trả lại trong mấy ngày vậy shop?", "30"),
    "th": ("ร้านเก็บแชทของเราไว้นานกี่วันคะ", "180"),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("language", ASKED)
def test_a_shopper_asks_reads_the_source_and_comes_back(real_kefu: RealKefu, browser: Browser, language: str) -> None:
    question, number = ASKED[language]
    context = browser.new_context(locale=LOCALES[language], **PHONE)
    page = context.new_page()
    page.goto(real_kefu.url)
    expect(page.locator("#starters button").first).to_be_enabled(timeout=30_000)  # the page is connected
    page.fill("#chat-input", question)
    page.press("#chat-input", "Enter")
    answer = page.locator(ANSWER).last
    expect(answer).to_contain_text(number, timeout=SLOW_S)
    expect(page.get_by_text(say(language, "sources_label"), exact=True)).to_be_visible(timeout=SLOW_S)
    expect(page.locator("#stop-button")).to_have_count(0, timeout=SLOW_S)
    page.reload()
    expect(page.locator(ANSWER).last).to_contain_text(number, timeout=30_000)
    assert "/thread/" in page.url
    context.close()


def test_stop_keeps_what_was_written(real_kefu: RealKefu, browser: Browser) -> None:
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.goto(real_kefu.url)
    expect(page.locator("#starters button").first).to_be_enabled(timeout=30_000)  # the page is connected
    page.fill("#chat-input", "Tell me everything about returns, their costs, the addresses, and how long refunds take.")
    page.press("#chat-input", "Enter")
    expect(page.locator(ANSWER).last).to_contain_text(re.compile(r"\w{2,}"), timeout=SLOW_S)
    page.click("#stop-button")
    expect(page.get_by_text(say("en", "stopped"))).to_be_visible(timeout=10_000)
    expect(page.locator("#stop-button")).to_have_count(0)
    context.close()
