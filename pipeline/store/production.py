"""Which version serves a dataset, and how it came to serve it."""

from pathlib import Path

from pipeline.contracts import Deployment
from pipeline.errors import DeployError, StoreError, UnreadableError
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.store import atomic, deployments, manifest
from pipeline.store.home import Home

CURRENT = "current.json"
HISTORY = "history.jsonl"
LEFT_BEHIND = ("native/checkpoints/", "report.html", "plots/", "predictions.npz", "history.csv")
"""Files of a version that its bundle leaves out."""
DOCTOR = "`simulator.py doctor --repair` restores it from the history."


def current(home: Home, dataset: str) -> Deployment | None:
    """Return the champion of a dataset, ``None`` if there is none yet.

    Raises:
        StoreError: ``current.json`` is damaged.
    """
    record = current_record(home, dataset)
    return None if record is None else _deployment(home, record)


def current_record(home: Home, dataset: str) -> DeploymentRecord | None:
    """Return what ``current.json`` says, ``None`` if there is none.

    Raises:
        StoreError: It is damaged.
    """
    path = home.production_of(dataset) / CURRENT
    if not path.exists():
        return None
    record = deployments.parse(atomic.read_bytes(path), str(path), DOCTOR)
    if record.dataset != dataset:
        raise StoreError(f"{path} is damaged (it names the dataset '{record.dataset}'): {DOCTOR}")
    return record


def datasets(home: Home) -> list[str]:
    """Return the datasets that have a champion, by name."""
    return sorted(path.parent.name for path in home.production.glob(f"*/{CURRENT}"))


def all_current(home: Home) -> list[Deployment]:
    """Return every dataset's champion; one that cannot be read is left out, and ``problems`` names it."""
    found = []
    for dataset in datasets(home):
        try:
            deployment = current(home, dataset)
        except StoreError:
            continue
        if deployment:
            found.append(deployment)
    return found


def the_champion(home: Home, dataset: str | None, choose: str) -> Deployment:
    """Return the champion of a dataset; without a name, of the only dataset that has one.

    Args:
        home: The home folder.
        dataset: Its name, or ``None``.
        choose: How to name one of several, as the end of a sentence.

    Raises:
        DeployError: Nothing serves, or several do and none is named.
        StoreError: ``current.json`` is damaged.
    """
    served = datasets(home)
    if not served:
        raise DeployError("Nothing is in production yet: `simulator.py run` trains, judges and promotes.")
    name = dataset if dataset is not None else (served[0] if len(served) == 1 else None)
    if name is None:
        raise DeployError(f"Several datasets have a champion ({', '.join(served)}): {choose}.")
    champion = current(home, name)
    if champion is None:
        raise DeployError(f"The dataset '{name}' has no champion; these have: {', '.join(served)}.")
    return champion


def before(home: Home, champion: Deployment) -> DeploymentRecord | None:
    """Return the champion before this one, which a rollback brings back; ``None`` for the first.

    Raises:
        StoreError: A line of the history is damaged.
    """
    standing = deployments.champions(records(home, champion.dataset))
    return standing[-2] if len(standing) > 1 else None


def problems(home: Home) -> list[str]:
    """Return what keeps a champion from being shown or served, one sentence each; file contents are not read."""
    found = []
    try:
        recorded = {record.dataset for record in records(home)}
    except StoreError as error:
        recorded = set()
        found.append(str(error))
    for dataset in sorted(recorded | set(datasets(home))):
        try:
            champion = current_record(home, dataset)
        except StoreError as error:
            found.append(str(error))
            continue
        if champion is None:
            found.append(f"{home.production_of(dataset) / CURRENT} is missing: {DOCTOR}")
        elif (damage := bundle_damage(home, champion, content=False)) is not None:
            found.append(
                f"The bundle of {champion.id} is damaged: {damage} "
                "`simulator.py doctor --repair` restores it from its version."
            )
    return found


def records(home: Home, dataset: str | None = None) -> tuple[DeploymentRecord, ...]:
    """Return every promotion, rollback and override, oldest first, of one dataset or of all.

    Raises:
        StoreError: A line of ``history.jsonl`` is damaged; the sentence names it.
    """
    path = history_file(home)
    found = deployments.parse_history(atomic.read_lines(path), path)
    return tuple(record for record in found if dataset in (None, record.dataset))


