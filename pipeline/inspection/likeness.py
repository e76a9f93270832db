"""Whether images to predict look, to the champion, like those that it was judged on."""

from dataclasses import replace

from pipeline.contracts import Deployment, Probabilities
from pipeline.errors import StoreError
from pipeline.monitoring import shift
from pipeline.store import manifest, version_arrays
from pipeline.store.home import Home


def warning(home: Home, champion: Deployment, probabilities: Probabilities) -> str | None:
    """Return that a set of images is unlike those that the champion was judged on; ``None`` if that is not proven.

    The version must still be there, since its bundle in production has no benchmark predictions.

    Args:
        home: The home folder.
        champion: What predicted.
        probabilities: Its answers, ``[N, K]``.
    """
    for folder in (home.versions / champion.id, home.failed / champion.id):
        try:
            facts = manifest.read(folder)
            judged = version_arrays.predictions(replace(champion, folder=folder)).probabilities
        except StoreError:
            continue
        if facts.digest == champion.digest:
            found = shift.detect_shift(judged, probabilities)
            return found.sentence(facts.dataset.classes, "the predictions") if found.found else None
    return None
