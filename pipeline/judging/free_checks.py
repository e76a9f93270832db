"""The checks that look at no comparison on the benchmark, and so cost nothing."""

import numpy as np

from pipeline.contracts import Check, Outcome
from pipeline.facts.manifest import LARGEST_DIFFERENCE
from pipeline.judging import metrics, paired
from pipeline.judging.evidence import Contender, Evidence
from pipeline.judging.intervals import clopper_pearson
from pipeline.judging.policy import GatePolicy
from pipeline.judging.words import percent

DUMMY_ALPHA = 0.05


def usable(evidence: Evidence) -> Check:
    """Every class has benchmark images, and every prediction that is needed is there and possible."""
    title = "predictions are usable"
    reason = evidence.problem or _problem(evidence)
    if reason:
        return Check("predictions_usable", title, "error", None, None, reason)
    return Check("predictions_usable", title, "pass", None, None, "Every model gave probabilities for every image.")


def onnx_parity(evidence: Evidence) -> Check:
    """The exported file, which is what is judged and served, equals the native model."""
    parity, name, title = evidence.parity, "onnx_parity", "the exported model equals the native one"
    difference = parity.max_difference
    if parity.images <= 0 or not np.isfinite(difference):
        return Check(name, title, "error", None, LARGEST_DIFFERENCE, "The exported model was never compared.")
    outcome = _outcome(parity.labels_changed == 0 and difference <= LARGEST_DIFFERENCE)
    sentence = (
        f"{parity.labels_changed} of {parity.images:,} labels differ, probabilities by at most {difference:.1e} "
        f"(at most {LARGEST_DIFFERENCE:g})."
    )
    return Check(name, title, outcome, difference, LARGEST_DIFFERENCE, sentence)


def no_shared_image(evidence: Evidence) -> Check:
    """No image that the challenger was trained with is among the benchmark images, by digest."""
    name, title, shared = "no_training_image", "no training image in the benchmark", evidence.shared_images
    if shared is None:
        return Check(name, title, "error", None, 0, "There is no record of the images the challenger was trained with.")
    found = "None" if shared == 0 else f"{shared:,}"
    sentence = f"{found} of the {len(evidence.labels):,} benchmark images was among the training images."
    return Check(name, title, _outcome(shared == 0), shared, 0, sentence)


def same_benchmark(evidence: Evidence) -> Check:
    """Whoever is compared was scored on this very set of images."""
    others = [c for c in (evidence.challenger, evidence.champion, evidence.best_ever) if c]
    strangers = [c.id for c in others if c.benchmark_sha256 != evidence.benchmark_sha256]
    sentence = f"Scored on other images: {', '.join(strangers)}." if strangers else "All scored on identical images."
    return Check("same_benchmark", "same benchmark for both", "error" if strangers else "pass", None, None, sentence)


def not_the_champion(evidence: Evidence) -> Check:
    """A model is never compared with itself."""
    itself = evidence.champion is not None and evidence.champion.digest == evidence.challenger.digest
    sentence = "This is the champion itself." if itself else "The challenger is another model than the champion."
    return Check("not_the_champion", "not the champion itself", _outcome(not itself), None, None, sentence)


def accuracy_floor(evidence: Evidence, floor: float) -> Check:
    """The lower 95 % bound of accuracy reaches the floor."""
    right = int(paired.right(evidence.challenger.benchmark, evidence.labels).sum())
    low = float(clopper_pearson(right, len(evidence.labels)).low)
    sentence = f"{percent(right / len(evidence.labels))} (at least {percent(low)}, with 95 % confidence)."
    return Check(
        "accuracy_floor", f"accuracy at least {100 * floor:.4g} %", _outcome(low >= floor), low, floor, sentence
    )


def recall_floor(evidence: Evidence, floor: float) -> Check:
    """The lower 95 % bound of the recall of every class reaches the floor."""
    name, title = "recall_floor", f"every class at least {100 * floor:.4g} %"
    images = np.bincount(evidence.labels, minlength=len(evidence.classes))
    hits = evidence.labels[paired.right(evidence.challenger.benchmark, evidence.labels)]
    right = np.bincount(hits, minlength=len(evidence.classes))
    low = clopper_pearson(right, images).low
    worst = int(low.argmin())
    sentence = (
        f"Worst: {evidence.classes[worst]}, {percent(right[worst] / images[worst])} (at least {percent(low[worst])})."
    )
    return Check(name, title, _outcome(low[worst] >= floor), float(low[worst]), floor, sentence)


