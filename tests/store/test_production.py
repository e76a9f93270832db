"""Promotion, rollback and override: only what may serve serves, and the history records it."""

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
from rich.console import Console
from store_builders import MakeVersion, history_of, snapshot

from pipeline.cli.version_table import print_versions
from pipeline.contracts import Deployment, Version
from pipeline.deployer import Deployer
from pipeline.errors import DeployError, StoreError
from pipeline.store import production, recovery, version_index, versions
from pipeline.store.home import Home

LINE = {
    "dataset": "tiny",
    "id": "1-first",
    "digest": "d",
    "previous_id": None,
    "action": "promote",
    "reason": "passed its gate",
    "promoted_at": "2026-01-01T00:00:00Z",
}


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


def test_a_former_champion_is_listed_as_that(home: Home, first: Version, make_version: MakeVersion) -> None:
    Deployer(home).run(make_version("2-second", "pass", first))
    for listed in (versions.list_versions(home), version_index.summaries(home)):
        served = {one.id: (one.in_production, one.was_in_production) for one in listed}
        assert served == {"1-first": (False, True), "2-second": (True, False)}
    printed = io.StringIO()
    print_versions(Console(width=160, file=printed), version_index.summaries(home))
    assert "former champion" in printed.getvalue()
    Deployer(home).rollback(first.verdict.dataset)
    assert versions.find(home, "1-first").in_production
    assert versions.find(home, "2-second").was_in_production


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


@pytest.mark.parametrize(
    ("gate", "reason"),
    [
        ("guarded", "passed its gate"),
        ("guarded (changed)", "passed its gate (guarded, changed)"),
        ("growing", "passed its gate (growing)"),
        ("each-test (changed)", "passed its gate (each-test, changed, which promises nothing over many judgements)"),
        ("as-good", "passed its gate (as-good, which promises nothing)"),
    ],
)
def test_a_promotion_names_its_gate_where_it_is_not_the_default(
    home: Home, first: Version, make_version: MakeVersion, gate: str, reason: str
) -> None:
    second = make_version("2-second", "pass", first)
    assert Deployer(home).run(replace(second, verdict=replace(second.verdict, policy=gate))).reason == reason
    assert history_of(home)[-1]["reason"] == reason


def test_a_champion_that_changed_meanwhile_stops_a_promotion(
    home: Home, first: Version, make_version: MakeVersion
) -> None:
    second, third = make_version("2-second", "pass", first), make_version("3-third", "pass", first)
    Deployer(home).run(second)
    with pytest.raises(DeployError, match="was judged against 1-first, but 2-second is in production"):
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
    with pytest.raises(DeployError, match="no earlier one to roll back to"):
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
    with pytest.raises(DeployError, match="needs a reason"):
        Deployer(home).override(failed, " ")
    Deployer(home).override(failed, "the demo is tomorrow")
    assert versions.find(home, "2-failed").override == "the demo is tomorrow"
    assert history_of(home)[-1]["action"] == "override"
    with pytest.raises(DeployError, match="in production already"):
        Deployer(home).override(failed, "again")
    with pytest.raises(DeployError, match="in production already"):
        Deployer(home).run(failed)


@pytest.fixture
def half_done(home: Home, first: Version, make_version: MakeVersion) -> Callable[[str], tuple[Deployment, ...]]:
    """Three champions, and an action on them that was killed between the history and ``current.json``."""
    second = make_version("2-second", "pass", first)
    third = make_version("3-third", "pass", second)
    failed = make_version("4-failed", "fail", third)
    actions = {
        "promote": lambda: Deployer(home).run(third),
        "override": lambda: Deployer(home).override(failed, "a drill"),
        "rollback": lambda: Deployer(home).rollback("tiny"),
    }
    current = home.production_of("tiny") / "current.json"

    def kill(action: str) -> tuple[Deployment, ...]:
        Deployer(home).run(second)
        if action != "promote":
            Deployer(home).run(third)
        before = current.read_bytes()
        actions[action]()
        current.write_bytes(before)
        found = recovery.recover(home)
        assert len(found.notices) == 1
        assert "which a killed command had recorded" in found.notices[0]
        assert recovery.recover(home) == recovery.Recovery()
        return found.completed

    return kill


def test_a_killed_rollback_that_is_given_again_goes_back_one_champion(
    home: Home, half_done: Callable[[str], tuple[Deployment, ...]]
) -> None:
    deployment = Deployer(home, half_done("rollback")).rollback("tiny")
    assert (deployment.id, deployment.previous_id) == ("2-second", "3-third")
    assert [line["action"] for line in history_of(home)] == ["promote"] * 3 + ["rollback"]
    assert Deployer(home).rollback("tiny").id == "1-first"


