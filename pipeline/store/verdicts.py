"""``verdict.json``: read and write the watcher's decision."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from pipeline.contracts import Verdict
from pipeline.store import atomic, typed_files

NAME = "verdict.json"
_ADAPTER = TypeAdapter(Verdict)


def parse(content: bytes, path: Path) -> Verdict:
    """Return the verdict in a file's content; ``path`` names it in the error.

    Raises:
        StoreError: It is damaged; names the field.
    """
    value = typed_files.parse_json(content, path)
    if isinstance(value, dict):
        content = json.dumps({**value, **_facts_of_older_releases(value)}).encode()
    return typed_files.parse(_ADAPTER, content, path)


def read(folder: Path) -> Verdict:
    """Return the verdict in a folder, not checked against a manifest."""
    return parse(atomic.read_bytes(folder / NAME), folder / NAME)


def write(folder: Path, verdict: Verdict) -> None:
    """Write the verdict into a candidate's folder in one step."""
    atomic.write_json(folder / NAME, to_json(verdict))


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as ``verdict.json`` holds it."""
    return asdict(verdict)


def from_json(value: Mapping[str, Any], path: Path = Path(NAME)) -> Verdict:
    """Return the verdict that ``to_json`` wrote, validated; ``path`` names the file in the error."""
    return parse(json.dumps(value).encode(), path)


def _facts_of_older_releases(value: Mapping[str, Any]) -> dict[str, Any]:
    """Convert what older releases wrote differently: an empty mapping for nothing, and the former horizon."""
    ledger = value.get("ledger") or None
    if isinstance(ledger, dict):
        ledger = {key: fact for key, fact in ledger.items() if key != "horizon"}
    return {"ledger": ledger, "comparison": value.get("comparison") or None}
