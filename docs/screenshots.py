"""Pictures of the web page and the reports, for the README: ``python docs/screenshots.py [--home DIR]``.

Needs a champion in the home folder, Playwright, and Chromium (``CHROMIUM`` names it if it is not on the path).
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

ROOT = Path(__file__).parents[1]
IMAGES = Path(__file__).parent / "images"
WIDE = {"width": 1180, "height": 860}
PHONE = {"width": 390, "height": 844}
REPORT = {"width": 1180, "height": 1100}
COLOURS = 192
"""A palette of this many colours leaves flat pictures as they are, at a third of the size."""


def main() -> None:
    from playwright.sync_api import sync_playwright

    options = _options()
    keep = partial(_keep, only=options.only)
    IMAGES.mkdir(exist_ok=True)
    with _serving(options.home) as address, sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"] if os.geteuid() == 0 else ["--disable-gpu"]
        chrome = playwright.chromium.launch(executable_path=_chromium(), args=flags)
        with _page(chrome, WIDE, "light") as page:
            _draw_example(page, address, "3")
            keep(page, "draw.png")
        with _page(chrome, PHONE, "dark", scale=2) as page:
            _draw_example(page, address, "8")
            keep(page, "draw-phone.png")
        with _page(chrome, REPORT, "light") as page:
            page.goto(f"{address}/dashboard")
            keep(page, "dashboard.png")
            if page.locator("#watching").count():
                page.locator("#watching").scroll_into_view_if_needed()
                keep(page, "watching.png", page.locator("#watching"))
            report = page.request.get(f"{address}/production").json()["report"]
            if report:
                page.goto(address + report)
                keep(page, "report.png")
        chrome.close()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Pictures of the web page and the reports, for the README.")
    parser.add_argument("--home", type=Path, default=ROOT, help="where production/ is")
    parser.add_argument("--only", help="the one picture to make, as in watching.png")
    return parser.parse_args()


@contextmanager
def _serving(home: Path) -> Iterator[str]:
    command = [sys.executable, str(ROOT / "simulator.py"), "serve", "--port", "0", "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield next(word for word in process.stdout.readline().split() if word.startswith("http://"))
    finally:
        process.terminate()
        process.wait(10)


def _chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium, or name it in CHROMIUM.")
    return found


@contextmanager
def _page(chrome: "Browser", size: dict[str, int], colours: str, scale: int = 1) -> Iterator["Page"]:
    context = chrome.new_context(
        viewport={"width": size["width"], "height": size["height"]},
        color_scheme="dark" if colours == "dark" else "light",
        device_scale_factor=scale,
    )
    yield context.new_page()
    context.close()


def _draw_example(page: "Page", address: str, digit: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(address)
    page.wait_for_selector("#bars li")
    page.focus("#canvas")
    page.keyboard.press(digit)
    page.wait_for_selector("#bars li.best")
    page.wait_for_timeout(1_000)
    page.evaluate("document.activeElement.blur()")


def _keep(page: "Page", name: str, part: "Locator | None" = None, *, only: str | None) -> None:
    import io

    from PIL import Image

    if only not in {None, name}:
        return
    picture = Image.open(io.BytesIO((part or page).screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)
    print(f"{IMAGES / name}: {(IMAGES / name).stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
