"""Sizes as people write them: a number of images, a fraction of the dataset, or all."""

import re
from dataclasses import dataclass
from fractions import Fraction

from pipeline.contracts import LabelledImages, Roles
from pipeline.data import digests
from pipeline.data.notices import Notify, silent
from pipeline.data.roles import BENCHMARK
from pipeline.errors import SettingsError, shown

NUMBER = re.compile(r"\+?(\d{1,15}\.?\d{0,30}|\.\d{1,30})(e[+-]?\d{1,2})?", re.ASCII | re.IGNORECASE)
"""A number whose exact fraction takes little memory; that of ``1e-999999999`` would exhaust it."""


@dataclass(frozen=True)
class Sizes:
    """The number of a dataset's images available for each role.

    Attributes:
        total: What a fraction is of: all rows of a single pool, or the training rows of a source with its own test set.
        train: Rows that may be handed to a trainer, validation rows included.
        benchmark: Rows that may judge.
    """

    total: int
    train: int
    benchmark: int


def sizes(data: LabelledImages, roles: Roles) -> Sizes:
    """Count a dataset's rows by the role they may have."""
    at = digests.positions(data.digests, roles.digests)
    judges = roles.roles[at] == BENCHMARK
    if data.official_test is None:
        return Sizes(len(data), int((~judges).sum()), int(judges.sum()))
    train = ~data.official_test
    return Sizes(int(train.sum()), int((train & ~judges).sum()), int((data.official_test & judges).sum()))


def resolve_size(
    text: str, *, total: int, available: int, what: str, least: int | None = None, notify: Notify = silent
) -> int:
    """Return a size in images from ``1000``, ``0.001`` or ``all``.

    Args:
        text: A whole number counts images, a fraction (with a point, at most 1.0) is of ``total``.
        total: The dataset's size.
        available: How many images may have this role; ``all`` means these.
        what: The option, for messages: ``--train-sizes``.
        least: What a smaller size is raised to, with a notice: for defaults, which nobody chose for this dataset.
        notify: Called with that notice.

    Raises:
        SettingsError: It is not a size, is not above 0, or is above ``available``.
    """
    size = _parsed(text, total, available, what)
    if least is not None and size < least:
        notify(
            f"{what} is {text} unless it is given, which is {size:,} of {total:,} images, too few to train on every "
            f"class: {least:,} are used."
        )
        return least
    if size < 1:
        raise SettingsError(f"{what} {text} is less than one image: give at least 1, or a larger fraction.")
    if size > available:
        asked = f"{size:,} images" if text.strip().isdigit() else f"{size:,} of {total:,} images"
        raise SettingsError(
            f"{what} {text} asks for {asked}, but only {available:,} are available: give at most {available}, or 'all'."
        )
    return size


def require_size(text: str, *, what: str) -> None:
    """Refuse what is no size of any dataset, before one is loaded.

    Raises:
        SettingsError: It is neither a number of images, nor a fraction, nor ``all``.
    """
    _parsed(text, 1, 1, what)


def resolve_test_size(text: str, sizes: Sizes, *, what: str = "--test-size", notify: Notify = silent) -> int:
    """Return the benchmark's size like ``resolve_size``, but a fraction above it uses all of it, with a notice.

    A fifth of MNIST's 60,000 is 12,000, yet its makers set 10,000 aside.

    Raises:
        SettingsError: It is not a size, is not above 0, or is a number above the benchmark's.
    """
    fraction = not text.strip().isdigit() and text.strip() != "all"
    if fraction and (size := _parsed(text, sizes.total, sizes.benchmark, what)) > sizes.benchmark:
        notify(
            f"{what} {text} is {size:,} of {sizes.total:,} images, but {sizes.benchmark:,} are set aside as benchmark; "
            "all of these are used."
        )
        return sizes.benchmark
    return resolve_size(text, total=sizes.total, available=sizes.benchmark, what=what)


def _parsed(text: str, total: int, available: int, what: str) -> int:
    plain = text.strip()
    if plain == "all":
        return available
    if plain.isdecimal() and NUMBER.fullmatch(plain):
        return int(plain)
    share = Fraction(plain) if NUMBER.fullmatch(plain) else Fraction(-1)
    if not 0 < share <= 1:
        raise SettingsError(
            f"{what} {shown(text)} is not a size: give a number of images (1000), a fraction of the dataset (0.001, up "
            "to 1.0) or 'all'."
        )
    # Fractions count exactly (in floating point 0.29 of 100 is 28.999...); part of an image is dropped.
    return int(share * total)
