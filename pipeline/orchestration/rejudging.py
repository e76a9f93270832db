"""Judge stored versions again, without training: against the current champion, by the current benchmark and gate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pipeline.contracts import Deployment, LabelledImages, Split, Verdict, Version
from pipeline.data.digests import contained, truth_digest
from pipeline.deployer import Deployer, was_deployed
from pipeline.inference import out_of_fold
from pipeline.inference.promising import Promise, promise
from pipeline.judging import explain
from pipeline.judging.policy import GatePolicy
from pipeline.store import production, version_arrays, versions
from pipeline.store.home import Home
from pipeline.watcher import Watcher

MOST_IN_A_RUN = 3
"""Refused challengers that a run judges again at most: each pays for its judgement."""


MOST_WEIGHED = 20
"""Refused challengers whose validation results are computed anew in a run: the best by those of their training."""


@dataclass(frozen=True)
class Rejudgement:
    """A version that was judged again.

    Attributes:
        version: As it is now.
        reason: Why another verdict was possible, in words that follow "since"; empty where it was only asked for. Where
            it was not judged, why not, in words that follow its id.
        new: Whether it was judged now; otherwise it had its verdict on the same images by the same gate.
    """

    version: Version
    reason: str
    new: bool = True

    @property
    def sentence(self) -> str:
        """What was done, for a person."""
        if not self.new:
            return f"{self.version.id} {self.reason}: nothing was judged, and nothing was spent."
        since = f", since {self.reason}" if self.reason else ""
        again = " again" if len(self.version.verdicts) > 1 and self.version.verdicts[-2].outcome != "pass" else ""
        became = "it passed and now serves" if self.version.verdict.outcome == "pass" else f"it was refused{again}"
        return f"{self.version.id} was judged again{since}: {became}."


@dataclass(frozen=True)
class Rejudge:
    """Judges versions of one dataset again, under the home's lock.

    Attributes:
        home: The home folder.
        watcher: Judges under the current policy.
        data: The dataset as it is today.
        today: Any split of it: its benchmark and validation rows count, and all rows that are fitted at some size.
    """

    home: Home
    watcher: Watcher
    data: LabelledImages
    today: Split

    def promising(self, listed: Sequence[Version]) -> Iterator[Rejudgement]:
        """Judge the most promising of the refused versions again that might pass today.

        Those come into question whose proof alone was lacking, for which something has changed that may help, and
        that answer more validation images rightly than the champion.
        """
        open_cases = [version for version in listed if was_promising(version) and self._fits(version)]
        now = production.current(self.home, self.data.name)
        open_cases = sorted((v for v in open_cases if self.news(v, now)), key=_in_training, reverse=True)[:MOST_WEIGHED]
        for _ in range(MOST_IN_A_RUN):
            champion = production.current(self.home, self.data.name)
            found = [(v, reason) for v in open_cases if (reason := self.news(v, champion)) is not None]
            ahead = [one for one in self._ordered(found) if one[0] > self._bar(champion)]
            if not ahead:
                return
            _, version, reason = ahead[0]
            open_cases.remove(version)
            yield self.again(version, reason)

    def every(self, wanted: Sequence[Version]) -> Iterator[Rejudgement]:
        """Judge these versions again, most promising first; one that already has this verdict keeps it."""
        for _, version, _ in self._ordered([(version, "") for version in wanted]):
            champion = production.current(self.home, self.data.name)
            serves = champion is not None and champion.id == version.id
            known = self.known(version, champion)
            if known is None and not serves:
                yield self.again(version, self.news(version, champion) or "")
                continue
            # A command that was killed between verdict and promotion is completed.
            if known == version.verdict and known.outcome == "pass" and not was_deployed(self.home, version):
                Deployer(self.home).run(version)
            yield Rejudgement(version, "serves" if known is None else _known_in_words(known), new=False)

    def again(self, version: Version, reason: str) -> Rejudgement:
        """Judge a version again, keep the verdict beside it, and promote it if it passes.

        Raises:
            StoreError: The version or the ledger is damaged, or the disk fails.
        """
        whole = versions.require_whole(version)
        champion = production.current(self.home, self.data.name)
        candidate = versions.candidate_of(whole.folder)
        verdict = self.watcher.again(candidate, champion, self.data, self._split_of(whole))
        judged = versions.judge_again(self.home, verdict)
        if verdict.outcome == "pass":
            Deployer(self.home).run(judged)
        return Rejudgement(judged, reason)

    def known(self, version: Version, champion: Deployment | None) -> Verdict | None:
        """Return the verdict on this version by this gate, against this champion, on these images, if there is one."""
        digest = champion.digest if champion else None
        wanted = (self.watcher.policy.digest, digest, self._truth_for(version, champion))
        given = version.verdicts
        return next((v for v in given if (v.policy_sha256, v.champion_digest, v.truth_sha256) == wanted), None)

    def news(self, version: Version, champion: Deployment | None) -> str | None:
        """Return what has changed since a version was refused so that it may pass now; ``None`` for nothing.

        A champion that was promoted meanwhile is harder to beat, and a smaller benchmark proves less: neither is such
        a change.
        """
        last, policy = version.verdict, self.watcher.policy
        if self.known(version, champion) is not None:
            return None
        # What answers out of fold answers for no image that came later, and another label makes another cell.
        if not policy.out_of_fold:
            if len(self.today.benchmark) < last.benchmark_images:
                return None
            if self._is_other_benchmark(last):
                return self._news_of_benchmark(last)
        if last.policy_sha256 != policy.digest:
            return _other_gate(last.policy, policy.name)
        if champion and champion.digest != last.champion_digest and champion.action != "promote":
            return f"{champion.id} serves now ({champion.action})"
        return None

    @cached_property
    def truth(self) -> str:
        """Digest of today's benchmark images with their labels."""
        rows = self.today.benchmark
        return truth_digest(self.data.digests[rows], self.data.labels[rows])

    def _truth_for(self, version: Version, champion: Deployment | None) -> str:
        """Digest of the images, with their labels, that a judgement of this version would rest on today."""
        if not self.watcher.policy.out_of_fold:
            return self.truth
        rows = out_of_fold.compared(self.data, self.today, version.folder, champion.folder if champion else None)
        return truth_digest(self.data.digests[rows], self.data.labels[rows])

    def _is_other_benchmark(self, verdict: Verdict) -> bool:
        if verdict.truth_sha256:
            return verdict.truth_sha256 != self.truth
        return verdict.benchmark_sha256 != self.today.benchmark_sha256

    def _news_of_benchmark(self, last: Verdict) -> str:
        images = len(self.today.benchmark)
        if images > last.benchmark_images:
            return f"the benchmark has {images:,} images instead of {last.benchmark_images:,}"
        return "the benchmark's images or labels have changed"

    def _fits(self, version: Version) -> bool:
        facts = version.manifest.dataset
        alike = (facts.name, facts.classes, facts.shape) == (self.data.name, self.data.classes, self.data.shape)
        return alike and can_be_judged(version, self.watcher.policy)

    def _ordered(self, found: Sequence[tuple[Version, str]]) -> list[tuple[Promise, Version, str]]:
        rows = self.today.screening_rows
        weighed = [(promise(self.home, version, self.data, rows), version, reason) for version, reason in found]
        return sorted(weighed, key=lambda one: one[0], reverse=True)

    def _bar(self, champion: Deployment | None) -> Promise:
        """What a version must exceed: the champion's right answers."""
        if champion is None:
            return Promise()
        return replace(promise(self.home, champion, self.data, self.today.screening_rows), certainty=float("inf"))

    def _split_of(self, version: Version) -> Split:
        """Today's benchmark and validation rows beside the rows that a version was trained with."""
        seen, facts = version_arrays.training_images(version), version.manifest.rows
        return replace(
            self.today,
            train=np.flatnonzero(contained(self.data.digests, seen.train)),
            validation=np.flatnonzero(contained(self.data.digests, seen.validation)),
            seed=version.manifest.seed,
            train_sha256=facts.train_sha256,
            validation_sha256=facts.validation_sha256,
        )


