"""Cross-fitted models: each member misses its fold, their mean is one file, and nothing is predicted by who saw it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from model_training import QUICK, Digits, accuracy

from pipeline.contracts import History
from pipeline.data import folds
from pipeline.data.digests import image_digests
from pipeline.errors import ModelError, SettingsError
from pipeline.inference.predictor import OnnxPredictor
from pipeline.models import native, registry
from pipeline.models.cross_fitting import CrossFittedModel
from pipeline.models.fitting import FitRequest

FOLDS = 3


def request(digits: Digits) -> FitRequest:
    return FitRequest(digits.train, digits.train_labels, digits.validation, digits.validation_labels, seed=0)


def rows(digits: Digits) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.concatenate([digits.train, digits.validation]),
        np.concatenate([digits.train_labels, digits.validation_labels]),
    )


def untrained(digits: Digits, name: str) -> CrossFittedModel:
    images, labels = rows(digits)
    recipe = registry.find(name)
    parameters = registry.parameters_of(recipe, QUICK[name])
    members = [registry.create(recipe, parameters, shape=images.shape[1:], n_classes=10)[0] for _ in range(FOLDS)]
    return CrossFittedModel(members, 10, folds.assign(image_digests(images), labels, FOLDS, 0))


@pytest.fixture(scope="module")
def fitted(digits: Digits) -> CrossFittedModel:
    model = untrained(digits, "logistic")
    model.fit(request(digits))
    return model


class Noting:
    """A member that notes what it was trained on and answers nothing."""

    native_format = "joblib"
    weights = None

    def __init__(self) -> None:
        self.given: FitRequest | None = None

    def fit(self, given: FitRequest) -> History:
        self.given = given
        return History()

    def predict(self, images: np.ndarray) -> np.ndarray:
        return np.full((len(images), 10), 0.1, np.float32)


def test_each_member_misses_its_own_fold_and_no_other(digits):
    images, labels = rows(digits)
    of_row = folds.assign(image_digests(images), labels, FOLDS, 0)
    members = [Noting() for _ in range(FOLDS)]
    CrossFittedModel(members, 10, of_row).fit(replace(request(digits), checkpoints=Path("never")))
    for number, member in enumerate(members):
        given = member.given
        seen = set(image_digests(np.concatenate([given.train_images, given.validation_images])).tolist())
        assert seen == set(image_digests(images[of_row != number]).tolist())
        assert not set(image_digests(given.train_images).tolist()) & set(
            image_digests(images[of_row == number]).tolist()
        )
        assert len(given.validation_labels) == pytest.approx(len(seen) / 10, abs=10)
        assert given.checkpoints is None
    assert len({member.given.seed for member in members}) == FOLDS


def test_weights_of_classes_reach_every_member(digits):
    images, labels = rows(digits)
    members = [Noting() for _ in range(FOLDS)]
    weights = 1.0 + digits.train_labels
    model = CrossFittedModel(members, 10, folds.assign(image_digests(images), labels, FOLDS, 0))
    model.fit(replace(request(digits), train_weights=weights))
    for member in members:
        np.testing.assert_array_equal(member.given.train_weights, 1.0 + member.given.train_labels)


def test_out_of_fold_answers_are_those_of_the_member_that_never_saw_the_row(fitted, digits):
    images, labels = rows(digits)
    of_row = folds.assign(image_digests(images), labels, FOLDS, 0)
    for number, member in enumerate(fitted.members):
        np.testing.assert_array_equal(fitted.out_of_fold[of_row == number], member.predict(images[of_row == number]))
    assert 0.9 < accuracy(fitted.out_of_fold, labels) < accuracy(fitted.predict(images), labels)


def test_the_mean_is_one_file_that_equals_the_members(fitted, digits, tmp_path):
    fitted.export_onnx(tmp_path / "model.onnx")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["model.onnx"]
    answers = OnnxPredictor(tmp_path / "model.onnx").predict(digits.test)
    mean = np.mean([member.predict(digits.test) for member in fitted.members], axis=0)
    np.testing.assert_allclose(answers, mean, rtol=0, atol=1e-5)
    assert accuracy(answers, digits.test_labels) > 0.9
    fitted.export_onnx(tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "model.onnx").read_bytes()


@pytest.mark.parametrize("name", ["xgboost", pytest.param("cnn_baseline", marks=pytest.mark.slow)])
def test_other_families(name, digits, tmp_path):
    small = digits.first(400)
    model = untrained(small, name)
    history = model.fit(request(small))
    model.export_onnx(tmp_path / "model.onnx")
    answers = OnnxPredictor(tmp_path / "model.onnx").predict(digits.test)
    np.testing.assert_allclose(answers, model.predict(digits.test), rtol=0, atol=1e-4)
    assert [row["step"] for row in history.rows] == [1, 2, 3]
    loaded = native.load("cross-fitted", model.save(tmp_path), shape=small.train.shape[1:], n_classes=10)
    np.testing.assert_array_equal(loaded.predict(digits.test), model.predict(digits.test))


def test_saved_and_loaded(fitted, digits, tmp_path):
    path = fitted.save(tmp_path)
    assert json.loads(path.read_text())["members"] == [f"member-{number}/model.joblib" for number in (1, 2, 3)]
    loaded = native.load("cross-fitted", path, shape=digits.train.shape[1:], n_classes=10)
    np.testing.assert_array_equal(loaded.predict(digits.test), fitted.predict(digits.test))
    assert (loaded.native_format, loaded.weights) == ("cross-fitted", 3 * (784 * 10 + 10))
    with pytest.raises(ModelError, match="has no checkpoint 2"):
        native.load("cross-fitted", path, shape=digits.train.shape[1:], n_classes=10, checkpoint=2)
    for members in (["../model.joblib"], ["/etc/passwd"], "member-1"):
        path.write_text(json.dumps({"format": "joblib", "members": members}))
        with pytest.raises(ModelError, match=r"members.json cannot be read"):
            native.load("cross-fitted", path, shape=digits.train.shape[1:], n_classes=10)


def test_folds_spread_every_class_and_keep_copies_together(digits):
    images, labels = np.concatenate([digits.train, digits.train[:50]]), np.tile(digits.train_labels, 2)[:1050]
    of_row = folds.assign(image_digests(images), labels, 5, 1)
    np.testing.assert_array_equal(of_row[:50], of_row[1000:])
    counts = np.array([np.bincount(labels[:1000][of_row[:1000] == fold], minlength=10) for fold in range(5)])
    assert (counts.max(axis=0) - counts.min(axis=0) <= 1).all()
    assert counts.sum(axis=1).max() - counts.sum(axis=1).min() <= 1
    order = np.random.default_rng(0).permutation(len(labels))
    np.testing.assert_array_equal(folds.assign(image_digests(images[order]), labels[order], 5, 1), of_row[order])
    assert (folds.assign(image_digests(images), labels, 5, 2) != of_row).any()
    with pytest.raises(SettingsError, match="4 different images do not make 5 folds"):
        folds.assign(image_digests(images[:4]), labels[:4], 5, 0)
