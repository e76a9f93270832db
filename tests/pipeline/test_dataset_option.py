"""``--dataset`` means the same in every command, and a version knows where its own images are."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pipeline.data import sources
from pipeline.errors import DataError
from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Scores
from pipeline.inspection import datasets, evaluation
from pipeline.store import manifest, production, versions
from pipeline.store.home import Home


def evaluate(home: Home, dataset: str | None = None) -> Scores:
    version = versions.list_versions(home)[-1]
    return evaluation.evaluate(home, version, checkpoint=None, dataset=dataset, data_dir=None, notify=print).scores


def own_digits(folder: Path, count: int = 300) -> Path:
    """A user's own dataset that is called as the built-in one, of the same classes and shape, but other images."""
    bunch = load_digits()
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 4:12, 4:12] = bunch.images[:count] * 15
    path = folder / "digits.npz"
    np.savez(path, images=images, labels=bunch.target[:count])
    return path


def test_a_version_is_evaluated_on_the_images_it_came_from(
    run: Any, home: Home, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data.parent)
    run(dataset=data.name, name="shapes32")
    monkeypatch.chdir(tmp_path)
    (version,) = versions.list_versions(home)
    assert version.manifest.dataset.origin == os.fspath(data)
    for dataset in (None, str(data), "shapes32"):
        assert evaluate(home, dataset).benchmark_sha256 == version.scores.benchmark_sha256


def test_a_dataset_that_changed_is_measured_only_by_name(run: Any, home: Home, data: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    shutil.copy(data, path)
    run(dataset=str(path))
    with np.load(path) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    np.savez(path, images=images[3:], labels=labels[3:])
    with pytest.raises(DataError, match=r"mine\.npz has changed since .* --dataset .*mine\.npz"):
        evaluate(home)
    path.unlink()
    with pytest.raises(DataError, match=r"mine\.npz does not exist"):
        evaluate(home)


def test_a_users_digits_are_not_the_built_in_ones(run: Any, home: Home, tmp_path: Path) -> None:
    path = own_digits(tmp_path)
    run(dataset=str(path))
    (version,) = versions.list_versions(home)
    assert version.manifest.dataset.name == "digits"
    assert evaluate(home).benchmark_sha256 == version.scores.benchmark_sha256
    with pytest.raises(DataError, match=r"were trained on NumPy archive .*scikit-learn's digits.*--name"):
        run(dataset="digits")


def test_the_built_in_digits_are_all_new_to_a_version_of_other_digits(run: Any, home: Home, tmp_path: Path) -> None:
    run(dataset=str(own_digits(tmp_path)))
    confusion = evaluate(home, "digits").confusion
    assert sum(map(sum, confusion)) == 1797


def without_origin(facts: Manifest) -> Manifest:
    return facts.model_copy(update={"dataset": facts.dataset.model_copy(update={"origin": ""})})


def test_a_version_without_a_recorded_origin_asks_for_it(run: Any, home: Home, tmp_path: Path) -> None:
    run(dataset=str(own_digits(tmp_path)))
    (version,) = versions.list_versions(home)
    manifest.write(version.folder, without_origin(version.manifest))
    with pytest.raises(DataError, match=r"does not record where to find its images .*--dataset"):
        evaluate(home)


def test_commands_about_a_champion_take_the_path_it_was_trained_on(run: Any, home: Home, data: Path) -> None:
    run(name="stripes-of-mine")
    (served,) = production.datasets(home)
    assert served == "stripes-of-mine"
    assert datasets.name_of(home, str(data)) == served
    assert datasets.name_of(home, served) == served
    assert datasets.name_of(home, "nothing") == "nothing"


def test_a_run_takes_the_name_of_a_dataset(run: Any, home: Home, data: Path) -> None:
    run(name="mine")
    run(dataset="mine", models=("dummy",))
    assert {version.manifest.dataset.name for version in versions.list_versions(home)} == {"mine"}


def test_a_path_that_is_not_text_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"dig\xffits")
    folder.mkdir()
    with pytest.raises(DataError, match=r"The dataset '.*dig\\udcffits' has a name that is not valid UTF-8: rename it"):
        sources.load(str(folder))
