"""The net of a well-known Kaggle notebook on MNIST, as a recipe of one's own: fifteen of them scored 0.99757.

3 x 3 32, 3 x 3 32, 5 x 5 with stride 2 32, 3 x 3 64, 3 x 3 64, 5 x 5 with stride 2 64, BatchNorm after each, dropout of
0.4, a dense layer of 128; rotation by 10 degrees, zoom and shift by a tenth; Adam, its rate times 0.95 at each epoch.
"""

from typing import Any

IMAGES = 30_240
"""Those that are fitted of 42,000: an epoch."""


def build(shape: Any, n_classes: int, *, epochs: int = 45, batch_size: int = 64, patience: int = 0) -> Any:  # noqa: ARG001
    """Return the compiled network; whoever fits it reads ``epochs`` and ``patience``, too."""
    import keras

    layers = keras.layers
    stack = [
        keras.Input(shape),
        layers.Rescaling(1 / 255),
        layers.RandomRotation(10 / 360, fill_mode="nearest"),
        layers.RandomZoom(0.1, 0.1, fill_mode="nearest"),
        layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
    ]
    for filters in (32, 64):
        for kernel, stride in ((3, 1), (3, 1), (5, 2)):
            padding = "same" if stride > 1 else "valid"
            stack.append(layers.Conv2D(filters, kernel, strides=stride, padding=padding, activation="relu"))
            stack.append(layers.BatchNormalization())
        stack.append(layers.Dropout(0.4))
    stack += [layers.Flatten(), layers.Dense(128, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.4)]
    network = keras.Sequential([*stack, layers.Dense(n_classes, activation="softmax")])
    rate = keras.optimizers.schedules.ExponentialDecay(1e-3, max(1, IMAGES // batch_size), 0.95, staircase=True)
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network
