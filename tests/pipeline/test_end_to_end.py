"""What a run leaves behind, to the file."""

import csv
import importlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from pipeline_tree import tree
from short_runs import Silent

from pipeline.errors import DataError, ModelError, PipelineError, SettingsError
from pipeline.store import production, versions
from pipeline.store.home import Home

VERSION = {
    "history.csv",
    "manifest.json",
    "model.onnx",
    "native/model.joblib",
    "plots/calibration.png",
    "plots/confusion.png",
    "predictions.npz",
    "report.html",
    "scores.json",
    "training_images.npz",
    "verdict.json",
}
BUNDLE = {"manifest.json", "model.onnx", "native/model.joblib", "scores.json", "training_images.npz", "verdict.json"}
MIRROR = {
    ".gitattributes",
    "README.md",
    "config.json",
    "learning_curve.png",
    "metrics.json",
    "model.joblib",
    "model.onnx",
    "verdict.json",
}


def test_a_first_deploy_leaves_exactly_this(run: object, home: Home) -> None:
    summary = run()  # type: ignore[operator]
    (row,) = summary.rows
    name = row.version.id
    assert tree(home.root) == (
        {f"versions/{name}/{file}" for file in VERSION}
        | {"versions/.lock", "versions/.roles/stripes.npz"}
        | {f"production/stripes/{name}/{file}" for file in BUNDLE}
        | {f"production/stripes/huggingface/{file}" for file in MIRROR}
        | {"production/history.jsonl", "production/stripes/current.json"}
        | {
            f"metric_results/{file}"
            for file in (
                "index.html",
                "learning_curve.csv",
                "learning_curve.png",
                "learning_curve_seconds.png",
                "metric_results.xlsx",
                "results.csv",
                "stripes/benchmark_predictions.csv",
            )
        }
    )
    assert json.loads((home.production_of("stripes") / "current.json").read_text())["id"] == name
    assert summary.champion.id == name


def test_a_rejected_challenger_changes_nothing_in_production(run: object, home: Home) -> None:
    run()  # type: ignore[operator]
    before = {path: (home.production / path).read_bytes() for path in tree(home.production)}
    summary = run(models=("dummy",))  # type: ignore[operator]
    (row,) = summary.rows
    assert row.version.verdict.outcome == "fail"
    assert row.version.folder.parent == home.failed
    assert {path: (home.production / path).read_bytes() for path in tree(home.production)} == before


def test_the_submission_is_in_kaggles_form(run: object, home: Home) -> None:
    submission = run().submission  # type: ignore[operator]
    rows = list(csv.reader(submission.csv.open()))
    assert rows[0] == ["ImageId", "Label"]
    assert [row[0] for row in rows[1:]] == [str(number) for number in range(1, 37)]
    assert {row[1] for row in rows[1:]} <= {"0", "1", "2"}
    assert submission.stand_in
    assert submission.accuracy > 0.8


def test_a_test_set_is_predicted_in_place_of_the_benchmark(run: object, tmp_path: Path) -> None:
    test = tmp_path / "unseen.npz"
    np.savez(test, images=np.zeros((5, 8, 8), np.uint8))
    submission = run(test_images=test).submission  # type: ignore[operator]
    assert (submission.rows, submission.stand_in, submission.accuracy) == (5, False, None)
    assert submission.csv.name == "submission.csv"
    content = submission.csv.read_bytes()
    assert run().submission.csv == submission.csv.with_name("benchmark_predictions.csv")  # type: ignore[operator]
    assert submission.csv.read_bytes() == content, "what is to be submitted stays"


def test_the_same_run_again_trains_nothing_and_judges_nothing(run: object, home: Home) -> None:
    first = run(train_sizes=("60", "all"))  # type: ignore[operator]
    before = tree(home.versions)
    again = run(train_sizes=("60", "all"))  # type: ignore[operator]
    assert [row.reused for row in again.rows] == [True, True]
    assert [row.version.id for row in again.rows] == [row.version.id for row in first.rows]
    assert tree(home.versions) == before


@pytest.mark.slow
def test_the_same_seed_gives_the_same_digests_and_another_seed_others(run: object, tmp_path: Path) -> None:
    def digest(name: str, seed: int) -> str:
        summary = run(where=Home(tmp_path / name), seed=seed)  # type: ignore[operator]
        return str(summary.rows[0].version.manifest.digest)

    assert digest("one", 0) == digest("two", 0) != digest("three", 1)


def test_results_hold_a_row_a_version_and_the_workbook_the_same(run: object, home: Home) -> None:
    run(train_sizes=("60", "all"))  # type: ignore[operator]
    rows = list(csv.DictReader((home.metric_results / "results.csv").open()))
    listed = versions.list_versions(home)
    assert [row["version"] for row in rows] == [version.id for version in listed]
    assert [float(row["accuracy"]) for row in rows] == [v.scores.accuracy.value for v in listed]
    book = openpyxl.load_workbook(home.metric_results / "metric_results.xlsx")
    assert {"Summary", "Per class", "Confusion", "Learning curve", "Verdicts", "Production"} <= set(book.sheetnames)
    promotions = [row[3] for row in book["Production"].iter_rows(min_row=2, values_only=True)]
    assert promotions == [record.id for record in production.records(home)]


