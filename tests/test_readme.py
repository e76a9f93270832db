"""The README's commands, run in their order as a new user would, without MNIST and without a way to the net."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NO_WAY_OUT = "http://127.0.0.1:9"
"""A port that nobody listens on: whatever would leave the machine fails at once."""


def commands() -> list[str]:
    """Every line of the README's shell blocks but those marked ``no-test`` (servers, credentials, this very test)."""
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line]


def as_run_by_make(target: str) -> str:
    """The command behind a target, set-up left out."""
    shown = subprocess.run(
        ["make", "--dry-run", "--silent", target, f"VENV={ROOT / '.none'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout.strip().splitlines()[-1].partition(" ")[2]


@pytest.mark.slow
def test_the_commands_of_the_readme_work(tmp_path: Path) -> None:
    environment = os.environ | {
        "PIPELINE_HOME": str(tmp_path / "home"),
        "HOME": str(tmp_path / "user"),
        "HTTP_PROXY": NO_WAY_OUT,
        "HTTPS_PROXY": NO_WAY_OUT,
        "https_proxy": NO_WAY_OUT,
        "http_proxy": NO_WAY_OUT,
    }
    outputs = {}
    for line in commands():
        words = as_run_by_make("run") if line == "make run" else line.removeprefix("python ")
        done = subprocess.run(
            [sys.executable, *words.split()], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        outputs[line] = done.stdout + done.stderr
    assert "scikit-learn" in outputs["make run"]
    assert "● champion" in outputs["make run"]
    # So few benchmark images may prove nothing, but then a newcomer is told so, and what would help.
    assert outputs["make run"].count("✔ pass") > 1 or "cannot prove" in outputs["make run"]
    assert (tmp_path / "home" / "metric_results" / "index.html").exists()
    assert (tmp_path / "home" / "metric_results" / "eda" / "digits" / "index.html").exists()


def test_the_changelog_has_every_heading_and_entry_of_a_release_once() -> None:
    for release in (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1:]:
        # A reworded copy still begins with the same words.
        starts = [line[:40] for line in release.splitlines() if line.startswith(("- ", "### "))]
        assert [start for start in starts if starts.count(start) > 1] == []


def test_every_path_and_link_of_the_readme_exists() -> None:
    text = (ROOT / "README.md").read_text()
    linked = re.findall(r"\]\(([^)#]+)\)", text)
    assert linked
    assert [path for path in linked if not (ROOT / path).exists()] == []
