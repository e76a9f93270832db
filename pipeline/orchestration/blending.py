"""What ``blend`` does: turn versions into their weighted mean, which is judged like any other challenger."""

import os
import platform
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from pipeline import moments
from pipeline.config import Settings
from pipeline.contracts import Candidate, Cell, Images, LabelledImages, Probabilities, Split, Version
from pipeline.data import digests
from pipeline.data.notices import Notify
from pipeline.deployer import Deployer
from pipeline.errors import DataError, ModelError, SettingsError
from pipeline.facts.manifest_facts import (
    BlendFacts,
    Machine,
    Manifest,
    MemberFacts,
    Parity,
    RowFacts,
    Timings,
    Validation,
)
from pipeline.inference import checked_model, out_of_fold, parity
from pipeline.inference.measure import MeasuredModel
from pipeline.inference.predictor import OnnxPredictor
from pipeline.inspection import reporting
from pipeline.judging import scalar_figures, trained_on
from pipeline.judging.competition_metrics import CompetitionMetric
from pipeline.judging.policy import from_table
from pipeline.models import blend_weights, onnx_mean
from pipeline.models.runtime import granted_threads
from pipeline.orchestration.blended import Blended, Member, mixed
from pipeline.orchestration.judge_stored import Wanted, load_now, split_now
from pipeline.publishing import entry, hub
from pipeline.store import atomic, ledger_files, lock, manifest, production, training_history, version_arrays, versions
from pipeline.store.home import Home
from pipeline.trainer import Trainer, describe_dataset, library_versions, version_id
from pipeline.watcher import Watcher

RECIPE: Final = "blend"
NATIVE = "native/blend.json"


def blend(settings: Settings, home: Home, ids: Sequence[str], notify: Notify) -> Blended:
    """Learn the weights of versions on validation images, and have their mean judged.

    Args:
        settings: The gate, the benchmark's size, where images are, and the metric, or the competition that has one.
        home: The home folder.
        ids: Versions of one dataset, by their ids or parts of them.
        notify: Called with a sentence that a user should read.

    Raises:
        SettingsError: There are fewer than two versions, they belong to several datasets, or the gate compares out of
            fold.
        ModelError: A single member is as good as any blend of them.
        PipelineError: A version is unknown or damaged, its dataset is gone, or the disk fails.
    """
    policy = from_table(settings.gate or None)
    if policy.out_of_fold:
        raise SettingsError(
            f"The gate '{policy.name}' cannot judge a blend, which is not trained in folds: name another with "
            "`--gate`, such as guarded."
        )
    metric = entry.scored_by(settings, home, notify, fetch=False)
    with lock.writing(home, wait=True, notify=notify):
        listed = versions.list_versions(home)
        chosen = _chosen(home, ids)
        data = load_now(settings, home, Wanted(), chosen, notify)
        split = split_now(settings, home, data, notify)
        trained_on.require_unseen(ledger_files.read(home, data.name, listed), policy)
        members = _weighted(data, split, chosen, metric)
        labels = data.labels[split.screening_rows]
        used = [member for member in members if member.weight > 0]
        if len(used) < 2:
            raise ModelError(
                f"A blend gains nothing: on the {len(labels):,} validation images {used[0].version.id} alone is "
                "as good as any mean of these versions."
            )
        cell = _cell(used, split)
        known = versions.by_cell(listed).get(cell.digest)
        if known is not None:
            return Blended(known, members, labels, metric, new=False)
        candidate = _made(home, used, data, cell, metric)
        version = _judged(home, Watcher(home, policy, listed), candidate, data, split)
        reporting.publish(home)
        if production.current(home, data.name):
            hub.keep_mirror(home, data.name)
    return Blended(version, members, labels, metric, new=True)


def _chosen(home: Home, ids: Sequence[str]) -> list[Version]:
    found = [versions.require_whole(versions.find(home, text)) for text in ids]
    chosen = list({version.id: version for version in found}.values())
    if len(chosen) < 2:
        raise SettingsError("A blend needs at least two different versions: `simulator.py versions` lists them.")
    folded = next((version for version in chosen if version.manifest.rows.benchmark_in_folds), None)
    if folded is not None:
        raise SettingsError(
            f"{folded.id} was trained with the benchmark in its folds, so no blend with it can be judged."
        )
    names = sorted({version.manifest.dataset.name for version in chosen})
    if len(names) > 1:
        raise SettingsError(f"These are versions of several datasets ({', '.join(names)}): blend versions of one.")
    return chosen


def _weighted(data: LabelledImages, split: Split, chosen: Sequence[Version], metric: CompetitionMetric) -> list[Member]:
    """The members with what they answer for the validation images, on which none of them was fitted, and weights."""
    rows = split.screening_rows
    if len(rows) == 0:
        raise DataError(f"{data.name} has no validation images to learn weights on: add some images.")
    asked = data.digests[rows]
    found = []
    for version in chosen:
        checked = checked_model.load(version.folder, version.manifest.digest)
        answers = MeasuredModel(checked.content).probabilities(data.at(rows), asked)
        found.append((version, checked.content, out_of_fold.replaced(answers, asked, version.folder)))
    weights = blend_weights.learned([answers for *_, answers in found], data.labels[rows], metric)
    return [Member(*one, float(weight)) for one, weight in zip(found, weights, strict=True)]


def _cell(members: Sequence[Member], split: Split) -> Cell:
    parameters = {member.version.id: member.weight for member in members}
    identity = [[member.version.manifest.digest, member.weight] for member in members]
    return Cell(RECIPE, 0, split, parameters, manifest.canonical_digest({RECIPE: identity}))