def test_training_images_are_never_benchmark_images(run: object, home: Home) -> None:
    (row,) = run().rows  # type: ignore[operator]
    with np.load(row.version.folder / "training_images.npz") as arrays:
        seen = set(arrays["train"].tolist()) | set(arrays["validation"].tolist())
    with np.load(row.version.folder / "predictions.npz") as arrays:
        judged = set(arrays["digests"].tolist())
    assert not seen & judged


class Interrupted(Silent):
    """Somebody presses Ctrl-C when the second cell is being judged."""

    judged = 0

    def judging(self, cell: object) -> None:
        self.judged += 1
        if self.judged == 2:
            raise KeyboardInterrupt


def test_a_stopped_run_goes_on_without_training_again(run: object, home: Home) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(), train_sizes=("60", "all"))  # type: ignore[operator]
    (staged,) = home.staging.iterdir()
    summary = run(train_sizes=("60", "all"))  # type: ignore[operator]
    assert [row.reused for row in summary.rows] == [True, False]
    assert summary.rows[1].version.id == staged.name


@pytest.mark.slow
def test_a_cell_that_was_trained_twice_is_judged_once(run: object, home: Home, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(), train_sizes=("60", "all"))  # type: ignore[operator]
    (staged,) = home.staging.iterdir()
    shutil.copytree(staged, tmp_path / staged.name)
    run(train_sizes=("60", "all"))  # type: ignore[operator]
    shutil.copytree(tmp_path / staged.name, staged)
    assert all(row.reused for row in run(train_sizes=("60", "all")).rows)  # type: ignore[operator]
    assert len(versions.list_versions(home)) == 2
    assert list(home.staging.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "error", "sentence"),
    [
        ({"train_sizes": ("1000",)}, SettingsError, "at most 144"),
        ({"train_sizes": ("none",)}, SettingsError, "is not a size"),
        ({"test_size": "37"}, SettingsError, "at most 36"),
        ({"models": ("logisitc",)}, PipelineError, "did you mean logistic"),
        ({"overrides": {"logistic": {"D": 1}}}, SettingsError, "no parameter"),
        ({"overrides": {"logistic": {"C": -1}}}, SettingsError, "logistic.C is -1 but must be a number from"),
        ({"gate": {"preset": "guarded", "alfa": 0.1}}, SettingsError, "alfa"),
        ({"submit": True}, SettingsError, "--competition NAME"),
        ({"cluster": ""}, SettingsError, "--cluster is empty"),
        ({"cluster": "tcp://127.0.0.1:8786", "jobs": 2}, SettingsError, "give one of them"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_trained(
    run: object, home: Home, settings: dict[str, object], error: type[Exception], sentence: str
) -> None:
    with pytest.raises(error, match=sentence):
        run(**settings)  # type: ignore[operator]
    assert versions.list_versions(home) == []
    assert production.datasets(home) == []


@pytest.mark.slow
def test_a_network_that_diverges_is_said_so(run: object, home: Home) -> None:
    settings = {"effort": "quick", "overrides": {"cnn": {"epochs": 1, "learning_rate": 1e9}}}
    with pytest.raises(ModelError, match=r"Training diverged .*: lower the learning rate"):
        run(models=("cnn",), **settings)  # type: ignore[operator]
    assert versions.list_versions(home) == []


def test_another_dataset_under_the_same_name_cannot_replace_the_champion(
    run: object, home: Home, tmp_path: Path
) -> None:
    run()  # type: ignore[operator]
    other = tmp_path / "stripes.npz"
    random = np.random.default_rng(1)
    np.savez(other, images=random.integers(0, 255, (80, 6, 6), dtype=np.uint8), labels=np.arange(80) % 2)
    champion = production.current(home, "stripes")
    with pytest.raises(DataError, match="--name"):
        run(dataset=str(other))  # type: ignore[operator]
    assert production.current(home, "stripes") == champion


def test_edited_code_of_ones_own_recipe_is_trained_again(
    run: object, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = "from sklearn.tree import DecisionTreeClassifier\ndef build(*_):\n    return DecisionTreeClassifier({})\n"

    def ran(arguments: str) -> list[bool]:
        monkeypatch.delitem(sys.modules, "edited_model", raising=False)
        (tmp_path / "edited_model.py").write_text(source.format(arguments), encoding="utf-8")
        importlib.invalidate_caches()
        return [row.reused for row in run(models=("edited_model:build",)).rows]  # type: ignore[operator]

    assert ran("max_depth=1") == [False]
    assert ran("max_depth=1") == [True]
    assert ran("max_depth=12") == [False]
    first, second = versions.list_versions(home)
    assert first.scores.accuracy.value != second.scores.accuracy.value


@pytest.mark.parametrize("option", ["train_sizes", "test_size"])
def test_what_is_no_size_is_refused_before_anything_is_read_or_locked(option: str, run: object, home: Home) -> None:
    given = {"train_sizes": ("abc",)} if option == "train_sizes" else {"test_size": "abc"}
    with pytest.raises(SettingsError, match="'abc' is not a size"):
        run(dataset="nowhere.npz", **given)  # type: ignore[operator]
    assert not home.root.exists()
