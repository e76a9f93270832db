"""Load a version's native file: the trained model in its family's own format."""

from collections.abc import Callable
from pathlib import Path

from pipeline.contracts import Shape
from pipeline.errors import ModelError
from pipeline.facts.manifest_facts import ModelFormat
from pipeline.models import cross_fitting, keras_family, sklearn_family, xgboost_family
from pipeline.models.protocol import Model

LOADERS: dict[str, Callable[[Path, tuple[int, int, int], int, int | None], Model]] = {
    "keras": keras_family.load,
    "xgboost": xgboost_family.load,
    "joblib": sklearn_family.load,
}
"""The only formats that are loaded; nothing in a file or manifest can name another loader."""


def load(
    format: ModelFormat, path: Path, *, shape: tuple[int, int, int], n_classes: int, checkpoint: int | None = None
) -> Model:
    """Return a trained model, or one of its checkpoints.

    Checkpoint ``N`` is the epoch ``checkpoints/epoch-N.weights.h5`` beside a Keras file, or the first ``N``
    rounds of boosted trees.

    **The caller verifies the sha256 of the file against the manifest first**: a joblib file runs code when it
    is loaded, and Keras' safe mode, which is on, is not a security boundary.

    Raises:
        ModelError: The format is unknown, the file is missing or unreadable, or it has no such checkpoint; the
            message names the checkpoints that exist.
    """
    if format == "blend":
        raise ModelError("A blend has no model of its own but model.onnx: load its members, which its manifest names.")
    if format not in (*LOADERS, "cross-fitted"):
        raise ModelError(f"There is no model format {format!r}: it is one of {', '.join((*LOADERS, 'cross-fitted'))}.")
    if not path.is_file():
        raise ModelError(f"There is no file {path}: train the version again.")
    if format == "cross-fitted":
        return _load_members(path, shape, n_classes, checkpoint)
    return LOADERS[format](path, shape, n_classes, checkpoint)


def _load_members(path: Path, shape: Shape, n_classes: int, checkpoint: int | None) -> Model:
    if checkpoint is not None:
        raise ModelError(f"This version has no checkpoint {checkpoint}: the members of a cross-fitted one keep none.")
    try:
        facts = cross_fitting.MEMBERS.validate_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(f"{path.name} cannot be read as a list of members: train the version again.") from error
    members = [load(facts.format, path.parent / name, shape=shape, n_classes=n_classes) for name in facts.members]
    return cross_fitting.CrossFittedModel(members, n_classes)
