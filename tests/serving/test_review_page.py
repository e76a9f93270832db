"""The page to review on, on a telephone and with keys alone, in a real browser."""

from typing import Any

import pytest
from browser import PHONE, Watched, broken_words
from playwright.sync_api import expect
from reviewed import NAME, make_queue
from served import running

from pipeline.data import snapshots
from pipeline.growing import decisions, exporting
from pipeline.store.home import Home

pytestmark = pytest.mark.browser


def test_a_thumb_and_then_keys_alone_decide(chrome: Any, home: Home) -> None:
    make_queue(home)
    server = running(home)
    with server as address:
        link = server.review_link()
        watched = Watched(chrome, address, **PHONE)
        with watched as page:
            page.goto(link)
            page.fill("#name", "Ada")
            page.tap("#who button")
            expect(page.locator("#count")).to_have_text("4 left, 0 decided")
            assert "token" not in page.url, "the token does not stay in the address"
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
            assert all(target.bounding_box()["height"] >= 44 for target in page.locator(".decide button").all())
            fits = "it => { it.textContent = '100.0\u00a0%'; return it.scrollWidth <= it.clientWidth; }"
            assert page.locator(".best .percent").first.evaluate(fits), "nothing runs past the card's edge"
            bottom = page.locator("#store").bounding_box()
            assert bottom["y"] + bottom["height"] <= 844, "everything needed to decide is on the screen"

            page.tap("#classes button[data-name='3']")
            expect(page.locator("#count")).to_have_text("3 left, 1 decided")
            page.tap("#undo")
            expect(page.locator("#count")).to_have_text("4 left, 0 decided")
            expect(page.locator("#label")).to_have_text("Labelled 7")
            page.keyboard.press("3")
            expect(page.locator("#count")).to_have_text("3 left, 1 decided")
            page.keyboard.press("s")
            expect(page.locator("#count")).to_have_text("2 left, 1 decided, 1 skipped")
            page.keyboard.press("x")
            expect(page.locator("#count")).to_have_text("1 left, 2 decided, 1 skipped")
            expect(page.locator("#blind")).to_be_visible()
            assert page.is_hidden("#label")
            assert page.locator("#opinions *").count() == 0
            page.keyboard.press("9")
            expect(page.locator("#question")).to_contain_text("Only skipped images are left.")
            assert page.is_visible("#question")
            assert page.is_hidden("#ask")
            page.tap("#store")
            expect(page.locator("#done")).to_contain_text("Reviewed by Ada: 2 added, 1 discarded.")
            watched.complaints = [text for text in watched.complaints if "401" not in text]
    newest = snapshots.find(home.datasets, NAME)
    added = [one for one in exporting.entries_of(home.datasets / NAME, newest) if one.labelled_by]
    assert {(one.label, one.labelled_by, one.selection) for one in added} == {
        (3, "Ada", "corrected"),
        (9, "Ada", "audit"),
    }
    assert len(decisions.read(home.datasets / NAME).stored) == 3


def test_names_of_classes_are_broken_between_words(chrome: Any, home: Home) -> None:
    names = ["circle", "square", "triangle", "elephant seal", "hippopotamus", "rhododendron garden"]

    def renamed(route: Any) -> None:
        reply = route.fetch()
        route.fulfill(response=reply, json=reply.json() | {"classes": [{"name": one, "key": None} for one in names]})

    make_queue(home)
    server = running(home)
    with server as address:
        watched = Watched(chrome, address, **PHONE)
        with watched as page:
            page.route("**/review/next*", renamed)
            page.goto(server.review_link())
            page.fill("#name", "Ada")
            page.tap("#who button")
            expect(page.locator("#classes button")).to_have_count(len(names))
            for width in (390, 1200):
                page.set_viewport_size({"width": width, "height": 900})
                assert broken_words(page, "#classes button") == [], width
                assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
            watched.complaints = [text for text in watched.complaints if "401" not in text]
