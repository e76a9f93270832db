"""Ledgers as releases before 2.0 kept them: one for each set of benchmark images, levels of alpha / horizon."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.errors import StoreError
from pipeline.judging import chain
from pipeline.judging.ledger import ImportEntry


@dataclass(frozen=True)
class OldLedger:
    """What such a ledger says: ``dataset`` is empty where none of its lines names one."""

    dataset: str
    entry: ImportEntry


def parse(benchmark_sha256: str, lines: Sequence[str], head: chain.Line | None, witnessed: int = 0) -> OldLedger:
    """Return what a ledger of one benchmark spent; arguments as for ``chain.verified``.

    Raises:
        StoreError: A line is changed, missing, cut off or no entry; the sentence names it.
    """
    entries = chain.verified(benchmark_sha256, lines, head, witnessed)
    try:
        costs = [float(entry["cost"]) for entry in entries if entry["kind"] == "debit" and entry["cost"] > 0]
        names = [_dataset(entry) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        name = benchmark_sha256[:12]
        raise StoreError(f"The gate's ledger {name} has an incomplete line ({error}). {chain.RESTORE}") from error
    found = ImportEntry(
        benchmark_sha256=benchmark_sha256, lines=len(entries), spent=math.fsum(costs), judged=len(costs)
    )
    return OldLedger(next((name for name in names if name), ""), found)


def _dataset(entry: dict[str, Any]) -> str:
    facts = entry["verdict"] if entry["kind"] == "verdict" else entry
    return str(facts.get("dataset", ""))
