"""How the growth of a dataset affected its champion: the sentences at the end of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.contracts import Deployment, Verdict, Version
from pipeline.judging import advice, explain
from pipeline.judging.words import counted
from pipeline.orchestration.rejudging import Rejudgement

MOST_EXPLAINED = 5
"""Versions judged again of which a run says why they passed or were refused."""


@dataclass(frozen=True)
class Before:
    """A dataset as a run found it: what its versions were made from and judged on.

    Attributes:
        images: Images, benchmark included, that the newest version was made from: the one from the newest snapshot, or
            where there are none, the one trained last.
        benchmark: The most benchmark images of any verdict.
        champion: What served; ``None`` for nothing.
    """

    images: int
    benchmark: int
    champion: Deployment | None


@dataclass(frozen=True)
class After:
    """A dataset as a run leaves it.

    Attributes:
        dataset: Its name.
        images, benchmark: As in ``Before``.
        trained: The versions that the run trained, without those that it reused.
        again: Stored versions that it judged again.
        champion: What serves now.
    """

    dataset: str
    images: int
    benchmark: int
    trained: Sequence[Version]
    again: Sequence[Rejudgement]
    champion: Deployment | None


def before(listed: Sequence[Version], dataset: str, champion: Deployment | None) -> Before | None:
    """Return a dataset as its versions know it; ``None`` where there is none.

    Args:
        listed: Every stored version.
        dataset: The dataset's name.
        champion: What serves it.
    """
    own = [one for one in listed if one.known_manifest is not None and one.known_manifest.dataset.name == dataset]
    if not own:
        return None
    trained = max(own, key=lambda one: (_snapshot_number(one), one.manifest.created_at))
    return Before(trained.manifest.dataset.images, max(one.verdict.benchmark_images for one in own), champion)


def _snapshot_number(version: Version) -> int:
    """The number of the snapshot that a version was made from; 0 for a dataset without snapshots."""
    return int(version.manifest.dataset.snapshot.partition("@")[2] or 0)


def in_words(then: Before | None, now: After) -> tuple[str, ...]:
    """Return what is new, what was judged again, what that proved or why not, and what to do; nothing without growth.

    Args:
        then: The dataset as the run found it.
        now: The dataset as the run leaves it.
    """
    if then is None or now.images <= then.images:
        return ()
    new = now.images - then.images
    grew = f"{now.dataset} has grown by {new:,} images since its newest version was trained, to {now.images:,}; "
    had = f" instead of {then.benchmark:,}" if now.benchmark != then.benchmark else ", as before"
    return (f"{grew}the benchmark has {now.benchmark:,}{had}.", *_judged_again(now.again), *_outcome(then, now))


def _judged_again(again: Sequence[Rejudgement]) -> list[str]:
    if not again:
        return [
            "No stored version was judged again: none was refused for lack of proof alone and is ahead of the "
            "champion on validation images."
        ]
    found = []
    for one in again[:MOST_EXPLAINED]:
        verdict = one.version.verdict
        outcome = "passed" if verdict.outcome == "pass" else "was refused"
        found.append(f"Judged again: {one.version.id} {outcome}. {_proof(verdict)}".rstrip())
    more = len(again) - len(found)
    return [*found, f"{counted(more, 'more version')} judged again: `simulator.py versions`."] if more else found


def _outcome(then: Before, now: After) -> list[str]:
    judged, champion = [*now.trained, *(one.version for one in now.again)], now.champion
    former = then.champion
    if champion is not None and (former is None or former.id != champion.id):
        proof = next((_proof(one.verdict) for one in judged if one.id == champion.id), "")
        replaced = f"replaced {former.id}" if former else "is the first champion"
        undo = ["`simulator.py rollback` brings the former champion back."] if former else []
        return [f"{champion.id} {replaced}. {proof}".rstrip(), *undo]
    if not judged:
        return [
            "No version was trained on the new images: the sizes of this run were trained before. `--train-sizes all` "
            "uses every image."
        ]
    best = max(judged, key=lambda one: (one.manifest.rows.train_size, one.scores.accuracy.value or 0.0))
    stays = f"{former.id} still serves" if former else "Nothing serves yet"
    reason = f"{stays}. Of {len(judged)} judged on it, {best.id} was trained on the most images, and did not pass:"
    return [f"{reason} {_proof(best.verdict)}", _what_to_do(best, champion)]


def _proof(verdict: Verdict) -> str:
    """What decided: the first check that failed, else the proof against the champion."""
    failed = [check.sentence for check in verdict.checks if check.outcome != "pass"]
    proof = explain.proof(verdict)
    return next(iter([*failed, *([proof.sentence] if proof else [])]), "")


def _what_to_do(best: Version, champion: Deployment | None) -> str:
    advised = advice.of_verdict(best.verdict, champion.id if champion else None)
    return advised or (
        f"More images may not help here: `simulator.py show {best.id}` shows what it lacks, and `simulator.py tune "
        f"--model {best.manifest.recipe}` looks for better parameters."
    )
