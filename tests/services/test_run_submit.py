"""A whole run in Kaggle's form, from the download to the submission, and what MLflow and the mirror have of it."""

import json
from pathlib import Path

import openpyxl
import pytest
from faults import cut, reply
from kaggle_server import KaggleServer
from listeners import KEY
from small_version import TRAIN, csv_of, digits

from pipeline.contracts import Version
from pipeline.errors import DataError, DeployError, ServiceError
from pipeline.store import production, submissions, versions
from pipeline.store.home import Home

ROOT = Path(__file__).parents[2]
RUN = ("run", "--dataset", "kaggle", "--models", "logistic", "--gate", "as-good", "--train-sizes")
REFUSED = ("run", "--competition", "digit-recognizer", "--models", "dummy")


def champion_of(home: Home) -> str:
    champion = production.current(home, "kaggle")
    assert champion is not None
    return champion.id


def submitted_in_the_workbook(home: Home) -> list[object]:
    sheet = openpyxl.load_workbook(home.metric_results / "metric_results.xlsx")["Submissions"]
    return [cell for row in sheet.iter_rows(values_only=True) for cell in row]


def test_a_run_submits_its_champion_once(home: Home, competition: KaggleServer, call) -> None:
    call("kaggle", "download")
    said = call(*RUN, "all", "--submit")
    [sent] = competition.submissions
    assert sent["content"] == (home.metric_results / "kaggle" / "submission.csv").read_bytes()
    [record] = submissions.read(home)
    assert (record.version, record.status, record.leak) == (champion_of(home), "complete", False)
    assert "Expected public score" in said
    assert f"Public score of {record.version}" in said
    assert sent["ref"] in submitted_in_the_workbook(home)
    scores = f"public score {record.public_score:.3%} (expected {record.expected_score:.2%}; ".replace("%", " %")
    assert f"Submitted to digit-recognizer on {record.submitted_at}: complete, {scores}" in call("show", record.version)

    competition.calls.clear()
    assert "the champion is unchanged, so nothing was sent" in call(*RUN, "all", "--submit")
    assert competition.calls == []


@pytest.mark.slow
def test_without_a_champion_the_best_version_is_submitted_and_nothing_else(
    home: Home, competition: KaggleServer, call
) -> None:
    call("kaggle", "download")
    with pytest.raises(DeployError, match="Not submitted: nothing passed the gate"):
        call(*REFUSED, "--train-sizes", "60", "--submit")
    assert competition.submissions == []

    said = call(*REFUSED, "--train-sizes", "60,all", "--submit", "best")
    [record] = submissions.read(home)
    assert f"{record.version} is chosen: of 2 versions that have not been sent yet" in said
    assert f"Public score of {record.version}" in said
    sent = home.metric_results / "kaggle" / "digit-recognizer" / "submission.csv"
    assert f"Submitted: {sent}" in said
    assert f"predicted by {record.version}. Results:" in said
    assert production.current(home, "kaggle") is None
    assert competition.submissions[0]["ref"] in submitted_in_the_workbook(home)

    said = call("kaggle", "submit", "--version", "best")
    assert f"is left out: its file is the one that was sent for {record.version}" in said, "both predict one class"
    assert "all versions of 'kaggle' that could be were sent" in said
    assert submissions.read(home) == [record]


def test_a_run_says_that_it_submitted_only_what_was_sent(home: Home, competition: KaggleServer, call) -> None:
    call("kaggle", "download")
    run = (*REFUSED, "--train-sizes", "60", "--submit", "best")
    assert "Submitted: " in call(*run)
    (home.metric_results / "submissions.csv").unlink()
    said = call(*run)
    assert "Kaggle already has this file, as submission 50000000" in said
    assert "Nothing was sent: all versions of 'kaggle' that could be were sent to digit-recognizer before." in said
    assert "Submitted: " not in said
    assert len(competition.submissions) == 1


