"""What ``judge`` does: find the versions, load their dataset as it is now, judge them again, and renew the figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config import Settings
from pipeline.contracts import LabelledImages, Split, Version
from pipeline.data import splits
from pipeline.data.notices import Notify
from pipeline.errors import DataError, SettingsError
from pipeline.inspection import datasets, reporting
from pipeline.judging import trained_on
from pipeline.judging.policy import GatePolicy, from_table
from pipeline.orchestration.rejudging import Rejudge, Rejudgement, can_be_judged, was_promising
from pipeline.publishing import hub
from pipeline.store import ledger_files, lock, production, role_records, versions
from pipeline.store.home import Home
from pipeline.watcher import Watcher


@dataclass(frozen=True)
class Wanted:
    """What a user asked for.

    Attributes:
        ids: Versions, by their ids or parts of them; none means all that were refused for lack of proof alone.
        dataset: The dataset's name, or where its images are now; ``None`` takes what the versions record.
    """

    ids: tuple[str, ...] = ()
    dataset: str | None = None


def judge(settings: Settings, home: Home, wanted: Wanted, notify: Notify) -> list[Rejudgement]:
    """Judge versions again, most promising first, and promote what passes; returns them in that order.

    Raises:
        PipelineError: A version is unknown or damaged, its dataset is gone, or the disk fails; what was judged
            before stays.
    """
    policy = from_table(settings.gate or None)
    with lock.writing(home, wait=True, notify=notify):
        listed = versions.list_versions(home)
        chosen = _chosen(home, wanted, listed, policy)
        if not chosen:
            return []
        data = load_now(settings, home, wanted, chosen, notify)
        today = split_now(settings, home, data, notify)
        trained_on.require_unseen(ledger_files.read(home, data.name, listed), policy)
        done = list(Rejudge(home, Watcher(home, policy, listed), data, today).every(chosen))
        reporting.publish(home)
        if production.current(home, data.name):
            hub.keep_mirror(home, data.name)
    return done


def _chosen(home: Home, wanted: Wanted, listed: Sequence[Version], policy: GatePolicy) -> list[Version]:
    """The versions to judge, all of one dataset.

    Raises:
        SettingsError: They belong to several datasets.
        StoreError: A version is unknown or damaged.
    """
    named = datasets.name_of(home, wanted.dataset) if wanted.dataset else None
    chosen = [versions.require_whole(versions.find(home, text, named)) for text in dict.fromkeys(wanted.ids)]
    if not wanted.ids:
        promising = [version for version in listed if was_promising(version) and can_be_judged(version, policy)]
        chosen = [version for version in promising if named in (None, _name(version))]
    names = sorted({_name(version) for version in chosen})
    if len(names) > 1:
        raise SettingsError(f"These are versions of several datasets ({', '.join(names)}): name one with --dataset.")
    if named and names and names != [named] and wanted.ids:
        raise SettingsError(f"{chosen[0].id} is a version of '{names[0]}', not of '{named}'.")
    return list({version.id: version for version in chosen}.values())


def load_now(
    settings: Settings, home: Home, wanted: Wanted, chosen: Sequence[Version], notify: Notify
) -> LabelledImages:
    """Return the dataset of versions as it is now.

    Raises:
        DataError: It is gone, or other classes or another image size than the versions' are there now.
    """
    facts = chosen[0].manifest.dataset
    is_path = wanted.dataset is not None and wanted.dataset != facts.name
    spec = str(wanted.dataset) if is_path else datasets.stored_source(home, facts.name)
    data = datasets.load(
        home, spec, name=facts.name, data_dir=settings.data_dir, notify=notify, shape=settings.shape or facts.shape
    )
    for version in chosen:
        own = version.manifest.dataset
        if (own.classes, own.shape) != (data.classes, data.shape):
            raise DataError(
                f"{version.id} knows {len(own.classes)} classes of {own.shape} images, and {spec} has "
                f"{len(data.classes)} of {data.shape} now: it cannot be judged on them."
            )
    datasets.require_same_source(facts, data)
    return data


def split_now(settings: Settings, home: Home, data: LabelledImages, notify: Notify) -> Split:
    """Today's rows: the benchmark of the wanted size, and everything else for training and validation."""
    roles = splits.assign_roles(data, role_records.load(home, data.name))
    sizes = splits.sizes(data, roles)
    test_size = splits.resolve_test_size(settings.test_size, sizes, notify=notify)
    today = splits.plan(data, roles, sizes.train, test_size, settings.seed)
    role_records.save(home, data.name, roles)
    return today


def _name(version: Version) -> str:
    return version.manifest.dataset.name
