"""The page asks whether it was right, once a drawing rests and only where somebody will look at the answer."""

from typing import Any

import pytest
from browser import PHONE, Watched, draw
from kept import DATASET, SHAPE, growing_home
from playwright.sync_api import expect
from served import constant_onnx, running

from pipeline.growing import quarantine
from pipeline.store import served_log
from pipeline.store.home import Home

pytestmark = pytest.mark.browser
GREY = (28, 28, 1)


@pytest.mark.slow
def test_a_correction_takes_two_taps_and_only_the_finished_drawing_is_kept(chrome: Any, home: Home) -> None:
    growing_home(home, constant_onnx(GREY, 7), GREY)
    server = running(home, "--log", "--log-days", "7")
    with server as address:
        link = server.review_link()
        watched = Watched(chrome, address, **PHONE)
        with watched as page:
            page.goto(address)
            expect(page.locator("#kept")).to_contain_text("kept on this server for up to 7 days")
            draw(page, "3")
            expect(page.locator("#label")).to_have_text("7")
            page.wait_for_timeout(2_000)
            expect(page.locator("#question")).to_be_hidden()  # nobody is signed in
            page.goto(link)
            page.wait_for_selector("#who:not([hidden])")
            page.goto(address)
            page.wait_for_selector("#bars li")
            draw(page, "3")
            expect(page.locator("#asked")).to_have_text("Was it right?")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            page.tap("#choices button:has-text('No')")
            assert page.locator("#choices button").all_inner_texts() == [*"012345689", "None of these"]
            page.tap("#choices button:has-text('3')")
            expect(page.locator("#asked")).to_have_text("Thank you: a person will look at it.")
            page.click("#clear")
            expect(page.locator("#question")).to_be_hidden()
            watched.complaints = [text for text in watched.complaints if "401" not in text]
    kept = [one for served in served_log.read(home, DATASET) for one in served.ids]
    assert len(kept) == 2, "two drawings, each of many requests"
    (waiting,) = quarantine.waiting(home.datasets / DATASET)
    assert (waiting.source, waiting.label, waiting.cause) == (kept[1], 3, quarantine.CORRECTED)


@pytest.mark.slow
def test_without_log_the_page_keeps_nothing_and_says_so(chrome: Any, home: Home) -> None:
    growing_home(home, constant_onnx(SHAPE, 7))
    with running(home) as address, Watched(chrome, address) as page:
        page.goto(address)
        expect(page.locator("#kept")).to_have_text("Pictures are predicted on this server and not kept.")
