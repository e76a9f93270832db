"""The champion's features: what flows into its last layer, read from the file that is served."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipeline.errors import DataError
from pipeline.inference.features import MOST_FEATURES, FeaturePredictor

SHAPE = (4, 4, 1)
RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (700, *SHAPE), dtype=np.uint8)


def model(nodes: list[onnx.NodeProto], weights: dict[str, np.ndarray]) -> bytes:
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["floats"], ["flat"]),
            *nodes,
        ],
        "test",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", *SHAPE])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


def layer(name: str, given: str, answer: str) -> list[onnx.NodeProto]:
    """Two weight layers, as every converter writes them: MatMul, Add, Relu, then Gemm and Softmax."""
    return [
        helper.make_node("MatMul", [given, f"{name}1"], [f"{name}a"]),
        helper.make_node("Relu", [f"{name}a"], [f"{name}hidden"]),
        helper.make_node("Gemm", [f"{name}hidden", f"{name}2", f"{name}bias"], [f"{name}logits"]),
        helper.make_node("Softmax", [f"{name}logits"], [answer]),
    ]


def weights(name: str, hidden: int) -> dict[str, np.ndarray]:
    return {
        f"{name}1": RANDOM.normal(0, 0.01, (16, hidden)).astype(np.float32),
        f"{name}2": RANDOM.normal(0, 1, (hidden, 3)).astype(np.float32),
        f"{name}bias": np.zeros(3, np.float32),
    }


def hidden(given: dict[str, np.ndarray], name: str) -> np.ndarray:
    return np.maximum(IMAGES.reshape(len(IMAGES), -1).astype(np.float32) @ given[f"{name}1"], 0)


def test_the_features_are_what_flows_into_the_last_layer() -> None:
    given = weights("m", 5)
    probabilities, features = FeaturePredictor(model(layer("m", "flat", "probabilities"), given)).predict(IMAGES)
    assert features == pytest.approx(hidden(given, "m"), rel=1e-4, abs=1e-4)
    assert probabilities.shape == (700, 3)
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_an_ensemble_has_the_features_of_all_its_members() -> None:
    given = weights("m", 5) | weights("n", 2)
    nodes = [*layer("m", "flat", "first"), *layer("n", "flat", "second")]
    nodes.append(helper.make_node("Mean", ["first", "second"], ["probabilities"]))
    features = FeaturePredictor(model(nodes, given)).predict(IMAGES)[1]
    assert features.shape == (700, 7)
    sums = hidden(given, "m").sum(axis=1) + hidden(given, "n").sum(axis=1)
    assert features.sum(axis=1) == pytest.approx(sums, rel=1e-3, abs=1e-3)


def test_many_features_are_folded_and_keep_distances() -> None:
    given = weights("m", 3 * MOST_FEATURES + 7)
    features = FeaturePredictor(model(layer("m", "flat", "probabilities"), given)).predict(IMAGES)[1]
    assert features.shape == (700, MOST_FEATURES)
    own = hidden(given, "m")
    distances, folded = (np.linalg.norm(values[:350] - values[350:], axis=1) for values in (own, features))
    assert folded.mean() == pytest.approx(distances.mean(), rel=0.1)


def test_pixels_stand_in_for_the_features_of_a_model_without_layers() -> None:
    nodes = [
        helper.make_node("ReduceMean", ["flat", "axis"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["mean", "mean"], ["nothing"]),
        helper.make_node("Add", ["nothing", "row"], ["probabilities"]),
    ]
    content = model(nodes, {"row": np.full((1, 3), 1 / 3, np.float32), "axis": np.array([1])})
    features = FeaturePredictor(content).predict(IMAGES)[1]
    assert features.tolist() == IMAGES.reshape(700, -1).tolist()


def test_images_that_do_not_fit_are_refused() -> None:
    ready = FeaturePredictor(model(layer("m", "flat", "probabilities"), weights("m", 5)))
    with pytest.raises(DataError, match="uint8 images of"):
        ready.predict(IMAGES[:, :3])