def deployed(home: Home) -> list[DeploymentRecord]:
    """Return the newest record of every version that ever served a dataset.

    Raises:
        StoreError: A line of ``history.jsonl`` is damaged; the sentence names it.
    """
    return list({(record.dataset, record.id): record for record in records(home)}.values())


def install(home: Home, version_folder: Path, record: DeploymentRecord) -> Deployment:
    """Bring a version's bundle into place, record the deployment, and name it champion, in this order.

    The history is the write-ahead log: ``complete`` names what was recorded but not yet named.

    Args:
        home: The home folder.
        version_folder: The version to serve; its bundle is copied if it is not there.
        record: What is added to the history.

    Raises:
        StoreError: The disk fails or the copy is damaged; the old champion still serves.
    """
    if bundle_damage(home, record, content=True) is not None:
        copy_bundle(version_folder, bundle_of(home, record))
    atomic.append_line(history_file(home), record.model_dump_json(ensure_ascii=True))
    _name_champion(home, record)
    return _deployment(home, record)


def complete(home: Home) -> list[tuple[Deployment, bool]]:
    """Rewrite each ``current.json`` that does not name the champion that the history names.

    Returns:
        What was named, and whether a killed command had just recorded it; otherwise ``current.json`` was lost or
        damaged.

    Raises:
        StoreError: The history is damaged, or the disk fails.
    """
    done = []
    everything = records(home)
    for dataset in sorted({record.dataset for record in everything}):
        own = [record for record in everything if record.dataset == dataset]
        serving, damaged = _readable_current(home, dataset)
        if serving == own[-1]:
            continue
        _name_champion(home, own[-1])
        before = own[-2] if len(own) > 1 else None
        done.append((_deployment(home, own[-1]), serving == before and not damaged))
    return done


def bundle_of(home: Home, record: DeploymentRecord) -> Path:
    """Return the folder from which a recorded version serves."""
    return home.production_of(record.dataset) / record.id


def bundle_damage(home: Home, record: DeploymentRecord, *, content: bool) -> str | None:
    """Return what is wrong with the bundle of a recorded version, in a sentence; ``None`` if all is well.

    Args:
        home: The home folder.
        record: Names the version and its digest.
        content: Hash every file; otherwise only presence and size are checked.
    """
    bundle = bundle_of(home, record)
    damage = manifest.damage(bundle, content=content)
    if damage is None and manifest.read(bundle).digest != record.digest:
        return "it holds a different model from the one in the history."
    return damage


def copy_bundle(version_folder: Path, bundle: Path) -> None:
    """Copy a version to a verified bundle; a damaged bundle in its place is replaced.

    Raises:
        StoreError: The version is damaged, or the disk fails.
    """
    staging = atomic.temporary_name(bundle)
    try:
        facts = manifest.read(version_folder)
        kept = {name: file for name, file in facts.files.items() if not name.startswith(LEFT_BEHIND)}
        for name in kept:
            atomic.write_bytes(staging / name, manifest.read_checked(version_folder, name))
        manifest.write(staging, facts.model_copy(update={"files": kept}))
        if (damage := manifest.damage(staging, content=True)) is not None:
            raise StoreError(f"The bundle of {bundle.name} came out damaged: {damage} The champion was not changed.")
        atomic.remove_tree(bundle)
        atomic.publish_folder(staging, bundle)
    finally:
        atomic.remove_tree(staging)


def history_file(home: Home) -> Path:
    """Return the path of the write-ahead log of production."""
    return home.production / HISTORY


def _readable_current(home: Home, dataset: str) -> tuple[DeploymentRecord | None, bool]:
    try:
        return current_record(home, dataset), False
    except UnreadableError:
        raise
    except StoreError:
        return None, True


def _name_champion(home: Home, record: DeploymentRecord) -> None:
    atomic.write_json(home.production_of(record.dataset) / CURRENT, record.model_dump())


def _deployment(home: Home, record: DeploymentRecord) -> Deployment:
    return Deployment(**record.model_dump(), folder=bundle_of(home, record))
