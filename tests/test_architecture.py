"""docs/architecture.md, done: its check, its figure and its recipe, added to a copy exactly as the page says."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"


def steps() -> list[tuple[str, str, str, str]]:
    """Every change that the page asks for: action, file, the line it follows, and the text."""
    block = re.compile(
        r"^```(?:python|text) (append|create|insert)=(\S+)(?: after=([^\n]+))?\n(.*?)^```", re.MULTILINE | re.DOTALL
    )
    return block.findall(PAGE.read_text())


def follow(root: Path, action: str, name: str, after: str, text: str) -> None:
    file = root / name
    if action == "create":
        assert not file.exists()
        file.write_text(text)
        return
    lines = file.read_text().splitlines(keepends=True)
    if action == "append":
        file.write_text("".join(lines) + "\n\n" + text)
        return
    (place,) = [number for number, line in enumerate(lines) if line.strip().startswith(after)]
    file.write_text("".join([*lines[: place + 1], text, *lines[place + 1 :]]))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code with everything added that the page adds, and a home in which it ran."""
    root = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "pipeline", root / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "simulator.py", root)
    for step in steps():
        follow(root, *step)
    give(
        root, "run", "--dataset", "digits", "--models", "bayes", "--train-sizes", "all", "--set", "bayes.smoothing=0.1"
    )
    return root


def give(root: Path, *words: str) -> str:
    surroundings = os.environ | {"PYTHONPATH": str(root), "PIPELINE_HOME": str(root / "home")}
    command = [sys.executable, str(root / "simulator.py"), *words]
    done = subprocess.run(command, cwd=root, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_has_all_three() -> None:
    assert [action for action, *_ in steps()] == ["insert", "append", "append", "create", "insert", "insert"]


@pytest.mark.slow
def test_the_check_is_in_the_verdict_the_policy_and_the_report(checkout: Path) -> None:
    shown = json.loads(give(checkout, "show", "bayes", "--json"))
    (check,) = [check for check in shown["verdict"]["checks"] if check["name"] == "top_two"]
    assert check["limit"] == 0.95
    assert "among the two most probable classes" in give(checkout, "gate")
    (report,) = (checkout / "home" / "versions").rglob("report.html")
    assert "truth among the two most probable classes" in report.read_text()


@pytest.mark.slow
def test_the_figure_is_in_scores_table_report_and_show(checkout: Path) -> None:
    shown = json.loads(give(checkout, "show", "bayes", "--json"))
    value = shown["scores"]["top_two_accuracy"]
    assert 0.5 < value < 1
    header, row = (checkout / "home" / "metric_results" / "results.csv").read_text().splitlines()
    assert float(row.split(",")[header.split(",").index("top_two_accuracy")]) == pytest.approx(value)
    (report,) = (checkout / "home" / "versions").rglob("report.html")
    assert "Top-two accuracy" in report.read_text()
    assert "Top-two accuracy" in give(checkout, "show", "bayes")


@pytest.mark.slow
def test_the_recipe_is_listed_and_trained_with_its_parameter(checkout: Path) -> None:
    assert "smoothing" in give(checkout, "models", "bayes")
    shown = json.loads(give(checkout, "show", "bayes", "--json"))
    assert shown["manifest"]["parameters"] == {"smoothing": 0.1}


def test_every_module_and_file_that_the_page_names_exists() -> None:
    text = PAGE.read_text()
    tree = text.split("pipeline/\n", 1)[1].split("```")[0]
    named = [line.split()[0] for line in tree.splitlines()]
    assert {name.rstrip("/") for name in named} >= {
        path.name
        for path in (ROOT / "pipeline").iterdir()
        if path.name not in ("__init__.py", "__pycache__", "py.typed")
    }
    assert [name for name in named if not (ROOT / "pipeline" / name).exists()] == []
    looked_up = re.findall(r"\| `([\w/]+\.py)`", text)
    assert len(looked_up) >= 5
    assert [name for name in looked_up if not (ROOT / "pipeline" / name).exists()] == []
