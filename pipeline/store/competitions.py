"""Where a competition's files are, and what the user chose for it: ``data/kaggle/<name>/`` and ``<name>.json``."""

import os
from collections.abc import Callable
from pathlib import Path

from pydantic import TypeAdapter

from pipeline.contracts import Shape
from pipeline.facts.competition import CompetitionChoices
from pipeline.store import atomic, lock, typed_files
from pipeline.store.home import Home

_SCHEMA = TypeAdapter(CompetitionChoices)
MOUNTED = "KAGGLE_CACHE_MOUNT_FOLDER"
"""The variable in which a Kaggle notebook may name the folder of its input; Kaggle's own client reads it, too."""


def folder(home: Home, name: str) -> Path | None:
    """Return the folder with a competition's files: in the home, or a Kaggle notebook's input; ``None`` without any.

    Raises:
        StoreError: No competition can have this name.
    """
    own = home.competition(name)
    mounted = Path(os.environ.get(MOUNTED) or "/kaggle/input")
    places = (own, mounted / name, mounted / "competitions" / name)
    return next((place for place in places if _has_files(place)), None)


def names(home: Home) -> list[str]:
    """Return the names of the competitions that were downloaded to the home, or for which something was chosen."""
    place = home.data / "kaggle"
    found = [path for path in place.glob("[!.]*") if path.suffix == ".json" or _has_files(path)]
    return sorted({path.name.removesuffix(".json") for path in found})


def find(home: Home, name: str) -> tuple[Path | None, Shape | None]:
    """Return the folder with a competition's files, and the shape that the user chose for its images.

    Raises:
        StoreError: The record of what was chosen is damaged.
    """
    return folder(home, name), choices(home, name).shape


def choices(home: Home, name: str) -> CompetitionChoices:
    """Return what the user chose for a competition.

    Raises:
        StoreError: The record is damaged.
    """
    path = _file(home, name)
    return typed_files.parse(_SCHEMA, atomic.read_bytes(path), path) if path.exists() else CompetitionChoices()


def merged(home: Home, name: str, given: CompetitionChoices) -> CompetitionChoices:
    """Return new choices for a competition with the earlier ones, of which each keeps its value unless it is given.

    Raises:
        StoreError: The record is damaged.
    """
    return choices(home, name).model_copy(update={key: value for key, value in given if value is not None})


def remember(home: Home, name: str, given: CompetitionChoices, notify: Callable[[str], None]) -> None:
    """Record what the user chose for a competition, once it is known to fit; earlier choices stay.

    Args:
        home: The home folder.
        name: The competition.
        given: The new choices; a field that is ``None`` keeps its earlier value.
        notify: Receives a sentence if another command writes to the home.

    Raises:
        StoreError: The record is damaged, or the disk fails.
    """
    chosen = merged(home, name, given)
    if chosen != choices(home, name):
        with lock.writing(home, wait=True, notify=notify):
            atomic.write_json(_file(home, name), chosen.model_dump(mode="json", exclude_none=True))


def _file(home: Home, name: str) -> Path:
    own = home.competition(name)
    return own.parent / f"{own.name}.json"


def _has_files(place: Path) -> bool:
    return place.is_dir() and any(not path.name.startswith(".") for path in place.iterdir())
