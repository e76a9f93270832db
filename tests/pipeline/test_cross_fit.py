"""The gate ``cross-fit``: the benchmark goes into the folds for good, and models are compared out of fold."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from short_runs import Silent, wait_for_the_next_second

from pipeline import simulator
from pipeline.config import Settings
from pipeline.data import sources, splits
from pipeline.data.digests import contained
from pipeline.data.roles import BENCHMARK
from pipeline.errors import ModelError, SettingsError, StoreError
from pipeline.inference import out_of_fold
from pipeline.inspection.comparison import compare
from pipeline.judging import ledger, trained_on
from pipeline.orchestration import judge_stored
from pipeline.store import ledger_files, production, repeats, role_records, version_arrays, versions
from pipeline.store.home import Home

LENIENT: dict[str, Any] = {"accuracy_floor": 0.01, "recall_floor": "off", "calibration_limit": "off"}
CROSSED: dict[str, Any] = {"preset": "cross-fit", **LENIENT, "calibration_margin": "off"}
ORDINARY: dict[str, Any] = {"preset": "each-test", **LENIENT}
WEAK: dict[str, Any] = {"models": ("stump:build",)}
IMAGES, ON_BENCHMARK = 180, 36


class Heard(Silent):
    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, sentence: str) -> None:
        self.notices.append(sentence)


def crossed_run(data: Path, home: Home, observer: Any = None, **settings: Any) -> simulator.Summary:
    given = {"dataset": str(data), "models": ("logistic",), "train_sizes": ("all",), "folds": 3, "gate": CROSSED}
    return simulator.run(Settings(**given | settings), home, observer or Silent())


def debits(home: Home) -> list[ledger.DebitEntry]:
    return [one for one in ledger_files.read(home, "stripes").entries if isinstance(one, ledger.DebitEntry)]


@pytest.fixture(scope="module")
def crossed(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with a weak champion of 60 + 36 images and a strong one of all, both by the gate ``cross-fit``."""
    home = Home(tmp_path_factory.mktemp("crossed"))
    heard = Heard()
    crossed_run(data, home, heard, train_sizes=("60",), **WEAK)
    wait_for_the_next_second()
    crossed_run(data, home, heard)
    assert len([said for said in heard.notices if "This is recorded for good" in said]) == 1
    return home


def test_the_benchmark_is_among_the_images_that_are_fitted(crossed: Home) -> None:
    weak, strong = versions.list_versions(crossed)
    roles = role_records.load(crossed, "stripes")
    benchmark = roles.digests[roles.roles == BENCHMARK]
    assert [one.manifest.rows.train_size for one in (weak, strong)] == [60 + ON_BENCHMARK, IMAGES]
    for version in (weak, strong):
        assert version.manifest.rows.benchmark_in_folds
        assert contained(benchmark, version_arrays.training_images(version).train).all()
        unseen = version_arrays.out_of_fold(version.folder)
        assert contained(benchmark, unseen.digests).all() and np.isfinite(unseen.probabilities).all()
        assert versions.verify(version).damage is None


def test_the_challenger_is_compared_on_every_image_out_of_fold(crossed: Home) -> None:
    weak, strong = versions.list_versions(crossed)
    verdict = strong.verdict
    assert (verdict.outcome, verdict.champion_id, verdict.benchmark_images) == ("pass", weak.id, IMAGES)
    assert verdict.out_of_fold
    mine, theirs = (version_arrays.out_of_fold(one.folder) for one in (strong, weak))
    right = dict(zip(mine.digests.tolist(), mine.probabilities.argmax(1) == mine.labels, strict=True))
    before = theirs.probabilities.argmax(1) == theirs.labels
    on_common = compare(weak, strong)
    assert on_common.images == 60 + ON_BENCHMARK
    assert on_common.fixed == sum(right[d] and not ok for d, ok in zip(theirs.digests.tolist(), before, strict=True))
    assert on_common.fixed < verdict.comparison.fixed, "the champion's mean answers for what it never saw"
    assert {check.name for check in verdict.checks} >= {"proven_better", "no_training_image", "accuracy_floor"}
    assert {check.name for check in verdict.checks}.isdisjoint({"robustness", "near_copies", "validation_screen"})


def test_figures_are_those_of_the_benchmark_out_of_fold(crossed: Home) -> None:
    strong = versions.list_versions(crossed)[-1]
    judged, unseen = version_arrays.predictions(strong), version_arrays.out_of_fold(strong.folder)
    place = {digest: row for row, digest in enumerate(unseen.digests.tolist())}
    rows = [place[digest] for digest in judged.digests.tolist()]
    np.testing.assert_array_equal(judged.probabilities, unseen.probabilities[rows])
    assert strong.scores.images == len(rows) == ON_BENCHMARK
    assert strong.scores.errors == int((judged.probabilities.argmax(1) != judged.labels).sum())
    page = (strong.folder / "report.html").read_text()
    assert "each answered by the member that was not trained on it" in page
    assert "never used for training" not in page


