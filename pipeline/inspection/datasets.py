"""What ``--dataset`` means, in every command: a built-in set, a dataset that grows, a path, or a name with versions."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from pipeline.config import Settings
from pipeline.contracts import LabelledImages, Shape
from pipeline.data import snapshots, sources
from pipeline.data.notices import Notify
from pipeline.errors import DataError, SettingsError
from pipeline.facts.manifest_facts import DatasetFacts, Manifest
from pipeline.store import competitions, production, versions
from pipeline.store.home import Home


def load(
    home: Home,
    spec: str,
    *,
    name: str | None,
    data_dir: Path | None,
    notify: Notify,
    shape: Shape | None = None,
    to_train: bool = True,
) -> LabelledImages:
    """Load and validate a dataset, competitions and growing datasets being those of a home; see ``sources.load``.

    Raises:
        DataError: Nothing usable is there; names file and row.
    """
    return sources.load(
        spec,
        data_dir=data_dir,
        name=name,
        competition=partial(competitions.find, home),
        datasets=home.datasets,
        shape=shape,
        to_train=to_train,
        notify=notify,
    )


def load_wanted(settings: Settings, home: Home, notify: Notify) -> LabelledImages:
    """Load the dataset that settings name: their own, or that of their competition.

    Raises:
        SettingsError: ``--shape`` is not the shape of its images.
        DataError: Nothing usable is there; names file and row.
    """
    wanted = settings.dataset
    if wanted == "auto" and settings.competition:
        wanted = sources.spec_of(settings.competition)
    spec, known_name = source_of(home, wanted)
    name = settings.name or known_name
    data = load(home, spec, name=name, data_dir=settings.data_dir, notify=notify, shape=settings.shape)
    if settings.shape not in (None, data.shape):
        raise SettingsError(
            f"{data.source} has images of {data.shape}: --shape is for pictures, and for pixels in a CSV."
        )
    return data


def files_of(home: Home, data: LabelledImages, rows: Iterable[int]) -> dict[int, str]:
    """Return the picture files of some rows, as far as the images of a dataset have files.

    Raises:
        DataError: A shard of a growing dataset is missing or damaged.
    """
    if data.files:
        return {row: data.files[row] for row in rows}
    if not data.origin or not snapshots.refers(data.origin, home.datasets):
        return {}
    snapshot = snapshots.find(home.datasets, data.origin)
    return snapshots.files_of(home.datasets / snapshot.name, snapshot, rows)


def source_of(home: Home, given: str) -> tuple[str, str | None]:
    """Return what to load for ``--dataset``, and the name to keep it under (``None``: its own).

    Args:
        home: The home folder.
        given: A built-in set, a dataset that grows (``NAME`` or ``NAME@SNAPSHOT``), a path, or the name of a dataset
            that versions were trained on.
    """
    if snapshots.refers(given, home.datasets):
        return given, None
    if sources.is_built_in(given) or sources.expanded(given).exists():
        return given, None
    origins = [facts.origin for facts in _recorded(home) if facts.name == given and facts.origin]
    return (_growing(home, origins[-1]), given) if origins else (given, None)


def stored_source(home: Home, name: str) -> str:
    """Return what to load to read a dataset that versions were trained on again, as it is now.

    Raises:
        DataError: No version of it records where its images were.
    """
    found = [facts for facts in _recorded(home) if facts.name == name]
    # Versions of 0.1.0 record no origin.
    origins = [facts.origin for facts in found if facts.origin]
    if not origins and not (found and name in sources.BUILT_IN):
        raise DataError(f"No version of '{name}' records where its images are: name them with --dataset.")
    return _growing(home, origins[-1]) if origins else name


def recorded_source(version: Manifest) -> str:
    """Return what to load to read the images that a version was made from again.

    Raises:
        DataError: It does not record where they are.
    """
    facts = version.dataset
    # Versions of 0.1.0 record no origin; the digest distinguishes a user's `digits` from the built-in dataset.
    origin = facts.origin or (facts.name if sources.is_built_in(facts.name) else None)
    if origin is None:
        raise unrecorded(version)
    return origin


def unrecorded(version: Manifest) -> DataError:
    """Return the error of a version that does not record where its images are."""
    return DataError(
        f"{version.id} does not record where to find its images ({version.dataset.source}): name them with --dataset."
    )


def name_of(home: Home, given: str) -> str:
    """Return the name that a dataset's versions and champion are kept under.

    Args:
        home: The home folder.
        given: That name, the path that its versions were trained on, or ``NAME@SNAPSHOT``.
    """
    given = _growing(home, given)
    if given in production.datasets(home) or not sources.expanded(given).exists():
        return given
    recorded = _recorded(home)
    if any(facts.name == given for facts in recorded):
        return given
    origin = sources.origin_of(Path(given))
    return next((facts.name for facts in reversed(recorded) if facts.origin == origin), given)


def require_same_source(recorded: DatasetFacts, data: LabelledImages) -> None:
    """Refuse a built-in set under the name of a user's own dataset, and the reverse.

    Args:
        recorded: The dataset as a version's manifest describes it.
        data: Images that go by the same name.

    Raises:
        DataError: The two are different datasets.
    """
    origins = {recorded.origin, data.origin}
    if "" in origins or len(origins) == 1 or recorded.sha256 == data.sha256:
        return
    if any(map(sources.is_built_in, origins)):
        raise DataError(
            f"The versions of '{data.name}' were trained on {recorded.source}, and these images are "
            f"{data.source}: give this dataset a name of its own with --name."
        )


def _growing(home: Home, spec: str) -> str:
    """The dataset of a snapshot, so that it is read as it is now; anything else as it is."""
    return spec.partition("@")[0] if snapshots.refers(spec, home.datasets) else spec


def _recorded(home: Home) -> list[DatasetFacts]:
    return [found.known_manifest.dataset for found in versions.list_versions(home) if found.known_manifest]
