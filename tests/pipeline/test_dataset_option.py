"""``--dataset`` means the same in every command, and a version knows where its own images are."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from pipeline.data import digests, sources
from pipeline.errors import DataError
from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Scores
from pipeline.inspection import datasets, evaluation
from pipeline.store import manifest, production, versions
from pipeline.store.home import Home
from pipeline.store.version_arrays import predictions


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


def test_images_of_the_benchmark_in_a_file_of_their_own_are_measured_all(run: Any, home: Home, tmp_path: Path) -> None:
    run(dataset=str(own_digits(tmp_path, 600)))
    (version,) = versions.list_versions(home)
    judged = digests.contained(sources.load(str(tmp_path / "digits.npz")).digests, predictions(version).digests)
    with np.load(tmp_path / "digits.npz") as arrays:
        images, labels = arrays["images"], arrays["labels"]
    few = np.flatnonzero(judged)[:90]
    np.savez(tmp_path / "few.npz", images=images[few], labels=labels[few])
    assert evaluate(home, str(tmp_path / "few.npz")).images == 90
    np.savez(tmp_path / "fitted.npz", images=images[~judged], labels=labels[~judged])
    with pytest.raises(DataError, match=r"None of the 480 images of .*fitted\.npz is new to .*: give --dataset"):
        evaluate(home, str(tmp_path / "fitted.npz"))


def test_images_may_be_few_and_of_some_classes(run: Any, home: Home, tmp_path: Path) -> None:
    run(dataset=str(own_digits(tmp_path, 600)))
    with np.load(tmp_path / "digits.npz") as arrays:
        images, labels = 255 - arrays["images"], arrays["labels"]
    some = [*np.flatnonzero(labels == 3)[:1], *np.flatnonzero(labels == 8)[:2]]
    np.savez(tmp_path / "some.npz", images=images[some], labels=labels[some])
    confusion = np.array(evaluate(home, str(tmp_path / "some.npz")).confusion)
    assert confusion.sum(axis=1).tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 2, 0]
    np.savez(tmp_path / "other.npz", images=images[some], labels=labels[some] + 4)
    with pytest.raises(DataError, match=r"other has the class '12'; .* was trained on 10 classes: 0, 1, 2"):
        evaluate(home, str(tmp_path / "other.npz"))


def test_images_that_other_versions_train_on_are_new_to_one_that_did_not(run: Any, home: Home, tmp_path: Path) -> None:
    run(dataset=str(own_digits(tmp_path, 600)), train_sizes=("100",))
    (version,) = versions.list_versions(home)
    with np.load(tmp_path / "digits.npz") as arrays:
        np.savez(tmp_path / "copy.npz", images=arrays["images"], labels=arrays["labels"])
    assert evaluate(home, str(tmp_path / "copy.npz")).images == 600 - version.manifest.rows.train_size


def test_versions_are_compared_on_images_that_trained_none_of_them(run: Any, home: Home, tmp_path: Path) -> None:
    path = own_digits(tmp_path)
    run(dataset=str(path))
    with np.load(path) as arrays:
        np.savez(tmp_path / "others.npz", images=255 - arrays["images"], labels=arrays["labels"])
        both = np.concatenate([arrays["images"], 255 - arrays["images"]])
        np.savez(tmp_path / "both.npz", images=both, labels=np.tile(arrays["labels"], 2))
    run(dataset=str(tmp_path / "others.npz"))
    two = versions.list_versions(home)
    given: dict[str, Any] = {"checkpoint": None, "data_dir": None, "notify": print, "beside": two}
    found = [evaluation.evaluate(home, one, dataset=str(tmp_path / "both.npz"), **given) for one in two]
    assert [one.scores.images for one in found] == [120, 120]
    assert len({one.scores.benchmark_sha256 for one in found}) == 1
    assert found[0].images.startswith("120 images, new among the 600, of NumPy archive ")


def picture_folder(folder: Path, images: Any, labels: Any) -> Path:
    """A sub-folder of pictures for each class."""
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / str(label) / f"{number}.png")
    return folder


def test_dark_pictures_on_light_are_evaluated_as_they_are_predicted(run: Any, home: Home, tmp_path: Path) -> None:
    run(dataset=str(own_digits(tmp_path, 600)))
    (version,) = versions.list_versions(home)
    with np.load(tmp_path / "digits.npz") as arrays:
        images, labels = arrays["images"], arrays["labels"]
    judged = digests.contained(digests.image_digests(images[..., None]), predictions(version).digests)
    folder = picture_folder(tmp_path / "dark", 255 - images[judged], labels[judged])
    said: list[str] = []
    found = evaluation.evaluate(
        home, version, checkpoint=None, dataset=str(folder), data_dir=None, notify=said.append
    ).scores
    assert (found.accuracy, found.images) == (version.scores.accuracy, 120)
    assert any("were prepared for" in one and "digit, light on dark, 28 x 28 pixels" in one for one in said)


def test_a_run_notes_that_pictures_are_dark_on_light(tmp_path: Path) -> None:
    with np.load(own_digits(tmp_path)) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    said: list[str] = []
    sources.load(str(picture_folder(tmp_path / "light", images, labels)), notify=said.append)
    assert said == []
    sources.load(str(picture_folder(tmp_path / "dark", 255 - images, labels)), notify=said.append)
    assert ["are dark on light, and are used as they are" in one for one in said] == [True]


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
