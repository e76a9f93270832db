"""Train a small convolutional network on digits in a few seconds, for the tests of the web page.

The digits come with the libraries: handwritten ones from scikit-learn, and drawn ones from matplotlib's and Pillow's
fonts. Nothing is downloaded, so every machine tests the same network.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.data.preparation import default_for, prepare

GREY = (28, 28, 1)
EPOCHS = 16
PLAIN_STROKES = {
    "1": ((150, 50), (130, 230)),
    "4": ((150, 50), (80, 170), (215, 170), (150, 170), (170, 80), (150, 250)),
    "7": ((80, 60), (200, 60), (130, 230)),
}
"""Digits as people with a mouse draw them, of which fonts and 8 x 8 pixels have too few: without serifs."""
FONTS = ("DejaVuSans*", "DejaVuSerif*", "STIXGeneral*", "cmr10", "cmss10", "cmtt10", "cmb10")
"""Of those that matplotlib brings, the ones with digits (but for their display variants)."""


def digits_28() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return digits as MNIST has them, uint8 ``[N, 28, 28, 1]``, and their labels."""
    pairs = [*_handwritten(), *_printed(), *_plain()]
    images = [prepare(picture, default_for(GREY)) for picture, _ in pairs]
    return np.stack(images), np.array([label for _, label in pairs], np.int64)


def _handwritten() -> Iterator[tuple[Image.Image, int]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    for image, label in zip(digits.images, digits.target, strict=True):
        small = Image.fromarray(np.pad(image * 255 / 16, 1).astype(np.uint8))
        yield small.resize((80, 80), Image.Resampling.BICUBIC), int(label)


def _printed() -> Iterator[tuple[Image.Image, int]]:
    for font in _fonts():
        for label in range(10):
            picture = Image.new("L", (120, 120), 0)
            ImageDraw.Draw(picture).text((60, 60), str(label), fill=255, font=font, anchor="mm")
            for copy in (picture, picture.transform((120, 120), Image.Transform.AFFINE, (1, 0.25, -15, 0, 1, 0))):
                yield copy, label


def _fonts() -> list[ImageFont.FreeTypeFont]:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paths = sorted(path for name in FONTS for path in folder.glob(f"{name}.ttf") if "Display" not in path.stem)
    plain = ImageFont.load_default(72)
    assert isinstance(plain, ImageFont.FreeTypeFont)
    return [plain, *(ImageFont.truetype(path, 72) for path in paths)]


def _plain() -> Iterator[tuple[Image.Image, int]]:
    rng = np.random.default_rng(11)
    for label, points in PLAIN_STROKES.items():
        for _ in range(60):
            picture = Image.new("L", (300, 300), 0)
            moved = [(x + rng.normal(0, 14), y + rng.normal(0, 14)) for x, y in points]
            ImageDraw.Draw(picture).line(moved, fill=255, width=int(rng.integers(14, 34)), joint="curve")
            yield picture, int(label)


def train_onnx(target: Path) -> None:
    """Write ``model.onnx``: uint8 ``[N, 28, 28, 1]`` in, ten probabilities out, robust to slanted digits."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf
    import tf2onnx

    keras.utils.set_random_seed(7)
    images, labels = digits_28()
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(GREY),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 5, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    for epoch in range(EPOCHS):
        model.optimizer.learning_rate = 2e-3 * (1 - epoch / EPOCHS)
        model.fit(affine(images, seed=epoch), labels, batch_size=64, epochs=1, verbose=0)

    @tf.function(input_signature=[tf.TensorSpec([None, *GREY], tf.uint8, name="images")])
    def serve(images: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"probabilities": model(tf.cast(images, tf.float32), training=False)}

    tf2onnx.convert.from_function(serve, serve.input_signature, opset=18, output_path=str(target))


def affine(images: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """Return each image slightly rotated, sheared, stretched, thickened or thinned, and shifted, at random."""
    rng = np.random.default_rng(seed)
    moved = np.empty_like(images)
    for row, image in enumerate(images[..., 0]):
        angle, shear = rng.normal(0, 0.15), rng.normal(0, 0.18)
        across, down = rng.normal(1, 0.12, 2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ np.array([[across, shear], [0, down]])
        offset = np.array([14, 14]) - matrix @ (np.array([14, 14]) + rng.integers(-1, 2, 2))
        data = (*matrix[0], offset[0], *matrix[1], offset[1])
        warped = Image.fromarray(image).transform((28, 28), Image.Transform.AFFINE, data, Image.Resampling.BILINEAR)
        gain = rng.uniform(0.6, 1.6)
        moved[row, ..., 0] = 255 * (np.asarray(warped) / 255) ** gain
    return moved
