"""Installed as a copy: the wheel holds all it needs, and the current folder is its home."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from pipeline import __version__

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
STORED = ROOT / "tests" / "homes" / "format-1"
NEEDED_TO_BUILD = ("pyproject.toml", "README.md", "LICENSE", "simulator.py")


def files_below(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder.parent).as_posix() for path in found}


def pip(*words: str | Path) -> None:
    # What makes these tests run from this checkout must not reach the builds.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words]
    done = subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(ROOT / "pipeline", source / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for name in NEEDED_TO_BUILD:
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, source)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel in it, and behind it the dependencies of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    pip("--python", folder / "bin" / "python", "install", "--no-deps", wheel)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder


def run(environment: Path, folder: Path, *words: str) -> str:
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    script = environment / "bin" / "digit-pipeline"
    done = subprocess.run([script, *words], cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("pipeline/")}
    assert packed == files_below(ROOT / "pipeline")


def test_the_console_script_works_in_the_current_folder_and_leaves_the_package_alone(
    environment: Path, tmp_path: Path
) -> None:
    (packages,) = environment.glob("lib/python*/site-packages")
    before = files_below(packages)
    assert run(environment, tmp_path, "--version") == f"digit-pipeline {__version__}\n"
    assert "rollback" in run(environment, tmp_path, "--help")
    assert "xgboost" in run(environment, tmp_path, "models")
    assert json.loads(run(environment, tmp_path, "versions", "--json")) == []
    home = shutil.copytree(STORED, tmp_path / "home")
    assert len(json.loads(run(environment, home, "versions", "--json"))) == 3
    shutil.rmtree(home / "metric_results")
    assert str(home) in run(environment, home, "report")
    assert (home / "metric_results" / "index.html").is_file()
    assert files_below(packages) == before
