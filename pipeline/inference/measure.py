"""What the watcher measures of a model file: predictions, robustness, latency; the slow parts can be kept."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from pipeline.contracts import Digests, Labels, Probabilities
from pipeline.facts.score_facts import Latency
from pipeline.inference.predictor import OnnxPredictor
from pipeline.judging import robustness
from pipeline.judging.corruptions import CORRUPTIONS
from pipeline.store import kept_arrays
from pipeline.stored_images import ImageSource

SINGLE_PREDICTIONS = 100
WARM_UP = 5
BATCH_IMAGES = 1024


@dataclass(frozen=True)
class MeasuredModel:
    """A model whose file was checked.

    Attributes:
        content: The content of ``model.onnx``.
        cache: Folder in which its predictions are kept; ``None`` keeps nothing.
    """

    content: bytes
    cache: Path | None = None

    @cached_property
    def sha256(self) -> str:
        """Digest of the model file."""
        return hashlib.sha256(self.content).hexdigest()

    @cached_property
    def predictor(self) -> OnnxPredictor:
        """The model, loaded when first needed.

        Raises:
            ModelError: It cannot be loaded.
        """
        return OnnxPredictor(self.content)

    def probabilities(self, images: ImageSource, digests: Digests) -> Probabilities:
        """Return class probabilities ``[N, K]``, computed once for these images in this order.

        Raises:
            ModelError: The model cannot be loaded.
            DataError: It takes images of another shape.
        """
        return self._kept("probabilities", digests, lambda: self.predictor.predict(images))

    def corrupted(self, images: ImageSource, labels: Labels, digests: Digests) -> dict[str, float]:
        """Return accuracy by corruption on a fixed part of the images, computed once."""
        rows = robustness.subset(digests)
        names = [corruption.__name__ for corruption in CORRUPTIONS]

        def measure() -> Probabilities:
            copies = robustness.corrupted(images[rows])
            found = [(self.predictor.predict(copy).argmax(axis=1) == labels[rows]).mean() for _, copy in copies]
            return np.array(found, np.float32)

        truth = hashlib.sha256(np.ascontiguousarray(labels[rows], "<i8").tobytes()).hexdigest()[:16]
        accuracies = self._kept(f"corrupted-{robustness.SEED}-{truth}", digests[rows], measure)
        return {name: float(accuracy) for name, accuracy in zip(names, accuracies, strict=True)}

    def latency_ms(self, images: ImageSource) -> Latency:
        """Return milliseconds of single predictions (median and 95th percentile) and of an image in a batch."""
        rows = np.arange(WARM_UP + SINGLE_PREDICTIONS) % len(images)
        single = [self._milliseconds(images[row : row + 1]) for row in rows]
        batch = images[:BATCH_IMAGES]
        median, high = np.percentile(single[WARM_UP:], (50, 95))
        return Latency(
            single_p50=float(median),
            single_p95=float(high),
            per_image_in_batch=self._milliseconds(batch) / len(batch),
        )

    def _milliseconds(self, images: ImageSource) -> float:
        start = time.perf_counter()
        self.predictor.predict(images)
        return 1000 * (time.perf_counter() - start)

    def _kept(self, kind: str, digests: Digests, compute: Callable[[], Probabilities]) -> Probabilities:
        if self.cache is None:
            return compute()
        rows = hashlib.sha256(np.ascontiguousarray(digests).tobytes()).hexdigest()
        entry = kept_arrays.KeptArray(self.cache, kind, self.sha256, rows)
        values = kept_arrays.read(entry)
        if values is None:
            values = compute()
            kept_arrays.write(entry, values)
        return values
