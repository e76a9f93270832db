"""A run: growing amounts of data through trainer, watcher, deployer and application."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.application import Application, escape_notice, stand_in
from pipeline.config import DEFAULT_COMPETITION, Settings
from pipeline.contracts import Cell, Deployment, LabelledImages, Submission, UnlabelledImages
from pipeline.data import sources, splits, unlabelled
from pipeline.data.preparation import Preparation, from_facts
from pipeline.errors import DataError, PipelineError, SettingsError
from pipeline.inspection import datasets, lineages, reporting
from pipeline.judging import disclosure
from pipeline.judging.policy import from_table
from pipeline.orchestration import benchmark_use, refitting
from pipeline.orchestration.session import Observer, Row, Session
from pipeline.planning.cells import plan_cells, recipes_of
from pipeline.publishing import hub, submitter
from pipeline.services import mlflow
from pipeline.services.calls import Patience
from pipeline.store import (
    lock,
    manifest,
    production,
    role_records,
    submissions,
    tuning_journal,
    version_folder,
    versions,
)
from pipeline.store.home import Home
from pipeline.watcher import Watcher


@dataclass(frozen=True)
class Summary:
    """What a run leaves behind.

    Attributes:
        dataset: The dataset's name.
        rows: One a cell, in the order of judgement.
        champion: The version in production; ``None`` if nothing has passed yet.
        submission: The champion's predictions, ``None`` without a champion.
        figures: The files worth looking at, by what they show.
        problem: Why nothing was submitted although that was asked for; all the rest is done.
    """

    dataset: str
    rows: tuple[Row, ...]
    champion: Deployment | None
    submission: Submission | None
    figures: Mapping[str, Path]
    problem: PipelineError | None = None


def run(settings: Settings, home: Home, observer: Observer, *, wait: bool = True) -> Summary:
    """Train, judge and promote every cell in growing order, then predict with the champion.

    Raises:
        PipelineError: Bad input, or a stage that could not do its work; whatever was finished stays.
    """
    policy = from_table(settings.gate or None)
    recipes = recipes_of(settings, observer.notice)
    if settings.refit is not None and not settings.submit:
        raise SettingsError("--refit is for a submission alone: add --submit, or leave it out.")
    if settings.submit and _test_file(settings, home) is None:
        raise SettingsError(
            "--submit needs Kaggle's test images: `simulator.py kaggle download`, or --test-images FILE."
        )
    spec, known_name = datasets.source_of(home, settings.dataset)
    data = sources.load(
        spec,
        data_dir=settings.data_dir,
        name=settings.name or known_name,
        kaggle_dir=home.competition(DEFAULT_COMPETITION),
        datasets=home.datasets,
        notify=observer.notice,
    )
    test_file = _test_file(settings, home)
    test_images = unlabelled.load(test_file, data.shape, preparation=_declared(data)) if test_file else None
    with lock.writing(home, wait=wait, notify=observer.notice):
        _require_same_kind(home, data)
        listed = versions.list_versions(home)
        cells = _plan(settings, recipes, home, data, observer, benchmark_in_folds=policy.out_of_fold)
        benchmark_use.settle(home, policy, data.name, cells[0].split, listed=listed, notify=observer.notice)
        reporting.refresh_results(home, listed)
        session = Session(settings, home, data, listed, Watcher(home, policy, listed), observer)
        rows = session.judge_again(tuple(session.rows(cells)), cells)
        champion = production.current(home, data.name)
        images = stand_in(data, cells[0].split) if test_images is None else test_images
        submission = _predict(home, champion, images, observer) if champion else None
    ids = [row.version.id for row in rows if row.version] + ([champion.id] if champion else [])
    _track(settings, home, ids, observer)
    scored = submissions.read(home)
    problem = None
    if settings.submit and submission:
        problem = _submit(home, submission, images, observer, seeds=settings.refit, data=data)
    if champion and submissions.read(home) != scored:
        _track(settings, home, [champion.id], observer)
    with lock.writing(home, wait=True, notify=observer.notice):
        figures = reporting.publish(home)
        if champion:
            hub.keep_mirror(home, data.name)
    return Summary(data.name, rows, champion, submission, figures, problem)


def _require_same_kind(home: Home, data: LabelledImages) -> None:
    """A champion of other classes or another image size is no opponent: that is another dataset."""
    champion = production.current(home, data.name)
    if champion is None:
        return
    application = Application(champion)
    if (application.classes, application.shape) != (data.classes, data.shape):
        raise DataError(
            f"{champion.id} serves '{data.name}' with {len(application.classes)} classes of {application.shape} "
            f"images, but these have {len(data.classes)} of {data.shape}: "
            "give this dataset a name of its own with --name."
        )
    datasets.require_same_source(manifest.read(champion.folder).dataset, data)


def _declared(data: LabelledImages) -> Preparation | None:
    return from_facts(data.preparation) if data.preparation else None


def _plan(
    settings: Settings,
    recipes: Mapping[str, Mapping[str, Any]],
    home: Home,
    data: LabelledImages,
    observer: Observer,
    *,
    benchmark_in_folds: bool,
) -> list[Cell]:
    known = role_records.load(home, data.name)
    recorded = splits.assign_roles(data, known)
    if known is None:
        for sentence in lineages.in_words(home, data.name, recorded):
            observer.notice(sentence)
    cells = plan_cells(settings, recipes, data, recorded, observer.notice, benchmark_in_folds=benchmark_in_folds)
    role_records.save(home, data.name, recorded)
    return [
        replace(cell, tuned=tuning_journal.tuned(home, data.name, cell.recipe, dict(cell.parameters))) for cell in cells
    ]


def _test_file(settings: Settings, home: Home) -> Path | None:
    downloaded = home.competition(DEFAULT_COMPETITION) / "test.csv"
    if settings.test_images is None and (settings.dataset == "kaggle" or settings.submit) and downloaded.exists():
        return downloaded
    return settings.test_images


def _predict(home: Home, champion: Deployment, images: UnlabelledImages, observer: Observer) -> Submission:
    submission = Application(champion).run(images, home.metric_results / champion.dataset / "submission.csv")
    if escaped := escape_notice(submission):
        observer.notice(escaped)
    withheld = disclosure.withholds(version_folder.champion_verdict(home, champion))
    return replace(submission, accuracy=None) if withheld else submission


def _submit(
    home: Home,
    submission: Submission,
    images: UnlabelledImages,
    observer: Observer,
    *,
    seeds: int | None,
    data: LabelledImages,
) -> PipelineError | None:
    """Submit the champion's predictions, or its refit's; a refusal is returned, since the run itself is done."""
    try:
        made = None
        if seeds is not None:
            champion = versions.find(home, submission.version_id)
            request = refitting.RefitRequest(champion, seeds, images)
            made = refitting.refit(home, request, data, observer.notice)
            submission = refitting.predict(made, submission, images)
        submitter.after_run(
            home,
            submission,
            images,
            competition=DEFAULT_COMPETITION,
            patience=Patience(),
            notify=observer.notice,
            refit=made,
        )
    except PipelineError as error:
        return error
    return None


def _track(settings: Settings, home: Home, ids: Sequence[str], observer: Observer) -> None:
    """Record judged versions with MLflow, if asked; what goes wrong there stops nothing."""
    if settings.track is None:
        return
    uri = mlflow.uri_of(settings.track, home.metric_results)
    wanted = [version for version in versions.list_versions(home) if version.id in ids]
    for sentence in mlflow.track(wanted, uri, home.metric_results, submissions.figures(home)):
        observer.notice(sentence)
