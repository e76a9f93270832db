"""Files are whole or absent."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.errors import StoreError, UnreadableError
from pipeline.store import atomic, disk
from pipeline.store.atomic import folders


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes half of the first write and nothing after it."""
    written: list[int] = []

    def write(descriptor: int, content: memoryview) -> int:
        if written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(os.write(descriptor, content[: len(content) // 2]))
        return written[0]

    monkeypatch.setattr(disk, "write", write)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "file.json"
    atomic.write_json(target, {"a": 1})
    atomic.write_json(target, {"a": 2})
    assert atomic.read_json(target) == {"a": 2}
    assert [path.name for path in target.parent.iterdir()] == ["file.json"]


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_keeps_the_old_content_and_says_so(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    target.write_text("old")
    with pytest.raises(StoreError, match=r"file\.txt could not be written: No space left on device"):
        atomic.write_text(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["file.txt"]


def test_nan_is_no_json(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json(tmp_path / "file.json", float("nan"))
    assert not (tmp_path / "file.json").exists()


@pytest.mark.parametrize(
    ("content", "sentence"), [(None, "is missing"), (b"{", "cannot be read"), (b"\xff", "cannot be read")]
)
def test_damaged_json_is_one_sentence(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StoreError, match=sentence):
        atomic.read_json(path)


def test_a_torn_last_line_is_not_read_and_then_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    atomic.append_line(path, "one")
    with path.open("ab") as file:
        file.write(b"tw")
    assert atomic.read_lines(path) == ["one"]
    atomic.append_line(path, "three")
    assert path.read_bytes() == b"one\nthree\n"


@pytest.mark.usefixtures("full_disk")
def test_a_line_that_does_not_fit_on_the_disk_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("one\n")
    with pytest.raises(StoreError, match="No space left"):
        atomic.append_line(path, "two")
    assert path.read_bytes() == b"one\n"


@pytest.mark.usefixtures("full_disk")
def test_a_line_too_long_for_the_disk_is_taken_back_whole(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("one\n")
    with pytest.raises(StoreError, match="Nothing there was changed; free some space"):
        atomic.append_line(path, "a long line " * 10_000)
    assert path.read_bytes() == b"one\n"


def test_a_line_that_cannot_be_taken_back_is_not_denied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    path = tmp_path / "log.jsonl"
    path.write_text("one\n")
    monkeypatch.setattr(disk, "sync", refuse)
    monkeypatch.setattr(disk, "truncate", refuse)
    with pytest.raises(StoreError, match=r"could not be undone.*simulator\.py doctor"):
        atomic.append_line(path, "two")


def test_a_file_of_lines_is_created_with_its_header_in_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.csv"
    atomic.append_line(path, "1,2", header="a,b")
    atomic.append_line(path, "3,4", header="a,b")
    assert path.read_text() == "a,b\n1,2\n3,4\n"
    torn = tmp_path / "torn.csv"
    torn.write_text("a,")
    atomic.append_line(torn, "1,2", header="a,b")
    assert torn.read_text() == "a,b\n1,2\n"


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    lines = ["one\u2028still one", "two\u0085still two", "three\rstill three", "four\x1c\x0c"]
    for line in lines:
        atomic.append_line(path, line)
    assert atomic.read_lines(path) == lines
    with pytest.raises(StoreError, match="line feed"):
        atomic.append_line(path, "two\nlines")


def test_a_line_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"one\n\xff\n")
    with pytest.raises(StoreError, match=r"log\.jsonl, line 2 is damaged: it is not UTF-8"):
        atomic.read_lines(path)


def test_what_the_disk_refuses_to_read_is_neither_missing_nor_damaged(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="cannot be read: Is a directory"):
        atomic.read_bytes(tmp_path)
    (tmp_path / "lines").mkdir()
    with pytest.raises(UnreadableError):
        atomic.read_lines(tmp_path / "lines")


def test_json_holds_any_string(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    atomic.write_json(path, {"a": "\udc80"})
    assert atomic.read_json(path) == {"a": "\udc80"}
    path.write_text("[" * 100_000)
    with pytest.raises(StoreError, match="cannot be read"):
        atomic.read_json(path)


def test_a_file_that_was_replaced_is_not_called_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def refuse(folder: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(folders, "sync_folder", refuse)
    with pytest.raises(StoreError, match="was written, but the disk did not confirm it"):
        atomic.write_text(path, "new")
    assert path.read_text() == "new"


def test_a_published_folder_is_never_overwritten(tmp_path: Path) -> None:
    for name in ("staging", "final"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    with pytest.raises(StoreError, match="never overwritten"):
        atomic.publish_folder(tmp_path / "staging", tmp_path / "final")
    assert (tmp_path / "final" / "file").read_text() == "final"


def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".a.json.123.tmp").write_text("half")
    (tmp_path / ".b.123.tmp").mkdir()
    (tmp_path / "kept.tmp").write_text("kept")
    assert atomic.remove_temporaries(tmp_path) == 2
    assert (tmp_path / "kept.tmp").exists()


WRITER = """
import sys
from pathlib import Path
from pipeline.store import atomic, disk
real = disk.rename
def wait(source, target):
    print("written", flush=True)
    sys.stdin.readline()
    real(source, target)
disk.rename = wait
atomic.write_text(Path(sys.argv[1]), "whole")
"""


def test_the_temporary_file_of_a_live_writer_is_left_alone_and_a_dead_ones_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    for killed in (False, True):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        assert atomic.remove_temporaries(tmp_path) == 0
        if killed:
            writer.kill()
        writer.communicate("go on\n")
        assert atomic.remove_temporaries(tmp_path) == int(killed)
        assert path.read_text() == "whole"
