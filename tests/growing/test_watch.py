"""A watcher takes in what arrives: all of it, once, whatever happens to it."""

import contextlib
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from small_pictures import NAME, Ingest, picture, write_pictures
from watched import SETTLE_SECONDS, files, orders_for, stored, watch_once

from pipeline import moments
from pipeline.data import snapshots
from pipeline.data.preparation import from_facts
from pipeline.errors import DataError, SettingsError, StoreError
from pipeline.facts.watch_facts import WatchEvent, WatchState
from pipeline.growing import batch_in_hand, due, intake, watch
from pipeline.growing.arrivals import Desk, Item
from pipeline.growing.due import Pace
from pipeline.growing.preparing import prepare_item
from pipeline.growing.watch import Watch
from pipeline.store import disk, watch_records
from pipeline.store.home import Home

sys.path.append(str(Path(__file__).parents[1] / "durability"))
from faulty_disk import Crash, FaultyDisk, Kind


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def grown(home: Home, pictures: Path, take_in: Ingest) -> Home:
    """A home with a dataset of ten bars and ten rings."""
    take_in(pictures)
    return home


@pytest.fixture
def look(grown: Home, desk: Desk, inbox: Path) -> Any:
    """Let a watcher look once; returns what it told."""

    def looked(**changes: Any) -> list[WatchEvent]:
        told: list[WatchEvent] = []
        watch_once(grown, desk, orders_for(inbox, **changes), told)
        return [event for event in told if event.kind not in ("started", "stopped")]

    return looked


