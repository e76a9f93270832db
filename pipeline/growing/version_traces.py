"""What versions record about images: the digests they were trained and judged on, and pictures in their reports."""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.contracts import Digests
from pipeline.data.digests import DIGEST_DTYPE, ERASED, contained
from pipeline.errors import StoreError
from pipeline.facts.manifest_facts import FileFacts, Manifest
from pipeline.orchestration import refitting
from pipeline.store import atomic, disk, manifest, version_arrays, versions
from pipeline.store.home import Home
from pipeline.store.version_arrays import OUT_OF_FOLD, PREDICTIONS, TRAINING_IMAGES

PICTURES = ("report.html", "plots/")
RECORDS = (TRAINING_IMAGES, PREDICTIONS, OUT_OF_FOLD)


def as_digests(texts: Collection[str]) -> Digests:
    """Return digests from their hexadecimal form, ``V16 [N]``."""
    return np.frombuffer(b"".join(bytes.fromhex(text) for text in sorted(texts)), DIGEST_DTYPE)


def trained_on(home: Home, images: Collection[str]) -> list[str]:
    """Return the ids of the versions that were fitted on, or validated with, any of the images, oldest first."""
    sought = as_digests(images)
    return [
        version.id
        for version in versions.list_versions(home)
        if contained(sought, _seen_in_training(version.folder)).any()
    ]


def folders_with_traces(home: Home, images: Collection[str]) -> list[str]:
    """Return the folders of versions, candidates, bundles and refits with a trace of any image, in the home."""
    sought = as_digests(images)
    places = [version.folder for version in versions.list_versions(home)]
    places += sorted(path.parent for path in home.staging.glob(f"*/{manifest.NAME}"))
    places += sorted(path.parent for path in home.production.glob(f"*/*/{manifest.NAME}"))
    places += sorted(path.parent for path in home.metric_results.glob(f"{refitting.FOLDER}/*/*/*/{manifest.NAME}"))
    return [
        place.relative_to(home.root).as_posix()
        for place in places
        if contained(sought, np.concatenate([_seen_in_training(place), _judged_on(place)])).any()
    ]


def forget(folder: Path, images: Collection[str]) -> None:
    """Overwrite the digests in a version's files, and delete its report, which may show one of the images.

    A report shows benchmark images, and training images of which those are near copies.

    Every step can be repeated; the manifest, which makes them count, comes last.

    Raises:
        StoreError: The disk is full or fails, or the version is damaged.
    """
    gone = as_digests(images)
    facts = manifest.read(folder)
    shown = contained(np.concatenate([_seen_in_training(folder), _judged_on(folder)]), gone).any()
    dropped = [name for name in facts.files if shown and name.startswith(PICTURES)]
    for name in dropped:
        with atomic.disk_errors(folder / name):
            if (folder / name).exists():
                disk.unlink(folder / name)
    touched = {name: _overwrite(folder / name, gone) for name in RECORDS if name in facts.files}
    files = {name: touched.get(name, known) for name, known in facts.files.items() if (folder / name).exists()}
    _publish(folder, facts, files)


def _publish(folder: Path, facts: Manifest, files: dict[str, FileFacts]) -> None:
    if files != facts.files:
        manifest.write(folder, facts.model_copy(update={"files": files}))


def _overwrite(path: Path, gone: Digests) -> FileFacts:
    content = atomic.read_bytes(path)
    if path.name == TRAINING_IMAGES:
        seen = version_arrays.parse_training_images(content, path)
        fresh = version_arrays.training_images_content(
            version_arrays.TrainingImages(_blotted(seen.train, gone), _blotted(seen.validation, gone))
        )
    elif path.name == OUT_OF_FOLD:
        folds = version_arrays.parse_out_of_fold(content, path)
        fresh = version_arrays.out_of_fold_content(replace(folds, digests=_blotted(folds.digests, gone)))
    else:
        judged = version_arrays.parse_predictions(content, path)
        fresh = version_arrays.predictions_content(replace(judged, digests=_blotted(judged.digests, gone)))
    atomic.write_bytes(path, fresh)
    return FileFacts(sha256=atomic.sha256_file(path), bytes=len(fresh))


def _blotted(digests: Digests, gone: Digests) -> Digests:
    """The digests with zeros in place of those that are gone, so that their number still fits."""
    return np.where(contained(digests, gone), ERASED, digests)


def _seen_in_training(folder: Path) -> Digests:
    try:
        path = folder / TRAINING_IMAGES
        seen = version_arrays.parse_training_images(atomic.read_bytes(path), path)
    except StoreError:
        return np.empty(0, DIGEST_DTYPE)
    return np.concatenate([seen.train, seen.validation])


def _judged_on(folder: Path) -> Digests:
    try:
        path = folder / PREDICTIONS
        return version_arrays.parse_predictions(atomic.read_bytes(path), path).digests
    except StoreError:
        return np.empty(0, DIGEST_DTYPE)
