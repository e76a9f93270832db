"""Ledgers in a folder: ``<name>.jsonl``, append-only, and the head beside each."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.judging import chain, ledger
from pipeline.store import atomic


def file(folder: Path, name: str) -> Path:
    """Return the path of a ledger."""
    return folder / f"{name}.jsonl"


def read(folder: Path, name: str, witnessed: int = 0) -> ledger.Ledger:
    """Return the verified ledger of a dataset, empty if nothing was ever spent.

    Args:
        folder: Where the ledgers are.
        name: The dataset's name.
        witnessed: The highest line that a stored verdict names.

    Raises:
        StoreError: A line is changed, missing or cut off.
    """
    return ledger.parse(name, *lines_and_head(folder, name), witnessed)


def append(folder: Path, book: ledger.Ledger, entry: ledger.Entry) -> ledger.Ledger:
    """Append an entry durably, after those that are not on disk yet; returns the ledger with it.

    The head is brought up to the last line first, so that it is never more than one line behind.

    Raises:
        StoreError: The disk fails; the ledger ends with its last whole line.
    """
    longer = ledger.with_entry(book, entry)
    catch_up(folder, book.lineage)
    for one in longer.entries[book.stored :]:
        line = one.model_dump(mode="json")
        atomic.append_line(file(folder, book.lineage), json.dumps(line, sort_keys=True, allow_nan=False))
        write_head(folder, book.lineage, line)
    return ledger.Ledger(longer.lineage, longer.entries, stored=len(longer.entries))


def lines_and_head(folder: Path, name: str) -> tuple[list[str], Mapping[str, Any] | None]:
    """Return the lines of a ledger, and the head: ``entry`` and ``digest`` of the last one written.

    Raises:
        StoreError: The head is damaged.
    """
    path = file(folder, name)
    head = path.with_suffix(".head")
    return atomic.read_lines(path), atomic.read_json(head) if head.exists() else None


def lagging(folder: Path, name: str) -> Mapping[str, Any] | None:
    """Return the last line of an intact chain whose head lags behind it; ``None`` if the head needs no repair.

    Raises:
        StoreError: The head or a line cannot be read.
    """
    return chain.lagging_head(name, *lines_and_head(folder, name))


def catch_up(folder: Path, name: str) -> bool:
    """Bring a head that lags behind an intact chain up to the last line; return whether that was needed.

    Raises:
        StoreError: The head or a line cannot be read, or the disk fails.
    """
    line = lagging(folder, name)
    if line is not None:
        write_head(folder, name, line)
    return line is not None


def write_head(folder: Path, name: str, line: Mapping[str, Any]) -> None:
    """Write the number and digest of a ledger's last line beside it."""
    atomic.write_json(file(folder, name).with_suffix(".head"), {"entry": line["entry"], "digest": line["digest"]})
