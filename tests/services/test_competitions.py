"""Competitions of any form, from the download to the score, with the real client."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import competitions
import pytest
from competitions import Competition, table, zipped
from faults import cut
from kaggle_server import KaggleServer
from listeners import Told
from small_version import SLUG, digits, publish, unseen_images

from pipeline.contracts import UnlabelledImages, Version
from pipeline.errors import DataError, ServiceError, SettingsError, StoreError
from pipeline.facts.competition import DIGIT_RECOGNIZER, KNOWN, CompetitionChoices
from pipeline.judging.competition_metrics import METRICS
from pipeline.publishing import best
from pipeline.publishing import entry as entries
from pipeline.publishing.entry import Entry
from pipeline.settings_file import read_settings
from pipeline.store import submissions, versions
from pipeline.store.home import Home

FAST = ("--models", "logistic", "--gate", "as-good", "--train-sizes", "all")
FORMS = (
    competitions.shuffled_pixels,
    competitions.listed_pictures,
    competitions.probabilities,
    competitions.by_macro_f1,
    competitions.by_quadratic_kappa,
)
Call = Callable[..., str]


@pytest.fixture
def serve(kaggle_site: KaggleServer) -> Callable[[Competition], Competition]:
    """Makes the server offer a competition."""

    def start(competition: Competition) -> Competition:
        competition.serve(kaggle_site)
        kaggle_site.score = lambda rows: competitions.score_by(competition.metric, competition, rows)
        return competition

    return start


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_one_command_goes_from_the_download_to_the_score(
    home: Home, kaggle_site: KaggleServer, serve, call: Call, form: Callable[[], Competition]
) -> None:
    competition = serve(form())
    named = ("--competition", competition.name)
    said = call("run", *named, *competition.options, *FAST, "--submit")

    [record] = submissions.read(home)
    assert (record.competition, record.status, record.leak) == (competition.name, "complete", False)
    assert f"Public score of {record.version}" in said
    rows = list(csv.reader(io.StringIO(kaggle_site.submissions[0]["content"].decode())))
    assert record.public_score == pytest.approx(kaggle_site.score(rows[1:]), abs=1e-5)
    sample = next(content for name, content in competition.files.items() if name.lower().startswith("sample"))
    assert [row[0] for row in rows] == [line.split(",")[0] for line in sample.decode().splitlines()]
    assert record.metric == competition.metric
    assert record.public_score < 0.7 if record.metric == "log-loss" else record.public_score > 0.88
    assert record.expected_low <= record.expected_score <= record.expected_high
    assert "the one scored submission" in call("kaggle", "status", *named)
    assert record.version in (home.metric_results / "index.html").read_text()

    kaggle_site.calls.clear()
    assert f"sample_submission.csv: {len(competition.truth)} rows, there" in call("kaggle", "download", *named).replace(
        "sampleSubmission", "sample_submission"
    )
    assert kaggle_site.calls == [], "files are fetched once, and archives are unpacked once"
    [version] = versions.list_versions(home)
    assert version.manifest.dataset.origin == f"kaggle:{competition.name}"
    assert call("evaluate", version.id), "what was chosen once is known when the images are read again"


@pytest.mark.slow
def test_what_was_chosen_is_kept(home: Home, champion: Version, serve, call: Call) -> None:
    competition = serve(competitions.shuffled_pixels())
    named = ("--competition", competition.name)
    call("kaggle", "download", *named, "--shape", "8,8")
    call("kaggle", "submit", *named, "--metric", "macro-f1")
    call("kaggle", "submit", *named)
    assert [record.metric for record in submissions.read(home)] == ["macro-f1"]
    kept = home.data / "kaggle" / "shuffled-digits.json"
    assert json.loads(kept.read_text()) == {"shape": [8, 8, 1], "metric": "macro-f1"}
    kept.write_text('{"metric": 7}')
    with pytest.raises(StoreError, match=r"shuffled-digits.json is damaged: the field 'metric'"):
        call("kaggle", "submit", *named)


@pytest.mark.parametrize("option", [("--probabilities",), ("--metric", "log-loss")], ids=" ".join)
def test_what_does_not_fit_the_sample_is_not_kept(
    home: Home, champion: Version, serve, call: Call, option: tuple[str, ...]
) -> None:
    competition = serve(competitions.shuffled_pixels())
    submit = ("kaggle", "submit", "--competition", competition.name)
    call("kaggle", "download", "--competition", competition.name)
    with pytest.raises(DataError, match="cannot hold the probabilities of 10 classes"):
        call(*submit, *option)
    assert not (home.data / "kaggle" / "shuffled-digits.json").exists()
    assert "Public score" in call(*submit)


def test_what_was_kept_and_does_not_fit_is_left_aside_and_replaced(
    home: Home, champion: Version, serve, call: Call
) -> None:
    competition = serve(competitions.shuffled_pixels())
    submit = ("kaggle", "submit", "--competition", competition.name)
    call("kaggle", "download", "--competition", competition.name)
    kept = home.data / "kaggle" / "shuffled-digits.json"
    kept.write_text('{"metric": "log-loss", "probabilities": true}')
    said = call(*submit)
    assert "--metric log-loss was chosen for shuffled-digits earlier" in said
    assert "labels are predicted, and the metric is accuracy" in said
    assert [record.metric for record in submissions.read(home)] == ["accuracy"]
    assert "chosen" not in call(*submit, "--metric", "accuracy", "--no-probabilities")
    assert json.loads(kept.read_text()) == {"metric": "accuracy", "probabilities": False}


def test_the_metric_that_a_sample_suggests_is_said_where_a_competition_is_entered(
    home: Home, serve, call: Call, told: Told
) -> None:
    competition = serve(competitions.probabilities())
    call("kaggle", "download", "--competition", competition.name)
    metric = entries.scored_by(read_settings(None, {"competition": competition.name}), home, told, fetch=False)
    assert (metric.name, told.sentences) == ("log-loss", [])
    for given, count in ((None, 1), ("macro-f1", 1), (None, 1)):
        entered = entries.enter(home, competition.name, CompetitionChoices(metric=given), told)
        entries.accepted(home, entered, ("one", "three", "two", "zero"), told)
        assert sum("so log loss is taken as the metric" in sentence for sentence in told.sentences) == count


def test_probabilities_in_one_column_are_scored_by_log_loss_unless_another_metric_is_named(
    home: Home, told: Told
) -> None:
    of_probability = CompetitionChoices(probabilities=True)
    entered = entries.enter(home, SLUG, of_probability, told, all_files=False)
    accepted = entries.accepted(home, entered, ("no", "yes"), told)
    assert (accepted.metric.name, accepted.probabilities) == ("log-loss", True)
    assert told.sentences == [
        "The submission holds probabilities, so log loss is taken as the metric; --metric names another."
    ]
    named = entries.enter(home, SLUG, CompetitionChoices(metric="accuracy"), told, all_files=False)
    assert (named.metric.name, named.probabilities) == ("accuracy", True)

    ten = entries.enter(home, SLUG, CompetitionChoices(), told, all_files=False)
    labels = entries.accepted(home, ten, tuple("0123456789"), told)
    assert (labels.metric.name, labels.probabilities) == ("accuracy", False)
    assert told.sentences[-1].startswith("--probabilities was chosen for digit-recognizer earlier")


def test_the_status_of_an_unknown_competition_names_the_known_ones(home: Home, call: Call) -> None:
    (home.data / "kaggle" / "trees").mkdir(parents=True)
    (home.data / "kaggle" / "trees" / "train.csv").touch()
    with pytest.raises(SettingsError, match="submitted to nosuch here: --competition takes digit-recognizer, trees, "):
        call("kaggle", "status", "--competition", "nosuch")
    assert "Nothing has been submitted to trees yet" in call("kaggle", "status", "--competition", "trees")


OTHER_SAMPLES = {
    "other ids": (table(["id", "label"], [(f"x{n}", 0) for n in range(competitions.TEST)]), "asks for 200 ids from x0"),
    "fewer ids": (table(["id", "label"], [(n, 0) for n in range(5)]), "asks for 5 ids"),
    "other columns": (table(["id", "a", "b"], [(n, 0, 1) for n in range(competitions.TEST)]), "has the columns a, b"),
}


@pytest.mark.parametrize(("sample", "words"), OTHER_SAMPLES.values(), ids=OTHER_SAMPLES)
def test_what_is_not_in_the_samples_form_is_refused_before_it_is_sent_or_trained(
    home: Home, champion: Version, kaggle_site: KaggleServer, serve, call: Call, sample: bytes, words: str
) -> None:
    competition = serve(competitions.shuffled_pixels())
    call("kaggle", "download", "--competition", competition.name)
    (home.competition(competition.name) / "sampleSubmission.csv").write_bytes(sample)
    kaggle_site.calls.clear()
    for command in (("kaggle", "submit"), ("run", *FAST, "--submit")):
        with pytest.raises(DataError, match=words):
            call(*command, "--competition", competition.name)
    assert kaggle_site.calls == []
    assert len(versions.list_versions(home)) == 1


NOT_UNDERSTOOD = {
    "no sample": (lambda files: files.pop("sampleSubmission.csv"), "has no sample_submission.csv"),
    "no label": (
        lambda files: files.update({"train.csv": b"a,b,pixel0\n1,2,3\n"}),
        "has the columns a, b, none of which is the sample's 'label'",
    ),
    "no labels at all": (lambda files: files.pop("train.csv"), "has no train.csv"),
    "no test images": (lambda files: files.pop("test.csv"), "has no test.csv with pixels"),
    "no square": (
        lambda files: files.update({"train.csv": b"label,pixel0,pixel1\n1,2,3\n"}),
        "2 pixel columns, which is not a square number .* give --shape",
    ),
    "no pictures": (
        lambda files: files.update({"train.csv": b"name,label\na.png,1\n"}),
        r"No column of .*train.csv \(name\) names a picture",
    ),
}


@pytest.mark.parametrize(("change", "words"), NOT_UNDERSTOOD.values(), ids=NOT_UNDERSTOOD)
def test_what_is_not_understood_is_one_sentence(home: Home, serve, call: Call, change, words: str) -> None:
    competition = competitions.shuffled_pixels()
    files = dict(competition.files)
    change(files)
    serve(Competition(competition.name, files, competition.header, competition.truth))
    with pytest.raises(DataError, match=words):
        call("run", "--competition", competition.name, *FAST)
    assert versions.list_versions(home) == []
    assert any(home.competition(competition.name).iterdir()), "the files are kept, to be looked at"


def test_a_damaged_archive_replaces_nothing(home: Home, kaggle_site: KaggleServer, serve, call: Call) -> None:
    competition = serve(competitions.listed_pictures())
    call("kaggle", "download", "--competition", competition.name)
    kaggle_site.files["images.zip"] = zipped({"train/a.png": b"x" * 999})[:-40]
    with pytest.raises(DataError, match=r"images.zip cannot be unpacked"):
        call("kaggle", "download", "--competition", competition.name, "--force")
    kaggle_site.files = {}
    kaggle_site.archive = lambda: b"<html>"  # type: ignore[method-assign]
    with pytest.raises(ServiceError, match="is not an archive"):
        call("kaggle", "download", "--competition", competition.name, "--force")
    assert len(list(home.competition(competition.name).rglob("*.png"))) == 120
    assert [path.name for path in (home.data / "kaggle").iterdir()] == [competition.name]


@pytest.mark.parametrize("name", ["../etc", "a/b", "", "-x", "https://example.org", "https://www.kaggle.com/c/"])
def test_a_name_that_no_competition_has_is_refused(call: Call, name: str) -> None:
    with pytest.raises(StoreError, match="is not a competition's name"):
        call("kaggle", "status", f"--competition={name}")


@pytest.mark.parametrize(
    "address", ["https://www.kaggle.com/competitions/trees", "https://www.kaggle.com/c/trees/leaderboard", "trees"]
)
def test_a_competition_may_be_named_by_its_address(home: Home, call: Call, address: str) -> None:
    (home.data / "kaggle" / "trees").mkdir(parents=True)
    (home.data / "kaggle" / "trees" / "train.csv").touch()
    assert "Nothing has been submitted to trees yet" in call("kaggle", "status", "--competition", address)
    assert read_settings(None, {"competition": address}).competition == "trees"


@pytest.mark.slow
def test_local_files_need_no_competition_and_the_advice_to_submit_works(
    home: Home, kaggle_site: KaggleServer, serve, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition = serve(competitions.shuffled_pixels())
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_bytes(competition.files[name])
    local = ("run", "--dataset", "train.csv", "--name", "mine", *FAST)
    assert "predicted Kaggle-form CSV test.csv" in call(*local, "--test-images", "test.csv")
    assert (home.metric_results / "mine" / "submission.csv").read_text().startswith("ImageId,Label")

    with pytest.raises(SettingsError, match=r"where to submit what was trained on 'train.csv': .* --competition NAME"):
        call(*local, "--test-images", "test.csv", "--submit")
    named = ("--competition", competition.name)
    with pytest.raises(DataError, match=rf"kaggle download --competition {competition.name}`.* next to test.csv"):
        call("kaggle", "submit", *named, "--test-images", "test.csv")
    (tmp_path / "sample_submission.csv").write_bytes(competition.files["sampleSubmission.csv"])

    with monkeypatch.context() as without:
        without.delenv("KAGGLE_KEY")
        said = call(*local, "--test-images", "test.csv", "--submit", *named)
    advice = said.partition("run `simulator.py ")[2].partition("`")[0].split()
    assert advice[:2] == ["kaggle", "submit"]
    assert kaggle_site.calls == []
    assert "Public score" in call(*advice)
    assert len(kaggle_site.submissions) == 1
    assert not home.competition(competition.name).exists(), "nothing had to be downloaded"

    said = call(*local, "--test-images", "test.csv")
    written = home.metric_results / "mine" / "submission.csv"
    assert f"{written}, in the format of sample_submission.csv" in said
    assert written.read_bytes() == kaggle_site.submissions[0]["content"]


def test_the_digit_recognizers_files_of_ones_own_are_checked_against_its_known_form(
    champion: Version, kaggle_site: KaggleServer, serve, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KNOWN, SLUG, DIGIT_RECOGNIZER)
    competition = serve(competitions.shuffled_pixels())
    (tmp_path / "test.csv").write_bytes(competition.files["test.csv"])
    with pytest.raises(DataError, match=r"asks for 28,000 ids from 1 to 28000, but .* has 200 ") as raised:
        call("kaggle", "submit", "--test-images", "test.csv", "--competition", SLUG)
    assert "as many as the competition has; --competition names another" in str(raised.value)
    assert kaggle_site.submissions == []


@pytest.mark.slow
def test_the_digit_recognizers_form_is_built_in(
    home: Home, competition: KaggleServer, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"test.csv": len(unseen_images())}
    monkeypatch.setitem(KNOWN, SLUG, replace(DIGIT_RECOGNIZER, rows=rows))
    for name in ("train.csv", "test.csv"):
        (tmp_path / name).write_bytes(competition.files[name])
    local = ("run", "--dataset", "train.csv", "--test-images", "test.csv", *FAST, "--submit", "--competition", SLUG)
    with monkeypatch.context() as without:
        without.delenv("KAGGLE_KEY")
        assert "Not submitted, since there are no Kaggle credentials" in call(*local)
    assert competition.calls == []
    assert "Public score" in call(*local)
    assert not any("Download" in name for name in competition.calls)
    assert not home.competition(SLUG).exists()


def test_the_best_version_that_was_not_sent_yet_is_next(
    home: Home, champion: Version, kaggle_site: KaggleServer, serve, call: Call
) -> None:
    named = ("--competition", serve(competitions.shuffled_pixels()).name)
    best = ("kaggle", "submit", *named, "--version", "best")
    call("kaggle", "download", *named)
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
    home: Home, champion: Version, kaggle_site: KaggleServer, serve, call: Call
) -> None:
    named = ("--competition", serve(competitions.shuffled_pixels()).name)
    best = ("kaggle", "submit", *named, "--version", "best")
    call("kaggle", "download", *named)
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


def test_a_version_with_a_better_expected_score_than_the_champion_is_named(
    home: Home, kaggle_site: KaggleServer, serve, call: Call, entry: Entry, test_set: UnlabelledImages
) -> None:
    champion = publish(home, strength=1e4)
    calmer = publish(home, number=2, strength=0.3, serve=False)
    by_log_loss = replace(entry, metric=METRICS["log-loss"])
    said = best.better_than(home, by_log_loss, test_set, champion.id)
    assert said is not None
    assert said.startswith(f"{calmer.id} is expected to score better than the champion by log loss, 0.")
    assert "`simulator.py kaggle submit --dataset digits --version best` submits" in said
    assert best.better_than(home, by_log_loss, test_set, calmer.id) is None

    named = ("--competition", serve(competitions.shuffled_pixels()).name)
    call("kaggle", "download", *named)
    better = publish(home, number=3, strength=1e-5)
    assert f"{champion.id} is expected to score better than the champion" in call("kaggle", "submit", *named)
    assert "better than the champion" not in call("kaggle", "submit", *named, "--version", better.id)


def test_a_public_score_outside_its_interval_is_called_that(
    home: Home, champion: Version, kaggle_site: KaggleServer, serve, call: Call
) -> None:
    named = ("--competition", serve(competitions.shuffled_pixels()).name)
    call("kaggle", "download", *named)
    publish(home, number=2, strength=1e-5, serve=False)
    assert "outside" not in call("kaggle", "submit", *named) + call("kaggle", "status", *named)
    kaggle_site.score = lambda rows: 0.012
    assert "%): outside the 95 % interval." in call("kaggle", "submit", *named, "--version", "best")
    assert call("kaggle", "status", *named).count("outside the 95 % interval") == 1


def test_an_attempt_of_unknown_outcome_is_named_where_nothing_else_is_left_to_send(
    home: Home, champion: Version, kaggle_site: KaggleServer, serve, call: Call
) -> None:
    named = ("--competition", serve(competitions.shuffled_pixels()).name)
    best = ("kaggle", "submit", *named, "--version", "best")
    call("kaggle", "download", *named)
    kaggle_site.faults["CreateSubmission"] = [cut]
    with pytest.raises(ServiceError, match="may or may not have"):
        call(*best, "--time-limit", "1")
    said = call(*best)
    assert f"could be were sent to {named[1]} before. Whether Kaggle has that of {champion.id} is unknown." in said
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


def test_the_best_version_needs_no_champion(home: Home, kaggle_site: KaggleServer, serve, call: Call) -> None:
    named = ("--competition", serve(competitions.shuffled_pixels()).name)
    best = ("kaggle", "submit", *named, "--version", "best")
    call("kaggle", "download", *named)
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
    said = call("kaggle", "submit", "--competition", "leaky", "--version", "best")
    assert "all versions of 'digits' that could be were trained on test images" in said
    assert kaggle_site.submissions == []


def test_the_dataset_of_another_competition_is_not_mixed_in(call: Call) -> None:
    with pytest.raises(SettingsError, match="--dataset kaggle is digit-recognizer"):
        call("run", "--dataset", "kaggle", "--competition", "trees")
