"""A run: growing amounts of data through trainer, watcher, deployer and application."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipeline.application import Application, escape_notice, stand_in
from pipeline.config import DEFAULT_COMPETITION, Settings
from pipeline.contracts import (
    Candidate,
    Cell,
    Deployment,
    FitProgress,
    LabelledImages,
    Split,
    Submission,
    UnlabelledImages,
    Version,
)
from pipeline.data import sources, splits, unlabelled
from pipeline.data.digests import truth_digest
from pipeline.data.preparation import Preparation, from_facts
from pipeline.deployer import Deployer, was_deployed
from pipeline.errors import DataError, DeployError, PipelineError, SettingsError
from pipeline.inspection import datasets, lineages, reporting
from pipeline.judging.policy import from_table
from pipeline.planning import workers
from pipeline.planning.cells import plan_cells, recipes_of
from pipeline.publishing import hub, submitter
from pipeline.services import mlflow
from pipeline.services.calls import Patience
from pipeline.store import lock, manifest, production, recovery, repeats, role_records, submissions, versions
from pipeline.store.home import Home
from pipeline.watcher import Watcher


class Observer(Protocol):
    """Receives the events of a run."""

    def notice(self, sentence: str) -> None:
        """Receive a sentence that a person should know."""

    def planned(self, cells: Sequence[Cell], to_train: Sequence[Cell]) -> None:
        """Receive all cells, and those of them that have to be trained."""

    def fitting(self, cell: Cell) -> FitProgress:
        """Note that a cell's training starts; the returned function is called after each epoch or round."""

    def awaiting(self, cells: Sequence[Cell], where: str) -> None:
        """Note that cells are being trained in parallel on ``where``; the first of them is judged next."""

    def judging(self, cell: Cell) -> None:
        """Note that a cell's candidate is being judged."""

    def finished(self, row: "Row") -> None:
        """Note that a cell is done."""


@dataclass(frozen=True)
class Row:
    """What became of one cell.

    Attributes:
        cell: The cell.
        version: The judged version; ``None`` for a repeat, which is only measured.
        accuracy: On the benchmark images; ``None`` where its predictions could not be scored.
        fit_seconds: Wall-clock seconds of the fit.
        reused: Whether it existed before this run.
    """

    cell: Cell
    version: Version | None
    accuracy: float | None
    fit_seconds: float
    reused: bool


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
        cells = _plan(settings, recipes, home, data, observer)
        listed = versions.list_versions(home)
        reporting.refresh_results(home, listed)
        session = _Session(settings, home, data, listed, Watcher(home, policy, listed), observer)
        rows = tuple(session.rows(cells))
        champion = production.current(home, data.name)
        images = stand_in(data, cells[0].split) if test_images is None else test_images
        submission = _predict(home, champion, images, observer) if champion else None
    ids = [row.version.id for row in rows if row.version] + ([champion.id] if champion else [])
    _track(settings, home, ids, observer)
    scored = submissions.read(home)
    problem = _submit(home, submission, images, observer) if settings.submit and submission else None
    if champion and submissions.read(home) != scored:
        _track(settings, home, [champion.id], observer)
    with lock.writing(home, wait=True, notify=observer.notice):
        figures = reporting.publish(home)
        if champion:
            hub.keep_mirror(home, data.name)
    return Summary(data.name, rows, champion, submission, figures, problem)


