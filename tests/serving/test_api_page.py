"""The page of the API: every operation is there, and its example is answered when it is tried."""

from pathlib import Path
from typing import Any

import pytest
from browser import Watched
from playwright.sync_api import expect
from served import Promote, constant_onnx, running

from pipeline.store.home import Home

pytestmark = pytest.mark.browser
TOKEN = "c0ffee" * 8
IN_ORDER = [
    "GET /production",
    "GET /versions",
    "GET /versions/{version_id}/report.html",
    "GET /healthz",
    "GET /readyz",
    "GET /metrics",
    "POST /predict",
    "POST /feedback",
    "DELETE /predictions/{prediction_id}",
]


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 800, 1200])
def test_every_operation_can_be_tried_and_its_example_is_answered(
    chrome: Any, home: Home, promote: Promote, tmp_path: Path, width: int
) -> None:
    promote(constant_onnx((28, 28, 1), 3), "20261121-100000-cnn-600-aaaa")
    token = tmp_path / "token.txt"
    token.write_text(TOKEN)
    with running(home, "--log", "--token-file", str(token)) as address:
        watched = Watched(chrome, address, viewport={"width": width, "height": 900})
        with watched as page:
            page.goto(f"{address}/api")
            page.fill("#token", TOKEN)
            page.click("button")
            page.wait_for_selector("#operations details")
            shown = page.locator("summary")
            named = {" ".join(shown.nth(at).inner_text().split()[:2]): at for at in range(shown.count())}
            assert set(named) == set(IN_ORDER)
            for name in IN_ORDER:
                operation = page.locator("details").nth(named[name])
                operation.locator("summary").click()
                operation.locator("button").click()
                expect(operation.locator(".status")).to_contain_text("200 OK")
                assert operation.locator(".first:visible").count() == 0, "a prediction's id is known by now"
            predicted = page.locator("details").nth(named["POST /predict"])
            assert '"label": "3"' in predicted.locator("output").inner_text()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            watched.complaints = [text for text in watched.complaints if "401" not in text]


@pytest.mark.slow
def test_an_empty_field_is_pointed_out_and_the_introduction_is_read_on_a_phone(
    chrome: Any, home: Home, promote: Promote
) -> None:
    promote(constant_onnx((28, 28, 1), 3), "20261121-100000-cnn-600-aaaa")
    with running(home, "--log") as address, Watched(chrome, address, viewport={"width": 390, "height": 900}) as page:
        page.goto(f"{address}/api")
        operation = page.locator("details", has_text="DELETE")
        operation.locator("summary").click()
        expect(operation).to_contain_text("Send POST /predict first: its prediction's id is then filled in here.")
        operation.locator("button").click()
        expect(operation.locator(".status")).to_have_text("Fill in prediction_id first.")
        expect(page.get_by_role("link", name="openapi.json")).to_be_visible()
