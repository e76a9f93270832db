"""What a dataset declares with its first ingest: classes, shape and preparation."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import get_args

import numpy as np

from pipeline.data.picture_file import decode_picture, read_picture
from pipeline.data.preparation import Kind, Polarity, Preparation, in_words
from pipeline.data.snapshots import REFERENCE, Snapshot
from pipeline.data.sources import BUILT_IN
from pipeline.errors import DataError, SettingsError
from pipeline.growing.arrivals import Item
from pipeline.growing.snapshot_store import Terms

DIGITS = frozenset("0123456789")
MNIST_SIDE = 28
LOOKED_AT = 50
"""At most this many pictures are examined for size and colour if no size is given."""
LARGEST_SIDE = 1024
LONGEST_CLASS = 100


@dataclass(frozen=True)
class Wishes:
    """What is asked of the preparation; ``None`` where the dataset or the images decide.

    Attributes:
        kind: ``--as``.
        size: ``--image-size``.
        polarity: ``--polarity``.
    """

    kind: str | None = None
    size: str | None = None
    polarity: str | None = None


def check_name(name: str) -> None:
    """Refuse a dataset's name that is not safe as a folder name, or has another meaning.

    Raises:
        SettingsError: The name cannot be used.
    """
    match = REFERENCE.fullmatch(name)
    if match is None or match["number"] or name in BUILT_IN:
        raise SettingsError(
            f"--dataset '{name}' cannot name a dataset: use lower-case letters, digits and hyphens, and none of "
            f"{', '.join(BUILT_IN)}."
        )


def image_size(text: str) -> tuple[int, int, int | None]:
    """Return height, width and channels of ``32,32,3`` or ``28,28``, where the channels are left open.

    Raises:
        SettingsError: The text is not a size.
    """
    parts = text.split(",")
    numbers = [int(part) for part in parts if part.strip().isdigit()]
    if len(numbers) != len(parts) or len(parts) not in {2, 3} or not all(1 <= side <= LARGEST_SIDE for side in numbers):
        raise SettingsError(
            f"--image-size '{text}' is not a size: give height,width or height,width,channels, as in 32,32,3."
        )
    if len(numbers) == 3 and numbers[2] not in {1, 3}:
        raise SettingsError(f"--image-size '{text}' has {numbers[2]} channels: give 1 (grey) or 3 (RGB).")
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None


def terms_of(parent: Snapshot | None, items: Sequence[Item], wishes: Wishes, *, new_classes: bool) -> Terms:
    """Return the terms of the next snapshot.

    Args:
        parent: The newest snapshot, whose terms cannot be changed except by new classes.
        items: What arrived.
        wishes: How pictures should be prepared.
        new_classes: Whether new classes may be added (``--new-classes``); a first ingest adds those it finds.

    Raises:
        SettingsError: The options contradict the dataset, or there is none and nothing says what it should be.
    """
    found = _ordered({item.label for item in items if item.label is not None})
    for name in found if new_classes or parent is None else ():
        _check_class(name)
    if parent is not None:
        _check_same(parent, wishes)
        added = tuple(name for name in found if name not in parent.classes) if new_classes else ()
        return Terms((*parent.classes, *added), parent.shape, parent.preparation)
    if not found:
        raise SettingsError("The first ingest of a dataset needs labels: give --label, or a folder for each class.")
    preparation = _declared(items, found, wishes)
    return Terms(tuple(found), preparation.shape, preparation)


def _check_class(name: str) -> None:
    """A class's name becomes the name of a folder when the dataset is exported."""
    if not name.isprintable() or not 1 <= len(name) <= LONGEST_CLASS or name in {".", ".."} or set(name) & set("/\\"):
        raise DataError(f"The class {name[:80]!r} cannot be the name of a folder: rename it.")


def _check_same(parent: Snapshot, wishes: Wishes) -> None:
    own = parent.preparation
    asked = image_size(wishes.size) if wishes.size else None
    fits = asked is None or all(side == given for side, given in zip(parent.shape, asked, strict=True) if given)
    if not fits or wishes.kind not in {None, own.kind} or wishes.polarity not in {None, own.polarity}:
        raise SettingsError(
            f"{parent.name} is prepared as {in_words(own)}, once for all its images: leave out --as, --image-size and "
            "--polarity, or ingest into another --dataset."
        )


def _declared(items: Sequence[Item], classes: Sequence[str], wishes: Wishes) -> Preparation:
    _check_known("--as", wishes.kind, get_args(Kind))
    _check_known("--polarity", wishes.polarity, get_args(Polarity))
    shapes = _shapes(items)
    height, width, channels = image_size(wishes.size) if wishes.size else _natural_size(shapes, classes)
    # What is not stored in colour stays grey.
    channels = channels or max((shape[2] for shape in shapes), default=1)
    digits = channels == 1 and set(classes) <= DIGITS
    chosen: Kind = next((known for known in get_args(Kind) if known == wishes.kind), "digit" if digits else "fit")
    if chosen == "digit" and wishes.polarity == "any":
        raise SettingsError(
            "Pictures prepared as digit all have one polarity: leave out --polarity any, or choose another --as."
        )
    # Elsewhere, how light the ground is may be what tells classes apart.
    usual: Polarity = "light-on-dark" if chosen == "digit" else "any"
    polarity: Polarity = next((known for known in get_args(Polarity) if known == wishes.polarity), usual)
    return Preparation(chosen, polarity, height, width, channels)


def _check_known(option: str, value: str | None, known: Sequence[str]) -> None:
    if value is not None and value not in known:
        raise SettingsError(f"{option} '{value}' is unknown: choose from {', '.join(known)}.")


def _natural_size(shapes: set[tuple[int, int, int]], classes: Sequence[str]) -> tuple[int, int, int | None]:
    sizes = {shape[:2] for shape in shapes}
    if len(sizes) == 1 and max(*next(iter(sizes))) <= LARGEST_SIDE:
        return *next(iter(sizes)), None
    if set(classes) <= DIGITS:
        return MNIST_SIDE, MNIST_SIDE, 1
    raise SettingsError("The pictures have different sizes: give the size to use, as in --image-size 28,28.")


def _shapes(items: Sequence[Item]) -> set[tuple[int, int, int]]:
    """Height, width and channels of some items, evenly chosen; those that cannot be read are left out."""
    step = max(1, len(items) // LOOKED_AT)
    shapes = set()
    for item in islice(items, 0, None, step):
        try:
            shapes.add(_shape(item))
        except DataError:
            continue
    return shapes


def _shape(item: Item) -> tuple[int, int, int]:
    if isinstance(item.content, np.ndarray):
        height, width, channels = item.content.shape
        return height, width, channels
    picture = read_picture(item.content) if isinstance(item.content, Path) else decode_picture(item.content, item.name)
    pixels = np.asarray(picture.convert("RGB"))
    coloured = bool((pixels != pixels[..., :1]).any())
    return picture.height, picture.width, 3 if coloured else 1


def _ordered(names: set[str]) -> list[str]:
    """Class names in label order: numbers by value, anything else by the alphabet."""
    if all(name.isdecimal() for name in names):
        return sorted(names, key=lambda name: (int(name), name))
    return sorted(names)
