"""The chat on a shop's own page, in a real Chromium: two origins, a button, and how the token gets across."""

from __future__ import annotations

import html
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, FrameLocator, Page, expect, sync_playwright
from starlette.staticfiles import StaticFiles

from kefu.config import ROOT
from kefu.identity import Customers, Guests, Identity
from tests.e2e.test_browser import CHROMIUM, PHONE
from web import session
from web.guards import owner_of

pytestmark = pytest.mark.browser
SECRET = "the-shops-secret-of-32-characters"
IDENTITY = Identity(Guests("our-own-secret-of-at-least-32-characters"), Customers(hs256_secret=SECRET))


def token(sub: str = "C-1001", seconds: int = 3600) -> str:
    return jwt.encode({"sub": sub, "aud": "kefu", "exp": int(time.time()) + seconds}, SECRET, "HS256")


class Pages:
    """A shop's page and a chat that says whose it is, on two ports of localhost: one site, two origins."""

    def __init__(self) -> None:
        self._listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        self.shop, self.chat = (f"http://localhost:{s.getsockname()[1]}" for s in self._listening)
        self.other_site = self.shop.replace("localhost", "127.0.0.1")
        self.requests: list[str] = []
        self._server = uvicorn.Server(uvicorn.Config(self._app(), log_level="error"))
        self._thread = threading.Thread(target=self._server.run, args=(self._listening,))
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    def _app(self) -> FastAPI:
        app = FastAPI()
        app.include_router(session.router(IDENTITY))

        @app.get("/shop")
        def shop(language: str = "en") -> HTMLResponse:
            script = f'<script src="{self.chat}/public/widget.js" data-language="{language}"></script>'
            policy = {"Content-Security-Policy": f"default-src 'none'; script-src {self.chat}; frame-src {self.chat}"}
            head = "<title>Shop</title><meta name=viewport content='width=device-width' /><h1>Silk</h1>"
            return HTMLResponse(f"{head}<a href='#x'>A link</a>{script}", headers=policy)

        @app.get("/stranger")
        def stranger() -> HTMLResponse:
            return HTMLResponse("<title>Not the shop</title>")

        @app.get("/")
        def chat(request: Request) -> HTMLResponse:
            self.requests.append(str(request.url))
            owner = html.escape(owner_of(IDENTITY, request.headers) or "nobody")
            shops = f'<meta name="kefu-shops" content="{self.shop} {self.other_site}" />'
            script = '<script src="/public/session.js" defer></script>'
            return HTMLResponse(f"{shops}{script}<p id=owner>{owner}</p><input aria-label='Message' />")

        app.mount("/public", StaticFiles(directory=ROOT / "public"))
        return app