def listed(folder: Path) -> Path:
    """Pictures side by side, with a table of their labels."""
    lines = ["file,label"]
    for kind in ("bar", "ring"):
        for number in range(10, 13):
            folder.mkdir(exist_ok=True)
            picture(kind, number).save(folder / f"{kind}{number}.png")
            lines.append(f"{kind}{number}.png,{kind}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


FORMS = {
    "folders of classes": lambda inbox, place: write_pictures(inbox, range(10, 13)),
    "a folder": lambda inbox, place: write_pictures(inbox / "tuesday", range(10, 13)),
    "an archive": lambda inbox, place: shutil.make_archive(
        str(inbox / "tuesday"), "zip", write_pictures(place / "sent", range(10, 13))
    ),
    "an archive in a folder": lambda inbox, place: shutil.make_archive(
        str(inbox / "tuesday" / "packed"), "gztar", write_pictures(place / "sent", range(10, 13))
    ),
    "a table of pictures": lambda inbox, place: listed(inbox / "tuesday"),
}


@pytest.mark.parametrize("form", FORMS)
def test_whatever_arrives_is_taken_in_and_put_away(
    grown: Home, inbox: Path, tmp_path: Path, look: Any, form: str
) -> None:
    before = stored(grown)
    FORMS[form](inbox, tmp_path)
    arrived = [path for path in files(inbox) if not path.startswith(".")]

    (happened,) = look()

    assert (happened.kind, "6 stored" in happened.sentence) == ("batch", True)
    assert len(stored(grown)) == len(before) + 6
    assert snapshots.find(grown.datasets, NAME).class_counts == {"bar": 13, "ring": 13}
    done = inbox / "done" / str(happened.details["batch"])
    assert files(done) == arrived
    assert [path for path in files(inbox) if not path.startswith((".watch", "done/"))] == []
    assert look() == [], "and nothing is taken twice"


def test_pictures_outside_any_folder_wait_for_a_person(grown: Home, inbox: Path, look: Any) -> None:
    picture("bar", 30).save(inbox / "photo.png")
    (happened,) = look()
    assert "1 in quarantine" in happened.sentence


def test_what_arrives_during_a_run_is_counted_before_the_run_ends(
    grown: Home, inbox: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless:
        status = None

        def __init__(self, *orders: object) -> None:
            self.looks = 0
            write_pictures(inbox, range(10, 12))

        def poll(self) -> list[object]:
            self.looks += 1
            state = watch_records.read_state(grown, NAME)
            if self.looks == 100 or (state is not None and (state.images, state.new) == (24, 24)):
                watcher.stop()
            return []

        def stop(self) -> None:
            stopped.append(self.looks)

    stopped: list[int] = []
    monkeypatch.setattr(watch, "Training", Endless)
    watcher = Watch(grown, orders_for(inbox, every=20), desk, lambda event: None)
    watcher.run()
    assert stopped[0] < 100


def test_files_are_named_as_they_were_sent(grown: Home, inbox: Path, look: Any) -> None:
    write_pictures(inbox / "day2", range(10, 12))
    (inbox / "day2" / "bar" / "cut.jpg").write_bytes(b"cut")

    (taken,) = look()

    page = Path(str(taken.details["report"])).read_text()
    assert "day2/bar/cut.jpg" in page
    assert ".taking" not in page


def test_what_an_archive_holds_is_named_by_the_archive(grown: Home, inbox: Path, look: Any, tmp_path: Path) -> None:
    sent = write_pictures(tmp_path / "sent" / "day2", range(10, 12))
    (sent / "bar" / "cut.jpg").write_bytes(b"cut")
    shutil.make_archive(str(inbox / "tuesday"), "zip", sent.parent)

    (taken,) = look()

    reasons = (inbox / "refused" / f"{taken.details['batch']}.txt").read_text()
    assert reasons.startswith("tuesday.zip: day2/bar/cut.jpg is not a picture that can be read")


def test_a_refused_batch_is_not_named_by_where_it_was_in_hand(grown: Home, inbox: Path, look: Any) -> None:
    (inbox / "day3").mkdir()
    (inbox / "day3" / "list.csv").write_text("file,label\nnone.png,bar,2\n")
    (inbox / "day3" / "other.csv").write_text("file,label\n")

    (refused,) = look()

    assert refused.kind == "failed_batch"
    assert ".taking" not in refused.sentence


def test_a_bad_batch_is_refused_with_the_reason_beside_it(grown: Home, inbox: Path, look: Any) -> None:
    (inbox / "broken.zip").write_bytes(b"PK no archive")
    write_pictures(inbox / "strange", range(10, 13), kinds=("hexagon",))
    write_pictures(inbox, range(10, 12), kinds=("bar",))

    events = look()

    assert [event.kind for event in events] == ["batch", "failed_batch", "failed_batch"]
    refused = {str(event.details["batch"]): event.sentence for event in events[1:]}
    broken, strange = refused
    assert files(inbox / "refused") == sorted(
        [f"{broken}.txt", f"{broken}/broken.zip", f"{strange}.txt"]
        + [f"{strange}/strange/hexagon/{number}.png" for number in (10, 11, 12)]
    )
    reason = (inbox / "refused" / f"{broken}.txt").read_text()
    assert "cannot be unpacked" in reason
    assert ".taking" not in reason
    reasons = (inbox / "refused" / f"{strange}.txt").read_text().splitlines()
    assert ["there is no class hexagon." in reason for reason in reasons] == [True] * 3
    assert refused[strange].endswith(f"refused/{strange}.txt has 2 more reasons.")
    assert len(stored(grown)) == 22, "a bad batch costs no other"


@pytest.mark.parametrize("delete", [False, True])
def test_a_bad_file_costs_itself_and_is_never_deleted(grown: Home, inbox: Path, look: Any, delete: bool) -> None:
    write_pictures(inbox, range(10, 12), kinds=("bar",))
    (inbox / "bar" / "cut.png").write_bytes((inbox / "bar" / "10.png").read_bytes()[:60])
    folder = write_pictures(inbox / "tuesday", range(12, 13), kinds=("ring",))
    (folder / "photo.heic").write_bytes(b"of a kind that is not read")

    first, second = look(delete=delete)

    assert [path for path in files(inbox / "refused") if not path.endswith(".txt")] == [
        f"{first.details['batch']}/bar/cut.png",
        f"{second.details['batch']}/tuesday/photo.heic",
    ]
    assert (inbox / "refused" / f"{first.details['batch']}.txt").read_text().startswith("bar/cut.png is ")
    taken = [f"{first.details['batch']}/bar/{number}.png" for number in (10, 11)]
    assert files(inbox / "done") == ([] if delete else [*taken, f"{second.details['batch']}/tuesday/ring/12.png"])
    assert len(stored(grown)) == 23


def test_new_classes_and_the_labeller_reach_the_dataset(grown: Home, inbox: Path, look: Any) -> None:
    write_pictures(inbox / "new", range(5), kinds=("hexagon",))
    look(new_classes=True, labelled_by="ada")
    assert snapshots.find(grown.datasets, NAME).classes == ("bar", "ring", "hexagon")


def test_a_fault_of_the_dataset_refuses_no_batch(grown: Home, inbox: Path, look: Any) -> None:
    write_pictures(inbox, range(10, 12))
    (shard,) = (grown.datasets / NAME / snapshots.SHARDS).glob("*.parquet")
    whole = shard.read_bytes()
    shard.write_bytes(whole[: len(whole) // 2])

    troubles = look()

    assert [trouble.kind for trouble in troubles] == ["trouble"] * 2, "with the inbox, and with counting what is new"
    assert all(str(shard) in trouble.sentence for trouble in troubles)
    shard.write_bytes(whole)
    (happened,) = look()
    assert "4 stored" in happened.sentence
    assert files(inbox / "refused") == []


def test_a_batch_that_kills_every_watcher_is_refused_in_the_end(
    grown: Home, inbox: Path, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*words: Any, **options: Any) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(batch_in_hand, "ingest", die)
        write_pictures(inbox, range(10, 12))
        for _ in range(batch_in_hand.MOST_ATTEMPTS):
            with pytest.raises(Crash):
                look()
    (happened,) = look()
    assert happened.kind == "failed_batch" and "was killed 10 times" in happened.sentence
    assert len(stored(grown)) == 20


def test_what_cannot_be_moved_holds_up_nothing_else(
    grown: Home, inbox: Path, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = disk.rename

    def refuse(source: Path, target: Path) -> None:
        if source.name == "locked":
            raise PermissionError(13, "Permission denied", str(source))
        real(source, target)

    monkeypatch.setattr(disk, "rename", refuse)
    write_pictures(inbox / "locked", range(3))
    write_pictures(inbox / "open", range(10, 12))
    happened, trouble = look()
    assert (happened.kind, trouble.kind) == ("batch", "trouble")
    assert "Permission denied" in trouble.sentence
    assert files(inbox / "locked") != []
    state = watch_records.read_state(grown, NAME)
    assert state is not None and state.in_hand == ()


def test_an_error_that_nobody_thought_of_costs_its_batch_alone(
    grown: Home, inbox: Path, look: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = batch_in_hand.ingest

    def stumble(home: Home, order: Any, *words: Any, **options: Any) -> Any:
        if "cursed" in order.specs[0]:
            raise ZeroDivisionError("division by zero")
        return real(home, order, *words, **options)

    monkeypatch.setattr(batch_in_hand, "ingest", stumble)
    shutil.make_archive(str(inbox / "cursed"), "zip", write_pictures(inbox.parent / "sent", range(3)))
    write_pictures(inbox, range(10, 12))
    assert [event.kind for event in look()] == ["batch", "failed_batch"]


def test_a_folder_in_hand_that_no_record_knows_is_looked_at_like_anything_that_arrives(
    grown: Home, inbox: Path, look: Any, tmp_path: Path
) -> None:
    write_pictures(inbox / ".taking" / "found", range(10, 12))
    (inbox / ".taking" / "found" / "bar" / "link.png").symlink_to(tmp_path / "inbox" / "secret.png")
    assert look() == []
    (refused,) = look()
    assert "is a link" in refused.sentence


STEP = 1 if os.environ.get("PIPELINE_SWEEP") == "full" else 17
"""Every call to the disk is broken only in the full sweep."""


def digests_of(home: Home, inbox: Path) -> set[str]:
    """Digests of the pictures in an inbox as the dataset prepares them; a few different ones become equal."""
    preparation = from_facts(snapshots.find(home.datasets, NAME).preparation)
    waiting = [inbox / name for name in files(inbox) if not name.startswith((".watch", "done/", "refused/"))]
    return {prepare_item(Item(path.name, path, path.parent.name), preparation).digest for path in waiting}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["crash", "torn", "full", "error"])
def test_after_a_fault_at_any_call_to_the_disk_nothing_is_lost_and_nothing_is_taken_twice(
    grown: Home, inbox: Path, desk: Desk, look: Any, kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.growing.batch_report.write", lambda home, batch: Path("page.html"))
    tried = range(1, 400, STEP)
    for rounds, at in enumerate(tried, 1):
        before, numbers = stored(grown), range(20 * at, 20 * at + 2)
        write_pictures(inbox, numbers)
        write_pictures(inbox / "tuesday", range(20 * at + 2, 20 * at + 3))
        sent = digests_of(grown, inbox)
        (inbox / "bar" / f"cut{at}.png").write_bytes(b"\x89PNG cut")
        with pytest.MonkeyPatch.context() as patch:
            disk = FaultyDisk(patch, kind, at)
            with contextlib.suppress(Crash, StoreError):
                watch_once(grown, desk, orders_for(inbox), [])
        look()
        look()
        after = stored(grown)
        assert set(after) == set(before) | sent, f"{kind} at call {at}"
        assert len(set(after)) == len(after), f"{kind} at call {at}"
        assert [path for path in files(inbox) if not path.startswith((".watch", "done/", "refused/"))] == []
        arrived = sorted(Path(path).name for path in files(inbox / "done"))
        assert len(arrived) == 6 * rounds
        refused = {Path(path).name for path in files(inbox / "refused") if path.endswith(".png")}
        assert refused == {f"cut{number}.png" for number in tried[:rounds]}
        if len(disk.calls) < at:
            break
    assert at > 20


def test_one_watcher_for_a_dataset_and_one_for_an_inbox(grown: Home, inbox: Path, desk: Desk, look: Any) -> None:
    with watch_records.watching_alone(grown, NAME, inbox):
        assert watch_records.is_watched(grown, NAME)
        with pytest.raises(StoreError, match="Another process is watching the dataset 'shapes'"):
            look()
    with watch_records.watching_alone(grown, "letters", inbox), pytest.raises(StoreError, match="inbox"):
        look()
    assert not watch_records.is_watched(grown, NAME)


def test_a_dataset_or_inbox_that_does_not_exist_is_refused(home: Home, desk: Desk, inbox: Path) -> None:
    with pytest.raises(DataError, match="no dataset 'shapes'"):
        watch_once(home, desk, orders_for(inbox), [])
    with pytest.raises(SettingsError, match="is not a folder"):
        watch_once(home, desk, orders_for(inbox / "nowhere"), [])


def test_trouble_is_announced_once_it_has_lasted(
    grown: Home, inbox: Path, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[WatchEvent] = []
    watcher = Watch(grown, orders_for(inbox, trouble_seconds=2 * SETTLE_SECONDS), desk, told.append)
    looks = iter(range(6))

    def refuse(self: Any) -> None:
        if next(looks) == 5:
            watcher.stop()
        raise StoreError("The disk is full.")

    monkeypatch.setattr(intake.Intake, "take", refuse)
    watcher.run()
    assert [event.kind for event in told] == ["started", "trouble", "stopped"]
    assert "cannot continue with the inbox: The disk is full." in told[1].sentence
    assert watcher.failures == 1


def state(**changes: Any) -> WatchState:
    plain = {"dataset": NAME, "inbox": "/in", "every": 100, "at_most": "", "pid": 1, "since": "", "started_at": ""}
    return WatchState(**(plain | changes))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [({"new": 99}, False), ({"new": 100}, True), ({"new": 0, "running_on": 3}, True), ({"new": 0}, False)],
)
def test_a_run_is_due_after_enough_images_or_where_one_was_cut_off(changes: dict[str, int], expected: bool) -> None:
    assert due.is_due(state(**changes), None) is expected


def test_the_pace_counts_the_runs_of_the_last_hours() -> None:
    pace, now = Pace.of("2/3h"), datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    begun = ("2026-11-21T08:59:00Z", "2026-11-21T09:01:00Z", "2026-11-21T11:00:00Z")
    assert (pace.runs, pace.seconds) == (2, 3 * 3600)
    assert not pace.allows(begun, now)
    assert pace.allows(begun[:2], now)
    just_now = (moments.now(),)
    assert not due.is_due(state(new=200, runs_begun=just_now), Pace.of("1/h"))


@pytest.mark.parametrize("text", ["", "1", "0/h", "1/week", "1/0h", "-1/h", "1/h ", "9999999/h"])
def test_no_pace(text: str) -> None:
    with pytest.raises(SettingsError, match="is not a rate"):
        Pace.of(text)


def test_new_images_are_counted_by_digest(grown: Home, tmp_path: Path, take_in: Ingest) -> None:
    folder = grown.datasets / NAME
    first = snapshots.find(grown.datasets, NAME)
    take_in(write_pictures(tmp_path / "more", range(8, 13)))
    newest = snapshots.find(grown.datasets, NAME)
    assert [due.new_images(folder, newest, trained) for trained in (0, first.number, newest.number)] == [26, 6, 0]


def test_a_record_that_is_damaged_says_what_to_do(grown: Home, inbox: Path, look: Any) -> None:
    look()
    (grown.datasets / NAME / watch_records.STATE).write_text("{}")
    with pytest.raises(StoreError, match="Delete the file"):
        look()
    assert watch_records.watched(grown) == []
