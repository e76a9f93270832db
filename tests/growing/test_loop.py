"""From a drift alarm to a new champion, with the real commands and a reviewer in a real browser.

The full form, with MNIST and a convolutional network, is in ``benchmarks/loop.py``.
"""

import sys
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from benchmarks import story_pictures, turning
from benchmarks.telling import Story
from benchmarks.turning import Turn
from pipeline.data import roles, shards, snapshots
from pipeline.growing import exporting
from pipeline.inspection import doctor
from pipeline.store import role_records, versions

sys.path.append(str(Path(__file__).parents[1] / "serving"))
from browser import arguments, chromium

pytestmark = [pytest.mark.slow, pytest.mark.browser]
FIRST, UPRIGHT, TURNED, HELD_BACK, REVIEWED = 1_500, 200, 600, 1_000, 50
GATE = """
preset = "growing"
margin_pp = 3.0
accuracy_floor = 0.3
recall_floor = "off"
calibration_limit = "off"
robustness_margin_pp = "off"
"""


def test_turned_digits_arrive_and_are_learned(tmp_path: Path) -> None:
    pictures = story_pictures.digits(FIRST + UPRIGHT + TURNED + HELD_BACK, seed=4, sway=0.05)
    ends = [FIRST, FIRST + UPRIGHT, FIRST + UPRIGHT + TURNED]
    turn = Turn(
        story=Story(
            dataset="drawn-digits",
            first=pictures[: ends[0]],
            batches=(),
            held_back=pictures[ends[2] :],
            ingest=("--as", "as-is", "--jobs", "1"),
            runs=("--models", "xgboost", "--set", "xgboost.rounds=60", "--set", "xgboost.shifts=2"),
            gate=GATE,
            every=1_000_000,
        ),
        upright=pictures[ends[0] : ends[1]],
        to_turn=pictures[ends[1] : ends[2]],
        reviewed=REVIEWED,
        audited=0.4,
    )
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium(), args=arguments())
        told = turning.tell(turn, tmp_path, chrome.new_page())
        chrome.close()

    assert 0 < told.delay < 200
    kinds = Counter(event.kind for event in told.events)
    assert (kinds["drift"], kinds["promotion"], kinds["run"], kinds["trouble"]) == (1, 1, 2, 0)
    assert told.champions[0] != told.champions[1]
    newest = snapshots.find(told.home.datasets, turn.story.dataset)
    assert versions.find(told.home, told.champions[1]).manifest.dataset.snapshot == newest.id
    (upright, turned), (upright_after, turned_after) = told.before, told.after
    assert turned < upright - 0.05
    assert turned_after > turned + 0.05
    assert upright_after > upright - 0.03
    reviewed = [one for one in exporting.entries_of(told.home.datasets / newest.name, newest) if one.labelled_by]
    assert Counter(one.selection for one in reviewed)[shards.DOUBTFUL] >= REVIEWED, (
        "and what the first ingest set aside"
    )
    assert len(reviewed) == told.decided
    held = role_records.load(told.home, newest.name)
    assert held is not None
    judging = {one.tobytes().hex() for one in held.digests[held.roles == roles.BENCHMARK]}
    chosen = {one.digest for one in reviewed if one.selection == shards.DOUBTFUL}
    assert not judging & chosen, "what was chosen for being unusual judges nobody"
    assert judging & {one.digest for one in reviewed}, "what was drawn at random does"
    assert [fault.sentence for fault in doctor.examine(told.home)] == []
    print(f"upright {upright:.3f} to {upright_after:.3f}, turned {turned:.3f} to {turned_after:.3f}")
