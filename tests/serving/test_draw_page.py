import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Watched, broken_words, draw
from PIL import Image, ImageDraw
from playwright.sync_api import expect
from quick_cases import quick
from served import Promote, constant_onnx, running

from pipeline.store.home import Home

pytestmark = pytest.mark.browser
DIGITS = "0123456789"
SEEN = """() => {
    const canvas = document.querySelector('#seen');
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return [canvas.width, canvas.height, ...data.filter((_, index) => index % 4 == 0)];
}"""
ORANGE_PIXELS = """() => {
    const canvas = document.querySelector('#why');
    const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    return data.filter((red, index) => index % 4 == 0 && red > data[index + 2] + 20).length;
}"""
SCREENS = {
    "wide": {"viewport": {"width": 1280, "height": 900}},
    "narrow": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
}


@pytest.fixture(params=quick(SCREENS, "narrow"))
def page(request: pytest.FixtureRequest, chrome: Any, server: str) -> Iterator[Any]:
    with Watched(chrome, server, **SCREENS[request.param]) as watched:
        watched.goto(server)
        watched.wait_for_selector("#bars li")
        yield watched


def label_of(page: Any) -> str:
    """The label once the page has answered the whole drawing."""
    expect(page.locator("#result")).to_have_attribute("aria-busy", "false")
    expect(page.locator("#label")).not_to_have_text("?")
    shown: str = page.inner_text("#label")
    return shown


@pytest.mark.slow
def test_at_least_nine_of_ten_drawn_digits_are_right(page: Any) -> None:
    read = {}
    for number, digit in enumerate(DIGITS):
        page.click("#clear") if number else None
        draw(page, digit)
        read[digit] = label_of(page)

    assert sum(digit == label for digit, label in read.items()) >= 9, read


def test_a_finger_draws(chrome: Any, server: str) -> None:
    with Watched(chrome, server, **SCREENS["narrow"]) as page:
        page.goto(server)
        page.wait_for_selector("#bars li")
        box = page.locator("#canvas").bounding_box()
        finger = page.context.new_cdp_session(page)
        for step in range(20):
            down = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] * (0.2 + 0.03 * step)}
            finger.send(
                "Input.dispatchTouchEvent", {"type": "touchMove" if step else "touchStart", "touchPoints": [down]}
            )
        finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        assert label_of(page) == "1"
        assert page.evaluate("window.scrollY") == 0, "drawing does not scroll the page"


def test_a_drawing_that_rests_is_explained_and_a_new_stroke_hides_it(page: Any) -> None:
    draw(page, "7")
    expect(page.locator("#reason")).to_have_text("it rests on the orange parts")
    assert 5 < page.evaluate(ORANGE_PIXELS) < 600
    assert page.is_hidden("#doubt")

    page.route("**/predict?*explain=true*", _doubted)
    draw(page, "1")
    expect(page.locator("#why")).to_have_attribute("aria-label", "Why: nothing yet")
    expect(page.locator("#doubt")).to_have_text("Not sure: <b>unlike</b> the training images.")
    assert page.inner_text("#sure").startswith("not sure: probability")
    page.click("#clear")
    assert page.is_hidden("#doubt")
    assert page.inner_text("#reason") == ""


def test_a_name_is_broken_between_words(chrome: Any, server: str) -> None:
    name = "hippopotamus or elephant seal"

    with Watched(chrome, server, **SCREENS["wide"]) as page:
        _draw_seven(page, server, {"label": name})
        assert label_of(page) == name
        for width in (390, 800, 1200):
            page.set_viewport_size({"width": width, "height": 900})
            assert broken_words(page, "#label") == [], width
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width


@pytest.mark.parametrize(("probability", "doubt"), [(0.657, None), (0.42, None), (0.99, "Not sure: a reason.")])
def test_only_a_doubt_of_the_server_makes_an_answer_unsure(
    chrome: Any, server: str, probability: float, doubt: str | None
) -> None:
    with Watched(chrome, server, **SCREENS["wide"]) as page:
        _draw_seven(page, server, {"probability": probability} | ({"doubt": doubt} if doubt else {}))
        label_of(page)
        said = f"probability {100 * probability:.1f}\u00a0%, in "
        assert page.text_content("#sure").startswith(f"not sure: {said}" if doubt else said)
        assert page.is_visible("#doubt") == (doubt is not None)
        assert ("unsure" in page.get_attribute("#label", "class")) == (doubt is not None)


