"""Whether a lineage's benchmark is still unseen, and the record, made before anything trains, that it no longer is."""

from collections.abc import Sequence

from pipeline import moments
from pipeline.contracts import Split, Version
from pipeline.data.notices import Notify
from pipeline.judging import ledger, trained_on
from pipeline.judging.policy import GatePolicy
from pipeline.store import ledger_files
from pipeline.store.home import Home


def settle(
    home: Home, policy: GatePolicy, dataset: str, split: Split, *, listed: Sequence[Version], notify: Notify
) -> None:
    """Let a policy use a lineage's benchmark; one that trains on it is recorded for good, before it does.

    Args:
        home: The home folder; the caller holds its lock.
        policy: The rules.
        dataset: The lineage.
        split: Any split of it.
        listed: Every stored version: they witness what the ledger held.
        notify: Called with a sentence where the benchmark is trained on from now on.

    Raises:
        SettingsError: The policy takes the benchmark as unseen and it is not, or it is too large to be trained on.
        StoreError: The ledger was tampered with, or the disk fails.
    """
    book = ledger_files.read(home, dataset, listed)
    trained_on.require_unseen(book, policy)
    if not policy.out_of_fold or trained_on.entry_of(book) is not None:
        return
    images = len(split.benchmark)
    trained_on.require_small(images)
    ledger_files.append(
        home, book, ledger.TrainedOnEntry(benchmark_sha256=split.benchmark_sha256, images=images, at=moments.now())
    )
    notify(
        f"From now on models of '{dataset}' are trained on its {images:,} benchmark images, in folds. This is recorded "
        "for good: no other gate can judge on them as unseen."
    )
