"""Every image has one permanent role: training, validation or benchmark."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Digests, LabelledImages, Labels, Roles
from pipeline.data import digests, shards
from pipeline.data.validation import lowest_labels

TRAINING, VALIDATION, BENCHMARK = 0, 1, 2
UNDECIDED = -1
BENCHMARK_SHARE = 5
"""One image in five is a benchmark image where the source sets none aside."""
VALIDATION_SHARE = 10
"""One in ten of the others is a validation image."""
KEY = b"roles"


def assign_roles(data: LabelledImages, known: Roles | None = None) -> Roles:
    """Give each image a role, by digest; a role that is known never changes.

    A source's own test images are the benchmark; of a single pool it is a stratified fifth. Validation is a
    stratified tenth of the rest. Within a class, images are drawn in the order of a keyed hash of their
    digest, so that neither the order of rows nor chance matters. As a dataset grows, its new images fill up
    the quotas. Of a dataset that says how its images were chosen, the benchmark grows from those alone that simply
    arrived or were audited at random; what was selected as doubtful, or corrected, is permanently training data.

    Args:
        data: A validated dataset; copies of an image share its role and its lowest label.
        known: Roles given earlier, also to images that ``data`` no longer holds.

    Returns:
        The known roles and those of all images of ``data``.
    """
    images, first, image = np.unique(data.digests, return_index=True, return_inverse=True)
    order = np.argsort(keyed_hashes(images, KEY))
    drawing = _Drawing(_known_roles(images, known), lowest_labels(data)[first], np.bincount(image), order)
    if data.selection is not None:
        _settle(drawing, image, data.selection)
    if data.official_test is None:
        drawing.fill(BENCHMARK, BENCHMARK_SHARE, _unselected(image, data.selection))
    else:
        official = np.unique(image[data.official_test])
        drawing.roles[official[drawing.roles[official] == UNDECIDED]] = BENCHMARK
    drawing.fill(VALIDATION, VALIDATION_SHARE)
    drawing.roles[drawing.roles == UNDECIDED] = TRAINING
    return _joined(images, drawing.roles.astype(np.uint8), known)


@dataclass(frozen=True, eq=False)
class _Drawing:
    """Different images, ``[M]`` each: role so far, class, number of rows with it, and the order of drawing."""

    roles: NDArray[np.int64]
    labels: Labels
    copies: NDArray[np.int64]
    order: NDArray[np.int64]

    def fill(self, role: int, share: int, eligible: NDArray[np.bool_] | None = None) -> None:
        """Give the role to undecided images until one row in ``share`` of each class has it, benchmark rows aside.

        Images that are not ``eligible`` (``[M]``) neither get the role nor count.
        """
        pool = (self.roles != BENCHMARK) | (role == BENCHMARK)
        if eligible is not None:
            pool &= eligible
        rows = np.bincount(self.labels[pool], self.copies[pool], minlength=int(self.labels.max()) + 1)
        for label, quota in enumerate(quotas(rows.astype(np.int64), share)):
            own = self.order[((self.labels == label) & pool)[self.order]]
            self.roles[self._drawn(own, role, int(quota))] = role

    def _drawn(self, own: NDArray[np.int64], role: int, quota: int) -> list[int]:
        roles = self.roles[own]
        free = own[roles == UNDECIDED]
        # One image is kept for each role that is filled later and that this class still lacks.
        spare = len(free) - sum(later not in roles for later in range(role))
        left = quota - int(self.copies[own[roles == role]].sum())
        drawn: list[int] = []
        for index in free.tolist():
            if len(drawn) < spare and self.copies[index] <= left:
                drawn.append(index)
                left -= int(self.copies[index])
        if not drawn and spare > 0 and role not in roles:
            drawn = [int(free[self.copies[free].argmin()])]
        return drawn


def _settle(drawing: _Drawing, image: NDArray[np.int64], selection: NDArray[np.str_]) -> None:
    """Give each image the role that its selection dictates; known roles stay."""
    for chosen, role in ((shards.DOUBTFUL, TRAINING), (shards.CORRECTED, TRAINING), (shards.TESTING, BENCHMARK)):
        rows = np.unique(image[selection == chosen])
        drawing.roles[rows[drawing.roles[rows] == UNDECIDED]] = role


def _unselected(image: NDArray[np.int64], selection: NDArray[np.str_] | None) -> NDArray[np.bool_] | None:
    """Which images the benchmark may grow from, ``[M]``."""
    if selection is None:
        return None
    eligible = np.zeros(int(image.max()) + 1, bool)
    eligible[image[np.isin(selection, (shards.ARRIVED, shards.AUDITED))]] = True
    return eligible


def _known_roles(images: Digests, known: Roles | None) -> NDArray[np.int64]:
    """Roles of unique images, undecided where there is none yet."""
    if known is None or len(known.digests) == 0:
        return np.full(len(images), UNDECIDED)
    at = digests.positions(images, known.digests)
    return np.where(at >= 0, known.roles[at].astype(np.int64), UNDECIDED)


def quotas(counts: NDArray[np.int64], share: int) -> NDArray[np.int64]:
    """Return one in ``share`` of all images, apportioned to classes by the largest remainder, at least one of each.

    What small classes get beyond their share, the others give, those first that are least below theirs.

    Args:
        counts: Images by class, ``[K]``.
        share: 5 for a fifth.
    """
    total = max(int(counts.sum()) // share, int((counts > 0).sum()))
    result = np.maximum(counts // share, counts > 0)
    by_remainder = np.argsort(-(counts % share), kind="stable")
    for label in by_remainder[counts[by_remainder] > 0]:
        if result.sum() < total and result[label] * share < counts[label]:
            result[label] += 1
    while result.sum() > total:
        result[np.where(result > 1, result - counts / share, -np.inf).argmax()] -= 1
    return result


def keyed_hashes(images: Digests, key: bytes) -> NDArray[np.uint64]:
    """Return a number for each image that depends on its digest and the key alone, ``[N]``: a fair ranking."""
    content = bytearray()
    for start in range(0, len(images), digests.BLOCK):
        for image in images[start : start + digests.BLOCK].tolist():
            content += hashlib.blake2b(image, digest_size=8, key=key).digest()
    return np.frombuffer(bytes(content), np.uint64)


def _joined(images: Digests, roles: NDArray[np.uint8], known: Roles | None) -> Roles:
    if known is None:
        return Roles(images, roles)
    new = digests.positions(images, known.digests) < 0
    joined = np.concatenate([known.digests, images[new]])
    order = np.argsort(joined, kind="stable")
    return Roles(joined[order], np.concatenate([known.roles, roles[new]])[order])
