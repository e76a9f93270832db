"""The rows of one training: permanent roles, and sizes that nest."""

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import LabelledImages, Roles, Rows, Split
from pipeline.data import digests
from pipeline.data.balance import balanced_order
from pipeline.data.roles import BENCHMARK, TRAINING, VALIDATION, assign_roles, keyed_hashes
from pipeline.data.sizes import Sizes, resolve_size, resolve_test_size, sizes
from pipeline.errors import DataError, SettingsError

__all__ = [
    "Sizes",
    "assign_roles",
    "benchmark_rows",
    "plan",
    "resolve_size",
    "resolve_test_size",
    "sizes",
    "smallest_size",
]

BENCHMARK_KEY = b"benchmark"


def plan(
    data: LabelledImages,
    roles: Roles,
    train_size: int,
    test_size: int,
    seed: int,
    *,
    benchmark_in_folds: bool = False,
    what: str = "--train-sizes",
) -> Split:
    """Return the rows of one training, nested and balanced.

    With one seed, a smaller size is contained in every larger one, for training, validation and benchmark
    alike. Validation takes the same share of every size, rounded down. The benchmark depends on its size alone.

    Args:
        data: A validated dataset.
        roles: The roles of all its images.
        train_size: Images handed to the trainer, validation rows included.
        test_size: Benchmark images.
        seed: Draws the training and validation rows.
        benchmark_in_folds: Add the benchmark's rows to those that are fitted, on top of ``train_size``: for models
            that are compared out of fold.
        what: The option that gives ``train_size``, for messages.

    Raises:
        SettingsError: More rows are asked for than there are, or so few that a class has none to train on.
        DataError: An image has no role.
    """
    by_role = _rows_by_role(data, roles)
    available = len(by_role[TRAINING]) + len(by_role[VALIDATION])
    _check_size("training", train_size, available)
    key = f"seed {seed}".encode()
    training, validation = (_ordered(data, by_role[role], key) for role in (TRAINING, VALIDATION))
    validation_size = train_size * len(validation) // available
    _require_every_class(data, train_size, _smallest_complete(data, training, len(validation)), what)
    train, validating = training[: train_size - validation_size], validation[:validation_size]
    benchmark = benchmark_rows(data, roles, test_size)
    if benchmark_in_folds:
        train = np.concatenate([train, benchmark])
    return Split(
        train=train,
        validation=validating,
        benchmark=benchmark,
        seed=seed,
        train_sha256=digests.set_digest(data.digests[train]),
        validation_sha256=digests.set_digest(data.digests[validating]),
        benchmark_sha256=digests.set_digest(data.digests[benchmark]),
        screening=np.sort(validation),
        pool=np.sort(training),
        benchmark_in_folds=benchmark_in_folds,
    )


def smallest_size(data: LabelledImages, roles: Roles, seed: int) -> int:
    """Return the least size, in images, with which ``plan`` trains on every class.

    Raises:
        DataError: An image has no role, or a class has no training image.
    """
    by_role = _rows_by_role(data, roles)
    training = _ordered(data, by_role[TRAINING], f"seed {seed}".encode())
    return _smallest_complete(data, training, len(by_role[VALIDATION]))


def benchmark_rows(data: LabelledImages, roles: Roles, size: int) -> Rows:
    """Return the first ``size`` benchmark rows in the one balanced order that they always have.

    Raises:
        SettingsError: There are fewer.
        DataError: An image has no role.
    """
    rows = _rows_by_role(data, roles)[BENCHMARK]
    _check_size("benchmark", size, len(rows))
    return _ordered(data, rows, BENCHMARK_KEY)[:size]


def free_of_training(data: LabelledImages, known: Roles) -> NDArray[np.bool_]:
    """Return which images, ``[N]``, have no role in a record, or are its benchmark images."""
    at = digests.positions(data.digests, known.digests)
    side = True if data.official_test is None else data.official_test
    benchmark: NDArray[np.bool_] = (known.roles[at] == BENCHMARK) & side
    return (at < 0) | benchmark


def _rows_by_role(data: LabelledImages, roles: Roles) -> dict[int, Rows]:
    at = digests.positions(data.digests, roles.digests)
    if (at < 0).any():
        raise DataError(f"Image {int((at < 0).argmax()) + 1} of {data.name} has no role yet: assign roles first.")
    own = roles.roles[at]
    official = data.official_test
    rows = {}
    for role in (TRAINING, VALIDATION, BENCHMARK):
        # Of a source with its own test set, the benchmark is that set: no copies from its training part.
        side = True if official is None else official == (role == BENCHMARK)
        rows[role] = np.flatnonzero((own == role) & side)
    return rows


def _check_size(what: str, size: int, available: int) -> None:
    if not 1 <= size <= available:
        raise SettingsError(f"{size:,} {what} images are not available: give a number from 1 to {available:,}.")


def _require_every_class(data: LabelledImages, size: int, smallest: int, what: str) -> None:
    if size < smallest:
        raise SettingsError(
            f"{size} training images are too few for {data.name}: some of its {len(data.classes)} classes would have "
            f"none; set {what} to at least {smallest}."
        )


def _ordered(data: LabelledImages, rows: Rows, key: bytes) -> Rows:
    return rows[balanced_order(data.labels[rows], keyed_hashes(data.digests[rows], key))]


def _smallest_complete(data: LabelledImages, training: Rows, validation: int) -> int:
    """The smallest size whose training rows hold every class."""
    present, first = np.unique(data.labels[training], return_index=True)
    if len(present) < len(data.classes):
        lacking = next(name for label, name in enumerate(data.classes) if label not in present)
        raise DataError(f"{data.name} has no training image of class {lacking}: add some different images of it.")
    needed = int(first.max()) + 1
    available = len(training) + validation
    size = needed
    while size - size * validation // available < needed:
        size += 1
    return size
