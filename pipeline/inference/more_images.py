"""Whether a challenger is the champion's recipe, trained on all of the champion's images and more; if not, why."""

from pathlib import Path

import numpy as np

from pipeline.contracts import Candidate, Digests, LabelledImages
from pipeline.data import shards, snapshots
from pipeline.data.digests import DIGEST_DTYPE, ERASED, contained, unique
from pipeline.errors import StoreError, UnreadableError
from pipeline.facts.manifest_facts import Manifest
from pipeline.judging.words import counted
from pipeline.store import atomic, manifest, version_arrays
from pipeline.store.home import Home


def shortfall(home: Home, data: LabelledImages, candidate: Candidate, champion: Path) -> str | None:
    """Return why a candidate is not the champion's recipe with more images, to follow "since"; ``None`` if it is.

    Images of the champion's that were erased, or that the dataset's newest snapshot no longer holds, may be missing.

    Raises:
        UnreadableError: The disk fails to read a record, which may be whole.
        DataError: A snapshot is damaged.
    """
    other = _other_recipe(manifest.read(candidate.folder), manifest.read(champion))
    if other is not None:
        return other
    mine, theirs = _known(candidate.folder), _known(champion)
    if mine is None or theirs is None:
        return "it is not recorded which images it and the champion were trained with"
    missing = theirs[~contained(theirs, mine)]
    if len(missing):
        missing = missing[_still_there(home, data, missing)]
    if len(missing):
        return f"it was trained without {len(missing):,} of the champion's {counted(len(theirs), 'image')}"
    return "it was trained with no image that the champion does not know" if contained(mine, theirs).all() else None


def trained_with(folder: Path) -> Digests | None:
    """Return the digests of the images a version was trained or validated with; ``None`` without a usable record.

    Raises:
        UnreadableError: The disk fails to read the record, which may be whole.
    """
    seen = training_images(folder)
    return None if seen is None else np.concatenate([seen.train, seen.validation])


def training_images(folder: Path) -> version_arrays.TrainingImages | None:
    """Return what a version was fitted on and validated with; ``None`` without a usable record.

    Raises:
        UnreadableError: The disk fails to read the record, which may be whole.
    """
    path = folder / version_arrays.TRAINING_IMAGES
    try:
        return version_arrays.parse_training_images(atomic.read_bytes(path), path)
    except UnreadableError:
        raise
    except StoreError:
        return None


def _other_recipe(mine: Manifest, theirs: Manifest) -> str | None:
    if mine.recipe != theirs.recipe:
        return f"its recipe is {mine.recipe}, the champion's {theirs.recipe}"
    if mine.parameters != theirs.parameters:
        names = mine.parameters.keys() | theirs.parameters.keys()
        differing = sorted(name for name in names if mine.parameters.get(name, ...) != theirs.parameters.get(name, ...))
        return f"its parameters are not the champion's ({', '.join(differing)})"
    if mine.folds != theirs.folds:
        return f"it was trained in {mine.folds or 'no'} folds, the champion in {theirs.folds or 'none'}"
    return None


def _known(folder: Path) -> Digests | None:
    """What a version was trained with, each image once, without those whose digests were erased."""
    seen = trained_with(folder)
    return None if seen is None else unique(seen[~contained(seen, ERASED)])


def _still_there(home: Home, data: LabelledImages, images: Digests) -> np.ndarray:
    """Which images are in the newest snapshot of the dataset; all of them where it has no snapshots."""
    if not (data.origin and snapshots.refers(data.origin, home.datasets)):
        return np.ones(len(images), bool)
    newest = snapshots.find(home.datasets, data.origin.partition("@")[0])
    folder = home.datasets / newest.name
    tables = (shards.read(snapshots.shard_file(folder, shard), ["digest"]) for shard in newest.shards)
    texts = [digest for rows in tables for digest in rows.column("digest").to_pylist()]
    return contained(images, np.frombuffer(bytes.fromhex("".join(texts)), DIGEST_DTYPE))
