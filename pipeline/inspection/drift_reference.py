"""The reference of a champion's drift monitor: what it makes of the validation and benchmark images of its dataset."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.contracts import Deployment, Images, LabelledImages, Rows
from pipeline.data import digests
from pipeline.data.roles import BENCHMARK, VALIDATION
from pipeline.errors import DataError
from pipeline.facts.drift_facts import ReferenceFacts
from pipeline.facts.manifest_facts import Manifest
from pipeline.inference import checked_model
from pipeline.inference.features import FeaturePredictor
from pipeline.inspection import datasets
from pipeline.judging import robustness
from pipeline.monitoring import image_scores
from pipeline.monitoring.image_scores import BINS, Scorer, Seen
from pipeline.store import drift_files, manifest, role_records, version_arrays
from pipeline.store.drift_files import Reference
from pipeline.store.home import Home

SEED = 2021
MOST_IMAGES = 20_000
MOST_TRAINED = image_scores.MOST_NEIGHBOURS + image_scores.MOST_HELD_BACK
MOST_BYTES = 256 * 2**20
"""Of pixels that are held in memory: of large images fewer are taken."""
MOST_CORRUPTED = 500
"""Of the reference, of which corrupted copies are made."""
ENOUGH_IMAGES = 2_000
"""With a smaller reference a change is found later."""
INVERSION = "inversion"


def of(home: Home, champion: Deployment, *, data_dir: Path | None, notify: Callable[[str], None]) -> Reference:
    """Return the reference of a champion: the kept one, or one that is made now and kept.

    Args:
        home: The home folder.
        champion: Whose images it is.
        data_dir: Folder with local MNIST files.
        notify: Called with each sentence that a person should read.

    Raises:
        DataError: The champion's images cannot be found, or none are left that it was not trained on.
        StoreError: The champion is damaged, or the disk fails.
    """
    kept = drift_files.read_reference(home, champion)
    if kept is not None:
        return kept
    facts = manifest.read(champion.folder)
    notify(f"Scoring the images that {champion.id} was not trained on; this is done once for each champion.")
    origin, shape = datasets.recorded_source(facts), facts.dataset.shape
    data = datasets.load(home, origin, name=champion.dataset, data_dir=data_dir, notify=notify, shape=shape)
    made = _made(champion, facts, data, *_rows(home, champion, data))
    drift_files.write_reference(home, made)
    return made


def see(model: FeaturePredictor, images: Images) -> Seen:
    """Return images with what a model makes of them."""
    probabilities, features = model.predict(images)
    return Seen(images, features, probabilities)


def predictor(champion: Deployment, threads: int = 0) -> FeaturePredictor:
    """Return the champion's model, which also gives its features.

    Args:
        champion: Whose model it is.
        threads: As for ``OnnxPredictor``.

    Raises:
        StoreError: Its files are damaged.
        ModelError: It cannot be loaded.
    """
    return FeaturePredictor(checked_model.load(champion.folder, champion.digest, threads).content, threads)


def slow_notice(images: int) -> str | None:
    """Return what to know of a small reference; ``None`` if it is large enough."""
    if images >= ENOUGH_IMAGES:
        return None
    return (
        f"The reference has only {images:,} images, so a change is found later than with {ENOUGH_IMAGES:,} or more, "
        "which a champion that is trained on a larger dataset would have."
    )


def _rows(home: Home, champion: Deployment, data: LabelledImages) -> tuple[Rows, Rows]:
    """The images that the champion was trained on, and those that it was validated or judged with, drawn if many."""
    seen, roles = version_arrays.training_images(champion), role_records.load(home, champion.dataset)
    trained = digests.contained(data.digests, seen.train)
    held_out = np.zeros(len(data), bool)
    if roles is not None:
        at = digests.positions(data.digests, roles.digests)
        held_out = (at >= 0) & np.isin(roles.roles[at], (VALIDATION, BENCHMARK)) & ~trained
    if trained.any() and not held_out.any():
        raise DataError(
            f"{champion.id} was trained on all images that are left of {data.source}: there are no others to compare "
            "served images with. Train a champion that leaves validation or benchmark images out."
        )
    if trained.sum() < image_scores.FEWEST:
        raise DataError(
            f"{data.source} no longer holds the images that {champion.id} was trained on: train a champion on what is "
            "there now."
        )
    rng, most = np.random.default_rng(SEED), max(MOST_BYTES // int(np.prod(data.shape)), ENOUGH_IMAGES)
    drawn = [rng.permutation(np.flatnonzero(mask)) for mask in (trained, held_out)]
    return drawn[0][: min(MOST_TRAINED, most)], drawn[1][: min(MOST_IMAGES, most)]


def _made(champion: Deployment, facts: Manifest, data: LabelledImages, trained: Rows, others: Rows) -> Reference:
    if (data.shape, data.classes) != (facts.dataset.shape, facts.dataset.classes):
        raise DataError(f"{data.source} no longer holds images and classes like those of {champion.id}.")
    model = predictor(champion)
    scorer = image_scores.fit(see(model, data.images[trained]), data.labels[trained], SEED)
    images = data.images[others]
    few = images[:MOST_CORRUPTED]
    spoiled = {**dict(robustness.corrupted(few)), INVERSION: 255 - few}
    return Reference(
        ReferenceFacts(
            dataset=champion.dataset,
            version=champion.id,
            digest=champion.digest,
            images=len(others),
            trained=len(trained),
            classes=data.classes,
            corruptions=tuple(spoiled),
        ),
        scorer,
        _counts(scorer, see(model, images)),
        {name: _counts(scorer, see(model, copy)) for name, copy in spoiled.items()},
    )


def _counts(scorer: Scorer, seen: Seen) -> np.ndarray:
    placed = image_scores.bins(scorer, seen)
    return np.stack([np.bincount(column, minlength=BINS) for column in placed.T]).astype(np.int64)
