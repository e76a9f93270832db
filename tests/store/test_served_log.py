"""The log of served predictions: small files that merge, limits that hold, readers that miss nothing."""

import threading
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from served_builders import served_of

from pipeline.errors import StoreError
from pipeline.store import disk, prediction_ids, served_files, served_log, served_upkeep
from pipeline.store.home import Home
from pipeline.store.prediction_ids import Numbering
from pipeline.store.served_files import Served
from pipeline.store.served_upkeep import Limits, Upkeep

DAY = 86_400 * 10**9
PLENTY = Limits(10**6, 10**4)


@pytest.fixture(autouse=True)
def undurable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine survives these tests, and waiting for its disk would take most of their time."""
    monkeypatch.setattr(disk, "sync", lambda descriptor: None)


def everything(home: Home, **options: object) -> list[str]:
    return [one for served in served_log.read(home, "digits", **options) for one in served.ids]  # type: ignore[arg-type]


def test_ids_are_uuids_in_the_order_of_time() -> None:
    clock = iter([10**18, 10**18, 10**18 - 5_000_000, 10**18 + 7_000_000])
    numbering = Numbering(lambda: next(clock))
    ids = [one for count in (1, 3, 1, 2) for one in numbering.take(count)]
    assert ids == sorted(set(ids)), "even when the clock goes back"
    assert {uuid.UUID(one).version for one in ids} == {7}
    assert all(prediction_ids.PATTERN.fullmatch(one) for one in ids)
    assert [prediction_ids.microseconds(one) - 10**15 for one in (ids[0], ids[-2])] == [0, 7_000]
    assert prediction_ids.first_after(10**15) < ids[0] < prediction_ids.first_after(10**15 + 1_000)


def test_what_is_written_is_read_and_other_programs_open_it(home: Home) -> None:
    import pandas

    served = served_of(5)
    served_upkeep.append(home, served)
    (found,) = served_log.read(home, "digits")
    assert (found.facts, found.ids, found.requests, found.sources) == (
        served.facts, served.ids, served.requests, served.sources,
    )  # fmt: skip
    for name in ("times", "images", "probabilities"):
        assert np.array_equal(getattr(found, name), getattr(served, name)), name
    frame = pandas.read_parquet(home.served_of("digits"))
    assert tuple(frame["prediction_id"]) == served.ids
    assert np.frombuffer(frame["pixels"][3], np.uint8).tolist() == served.images[3].reshape(-1).tolist()
    assert frame["probabilities"][3].argmax() == served.probabilities[3].argmax()


def test_small_files_become_few_and_every_prediction_is_there_once(home: Home) -> None:
    numbering, upkeep = Numbering(), Upkeep(home, "digits", PLENTY)
    written: list[str] = []
    for turn in range(160):
        served = served_of(1 + turn % 3, numbering)
        served_upkeep.append(home, served)
        written += served.ids
        if turn % 16 == 15:
            upkeep.merge()
    assert everything(home) == written
    assert len(served_log.files(home, "digits")) <= 26
    one = served_log.find(home, "digits", written[17])
    assert one is not None
    assert one.ids == (written[17],)
    assert everything(home, after=written[200]) == written[201:]


def test_a_reader_misses_nothing_while_files_are_merged(home: Home) -> None:
    numbering, upkeep = Numbering(), Upkeep(home, "digits", PLENTY)
    written = []
    for _ in range(40):
        served = served_of(2, numbering)
        served_upkeep.append(home, served)
        written += served.ids
    found = []
    for number, served in enumerate(served_log.read(home, "digits")):
        found += served.ids
        if number == 7:
            upkeep.merge()
    assert found == written


def test_two_servers_and_a_reader_at_once(home: Home) -> None:
    def serve() -> None:
        upkeep = Upkeep(home, "digits", PLENTY)
        for _ in range(25):
            served = served_of(2)
            served_upkeep.append(home, served)
            written.extend(served.ids)
            upkeep.merge()

    written: list[str] = []
    servers = [threading.Thread(target=serve) for _ in range(2)]
    for server in servers:
        server.start()
    while any(server.is_alive() for server in servers):
        known, found = set(written), everything(home)
        assert known <= set(found)
        assert len(found) == len(set(found))
    assert sorted(everything(home)) == sorted(written)


def test_what_is_too_old_or_too_much_is_deleted_to_the_row(home: Home) -> None:
    now = time.time_ns()
    numbering = Numbering(iter([now - 3 * DAY, now - DAY, now - 1000]).__next__)
    parts = [served_of(10, numbering) for _ in range(3)]
    for part in parts:
        served_upkeep.append(home, part)
    ids = [one for part in parts for one in part.ids]
    Upkeep(home, "digits", Limits(100, 2.0)).trim(now // 1_000)
    assert everything(home) == ids[10:]
    Upkeep(home, "digits", Limits(13, 2.0)).trim(now // 1_000)
    assert everything(home) == ids[17:]
    # An old prediction that shares a file with newer ones goes as well.
    served_upkeep.append(home, served_files.join([served_of(2, Numbering(lambda: now - 5 * DAY)), parts[2]]))
    Upkeep(home, "digits", Limits(100, 2.0)).trim(now // 1_000)
    assert set(everything(home)) == set(ids[17:])


def test_deleted_predictions_leave_no_bytes(home: Home) -> None:
    first, second = served_of(3), served_of(1)
    for served in (first, second):
        served_upkeep.append(home, served)
    gone = served_upkeep.delete(home, "digits", [first.ids[1], second.ids[0], "unknown"])
    assert gone == {first.ids[1], second.ids[0]}
    assert everything(home) == [first.ids[0], first.ids[2]]
    (left,) = home.served.rglob("*.parquet")
    found = served_files.read(left)
    assert found is not None
    assert np.array_equal(found.images, first.images[[0, 2]])
    assert served_upkeep.delete(home, "nothing", ["x"]) == set()


def test_the_last_seconds_can_be_left_out(home: Home) -> None:
    now = time.time_ns()
    old, new = served_of(2, Numbering(lambda: now - 60 * 10**9)), served_of(2)
    for served in (old, new):
        served_upkeep.append(home, served)
    assert everything(home, settled=True) == list(old.ids)
    assert everything(home, settled=True, after=old.ids[0]) == [old.ids[1]]


@pytest.mark.parametrize("damage", ["cut", "bit", "other"])
def test_a_damaged_file_is_named(home: Home, damage: str, tmp_path: Path) -> None:
    served_upkeep.append(home, served_of(50))
    (file,) = served_log.files(home, "digits")
    content = bytearray(file.read_bytes())
    if damage == "cut":
        content = content[:-20]
    elif damage == "bit":
        content[len(content) // 2] ^= 16
    else:
        import pandas

        pandas.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
        content = bytearray((tmp_path / "other.parquet").read_bytes())
    file.write_bytes(content)
    with pytest.raises(StoreError, match=f"{file.name} is damaged"):
        everything(home)


def test_joining_sorts_and_drops_repetitions() -> None:
    numbering = Numbering()
    first, second = served_of(2, numbering), served_of(2, numbering)
    joined = served_files.join([second, first, second])
    assert isinstance(joined, Served)
    assert joined.ids == (*first.ids, *second.ids)
    assert np.array_equal(joined.images, np.concatenate([first.images, second.images]))
