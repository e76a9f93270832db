"""The gate's ledgers on disk: ``versions/.ledger/<benchmark>.jsonl``, append-only, and the head beside each."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.contracts import Version
from pipeline.errors import StoreError
from pipeline.judging import ledger
from pipeline.store import atomic
from pipeline.store.home import Home

FOLDER = ".ledger"


def file(home: Home, benchmark_sha256: str) -> Path:
    """Where the ledger of a benchmark stands."""
    return home.versions / FOLDER / f"{benchmark_sha256}.jsonl"


def benchmarks(home: Home) -> list[str]:
    """The benchmarks that have a ledger."""
    return sorted(path.stem for path in (home.versions / FOLDER).glob("*.jsonl"))


def read(home: Home, benchmark_sha256: str) -> tuple[list[str], Mapping[str, Any] | None]:
    """The lines of a ledger, and the head: ``entry`` and ``digest`` of the last one written.

    Raises:
        StoreError: The head is damaged.
    """
    path = file(home, benchmark_sha256)
    head = path.with_suffix(".head")
    return atomic.read_lines(path), atomic.read_json(head) if head.exists() else None


def append(home: Home, benchmark_sha256: str, entry: Mapping[str, Any]) -> None:
    """Append one sealed entry durably, then bring the head up to it.

    The head is brought up to the last line first, so that it is never more than one line behind.

    Raises:
        StoreError: The disk refuses; the ledger ends with its last whole line.
    """
    path = file(home, benchmark_sha256)
    catch_up(home, benchmark_sha256)
    atomic.append_line(path, json.dumps(entry, sort_keys=True, allow_nan=False))
    _write_head(home, benchmark_sha256, entry)


def lagging(home: Home, benchmark_sha256: str) -> Mapping[str, Any] | None:
    """Return the last entry of a whole chain whose head lags behind it; ``None`` where the head needs no repair.

    Raises:
        StoreError: The head or a line cannot be read.
    """
    return ledger.lagging_head(benchmark_sha256, *read(home, benchmark_sha256))


def catch_up(home: Home, benchmark_sha256: str) -> bool:
    """Bring a head that lags behind a whole chain up to the last line; return whether it did.

    Raises:
        StoreError: The head or a line cannot be read, or the disk refuses.
    """
    entry = lagging(home, benchmark_sha256)
    if entry is not None:
        _write_head(home, benchmark_sha256, entry)
    return entry is not None


def lost_head(home: Home, benchmark_sha256: str, witnessed: int) -> Mapping[str, Any] | None:
    """Return the last entry of a whole chain that has no head at all; ``None`` where there is a head or a fault.

    Args:
        home: The home folder.
        benchmark_sha256: Whose ledger it is.
        witnessed: The highest line that a stored verdict names; a chain that ends before it was cut off.
    """
    path = file(home, benchmark_sha256)
    if path.with_suffix(".head").exists():
        return None
    try:
        return ledger.parse_chain(benchmark_sha256, atomic.read_lines(path), witnessed).entries[-1]
    except StoreError:
        return None


def remake_head(home: Home, benchmark_sha256: str, witnessed: int) -> bool:
    """Write a lost head anew from a whole chain; return whether it did.

    Raises:
        StoreError: The disk refuses.
    """
    entry = lost_head(home, benchmark_sha256, witnessed)
    if entry is not None:
        _write_head(home, benchmark_sha256, entry)
    return entry is not None


def witnessed(versions: Iterable[Version], benchmark_sha256: str) -> int:
    """The highest line of a ledger that a stored verdict names."""
    named = [v.verdict.ledger.get("entry", 0) for v in versions if v.verdict.benchmark_sha256 == benchmark_sha256]
    return int(max(named, default=0))


def _write_head(home: Home, benchmark_sha256: str, entry: Mapping[str, Any]) -> None:
    head = {"entry": entry["entry"], "digest": entry["digest"]}
    atomic.write_json(file(home, benchmark_sha256).with_suffix(".head"), head)
