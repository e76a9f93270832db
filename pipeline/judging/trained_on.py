"""Benchmark images that models are trained on: the gate ``cross-fit`` puts them into the folds, for good."""

from pipeline.errors import SettingsError
from pipeline.judging import ledger
from pipeline.judging.policy import GatePolicy

LARGEST_BENCHMARK = 2_000
"""Images. A larger benchmark proves enough while it is unseen, and that cannot be undone."""


def entry_of(book: ledger.Ledger) -> ledger.TrainedOnEntry | None:
    """Return the entry with which benchmark images went into the folds; ``None`` where they never did."""
    return next((entry for entry in book.entries if isinstance(entry, ledger.TrainedOnEntry)), None)


def refusal(book: ledger.Ledger, policy: GatePolicy) -> str | None:
    """Return why a policy cannot judge on this lineage's benchmark, and how to go on; ``None`` where it can."""
    entry = entry_of(book)
    if entry is None or policy.out_of_fold:
        return None
    return (
        f"The benchmark of '{book.lineage}' has been trained on since {entry.at[:10]}, when the gate 'cross-fit' put "
        f"its {entry.images:,} images into the folds, so the gate '{policy.name}' cannot judge on it as unseen: go on "
        f"with `--folds 5 --gate cross-fit`, or start afresh under another name (`--name {book.lineage}-2`), with "
        "models, a champion and an error budget of its own."
    )


def require_unseen(book: ledger.Ledger, policy: GatePolicy) -> None:
    """Let a policy judge on this lineage's benchmark, or refuse it.

    Raises:
        SettingsError: The policy takes benchmark images as unseen that models were trained on.
    """
    reason = refusal(book, policy)
    if reason is not None:
        raise SettingsError(reason)


def require_small(images: int) -> None:
    """Refuse to train on a benchmark that is large enough to judge on.

    Raises:
        SettingsError: It has more than ``LARGEST_BENCHMARK`` images.
    """
    if images > LARGEST_BENCHMARK:
        raise SettingsError(
            f"The gate 'cross-fit' trains on the benchmark for good, which only small ones need: this one has "
            f"{images:,} images, more than {LARGEST_BENCHMARK:,}. Use `--gate guarded` or `--gate growing`."
        )
