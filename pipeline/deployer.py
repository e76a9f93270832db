"""The deployer: a candidate that passed, and nothing else, becomes the champion."""

import time
from dataclasses import dataclass
from typing import Literal

from pipeline.contracts import Deployment, Version
from pipeline.errors import DeployError
from pipeline.store import production, versions
from pipeline.store.home import Home


@dataclass(frozen=True)
class Deployer:
    """Changes production, under the home's lock.

    Attributes:
        home: The home folder.
    """

    home: Home

    def run(self, version: Version) -> Deployment:
        """Promote a version whose verdict is a pass against the champion that still serves.

        Raises:
            DeployError: The verdict is no pass, names another version or another champion, or has no checks.
            StoreError: The version is damaged, or the disk refuses.
        """
        verdict = version.verdict
        if verdict.outcome != "pass" or not verdict.checks or any(c.outcome != "pass" for c in verdict.checks):
            raise DeployError(f"{version.id} did not pass its gate ({verdict.outcome}): it is not promoted.")
        if (verdict.candidate_id, verdict.candidate_digest) != (version.id, version.manifest["digest"]):
            raise DeployError(f"The verdict of {version.id} was given on another model: it is not promoted.")
        champion = production.current(self.home, verdict.dataset)
        if (verdict.champion_id, verdict.champion_digest) != _identity(champion):
            raise DeployError(
                f"{version.id} was judged against {verdict.champion_id or 'no champion'}, but "
                f"{champion.id if champion else 'none'} serves now: run it again to have it judged against that."
            )
        return self._install(version, champion, "promote", "passed its gate")

    def override(self, version: Version, reason: str) -> Deployment:
        """Promote a version against its verdict, on a person's word; the promise does not cover it.

        Raises:
            DeployError: There is no reason, or the version serves already.
            StoreError: The version is damaged, or the disk refuses.
        """
        if not reason.strip():
            raise DeployError('An override needs its reason: --reason "…".')
        champion = production.current(self.home, version.manifest["dataset"]["name"])
        if champion and champion.digest == version.manifest["digest"]:
            raise DeployError(f"{version.id} is in production already.")
        return self._install(version, champion, "override", reason.strip())

    def rollback(self, dataset: str, reason: str = "") -> Deployment:
        """Let the champion that served before serve again; twice goes back two steps.

        Raises:
            DeployError: Nothing served before.
            StoreError: The former champion's files are damaged, or the disk refuses.
        """
        champion = production.current(self.home, dataset)
        if champion is None:
            raise DeployError(f"Nothing serves '{dataset}': there is no champion to roll back.")
        former = _served_before(production.history(self.home, dataset))
        if former is None:
            raise DeployError(f"{champion.id} is the first champion of '{dataset}': there is none before it.")
        version = versions.find(self.home, former)
        return self._install(version, champion, "rollback", reason or f"rolled back from {champion.id}")

    def _install(
        self,
        version: Version,
        champion: Deployment | None,
        action: Literal["promote", "rollback", "override"],
        reason: str,
    ) -> Deployment:
        whole = versions.require_whole(version)
        deployment = {
            "dataset": whole.manifest["dataset"]["name"],
            "id": whole.id,
            "digest": whole.manifest["digest"],
            "previous_id": champion.id if champion else None,
            "action": action,
            "reason": reason,
            "promoted_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        return production.install(self.home, whole.folder, deployment)


def was_deployed(home: Home, version: Version) -> bool:
    """Whether a version ever served."""
    return any(line["id"] == version.id for line in production.history(home))


def _identity(champion: Deployment | None) -> tuple[str | None, str | None]:
    return (champion.id, champion.digest) if champion else (None, None)


def _served_before(history: list[dict[str, str]]) -> str | None:
    """The id to go back to: the stack of champions, from which each rollback took the top."""
    stack: list[str] = []
    for line in history:
        if line["action"] == "rollback":
            stack.pop()
        else:
            stack.append(line["id"])
    return stack[-2] if len(stack) > 1 else None
