"""What boosted trees see: whole numbers of the direction of strokes, the same wherever they are computed."""

from pathlib import Path

import numpy as np
import pytest
from model_training import Digits, accuracy, fit, train

from pipeline.errors import ModelError
from pipeline.inference.predictor import OnnxPredictor
from pipeline.models import native
from pipeline.models.tree_features import DIRECTIONS, TreeFeatures


def cells(images: np.ndarray) -> np.ndarray:
    """The features of gray images of 28 x 28, ``[N, 9, 7, 7]``: brightness, then the eight directions."""
    return TreeFeatures("gradients", (28, 28, 1)).of(images).reshape(-1, 9, 7, 7)


def test_pixels_are_the_images_themselves() -> None:
    images = np.arange(60, dtype=np.uint8).reshape(2, 6, 5, 1)
    features = TreeFeatures("pixels", (6, 5, 1)).of(images)
    assert np.shares_memory(features, images) and features.shape == (2, 30)


def test_a_uniform_image_has_brightness_and_no_direction_but_at_its_edge() -> None:
    found = cells(np.full((1, 28, 28, 1), 10, np.uint8))
    assert (found[0, 0, 1:-1, 1:-1] == 10 * 8 * 8).all()
    assert (found[0, 1:, 1:-1, 1:-1] == 0).all()


@pytest.mark.parametrize(("turns", "to"), enumerate([(0, 1), (-1, 0), (0, -1), (1, 0)]))
def test_an_edge_is_told_by_its_direction_and_strength(turns: int, to: tuple[int, int]) -> None:
    image = np.zeros((28, 28), np.uint8)
    image[:, 16:] = 50
    found = cells(np.rot90(image, turns)[None, ..., None])[0, 1:, 3, 3]
    towards = [down * to[0] + right * to[1] for down, right in DIRECTIONS]
    # A window of 8 x 8 has 8 pixels along the edge, and a difference of neighbours sees it from both sides.
    np.testing.assert_array_equal(found, np.where(np.array(towards) > 0, 8 * 2 * 50, 0))


def test_the_features_are_whole_numbers_that_float32_holds_exactly(digits: Digits) -> None:
    found = TreeFeatures("gradients", (28, 28, 1)).of(digits.train)
    np.testing.assert_array_equal(found, found.round())
    assert found.min() >= 0 and found.max() < 2**24


def test_many_images_have_the_features_that_each_has_alone(digits: Digits) -> None:
    features = TreeFeatures("gradients", (28, 28, 1))
    images = np.concatenate([digits.train, digits.test])
    assert len(images) > 1000
    np.testing.assert_array_equal(features.of(images)[[0, 999, 1000, -1]], features.of(images[[0, 999, 1000, -1]]))


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 9, 1), (8, 8, 3), (33, 20, 2)])
@pytest.mark.parametrize("kind", ["pixels", "gradients"])
def test_exported_trees_say_what_the_trained_ones_say(kind: str, shape: tuple[int, int, int], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (300, *shape), dtype=np.uint8)
    labels = (images.reshape(300, -1)[:, 0] > 127).astype(np.int64)
    run = train("xgboost", Digits(*[images, labels] * 3), tmp_path, {"features": kind, "rounds": 5}, n_classes=2)
    natively, exported = run.model.predict(images), OnnxPredictor(run.onnx).predict(images)
    np.testing.assert_array_equal(exported.argmax(axis=1), natively.argmax(axis=1))
    np.testing.assert_allclose(exported, natively, atol=1e-6)


@pytest.mark.parametrize("kind", ["pixels", "gradients"])
def test_saved_trees_know_what_they_see(kind: str, digits: Digits, tmp_path: Path) -> None:
    run = train("xgboost", digits.first(200), tmp_path, {"features": kind, "rounds": 3})
    loaded = native.load("xgboost", run.native_file, shape=(28, 28, 1), n_classes=10)
    np.testing.assert_array_equal(loaded.predict(digits.test), run.model.predict(digits.test))


def test_gradients_teach_trees_more_than_pixels(digits: Digits) -> None:
    def score(kind: str) -> float:
        model = fit("xgboost", digits.first(300), {"rounds": 30, "features": kind}).model
        return accuracy(model.predict(digits.test), digits.test_labels)

    assert score("gradients") > score("pixels") + 0.02


@pytest.mark.parametrize("threads", ["1", "2,1", "", "many"])
def test_the_threads_of_the_process_do_not_change_them(
    threads: str, digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = TreeFeatures("gradients", (28, 28, 1)).of(digits.test)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    np.testing.assert_array_equal(TreeFeatures("gradients", (28, 28, 1)).of(digits.test), expected)


def test_unknown_features_are_refused() -> None:
    with pytest.raises(ModelError, match="'edges' is not a kind of feature: choose one of pixels, gradients"):
        TreeFeatures("edges", (28, 28, 1))
