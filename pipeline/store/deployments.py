"""One line of ``history.jsonl``, which is also the content of ``current.json``, and what follows from several."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import StoreError
from pipeline.store.names import FolderName


class DeploymentRecord(BaseModel):
    """A promotion, rollback or override.

    Attributes:
        dataset: The dataset's name.
        id, digest: The version that serves from then on.
        previous_id: The version that served before, ``None`` for the first.
        action: How it came into production.
        reason: For an override or a rollback, a person's words.
        promoted_at: UTC, ISO 8601.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    dataset: FolderName
    id: FolderName
    digest: str
    previous_id: FolderName | None
    action: Literal["promote", "rollback", "override"]
    reason: str
    promoted_at: str


def parse(content: str | bytes, where: str, remedy: str) -> DeploymentRecord:
    """Return the record in a line or file.

    Raises:
        StoreError: It is damaged; the sentence names ``where`` and ends with ``remedy``.
    """
    try:
        return DeploymentRecord.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(map(str, first["loc"]))
        found = first["msg"] if not field else f"{field}: {first['msg']}"
        raise StoreError(f"{where} is damaged ({found}): {remedy}") from error


def parse_history(lines: Sequence[str], file: Path) -> tuple[DeploymentRecord, ...]:
    """Return every record of a history, oldest first.

    Raises:
        StoreError: A line is damaged, or rolls back to what did not serve before; the sentence names file and line.
    """
    remedy = "restore the file from a copy."
    records = tuple(parse(line, f"{file}, line {number}", remedy) for number, line in enumerate(lines, 1))
    served: dict[str, list[DeploymentRecord]] = {}
    for number, record in enumerate(records, 1):
        before = served.setdefault(record.dataset, [])
        if record.action != "rollback":
            before.append(record)
        elif len(before) < 2 or before[-2].id != record.id:
            raise StoreError(f"{file}, line {number} rolls back to {record.id}, which did not serve before: {remedy}")
        else:
            before.pop()
    return records


def champions(records: Iterable[DeploymentRecord]) -> list[DeploymentRecord]:
    """Return the promotions of one dataset that no rollback took back, oldest first; the last of them serves."""
    standing: list[DeploymentRecord] = []
    for record in records:
        if record.action == "rollback":
            standing.pop()
        else:
            standing.append(record)
    return standing