def calibration(evidence: Evidence, limit: float) -> Check:
    """Confidence does not lie too far from accuracy."""
    error = metrics.calibration_error(evidence.challenger.benchmark, evidence.labels)
    sentence = f"Confidence and accuracy differ by {100 * error:.2f} points on average."
    title = f"calibration error at most {100 * limit:.4g} points"
    return Check("calibration", title, _outcome(error <= limit), error, limit, sentence)


def latency(evidence: Evidence, ratio: float) -> Check | None:
    """One prediction takes at most so many times the champion's milliseconds."""
    champion = evidence.champion
    if champion is None:
        return None
    return _budget("latency", "ms a prediction", evidence.challenger.latency_ms, champion.latency_ms, ratio)


def size(evidence: Evidence, ratio: float) -> Check | None:
    """The model is at most so many times the champion's size."""
    champion = evidence.champion
    if champion is None:
        return None
    return _budget("size", "bytes", evidence.challenger.model_bytes, champion.model_bytes, ratio)


def beats_dummy(evidence: Evidence) -> Check:
    """A first champion is proven better than always naming the most frequent training class."""
    mine = paired.right(evidence.challenger.benchmark, evidence.labels)
    dummy = evidence.labels == evidence.majority_class
    p = float(paired.p_better((mine & ~dummy).sum(), (dummy & ~mine).sum()))
    always = evidence.classes[evidence.majority_class]
    sentence = (
        f"{percent(mine.mean())} against {percent(dummy.mean())} of always answering {always}, {paired.in_words(p)}."
    )
    return Check("beats_dummy", "better than dummy", _outcome(p <= DUMMY_ALPHA), p, DUMMY_ALPHA, sentence)


def screen(evidence: Evidence, champion: Contender, level: float) -> Check:
    """On validation images, which cost nothing, the challenger is not clearly worse than the champion."""
    name, title = "validation_screen", "promising on validation images"
    if len(evidence.validation_labels) == 0:
        return Check(name, title, "error", None, level, "There is no validation image to screen on.")
    mine = paired.right(evidence.challenger.validation, evidence.validation_labels)
    theirs = paired.right(champion.validation, evidence.validation_labels)
    fixed, made = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    p = float(paired.p_better(made, fixed))
    found = f"On {len(mine):,} validation images: fixed {fixed}, made {made}, {paired.in_words(p)} that it is no worse"
    outcome = _outcome(not paired.clearly_worse(fixed, made, level))
    sentence = f"{found}." if outcome == "pass" else f"{found}; the benchmark was not touched."
    return Check(name, title, outcome, p, level, sentence)


def for_policy(policy: GatePolicy, evidence: Evidence) -> list[Check]:
    """All free checks that the policy asks for, but the screen."""
    wanted = (
        (accuracy_floor, policy.accuracy_floor),
        (recall_floor, policy.recall_floor),
        (calibration, policy.calibration_limit),
        (latency, policy.latency_ratio),
        (size, policy.size_ratio),
    )
    always = [rule(evidence) for rule in (onnx_parity, no_shared_image, same_benchmark, not_the_champion)]
    chosen = [rule(evidence, limit) for rule, limit in wanted if limit is not None]
    return [*always, *(check for check in chosen if check)]


def _problem(evidence: Evidence) -> str | None:
    images = np.bincount(evidence.labels, minlength=len(evidence.classes))
    if len(evidence.labels) and (images == 0).any():
        return f"The benchmark has no image of: {', '.join(np.array(evidence.classes)[images == 0])}."
    for contender in (evidence.challenger, evidence.champion, evidence.best_ever):
        if contender is None:
            continue
        reason = metrics.problem(contender.benchmark, evidence.labels, len(evidence.classes))
        if reason:
            return f"{contender.id} on the benchmark: {reason}"
        needed = contender is not evidence.best_ever and len(evidence.validation_labels) > 0
        reason = metrics.problem(contender.validation, evidence.validation_labels, len(evidence.classes))
        if needed and reason:
            return f"{contender.id} on validation images: {reason}"
    return None


def _budget(name: str, unit: str, mine: float | None, theirs: float | None, ratio: float) -> Check:
    title = f"{name} at most {ratio:g} times the champion's"
    if mine is None or theirs is None or not (np.isfinite(mine) and np.isfinite(theirs)) or theirs <= 0:
        return Check(f"{name}_budget", title, "error", None, ratio, f"The {name} of one of the two was not measured.")
    sentence = f"{mine:,.4g} {unit} against {theirs:,.4g}."
    return Check(f"{name}_budget", title, _outcome(mine <= ratio * theirs), mine / theirs, ratio, sentence)


def _outcome(passed: bool) -> Outcome:
    return "pass" if passed else "fail"