def _draw_seven(page: Any, server: str, changes: dict[str, Any]) -> None:
    """Draw a seven on the page of a server whose predictions are changed on the way."""

    def changed(route: Any) -> None:
        reply = route.fetch()
        answer = reply.json()
        answer["predictions"][0] |= changes
        route.fulfill(response=reply, json=answer)

    page.route("**/predict?*", changed)
    page.goto(server)
    page.wait_for_selector("#bars li")
    draw(page, "7")


def _doubted(route: Any) -> None:
    """The server's answer, in doubt."""
    reply = route.fetch()
    answer = reply.json()
    answer["predictions"][0]["doubt"] = "Not sure: <b>unlike</b> the training images."
    route.fulfill(response=reply, json=answer)


@pytest.mark.slow
def test_small_slanted_digits_in_a_corner_are_right_too(chrome: Any, server: str) -> None:
    with Watched(chrome, server, **SCREENS["wide"]) as page:
        page.goto(server)
        page.wait_for_selector("#bars li")
        read = {}
        for number, digit in enumerate(DIGITS):
            page.click("#clear") if number else None
            draw(page, digit, slant=0.15, scale=0.6, across=-0.15, down=0.12)
            read[digit] = label_of(page)

    assert sum(digit == label for digit, label in read.items()) >= 9, read


def test_bars_add_up_and_what_the_model_sees_is_shown(page: Any) -> None:
    draw(page, "7")
    label_of(page)

    assert page.locator("#bars li").count() == 10
    assert page.inner_text("#bars li.best .name") == page.inner_text("#label") == "7"
    page.locator("#bars .name").last.evaluate("name => { name.textContent = 'elephant'; }")
    starts = "[...document.querySelectorAll('#bars .track')].map(bar => bar.getBoundingClientRect().left)"
    assert len(set(page.evaluate(starts))) == 1, "bars start together, however long the names are"
    width, height, *pixels = page.evaluate(SEEN)
    assert (width, height) == (28, 28)
    assert max(pixels) > 200
    assert page.inner_text("#sure").startswith("probability")


def test_undo_takes_the_last_stroke_and_clear_takes_all(page: Any) -> None:
    assert page.is_disabled("#undo")
    draw(page, "4")
    page.click("#undo")
    assert page.is_enabled("#undo")
    page.click("#undo")
    assert page.is_disabled("#undo")
    assert page.inner_text("#label") == "?"
    draw(page, "1")
    page.click("#clear")
    assert page.inner_text("#label") == "?"
    assert page.is_visible("#placeholder")


def photo(side: int = 900) -> bytes:
    picture = Image.new("L", (side * 4 // 3, side), 205)
    stroke = [(int(side * x), int(side * y)) for x, y in ((0.4, 0.3), (0.75, 0.3), (0.55, 0.8))]
    ImageDraw.Draw(picture).line(stroke, fill=40, width=side // 16, joint="curve")
    kept = io.BytesIO()
    picture.save(kept, format="JPEG")
    return kept.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("side", [300, 2400], ids=["small", "of a telephone"])
def test_an_uploaded_photo_is_recognised(page: Any, side: int) -> None:
    page.set_input_files("#file", {"name": "seven.jpg", "mimeType": "image/jpeg", "buffer": photo(side)})

    assert label_of(page) == "7"
    assert page.is_visible("#photo")
    draw(page, "1")
    assert page.is_hidden("#photo"), "drawing replaces the photo"


def test_a_pasted_photo_is_recognised(page: Any) -> None:
    page.evaluate(
        """async (bytes) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], 'seven.jpg', { type: 'image/jpeg' }));
            document.dispatchEvent(new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true }));
        }""",
        list(photo()),
    )

    assert label_of(page) == "7"


def test_keys_alone_are_enough(page: Any) -> None:
    page.keyboard.press("Tab")
    for _ in range(10):
        if page.evaluate("document.activeElement.id") == "canvas":
            break
        page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.querySelector('#pad')).outlineStyle") == "solid", "focus is seen"

    page.keyboard.press("3")
    expect(page.locator("#announcement")).to_have_text(re.compile("^3,"))
    page.keyboard.press("Delete")
    assert page.inner_text("#label") == "?"

    reached = set()
    for _ in range(8):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"example", "file"} <= reached


def test_nothing_is_wider_than_the_screen_and_the_hint_is_read_on_all(page: Any) -> None:
    assert page.is_visible(".draw .hint")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    heights = [target.bounding_box()["height"] for target in page.locator("button, .button, nav a").all()]
    assert min(heights) >= 40, "every target is large enough for a finger"


def test_a_file_that_is_no_picture_gets_a_sentence(chrome: Any, server: str) -> None:
    watched = Watched(chrome, server)
    with watched as page:
        page.goto(server)
        page.wait_for_selector("#bars li")
        page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"no picture"})
        page.wait_for_selector("#refusal:not([hidden])")
        assert "not a picture" in page.inner_text("#refusal")
        expect(page.locator("#photo")).to_be_hidden()
        watched.complaints = [text for text in watched.complaints if "422" not in text]


