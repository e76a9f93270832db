"""A model that was verified before it answers: its files, its identity, and that it does what its manifest says."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ModelError, StoreError
from pipeline.facts.manifest_facts import Manifest
from pipeline.inference.predictor import OnnxPredictor
from pipeline.store import manifest, scores


@dataclass(frozen=True)
class CheckedModel:
    """A verified model file and the manifest it belongs to.

    Attributes:
        facts: The verified manifest.
        content: The content of ``model.onnx``, whose digest was checked.
        predictor: The model, loaded.
    """

    facts: Manifest
    content: bytes
    predictor: OnnxPredictor


def load(folder: Path, digest: str | None = None, threads: int = 0) -> CheckedModel:
    """Load the model of a version or a bundle, once it is known to be the one that its manifest describes.

    Args:
        folder: The version or bundle.
        digest: The digest that the history or a verdict names; ``None`` where none does.
        threads: As for ``OnnxPredictor``.

    Raises:
        StoreError: A file is missing, damaged, or of another version than ``digest`` names.
        ModelError: The model cannot be loaded, or takes or gives something else than its manifest says.
    """
    facts = manifest.read(folder)
    if digest is not None and facts.digest != digest:
        raise StoreError(f"{folder} holds a different model from the one in the history: roll back, or train again.")
    if facts.refit is None:  # a refit was never scored, and its digest covers the classes
        scores.require_same_classes(folder, facts)
    content = manifest.check_content(folder, facts, manifest.MODEL)
    predictor = OnnxPredictor(content, threads=threads)
    classes = len(facts.dataset.classes)
    if (predictor.shape, predictor.classes) != (facts.dataset.shape, classes):
        raise ModelError(
            f"The model of {facts.id} takes images of {predictor.shape} and has {predictor.classes} classes, but its "
            f"manifest says {facts.dataset.shape} and {classes}: train it again."
        )
    return CheckedModel(facts, content, predictor)
