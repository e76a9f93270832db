"""Pictures of the web pages and the reports, for the docs: ``python docs/screenshots.py [--home DIR] [--only PART]``.

Needs a champion in the home folder, but for the part ``review``, which makes a dataset of its own; Playwright, and
Chromium (``CHROMIUM`` names it if it is not on the path).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"] if os.geteuid() == 0 else ["--disable-gpu"]
        chrome = playwright.chromium.launch(executable_path=_chromium(), args=flags)
        for name, part in PARTS.items():
            if options.only in {None, name}:
                part(chrome, options.home)
        chrome.close()


def _champion(chrome: "Browser", home: Path) -> None:
    with _serving(home) as (address, _):
        with _page(chrome, WIDE, "light") as page:
            _draw_example(page, address, "3")
            _keep(page, "draw.png")
        with _page(chrome, PHONE, "dark", scale=2) as page:
            _draw_example(page, address, "8")
            _keep(page, "draw-phone.png")
        with _page(chrome, REPORT, "light") as page:
            page.goto(f"{address}/dashboard")
            _keep(page, "dashboard.png")
            if page.locator("#watching").count():
                page.locator("#watching").scroll_into_view_if_needed()
                _keep(page, "watching.png", page.locator("#watching"))
            report = page.request.get(f"{address}/production").json()["report"]
            if report:
                page.goto(address + report)
                _keep(page, "report.png")


def _review(chrome: "Browser", _home: Path) -> None:
    """Digits of which one in a hundred has a wrong label wait for review, where out-of-fold predictions doubt it."""
    with tempfile.TemporaryDirectory() as folder:
        _ingest_with_wrong_labels(Path(folder))
        with _serving(Path(folder)) as (_, link):
            for size, colours, scale, name in (
                (WIDE, "light", 1, "review.png"),
                (PHONE, "dark", 2, "review-phone.png"),
            ):
                with _page(chrome, size, colours, scale) as page:
                    page.goto(link)
                    page.fill("#name", "Ada")
                    page.click("#who button")
                    page.wait_for_selector("#picture[src]")
                    page.keyboard.press("s")
                    page.wait_for_timeout(1_000)
                    _keep(page, name)


PARTS: "dict[str, Callable[[Browser, Path], None]]" = {"champion": _champion, "review": _review}


def _ingest_with_wrong_labels(home: Path) -> None:
    import numpy as np

    from pipeline.data import sources

    data = sources.load("auto", name="screenshots")
    images, labels = data.images[:5_000], data.labels[:5_000].copy()
    labels[::100] = (labels[::100] + 5) % 10
    np.savez(home / "digits.npz", images=images, labels=labels)
    command = [sys.executable, str(ROOT / "simulator.py"), "ingest", str(home / "digits.npz"), "--dataset", "digits-2"]
    subprocess.run([*command, "--home", str(home)], check=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Pictures of the web page and the reports, for the README.")
    parser.add_argument("--home", type=Path, default=ROOT, help="where production/ is")
    parser.add_argument("--only", choices=tuple(PARTS), help="one part alone")
    return parser.parse_args()


@contextmanager
def _serving(home: Path) -> Iterator[tuple[str, str]]:
    """The address of a server, and its link to the page that reviews."""
    command = [sys.executable, str(ROOT / "simulator.py"), "serve", "--port", "0", "--home", str(home)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        yield next(word for word in first.split() if word.startswith("http://")), second.split()[-1]
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
    page.wait_for_timeout(2_000)
    page.evaluate("document.activeElement.blur()")


def _keep(page: "Page", name: str, part: "Locator | None" = None) -> None:
    import io

    from PIL import Image

    picture = Image.open(io.BytesIO((part or page).screenshot())).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)
    print(f"{IMAGES / name}: {(IMAGES / name).stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()
