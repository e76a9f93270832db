"""A home made by an earlier version is read, judged against, served from, and changed."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from short_runs import Silent

from pipeline import simulator
from pipeline.application import Application, stand_in
from pipeline.config import Settings
from pipeline.contracts import UnlabelledImages
from pipeline.data import sources, splits
from pipeline.deployer import Deployer
from pipeline.errors import PipelineError, StoreError
from pipeline.facts.manifest_facts import Manifest
from pipeline.serving.champion import load as load_served
from pipeline.store import manifest, production, repeats, role_records, version_index, versions
from pipeline.store.home import Home

STORED = Path(__file__).parents[1] / "homes" / "format-1"
FIRST, CHAMPION = "20261121-180722-logistic-60-36ed", "20261121-180738-logistic-1000-22fd"
FAILED = "20261121-180824-dummy-300-afcc"
RELAXED = {"accuracy_floor": 0.5, "recall_floor": 0.0, "calibration_limit": "off", "screen_alpha": "off"}


@pytest.fixture
def old(tmp_path: Path) -> Home:
    """A copy of the stored home, which the test may change."""
    shutil.copytree(STORED, tmp_path / "old")
    return Home(tmp_path / "old")


def benchmark(home: Home) -> UnlabelledImages:
    data = sources.load("digits")
    recorded = role_records.load(home, "digits")
    assert recorded is not None
    return stand_in(data, splits.plan(data, recorded, 60, 359, 0))


def test_it_is_listed_whole_as_not_fully_verified(old: Home) -> None:
    listed = versions.list_versions(old)
    assert [version.id for version in listed] == [FIRST, CHAMPION, FAILED]
    assert [version.damage for version in listed] == [None, None, None]
    assert [version.verdict.outcome for version in listed] == ["pass", "pass", "fail"]
    assert [version.in_production for version in listed] == [False, True, False]
    assert {version.fully_verified for version in listed} == {False}
    assert [one.fully_verified for one in version_index.summaries(old)] == [False, False, False]
    assert all(versions.verify(version).damage is None for version in listed)


def test_the_commands_show_it(old: Home, command: Callable[..., tuple[int, str, str]]) -> None:
    status, out, _ = command("versions", "--home", old.root)
    assert status == 0
    assert "not fully verified" in " ".join(out.split())
    status, out, _ = command("show", "logistic-1000", "--home", old.root)
    assert status == 0
    assert "Not fully verified" in out
    assert command("report", "--home", old.root)[0] == 0
    before, after = (
        list(csv.DictReader((root / "metric_results" / "results.csv").read_text().splitlines()))
        for root in (STORED, old.root)
    )
    assert [{name: row[name] for name in before[0]} for row in after] == before


def test_its_measured_repeats_are_read(old: Home) -> None:
    (repeat,) = repeats.read(old)
    assert (repeat.recipe, repeat.train_size, repeat.repeat) == ("logistic", 1000, 1)


def test_it_predicts_and_serves(old: Home) -> None:
    champion = production.current(old, "digits")
    assert champion is not None
    images = benchmark(old)
    submission = Application(champion).run(images, old.root / "submission.csv")
    assert submission.accuracy == versions.find(old, CHAMPION).scores.accuracy.value
    served = load_served(old, champion, lambda images: None)
    assert served.classes == tuple("0123456789")
    assert served.accuracy["value"] == submission.accuracy


@pytest.mark.slow
def test_a_challenger_is_judged_against_its_champion(old: Home) -> None:
    settings = Settings(dataset="digits", models=("dummy",), train_sizes=("500",), gate=RELAXED)
    summary = simulator.run(settings, old, Silent())
    (row,) = summary.rows
    assert row.version is not None
    assert row.version.verdict.champion_id == CHAMPION
    assert row.version.verdict.outcome == "fail"
    assert row.version.fully_verified
    assert summary.champion is not None
    assert summary.champion.id == CHAMPION


@pytest.mark.slow
def test_its_cells_are_trained_once_more_and_then_kept(old: Home) -> None:
    """A cell names the dataset and no longer the benchmark, so older ones are other cells."""
    settings = Settings(dataset="digits", models=("logistic",), train_sizes=("1000",), repeats=2, gate=RELAXED)
    assert [row.reused for row in simulator.run(settings, old, Silent()).rows] == [False, False]
    assert [row.reused for row in simulator.run(settings, old, Silent()).rows] == [True, True]


def test_it_rolls_back_and_is_promoted_by_hand(old: Home) -> None:
    assert Deployer(old).rollback("digits").id == FIRST
    promoted = Deployer(old).override(versions.find(old, FAILED), "to see what happens")
    assert promoted.id == FAILED
    assert manifest.damage(promoted.folder, content=True) is None
    assert versions.find(old, FAILED).override == "to see what happens"


def reverse_classes(folder: Path) -> None:
    path = folder / "manifest.json"
    facts = json.loads(path.read_text())
    facts["dataset"]["classes"].reverse()
    path.write_text(json.dumps(facts))


def widen_images(folder: Path) -> None:
    path = folder / "manifest.json"
    facts = json.loads(path.read_text())
    facts["dataset"]["shape"] = [16, 16, 1]
    path.write_text(json.dumps(facts))


def exchange_model(folder: Path) -> None:
    shutil.copyfile(folder.parent / FIRST / "model.onnx", folder / "model.onnx")


@pytest.mark.parametrize("harm", [reverse_classes, widen_images, exchange_model])
def test_a_changed_bundle_answers_nothing(old: Home, harm: Callable[[Path], None]) -> None:
    champion = production.current(old, "digits")
    assert champion is not None
    harm(champion.folder)
    with pytest.raises(PipelineError):
        Application(champion).predict(benchmark(old))
    with pytest.raises(PipelineError):
        load_served(old, champion, lambda images: None)


def test_a_bundle_of_another_version_answers_nothing(old: Home) -> None:
    champion = production.current(old, "digits")
    assert champion is not None
    shutil.rmtree(champion.folder)
    shutil.copytree(champion.folder.parent / FIRST, champion.folder)
    with pytest.raises(StoreError, match="a different model"):
        Application(champion).predict(benchmark(old))


def test_an_identity_of_format_1_stays_what_it_was(old: Home) -> None:
    facts: Manifest = versions.find(old, CHAMPION).manifest
    assert facts.format == 1
    assert manifest.identity_digest(facts, facts.files["model.onnx"].sha256) == facts.digest
    assert np.isclose(versions.find(old, CHAMPION).verdict.comparison.gain_pp, 12.256, atol=0.1)
