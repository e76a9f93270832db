"""Whether an answer should be doubted: it is less sure, or its image stranger, than nearly all that was judged."""

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Deployment, Images
from pipeline.inspection import likeness
from pipeline.monitoring import one_image
from pipeline.store import drift_files
from pipeline.store.home import Home

if TYPE_CHECKING:
    from pipeline.inspection.drift_monitors import Eye

UNSURE = "Not sure: 99 % of the images that the model was judged on got a surer answer."
UNLIKE = (
    "Not sure: this is unlike the training images. 99 % of the images that the model was not trained on are closer "
    "to them."
)


@dataclass(eq=False)
class Doubts:
    """What speaks against the answers of one champion.

    Attributes:
        home: The home folder.
        deployment: The champion.
        least_confidence: An answer with a lower probability is doubted; 0 where the version's benchmark predictions
            are not there.
    """

    home: Home
    deployment: Deployment
    least_confidence: float
    _eye: "Eye | None" = field(default=None, init=False)
    _known: tuple[int, ...] | None = field(default=None, init=False)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, init=False)

    def sentence(self, confidence: float, *, far: bool) -> str | None:
        """Return why an answer should be doubted; ``None`` if nothing speaks against it.

        Args:
            confidence: The probability of the answer.
            far: Whether the image is far from the training images.
        """
        if far:
            return UNLIKE
        return UNSURE if confidence < self.least_confidence else None

    def far(self, images: Images) -> NDArray[np.bool_]:
        """Return which images ``[N, H, W, C]`` are far from the training images, ``[N]``.

        None is where the champion has no drift reference (`simulator.py drift` makes it). It is loaded when it is first
        needed, and again when it changes; milliseconds an image after that.

        Raises:
            StoreError: The disk fails.
            ModelError: The champion cannot be loaded again.
        """
        with self._one_at_a_time:
            self._look()
            if self._eye is None:
                return np.zeros(len(images), bool)
            reference = self._eye.reference
            return one_image.far_from_training(reference.scorer, reference.counts, self._eye.see(images))

    def _look(self) -> None:
        found = drift_files.reference_signature(self.home, self.deployment.dataset)
        if found == self._known:
            return
        self._eye = self._loaded()
        self._known = found

    def _loaded(self) -> "Eye | None":
        from pipeline.inspection import drift_reference
        from pipeline.inspection.drift_monitors import Eye

        reference = drift_files.read_reference(self.home, self.deployment)
        if reference is None:
            return None
        return Eye(reference, drift_reference.predictor(self.deployment, threads=1))


def of(home: Home, deployment: Deployment) -> Doubts:
    """Return the doubts of a champion."""
    benchmark = likeness.on_benchmark(home, deployment)
    return Doubts(home, deployment, one_image.least_confidence(benchmark) if benchmark is not None else 0.0)
