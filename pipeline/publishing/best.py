"""Which version to submit next: the best by expected score of those that have not been sent yet."""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.application import Application, escape_notice
from pipeline.contracts import Probabilities, Submission, UnlabelledImages, Version
from pipeline.errors import DataError
from pipeline.facts.manifest_facts import DatasetFacts
from pipeline.facts.submission import SubmissionRecord
from pipeline.judging import disclosure
from pipeline.judging.words import counted
from pipeline.publishing import delivery, submitter
from pipeline.publishing.assessment import assess, leaked_images
from pipeline.publishing.entry import Entry
from pipeline.publishing.expected_score import ExpectedScore
from pipeline.reports import score_texts
from pipeline.services.calls import Patience
from pipeline.store import atomic, submissions, version_arrays, versions
from pipeline.store.home import Home

Notify = Callable[[str], None]
Send = Callable[[Home, submitter.Request, Patience, Notify], SubmissionRecord | None]
MOST_COMPARED = 5
"""Of the versions that have the best metric on the benchmark; each predicts the test images."""


@dataclass(frozen=True)
class _Candidate:
    version: Version
    expected: ExpectedScore


def submit(
    home: Home,
    entry: Entry,
    test: UnlabelledImages,
    dataset: str,
    send: Send,
    *,
    patience: Patience,
    notify: Notify,
    resend: bool = False,
) -> tuple[Submission, SubmissionRecord] | None:
    """Submit the version that ``choose`` returns, or the next best where Kaggle has that file already.

    Args:
        home: The home folder.
        entry: The competition.
        test: Its test images.
        dataset: Whose versions.
        send: ``submitter.submit``, or ``submitter.submit_if_possible`` where credentials may be missing.
        patience: How long to wait for Kaggle.
        notify: Receives every sentence that a person should read.
        resend: As in ``choose``.

    Returns:
        What was sent and its record; ``None`` where nothing was.

    Raises:
        PipelineError: As ``submitter.submit``.
    """
    while (version := choose(home, entry, test, dataset, notify, resend=resend)) is not None:
        submission = predict(home, version, entry, test)
        if escaped := escape_notice(submission):
            notify(escaped)
        request = submitter.Request(version, submission, test, entry, resend=resend, only_new=True)
        try:
            record = send(home, request, patience, notify)
        except delivery.AlreadyThereError:
            continue  # it is on record now, so that another one is chosen
        return None if record is None else (submission, record)
    return None


def dataset_of(home: Home, named: str | None, own: str) -> DatasetFacts:
    """Return the dataset whose versions may be submitted, as the newest of them describes it.

    Args:
        home: The home folder.
        named: Its name; ``None`` takes ``own`` if that has versions, or else the only dataset that has.
        own: The name of the competition's own images.

    Raises:
        DataError: It has no versions, or several datasets have and none is named.
    """
    listed = [version.known_manifest for version in versions.list_versions(home)]
    known = {facts.dataset.name: facts.dataset for facts in listed if facts}
    if not known:
        raise DataError("There are no versions yet: `simulator.py run` trains them.")
    if named is None and own not in known and len(known) > 1:
        raise DataError(f"Several datasets have versions ({', '.join(sorted(known))}): name one with --dataset.")
    name = named or (own if own in known else next(iter(known)))
    if name not in known:
        raise DataError(f"The dataset '{name}' has no versions; these have: {', '.join(sorted(known))}.")
    return known[name]


def predict(home: Home, version: Version, entry: Entry, test: UnlabelledImages) -> Submission:
    """Return what a version submits: ``metric_results/kaggle/<competition>/submission.csv``.

    Raises:
        DataError, StoreError: As ``Application.run``.
    """
    path = home.metric_results / "kaggle" / entry.competition / "submission.csv"
    return Application(version).run(test, path, entry.sample, probabilities=entry.probabilities)


