"""``--version best``: which version is sent next, with the real client."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import competitions
import pytest
from competitions import Competition, table
from faults import cut
from kaggle_server import KaggleServer
from listeners import Told
from small_version import TRAIN, digits, publish

from pipeline.cli import kaggle_commands
from pipeline.contracts import UnlabelledImages, Version
from pipeline.errors import DataError, ServiceError
from pipeline.judging.competition_metrics import METRICS
from pipeline.publishing import best
from pipeline.publishing.entry import Entry
from pipeline.publishing.expected_score import ExpectedScore
from pipeline.store import production, submissions, versions
from pipeline.store.home import Home

Call = Callable[..., str]


@pytest.fixture
def named(serve, call: Call) -> tuple[str, ...]:
    """A competition whose files are downloaded, as an option."""
    named = ("--competition", serve(competitions.shuffled_pixels()).name)
    call("kaggle", "download", *named)
    return named


def test_the_best_version_that_was_not_sent_yet_is_next(
    home: Home, champion: Version, kaggle_site: KaggleServer, named: tuple[str, ...], call: Call
) -> None:
    best = ("kaggle", "submit", *named, "--version", "best")
    worse = publish(home, number=2, strength=1e-5, serve=False)
    said = call(*best)
    assert f"{champion.id} is chosen: of 2 versions that have not been sent yet, it has the best expected score" in said
    assert f"the next is {worse.id} with" in said
    assert [record.version for record in submissions.read(home)] == [champion.id]

    kaggle_site.limits["numAllowedNow"] = 0
    with pytest.raises(ServiceError, match=r"Today's submissions .* are used up"):
        call(*best)
    kaggle_site.limits["numAllowedNow"] = 1
    assert f"{worse.id} is chosen: it is the only version that has not been sent yet" in call(*best)
    assert [record.version for record in submissions.read(home)] == [champion.id, worse.id]
    assert "were sent to shuffled-digits before" in call(*best)
    assert len(kaggle_site.submissions) == 2
    assert "2 scored submissions" in call("kaggle", "status", *named)


def test_what_kaggle_could_not_score_is_named_and_sent_again_only_if_that_is_asked_for(
    home: Home, champion: Version, kaggle_site: KaggleServer, named: tuple[str, ...], call: Call
) -> None:
    best = ("kaggle", "submit", *named, "--version", "best")
    worse = publish(home, number=2, strength=1e-5, serve=False)
    truth, kaggle_site.truth = kaggle_site.truth, ["1"]
    with pytest.raises(ServiceError, match="could not score submission 50000000"):
        call(*best)
    kaggle_site.truth = truth
    said = call(*best)
    again = f"kaggle submit {' '.join(named)} --version {champion.id} --resend"
    failed = f"Kaggle could not score submission 50000000, of {champion.id}: Submission must have the columns"
    assert (
        said.index(failed) < said.index(f"`simulator.py {again}` sends it again") < said.index(f"{worse.id} is chosen")
    )
    assert failed in call(*best)
    said = call(*best, "--resend")
    assert f"{champion.id} is chosen: it is the only version that has not been sent yet or could not be scored" in said
    assert [(one.version, one.status) for one in submissions.read(home)] == [
        (champion.id, "error"),
        (worse.id, "complete"),
        (champion.id, "complete"),
    ]
    assert "could not score" not in call(*best, "--resend")
    assert len(kaggle_site.submissions) == 3


def test_a_file_that_was_sent_for_another_version_is_not_sent_again(
    home: Home, champion: Version, kaggle_site: KaggleServer, serve, call: Call
) -> None:
    competition = serve(competitions.shuffled_pixels()).name
    submit = ("kaggle", "submit", "--competition", competition)
    call("kaggle", "download", "--competition", competition)
    twin = publish(home, number=2, serve=False)
    worse = publish(home, number=3, strength=1e-5, serve=False)
    call(*submit)
    said = call(*submit, "--version", twin.id)
    assert f"The same file, predicted by {champion.id}, was sent as submission 50000000" in said
    said = call(*submit, "--version", "best")
    assert f"{twin.id} is left out: its file is the one that was sent for {champion.id}." in said
    assert f"{worse.id} is chosen: it is the only version that has not been sent yet" in said
    assert "were sent to shuffled-digits before" in call(*submit, "--version", "best")
    assert [record.version for record in submissions.read(home)] == [champion.id, worse.id]

    (home.metric_results / "submissions.csv").unlink()
    said = call(*submit, "--version", twin.id)
    assert "Kaggle already has this file, as submission 50000000: it is not sent again." in said
    assert len(kaggle_site.submissions) == 2
    call(*submit, "--version", twin.id, "--resend")
    assert len(kaggle_site.submissions) == 3


def test_a_file_that_only_kaggles_list_knows_gives_way_to_the_next_best(
    home: Home, champion: Version, kaggle_site: KaggleServer, named: tuple[str, ...], call: Call
) -> None:
    best = ("kaggle", "submit", *named, "--version", "best")
    worse = publish(home, number=2, strength=1e-5, serve=False)
    call("kaggle", "submit", *named)
    [row] = kaggle_site.submissions
    row["date"] = "2026-11-20T09:30:00.000Z"
    (home.metric_results / "submissions.csv").unlink()
    said = call(*best)
    there = "Kaggle already has this file, as submission 50000000: it is not sent again."
    assert said.index(f"{champion.id} is chosen") < said.index(there) < said.index(f"{worse.id} is chosen")
    first, second = submissions.read(home)
    assert (first.version, first.reference, first.submitted_at) == (champion.id, 50_000_000, "2026-11-20T09:30:00Z")
    assert (second.version, second.reference) == (worse.id, 50_000_001)
    assert len(kaggle_site.submissions) == 2

    (home.metric_results / "submissions.csv").unlink()
    said = call(*best)
    assert "Public score" not in said
    assert f"all versions of 'digits' that could be were sent to {named[1]} before" in said
    assert len(kaggle_site.submissions) == 2


def test_a_version_with_a_better_expected_score_than_the_champion_is_named(
    home: Home, kaggle_site: KaggleServer, named: tuple[str, ...], call: Call, entry: Entry, test_set: UnlabelledImages
) -> None:
    champion = publish(home, strength=1e4)
    calmer = publish(home, number=2, strength=0.3, serve=False)
    by_log_loss = replace(entry, metric=METRICS["log-loss"])
    said = best.better_than(home, by_log_loss, test_set, champion.id)
    assert said is not None
    assert said.startswith(f"{calmer.id} is expected to score better than the champion by log loss, 0.")
    assert "`simulator.py kaggle submit --dataset digits --version best` submits" in said
    assert best.better_than(home, by_log_loss, test_set, calmer.id) is None

    better = publish(home, number=3, strength=1e-5)
    assert f"{champion.id} is expected to score better than the champion" in call("kaggle", "submit", *named)
    assert "better than the champion" not in call("kaggle", "submit", *named, "--version", better.id)


REASONS = {
    "it was replaced": ({"serve": True}, "it was the champion before"),
    "it passed": ({"serve": False}, "it passed the gate, which judges accuracy, and does not serve"),
    "it did not pass": ({"serve": False, "passes": False}, "the gate, which judges accuracy, has not promoted it"),
}


@pytest.mark.parametrize(("how", "words"), REASONS.values(), ids=REASONS)
def test_why_a_better_version_does_not_serve_is_said_as_it_is(
    home: Home, entry: Entry, test_set: UnlabelledImages, how: dict[str, bool], words: str
) -> None:
    other = publish(home, strength=0.3, **how)
    champion = publish(home, number=2, strength=1e4)
    said = best.better_than(home, replace(entry, metric=METRICS["log-loss"]), test_set, champion.id)
    assert said is not None
    assert said.startswith(other.id)
    assert f"; {words}. `simulator.py" in said


def test_a_public_score_outside_its_interval_is_called_that(
    home: Home, champion: Version, kaggle_site: KaggleServer, named: tuple[str, ...], call: Call
) -> None:
    publish(home, number=2, strength=1e-5, serve=False)
    assert "outside" not in call("kaggle", "submit", *named) + call("kaggle", "status", *named)
    kaggle_site.score = lambda rows: 0.012
    assert "%): outside the 95 % interval." in call("kaggle", "submit", *named, "--version", "best")
    assert call("kaggle", "status", *named).count("outside the 95 % interval") == 1


def test_an_attempt_of_unknown_outcome_is_named_where_nothing_else_is_left_to_send(
    home: Home, champion: Version, kaggle_site: KaggleServer, named: tuple[str, ...], call: Call
) -> None:
    best = ("kaggle", "submit", *named, "--version", "best")
    kaggle_site.faults["CreateSubmission"] = [cut]
    with pytest.raises(ServiceError, match="may or may not have"):
        call(*best, "--time-limit", "1")
    said = call(*best)
    unknown = f"Whether Kaggle has the submission of {champion.id} is unknown."
    assert f"could be were sent to {named[1]} before. {unknown}" in said
    again = f"kaggle submit {' '.join(named)} --version {champion.id} --resend"
    assert f"`simulator.py {again}`" in said

    assert "Public score" in call(*again.split())
    assert [record.status for record in submissions.read(home)] == ["superseded", "complete"]
    said = call("kaggle", "status", *named)
    assert "The same file was sent again, as submission 50000000" in said
    assert "may or may not" not in said


@pytest.mark.slow
def test_the_best_of_many_is_found_by_the_competitions_own_metric(
    home: Home, entry: Entry, test_set: UnlabelledImages, told: Told
) -> None:
    for number in range(1, 22):
        publish(home, number, strength=1e4, serve=False)
    calmer = publish(home, number=22, strength=0.3, serve=False)
    others = versions.list_versions(home)[:-1]
    assert all(one.scores.accuracy.value > calmer.scores.accuracy.value for one in others)
    by_log_loss = replace(entry, metric=METRICS["log-loss"])
    chosen = best.choose(home, by_log_loss, test_set, "digits", told)
    assert chosen is not None
    assert chosen.id == calmer.id
    assert "of the 5 best on the benchmark of 22 versions" in told


TIES = {
    "log loss": ({"strength": 0.3}, {"strength": 1e4}, "a higher log loss on the benchmark"),
    "images": ({"size": TRAIN}, {"size": TRAIN - 1}, "fewer training images"),
    "age": ({}, {}, "is older"),
}


@pytest.mark.parametrize("metric", ["accuracy", "macro-f1"])
@pytest.mark.parametrize(("better", "other", "words"), TIES.values(), ids=TIES)
def test_equal_expected_scores_are_told_apart_and_called_equal(
    home: Home, entry: Entry, test_set: UnlabelledImages, told: Told, monkeypatch: pytest.MonkeyPatch,
    metric: str, better: dict[str, Any], other: dict[str, Any], words: str
) -> None:  # fmt: skip
    perfect = replace(METRICS[metric], measure=lambda probabilities, labels, weights: 1.0)
    monkeypatch.setattr("pipeline.publishing.assessment.expected_score", lambda *_, **__: ExpectedScore(1.0, 0.9, 1.0))
    second = publish(home, 2, **other)
    first = publish(home, 3 if words == "is older" else 1, **better)
    chosen = best.choose(home, replace(entry, metric=perfect), test_set, "digits", told)
    assert chosen is not None
    assert chosen.id == first.id
    assert f"; {second.id} has the same and {words}." in told.sentences[-1]


def test_the_best_version_needs_no_champion(
    home: Home, kaggle_site: KaggleServer, named: tuple[str, ...], call: Call
) -> None:
    best = ("kaggle", "submit", *named, "--version", "best")
    with pytest.raises(DataError, match="There are no versions yet"):
        call(*best)
    refused = publish(home, serve=False)
    again = f"kaggle submit {' '.join(named)} --version best`"
    assert f"`simulator.py {again} does" in call("kaggle", "status", *named)
    with pytest.raises(DataError, match=f"there is no champion to submit: `simulator.py {again} submits"):
        call("kaggle", "submit", *named)
    with pytest.raises(DataError, match="The dataset 'mine' has no versions; these have: digits"):
        call(*best, "--dataset", "mine")
    assert f"{refused.id} is chosen: it is the only version" in call(*best)
    assert [record.version for record in submissions.read(home)] == [refused.id]


def test_the_champion_of_another_dataset_is_sent_only_if_the_competitions_own_has_nothing(
    home: Home, kaggle_site: KaggleServer, named: tuple[str, ...], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = publish(home)
    said = call("kaggle", "submit", *named)
    assert (
        f"There is no version of the dataset '{named[1]}': {champion.id}, the champion of 'digits', is taken." in said
    )
    monkeypatch.setattr(kaggle_commands, "_own_dataset", lambda _: "digits")
    production.history_file(home).write_text("")
    shutil.rmtree(home.production / "digits")
    with pytest.raises(DataError, match="No version of 'digits' has passed the gate yet, so there is no champion"):
        call("kaggle", "submit", *named)
    assert len(kaggle_site.submissions) == 1


def test_versions_for_images_of_another_size_are_counted(
    home: Home, champion: Version, test_set: UnlabelledImages, entry: Entry, told: Told
) -> None:
    smaller = replace(test_set, images=test_set.images[:, :4, :4])
    assert best.choose(home, entry, smaller, "digits", told) is None
    assert "1 version for images of another size is left out: `kaggle submit --version ID` sends one." in told


def test_versions_trained_on_test_images_are_never_the_best(
    home: Home, champion: Version, kaggle_site: KaggleServer, serve, call: Call
) -> None:
    seen = table(
        ["id", *(f"pixel{n}" for n in range(64))], [[n, *row.ravel()] for n, row in enumerate(digits()[0][:9])]
    )
    files = {**competitions.shuffled_pixels().files, "test.csv": seen}
    files["sampleSubmission.csv"] = table(["id", "label"], [(n, 0) for n in range(9)])
    serve(Competition("leaky", files, ["id", "label"], ["0"] * 9))
    call("kaggle", "download", "--competition", "leaky")
    assert best.what_is_left(home, _nine_digits(), "digits") == "Every version was trained on test images."
    assert best.what_is_left(home, _nine_digits(), "mine") == "No version has benchmark figures to choose by."
    said = call("kaggle", "submit", "--competition", "leaky", "--version", "best")
    assert "all versions of 'digits' that could be were trained on test images" in said
    assert kaggle_site.submissions == []


def _nine_digits() -> UnlabelledImages:
    return UnlabelledImages("nine", digits()[0][:9], tuple(str(number) for number in range(9)))
