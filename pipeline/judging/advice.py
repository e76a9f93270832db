"""What helps a version that was not promoted: better models, more images, and the exact commands."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Check, Lack, PairedResult, Verdict
from pipeline.judging import paired, power, spending, trained_on
from pipeline.judging.claims import claim_of
from pipeline.judging.evidence import Evidence
from pipeline.judging.intervals import clopper_pearson
from pipeline.judging.policy import PRESETS, GatePolicy

LACK_OF_PROOF = {"proven_better", "proven_not_inferior", "within_reach"}
"""Checks on which a challenger fails although it may be better."""
LIKELY_SHARE = 0.5
"""Of the champion's errors: so large a gain counts as likely where none was measured."""
BENCHMARK_SHARE = 5
"""Of a dataset that is one pool, one image in so many is a benchmark image."""
ONE_SIDE = 0.025
"""The probability beyond one bound of a 95 % interval."""
CHANCE = "which promotes whatever is at least as accurate on these images, even if by chance"
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
    mine, theirs = (
        int((~paired.right(one.benchmark, evidence.labels)).sum()) for one in (evidence.challenger, evidence.champion)
    )
    found = likely(images, theirs, limits[0], margin)
    if measured is not None:
        # From the counts: percentage points, divided by 100, could exceed the disagreement by a rounding error.
        gain, rate = ((measured.fixed + sign * measured.made) / images for sign in (-1, 1))
        found = replace(found, gain=gain, disagreement=rate, measured=True)
        if gain + margin <= 0:
            return None
    return replace(found, behind=mine > theirs, images_in_folds=evidence.images_in_folds)


def likely(images: int, errors: int, level: float, margin: float = 0.0) -> Lack:
    """Return what a challenger with half of the champion's errors lacks, or without errors where the champion has none.

    Of a champion that makes no error here it is known only how many it makes elsewhere at most; a gain is to be proven
    where it makes that many.
    """
    gain = LIKELY_SHARE * errors / images
    disagreement = max(sum(power.rates(1 - errors / images, gain)), gain)
    if errors == 0 and margin == 0:
        gain = disagreement = float(clopper_pearson(0, images).high)
    return Lack(gain, disagreement, level, margin, measured=False, champion_errors=errors)


def can_grow(images: int, errors: int, validation_images: int, validation_accuracy: float | None, left: float) -> bool:
    """Return whether the preset ``growing`` could let a challenger through that makes no error at all.

    Args:
        images: Benchmark images.
        errors: How many of them the champion gets wrong.
        validation_images: Images that validate: they set the level.
        validation_accuracy: The champion's on those that it had; ``None`` where that is not known.
        left: What remains of alpha.
    """
    rate = errors / images
    rate = rate if validation_accuracy is None else min(rate, 1 - validation_accuracy)
    expected = round(validation_images * rate)
    known = float(_p_growing(expected, 0, validation_images)) if validation_images else None
    return float(_p_growing(errors, 0, images)) <= spending.level(left, known)


def of_verdict(verdict: Verdict, champion: str | None) -> str | None:
    """Return what helps where a model is too weak or only the proof is lacking, in words; ``None`` otherwise.

    Args:
        verdict: The verdict.
        champion: The id of what serves now. Where it is not what the verdict compared with, nothing is advised: against
            another champion other things help.
    """
    if verdict.champion_id != champion:
        return None
    if verdict.lack is None:
        return _of_floors(verdict)
    kind = "images out of fold" if verdict.out_of_fold else "benchmark images"
    ways = [_more_images(verdict.lack, verdict.benchmark_images, out_of_fold=verdict.out_of_fold), *_commands(verdict)]
    return f"{verdict.benchmark_images:,} {kind} cannot prove {_in_words(verdict.lack)}. {_joined(ways)}"


def of_benchmark(missing: Lack, images: int, *, out_of_fold: bool, growing: bool) -> str:
    """Return what helps on a dataset whose images cannot prove a likely gain, in words.

    Args:
        missing: The gain.
        images: How many images are compared.
        out_of_fold: Whether they are compared out of fold.
        growing: Whether the preset ``growing`` is another gate, and could let a challenger through.
    """
    ways = [_more_images(missing, images, out_of_fold=out_of_fold)]
    if not out_of_fold:
        ways += ["`--gate growing`, for the champion's recipe trained on more images"] if growing else []
        ways += [f"`run … --folds 5 --gate cross-fit`, {FOLDS}"] if _folds_could_prove(missing, images) else []
        ways.append(f"`--gate as-good`, {CHANCE}")
    return f"It cannot prove {_in_words(missing)}. {_joined(ways)}"


