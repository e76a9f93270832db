"""Files are there whole or not at all."""

import errno
import os
from pathlib import Path

import pytest

from pipeline.errors import StoreError
from pipeline.store import atomic


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)


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
