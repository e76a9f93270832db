"""Numbers and times as a person reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.reports import batch_page, formats, html

CASES = {
    "percent": (formats.percent, 0.9935, "99.35 %"),
    "percent of nothing": (formats.percent, None, "–"),
    "percent that is not a number": (formats.percent, float("nan"), "–"),
    "interval": (lambda ends: formats.interval(*ends), (0.25, 0.75), "25.00 to 75.00 %"),
    "interval without an end": (lambda ends: formats.interval(*ends), (0.25, None), "–"),
    "count": (formats.count, 1234567, "1,234,567"),
    "nought": (formats.count, 0, "0"),
    "decimal": (formats.decimal, 0.0726, "0.0726"),
    "decimal of nought": (formats.decimal, 0, "0.0000"),
    "tiny decimal": (formats.decimal, 1.04e-6, "1.0 × 10⁻⁶"),
    "gain": (formats.points, 0.07, "+0.07"),
    "loss": (formats.points, -1.5, "-1.50"),
    "milliseconds": (formats.seconds, 0.00007, "0.07 ms"),
    "seconds": (formats.seconds, 9.12, "9.1 s"),
    "just under a minute": (formats.seconds, 59.97, "1 min 00 s"),
    "minutes": (formats.seconds, 200, "3 min 20 s"),
    "hours": (formats.seconds, 3_900, "1 h 05 min"),
    "bytes": (formats.size, 999, "999 bytes"),
    "kilobytes": (formats.size, 270_000, "270 kB"),
    "moment": (formats.when, "2026-11-21T13:45:02Z", "21 Nov 2026, 13:45 UTC"),
    "moment elsewhere": (formats.when, "2026-11-21T00:30:00+02:00", "20 Nov 2026, 22:30 UTC"),
    "no moment": (formats.when, "", "–"),
    "words instead of a moment": (formats.when, "yesterday", "yesterday"),
}


@pytest.mark.parametrize("name", CASES)
def test_figures_read_well(name):
    function, value, expected = CASES[name]
    assert function(value).replace("\u202f", " ") == expected


NUMBERS = st.floats(-1e12, 1e12) | st.sampled_from([float("nan"), float("inf"), float("-inf")])


@given(st.none() | st.text() | NUMBERS | st.integers(-(10**15), 10**15))
def test_no_value_breaks_a_page(value):
    for function in (formats.percent, formats.count, formats.decimal, formats.points, formats.seconds, formats.size):
        shown = function(value)
        assert shown
        assert "nan" not in shown
        assert "inf" not in shown


def test_a_sentence_is_escaped_and_its_commands_are_code():
    said = html.prose("<b> wait: `review --dataset <b>`, or `serve`; a lone ` stays.")
    whole = '<span class="whole">--dataset</span>'
    assert said == f"&lt;b&gt; wait: <code>review {whole} &lt;b&gt;</code>, or <code>serve</code>; a lone ` stays."


def test_the_page_of_a_batch_shows_commands_as_code():
    page = batch_page.page("shapes", "1", ["3 wait: `review`."], [], classes={}, refused=["Use `--shape`."])
    assert (
        "<p>3 wait: <code>review</code>.</p>" in page
        and 'Use <code><span class="whole">--shape</span></code>.</li>' in page
    )
