"""Parity: the exported ONNX file, which is judged and served, answers as the model that was trained."""

import numpy as np

from pipeline.contracts import Images, LabelledImages, Probabilities, Split
from pipeline.errors import ModelError
from pipeline.facts.manifest_facts import LARGEST_DIFFERENCE, Parity

MOST_IMAGES = 2000


def images(data: LabelledImages, split: Split) -> Images:
    """Return the images on which a model and its exported file are compared."""
    rows = np.concatenate([split.validation, split.train])[:MOST_IMAGES]
    return data.images[rows]


def proven(native: Probabilities, exported: Probabilities) -> Parity:
    """Compare what a model and its exported file answered for the same images, each ``[N, K]``.

    Raises:
        ModelError: They differ, or are not numbers.
    """
    if not np.isfinite(native).all():
        raise ModelError("Training diverged (the model's answers are not numbers): lower the learning rate.")
    if native.shape != exported.shape or not np.isfinite(exported).all():
        raise ModelError(
            f"The exported model answers {exported.shape} or NaN where the native one answers {native.shape}."
        )
    answered = np.take_along_axis(native, exported.argmax(axis=1)[:, None], axis=1)[:, 0]
    found = Parity(
        images=len(native),
        # Of two classes that are as good as equally probable, either may come first.
        labels_changed=int((native.max(axis=1) - answered > 2 * LARGEST_DIFFERENCE).sum()),
        max_difference=float(np.abs(native - exported).max()),
    )
    if not found.holds:
        raise ModelError(
            f"The exported model differs from the trained one: {found.labels_changed} of {found.images} labels, "
            f"probabilities by up to {found.max_difference:.2g} (at most {LARGEST_DIFFERENCE:g} is allowed). "
            "It is not counted as a version; change the recipe to operations that ONNX represents exactly."
        )
    return found
