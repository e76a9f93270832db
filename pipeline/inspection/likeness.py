"""Whether images to predict look, to a model, like those that it was judged on."""

from dataclasses import replace

from pipeline.contracts import Deployment, Probabilities, Version
from pipeline.errors import StoreError
from pipeline.monitoring import shift
from pipeline.store import manifest, version_arrays
from pipeline.store.home import Home


def warning(
    home: Home, model: Deployment | Version, probabilities: Probabilities, *, one_polarity: bool = False
) -> str | None:
    """Return that images are unlike those that a model was judged on; ``None`` if that is not proven.

    The version must still be there, since its bundle in production has no benchmark predictions.

    Args:
        home: The home folder.
        model: What predicted.
        probabilities: Its answers, ``[N, K]``.
        one_polarity: Whether all images were brought to the model's polarity.
    """
    if not shift.can_be_found(*probabilities.shape):
        return None
    judged = _judged(home, model)
    on = _predictions(judged)
    if judged is None or on is None:
        return None
    found = shift.detect_shift(on, probabilities)
    classes = manifest.read(judged.folder).dataset.classes
    return found.sentence(classes, "the predictions", one_polarity=one_polarity) if found.found else None


def on_benchmark(home: Home, model: Deployment | Version) -> Probabilities | None:
    """Return what a model answered on the benchmark, ``[N, K]``; ``None`` if its version is not there any more."""
    return _predictions(_judged(home, model))


def _judged(home: Home, model: Deployment | Version) -> Deployment | Version | None:
    """The model, with the folder of its version."""
    if isinstance(model, Version):
        return model
    for folder in (home.versions / model.id, home.failed / model.id):
        try:
            facts = manifest.read(folder)
        except StoreError:
            continue
        if facts.digest == model.digest:
            return replace(model, folder=folder)
    return None


def _predictions(judged: Deployment | Version | None) -> Probabilities | None:
    try:
        return version_arrays.predictions(judged).probabilities if judged else None
    except StoreError:
        return None
