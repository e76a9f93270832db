"""What a public model card says about the data: the Hub's identifiers, and no path of this machine."""

import re
from pathlib import PureWindowsPath

from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Scores
from pipeline.services import huggingface

LICENCE = "mit"
"""Of the project, and so of what it trains; the data keep their own."""
_HUB_DATASETS = {"dba5291710c38fc03afbc77c3660c55283aa3d135b48e3644105b669adf34a23": ("ylecun/mnist", "MNIST", "test")}
"""Id, title and benchmark split on the Hub, by the digest of all images and labels: a name alone proves nothing."""
_LOCAL = re.compile(r"(?P<kind>Kaggle-form CSV|NumPy archive|IDX files in|pictures in|pictures listed in) (?P<path>.+)")


def public_source(source: str) -> str:
    """Return where images came from, without the folders of this machine: only a file's own name is kept."""
    local = _LOCAL.fullmatch(source)
    if local:
        return f"{local['kind']} {PureWindowsPath(local['path']).name or 'a folder'}"  # takes both kinds of slashes
    return "images of this machine" if "/" in source or "\\" in source else source


def metadata(facts: Manifest, measured: Scores) -> str:
    """Return the header of a version's card, from its manifest and scores.

    Raises:
        ServiceError: The Hub's client is not installed.
    """
    dataset = facts.dataset
    on_hub = _HUB_DATASETS.get(dataset.sha256)
    dataset_id, title, split = on_hub or (dataset.name, dataset.name, "benchmark")
    figures = {"accuracy": measured.accuracy.value, "f1": measured.f1.macro}
    evaluation = huggingface.CardEvaluation(
        dataset_id=dataset_id,
        dataset_name=title,
        split=split,
        on_hub=on_hub is not None,
        metrics={name: value for name, value in figures.items() if value is not None},
    )
    tags = list(dict.fromkeys(["image-classification", "onnx", facts.family, dataset.name]))
    return huggingface.card_metadata(facts.id, evaluation, tags, LICENCE)
