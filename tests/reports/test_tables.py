"""Results and learning curves as tables."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from known_facts import changed

from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.reports import dataset_growth, tables
from pipeline.store.repeats import COLUMNS as REPEATS_COLUMNS

DOCUMENTED = (
    "version, created_at, dataset, recipe, parameters, automatic, family, train_size, fitted_images, "
    "validation_images, seed, fit_seconds, benchmark_images, accuracy, accuracy_low, accuracy_high, errors, "
    "precision_macro, recall_macro, f1_macro, f1_weighted, matthews, log_loss, brier, calibration_error, roc_auc, "
    "latency_ms, model_bytes, outcome, standing, judged_at, judgements, policy, champion, gain_pp, p_value, "
    "benchmark_sha256, digest, snapshot, folds"
)

PARAMETERS = tables.parameters_text({"epochs": 5, "batch_size": 128, "learning_rate": 0.01})


def test_results_have_the_documented_columns_and_a_row_per_version_oldest_first(make_version):
    versions = [make_version("xgboost", seed=2, outcome="fail", champion="a"), make_version("cnn", seed=1)]
    table = tables.results_table(versions)
    assert ", ".join(table.columns) == DOCUMENTED
    assert list(table["version"]) == [versions[1].id, versions[0].id]
    assert list(table["outcome"]) == ["pass", "fail"]
    assert list(table["standing"]) == ["pass", "unproven"]


def test_a_row_says_what_the_version_says(make_version):
    version = make_version("cnn", champion="the-champion", train_size=1_000, seed=3)
    row = tables.results_table([version]).iloc[0]
    assert (row["train_size"], row["fitted_images"], row["validation_images"]) == (1_000, 900, 100)
    assert row["accuracy_low"] < row["accuracy"] == 1 - row["errors"] / row["benchmark_images"] < row["accuracy_high"]
    assert (row["champion"], row["gain_pp"], row["p_value"]) == ("the-champion", pytest.approx(4.8), 1e-8)
    assert row["latency_ms"] == 0.07


ASKED = {"learning_rate": 0.0, "rounds": 6, "shifts": -1}


@pytest.mark.parametrize(
    ("became", "shown"),
    [
        ({"learning_rate": 0.3, "shifts": 4.0}, {"learning_rate": 0.3, "shifts": 4.0}),
        (None, {"learning_rate": "automatic", "shifts": "automatic"}),
    ],
    ids=["recorded", "by an earlier release"],
)
def test_a_row_says_what_automatic_parameters_became(make_version, became, shown):
    version = make_version("xgboost")
    version = replace(version, known_manifest=changed(version.manifest, parameters=ASKED, automatic=became))
    row = tables.results_table([version]).iloc[0]
    assert (json.loads(row["parameters"]), json.loads(row["automatic"])) == (ASKED, shown)


def test_a_row_without_automatic_parameters_says_nothing_of_them(make_version):
    version = make_version("xgboost")
    version = replace(version, known_manifest=changed(version.manifest, parameters={"rounds": 6, "patience": 0}))
    assert tables.results_table([version]).iloc[0]["automatic"] == ""


def test_a_first_champion_has_no_gain(make_version):
    row = tables.results_table([make_version()]).iloc[0]
    assert pd.isna(row["gain_pp"]) and pd.isna(row["p_value"]) and row["champion"] is None


def test_a_damaged_version_is_left_out_and_named(make_version):
    versions = [make_version(seed=1), make_version(seed=2, damage="model.onnx is missing.")]
    assert list(tables.results_table(versions)["version"]) == [versions[0].id]
    (sentence,) = tables.damaged(versions)
    assert versions[1].id in sentence and "model.onnx is missing." in sentence


def test_no_versions_make_an_empty_table_and_an_empty_curve():
    results = tables.results_table([])
    assert ", ".join(results.columns) == DOCUMENTED and len(results) == 0
    assert len(tables.learning_curve_table(results)) == 0


def test_a_curve_is_mean_and_range_over_the_judged_run_and_its_repeats(make_version):
    results = tables.results_table([make_version(seed=0, train_size=500, fit_seconds=2.0)])
    judged = float(results["accuracy"].iloc[0])
    (row,) = tables.learning_curve_table(results, repeats([0.90, 0.95], [4.0, 6.0])).to_dict("records")
    accuracies = [judged, 0.90, 0.95]
    assert row["runs"] == 3
    assert row["accuracy"] == pytest.approx(np.mean(accuracies))
    assert row["accuracy_std"] == pytest.approx(np.std(accuracies, ddof=1))
    assert (row["accuracy_min"], row["accuracy_max"]) == (0.90, max(accuracies))
    assert row["error"] == pytest.approx(1 - row["accuracy"])
    assert (row["fit_seconds"], row["fit_seconds_min"], row["fit_seconds_max"]) == (4.0, 2.0, 6.0)


def test_a_seed_counts_once_however_often_it_was_trained(make_version):
    older = make_version(seed=0, id="20260101-a", accuracy=0.5)
    newer = make_version(seed=0, id="20260102-a", accuracy=0.97)
    (row,) = tables.learning_curve_table(tables.results_table([newer, older])).to_dict("records")
    assert row["runs"] == 1
    assert row["accuracy"] == newer.scores.accuracy.value
    assert row["accuracy_min"] == row["accuracy_max"] and pd.isna(row["accuracy_std"])


@pytest.mark.parametrize("column", ["dataset", "benchmark_sha256", "recipe", "parameters", "train_size"])
def test_runs_are_never_averaged_over_what_is_not_the_same(column):
    table = repeats([0.8, 0.9], [1.0, 1.0])
    table.loc[1, column] = {"train_size": 77, "parameters": '{"epochs": 6}'}.get(column, "another")
    assert list(tables.learning_curve_table(tables.results_table([]), table)["runs"]) == [1, 1]


def test_runs_with_other_parameters_are_a_line_of_their_own_named_by_what_differs(make_version):
    results = tables.results_table([make_version(seed=0, train_size=500)])
    quick, slow = (
        repeats([accuracy], [1.0]).assign(parameters=tables.parameters_text({"epochs": 5, "effort": effort}))
        for effort, accuracy in (("quick", 0.7), ("max", 0.9))
    )
    curve = tables.learning_curve_table(results.iloc[:0], pd.concat([quick, slow], ignore_index=True))
    assert dict(zip(curve["settings"], curve["accuracy"], strict=True)) == {"effort=quick": 0.7, "effort=max": 0.9}
    assert list(tables.learning_curve_table(results, repeats([0.9], [1.0]))["settings"]) == [""]


def test_a_cross_fitted_version_is_a_line_of_its_own(make_version):
    results = tables.results_table([make_version(accuracy=0.9), make_version(accuracy=0.8)]).assign(folds=[None, 3])
    curve = tables.learning_curve_table(results)
    assert dict(zip(curve["settings"], curve["accuracy"], strict=True)) == {
        "": results["accuracy"][0],
        "folds=3": results["accuracy"][1],
    }


def test_the_versions_of_a_growing_dataset_are_one_line_although_its_benchmark_grew_with_it(make_version):
    versions = [
        make_version(seed=number, train_size=size, images=images, dataset="letters", accuracy=accuracy)
        for number, (size, images, accuracy) in enumerate([(400, 100, 0.9), (800, 200, 0.93), (1_600, 400, 0.95)])
    ]
    results = tables.results_table(versions).assign(
        benchmark_sha256=["a" * 64, "b" * 64, "c" * 64], snapshot=["letters@1", "letters@2", "letters@3"], seed=0
    )
    curve = tables.learning_curve_table(results)
    assert list(curve["train_size"]) == [400, 800, 1_600]
    assert list(curve["benchmark_images"]) == [100, 200, 400]
    assert set(curve["benchmark_sha256"]) == {tables.GROWING}
    judged_again = pd.concat([results, results.iloc[[0]].assign(benchmark_images=400)], ignore_index=True)
    again = tables.learning_curve_table(judged_again)
    assert list(again["runs"]) == [1, 1, 1], "a version that was judged again is still one run"
    assert list(tables.learning_curve_table(results.assign(snapshot=""))["benchmark_sha256"].unique()) == [
        *("a" * 64, "b" * 64, "c" * 64)
    ]


def test_the_growth_of_a_dataset_has_a_row_for_each_snapshot(make_version):
    results = tables.results_table([make_version(seed=1, dataset="letters", images=100)]).assign(snapshot="letters@2")
    version = results["version"].iloc[0]
    facts = {"digest": "d", "previous_id": None, "reason": "", "promoted_at": "2026-11-21T13:00:00Z"}
    served = [DeploymentRecord(dataset="letters", id=version, action="promote", **facts)]
    found = dataset_growth.table(
        [("letters", "letters@1", "2026-11-20T13:00:00Z", 300), ("letters", "letters@2", "2026-11-21T12:00:00Z", 500)],
        results,
        served,
    )
    assert tuple(found.columns) == dataset_growth.COLUMNS
    assert list(found["images"]) == [300, 500]
    assert list(found["champion"]) == ["", version]
    assert pd.isna(found["benchmark_images"].iloc[0]) and found["benchmark_images"].iloc[1] == 100


def test_results_survive_a_csv_file(make_version, tmp_path):
    results = tables.results_table([make_version(seed=1), make_version("mlp", seed=2)])
    results.to_csv(tmp_path / "results.csv", index=False)
    again = pd.read_csv(tmp_path / "results.csv")
    expected = tables.learning_curve_table(results)
    pd.testing.assert_frame_equal(tables.learning_curve_table(again), expected, check_dtype=False)


def test_the_figures_of_2018_are_all_there():
    curve = tables.curve_2018()
    assert list(curve.columns) == ["recipe", "train_images", "test_images", "accuracy", "seconds"]
    assert dict(curve.groupby("recipe")["accuracy"].max()) == {"mlp": 0.979048, "xgboost_2018": 0.948214}
    assert sorted(set(curve["train_images"]))[0] == 42 and len(curve) == 20


def repeats(accuracies, seconds):
    rows = [
        {
            "cell": f"cell{number}",
            "dataset": "mnist",
            "recipe": "cnn",
            "parameters": PARAMETERS,
            "train_size": 500,
            "repeat": number,
            "seed": 100 + number,
            "fit_seconds": fit_seconds,
            "benchmark_images": 1_000,
            "accuracy": accuracy,
            "errors": round(1_000 * (1 - accuracy)),
            "log_loss": 0.1,
            "benchmark_sha256": "b" * 64,
        }
        for number, (accuracy, fit_seconds) in enumerate(zip(accuracies, seconds, strict=True), start=1)
    ]
    assert tuple(rows[0]) == REPEATS_COLUMNS
    return pd.DataFrame(rows)
