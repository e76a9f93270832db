"""Chromium for the tests of the pages, an eye on what they do, and a hand that draws."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import pipeline.serving

ARGUMENTS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
BROKEN_WORDS = """selector => [...document.querySelectorAll(selector)].flatMap(element => {
    const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT), broken = [];
    while (walk.nextNode())
        for (const { 0: word, index } of walk.currentNode.textContent.matchAll(/\\S+/g)) {
            const range = document.createRange();
            range.setStart(walk.currentNode, index);
            range.setEnd(walk.currentNode, index + word.length);
            if (new Set([...range.getClientRects()].map(line => line.top)).size > 1) broken.push(word);
        }
    return broken;
})"""
STROKES_FILE = Path(pipeline.serving.__file__).parent / "static" / "strokes.json"


def chromium() -> str:
    """The path of Chromium; in CI it must be there, elsewhere the test is skipped without it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found is None and os.environ.get("CI"):
        pytest.fail("Chromium is not installed: apt-get install chromium")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium, or name it in CHROMIUM")
    return found


def arguments() -> list[str]:
    """Its flags: nothing that talks to another host; root has no sandbox."""
    return [*ARGUMENTS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]


def broken_words(page: Any, selector: str) -> list[str]:
    """The words within the elements that a line break cuts in two."""
    found: list[str] = page.evaluate(BROKEN_WORDS, selector)
    return found


class Watched:
    """A page that fails the test if it talks to another host or complains on the console."""

    def __init__(self, chrome: Any, address: str, **screen: Any) -> None:
        self.address = address
        self.complaints: list[str] = []
        self.context = chrome.new_context(**screen)
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self._complain(message.type in ("error", "warning"), message.text))
        self.page.on("pageerror", lambda error: self._complain(True, str(error)))
        self.page.on("request", lambda request: self._complain(self._elsewhere(request.url), request.url))

    def _elsewhere(self, url: str) -> bool:
        return not url.startswith((self.address, "data:", "blob:"))

    def _complain(self, reason: bool, text: str) -> None:
        if reason:
            self.complaints.append(text)

    def __enter__(self) -> Any:
        return self.page

    def __exit__(self, *exception: object) -> None:
        # An answer that is still on its way to a route's handler would fail it.
        self.page.unroute_all(behavior="ignoreErrors")
        self.context.close()
        if exception[0] is None:
            assert self.complaints == []


def draw(page: Any, digit: str, slant: float = 0.0, scale: float = 1.0, across: float = 0.0, down: float = 0.0) -> None:
    """Draw a digit with the mouse, stroke by stroke, within a pad of side 1; ``scale`` is about its middle."""
    box = page.locator("#canvas").bounding_box()

    def place(point: list[float]) -> tuple[float, float]:
        x, y = (value / 100 - 0.5 for value in point)
        x, y = (x - slant * y) * scale + 0.5 + across, y * scale + 0.5 + down
        return float(box["x"] + x * box["width"]), float(box["y"] + y * box["height"])

    for stroke in json.loads(STROKES_FILE.read_text())[digit]:
        page.mouse.move(*place(stroke[0]))
        page.mouse.down()
        for point in stroke[1:]:
            page.mouse.move(*place(point), steps=2)
        page.mouse.up()
