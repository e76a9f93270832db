"""How promising models are before the benchmark is touched: their answers on all validation images.

A cross-fitted version, whose members are fitted on validation images as well, answers for them out of fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.contracts import Candidate, Deployment, LabelledImages, Rows, Version
from pipeline.errors import DataError, ModelError
from pipeline.inference import checked_model, out_of_fold
from pipeline.inference.measure import MeasuredModel
from pipeline.judging import metrics, paired
from pipeline.judging.scalar_figures import log_loss
from pipeline.store import atomic, manifest
from pipeline.store.home import Home


@dataclass(frozen=True, order=True)
class Promise:
    """The result on validation images; the greater, the more promising.

    Attributes:
        right: Images that are answered rightly. The difference of two models' is what a paired comparison of them
            finds: errors that were fixed less errors that were made.
        certainty: The negative log loss, which decides where as many are right.
    """

    right: int = -1
    certainty: float = float("-inf")


def order(candidates: Sequence[Candidate], data: LabelledImages, rows: Rows) -> list[int]:
    """Return the positions of candidates, most promising first; equal ones as they come.

    It depends on no champion, so a run that was killed goes on in the same order.

    Args:
        candidates: Trained, not judged.
        data: The dataset.
        rows: Every row that validates, at whatever size.
    """
    if len(candidates) < 2 or len(rows) == 0:
        return list(range(len(candidates)))
    models = [MeasuredModel(atomic.read_bytes(one.folder / manifest.MODEL)) for one in candidates]
    promises = [_promise(model, one.folder, data, rows) for model, one in zip(models, candidates, strict=True)]
    return sorted(range(len(candidates)), key=promises.__getitem__, reverse=True)


def promise(home: Home, model: Version | Deployment, data: LabelledImages, rows: Rows) -> Promise:
    """Return how promising a version or the champion is; its predictions are kept.

    Raises:
        StoreError: Its files are damaged.
    """
    digest = model.manifest.digest if isinstance(model, Version) else model.digest
    try:
        checked = checked_model.load(model.folder, digest)
    except ModelError:
        return Promise()
    return _promise(MeasuredModel(checked.content, home.cache / "predictions"), model.folder, data, rows)


def _promise(model: MeasuredModel, folder: Path, data: LabelledImages, rows: Rows) -> Promise:
    labels, digests = data.labels[rows], data.digests[rows]
    try:
        probabilities = out_of_fold.replaced(model.probabilities(data.at(rows), digests), digests, folder)
    except (ModelError, DataError):
        return Promise()
    if len(rows) == 0 or metrics.problem(probabilities, labels, len(data.classes)) is not None:
        return Promise()
    return Promise(int(paired.right(probabilities, labels).sum()), -log_loss(probabilities, labels))
