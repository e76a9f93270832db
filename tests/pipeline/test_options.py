"""What is declared once appears everywhere: options, settings, parameters, and the ways to start a command."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipeline import __version__
from pipeline.cli import app, run_command
from pipeline.cli import main as simulator_main
from pipeline.cli.settings_options import settings_given, settings_option
from pipeline.config import Settings
from pipeline.errors import SettingsError
from pipeline.settings_file import read_settings
from pipeline.store.home import Home

ROOT = Path(__file__).parents[2]
OPTIONS = {
    "train_sizes": ("--train-sizes", "1,0.5", ("1", "0.5")),
    "test_size": ("--test-size", "7", "7"),
    "models": ("--models", "cnn, mlp", ("cnn", "mlp")),
    "dataset": ("--dataset", "digits", "digits"),
    "name": ("--name", "mine", "mine"),
    "data_dir": ("--data-dir", "here", Path("here")),
    "shape": ("--shape", "8, 10", (8, 10, 1)),
    "test_images": ("--test-images", "x.csv", Path("x.csv")),
    "seed": ("--seed", "3", 3),
    "repeats": ("--repeats", "2", 2),
    "folds": ("--folds", "5", 5),
    "balance": ("--balance", "weights", "weights"),
    "effort": ("--effort", "quick", "quick"),
    "overrides": ("--set", "cnn.epochs=5", {"cnn": {"epochs": 5}}),
    "gate": ("--gate", "as-good", {"preset": "as-good"}),
    "retrain": ("--retrain", None, True),
    "jobs": ("--jobs", "2", 2),
    "cluster": ("--cluster", "tcp://a:1", "tcp://a:1"),
    "cluster_images": ("--cluster-images", "s3://images/all", "s3://images/all"),
    "cluster_mib": ("--cluster-mib", "64", 64),
    "competition": ("--competition", "leaves", "leaves"),
    "metric": ("--metric", "macro-f1", "macro-f1"),
    "probabilities": ("--probabilities", None, True),
    "submit": ("--submit", None, "champion"),
    "refit": ("--refit", "2", 2),
    "track": ("--track", "mlflow", "mlflow"),
}
"""Each setting as an option with a value, and what ``Settings`` then holds."""


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_an_option_with_help(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    flag, text, expected = OPTIONS[name]
    found: list[Settings] = []

    def stopped(settings: Settings, *_: Any, **__: Any) -> None:
        found.append(settings)
        raise typer.Exit

    monkeypatch.setattr("pipeline.simulator.run", stopped)
    result = CliRunner().invoke(app, ["run", flag, *([text] if text else [])])
    assert result.exit_code == 0, result.output
    assert getattr(found[0], name) == expected
    assert found[0].model_dump(exclude={name}) == Settings().model_dump(exclude={name})
    assert (settings_option(name).help or "").endswith(".")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--submit", "best"], "best"),
        (["--submit=best"], "best"),
        (["--submit", "--seed", "3"], "champion"),
        ([], None),
    ],
)
def test_submit_takes_a_value_or_none(words: list[str], expected: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Settings] = []
    monkeypatch.setattr("pipeline.simulator.run", lambda settings, *_, **__: found.append(settings))
    CliRunner().invoke(app, ["run", *words])
    assert found[0].submit == expected


@pytest.mark.parametrize(("given", "expected"), [("true", "champion"), ("false", None), ('"best"', "best")])
def test_submit_in_the_settings_file(given: str, expected: str | None, tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").write_text(f"[run]\nsubmit = {given}\nshape = [8, 10, 3]\n")
    settings = read_settings(tmp_path / "pipeline.toml", {})
    assert (settings.submit, settings.shape) == (expected, (8, 10, 3))


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("shape", "8", "not a shape: give HEIGHT,WIDTH"),
        ("shape", "8,8,2", "not a shape"),
        ("shape", "8,-8", "not a shape"),
        ("metric", "auc", "There is no metric 'auc': --metric takes accuracy, log-loss, macro-f1, quadratic-kappa"),
        ("submit", "worst", "--submit"),
    ],
)
def test_an_impossible_value_is_refused_in_a_sentence(option: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        read_settings(None, {option: value})


def test_nothing_given_is_nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    nothing = {name: False if field.annotation is bool else None for name, field in Settings.model_fields.items()}
    assert read_settings(None, settings_given(nothing)) == Settings()


def test_every_recipe_and_parameter_is_documented() -> None:
    listed = CliRunner().invoke(app, ["models", "--markdown"])
    assert listed.exit_code == 0
    assert (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8") == listed.output


def test_one_recipe_is_described_with_what_each_parameter_does() -> None:
    described = CliRunner().invoke(app, ["models", "mlp", "--json"])
    assert '"a whole number from 1 to 100,000"' in described.output
    assert "Units of the hidden layer." in described.output


def test_the_version_is_printed() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"digit-pipeline {__version__}\n"


def test_a_shell_completes_commands_and_options() -> None:
    def completed(*words: str) -> str:
        asked = {"_DIGIT_PIPELINE_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": " ".join(words)}
        return CliRunner().invoke(app, [], env=asked, prog_name="digit-pipeline").output

    assert "rollback" in completed("digit-pipeline", "ro")
    assert "--train-sizes" in completed("digit-pipeline", "run", "--train")


def test_the_console_script_starts_the_same_commands() -> None:
    import tomllib

    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"digit-pipeline": "pipeline.cli:main"}
    assert callable(simulator_main)
    assert callable(run_command.run)


def test_the_home_is_the_checkout_or_else_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Home.find(None).root == ROOT
    assert Home.find(tmp_path).root == tmp_path
    # Installed as a copy, there is no checkout around the package.
    installed = tmp_path / "site-packages"
    shutil.copytree(ROOT / "pipeline", installed / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    here = tmp_path / "here"
    here.mkdir()
    program = "from pipeline.store.home import Home; print(Home.find(None).root)"
    asked = [sys.executable, "-c", program]
    done = subprocess.run(
        asked, cwd=here, env={"PYTHONPATH": str(installed)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(here)