def _of_floors(verdict: Verdict) -> str | None:
    """What helps a model that does not reach what the gate demands of any; ``None`` if it does."""
    failed = {check.name: check for check in verdict.checks if check.outcome == "fail"}
    floor, images = failed.get("accuracy_floor"), verdict.benchmark_images
    if floor is not None and floor.limit and clopper_pearson(images, images).low < floor.limit:
        needed = math.ceil(math.log(ONE_SIDE) / math.log(floor.limit)) if floor.limit < 1 else None
        enough = f"{needed:,} can" if needed else "no number can"
        least = f"an accuracy of at least {100 * floor.limit:.4g} %"
        return f"{images:,} benchmark images cannot prove {least}, even without an error; {enough}."
    if floor is not None or "recall_floor" in failed:
        return "What helps: more training images, a higher `--effort`, or another model."
    return None


def _in_words(missing: Lack) -> str:
    return f"{_claim_in_words(missing)} at p <= {missing.level:.3g}"


def _claim_in_words(missing: Lack) -> str:
    points, errorless = f"{100 * missing.gain:.2g} points", missing.champion_errors == 0
    if missing.margin == 0:
        likely_gain = "any gain, since the champion makes no error on them,"
        if not errorless:
            likely_gain = f"a likely gain, half of the champion's errors ({points}),"
        return f"a gain of {points}" if missing.measured else likely_gain
    if missing.measured:
        model = "as accurate as the champion" if missing.gain == 0 else f"with a gain of {points}"
    else:
        fewer = "no error, like the champion," if errorless else f"half of the champion's errors (a gain of {points})"
        model = f"with {fewer}"
    return f"that a model {model} is less than {100 * missing.margin:g} points worse than the champion,"


def _more_images(missing: Lack, images: int, *, out_of_fold: bool) -> str:
    """How many more images give the proof 4 times in 5."""
    needed = power.images_for(missing.gain, missing.disagreement, missing.level, missing.margin)
    if needed is None:
        return "more images than anybody has"
    more = power.rounded(max(needed - images, 1))
    # How many errors a champion without any here makes elsewhere is known only from above.
    about = "at least" if missing.champion_errors == 0 and missing.margin == 0 else "about"
    if out_of_fold:
        return f"{about} {more:,} more labelled images"
    pool = power.rounded(BENCHMARK_SHARE * more)
    return f"{about} {more:,} more benchmark images (if the dataset is one pool, {pool:,} more labelled images)"


def _commands(verdict: Verdict) -> list[str]:
    if verdict.out_of_fold:
        return []
    judge, ways = f"simulator.py judge {verdict.candidate_id}", []
    if _growing_may_pass(verdict):
        claim = f"less than {PRESETS['growing'].margin_pp:g} points worse"
        ways.append(f"`{judge} --gate growing`, which demands less of a model with more images: {claim}")
    if verdict.lack and _folds_could_prove(verdict.lack, verdict.benchmark_images):
        ways.append(f"the same run with `--folds 5 --gate cross-fit`, {FOLDS}")
    if verdict.lack and not verdict.lack.behind:
        ways.append(f"`{judge} --gate as-good`, {CHANCE}")
    return ways


def _growing_may_pass(verdict: Verdict) -> bool:
    """Whether it would by the comparison, or, where none was made, whether it could without an error."""
    missing, found = verdict.lack, verdict.comparison
    if missing is None or missing.margin > 0 or missing.behind or not verdict.grown:
        return False
    fixed, made = (found.fixed, found.made) if found else (missing.champion_errors, 0)
    return fixed is not None and float(_p_growing(fixed, made, verdict.benchmark_images)) <= missing.level


def _p_growing(fixed: int, made: int, images: int) -> NDArray[np.float64]:
    return paired.p_non_inferior(fixed, made, images, PRESETS["growing"].margin)


def _folds_could_prove(missing: Lack, images: int) -> bool:
    """Whether a challenger without errors would be proven better out of fold, at the champion's rate of errors."""
    if missing.champion_errors is None or missing.images_in_folds is None or images > trained_on.LARGEST_BENCHMARK:
        return False
    policy = PRESETS["cross-fit"]
    errors = missing.champion_errors * missing.images_in_folds / images
    return errors >= power.fewest_fixes(spending.out_of_fold_level(policy.alpha, policy.caution))


def _joined(ways: list[str]) -> str:
    return f"What helps: {'; or '.join(ways)}."
