"""The Python API: what a program gets, and that it gets it without TensorFlow."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import pipeline
from pipeline.errors import DataError, StoreError
from pipeline.store.home import Home
from pipeline.store.production import current

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which a logistic regression serves scikit-learn's digits."""
    home = Home(tmp_path_factory.mktemp("api"))
    sizes = ["--train-sizes", "all", "--models", "logistic", "--dataset", "digits", "--gate", "as-good"]
    command = [sys.executable, str(ROOT / "simulator.py"), "run", *sizes, "--home", str(home.root)]
    subprocess.run(command, check=True, capture_output=True, text=True, cwd=home.root)
    return home


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 28, 28, 1), dtype=np.uint8)


def test_the_champion_predicts_class_names_and_probabilities(digits: Home) -> None:
    champion = pipeline.load_champion("digits", digits.root)
    assert champion.version_id == current(digits, "digits").id
    assert champion.shape == (28, 28, 1)
    probabilities = champion.predict_proba(images())
    assert probabilities.shape == (5, 10)
    assert np.allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    labels = champion.predict(images()[..., 0])
    assert list(labels) == [champion.classes[best] for best in probabilities.argmax(axis=1)]


def test_any_version_is_loaded_by_a_part_of_its_id_and_listed_with_typed_facts(digits: Home) -> None:
    (version,) = pipeline.list_versions(digits.root)
    assert version.verdict.outcome == "pass"
    assert version.manifest.dataset.classes == pipeline.load_version("logistic", digits.root).classes


@pytest.mark.parametrize(
    "wrong",
    [images().astype(float), images()[:, :27], np.zeros((5, 784), np.uint8)],
    ids=["floats", "another size", "flat rows"],
)
def test_images_that_do_not_fit_are_refused(digits: Home, wrong: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"takes uint8 of shape \(N, 28, 28, 1\)"):
        pipeline.load_champion("digits", digits.root).predict(wrong)


def test_a_dataset_without_a_champion_and_a_damaged_one_are_sentences(digits: Home, tmp_path: Path) -> None:
    with pytest.raises(
        StoreError, match=r"Nothing is in production for 'letters'.*\(datasets with a champion: digits\)"
    ):
        pipeline.load_champion("letters", digits.root)
    with pytest.raises(StoreError, match=r"champion: none"):
        pipeline.load_champion("digits", tmp_path)


def test_it_loads_neither_tensorflow_nor_pandas_and_finds_the_home_in_the_environment(digits: Home) -> None:
    code = (
        "import sys, numpy as np; from pipeline import load_champion\n"
        "load_champion('digits').predict(np.zeros((1, 28, 28, 1), np.uint8))\n"
        "print([name for name in ('tensorflow', 'keras', 'pandas', 'sklearn', 'xgboost') if name in sys.modules])"
    )
    surroundings = {**os.environ, "PIPELINE_HOME": str(digits.root)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=surroundings, check=True)
    assert done.stdout.strip() == "[]"
