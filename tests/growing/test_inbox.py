"""What counts as complete in an inbox, and what leaves it together."""

import os
from pathlib import Path

import pytest
from small_pictures import picture, write_pictures

from pipeline.growing.inbox import Drop, Inbox

CLASSES = ("bar", "ring")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def inbox(tmp_path: Path, clock: Clock) -> Inbox:
    (tmp_path / "inbox").mkdir()
    return Inbox(tmp_path / "inbox", settle_seconds=5, clock=clock)


def later(inbox: Inbox, clock: Clock, seconds: float = 5) -> list[Drop]:
    clock.now += seconds
    return inbox.complete(CLASSES)


def names(drops: list[Drop]) -> list[list[str]]:
    return [[str(path) for path in drop.paths] for drop in drops]


def test_a_file_is_complete_once_it_has_not_changed_for_a_while(inbox: Inbox, clock: Clock) -> None:
    growing = inbox.folder / "set.npz"
    growing.write_bytes(b"half")
    assert inbox.complete(CLASSES) == []
    growing.write_bytes(b"half and half")
    assert later(inbox, clock) == [], "its size has changed"
    os.utime(growing, ns=(1, 1))
    assert later(inbox, clock) == [], "its time has changed"
    assert later(inbox, clock, seconds=4.9) == []
    assert inbox.incomplete == 1
    assert names(later(inbox, clock, seconds=0.2)) == [["set.npz"]]
    assert inbox.incomplete == 0


def test_pictures_of_known_classes_go_one_by_one_and_any_other_folder_as_a_whole(inbox: Inbox, clock: Clock) -> None:
    write_pictures(inbox.folder, range(2))
    write_pictures(inbox.folder / "tuesday", range(2))
    picture("bar", 9).save(inbox.folder / "alone.png")
    inbox.complete(CLASSES)
    clock.now = 4
    picture("bar", 7).save(inbox.folder / "bar" / "late.png")
    picture("bar", 8).save(inbox.folder / "tuesday" / "bar" / "late.png")
    inbox.complete(CLASSES)

    drops = later(inbox, clock, seconds=1)

    assert names(drops) == [["alone.png", "bar/0.png", "bar/1.png", "ring/0.png", "ring/1.png"]]
    assert inbox.incomplete == 6
    assert names(later(inbox, clock))[1] == ["tuesday"]


@pytest.mark.parametrize(
    "name", ["a.png.part", "~$a.png", "a.png~", "b.zip.crdownload", "c.npz.tmp", ".a.png", "bar/x.PNG.filepart"]
)
def test_what_bears_a_temporary_name_is_left_alone(inbox: Inbox, clock: Clock, name: str) -> None:
    (inbox.folder / name).parent.mkdir(exist_ok=True)
    (inbox.folder / name).write_bytes(b"half")
    inbox.complete(CLASSES)
    assert later(inbox, clock, seconds=99) == []


def test_a_folder_waits_for_a_file_with_a_temporary_name_and_for_one_that_is_hidden_and_grows(
    inbox: Inbox, clock: Clock
) -> None:
    folder = write_pictures(inbox.folder / "tuesday", range(1))
    (folder / "bar" / "next.png.part").write_bytes(b"half")
    inbox.complete(CLASSES)
    assert later(inbox, clock) == []
    (folder / "bar" / "next.png.part").rename(folder / "bar" / ".next.png.x7Fb")
    assert later(inbox, clock) == [], "it has appeared just now"
    (folder / ".DS_Store").write_bytes(b"of no interest")
    later(inbox, clock)
    assert names(later(inbox, clock)) == [["tuesday"]]


def test_its_own_folders_and_what_systems_leave_behind_are_not_looked_at(inbox: Inbox, clock: Clock) -> None:
    for name in ("done/x/bar/1.png", "refused/x.txt", ".taking/x/2.png", "Thumbs.db", "__MACOSX/a", "desktop.ini"):
        (inbox.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox.folder / name).write_bytes(b"something")
    inbox.complete(CLASSES)
    assert later(inbox, clock) == []
    assert inbox.incomplete == 0


def test_what_can_never_be_taken_is_named_and_costs_nothing_else(inbox: Inbox, clock: Clock, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    picture("bar", 1).save(secret)
    write_pictures(inbox.folder, range(1), kinds=("bar",))
    (inbox.folder / "bar" / "link.png").symlink_to(secret)
    (inbox.folder / "ring").symlink_to(tmp_path)
    os.mkfifo(inbox.folder / "bar" / "pipe.png")
    (inbox.folder / "bar" / "set.csv").write_text("not for a class")
    (inbox.folder / "readme.txt").write_text("hello")
    (inbox.folder / "bar" / "new\nline.png").write_bytes(secret.read_bytes())
    (inbox.folder / os.fsdecode(b"\xff.png")).write_bytes(secret.read_bytes())
    (inbox.folder / "folder").mkdir()
    (inbox.folder / "folder" / "link").symlink_to(tmp_path)
    inbox.complete(CLASSES)

    drops = later(inbox, clock)

    taken = [drop for drop in drops if not drop.fault]
    assert names(taken) == [["bar/0.png"]]
    faults = {str(drop.paths[0]): drop.fault for drop in drops if drop.fault}
    assert {name: fault.split()[-6:] for name, fault in faults.items() if "link" in fault}.keys() == {
        "bar/link.png",
        "ring",
        "folder",
    }
    assert "is not a file" in faults["bar/pipe.png"]
    assert "only pictures belong in the folder of a class" in faults["bar/set.csv"]
    assert "its format is unknown" in faults["readme.txt"]
    assert "cannot be printed" in faults["bar/new\nline.png"]
    assert all(fault.isprintable() for fault in faults.values())
    assert len(faults) == 8


def test_a_drop_is_moved_out_of_reach_and_a_vanished_file_is_left_out(inbox: Inbox, clock: Clock) -> None:
    write_pictures(inbox.folder, range(2), kinds=("bar",))
    inbox.complete(CLASSES)
    (drop,) = later(inbox, clock)
    (inbox.folder / "bar" / "0.png").unlink()

    inbox.take(drop, "first")

    assert [path.name for path in inbox.in_hand("first").rglob("*.png")] == ["1.png"]
    assert inbox.batches_in_hand() == ["first"]
    assert later(inbox, clock, seconds=99) == []
