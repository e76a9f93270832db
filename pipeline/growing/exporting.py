"""A snapshot in other forms (CSV of pixels, NumPy archive, folder of pictures), and how two snapshots differ."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.contracts import LabelledImages
from pipeline.data import npz, shards, snapshots
from pipeline.data.shards import Entry
from pipeline.data.snapshots import Snapshot
from pipeline.errors import DataError
from pipeline.judging.words import counted
from pipeline.store import atomic
from pipeline.stored_images import blocks

LIST = "images.csv"
AT_ONCE = 4096
"""Images that are read at once."""


@dataclass(frozen=True)
class Difference:
    """What the second of two snapshots has that the first lacks, and the other way round.

    Attributes:
        added, removed: Images by class name.
        relabelled: Images by class names before and after.
        classes: New class names.
    """

    added: Counter[str]
    removed: Counter[str]
    relabelled: Counter[tuple[str, str]]
    classes: tuple[str, ...]

    def in_words(self, first: str, second: str) -> list[str]:
        """Return the difference, one sentence per line."""
        lines = [
            f"{second} has {counted(self.added.total(), 'image')} that {first} lacks{_by_class(self.added)}.",
            f"{first} has {counted(self.removed.total(), 'image')} that {second} lacks{_by_class(self.removed)}.",
        ]
        lines += [
            f"{counted(count, 'image')} of class {old} {'is' if count == 1 else 'are'} now {new}."
            for (old, new), count in self.relabelled.items()
        ]
        return [*lines, f"New classes: {', '.join(self.classes)}."] if self.classes else lines


def difference(datasets: Path, first: Snapshot, second: Snapshot) -> Difference:
    """Compare two snapshots image by image, by digest.

    Raises:
        DataError: A shard is missing or damaged.
    """
    before, after = (_labels(datasets / one.name, one) for one in (first, second))
    return Difference(
        added=Counter(label for digest, label in after.items() if digest not in before),
        removed=Counter(label for digest, label in before.items() if digest not in after),
        relabelled=Counter(
            (label, after[digest]) for digest, label in before.items() if after.get(digest, label) != label
        ),
        classes=tuple(name for name in second.classes if name not in first.classes),
    )


def export(folder: Path, snapshot: Snapshot, form: str, target: Path) -> int:
    """Write a snapshot in another form; returns how many images it has.

    Args:
        folder: ``datasets/<name>``.
        snapshot: Which of its snapshots.
        form: ``csv`` (label and pixels, Kaggle's form), ``npz`` (images, labels, classes), or ``folder`` (a picture
            file an image in a folder for each class, and ``images.csv`` with what is known of each).
        target: The file or folder; a folder must not exist.

    Raises:
        DataError: The form cannot hold these images, the file's name has another suffix, or the folder exists.
        StoreError: The disk is full or fails.
    """
    writers: dict[str, Callable[[Path, Snapshot, Path], None]] = {"csv": _csv, "npz": _npz, "folder": _pictures}
    if form not in writers:
        raise DataError(f"--to '{form}' is unknown: choose from {', '.join(writers)}.")
    if form != "folder" and target.suffix.lower() != f".{form}":
        raise DataError(f"{target} could not be read again, as its name does not end in .{form}: use {target}.{form}.")
    writers[form](folder, snapshot, target)
    return snapshot.images


def entries_of(folder: Path, snapshot: Snapshot, wanted: Collection[str] | None = None) -> Iterator[Entry]:
    """Yield the stored images of a snapshot, in order, a shard at a time.

    Args:
        folder: ``datasets/<name>``.
        snapshot: Which of its snapshots.
        wanted: Digests; ``None`` for all images.

    Raises:
        DataError: A shard is missing or damaged.
    """
    for shard in snapshot.shards:
        path = snapshots.shard_file(folder, shard)
        if wanted is None:
            yield from shards.entries(shards.read(path))
            continue
        own = [digest in wanted for digest in shards.read(path, ["digest"]).column("digest").to_pylist()]
        if any(own):
            yield from shards.entries(shards.read(path).filter(own))


def _csv(folder: Path, snapshot: Snapshot, target: Path) -> None:
    height, width, channels = snapshot.shape
    others = "use --to npz or --to folder"
    if channels != 1 or height != width:
        raise DataError(f"A CSV holds only square grey images, and {snapshot.id} has {snapshot.shape}: {others}.")
    if not all(name.isdecimal() for name in snapshot.classes):
        raise DataError(f"A CSV holds only numbers as labels, and {snapshot.id} has names: {others}.")
    atomic.write_parts(target, _lines(snapshots.load(folder, snapshot)))


def _lines(data: LabelledImages) -> Iterator[bytes]:
    """The lines of a CSV in Kaggle's form, some thousands at a time."""
    yield (",".join(["label", *(f"pixel{index}" for index in range(int(np.prod(data.shape))))]) + "\n").encode()
    names = np.array([int(name) for name in data.classes])
    for number, part in enumerate(blocks(data.images, AT_ONCE)):
        labels = names[data.labels[number * AT_ONCE :][: len(part)]]
        text = io.StringIO()
        np.savetxt(text, np.column_stack([labels, part.reshape(len(part), -1)]), fmt="%d", delimiter=",")
        yield text.getvalue().encode()


def _npz(folder: Path, snapshot: Snapshot, target: Path) -> None:
    data = snapshots.load(folder, snapshot)
    arrays = {"images": data.images, "labels": data.labels, "classes": np.array(data.classes)}
    atomic.write_parts(target, npz.archive(arrays))


def _pictures(folder: Path, snapshot: Snapshot, target: Path) -> None:
    if target.exists():
        raise DataError(f"{target} already exists: name a new folder.")
    staging = target.with_name(f".{target.name}{atomic.TEMPORARY_SUFFIX}")
    atomic.remove_tree(staging)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["file", "label", *shards.FACTS[:-1]])
    with atomic.disk_errors(staging):
        for name in snapshot.classes:
            (staging / name).mkdir(parents=True)
        for entry in entries_of(folder, snapshot):
            name = snapshot.classes[entry.label]
            file = f"{name}/{entry.digest}.png"
            (staging / file).write_bytes(entry.png)
            writer.writerow([file, name, *(getattr(entry, fact) for fact in shards.FACTS[:-1])])
        atomic.write_text(staging / LIST, table.getvalue())
    atomic.publish_folder(staging, target)


def _labels(folder: Path, snapshot: Snapshot) -> dict[str, str]:
    found: dict[str, str] = {}
    for shard in snapshot.shards:
        rows = shards.read(snapshots.shard_file(folder, shard), ["digest", "label"])
        labels = [snapshot.classes[label] for label in rows.column("label").to_pylist()]
        found.update(zip(rows.column("digest").to_pylist(), labels, strict=True))
    return found


def _by_class(counts: Counter[str]) -> str:
    parts = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return f" ({parts})" if parts else ""
