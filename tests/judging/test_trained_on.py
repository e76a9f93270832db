"""Benchmark images that are trained on: recorded in the ledger for good, and never taken as unseen again."""

from dataclasses import replace

import pytest
from evidence_builder import judged, make_evidence
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import SettingsError
from pipeline.facts.manifest_facts import Parity
from pipeline.gatecheck import Answers, check_predictions
from pipeline.judging import explain, gate, ledger, power, rules, spending, trained_on
from pipeline.judging.evidence import Provenance
from pipeline.judging.policy import PRESETS, GatePolicy, from_table
from pipeline.judging.simulation import power_of
from pipeline.judging.simulation_tables import tables

ENTRY = ledger.TrainedOnEntry(benchmark_sha256="b" * 64, images=359, at="2026-11-21T12:00:00Z")
CROSSED = ledger.with_entry(ledger.Ledger("toy"), ENTRY)
FOLDS = PRESETS["cross-fit"]


def test_a_lineage_that_was_never_trained_on_serves_every_gate():
    for policy in PRESETS.values():
        trained_on.require_unseen(ledger.Ledger("toy"), policy)
    assert trained_on.entry_of(ledger.Ledger("toy")) is None


@pytest.mark.parametrize("name", PRESETS)
def test_one_that_was_serves_folds_alone(name):
    if name == "cross-fit":
        assert trained_on.refusal(CROSSED, FOLDS) is None
        return
    with pytest.raises(SettingsError, match=rf"'toy' has been trained on since 2026-11-21.* 359 images .*'{name}'"):
        trained_on.require_unseen(CROSSED, PRESETS[name])


def test_the_record_is_read_again_and_spends_nothing():
    book = ledger.with_entry(CROSSED, ledger.debit(FOLDS, 0.00125, pair("a"), "a", None))
    lines = [entry.model_dump_json() for entry in book.entries]
    head = {"entry": 2, "digest": book.entries[-1].digest}
    read = ledger.parse("toy", lines, head)
    entry = trained_on.entry_of(read)
    assert (entry.images, entry.at, entry.kind) == (359, "2026-11-21T12:00:00Z", "trained-on")
    assert ledger.balance(read, FOLDS).spent == pytest.approx(0.0025)
    assert ledger.balance(read, FOLDS).judged == 1


def test_it_stays_whatever_comes_after():
    book = ledger.with_entry(CROSSED, ledger.debit(FOLDS, 0.00125, pair("a"), "a", None))
    assert trained_on.entry_of(book) == CROSSED.entries[0]


@pytest.mark.parametrize(("images", "allowed"), [(1, True), (2_000, True), (2_001, False), (10_000, False)])
def test_only_small_benchmarks_are_trained_on(images, allowed):
    if allowed:
        trained_on.require_small(images)
        return
    with pytest.raises(SettingsError, match=f"{images:,} images, more than 2,000"):
        trained_on.require_small(images)


@pytest.mark.parametrize("left", [0.05, 0.0123])
def test_a_judgement_costs_twice_the_level_it_needs(left):
    level = ledger.next_level(FOLDS, left, p_validation=1e-9)
    assert level == pytest.approx(0.05 * left / 2, rel=0.01)
    assert level <= 0.05 * left / 2, "rounded down, whatever validation says"
    assert ledger.debit(FOLDS, level, pair("a"), "a", None).cost == 2 * level
    assert ledger.next_level(PRESETS["guarded"], left, p_validation=1e-9) == pytest.approx(0.3 * left, rel=0.01)


def test_nothing_is_left_at_the_end():
    assert spending.out_of_fold_level(spending.NOTHING_LEFT, 2) == 0
    assert spending.out_of_fold_level(2 * spending.NOTHING_LEFT, 2) > 0


def test_each_time_the_level_is_halved_and_nothing_is_spent():
    policy = from_table({"budget": "each"}, preset="cross-fit")
    assert ledger.price(CROSSED, policy, None) == 0.025
    assert ledger.debit(policy, 0.025, pair("a"), "a", None).cost == 0