def test_it_pays_twice_the_level_that_it_needs_and_the_lineage_remembers(crossed: Home) -> None:
    entries = ledger_files.read(crossed, "stripes").entries
    assert [one.images for one in entries if isinstance(one, ledger.TrainedOnEntry)] == [ON_BENCHMARK]
    assert isinstance(entries[0], ledger.TrainedOnEntry), "recorded before anything was trained"
    (debit,) = debits(crossed)
    assert debit.level == pytest.approx(0.05 * 0.05 / 2) and debit.cost == 2 * debit.level
    strong = versions.list_versions(crossed)[-1]
    (limit,) = [check.limit for check in strong.verdict.checks if check.name == "proven_better"]
    assert limit == debit.level
    said = " ".join(strong.verdict.explanation)
    assert "A promotion gets its 0.0025 back" in said
    assert "approximate" in said and "not the mean that is served" in said


@pytest.mark.parametrize("preset", ["guarded", "growing", "each-test", "as-good"])
def test_no_other_gate_takes_the_benchmark_as_unseen_again(crossed: Home, data: Path, preset: str) -> None:
    before = versions.ids(crossed)
    for folds in (None, 3):
        with pytest.raises(SettingsError, match=r"has been trained on since .*`--folds 5 --gate cross-fit`.*--name"):
            crossed_run(data, crossed, gate={"preset": preset}, folds=folds)
    with pytest.raises(SettingsError, match="has been trained on since"):
        wanted = judge_stored.Wanted((versions.list_versions(crossed)[0].id,))
        judge_stored.judge(Settings(gate={"preset": preset}), crossed, wanted, lambda said: None)
    assert versions.ids(crossed) == before


def test_gate_says_so_too(crossed: Home, command: Any) -> None:
    status, out, _ = command("gate", "--home", crossed.root)
    assert status == 0 and "has been trained on since" in " ".join(out.split())
    status, out, _ = command("gate", "--gate", "cross-fit", "--home", crossed.root)
    said = " ".join(out.split())
    assert "stripes (180 images out of fold)" in said and "needs p <= 0.00125 and costs 0.0025" in said
    assert "Every image is answered by the member that was not trained on it." in said


@pytest.mark.slow
def test_a_case_that_was_judged_is_not_judged_again(crossed: Home, data: Path) -> None:
    assert crossed_run(data, crossed).rows[0].reused
    wanted, spent = judge_stored.Wanted((versions.list_versions(crossed)[0].id,)), debits(crossed)
    for new in (True, False):
        (judged,) = judge_stored.judge(Settings(gate=CROSSED), crossed, wanted, lambda said: None)
        assert judged.new == new
        assert judged.version.verdict.checks[-1].name == "within_reach", "the champion makes no error"
    assert debits(crossed) == spent


def test_predictions_are_exported(crossed: Home, command: Any, tmp_path: Path) -> None:
    strong = versions.list_versions(crossed)[-1]
    status, out, _ = command("show", strong.id, "--export-predictions", tmp_path / "p.csv", "--home", crossed.root)
    assert status == 0 and "180 predictions out of fold" in " ".join(out.split())
    with (tmp_path / "p.csv").open() as file:
        rows = list(csv.DictReader(file))
    unseen = version_arrays.out_of_fold(strong.folder)
    assert [bytes.fromhex(row["image"]) for row in rows] == unseen.digests.tolist()
    assert [int(row["label"]) for row in rows] == unseen.labels.tolist()
    assert [int(row["prediction"]) for row in rows] == unseen.probabilities.argmax(1).tolist()
    found = np.array([[float(row[name]) for name in "012"] for row in rows])
    np.testing.assert_allclose(found, unseen.probabilities, rtol=1e-6)


def test_no_accuracy_is_claimed_on_images_that_were_trained_on(crossed: Home, data: Path) -> None:
    summary = crossed_run(data, crossed)
    assert summary.submission.stand_in and summary.submission.accuracy is None


def test_folds_are_needed(data: Path, home: Home) -> None:
    with pytest.raises(SettingsError, match="add --folds 5"):
        crossed_run(data, home, folds=None)
    assert ledger_files.names(home) == []


