"""The whole loop, with the real commands in processes of their own.

500 labelled images, a champion that serves, and twelve batches that arrive in the inbox while a client predicts. The
full form, with MNIST and a convolutional network, is in ``benchmarks/story.py``.
"""

import os
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks import story_pictures, telling
from benchmarks.story_pictures import Labelled
from benchmarks.telling import Story, Told
from pipeline.data import snapshots
from pipeline.growing import exporting, quarantine
from pipeline.growing.arrivals import Item
from pipeline.growing.inbox import DONE, REFUSED
from pipeline.growing.preparing import prepare_item
from pipeline.inspection import doctor
from pipeline.store import production, versions, watch_records

pytestmark = pytest.mark.slow
FIRST, BATCHES, IMAGES, HELD_BACK = 500, 12, 2_600, 3_000
MARGIN_PP = 3.0
GATE = f"""
preset = "growing"
margin_pp = {MARGIN_PP}
accuracy_floor = 0.3
recall_floor = "off"
calibration_limit = "off"
robustness_margin_pp = "off"
"""
LOGISTIC = ("--models", "logistic")
KILLS = {"sample": 8, "ci": 12, "full": 50}[os.environ.get("PIPELINE_SWEEP", "sample")]
SEED = int(os.environ.get("PIPELINE_SWEEP_SEED", "0"))


def story(name: str, pictures: Sequence[Labelled], prepared: tuple[str, ...], every: int) -> Story:
    arriving, held_back = pictures[:IMAGES], pictures[IMAGES:]
    ends = np.linspace(FIRST, IMAGES, BATCHES + 1).astype(int).tolist()
    return Story(
        dataset=name,
        first=arriving[:FIRST],
        batches=[arriving[start:end] for start, end in pairwise(ends)],
        held_back=held_back,
        ingest=(*prepared, "--jobs", "1"),
        runs=LOGISTIC,
        gate=GATE,
        every=every,
    )


def digits(every: int) -> Story:
    pictures = story_pictures.digits(IMAGES + HELD_BACK, seed=0)
    return story("drawn-digits", pictures, ("--as", "as-is"), every)


def shapes(every: int) -> Story:
    pictures = story_pictures.shapes(IMAGES + HELD_BACK, seed=0)
    return story("drawn-shapes", pictures, ("--as", "fit", "--image-size", "12,12,3"), every)


@pytest.mark.parametrize("told_of", [digits, shapes])
def test_production_improves_as_batches_arrive_and_nobody_notices(told_of, tmp_path: Path) -> None:
    plot = told_of(every=400)
    told = telling.tell(plot, tmp_path)

    assert told.failed == ()
    assert told.requests > 100
    assert len(told.served) >= 3, "production improved several times"
    accuracies = [told.truth[version] for version in told.served]
    assert accuracies[-1] > accuracies[0]
    assert told.worst_loss_pp < MARGIN_PP
    everything_is_there_once(told, plot)
    kinds = Counter(event.kind for event in told.events)
    assert kinds["batch"] >= BATCHES
    assert kinds["promotion"] == len(told.served) - 1, "the first champion was made before anybody watched"
    assert kinds["failed_batch"] == kinds["trouble"] == 0


def test_the_watcher_is_killed_at_random_and_nothing_is_lost_and_nothing_is_done_twice(tmp_path: Path) -> None:
    plot = digits(every=700)
    told = telling.tell(plot, tmp_path, kills=KILLS, seed=SEED)

    assert told.kills == KILLS
    assert told.failed == ()
    everything_is_there_once(told, plot)
    listed = versions.list_versions(told.home)
    assert max(Counter(version.manifest.cell for version in listed).values()) == 1, "nothing was trained twice"
    promoted = [record.id for record in production.records(told.home)][1:]
    announced = {event.details["version"] for event in told.events if event.kind == "promotion"}
    assert announced == set(promoted), "every promotion was announced"
    assert {event.details["version"] for event in told.events if event.kind == "refusal"} == {
        version.id for version in listed if version.verdict.outcome != "pass"
    }
    assert [event.sentence for event in told.events if event.kind == "trouble"] == []


def everything_is_there_once(told: Told, plot: Story) -> None:
    """Every image that arrived is in the dataset, once, and every file was put away."""
    folder = told.home.datasets / plot.dataset
    newest = snapshots.find(told.home.datasets, plot.dataset)
    entries = [*exporting.entries_of(folder, newest), *quarantine.waiting(folder)]
    held = Counter(entry.digest for entry in entries)
    assert max(held.values()) == 1
    sent = sorted((told.inbox / DONE).rglob("*.*"))
    assert telling.files_waiting(told.inbox) == []
    assert not (told.inbox / REFUSED).exists()
    loose = [Item(path.name, path, None) for path in sent if path.suffix in (".png", ".jpg")]
    assert {prepare_item(item, newest.preparation).digest for item in loose} <= held.keys()
    archived = sum(len(batch) for number, batch in enumerate(plot.batches, start=1) if number % 4 == 2)
    assert len(loose) == len([picture for batch in plot.batches for picture in batch]) - archived
    assert len(held) == len(plot.first) + sum(map(len, plot.batches))
    state = watch_records.read_state(told.home, plot.dataset)
    assert state is not None and state.in_hand == ()
    assert [fault.sentence for fault in doctor.examine(told.home)] == []
