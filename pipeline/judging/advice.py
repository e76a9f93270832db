"""What helps where a benchmark cannot prove a likely gain: how many more images, and the exact commands."""

from collections.abc import Sequence

from pipeline.contracts import Check, Lack, PairedResult, Verdict
from pipeline.judging import paired, power, trained_on
from pipeline.judging.claims import claim_of
from pipeline.judging.evidence import Evidence
from pipeline.judging.policy import PRESETS, GatePolicy

LACK_OF_PROOF = {"proven_better", "proven_not_inferior", "within_reach"}
"""Checks on which a challenger fails although it may be better."""
LIKELY_SHARE = 0.5
"""Of the champion's errors: so large a gain counts as likely where none was measured."""
BENCHMARK_SHARE = 5
"""Of a dataset that is one pool, one image in so many is a benchmark image."""
CHANCE = "which promotes on a lead that may be due to chance"
FOLDS = "which compares on all images, is approximate, and trains on the benchmark for good"


def lack(policy: GatePolicy, evidence: Evidence, checks: Sequence[Check], measured: PairedResult | None) -> Lack | None:
    """Return what could not be proven, where the proof alone is lacking; ``None`` where more is wrong.

    Args:
        policy: The rules.
        evidence: What was judged.
        checks: What was found.
        measured: The comparison with the champion; ``None`` where none was made.
    """
    failed = [check for check in checks if check.outcome != "pass"]
    names, limits = {check.name for check in failed}, [check.limit for check in failed if check.limit]
    unproven = all(check.outcome == "fail" for check in failed) and names <= LACK_OF_PROOF
    if evidence.champion is None or not unproven or not limits:
        return None
    images = len(evidence.labels)
    margin = policy.margin if claim_of(policy, evidence.grown) == "non-inferior" else 0.0
    if measured is None:
        errors = int((~paired.right(evidence.champion.benchmark, evidence.labels)).sum())
        return likely(images, errors, limits[0], margin)
    if measured.gain_pp <= 0:
        return None
    return Lack(measured.gain_pp / 100, (measured.fixed + measured.made) / images, limits[0], margin)


def likely(images: int, errors: int, level: float, margin: float = 0.0) -> Lack | None:
    """Return the gain of a challenger with half the champion's errors; ``None`` where the champion makes none."""
    if errors == 0:
        return None
    gain = LIKELY_SHARE * errors / images
    disagreement = max(sum(power.rates(1 - errors / images, gain)), gain)
    return Lack(gain, disagreement, level, margin, measured=False)


def of_verdict(verdict: Verdict) -> str | None:
    """Return what helps where only the proof is lacking, in words; ``None`` where it is not, or more is wrong."""
    if verdict.lack is None:
        return None
    kind = "images out of fold" if verdict.out_of_fold else "benchmark images"
    ways = [_more_images(verdict.lack, verdict.benchmark_images, out_of_fold=verdict.out_of_fold), *_commands(verdict)]
    return f"{verdict.benchmark_images:,} {kind} cannot prove {_in_words(verdict.lack)}. {_joined(ways)}"


def of_benchmark(missing: Lack, images: int, *, out_of_fold: bool) -> str:
    """Return what helps on a dataset whose images cannot prove a likely gain, in words."""
    ways = [_more_images(missing, images, out_of_fold=out_of_fold)]
    if not out_of_fold:
        ways.append("`--gate growing`, for the champion's recipe trained on more images")
        ways += [f"`run … --folds 5 --gate cross-fit`, {FOLDS}"] if _is_small(images) else []
        ways.append(f"`--gate as-good`, {CHANCE}")
    return f"It cannot prove {_in_words(missing)}. {_joined(ways)}"


def _in_words(missing: Lack) -> str:
    points = f"{100 * missing.gain:.2g} points"
    if missing.margin == 0:
        return f"a gain of {points}" if missing.measured else f"a likely gain, half of the champion's errors ({points})"
    model = f"a gain of {points}" if missing.measured else f"half of the champion's errors (a gain of {points})"
    return f"that a model with {model} is less than {100 * missing.margin:g} points worse than the champion"


def _more_images(missing: Lack, images: int, *, out_of_fold: bool) -> str:
    """How many more images give the proof 4 times in 5."""
    needed = power.images_for(missing.gain, missing.disagreement, missing.level, missing.margin)
    if needed is None:
        return "more images than anybody has"
    more = power.rounded(max(needed - images, 1))
    if out_of_fold:
        return f"about {more:,} more labelled images"
    pool = power.rounded(BENCHMARK_SHARE * more)
    return f"about {more:,} more benchmark images (if the dataset is one pool, {pool:,} more labelled images)"


def _commands(verdict: Verdict) -> list[str]:
    if verdict.out_of_fold:
        return []
    judge, ways = f"simulator.py judge {verdict.candidate_id}", []
    if _growing_would_pass(verdict):
        claim = f"less than {PRESETS['growing'].margin_pp:g} points worse"
        ways.append(f"`{judge} --gate growing`, which demands less of a model with more images: {claim}")
    if _is_small(verdict.benchmark_images):
        ways.append(f"the same run with `--folds 5 --gate cross-fit`, {FOLDS}")
    return [*ways, f"`{judge} --gate as-good`, {CHANCE}"]


def _growing_would_pass(verdict: Verdict) -> bool:
    missing, found = verdict.lack, verdict.comparison
    if missing is None or found is None or missing.margin > 0 or not verdict.grown:
        return False
    p = paired.p_non_inferior(found.fixed, found.made, verdict.benchmark_images, PRESETS["growing"].margin)
    return float(p) <= missing.level


def _is_small(images: int) -> bool:
    return images <= trained_on.LARGEST_BENCHMARK


def _joined(ways: list[str]) -> str:
    return f"What helps: {'; or '.join(ways)}."
