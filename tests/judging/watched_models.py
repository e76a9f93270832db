"""Real candidates on disk, made in milliseconds: a linear model of scikit-learn's digits as a small ONNX graph."""

import functools
from dataclasses import dataclass, replace

import numpy as np
from known_facts import create_manifest
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from pipeline.contracts import Candidate, LabelledImages, Split
from pipeline.data.digests import image_digests, set_digest
from pipeline.store import atomic, versions
from pipeline.store.home import Home

TRAIN, VALIDATION = 600, 197


@dataclass(frozen=True)
class Linear:
    """Weights and bias of a softmax regression on pixels from 0 to 255."""

    weights: np.ndarray
    bias: np.ndarray

    def onnx(self) -> bytes:
        """The model as ``model.onnx``."""
        size, classes = self.weights.shape
        nodes = [
            helper.make_node("Cast", ["images"], ["pixels"], to=TensorProto.FLOAT),
            helper.make_node("Flatten", ["pixels"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weights", "bias"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ]
        graph = helper.make_graph(
            nodes,
            "linear",
            [helper.make_tensor_value_info("images", TensorProto.UINT8, ["N", 8, size // 8, 1])],
            [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", classes])],
            [
                numpy_helper.from_array(self.weights.astype(np.float32), "weights"),
                numpy_helper.from_array(self.bias.astype(np.float32), "bias"),
            ],
        )
        opset = [helper.make_opsetid("", 17)]
        return bytes(helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString())


@functools.cache
def digits() -> LabelledImages:
    """scikit-learn's digits, 8 x 8, uint8."""
    bunch = load_digits()
    images = (bunch.images * 15).astype(np.uint8)[..., None]
    digests = image_digests(images)
    classes = tuple("0123456789")
    return LabelledImages("digits", "scikit-learn", images, bunch.target.astype(np.int64), classes, digests, "d" * 64)


@functools.cache
def split() -> Split:
    """600 images to train with, 197 to validate, 1,000 to judge on."""
    order = np.random.default_rng(0).permutation(len(digits()))
    parts = order[:TRAIN], order[TRAIN : TRAIN + VALIDATION], order[TRAIN + VALIDATION :]
    return Split(*parts, 0, *(set_digest(digits().digests[rows]) for rows in parts))


@functools.cache
def fitted(images: int = TRAIN, without: int | None = None) -> Linear:
    """A softmax regression on the first training images, one class left out if wanted."""
    rows = split().train[:images]
    rows = rows[digits().labels[rows] != without]
    flat = digits().images[rows].reshape(len(rows), -1) / 255
    model = LogisticRegression(C=1.0, max_iter=300).fit(flat, digits().labels[rows])
    weights, bias = np.zeros((flat.shape[1], 10)), np.full(10, -30.0)
    weights[:, model.classes_] = model.coef_.T / 255
    bias[model.classes_] = model.intercept_
    return Linear(weights, bias)


def damaged(model: Linear, how: str) -> Linear:
    """A regression planted in a model."""
    if how == "two classes swapped":
        order = [0, 1, 2, 4, 3, 5, 6, 7, 8, 9]
        return Linear(model.weights[:, order], model.bias[order])
    if how == "pixels inverted":
        return Linear(-model.weights, model.bias + 255 * model.weights.sum(axis=0))
    if how == "pixels not scaled":
        return Linear(model.weights / 255, model.bias)
    if how == "weights damaged by noise":
        noise = np.random.default_rng(1).normal(size=model.weights.shape) * 2 * model.weights.std()
        return Linear(model.weights + noise, model.bias)
    raise ValueError(how)


def candidate(home: Home, name: str, model: bytes, *, shared: int = 0, **facts) -> Candidate:
    """A candidate in staging, as the trainer leaves it; ``shared`` benchmark images were trained with."""
    folder = home.staging / f"20260101-{name}"
    atomic.write_bytes(folder / "model.onnx", model)
    seen = np.concatenate([split().train, split().benchmark[:shared]])
    np.savez(
        folder / "training_images.npz", train=digits().digests[seen], validation=digits().digests[split().validation]
    )
    rows = {"train": TRAIN, "validation": VALIDATION, "train_size": TRAIN + VALIDATION, "benchmark": 1000}
    described = {"name": "digits", "classes": list(digits().classes), "shape": [8, 8, 1]}
    create_manifest(folder, **{"recipe": "linear", "rows": rows, "cell": name, "dataset": described, **facts})
    return versions.candidate_of(folder)


def shuffled() -> tuple[LabelledImages, Split]:
    """The same images in another order under another source."""
    data, parts = digits(), split()
    order = np.random.default_rng(5).permutation(len(data))
    place = np.argsort(order)
    mixed = replace(
        data, source="elsewhere", images=data.images[order], labels=data.labels[order], digests=data.digests[order]
    )
    rows = [np.random.default_rng(6).permutation(place[r]) for r in (parts.train, parts.validation, parts.benchmark)]
    return mixed, Split(*rows, 0, parts.train_sha256, parts.validation_sha256, parts.benchmark_sha256)
