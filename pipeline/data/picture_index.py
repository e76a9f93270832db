"""Find pictures by the names that a table gives them: with or without folder and suffix."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from pipeline.data.image_folder import SUFFIXES
from pipeline.errors import DataError
from pipeline.text import quoted

Part = Literal["train", "test"]
LEFT_OUT = frozenset({"__MACOSX"})


class PictureIndex:
    """Every picture below a folder.

    Args:
        folder: Where to look; hidden folders are left out.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_stem: dict[str, list[PurePosixPath]] = defaultdict(list)
        for parent, folders, files in os.walk(folder):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in LEFT_OUT)
            inside = PurePosixPath(Path(parent).relative_to(folder).as_posix())
            for name in files:
                path = inside / name
                if path.suffix.lower() in SUFFIXES and not name.startswith("."):
                    self._by_stem[path.stem].append(path)

    def knows(self, name: str) -> bool:
        """Return whether there is at least one picture of a name."""
        return bool(self._meant(_path(name)))

    def find(self, name: str, part: Part) -> Path | None:
        """Return the picture of a name; ``None`` if there is none.

        If several folders have the name, the one named after the wanted part wins, ``train`` or ``test``, and then
        the one at the very path.

        Raises:
            DataError: Several pictures could be meant.
        """
        wanted = _path(name)
        found = self._meant(wanted)
        if len(found) > 1:
            found = _of_part(found, part)
        if len(found) > 1:
            found = [path for path in found if wanted in {path, path.with_suffix("")}] or found
        if len(found) > 1:
            both = " and ".join(str(self._folder / path) for path in found[:2])
            raise DataError(f"'{quoted(name)}' may be {both}: remove one of them.")
        return self._folder / found[0] if found else None

    def _meant(self, wanted: PurePosixPath) -> list[PurePosixPath]:
        stem = wanted.stem if wanted.suffix.lower() in SUFFIXES else wanted.name
        return [path for path in self._by_stem.get(stem, ()) if _is_meant(path, wanted)]

    def all(self, names: Sequence[str], part: Part, place: str) -> list[Path]:
        """Return the picture of each name.

        Args:
            names: As ``find`` takes them.
            part: Which folders to prefer.
            place: Where the names are from, for messages.

        Raises:
            DataError: There is no picture of a name, or several could be meant.
        """
        found = [self.find(name, part) for name in names]
        missing = [name for name, path in zip(names, found, strict=True) if path is None]
        if missing:
            raise DataError(
                f"{self._folder} has no picture '{quoted(missing[0])}', which {place} names ({len(missing):,} of "
                f"{len(names):,} are missing): add them, or remove the rows."
            )
        return [path for path in found if path is not None]

    def left_over(self, found: Sequence[Path]) -> list[Path]:
        """Return the pictures that are next to some of these and not among them, in the order of their names."""
        folders, known = {path.parent for path in found}, set(found)
        every = (self._folder / path for paths in self._by_stem.values() for path in paths)
        return sorted(path for path in every if path.parent in folders and path not in known)


def _path(name: str) -> PurePosixPath:
    return PurePosixPath(name.strip().replace("\\", "/").removeprefix("./"))


def _is_meant(path: PurePosixPath, wanted: PurePosixPath) -> bool:
    if wanted.suffix.lower() in SUFFIXES and path.name != wanted.name:
        return False
    inside = wanted.parent.parts
    return not inside or path.parent.parts[-len(inside) :] == inside


def _of_part(found: list[PurePosixPath], part: Part) -> list[PurePosixPath]:
    other = "test" if part == "train" else "train"
    own = [path for path in found if any(part in folder.lower() for folder in path.parent.parts)]
    return own or [path for path in found if not any(other in folder.lower() for folder in path.parent.parts)] or found