def test_what_is_refused_costs_and_what_is_promoted_is_refunded():
    book = ledger.with_entry(CROSSED, ledger.debit(FOLDS, 0.00125, pair("a"), "a", None))
    grant = ledger.granted(book, FOLDS, book.entries[-1])
    assert grant.after(promoted=False).spent == pytest.approx(0.0025)
    assert grant.after(promoted=True).spent == 0
    assert grant.charge(promoted=False).level == 0.00125


@pytest.mark.parametrize("rule", ["robustness_margin_pp", "near_copy_alpha", "screen_alpha"])
def test_rules_that_nothing_is_left_to_check_are_refused(rule):
    with pytest.raises(SettingsError, match=rf'{rule} = "off"'):
        from_table({rule: 0.01}, preset="cross-fit")
    assert from_table({rule: "off"}, preset="cross-fit") == FOLDS
    assert isinstance(FOLDS, GatePolicy) and FOLDS.promises


def pair(candidate: str) -> ledger.Pair:
    return ledger.Pair(policy=FOLDS.digest, candidate=candidate, champion="c", truth="t")


def test_images_that_were_trained_on_are_no_fault_where_each_is_answered_out_of_fold():
    parity = Parity(images=100, labels_changed=0, max_difference=1e-6)
    evidence = make_evidence(100, 10, provenance=Provenance(parity, shared_images=359), out_of_fold=True)
    outcomes = {check.name: check.outcome for check in judged(FOLDS, evidence, 0.00125).checks}
    assert outcomes["no_training_image"] == outcomes["proven_better"] == "pass"
    assert outcomes.keys().isdisjoint({"robustness", "near_copies", "validation_screen"})
    assert gate.screen(FOLDS, evidence).p_validation is not None, "known, and left aside by the price"
    unseen = replace(evidence, out_of_fold=False)
    assert {check.name: check.outcome for check in judged(FOLDS, unseen, 0.1).checks}["no_training_image"] == "fail"


def test_the_verdict_says_that_it_is_approximate():
    said = " ".join(judged(FOLDS, make_evidence(100, 10, out_of_fold=True), 0.00125).explanation)
    assert "is about 0.05" in said and "needs half the p-value that it pays for" in said
    words = " ".join(explain.of_policy(FOLDS))
    assert "each takes 5 % of what is left and needs half of that" in words
    assert "Every image is answered by the member that was not trained on it." in words
    assert "No training image is among the benchmark images." not in words


def test_every_rule_that_cannot_be_switched_off_is_in_the_words():
    words = explain.of_policy(PRESETS["guarded"])
    always = [one.words for one in rules.registered().values() if one.field is None]
    assert len(always) > 3 and set(always) <= set(words)


def test_predictions_alone_show_no_folds():
    with pytest.raises(SettingsError, match="cross-fit"):
        check_predictions(Answers([0, 1], [0, 1], [0, 1]), policy="cross-fit")


def test_a_plan_counts_all_images():
    fixed, made = power.usual_rates(0.01)
    needed = power.images_needed(0.01, fixed + made, ledger.next_level(FOLDS, FOLDS.alpha, None))
    said = CliRunner().invoke(app, ["gate", "plan", "--gain", "1", "--gate", "cross-fit"]).stdout
    assert f"about {power.rounded(needed):,} images out of fold, with nothing spent before" in " ".join(said.split())


def test_simulated_power_out_of_fold_is_that_of_five_times_the_images():
    text = tables({"cross-fit": FOLDS}, repetitions=10)
    assert "on a fifth of them" in text and "on all of them" in text
    assert "false promotion" not in text, "the simulation draws independent answers"
    cases = ((PRESETS["guarded"], 359, 143), (FOLDS, 1_797, 0))
    guarded, folds = (power_of(policy, 0.02, images, validation) for policy, images, validation in cases)
    assert guarded < 0.2
    assert folds > 0.99