def choose(
    home: Home, entry: Entry, test: UnlabelledImages, dataset: str, notify: Notify, *, resend: bool = False
) -> Version | None:
    """Return the version with the best expected score that has not been sent yet, and say why.

    Versions that were trained on test images are left out, and so are those that could not be judged, whose figures
    are withheld, or whose file was sent for another version. Of many, only those with the best metric on the benchmark
    predict the test images. Submissions that Kaggle could not score are named first.

    Args:
        home: The home folder.
        entry: The competition.
        test: Its test images.
        dataset: Whose versions.
        notify: Receives the reason, or why there is none.
        resend: Choose also from those that Kaggle could not score.

    Raises:
        StoreError: A file of a version is missing or damaged.
        DataError: The images do not fit a model.
    """
    records = submissions.of_competition(home, entry.competition)
    for failed in _unscorable(records):
        notify(delivery.how_to_send_again(failed))
    if resend:
        records = [one for one in records if one.status != "error"]
    sent = _sent_versions(records)
    judged = _judged(home, dataset)
    usable = _fitting(judged, test)
    if others := len(judged) - len(usable):
        left_out = f"{counted(others, 'version')} for images of another size {'is' if others == 1 else 'are'} left out"
        notify(f"{left_out}: `kaggle submit --version ID` sends one.")
    if not usable:
        notify(f"Nothing was sent: no version of '{dataset}' has benchmark figures to choose by.")
        return None
    unsent = [one for one in usable if one.id not in sent]
    honest = [one for one in unsent if not leaked_images(one, test)]
    files = {one.file_sha256: one for one in records if one.status != "refused"}
    found, same = _candidates(honest, files, entry, test, notify)
    if not found:
        why = "were trained on test images" if unsent and not honest else f"were sent to {entry.competition} before"
        open_ones = [delivery.how_to_settle(one) for one in records if one.status in submissions.UNCERTAIN]
        notify(" ".join([f"Nothing was sent: all versions of '{dataset}' that could be {why}.", *open_ones]))
        return None
    ranked = _ranked(found, entry)
    notify(_reason(ranked, len(honest) - same, entry, " or could not be scored" if resend else ""))
    return ranked[0].version


def better_than(home: Home, entry: Entry, test: UnlabelledImages, champion: str) -> str | None:
    """Return a sentence on a version that was not sent yet and is expected to score better than the champion.

    Args:
        home: The home folder.
        entry: The competition.
        test: Its test images.
        champion: Id of the version that is submitted otherwise.

    Raises:
        StoreError: A file of a version is missing or damaged.
        DataError: The images do not fit a model.
    """
    own = versions.find(home, champion)
    dataset = own.manifest.dataset.name
    usable = _fitting(_judged(home, dataset), test)
    if own.id not in [one.id for one in usable]:
        return None
    sent = _sent_versions(submissions.of_competition(home, entry.competition)) - {own.id}
    ranked = _best_on_benchmark_first([one for one in usable if one.id not in sent], entry)
    ahead = ranked[: [one.id for one in ranked].index(own.id)]
    other = next((one for one in ahead if not leaked_images(one, test)), None)
    if other is None:
        return None
    scores = [assess(one, test, entry.metric).expected.score for one in (other, own)]
    if not entry.metric.is_better(*scores):
        return None
    said = [score_texts.score(entry.metric.name, value) for value in scores]
    return (
        f"{other.id} is expected to score better than the champion by {score_texts.inside(entry.metric.name)}, "
        f"{said[0]} against {said[1]}; {_why_it_does_not_serve(other)}. "
        f"`{submitter.command(entry, dataset, 'best')}` submits the version with the best expected score."
    )


def _why_it_does_not_serve(version: Version) -> str:
    if version.was_in_production:
        return "it was the champion before"
    if any(verdict.outcome == "pass" for verdict in version.verdicts):
        return "it passed the gate, which judges accuracy, and does not serve"
    return "the gate, which judges accuracy, has not promoted it"


def _sent_versions(records: Sequence[SubmissionRecord]) -> set[str]:
    return {one.version for one in records if one.status != "refused" and not one.refit}


def _unscorable(records: Sequence[SubmissionRecord]) -> list[SubmissionRecord]:
    """Of each version and refit, the last submission, if Kaggle could not score it."""
    last = {(one.version, one.refit): one for one in records if one.status != "refused"}
    return [one for one in last.values() if one.status == "error"]


