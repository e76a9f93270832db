"""What a network sees in an image: the values from which its last layer decides, read from its ONNX file."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Images, Probabilities
from pipeline.inference.predictor import OnnxPredictor

DECIDING = frozenset(
    {"MatMul", "Gemm", "Conv", "LinearClassifier", "LinearRegressor", "SVMClassifier"}
    | {"TreeEnsembleClassifier", "TreeEnsembleRegressor", "TreeEnsemble"}
)
"""Operators with learned weights: what flows into the last of them are the features."""
MOST_FEATURES = 1024
"""More values than these are folded together, each with a random sign (Charikar, Chen and Farach-Colton 2002)."""
SEED = 2002
BATCH = 512


class FeaturePredictor:
    """A model that also gives its features.

    A model whose answer flows through no operator of ``DECIDING`` has none: its pixels stand in for them.

    Args:
        content: The content of a ``model.onnx`` whose digest was checked.
        threads: As for ``OnnxPredictor``.

    Raises:
        ModelError: The file cannot be loaded.
    """

    def __init__(self, content: bytes, threads: int = 0) -> None:
        self._predictor = OnnxPredictor(_exposed(content), threads)

    def predict(self, images: Images) -> tuple[Probabilities, NDArray[np.float32]]:
        """Return the probabilities ``[N, K]`` of uint8 images ``[N, H, W, C]``, and their features ``[N, D]``.

        Raises:
            DataError: The images have another type or shape than the model takes.
        """
        probabilities, features = [], []
        for start in range(0, len(images), BATCH):
            block = images[start : start + BATCH]
            answer, *found = self._predictor.outputs(block)
            probabilities.append(answer)
            values = [np.asarray(one, np.float32).reshape(len(block), -1) for one in found or [block]]
            features.append(_folded(np.concatenate(values, axis=1)))
        return np.concatenate(probabilities), np.concatenate(features)


def _exposed(content: bytes) -> bytes:
    """The model with its features as further outputs."""
    import onnx

    model = onnx.load_model_from_string(content)
    for name in _feature_names(model.graph):
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None))
    return bytes(model.SerializeToString())


def _feature_names(graph: Any) -> list[str]:
    """The tensors that flow into the last learned operators on each way to the answer; several in an ensemble."""
    makers = {name: node for node in graph.node for name in node.output}
    constant = {weights.name for weights in graph.initializer} | {
        name for node in graph.node if node.op_type == "Constant" for name in node.output
    }
    found: dict[str, None] = {}
    waiting, known = [graph.output[0].name], set()
    while waiting:
        name = waiting.pop()
        if name in known or name not in makers:
            continue
        known.add(name)
        node = makers[name]
        flowing = [given for given in node.input if given and given not in constant]
        if node.op_type in DECIDING:
            found.update(dict.fromkeys(flowing[:1]))
        else:
            waiting += flowing
    return [name for name in found if name in makers]


def _folded(values: NDArray[np.float32]) -> NDArray[np.float32]:
    count, width = values.shape
    if width <= MOST_FEATURES:
        return values
    signs = np.random.default_rng(SEED).choice(np.array([-1, 1], np.float32), width)
    padded = np.pad(values * signs, ((0, 0), (0, -width % MOST_FEATURES)))
    return np.asarray(padded.reshape(count, -1, MOST_FEATURES).sum(axis=1))
