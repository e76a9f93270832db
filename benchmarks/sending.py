"""Pictures on their way: as files, and as batches that arrive in an inbox in one of several forms."""

import csv
import os
import shutil
import time
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.story_pictures import Labelled

SLOW_COPY_SECONDS = 0.2
"""How long a file is there before it is whole."""


def png(picture: Any) -> bytes:
    """Return a picture as PNG."""
    content = BytesIO()
    picture.save(content, format="PNG")
    return content.getvalue()


def write_folder(pictures: Sequence[Labelled], folder: Path, prefix: str = "") -> None:
    """Write pictures as PNG and JPEG, in a folder for each class."""
    for number, (name, picture) in enumerate(pictures):
        (folder / name).mkdir(parents=True, exist_ok=True)
        lossy = picture.width > 20 and number % 3 == 0
        picture.save(folder / name / f"{prefix}{number:05d}.{'jpg' if lossy else 'png'}", quality=90)


def _as_classes(batch: Sequence[Labelled], number: int, inbox: Path, sending: Path) -> None:
    """Into the folders of the classes, one file after the other; the first is copied slowly, under its own name."""
    write_folder(batch, sending / str(number), prefix=f"{number:02d}-")
    for place, file in enumerate(sorted((sending / str(number)).rglob("*.*"))):
        target = inbox / file.relative_to(sending / str(number))
        target.parent.mkdir(exist_ok=True)
        if place == 0:
            _slowly(file, target)
        else:
            shutil.copyfile(file, target)


def _as_folder(batch: Sequence[Labelled], number: int, inbox: Path, sending: Path) -> None:
    write_folder(batch, sending / str(number))
    shutil.copytree(sending / str(number), inbox / f"batch-{number}")


def _as_archive(batch: Sequence[Labelled], number: int, inbox: Path, sending: Path) -> None:
    write_folder(batch, sending / str(number))
    packed = shutil.make_archive(str(sending / f"batch-{number}"), "zip", sending / str(number))
    _slowly(Path(packed), inbox / f"batch-{number}.zip")


def _as_list(batch: Sequence[Labelled], number: int, inbox: Path, sending: Path) -> None:
    folder = sending / f"batch-{number}"
    folder.mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "label"])
        for place, (name, picture) in enumerate(batch):
            (folder / f"{place:05d}.png").write_bytes(png(picture))
            writer.writerow([f"{place:05d}.png", name])
    shutil.copytree(folder, inbox / folder.name)


Form = Callable[[Sequence[Labelled], int, Path, Path], None]
FORMS: tuple[tuple[str, Form], ...] = (
    ("folders of classes", _as_classes),
    ("folder", _as_folder),
    ("zip", _as_archive),
    ("folder with a list", _as_list),
)
"""How batches arrive, in turn."""


def _slowly(source: Path, target: Path) -> None:
    """Copy a file so that it is there for a while before it is whole."""
    content = source.read_bytes()
    half = len(content) // 2
    with target.open("wb") as stream:
        stream.write(content[:half])
        stream.flush()
        time.sleep(SLOW_COPY_SECONDS)
        stream.write(content[half:])
        stream.flush()
        os.fsync(stream.fileno())
