"""A folder of pictures with one sub-folder for each class."""

from pathlib import Path

import numpy as np

from pipeline.contracts import Shape
from pipeline.data import picture_stack
from pipeline.data.notices import Notify, silent
from pipeline.data.preparation import Preparation, dark_on_light
from pipeline.data.raw import RawPart, RawSet
from pipeline.data.wording import require_printable
from pipeline.errors import DataError
from pipeline.text import quoted

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".pnm"})


def read(
    folder: Path, notify: Notify = silent, shape: Shape | None = None, declared: Preparation | None = None
) -> RawSet:
    """Read every picture of every class; the classes are the sub-folders' names, sorted.

    Any printable name is a class. With a shape, every picture is scaled to it; without one, they have one size, and
    are grey or RGB by what they hold, not by how they are stored. What is declared of another dataset is done to them
    instead.

    Raises:
        DataError: Names the picture that is damaged, transparent, or of another size than the first, or the class or
            picture whose name is not printable text.
    """
    classes = tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")))
    for name in classes:
        require_printable(str(folder / name), "The class folder")
    if not classes:
        raise DataError(f"{folder} has no sub-folders: put the pictures of each class into a folder named after it.")
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = pictures(folder / name, notify)
        if not found:
            raise DataError(f"{folder / name} holds no pictures: add some, or remove the class.")
        files += found
        labels += [label] * len(found)
    if declared is None:
        images, preparation = picture_stack.read(files, shape)
    else:
        images, preparation = picture_stack.read_all_prepared(files, declared), declared
    if declared is None and images.shape[-1] == 1 and dark_on_light(images):
        notify(
            f"The pictures in {folder} are dark on light, and are used as they are. `predict` and the web page make "
            "drawings and photos light on dark: invert these pictures, or ingest them with --polarity light-on-dark."
        )
    names = tuple(path.relative_to(folder).as_posix() for path in files)
    part = RawPart(str(folder), str(folder), images, np.array(labels), files=names)
    # Pictures that were not scaled declare no preparation, so drawings and photos of a digit get MNIST's.
    return RawSet(
        folder.resolve().name,
        f"pictures in {folder}",
        part,
        classes=classes,
        preparation=preparation if shape or declared else None,
    )


def pictures(folder: Path, notify: Notify = silent, *, below: bool = False) -> list[Path]:
    """Return the picture files of a folder, sorted by name; other files are left out, with a notice.

    Args:
        folder: Where they are.
        notify: Called with the notice.
        below: Whether those of its sub-folders are wanted, too.

    Raises:
        DataError: A picture's name is not printable text.
    """
    every = folder.rglob("*") if below else folder.iterdir()
    files = [
        path for path in sorted(every) if not _is_hidden(path.relative_to(folder)) and not (below and path.is_dir())
    ]
    found = [path for path in files if path.is_file() and path.suffix.lower() in SUFFIXES]
    for path in found:
        require_printable(str(path), "The picture")
    known = set(found)
    others = [path.relative_to(folder).as_posix() for path in files if path not in known]
    if found and others:
        more = f" and {len(others) - 1:,} more" if others[1:] else ""
        notify(f"{folder}: not a picture, so left out: {quoted(others[0])}{more}.")
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
