"""Augmentation at test time: the same in both files, chosen on validation images, and on record."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from model_training import Digits, Trained, accuracy, train

from pipeline.inference.predictor import OnnxPredictor
from pipeline.models import cnn, native, shift_averaging
from pipeline.models.cnn_parameters import CnnParameters
from pipeline.models.fitting import FitRequest
from pipeline.models.keras_family import KerasModel
from pipeline.models.shift_averaging import SHIFTS
from pipeline.models.temperature import FEWEST_ROWS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def crossed(digits: Digits, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A network of the deep architecture that averages over five copies."""
    chosen = {"effort": "quick", "epochs": 3, "batch_size": 50, "architecture": "deep", "test_shifts": "cross"}
    return train("cnn", digits, tmp_path_factory.mktemp("crossed"), chosen)


def moved(images: Any, down: int, aside: int) -> Any:
    """Images moved by up to a pixel, what comes in at the edge being what is there."""
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    return padded[:, 1 - down : 1 - down + height, 1 - aside : 1 - aside + width]


def test_the_answer_is_the_mean_over_moved_copies_in_both_files(crossed: Trained, digits: Digits) -> None:
    images = digits.test[:60]
    alone = KerasModel((28, 28, 1), 10, None, shift_averaging.inner(crossed.model.network))
    expected = np.mean([alone.predict(moved(images, *move)) for move in SHIFTS["cross"]], axis=0)
    for found in (crossed.model.predict(images), OnnxPredictor(crossed.onnx).predict(images)):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.abs(expected - alone.predict(images)).max() > 0.01, "or it would not matter"
    assert accuracy(expected, digits.test_labels[:60]) > 0.8
    assert crossed.history.test_shifts == ("cross",)
    assert crossed.model.weights == alone.weights


def test_it_comes_back_from_its_file_and_so_do_its_checkpoints(crossed: Trained, digits: Digits) -> None:
    images = digits.test[:60]
    again = native.load("keras", crossed.native_file, shape=(28, 28, 1), n_classes=10)
    np.testing.assert_allclose(again.predict(images), crossed.model.predict(images), atol=1e-6)
    first = native.load("keras", crossed.native_file, shape=(28, 28, 1), n_classes=10, checkpoint=1)
    assert np.abs(first.predict(images) - again.predict(images)).max() > 0.01


@pytest.mark.parametrize("helps", ["off", "cross", "square"])
def test_the_lowest_log_loss_on_validation_images_decides(
    helps: str, digits: Digits, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def answers(network: Any) -> Any:
        """Sure of the truth where the network averages over the copies that shall help, unsure elsewhere."""

        def predict(images: Any) -> Any:
            asked.append(len(images))
            good = network == helps
            return np.where(
                np.eye(10)[digits.validation_labels] > 0, 0.9 if good else 0.5, 0.1 / 9 if good else 0.5 / 9
            )

        return predict

    monkeypatch.setattr(shift_averaging, "averaged", lambda _, name: name)
    monkeypatch.setattr(shift_averaging, "predictor", answers)
    nothing = digits.train[:0], digits.train_labels[:0]
    request = FitRequest(*nothing, digits.validation, digits.validation_labels, 0)
    assert shift_averaging.best(None, request) == helps
    assert asked == [len(digits.validation_labels)] * len(SHIFTS)
    few = replace(request, validation_labels=digits.validation_labels[: FEWEST_ROWS - 1])
    assert shift_averaging.best(None, few) == "off", "too few to choose by"


def test_auto_asks_the_validation_images_and_a_name_or_off_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift_averaging, "best", lambda *_: "square")

    def asked(shifts: Any) -> Any:
        return cnn.build((28, 28, 1), 10, CnnParameters(test_shifts=shifts))._training.test_shifts

    assert asked("auto")(None, None) == "square"
    assert asked("cross")(None, None) == "cross"
    assert asked("off") is None, "nothing is recorded"
