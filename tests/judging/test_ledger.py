"""The ledger of a lineage: what is left, what comes back, and that tampering shows."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.errors import StoreError
from pipeline.judging import chain, ledger, old_ledger
from pipeline.judging.policy import PRESETS, GatePolicy, from_table

GUARDED = PRESETS["guarded"]


def pair(candidate: str = "c", policy: GatePolicy = GUARDED, truth: str = "t" * 64) -> ledger.Pair:
    return ledger.Pair(policy=policy.digest, candidate=candidate, champion="champion", truth=truth)


def paid(book: ledger.Ledger, policy: GatePolicy = GUARDED, p: float | None = 0.5) -> ledger.Ledger:
    level = ledger.price(book, policy, p)
    assert isinstance(level, float)
    return ledger.with_entry(book, ledger.debit(policy, level, pair(f"c{len(book.entries)}", policy), "id", p))


def judged(book: ledger.Ledger, outcome: str, p: float | None = 0.5, policy: GatePolicy = GUARDED) -> ledger.Ledger:
    book = paid(book, policy, p)
    return ledger.with_entry(book, ledger.verdict_entry(book.entries[-1], {"outcome": outcome}))


def of(times: int) -> ledger.Ledger:
    book = ledger.Ledger("toy")
    for _ in range(times):
        book = judged(book, "fail")
    return book


def lines(book: ledger.Ledger) -> list[str]:
    return [json.dumps(entry.model_dump(mode="json")) for entry in book.entries]


def head(book: ledger.Ledger) -> dict:
    return {"entry": len(book.entries), "digest": book.entries[-1].digest}


def test_a_failed_judgement_costs_its_level_and_a_promotion_gets_it_back():
    book = judged(ledger.Ledger("toy"), "fail")
    assert ledger.balance(book, GUARDED) == ledger.Balance(0.05, 0.0002, 1)
    book = judged(book, "pass", p=0.0)
    assert ledger.balance(book, GUARDED).spent == pytest.approx(0.0002)
    assert ledger.balance(book, GUARDED).judged == 2
    book = judged(book, "error")
    assert ledger.balance(book, GUARDED).spent == pytest.approx(0.0002 + 0.000199)


def test_a_crash_before_the_verdict_leaves_the_debit():
    assert ledger.balance(paid(ledger.Ledger("toy")), GUARDED).spent == 0.0002


def test_a_thousand_refusals_later_something_is_left():
    book = of(1000)
    now = ledger.balance(book, GUARDED)
    assert 0.0 < now.left < 0.002
    assert isinstance(ledger.price(book, GUARDED, 0.01), float)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from(["pass", "fail"])), min_size=1, max_size=60))
def test_what_was_not_returned_never_exceeds_alpha(judgements):
    book = ledger.Ledger("toy")
    for p, outcome in judgements:
        book = judged(book, outcome, p)
    debits = [entry for entry in book.entries if isinstance(entry, ledger.DebitEntry)]
    refused = [debit.cost for debit in debits if (ledger.verdict_of(book, debit.entry) or {}).get("outcome") != "pass"]
    assert sum(refused) <= 0.05
    assert ledger.balance(book, GUARDED).spent == pytest.approx(sum(refused))


def test_nothing_left_is_a_refusal_that_says_how_to_go_on():
    book = ledger.with_entry(ledger.Ledger("toy"), imported(0.05))
    refusal = ledger.price(book, GUARDED, 0.001)
    assert isinstance(refusal, ledger.Refusal)
    assert "alpha = 0.1" in refusal.reason
    assert ledger.price(book, from_table({"alpha": 0.1}), 0.5) == pytest.approx(0.0002)


def test_judgements_of_older_releases_count_with_todays():
    book = judged(ledger.with_entry(ledger.Ledger("toy"), imported(0.01)), "fail")
    assert ledger.balance(book, GUARDED).judged == imported(0.01).judged + 1


def test_nobody_is_advised_to_raise_alpha_above_a_half():
    book = ledger.with_entry(ledger.Ledger("toy"), imported(0.4))
    refusal = ledger.price(book, from_table({"alpha": 0.4}), 0.001)
    assert isinstance(refusal, ledger.Refusal)
    assert "`alpha = 0.5`" in refusal.reason


def test_an_entry_and_a_pair_do_not_change():
    debit = paid(ledger.Ledger("toy")).entries[0]
    for changed in ({"entry": 2}, {"level": 0.0}):
        with pytest.raises(ValidationError):
            setattr(debit, *next(iter(changed.items())))
    with pytest.raises(ValidationError):
        debit.pair.champion = "another"


def test_policies_without_a_promise_are_on_record_and_spend_nothing_of_it():
    book = ledger.Ledger("toy")
    for _ in range(50):
        book = judged(book, "fail", policy=PRESETS["each-test"])
    assert ledger.price(book, PRESETS["each-test"], 0.5) == 0.05
    assert ledger.balance(book, GUARDED) == ledger.Balance(0.05, 0.0, 0)
    assert ledger.price(book, GUARDED, 0.5) == 0.0002


def test_a_pair_is_found_again_on_the_same_images_and_labels_under_the_same_policy_only():
    book = paid(ledger.Ledger("toy"))
    assert ledger.paid(book, pair("c0")) is not None
    assert ledger.paid(book, pair("c0", PRESETS["each-test"])) is None
    assert ledger.paid(book, pair("c1")) is None
    assert ledger.paid(book, pair("c0", truth="u" * 64)) is None, "relabelled"
    assert ledger.paid(book, pair("c0").model_copy(update={"champion": "another"})) is None
    assert ledger.verdict_of(book, 1) is None
    book = ledger.with_entry(book, ledger.verdict_entry(book.entries[0], {"outcome": "fail"}))
    assert ledger.verdict_of(book, 1) == {"outcome": "fail"}


def test_a_benchmark_is_known_by_its_images_and_labels():
    book = ledger.Ledger("toy")
    entry = ledger.BenchmarkEntry(benchmark_sha256="b" * 64, truth="t" * 64, images=400)
    assert not ledger.knows_benchmark(book, "t" * 64)
    book = ledger.with_entry(book, entry)
    assert ledger.knows_benchmark(book, "t" * 64)
    assert not ledger.knows_benchmark(book, "u" * 64)
    assert ledger.knows_benchmark(ledger.with_entry(paid(ledger.Ledger("toy")), entry), "t" * 64)


def test_a_grant_states_what_is_left_with_and_without_a_promotion():
    book = paid(of(2))
    grant = ledger.granted(book, GUARDED, ledger.paid(book, pair("c4")))
    before = ledger.balance(of(2), GUARDED)
    assert grant.before == before
    refused, promoted = grant.charge(promoted=False), grant.charge(promoted=True)
    assert (refused.judged, promoted.judged, refused.entry, refused.lineage) == (3, 3, 5, "toy")
    assert refused.spent == pytest.approx(before.spent + grant.level)
    assert promoted.spent == pytest.approx(before.spent)


def test_an_untouched_ledger_reads_back():
    book = of(2)
    assert ledger.parse("toy", lines(book), head(book), witnessed=4).entries == book.entries
    assert ledger.parse("toy", lines(book), {"entry": 3, "digest": book.entries[2].digest}).entries == book.entries
    assert ledger.parse("toy", [], None) == ledger.Ledger("toy")


def changed(text: str) -> str:
    return text.replace('"cost": 0.0001', '"cost": 0.0000')


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        pytest.param(lambda t: [*t[:2], changed(t[2]), *t[3:]], "line 3", id="a cost made smaller"),
        pytest.param(lambda t: [*t[:2], *t[3:]], "before line 3", id="a line taken out"),
        pytest.param(lambda t: [t[0], t[2], t[1], *t[3:]], "before line 2", id="lines exchanged"),
        pytest.param(lambda t: t[:-1], "lines 6 to 6", id="the last line cut off"),
        pytest.param(lambda t: t[:-3], "lines 4 to 6", id="three lines cut off"),
        pytest.param(lambda t: [], "lines 1 to 6", id="emptied"),
        pytest.param(lambda t: [*t[:3], t[3][:40], *t[4:]], "line 4", id="half a line"),
        pytest.param(lambda t: [*t[:3], "[]", *t[4:]], "line 4", id="no entry at all"),
        pytest.param(lambda t: [*t, t[-1]], "before line 7", id="a line doubled"),
    ],
)
def test_a_changed_or_missing_line_is_named(tamper, named):
    book = of(3)
    with pytest.raises(StoreError, match=named):
        ledger.parse("toy", tamper(lines(book)), head(book))


def test_a_head_that_lags_is_repaired_where_that_hides_nothing():
    book = of(2)
    text, short = lines(book), head(of(1))
    assert chain.lagging_head("toy", text, short)["entry"] == 4
    assert chain.lagging_head("toy", text, head(book)) is None
    assert chain.lagging_head("toy", text, None) is None
    assert chain.lagging_head("toy", [*text[:2], changed(text[2]), text[3]], short) is None
    assert chain.without_head("toy", text, witnessed=4)["entry"] == 4
    for cut, witnessed in ((text[:2], 3), ([], 0)):
        with pytest.raises(StoreError, match="missing"):
            chain.without_head("toy", cut, witnessed)


def test_one_line_whose_head_was_never_written_is_sound():
    one = lines(paid(ledger.Ledger("toy")))
    assert len(chain.verified("toy", one, None)) == 1
    assert chain.verified("toy", [], None) == []
    assert chain.lagging_head("toy", one, None)["entry"] == 1
    assert chain.without_head("toy", one, witnessed=0)["entry"] == 1
    assert json.loads(one[0])["before"] == "0" * 64


@pytest.mark.parametrize("head", [[], {"entry": "4", "digest": "d"}, {"entry": 0, "digest": "d"}, {"entry": 4}])
def test_a_damaged_head_is_named(head):
    with pytest.raises(StoreError, match=r"\.head file is damaged"):
        ledger.parse("toy", lines(of(2)), head)


@pytest.mark.parametrize(
    ("number", "before", "body", "named"),
    [
        (2, None, {"kind": "verdict"}, "before line 3 is missing"),
        (3, "f" * 64, {"kind": "verdict"}, "before line 3 is missing"),
        (3, None, {}, "line 3 was changed or is damaged"),
    ],
    ids=["another number", "after another line", "of no kind"],
)
def test_a_sealed_line_that_does_not_belong_there_is_named(number, before, body, named):
    book = of(1)
    line = chain.seal("toy", number, before or book.entries[-1].digest, body)
    with pytest.raises(StoreError, match=named):
        chain.verified("toy", [*lines(book), json.dumps(line)], head(book))


@pytest.mark.parametrize(("length", "shown"), [(63, 63), (64, 12)])
def test_a_chain_that_is_named_by_a_digest_is_shown_by_its_beginning(length, shown):
    with pytest.raises(StoreError, match=rf"ledger a{{{shown}}}: line 1 "):
        chain.verified("a" * length, ["{"], None)


def test_a_line_of_a_later_release_is_named():
    line = chain.seal("toy", 1, chain.GENESIS, {"kind": "novelty"})
    with pytest.raises(StoreError, match="line 1 is not an entry"):
        ledger.parse("toy", [json.dumps(line)], {"entry": 1, "digest": line["digest"]})


@pytest.mark.parametrize(
    ("tamper", "old"),
    [
        pytest.param(lambda t: t, head, id="up to date"),
        pytest.param(lambda t: t, lambda book: None, id="lost"),
        pytest.param(lambda t: t[:-1], head, id="the last line cut off"),
        pytest.param(lambda t: [*t[:2], changed(t[2]), *t[3:]], lambda book: head(of(1)), id="a line changed"),
        pytest.param(lambda t: t, lambda book: head(of(1)) | {"digest": "other"}, id="another line"),
        pytest.param(lambda t: t, lambda book: {"entry": "1"}, id="damaged"),
        pytest.param(lambda t: [], lambda book: None, id="nothing"),
    ],
)
def test_a_head_is_never_repaired_where_that_would_hide_something(tamper, old):
    book = of(3)
    assert chain.lagging_head("toy", tamper(lines(book)), old(book)) is None


def test_a_history_rewritten_with_its_head_is_caught_by_a_stored_verdict():
    short = of(1)
    with pytest.raises(StoreError, match="lines 3 to 6"):
        ledger.parse("toy", lines(short), head(short), witnessed=6)


def test_a_lost_head_and_a_swapped_ledger_are_caught():
    book = of(2)
    for long in (of(1), book):
        with pytest.raises(StoreError, match=r"\.head file is missing"):
            ledger.parse("toy", lines(long), None)
    with pytest.raises(StoreError, match=r"\.head file is damaged"):
        ledger.parse("toy", lines(book), {"entry": "4"})
    with pytest.raises(StoreError, match="line 1"):
        ledger.parse("other", lines(book), head(book))


def imported(spent: float) -> ledger.ImportEntry:
    return ledger.ImportEntry(benchmark_sha256="b" * 64, lines=9, spent=spent, judged=7)


OLD = "a" * 64


def old_lines(*bodies: dict) -> list[dict]:
    found, before = [], chain.GENESIS
    for number, body in enumerate(bodies, 1):
        found.append(chain.seal(OLD, number, before, body))
        before = found[-1]["digest"]
    return found


OPENED = {"kind": "open", "alpha": 0.05, "horizon": 200, "dataset": "mnist", "images": 10_000}
DEBIT = {"kind": "debit", "cost": 0.00025, "level": 0.00025, "policy": "p", "candidate": "c", "champion": "d"}
FREE = DEBIT | {"cost": 0.0}
VERDICT = {"kind": "verdict", "debit": 2, "verdict": {"outcome": "pass", "dataset": "mnist"}}


@pytest.mark.parametrize(
    ("bodies", "dataset", "spent", "judged"),
    [
        pytest.param((OPENED, DEBIT, VERDICT, DEBIT, FREE), "mnist", 0.0005, 2, id="guarded"),
        pytest.param((FREE, VERDICT), "mnist", 0.0, 0, id="named by a verdict alone"),
        pytest.param((FREE,), "", 0.0, 0, id="named by nothing"),
    ],
)
def test_a_ledger_of_an_older_release_counts_all_its_debits(bodies, dataset, spent, judged):
    entries = old_lines(*bodies)
    text = [json.dumps(entry) for entry in entries]
    found = old_ledger.parse(OLD, text, {"entry": len(entries), "digest": entries[-1]["digest"]})
    assert found.dataset == dataset
    assert (found.entry.spent, found.entry.judged) == (pytest.approx(spent), judged)


def test_a_tampered_ledger_of_an_older_release_is_named():
    text = [json.dumps(entry).replace("0.00025", "0.00001") for entry in old_lines(OPENED, DEBIT)]
    with pytest.raises(StoreError, match="line 2"):
        old_ledger.parse(OLD, text, None)
