"""A chain of sealed lines: each carries the digest of the one before, so that a changed or missing line shows.

The number and digest of the last line are kept beside it as its *head*, so that lines cut off at the end show too.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.errors import StoreError

GENESIS = "0" * 64
RESTORE = "Restore the ledger from a backup; until then nothing is judged with it."
Line = Mapping[str, Any]


def seal(name: str, number: int, before: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the line with its number, the digest of the line before and its own.

    The chain's name is part of the digest: one chain, renamed to another, does not verify.
    """
    whole = {"entry": number, **body, "before": before}
    return {**whole, "digest": _digest(name, whole)}


def verified(name: str, lines: Sequence[str], head: Line | None, witnessed: int = 0) -> list[dict[str, Any]]:
    """Return the lines of a chain, oldest first.

    Args:
        name: The chain's name.
        lines: The lines of its file.
        head: ``entry`` and ``digest`` of the last line as written beside it; ``None`` where there is none.
        witnessed: The highest line that a stored verdict names.

    Raises:
        StoreError: A line is changed, missing or cut off; the sentence names it.
    """
    found = _linked(name, lines)
    _check_end(name, found, head, witnessed)
    return found


def lagging_head(name: str, lines: Sequence[str], head: Line | None) -> Line | None:
    """Return the line that the head should name, where failures between a line and its head left it behind.

    ``None`` where the head is up to date, and where repairing it would hide something: the chain is broken, the head
    names a line that is not there or another one, or it is missing although there are several lines.
    """
    try:
        found = verified(name, lines, head)
    except StoreError:
        return None
    if not found or (head and head["entry"] == len(found)):
        return None
    return found[-1]


def without_head(name: str, lines: Sequence[str], witnessed: int) -> Line:
    """Return the last line of a chain whose head is lost.

    Raises:
        StoreError: A line is changed or missing, or there is none.
    """
    found = _linked(name, lines)
    _check_end(name, found, found[-1] if found else None, max(witnessed, 1))
    return found[-1]


def _linked(name: str, lines: Sequence[str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    before = GENESIS
    for number, text in enumerate(lines, 1):
        line = _line(name, number, text)
        if line["before"] != before or line["entry"] != number:
            raise StoreError(f"{_title(name)}: a line before line {number} is missing or changed. {RESTORE}")
        found.append(line)
        before = line["digest"]
    return found


def _line(name: str, number: int, text: str) -> dict[str, Any]:
    try:
        line: dict[str, Any] = json.loads(text)
        body = {key: value for key, value in line.items() if key != "digest"}
        whole = line["digest"] == _digest(name, body) and {"entry", "kind", "before"} <= body.keys()
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        whole = False
    if not whole:
        raise StoreError(f"{_title(name)}: line {number} was changed or is damaged. {RESTORE}")
    return line


def _check_end(name: str, lines: Sequence[Line], head: Line | None, witnessed: int) -> None:
    # The head is written after the line, so failures may leave it behind, never ahead.
    known = _known(name, head)
    if len(lines) < max(known, witnessed):
        raise StoreError(f"{_title(name)}: lines {len(lines) + 1} to {max(known, witnessed)} are missing. {RESTORE}")
    if head is not None and lines[known - 1]["digest"] != head["digest"]:
        raise StoreError(f"{_title(name)}: line {known} is not the one that was written. {RESTORE}")
    if head is None and len(lines) > 1:
        raise StoreError(
            f"{_title(name)}: its .head file is missing. `simulator.py doctor --repair` rebuilds it, "
            "if no stored verdict names a line that is not there."
        )


def _known(name: str, head: Line | None) -> int:
    if head is None:
        return 0
    if not isinstance(head, Mapping) or type(head.get("entry")) is not int or head["entry"] < 1 or "digest" not in head:
        raise StoreError(
            f"{_title(name)}: its .head file is damaged. Delete it, then run `simulator.py doctor --repair`."
        )
    found: int = head["entry"]
    return found


def _digest(name: str, body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps([name, body], sort_keys=True).encode()).hexdigest()


def _title(name: str) -> str:
    return f"The gate's ledger {name if len(name) < 64 else name[:12]}"
