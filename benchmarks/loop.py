"""The whole loop on MNIST: turned digits arrive, are noticed, reviewed in a browser, and learned."""

import json
import shutil
import tempfile
from pathlib import Path

from benchmarks import measure, turning
from benchmarks.story import MARGIN_PP, PICTURES, PREPARED, mnist
from benchmarks.telling import Story
from benchmarks.turning import DEGREES, Turn, Turned
from pipeline.store import versions

FIRST, UPRIGHT, TURNED, REVIEWED, AUDITED = 20_000, 500, 2_000, 400, 0.2


def main() -> str:
    """Tell the story and return the section; the pictures go to ``docs/images/``."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        told = turning.tell(_turn(), Path(place), chrome.new_page(viewport={"width": 900, "height": 760}))
        chrome.close()
        for name in ("alarm", "review"):
            (PICTURES / f"loop-{name}.png").write_bytes(told.pictures[name])
        facts = {"alarm": told.alarm.model_dump(), "delay": told.delay, "decided": told.decided}
        facts |= {"before": told.before, "after": told.after, "events": [one.sentence for one in told.events]}
        (measure.RAW / "loop.json").write_text(json.dumps(facts, indent=1) + "\n")
        return _section(told)


def _turn() -> Turn:
    arriving, held_back = mnist(FIRST + UPRIGHT + TURNED)
    story = Story(
        dataset="digits-turning",
        first=arriving[:FIRST],
        batches=(),
        held_back=held_back,
        ingest=("--as", "as-is", *PREPARED),
        runs=("--models", "cnn", "--effort", "quick"),
        gate=f"margin_pp = {MARGIN_PP}\npreset = 'growing'",
        every=FIRST,
    )
    return Turn(story, arriving[FIRST : FIRST + UPRIGHT], arriving[FIRST + UPRIGHT :], REVIEWED, AUDITED)


def _section(told: Turned) -> str:
    seconds = {one.kind: one.at for one in told.events}
    rows = [
        (name, versions.find(told.home, champion).manifest.rows.train_size, *(f"{100 * one:.2f} %" for one in accuracy))
        for name, champion, accuracy in zip(("before", "after"), told.champions, (told.before, told.after), strict=True)
    ]
    columns = ("champion", "training images", "upright", f"turned by {DEGREES}°")
    return "\n\n".join(
        [
            "## From an alarm to a new champion",
            f"A champion of {FIRST:,} images of MNIST (`cnn --effort quick`, gate `growing`, margin {MARGIN_PP:g}) is "
            f"asked for {UPRIGHT:,} upright digits and then for {TURNED:,} others turned by {DEGREES}°, each in a "
            f"request of its own; {100 * AUDITED:g} % are drawn for audits. `watch --on-drift` raised the alarm "
            f"{told.delay:,} turned digits after the first and sent {REVIEWED:,} of the most unusual to review. In a "
            f"browser {told.decided:,} images were decided on, audits among them. Then a run started.",
            measure.table(columns, [tuple(map(str, row)) for row in rows]),
            f"Accuracy is on MNIST's 10,000 test images, upright and turned, one seed. The alarm was raised at "
            f"{seconds['drift']}, and the run ended at {seconds['run']}.",
        ]
    )
