"""Labels doubted by a quick model that never saw the image: for datasets without a champion.

A linear model on the directions of strokes (``pipeline.models.tree_features``) is trained five times, each time without
one fold, and predicts that fold. Of 1 % flipped labels among 10,000 of MNIST's images, what gives the label less than
1 % finds 91 %, and 94 % of what it finds is flipped (one seed), in 4 s of processor time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Digests, LabelledImages, Labels, Probabilities, Rows
from pipeline.data import digests, folds, shards, snapshots
from pipeline.data.notices import Notify
from pipeline.data.roles import keyed_hashes
from pipeline.data.snapshots import Snapshot
from pipeline.growing import decisions, exporting, quarantine, review, screening, snapshot_store
from pipeline.growing.batch import Outcome
from pipeline.growing.quarantine import Opinion, Waiting
from pipeline.growing.snapshot_store import Change, Terms
from pipeline.judging.words import counted
from pipeline.models.tree_features import GRADIENTS, TreeFeatures
from pipeline.store.home import Home
from pipeline.stored_images import ImageSource, blocks, joined, view

WHO = "out of fold"
"""Stands in for a version's id in an opinion."""
PREDICTS = "a quick model that did not see it predicts"
FOLDS = 5
LEAST_IMAGES = 200
"""Over all classes: a model trained on fewer images doubts too many labels."""
LEAST_OF_CLASS = 20
"""Labels of a smaller class are not doubted: a model knows too little about it."""
MOST_FITTED = 20_000
"""Images that the model of one fold is trained on at most, drawn by a hash."""
STRENGTH = 0.03
STEPS = 60
FEATURE_BYTES = 1 << 28
"""Memory that the features of one block may take while they are computed, at nine numbers per pixel."""


def out_of_fold(images: ImageSource, labels: Labels, own: Digests, n_classes: int) -> Probabilities | None:
    """Return class probabilities by a model that did not see the image; ``None`` where there are too few images.

    Args:
        images: uint8 ``[N, H, W, C]``.
        labels: int64 ``[N]``.
        own: The images' digests, ``[N]``; identical ones share a fold.
        n_classes: How many classes there are, ``K``.

    Returns:
        float32 ``[N, K]``, the same for the same images; classes count alike, however many images they have.
    """
    if len(labels) < LEAST_IMAGES or len(np.unique(own)) < FOLDS or len(np.unique(labels)) < 2:
        return None
    fold = folds.assign(own, labels, FOLDS, seed=0)
    chance = keyed_hashes(own, b"doubts")
    found = np.zeros((len(labels), n_classes), np.float32)
    for number in range(FOLDS):
        others = np.flatnonzero(fold != number)
        fitted = others[np.argsort(chance[others], kind="stable")[:MOST_FITTED]]
        _predict(images, labels, fitted, np.flatnonzero(fold == number), found)
    return found


def reasons(probabilities: Probabilities, labels: Labels, classes: tuple[str, ...]) -> list[str]:
    """Return why each label is doubted, ``[N]``; empty where it is not, or its class is too small."""
    names = [classes[label] for label in labels.tolist()]
    sizes = np.bincount(labels, minlength=len(classes))[labels]
    found = screening.doubts(probabilities, names, classes, PREDICTS)
    return [reason if size >= LEAST_OF_CLASS else "" for reason, size in zip(found, sizes.tolist(), strict=True)]


@dataclass(frozen=True)
class Doubts:
    """What a search for doubtful labels found.

    Attributes:
        compared: Images whose labels were compared with predictions; 0 where there are too few.
        found: Images that are in the queue now because of it.
        judging: How many of them are benchmark images, which stay in the dataset meanwhile.
    """

    compared: int
    found: int
    judging: int

    def in_words(self) -> list[str]:
        """Return the report, one sentence per line."""
        if not self.compared:
            return [f"There are too few images to compare their labels with predictions: {LEAST_IMAGES} are needed."]
        lines = [
            f"{counted(self.compared, 'label')} were compared with out-of-fold predictions; "
            f"{self.found:,} {'waits' if self.found == 1 else 'wait'} for review."
        ]
        if self.judging:
            lines.append(_judging_in_words(self.judging))
        return lines


def _judging_in_words(images: int) -> str:
    if images == 1:
        return "1 of them is a benchmark image: it stays in the dataset and is reviewed blind."
    return f"{images:,} of them are benchmark images: they stay in the dataset and are reviewed blind."