def was_promising(version: Version) -> bool:
    """Return whether a version was refused for lack of proof alone: nothing was found against it."""
    lacking = {check.name for check in version.verdict.checks if check.outcome != "pass"}
    whole = version.damage is None and not version.in_production
    return whole and version.verdict.outcome == "fail" and lacking <= explain.NOT_PROVEN


def can_be_judged(version: Version, policy: GatePolicy) -> bool:
    """Return whether a version has the answers that a policy compares: the mode ``cross-fit`` needs those of folds."""
    return version.manifest.rows.benchmark_in_folds or not policy.out_of_fold


def _known_in_words(verdict: Verdict) -> str:
    against = f"against {verdict.champion_id}" if verdict.champion_id else "without a champion"
    return (
        f"was judged by the gate '{verdict.policy}' {against} on the same images on {verdict.judged_at[:10]} "
        f"({'passed' if verdict.outcome == 'pass' else 'not promoted' if verdict.outcome == 'fail' else 'undecided'})"
    )


def _other_gate(before: str, now: str) -> str:
    if before == now:
        return f"the rules of the gate '{now}' have changed"
    return f"the gate is '{now}' now, and was '{before}'"


def _in_training(version: Version) -> tuple[float, float]:
    found = version.manifest.validation
    accuracy, log_loss = found.accuracy, found.log_loss
    return (-1.0 if accuracy is None else accuracy, float("-inf") if log_loss is None else -log_loss)
