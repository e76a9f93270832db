"""How promising models are before the benchmark is touched: their answers on all validation images."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.contracts import Candidate, Deployment, LabelledImages, Rows, Version
from pipeline.errors import DataError, ModelError
from pipeline.inference import checked_model
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
    promises = [_promise(model, data, rows) for model in models]
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
    return _promise(MeasuredModel(checked.content, home.cache / "predictions"), data, rows)


def _promise(model: MeasuredModel, data: LabelledImages, rows: Rows) -> Promise:
    labels = data.labels[rows]
    try:
        probabilities = model.probabilities(data.images[rows], data.digests[rows])
    except (ModelError, DataError):
        return Promise()
    if len(rows) == 0 or metrics.problem(probabilities, labels, len(data.classes)) is not None:
        return Promise()
    return Promise(int(paired.right(probabilities, labels).sum()), -log_loss(probabilities, labels))
