"""Which version to submit next: the best by expected score of those that have not been sent yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipeline.application import Application
from pipeline.contracts import Submission, UnlabelledImages, Version
from pipeline.errors import DataError
from pipeline.facts.manifest_facts import DatasetFacts
from pipeline.facts.submission import SubmissionRecord
from pipeline.judging import disclosure
from pipeline.publishing import submitter
from pipeline.publishing.assessment import assess, leaked_images
from pipeline.publishing.entry import Entry
from pipeline.publishing.expected_score import ExpectedScore
from pipeline.reports import score_texts
from pipeline.services.calls import Patience
from pipeline.store import submissions, version_arrays, versions
from pipeline.store.home import Home

Notify = Callable[[str], None]
MOST_COMPARED = 5
"""Of the versions that have the best metric on the benchmark; each predicts the test images."""


@dataclass(frozen=True)
class _Candidate:
    version: Version
    expected: ExpectedScore


def submit(
    home: Home, entry: Entry, test: UnlabelledImages, dataset: str, *, patience: Patience, notify: Notify
) -> SubmissionRecord | None:
    """Submit the version that ``choose`` returns, if there is one and there are credentials.

    Args:
        home: The home folder.
        entry: The competition.
        test: Its test images.
        dataset: Whose versions.
        patience: How long to wait for Kaggle.
        notify: Receives every sentence that a person should read.

    Raises:
        PipelineError: As ``submitter.submit``.
    """
    version = choose(home, entry, test, dataset, notify)
    if version is None:
        return None
    submission = predict(home, version, entry, test)
    return submitter.submit_if_possible(home, submitter.Request(version, submission, test, entry), patience, notify)


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


def choose(home: Home, entry: Entry, test: UnlabelledImages, dataset: str, notify: Notify) -> Version | None:
    """Return the version with the best expected score that has not been sent yet, and say why.

    Versions that were trained on test images are left out, and so are those that could not be judged or whose figures
    are withheld. Of many, only those with the best metric on the benchmark predict the test images.

    Args:
        home: The home folder.
        entry: The competition.
        test: Its test images.
        dataset: Whose versions.
        notify: Receives the reason, or why there is none.

    Raises:
        StoreError: A file of a version is missing or damaged.
        DataError: The images do not fit a model.
    """
    records = submissions.of_competition(home, entry.competition)
    sent = {one.version for one in records if one.status != "refused" and not one.refit}
    usable = _usable(home, test, dataset)
    if not usable:
        notify(f"Nothing was sent: no version of '{dataset}' has benchmark figures to choose by.")
        return None
    unsent = [one for one in usable if one.id not in sent]
    honest = [one for one in unsent if not leaked_images(one, test)]
    if not honest:
        why = "were trained on test images" if unsent else f"were sent to {entry.competition} before"
        notify(f"Nothing was sent: all versions of '{dataset}' that could be {why}.")
        return None
    tried = _best_on_benchmark(honest, entry)
    found = [_Candidate(version, assess(version, test, entry.metric).expected) for version in tried]
    ranked = sorted(found, key=lambda one: one.expected.score, reverse=entry.metric.greater_is_better)
    notify(_reason(ranked, len(honest), entry))
    return ranked[0].version


def _usable(home: Home, test: UnlabelledImages, dataset: str) -> list[Version]:
    return [
        version
        for version in versions.list_versions(home)
        if version.damage is None
        and version.known_manifest is not None
        and version.known_scores is not None
        and version.verdict.outcome != "error"
        and not disclosure.withholds(version.verdict)
        and version.known_manifest.dataset.name == dataset
        and version.known_manifest.dataset.shape == test.images.shape[1:]
    ]


def _best_on_benchmark(honest: Sequence[Version], entry: Entry) -> list[Version]:
    def loss(version: Version) -> float:
        judged = version_arrays.predictions(version)
        return entry.metric.loss(judged.probabilities, judged.labels)

    return sorted(honest, key=loss)[:MOST_COMPARED]


def _reason(ranked: Sequence[_Candidate], honest: int, entry: Entry) -> str:
    best, metric = ranked[0], entry.metric.name
    inside = score_texts.interval(metric, best.expected.low, best.expected.high)
    score = f"{score_texts.score(metric, best.expected.score)} ({inside})"
    if honest == 1:
        return f"{best.version.id} is chosen: it is the only version that has not been sent yet, expected {score}."
    next_one = f"{ranked[1].version.id} with {score_texts.score(metric, ranked[1].expected.score)}"
    which = f"the {len(ranked)} best on the benchmark of " if len(ranked) < honest else ""
    return (
        f"{best.version.id} is chosen: of {which}{honest} versions that have not been sent yet, it has the best "
        f"expected score, {score}; the next is {next_one}."
    )