@dataclass(frozen=True)
class _Session:
    settings: Settings
    home: Home
    data: LabelledImages
    listed: Sequence[Version]
    watcher: Watcher
    observer: Observer

    def rows(self, cells: Sequence[Cell]) -> Iterator[Row]:
        judged = {} if self.settings.retrain else versions.by_cell(self.listed)
        measured = {} if self.settings.retrain else repeats.by_cell(self.home)
        # A cell that was only measured is no challenger yet: it is trained again to be judged.
        finished = judged.keys() | measured.keys() - {cell.digest for cell in cells if not cell.repeat}
        staged = recovery.staged(self.home, finished=finished)
        missing = [cell for cell in cells if cell.digest not in finished | staged.keys()]
        self.observer.planned(cells, missing)
        with closing(self._train(missing)) as trained:
            for cell in cells:
                if cell.digest in judged:
                    row = self._reuse(cell, judged[cell.digest])
                elif cell.digest in finished:
                    row = _measured(cell, measured[cell.digest], reused=True)
                else:
                    candidate = staged.get(cell.digest) or next(trained)
                    row = self._measure(cell, candidate) if cell.repeat else self._judge(cell, candidate)
                self.observer.finished(row)
                yield row

    def _train(self, cells: Sequence[Cell]) -> workers.Candidates:
        staging, cluster, jobs = self.home.staging, self.settings.cluster, self.settings.jobs
        if cluster is not None:
            elsewhere = workers.train_on_cluster(staging, self.data, cells, cluster)
            return self._await(cells, elsewhere, f"the cluster at {cluster}")
        if jobs > 1 and len(cells) > 1:
            elsewhere = workers.train_in_processes(staging, self.data, cells, jobs)
            return self._await(cells, elsewhere, f"{jobs} processes")
        return workers.train_here(staging, self.data, cells, self.observer.fitting)

    def _await(self, cells: Sequence[Cell], elsewhere: workers.Candidates, where: str) -> workers.Candidates:
        with closing(elsewhere) as trained:
            for judged in range(len(cells)):
                self.observer.awaiting(cells[judged:], where)
                yield next(trained)

    def _judge(self, cell: Cell, candidate: Candidate) -> Row:
        self.observer.judging(cell)
        champion = production.current(self.home, self.data.name)
        verdict = self.watcher.run(candidate, champion, self.data, cell.split)
        reporting.add_report(self.home, candidate.folder, verdict, self.data.images[cell.split.benchmark])
        version = versions.publish(self.home, candidate, verdict)
        if verdict.outcome == "pass":
            Deployer(self.home).run(version)
        reporting.add_result(self.home, version)
        return _judged(cell, version, reused=False)

    def _measure(self, cell: Cell, candidate: Candidate) -> Row:
        facts = reporting.measure(candidate, self.data, cell.split, cell.repeat)
        repeats.record(self.home, facts)
        recovery.discard(candidate.folder)
        return _measured(cell, facts, reused=False)

    def _reuse(self, cell: Cell, version: Version) -> Row:
        """A version judged before; one that passed but was cut off before its promotion is promoted now."""
        if version.verdict.outcome == "pass" and not was_deployed(self.home, version):
            try:
                Deployer(self.home).run(version)
            except DeployError as refusal:
                self.observer.notice(str(refusal))
        if version.verdict.truth_sha256 not in ("", self._truth(cell.split)):
            self.observer.notice(
                f"{version.id} was judged on other benchmark images or labels than the current ones, and its figures "
                "refer to those: --retrain trains and judges it again."
            )
        return _judged(cell, version, reused=True)

    def _truth(self, split: Split) -> str:
        return truth_digest(self.data.digests[split.benchmark], self.data.labels[split.benchmark])


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
    settings: Settings, recipes: Mapping[str, Mapping[str, Any]], home: Home, data: LabelledImages, observer: Observer
) -> list[Cell]:
    known = role_records.load(home, data.name)
    recorded = splits.assign_roles(data, known)
    if known is None:
        for sentence in lineages.in_words(home, data.name, recorded):
            observer.notice(sentence)
    cells = plan_cells(settings, recipes, data, recorded, observer.notice)
    role_records.save(home, data.name, recorded)
    return cells


def _test_file(settings: Settings, home: Home) -> Path | None:
    downloaded = home.competition(DEFAULT_COMPETITION) / "test.csv"
    if settings.test_images is None and (settings.dataset == "kaggle" or settings.submit) and downloaded.exists():
        return downloaded
    return settings.test_images


def _predict(home: Home, champion: Deployment, images: UnlabelledImages, observer: Observer) -> Submission:
    submission = Application(champion).run(images, home.metric_results / champion.dataset / "submission.csv")
    if escaped := escape_notice(submission):
        observer.notice(escaped)
    return submission


def _submit(home: Home, submission: Submission, images: UnlabelledImages, observer: Observer) -> PipelineError | None:
    """Submit the champion's predictions; a refusal is returned, since the run itself is done."""
    try:
        submitter.after_run(
            home, submission, images, competition=DEFAULT_COMPETITION, patience=Patience(), notify=observer.notice
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


def _judged(cell: Cell, version: Version, *, reused: bool) -> Row:
    return Row(cell, version, version.scores.accuracy.value, version.manifest.timings.fit_seconds, reused)


def _measured(cell: Cell, repeat: repeats.Repeat, *, reused: bool) -> Row:
    return Row(cell, None, repeat.accuracy, repeat.fit_seconds, reused)
