"""The page in a real Chromium, on the scripted shop. Every request of every page is watched: none leaves the shop."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from kefu.config import ROOT
from kefu.words import say, starters
from tests.web_desk import ANSWERS, Shop
from web.locales import INTERFACE

pytestmark = pytest.mark.browser
_NAMES = ("chromium", "chromium-browser", "google-chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium")
SECRET = "a secret of the shop, of at least 32 bytes"
CHROMIUM = os.environ.get("KEFU_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
LOCALES = {"en": "en-US", "vi": "vi-VN", "th": "th-TH", "zh": "zh-CN"}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop(tmp_path_factory.mktemp("shop"), KEFU_CUSTOMER_SECRET=SECRET)
    yield shop
    shop.stop()


@pytest.fixture(scope="module")
def staff(shop: Shop) -> str:
    """The cookie of somebody who works here."""
    url = f"sqlite:///{shop.home / 'kefu.db'}"
    add = [sys.executable, "-m", "kefu", "staff", "add", "customer:mei"]
    subprocess.run(add, cwd=ROOT, env=os.environ | {"KEFU_DATABASE_URL": url, "KEFU_HOME": str(shop.home)}, check=True)
    claims = {"sub": "mei", "aud": "kefu", "exp": int(time.time()) + 600}
    return jwt.encode(claims, SECRET, "HS256")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Visitor:
    """One shopper's browser."""

    def __init__(self, browser: Browser, shop: Shop, language: str, cookie: str = "", **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(locale=LOCALES[language], **options)
        if cookie:
            self.context.add_cookies([{"name": "kefu_customer", "value": cookie, "url": shop.url}])
        self.context.set_default_timeout(20_000)
        self.foreign: list[str] = []
        self.broken: list[str] = []
        own = (shop.url, shop.url.replace("http", "ws"), "data:", "blob:")
        self.context.on("request", lambda r: None if r.url.startswith(own) else self.foreign.append(r.url))
        self.page: Page = self.context.new_page()
        self.page.on("websocket", lambda s: None if s.url.startswith(own) else self.foreign.append(s.url))
        self.page.on("pageerror", lambda error: self.broken.append(str(error)))
        self.page.on("response", lambda r: self.broken.append(r.url) if r.status >= 400 else None)
        self.page.goto(shop.url)
        expect(self.page.locator("#starters button").first).to_be_enabled(timeout=20_000)

    def ask(self, text: str) -> None:
        self.page.fill("#chat-input", text)
        self.page.press("#chat-input", "Enter")

    def until_answered(self, answers: int = 1) -> None:
        expect(self.page.locator("[data-step-type=assistant_message]")).to_have_count(answers, timeout=20_000)
        expect(self.page.locator("#chat-submit")).to_be_visible(timeout=20_000)

    def until_settled(self) -> None:
        """Nothing has scrolled for 20 frames: before that, the button to the end may come up under a finger."""
        self.page.evaluate(
            """() => new Promise(done => {
                let left = 20;
                document.addEventListener('scroll', () => left = 20, true);
                const frame = () => left-- ? requestAnimationFrame(frame) : done();
                frame();
            })"""
        )

    @property
    def answer(self) -> str:
        """The last answer's words, without its marks."""
        shown = self.page.locator("[data-step-type=assistant_message] .message-content [role=article]").last
        words = "e => { e = e.cloneNode(true); e.querySelectorAll('a').forEach(a => a.remove()); return e.textContent }"
        return " ".join(str(shown.evaluate(words)).split())

    def leave(self) -> None:
        self.context.close()
        assert self.foreign == [] and self.broken == []


def test_staff_open_what_a_model_thought_and_a_shopper_sees_that_somebody_is_at_work(
    browser: Browser, shop: Shop, staff: str
) -> None:
    shopper, member = Visitor(browser, shop, "zh"), Visitor(browser, shop, "zh", cookie=staff)
    for visitor in (shopper, member):
        visitor.ask("think 30")
    expect(shopper.page.locator(".loading-cursor")).to_be_visible()
    for visitor in (shopper, member):
        visitor.until_answered()
        assert visitor.answer == "30"
    step = member.page.locator("[data-step-type=tool] button")
    expect(step).to_have_text(f"已查看 {say('zh', 'thinking_step')}")
    expect(member.page.get_by_text("Zebra ~ crossing.")).to_be_hidden()
    step.click()
    expect(member.page.get_by_text("Zebra ~ crossing.")).to_be_visible()
    expect(shopper.page.locator("[data-step-type=tool]")).to_have_count(0)
    for visitor in (shopper, member):
        visitor.leave()


@pytest.mark.parametrize("language", LOCALES)
def test_a_shopper_is_greeted_asks_and_reads_the_policy_in_ones_own_language(
    browser: Browser, shop: Shop, language: str
) -> None:
    visitor = Visitor(browser, shop, language)
    page = visitor.page
    assert page.locator("html").get_attribute("lang") == INTERFACE[language]
    assert page.title() == "Jade Lane"
    assert page.locator("#starters button").all_inner_texts() == list(starters(language))
    words = page.request.get(f"{shop.url}/project/translations?language={LOCALES[language]}").json()["translation"]
    expect(page.locator("#chat-input")).to_have_attribute("placeholder", words["chat"]["input"]["placeholder"])
    page.locator("#starters button").first.click()
    expect(page.locator(".kefu-sources a")).to_have_count(2)
    expect(page.locator("[data-step-type=user_message]")).to_have_text(starters(language)[0])
    first, second = ANSWERS[language]
    assert "".join(visitor.answer.split()) == "".join((first + second).split())
    page.locator(".message-content a[href^='/policies/']").nth(1).click()
    panel = page.locator("#side-view-content")
    expect(panel).to_contain_text("60" if language != "th" else "90")
    expect(panel.get_by_role("link")).to_have_text(say(language, "open_policy"))
    assert len(visitor.context.pages) == 1
    visitor.leave()


def test_stop_keeps_what_was_written_says_so_and_gives_the_input_back(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "th")
    visitor.ask("slow")
    expect(visitor.page.locator("[data-step-type=assistant_message]")).to_contain_text("0 1 2 3")
    visitor.page.click("#stop-button")
    expect(visitor.page.locator(".message-content blockquote")).to_have_text(say("th", "stopped"))
    visitor.ask("say ok")
    visitor.until_answered(2)
    assert visitor.answer == "ok"
    visitor.leave()


def test_a_reload_finds_the_conversation_with_its_sources_and_thumb(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en")
    page = visitor.page
    visitor.ask("?")
    visitor.until_answered()
    page.locator(".negative-feedback-off").click()
    page.locator("#submit-feedback").click()
    expect(page.locator(".negative-feedback-on")).to_be_visible()
    expect(page).to_have_url(re.compile("/thread/"))
    address, shown = page.url, visitor.answer
    for way in ("reload", "address"):
        page.reload() if way == "reload" else page.goto(shop.url)
        expect(page.locator(".kefu-sources a")).to_have_count(2)
        assert (page.url, visitor.answer) == (address, shown)
        expect(page.locator(".negative-feedback-on")).to_be_visible()
    page.locator(".kefu-sources a").first.click()
    expect(page.locator("#side-view-content")).to_contain_text("30 days")
    page.locator("#header #new-chat-button").click()
    expect(page.locator("#starters button").first).to_be_enabled()
    visitor.ask("say another")
    visitor.until_answered()
    assert page.url != address
    visitor.leave()


def test_a_reload_in_the_middle_of_an_answer_goes_on_with_it(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en")
    visitor.ask("count 400")
    expect(visitor.page.locator("[data-step-type=assistant_message]")).to_contain_text("0 1 2 3")
    visitor.page.reload()
    expect(visitor.page.locator("[data-step-type=assistant_message]")).to_contain_text("398 399")
    visitor.until_answered()
    assert visitor.answer == " ".join(str(n) for n in range(400))
    visitor.leave()


def test_on_a_phone_nothing_overflows_and_everything_is_in_reach(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "vi", **PHONE)
    page = visitor.page

    def fits() -> bool:
        wide = "document.documentElement.scrollWidth <= innerWidth && document.body.scrollWidth <= innerWidth"
        box = page.locator("#chat-input").bounding_box()
        return bool(page.evaluate(wide)) and box is not None and box["y"] + box["height"] <= 844

    assert fits()
    visitor.ask("say " + "https://jadelane.example/" + "a" * 200 + " | x | " * 30)
    visitor.until_answered()
    assert fits()
    visitor.ask("?")
    visitor.until_answered(2)
    assert fits()
    buttons = "#header button, #message-composer button, .kefu-sources a, .ai-message button"
    for box in [b.bounding_box() for b in page.locator(buttons).all() if b.is_visible()]:
        assert box and box["width"] >= 40 and box["height"] >= 40
    visitor.until_settled()
    page.locator(".kefu-sources a").first.tap()
    panel = page.locator("[role=dialog] #side-view-content")
    expect(panel).to_contain_text("30 ngày")
    page.locator("[role=dialog] > button").tap()
    expect(panel).to_be_hidden()
    page.tap("#header #sidebar-trigger-button")
    expect(page.locator("#thread-history")).to_contain_text("say https://jadelane.example/")
    page.reload()
    expect(page.locator("[data-step-type=assistant_message]")).to_have_count(2)
    visitor.leave()


def test_what_an_answer_carries_stays_inert(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en")
    evil = "https://evil.example/x"
    pictures = f"![p]({evil}.png) <img src={evil}> [![q]({evil})]({evil})"
    visitor.ask(f"say {pictures} <script>alert(1)</script> [a](javascript:alert(1))")
    visitor.until_answered()
    message = visitor.page.locator("[data-step-type=assistant_message] .message-content")
    assert message.locator("img, script, [href^=javascript]").count() == 0
    visitor.ask(pictures)
    visitor.until_answered(2)
    assert visitor.page.locator("[data-step-type=user_message] img").count() == 0
    visitor.leave()


def test_no_makers_mark_and_no_account_is_shown(browser: Browser, shop: Shop) -> None:
    visitor = Visitor(browser, shop, "en")
    visitor.ask("say hello")
    visitor.until_answered()
    text = visitor.page.locator("body").inner_text()
    assert "chainlit" not in text.lower() and "guest:" not in text
    for hidden in (".watermark", "#user-nav-button", "#upload-button", ".edit-message"):
        assert not [e for e in visitor.page.locator(hidden).all() if e.is_visible()], hidden
    visitor.leave()
