"""Batches of images that stay on disk, in the order in which Keras takes those of an array."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Labels
from pipeline.models.runtime import import_tensorflow
from pipeline.stored_images import StoredImages


def stored_batches(images: StoredImages, labels: Labels, batch_size: int, *, shuffled: bool) -> Any:
    """Return a ``tf.data.Dataset`` of uint8 images and their labels, each batch read when its turn comes.

    Under one seed Keras draws the same order from an array: the first random operation of a graph, over all rows at
    once, anew for each epoch. So a network is the same whether its images fit into memory or not.
    """
    tensorflow = import_tensorflow()

    def order(_: Any) -> Any:
        rows = tensorflow.range(len(labels), dtype=tensorflow.int64)
        return tensorflow.random.shuffle(rows) if shuffled else rows

    def read(rows: NDArray[np.int64]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        return images[rows], labels[rows]

    def batch(rows: Any) -> tuple[Any, Any]:
        pixels, truth = tensorflow.numpy_function(read, [rows], [tensorflow.uint8, tensorflow.int64])
        return tensorflow.ensure_shape(pixels, (None, *images.shape[1:])), tensorflow.ensure_shape(truth, (None,))

    data = tensorflow.data.Dataset
    rows = data.range(1).map(order).flat_map(data.from_tensor_slices).batch(batch_size)
    counted = tensorflow.data.experimental.assert_cardinality(math.ceil(len(labels) / batch_size))
    return rows.map(batch).prefetch(tensorflow.data.AUTOTUNE).apply(counted)
