"""The commands as a user gives them: what they print, how they refuse, and what they never import."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from pipeline import cli
from pipeline.cli import app
from pipeline.judging import power
from pipeline.publishing import hub
from pipeline.store import production, versions
from pipeline.store.home import Home

ROOT = Path(__file__).parents[2]


def test_versions_are_listed_sorted_filtered_and_as_json(command: Any, two: list[str], home: Home) -> None:
    status, out, _ = command("versions", "--home", home.root)
    assert status == 0
    assert all(name in out for name in two)
    listed = json.loads(command("versions", "--json", "--sort", "accuracy", "--home", home.root)[1])
    assert [one["recipe"] for one in listed] == ["logistic", "dummy"]
    only = json.loads(command("versions", "--json", "--outcome", "fail", "--home", home.root)[1])
    assert [one["id"] for one in only] == [name for name in two if "dummy" in name]


def test_show_tells_the_verdict_and_how_it_was_trained(command: Any, two: list[str], home: Home) -> None:
    status, out, _ = command("show", "dummy", "--home", home.root)
    assert status == 0
    assert "fail" in out
    assert "recipe" in out
    facts = json.loads(command("show", "dummy", "--json", "--home", home.root)[1])
    assert facts["verdict"]["outcome"] == "fail"
    assert facts["manifest"]["seed"] == 0


def test_show_counts_trained_parameters_only_where_there_are_any(command: Any, two: list[str], home: Home) -> None:
    recipe = {
        model: next(line for line in command("show", model, "--home", home.root)[1].splitlines() if "recipe  " in line)
        for model in ("dummy", "logistic")
    }
    assert recipe["dummy"].split(maxsplit=1)[1] == "dummy (scikit-learn)"
    assert recipe["logistic"].endswith("logistic (scikit-learn), 195 trained parameters")


def test_compare_counts_who_fixed_what(command: Any, two: list[str], home: Home) -> None:
    result = json.loads(command("compare", "dummy", "logistic", "--json", "--home", home.root)[1])
    gained = round(36 * (result["second_accuracy"] - result["first_accuracy"]))
    assert result["fixed"] - result["made"] == gained > 0
    assert result["p_second_better"] < 0.001
    assert sum(one["fixed"] for one in result["by_class"]) == result["fixed"]


def test_evaluate_measures_again_and_on_other_images(command: Any, two: list[str], home: Home, data: Path) -> None:
    scores = json.loads(command("evaluate", "logistic", "--dataset", data, "--json", "--home", home.root)[1])
    stored = versions.find(home, "logistic").scores
    assert scores["accuracy"] == stored.accuracy.as_json()
    assert scores["benchmark_sha256"] == stored.benchmark_sha256
    assert list((home.metric_results / "evaluations").iterdir())


@pytest.mark.slow
def test_evaluate_on_several_sets_makes_a_table_and_a_picture(
    command: Any, two: list[str], home: Home, data: Path, tmp_path: Path
) -> None:
    with np.load(data) as stored:
        np.savez(tmp_path / "darker.npz", images=stored["images"] // 2, labels=stored["labels"])
    asked = ("evaluate", *two, "--dataset", data, "--dataset", tmp_path / "darker.npz", "--home", home.root)
    shown = command(*asked)[1]
    assert all(shown.count(version) == 2 for version in two)
    assert all(shown.count(f" of NumPy archive {source} ") == 2 for source in (data, tmp_path / "darker.npz"))
    table = pd.read_csv(home.metric_results / "test_sets.csv")
    assert set(table["version"]) == set(two)
    assert {"benchmark", "darker"} <= set(table["test_set"])
    assert (home.metric_results / "test_sets.png").read_bytes().startswith(b"\x89PNG")
    for shows in ("test_sets.png", "test_sets.csv", "metric_results.xlsx", "index.html"):
        assert f"Written to {home.metric_results / shows}" in shown
    assert "<h2>Test sets</h2>" in (home.metric_results / "index.html").read_text()
    book = openpyxl.load_workbook(home.metric_results / "metric_results.xlsx")
    assert book["Test sets"].max_row == len(table) + 1
    measured = json.loads(command(*asked, "--json")[1])
    assert [one["version"] for one in measured] == [two[0], two[0], two[1], two[1]]


def test_evaluate_takes_a_checkpoint_and_names_those_there_are(command: Any, run: Any, home: Home, data: Path) -> None:
    run(models=("xgboost",), overrides={"xgboost": {"rounds": 6, "patience": 0}})
    asked = ("evaluate", "xgboost", "--dataset", data, "--home", home.root)
    losses = [json.loads(command(*asked, "--checkpoint", n, "--json")[1])["log_loss"] for n in (1, 6)]
    assert losses[0] > losses[1]
    assert losses[1] == pytest.approx(versions.find(home, "xgboost").scores.log_loss, abs=1e-5)
    status, _, err = command(*asked, "--checkpoint", 99)
    assert status == 1
    assert "99" in err


def test_production_promote_and_rollback(command: Any, two: list[str], home: Home) -> None:
    assert "logistic" in command("production", "--home", home.root)[1]
    status, _, err = command("promote", "dummy", "--home", home.root)
    assert status == 1
    assert "did not pass" in err and "--override with --reason promotes it" in " ".join(err.split())
    assert command("promote", "dummy", "--override", "--reason", "a drill", "--home", home.root)[0] == 0
    assert "a drill" in command("show", "dummy", "--home", home.root)[1]
    assert command("rollback", "--home", home.root)[0] == 0
    assert "logistic" in production.current(home, "stripes").id  # type: ignore[union-attr]


def test_predict_prints_or_writes(command: Any, two: list[str], home: Home, data: Path, tmp_path: Path) -> None:
    rows = json.loads(command("predict", data, "--json", "--home", home.root)[1])
    assert len(rows) == 180
    assert {row["class"] for row in rows} == {"0", "1", "2"}
    target = tmp_path / "mine.csv"
    assert command("predict", data, "--output", target, "--home", home.root)[0] == 0
    assert target.read_text().startswith("ImageId,Label\n1,")


def test_report_rebuilds_what_was_deleted(command: Any, two: list[str], home: Home) -> None:
    before = (home.metric_results / "results.csv").read_bytes()
    for path in home.metric_results.glob("*.*"):
        path.unlink()
    assert command("report", "--home", home.root)[0] == 0
    assert (home.metric_results / "results.csv").read_bytes() == before
    assert (home.metric_results / "metric_results.xlsx").exists()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("show", "nothing"), "There is no version 'nothing'"),
        (("forecast", "--accuracy", "0.99"), "nothing to forecast from yet"),
        (("forecast", "--accuracy", "nan"), "lies between 0 and 1, such as 0.998; nan does not"),
        (("forecast", "--accuracy", "99.8"), "lies between 0 and 1, such as 0.998; 99.8 does not"),
        (("rollback",), "Nothing is in production yet"),
        (("predict", "missing.csv"), "Nothing is in production yet"),
        (("run", "--dataset", "missing.csv"), "missing.csv"),
        (("run", "--models", "cnm"), "did you mean"),
        (("run", "--models", ","), "--models: Name at least one"),
        (("run", "--train-sizes", ","), "--train-sizes: Name at least one"),
        (("run", "--effort", "fast"), "--effort: Input should be 'quick', 'standard' or 'max'"),
        (("run", "--set", "cnn.epochs"), "recipe.parameter=value"),
        (("run", "--set", "cnnn.epochs=3"), "no model 'cnnn': did you mean cnn"),
        (("run", "--models", "dummy", "--set", "cnn.epochs=-3"), "cnn.epochs is -3 but must be a whole number"),
        (("run", "--set", f"cnn.epochs={'9' * 5000}"), "but must be a whole number"),
        (("run", "--gate", "lenient"), "no gate preset"),
        (("run", "--track", "wandb"), "track"),
        (("run", "--config", "missing.toml"), "missing.toml"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_a_status(
    command: Any, home: Home, words: tuple[str, ...], sentence: str
) -> None:
    status, _, err = command(*words, "--home", home.root)
    assert status == 1
    assert sentence in " ".join(err.split())
    assert "Traceback" not in err


@pytest.mark.parametrize("table", ["gate", "run", "recipe", "recipe.cnn"])
def test_a_setting_in_the_place_of_a_table_is_named(command: Any, home: Home, tmp_path: Path, table: str) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_text(f"{table} = 3\n")
    status, _, err = command("run", "--config", file, "--home", home.root)
    assert status == 1
    assert f"[{table}] is a table" in " ".join(err.split())


def test_what_is_set_for_a_recipe_that_is_not_trained_is_noticed(command: Any, home: Home, data: Path) -> None:
    given = ("--models", "dummy", "--train-sizes", "all", "--set", "logistic.C=0.5", "--set", "cnn.epochs=3")
    status, _, err = command("run", "--dataset", data, *given, "--home", home.root)
    assert status == 0
    assert "The settings for logistic and cnn have no effect: this run trains dummy." in " ".join(err.split())


def test_a_table_for_a_recipe_that_is_not_trained_is_no_news(command: Any, tmp_path: Path) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_text("[recipe.logistic]\nC = 0.5\n")
    status, _, err = command("config", "show", "--config", file, "--models", "dummy")
    assert (status, err) == (0, "")
    assert "have no effect" in command("config", "show", "--models", "dummy", "--set", "logistic.C=0.5")[2]


def test_a_second_run_fails_at_once_if_it_is_told_not_to_wait(command: Any, home: Home, data: Path) -> None:
    home.versions.mkdir(parents=True)
    with filelock.FileLock(home.versions / ".lock"):
        status, _, err = command(
            "run", "--dataset", data, "--models", "dummy", "--train-sizes", "all", "--no-wait", "--home", home.root
        )
    assert status == 1
    assert "Another run is writing" in err


def test_a_settings_file_is_read_and_options_win(command: Any, home: Home, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "pipeline.toml"
    file.write_text(
        f'[run]\ndataset = "{data}"\nmodels = ["dummy", "logistic"]\ntrain_sizes = ["all"]\nseed = 3\n'
        '[recipe.logistic]\nC = 0.5\n[gate]\npreset = "as-good"\naccuracy_floor = 0.1\nrecall_floor = "off"\n'
    )
    assert command("run", "--config", file, "--models", "logistic", "--home", home.root)[0] == 0
    (version,) = versions.list_versions(home)
    assert (version.manifest.recipe, version.manifest.seed) == ("logistic", 3)
    assert version.manifest.parameters["C"] == 0.5
    assert version.verdict.policy.startswith("as-good")


def test_help_fills_its_lines_and_keeps_square_brackets() -> None:
    def help_of(*words: str) -> str:
        return CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "200"}).stdout

    lines = [line.strip() for line in help_of("run").splitlines()]
    assert "the champion is promoted. Versions" in next(line for line in lines if line.startswith("Each recipe is"))
    assert "[gate] table" in help_of("gate", "check")


def test_the_plans_help_says_what_two_models_usually_disagree_on() -> None:
    words = CliRunner().invoke(app, ["gate", "plan", "--help"], env={"COLUMNS": "300"}).stdout
    assert "about 0.7 for gains up to 0.5 points" in " ".join(words.split())
    for gain in (0.1, 0.2, 0.3, 0.4, 0.5):
        assert 100 * sum(power.usual_rates(gain / 100)) == pytest.approx(0.7, abs=0.07)


def test_every_module_with_commands_is_named_with_what_it_registers() -> None:
    folder = Path(cli.__file__).parent
    assert {path.stem for path in folder.glob("*.py") if "\ndef register(" in path.read_text()} == set(cli.MODULES)
    for module, names in cli.MODULES.items():
        assert set(cli.registered(module)) == set(names), module


LIGHT = [
    ("--help",),
    ("versions",),
    ("show", "logistic"),
    ("compare", "dummy", "logistic"),
    ("production",),
    ("models",),
    ("gate",),
    ("predict", "DATA"),
]
HEAVY = ("tensorflow", "keras", "xgboost", "kaggle", "mlflow", "http", "filelock")
TESTING = ("compare", "gate")
"""What computes p-values imports SciPy."""
ASK = """
import sys
from pipeline.cli import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
print("loaded:", [name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""


@pytest.mark.parametrize("words", LIGHT, ids=lambda words: words[0])
def test_looking_and_predicting_load_no_training_library(
    two: list[str], home: Home, data: Path, words: tuple[str, ...]
) -> None:
    given = [str(data) if word == "DATA" else word for word in words]
    place = [] if words[0] in ("--help", "models") else ["--home", str(home.root)]
    heavy = HEAVY if words[0] in TESTING else (*HEAVY, "scipy")
    asked = [sys.executable, "-c", ASK.format(heavy=heavy), *given, *place]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip().endswith("loaded: []")


@pytest.mark.slow
def test_what_was_left_to_the_program_is_shown_as_what_it_became(command: Any, run: Any, home: Home) -> None:
    run(models=("xgboost",), overrides={"xgboost": {"rounds": 6, "patience": 0}})
    facts = versions.find(home, "xgboost").manifest
    assert facts.parameters["shifts"] == -1 and facts.parameters["learning_rate"] == 0
    assert facts.automatic == {"learning_rate": 0.3, "shifts": 4.0}
    shown = " ".join(command("show", "xgboost", "--home", home.root)[1].split())
    assert "rounds = 6," in shown and "shifts = 4 (automatic)" in shown and "learning_rate = 0.3 (automatic)" in shown
    page = (versions.find(home, "xgboost").folder / "report.html").read_text()
    assert "4 (automatic)" in page and ">-1<" not in page
    config = json.loads((hub.mirror(home, facts.dataset.name) / "config.json").read_text())
    assert config["parameters"] == facts.parameters | facts.automatic
    assert config["automatic"] == ["learning_rate", "shifts"]
    book = openpyxl.load_workbook(home.metric_results / "metric_results.xlsx")["All figures"]
    assert '{"learning_rate": 0.3, "shifts": 4}' in [cell.value for cell in book[2]]
