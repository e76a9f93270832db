"""Predict with an exported model: onnxruntime and nothing heavier."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from pipeline.contracts import Images, Probabilities
from pipeline.errors import DataError, ModelError
from pipeline.stored_images import ImageSource, blocks

BATCH = 128
"""Images per call: one call with tens of thousands takes gigabytes and is no faster."""
LARGEST_MODEL = 512 * 2**20


class OnnxPredictor:
    """A model file, ready to predict.

    Args:
        model: The content of a ``model.onnx`` whose digest was checked, or its path.
        threads: Threads onnxruntime may use; 0 lets it choose.

    Raises:
        ModelError: The file cannot be loaded, is too large, or does not take uint8 images.
    """

    def __init__(self, model: bytes | Path, threads: int = 0) -> None:
        content = model.read_bytes() if isinstance(model, Path) else model
        if len(content) > LARGEST_MODEL:
            raise ModelError(f"The model has {len(content):,} bytes, more than the {LARGEST_MODEL:,} that are served.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Threads that spin while they wait keep a core from others: on busy cores, predictions took twice as long.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common public base
            raise ModelError(f"The model file cannot be loaded: {error}. Train the version again.") from error
        self._input = self._session.get_inputs()[0]
        if self._input.type != "tensor(uint8)" or len(self._input.shape) != 4:
            raise ModelError(f"The model takes {self._input.type} {self._input.shape}, not uint8 [N, H, W, C].")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images it takes."""
        height, width, channels = self._input.shape[1:]
        return height, width, channels

    @property
    def classes(self) -> int | None:
        """How many probabilities it gives for each image; ``None`` where its file does not say."""
        sides = self._session.get_outputs()[0].shape
        return sides[1] if len(sides) == 2 and isinstance(sides[1], int) else None

    def predict(self, images: ImageSource) -> Probabilities:
        """Return class probabilities, float32 ``[N, K]``, of uint8 images ``[N, H, W, C]``.

        Raises:
            DataError: There are none, or they have another type or shape than the model takes.
        """
        self._require_fitting(images)
        if len(images) == 0:
            raise DataError("There are no images to predict.")
        return np.concatenate([self._run(part)[0] for part in blocks(images, BATCH)])

    def outputs(self, images: Images) -> list[NDArray[Any]]:
        """Return everything that the model gives for a few images, computed at once, the probabilities first.

        Raises:
            DataError: The images have another type or shape than the model takes.
        """
        self._require_fitting(images)
        return self._run(images)

    def _run(self, images: Images) -> list[NDArray[Any]]:
        given: list[NDArray[Any]] = self._session.run(None, {self._input.name: images})
        return given

    def _require_fitting(self, images: ImageSource) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != self.shape:
            raise DataError(
                f"The model takes uint8 images of {self.shape}, not {images.dtype} of {images.shape[1:]}: "
                "convert them first."
            )