def of_arrivals(
    outcomes: Sequence[Outcome], classes: tuple[str, ...], folder: Path, parent: Snapshot | None
) -> list[Outcome] | None:
    """Return arrivals with the doubts and opinions of such a model; ``None`` without new labels or enough images.

    Args:
        outcomes: What arrived, and what becomes of it unless its label is doubted.
        classes: The dataset's class names.
        folder: The dataset's folder.
        parent: The newest snapshot, whose labels are learnt from and not doubted here.

    Raises:
        DataError: A shard is missing or damaged.
    """
    asked = [number for number, one in enumerate(outcomes) if one.has_new_label]
    held = parent.images if parent else 0
    if not asked or len(asked) + held < LEAST_IMAGES:
        return None
    images: ImageSource = np.stack([outcomes[number].prepared.pixels for number in asked])
    labels = np.array([classes.index(outcomes[number].arrival.label or "") for number in asked], np.int64)
    if parent is not None and snapshots.is_trainable(parent):
        stored = snapshots.load(folder, parent)
        images, labels = joined([images, stored.images]), np.concatenate([labels, stored.labels])
    probabilities = out_of_fold(images, labels, digests.image_digests(images), len(classes))
    if probabilities is None:
        return None
    found = reasons(probabilities, labels, classes)
    fresh = list(outcomes)
    for number, reason, row in zip(asked, found, probabilities, strict=False):
        one = outcomes[number]
        doubt = "" if one.selection == shards.TESTING else reason
        fresh[number] = replace(one, arrival=replace(one.arrival, doubt=doubt), opinion=Opinion.of(WHO, row, classes))
    return fresh


def search(home: Home, dataset: str, *, wait: bool, notify: Notify) -> Doubts:
    """Look for doubtful labels in the newest snapshot, and set those images aside for review.

    Benchmark images stay where they are, since to take the difficult ones out would make the benchmark easier. What a
    person has decided on before is not doubted again.

    Args:
        home: The home folder.
        dataset: The dataset's name.
        wait: Wait for another process that writes to the dataset; otherwise fail at once.
        notify: Called with each sentence that a user should read.

    Raises:
        DataError: There is no such dataset, or a file is damaged.
        StoreError: The disk is full or fails.
    """
    folder = home.datasets / snapshots.find(home.datasets, dataset).name
    with snapshot_store.writing(folder, wait=wait, notify=notify):
        parent = snapshots.find(home.datasets, folder.name)
        data = snapshots.load(folder, parent)
        probabilities = out_of_fold(data.images, data.labels, data.digests, len(data.classes))
        if probabilities is None:
            return Doubts(0, 0, 0)
        batch = f"doubts-{snapshot_store.batch_id([parent.id])}"
        looked_at = {one.digest for one in decisions.read(folder).stored}
        doubted = [
            entry for entry in _doubted(folder, parent, data, probabilities, batch) if entry.digest not in looked_at
        ]
        quarantine.add(folder, batch, doubted, parent.classes)
        judging = review.judging(home, [entry.digest for entry in doubted])
        struck = {entry.digest for entry in doubted} - judging
        if struck:
            terms = Terms(parent.classes, parent.shape, parent.preparation)
            snapshot_store.commit(folder, parent, Change(batch, terms, struck=struck))
    return Doubts(len(data), len(doubted), len(judging))


def _doubted(
    folder: Path, parent: Snapshot, data: LabelledImages, probabilities: Probabilities, batch: str
) -> list[Waiting]:
    found = reasons(probabilities, data.labels, data.classes)
    if not any(found):
        return []
    return [
        Waiting(
            **{**vars(entry), "reason": f"{entry.source}: {reason}", "batch": batch}
            | {"selection": quarantine.selection_of(screening.DOUBTED)},
            cause=screening.DOUBTED,
            opinions=(Opinion.of(WHO, row, data.classes),),
        )
        for entry, reason, row in zip(exporting.entries_of(folder, parent), found, probabilities, strict=True)
        if reason and entry.selection != shards.TESTING
    ]


def _features(images: ImageSource, rows: Rows) -> Iterator[NDArray[np.float32]]:
    """The features of some images, a block at a time."""
    height, width, channels = images.shape[1:]
    made = TreeFeatures(GRADIENTS, (height, width, channels))
    for block in blocks(view(images, rows), max(1, FEATURE_BYTES // (36 * height * width * channels))):
        yield np.sqrt(made.of(block)).astype(np.float32)


def _predict(
    images: ImageSource,
    labels: Labels,
    fitted: Rows,
    asked: Rows,
    into: Probabilities,
) -> None:
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    linear = LogisticRegression(C=STRENGTH, max_iter=STEPS, class_weight="balanced")
    model = make_pipeline(StandardScaler(), linear)
    # The threads of a product would mostly wait for each other, and they spin while they do: on two busy cores, one
    # thread takes a fifth of the processor time for 2,000 images of 28 x 28.
    with threadpool_limits(1), warnings.catch_warnings():
        # After so many steps the predictions no longer change in what matters here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(np.concatenate(list(_features(images, fitted))), labels[fitted])
        answers = [model.predict_proba(part) for part in _features(images, asked)]
    into[np.ix_(asked, model.classes_)] = np.concatenate(answers)
