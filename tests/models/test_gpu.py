"""What is chosen where a GPU is found; no GPU is needed, since only the choices are looked at."""

from pathlib import Path

import numpy as np
import pytest
from model_training import Digits, fit

from pipeline.models import cnn, cnn_network, runtime, xgboost_training
from pipeline.models.runtime import import_tensorflow


@pytest.fixture
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow finds one GPU, of the compute capability that the test is given."""
    config = import_tensorflow().config
    found = {"GPU": ["a GPU"]}
    monkeypatch.setattr(config, "list_physical_devices", lambda kind: found.get(kind, []))
    details = {"compute_capability": request.param}
    monkeypatch.setattr(config.experimental, "get_device_details", lambda _: details)


@pytest.mark.parametrize(("gpu", "expected"), [((7, 5), "float32"), ((8, 0), "bfloat16")], indirect=["gpu"])
@pytest.mark.usefixtures("gpu")
def test_convolutions_take_the_fastest_float_of_the_gpu(expected: str) -> None:
    assert cnn_network.fastest_float().name == expected


@pytest.mark.parametrize("gpu", [(8, 0)], indirect=True)
@pytest.mark.usefixtures("gpu")
def test_batches_are_larger_on_a_gpu() -> None:
    assert cnn._batch_size(0, 1000) == cnn.BATCH_SIZE_ON_GPU > cnn.BATCH_SIZE


@pytest.mark.parametrize(
    ("built", "listed", "expected"), [(True, True, "cuda"), (True, False, "cpu"), (False, True, "cpu")]
)
def test_trees_grow_on_a_gpu_where_there_is_one(
    built: bool, listed: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if listed:
        (tmp_path / "gpus" / "0000:01:00.0").mkdir(parents=True)
    monkeypatch.setattr(runtime, "NVIDIA_GPUS", tmp_path / "gpus")
    monkeypatch.setattr(runtime.import_xgboost(), "build_info", lambda: {"USE_CUDA": built})
    assert runtime.tree_device() == expected


@pytest.mark.filterwarnings("ignore:.*Device is changed from GPU to CPU")
def test_a_gpu_that_is_of_no_use_changes_nothing(digits: Digits, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"rounds": 3, "shifts": 0}
    expected = fit("xgboost", digits.first(100), asked).model.predict(digits.test)
    monkeypatch.setattr(xgboost_training, "tree_device", lambda: "cuda")
    np.testing.assert_array_equal(fit("xgboost", digits.first(100), asked).model.predict(digits.test), expected)
