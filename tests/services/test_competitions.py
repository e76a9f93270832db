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
from kaggle_server import KaggleServer
from listeners import Told
from small_version import SLUG, unseen_images

from pipeline.contracts import Version
from pipeline.errors import DataError, ServiceError, SettingsError, StoreError
from pipeline.facts.competition import DIGIT_RECOGNIZER, KNOWN, CompetitionChoices
from pipeline.publishing import entry as entries
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


@pytest.mark.parametrize(
    "option",
    [("--probabilities",), ("--metric", "log-loss"), ("--probabilities", "--metric", "log-loss")],
    ids=" ".join,
)
def test_what_does_not_fit_the_sample_is_not_kept(
    home: Home, champion: Version, serve, call: Call, option: tuple[str, ...]
) -> None:
    competition = serve(competitions.shuffled_pixels())
    submit = ("kaggle", "submit", "--competition", competition.name)
    call("kaggle", "download", "--competition", competition.name)
    asked = " ".join(option).replace("s --m", "s and --m")
    with pytest.raises(DataError, match=f"cannot hold the probabilities of 10 classes: leave out {asked}\\.$"):
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


@pytest.mark.parametrize("lost", ["sampleSubmission.csv", "train.csv"])
def test_a_file_that_was_lost_is_fetched_by_the_command_that_is_named(
    home: Home, champion: Version, serve, call: Call, lost: str
) -> None:
    competition = serve(competitions.shuffled_pixels())
    named = ("--competition", competition.name)
    call("kaggle", "download", *named)
    path = home.competition(competition.name) / lost
    path.unlink()
    command = ("run", *named, *FAST) if lost == "train.csv" else ("kaggle", "submit", *named)
    with pytest.raises(DataError, match=r"ut (it|them) there, or fetch all files again with ") as raised:
        call(*command)
    advice = str(raised.value).partition("`simulator.py ")[2].partition("`")[0]
    assert f"{path}: " in call(*advice.split())
    assert path.exists()


def test_the_rows_of_each_file_are_counted_and_a_short_sample_is_named(serve, call: Call) -> None:
    competition = competitions.shuffled_pixels()
    asked = len(competition.truth)
    lines = competition.files["sampleSubmission.csv"].splitlines(keepends=True)
    serve(replace(competition, files=competition.files | {"sampleSubmission.csv": b"".join(lines[:-9])}))
    said = call("kaggle", "download", "--competition", competition.name)
    assert f"test.csv has {asked:,} rows, and the sample submission asks for {asked - 9:,} predictions" in said
    assert f"test.csv: {asked:,} rows, fetched" in said and f"sampleSubmission.csv: {asked - 9:,} rows, fetched" in said


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


def test_the_dataset_of_another_competition_is_not_mixed_in(call: Call) -> None:
    with pytest.raises(SettingsError, match="--dataset kaggle is digit-recognizer"):
        call("run", "--dataset", "kaggle", "--competition", "trees")
