"""Aliases of versions: the champion, the one before it, and the newest version."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import DeployError, StoreError
from pipeline.store import manifest, production
from pipeline.store.home import Home

CHAMPION, PREVIOUS, LATEST = "champion", "previous", "latest"
ALIASES = (CHAMPION, PREVIOUS, LATEST)
OF_DATASET = "name one, as in mnist@champion"


def parse(text: str, dataset: str | None) -> tuple[str, str | None] | None:
    """Return the alias in ``champion`` or ``mnist@champion`` and its dataset; ``None`` if the text is neither.

    Args:
        text: What a user gave.
        dataset: The dataset meant if the text names none.
    """
    named, at, alias = text.rpartition("@")
    return (alias, named if at else dataset) if alias in ALIASES and bool(at) == bool(named) else None


def version_id(home: Home, folders: Sequence[Path], alias: str, dataset: str | None) -> str:
    """Return the id of the version that has an alias now.

    Args:
        home: The home folder.
        folders: The folders of all versions, oldest first.
        alias: One of ``ALIASES``.
        dataset: The dataset; ``None`` is the only one that has a champion or, for the newest version, any.

    Raises:
        DeployError: Nothing serves or served before, or several datasets have a champion.
        StoreError: There is no version, or the history is damaged.
    """
    if alias == LATEST:
        return _newest(home, folders, dataset)
    champion = production.the_champion(home, dataset, OF_DATASET)
    if alias == CHAMPION:
        return champion.id
    before = production.before(home, champion)
    if before is None:
        raise DeployError(f"{champion.id} is the first champion of '{champion.dataset}': there is no previous one.")
    return before.id


def _newest(home: Home, folders: Sequence[Path], dataset: str | None) -> str:
    for folder in reversed(folders):
        if dataset is None or _dataset_of(folder) == dataset:
            return folder.name
    of = "" if dataset is None else f" of '{dataset}'"
    raise StoreError(f"There is no version{of} in {home.versions} yet: `simulator.py run` trains versions.")


def _dataset_of(folder: Path) -> str | None:
    try:
        return manifest.read(folder).dataset.name
    except StoreError:
        return None
