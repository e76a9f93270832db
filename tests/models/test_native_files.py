"""Loading native files: what is missing, damaged or of another kind is refused in a sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_training import Trained

from pipeline.errors import ModelError
from pipeline.models import native
from pipeline.models.fitting import FitRequest


def load(format: Any, path: Path, checkpoint: int | None = None) -> None:
    native.load(format, path, shape=(28, 28, 1), n_classes=10, checkpoint=checkpoint)


@pytest.mark.parametrize(
    ("name", "checkpoint", "sentence"),
    [
        ("mlp", 7, "no checkpoint 7: it has 1 to 6"),
        ("mlp", 0, "no checkpoint 0: it has 1 to 6"),
        ("xgboost_2018", 10, "no checkpoint 10: it has 1 to 9, one per boosting round"),
        ("logistic", 1, "no checkpoint 1: scikit-learn models are fitted in one step"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_refused_with_those_that_are(
    name: str, checkpoint: int, sentence: str, trained: Callable[[str], Trained]
) -> None:
    run = trained(name)
    with pytest.raises(ModelError, match=sentence):
        load(run.native_format, run.native_file, checkpoint)


def test_a_bundle_without_checkpoints_says_so(trained: Callable[[str], Trained], tmp_path: Path) -> None:
    alone = tmp_path / "model.keras"
    alone.write_bytes(trained("mlp").native_file.read_bytes())
    load("keras", alone)
    with pytest.raises(ModelError, match="no checkpoint 1: it has none"):
        load("keras", alone, 1)


@pytest.mark.parametrize(
    ("format", "file"), [("keras", "model.keras"), ("xgboost", "model.ubj"), ("joblib", "model.joblib")]
)
def test_a_damaged_file_is_refused(format: str, file: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_bytes(b"this is no model")
    with pytest.raises(ModelError, match=f"{file} cannot be read"):
        load(format, path)


def test_only_known_formats_are_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model format 'pickle': it is one of keras, xgboost, joblib"):
        load("pickle", tmp_path / "model.pkl")
    with pytest.raises(ModelError, match=r"no file .*model\.keras"):
        load("keras", tmp_path / "model.keras")


def test_a_network_that_carries_code_is_refused(tmp_path: Path) -> None:
    from pipeline.models.runtime import import_keras

    keras = import_keras()
    layers = [keras.Input((28, 28, 1)), keras.layers.Lambda(lambda x: x + 1), keras.layers.Flatten()]
    keras.Sequential([*layers, keras.layers.Dense(10, activation="softmax")]).save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match="Lambda"):
        load("keras", tmp_path / "model.keras")


def test_a_loaded_model_is_not_trained_again(trained: Callable[[str], Trained]) -> None:
    import numpy as np

    images, labels = np.zeros((2, 28, 28, 1), np.uint8), np.arange(2)
    for name in ("mlp", "xgboost_2018"):
        run = trained(name)
        model = native.load(run.native_format, run.native_file, shape=(28, 28, 1), n_classes=10)
        with pytest.raises(ModelError, match="create the model from its recipe"):
            model.fit(FitRequest(images, labels, images, labels, seed=0))