@pytest.mark.slow
def test_the_dashboard_sorts_and_leads_to_the_reports(chrome: Any, server: str) -> None:
    for name, screen in SCREENS.items():
        with Watched(chrome, server, **screen) as page:
            page.goto(f"{server}/")
            page.click("nav a[href='/dashboard']")
            first = page.locator("table.sortable tbody tr th").first
            assert "20261121" in first.inner_text(), "newest first"
            if name == "wide":
                page.click("table.sortable thead button >> nth=0")
            else:
                page.select_option("select[name=order]", label="Version, ascending")
            assert "20261120" in first.inner_text()
            first.locator("a").click()
            assert page.inner_text("h1") == "Report"
            assert page.url.startswith(server)
            page.go_back()
            page.click("nav a >> text=Draw")
            page.wait_for_selector("#bars li")


@pytest.mark.slow
def test_a_new_champion_is_met_without_reloading(chrome: Any, home: Home, promote: Promote, tmp_path: Path) -> None:
    promote(constant_onnx((28, 28, 1), 3), "20261121-100000-cnn-600-aaaa")
    with running(home) as address, Watched(chrome, address) as page:
        page.goto(address)
        page.wait_for_selector("#bars li")
        draw(page, "7")
        assert label_of(page) == "3"
        promote(constant_onnx((28, 28, 1), 5), "20261121-110000-cnn-600-bbbb")
        page.wait_for_timeout(1_000)
        draw(page, "7")
        expect(page.locator("#champion")).to_contain_text("bbbb")
        expect(page.locator("#label")).to_have_text("5")


@pytest.mark.slow
def test_without_a_champion_the_page_says_what_to_do(chrome: Any, home: Home, promote: Promote) -> None:
    with running(home) as address:
        watched = Watched(chrome, address)
        with watched as page:
            page.goto(address)
            assert page.inner_text("pre") == "python simulator.py run"
            promote(constant_onnx((28, 28, 1), 3), "20261121-100000-cnn-600-aaaa")
            page.wait_for_selector("#bars li", timeout=20_000)
            watched.complaints = [text for text in watched.complaints if "503" not in text]


@pytest.mark.slow
def test_the_page_for_colour_offers_pictures_and_no_drawing(chrome: Any, home: Home, promote: Promote) -> None:
    promote(constant_onnx((32, 32, 3), 4), "20261121-100000-cnn-600-aaaa", "cifar", (32, 32, 3))
    with running(home) as address, Watched(chrome, address, **SCREENS["narrow"]) as page:
        page.goto(address)
        page.wait_for_selector("#bars li")
        text = page.inner_text("body").lower()
        assert not any(words in text for words in ("draw", "digit and", "one digit"))
        assert page.is_hidden("#canvas")
        assert page.is_hidden("#example")
        assert page.inner_text("#placeholder") == "drop a picture here"
        page.set_input_files("#file", {"name": "seven.jpg", "mimeType": "image/jpeg", "buffer": photo(300)})
        assert label_of(page) == "4"
        assert page.is_hidden("#placeholder")


@pytest.mark.slow
def test_the_page_asks_for_the_token_and_then_works(chrome: Any, home: Home, promote: Promote, tmp_path: Path) -> None:
    promote(constant_onnx((28, 28, 1), 3), "20261121-100000-cnn-600-aaaa")
    token = tmp_path / "token.txt"
    token.write_text("c0ffee" * 8)
    with running(home, "--token-file", str(token)) as address:
        watched = Watched(chrome, address)
        with watched as page:
            page.goto(address)
            page.fill("#token", "wrong")
            page.click("button")
            page.wait_for_selector("#refusal:not([hidden])")
            page.fill("#token", "c0ffee" * 8)
            page.click("button")
            page.wait_for_selector("#bars li")
            draw(page, "7")
            assert label_of(page) == "3"
            page.click("nav a[href='/dashboard']")
            assert "20261121-100000" in page.inner_text("body")
            assert not page.evaluate("document.cookie"), "no script can read the cookie"
            watched.complaints = [text for text in watched.complaints if "401" not in text]
