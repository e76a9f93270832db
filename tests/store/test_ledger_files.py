"""Ledgers on a disk that fails between a line and its head."""

import pytest

from pipeline.errors import StoreError
from pipeline.judging import ledger
from pipeline.judging.policy import PRESETS
from pipeline.store import atomic, ledger_files, recovery
from pipeline.store.home import Home

POLICY = PRESETS["guarded"]


def add(home: Home) -> None:
    book = ledger_files.read(home, "toy")
    pair = ledger.Pair(policy=POLICY.digest, candidate=f"c{len(book.entries)}", champion="champion", truth="t" * 64)
    level = ledger.price(book, POLICY, 0.5)
    assert isinstance(level, float)
    ledger_files.append(home, book, ledger.debit(POLICY, level, pair, "id", 0.5))


def no_head(path: object, value: object) -> None:
    raise StoreError("No space left on device")


def test_failures_between_lines_and_heads_never_make_a_ledger_unusable(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "write_json", no_head)
            for _ in range(2):
                with pytest.raises(StoreError, match="No space left"):
                    add(home)
        add(home)
    assert len(ledger_files.read(home, "toy").entries) == 6, "a line a failure: none follows a head that is behind"
    assert recovery.recover(home) == recovery.Recovery()


def test_a_head_left_behind_by_earlier_versions_is_repaired_with_a_notice(home: Home) -> None:
    for _ in range(4):
        add(home)
    head = ledger_files.file(home, "toy").with_suffix(".head")
    whole = head.read_bytes()
    first = ledger_files.read(home, "toy").entries[0]
    atomic.write_json(head, {"entry": 1, "digest": first.digest})
    assert recovery.recover(home).notices == (
        "Brought the .head file of the gate's ledger of toy up to its last line.",
    )
    assert head.read_bytes() == whole
