"""The simulation behind the promise of accuracy in production, on a small scale."""

from benchmarks import production_accuracy


def test_the_interval_in_use_covers_when_read_after_every_label_and_the_usual_one_does_not() -> None:
    used, fixed, widths = production_accuracy.coverage(0.95, streams=100, labels=300)
    assert used >= 0.93, "0.95 expected at least; standard deviation 0.022"
    assert fixed < used
    assert widths[0] > widths[1]
