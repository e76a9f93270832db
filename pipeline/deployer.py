"""The deployer: a candidate that passed, and nothing else, becomes the champion."""

from dataclasses import dataclass
from typing import Literal

from pipeline import moments
from pipeline.contracts import Deployment, Verdict, Version
from pipeline.errors import DeployError
from pipeline.facts import names
from pipeline.facts.deployment_facts import DeploymentRecord
from pipeline.inference import checked_model
from pipeline.judging.policy import CHANGED, DEFAULT, PROMISES_LESS
from pipeline.store import production, versions
from pipeline.store.home import Home

Action = Literal["promote", "rollback", "override"]


@dataclass(frozen=True)
class Deployer:
    """Changes production, under the home's lock.

    Attributes:
        home: The home folder.
        completed: What a killed command had recorded and recovery has just completed. The same command given again
            asks for nothing more than that.
    """

    home: Home
    completed: tuple[Deployment, ...] = ()

    def run(self, version: Version) -> Deployment:
        """Promote a version whose verdict is a pass against the champion that still serves.

        Raises:
            DeployError: The verdict is no pass, names another version or another champion, or has no checks.
            StoreError: The version is damaged, or the disk fails.
        """
        verdict = version.verdict
        champion = production.current(self.home, verdict.dataset)
        if champion and _identity(champion) == (version.id, version.manifest.digest):
            if champion in self.completed:
                return champion
            raise DeployError(f"{version.id} is in production already.")
        if verdict.outcome != "pass" or not verdict.checks or any(c.outcome != "pass" for c in verdict.checks):
            raise DeployError(
                f"{version.id} did not pass the gate ({verdict.outcome}): it is not promoted. --override with "
                "--reason promotes it all the same, on record."
            )
        if (verdict.candidate_id, verdict.candidate_digest) != (version.id, version.manifest.digest):
            raise DeployError(f"The verdict of {version.id} is about another model: it is not promoted.")
        if _identity(champion) != (verdict.champion_id, verdict.champion_digest):
            raise DeployError(
                f"{version.id} was judged against {verdict.champion_id or 'no champion'}, but "
                f"{champion.id if champion else 'none'} is in production now: `{_judging(verdict)}` judges it against "
                "that, without training, and promotes it if it passes."
            )
        return self._install(version, verdict.dataset, champion, "promote", _reason(verdict.policy))

    def override(self, version: Version, reason: str) -> Deployment:
        """Promote a version against its verdict, on a person's word; the promise does not cover it.

        Raises:
            DeployError: There is no usable reason, or the version serves already.
            StoreError: The version is damaged, or the disk fails.
        """
        if not reason.strip():
            raise DeployError('An override needs a reason: --reason "…".')
        dataset = version.manifest.dataset.name
        champion = production.current(self.home, dataset)
        if champion and champion in self.completed and (champion.id, champion.action) == (version.id, "override"):
            return champion
        if champion and champion.digest == version.manifest.digest:
            raise DeployError(f"{version.id} is in production already.")
        return self._install(version, dataset, champion, "override", reason.strip())

    def rollback(self, dataset: str, reason: str = "") -> Deployment:
        """Put the previous champion back into production; twice goes back two steps.

        Raises:
            DeployError: Nothing served before, or the reason is not usable.
            StoreError: The former champion's files are damaged, or the disk fails.
        """
        champion = production.current(self.home, dataset)
        if champion is None:
            raise DeployError(f"'{dataset}' has no champion, so there is nothing to roll back.")
        if champion in self.completed and champion.action == "rollback":
            return champion
        before = production.before(self.home, champion)
        if before is None:
            raise DeployError(f"{champion.id} is the first champion of '{dataset}': no earlier one to roll back to.")
        version = versions.find(self.home, before.id)
        return self._install(version, dataset, champion, "rollback", reason or f"rolled back from {champion.id}")

    def _install(
        self, version: Version, dataset: str, champion: Deployment | None, action: Action, reason: str
    ) -> Deployment:
        if (unsafe := names.unsafe_character(reason)) is not None:
            raise DeployError(f"The reason contains the character {unsafe}, which cannot be printed: leave it out.")
        whole = versions.require_whole(version)
        if (name := whole.manifest.dataset.name) != dataset:
            raise DeployError(f"{whole.id} is a version of '{name}' and cannot serve '{dataset}'.")
        checked_model.load(whole.folder, whole.manifest.digest)
        record = DeploymentRecord(
            dataset=dataset,
            id=whole.id,
            digest=whole.manifest.digest,
            previous_id=champion.id if champion else None,
            action=action,
            reason=reason,
            promoted_at=moments.now(),
        )
        return production.install(self.home, whole.folder, record)


def was_deployed(home: Home, version: Version) -> bool:
    """Return whether a version ever served.

    Raises:
        StoreError: The history is damaged.
    """
    return any(record.id == version.id for record in production.records(home))


def _reason(gate: str) -> str:
    """Why a version was promoted, by the name of its policy, which is shown where it is not the default."""
    if gate == DEFAULT:
        return "passed its gate"
    caveat = next((f", {words}" for preset, words in PROMISES_LESS.items() if gate.startswith(preset)), "")
    return f"passed its gate ({gate.replace(' (changed)', ', changed')}{caveat})"


def _judging(verdict: Verdict) -> str:
    """The command that judges a version again, by the preset that judged it last."""
    preset = verdict.policy.removesuffix(CHANGED)
    return f"simulator.py judge {verdict.candidate_id}" + ("" if preset == DEFAULT else f" --gate {preset}")


def _identity(champion: Deployment | None) -> tuple[str | None, str | None]:
    return (champion.id, champion.digest) if champion else (None, None)
