"""What is fuzzed: each reader of a user's file, and of the store's own, fed from the corpus."""

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.contracts import LabelledImages, Roles
from pipeline.data import idx, sample_submission, sources, unlabelled
from pipeline.errors import PipelineError
from pipeline.settings_file import read_settings
from pipeline.store import role_records
from pipeline.store.home import Home

CORPUS = Path(__file__).parents[1] / "corpus"
LONGEST_SENTENCE = 600
SHAPE = (2, 2, 1)


@dataclass(frozen=True)
class Target:
    """A reader.

    Attributes:
        corpus: Folder of the files that mutations start from.
        file: The name that the reader sees.
        read: Reads a file; the folder around it is its own.
    """

    corpus: str
    file: str
    read: Callable[[Path], Any]

    def seeds(self) -> list[bytes]:
        """The corpus of this target, and what fuzzing found."""
        return [path.read_bytes() for folder in (CORPUS, CORPUS / "found") for path in files(folder / self.corpus)]


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def read_roles(path: Path) -> Roles | None:
    """Read a file as the recorded roles of a dataset."""
    home = Home(path.parent / "home")
    place = home.versions / ".roles" / "set.npz"
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, place)
    return role_records.load(home, "set")


def read_picture_folder(path: Path) -> LabelledImages:
    """Read two classes of sound pictures, one of them with this picture beside them."""
    folder = path.parent / "set"
    for label, name in enumerate(("one", "two")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(3):
            pixels = np.full((2, 2), 10 * (3 * label + number), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"sound-{number}.png")
    shutil.copy(path, folder / "one" / path.name)
    return sources.load(str(folder))


def read_idx_folder(path: Path) -> LabelledImages:
    """Read the file as the images of a pair, beside sound labels for twelve."""
    content = b"\0\0\x08\1" + (12).to_bytes(4, "big") + bytes(number % 3 for number in range(12))
    (path.parent / "train-labels-idx1-ubyte").write_bytes(content)
    return sources.load(str(path.parent))


TARGETS = {
    "csv": Target("csv", "train.csv", lambda path: sources.load(str(path))),
    "csv-unlabelled": Target("csv", "test.csv", lambda path: unlabelled.load(path, SHAPE)),
    "sample-submission": Target("samples", "sample_submission.csv", sample_submission.read),
    "npz": Target("npz", "set.npz", lambda path: sources.load(str(path))),
    "npz-unlabelled": Target("npz", "set.npz", lambda path: unlabelled.load(path, SHAPE)),
    "idx": Target("idx", "train-images-idx3-ubyte", read_idx_folder),
    "idx-labels": Target("idx", "train-labels-idx1-ubyte", lambda path: idx.read(path, 1)),
    "pictures": Target("pictures", "picture.png", read_picture_folder),
    "picture-unlabelled": Target("pictures", "picture.png", lambda path: unlabelled.load(path, (28, 28, 1))),
    "roles": Target("roles", "set.npz", read_roles),
    "settings": Target("settings", "pipeline.toml", lambda path: read_settings(path, {})),
}


def outcome(target: Target, content: bytes) -> str | None:
    """Read the content as a file; return the sentence of a refusal, ``None`` where it was accepted.

    Raises:
        AssertionError: The refusal is not one printable sentence, or what was accepted is unsound.
        Exception: The reader let something else through.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / target.file
        path.write_bytes(content)
        try:
            result = target.read(path)
        except PipelineError as error:
            sentence = str(error).replace(folder, "")
            assert sentence.isprintable(), sentence
            assert len(sentence) <= LONGEST_SENTENCE, sentence
            return sentence
    assert_sound(result)
    return None


def assert_sound(result: Any) -> None:
    """What a reader accepts is whole and in range."""
    if isinstance(result, LabelledImages):
        assert result.images.dtype == np.uint8
        assert result.images.ndim == 4
        assert len(result.images) == len(result.labels) == len(result.digests)
        assert set(np.unique(result.labels)) <= set(range(len(result.classes)))
    if isinstance(result, Roles):
        assert result.roles.max(initial=0) <= 2
        assert len(np.unique(result.digests)) == len(result.digests) == len(result.roles)
