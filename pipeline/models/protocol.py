"""What every model family offers: the one protocol that trainer and evaluation rely on."""

from pathlib import Path
from typing import Protocol

from pipeline.contracts import History, Probabilities
from pipeline.facts.manifest_facts import ModelFormat
from pipeline.models.fitting import FitRequest
from pipeline.stored_images import ImageSource

ONNX_OPSET = 18
"""The opset of every exported file: the newest that all converters and readers in use agree on."""


class Model(Protocol):
    """One classifier of uint8 images ``[N, H, W, C]`` into ``K`` classes, its preprocessing inside.

    Attributes:
        native_format: The family's own file format.
        weights: How many trained parameters it has; ``None`` where the family has none.
    """

    @property
    def native_format(self) -> ModelFormat: ...

    @property
    def weights(self) -> int | None: ...

    def fit(self, request: FitRequest) -> History:
        """Train from scratch on the training rows alone.

        Validation rows serve early stopping and the choice of the best step; without any, the last step is kept.
        Families whose steps can be cut from the final file write no checkpoints.

        Raises:
            ModelError: The recipe cannot be built for these images, or cannot learn from these rows.
        """

    def predict(self, images: ImageSource) -> Probabilities:
        """Return class probabilities, float32 ``[N, K]``, worked out in batches."""

    def save(self, folder: Path) -> Path:
        """Write the native file (``model.keras``, ``model.ubj`` or ``model.joblib``) and return its path."""

    def export_onnx(self, path: Path) -> None:
        """Write one self-contained, checked ONNX file.

        Input ``images`` uint8 ``[N, H, W, C]`` with ``N`` free, output ``probabilities`` float32 ``[N, K]``.
        Whether it predicts what the native model does is for the caller to prove.

        Raises:
            ModelError: The model cannot be written as ONNX.
        """
