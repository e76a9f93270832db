"""A judged version, as it is read from disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pipeline.contracts.verdict import Verdict
from pipeline.errors import StoreError
from pipeline.facts.manifest_facts import Manifest
from pipeline.facts.score_facts import Scores

Facts = TypeVar("Facts", Manifest, Scores)


@dataclass(frozen=True)
class Version:
    """A judged version on disk; ``pipeline.store.versions`` reads it.

    Each of manifest, scores and verdict is there only if it was verified when it was read.

    Attributes:
        id: Its folder's name.
        folder: ``versions/<id>`` or ``versions/failed/<id>``.
        known_manifest: ``manifest.json``; ``None`` if it cannot be trusted.
        known_scores: ``scores.json``; ``None`` if it cannot be trusted.
        verdict: The latest decision; an error without checks where it cannot be trusted.
        earlier: The decisions before it, oldest first: ``verdict.json``, then those of ``versions/.judgements/``.
        in_production: Whether it is its dataset's champion now.
        was_in_production: Whether it was, and is no longer.
        override: The reason, where a person promoted it against the gate.
        damage: What is wrong with its files, in a sentence; ``None`` if all is well.
    """

    id: str
    folder: Path
    known_manifest: Manifest | None
    known_scores: Scores | None
    verdict: Verdict
    in_production: bool = False
    was_in_production: bool = False
    override: str | None = None
    damage: str | None = None
    earlier: tuple[Verdict, ...] = ()

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Every decision, oldest first."""
        return (*self.earlier, self.verdict)

    @property
    def manifest(self) -> Manifest:
        """What it is.

        Raises:
            StoreError: The manifest is damaged.
        """
        return self._verified(self.known_manifest)

    @property
    def scores(self) -> Scores:
        """What was measured of it.

        Raises:
            StoreError: The scores are damaged.
        """
        return self._verified(self.known_scores)

    @property
    def fully_verified(self) -> bool:
        """Whether its digests cover all of its facts; versions of format 1 have none over classes and shape."""
        return self.damage is None and self.known_manifest is not None and self.known_manifest.format >= 2

    def _verified(self, facts: Facts | None) -> Facts:
        if facts is None:
            raise StoreError(f"Version {self.id} is damaged: {self.damage}")
        return facts