@pytest.mark.slow
def test_a_submission_that_ends_in_an_error_is_in_the_workbook_and_the_overview_at_once(
    home: Home, competition: KaggleServer, call
) -> None:
    call("kaggle", "download")
    call(*RUN, "all")
    competition.truth = ["1"]
    with pytest.raises(ServiceError, match="could not score submission 50000000"):
        call("kaggle", "submit")
    [record] = submissions.read(home)
    assert record.status == "error"
    assert {"error", record.reason} <= set(submitted_in_the_workbook(home))
    assert "Submission must have the columns" in (home.metric_results / "index.html").read_text()


@pytest.mark.slow
def test_a_submission_of_unknown_outcome_is_shown_and_settled_by_status(
    home: Home, competition: KaggleServer, call
) -> None:
    call("kaggle", "download")
    call(*RUN, "all")
    competition.faults_after["CreateSubmission"] = [cut]
    competition.lists_until_shown = 10**6
    with pytest.raises(ServiceError, match="may or may not have the submission"):
        call("kaggle", "submit", "--time-limit", "4")
    assert "unknown" in submitted_in_the_workbook(home)
    said = call("kaggle", "status")
    assert "may or may not have the submission" in said
    assert f"kaggle submit --version {champion_of(home)} --resend" in said

    competition.lists_until_shown = 0
    assert "complete" in call("kaggle", "status")
    assert "complete" in submitted_in_the_workbook(home)
    assert len(competition.submissions) == 1


NASTY = "[/3] [bold]loud[/] =1+1 \x1b[31mred <b>page</b>"


@pytest.mark.slow
def test_what_kaggle_says_is_never_interpreted(home: Home, competition: KaggleServer, call) -> None:
    call("kaggle", "download")
    call(*RUN, "all")
    competition.error_description = NASTY
    competition.truth = ["1"]
    with pytest.raises(ServiceError) as raised:
        call("kaggle", "submit")
    assert "[/3] [bold]loud[/] =1+1 \\x1b[31mred <b>page</b>" in str(raised.value)
    said = call("kaggle", "status")
    assert "[/3]" in said
    assert "[bold]loud[/]" in said
    assert "\x1b" not in said
    assert "<b>page</b>" not in (home.metric_results / "index.html").read_text()
    assert "\\x1b[31mred" in str(submitted_in_the_workbook(home))


@pytest.mark.slow
def test_what_mlflow_says_does_not_end_a_run(home: Home, competition: KaggleServer, call, monkeypatch) -> None:
    pytest.importorskip("mlflow")

    def fail(*_: object) -> None:
        raise RuntimeError(NASTY)

    monkeypatch.setattr("pipeline.services.mlflow_run.ensure", fail)
    call("kaggle", "download")
    said = call(*RUN, "60", "--track", "mlflow")
    assert "[/3] [bold]loud[/]" in said
    assert (home.metric_results / "index.html").exists()


