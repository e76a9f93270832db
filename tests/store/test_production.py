"""Promotion, rollback and override: only what may serve serves, and the history tells."""

import json
from dataclasses import replace

import pytest
from store_builders import MakeVersion, history_of, snapshot

from pipeline.contracts import Version
from pipeline.deployer import Deployer
from pipeline.errors import DeployError, StoreError
from pipeline.store import atomic, production, versions
from pipeline.store.home import Home


@pytest.fixture
def first(home: Home, make_version: MakeVersion) -> Version:
    version = make_version("1-first")
    Deployer(home).run(version)
    return version


def test_a_pass_is_promoted_with_its_bundle(home: Home, first: Version) -> None:
    bundle = home.production_of("tiny") / "1-first"
    assert json.loads((home.production_of("tiny") / "current.json").read_text())["id"] == "1-first"
    assert set(snapshot(bundle)) == {
        "manifest.json",
        "model.onnx",
        "native/model.joblib",
        "scores.json",
        "training_images.npz",
        "verdict.json",
    }
    assert (bundle / "model.onnx").read_bytes() == (first.folder / "model.onnx").read_bytes()
    assert [line["action"] for line in history_of(home)] == ["promote"]
    assert versions.find(home, "1-first").in_production


@pytest.mark.parametrize("outcome", ["fail", "error"])
def test_what_did_not_pass_leaves_production_byte_identical(
    home: Home, first: Version, make_version: MakeVersion, outcome: str
) -> None:
    before = snapshot(home.production)
    with pytest.raises(DeployError, match="did not pass"):
        Deployer(home).run(make_version("2-second", outcome, first))
    assert snapshot(home.production) == before


def test_a_pass_without_checks_is_no_pass(home: Home, first: Version, make_version: MakeVersion) -> None:
    second = make_version("2-second", "pass", first)
    with pytest.raises(DeployError, match="did not pass"):
        Deployer(home).run(replace(second, verdict=replace(second.verdict, checks=())))


def test_a_verdict_on_another_model_promotes_nothing(home: Home, first: Version, make_version: MakeVersion) -> None:
    second = make_version("2-second", "pass", first)
    with pytest.raises(DeployError, match="another model"):
        Deployer(home).run(replace(second, verdict=replace(second.verdict, candidate_digest="other")))


def test_a_champion_that_changed_meanwhile_stops_a_promotion(
    home: Home, first: Version, make_version: MakeVersion
) -> None:
    second, third = make_version("2-second", "pass", first), make_version("3-third", "pass", first)
    Deployer(home).run(second)
    with pytest.raises(DeployError, match="was judged against 1-first, but 2-second serves"):
        Deployer(home).run(third)


def test_a_damaged_version_is_not_promoted(home: Home, first: Version, make_version: MakeVersion) -> None:
    second = make_version("2-second", "pass", first)
    (second.folder / "model.onnx").write_bytes(b"damaged")
    before = snapshot(home.production)
    with pytest.raises(StoreError, match="damaged"):
        Deployer(home).run(second)
    assert snapshot(home.production) == before


def test_rollback_goes_back_one_champion_at_a_time(home: Home, first: Version, make_version: MakeVersion) -> None:
    second = make_version("2-second", "pass", first)
    Deployer(home).run(second)
    Deployer(home).run(make_version("3-third", "pass", second))
    assert [Deployer(home).rollback("tiny").id for _ in range(2)] == ["2-second", "1-first"]
    with pytest.raises(DeployError, match="there is none before it"):
        Deployer(home).rollback("tiny")
    assert [line["action"] for line in history_of(home)] == ["promote"] * 3 + ["rollback"] * 2


def test_a_rollback_restores_a_damaged_bundle_from_its_version(
    home: Home, first: Version, make_version: MakeVersion
) -> None:
    Deployer(home).run(make_version("2-second", "pass", first))
    (home.production_of("tiny") / "1-first" / "model.onnx").write_bytes(b"damaged")
    deployment = Deployer(home).rollback("tiny")
    assert (deployment.folder / "model.onnx").read_bytes() == (first.folder / "model.onnx").read_bytes()


def test_an_override_needs_a_reason_and_is_seen_wherever_the_version_is(
    home: Home, first: Version, make_version: MakeVersion
) -> None:
    failed = make_version("2-failed", "fail", first)
    with pytest.raises(DeployError, match="needs its reason"):
        Deployer(home).override(failed, " ")
    Deployer(home).override(failed, "the demo is tomorrow")
    assert versions.find(home, "2-failed").override == "the demo is tomorrow"
    assert history_of(home)[-1]["action"] == "override"
    with pytest.raises(DeployError, match="in production already"):
        Deployer(home).override(failed, "again")


def test_a_promotion_that_was_recorded_but_not_named_is_completed(
    home: Home, first: Version, make_version: MakeVersion
) -> None:
    second = make_version("2-second", "pass", first)
    current = home.production_of("tiny") / "current.json"
    before = current.read_bytes()
    Deployer(home).run(second)
    current.write_bytes(before)
    assert production.recover(home) == ["Completed the promotion of 2-second, which a killed run had recorded."]
    assert production.current(home, "tiny").id == "2-second"  # type: ignore[union-attr]
    assert production.recover(home) == []


def test_datasets_have_champions_of_their_own(home: Home, first: Version, make_version: MakeVersion) -> None:
    Deployer(home).run(make_version("2-other", dataset="other"))
    assert production.datasets(home) == ["other", "tiny"]
    assert {champion.id for champion in production.all_current(home)} == {"1-first", "2-other"}


def test_a_damaged_current_json_is_one_sentence(home: Home, first: Version) -> None:
    atomic.write_json(home.production_of("tiny") / "current.json", {"dataset": "tiny", "id": "1-first"})
    with pytest.raises(StoreError, match="rollback"):
        production.current(home, "tiny")
