"""The cells of a run, one after the other: trained, judged in the order of their promise, promoted."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

from pipeline.config import Settings
from pipeline.contracts import Candidate, Cell, FitProgress, LabelledImages, Version
from pipeline.deployer import Deployer, was_deployed
from pipeline.errors import DeployError, PipelineError
from pipeline.inference import promising
from pipeline.inspection import reporting
from pipeline.orchestration.rejudging import Rejudge, Rejudgement
from pipeline.planning import workers
from pipeline.planning.shared_images import Route
from pipeline.store import production, recovery, repeats, versions
from pipeline.store.home import Home
from pipeline.watcher import Watcher


class Observer(Protocol):
    """Receives the events of a run."""

    def notice(self, sentence: str) -> None:
        """Receive a sentence that a person should know."""

    def doing(self, what: str) -> None:
        """Note what is done beside training and judging, such as "reading versions"."""

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
        near_copies: Benchmark images that nearly equal an image it was fitted on, where it was judged now.
    """

    cell: Cell
    version: Version | None
    accuracy: float | None
    fit_seconds: float
    reused: bool
    near_copies: int = 0


@dataclass(frozen=True)
class _Known:
    """What exists of cells, by their digest: judged versions, measured repeats, and candidates that wait in staging."""

    judged: Mapping[str, Version]
    measured: Mapping[str, repeats.Repeat]
    staged: Mapping[str, Candidate]

    def has(self, cell: Cell) -> bool:
        """Whether a cell needs no training."""
        return any(cell.digest in kind for kind in (self.judged, self.measured, self.staged))


