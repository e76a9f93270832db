"""``--refit``: for a submission alone, on all labels, held against the champion, and on record as what it is."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kaggle_server import KaggleServer
from small_version import csv_of, digits

from pipeline.contracts import Submission
from pipeline.errors import DataError, ModelError, ServiceError
from pipeline.growing import version_traces
from pipeline.judging.agreement import agreement
from pipeline.models import cross_fitting
from pipeline.models.temperature import tempered
from pipeline.orchestration import refitting
from pipeline.publishing.submitter import REFIT_WORDS
from pipeline.store import manifest, production, submissions, version_arrays, versions
from pipeline.store.home import Home

RUN = ("run", "--dataset", "kaggle", "--models", "logistic", "--gate", "as-good", "--train-sizes", "all")
TREES = ("run", "--dataset", "kaggle", "--models", "xgboost", "--gate", "as-good", "--train-sizes", "all")
QUICK = ("--set", "logistic.max_iter=20")
SUBMISSION = Submission(Path("submission.csv"), 400, "champion", "digest", "test images", stand_in=False)


@pytest.mark.slow
def test_a_refit_is_trained_on_every_label_submitted_and_named(home: Home, competition: KaggleServer, call) -> None:
    call("kaggle", "download")
    said = call(*RUN, *QUICK, "--submit", "--refit", "2")
    champion = production.current(home, "kaggle")
    [folder] = (home.metric_results / refitting.FOLDER / "kaggle" / champion.id).glob("[0-9a-f]*")
    facts = manifest.read(folder)
    assert facts.refit.as_json() == {"champion": champion.id, "champion_digest": champion.digest, "seeds": 2}
    assert (facts.rows.train, facts.rows.validation) == (facts.dataset.images, 0)
    seen = version_arrays.parse_training_images((folder / "training_images.npz").read_bytes(), folder)
    assert len(seen.train) == facts.dataset.images
    traces = version_traces.folders_with_traces(home, {seen.train[0].tobytes().hex()})
    assert folder.relative_to(home.root).as_posix() in traces, "an image that is erased leaves no trace here, either"
    assert champion.id not in [folder.name] and len(versions.list_versions(home)) == 1, "no version, no champion"

    [sent], [record] = competition.submissions, submissions.read(home)
    assert sent["content"] == (home.metric_results / "kaggle" / "submission.csv").read_bytes()
    assert record.version == champion.id
    assert (record.refit, record.status) == (2, "complete")
    assert REFIT_WORDS in record.message
    assert f"refit {facts.digest[:12]} with 2 seeds" in record.message
    assert "The champion was judged, the refit was not" in said
    assert f"Expected public score of {champion.id}: " in said, "it is the champion's, and its interval, too"
    assert f"Public score of the refit of {champion.id}" in said
    assert list(submissions.figures(home)[champion.id]) == ["kaggle.refit_public_score"]
    assert "predicted by its refit on all labels" in call("show", champion.id)
    assert "predicted by its refit on all labels" in (home.metric_results / "index.html").read_text()
    assert REFIT_WORDS.split(",")[0] in call("kaggle", "status", "--json")

    again = call("kaggle", "submit", "--refit", "2")
    assert "Refitting" not in again, "it is kept"
    assert len(competition.submissions) == 1
    (folder / "model.onnx").write_bytes(b"damaged")
    assert "Refitting" in call("kaggle", "submit", "--refit", "2")
    assert manifest.damage(folder, content=True) is None


@pytest.mark.slow
def test_boosted_trees_are_refitted_without_validation_rows(home: Home, competition: KaggleServer, call) -> None:
    """They stop early on validation rows, of which a refit has none."""
    rounds = ("--set", "xgboost.rounds=12", "--set", "xgboost.patience=2")
    call("kaggle", "download")
    call(*TREES, *rounds, "--submit", "--refit", "2")
    champion = production.current(home, "kaggle")
    [folder] = (home.metric_results / refitting.FOLDER / "kaggle" / champion.id).glob("[0-9a-f]*")
    facts, judged = manifest.read(folder), manifest.read(champion.folder)
    assert (facts.rows.train, facts.rows.validation) == (facts.dataset.images, 0)
    assert (facts.parameters["rounds"], facts.parameters["patience"]) == (judged.best_step, 0)
    [record] = submissions.read(home)
    assert (record.version, record.refit, record.status) == (champion.id, 2, "complete")
    assert record.public_score > 0.8


@pytest.mark.slow
def test_a_refit_that_disagrees_beyond_chance_is_refused(
    home: Home, competition: KaggleServer, call, monkeypatch: pytest.MonkeyPatch
) -> None:
    call("kaggle", "download")
    call(*RUN, *QUICK)
    fit = cross_fitting.SeedAveragedModel.fit

    def fit_to_wrong_labels(self, request):
        object.__setattr__(request, "train_labels", (request.train_labels + 1) % 10)
        return fit(self, request)

    monkeypatch.setattr(cross_fitting.SeedAveragedModel, "fit", fit_to_wrong_labels)
    with pytest.raises(ModelError, match=r"disagrees with .* almost certainly above .* without --refit"):
        call("kaggle", "submit", "--refit", "1")
    assert competition.submissions == []
    assert submissions.read(home) == []


def test_used_up_submissions_are_known_before_a_refit_is_fitted(home: Home, competition: KaggleServer, call) -> None:
    call("kaggle", "download")
    competition.limits["numAllowedNow"] = 0
    for command in ((*RUN, *QUICK, "--submit", "--refit", "1"), ("kaggle", "submit", "--refit", "1")):
        with pytest.raises(ServiceError, match="Today's submissions to digit-recognizer are used up"):
            call(*command)
        assert not (home.metric_results / refitting.FOLDER).exists()
    assert production.current(home, "kaggle") is not None


def test_labelled_images_among_the_test_images_are_refused(home: Home, competition: KaggleServer, call) -> None:
    call("kaggle", "download")
    call(*RUN, *QUICK)
    test_csv = home.competition("digit-recognizer") / "test.csv"
    rows = len(test_csv.read_text().splitlines()) - 1
    test_csv.write_bytes(csv_of(digits()[0][:rows]))
    refused = r"Not refitted: \d+ of the .* The competition's own training images hold them: .*`(simulator.py [^`]*)`"
    trained = versions.list_versions(home)
    advised = []
    for command in (("kaggle", "submit", "--refit", "1"), (*RUN, "--refit", "1", "--submit")):
        with pytest.raises(DataError, match=refused) as raised:
            call(*command)
        advised.append(re.search(refused, str(raised.value))[1])
    assert versions.list_versions(home) == trained, "it is known before anything is fitted"
    general = "simulator.py kaggle submit --dataset kaggle --refit 1 --allow-leak"
    assert advised == [general.replace(" --refit", f" --version {trained[0].id} --refit"), general]
    assert "Public score of the refit" in call(*general.split()[1:])
    train = str(home.competition("digit-recognizer") / "train.csv")
    with pytest.raises(DataError, match=r"without them, such as the competition's own, `--dataset kaggle`\."):
        call("run", "--dataset", train, *RUN[3:], "--competition", "digit-recognizer", "--refit", "1")


def test_what_stopped_early_runs_as_long_as_it_did_for_the_champion() -> None:
    class Facts:
        recipe, best_step, test_shifts = "xgboost", 37, None
        parameters = {"rounds": 150, "patience": 20, "max_depth": 5, "of_another_release": 1}  # noqa: RUF012

    assert refitting._without_validation(Facts) == {"rounds": 37, "patience": 0, "max_depth": 5}
    Facts.recipe, Facts.parameters = "mlp", {"epochs": 50, "patience": 0}
    assert refitting._without_validation(Facts) == {"epochs": 50, "patience": 0}


@pytest.mark.parametrize("correlation", [-1.0, 0.0, 1.0])
def test_models_that_are_equally_good_are_hardly_ever_refused(correlation: float) -> None:
    """At most one in a thousand, however their errors go together: here none of 2,000."""
    random = np.random.default_rng(0)
    share = 0.01
    for _ in range(2_000):
        errors = random.binomial(8_400, share)
        apart = {-1.0: 2 * share, 0.0: 2 * share * (1 - share), 1.0: 0.0}[correlation]
        assert agreement(random.binomial(28_000, apart), 28_000, errors, 8_400).plausible


def test_the_limit_is_what_is_stated() -> None:
    found = agreement(560, 28_000, 42, 8_400)
    assert found.most == pytest.approx(2 * 0.00815, abs=2e-4)
    assert not found.plausible
    assert agreement(0, 10, 0, 10).plausible
    assert re.fullmatch(r"0\.\d+", str(found.least))


def test_a_refit_is_made_as_sure_of_the_test_images_as_its_champion(monkeypatch: pytest.MonkeyPatch) -> None:
    calm = np.random.default_rng(0).dirichlet(np.ones(3), 400).astype(np.float32)
    sure = tempered(calm, 0.4).astype(np.float32)
    written: list[Any] = []

    class Model:
        def __init__(self, model: str) -> None:
            self.model = model

        def predict(self, _images: Any) -> Any:
            return {"refit": sure, "champion": calm}[self.model]

        def run(self, *_given: Any, predicted: Any, **_options: Any) -> Any:
            written.append(predicted)
            return SUBMISSION

    monkeypatch.setattr(refitting, "Application", Model)
    given: Any = ("refit", "champion", SUBMISSION, None, None)
    refitting.predict(*given, probabilities=True)
    assert written[0].max(axis=1).mean() == pytest.approx(calm.max(axis=1).mean(), rel=0.01)
