"""The log of served predictions on a disk that is full, fails, or stops in the middle."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from faulty_disk import Crash, FaultyDisk, Kind
from served_builders import served_of

from pipeline.serving import recorder
from pipeline.serving.recorder import Recorder
from pipeline.store import served_log, served_upkeep
from pipeline.store.home import Home
from pipeline.store.prediction_ids import Numbering
from pipeline.store.served_upkeep import Limits, Upkeep

Change = Callable[[Home, list[str]], None]
DATASET = "digits"
LIMITS = Limits(1_000, 30)
CHAMPION: Any = SimpleNamespace(
    deployment=SimpleNamespace(dataset=DATASET, id="20261121-134502-cnn-12000-7f3a"),
    classes=("0", "1", "2"),
    shape=(4, 4, 1),
)


def take(log: Recorder, count: int = 2) -> tuple[str, ...]:
    served = served_of(count)
    return log.take(CHAMPION, served.images, served.probabilities, "pixels")


def kept(home: Home) -> list[str]:
    return [one for served in served_log.read(home, DATASET) for one in served.ids]


def test_a_full_disk_stops_logging_and_not_serving(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    log = Recorder(home, LIMITS, notes.append)
    before = take(log)
    log.flush()
    with pytest.MonkeyPatch.context() as patch:
        FaultyDisk(patch, "full", at=1)
        for _ in range(5):
            assert len(take(log)) == 2
            log.flush()
    assert (log.kept, log.lost) == (2, 10)
    assert "free some space" in (log.problem or "")
    assert len(notes) == 1, "it is said once"
    take(log)
    log.flush()
    assert log.lost == 12, "the disk is left alone for a while"
    monkeypatch.setattr(recorder, "RETRY_SECONDS", 0.0)
    log._retry_at = 0.0
    after = take(log)
    log.flush()
    assert kept(home) == [*before, *after]
    assert (log.problem, len(notes)) == (None, 2)


def test_more_than_the_disk_takes_is_counted_and_not_held(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOST_WAITING", 100)
    log = Recorder(home, LIMITS, print)
    for _ in range(4):
        take(log)
    log.flush()
    assert (log.kept, log.lost) == (6, 2), "96 bytes of pixels fit"


def append(home: Home, _before: list[str]) -> None:
    served_upkeep.append(home, served_of(3))


def merge(home: Home, _before: list[str]) -> None:
    Upkeep(home, DATASET, LIMITS).merge()


def trim(home: Home, _before: list[str]) -> None:
    Upkeep(home, DATASET, Limits(21, 30)).trim(time.time_ns() // 1_000)


def delete(home: Home, before: list[str]) -> None:
    served_upkeep.delete(home, DATASET, before[3:5])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["crash", "torn", "full", "error"])
@pytest.mark.parametrize("change", [append, merge, trim, delete])
def test_whatever_call_to_the_disk_fails_every_prediction_is_there_once(home: Home, kind: Kind, change: Change) -> None:
    numbering = Numbering()
    for _ in range(16):
        served_upkeep.append(home, served_of(2, numbering))
    before = kept(home)
    at, failed = 1, True
    while failed:
        with pytest.MonkeyPatch.context() as patch:
            FaultyDisk(patch, kind, at)
            failed = fails(change, home, before)
        found = kept(home)
        assert len(found) == len(set(found))
        if change in (append, merge):
            assert set(before) <= set(found), f"call {at}"
        elif failed:
            assert set(found) <= set(before)
        at += 1
    assert at > 2
    Upkeep(home, DATASET, LIMITS).trim(time.time_ns() // 1_000)
    assert not list(home.served.rglob("*.tmp"))
    found = kept(home)
    assert len(found) == sum(len(served_log.ids_in(path)) for path in served_log.files(home, DATASET))
    if change is trim:
        assert found == before[-21:]
    if change is delete:
        assert found == before[:3] + before[5:]


def fails(change: Change, home: Home, before: list[str]) -> bool:
    try:
        change(home, before)
    except (Exception, Crash):
        return True
    return False