@pytest.fixture(scope="module")
def pages() -> Iterator[Pages]:
    pages = Pages()
    yield pages
    pages.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Shopper:
    """A browser on the shop's page."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.broken: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.broken.append(str(error)))
        self.page.goto(url)
        self.button = self.page.get_by_role("button", name=re.compile("Chat with us|Close chat"))

    @property
    def chat(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    def expect_owner(self, owner: str) -> None:
        expect(self.chat.locator("#owner")).to_have_text(owner)

    def call(self, function: str, *arguments: str) -> None:
        self.page.evaluate("([name, ...rest]) => kefu[name](...rest)", [function, *arguments])


@pytest.fixture
def shopper(browser: Browser, pages: Pages) -> Iterator[Shopper]:
    shopper = Shopper(browser, f"{pages.shop}/shop")
    yield shopper
    shopper.context.close()
    assert shopper.broken == []


def test_the_button_opens_and_closes_the_chat_by_keyboard_and_says_so(shopper: Shopper) -> None:
    page, button = shopper.page, shopper.button
    expect(button).to_have_attribute("aria-expanded", "false")
    assert page.locator("iframe").count() == 0, "the chat is loaded before anybody wants it"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(button).to_have_accessible_name("Close chat")
    expect(page.get_by_role("dialog", name="Chat with the shop")).to_be_visible()
    expect(page.locator("iframe")).to_be_focused()
    shopper.expect_owner("nobody")
    button.click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    button.press("Escape")
    expect(button).to_have_attribute("aria-expanded", "false")


def test_what_was_written_stays_while_the_chat_is_closed(shopper: Shopper) -> None:
    shopper.button.click()
    shopper.chat.get_by_label("Message").fill("half a question")
    shopper.button.click()
    shopper.button.click()
    expect(shopper.chat.get_by_label("Message")).to_have_value("half a question")


@pytest.mark.parametrize(
    ("language", "name"),
    [("zh-Hans", "联系客服"), ("vi", "Chat với shop"), ("th-TH", "แชทกับร้าน"), ("fr", "Chat with us")],
)
def test_the_button_speaks_the_pages_language(browser: Browser, pages: Pages, language: str, name: str) -> None:
    shopper = Shopper(browser, f"{pages.shop}/shop?language={language}")
    expect(shopper.page.get_by_role("button")).to_have_accessible_name(name)
    shopper.context.close()


def test_on_a_phone_the_chat_fills_the_screen_and_can_be_left(browser: Browser, pages: Pages) -> None:
    shopper = Shopper(browser, f"{pages.shop}/shop", **PHONE)
    shopper.button.tap()
    dialog = shopper.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    dialog.evaluate("e => Promise.all(e.getAnimations().map(moving => moving.finished))")
    width, height = shopper.page.evaluate("[innerWidth, innerHeight]")
    box = dialog.bounding_box()
    assert box and (box["x"], box["y"]) == (0, 0) and (box["width"], box["height"]) == (width, height)
    assert shopper.page.evaluate(
        "document.querySelector('kefu-widget').shadowRoot.querySelector('dialog').matches(':modal')"
    )
    dialog.get_by_role("button", name="Close chat").tap()
    expect(dialog).to_be_hidden()
    shopper.context.close()


def test_who_turns_the_phone_can_still_close_the_chat(shopper: Shopper) -> None:
    shopper.page.set_viewport_size({"width": 500, "height": 800})
    shopper.button.click()
    shopper.page.set_viewport_size({"width": 1000, "height": 800})
    shopper.button.click()
    expect(shopper.page.get_by_role("dialog")).to_be_hidden()


def test_nothing_moves_for_who_wants_no_motion(browser: Browser, pages: Pages) -> None:
    names = {}
    for motion in ("no-preference", "reduce"):
        shopper = Shopper(browser, f"{pages.shop}/shop", reduced_motion=motion)
        shopper.button.click()
        names[motion] = shopper.page.get_by_role("dialog").evaluate("e => getComputedStyle(e).animationName")
        shopper.context.close()
    assert names == {"no-preference": "rise", "reduce": "none"}


def test_whom_the_shop_signs_in_the_chat_knows_and_forgets_at_sign_out(shopper: Shopper, pages: Pages) -> None:
    shopper.call("signIn", token())  # before the chat is loaded
    shopper.button.click()
    shopper.expect_owner("customer:C-1001")
    shopper.page.reload()
    shopper.button.click()
    shopper.expect_owner("customer:C-1001")  # by the cookie
    shopper.call("signIn", token("C-2"))
    shopper.expect_owner("customer:C-2")
    shopper.call("signOut")
    shopper.expect_owner("nobody")
    shopper.call("signIn", token())
    shopper.call("signOut")  # at once: what was said last holds
    shopper.call("signIn", token("C-3"))
    shopper.expect_owner("customer:C-3")
    assert not [url for url in pages.requests if "?" in url], "something of the shop's stands in an address"


def test_a_newer_token_of_the_same_shopper_does_not_disturb_the_chat(shopper: Shopper) -> None:
    shopper.call("signIn", token(seconds=600))
    shopper.button.click()
    shopper.expect_owner("customer:C-1001")
    shopper.chat.get_by_label("Message").fill("half a question")
    with shopper.page.expect_response("**/v1/session") as renewed:
        shopper.call("signIn", token(seconds=6000))
    assert renewed.value.json()["changed"] is False
    expect(shopper.chat.get_by_label("Message")).to_have_value("half a question")


def test_a_token_that_proves_nothing_leaves_nobody_signed_in(shopper: Shopper) -> None:
    shopper.call("signIn", token())
    shopper.button.click()
    shopper.expect_owner("customer:C-1001")
    shopper.call("signIn", token("C-2", seconds=-60))
    shopper.expect_owner("nobody")
    assert "kefu: the chat does not accept the token of kefu.signIn()" in shopper.said


def test_other_open_chats_of_the_browser_follow(shopper: Shopper, pages: Pages) -> None:
    shopper.call("signIn", token())
    shopper.button.click()
    shopper.expect_owner("customer:C-1001")
    tab = shopper.context.new_page()
    tab.goto(pages.chat)
    expect(tab.locator("#owner")).to_have_text("customer:C-1001")
    shopper.call("signOut")
    expect(tab.locator("#owner")).to_have_text("nobody")


def test_only_the_shops_origin_is_heard(shopper: Shopper, pages: Pages) -> None:
    """A page that is no shop's frames the chat, and a window that is not the parent speaks to it."""
    stranger = shopper.page
    stranger.goto(f"{pages.chat}/stranger")  # the chat's own origin: not in the list of shops
    stranger.evaluate(
        """([url, token]) => new Promise(done => {
             document.body.innerHTML = `<iframe src="${url}"></iframe>`
             addEventListener('message', ({data, source}) => {
               if (data.kefu !== 'ready') return
               source.postMessage({kefu: 'sign-in', token}, '*')
               done()
             })
           })""",
        [f"{pages.chat}/", token()],
    )
    tab = shopper.context.new_page()
    tab.goto(f"{pages.shop}/shop")
    with tab.expect_popup() as opened:
        tab.evaluate("url => { window.chat = open(url) }", f"{pages.chat}/")
    expect(opened.value.locator("#owner")).to_have_text("nobody")
    tab.evaluate("token => chat.postMessage({kefu: 'sign-in', token}, '*')", token())
    # What either of them said was heard before this answer: then nobody is signed in
    tab.evaluate("() => kefu.open()")
    expect(tab.frame_locator("iframe").locator("#owner")).to_have_text("nobody")
    assert [cookie for cookie in shopper.context.cookies() if cookie.get("name") == "kefu_customer"] == []


def test_on_another_site_nobody_is_signed_in_and_the_page_says_why(browser: Browser, pages: Pages) -> None:
    shopper = Shopper(browser, f"{pages.other_site}/shop")
    before = len(pages.requests)
    shopper.button.click()
    shopper.expect_owner("nobody")
    with shopper.page.expect_console_message(lambda message: "must live on the site of the shop" in message.text):
        shopper.call("signIn", token())
    shopper.expect_owner("nobody")
    assert len(pages.requests) == before + 1, "the chat loads again and again"
    shopper.context.close()


def test_the_token_goes_to_the_chats_origin_only(shopper: Shopper) -> None:
    shopper.call("signIn", token())
    shopper.button.click()
    shopper.expect_owner("customer:C-1001")  # the frame was ready for what the shop says, and the widget knows it
    shopper.page.evaluate(
        "document.querySelector('kefu-widget').shadowRoot.querySelector('iframe').src = 'about:blank'"
    )
    expect(shopper.chat.locator("body")).to_be_empty()  # it shows another origin now
    # The browser holds the message back and says so
    with shopper.page.expect_console_message(lambda message: "postMessage" in message.text):
        shopper.call("signIn", token("C-2"))
