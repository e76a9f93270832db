"""A run: growing amounts of data through trainer, watcher, deployer and application."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.application import Application, escape_notice, stand_in
from pipeline.config import Settings
from pipeline.contracts import Cell, Deployment, LabelledImages, Refit, Submission, UnlabelledImages
from pipeline.data import sizes, sources, splits
from pipeline.errors import DataError, DeployError, PipelineError, SettingsError, shown
from pipeline.facts.competition import DEFAULT_COMPETITION, CompetitionChoices
from pipeline.inspection import datasets, lineages, reporting
from pipeline.judging import disclosure
from pipeline.judging.policy import from_table
from pipeline.orchestration import benchmark_use, growth, refitting
from pipeline.orchestration.asked import Asked, asked_by
from pipeline.orchestration.session import Observer, Row, Session
from pipeline.planning.cells import plan_cells, recipes_of
from pipeline.publishing import best, entry, hub, submitter
from pipeline.publishing.entry import Entry
from pipeline.services import mlflow
from pipeline.services.calls import Patience
from pipeline.store import (
    competitions,
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

OF_DIGIT_RECOGNIZER = ("auto", "mnist", "kaggle")
"""Datasets that ``--submit`` takes for that competition's, where none is named."""


@dataclass(frozen=True)
class Summary:
    """What a run leaves behind.

    Attributes:
        dataset: The dataset's name.
        rows: One a cell, in the order of judgement.
        champion: The version in production; ``None`` if nothing has passed yet.
        submission: Predictions of the champion or its refit, ``None`` without a champion.
        figures: The files worth looking at, by what they show.
        sent: What ``--submit best`` submitted; ``None`` where it was not asked for or sent nothing.
        problem: Why nothing was refitted or submitted although that was asked for; all the rest is done.
        growth: What the dataset's growth since its newest version did, in sentences; empty where it has not grown.
        without_champion: The command that predicts the test images all the same, where there is no champion to do it.
    """

    dataset: str
    rows: tuple[Row, ...]
    champion: Deployment | None
    submission: Submission | None
    figures: Mapping[str, Path]
    sent: Submission | None = None
    problem: PipelineError | None = None
    growth: tuple[str, ...] = ()
    without_champion: str | None = None


@dataclass(frozen=True)
class _Ending:
    """What a refit and a submission at the end of a run need of the run."""

    settings: Settings
    home: Home
    data: LabelledImages
    competition: Entry | None
    observer: Observer


def run(settings: Settings, home: Home, observer: Observer, *, wait: bool = True) -> Summary:
    """Train, judge and promote every cell in growing order, then predict with the champion.

    Raises:
        PipelineError: Bad input, or a stage that could not do its work; whatever was finished stays.
    """
    policy = from_table(settings.gate or None)
    recipes = recipes_of(settings)
    _require_sizes(settings)
    if settings.refit is not None and settings.submit == "best":
        raise SettingsError("--refit is only for the champion: leave it out, or give --submit without 'best'.")
    competition = _enter(settings, home, observer)
    if settings.refit is not None and competition is None and settings.test_images is None:
        raise SettingsError(
            "--refit needs to know what to predict: name test images with --test-images FILE, or a competition with "
            "--competition NAME."
        )
    data = datasets.load_wanted(settings, home, observer.notice)
    if competition is not None:
        competition = entry.accepted(home, competition, data.classes, observer.notice)
    named = asked_by(settings, competition, data, observer.notice)
    if settings.refit is not None and named is not None:
        refitting.require_unseen(data, named.images, settings.refit, competition)
    with lock.writing(home, wait=wait, notify=observer.notice):
        observer.doing("reading versions")
        _require_same_kind(home, data)
        listed = versions.list_versions(home)
        cells = _plan(settings, recipes, home, data, observer, benchmark_in_folds=policy.out_of_fold)
        benchmark_use.settle(home, policy, data.name, cells[0].split, listed=listed, notify=observer.notice)
        reporting.refresh_results(home, listed)
        session = Session(settings, home, data, listed, Watcher(home, policy, listed), observer)
        then = growth.before(listed, data.name, production.current(home, data.name))
        rows, again = session.judge_again(tuple(session.rows(cells)), cells)
        champion = production.current(home, data.name)
        trained = [row.version for row in rows if row.version and not row.reused]
        now = growth.After(data.name, len(data), len(cells[0].split.benchmark), trained, again, champion)
        asked = named or Asked(stand_in(data, cells[0].split))
        submission = _predict(home, champion, asked, observer) if champion else None
    ids = [row.version.id for row in rows if row.version] + ([champion.id] if champion else [])
    _track(settings, home, ids, observer)
    scored = submissions.read(home)
    submission, sent, problem = _finish(_Ending(settings, home, data, competition, observer), submission, asked)
    if changed := {record.version for record in set(submissions.read(home)).difference(scored)}:
        _track(settings, home, changed, observer)
    with lock.writing(home, wait=True, notify=observer.notice):
        observer.doing("writing tables, workbook and overview")
        figures = reporting.publish(home)
        if champion:
            hub.keep_mirror(home, data.name)
    otherwise = None if champion else asked.command(home, data.name, rows)
    grown = growth.in_words(then, now)
    return Summary(data.name, rows, champion, submission, figures, sent, problem, grown, otherwise)


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


