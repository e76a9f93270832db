"""What is not the challenger's fault is not held against it, and no cell is trained twice for it."""

import errno
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from crash_commands import DATASET, Bench, simulate, state_of

from pipeline.errors import StoreError, UnreadableError
from pipeline.store import atomic, disk, production, recovery, repeats, versions
from pipeline.store.home import Home
from pipeline.trainer import Trainer


@pytest.fixture
def home(bench: Bench, tmp_path: Path) -> Home:
    """A copy of a home with three champions."""
    return Home(shutil.copytree(bench.serving.root, tmp_path / "home"))


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of what is trained."""
    ids: list[str] = []
    real = Trainer.run

    def run(self: Trainer, *args: Any, **options: Any) -> Any:
        candidate = real(self, *args, **options)
        ids.append(candidate.id)
        return candidate

    monkeypatch.setattr(Trainer, "run", run)
    return ids


def break_champion(home: Home, folders: list[Path], patch: pytest.MonkeyPatch) -> None:
    """Damage the champion while the challenger is in training, where no recovery sees it."""
    real = Trainer.run

    def run(self: Trainer, *args: Any, **options: Any) -> Any:
        candidate = real(self, *args, **options)
        for folder in folders:
            (folder / "model.onnx").write_bytes(b"damaged")
        return candidate

    patch.setattr(Trainer, "run", run)


def ids(home: Home) -> set[str]:
    """The versions there are; those made in one second sort by their digest, so the newest need not be the last."""
    return {version.id for version in versions.list_versions(home)}


def test_a_damaged_champion_ends_the_run_and_the_challenger_is_judged_once_it_is_whole(
    home: Home, stripes: Path, trained: list[str]
) -> None:
    champion = production.current(home, DATASET)
    assert champion is not None
    copy = shutil.copytree(home.versions / champion.id, home.root / "copy")
    with pytest.MonkeyPatch.context() as patch:
        break_champion(home, [champion.folder, home.versions / champion.id], patch)
        with pytest.raises(StoreError, match=r"model\.onnx"):
            simulate(stripes, home, 0.5)
    before = ids(home)
    assert len(before) == 4, "nothing was filed"
    shutil.rmtree(home.versions / champion.id)
    copy.rename(home.versions / champion.id)
    simulate(stripes, home, 0.5)
    (made,) = set(state_of(home).digests) - before
    assert trained == [made]
    assert versions.find(home, made).verdict.outcome == "pass"


def test_a_bundle_that_is_damaged_before_the_run_is_restored_and_the_challenger_judged(
    home: Home, stripes: Path
) -> None:
    champion = production.current(home, DATASET)
    assert champion is not None
    (champion.folder / "model.onnx").write_bytes(b"damaged")
    before = ids(home)
    simulate(stripes, home, 0.5)
    assert {state_of(home).champion} == ids(home) - before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["manifest.json", "verdict.json", "scores.json", "repeats.csv"])
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "for good"])
def test_a_read_error_trains_no_cell_twice(
    home: Home, stripes: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch, name: str, lasting: bool
) -> None:
    before = ids(home)
    simulate(stripes, home, 0.5, repeats=2)
    assert len(trained) == 2
    (made,) = ids(home) - before
    victims = (versions.find(home, made).folder / name, repeats.file(home))
    left = [10_000 if lasting else 1]

    def refuse(path: Path) -> Any:
        if path.name == name and path in victims and left[0]:
            left[0] -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    real = disk.open_to_read
    monkeypatch.setattr(disk, "open_to_read", refuse)
    try:
        simulate(stripes, home, 0.5, repeats=2)
    except UnreadableError as error:
        assert "Check the disk and the permissions" in str(error)
    else:
        assert not lasting
    assert len(trained) == 2


def test_a_read_error_deletes_no_trained_candidate(
    home: Home, stripes: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic, "publish_folder", refuse_to_publish)
        with pytest.raises(StoreError):
            simulate(stripes, home, 0.5)
    (staged,) = recovery.staged(home).values()
    real = disk.open_to_read

    def refuse(path: Path) -> Any:
        if path.name == "model.onnx" and staged.id in path.parts:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk, "open_to_read", refuse)
        with pytest.raises(UnreadableError):
            simulate(stripes, home, 0.5)
    simulate(stripes, home, 0.5)
    assert trained == [staged.id]
    assert staged.id in state_of(home).digests


def refuse_to_publish(staging: Path, final: Path) -> None:
    raise StoreError("The disk is full.")


def test_two_trainings_in_one_second_have_two_ids(
    home: Home, stripes: Path, trained: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = time.gmtime(0)
    monkeypatch.setattr(time, "gmtime", lambda *_: frozen)
    for _ in range(3):
        simulate(stripes, home, 0.5, retrain=True)
    first = trained[0]
    assert trained == [first, f"{first}-2", f"{first}-3"]
    assert set(trained) <= state_of(home).digests.keys()
