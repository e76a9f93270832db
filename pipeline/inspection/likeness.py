"""Whether images to predict look, to a model, like those that it was judged on."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.contracts import Deployment, Probabilities, Version
from pipeline.errors import StoreError
from pipeline.monitoring import shift
from pipeline.store import manifest, version_arrays
from pipeline.store.home import Home


def warning(home: Home, model: Deployment | Version, probabilities: Probabilities) -> str | None:
    """Return that images are unlike those that a model was judged on; ``None`` if that is not proven.

    The version must still be there, since its bundle in production has no benchmark predictions.

    Args:
        home: The home folder.
        model: What predicted.
        probabilities: Its answers, ``[N, K]``.
    """
    if not shift.can_be_found(*probabilities.shape):
        return None
    if isinstance(model, Version):
        return _warning(model, model.manifest.dataset.classes, probabilities)
    for folder in (home.versions / model.id, home.failed / model.id):
        try:
            facts = manifest.read(folder)
        except StoreError:
            continue
        if facts.digest == model.digest:
            return _warning(replace(model, folder=folder), facts.dataset.classes, probabilities)
    return None


def _warning(judged: Deployment | Version, classes: Sequence[str], probabilities: Probabilities) -> str | None:
    try:
        on_benchmark = version_arrays.predictions(judged).probabilities
    except StoreError:
        return None
    found = shift.detect_shift(on_benchmark, probabilities)
    return found.sentence(classes, "the predictions") if found.found else None