@pytest.mark.parametrize("action", ["promote", "override"])
def test_a_killed_promotion_that_is_given_again_is_done_once(
    home: Home, half_done: Callable[[str], tuple[Deployment, ...]], action: str
) -> None:
    deployer = Deployer(home, half_done(action))
    before = history_of(home)
    if action == "promote":
        assert deployer.run(versions.find(home, "3-third")).previous_id == "2-second"
    else:
        assert deployer.override(versions.find(home, "4-failed"), "a drill").reason == "a drill"
    assert history_of(home) == before


def test_a_version_that_serves_is_not_promoted_again(home: Home, first: Version) -> None:
    with pytest.raises(DeployError, match="in production already"):
        Deployer(home).run(first)


def test_datasets_have_champions_of_their_own(home: Home, first: Version, make_version: MakeVersion) -> None:
    Deployer(home).run(make_version("2-other", dataset="other"))
    assert production.datasets(home) == ["other", "tiny"]
    assert {champion.id for champion in production.all_current(home)} == {"1-first", "2-other"}


DAMAGED = {
    "no object": "[]",
    "null": "null",
    "an empty object": "{}",
    "another type": json.dumps(LINE | {"digest": 7}),
    "an unknown action": json.dumps(LINE | {"action": "steal"}),
    "an unknown field": json.dumps(LINE | {"more": 1}),
    "a path as an id": json.dumps(LINE | {"id": "../../../evil"}),
    "a path as a dataset": json.dumps(LINE | {"dataset": "../evil"}),
    "a lone surrogate": json.dumps(LINE | {"reason": "\ud800"}),
    "many brackets": "[" * 100_000,
    "no JSON": "}",
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_of_the_history_is_one_sentence_that_names_it(home: Home, first: Version, content: str) -> None:
    with production.history_file(home).open("a") as file:
        file.write(content + "\n")
    with pytest.raises(StoreError, match=r"history\.jsonl, line 2 is damaged"):
        production.records(home)


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_current_json_is_one_sentence_and_is_restored_from_the_history(
    home: Home, first: Version, content: str
) -> None:
    current = home.production_of("tiny") / "current.json"
    whole = current.read_bytes()
    current.write_text(content)
    with pytest.raises(StoreError, match=r"current\.json is damaged .*simulator\.py doctor --repair"):
        production.current(home, "tiny")
    assert len(production.problems(home)) == 1
    assert recovery.recover(home).notices == ("Restored production/tiny/current.json from the history.",)
    assert current.read_bytes() == whole


def test_a_history_that_begins_with_a_rollback_is_one_sentence(home: Home, first: Version) -> None:
    production.history_file(home).write_text(json.dumps(LINE | {"action": "rollback"}) + "\n")
    with pytest.raises(StoreError, match=r"line 1 rolls back to 1-first, which did not serve before"):
        Deployer(home).rollback("tiny")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".", "..", ".hidden", "a\0b", "x" * 300])
def test_a_dataset_name_that_is_no_folder_name_reaches_no_file(home: Home, name: str) -> None:
    with pytest.raises(StoreError, match="cannot be the name of a folder"):
        production.current(home, name)


def test_a_bundle_of_another_dataset_is_never_installed(home: Home, first: Version, make_version: MakeVersion) -> None:
    second = make_version("2-second", "pass", first)
    other = replace(second, verdict=replace(second.verdict, dataset="other", champion_id=None, champion_digest=None))
    with pytest.raises(DeployError, match="cannot serve 'other'"):
        Deployer(home).run(other)


@pytest.mark.parametrize("reason", ["two\nlines", "a\u2028b", "a\u0085b", "\udc80", "\x1b[31mred"])
def test_a_reason_that_cannot_be_printed_is_refused_and_changes_nothing(
    home: Home, first: Version, make_version: MakeVersion, reason: str
) -> None:
    Deployer(home).run(make_version("2-second", "pass", first))
    before = snapshot(home.production)
    with pytest.raises(DeployError, match=r"The reason contains the character U\+"):
        Deployer(home).rollback("tiny", reason)
    assert snapshot(home.production) == before


def test_reasons_in_any_language_come_back_as_they_were(home: Home, first: Version, make_version: MakeVersion) -> None:
    Deployer(home).override(make_version("2-failed", "fail", first), "für die Vorführung 😀 明日")
    assert production.records(home)[-1].reason == "für die Vorführung 😀 明日"


@pytest.mark.parametrize("damage", ["deleted", "a byte", "another model"])
def test_a_damaged_bundle_is_made_anew_from_its_version(
    home: Home, first: Version, make_version: MakeVersion, damage: str
) -> None:
    bundle = home.production_of("tiny") / "1-first"
    whole = snapshot(bundle)
    if damage == "a byte":
        content = (bundle / "model.onnx").read_bytes()
        (bundle / "model.onnx").write_bytes(content[:-1] + b"?")
    else:
        shutil.rmtree(bundle)
    if damage == "another model":
        Deployer(home).run(make_version("2-another", dataset="other"))
        shutil.copytree(home.production_of("other") / "2-another", bundle)
    assert recovery.recover(home).notices == ("Restored the bundle of 1-first from its version.",)
    assert snapshot(bundle) == whole
