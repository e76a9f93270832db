"""Train a small convolutional network on real digits in a few seconds, for the tests of the web page."""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FITTED = 12_000
EPOCHS = 4


def digits_28(mnist: Path | None) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Real digits, uint8 ``[N, 28, 28, 1]``: MNIST where it is at hand, else scikit-learn's, enlarged."""
    if mnist is not None:
        import gzip

        pixels = gzip.decompress((mnist / "train-images-idx3-ubyte.gz").read_bytes())
        labels = gzip.decompress((mnist / "train-labels-idx1-ubyte.gz").read_bytes())
        images = np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28, 1)[:FITTED]
        return images, np.frombuffer(labels, np.uint8, offset=8)[:FITTED].astype(np.int64)
    from PIL import Image
    from sklearn.datasets import load_digits

    from pipeline.data.photos import to_model_input

    digits = load_digits()
    pictures = [Image.fromarray((image * 255 / 16).astype(np.uint8)) for image in digits.images]
    enlarged = [picture.resize((80, 80), Image.Resampling.BICUBIC) for picture in pictures]
    return np.stack([to_model_input(picture, (28, 28, 1)) for picture in enlarged]), digits.target.astype(np.int64)


def train_onnx(mnist: Path | None, target: Path) -> None:
    """Write ``model.onnx``: uint8 ``[N, 28, 28, 1]`` in, ten probabilities out, robust to slanted digits."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf
    import tf2onnx

    keras.utils.set_random_seed(7)
    images, labels = digits_28(mnist)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    repeats = max(1, round(FITTED / len(labels)))
    for epoch in range(EPOCHS * repeats):
        model.fit(affine(images, seed=epoch), labels, batch_size=64, epochs=1, verbose=0)

    @tf.function(input_signature=[tf.TensorSpec([None, 28, 28, 1], tf.uint8, name="images")])
    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": model(tf.cast(images, tf.float32), training=False)}

    tf2onnx.convert.from_function(serve, serve.input_signature, opset=18, output_path=str(target))


def affine(images: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Each image slightly rotated, sheared, stretched and shifted, at random."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    moved = np.empty_like(images)
    for row, image in enumerate(images[..., 0]):
        angle, shear = rng.normal(0, 0.12), rng.normal(0, 0.15)
        across, down = rng.normal(1, 0.1, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ np.array([[across, shear], [0, down]])
        offset = np.array([14, 14]) - matrix @ (np.array([14, 14]) + rng.integers(-1, 2, 2))
        data = (*matrix[0], offset[0], *matrix[1], offset[1])
        moved[row, ..., 0] = Image.fromarray(image).transform(
            (28, 28), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR
        )
    return moved
