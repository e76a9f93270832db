"""Tell the story of images that change, with the real commands in processes of their own.

A champion serves upright digits. Then turned ones begin to arrive: the watcher raises the alarm, a reviewer decides
in a browser on what it sends to review, the decisions become a snapshot, and a run on that a new champion.
"""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.client import ask_for
from benchmarks.commands import Watching, serving
from benchmarks.story_pictures import Labelled
from benchmarks.telling import Story, accuracy, begin
from pipeline.application import Application
from pipeline.contracts import Deployment
from pipeline.data import snapshots
from pipeline.data.preparation import prepare
from pipeline.facts.drift_facts import DriftAlarm
from pipeline.facts.watch_facts import DriftReview, WatchEvent
from pipeline.store import drift_files, production, watch_records
from pipeline.store.home import Home

DEGREES = 30
REVIEWER = "Ada"
READY = "#ask[aria-busy=false]"


@dataclass(frozen=True)
class Turn:
    """What happens.

    Attributes:
        story: The dataset and its first set; no batches arrive. What is held back is upright.
        upright: What the champion is asked for first.
        to_turn: What it is asked for then, each turned by ``DEGREES``.
        reviewed: How many unusual images are reviewed before the run.
        audited: The share of what is served that is drawn for audits.
    """

    story: Story
    upright: Sequence[Labelled]
    to_turn: Sequence[Labelled]
    reviewed: int
    audited: float


@dataclass(frozen=True)
class Turned:
    """What happened.

    Attributes:
        home: Where.
        alarm: What was found.
        delay: After how many turned images.
        decided: How many images the reviewer decided on.
        before, after: Accuracy of the first champion and of the one at the end on what was held back, upright and
            turned.
        champions: Their ids.
        events: What the watcher recorded.
        pictures: PNG of the page on the alarm, of the review, and of what was stored.
    """

    home: Home
    alarm: DriftAlarm
    delay: int
    decided: int
    before: tuple[float, float]
    after: tuple[float, float]
    champions: tuple[str, str]
    events: tuple[WatchEvent, ...]
    pictures: dict[str, bytes]


def tell(turn: Turn, folder: Path, page: Any) -> Turned:
    """Let the story happen.

    Args:
        turn: What happens.
        folder: An empty folder for all of it.
        page: Of a browser, for the reviewer; Playwright's.
    """
    dataset = turn.story.dataset
    home, orders = begin(turn.story, folder)
    first = _champion(home, dataset)
    turned = [(name, rotated(picture)) for name, picture in turn.to_turn]
    truth = _truth(first, [*turn.story.first, *turn.upright, *turned])
    orders += ["--on-drift", "--drift-images", str(turn.reviewed)]
    with (
        Watching(orders, folder / "watch.log", 0, 1, 0) as watching,
        serving(home, "--log", "--audit", str(turn.audited)) as server,
    ):
        ask_for(server.address, turn.upright)
        ask_for(server.address, turned)
        watching.wait_until(lambda: _following(home, dataset, lambda found: found.sent == turn.reviewed))
        alarm = _alarm(home, dataset)
        page.goto(drift_files.page_file(home, dataset).as_uri())
        pictures = {"alarm": page.screenshot(full_page=True)}
        decided = review(page, server.review, truth, pictures)
        watching.wait_until(lambda: _is_over(home, dataset))
    last = _champion(home, dataset)
    held_back = (turn.story.held_back, [(name, rotated(picture)) for name, picture in turn.story.held_back])
    return Turned(
        home=home,
        alarm=alarm,
        delay=alarm.image - len(turn.upright),
        decided=decided,
        before=(accuracy(first, held_back[0]), accuracy(first, held_back[1])),
        after=(accuracy(last, held_back[0]), accuracy(last, held_back[1])),
        champions=(first.id, last.id),
        events=tuple(watch_records.events(home, dataset)),
        pictures=pictures,
    )


def rotated(picture: Image.Image) -> Image.Image:
    """Return a picture turned about its centre, by cubic splines."""
    return picture.rotate(DEGREES, Image.Resampling.BICUBIC)


def review(page: Any, link: str, truth: Callable[[Image.Image], str], pictures: dict[str, bytes]) -> int:
    """Decide on everything that waits, by keys, and store it; returns how many images that were.

    Args:
        page: Of a browser.
        link: To the review.
        truth: Gives the class of an image.
        pictures: Receives the page in the middle of it, and at the end.
    """
    page.goto(link)
    page.fill("#name", REVIEWER)
    page.click("#who button")
    page.wait_for_selector("#decide", state="visible")
    decided = 0
    while True:
        page.wait_for_selector(READY, state="attached")
        if page.is_hidden("#ask"):
            break
        if decided == 2:
            pictures["review"] = page.screenshot()
        page.keyboard.press(truth(_shown(page.get_attribute("#picture", "src"))))
        decided += 1
    page.click("#store")
    page.wait_for_selector("#done p")
    pictures["stored"] = page.screenshot()
    return decided


def _shown(address: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(address.partition(",")[2])))


def _truth(champion: Deployment, pictures: Sequence[Labelled]) -> Callable[[Image.Image], str]:
    """What each picture shows; the nearest counts, since half of the first set was sent as JPEG."""
    preparation = Application(champion).preparation
    known = np.stack([prepare(picture, preparation).ravel() for name, picture in pictures]).astype(np.float32)

    def look_up(picture: Image.Image) -> str:
        pixels = np.asarray(picture, np.float32).ravel()
        return pictures[int(((known - pixels) ** 2).sum(axis=1).argmin())][0]

    return look_up


def _champion(home: Home, dataset: str) -> Deployment:
    champion = production.current(home, dataset)
    if champion is None:
        raise RuntimeError("The first set made no champion.")
    return champion


def _following(home: Home, dataset: str, holds: Callable[[DriftReview], bool]) -> bool:
    state = watch_records.read_state(home, dataset)
    return state is not None and state.drift is not None and holds(state.drift)


def _alarm(home: Home, dataset: str) -> DriftAlarm:
    state = drift_files.read_state(home, dataset)
    assert state is not None and state.alarm is not None
    return state.alarm


def _is_over(home: Home, dataset: str) -> bool:
    """Whether the run on what was reviewed is over, whatever it decided."""
    state = watch_records.read_state(home, dataset)
    assert state is not None
    newest = snapshots.find(home.datasets, dataset)
    return not state.running_on and max(state.trained, state.failed) == newest.number
