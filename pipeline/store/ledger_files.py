"""The gate's ledgers on disk: ``versions/.ledger/<dataset>.jsonl``, append-only, and the head beside each.

Older releases kept one for each set of benchmark images, ``versions/.ledger/<digest>.jsonl``; they are only read.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.contracts import Version
from pipeline.errors import StoreError
from pipeline.judging import chain, ledger, old_ledger
from pipeline.store import atomic, ledger_folder
from pipeline.store.home import Home

FOLDER = ".ledger"
OF_ONE_BENCHMARK = re.compile(r"[0-9a-f]{64}")


def file(home: Home, name: str) -> Path:
    """Return the path of the ledger of a lineage, or of a benchmark in an older release."""
    return ledger_folder.file(_folder(home), name)


def names(home: Home) -> list[str]:
    """Return the names of all ledgers: datasets, and digests of benchmarks of older releases."""
    return sorted(path.stem for path in _folder(home).glob("*.jsonl"))


def lineages(home: Home) -> list[str]:
    """Return the datasets that have a ledger, by name."""
    return [name for name in names(home) if not OF_ONE_BENCHMARK.fullmatch(name)]


def read(home: Home, dataset: str, versions: Iterable[Version] = ()) -> ledger.Ledger:
    """Return the verified ledger of a dataset, empty if nothing was ever spent.

    What older releases spent on benchmarks of this dataset is part of it: entries that are not on disk yet, until
    ``append`` writes them with the next one.

    Args:
        home: The home folder.
        dataset: The dataset's name.
        versions: Stored versions: a verdict that names a line of the ledger proves that the line existed.

    Raises:
        StoreError: A line is changed, missing or cut off.
    """
    listed = list(versions)
    book = ledger.parse(dataset, *lines_and_head(home, dataset), witnessed(listed, dataset))
    known = {entry.benchmark_sha256 for entry in book.entries if isinstance(entry, ledger.ImportEntry)}
    for name in names(home):
        if OF_ONE_BENCHMARK.fullmatch(name) and name not in known:
            old = old_ledger.parse(name, *lines_and_head(home, name), witnessed(listed, name))
            book = ledger.with_entry(book, old.entry) if old.dataset == dataset else book
    return book


def verify(home: Home, name: str, versions: Iterable[Version]) -> None:
    """Check one ledger of either kind.

    Raises:
        StoreError: A line is changed, missing or cut off.
    """
    content = (*lines_and_head(home, name), witnessed(versions, name))
    if OF_ONE_BENCHMARK.fullmatch(name):
        old_ledger.parse(name, *content)
    else:
        ledger.parse(name, *content)


def append(home: Home, book: ledger.Ledger, entry: ledger.Entry) -> ledger.Ledger:
    """Append an entry durably, after those that are not on disk yet; returns the ledger with it.

    The head is brought up to the last line first, so that it is never more than one line behind.

    Raises:
        StoreError: The disk fails; the ledger ends with its last whole line.
    """
    return ledger_folder.append(_folder(home), book, entry)


def lines_and_head(home: Home, name: str) -> tuple[list[str], Mapping[str, Any] | None]:
    """Return the lines of a ledger, and the head: ``entry`` and ``digest`` of the last one written.

    Raises:
        StoreError: The head is damaged.
    """
    return ledger_folder.lines_and_head(_folder(home), name)


def lagging(home: Home, name: str) -> Mapping[str, Any] | None:
    """Return the last line of an intact chain whose head lags behind it; ``None`` if the head needs no repair.

    Raises:
        StoreError: The head or a line cannot be read.
    """
    return ledger_folder.lagging(_folder(home), name)


def catch_up(home: Home, name: str) -> bool:
    """Bring a head that lags behind an intact chain up to the last line; return whether that was needed.

    Raises:
        StoreError: The head or a line cannot be read, or the disk fails.
    """
    return ledger_folder.catch_up(_folder(home), name)


def lost_head(home: Home, name: str, witnessed: int) -> Mapping[str, Any] | None:
    """Return the last line of an intact chain that has no head at all; ``None`` if there is a head or a fault.

    Args:
        home: The home folder.
        name: The ledger's name.
        witnessed: The highest line that a stored verdict names; a chain that ends before it was cut off.
    """
    path = file(home, name)
    if path.with_suffix(".head").exists():
        return None
    try:
        return chain.without_head(name, atomic.read_lines(path), witnessed)
    except StoreError:
        return None


def remake_head(home: Home, name: str, witnessed: int) -> bool:
    """Rewrite a lost head from an intact chain; return whether that was possible.

    Raises:
        StoreError: The disk fails.
    """
    line = lost_head(home, name, witnessed)
    if line is not None:
        ledger_folder.write_head(_folder(home), name, line)
    return line is not None


def witnessed(versions: Iterable[Version], name: str) -> int:
    """Return the highest line of a ledger that a stored verdict names."""
    verdicts = [verdict for version in versions for verdict in version.verdicts if verdict.ledger]
    # A verdict of an older release names no lineage: its ledger was that of its benchmark.
    entries = [v.ledger.entry for v in verdicts if v.ledger and name == (v.ledger.lineage or v.benchmark_sha256)]
    return max(entries, default=0)


def _folder(home: Home) -> Path:
    return home.versions / FOLDER