def _candidates(
    honest: Sequence[Version],
    files: Mapping[str, SubmissionRecord],
    entry: Entry,
    test: UnlabelledImages,
    notify: Notify,
) -> tuple[list[_Candidate], int]:
    """The best on the benchmark whose file was not sent, and how many were left out since theirs was."""
    found: list[_Candidate] = []
    same = 0
    for version in _best_on_benchmark_first(honest, entry):
        application = Application(version)
        predicted = application.predict(test)
        sent = files.get(_file_sha256(application, entry, test, predicted))
        if sent is not None:
            same += 1
            notify(f"{version.id} is left out: its file is the one that was sent for {sent.predictor}.")
            continue
        found.append(_Candidate(version, assess(version, test, entry.metric, predicted).expected))
        if len(found) == MOST_COMPARED:
            break
    return found, same


def _file_sha256(application: Application, entry: Entry, test: UnlabelledImages, predicted: Probabilities) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "submission.csv"
        application.run(test, path, entry.sample, probabilities=entry.probabilities, predicted=predicted)
        return atomic.sha256_file(path)


def what_is_left(home: Home, test: UnlabelledImages, dataset: str) -> str:
    """Return what can be submitted of a dataset without a champion, in a sentence."""
    known = _fitting(_judged(home, dataset), test)
    if not known:
        return "No version has benchmark figures to choose by."
    if all(leaked_images(one, test) for one in known):
        return "Every version was trained on test images."
    return "`--submit best` submits the version with the best expected score all the same."


def _fitting(judged: Sequence[Version], test: UnlabelledImages) -> list[Version]:
    return [one for one in judged if one.manifest.dataset.shape == test.images.shape[1:]]


def _judged(home: Home, dataset: str) -> list[Version]:
    """The versions of a dataset with figures that may be shown."""
    return [
        version
        for version in versions.list_versions(home)
        if version.damage is None
        and version.known_manifest is not None
        and version.known_scores is not None
        and version.verdict.outcome != "error"
        and not disclosure.withholds(version.verdict)
        and version.known_manifest.dataset.name == dataset
    ]


def _best_on_benchmark_first(honest: Sequence[Version], entry: Entry) -> list[Version]:
    def order(version: Version) -> tuple[float, ...]:
        judged = version_arrays.predictions(version)
        return entry.metric.loss(judged.probabilities, judged.labels), *_tie_break(version)

    return sorted(sorted(honest, key=lambda one: one.id, reverse=True), key=order)


def _ranked(found: Sequence[_Candidate], entry: Entry) -> list[_Candidate]:
    def order(one: _Candidate) -> tuple[float, ...]:
        return entry.metric.as_loss(one.expected.score), *_tie_break(one.version)

    return sorted(sorted(found, key=lambda one: one.version.id, reverse=True), key=order)


def _tie_break(version: Version) -> tuple[float, int]:
    """Of versions with the same score, the one whose pair is smallest comes first; of the same pair, the newest."""
    loss = version.scores.log_loss
    return math.inf if loss is None else loss, -version.manifest.rows.train_size


def _reason(ranked: Sequence[_Candidate], honest: int, entry: Entry, failed: str) -> str:
    best, metric = ranked[0], entry.metric.name
    inside = score_texts.interval(metric, best.expected.low, best.expected.high)
    score = f"{score_texts.score(metric, best.expected.score)} ({inside})"
    if honest == 1:
        return (
            f"{best.version.id} is chosen: it is the only version that has not been sent yet{failed}, expected {score}."
        )
    which = f"the {len(ranked)} best on the benchmark of " if len(ranked) < honest else ""
    return (
        f"{best.version.id} is chosen: of {which}{honest} versions that have not been sent yet{failed}, it has the "
        f"best expected score, {score}; {_runner_up(best, ranked[1], metric)}."
    )


def _runner_up(best: _Candidate, other: _Candidate, metric: str) -> str:
    if other.expected.score != best.expected.score:
        return f"the next is {other.version.id} with {score_texts.score(metric, other.expected.score)}"
    (loss, images), (others_loss, others_images) = _tie_break(best.version), _tie_break(other.version)
    if others_loss != loss:
        why = "a higher log loss on the benchmark"
    else:
        why = "fewer training images" if others_images != images else "is older"
    return f"{other.version.id} has the same and {why}"