@dataclass(frozen=True)
class Session:
    """The work of a run that is done under the home's lock.

    Attributes:
        settings: Of the run.
        home: The home folder.
        data: The dataset.
        listed: Every version there was before.
        watcher: Judges under the run's policy.
        observer: Is informed of each step.
    """

    settings: Settings
    home: Home
    data: LabelledImages
    listed: Sequence[Version]
    watcher: Watcher
    observer: Observer

    def rows(self, cells: Sequence[Cell]) -> Iterator[Row]:
        """Train, measure, judge and promote; yields what became of each cell.

        All cells of one size are trained before the first of them is judged: the most promising on validation images
        comes first, so that the budget is spent on it, and the first champion is the best of them.

        Raises:
            PipelineError: A training or a judgement failed; what was trained before is judged.
        """
        known = self._known(cells)
        missing = [cell for cell in cells if not known.has(cell)]
        self.observer.planned(cells, missing)
        with closing(self._train(missing)) as trained:
            for _, group in groupby(cells, key=lambda cell: cell.train_size):
                yield from self._rows_of_one_size(list(group), known, trained)

    def judge_again(
        self, rows: Sequence[Row], cells: Sequence[Cell]
    ) -> tuple[tuple[Row, ...], tuple[Rejudgement, ...]]:
        """Judge refused versions again that might pass now; returns the rows as they are after that, and those."""
        self.observer.doing("looking for refused versions to judge again")
        rejudge = Rejudge(self.home, self.watcher, self.data, cells[0].split)
        current = {version.id: version for version in (*self.listed, *(row.version for row in rows if row.version))}
        again = []
        for done in rejudge.promising(list(current.values())):
            again.append(done)
            self.observer.notice(done.sentence)
            current[done.version.id] = done.version
        after = [replace(row, version=current[row.version.id]) if row.version else row for row in rows]
        self._say_near_copies(after)
        self._say_what_is_kept([row.version for row in after if row.reused and row.version], rejudge)
        return tuple(after), tuple(again)

    def _known(self, cells: Sequence[Cell]) -> _Known:
        judged = {} if self.settings.retrain else versions.by_cell(self.listed)
        measured = {} if self.settings.retrain else repeats.by_cell(self.home)
        # A cell that was only measured is no challenger yet: it is trained again to be judged.
        challengers = {cell.digest for cell in cells if not cell.repeat}
        # Nor does one count whose figures were kept back, where they may be shown now.
        shown = self.watcher.policy.disclose == "full"
        measured = {
            digest: repeat
            for digest, repeat in measured.items()
            if digest not in challengers and not (shown and repeat.accuracy is None)
        }
        return _Known(judged, measured, recovery.staged(self.home, finished=judged.keys() | measured.keys()))

    def _rows_of_one_size(self, cells: Sequence[Cell], known: _Known, trained: workers.Candidates) -> Iterator[Row]:
        waiting: list[tuple[Cell, Candidate]] = []
        failure: PipelineError | None = None
        for cell in cells:
            try:
                row = self._prepare(cell, known, trained, waiting)
            except PipelineError as error:
                failure = error
                break
            if row is not None:
                self.observer.finished(row)
                yield row
        for cell, candidate in self._most_promising_first(waiting):
            row = self._judge(cell, candidate)
            self.observer.finished(row)
            yield row
        if failure is not None:
            raise failure

    def _prepare(
        self, cell: Cell, known: _Known, trained: workers.Candidates, waiting: list[tuple[Cell, Candidate]]
    ) -> Row | None:
        """Return the row of a cell that needs no judgement; a challenger is trained, and waits for it."""
        if cell.digest in known.judged:
            return self._reuse(cell, known.judged[cell.digest])
        if cell.digest in known.measured:
            return _measured(cell, known.measured[cell.digest], reused=True)
        candidate = known.staged.get(cell.digest) or next(trained)
        if cell.repeat:
            return self._measure(cell, candidate)
        waiting.append((cell, candidate))
        return None

    def _most_promising_first(self, waiting: Sequence[tuple[Cell, Candidate]]) -> list[tuple[Cell, Candidate]]:
        if not waiting:
            return []
        rows = waiting[0][0].split.screening_rows
        return [waiting[place] for place in promising.order([one for _, one in waiting], self.data, rows)]

    def _train(self, cells: Sequence[Cell]) -> workers.Candidates:
        staging, cluster, jobs = self.home.staging, self.settings.cluster, self.settings.jobs
        if cluster is not None:
            elsewhere = workers.train_on_cluster(staging, self.data, cells, cluster, Route.of(self.settings))
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
        near = reporting.add_report(self.home, candidate.folder, verdict, self.data, cell.split)
        version = versions.publish(self.home, candidate, verdict)
        if verdict.outcome == "pass":
            Deployer(self.home).run(version)
        reporting.add_result(self.home, version)
        return replace(_judged(cell, version, reused=False), near_copies=len(near.benchmark))

    def _measure(self, cell: Cell, candidate: Candidate) -> Row:
        disclose = self.watcher.policy.disclose
        facts = reporting.measure(candidate, self.data, cell.split, cell.repeat, disclose)
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
        return _judged(cell, version, reused=True)

    def _say_near_copies(self, rows: Sequence[Row]) -> None:
        """Say how many benchmark images nearly equal a training image, of the version for which most do."""
        most = max(rows, key=lambda row: row.near_copies)
        if most.near_copies and most.version:
            checks = [check for verdict in most.version.verdicts for check in verdict.checks]
            found = next(check.sentence for check in checks if check.name == "near_copies")
            self.observer.notice(f"{found} {most.version.folder / 'report.html'} shows them.")

    def _say_what_is_kept(self, kept: Sequence[Version], rejudge: Rejudge) -> None:
        """Say which kept verdicts are not from the current gate and images, and how to get new ones."""
        today = rejudge.truth
        # Of a version that answered out of fold, the benchmark and its labels are part of the cell.
        old = [one for one in kept if one.verdict.truth_sha256 not in ("", today) and not one.verdict.out_of_fold]
        if old:
            self.observer.notice(
                f"{_named(old)} judged on other benchmark images or labels than the current ones: {_how_to_judge(old)}"
            )
        refused = [one for one in kept if one not in old and one.verdict.outcome != "pass"]
        other = [one for one in refused if one.verdict.policy_sha256 != self.watcher.policy.digest]
        if other:
            gates = " and ".join(sorted({f"'{one.verdict.policy}'" for one in other}))
            self.observer.notice(
                f"{_named(other)} judged by the gate {gates} under other rules than this run's, and kept: "
                f"{_how_to_judge(other)}"
            )


def _judged(cell: Cell, version: Version, *, reused: bool) -> Row:
    return Row(cell, version, version.scores.accuracy.value, version.manifest.timings.fit_seconds, reused)


def _measured(cell: Cell, repeat: repeats.Repeat, *, reused: bool) -> Row:
    return Row(cell, None, repeat.accuracy, repeat.fit_seconds, reused)


def _named(kept: Sequence[Version]) -> str:
    return f"{kept[0].id} was" if len(kept) == 1 else f"{len(kept)} versions were"


def _how_to_judge(kept: Sequence[Version]) -> str:
    which = kept[0].id if len(kept) == 1 else "VERSION…"
    return f"`simulator.py judge {which}` judges again without training, with the same --gate."