@pytest.mark.slow
def test_a_run_on_test_images_is_not_submitted_and_everything_else_is_done(
    home: Home, competition: KaggleServer, call, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, labels = digits()
    competition.files["train.csv"] = csv_of(images[TRAIN:], labels[TRAIN:])
    call("kaggle", "download")
    competition.calls.clear()
    with pytest.raises(DataError, match=r"of the 697 test images are among the training images.*--allow-leak"):
        call(*RUN, "all", "--submit")
    assert (home.metric_results / "index.html").exists()
    assert mirrored(home) == champion_of(home)

    monkeypatch.delenv("KAGGLE_KEY")
    said = call(*RUN, "all", "--submit")
    assert "are among the training images" in said
    assert "predicted Kaggle-form CSV" in said
    assert competition.calls == []
    assert submissions.read(home) == []

    monkeypatch.setenv("KAGGLE_KEY", KEY)
    with pytest.raises(DataError, match="would be meaningless"):
        call("kaggle", "submit")
    call("kaggle", "submit", "--allow-leak")
    assert competition.submissions[0]["description"].endswith("| trained on test images")
    assert "trained on test images" in call("kaggle", "status")
    assert "trained on test images" in call("show", champion_of(home))


@pytest.mark.slow
def test_the_mirror_follows_the_champion_and_names_an_override(home: Home, competition: KaggleServer, call) -> None:
    call("kaggle", "download")
    call(*RUN, "60,all")
    first = champion_of(home)
    assert mirrored(home) == first
    [other] = [version.id for version in versions.list_versions(home) if version.id != first]
    said = call("promote", other, "--override", "--reason", "a trial by *hand*")
    assert mirrored(home) == champion_of(home) == other
    assert "MLflow" not in said, "nothing was tracked"
    card = home.production / "kaggle" / "huggingface" / "README.md"
    assert "Promoted by hand against the gate, whose promise does not cover it: a trial by \\*hand\\*" in (
        card.read_text()
    )
    call("rollback")
    assert mirrored(home) == champion_of(home) == first
    assert "Promoted by hand" not in card.read_text()


@pytest.mark.slow
def test_a_tracked_run_is_in_the_store_and_a_broken_store_stops_nothing(
    home: Home, competition: KaggleServer, call
) -> None:
    mlflow = pytest.importorskip("mlflow")
    call("kaggle", "download")
    assert "since MLflow failed" in call(*RUN, "60", "--track", "mlflow:nonsense://host")
    assert f"with MLflow at sqlite:///{home.metric_results}/mlflow.db" in call(*RUN, "60,all", "--track", "mlflow")

    uri = f"sqlite:///{home.metric_results}/mlflow.db"
    client = mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    runs = client.search_runs([client.get_experiment_by_name("kaggle").experiment_id])
    assert {run.info.run_name for run in runs} == {version.id for version in versions.list_versions(home)}
    assert {run.data.tags["pipeline.verdict"] for run in runs} <= {"pass", "fail"}
    first = champion_of(home)
    assert client.get_model_version_by_alias("kaggle", "champion").tags == {"pipeline.version": first}

    [other] = [version.id for version in versions.list_versions(home) if version.id != first]
    stale = "models:/kaggle@champion in MLflow stays the earlier champion until the next `simulator.py run --track`"
    assert stale in call("promote", other, "--override", "--reason", "a trial")
    assert client.get_model_version_by_alias("kaggle", "champion").tags == {"pipeline.version": first}
    call(*RUN, "60,all", "--track", "mlflow")
    named = client.get_model_version_by_alias("kaggle", "champion")
    assert named.tags == {"pipeline.version": other, "pipeline.override": "a trial"}


@pytest.mark.slow
def test_the_score_of_a_version_that_does_not_serve_is_tracked(home: Home, competition: KaggleServer, call) -> None:
    mlflow = pytest.importorskip("mlflow")
    call("kaggle", "download")
    call(*REFUSED, "--train-sizes", "60", "--submit", "best", "--track", "mlflow")
    [record] = submissions.read(home)
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{home.metric_results}/mlflow.db")
    [run] = client.search_runs([client.get_experiment_by_name("kaggle").experiment_id])
    assert run.info.run_name == record.version
    assert run.data.metrics["kaggle.public_score"] == record.public_score


@pytest.mark.slow
def test_no_secret_is_printed_with_debug(champion: Version, competition: KaggleServer, call, debugged) -> None:
    call("kaggle", "download")
    words = f"key {KEY} at http://127.0.0.1/upload?X-Signature=a-signature-nobody-should-see"
    competition.faults["CreateSubmission"] = [reply(400, {"code": 400, "message": words})]
    printed = debugged("kaggle", "submit")
    assert "Kaggle refused (400): key *** at http" in printed
    assert "nobody-should-see" not in printed


def mirrored(home: Home) -> str:
    return json.loads((home.production / "kaggle" / "huggingface" / "config.json").read_text())["version"]