def _made(
    home: Home, members: Sequence[Member], data: LabelledImages, cell: Cell, metric: CompetitionMetric
) -> Candidate:
    folder = Trainer(home.staging, versions.ids(home)).claim(version_id(cell))
    try:
        return _written(folder, members, data, cell, metric)
    except BaseException:
        atomic.remove_tree(folder)
        raise


def _written(
    folder: Path, members: Sequence[Member], data: LabelledImages, cell: Cell, metric: CompetitionMetric
) -> Candidate:
    started = time.perf_counter()
    atomic.write_json(folder / NATIVE, _blend_facts(members, metric).as_json())
    _write_model(folder, members, len(data.classes))
    proof = _parity(folder, members, parity.images(data, cell.split))
    seconds = time.perf_counter() - started
    training_history.write(folder, ())
    seen = _training_images(members)
    atomic.write_bytes(folder / version_arrays.TRAINING_IMAGES, version_arrays.training_images_content(seen))
    validation = _validated(folder, members, data, cell.split)
    counts = [member.version.manifest.weights for member in members]
    facts = Manifest(
        format=manifest.FORMAT,
        id=folder.name,
        created_at=moments.now(),
        cell=cell.digest,
        recipe=RECIPE,
        family=RECIPE,
        native_format=RECIPE,
        native_file=NATIVE,
        parameters=dict(cell.parameters),
        seed=cell.split.seed,
        weights=None if None in counts else sum(count for count in counts if count is not None),
        best_step=None,
        dataset=describe_dataset(data),
        rows=_row_facts(seen, cell.split),
        validation=validation,
        parity=proof,
        timings=Timings(fit_seconds=_fit_seconds(members), export_seconds=seconds),
        libraries=library_versions(),
        machine=Machine(
            cores=os.cpu_count(), threads=granted_threads() or os.cpu_count(), platform=platform.platform()
        ),
        digest="",
        files={},
        blend=_blend_facts(members, metric),
    )
    manifest.create(folder, facts)
    return versions.candidate_of(folder)


def _write_model(folder: Path, members: Sequence[Member], n_classes: int) -> None:
    with atomic.disk_errors(folder), tempfile.TemporaryDirectory(prefix="pipeline-members-") as place:
        files = [Path(place) / f"{number}.onnx" for number in range(len(members))]
        for member, file in zip(members, files, strict=True):
            file.write_bytes(member.content)
        onnx_mean.write(files, folder / manifest.MODEL, n_classes, [member.weight for member in members])


def _parity(folder: Path, members: Sequence[Member], images: Images) -> Parity:
    parts = [member.weight * OnnxPredictor(member.content).predict(images) for member in members]
    expected: Probabilities = np.sum(parts, axis=0, dtype=np.float32)
    return parity.proven(expected, OnnxPredictor(folder / manifest.MODEL).predict(images))


def _validated(folder: Path, members: Sequence[Member], data: LabelledImages, split: Split) -> Validation:
    """The blend's results on the validation images; what it answers for them is kept if a member was fitted on some."""
    rows = split.screening_rows
    answers, labels = mixed(members), data.labels[rows]
    if any(version_arrays.out_of_fold(member.version.folder) is not None for member in members):
        unseen = version_arrays.OutOfFold(answers, labels, data.digests[rows])
        atomic.write_bytes(folder / version_arrays.OUT_OF_FOLD, version_arrays.out_of_fold_content(unseen))
    accuracy = float((answers.argmax(axis=1) == labels).mean())
    return Validation(accuracy=accuracy, log_loss=scalar_figures.log_loss(answers, labels))


def _judged(home: Home, watcher: Watcher, candidate: Candidate, data: LabelledImages, split: Split) -> Version:
    verdict = watcher.run(candidate, production.current(home, data.name), data, split)
    reporting.add_report(home, candidate.folder, verdict, data, split)
    version = versions.publish(home, candidate, verdict)
    if verdict.outcome == "pass":
        Deployer(home).run(version)
    reporting.add_result(home, version)
    return version


def _blend_facts(members: Sequence[Member], metric: CompetitionMetric) -> BlendFacts:
    return BlendFacts(
        metric=metric.name,
        members=tuple(
            MemberFacts(id=one.version.id, digest=one.version.manifest.digest, weight=one.weight) for one in members
        ),
    )


def _training_images(members: Sequence[Member]) -> version_arrays.TrainingImages:
    """What any member was fitted on, and what others validated with."""
    seen = [version_arrays.training_images(member.version) for member in members]
    train = np.unique(np.concatenate([one.train for one in seen]))
    validation = np.unique(np.concatenate([one.validation for one in seen]))
    return version_arrays.TrainingImages(train, validation[~digests.contained(validation, train)])


def _row_facts(seen: version_arrays.TrainingImages, split: Split) -> RowFacts:
    return RowFacts(
        train=len(seen.train),
        validation=len(seen.validation),
        train_size=len(seen.train) + len(seen.validation),
        benchmark=len(split.benchmark),
        train_sha256=digests.set_digest(seen.train),
        validation_sha256=digests.set_digest(seen.validation),
        benchmark_sha256=split.benchmark_sha256,
    )


def _fit_seconds(members: Sequence[Member]) -> float:
    """Seconds in which all members were fitted: what a blend costs."""
    return sum(member.version.manifest.timings.fit_seconds for member in members)
