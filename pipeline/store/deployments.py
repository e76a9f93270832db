"""Read the lines of ``history.jsonl``, and derive the champions from them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError

from pipeline.errors import StoreError
from pipeline.facts.deployment_facts import DeploymentRecord


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
    remedy = "restore the file from a backup."
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