def _require_sizes(settings: Settings) -> None:
    for text in settings.train_sizes:
        sizes.require_size(text, what="--train-sizes")
    sizes.require_size(settings.test_size, what="--test-size")


def _enter(settings: Settings, home: Home, observer: Observer) -> Entry | None:
    """The competition that this run takes part in, its files fetched if it is named; ``None`` for any other run."""
    name = settings.competition or DEFAULT_COMPETITION
    if settings.competition is None:
        if settings.submit and settings.dataset not in OF_DIGIT_RECOGNIZER:
            raise SettingsError(
                f"--submit does not know where to submit what was trained on {shown(settings.dataset)}: name the "
                f"competition with --competition NAME ({DEFAULT_COMPETITION} is meant only for mnist and kaggle)."
            )
        predicts = settings.dataset == "kaggle" and settings.test_images is None
        if not (settings.submit or predicts):
            return None
        folder = competitions.folder(home, name)
        if settings.test_images is None and (folder is None or not (folder / "test.csv").exists()):
            if settings.submit:
                raise SettingsError(
                    "--submit needs to know what to predict: name a competition with --competition NAME, whose files "
                    f"are then downloaded, or name your own test images with --test-images FILE for {name}."
                )
            return None
    elif settings.dataset == "kaggle" and name != DEFAULT_COMPETITION:
        raise SettingsError(
            f"--dataset kaggle is {DEFAULT_COMPETITION}: leave it out, and --competition {name} brings its own images."
        )
    return entry.enter(
        home,
        name,
        CompetitionChoices(shape=settings.shape, metric=settings.metric, probabilities=settings.probabilities),
        observer.notice,
        test_images=settings.test_images,
        all_files=settings.test_images is None or settings.dataset in ("auto", sources.spec_of(name)),
        fetch=entry.FETCH if settings.competition else None,
    )


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


def _predict(home: Home, champion: Deployment, asked: Asked, observer: Observer) -> Submission:
    observer.doing("predicting")
    path = asked.csv(home, champion.dataset)
    submission = Application(champion).run(asked.images, path, asked.sample, probabilities=asked.probabilities)
    if escaped := escape_notice(submission):
        observer.notice(escaped)
    withheld = disclosure.withholds(version_folder.champion_verdict(home, champion))
    return replace(submission, accuracy=None) if withheld else submission


def _finish(
    work: _Ending, submission: Submission | None, asked: Asked
) -> tuple[Submission | None, Submission | None, PipelineError | None]:
    """Refit the champion and submit, as far as that is wanted; returns the champion's submission and the best's.

    A refusal is returned, since the run is done.
    """
    made = sent = None
    try:
        if work.competition and submission is not None and work.settings.submit != "best":
            better = best.better_than(work.home, work.competition, asked.images, submission.version_id)
            if better is not None:
                work.observer.notice(better)
        if work.settings.refit is not None and submission is not None:
            work.observer.doing("refitting the champion")
            champion = versions.find(work.home, submission.version_id)
            if work.settings.submit and work.competition:
                submitter.require_allowance(work.home, work.competition, champion, work.settings.refit, Patience())
            request = refitting.RefitRequest(champion, work.settings.refit, asked.images, entry=work.competition)
            made = refitting.refit(work.home, request, work.data, work.observer.notice)
            submission = refitting.predict(
                made, champion, submission, asked.images, asked.sample, probabilities=asked.probabilities
            )
        elif work.settings.refit is not None:
            work.observer.notice("Not refitted: nothing passed the gate, so there is no champion.")
        if work.settings.submit and work.competition:
            work.observer.doing("submitting")
            sent = _submit(work, work.competition, submission, asked.images, made)
    except PipelineError as error:
        return submission, None, error
    return submission, sent, None


def _submit(
    work: _Ending, competition: Entry, submission: Submission | None, images: UnlabelledImages, made: Refit | None
) -> Submission | None:
    """Submit the champion's predictions or the best's; returns the best's."""
    home, notify = work.home, work.observer.notice
    if work.settings.submit == "best":
        send = submitter.submit_if_possible
        sent = best.submit(home, competition, images, work.data.name, send, patience=Patience(), notify=notify)
        return sent[0] if sent else None
    if submission is None:
        left = best.what_is_left(home, images, work.data.name)
        raise DeployError(f"Not submitted: nothing passed the gate, so there is no champion. {left}")
    submitter.after_run(home, submission, images, entry=competition, patience=Patience(), notify=notify, refit=made)
    return None


def _track(settings: Settings, home: Home, ids: Collection[str], observer: Observer) -> None:
    """Record judged versions with MLflow, if asked; what goes wrong there stops nothing."""
    if settings.track is None:
        return
    uri = mlflow.uri_of(settings.track, home.metric_results)
    wanted = [version for version in versions.list_versions(home) if version.id in ids]
    for sentence in mlflow.track(wanted, uri, home.metric_results, submissions.figures(home)):
        observer.notice(sentence)
