"""The ledger: what is left, what a longer horizon means, and that tampering shows."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import StoreError
from pipeline.judging import ledger
from pipeline.judging.policy import PRESETS, GatePolicy, from_table

BENCHMARK = "b" * 64
GUARDED = PRESETS["guarded"]


def add(book: ledger.Ledger, kind: str, **facts) -> ledger.Ledger:
    return ledger.Ledger(book.benchmark_sha256, (*book.entries, ledger.seal(book, kind, facts)))


def opened(policy: GatePolicy = GUARDED) -> ledger.Ledger:
    return add(ledger.Ledger(BENCHMARK), "open", alpha=policy.alpha, horizon=policy.horizon, dataset="toy", images=9)


def judged(book: ledger.Ledger, policy: GatePolicy, times: int) -> ledger.Ledger:
    for _ in range(times):
        level = ledger.price(book, policy)
        assert isinstance(level, float)
        pair = {"candidate": f"c{len(book.entries)}", "champion": "champion"}
        book = add(book, "debit", **ledger.debit_facts(policy, level, pair))
    return book


def lines(book: ledger.Ledger) -> list[str]:
    return [json.dumps(entry) for entry in book.entries]


def head(book: ledger.Ledger) -> dict:
    return {"entry": len(book.entries), "digest": book.entries[-1]["digest"]}


def test_every_judgement_costs_alpha_over_horizon_to_the_end_and_then_nothing_is_left():
    book = judged(opened(), GUARDED, 200)
    assert {entry["cost"] for entry in book.entries[1:]} == {0.00025}
    assert ledger.terms(book, GUARDED).spent == pytest.approx(0.05)
    refusal = ledger.price(book, GUARDED)
    assert isinstance(refusal, ledger.Refusal)
    assert "fresh benchmark" in refusal.reason
    assert "gate extend --horizon 400 --alpha 0.1" in refusal.reason


def test_a_longer_horizon_shares_what_is_left_and_the_promise_stays():
    book = judged(opened(), GUARDED, 100)
    book = add(book, "extend", **ledger.extension(book, GUARDED, horizon=600))
    assert ledger.price(book, GUARDED) == pytest.approx(0.025 / 500)
    book = judged(book, GUARDED, 500)
    assert ledger.terms(book, GUARDED).spent == pytest.approx(0.05)
    assert isinstance(ledger.price(book, GUARDED), ledger.Refusal)


def test_after_the_last_judgement_only_a_weaker_promise_helps():
    book = judged(opened(), GUARDED, 200)
    with pytest.raises(StoreError, match="weaken the promise"):
        ledger.extension(book, GUARDED, horizon=400)
    book = add(book, "extend", **ledger.extension(book, GUARDED, horizon=400, alpha=0.1))
    assert ledger.terms(book, GUARDED).alpha == 0.1
    assert ledger.price(book, GUARDED) == pytest.approx(0.00025)


@pytest.mark.parametrize(
    ("horizon", "alpha"),
    [
        pytest.param(200, None, id="no longer than before"),
        pytest.param(100, None, id="shorter"),
        pytest.param(400, 0.01, id="a promise taken back"),
        pytest.param(400, 0.9, id="no promise at all"),
    ],
)
def test_impossible_extensions(horizon, alpha):
    with pytest.raises(StoreError):
        ledger.extension(judged(opened(), GUARDED, 3), GUARDED, horizon, alpha)


def test_editing_the_policy_never_buys_more_than_the_ledger_has():
    book = judged(opened(), GUARDED, 10)
    assert ledger.price(book, from_table({"alpha": 0.5, "horizon": 1})) == pytest.approx(0.00025)
    assert ledger.price(book, from_table({"horizon": 2000})) == pytest.approx(0.05 / 2000)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 0.5), st.integers(1, 60)), min_size=1, max_size=30))
def test_whatever_policies_are_used_spending_stays_within_what_was_promised(policies):
    book = opened(from_table({"alpha": 0.05, "horizon": 20}))
    for alpha, horizon in policies:
        policy = from_table({"alpha": alpha, "horizon": horizon})
        level = ledger.price(book, policy)
        if isinstance(level, float):
            book = add(book, "debit", **ledger.debit_facts(policy, level, {"candidate": "c", "champion": "d"}))
    assert ledger.terms(book, GUARDED).spent <= 0.05 * (1 + 1e-9)


def test_policies_without_a_promise_are_on_record_and_spend_nothing_of_it():
    book = judged(opened(), PRESETS["each-test"], 50)
    assert ledger.terms(book, GUARDED).spent == 0
    assert ledger.price(book, GUARDED) == pytest.approx(0.00025)


def test_a_pair_is_found_again_under_the_same_policy_only():
    book = judged(opened(), GUARDED, 1)
    assert ledger.paid(book, GUARDED.digest, "c1", "champion") is not None
    assert ledger.paid(book, PRESETS["each-test"].digest, "c1", "champion") is None
    assert ledger.paid(book, GUARDED.digest, "c2", "champion") is None
    assert ledger.paid(book, GUARDED.digest, "c1", "another") is None
    assert ledger.verdict_of(book, 2) is None
    assert ledger.verdict_of(add(book, "verdict", debit=2, verdict={"outcome": "fail"}), 2) == {"outcome": "fail"}


def test_an_untouched_ledger_reads_back():
    book = judged(opened(), GUARDED, 5)
    assert ledger.parse(BENCHMARK, lines(book), head(book), witnessed=6) == book
    assert ledger.parse(BENCHMARK, lines(book), head(judged(opened(), GUARDED, 4))) == book, "a crash before the head"
    assert ledger.parse(BENCHMARK, [], None) == ledger.Ledger(BENCHMARK)


def changed(text: str) -> str:
    return text.replace("0.00025", "0.00015")


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
    book = judged(opened(), GUARDED, 5)
    with pytest.raises(StoreError, match=named):
        ledger.parse(BENCHMARK, tamper(lines(book)), head(book))


def test_a_head_that_lags_behind_a_whole_chain_is_brought_up_to_date():
    book = judged(opened(), GUARDED, 5)
    for behind in (1, 3, 5):
        old = head(ledger.Ledger(BENCHMARK, book.entries[:-behind]))
        assert ledger.parse(BENCHMARK, lines(book), old) == book
        assert ledger.lagging_head(BENCHMARK, lines(book), old) == book.entries[-1]
    assert ledger.lagging_head(BENCHMARK, lines(opened()), None) == opened().entries[0]


@pytest.mark.parametrize(
    ("tamper", "old"),
    [
        pytest.param(lambda t: t, head, id="up to date"),
        pytest.param(lambda t: t, lambda book: None, id="lost"),
        pytest.param(lambda t: t[:-1], head, id="the last line cut off"),
        pytest.param(lambda t: [*t[:2], changed(t[2]), *t[3:]], lambda book: head(opened()), id="a line changed"),
        pytest.param(lambda t: t, lambda book: head(opened()) | {"digest": "other"}, id="another first line"),
        pytest.param(lambda t: t, lambda book: {"entry": "1"}, id="damaged"),
        pytest.param(lambda t: [], lambda book: None, id="nothing"),
    ],
)
def test_a_head_is_never_repaired_where_that_would_hide_something(tamper, old):
    book = judged(opened(), GUARDED, 5)
    assert ledger.lagging_head(BENCHMARK, tamper(lines(book)), old(book)) is None


def test_a_lost_head_is_made_anew_from_a_chain_that_holds_every_stored_verdict():
    book = judged(opened(), GUARDED, 5)
    assert ledger.parse_chain(BENCHMARK, lines(book), witnessed=6) == book
    for damaged, witnessed in ((lines(book)[:3], 6), ([], 0), ([*lines(book)[:2], "{}"], 2)):
        with pytest.raises(StoreError):
            ledger.parse_chain(BENCHMARK, damaged, witnessed)


def test_a_history_rewritten_with_its_head_is_caught_by_a_stored_verdict():
    short = judged(opened(), GUARDED, 2)
    with pytest.raises(StoreError, match="lines 4 to 6"):
        ledger.parse(BENCHMARK, lines(short), head(short), witnessed=6)


def test_a_lost_head_and_a_swapped_ledger_are_caught():
    book = judged(opened(), GUARDED, 5)
    with pytest.raises(StoreError, match=r"\.head"):
        ledger.parse(BENCHMARK, lines(book), None)
    with pytest.raises(StoreError, match="line 1"):
        ledger.parse("c" * 64, lines(book), head(book))