def test_a_benchmark_that_is_large_enough_is_not_trained_on(
    data: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained_on, "LARGEST_BENCHMARK", ON_BENCHMARK - 1)
    with pytest.raises(SettingsError, match="36 images, more than 35"):
        crossed_run(data, home)
    assert ledger_files.names(home) == []
    assert versions.list_versions(home) == []


@pytest.mark.slow
def test_a_champion_from_before_answers_for_what_it_never_saw(data: Path, home: Home) -> None:
    crossed_run(data, home, folds=None, gate=ORDINARY, train_sizes=("60",), **WEAK)
    row = crossed_run(data, home).rows[0]
    assert row.version.verdict.benchmark_images == IMAGES - 60, "those that the champion was not trained on"
    champion = production.current(home, "stripes")
    assert champion is not None and champion.id == row.version.id
    ordinary = versions.list_versions(home)[0]
    with pytest.raises(ModelError, match="was not trained with the benchmark in its folds"):
        judge_stored.judge(Settings(gate=CROSSED), home, judge_stored.Wanted((ordinary.id,)), lambda said: None)


def test_a_champion_that_was_fitted_on_the_benchmark_without_folds_is_no_opponent(
    crossed: Home, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = sources.load(str(data), datasets=crossed.datasets)
    roles = splits.assign_roles(loaded, role_records.load(crossed, "stripes"))
    split = splits.plan(loaded, roles, IMAGES - ON_BENCHMARK, ON_BENCHMARK, 0, benchmark_in_folds=True)
    weak, strong = (version.folder for version in versions.list_versions(crossed))
    rows = out_of_fold.compared(loaded, split, strong, weak)
    assert rows[:ON_BENCHMARK].tolist() == split.benchmark.tolist() and len(rows) == IMAGES
    read = version_arrays.out_of_fold
    monkeypatch.setattr(version_arrays, "out_of_fold", lambda folder: read(folder) if folder == strong else None)
    with pytest.raises(ModelError, match="trained on 36 benchmark images without folds"):
        out_of_fold.compared(loaded, split, strong, weak)


@pytest.mark.slow
def test_new_benchmark_images_join_the_comparison(data: Path, home: Home, tmp_path: Path) -> None:
    grown = tmp_path / "stripes.npz"
    with np.load(data) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    np.savez(grown, images=images[::2], labels=labels[::2])
    crossed_run(grown, home, **WEAK)
    np.savez(grown, images=images, labels=labels)
    row = crossed_run(grown, home).rows[0]
    assert row.version.verdict.benchmark_images == IMAGES
    assert row.version.manifest.rows.benchmark == ON_BENCHMARK


def test_figures_of_refused_versions_and_repeats_are_kept_back(data: Path, home: Home, command: Any) -> None:
    gate = {**CROSSED, "disclose": "verdict"}
    crossed_run(data, home, gate=gate)
    crossed_run(data, home, gate=gate, repeats=2, **WEAK)
    (refused,) = [one for one in versions.list_versions(home) if one.verdict.outcome != "pass"]
    assert refused.scores.accuracy.value is None
    assert "out of fold accuracy" not in (refused.folder / "report.html").read_text()
    status, _, error = command("show", refused.id, "--export-predictions", home.root / "p.csv", "--home", home.root)
    assert status == 1 and "discloses verdicts only" in error
    (repeat,) = repeats.read(home)
    assert (repeat.accuracy, repeat.errors, repeat.log_loss) == (None, None, None)
    assert repeat.fit_seconds > 0


def test_repeats_are_measured_out_of_fold(data: Path, home: Home) -> None:
    summary = crossed_run(data, home, repeats=2, **WEAK)
    (repeat,) = repeats.read(home)
    assert repeat.benchmark_images == ON_BENCHMARK
    split = summary.rows[1].cell.split
    assert repeat.benchmark_sha256 == split.benchmark_sha256
    assert repeat.accuracy < 1, "the mean of weak members, fitted on these images, is right more often"


def test_a_ledger_whose_record_was_cut_off_is_noticed(crossed: Home, data: Path, home: Home) -> None:
    shutil.copytree(crossed.root, home.root, dirs_exist_ok=True)
    path = ledger_files.file(home, "stripes")
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(StoreError, match="a line before line 1 is missing"):
        crossed_run(data, home, folds=None, gate=ORDINARY)


def test_versions_say_what_they_are(crossed: Home, command: Any) -> None:
    strong = versions.list_versions(crossed)[-1]
    status, out, _ = command("show", strong.id, "--home", crossed.root)
    said = " ".join(out.split())
    assert status == 0 and "on stripes, 180 images out of fold, gate cross-fit" in said
    assert "Out of fold: each image is answered by the member that was not trained on it." in said
