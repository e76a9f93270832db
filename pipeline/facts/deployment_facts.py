"""One line of ``history.jsonl``, which is also the content of ``current.json``."""

from typing import Literal

from pipeline.facts.base import Facts
from pipeline.facts.names import FolderName


class DeploymentRecord(Facts):
    """A promotion, rollback or override.

    Attributes:
        dataset: The dataset's name.
        id, digest: The version that serves from then on.
        previous_id: The version that served before, ``None`` for the first.
        action: How it came into production.
        reason: For an override or a rollback, a person's words.
        promoted_at: UTC, ISO 8601.
    """

    dataset: FolderName
    id: FolderName
    digest: str
    previous_id: FolderName | None
    action: Literal["promote", "rollback", "override"]
    reason: str
    promoted_at: str
